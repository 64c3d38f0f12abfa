"""Named latent axes, on sounds that are made of numbers."""

import numpy as np

from afterimage_models.latent_axes import Heard, Measure, basis_towards, named_axes, recipe_knobs, unique_names

SIZE = 6
MEASURES = {"a": Measure("A", "the first", "dB"), "b": Measure("B", "the second", "dB")}


def listen(white: np.ndarray) -> Heard:
    """Measure a falls with the third latent, b rises with the first; the third moves levels most."""
    levels = white * np.array([2.0, 0.1, 5.0, 0.1, 0.1, 0.1])
    return Heard({"a": -3.0 * white[:, 2], "b": white[:, 0]}, levels, white[:, 1:2])


def test_the_basis_is_orthonormal_and_begins_with_the_best_explained_measure():
    slopes = {"a": np.eye(SIZE)[0] * 0.2, "b": np.eye(SIZE)[0] + np.eye(SIZE)[1]}
    basis = basis_towards(slopes)
    assert np.allclose(basis @ basis.T, np.eye(SIZE), atol=1e-9)
    assert np.allclose(basis[0], slopes["b"] / np.sqrt(2.0))


def test_axes_are_ordered_by_effect_named_by_measure_and_turned_so_that_it_rises():
    basis, rows = named_axes(listen, MEASURES, SIZE)
    assert [row["name"] for row in rows[:2]] == ["A", "B"]
    moved = listen(np.eye(SIZE)[:2] @ basis).values
    assert moved["a"][0] > 2.5 and moved["b"][1] > 0.9
    assert rows[0]["spectral_change_db"] >= rows[1]["spectral_change_db"]


def test_what_groups_differ_in_names_no_axis():
    def grouped(white: np.ndarray) -> Heard:
        heard = listen(white)
        offset = 100.0 * (np.arange(len(white)) % 3)
        return Heard({n: v + offset for n, v in heard.values.items()}, heard.levels, heard.watched)

    alone, together = named_axes(listen, MEASURES, SIZE, 3), named_axes(grouped, MEASURES, SIZE, 3)
    assert np.allclose(alone[0], together[0], atol=0.05)


def test_names_that_came_before_get_a_number():
    assert [r["name"] for r in unique_names([{"name": "X"}, {"name": "X"}, {"name": "Y"}])] == ["X", "X 2", "Y"]


def test_a_recipe_moves_the_first_axis_of_a_measure_and_passes_over_measures_without_one():
    axes = [{"descriptor": "a"}, {"descriptor": "b"}, {"descriptor": "a"}]
    assert recipe_knobs({"b": 1.5, "c": 2.0, "a": -1.0}, axes) == [-1.0, 1.5, 0.0]
