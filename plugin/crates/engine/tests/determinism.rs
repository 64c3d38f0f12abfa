//! The same events give the same samples, whatever the blocks, the worker's pace and the lead.
#![allow(clippy::unwrap_used)]

mod support;

use std::sync::atomic::Ordering;

use afterimage_engine::{HostConfig, RenderMode};
use afterimage_spectral::{PhaseMethod, StftSpec};
use support::{Behaviour, Rig, Sound, Working, instrument, music, peak};

const SECONDS: f32 = 1.6;

fn host(rate_hz: u32, max_block: u32) -> HostConfig {
    HostConfig::new(rate_hz, max_block)
}

fn samples(rate_hz: u32) -> usize {
    (SECONDS * rate_hz as f32) as usize
}

fn render(config: HostConfig, block: usize) -> Sound {
    let rate_hz = config.sample_rate_hz;
    let sound = Rig::new(config).play(&music(SECONDS - 0.5, rate_hz), samples(rate_hz), block);
    assert_eq!(sound.missing, 0, "blocks of {block} at {rate_hz} Hz");
    assert!(sound.peak() > 0.05, "there is sound");
    sound
}

/// Block sizes that no grid explains, from a fixed sequence.
fn mixed() -> impl FnMut() -> usize {
    let mut state = 9_u64;
    move || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        [1, 7, 32, 64, 333, 512, 1024, 2048][(state >> 61) as usize]
    }
}

#[test]
fn output_is_bit_identical_at_any_block_size() {
    for rate_hz in [48_000, 44_100] {
        let reference = render(host(rate_hz, 8192), 8192);
        for block in [1, 32, 64, 333, 512, 1024] {
            let sound = render(host(rate_hz, 8192), block);
            sound.assert_same(&reference, &format!("blocks of {block} at {rate_hz} Hz"));
        }
        let mut rig = Rig::new(host(rate_hz, 8192));
        let sound = rig.render(
            &music(SECONDS - 0.5, rate_hz),
            samples(rate_hz),
            mixed(),
            Working::AfterEachBlock,
        );
        sound.assert_same(&reference, &format!("mixed blocks at {rate_hz} Hz"));
    }
}

#[test]
fn announced_block_and_lead_shift_the_sound_and_change_none_of_it() {
    for rate_hz in [48_000, 96_000] {
        let reference = render(host(rate_hz, 8192), 8192);
        let late = Rig::new(host(rate_hz, 8192)).latency.total_samples as usize;
        for (max_block, lead_ms) in [(32, 10.0), (64, 3.7), (512, 10.0), (1024, 40.0), (333, 1.0)] {
            let config = HostConfig {
                lead_ms,
                ..host(rate_hz, max_block)
            };
            let sound = render(config, max_block as usize);
            let early = Rig::new(config).latency.total_samples as usize;
            let difference = sound.first_difference(&reference, (early, late));
            assert_eq!(
                difference, None,
                "lead {lead_ms} ms, blocks of {max_block} at {rate_hz} Hz"
            );
        }
    }
}

#[test]
fn a_frame_of_lookahead_is_independent_of_lead_and_arrival() {
    let play = |max_block: u32, lead_ms: f32, working: Working| {
        let mut instrument = instrument(Behaviour::Partials, 48_000);
        instrument.spec.phase = PhaseMethod::RtpghiLookahead;
        let config = HostConfig {
            lead_ms,
            ..host(48_000, max_block)
        };
        let mut rig = Rig::with(config, Some(instrument));
        let latency = rig.latency.total_samples as usize;
        let sound = rig.render(&music(0.5, 48_000), 40_000, || max_block as usize, working);
        assert_eq!(sound.missing, 0);
        (sound, latency)
    };
    let (reference, late) = play(2048, 40.0, Working::AfterEachBlock);
    assert!(reference.peak() > 0.01);
    for (max_block, lead_ms) in [(32, 10.0), (64, 3.7), (512, 10.0), (333, 1.0)] {
        let (sound, early) = play(max_block, lead_ms, Working::AfterEachBlock);
        let difference = sound.first_difference(&reference, (early, late));
        assert_eq!(difference, None, "lead {lead_ms} ms, blocks of {max_block}");
    }
    let (sound, early) = play(256, 40.0, Working::EveryOtherBlock);
    let difference = sound.first_difference(&reference, (early, late));
    assert_eq!(difference, None, "a worker that works in every other block");
}

#[test]
fn offline_waiting_equals_live_in_time() {
    let live = render(host(48_000, 256), 256);
    for block in [1, 64, 256] {
        let mut rig = Rig::new(host(48_000, 256));
        rig.processor.set_render(RenderMode::Wait, false);
        let events = music(SECONDS - 0.5, 48_000);
        let sound = rig.render(
            &events,
            samples(48_000),
            || block,
            Working::OnlyWhenWaitedFor,
        );
        assert_eq!(sound.missing, 0);
        sound.assert_same(&live, &format!("offline in blocks of {block}"));
        assert_eq!(rig.engine.monitor().counts().wait_timeouts, 0);
    }
}

