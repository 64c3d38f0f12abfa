//! Spectral play: each effect does what its unit says, and nothing else.
#![allow(clippy::unwrap_used, reason = "tests may unwrap")]

use afterimage_spectral::StftSpec;
use afterimage_spectral::play::{EnvelopeSource, Shaper, Shaping};

const RATES_HZ: [f32; 3] = [22_050.0, 44_100.0, 48_000.0];
const SIZES: [(usize, usize); 3] = [(1024, 128), (2048, 256), (4096, 1024)];

fn each_geometry(mut check: impl FnMut(&StftSpec, f32)) {
    for rate_hz in RATES_HZ {
        for (fft_size, hop) in SIZES {
            check(&StftSpec::new(fft_size, hop).unwrap(), rate_hz);
        }
    }
}

/// Partials of `pitch_hz` up to 0.45 of the rate, as a Hann window sees them.
fn note(spec: &StftSpec, rate_hz: f32, pitch_hz: f32, level: impl Fn(f32) -> f32) -> Vec<f32> {
    let bin_hz = rate_hz / spec.fft_size() as f32;
    let mut magnitudes = vec![0.0_f32; spec.bins()];
    let mut hz = pitch_hz;
    while hz < 0.45 * rate_hz {
        let centre = hz / bin_hz;
        for (bin, magnitude) in magnitudes.iter_mut().enumerate() {
            let distance = (bin as f32 - centre).abs();
            if distance < 2.0 {
                let lobe = (std::f32::consts::PI * distance / 4.0).cos().powi(2);
                *magnitude = magnitude.max(level(hz) * lobe * spec.fft_size() as f32 / 4.0);
            }
        }
        hz += pitch_hz;
    }
    magnitudes
}

/// A formant about `centre_hz` that falls by 12 dB an octave on both sides.
fn bump(centre_hz: f32) -> impl Fn(f32) -> f32 {
    move |hz| 0.1 * (-2.0 * (hz / centre_hz).log2().abs()).exp2()
}

fn shaped(
    spec: &StftSpec,
    rate_hz: f32,
    note: &[f32],
    pitch_hz: f32,
    shaping: Shaping,
) -> Vec<f32> {
    let mut magnitudes = note.to_vec();
    Shaper::new(spec, rate_hz).shape(&mut magnitudes, pitch_hz, &shaping, None);
    magnitudes
}

fn peak_db(magnitudes: &[f32], hz: f32, bin_hz: f32) -> f32 {
    let nearest = (hz / bin_hz).round() as usize;
    let top = magnitudes[nearest - 1..=nearest + 1]
        .iter()
        .fold(0.0_f32, |top, magnitude| top.max(*magnitude));
    20.0 * top.log10()
}

/// Mean frequency of the partials' tops, on a logarithmic scale, in hertz.
fn centroid_hz(magnitudes: &[f32], pitch_hz: f32, bin_hz: f32) -> f32 {
    let (mut sum, mut weights) = (0.0, 0.0);
    let mut hz = pitch_hz;
    while hz < bin_hz * (magnitudes.len() - 2) as f32 * 0.9 {
        // A partial stands for the octaves up to the next one.
        let weight = 10.0_f32.powf(peak_db(magnitudes, hz, bin_hz) / 20.0) / hz;
        sum += weight * hz.log2();
        weights += weight;
        hz += pitch_hz;
    }
    (sum / weights).exp2()
}

fn energy(magnitudes: &[f32]) -> f32 {
    magnitudes
        .iter()
        .map(|magnitude| magnitude * magnitude)
        .sum()
}

#[test]
fn neutral_shaping_changes_no_bit() {
    each_geometry(|spec, rate_hz| {
        let before = note(spec, rate_hz, 220.0, bump(900.0));
        let after = shaped(spec, rate_hz, &before, 220.0, Shaping::default());
        assert_eq!(before, after);
    });
}

#[test]
fn tilt_has_the_slope_it_states() {
    each_geometry(|spec, rate_hz| {
        let bin_hz = rate_hz / spec.fft_size() as f32;
        let flat = note(spec, rate_hz, 500.0, |_| 0.01);
        for tilt in [-6.0, -3.0, 1.0, 6.0] {
            let shaping = Shaping {
                tilt_db_per_octave: tilt,
                ..Shaping::default()
            };
            let after = shaped(spec, rate_hz, &flat, 500.0, shaping);
            for octave in [500.0, 1_000.0, 2_000.0, 4_000.0] {
                let change = |hz: f32| peak_db(&after, hz, bin_hz) - peak_db(&flat, hz, bin_hz);
                let slope = change(2.0 * octave) - change(octave);
                assert!((slope - tilt).abs() < 0.5, "{tilt} at {octave} Hz: {slope}");
            }
        }
    });
}

