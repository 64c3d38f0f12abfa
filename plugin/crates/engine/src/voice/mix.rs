//! From a hop of mid and side to left and right under a note's level. Audio thread; real-time safe.

use super::note::Note;

/// Part of a hop, `[samples]` at the model rate.
pub(super) struct HopPart<'a> {
    pub(super) mid: &'a [f32],
    pub(super) side: &'a [f32],
}

impl HopPart<'_> {
    /// Adds the part under the note's level.
    pub(super) fn mix(&self, note: &Note, at: u64, left: &mut [f32], right: &mut [f32]) {
        let sound = self.mid.iter().zip(self.side);
        let out = left.iter_mut().zip(right);
        let steady = note.steady_level(at, at + self.mid.len() as u64);
        for (((mid, side), (left, right)), at) in sound.zip(out).zip(at..) {
            let level = steady.unwrap_or_else(|| note.live_level(at));
            *left += level * (mid + side);
            *right += level * (mid - side);
        }
    }
}

/// Hertz of a MIDI note number.
pub(crate) fn pitch_hz(pitch: f32) -> f32 {
    440.0 * afterimage_spectral::approx::exp2((pitch - 69.0) / 12.0)
}