#[test]
fn a_worker_that_steps_early_or_late_within_the_lead_changes_nothing() {
    let config = HostConfig {
        lead_ms: 40.0,
        ..host(48_000, 256)
    };
    let early = render(config, 256);
    // Withheld for two blocks of 256 each third one: still within 40 ms.
    let mut rig = Rig::new(config);
    let events = music(SECONDS - 0.5, 48_000);
    let late = rig.render(&events, samples(48_000), || 256, Working::EveryOtherBlock);
    assert_eq!(late.missing, 0);
    late.assert_same(&early, "a worker that works in every other block");
}

#[test]
fn an_event_that_moved_is_told_apart() {
    // Negative control: the comparison above is not blind.
    let reference = render(host(48_000, 512), 512);
    let mut events = music(SECONDS - 0.5, 48_000);
    let moved = events.iter().position(|(at, _)| *at > 20_000).unwrap();
    events[moved].0 += 300;
    events.sort_by_key(|(at, _)| *at);
    let sound = Rig::new(host(48_000, 512)).play(&events, samples(48_000), 512);
    assert!(sound.first_difference(&reference, (0, 0)).is_some());
}

#[test]
fn reset_makes_a_run_repeat_itself() {
    let mut rig = Rig::new(host(44_100, 512));
    let events = music(0.8, 44_100);
    let mut again = || {
        rig.processor.reset();
        rig.position = 0;
        rig.play(&events, 44_100, 512)
    };
    again(); // knobs stay where a run leaves them: the first begins from elsewhere
    let (second, third) = (again(), again());
    assert!(second.peak() > 0.05);
    third.assert_same(&second, "after reset");
}

#[test]
fn every_phase_method_and_hop_is_independent_of_blocks() {
    let methods = [
        PhaseMethod::F0Lock,
        PhaseMethod::Rtpghi,
        PhaseMethod::RtpghiLookahead,
        PhaseMethod::Spsi,
    ];
    for (method, (fft_size, hop)) in
        methods
            .into_iter()
            .zip([(2048, 512), (1024, 128), (2048, 256), (512, 64)])
    {
        let play = |block: u32| {
            let mut instrument = instrument(Behaviour::Partials, 48_000);
            instrument.spec.stft = StftSpec::new(fft_size, hop).unwrap();
            instrument.spec.phase = method;
            let mut rig = Rig::with(host(48_000, 1024), Some(instrument));
            rig.play(&music(0.5, 48_000), 60_000, block as usize)
        };
        let reference = play(1024);
        assert!(
            reference.peak() > 0.01 && reference.missing == 0,
            "{method:?}"
        );
        for block in [1, 333] {
            play(block).assert_same(
                &reference,
                &format!("{method:?} {fft_size}/{hop} in blocks of {block}"),
            );
        }
        assert_eq!(peak(&reference.left[59_900..]), 0.0, "{method:?} ends");
    }
}

#[test]
fn auto_waits_when_the_host_says_offline_or_blocks_come_too_fast() {
    let mut rig = Rig::new(host(48_000, 480));
    rig.processor.set_render(RenderMode::Auto, false);
    let mut run = |blocks: u32, ns_a_block: u64| {
        let mut waited = false;
        for _ in 0..blocks {
            rig.processor.process(&mut [0.0; 480], &mut [0.0; 480], &[]);
            rig.now_ns.fetch_add(ns_a_block, Ordering::Relaxed);
            waited = rig.engine.monitor().is_waiting_render();
        }
        waited
    };
    assert!(!run(100, 10_000_000), "in real time");
    assert!(run(100, 1_000_000), "ten times as fast");
    assert!(!run(100, 10_000_000), "in real time again");
    rig.processor.set_render(RenderMode::Auto, true);
    rig.processor.process(&mut [0.0; 480], &mut [0.0; 480], &[]);
    assert!(rig.engine.monitor().is_waiting_render(), "the host's word");
    rig.processor.set_render(RenderMode::Live, true);
    rig.processor.process(&mut [0.0; 480], &mut [0.0; 480], &[]);
    assert!(
        !rig.engine.monitor().is_waiting_render(),
        "live never waits"
    );
}

#[test]
fn halves_go_to_the_threads_they_are_made_for() {
    fn send<T: Send>() {}
    fn shared<T: Send + Sync>() {}
    send::<afterimage_engine::Processor>();
    send::<afterimage_engine::Worker>();
    shared::<afterimage_engine::Engine>();
    shared::<afterimage_engine::Monitor>();
    shared::<afterimage_engine::Service>();
}
