//! How well magnitudes come back when the pitch is not known: gates on generated clips.
#![allow(
    clippy::disallowed_macros,
    clippy::unwrap_used,
    reason = "a test may stop, and prints what it measured"
)]
mod signals;

use afterimage_spectral::stft::magnitudes;
use afterimage_spectral::{PhaseMethod, StftSpec};
use signals::clips::{chord, clips};
use signals::{invert, spec, spectral_convergence_db};

fn convergence(spec: &StftSpec, rate: f64, method: PhaseMethod, frames: &[f32]) -> f64 {
    let (back, _) = invert(spec, rate, method, frames, |_| 0.0, 0.0);
    spectral_convergence_db(spec, frames, &back)
}

#[test]
fn rtpghi_is_ahead_of_spsi_and_lookahead_ahead_of_both() {
    for (rate, fft_size) in [(22_050.0, 1024), (44_100.0, 1024), (48_000.0, 2048)] {
        let spec = spec(fft_size, 8);
        let mut sums = [0.0; 3];
        let clips = clips(rate);
        for (name, sound) in &clips {
            let frames = magnitudes(&spec, sound);
            let methods = [
                PhaseMethod::Spsi,
                PhaseMethod::Rtpghi,
                PhaseMethod::RtpghiLookahead,
            ];
            let got = methods.map(|method| convergence(&spec, rate, method, &frames));
            let place = format!("{name} at {rate}, {fft_size}: {got:?}");
            assert!(got[1] < got[0] - 3.0, "{place}");
            assert!(got[2] < got[0] - 4.0, "{place}");
            // On a steady tone both are at the limit of the gradients.
            println!("{place}");
            assert!(*name == "tone" || got[2] < got[1] - 1.5, "{place}");
            sums.iter_mut()
                .zip(got)
                .for_each(|(sum, got)| *sum += got / clips.len() as f64);
        }
        assert!(
            sums[1] < -20.0 && sums[1] < sums[0] - 5.0,
            "mean at {rate}, {fft_size}: {sums:?}"
        );
        assert!(sums[2] < -23.0, "mean at {rate}, {fft_size}: {sums:?}");
    }
}

#[test]
fn redundancy_4_is_inverted_too() {
    let (spec, rate) = (spec(1024, 4), 22_050.0);
    for (name, sound) in clips(rate) {
        let frames = magnitudes(&spec, &sound);
        let spsi = convergence(&spec, rate, PhaseMethod::Spsi, &frames);
        let lookahead = convergence(&spec, rate, PhaseMethod::RtpghiLookahead, &frames);
        assert!(lookahead < spsi - 1.0, "{name}: {lookahead} against {spsi}");
    }
}

#[test]
fn shuffled_frames_are_noticed_by_the_convergence() {
    let (spec, rate) = (spec(1024, 8), 22_050.0);
    let frames = magnitudes(&spec, &chord(rate));
    let (back, _) = invert(&spec, rate, PhaseMethod::Rtpghi, &frames, |_| 0.0, 0.0);
    let mut shuffled = back.clone();
    shuffled
        .chunks_exact_mut(4 * spec.hop())
        .for_each(|part| part.rotate_left(137));
    let (whole, broken) = (
        spectral_convergence_db(&spec, &frames, &back),
        spectral_convergence_db(&spec, &frames, &shuffled),
    );
    assert!(broken > whole + 6.0, "{broken} against {whole}");
}
