"""The demo piece: committed files that a newcomer hears first."""

import json
from pathlib import Path

from afterimage_models.midi_file import read_notes

FOLDER = Path(__file__).resolve().parent.parent / "pieces"
KNOWN = {"mod_wheel"} | {f"latent_{n}" for n in range(1, 17)}


def test_each_piece_has_notes_and_drawn_automation():
    pieces = sorted(FOLDER.glob("*.mid"))
    assert pieces
    for piece in pieces:
        notes = read_notes(piece)
        length_s = max(n.end_s for n in notes)
        assert 15.0 < length_s < 40.0
        assert all(33 <= n.key <= 99 and n.end_s > n.start_s for n in notes)
        assert len({n.velocity for n in notes}) > 5
        curves = json.loads(piece.with_suffix(".automation.json").read_text())["parameters"]
        assert set(curves) <= KNOWN
        for points in curves.values():
            times = [p[0] for p in points]
            assert times == sorted(times)
            assert all(0.0 <= p[1] <= 1.0 for p in points)


def test_each_piece_is_credited():
    text = (FOLDER / "README.md").read_text()
    for piece in FOLDER.glob("*.mid"):
        assert piece.name in text
