"""Checkpoints of the models of pitched notes."""

import pytest

torch = pytest.importorskip("torch", reason="no torch here; the training environment runs this")


def trainer(folder):
    from afterimage_models.harmonic_ae.training import Trainer
    from afterimage_models.pitched.training import Settings

    return Trainer(None, Settings(), folder / "checkpoint.pt")


def same(one, other):
    return all(torch.equal(a, b) for a, b in zip(one.parameters(), other.parameters(), strict=True))


def moved(folder):
    """A trainer whose networks and averages are no longer the same, saved."""
    run = trainer(folder)
    with torch.no_grad():
        for parameter in run.encoder.parameters():
            parameter.add_(1.0)
    run.step = 7
    run.save()
    return run


def test_a_run_goes_on_where_its_checkpoint_stands(tmp_path):
    before = moved(tmp_path)
    after = trainer(tmp_path)
    after.resume()
    assert after.step == 7
    assert same(after.encoder, before.encoder)
    assert not same(after.encoder, after.average_encoder)


def test_a_checkpoint_of_averages_starts_a_run_from_them(tmp_path):
    moved(tmp_path)
    saved = torch.load(tmp_path / "checkpoint.pt", weights_only=True)
    shipped = tmp_path / "shipped.pt"
    torch.save({k: v for k, v in saved.items() if k not in ("encoder", "decoder", "optimiser")}, shipped)
    after = trainer(tmp_path)
    after.start_from(shipped)
    assert (after.step, after.first_step) == (7, 7)
    assert same(after.encoder, after.average_encoder)
