//! What a snapshot was taken of and what goes on from it sound the same, bit for bit.
#![allow(clippy::unwrap_used, reason = "a test may stop")]
mod signals;

use afterimage_spectral::stft::magnitudes;
use afterimage_spectral::{PhaseMethod, StftSpec, SynthesisFrame, VoiceInverse};
use signals::{METHODS, harmonics, render, rms, spec};

const RATE: f64 = 48_000.0;
const F0_HZ: f32 = 330.0;

fn note(spec: &StftSpec, level: f64) -> Vec<f32> {
    let partials = harmonics(f64::from(F0_HZ), RATE, 6.0, 1);
    let mut frames = magnitudes(spec, &render(&partials, RATE, 0, 20_000));
    frames.iter_mut().for_each(|value| *value *= level as f32);
    frames
}

fn frame(magnitudes: &[f32]) -> SynthesisFrame<'_> {
    SynthesisFrame {
        magnitudes,
        pitch_hz: F0_HZ,
        spread: 0.4,
        gain: 1.0,
    }
}

/// Pushes frames up to what hop `hops - 1` needs and gives those hops, `[mid, side]` a hop.
fn play<'a>(
    voice: &mut VoiceInverse,
    frames: &mut impl Iterator<Item = &'a [f32]>,
    hop: usize,
    hops: std::ops::Range<usize>,
) -> Vec<f32> {
    let (mut mid, mut side, mut all) = (vec![0.0; hop], vec![0.0; hop], Vec::new());
    for index in hops {
        while (voice.frames_pushed() as usize) < index + voice.frames_ahead() + 1 {
            voice.push(frame(frames.next().unwrap()));
        }
        voice.pull_hop(&mut mid, &mut side);
        all.extend(mid.iter().chain(&side));
    }
    all
}

#[test]
fn a_voice_goes_on_from_a_snapshot_as_the_first_would_have() {
    for (fft_size, redundancy) in [(512, 4), (1024, 8), (2048, 8)] {
        let spec = spec(fft_size, redundancy);
        let frames = note(&spec, 1.0);
        for method in METHODS {
            for kept_after in [0, 1, 2, 5] {
                let columns = || frames.chunks_exact(spec.bins());
                let mut voice = VoiceInverse::new(&spec, RATE as f32, method);
                let mut other = VoiceInverse::new(&spec, RATE as f32, method);
                voice.start(7);
                let mut rest = columns();
                play(&mut voice, &mut rest, spec.hop(), 0..kept_after);
                let snapshot = voice.snapshot();
                // The other voice comes from another note: nothing of it may be left.
                other.start(99);
                play(&mut other, &mut columns().skip(3), spec.hop(), 0..4);
                other.restore(&snapshot, None);
                let mut also = rest.clone();
                let wanted = play(&mut voice, &mut rest, spec.hop(), kept_after..12);
                let found = play(&mut other, &mut also, spec.hop(), kept_after..12);
                assert!(rms(&wanted) > 1e-3, "something sounds");
                assert_eq!(
                    wanted, found,
                    "{method:?} {fft_size}/{redundancy} {kept_after}"
                );
            }
        }
    }
}

#[test]
fn two_snapshots_mix_by_their_share() {
    let spec = spec(1024, 8);
    let mut voice = VoiceInverse::new(&spec, RATE as f32, PhaseMethod::F0Lock);
    let mut kept = |level: f64| {
        let frames = note(&spec, level);
        voice.start(7);
        play(
            &mut voice,
            &mut frames.chunks_exact(spec.bins()),
            spec.hop(),
            0..2,
        );
        voice.snapshot()
    };
    let (loud, soft) = (kept(1.0), kept(0.5));
    let level = |share: f32| {
        let mut voice = VoiceInverse::new(&spec, RATE as f32, PhaseMethod::F0Lock);
        voice.restore(&loud, Some((&soft, share)));
        let (mut mid, mut side) = (vec![0.0; spec.hop()], vec![0.0; spec.hop()]);
        voice.pull_hop(&mut mid, &mut side);
        rms(&mid)
    };
    let (full, half, none) = (level(0.0), level(0.5), level(1.0));
    assert!((none / full - 0.5).abs() < 0.01, "{none} {full}");
    assert!((half / full - 0.75).abs() < 0.01, "{half} {full}");
}

#[test]
fn known_phases_are_the_ones_that_sound() {
    let spec = spec(1024, 8);
    let frames = note(&spec, 1.0);
    for method in [
        PhaseMethod::Rtpghi,
        PhaseMethod::RtpghiLookahead,
        PhaseMethod::Spsi,
    ] {
        let run = |known: bool| {
            let mut voice = VoiceInverse::new(&spec, RATE as f32, method);
            let phases = vec![0_u32; spec.bins()];
            let (mut mid, mut side) = (vec![0.0; spec.hop()], vec![0.0; spec.hop()]);
            for magnitudes in frames
                .chunks_exact(spec.bins())
                .take(voice.frames_ahead() + 1)
            {
                if known {
                    voice.push_known(frame(magnitudes), &phases);
                } else {
                    voice.push(frame(magnitudes));
                }
            }
            voice.pull_hop(&mut mid, &mut side);
            mid
        };
        let (known, found) = (run(true), run(false));
        // All phases zero about the centre of frame 0: an impulse there.
        let crest = f64::from(known[0].abs()) / rms(&known);
        assert!(crest > 4.0, "{method:?}: crest {crest}");
        assert_ne!(known, found, "negative control");
    }
}

#[test]
fn a_snapshot_is_small() {
    let spec = spec(2048, 8);
    let frames = note(&spec, 1.0);
    let mut voice = VoiceInverse::new(&spec, RATE as f32, PhaseMethod::F0Lock);
    play(
        &mut voice,
        &mut frames.chunks_exact(spec.bins()),
        spec.hop(),
        0..2,
    );
    let bytes = voice.snapshot().size_bytes();
    assert!((20_000..40_000).contains(&bytes), "{bytes} bytes");
}
