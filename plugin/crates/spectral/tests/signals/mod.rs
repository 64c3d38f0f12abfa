//! Signals with known answers, and the measures that judge what came back.
#![allow(dead_code, reason = "each test binary uses its own part")]

pub mod clips;

use afterimage_spectral::stft::magnitudes;
use afterimage_spectral::{PhaseMethod, StftSpec, SynthesisFrame, VoiceInverse};
use std::f64::consts::TAU;

pub const FFT_SIZES: [usize; 4] = [512, 1024, 2048, 4096];
pub const REDUNDANCIES: [usize; 2] = [4, 8];
pub const RATES_HZ: [f64; 5] = [22_050.0, 44_100.0, 48_000.0, 96_000.0, 192_000.0];

pub fn spec(fft_size: usize, redundancy: usize) -> StftSpec {
    StftSpec::new(fft_size, fft_size / redundancy).unwrap()
}

/// A small generator of its own, so that tests of ours do not judge themselves.
pub struct Lcg(pub u64);

impl Lcg {
    pub fn uniform(&mut self) -> f64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 11) as f64 / (1_u64 << 53) as f64
    }

    pub fn gaussian(&mut self) -> f64 {
        (0..12).map(|_| self.uniform()).sum::<f64>() - 6.0
    }
}

/// One partial: frequency, amplitude, phase at sample 0.
#[derive(Clone, Copy)]
pub struct Sine {
    pub hz: f64,
    pub amplitude: f64,
    pub phase: f64,
}

/// Harmonics of `f0` up to 0.45 of the rate, falling by `slope_db` an octave.
pub fn harmonics(f0: f64, rate: f64, slope_db: f64, seed: u64) -> Vec<Sine> {
    stretched(f0, 0.0, rate, slope_db, seed)
}

/// Partials of a stiff string: k * f0 * sqrt(1 + b k^2).
pub fn stretched(f0: f64, b: f64, rate: f64, slope_db: f64, seed: u64) -> Vec<Sine> {
    let mut random = Lcg(seed);
    (1..)
        .map(|k| {
            let k = f64::from(k);
            let amplitude = 0.2 * 10_f64.powf(-slope_db * k.log2() / 20.0);
            Sine {
                hz: k * f0 * (1.0 + b * k * k).sqrt(),
                amplitude,
                phase: TAU * random.uniform(),
            }
        })
        .take_while(|sine| sine.hz < 0.45 * rate)
        .collect()
}

/// Samples `from ..` of a sum of sines; `from` may be negative.
pub fn render(sines: &[Sine], rate: f64, from: i64, samples: usize) -> Vec<f32> {
    let mut sum = vec![0.0_f64; samples];
    for sine in sines {
        let step = TAU * sine.hz / rate;
        let (turn_im, turn_re) = step.sin_cos();
        let (im, re) = (step * from as f64 + sine.phase).sin_cos();
        let (mut re, mut im) = (sine.amplitude * re, sine.amplitude * im);
        for value in &mut sum {
            *value += im;
            (re, im) = (re * turn_re - im * turn_im, re * turn_im + im * turn_re);
        }
    }
    sum.iter().map(|value| *value as f32).collect()
}

/// Magnitudes of frames 0, 1, ... of a sound that has a past: `past` comes before sample 0.
pub fn magnitudes_with_past(spec: &StftSpec, past_and_sound: &[f32], past: usize) -> Vec<f32> {
    assert!(past.is_multiple_of(spec.hop()));
    magnitudes(spec, past_and_sound)[past / spec.hop() * spec.bins()..].to_vec()
}

