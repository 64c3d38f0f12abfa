//! Every method as a voice: determinism, bounds on bad input, concealment, width.
#![allow(clippy::unwrap_used, reason = "a test may stop")]
mod signals;

use afterimage_spectral::stft::magnitudes;
use afterimage_spectral::{PhaseMethod, StftSpec, SynthesisFrame, VoiceInverse};
use signals::{
    FFT_SIZES, Lcg, METHODS, REDUNDANCIES, db, harmonics, invert, render, rms, spec,
    spectral_convergence_db,
};

const RATE: f64 = 48_000.0;

fn note(spec: &StftSpec) -> Vec<f32> {
    magnitudes(
        spec,
        &render(&harmonics(330.0, RATE, 6.0, 1), RATE, 0, 20_000),
    )
}

#[test]
fn equal_seeds_give_equal_samples_and_other_seeds_others() {
    let spec = spec(1024, 8);
    let frames = note(&spec);
    for method in METHODS {
        let mut voice = VoiceInverse::new(&spec, RATE as f32, method);
        let mut run = |seed: u64| {
            let (mut mid, mut side, mut all) =
                (vec![0.0; spec.hop()], vec![0.0; spec.hop()], Vec::new());
            voice.start(seed);
            for magnitudes in frames.chunks_exact(spec.bins()) {
                voice.push(SynthesisFrame {
                    magnitudes,
                    pitch_hz: 330.0,
                    spread: 0.5,
                    gain: 1.0,
                });
                if voice.frames_pushed() as usize > voice.frames_ahead() {
                    voice.pull_hop(&mut mid, &mut side);
                    all.extend(mid.iter().chain(&side).map(|x| x.to_bits()));
                }
            }
            all
        };
        let (first, other, again) = (run(1), run(2), run(1));
        assert_eq!(first, again, "{method:?} repeats after another note");
        assert_ne!(first, other, "{method:?} hears the seed");
    }
}

#[test]
fn every_size_gives_the_level_back() {
    for fft_size in FFT_SIZES {
        for redundancy in REDUNDANCIES {
            let spec = spec(fft_size, redundancy);
            let sound = render(&harmonics(600.0, RATE, 6.0, 1), RATE, 0, 16 * fft_size);
            let frames = magnitudes(&spec, &sound);
            for method in METHODS {
                let (back, _) = invert(&spec, RATE, method, &frames, |_| 600.0, 0.0);
                let part = 2 * fft_size..8 * fft_size;
                let level = db(rms(&back[part.clone()]) / rms(&sound[part]));
                assert!(
                    level.abs() < 1.0,
                    "{method:?} {fft_size}/{redundancy}: {level} dB"
                );
            }
        }
    }
}

fn adversaries(bins: usize) -> Vec<(&'static str, Vec<f32>)> {
    let mut random = Lcg(2);
    let every = |value: &mut dyn FnMut(usize) -> f32| (0..bins).map(value).collect::<Vec<f32>>();
    vec![
        ("zero", every(&mut |_| 0.0)),
        ("flat", every(&mut |_| 1.0)),
        ("denormal", every(&mut |_| 1e-41)),
        ("one bin", every(&mut |bin| f32::from(u8::from(bin == 17)))),
        (
            "lowest bin",
            every(&mut |bin| f32::from(u8::from(bin == 0))),
        ),
        (
            "highest bin",
            every(&mut |bin| f32::from(u8::from(bin == bins - 1))),
        ),
        ("comb", every(&mut |bin| (bin % 2) as f32)),
        ("random", every(&mut |_| random.uniform() as f32)),
        ("huge", every(&mut |_| 1e10)),
        ("tiny", every(&mut |_| 1e-19)),
        (
            "nan",
            every(&mut |bin| if bin % 3 == 0 { f32::NAN } else { 1.0 }),
        ),
        (
            "infinite",
            every(&mut |bin| if bin % 5 == 0 { f32::INFINITY } else { 0.5 }),
        ),
        ("negative", every(&mut |bin| -(bin as f32))),
    ]
}

