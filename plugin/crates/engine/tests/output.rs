//! What leaves the engine is finite, limited and free of direct current.
#![allow(clippy::unwrap_used)]

mod support;

use afterimage_engine::{ControlChange, HostConfig};
use support::{Behaviour, MODEL_RATE_HZ, Rig, control, instrument, note_off, note_on, peak};

/// -0.3 dBFS, and a rounding.
const CEILING: f32 = 0.966_06;

#[test]
fn a_decoder_that_makes_nan_is_silent_and_counted() {
    let mut rig = Rig::with(
        HostConfig::new(48_000, 256),
        Some(instrument(Behaviour::NotANumber, MODEL_RATE_HZ)),
    );
    let sound = rig.play(&[(0, note_on(60, 1.0))], 20_000, 256);
    assert_eq!(sound.peak(), 0.0);
    assert!(rig.engine.monitor().counts().cleaned_values > 1_000);
}

#[test]
fn the_limiter_holds_its_ceiling_and_lets_quieter_sound_pass_untouched() {
    let chord: Vec<_> = (0..16)
        .map(|step| (0, note_on(40 + 3 * step as u8, 1.0)))
        .collect();
    let loud = |gain_db| {
        let mut rig = Rig::new(HostConfig::new(48_000, 256));
        let mut events = vec![(0, control(ControlChange::GainDb(gain_db)))];
        events.extend(&chord);
        let sound = rig.play(&events, 40_000, 256);
        (sound, rig.engine.monitor().counts().limited_samples)
    };
    let (limited, samples) = loud(24.0);
    assert!(samples > 10_000 && limited.peak() <= CEILING && limited.peak() > 0.9);
    // 20 dB apart and both below the ceiling: the same sound, scaled.
    let (quiet, none) = loud(-40.0);
    let (quieter, _) = loud(-60.0);
    assert_eq!(none, 0);
    let apart = quiet.left[20_000..].iter().zip(&quieter.left[20_000..]);
    assert!(apart.fold(0.0_f32, |worst, (a, b)| worst.max((a - 10.0 * b).abs())) < 1e-6);
}

#[test]
fn peaks_reach_the_monitor_and_reset_when_read() {
    let mut rig = Rig::new(HostConfig::new(48_000, 256));
    let sound = rig.play(&[(0, note_on(60, 1.0))], 20_000, 256);
    let (left, right) = rig.engine.monitor().take_peaks();
    assert_eq!((left, right), (peak(&sound.left), peak(&sound.right)));
    assert_eq!(rig.engine.monitor().take_peaks(), (0.0, 0.0));
    let mut recent = vec![0.0; 1_000];
    assert_eq!(rig.engine.monitor().recent_output(&mut recent), 20_000);
    let mono: Vec<_> = sound
        .left
        .iter()
        .zip(&sound.right)
        .skip(19_000)
        .map(|(left, right)| 0.5 * (left + right))
        .collect();
    assert_eq!(recent, mono);
}

#[test]
fn width_zero_is_mono_and_the_mono_sum_does_not_depend_on_width() {
    let at_width = |width| {
        let mut rig = Rig::new(HostConfig::new(48_000, 256));
        let events = [
            (0, control(ControlChange::Width(width))),
            (5_000, note_on(60, 0.5)),
            (15_000, note_off(60)),
        ];
        rig.play(&events, 30_000, 256)
    };
    let (mono, wide) = (at_width(0.0), at_width(2.0));
    assert_eq!(mono.left, mono.right);
    assert_ne!(wide.left, wide.right);
    let sums = mono
        .left
        .iter()
        .zip(&mono.right)
        .zip(wide.left.iter().zip(&wide.right));
    assert!(
        sums.fold(0.0_f32, |worst, ((a, b), (c, d))| worst
            .max((a + b - c - d).abs()))
            < 1e-6
    );
}