/// What a voice makes of frames; `pitch_hz` of frame n. Returns mid and side.
pub fn invert(
    spec: &StftSpec,
    rate: f64,
    method: PhaseMethod,
    frames: &[f32],
    pitch_hz: impl Fn(usize) -> f32,
    spread: f32,
) -> (Vec<f32>, Vec<f32>) {
    let mut voice = VoiceInverse::new(spec, rate as f32, method);
    voice.start(7);
    let count = frames.len() / spec.bins();
    let hops = count.saturating_sub(voice.frames_ahead());
    let (mut mid, mut side) = (vec![0.0; hops * spec.hop()], vec![0.0; hops * spec.hop()]);
    let mut columns = frames.chunks_exact(spec.bins()).enumerate();
    let mut push = |voice: &mut VoiceInverse| {
        if let Some((index, magnitudes)) = columns.next() {
            voice.push(SynthesisFrame {
                magnitudes,
                pitch_hz: pitch_hz(index),
                spread,
                gain: 1.0,
            });
        }
    };
    for _ in 0..voice.frames_ahead() {
        push(&mut voice);
    }
    for (mid, side) in mid.chunks_mut(spec.hop()).zip(side.chunks_mut(spec.hop())) {
        push(&mut voice);
        voice.pull_hop(mid, side);
    }
    (mid, side)
}

/// Spectral convergence in dB: the error of the magnitudes that came back, relative to the wanted ones.
pub fn spectral_convergence_db(spec: &StftSpec, wanted: &[f32], sound: &[f32]) -> f64 {
    let got = magnitudes(spec, sound);
    let skip = spec.redundancy() * spec.bins(); // both ends lack neighbours
    let end = wanted.len().min(got.len()) - skip;
    let (mut error, mut total) = (0.0, 0.0);
    for (w, g) in wanted[skip..end].iter().zip(&got[skip..end]) {
        error += f64::from(w - g).powi(2);
        total += f64::from(*w).powi(2);
    }
    10.0 * (error / total).log10()
}

/// Complex amplitude of a sine of `hz` in `sound`, through a Hann window.
pub fn demodulate(sound: &[f32], rate: f64, hz: f64) -> (f64, f64) {
    let n = sound.len() as f64;
    let (mut re, mut im, mut sum) = (0.0, 0.0, 0.0);
    for (i, x) in sound.iter().enumerate() {
        let w = 0.5 - 0.5 * (TAU * (i as f64 + 0.5) / n).cos();
        let angle = TAU * hz * i as f64 / rate;
        re += w * f64::from(*x) * angle.cos();
        im -= w * f64::from(*x) * angle.sin();
        sum += w;
    }
    (2.0 * re / sum, 2.0 * im / sum)
}

/// Amplitude and frequency of the partial near `hz`, from the phase step between two halves.
pub fn measure_sine(sound: &[f32], rate: f64, hz: f64) -> (f64, f64) {
    let half = sound.len() / 2;
    let (a_re, a_im) = demodulate(&sound[..half], rate, hz);
    let (b_re, b_im) = demodulate(&sound[half..2 * half], rate, hz);
    let expected = TAU * hz * half as f64 / rate;
    let step = (b_im.atan2(b_re) - a_im.atan2(a_re) - expected).rem_euclid(TAU);
    let step = if step > TAU / 2.0 { step - TAU } else { step };
    let amplitude = 0.5 * (a_re.hypot(a_im) + b_re.hypot(b_im));
    (amplitude, hz + step * rate / (TAU * half as f64))
}

pub fn cents(measured: f64, wanted: f64) -> f64 {
    1200.0 * (measured / wanted).log2()
}

pub fn db(ratio: f64) -> f64 {
    20.0 * ratio.log10()
}

pub fn rms(sound: &[f32]) -> f64 {
    (sound.iter().map(|x| f64::from(*x).powi(2)).sum::<f64>() / sound.len() as f64).sqrt()
}

/// Every method that a voice can have.
pub const METHODS: [PhaseMethod; 4] = [
    PhaseMethod::F0Lock,
    PhaseMethod::Rtpghi,
    PhaseMethod::RtpghiLookahead,
    PhaseMethod::Spsi,
];
