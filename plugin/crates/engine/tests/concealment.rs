//! A late frame is held and faded, counted, and never heard as a click.
#![allow(clippy::unwrap_used, clippy::disallowed_macros)]

mod support;

use afterimage_engine::{Counts, HostConfig, RenderMode};
use afterimage_spectral::StftSpec;
use afterimage_spectral::stft::magnitudes;
use support::{
    Behaviour, MODEL_RATE_HZ, Rig, Sound, Working, instrument, largest_step, note_off, note_on,
    peak,
};

/// Largest step between neighbouring samples, against the same notes in time. A cut of a sound at
/// its peak would step by more than ten times what the sound itself does.
const STEP_BOUND: f32 = 1.5;

fn chord() -> Vec<(u64, afterimage_engine::Event)> {
    vec![
        (100, note_on(48, 0.9)),
        (100, note_on(55, 0.9)),
        (3_000, note_on(64, 0.8)),
        (70_000, note_off(64)),
    ]
}

fn run(working: Working) -> (Sound, Counts) {
    let mut rig = Rig::new(HostConfig::new(48_000, 256));
    let sound = rig.render(&chord(), 96_000, || 256, working);
    let counts = rig.engine.monitor().counts();
    (sound, counts)
}

#[test]
fn a_stalled_worker_fades_the_voice_and_recovery_brings_it_back_without_a_click() {
    let (in_time, _) = run(Working::AfterEachBlock);
    let (stalled, counts) = run(Working::NotIn(100, 160));
    assert!(counts.late_frames > 0 && u64::from(stalled.missing) == counts.late_frames);
    assert!(
        counts.skipped_requests > 0,
        "what is past due is not worth decoding"
    );
    // 60 ms after the last frame and its window there is silence; the stall lasts 320 ms.
    assert!(peak(&stalled.left[100 * 256 + 10_000..160 * 256]) < 1e-3);
    assert!(peak(&stalled.left[80_000..]) > 0.3 * peak(&in_time.left[80_000..]));
    assert!(stalled.largest_step() < STEP_BOUND * in_time.largest_step());
}

#[test]
fn stop_and_go_is_concealed_and_counted() {
    let (in_time, counts) = run(Working::AfterEachBlock);
    assert_eq!(counts.late_frames, 0);
    for (from, to) in [(50, 53), (40, 47), (10, 30)] {
        let (gappy, counts) = run(Working::NotIn(from, to));
        assert!(counts.late_frames > 0, "stalled from {from} to {to}");
        assert!(
            gappy.largest_step() < STEP_BOUND * in_time.largest_step(),
            "stalled from {from} to {to}"
        );
    }
}

#[test]
fn a_worker_that_is_always_half_late_still_sounds() {
    // Lead of one block, worked every other block: about every other frame is late.
    let mut rig = Rig::new(HostConfig {
        lead_ms: 1.0,
        ..HostConfig::new(48_000, 256)
    });
    let sound = rig.render(&chord(), 48_000, || 256, Working::EveryOtherBlock);
    let (in_time, _) = run(Working::AfterEachBlock);
    assert!(sound.missing > 100);
    assert!(sound.peak() > 0.3 * in_time.peak());
    assert!(sound.largest_step() < STEP_BOUND * in_time.largest_step());
}

#[test]
fn the_bound_on_steps_catches_a_cut() {
    // Negative control: a voice that stops dead at its peak is above the bound.
    let (mut in_time, _) = run(Working::AfterEachBlock);
    let step = in_time.largest_step();
    let loudest =
        (20_000..40_000).max_by(|&a, &b| in_time.left[a].abs().total_cmp(&in_time.left[b].abs()));
    in_time.left[loudest.unwrap() + 1..].fill(0.0);
    assert!(largest_step(&in_time.left) > STEP_BOUND * step);
}

#[test]
fn a_decoder_that_fails_or_panics_is_reported_and_live_goes_on() {
    for behaviour in [Behaviour::Fails, Behaviour::Panics] {
        let mut rig = Rig::with(
            HostConfig::new(48_000, 256),
            Some(instrument(behaviour, MODEL_RATE_HZ)),
        );
        let sound = rig.play(&chord(), 20_000, 256);
        let counts = rig.engine.monitor().counts();
        assert!(counts.failed_decodes > 0 && counts.late_frames > 0);
        assert_eq!(sound.peak(), 0.0);
        let sentence = rig.engine.monitor().last_error().unwrap().to_string();
        assert!(
            sentence.contains("the decoder of 'test' failed"),
            "{sentence}"
        );
    }
}

