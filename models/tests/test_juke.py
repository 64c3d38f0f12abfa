"""juke: windows of the codec, the prior step by step, its graphs, its corpus, and its codebooks."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

torch = pytest.importorskip(
    "torch", reason="torch is not installed: CI trains and exports in an environment of its own"
)
pytest.importorskip("onnxruntime", reason="onnxruntime is not installed")

from afterimage_models.juke import corpus_frames, evaluation, export, frames, pack, prompts  # noqa: E402
from afterimage_models.juke.codec import (  # noqa: E402
    AFTER_GROUPS,
    BEFORE_GROUPS,
    GROUP,
    HEARD_BEFORE,
    PLACES,
    Codec,
    CodecShape,
)
from afterimage_models.juke.codec_training import CodecTrainer, misfit_db  # noqa: E402
from afterimage_models.juke.prior import Prior, PriorShape  # noqa: E402
from afterimage_models.juke.prior_training import PADDING, FlatTokens, all_windows, token_nats, windows  # noqa: E402
from afterimage_models.juke.quantiser import Quantiser, perplexity  # noqa: E402
from afterimage_models.onnx_session import open_session  # noqa: E402

CODES, LABELS = 16, 3


@pytest.fixture(scope="module", autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)


def small_codec() -> Codec:
    torch.manual_seed(1)
    codec = Codec(CodecShape(encoder_width=16, decoder_width=16, latent_width=12, code_width=4, codes=CODES)).eval()
    for stage in codec.stages:
        stage.centre.running_var.uniform_(0.5, 1.5)
    return codec


def small_prior() -> Prior:
    torch.manual_seed(2)
    return Prior(PriorShape(CODES, LABELS, hidden=16, token_width=12, label_width=4, window=6, head_width=4)).eval()


def some_frames(count: int) -> torch.Tensor:
    return torch.rand(1, count, frames.BANDS, generator=torch.Generator().manual_seed(3)) * 80.0 - 90.0


def some_tokens(groups: int, seed: int = 4) -> torch.Tensor:
    tokens = torch.randint(CODES, (1, groups, PLACES), generator=torch.Generator().manual_seed(seed))
    return tokens + CODES * torch.arange(PLACES)


def test_a_groups_tokens_are_those_of_its_window() -> None:
    codec, heard = small_codec(), some_frames(HEARD_BEFORE + 6 * GROUP)
    whole = codec.encode(heard)
    assert whole.shape == (1, 6, PLACES)
    for group in range(6):
        window = heard[:, group * GROUP : group * GROUP + HEARD_BEFORE + GROUP]
        assert torch.equal(codec.encode(window)[:, 0], whole[:, group])


def test_frames_are_those_of_their_window_of_tokens() -> None:
    codec, tokens = small_codec(), some_tokens(12)
    whole = codec.decode(tokens)
    assert whole.shape == (1, (12 - BEFORE_GROUPS - AFTER_GROUPS) * GROUP, frames.BANDS)
    part = codec.decode(tokens[:, 2 : 2 + BEFORE_GROUPS + 1 + AFTER_GROUPS])
    torch.testing.assert_close(part, whole[:, 2 * GROUP : 3 * GROUP])


def test_frames_are_in_full_scale_decibels() -> None:
    bin_hz = frames.SAMPLE_RATE / frames.N_FFT
    sine = torch.sin(2.0 * np.pi * 100 * bin_hz / frames.SAMPLE_RATE * torch.arange(8192))
    made = frames.mel_frames(sine)
    assert made.shape == (8192 // frames.HOP + 1, frames.BANDS)
    # Bands are as wide as some bins there, so a band may sum the main lobe: 1 + 2 / 2 at most.
    assert -1.0 < made[16].max() < 6.1
    assert frames.mel_frames(torch.zeros(4096)).unique() == frames.FLOOR_DB


@pytest.mark.parametrize("speed", [Fraction(5, 4), Fraction(4, 5)])
def test_a_speed_moves_pitch_and_tempo_and_keeps_the_level(speed: Fraction) -> None:
    rate = frames.SAMPLE_RATE
    sine = torch.sin(2.0 * np.pi * 440.0 * torch.arange(rate) / rate)
    played = corpus_frames.sped_up(sine, speed)[4000:12000]
    found = torch.fft.rfft(played * torch.hann_window(8000)).abs().argmax() * rate / 8000
    assert abs(float(found) - 440.0 * float(speed)) < rate / 8000
    assert abs(float(played.abs().max()) - 1.0) < 0.02


def test_silence_costs_nothing_where_silence_is_made() -> None:
    wanted = torch.tensor([frames.FLOOR_DB, frames.FLOOR_DB, -50.0])
    made = torch.tensor([frames.FLOOR_DB - 20.0, frames.FLOOR_DB + 5.0, frames.FLOOR_DB - 20.0])
    assert misfit_db(made, wanted).tolist() == [0.0, 5.0, -60.0]


def test_codes_move_to_what_chose_them_and_dead_ones_start_again() -> None:
    torch.manual_seed(5)
    book = Quantiser(8, 2)
    angles = 2.0 * np.pi * torch.arange(8) / 8
    points = torch.stack([angles.cos(), angles.sin()], 1)
    for _ in range(200):
        drawn = points[torch.randint(8, (64,))] + 0.01 * torch.randn(64, 2)
        book.learn(drawn, book.tokens(drawn))
    assert perplexity(book.tokens(points), 8) > 5.0


def test_codec_training_lowers_its_loss() -> None:
    torch.manual_seed(6)
    flat = corpus_frames.FlatFrames(some_frames(400)[0].half(), [0], [399])
    trainer = CodecTrainer(small_codec().train(), [flat], rows=2)
    losses = [float(trainer.train_batch(trainer.batch())) for _ in range(30)]
    assert np.mean(losses[-5:]) < np.mean(losses[:5])


def test_a_window_stops_where_its_piece_does() -> None:
    tokens = torch.arange(7 * PLACES).reshape(7, PLACES)
    flat = FlatTokens(tokens, torch.tensor([0, 4]), torch.tensor([3, 3]), torch.tensor([0, 1]))
    got = windows(flat, torch.tensor([1]), torch.tensor([1]), 4)[0]
    assert got[:2].equal(tokens[5:7])
    assert got[2:].unique() == PADDING
    rows, labels = all_windows(flat, 2)
    assert (len(rows), labels.tolist()) == (4, [0, 0, 1, 1])


def test_a_prior_that_knows_nothing_says_all_codes_are_as_likely() -> None:
    prior, tokens = small_prior(), some_tokens(5)
    with torch.no_grad():
        prior.token.weight.zero_()
        nats = token_nats(prior, tokens, tokens, torch.tensor([1]))
    torch.testing.assert_close(nats, torch.full_like(nats, float(np.log(CODES))))


def test_what_comes_later_changes_nothing_of_what_is_said_before() -> None:
    prior, tokens, label = small_prior(), some_tokens(9), torch.tensor([1])
    other = tokens.clone()
    other[:, 6, 3] = (other[:, 6, 3] + 1 - 3 * CODES) % CODES + 3 * CODES
    with torch.no_grad():
        a, b = prior(tokens, label), prior(other, label)
    torch.testing.assert_close(a[:, :6], b[:, :6])
    torch.testing.assert_close(a[:, 6, :4], b[:, 6, :4])
    assert not torch.allclose(a[:, 6, 4:], b[:, 6, 4:])


def test_graphs_say_step_by_step_what_the_networks_say_at_once(tmp_path) -> None:  # noqa: ANN001
    codec, prior, groups = small_codec(), small_prior(), 14
    export.export_graphs(codec, prior, tmp_path, pack.GRAPHS)
    run = {name: open_session(tmp_path / file) for name, file in pack.GRAPHS.items()}
    tokens, label = some_tokens(groups), 2
    with torch.no_grad():
        wanted = prior(tokens, torch.tensor([label]))[0].numpy()
    widths = export.state_widths(prior.shape)
    states = {name: np.zeros((1, width), np.float32) for name, width in widths.items()}
    group, newest = np.full((1, PLACES), CODES * PLACES), CODES * PLACES
    for index in range(groups):
        after = run["prime"].run(None, {"token": group, "label": np.array([[label]]), **states})
        states = dict(zip(states, after, strict=True))
        within = {name: states[name] for name in export.PREDICT_STATES}
        group = tokens[:, index].numpy()
        for place in range(PLACES):
            fed = {"token": np.array([[newest]]), "level": np.array([[place]]), "label": np.array([[label]])}
            logits, *after = run["predict"].run(None, fed | within)
            within = dict(zip(within, after, strict=True))
            said = logits[0, place * CODES : (place + 1) * CODES]
            np.testing.assert_allclose(said, wanted[index, place], atol=1e-4)
            newest = int(group[0, place])
    heard = some_frames(export.WINDOW_FRAMES)
    given = run["encode"].run(None, {"frame": heard.numpy()})[0]
    np.testing.assert_array_equal(given, codec.encode(heard)[:, 0].numpy())
    seen = tokens[:, : export.SEEN_TOKENS // PLACES]
    with torch.no_grad():
        wanted = codec.decode(seen).numpy()
    given = run["decode"].run(None, {"token": seen.reshape(1, -1).numpy()})[0]
    np.testing.assert_allclose(given, wanted, atol=1e-3)


def test_labels_are_renumbered_with_all_that_they_move() -> None:
    prior, tokens = small_prior(), some_tokens(6)
    with torch.no_grad():
        before = prior(tokens, torch.tensor([2]))
        export.reordered(prior, [2, 0, 1])
        torch.testing.assert_close(prior(tokens, torch.tensor([0])), before)


def test_labels_go_further_from_the_one_for_any_which_stays() -> None:
    def far(strength: float) -> list[float]:
        prior, tokens = small_prior(), some_tokens(4)
        torch.nn.init.normal_(prior.bias.weight)
        prior.emphasise_labels(strength, 0)
        with torch.no_grad():
            said = [prior(tokens, torch.tensor([label])) for label in range(LABELS)]
        assert torch.equal(said[0], any_of_them(tokens))
        return [float((own - said[0]).abs().mean()) for own in said[1:]]

    def any_of_them(tokens: torch.Tensor) -> torch.Tensor:
        prior = small_prior()
        torch.nn.init.normal_(prior.bias.weight)
        with torch.no_grad():
            return prior(tokens, torch.tensor([0]))

    none, as_trained, further = far(0.0), far(1.0), far(1.5)
    assert max(none) == 0.0
    assert all(0.0 < a < b for a, b in zip(as_trained, further, strict=True))


def test_the_manifest_names_every_tensor_of_its_graphs(tmp_path) -> None:  # noqa: ANN001
    codec, prior = small_codec(), small_prior()
    export.export_graphs(codec, prior, tmp_path, pack.GRAPHS)
    made = pack.manifest(CODES, ["any", "a", "b"], export.state_widths(prior.shape), [], [])
    for graph in made["graphs"].values():
        session = open_session(tmp_path / graph["file"])
        for side, held in (("inputs", session.get_inputs()), ("outputs", session.get_outputs())):
            named = {row["tensor"]: row["shape"][1:] for row in graph[side]}
            assert named == {tensor.name: tensor.shape[1:] for tensor in held}


def found_figures(**changes: float) -> dict:
    """Figures that are on target, but for the changes."""
    figures = {"lsd": 3.9, "ratio": 1.6, "plays": 5.0, "primed": 0.7, "unprimed": 0.4} | changes
    kept = {"primed_kept": figures["primed"], "unprimed_kept": figures["unprimed"], "truth_kept": 0.75}
    speed = {"ONNX Runtime": {"plays": figures["plays"], "hears": 20.0}}
    return {
        "codec": {"log_spectral_distance_db": figures["lsd"]},
        "prior": {"perplexity": 80.0, "wrong_over_right": figures["ratio"]},
        "continuations": {"prompts": 45, "speed": speed, "collapsed": {}, "pulse": kept, "chroma": kept},
    }


@pytest.mark.parametrize(
    "missed", [{"lsd": 4.1}, {"ratio": 1.4}, {"plays": 3.0}, {"primed": 0.4}], ids=lambda missed: next(iter(missed))
)
def test_a_missed_figure_keeps_the_pack_in_the_lab(missed: dict[str, float]) -> None:
    assert evaluation.is_on_target(found_figures())
    assert not evaluation.is_on_target(found_figures(**missed))


def test_every_row_of_the_trust_sheet_has_a_number() -> None:
    rows = evaluation.manifest_rows(found_figures())
    assert all(isinstance(row["value"], float) and row["set"] for row in rows)
    assert len({(row["name"], row["set"]) for row in rows}) == len(rows)


def test_prompts_are_of_their_label_and_have_what_follows() -> None:
    rng = np.random.default_rng(1)
    long, short = (rng.normal(0.0, 0.1, int(s * frames.SAMPLE_RATE)).astype(np.float32) for s in (14.0, 11.0))
    pieces = [corpus_frames.Piece(label, samples, {}) for label, samples in (("a", long), ("b", long), ("a", short))]
    chosen = prompts.choose(pieces, "a", 3, seed=1)
    assert [prompt.name for prompt in chosen] == ["a-0", "a-1", "a-2"]
    assert all((len(prompt.heard), len(prompt.truth)) == (prompts.HEARD, prompts.CONTINUED) for prompt in chosen)


def test_speeds_are_read_as_check_model_prints_them() -> None:
    said = "Runtimes\n  ONNX Runtime: ready in 317 ms; plays 3.2 s and hears 9.4 s of sound in a second\n"
    assert prompts.speeds(said + said.replace("3.2", "3.4")) == {"ONNX Runtime": {"plays": 3.4, "hears": 9.4}}