#[test]
fn adversarial_spectra_and_pitches_give_finite_samples() {
    for (fft_size, redundancy) in [(512, 4), (1024, 8)] {
        let spec = spec(fft_size, redundancy);
        let spectra = adversaries(spec.bins());
        for method in METHODS {
            let mut voice = VoiceInverse::new(&spec, RATE as f32, method);
            let (mut mid, mut side) = (vec![0.0; spec.hop()], vec![0.0; spec.hop()]);
            for pitch_hz in [
                0.0,
                1e-9,
                27.5,
                440.0,
                23_000.0,
                1e9,
                f32::NAN,
                f32::INFINITY,
                -5.0,
            ] {
                voice.start(1);
                // Each alone for a while, then all of them in turn.
                let alone = spectra
                    .iter()
                    .flat_map(|spectrum| std::iter::repeat_n(spectrum, 3));
                for (name, magnitudes) in alone.chain(&spectra).chain(&spectra) {
                    voice.push(SynthesisFrame {
                        magnitudes,
                        pitch_hz,
                        spread: 0.9,
                        gain: 1.0,
                    });
                    voice.pull_hop(&mut mid, &mut side);
                    let finite = mid
                        .iter()
                        .chain(&side)
                        .all(|x| x.is_finite() && x.abs() < 1e12);
                    assert!(finite, "{method:?} {pitch_hz} Hz after {name}");
                }
            }
        }
    }
}

#[test]
fn odd_slices_and_gains_do_no_harm() {
    let spec = spec(512, 4);
    for method in METHODS {
        let mut voice = VoiceInverse::new(&spec, RATE as f32, method);
        for length in [0, 1, 100, 257, 9000] {
            let magnitudes = &vec![1.0; length];
            voice.push(SynthesisFrame {
                magnitudes,
                pitch_hz: 220.0,
                spread: f32::NAN,
                gain: f32::NAN,
            });
            let (mut short, mut long) = ([1.0; 3], [1.0; 4000]);
            voice.pull_hop(&mut short, &mut long);
            assert!(
                short.iter().chain(&long).all(|x| *x == 0.0),
                "a gain that is no number is silence"
            );
        }
    }
}

#[test]
fn silence_in_is_silence_out() {
    let spec = spec(1024, 8);
    for method in METHODS {
        let (mid, side) = invert(
            &spec,
            RATE,
            method,
            &vec![0.0; 40 * spec.bins()],
            |_| 220.0,
            1.0,
        );
        assert!(mid.iter().chain(&side).all(|x| *x == 0.0), "{method:?}");
    }
}

#[test]
fn a_note_that_is_never_pulled_loses_the_oldest_and_goes_on() {
    let spec = spec(512, 8);
    let frames = note(&spec);
    let mut voice = VoiceInverse::new(&spec, RATE as f32, PhaseMethod::F0Lock);
    for magnitudes in frames.chunks_exact(spec.bins()) {
        voice.push(SynthesisFrame {
            magnitudes,
            pitch_hz: 330.0,
            spread: 0.0,
            gain: 1.0,
        });
    }
    let (mut mid, mut side) = (vec![0.0; spec.hop()], vec![0.0; spec.hop()]);
    voice.pull_hop(&mut mid, &mut side);
    assert!(rms(&mid) > 0.05);
}

/// Pushes frames, but holds from `hold_from` on; mid only.
fn held(
    spec: &StftSpec,
    frames: &[f32],
    hold_from: usize,
    gain: impl Fn(usize) -> f32,
) -> Vec<f32> {
    let mut voice = VoiceInverse::new(spec, RATE as f32, PhaseMethod::F0Lock);
    voice.start(7);
    let (mut mid, mut side, mut all) = (vec![0.0; spec.hop()], vec![0.0; spec.hop()], Vec::new());
    for (index, magnitudes) in frames.chunks_exact(spec.bins()).enumerate() {
        if index < hold_from {
            voice.push(SynthesisFrame {
                magnitudes,
                pitch_hz: 330.0,
                spread: 0.0,
                gain: 1.0,
            });
        } else {
            voice.hold(gain(index - hold_from));
        }
        if index >= voice.frames_ahead() {
            voice.pull_hop(&mut mid, &mut side);
            all.extend_from_slice(&mid);
        }
    }
    all
}

