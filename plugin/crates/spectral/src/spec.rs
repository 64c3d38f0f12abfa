//! The geometry of a short-time Fourier transform, validated once.

use crate::error::SpecError;

const MIN_FFT_SIZE: usize = 64; // below this a Hann main lobe spans most of the spectrum
const MAX_FFT_SIZE: usize = 32_768; // 0.7 s at 48 kHz; the overlap-add ring grows with it
const MIN_REDUNDANCY: usize = 4; // squared Hann windows sum to a constant from 3 on; even, so that hops meet centres

/// Size and hop of an STFT with a periodic Hann window on both sides; that of synthesis may be shorter.
///
/// Frame `n` is centred on sample `n * hop` of a sound that begins at sample 0. Magnitudes are raw:
/// no scaling by the window's sum or the transform's length.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct StftSpec {
    fft_size: usize,
    hop: usize,
    synthesis_support: usize,
}

impl StftSpec {
    /// Validates a transform length and a hop, both in samples.
    ///
    /// # Errors
    /// When `fft_size` is odd or out of range, or `fft_size / hop` is not an even whole number of
    /// at least 4: then the squared windows do not sum to a constant on a grid that meets centres.
    pub fn new(fft_size: usize, hop: usize) -> Result<Self, SpecError> {
        if !(MIN_FFT_SIZE..=MAX_FFT_SIZE).contains(&fft_size) || !fft_size.is_multiple_of(2) {
            return Err(SpecError::FftSize {
                fft_size,
                min: MIN_FFT_SIZE,
                max: MAX_FFT_SIZE,
            });
        }
        let tiles = hop > 0 && fft_size.is_multiple_of(hop);
        if !tiles || fft_size / hop < MIN_REDUNDANCY || !(fft_size / hop).is_multiple_of(2) {
            return Err(SpecError::Hop { fft_size, hop });
        }
        Ok(Self {
            fft_size,
            hop,
            synthesis_support: fft_size / 2,
        })
    }

    /// The same transform, sounded through a synthesis window that reaches only `samples` to each side
    /// of a frame's centre: what a frame changes is heard that much sooner, a little less cleanly.
    ///
    /// # Errors
    /// When `samples` is not a whole number of hops, or reaches beyond the analysis window.
    pub fn with_synthesis_support(self, samples: usize) -> Result<Self, SpecError> {
        let (hop, most) = (self.hop, self.fft_size / 2);
        if samples == 0 || !samples.is_multiple_of(hop) || samples > most {
            return Err(SpecError::Support { samples, hop, most });
        }
        Ok(Self {
            synthesis_support: samples,
            ..self
        })
    }

    /// Length of the transform and of the window, in samples.
    pub const fn fft_size(&self) -> usize {
        self.fft_size
    }

    /// Samples between the centres of two frames.
    pub const fn hop(&self) -> usize {
        self.hop
    }

    /// How far the synthesis window reaches to each side of a frame's centre, in samples; half the
    /// transform unless [`Self::with_synthesis_support`] said otherwise.
    pub const fn synthesis_support(&self) -> usize {
        self.synthesis_support
    }

    /// Values in one frame: `fft_size / 2 + 1`.
    pub const fn bins(&self) -> usize {
        self.fft_size / 2 + 1
    }

    /// Frames that cover one sample: `fft_size / hop`.
    pub const fn redundancy(&self) -> usize {
        self.fft_size / self.hop
    }

    /// Frames after frame `n` that reach back into hop `n`: `synthesis_support / hop`.
    pub const fn pre_centre_frames(&self) -> usize {
        self.synthesis_support / self.hop
    }

    /// Hops from a frame's centre to the end of its analysis window: frames from here on see a note whole.
    pub const fn analysis_half_hops(&self) -> usize {
        self.fft_size / 2 / self.hop
    }
}
