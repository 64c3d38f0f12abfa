//! What the host says and what it is told, in the engine's words and in the framework's. Audio thread.

use afterimage_engine::continuation::Transport;
use afterimage_engine::{Event, NoteMatch, TimedEvent};
use nice_plug::midi::{Channel, Key, VoiceID};
use nice_plug::prelude::{NoteEvent, Transport as HostTransport};

use crate::midi_clock::MidiClock;

/// Steps in which hosts may give quarter notes: Ardour's are 1/1920, twelve samples at 120 a minute.
const ROUNDED_QUARTERS: f64 = 1.0 / 1920.0;

/// The position in quarter notes, from the sample position where the two say the same but for rounding:
/// a switch on a bar line has to find its very sample. After a change of tempo they differ, and the host's own
/// quarter notes count. Real-time safe.
fn position_quarters(transport: &HostTransport) -> Option<f64> {
    let said = transport.pos_beats()?;
    let samples = transport.pos_samples.zip(transport.tempo);
    let exact = samples.map(|(samples, tempo_bpm)| {
        samples as f64 / f64::from(transport.sample_rate) * tempo_bpm / 60.0
    });
    Some(
        exact
            .filter(|exact| (exact - said).abs() <= ROUNDED_QUARTERS)
            .unwrap_or(said),
    )
}

/// What the host says of musical time. Real-time safe.
pub fn musical_time(transport: &HostTransport) -> Transport {
    let numerator = transport.time_sig_numerator.filter(|n| *n > 0);
    let denominator = transport.time_sig_denominator.filter(|n| *n > 0);
    Transport {
        playing: transport.playing,
        tempo_bpm: transport.tempo,
        position_quarters: position_quarters(transport),
        bar_start_quarters: transport.bar_start_pos_beats(),
        bar_quarters: numerator
            .zip(denominator)
            .map(|(beats, unit)| 4.0 * f64::from(beats) / f64::from(unit)),
    }
}

/// A composed note as the framework has it. Real-time safe.
pub fn note_for_host(composed: &TimedEvent) -> Option<NoteEvent<MidiClock>> {
    let timing = composed.offset_samples;
    match composed.event {
        Event::NoteOn {
            key,
            channel,
            velocity,
            ..
        } => Some(NoteEvent::NoteOn {
            timing,
            voice_id: VoiceID::Wildcard,
            channel: Channel::Number(channel),
            key: Key::Number(key),
            velocity,
        }),
        Event::NoteOff(NoteMatch {
            key: Some(key),
            channel: Some(channel),
            ..
        }) => Some(NoteEvent::NoteOff {
            timing,
            voice_id: VoiceID::Wildcard,
            channel: Channel::Number(channel),
            key: Key::Number(key),
            velocity: 0.0,
        }),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn position(samples: Option<i64>, tempo: f64, quarters: f64) -> Option<f64> {
        let mut transport = HostTransport::new(48_000.0);
        transport.pos_samples = samples;
        transport.tempo = Some(tempo);
        transport.pos_beats = Some(quarters);
        musical_time(&transport).position_quarters
    }

    #[test]
    fn rounded_quarter_notes_give_way_to_the_sample_position() {
        // 768 samples before a bar line are 61.44 of Ardour's ticks, and it says 61.
        let rounded = 16.0 - 61.0 / 1920.0;
        let exact = position(Some(384_000 - 768), 120.0, rounded);
        assert_eq!(exact, Some(16.0 - 768.0 / 24_000.0));
    }

    #[test]
    fn quarter_notes_of_another_count_stay_as_the_host_says() {
        // After a change of tempo the samples count from elsewhere.
        assert_eq!(position(Some(384_000), 120.0, 15.9), Some(15.9));
        assert_eq!(position(None, 120.0, 15.9), Some(15.9));
        assert_eq!(position(Some(384_000), f64::NAN, 15.9), Some(15.9));
    }
}
