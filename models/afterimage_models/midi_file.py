"""Standard MIDI files, written and read without a library: just what rendering and judging need."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from pathlib import Path

TICKS_PER_SECOND = 1000  # division 1000 at one second a quarter: a tick is a millisecond


@dataclass(frozen=True, order=True)
class Note:
    """A note: start and end in seconds, MIDI key, velocity 1..127."""

    start_s: float
    end_s: float
    key: int
    velocity: int


def _variable_length(value: int) -> bytes:
    out = [value & 0x7F]
    while value := value >> 7:
        out.append(0x80 | (value & 0x7F))
    return bytes(reversed(out))


def write_events(path: Path, events: list[tuple[float, bytes]]) -> None:
    """Write channel messages at times in seconds as a one-track file."""
    body = b"\x00\xff\x51\x03" + (1_000_000).to_bytes(3, "big")
    tick = 0
    for seconds, message in sorted(events, key=lambda e: e[0]):
        at = round(seconds * TICKS_PER_SECOND)
        body += _variable_length(at - tick) + message
        tick = at
    body += b"\x00\xff\x2f\x00"
    header = b"MThd" + struct.pack(">IHHH", 6, 0, 1, TICKS_PER_SECOND)
    path.write_bytes(header + b"MTrk" + struct.pack(">I", len(body)) + body)


def note_events(notes: list[Note], channel: int = 0) -> list[tuple[float, bytes]]:
    """Note-on and note-off messages of notes; offs sort before ons of the same instant."""
    events: list[tuple[float, bytes]] = []
    for note in notes:
        events.append((note.end_s - 0.0004, bytes([0x80 | channel, note.key, 0])))
        events.append((note.start_s, bytes([0x90 | channel, note.key, note.velocity])))
    return events


def write_notes(path: Path, notes: list[Note]) -> None:
    """Write notes on channel 0."""
    write_events(path, note_events(notes))


class _Track:
    def __init__(self, data: bytes) -> None:
        self.data, self.at, self.status = data, 0, 0

    def number(self) -> int:
        value = 0
        while True:
            byte = self.data[self.at]
            self.at += 1
            value = value << 7 | byte & 0x7F
            if byte < 0x80:
                return value

    def message(self) -> tuple[int, bytes]:
        if self.data[self.at] >= 0x80:
            self.status = self.data[self.at]
            self.at += 1
        if self.status == 0xFF:
            kind = self.data[self.at]
            self.at += 1
            return 0xFF00 | kind, self._take(self.number())
        if self.status in (0xF0, 0xF7):
            return self.status, self._take(self.number())
        return self.status, self._take(1 if self.status & 0xF0 in (0xC0, 0xD0) else 2)

    def _take(self, count: int) -> bytes:
        self.at += count
        return self.data[self.at - count : self.at]


def _timed_messages(data: bytes) -> tuple[list[tuple[int, int, bytes]], int]:
    _, tracks, division = struct.unpack(">HHH", data[8:14])
    at, messages = 14, []
    for _ in range(tracks):
        (length,) = struct.unpack(">I", data[at + 4 : at + 8])
        track, tick = _Track(data[at + 8 : at + 8 + length]), 0
        while track.at < length:
            tick += track.number()
            status, payload = track.message()
            messages.append((tick, status, payload))
        at += 8 + length
    return sorted(messages, key=lambda m: m[0]), division


def read_notes(path: Path) -> list[Note]:
    """All notes of a file in seconds, any number of tracks, tempo changes honoured."""
    messages, division = _timed_messages(path.read_bytes())
    seconds, last_tick, tick_s = 0.0, 0, 0.5 / division
    held: dict[tuple[int, int], tuple[float, int]] = {}
    notes: list[Note] = []
    for tick, status, payload in messages:
        seconds += (tick - last_tick) * tick_s
        last_tick = tick
        if status == 0xFF51:
            tick_s = int.from_bytes(payload, "big") / 1e6 / division
        elif status < 0x100 and status & 0xE0 == 0x80:
            key = (status & 0x0F, payload[0])
            if key in held:
                start_s, velocity = held.pop(key)
                notes.append(Note(start_s, seconds, payload[0], velocity))
            if status & 0xF0 == 0x90 and payload[1] > 0:
                held[key] = (seconds, payload[1])
    return sorted(notes)
