//! What the request head works with: the controls it reads, the voices and the link it writes to.
//!
//! Audio thread; real-time safe.

use crate::attack::{Opening, Shelf};
use crate::controls::Controls;
use crate::link::AudioLink;
use crate::request::Tally;
use crate::spec::InstrumentSpec;
use crate::voice::Voice;
use crate::voice::note::Note;

/// What requests are made of and where they go.
pub(crate) struct Desk<'a> {
    pub(crate) spec: &'a InstrumentSpec,
    pub(crate) controls: &'a Controls,
    pub(crate) voices: &'a mut [Voice],
    pub(crate) link: &'a mut AudioLink,
    /// Attacks that are ready, in Instant mode.
    pub(crate) shelf: Option<&'a mut Shelf>,
    /// In Instant mode what sounds is so many model samples ahead of the host, because the resampler
    /// holds it back.
    pub(crate) ahead: u64,
    /// The host's sample at hand.
    pub(crate) at_host: u64,
    pub(crate) epoch: u32,
    /// Lead in model samples.
    pub(crate) lead: u64,
    pub(crate) frames_ahead: u32,
    /// Voices take no frames for hops that begin after their note was cut.
    pub(crate) drops_cut_frames: bool,
    pub(crate) tally: &'a mut Tally,
}

/// How the requests of a note begin.
pub(crate) struct Opened {
    /// The last frame that is asked for with the event.
    pub(crate) last_at_once: u32,
    pub(crate) lead: u64,
    pub(crate) delay: u64,
    /// Frames are asked for; a hit that was made ahead needs none.
    pub(crate) asks: bool,
}

impl Desk<'_> {
    /// Opens a note: with its attack, if one is there, else late, as Exact mode begins all notes.
    pub(crate) fn open(&mut self, slot: usize, note: &mut Note, key: u8, velocity: f32) -> Opened {
        let Some(shelf) = &mut self.shelf else {
            return Opened {
                last_at_once: self.frames_ahead,
                lead: self.lead,
                delay: 0,
                asks: true,
            };
        };
        let (opening, fault) = shelf.open(slot, note, key, velocity, self.at_host);
        self.tally.cold_attacks += u32::from(fault);
        let (hops, first_frame, asks) = match opening {
            Opening::Cached { hops, first_frame } => (hops, first_frame, true),
            Opening::Whole { hops } => (hops, 0, false),
            Opening::Cold => {
                let delay = self.lead + self.ahead;
                note.on += delay;
                note.live_from = note.on;
                return Opened {
                    last_at_once: self.frames_ahead,
                    lead: self.lead,
                    delay,
                    asks: true,
                };
            }
        };
        let covered = u64::from(hops) * self.spec.stft.hop() as u64;
        note.live_from = note.on + covered;
        note.blend = shelf.plan.blend();
        note.first_frame = first_frame;
        shelf.follow(slot, note);
        Opened {
            last_at_once: first_frame,
            lead: covered.saturating_sub(self.ahead),
            delay: self.ahead,
            asks,
        }
    }

    /// Changes the newest note of a slot and tells its attack; returns where the note then ends.
    pub(crate) fn change_note(
        &mut self,
        slot: usize,
        change: impl FnOnce(&mut Note),
    ) -> Option<u64> {
        let note = self.voices[slot].notes.back_mut()?;
        change(note);
        if let Some(shelf) = &mut self.shelf {
            shelf.follow(slot, note);
        }
        Some(note.end())
    }
}
