//! What bands cost: solving for their inverse once, and a frame in both directions, beside a plain inverse
//! FFT of the same size in the same run.
//!
//! `cargo bench -p afterimage-spectral --bench representation`; `-- quick` runs a tenth.
#![allow(
    clippy::disallowed_macros,
    clippy::unwrap_used,
    reason = "a bench prints, and may stop"
)]

use afterimage_spectral::Scale;
use afterimage_spectral::representation::{
    Axis, BandLayout, BandSpec, Forward, HarmonicNoiseSpec, Inverse, MelNorm, MelScale,
    PartialSeries, RepresentationSpec,
};
use realfft::RealFftPlanner;
use std::hint::black_box;
use std::time::Instant;

const RATE_HZ: f64 = 48_000.0;

fn main() {
    let quick = std::env::args().any(|argument| argument == "quick");
    let runs = if quick { 200 } else { 2000 };
    println!(
        "{:<34}{:>10}{:>10}{:>11}{:>11}{:>9}{:>13}",
        "one frame", "solve ms", "weights", "to us", "from us", "x ifft", "10 steps us"
    );
    for fft_size in [1024, 2048, 4096, 8192] {
        let peer = plain_inverse_us(fft_size, runs);
        for (name, axis) in axes() {
            report(&format!("{name} {fft_size}"), fft_size, axis, peer, runs);
        }
    }
}

fn axes() -> [(&'static str, Axis); 6] {
    let mel = |bands| BandSpec {
        layout: BandLayout::Mel {
            scale: MelScale::Slaney,
            norm: MelNorm::Slaney,
        },
        bands,
        f_min_hz: 0.0,
        f_max_hz: RATE_HZ / 2.0,
    };
    let partials = HarmonicNoiseSpec {
        partials: 128,
        noise_bands: 64,
        f_min_hz: 0.0,
        f_max_hz: RATE_HZ / 2.0,
    };
    [
        ("bins", Axis::Bins),
        ("mel-80", Axis::Bands(mel(80))),
        ("mel-128", Axis::Bands(mel(128))),
        (
            "24 an octave",
            Axis::Bands(BandSpec::per_octave(24, 32.7, RATE_HZ / 2.0)),
        ),
        (
            "48 an octave",
            Axis::Bands(BandSpec::per_octave(48, 32.7, RATE_HZ / 2.0)),
        ),
        ("128 partials, 64 bands", Axis::HarmonicNoise(partials)),
    ]
}

fn report(name: &str, fft_size: usize, axis: Axis, peer_us: f64, runs: usize) {
    let spec = RepresentationSpec {
        rate_hz: RATE_HZ,
        fft_size,
        axis,
        scale: Scale::POWER,
    };
    let start = Instant::now();
    let mut inverse = Inverse::new(&spec).unwrap();
    let solve_ms = start.elapsed().as_secs_f64() * 1e3;
    let mut forward = Forward::new(&spec).unwrap();
    let series = PartialSeries {
        f0_hz: 110.0,
        inharmonicity: 1e-4,
    };
    let mut magnitudes: Vec<f32> = (0..inverse.bins())
        .map(|bin| 1.0 / (1.0 + bin as f32 % 9.0))
        .collect();
    let mut values = vec![0.0; forward.values()];
    let from_us = median_us(runs, || {
        forward.apply(black_box(&magnitudes), series, &mut values);
    });
    let to_us = median_us(runs, || {
        inverse.apply(black_box(&values), &mut magnitudes);
    });
    let mut refined = inverse.clone().with_refine_steps(10);
    let refined_us = median_us(runs, || {
        refined.apply(black_box(&values), &mut magnitudes);
    });
    println!(
        "{name:<34}{solve_ms:>10.1}{:>10}{to_us:>11.1}{from_us:>11.1}{:>9.1}{refined_us:>13.1}",
        inverse.cost(),
        to_us / peer_us
    );
}

fn plain_inverse_us(fft_size: usize, runs: usize) -> f64 {
    let inverse = RealFftPlanner::<f32>::new().plan_fft_inverse(fft_size);
    let (mut input, mut output) = (inverse.make_input_vec(), inverse.make_output_vec());
    let mut scratch = inverse.make_scratch_vec();
    median_us(runs, || {
        inverse
            .process_with_scratch(black_box(&mut input), &mut output, &mut scratch)
            .unwrap();
    })
}

fn median_us(runs: usize, mut work: impl FnMut()) -> f64 {
    let mut times: Vec<f64> = (0..runs)
        .map(|_| {
            let start = Instant::now();
            work();
            start.elapsed().as_secs_f64() * 1e6
        })
        .collect();
    times.sort_by(f64::total_cmp);
    times[runs / 2]
}
