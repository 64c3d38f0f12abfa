//! A voice that knows its pitch: tones come back as they were, stiff strings stay stiff, noise stays noise.
#![allow(clippy::unwrap_used, reason = "a test may stop")]
mod signals;

use afterimage_spectral::stft::magnitudes;
use afterimage_spectral::{PhaseMethod, StftSpec};
use signals::{
    Lcg, Sine, cents, db, harmonics, invert, magnitudes_with_past, measure_sine, render, rms, spec,
    spectral_convergence_db, stretched,
};

const MATRIX: [(usize, usize, f64); 7] = [
    (512, 8, 22_050.0),
    (1024, 4, 22_050.0),
    (1024, 8, 44_100.0),
    (2048, 4, 48_000.0),
    (2048, 8, 48_000.0),
    (4096, 8, 96_000.0),
    (4096, 4, 192_000.0),
];

/// Frames of a steady sound that began long before sample 0, and the sound from sample 0 on.
fn steady(spec: &StftSpec, sines: &[Sine], rate: f64, samples: usize) -> (Vec<f32>, Vec<f32>) {
    let past = 2 * spec.fft_size();
    let sound = render(
        sines,
        rate,
        -(past as i64),
        past + samples + spec.fft_size(),
    );
    (
        magnitudes_with_past(spec, &sound, past),
        sound[past..].to_vec(),
    )
}

fn lock(spec: &StftSpec, rate: f64, frames: &[f32], f0: f64) -> Vec<f32> {
    invert(spec, rate, PhaseMethod::F0Lock, frames, |_| f0 as f32, 0.0).0
}

#[test]
fn harmonics_return_within_a_cent_and_a_fifth_of_a_decibel() {
    for (fft_size, redundancy, rate) in MATRIX {
        let spec = spec(fft_size, redundancy);
        let bin_hz = rate / fft_size as f64;
        for spacing_bins in [3.05, 3.7, 5.3, 9.4, 18.8, 56.3] {
            let f0 = spacing_bins * bin_hz;
            let sines = harmonics(f0, rate, 6.0, 3);
            let (frames, _) = steady(&spec, &sines, rate, 16 * fft_size);
            let back = lock(&spec, rate, &frames, f0);
            for sine in sines.iter().take(8) {
                let (amplitude, hz) = measure_sine(&back[..16 * fft_size], rate, sine.hz);
                let (level, pitch) = (db(amplitude / sine.amplitude), cents(hz, sine.hz));
                let place = format!(
                    "{fft_size}/{redundancy} at {rate}, {spacing_bins} bins, {} Hz",
                    sine.hz
                );
                assert!(level.abs() < 0.2, "{place}: {level} dB");
                assert!(pitch.abs() < 1.0, "{place}: {pitch} cents");
            }
        }
    }
}

#[test]
fn the_first_hops_are_as_loud_as_the_rest() {
    for (fft_size, redundancy, rate) in MATRIX {
        let spec = spec(fft_size, redundancy);
        for spacing_bins in [3.05, 9.4, 18.8] {
            let f0 = spacing_bins * rate / fft_size as f64;
            let (frames, sound) = steady(&spec, &harmonics(f0, rate, 6.0, 3), rate, 8 * fft_size);
            let back = lock(&spec, rate, &frames, f0);
            // Whole periods, or the phase within one would count.
            let first = (spec.hop() as f64 * f0 / rate).ceil() * rate / f0;
            let level =
                db(rms(&back[..first.round() as usize]) / rms(&sound[..first.round() as usize]));
            assert!(
                level.abs() < 0.2,
                "{fft_size}/{redundancy}, {spacing_bins} bins: {level} dB"
            );
        }
    }
}

#[test]
fn a_note_starts_without_a_step() {
    let (spec, rate) = (spec(2048, 8), 48_000.0);
    for f0 in [110.0, 440.0] {
        let (frames, sound) = steady(&spec, &harmonics(f0, rate, 6.0, 3), rate, 20_000);
        let back = lock(&spec, rate, &frames, f0);
        let peak = sound.iter().fold(0.0_f32, |a, b| a.max(b.abs()));
        assert!(
            back[0].abs() < 0.02 * peak,
            "starts at {} of {peak}",
            back[0]
        );
        let crest =
            |x: &[f32]| db(f64::from(x.iter().fold(0.0_f32, |a, b| a.max(b.abs()))) / rms(x));
        assert!(
            crest(&back) < crest(&sound) + 3.0,
            "{} against {}",
            crest(&back),
            crest(&sound)
        );
    }
}

