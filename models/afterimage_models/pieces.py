"""The demo piece: a Bach chorale out of music21's corpus, written as .mid with drawn automation.

Source: "Jesu, meine Freude", BWV 227.1, first stanza's opening section; public domain. Encoded by the contributors
to music21's corpus of chorales.
"""

from __future__ import annotations

import json
from pathlib import Path

from .midi_file import Note, write_notes

CHORALE = "bach/bwv227.1"
NAME = "jesu-meine-freude"
BEATS = 24.0
BEAT_S = 0.9
BROADENING = 1.35  # the last four beats, one by one slower up to this
VOICE_VELOCITY = (92, 70, 68, 80)
PHRASE_BEATS = 8.0
LEAD_IN_S = 0.25
BREATH_S = 0.06


def beat_seconds(beat: float) -> float:
    """Time of a beat in seconds, with a broadening over the last four."""
    late = max(0.0, beat - (BEATS - 4.0))
    return LEAD_IN_S + BEAT_S * (beat + (BROADENING - 1.0) * late * late / 8.0)


def velocity_at(voice: int, beat: float) -> int:
    """Velocity 1..127: the voice's weight, an arch over each phrase, a small accent on strong beats."""
    place = (beat % PHRASE_BEATS) / PHRASE_BEATS
    arch = 14.0 * (1.0 - (2.0 * place - 0.9) ** 2)
    accent = 5.0 if beat % 4.0 == 0.0 else (2.0 if beat % 2.0 == 0.0 else 0.0)
    return int(min(max(VOICE_VELOCITY[voice] + arch - 8.0 + accent, 1), 127))


def chorale_notes() -> list[Note]:
    """The four voices as notes; a unison of two voices is kept once."""
    from music21 import corpus

    notes: dict[tuple[float, int], Note] = {}
    for voice, part in enumerate(corpus.parse(CHORALE).parts):
        for element in part.flatten().notes:
            beat, length = float(element.offset), float(element.quarterLength)
            if beat >= BEATS:
                continue
            end_s = beat_seconds(min(beat + length, BEATS)) - BREATH_S
            note = Note(beat_seconds(beat), end_s, int(element.pitch.midi), velocity_at(voice, beat))
            kept = notes.get((beat, note.key))
            if kept is None or kept.velocity < note.velocity:
                notes[beat, note.key] = note
    return sorted(notes.values())


# Where the first two latent knobs stand in the opening preset (-0.6 and -0.4 of -3 to 3), normalised: the piece
# begins on that sound and moves about it.
REST = (0.4, 0.433)


def drawn_automation() -> dict:
    """Curves over the piece: [seconds, normalised value] points, linear between."""
    end_s = beat_seconds(BEATS)
    phrase = [beat_seconds(b) for b in (0.0, 8.0, 16.0, 20.0, BEATS)]

    def about(rest: float, moves: list[tuple[float, float]]) -> list[list[float]]:
        return [[at_s, round(rest + move, 3)] for at_s, move in moves]

    return {
        "parameters": {
            "mod_wheel": [[0.0, 0.0], [phrase[1], 0.05], [phrase[2], 0.4], [phrase[3], 0.6], [end_s, 0.7]],
            "latent_1": about(REST[0], [(0.0, 0.0), (phrase[1], 0.1), (phrase[2], -0.05), (end_s, 0.05)]),
            "latent_2": about(REST[1], [(0.0, 0.0), (phrase[2], 0.0), (phrase[3], 0.1), (end_s, 0.0)]),
        }
    }


def write(folder: Path) -> None:
    """Write NAME.mid and NAME.automation.json."""
    folder.mkdir(parents=True, exist_ok=True)
    notes = chorale_notes()
    write_notes(folder / f"{NAME}.mid", notes)
    (folder / f"{NAME}.automation.json").write_text(json.dumps(drawn_automation(), indent=1) + "\n")
    print(f"{NAME}: {len(notes)} notes, {notes[-1].end_s:.1f} s")
