//! Standard MIDI files in and out.

use std::collections::HashMap;
use std::path::Path;

use anyhow::{Context, Result, bail};
use midly::num::{u4, u7, u15, u24, u28};
use midly::{
    Format, Header, MetaMessage, MidiMessage, PitchBend, Smf, Timing, Track, TrackEvent,
    TrackEventKind,
};

use crate::host::{Event, Timeline};

/// Ticks a quarter of the files written here.
const TICKS_PER_QUARTER: u16 = 480;
/// Microseconds a quarter, until a file says otherwise: 120 a minute.
const DEFAULT_QUARTER_US: f64 = 500_000.0;

/// Lays the notes and controllers of the file at `path` on a timeline.
///
/// # Errors
/// When the file cannot be read, is no MIDI file, or counts time in frames.
pub fn read(path: &Path, rate_hz: f64) -> Result<Timeline> {
    let bytes = std::fs::read(path)
        .with_context(|| format!("cannot read the MIDI file {}", path.display()))?;
    let file = Smf::parse(&bytes).with_context(|| format!("{} is no MIDI file", path.display()))?;
    let Timing::Metrical(ticks) = file.header.timing else {
        bail!(
            "{} counts time in film frames; save it with ticks per quarter",
            path.display()
        );
    };
    let mut events = absolute_events(&file);
    events.sort_by_key(|(tick, _)| *tick);
    let mut timeline = Timeline::new();
    let mut clock = TempoClock {
        quarter_us: DEFAULT_QUARTER_US,
        ticks: f64::from(ticks.as_int()),
        tick: 0,
        at_s: 0.0,
    };
    let mut sounding = Sounding::default();
    for (tick, kind) in events {
        let seconds = clock.advance(tick);
        match kind {
            TrackEventKind::Meta(MetaMessage::Tempo(quarter)) => {
                clock.quarter_us = f64::from(quarter.as_int())
            }
            TrackEventKind::Midi { channel, message } => {
                let sample = (seconds * rate_hz).round() as u64;
                if let Some(event) = sounding.event(channel.as_int(), message) {
                    timeline.push(sample, event);
                }
            }
            _ => {}
        }
    }
    Ok(timeline)
}

fn absolute_events<'a>(file: &Smf<'a>) -> Vec<(u64, TrackEventKind<'a>)> {
    let mut events = Vec::new();
    for track in &file.tracks {
        let mut tick = 0_u64;
        for event in track {
            tick += u64::from(event.delta.as_int());
            events.push((tick, event.kind));
        }
    }
    events
}

/// Turns ticks into seconds under a changing tempo.
struct TempoClock {
    quarter_us: f64,
    ticks: f64,
    tick: u64,
    at_s: f64,
}

impl TempoClock {
    fn advance(&mut self, tick: u64) -> f64 {
        self.at_s += (tick - self.tick) as f64 / self.ticks * self.quarter_us / 1e6;
        self.tick = tick;
        self.at_s
    }
}

/// Gives each note an id that its end repeats.
#[derive(Default)]
struct Sounding {
    ids: HashMap<(u8, u8), u32>,
    next: u32,
}

impl Sounding {
    fn event(&mut self, channel: u8, message: MidiMessage) -> Option<Event> {
        match message {
            MidiMessage::NoteOn { key, vel } if vel.as_int() > 0 => {
                self.next += 1;
                self.ids.insert((channel, key.as_int()), self.next);
                let velocity = f64::from(vel.as_int()) / 127.0;
                Some(Event::NoteOn {
                    key: key.as_int(),
                    channel,
                    velocity,
                    note_id: self.next,
                })
            }
            MidiMessage::NoteOn { key, .. } | MidiMessage::NoteOff { key, .. } => {
                let note_id = self.ids.remove(&(channel, key.as_int()))?;
                Some(Event::NoteOff {
                    key: key.as_int(),
                    channel,
                    note_id,
                })
            }
            MidiMessage::Controller { controller, value } => Some(Event::Midi([
                0xB0 | channel,
                controller.as_int(),
                value.as_int(),
            ])),
            MidiMessage::PitchBend {
                bend: PitchBend(bend),
            } => {
                let bits = bend.as_int();
                Some(Event::Midi([
                    0xE0 | channel,
                    (bits & 0x7F) as u8,
                    (bits >> 7) as u8,
                ]))
            }
            MidiMessage::ChannelAftertouch { vel } => {
                Some(Event::Midi([0xD0 | channel, vel.as_int(), 0]))
            }
            MidiMessage::Aftertouch { .. } | MidiMessage::ProgramChange { .. } => None,
        }
    }
}

/// Writes short messages as a file of one track at 120 quarters a minute.
///
/// # Errors
/// When the file cannot be written.
pub fn write(path: &Path, messages: &[(u64, [u8; 3])], rate_hz: f64) -> Result<()> {
    let ticks_per_sample = f64::from(TICKS_PER_QUARTER) * 1e6 / DEFAULT_QUARTER_US / rate_hz;
    let mut track = Track::new();
    let tempo = u24::from(DEFAULT_QUARTER_US as u32);
    track.push(TrackEvent {
        delta: 0.into(),
        kind: TrackEventKind::Meta(MetaMessage::Tempo(tempo)),
    });
    let mut last = 0;
    for (sample, bytes) in messages {
        let tick = (*sample as f64 * ticks_per_sample).round() as u32;
        let Some(message) = message(*bytes) else {
            continue;
        };
        let kind = TrackEventKind::Midi {
            channel: u4::from(bytes[0] & 0x0F),
            message,
        };
        track.push(TrackEvent {
            delta: u28::from(tick - last),
            kind,
        });
        last = tick;
    }
    track.push(TrackEvent {
        delta: 0.into(),
        kind: TrackEventKind::Meta(MetaMessage::EndOfTrack),
    });
    let header = Header::new(
        Format::SingleTrack,
        Timing::Metrical(u15::from(TICKS_PER_QUARTER)),
    );
    let file = Smf {
        header,
        tracks: vec![track],
    };
    file.save(path)
        .with_context(|| format!("cannot write the MIDI file {}", path.display()))
}

fn message(bytes: [u8; 3]) -> Option<MidiMessage> {
    let (key, value) = (u7::from(bytes[1] & 0x7F), u7::from(bytes[2] & 0x7F));
    match bytes[0] & 0xF0 {
        0x90 => Some(MidiMessage::NoteOn { key, vel: value }),
        0x80 => Some(MidiMessage::NoteOff { key, vel: value }),
        0xB0 => Some(MidiMessage::Controller {
            controller: key,
            value,
        }),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::{read, write};
    use crate::host::Event;

    #[test]
    fn written_notes_are_read_back_at_their_samples() {
        let path = std::env::temp_dir().join(format!("afterimage-midi-{}.mid", std::process::id()));
        write(
            &path,
            &[
                (0, [0x90, 60, 127]),
                (24_000, [0x80, 60, 64]),
                (48_000, [0xB0, 1, 5]),
            ],
            48_000.0,
        )
        .unwrap();
        let timeline = read(&path, 48_000.0).unwrap();
        std::fs::remove_file(path).unwrap();
        assert_eq!(
            timeline.in_order(),
            [
                (
                    0,
                    Event::NoteOn {
                        key: 60,
                        channel: 0,
                        velocity: 1.0,
                        note_id: 1
                    }
                ),
                (
                    24_000,
                    Event::NoteOff {
                        key: 60,
                        channel: 0,
                        note_id: 1
                    }
                ),
                (48_000, Event::Midi([0xB0, 1, 5])),
            ]
        );
        assert_eq!(timeline.note_count(), 1);
    }
}