#[test]
fn tilt_leaves_what_lies_below_the_pitch_alone() {
    let spec = StftSpec::new(2048, 256).unwrap();
    let haze = vec![1.0; spec.bins()];
    let shaping = Shaping {
        tilt_db_per_octave: -6.0,
        ..Shaping::default()
    };
    let after = shaped(&spec, 48_000.0, &haze, 500.0, shaping);
    assert_eq!(after[1], after[20]);
    assert!(after[43] < after[20]);
}

#[test]
fn formant_moves_the_envelope_by_the_interval_and_no_partial() {
    each_geometry(|spec, rate_hz| {
        let bin_hz = rate_hz / spec.fft_size() as f32;
        let before = note(spec, rate_hz, 110.0, bump(1_500.0));
        for semitones in [-12.0, -7.0, 5.0, 12.0] {
            let shaping = Shaping {
                formant_semitones: semitones,
                ..Shaping::default()
            };
            let after = shaped(spec, rate_hz, &before, 110.0, shaping);
            let moved = (centroid_hz(&after, 110.0, bin_hz) / centroid_hz(&before, 110.0, bin_hz))
                .log2()
                * 12.0;
            assert!(
                (moved - semitones).abs() < 1.5,
                "{semitones}: {moved} at {rate_hz} Hz, {spec:?}"
            );
            // Partials are where they were: what was empty stays empty.
            assert!(
                before
                    .iter()
                    .zip(&after)
                    .all(|(before, after)| (*before == 0.0) == (*after == 0.0))
            );
        }
    });
}

#[test]
fn a_shifted_note_takes_the_envelope_of_its_source() {
    let (spec, rate_hz) = (StftSpec::new(2048, 256).unwrap(), 48_000.0);
    let bin_hz = rate_hz / spec.fft_size() as f32;
    for (pitch_hz, level_hz) in [(110.0, 700.0), (220.0, 1_500.0)] {
        let source = note(&spec, rate_hz, pitch_hz, bump(level_hz));
        let wanted = centroid_hz(&source, pitch_hz, bin_hz);
        for semitones in [-12.0_f32, -5.0, 7.0, 12.0] {
            let shifted_hz = pitch_hz * (semitones / 12.0).exp2();
            // What a decoder makes there has its envelope elsewhere: here, as far off as the pitch.
            let elsewhere = bump(level_hz * shifted_hz / pitch_hz);
            let mut shifted = note(&spec, rate_hz, shifted_hz, elsewhere);
            let from = EnvelopeSource {
                magnitudes: &source,
                pitch_hz,
            };
            Shaper::new(&spec, rate_hz).shape(
                &mut shifted,
                shifted_hz,
                &Shaping::default(),
                Some(from),
            );
            let ratio = centroid_hz(&shifted, shifted_hz, bin_hz) / wanted;
            assert!(
                (ratio - 1.0).abs() < 0.1,
                "{semitones} from {pitch_hz} Hz: {ratio}"
            );
        }
    }
}

#[test]
fn blur_takes_contrast_step_by_step_and_no_energy() {
    each_geometry(|spec, rate_hz| {
        let bin_hz = rate_hz / spec.fft_size() as f32;
        let before = note(spec, rate_hz, 330.0, bump(1_500.0));
        let mut contrast = f32::INFINITY;
        for step in 1..=10 {
            let shaping = Shaping {
                blur: step as f32 / 10.0,
                ..Shaping::default()
            };
            let after = shaped(spec, rate_hz, &before, 330.0, shaping);
            let valley = |hz: f32| (after[(hz / bin_hz) as usize] + 1e-3).log10() * 20.0;
            let now: f32 = (3..8)
                .map(|k| {
                    peak_db(&after, 330.0 * k as f32, bin_hz) - valley(330.0 * (k as f32 + 0.5))
                })
                .sum();
            // Under a decibel a partial there is no contrast left to order.
            assert!(
                now <= contrast.max(5.0),
                "step {step}: {now} after {contrast}"
            );
            contrast = now;
            let level = 10.0 * (energy(&after) / energy(&before)).log10();
            assert!(level.abs() < 1.0, "step {step}: {level} dB");
        }
        assert!(contrast < 5.0 * 6.0, "{contrast} at {rate_hz} Hz, {spec:?}");
    });
}

