"""The tokens of the tune LSTM: the corpus's keys, and its note lengths but for a handful."""

from __future__ import annotations

from ..events.vocabulary import Vocabulary

NOTES = range(36, 97)  # C2, under the chorales' bass transposed down, to C7, over the fiddle's and the fife's
DURATIONS = (2, 3, 4, 6, 8, 9, 12, 18, 21, 24, 30, 36, 42, 48, 54, 60, 66, 72, 84, 96, 108, 120, 144, 192)
SHIFTS = (1, 2, 3, 4, 6, 8, 9, 12, 16, 18, 24, 30, 36, 42, 48, 60, 72, 84, 96, 144, 192)
VOCABULARY = Vocabulary.of(NOTES, DURATIONS, SHIFTS)