#[test]
fn offline_does_not_wait_for_a_decoder_that_fails() {
    let mut rig = Rig::with(
        HostConfig::new(48_000, 256),
        Some(instrument(Behaviour::Fails, MODEL_RATE_HZ)),
    );
    rig.processor.set_render(RenderMode::Wait, false);
    rig.render(&chord(), 20_000, || 256, Working::OnlyWhenWaitedFor);
    assert_eq!(rig.engine.monitor().counts().wait_timeouts, 0);
}

#[test]
fn an_offline_wait_is_bounded_and_reported_once() {
    let mut rig = Rig::new(HostConfig::new(48_000, 256));
    let (service, idle_worker) = afterimage_engine::Service::by_hand();
    drop(service);
    *rig.worker.lock() = idle_worker; // the worker that had the link is gone
    rig.processor.set_render(RenderMode::Wait, false);
    let sound = rig.render(&chord(), 20_000, || 256, Working::OnlyWhenWaitedFor);
    let waited_s = rig.now_ns.load(std::sync::atomic::Ordering::Relaxed) as f64 * 1e-9;
    assert!((5.0..5.1).contains(&waited_s), "waited {waited_s} s");
    assert_eq!(rig.engine.monitor().counts().wait_timeouts, 1);
    assert!(sound.missing > 0);
}

#[test]
fn a_worker_that_never_works_leaves_silence_and_counts() {
    let mut rig = Rig::new(HostConfig::new(48_000, 256));
    let sound = rig.render(&chord(), 480_000, || 256, Working::NotIn(0, u64::MAX));
    let counts = rig.engine.monitor().counts();
    assert_eq!(sound.peak(), 0.0);
    assert!(
        counts.late_frames > 1_000 && counts.dropped_requests > 1_000,
        "{counts:?}"
    );
    // It comes back: the next note sounds.
    let on = rig.position;
    assert!(rig.play(&[(on, note_on(72, 0.8))], 24_000, 256).peak() > 0.02);
}

/// Rise of the spectrum above 8 kHz from frame to frame, `[frames]`: what a click raises.
fn flux_above_8_khz(samples: &[f32]) -> Vec<f64> {
    let spec = StftSpec::new(1024, 256).unwrap();
    let magnitudes = magnitudes(&spec, samples);
    let frames: Vec<&[f32]> = magnitudes.chunks_exact(spec.bins()).collect();
    let first_bin = 8_000 * spec.fft_size() / MODEL_RATE_HZ as usize;
    let rise = |pair: &[&[f32]]| {
        let bins = pair[0][first_bin..].iter().zip(&pair[1][first_bin..]);
        bins.map(|(before, after)| f64::from((after - before).max(0.0)))
            .sum()
    };
    frames.windows(2).map(rise).collect()
}

/// Largest flux between two samples over that of the same stretch without a fault, in decibels.
fn seam_flux_db(sound: &Sound, in_time: &Sound, from: usize, to: usize) -> f64 {
    let largest = |sound: &Sound| {
        let flux = flux_above_8_khz(&sound.left);
        flux[from / 256..to / 256]
            .iter()
            .fold(1e-9, |a: f64, b| a.max(*b))
    };
    20.0 * (largest(sound) / largest(in_time)).log10()
}

#[test]
fn seams_raise_no_more_flux_above_8_khz_than_the_sound_itself() {
    // Notes begin within the first 4000 samples and are held to 70 000: nothing else begins between.
    let (from, to) = (6_000, 68_000);
    let (in_time, _) = run(Working::AfterEachBlock);
    for (what, working) in [
        ("stalled for 320 ms", Working::NotIn(100, 160)),
        ("stalled for 16 ms", Working::NotIn(50, 53)),
        ("stalled for 107 ms", Working::NotIn(60, 80)),
    ] {
        let (sound, counts) = run(working);
        assert!(counts.late_frames > 0, "{what}");
        let flux_db = seam_flux_db(&sound, &in_time, from, to);
        println!("{what}: flux above 8 kHz at the seams {flux_db:+.1} dB of the sound's own");
        assert!(flux_db < 6.0, "{what}: {flux_db} dB");
    }
    let mut rig = Rig::new(HostConfig {
        lead_ms: 1.0,
        ..HostConfig::new(48_000, 256)
    });
    let slow = rig.render(&chord(), 96_000, || 256, Working::EveryOtherBlock);
    let flux_db = seam_flux_db(&slow, &in_time, from, to);
    println!("every other frame late: {flux_db:+.1} dB");
    assert!(flux_db < 6.0, "every other frame late: {flux_db} dB");
}

#[test]
fn the_measure_of_flux_finds_a_click() {
    // Negative control: a hop of silence cut into the sound.
    let (in_time, _) = run(Working::AfterEachBlock);
    let mut cut = in_time.clone();
    cut.left[30_000..30_256].fill(0.0);
    assert!(seam_flux_db(&cut, &in_time, 6_000, 68_000) > 20.0);
}
