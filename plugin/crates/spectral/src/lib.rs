//! Pure DSP: windows, STFT, scales, phase reconstruction, overlap-add and resampling.
//!
//! No threads, no unsafe code. Whatever carries the words "Real-time safe" neither allocates,
//! locks nor panics once constructed.
#![forbid(unsafe_code)]