#[test]
fn low_notes_with_unresolved_partials_keep_a_steady_level() {
    let (spec, rate) = (spec(2048, 8), 48_000.0);
    for f0 in [36.7, 41.2, 46.2, 49.0, 55.0, 61.7, 65.4, 73.4, 82.4] {
        let (frames, sound) = steady(&spec, &harmonics(f0, rate, 6.0, 5), rate, 40_000);
        let back = lock(&spec, rate, &frames, f0);
        let window = (3.0 * rate / f0).round() as usize;
        let levels: Vec<f64> = back[..40_000]
            .chunks_exact(window)
            .map(|part| db(rms(part)))
            .collect();
        let spread = levels.iter().copied().fold(f64::MIN, f64::max)
            - levels.iter().copied().fold(f64::MAX, f64::min);
        assert!(spread < 0.5, "{f0} Hz wavers by {spread} dB");
        let level = db(rms(&back[..window * levels.len()]) / rms(&sound[..window * levels.len()]));
        // Below 2.3 bins of spacing the split of power among partials is a guess.
        assert!(level.abs() < 0.8, "{f0} Hz: {level} dB");
    }
}

#[test]
fn stretched_partials_keep_their_frequency() {
    let rate = 48_000.0;
    let spec = spec(2048, 8);
    for f0 in [110.0, 220.0, 440.0] {
        for stiffness in [1e-4, 4e-4, 1e-3] {
            let sines = stretched(f0, stiffness, rate, 6.0, 3);
            let (frames, _) = steady(&spec, &sines, rate, 48_000);
            let back = lock(&spec, rate, &frames, f0);
            for (index, sine) in sines.iter().enumerate().take(20) {
                let number = (index + 1) as f64;
                let (amplitude, hz) = measure_sine(&back[8192..40_960], rate, sine.hz);
                let off = cents(hz, sine.hz);
                // Up to 15 cents from the harmonic a partial may stay on it; above it must not.
                if cents(sine.hz, number * f0) > 18.0 {
                    assert!(
                        off.abs() < 1.5,
                        "{f0} Hz, b {stiffness}, partial {number}: {off} cents"
                    );
                    let level = db(amplitude / sine.amplitude);
                    assert!(
                        level.abs() < 0.5,
                        "{f0} Hz, b {stiffness}, partial {number}: {level} dB"
                    );
                }
            }
        }
    }
}

#[test]
fn a_moving_pitch_is_followed() {
    let (spec, rate) = (spec(2048, 8), 48_000.0);
    // Vibrato of 40 cents, five times a second.
    let pitch = |t: f64| 330.0 * 2_f64.powf(40.0 / 1200.0 * (31.4 * t).sin());
    let mut phase = 0.0;
    let sound: Vec<f32> = (0..72_000)
        .map(|n| {
            phase += std::f64::consts::TAU * pitch(f64::from(n) / rate) / rate;
            (1..12)
                .map(|k| 0.2 / f64::from(k) * (f64::from(k) * phase).sin())
                .sum::<f64>() as f32
        })
        .collect();
    let frames = magnitudes(&spec, &sound);
    let at = |frame: usize| pitch((frame * spec.hop()) as f64 / rate) as f32;
    let (back, _) = invert(&spec, rate, PhaseMethod::F0Lock, &frames, at, 0.0);
    let followed = spectral_convergence_db(&spec, &frames, &back);
    assert!(followed < -25.0, "{followed} dB");
    let (stuck, _) = invert(&spec, rate, PhaseMethod::F0Lock, &frames, |_| 330.0, 0.0);
    assert!(spectral_convergence_db(&spec, &frames, &stuck) > followed + 3.0);
}

fn white(samples: usize) -> Vec<f32> {
    let mut random = Lcg(5);
    (0..samples)
        .map(|_| 0.1 * random.gaussian() as f32)
        .collect()
}

fn autocorrelation(sound: &[f32], lag: usize) -> f64 {
    let product =
        |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| f64::from(a * b)).sum::<f64>();
    product(sound, &sound[lag..]) / product(sound, sound)
}

/// Geometric over arithmetic mean of the long-term power spectrum, in dB; 0 is flat.
fn flatness_db(sound: &[f32]) -> f64 {
    let spec = spec(1024, 4);
    let frames = magnitudes(&spec, sound);
    let mut power = vec![0.0_f64; spec.bins()];
    for frame in frames.chunks(spec.bins()) {
        frame
            .iter()
            .zip(&mut power)
            .for_each(|(m, p)| *p += f64::from(*m).powi(2));
    }
    let inner = &power[8..500];
    let log_mean = inner.iter().map(|p| p.ln()).sum::<f64>() / inner.len() as f64;
    10.0 * (log_mean.exp() / (inner.iter().sum::<f64>() / inner.len() as f64)).log10()
}

