//! Spectral play: one frame's magnitudes blurred, tilted, with another envelope, or between two
//! sounds. Off the audio thread: the worker shapes frames before it sends them.
//!
//! Nothing here remembers the frame before: what comes out follows from the arguments alone, so
//! that it is the same in any batch and at any pace. Phases are found afterwards, from what is left.

mod blur;
mod envelope;
pub mod loudness;

use crate::approx::{exp2, log2};
use crate::spec::StftSpec;
use blur::Blur;
use envelope::Envelope;
use loudness::Loudness;

/// Widest move of the envelope, in semitones.
pub const MAX_FORMANT_SEMITONES: f32 = 12.0;
/// Steepest tilt: at twice as much, rendered notes were their fundamental, or the haze of the decoder
/// above their partials.
pub const MAX_TILT_DB_PER_OCTAVE: f32 = 6.0;

/// Where a tilt turns, in hertz.
const TILT_CENTRE_HZ: f32 = 1_000.0;
/// Lowest frequency down to which a tilt slopes; nothing is heard below it.
const TILT_FROM_HZ: f32 = 20.0;
/// What morphs treat as silence, below a full-scale sine's peak: 100 dB, the floor of 16 bits.
const MORPH_FLOOR: f32 = 1e-5;
/// Octaves of magnitude a bin may be raised by a foreign envelope: 30 dB, so that what lay at the
/// pack's gate stays under what is heard.
const MAX_RAISE_LOG2: f32 = 5.0;
const MAX_FALL_LOG2: f32 = 16.0;
/// The same 30 dB as power.
const MOST_RAISE_POWER: f64 = 1_000.0;

/// What is done to a frame's magnitudes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Shaping {
    /// 0 leaves the frame as it is, 1 leaves a wash of it.
    pub blur: f32,
    /// Slope about 1 kHz in decibels per octave, within [`MAX_TILT_DB_PER_OCTAVE`]; flat below the
    /// pitch.
    pub tilt_db_per_octave: f32,
    /// How far the envelope moves over the partials, within [`MAX_FORMANT_SEMITONES`].
    pub formant_semitones: f32,
}

impl Default for Shaping {
    fn default() -> Self {
        Self::NEUTRAL
    }
}

impl Shaping {
    /// Frames stay as they are.
    pub const NEUTRAL: Self = Self {
        blur: 0.0,
        tilt_db_per_octave: 0.0,
        formant_semitones: 0.0,
    };

    /// Whether a frame stays as it is. Real-time safe.
    pub fn is_neutral(&self) -> bool {
        *self == Self::NEUTRAL
    }
}

/// A frame whose envelope another one takes on.
#[derive(Clone, Copy, Debug)]
pub struct EnvelopeSource<'a> {
    /// `[bins]` raw magnitudes.
    pub magnitudes: &'a [f32],
    /// Pitch of that frame in hertz.
    pub pitch_hz: f32,
}

/// Shapes frames of one size and rate, with buffers of its own.
#[derive(Clone, Debug)]
pub struct Shaper {
    bin_hz: f32,
    morph_floor: f32,
    blur: Blur,
    own: Envelope,
    source: Envelope,
    loudness: Loudness,
}

impl Shaper {
    /// For frames of `spec` at `sample_rate_hz`. Allocates.
    pub fn new(spec: &StftSpec, sample_rate_hz: f32) -> Self {
        let bin_hz = sample_rate_hz / spec.fft_size() as f32;
        // The peak of a full-scale sine through a Hann window.
        let full_scale = spec.fft_size() as f32 / 4.0;
        Self {
            bin_hz,
            morph_floor: full_scale * MORPH_FLOOR,
            blur: Blur::new(spec.bins(), bin_hz),
            own: Envelope::new(spec.bins(), full_scale),
            source: Envelope::new(spec.bins(), full_scale),
            loudness: Loudness::new(spec.bins(), bin_hz),
        }
    }

