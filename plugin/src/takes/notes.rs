//! The notes of a take as a Standard MIDI File. Keeper thread.

use afterimage_engine::continuation::TICKS_PER_QUARTER;
use midly::num::{u4, u7, u15, u24, u28};
use midly::{
    Format, Header, MetaMessage, MidiMessage, Smf, Timing, Track, TrackEvent, TrackEventKind,
};

use super::record::{TakeNote, TakeRecord};

/// Tempo of a take that knows none.
const DEFAULT_TEMPO_BPM: f64 = 120.0;

/// A MIDI file of one track, with its tempo.
///
/// # Errors
/// Never for notes that fit a track: the writer's own words.
pub fn to_midi(record: &TakeRecord) -> Result<Vec<u8>, String> {
    let tempo_bpm = record.tempo_bpm.unwrap_or(DEFAULT_TEMPO_BPM);
    let quarter_us = (60e6 / tempo_bpm.max(1.0)).round() as u32;
    let mut track = Track::new();
    let mut push = |ticks: u32, kind| {
        track.push(TrackEvent {
            delta: u28::from(ticks),
            kind,
        });
    };
    let name = TrackEventKind::Meta(MetaMessage::TrackName(record.name.as_bytes()));
    push(0, name);
    let tempo = MetaMessage::Tempo(u24::from(quarter_us.min(u24::max_value().as_int())));
    push(0, TrackEventKind::Meta(tempo));
    let mut now = 0;
    for (tick, message) in messages(&record.notes) {
        let channel = u4::from(0);
        push(tick - now, TrackEventKind::Midi { channel, message });
        now = tick;
    }
    push(0, TrackEventKind::Meta(MetaMessage::EndOfTrack));
    let timing = Timing::Metrical(u15::from(TICKS_PER_QUARTER as u16));
    let file = Smf {
        header: Header::new(Format::SingleTrack, timing),
        tracks: vec![track],
    };
    let mut bytes = Vec::new();
    file.write_std(&mut bytes)
        .map_err(|error| error.to_string())?;
    Ok(bytes)
}

/// Ons and offs in their order; a key that ends and begins on one tick ends first.
fn messages(notes: &[TakeNote]) -> Vec<(u32, MidiMessage)> {
    let mut messages = Vec::with_capacity(2 * notes.len());
    for note in notes {
        let key = u7::from(note.key.min(127));
        let vel = u7::from((note.velocity * 127.0).round().clamp(1.0, 127.0) as u8);
        let end = note.tick.saturating_add(note.duration_ticks.max(1));
        messages.push((note.tick, 1, MidiMessage::NoteOn { key, vel }));
        let vel = u7::from(64);
        messages.push((end, 0, MidiMessage::NoteOff { key, vel }));
    }
    messages.sort_by_key(|(tick, order, _)| (*tick, *order));
    messages
        .into_iter()
        .map(|(tick, _, message)| (tick, message))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::{TakeNote, TakeRecord, to_midi};
    use midly::{MetaMessage, MidiMessage, Smf, TrackEventKind};

    #[test]
    fn notes_and_tempo_are_read_back_and_a_repeated_key_ends_before_it_begins() {
        let note = |tick, key| TakeNote {
            tick,
            duration_ticks: 12,
            key,
            velocity: 0.5,
        };
        let record = TakeRecord {
            name: "one".to_owned(),
            tempo_bpm: Some(90.0),
            notes: vec![note(0, 60), note(12, 60), note(24, 64)],
            ..TakeRecord::default()
        };
        let bytes = to_midi(&record).unwrap();
        let file = Smf::parse(&bytes).unwrap();
        let mut tick = 0;
        let mut found = Vec::new();
        let mut tempo = 0;
        for event in &file.tracks[0] {
            tick += event.delta.as_int();
            match event.kind {
                TrackEventKind::Midi { message, .. } => match message {
                    MidiMessage::NoteOn { key, .. } => found.push((tick, true, key.as_int())),
                    MidiMessage::NoteOff { key, .. } => found.push((tick, false, key.as_int())),
                    _ => {}
                },
                TrackEventKind::Meta(MetaMessage::Tempo(quarter)) => tempo = quarter.as_int(),
                _ => {}
            }
        }
        assert_eq!(tempo, 666_667);
        let expected = [
            (0, true, 60),
            (12, false, 60),
            (12, true, 60),
            (24, false, 60),
            (24, true, 64),
            (36, false, 64),
        ];
        assert_eq!(found, expected);
    }
}