#[test]
fn a_held_frame_sounds_on_with_advancing_phases() {
    let spec = spec(1024, 8);
    let frames = note(&spec);
    let (whole, held) = (
        held(&spec, &frames, usize::MAX, |_| 1.0),
        held(&spec, &frames, 60, |_| 1.0),
    );
    // A steady tone: holding a frame changes nothing that can be heard.
    let part = 70 * spec.hop()..110 * spec.hop();
    let error: Vec<f32> = whole[part.clone()]
        .iter()
        .zip(&held[part.clone()])
        .map(|(a, b)| a - b)
        .collect();
    assert!(db(rms(&error) / rms(&whole[part])) < -40.0);
}

#[test]
fn a_held_frame_fades_by_its_gain() {
    let spec = spec(1024, 8);
    let frames = note(&spec);
    let faded = held(&spec, &frames, 60, |held| {
        (1.0 - held as f32 / 20.0).max(0.0)
    });
    let at = |hop: usize| rms(&faded[hop * spec.hop()..(hop + 2) * spec.hop()]);
    assert!(
        (0.3..0.7).contains(&(at(70) / at(40))),
        "half-way: {}",
        at(70) / at(40)
    );
    assert_eq!(at(95), 0.0);
}

#[test]
fn width_leaves_the_mono_sum_untouched_and_drifts_slowly() {
    let spec = spec(1024, 8);
    let sound = render(&harmonics(330.0, RATE, 6.0, 1), RATE, 0, 150_000);
    let frames = magnitudes(&spec, &sound);
    for method in METHODS {
        let (narrow, none) = invert(&spec, RATE, method, &frames, |_| 330.0, 0.0);
        let (mid, side) = invert(&spec, RATE, method, &frames, |_| 330.0, 0.8);
        assert_eq!(narrow, mid, "{method:?}");
        assert!(none.iter().all(|x| *x == 0.0));
        let share = rms(&side) / rms(&mid);
        assert!(
            (0.1..0.8).contains(&share),
            "{method:?}: side is {share} of the middle"
        );
    }
    let (mid, side) = invert(&spec, RATE, PhaseMethod::F0Lock, &frames, |_| 330.0, 0.8);
    // Pan of the second partial in steps of a tenth of a second.
    let pans: Vec<f64> = (0..25)
        .map(|n| {
            let part = 4800 * n..4800 * n + 9600;
            let (m_re, m_im) = signals::demodulate(&mid[part.clone()], RATE, 660.0);
            let (s_re, s_im) = signals::demodulate(&side[part], RATE, 660.0);
            (s_re * m_re + s_im * m_im) / (m_re * m_re + m_im * m_im)
        })
        .collect();
    assert!(pans.iter().all(|pan| pan.abs() <= 0.82), "{pans:?}");
    assert!(
        pans.windows(2).all(|pair| (pair[0] - pair[1]).abs() < 0.3),
        "{pans:?}"
    );
    let range = pans.iter().copied().fold(f64::MIN, f64::max)
        - pans.iter().copied().fold(f64::MAX, f64::min);
    assert!(range > 0.1, "it does drift: {pans:?}");
}

#[test]
fn a_lookahead_voice_is_one_hop_later_and_otherwise_aligned() {
    let spec = spec(1024, 8);
    let sound = render(&harmonics(330.0, RATE, 6.0, 1), RATE, 0, 30_000);
    let frames = magnitudes(&spec, &sound);
    for method in METHODS {
        let voice = VoiceInverse::new(&spec, RATE as f32, method);
        assert_eq!(
            voice.frames_ahead(),
            spec.pre_centre_frames() + method.lookahead_frames()
        );
        let (back, _) = invert(&spec, RATE, method, &frames, |_| 330.0, 0.0);
        let convergence = spectral_convergence_db(&spec, &frames, &back);
        assert!(convergence < -20.0, "{method:?}: {convergence} dB");
    }
}
