//! The errors of this crate: one sentence a variant, both sides of a mismatch, what to do next.

use thiserror::Error;

/// Why a representation cannot be analysed or inverted.
#[derive(Clone, Copy, Debug, Error, PartialEq)]
pub enum SpecError {
    /// The transform length is odd, too short or too long.
    #[error(
        "fft_size is {fft_size}, expected an even number from {min} to {max}; choose a power of two such as 2048"
    )]
    FftSize {
        /// Length given.
        fft_size: usize,
        /// Shortest length taken.
        min: usize,
        /// Longest length taken.
        max: usize,
    },
    /// The hop does not tile the window so that squared periodic Hann windows sum to a constant.
    #[error(
        "hop {hop} does not fit fft_size {fft_size}: fft_size / hop must be an even whole number of at least 4; \
         choose hop {} or {}", fft_size / 8, fft_size / 4
    )]
    Hop {
        /// Length of the transform.
        fft_size: usize,
        /// Hop given.
        hop: usize,
    },
    /// A synthesis window that no sum of windows on this grid normalises.
    #[error(
        "a synthesis support of {samples} samples does not fit hop {hop}: expected a whole number of hops, at most {most}; \
         choose {}", (samples / hop).clamp(1, most / hop) * hop
    )]
    Support {
        /// Support given.
        samples: usize,
        /// Hop of the transform.
        hop: usize,
        /// Longest support taken: half the transform.
        most: usize,
    },
    /// A log-amplitude scale whose numbers cannot be used.
    #[error(
        "log-amplitude {field} is {given}, expected {expected}; correct the representation in the manifest"
    )]
    Scale {
        /// Name of the field.
        field: &'static str,
        /// Value given.
        given: f32,
        /// What is taken.
        expected: &'static str,
    },
    /// A frequency of a representation that its rate does not allow.
    #[error(
        "{field} is {given} Hz at a rate of {rate_hz} Hz, expected {expected}; correct the representation in the manifest"
    )]
    Frequency {
        /// Name of the field.
        field: &'static str,
        /// Value given.
        given: f32,
        /// What is taken.
        expected: &'static str,
        /// Model rate.
        rate_hz: f32,
    },
    /// Bands that see no bin.
    #[error(
        "the bands from {f_min_hz} to {f_max_hz} Hz lie between two bins, which are {bin_hz} Hz apart; \
         widen the range or choose a longer fft_size"
    )]
    Blind {
        /// Lower end of the bands.
        f_min_hz: f32,
        /// Upper end of the bands.
        f_max_hz: f32,
        /// Distance of the bins.
        bin_hz: f32,
    },
    /// Bands whose inverse would take too long to solve for.
    #[error(
        "a band spans {given} of {bins} bins, expected at most {max}; choose more bands or a shorter fft_size"
    )]
    Wide {
        /// Bins of the widest band.
        given: usize,
        /// Bins of the transform.
        bins: usize,
        /// Widest band taken at this transform.
        max: usize,
    },
    /// Too few or too many of something.
    #[error(
        "{field} is {given}, expected {min} to {max}; correct the representation in the manifest"
    )]
    Count {
        /// Name of the field.
        field: &'static str,
        /// Count given.
        given: usize,
        /// Fewest taken.
        min: usize,
        /// Most taken.
        max: usize,
    },
    /// A buffer of the wrong length was given to an offline function.
    #[error("{what} holds {given} values, expected {expected}; allocate it from the StftSpec")]
    Length {
        /// Which buffer.
        what: &'static str,
        /// Length given.
        given: usize,
        /// Length taken.
        expected: usize,
    },
}

/// Why a resampler cannot be built.
#[derive(Clone, Debug, Error, PartialEq)]
pub enum ResampleError {
    /// A rate outside the range that the filter was designed for.
    #[error(
        "the {side} rate is {given} Hz, expected {min} to {max} Hz; choose a rate in that range"
    )]
    Rate {
        /// `model` or `host`.
        side: &'static str,
        /// Rate given.
        given: f64,
        /// Lowest rate taken.
        min: f64,
        /// Highest rate taken.
        max: f64,
    },
    /// More channels than two, or none.
    #[error("{given} channels asked for, expected 1 or {max}; resample in pairs")]
    Channels {
        /// Channels given.
        given: usize,
        /// Most channels taken.
        max: usize,
    },
    /// The filter library refused the ratio.
    #[error(
        "no resampler from {model_rate_hz} Hz to {host_rate_hz} Hz: {reason}; choose another model rate"
    )]
    Filter {
        /// Model rate.
        model_rate_hz: f64,
        /// Host rate.
        host_rate_hz: f64,
        /// The library's words.
        reason: String,
    },
}
