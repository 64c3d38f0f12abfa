//! Analysis and its inverse, over sizes, redundancies and call sizes.
#![allow(clippy::unwrap_used, reason = "a test may stop")]
mod signals;

use afterimage_spectral::stft::{Analysis, Synthesis, istft, stft};
use afterimage_spectral::{SpecError, StftSpec};
use signals::{FFT_SIZES, Lcg, REDUNDANCIES, spec};

fn noise(samples: usize) -> Vec<f32> {
    let mut random = Lcg(1);
    (0..samples)
        .map(|_| (2.0 * random.uniform() - 1.0) as f32)
        .collect()
}

fn largest_difference(a: &[f32], b: &[f32]) -> f32 {
    a.iter()
        .zip(b)
        .map(|(a, b)| (a - b).abs())
        .fold(0.0, f32::max)
}

#[test]
fn istft_of_stft_is_identity_first_hop_included() {
    for fft_size in FFT_SIZES {
        for redundancy in REDUNDANCIES {
            let spec = spec(fft_size, redundancy);
            let sound = noise(3 * fft_size + 5 * spec.hop());
            let back = istft(&spec, &stft(&spec, &sound), sound.len() - fft_size).unwrap();
            let error = largest_difference(&sound, &back);
            assert!(error < 1e-5, "{fft_size}/{redundancy}: {error}");
        }
    }
}

#[test]
fn streaming_analysis_equals_offline_for_any_call_size() {
    let spec = spec(1024, 8);
    let sound = noise(20_000);
    let offline = stft(&spec, &sound);
    for call in [1, 63, 512, 8192] {
        let mut analysis = Analysis::new(&spec);
        let mut streamed = Vec::new();
        for part in sound.chunks(call) {
            analysis.push(part, |index, spectrum| {
                assert_eq!(index as usize * spec.bins(), streamed.len());
                streamed.extend_from_slice(spectrum);
            });
        }
        assert!(streamed.len() > 100 * spec.bins());
        assert_eq!(streamed[..], offline[..streamed.len()], "calls of {call}");
    }
}

#[test]
fn a_reset_analysis_and_synthesis_repeat_themselves() {
    let spec = spec(512, 4);
    let sound = noise(4096);
    let mut analysis = Analysis::new(&spec);
    let mut synthesis = Synthesis::new(&spec);
    let mut runs = Vec::new();
    for _ in 0..2 {
        let mut hops = Vec::new();
        analysis.reset();
        synthesis.reset();
        let mut hop = vec![0.0; spec.hop()];
        analysis.push(&sound, |index, spectrum| {
            synthesis.push(spectrum);
            if index as usize >= spec.pre_centre_frames() {
                synthesis.pull_hop(&mut hop);
                hops.extend_from_slice(&hop);
            }
        });
        assert!(largest_difference(&hops, &sound) < 1e-5);
        runs.push(hops);
    }
    assert_eq!(runs[0], runs[1]);
}

#[test]
fn a_missing_frame_is_noticed_by_the_identity_test() {
    let spec = spec(1024, 4);
    let sound = noise(8192);
    let mut spectra = stft(&spec, &sound);
    spectra[10 * spec.bins()..11 * spec.bins()].fill(Default::default());
    let back = istft(&spec, &spectra, 6000).unwrap();
    assert!(largest_difference(&sound, &back) > 0.05);
}

#[test]
fn a_spec_that_violates_cola_is_refused_with_both_sides() {
    for (fft_size, hop) in [
        (1024, 512),
        (1024, 300),
        (1024, 0),
        (1200, 400),
        (1024, 2048),
    ] {
        let error = StftSpec::new(fft_size, hop).unwrap_err();
        assert_eq!(error, SpecError::Hop { fft_size, hop });
        let sentence = error.to_string();
        assert!(sentence.contains(&hop.to_string()) && sentence.contains(&fft_size.to_string()));
    }
    for fft_size in [0, 1, 63, 1023, 100_000] {
        assert!(matches!(
            StftSpec::new(fft_size, 8),
            Err(SpecError::FftSize { .. })
        ));
    }
    let six = StftSpec::new(1536, 256).unwrap();
    assert_eq!(
        (six.bins(), six.redundancy(), six.pre_centre_frames()),
        (769, 6, 3)
    );
}

#[test]
fn spectra_that_are_not_whole_frames_are_refused() {
    let spec = spec(512, 4);
    let error = istft(&spec, &vec![Default::default(); 300], 128).unwrap_err();
    assert_eq!(
        error,
        SpecError::Length {
            what: "spectra",
            given: 300,
            expected: 257
        }
    );
}
