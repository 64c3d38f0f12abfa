//! What the tests of representations share: banks, scales, and frames through a stage.
#![allow(dead_code, reason = "each test file uses a part")]
#![allow(clippy::unwrap_used, reason = "a test may stop")]

use afterimage_spectral::representation::{
    Axis, BandLayout, BandSpec, HarmonicNoiseSpec, MelNorm, MelScale, PartialSeries,
    RepresentationSpec,
};
use afterimage_spectral::{Law, LogUnit, Quantity, Scale, ScaleSpec};

pub const RATE_HZ: f64 = 16_000.0;
pub const FFT_SIZE: usize = 512;
pub const BINS: usize = FFT_SIZE / 2 + 1;
pub const DB: Law = Law::Log(LogUnit::Decibel);
pub const LN: Law = Law::Log(LogUnit::Neper);
pub const NO_SERIES: PartialSeries = PartialSeries {
    f0_hz: 0.0,
    inharmonicity: 0.0,
};

pub fn mel(scale: MelScale, norm: MelNorm, bands: usize, ends_hz: [f64; 2]) -> BandSpec {
    BandSpec {
        layout: BandLayout::Mel { scale, norm },
        bands,
        f_min_hz: ends_hz[0],
        f_max_hz: ends_hz[1],
    }
}

pub fn bank(name: &str) -> Axis {
    Axis::Bands(match name {
        "bins" => return Axis::Bins,
        "mel_slaney" => mel(MelScale::Slaney, MelNorm::Slaney, 80, [0.0, 8000.0]),
        "mel_htk" => mel(MelScale::Htk, MelNorm::None, 128, [60.0, 7000.0]),
        "log" => BandSpec::per_octave(48, 31.25, 4000.0),
        other => panic!("no bank {other}"),
    })
}

pub fn scale(law: Law, power: u8, floor: f32, gate: f32) -> Scale {
    Scale::new(ScaleSpec {
        law,
        quantity: if power == 2 {
            Quantity::Power
        } else {
            Quantity::Amplitude
        },
        reference: 4.0,
        floor,
        gate,
    })
    .unwrap()
}

pub fn representation(axis: Axis, scale: Scale) -> RepresentationSpec {
    RepresentationSpec {
        rate_hz: RATE_HZ,
        fft_size: FFT_SIZE,
        axis,
        scale,
    }
}

/// Bank, law and its word, power, floor, gate, steps: as in the reference's `golden.py`.
pub type Case = (&'static str, Law, &'static str, u8, f32, f32, usize);
/// All of them.
pub const CASES: [Case; 12] = [
    ("bins", Law::Log1p, "log1p", 1, 0.0, 0.001, 0),
    ("bins", Law::Log1p, "log1p", 2, 0.0, 0.0, 0),
    ("bins", LN, "ln", 2, -18.0, -17.0, 0),
    ("bins", DB, "db", 2, -80.0, -79.0, 0),
    ("bins", Law::Linear, "linear", 2, 0.0, 1e-4, 0),
    ("mel_slaney", DB, "db", 2, -80.0, -79.5, 0),
    ("mel_slaney", Law::Linear, "linear", 1, 0.0, 0.0, 0),
    ("mel_slaney", LN, "ln", 2, -18.0, -18.0, 10),
    ("mel_htk", Law::Log1p, "log1p", 2, 0.0, 0.0, 0),
    ("mel_htk", DB, "db", 1, -90.0, -90.0, 4),
    ("log", DB, "db", 1, -90.0, -85.0, 0),
    ("log", Law::Log1p, "log1p", 2, 0.0, 0.0, 0),
];

/// Every frame of `input` through `stage`, `[frames * width]`.
pub fn frames(
    input: &[f32],
    length: usize,
    width: usize,
    mut stage: impl FnMut(&[f32], &mut [f32]),
) -> Vec<f32> {
    let mut all = Vec::new();
    for frame in input.chunks_exact(length) {
        let mut out = vec![f32::NAN; width];
        stage(frame, &mut out);
        all.extend_from_slice(&out);
    }
    all
}

pub fn assert_close(
    name: &str,
    got: &[f32],
    wanted: &[f32],
    width: usize,
    parity: impl Fn(f32, f32) -> f32,
) {
    assert_eq!(got.len(), wanted.len(), "{name}");
    for (got, wanted) in got.chunks(width).zip(wanted.chunks(width)) {
        let peak = wanted
            .iter()
            .fold(0.0_f32, |peak, value| peak.max(value.abs()));
        for (got, wanted) in got.iter().zip(wanted) {
            let allowed = 1e-5 * parity(*wanted, peak);
            assert!(
                (got - wanted).abs() <= allowed,
                "{name}: {got}, not {wanted}, peak {peak}"
            );
        }
    }
}

pub fn harmonic_noise() -> RepresentationSpec {
    let axis = Axis::HarmonicNoise(HarmonicNoiseSpec {
        partials: 20,
        noise_bands: 12,
        f_min_hz: 0.0,
        f_max_hz: 8000.0,
    });
    representation(axis, scale(DB, 1, -90.0, -85.0))
}

/// Something with partials and a floor.
pub fn spectrum(bins: usize) -> Vec<f32> {
    (0..bins)
        .map(|bin| 1e-3 + (1.0 + (bin as f32 * 0.7).cos()).powi(3) / (1.0 + 0.02 * bin as f32))
        .collect()
}
