//! The event list of a render: notes, MIDI and parameter values, each at its sample.
//!
//! Automation is laid out on a grid of the timeline, not of the blocks, so that every block plan
//! sends the same events at the same samples.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, Result, bail, ensure};
use clack_host::events::Pckn;
use clack_host::events::event_types::{MidiEvent, NoteOffEvent, NoteOnEvent, ParamValueEvent};
use clack_host::prelude::EventBuffer;
use clack_host::utils::ClapId;
use serde::Deserialize;

use super::ParameterTable;

/// Seconds between two points of a drawn ramp: finer than a hop of any pack.
const AUTOMATION_STEP_S: f64 = 0.002;
/// Semitones of a full pitch bend: MIDI's usual range, and the plugin's default.
const BEND_RANGE: f64 = 2.0;
/// Channels of a MIDI port.
const CHANNELS: u32 = 16;

/// One thing that happens.
#[expect(missing_docs, reason = "the fields have MIDI's own names")]
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Event {
    /// A key goes down; `velocity` 0 to 1.
    NoteOn {
        key: u8,
        channel: u8,
        velocity: f64,
        note_id: u32,
    },
    /// A key comes up.
    NoteOff { key: u8, channel: u8, note_id: u32 },
    /// A parameter takes a plain CLAP value.
    Parameter { id: u32, value: f64 },
    /// A short MIDI message.
    Midi([u8; 3]),
}

/// A note with a tuning of its own, `[on_s, off_s, key, velocity, tuning_semitones]`.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq)]
pub struct FractionalNote(pub f64, pub f64, pub u8, pub f64, pub f64);

/// An automation file: drawn parameters and, beside a MIDI file or instead of it, notes.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Automation {
    /// For each parameter id points `[seconds, normalised value]`, joined by straight lines.
    #[serde(default)]
    pub parameters: BTreeMap<String, Vec<(f64, f64)>>,
    /// Notes with fractional pitch.
    #[serde(default)]
    pub notes: Vec<FractionalNote>,
}

impl Automation {
    /// Reads a JSON file.
    ///
    /// # Errors
    /// When the file is missing, is not of this form, or its points go back in time.
    pub fn read(path: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(path)
            .with_context(|| format!("cannot read the automation {}", path.display()))?;
        let read: Self = serde_json::from_str(&text).with_context(|| {
            format!(
                "{} is no automation file; its keys are parameters and notes",
                path.display()
            )
        })?;
        for (id, points) in &read.parameters {
            if points.windows(2).any(|pair| pair[1].0 < pair[0].0) {
                bail!(
                    "{}: the points of '{id}' go back in time; sort them by seconds",
                    path.display()
                );
            }
        }
        Ok(read)
    }
}

/// What a host will send, in samples of its rate.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Timeline {
    events: Vec<(u64, Event)>,
    next_note_id: u32,
    notes: usize,
}

impl Timeline {
    /// An empty timeline.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds one event; those of one sample keep the order in which they were added.
    pub fn push(&mut self, sample: u64, event: Event) {
        if matches!(event, Event::NoteOn { .. }) {
            self.notes += 1;
        }
        self.events.push((sample, event));
    }

    /// Adds a note from `on` to `off`, in samples.
    pub fn note(&mut self, on: u64, off: u64, key: u8, velocity: f64) {
        let note_id = self.next_note_id;
        self.next_note_id += 1;
        self.push(
            on,
            Event::NoteOn {
                key,
                channel: 0,
                velocity,
                note_id,
            },
        );
        self.push(
            off,
            Event::NoteOff {
                key,
                channel: 0,
                note_id,
            },
        );
    }

    /// Adds a note that sounds up to [`BEND_RANGE`] semitones beside its key: a pitch bend on a
    /// channel of its own, as MPE controllers send it. Sixteen such notes can sound at once.
    ///
    /// # Errors
    /// When the tuning is out of the bend's reach.
    pub fn fractional_note(&mut self, note: FractionalNote, rate_hz: f64) -> Result<()> {
        let FractionalNote(on_s, off_s, key, velocity, semitones) = note;
        ensure!(
            semitones.abs() <= BEND_RANGE,
            "a tuning of {semitones} semitones is out of reach; move the key and keep within {BEND_RANGE}"
        );
        let note_id = self.next_note_id;
        self.next_note_id += 1;
        let channel = (note_id % CHANNELS) as u8;
        let bend = (8192.0 + semitones / BEND_RANGE * 8192.0)
            .round()
            .clamp(0.0, 16_383.0) as u16;
        let (on, off) = (sample_at(on_s, rate_hz), sample_at(off_s, rate_hz));
        self.push(
            on,
            Event::Midi([0xE0 | channel, (bend & 0x7F) as u8, (bend >> 7) as u8]),
        );
        self.push(
            on,
            Event::NoteOn {
                key,
                channel,
                velocity,
                note_id,
            },
        );
        self.push(
            off,
            Event::NoteOff {
                key,
                channel,
                note_id,
            },
        );
        Ok(())
    }