#[test]
fn noise_stays_noise_at_its_level() {
    let (spec, rate) = (spec(2048, 8), 48_000.0);
    let recorded = magnitudes(&spec, &white(100_000));
    let level = (recorded.iter().map(|m| m.ln()).sum::<f32>() / recorded.len() as f32).exp();
    let decoded = vec![level; recorded.len()]; // what a decoder gives: the expected log-magnitude
    for frames in [recorded, decoded] {
        for f0 in [73.4, 110.0, 220.0, 440.0, 1318.5] {
            let back = lock(&spec, rate, &frames, f0);
            let settled = &back[8192..];
            let buzz = autocorrelation(settled, (rate / f0).round() as usize);
            assert!(buzz.abs() < 0.08, "{f0} Hz: {buzz}");
            assert!(
                flatness_db(settled) > -0.5,
                "{f0} Hz: flatness {}",
                flatness_db(settled)
            );
            let level = db(rms(settled) / 0.1);
            assert!(level.abs() < 0.7, "{f0} Hz: {level} dB");
            let fourth = settled.iter().map(|x| f64::from(*x).powi(4)).sum::<f64>();
            let kurtosis = fourth / settled.len() as f64 / rms(settled).powi(4);
            assert!(
                (2.4..3.6).contains(&kurtosis),
                "{f0} Hz: kurtosis {kurtosis}"
            );
        }
    }
}

#[test]
fn a_buzz_is_noticed_by_the_noise_test() {
    let rate = 48_000.0;
    let buzz = render(&harmonics(110.0, rate, 0.0, 1), rate, 0, 40_000);
    assert!(autocorrelation(&buzz, (rate / 110.0_f64).round() as usize) > 0.8);
    assert!(flatness_db(&buzz) < -0.5);
}

#[test]
fn noise_between_partials_does_not_become_tone() {
    let (spec, rate, f0) = (spec(2048, 8), 48_000.0, 440.0);
    let sines = harmonics(f0, rate, 6.0, 3);
    let mut sound = render(&sines, rate, 0, 90_000);
    sound
        .iter_mut()
        .zip(white(90_000))
        .for_each(|(s, n)| *s += 0.1 * n);
    let back = lock(&spec, rate, &magnitudes(&spec, &sound), f0);
    // Level half-way between partials, where only the noise is.
    let between = |x: &[f32]| {
        let powers = (0..400).map(|n| {
            let (re, im) = signals::demodulate(&x[8192 + 160 * n..][..4096], rate, 4.5 * f0);
            re * re + im * im
        });
        10.0 * (powers.sum::<f64>() / 400.0).log10()
    };
    let (wanted, got) = (between(&sound), between(&back));
    assert!((wanted - got).abs() < 2.0, "{got} dB, expected {wanted}");
}

#[test]
fn a_tone_that_the_pitch_does_not_explain_survives() {
    let (spec, rate) = (spec(2048, 8), 48_000.0);
    let mut sines = harmonics(440.0, rate, 6.0, 3);
    sines.push(Sine {
        hz: 3_300.0,
        amplitude: 0.05,
        phase: 0.3,
    }); // half-way between two partials
    let (frames, _) = steady(&spec, &sines, rate, 40_000);
    let back = lock(&spec, rate, &frames, 440.0);
    let (amplitude, hz) = measure_sine(&back[4096..36_864], rate, 3_300.0);
    assert!(
        db(amplitude / 0.05).abs() < 1.0,
        "{} dB",
        db(amplitude / 0.05)
    );
    assert!(
        cents(hz, 3_300.0).abs() < 5.0,
        "{} cents",
        cents(hz, 3_300.0)
    );
}

#[test]
fn nothing_sounds_before_the_note_and_attacks_stay_sharp() {
    let (spec, rate, f0) = (spec(2048, 8), 48_000.0, 330.0);
    // A struck note: silence before sample 0, then a decay with a burst of noise.
    let mut random = Lcg(3);
    let mut sound = render(&harmonics(f0, rate, 9.0, 3), rate, 0, 48_000);
    for (n, sample) in sound.iter_mut().enumerate() {
        let t = n as f32 / rate as f32;
        *sample = *sample * (-3.0 * t).exp() + 0.3 * random.gaussian() as f32 * (-300.0 * t).exp();
    }
    let back = lock(&spec, rate, &magnitudes(&spec, &sound), f0);
    let energy = |x: &[f32], from_ms: f64, to_ms: f64| {
        rms(&x[(from_ms * rate / 1e3) as usize..(to_ms * rate / 1e3) as usize])
    };
    // The burst is over after 10 ms in the original; it may not linger for the whole window.
    let early = db(energy(&back, 0.0, 6.0) / energy(&sound, 0.0, 6.0));
    assert!(early.abs() < 3.0, "first 6 ms: {early} dB");
    let late = db(energy(&back, 25.0, 60.0) / energy(&sound, 25.0, 60.0));
    assert!(late.abs() < 1.5, "after the burst: {late} dB");
}
