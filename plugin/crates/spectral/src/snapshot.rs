//! A voice's inverse between two hops: kept where there is time, gone on from on the audio thread.
//!
//! What was kept after some hops lets another voice play the hops that follow, bit for bit as the
//! first one would have. So a note's first hops can be made ahead of it, and played at once.

use crate::overlap_add::Tail;
use crate::phase::f0_lock::F0LockState;
use crate::phase::lookahead::LookaheadState;
use crate::phase::rtpghi::RtpghiState;
use crate::voice::{Column, Phases, VoiceInverse};

/// Where a [`VoiceInverse`] stood.
#[derive(Clone, Debug)]
pub struct VoiceSnapshot {
    seed: u64,
    frames_pushed: u32,
    frames_sounded: u64,
    pushed_gain: f32,
    latest: Column,
    phases: PhaseState,
    mid: Tail,
    side: Tail,
}

#[derive(Clone, Debug)]
enum PhaseState {
    F0Lock(F0LockState, Vec<u32>),
    Rtpghi(RtpghiState),
    Lookahead(Box<LookaheadState>),
    Spsi(Vec<u32>),
}

impl VoiceSnapshot {
    /// Bytes that it holds.
    pub fn size_bytes(&self) -> usize {
        let phases = match &self.phases {
            PhaseState::F0Lock(lock, spsi) => lock.size_bytes() + size_of_val(spsi.as_slice()),
            PhaseState::Rtpghi(state) => state.size_bytes(),
            PhaseState::Lookahead(state) => state.size_bytes(),
            PhaseState::Spsi(phases) => size_of_val(phases.as_slice()),
        };
        let latest = size_of_val(self.latest.magnitudes.as_slice());
        size_of::<Self>() + phases + latest + self.mid.size_bytes() + self.side.size_bytes()
    }
}

impl VoiceInverse {
    /// Keeps where the voice stands between two hops. Allocates.
    pub fn snapshot(&self) -> VoiceSnapshot {
        VoiceSnapshot {
            seed: self.seed,
            frames_pushed: self.frames_pushed,
            frames_sounded: self.frames_sounded,
            pushed_gain: self.pushed_gain,
            latest: self.latest.clone(),
            phases: match &self.phases {
                Phases::F0Lock(lock, spsi) => {
                    PhaseState::F0Lock(lock.keep(), spsi.phases().to_vec())
                }
                Phases::Rtpghi(rtpghi) => PhaseState::Rtpghi(rtpghi.keep()),
                Phases::Lookahead(lookahead) => PhaseState::Lookahead(Box::new(lookahead.keep())),
                Phases::Spsi(spsi) => PhaseState::Spsi(spsi.phases().to_vec()),
            },
            mid: self.mid.keep(&self.sums),
            side: self.side.keep(&self.sums),
        }
    }

    /// Goes on from where another voice of the same tables, rate and method stood. Real-time safe.
    ///
    /// `other`: a snapshot after as many frames of the same seed and pitch, of which a share from 0
    /// to 1 is mixed into what sounds on; phases are those of `near`. Of another method only the
    /// tail of the sound is taken.
    pub fn restore(&mut self, near: &VoiceSnapshot, other: Option<(&VoiceSnapshot, f32)>) {
        self.start(near.seed);
        (self.frames_pushed, self.frames_sounded) = (near.frames_pushed, near.frames_sounded);
        self.pushed_gain = near.pushed_gain;
        self.latest.copy_from(&near.latest);
        match (&mut self.phases, &near.phases) {
            (Phases::F0Lock(lock, spsi), PhaseState::F0Lock(state, phases)) => {
                lock.restore(state);
                spsi.set_phases(phases);
            }
            (Phases::Rtpghi(rtpghi), PhaseState::Rtpghi(state)) => rtpghi.restore(state),
            (Phases::Lookahead(lookahead), PhaseState::Lookahead(state)) => {
                lookahead.restore(state)
            }
            (Phases::Spsi(spsi), PhaseState::Spsi(phases)) => spsi.set_phases(phases),
            _ => {}
        }
        let tails = |tail: fn(&VoiceSnapshot) -> &Tail| {
            (
                tail(near),
                other.map(|(other, share)| (tail(other), share.clamp(0.0, 1.0))),
            )
        };
        let (mid, other_mid) = tails(|snapshot| &snapshot.mid);
        self.mid.restore(&self.sums, mid, other_mid);
        let (side, other_side) = tails(|snapshot| &snapshot.side);
        self.side.restore(&self.sums, side, other_side);
    }
}
