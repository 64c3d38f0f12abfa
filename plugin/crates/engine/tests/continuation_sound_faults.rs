//! Continued sound where things go wrong: nonsense, lateness, resets, failures, hosts that jump.
#![allow(clippy::unwrap_used)]

mod support;

use afterimage_engine::continuation::{ContinuationChange, Ending, Quantise, Transport};
use afterimage_engine::{
    Engine, HostConfig, LatencyMode, Processor, RenderMode, Service, TimedEvent,
};
use support::sound::{
    BAR, BEAT, RATE_HZ, Repeats, SineOn, change, effect, hear, hear_in, lively, run_at, sine,
};
use support::{Rig, Working, peak};

/// Lead of sound at short blocks: 160 ms of comparison and 90 ms after it.
const LEAD: u64 = 12_000;

fn finite(rig: &Rig, sound: &support::Sound) {
    assert!(
        sound
            .left
            .iter()
            .chain(&sound.right)
            .all(|value| value.is_finite())
    );
    assert!(sound.peak() < 10.0);
    assert_eq!(rig.engine.monitor().counts().failed_decodes, 0);
}

#[test]
fn late_samples_are_counted_and_neither_gap_nor_return_clicks() {
    let mut rig = effect(RATE_HZ, 64, Box::new(SineOn::new(48_000, 440.0)));
    let input = sine(3 * BAR as usize, 440.0, RATE_HZ, 0.3);
    let events = run_at(0, Quantise::Bar);
    let from = (BAR + BEAT) / 64;
    let sleeps = Working::NotIn(from, from + 900);
    let sound = hear(&mut rig, &input, &events, || 64, sleeps);
    assert!(rig.engine.monitor().counts().late_samples > 10_000);
    let own = 0.3 * std::f32::consts::TAU * 440.0 / RATE_HZ as f32;
    assert!(sound.largest_step() < 1.6 * own, "{}", sound.largest_step());
    assert!(
        peak(&sound.left[(2 * BAR + BEAT) as usize..]) > 0.29,
        "it comes back"
    );
    // On the timeline: as if nothing had been missing.
    let mut in_time = effect(RATE_HZ, 64, Box::new(SineOn::new(48_000, 440.0)));
    let whole = hear_in(&mut in_time, &input, &events, 64);
    let last = (3 * BAR - BEAT) as usize..;
    assert_eq!(sound.left[last.clone()], whole.left[last]);
}

#[test]
fn nonsense_at_the_input_breaks_nothing() {
    let mut input = lively(4 * BAR as usize);
    for (at, sample) in input.iter_mut().enumerate().skip(BAR as usize / 2) {
        match at / 4_800 % 5 {
            0 => *sample = [f32::NAN, f32::INFINITY],
            1 => *sample = [1.0, 1.0], // stands still
            2 => *sample = [if at % 3 == 0 { 4.0 } else { -4.0 }; 2], // clipped noise, nearly
            3 => *sample = [0.0; 2],
            _ => {}
        }
    }
    let mut events = run_at(BEAT, Quantise::Beat);
    events.push((2 * BAR, change(ContinuationChange::Run(false))));
    events.push((2 * BAR, change(ContinuationChange::Run(true))));
    let mut rig = effect(RATE_HZ, 333, Box::new(Repeats::new(16_000)));
    let sound = hear_in(&mut rig, &input, &events, 333);
    finite(&rig, &sound);
    assert!(rig.engine.monitor().counts().non_finite_samples > 1_000);
}

#[test]
fn what_stands_still_does_not_stand_in_the_continuation() {
    let input = vec![[0.5; 2]; 4 * BAR as usize];
    let mut rig = effect(RATE_HZ, 256, Box::new(Repeats::new(48_000)));
    let sound = hear_in(&mut rig, &input, &run_at(BAR, Quantise::Bar), 256);
    assert!(peak(&sound.left[3 * BAR as usize..]) < 1e-3);
}

#[test]
fn a_reset_or_another_rate_ends_the_piece_and_listening_begins_anew() {
    let mut rig = effect(RATE_HZ, 256, Box::new(Repeats::new(22_050)));
    let input = lively(2 * BAR as usize);
    let first = hear_in(&mut rig, &input, &run_at(BEAT, Quantise::Beat), 256);
    rig.processor.reset();
    let again = hear_in(&mut rig, &input, &run_at(BEAT, Quantise::Beat), 256);
    again.assert_same(&first, "after a reset");
    let take = rig.engine.take_finished().unwrap();
    assert_eq!(take.ended, Ending::Reset);
    assert_eq!(take.audio[0].len() as u64, 2 * BAR - 2 * BEAT);
    for rate_hz in [44_100, 192_000, 48_000] {
        let config = HostConfig {
            latency_mode: LatencyMode::Instant,
            ..HostConfig::new(rate_hz, 256)
        };
        rig.processor.activate(config).unwrap();
        let sound = hear_in(&mut rig, &input, &run_at(BEAT, Quantise::Beat), 256);
        finite(&rig, &sound);
        if rate_hz == RATE_HZ {
            sound.assert_same(&first, "back at the first rate");
        }
    }
}

