"""Wide layers made of two thin ones."""

import pytest

torch = pytest.importorskip("torch", reason="layers need torch, which CI's base environment leaves out")

from afterimage_models.exporting.low_rank import shrunk  # noqa: E402


def through_few(inputs: int) -> torch.nn.Module:
    """A net whose wide layer sees `inputs` directions only."""
    torch.manual_seed(1)
    return torch.nn.Sequential(torch.nn.Linear(inputs, 40), torch.nn.Linear(40, 90))


def test_a_layer_that_gives_few_directions_loses_nothing():
    net, rows = through_few(5), torch.randn(500, 5)
    small, lost = shrunk(net, lambda module: module(rows), {"1": 5})
    assert lost < 1e-6 and torch.allclose(small(rows), net(rows), atol=1e-4)
    assert sum(p.numel() for p in small.parameters()) < 0.4 * sum(p.numel() for p in net.parameters())


def test_what_is_cut_off_is_counted():
    net, rows = through_few(20), torch.randn(500, 20)
    small, lost = shrunk(net, lambda module: module(rows), {"1": 3})
    assert lost > 0.2 and not torch.allclose(small(rows), net(rows), atol=1e-2)


def test_a_convolution_is_thinned_alike():
    # Four channels at five taps, and what the edges make of the bias.
    torch.manual_seed(2)
    few = torch.nn.Conv1d(4, 32, 1)
    net, sound = torch.nn.Sequential(few, torch.nn.Conv1d(32, 48, 5, 2, 2)), torch.randn(8, 4, 60)
    small, lost = shrunk(net, lambda module: module(sound), {"1": 26})
    assert lost < 1e-6 and torch.allclose(small(sound), net(sound), atol=1e-4)
