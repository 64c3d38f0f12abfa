//! Short generated clips of every kind: what the phase methods are judged on.

use super::{Lcg, harmonics, render, stretched};
use std::f64::consts::TAU;

const SAMPLES: usize = 44_000;

/// A struck chord on stiff strings, thrice.
pub fn chord(rate: f64) -> Vec<f32> {
    let mut sound = vec![0.0; SAMPLES];
    for (f0, seed) in [(130.8, 1), (164.8, 2), (196.0, 3)] {
        let note = render(&stretched(f0, 3e-4, rate, 6.0, seed), rate, 0, SAMPLES);
        sound.iter_mut().zip(note).for_each(|(s, n)| *s += n);
    }
    for (n, sample) in sound.iter_mut().enumerate() {
        *sample *= (-((n % 15_000) as f32) / 6000.0).exp();
    }
    sound
}

/// Bursts of noise over a falling thump.
fn drums() -> Vec<f32> {
    let mut random = Lcg(9);
    (0..SAMPLES)
        .map(|n| {
            let t = (n % 8000) as f32;
            let hit = 0.5 * (-t / 400.0).exp() * random.gaussian() as f32;
            hit + (-t / 3000.0).exp() * (t * 0.02).sin()
        })
        .collect()
}

/// Two tones that rise and waver.
fn glide(rate: f64) -> Vec<f32> {
    let mut turns = 0.0;
    (0..SAMPLES)
        .map(|n| {
            let t = n as f64;
            turns += (200.0 + 1500.0 * t / SAMPLES as f64 + 30.0 * (t * 0.002).sin()) / rate;
            (0.3 * (TAU * turns).sin() + 0.1 * (3.0 * TAU * turns).sin()) as f32
        })
        .collect()
}

/// Each clip with its name.
pub fn clips(rate: f64) -> Vec<(&'static str, Vec<f32>)> {
    let mut random = Lcg(4);
    let noise = (0..SAMPLES)
        .map(|_| 0.1 * random.gaussian() as f32)
        .collect();
    let tone = render(&harmonics(220.0, rate, 6.0, 1), rate, 0, SAMPLES);
    vec![
        ("chord", chord(rate)),
        ("drums", drums()),
        ("glide", glide(rate)),
        ("noise", noise),
        ("tone", tone),
    ]
}