#[test]
fn another_continuer_waits_for_its_own_beginning_and_hears_what_was_heard() {
    let mut rig = effect(RATE_HZ, 256, Box::new(Repeats::new(48_000)));
    let input = lively(3 * BAR as usize);
    hear_in(
        &mut rig,
        &input[..BAR as usize],
        &run_at(0, Quantise::Beat),
        256,
    );
    rig.engine
        .set_continuer(Some(Box::new(Repeats::new(22_050))));
    let later = hear_in(&mut rig, &input[BAR as usize..], &[], 256);
    assert!(peak(&later.left[BAR as usize..]) == 0.0, "it is silent");
    let again = [
        (0, change(ContinuationChange::Run(false))),
        (10, change(ContinuationChange::Run(true))),
    ];
    let sound = hear_in(&mut rig, &input, &again, 256);
    assert!(peak(&sound.left[2 * BEAT as usize..]) > 0.05);
    assert_eq!(rig.engine.take_finished().unwrap().ended, Ending::Failed);
}

#[test]
fn a_continuer_that_fails_says_so_and_falls_silent() {
    let failing = Repeats {
        fails_after: Some(30_000),
        ..Repeats::new(48_000)
    };
    let mut rig = effect(RATE_HZ, 256, Box::new(failing));
    let input = lively(3 * BAR as usize);
    let sound = hear_in(&mut rig, &input, &run_at(BEAT, Quantise::Beat), 256);
    assert!(peak(&sound.left[2 * BAR as usize..]) < 1e-6);
    let error = rig.engine.monitor().last_error().unwrap().to_string();
    assert!(error.contains("told to"), "{error}");
}

#[test]
fn what_was_made_of_a_piece_outlives_the_instance() {
    let mut rig = effect(RATE_HZ, 256, Box::new(Repeats::new(22_050)));
    let input = lively(2 * BAR as usize);
    hear_in(&mut rig, &input, &run_at(BEAT, Quantise::Beat), 256);
    drop(rig.processor);
    rig.worker.lock().run_until_idle();
    let take = rig.engine.take_finished().unwrap();
    assert_eq!(take.ended, Ending::Reset);
    assert!(take.audio[0].len() as u64 >= 2 * BAR - 2 * BEAT);
}

#[test]
fn ramps_jumps_and_loops_of_the_host_leave_starts_on_its_bars_and_nothing_late() {
    let mut rig = effect(RATE_HZ, 480, Box::new(Repeats::new(22_050)));
    let input = lively(480);
    let mut events = run_at(0, Quantise::Bar);
    events.push((0, change(ContinuationChange::Bars(1))));
    events.push((0, change(ContinuationChange::TradeBars(1))));
    let mut position = 0.0;
    for block in 0..3_000_u64 {
        let tempo = 90.0 + (block % 700) as f64 / 10.0; // ramps, and falls back
        rig.processor.set_transport(&Transport {
            playing: true,
            tempo_bpm: Some(tempo),
            position_quarters: Some(position),
            bar_start_quarters: Some((position / 4.0_f64).floor() * 4.0),
            bar_quarters: Some(4.0),
        });
        let sound = hear_in(&mut rig, &input, &events, 480);
        finite(&rig, &sound);
        events.clear();
        position += 480.0 / f64::from(RATE_HZ) * tempo / 60.0;
        match block % 900 {
            299 => position -= 8.0,  // a loop
            599 => position += 5.37, // a jump
            _ => {}
        }
    }
    assert_eq!(rig.engine.monitor().counts().late_samples, 0);
    let takes: Vec<_> = std::iter::from_fn(|| rig.engine.take_finished()).collect();
    assert!(takes.len() >= 4, "{} takes", takes.len());
    for take in &takes {
        let quarters = take.place.position_quarters.unwrap();
        let from_bar = (quarters / 4.0 - (quarters / 4.0).round()).abs() * 4.0;
        assert!(from_bar < 0.02, "it starts at {quarters}");
        assert_eq!(take.ended, Ending::Length);
    }
}

#[test]
fn a_worker_that_slept_hears_silence_for_what_was_lost_and_all_is_counted() {
    let mut rig = effect(RATE_HZ, 64, Box::new(Repeats::new(48_000)));
    let input = lively(6 * BAR as usize);
    let sleeps = Working::NotIn(0, 4 * BAR / 64);
    let events = run_at(5 * BAR - 2 * LEAD, Quantise::Bar);
    let sound = hear(&mut rig, &input, &events, || 64, sleeps);
    let lost = rig.engine.monitor().counts().dropped_chunks;
    // The ring holds 32 spans of 4096; the span in which the worker wakes is lost to its end.
    assert_eq!(
        lost * 64,
        (4 * BAR - 32 * 4096).next_multiple_of(4096),
        "whole spans"
    );
    assert_eq!(
        rig.engine.monitor().counts().late_samples,
        0,
        "the next piece is on time"
    );
    finite(&rig, &sound);
}

