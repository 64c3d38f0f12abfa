//! What the framework hands over as a system message: of all of them, the MIDI clock. Audio thread.
//!
//! CLAP hosts send these messages as they are; VST3 has no event for them, so that there a clock is not heard.

use afterimage_engine::continuation::ClockMessage;
use nice_plug::prelude::SysExMessage;

/// The four status bytes (MIDI 1.0, "System Real Time Messages").
const BYTES: [(u8, ClockMessage); 4] = [
    (0xF8, ClockMessage::Pulse),
    (0xFA, ClockMessage::Start),
    (0xFB, ClockMessage::Continue),
    (0xFC, ClockMessage::Stop),
];

/// A message of a MIDI clock.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct MidiClock(pub ClockMessage);

impl SysExMessage for MidiClock {
    type Buffer = [u8; 1];

    fn from_buffer(buffer: &[u8]) -> Option<Self> {
        let status = buffer.first()?;
        let (_, message) = BYTES.iter().find(|(byte, _)| byte == status)?;
        Some(Self(*message))
    }

    fn as_buffer(&self) -> (Self::Buffer, usize) {
        let byte = BYTES.iter().find(|(_, message)| *message == self.0);
        byte.map_or(([0], 0), |(byte, _)| ([*byte], 1))
    }
}

#[cfg(test)]
mod tests {
    use super::{BYTES, MidiClock};
    use nice_plug::prelude::{NoteEvent, SysExMessage};

    #[test]
    fn a_clock_comes_through_the_framework_s_own_parser_and_others_do_not() {
        for (byte, message) in BYTES {
            // CLAP pads to three bytes.
            let event = NoteEvent::<MidiClock>::from_midi(7, &[byte, 0, 0]);
            let expected = NoteEvent::MidiSysEx {
                timing: 7,
                message: MidiClock(message),
            };
            assert_eq!(event, Ok(expected));
            assert_eq!(MidiClock(message).as_buffer(), ([byte], 1));
        }
        for other in [0xF0, 0xF1, 0xF6, 0xFE, 0xFF] {
            assert!(NoteEvent::<MidiClock>::from_midi(0, &[other, 0, 0]).is_err());
        }
        assert_eq!(MidiClock::from_buffer(&[]), None);
    }
}