#[test]
fn morph_ends_are_exact_and_the_middle_lies_between() {
    let (spec, rate_hz) = (StftSpec::new(2048, 256).unwrap(), 48_000.0);
    let shaper = Shaper::new(&spec, rate_hz);
    let (a, b) = (
        note(&spec, rate_hz, 220.0, bump(500.0)),
        note(&spec, rate_hz, 220.0, bump(4_000.0)),
    );
    let morphed = |amount: f32| {
        let mut magnitudes = a.clone();
        shaper.morph(&mut magnitudes, &b, amount);
        magnitudes
    };
    assert_eq!(morphed(0.0), a);
    assert_eq!(morphed(1.0), b);
    let mut before = a.clone();
    for step in 1..10 {
        let now = morphed(step as f32 / 10.0);
        for (bin, now) in now.iter().enumerate() {
            let (low, high) = (a[bin].min(b[bin]), a[bin].max(b[bin]));
            assert!((low..=high).contains(now), "bin {bin}");
            let nearer = (now - b[bin]).abs() <= (before[bin] - b[bin]).abs() * (1.0 + 1e-5) + 1e-6;
            assert!(nearer, "bin {bin}, step {step}");
        }
        before = now;
    }
}

#[test]
fn loudness_is_kept_within_a_decibel() {
    each_geometry(|spec, rate_hz| {
        let before = note(spec, rate_hz, 220.0, bump(900.0));
        for (tilt, formant) in [
            (-6.0, 0.0),
            (6.0, 0.0),
            (0.0, -12.0),
            (0.0, 12.0),
            (3.0, 7.0),
        ] {
            let shaping = Shaping {
                blur: 0.0,
                tilt_db_per_octave: tilt,
                formant_semitones: formant,
            };
            let after = shaped(spec, rate_hz, &before, 220.0, shaping);
            // The weight is flat below 500 Hz and 4 dB up from 4 kHz on: energy moves no further.
            let level = 10.0 * (energy(&after) / energy(&before)).log10();
            assert!((-4.5..4.5).contains(&level), "{shaping:?}: {level} dB");
        }
    });
}

#[test]
fn no_extreme_gives_what_is_not_a_number() {
    let spec = StftSpec::new(1024, 128).unwrap();
    let mut shaper = Shaper::new(&spec, 44_100.0);
    let bins = spec.bins();
    let mut spike = vec![0.0; bins];
    spike[bins - 1] = 1e11;
    let mut ramp = vec![1e-20; bins];
    ramp[0] = 1e11;
    let frames = [
        vec![0.0; bins],
        vec![1e11; bins],
        vec![1e-20; bins],
        spike,
        ramp,
    ];
    for frame in &frames {
        for pitch_hz in [0.0, 1e-3, 440.0, 1e5] {
            for (blur, tilt, formant) in [(0.0, 6.0, 12.0), (1.0, -6.0, -12.0), (1e-6, 1e-6, 1e-6)]
            {
                let shaping = Shaping {
                    blur,
                    tilt_db_per_octave: tilt,
                    formant_semitones: formant,
                };
                for source in &frames {
                    let mut magnitudes = frame.clone();
                    shaper.morph(&mut magnitudes, source, 0.5);
                    let from = EnvelopeSource {
                        magnitudes: source,
                        pitch_hz,
                    };
                    shaper.shape(&mut magnitudes, pitch_hz, &shaping, Some(from));
                    assert!(
                        magnitudes
                            .iter()
                            .all(|magnitude| magnitude.is_finite() && *magnitude >= 0.0)
                    );
                }
            }
        }
    }
}

#[test]
fn a_frame_does_not_depend_on_the_one_before() {
    let spec = StftSpec::new(1024, 128).unwrap();
    let mut shaper = Shaper::new(&spec, 48_000.0);
    let frame = note(&spec, 48_000.0, 300.0, bump(900.0));
    let shaping = Shaping {
        blur: 0.4,
        tilt_db_per_octave: 2.0,
        formant_semitones: -3.0,
    };
    let mut run = |frame: &[f32]| {
        let mut magnitudes = frame.to_vec();
        shaper.shape(&mut magnitudes, 300.0, &shaping, None);
        magnitudes
    };
    let first = run(&frame);
    run(&note(&spec, 48_000.0, 80.0, bump(5_000.0)));
    assert_eq!(run(&frame), first);
}
