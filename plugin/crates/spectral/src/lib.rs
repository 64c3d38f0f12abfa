//! Pure DSP: windows, STFT, scales, phase reconstruction, overlap-add and resampling.
//!
//! No threads, no unsafe code. Whatever carries the words "Real-time safe" neither allocates,
//! locks nor panics once constructed, and its cost has a bound that does not depend on the data.
//!
//! The way of a decoded frame: [`representation`] (bands or bins in decibels and the like to magnitudes,
//! NaN counted and zeroed) -> [`voice::VoiceInverse`] (phase, inverse FFT, overlap-add) ->
//! [`resample::Resampler`] (model rate to host rate). [`stft`] goes the other way.
#![forbid(unsafe_code)]

pub mod approx;
pub mod clean;
pub mod counter_rng;
mod error;
mod extrapolation;
mod lost_band;
mod overlap_add;
pub mod phase;
pub mod play;
pub mod representation;
pub mod resample;
pub mod scale;
pub mod seam;
pub mod shift;
mod snapshot;
mod spec;
pub mod stft;
mod tables;
pub mod voice;
pub mod window;

pub use error::{ResampleError, SpecError};
pub use lost_band::LostBand;
pub use phase::PhaseMethod;
pub use phase::whole::{Iteration, WholeInverse, invert_whole};
pub use resample::{Resampler, resampled};
pub use scale::{Law, LogUnit, Quantity, Scale, ScaleSpec};
pub use snapshot::VoiceSnapshot;
pub use spec::StftSpec;
pub use tables::VoiceTables;
pub use voice::{SynthesisFrame, VoiceInverse};