    /// Moves `magnitudes` (`[bins]`) towards `other` along each bin's logarithm: 0 leaves them, 1 is
    /// `other` to the bit. Allocates nothing.
    pub fn morph(&self, magnitudes: &mut [f32], other: &[f32], amount: f32) {
        if amount <= 0.0 {
            return;
        }
        let count = magnitudes.len().min(other.len());
        if amount >= 1.0 {
            return magnitudes[..count].copy_from_slice(&other[..count]);
        }
        // Added and taken off again, the floor keeps a partial that only one side has from vanishing
        // at the first step, and silence silent.
        let floor = self.morph_floor;
        for (a, b) in magnitudes.iter_mut().zip(other) {
            let (from, to) = (log2(*a + floor), log2(b + floor));
            let between = exp2(from + (to - from) * amount) - floor;
            // Rounding must not leave the span of the two.
            *a = between.max(a.min(*b)).min(a.max(*b));
        }
    }

    /// Shapes one frame and keeps its loudness, or brings it to the source's.
    ///
    /// `magnitudes`: `[bins]` raw, finite, not negative. `pitch_hz`: of that frame. `source`: whose
    /// envelope it takes on, without it its own. Allocates nothing.
    pub fn shape(
        &mut self,
        magnitudes: &mut [f32],
        pitch_hz: f32,
        shaping: &Shaping,
        source: Option<EnvelopeSource<'_>>,
    ) {
        if shaping.is_neutral() && source.is_none() {
            return;
        }
        let own = self.loudness.power(magnitudes);
        if own <= 0.0 {
            return;
        }
        // Another note's envelope brings its level too.
        let wanted = source.map_or(own, |source| {
            let source = self.loudness.power(source.magnitudes);
            source.clamp(own / MOST_RAISE_POWER, own * MOST_RAISE_POWER)
        });
        if source.is_some() || shaping.formant_semitones != 0.0 {
            self.move_envelope(magnitudes, pitch_hz, shaping.formant_semitones, source);
        }
        if shaping.blur > 0.0 {
            self.blur.apply(magnitudes, shaping.blur);
        }
        if shaping.tilt_db_per_octave != 0.0 {
            self.tilt(magnitudes, pitch_hz, shaping.tilt_db_per_octave);
        }
        self.loudness.restore(magnitudes, wanted);
    }

    fn move_envelope(
        &mut self,
        magnitudes: &mut [f32],
        pitch_hz: f32,
        formant_semitones: f32,
        source: Option<EnvelopeSource<'_>>,
    ) {
        let Self {
            own,
            source: wanted,
            bin_hz,
            ..
        } = self;
        own.measure(magnitudes, pitch_hz / *bin_hz);
        let wanted = match source {
            Some(source) => {
                wanted.measure(source.magnitudes, source.pitch_hz / *bin_hz);
                &*wanted
            }
            None => &*own,
        };
        let ratio = exp2(-formant_semitones / 12.0);
        for (bin, (magnitude, own)) in magnitudes.iter_mut().zip(own.levels()).enumerate() {
            let gain = wanted.at(bin as f32 * ratio) - own;
            *magnitude *= exp2(gain.clamp(-MAX_FALL_LOG2, MAX_RAISE_LOG2));
        }
    }

    // Below the pitch there is only haze, which a falling tilt would turn into rumble: flat there.
    fn tilt(&self, magnitudes: &mut [f32], pitch_hz: f32, db_per_octave: f32) {
        let from_hz = pitch_hz.clamp(TILT_FROM_HZ, TILT_CENTRE_HZ);
        // From decibels to octaves of magnitude.
        let slope = db_per_octave * (std::f32::consts::LOG2_10 / 20.0);
        for (bin, magnitude) in magnitudes.iter_mut().enumerate() {
            let hz = (bin as f32 * self.bin_hz).max(from_hz);
            *magnitude *= exp2(slope * log2(hz / TILT_CENTRE_HZ));
        }
    }
}