    /// Lays an automation over the timeline, up to `seconds`.
    ///
    /// # Errors
    /// When it names a parameter that the plugin does not have.
    pub fn automate(
        &mut self,
        drawn: &Automation,
        table: &ParameterTable,
        rate_hz: f64,
        seconds: f64,
    ) -> Result<()> {
        for (id, points) in &drawn.parameters {
            let parameter = table.find(id)?;
            for (time_s, normalised) in ramp_points(points, seconds) {
                let value = parameter.plain(normalised);
                self.push(
                    sample_at(time_s, rate_hz),
                    Event::Parameter {
                        id: parameter.id,
                        value,
                    },
                );
            }
        }
        for note in &drawn.notes {
            self.fractional_note(*note, rate_hz)?;
        }
        Ok(())
    }

    /// Notes that start on this timeline.
    pub fn note_count(&self) -> usize {
        self.notes
    }

    /// Events with their samples, in the order in which a host sends them.
    pub fn in_order(&self) -> Vec<(u64, Event)> {
        let mut ordered = self.events.clone();
        ordered.sort_by_key(|(sample, _)| *sample);
        ordered
    }

    /// The sample after the last event.
    pub fn end(&self) -> u64 {
        self.events
            .iter()
            .map(|(sample, _)| sample + 1)
            .max()
            .unwrap_or(0)
    }
}

/// The host sample nearest to a time.
pub fn sample_at(seconds: f64, rate_hz: f64) -> u64 {
    (seconds.max(0.0) * rate_hz).round() as u64
}

/// Points of the straight lines between `points`, on the automation grid.
fn ramp_points(points: &[(f64, f64)], seconds: f64) -> Vec<(f64, f64)> {
    let mut drawn: Vec<(f64, f64)> = points
        .first()
        .map(|(_, value)| (0.0, *value))
        .into_iter()
        .collect();
    for pair in points.windows(2) {
        let ((from_s, from), (to_s, to)) = (pair[0], pair[1]);
        let steps = ((to_s - from_s) / AUTOMATION_STEP_S).ceil().max(1.0) as usize;
        for step in 1..=steps {
            let share = step as f64 / steps as f64;
            drawn.push((from_s + share * (to_s - from_s), from + share * (to - from)));
        }
    }
    drawn.retain(|(time_s, _)| *time_s < seconds);
    drawn.dedup_by(|later, earlier| later.1 == earlier.1);
    drawn
}

/// Appends `event` to the host's event list, `offset` samples into the block.
pub(super) fn send(event: &Event, offset: u32, list: &mut EventBuffer) {
    let pckn = |channel: u8, key: u8, note_id: u32| {
        Pckn::new(0_u16, u16::from(channel), u16::from(key), note_id)
    };
    match *event {
        Event::NoteOn {
            key,
            channel,
            velocity,
            note_id,
        } => {
            list.push(&NoteOnEvent::new(
                offset,
                pckn(channel, key, note_id),
                velocity,
            ));
        }
        Event::NoteOff {
            key,
            channel,
            note_id,
        } => {
            list.push(&NoteOffEvent::new(offset, pckn(channel, key, note_id), 0.0));
        }
        Event::Parameter { id, value } => {
            if let Some(id) = ClapId::from_raw(id) {
                list.push(&ParamValueEvent::new(offset, id, Pckn::match_all(), value));
            }
        }
        Event::Midi(bytes) => list.push(&MidiEvent::new(offset, 0, bytes)),
    }
}

#[cfg(test)]
mod tests {
    use super::{Event, Timeline, ramp_points};

    #[test]
    fn events_of_one_sample_keep_their_order() {
        let mut timeline = Timeline::new();
        timeline.push(10, Event::Midi([1, 0, 0]));
        timeline.push(5, Event::Midi([2, 0, 0]));
        timeline.push(10, Event::Midi([3, 0, 0]));
        let order: Vec<u8> = timeline
            .in_order()
            .iter()
            .map(|(_, event)| {
                if let Event::Midi(bytes) = event {
                    bytes[0]
                } else {
                    0
                }
            })
            .collect();
        assert_eq!(order, [2, 1, 3]);
        assert_eq!(timeline.end(), 11);
    }

    #[test]
    fn a_ramp_starts_at_zero_and_ends_on_its_last_point() {
        let drawn = ramp_points(&[(0.5, 0.0), (1.0, 1.0)], 10.0);
        assert_eq!(drawn.first(), Some(&(0.0, 0.0)));
        assert_eq!(drawn.last(), Some(&(1.0, 1.0)));
        assert!(
            drawn
                .windows(2)
                .all(|pair| pair[1].0 > pair[0].0 && pair[1].1 > pair[0].1)
        );
    }
}