#[test]
fn two_instances_do_not_hear_each_other() {
    let alone = |input: &[[f32; 2]]| {
        let mut rig = effect(RATE_HZ, 64, Box::new(Repeats::new(48_000)));
        hear_in(&mut rig, input, &run_at(BEAT, Quantise::Beat), 64)
    };
    let inputs = [
        lively(2 * BAR as usize),
        sine(2 * BAR as usize, 300.0, RATE_HZ, 0.4),
    ];
    let references = [alone(&inputs[0]), alone(&inputs[1])];
    let (service, mut worker) = Service::by_hand();
    let mut processors = inputs.each_ref().map(|_| {
        let engine = Engine::new(&service);
        engine.set_continuer(Some(Box::new(Repeats::new(48_000))));
        let mut processor = Processor::new(&engine);
        let config = HostConfig {
            latency_mode: LatencyMode::Instant,
            ..HostConfig::new(RATE_HZ, 64)
        };
        processor.activate(config).unwrap();
        processor.set_render(RenderMode::Live, false);
        processor
    });
    for from in (0..2 * BAR as usize).step_by(64) {
        for ((processor, input), reference) in processors.iter_mut().zip(&inputs).zip(&references) {
            let events: Vec<_> = run_at(BEAT, Quantise::Beat)
                .into_iter()
                .filter(|(at, _)| (from as u64..from as u64 + 64).contains(at))
                .map(|(at, event)| TimedEvent::new(at as u32 - from as u32, event))
                .collect();
            let [left, right] = [0, 1].map(|side| {
                input[from..from + 64]
                    .iter()
                    .map(|s| s[side])
                    .collect::<Vec<_>>()
            });
            let (mut out_left, mut out_right) = ([0.0; 64], [0.0; 64]);
            processor.process_heard(&[&left, &right], &mut out_left, &mut out_right, &events);
            assert_eq!(out_left, reference.left[from..from + 64]);
            assert_eq!(out_right, reference.right[from..from + 64]);
        }
        worker.run_until_idle();
    }
}

#[test]
fn a_continuer_that_is_too_slow_skips_what_is_old_and_is_there_again() {
    let mut rig = effect(RATE_HZ, 4096, Box::new(Repeats::new(48_000)));
    let input = lively(16 * RATE_HZ as usize);
    for (block, chunk) in input.chunks(4096).enumerate() {
        hear(&mut rig, chunk, &[], || 4096, Working::OnlyWhenWaitedFor);
        // An eighth of real time.
        rig.worker.lock().step();
        assert!(rig.engine.monitor().behind_s() < 10.2, "block {block}");
    }
    rig.work();
    assert!(rig.engine.monitor().counts().hearing_skips > 0);
    assert_eq!(rig.engine.monitor().counts().dropped_chunks, 0);
    let sound = hear_in(&mut rig, &input, &run_at(0, Quantise::Now), 4096);
    finite(&rig, &sound);
    assert_eq!(rig.engine.monitor().counts().late_samples, 0);
}

#[test]
fn a_thread_continues_sound_after_the_host_let_go_and_came_back() {
    let service = Service::threaded();
    let engine = Engine::new(&service);
    engine.set_continuer(Some(Box::new(Repeats::new(22_050))));
    let mut processor = Processor::new(&engine);
    processor.set_render(RenderMode::Wait, true);
    let input = lively(2 * BAR as usize);
    let mut sounds = Vec::new();
    for _ in 0..3 {
        let config = HostConfig {
            latency_mode: LatencyMode::Instant,
            ..HostConfig::new(RATE_HZ, 512)
        };
        processor.activate(config).unwrap();
        let mut events: Vec<_> = run_at(0, Quantise::Beat)
            .iter()
            .map(|(_, event)| TimedEvent::new(0, *event))
            .collect();
        let mut sound = Vec::new();
        for heard in input.chunks(512) {
            let left: Vec<_> = heard.iter().map(|s| s[0]).collect();
            let (mut out_left, mut out_right) = (vec![0.0; left.len()], vec![0.0; left.len()]);
            processor.process_heard(&[&left], &mut out_left, &mut out_right, &events);
            events.clear();
            sound.extend(out_left);
        }
        assert_eq!(engine.monitor().counts().late_samples, 0);
        assert_eq!(engine.monitor().counts().wait_timeouts, 0);
        sounds.push(sound);
        processor.deactivate();
        assert!(!service.is_running());
        assert_eq!(engine.take_finished().unwrap().ended, Ending::Reset);
    }
    assert_eq!(sounds[0], sounds[1]);
    assert_eq!(sounds[0], sounds[2]);
}
