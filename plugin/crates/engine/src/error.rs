//! The errors of this crate: none of them can occur on the audio thread.

use afterimage_spectral::ResampleError;
use thiserror::Error;

/// Why an engine could not be set up.
#[derive(Clone, Debug, Error, PartialEq)]
pub enum EngineError {
    /// The host gave a rate or a block that cannot be played.
    #[error("{field} is {given}, expected {expected}; choose another setting in the host")]
    Host {
        /// Which setting.
        field: &'static str,
        /// What the host gave.
        given: u32,
        /// What can be played.
        expected: &'static str,
    },
    /// The pack's rate cannot be brought to the host's.
    #[error("the pack '{pack}' cannot be resampled: {reason}")]
    Resample {
        /// Name of the pack.
        pack: String,
        /// What the resampler said.
        reason: ResampleError,
    },
    /// The pack's description contradicts itself.
    #[error(
        "the pack '{pack}' states {field} = {given}, expected {expected}; correct its manifest"
    )]
    Pack {
        /// Name of the pack.
        pack: String,
        /// Which field.
        field: &'static str,
        /// What it states.
        given: String,
        /// What the engine takes.
        expected: &'static str,
    },
    /// The system gave no thread.
    #[error(
        "no background thread could be started: {reason}; close other programs and activate again"
    )]
    Thread {
        /// What the system said.
        reason: String,
    },
}
