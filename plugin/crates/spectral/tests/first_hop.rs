//! A note's first hop has the energy it should: what a cached attack is made for.
#![allow(
    clippy::unwrap_used,
    clippy::disallowed_macros,
    reason = "a test may stop, and prints what it measured"
)]
mod signals;

use afterimage_spectral::phase::whole::DEFAULT_ITERATIONS;
use afterimage_spectral::stft::magnitudes;
use afterimage_spectral::{
    Iteration, PhaseMethod, StftSpec, SynthesisFrame, VoiceInverse, invert_whole,
};
use signals::{Lcg, db, harmonics, render, spec, stretched};

const RATE: f64 = 48_000.0;
const SAMPLES: usize = 12_000;
const F0_HZ: f64 = 330.0;

/// Sounds that begin at sample 0, and the pitch of those that have one.
fn onsets() -> Vec<(&'static str, f32, Vec<f32>)> {
    let fade = |mut sound: Vec<f32>, half_life: f32| {
        for (at, sample) in sound.iter_mut().enumerate() {
            *sample *= 0.5_f32.powf(at as f32 / half_life);
        }
        sound
    };
    let mut random = Lcg(5);
    let noise: Vec<f32> = (0..SAMPLES)
        .map(|_| 0.1 * random.gaussian() as f32)
        .collect();
    let plucked = render(&harmonics(F0_HZ, RATE, 6.0, 1), RATE, 0, SAMPLES);
    let bell = render(&stretched(440.0, 4e-4, RATE, 4.0, 2), RATE, 0, SAMPLES);
    let drum = render(&harmonics(80.0, RATE, 12.0, 3), RATE, 0, SAMPLES);
    let snare = drum.iter().zip(&noise).map(|(a, b)| a + b).collect();
    vec![
        ("plucked", F0_HZ as f32, fade(plucked, 6_000.0)),
        ("bell", 0.0, fade(bell, 8_000.0)),
        ("noise burst", 0.0, fade(noise, 1_500.0)),
        ("drum", 0.0, fade(snare, 1_200.0)),
    ]
}

fn turns(radians: f32) -> u32 {
    (f64::from(radians) / std::f64::consts::TAU * 4_294_967_296.0) as i64 as u32
}

/// Energy of the first hop relative to the sound's own, in decibels.
fn first_hop_db(
    spec: &StftSpec,
    sound: &[f32],
    pitch_hz: f32,
    method: PhaseMethod,
    cached: bool,
) -> f64 {
    let frames = magnitudes(spec, sound);
    let attack = &frames[..12 * spec.bins()];
    let phases: Option<Vec<u32>> = cached.then(|| {
        let sequential = Iteration::Sequential;
        let spectra = invert_whole(attack, spec, sequential, DEFAULT_ITERATIONS, 1).unwrap();
        spectra.iter().map(|value| turns(value.arg())).collect()
    });
    let mut voice = VoiceInverse::new(spec, RATE as f32, method);
    voice.start(1);
    for (index, column) in attack.chunks_exact(spec.bins()).enumerate() {
        let frame = SynthesisFrame {
            magnitudes: column,
            pitch_hz,
            spread: 0.0,
            gain: 1.0,
        };
        match &phases {
            Some(phases) => voice.push_known(frame, &phases[index * spec.bins()..][..spec.bins()]),
            None => voice.push(frame),
        }
    }
    let (mut mid, mut side) = (vec![0.0; spec.hop()], vec![0.0; spec.hop()]);
    voice.pull_hop(&mut mid, &mut side);
    let energy = |samples: &[f32]| samples.iter().map(|x| f64::from(*x).powi(2)).sum::<f64>();
    0.5 * db(energy(&mid) / energy(&sound[..spec.hop()]))
}

#[test]
fn a_cached_start_has_the_energy_of_the_sounds_own() {
    let mut errors = Vec::new();
    for (fft_size, redundancy) in [(1024, 8), (2048, 8)] {
        for support in [fft_size / 4, fft_size / 2] {
            let spec = spec(fft_size, redundancy)
                .with_synthesis_support(support)
                .unwrap();
            for (name, pitch_hz, sound) in onsets() {
                let of = |method, cached| first_hop_db(&spec, &sound, pitch_hz, method, cached);
                let live = of(PhaseMethod::Rtpghi, false);
                let cached = of(PhaseMethod::Rtpghi, true);
                println!(
                    "{fft_size}, support {support}, {name}: live {live:+.2} dB, cached {cached:+.2} dB"
                );
                errors.push(cached.abs());
                if pitch_hz > 0.0 {
                    let locked = of(PhaseMethod::F0Lock, false);
                    println!("    locked to its pitch {locked:+.2} dB");
                    assert!(locked.abs() <= 1.0, "{name}: {locked} dB");
                }
            }
        }
    }
    let mean = errors.iter().sum::<f64>() / errors.len() as f64;
    println!("mean error of a cached start {mean:.2} dB");
    assert!(mean <= 1.0, "{mean} dB");
}
