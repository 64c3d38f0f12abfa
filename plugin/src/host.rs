//! What the host says and what it is told, in the engine's words and in the framework's. Audio thread.

use afterimage_engine::continuation::Transport;
use afterimage_engine::{Event, NoteMatch, TimedEvent};
use nice_plug::midi::{Channel, Key, VoiceID};
use nice_plug::prelude::{NoteEvent, Transport as HostTransport};

/// What the host says of musical time. Real-time safe.
pub fn musical_time(transport: &HostTransport) -> Transport {
    let numerator = transport.time_sig_numerator.filter(|n| *n > 0);
    let denominator = transport.time_sig_denominator.filter(|n| *n > 0);
    Transport {
        playing: transport.playing,
        tempo_bpm: transport.tempo,
        position_quarters: transport.pos_beats(),
        bar_start_quarters: transport.bar_start_pos_beats(),
        bar_quarters: numerator
            .zip(denominator)
            .map(|(beats, unit)| 4.0 * f64::from(beats) / f64::from(unit)),
    }
}

/// A composed note as the framework has it. Real-time safe.
pub fn note_for_host(composed: &TimedEvent) -> Option<NoteEvent<()>> {
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
