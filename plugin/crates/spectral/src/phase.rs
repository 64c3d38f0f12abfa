//! Phases for magnitudes that came without: one module a method. Audio thread, preallocated.
//!
//! All phases are fixed-point turns (2^32 is a full turn) about the *centre* of a frame: then every
//! bin of a stationary partial's main lobe has the same phase, and a partial of `f` Hz advances by
//! `f * hop / sample_rate` turns a frame.

pub(crate) mod bucket_queue;
pub(crate) mod f0_lock;
pub(crate) mod floor;
pub(crate) mod free_peaks;
pub(crate) mod gradient;
pub(crate) mod griffin_lim;
pub mod lookahead;
pub(crate) mod noise;
pub(crate) mod pan;
pub(crate) mod partials;
pub(crate) mod pghi;
pub(crate) mod place;
pub mod rtpghi;
pub(crate) mod sequential;
pub mod spsi;
pub mod whole;
pub(crate) mod widest_path;

/// How a voice makes phases.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PhaseMethod {
    /// Phases advanced from the note's pitch; noise between partials stays noise. Needs `pitch_hz`.
    F0Lock,
    /// Phase gradient heap integration without look-ahead.
    Rtpghi,
    /// The same with one frame of look-ahead and one projection: better, dearer, and one hop later.
    RtpghiLookahead,
    /// Single-pass spectrogram inversion: a fallback, cheapest.
    Spsi,
}

impl PhaseMethod {
    /// Frames that the method needs beyond the one it gives a phase to.
    pub const fn lookahead_frames(self) -> usize {
        match self {
            Self::RtpghiLookahead => 1,
            Self::F0Lock | Self::Rtpghi | Self::Spsi => 0,
        }
    }
}

/// Phase that a sinusoid at each bin's centre gains in one hop: `[bins]`.
pub(crate) fn centre_steps(spec: &crate::StftSpec) -> Vec<u32> {
    let turns_per_bin = spec.hop() as f64 / spec.fft_size() as f64;
    let step =
        |bin: usize| ((bin as f64 * turns_per_bin).fract() * crate::approx::TURN) as u64 as u32;
    (0..spec.bins()).map(step).collect()
}

/// Copies as many values as both have; how many that is.
pub(crate) fn copy_common<T: Copy>(to: &mut [T], from: &[T]) -> usize {
    let count = to.len().min(from.len());
    to[..count].copy_from_slice(&from[..count]);
    count
}
