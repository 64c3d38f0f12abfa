//! Continued sound: the switch on its sample, the seam, the same at any block size, never broken.
#![allow(clippy::unwrap_used)]

mod support;

use afterimage_engine::continuation::{
    ContinuationChange, Ending, InputWhilePlaying, Quantise, Transport,
};
use afterimage_engine::{
    Engine, Event, HostConfig, LatencyMode, Processor, RenderMode, Service, TimedEvent,
};
use support::sound::{
    BAR, BEAT, RATE_HZ, Repeats, SineOn, change, effect, hear, hear_in, lively, run_at, sine,
};
use support::{Rig, Working, largest_step, peak};

/// Lead of sound at short blocks: 160 ms of comparison and 90 ms after it.
const LEAD: u64 = 12_000;
/// Half of the switch.
const HALF: u64 = 480;

fn seconds(seconds: f32) -> Event {
    change(ContinuationChange::Seconds(seconds))
}

#[test]
fn continued_sound_is_the_same_at_any_block_size_live_and_offline() {
    for continuer_rate in [48_000, 22_050] {
        let input = lively(4 * BAR as usize);
        let mut events = run_at(BAR + 777, Quantise::Beat);
        events.insert(0, (0, change(ContinuationChange::Bars(1))));
        events.insert(0, (0, change(ContinuationChange::TradeBars(1))));
        let label = ContinuationChange::Label { index: 0, label: 3 };
        events.push((BAR + 3 * BEAT + 5, change(label)));
        let heard = ContinuationChange::InputWhilePlaying(InputWhilePlaying::Heard);
        events.push((BAR + 4 * BEAT + 17, change(heard)));
        let rig = || effect(RATE_HZ, 1024, Box::new(Repeats::new(continuer_rate)));
        let mut reference_rig = rig();
        let reference = hear_in(&mut reference_rig, &input, &events, 1024);
        let take = reference_rig.engine.take_finished().unwrap();
        assert_eq!(reference_rig.engine.monitor().counts().late_samples, 0);
        let mut sizes = [1, 700, 64, 333, 1024, 5].into_iter().cycle();
        for block in [32, 64, 333] {
            let mut rig = rig();
            let sound = hear_in(&mut rig, &input, &events, block);
            sound.assert_same(&reference, &format!("blocks of {block}"));
            assert_eq!(rig.engine.take_finished().unwrap(), take);
        }
        let mixed = || sizes.next().unwrap();
        let sound = hear(&mut rig(), &input, &events, mixed, Working::EveryOtherBlock);
        sound.assert_same(&reference, "mixed blocks, a slow worker");
        let mut waiting = rig();
        waiting.processor.set_render(RenderMode::Wait, true);
        let offline = Working::OnlyWhenWaitedFor;
        let sound = hear(&mut waiting, &input, &events, || 1024, offline);
        sound.assert_same(&reference, "offline");
        assert_eq!(waiting.engine.take_finished().unwrap(), take);
    }
}

#[test]
fn a_sine_goes_on_as_if_nothing_had_happened() {
    for (rate_hz, continuer_rate) in [
        (48_000, 48_000),
        (48_000, 22_050),
        (44_100, 24_000),
        (96_000, 16_000),
    ] {
        let mut rig = effect(rate_hz, 256, Box::new(SineOn::new(continuer_rate, 440.0)));
        let second = rate_hz as usize;
        let input = sine(4 * second, 440.0, rate_hz, 0.5);
        let events = run_at(second as u64 + 123, Quantise::Now);
        let sound = hear_in(&mut rig, &input, &events, 256);
        assert_eq!(rig.engine.monitor().counts().late_samples, 0);
        // No step is larger than the sine's own, nowhere: at the switch the two are one.
        let own = largest_step(&input.iter().map(|s| s[0]).collect::<Vec<_>>());
        let step = sound.largest_step();
        assert!(
            step < 1.02 * own,
            "{rate_hz}/{continuer_rate}: {step} against {own}"
        );
        // The level holds within a tenth of a decibel, through the switch and a second later.
        for from in (second..2 * second + second / 2).step_by(second / 100) {
            let period = &sound.left[from..from + rate_hz as usize / 55];
            let level = peak(period);
            assert!(
                (0.49..0.51).contains(&level),
                "{rate_hz}/{continuer_rate} at {from}: {level}"
            );
        }
    }
}

#[test]
fn the_switch_is_centred_on_the_very_sample_and_back() {
    let mut rig = effect(RATE_HZ, 64, Box::new(Repeats::new(48_000)));
    // What is heard stops being what was told after the branch: the two can be told apart.
    let starts = BAR;
    let ends = starts + RATE_HZ as u64;
    let input: Vec<_> = (0..3 * BAR)
        .map(|at| {
            if at < starts - LEAD {
                [0.2, 0.2]
            } else {
                [-0.2, -0.2]
            }
        })
        .collect();
    let mut events = run_at(BEAT, Quantise::Bar);
    events.insert(0, (0, seconds(1.0)));
    let sound = hear_in(&mut rig, &input, &events, 64);
    let kept = |at: u64| sound.left[at as usize].to_bits() == input[at as usize][0].to_bits();
    assert!((0..starts - HALF).all(kept));
    assert!((ends + HALF..3 * BAR).all(kept));
    assert!((starts - HALF + 10..ends + HALF - 10).all(|at| !kept(at)));
}

#[test]
fn the_continuation_starts_on_the_grid_and_its_take_there_too() {
    for (quantise, starts) in [
        (Quantise::Bar, BAR),
        (Quantise::Beat, 2 * BEAT),
        (Quantise::Now, BEAT + 100 + LEAD),
    ] {
        let mut rig = effect(RATE_HZ, 256, Box::new(Repeats::new(48_000)));
        let mut events = run_at(BEAT + 100, quantise);
        events.insert(0, (0, change(ContinuationChange::Seed(9))));
        events.insert(0, (0, seconds(0.7)));
        hear_in(&mut rig, &lively(3 * BAR as usize), &events, 256);
        let take = rig.engine.take_finished().unwrap();
        assert_eq!(take.place.start_sample, starts, "{quantise:?}");
        assert_eq!(take.place.branch_sample, starts - LEAD);
        assert_eq!((take.start.seed, take.ended), (9, Ending::Length));
        // Now, without a host's tempo, is free time.
        let quarter = if quantise == Quantise::Now { 0 } else { BEAT };
        assert_eq!(take.start.quarter_samples, quarter as f32);
        assert!(take.audio.iter().all(|channel| channel.len() == 33_600));
        assert_eq!(take.priming.len() as u64, starts - LEAD);
    }
}

#[test]
fn what_is_heard_is_what_the_take_holds() {
    let mut rig = effect(RATE_HZ, 128, Box::new(Repeats::new(22_050)));
    let mut events = run_at(BAR, Quantise::Beat);
    events.insert(0, (0, change(ContinuationChange::Bars(1))));
    let sound = hear_in(&mut rig, &lively(3 * BAR as usize), &events, 128);
    let take = rig.engine.take_finished().unwrap();
    let starts = take.place.start_sample as usize;
    assert_eq!(take.audio.len(), 2, "left is louder than right");
    assert_eq!(take.audio[0].len(), BAR as usize);
    let range = HALF as usize..BAR as usize - HALF as usize;
    assert_eq!(
        sound.left[starts..][range.clone()],
        take.audio[0][range.clone()]
    );
    assert_eq!(sound.right[starts..][range.clone()], take.audio[1][range]);
    assert!(peak(&take.audio[0]) > 0.1);
}

/// Blocks of 256 in which the output is loud.
fn loud(sound: &[f32]) -> Vec<u64> {
    let blocks = sound.chunks(256).enumerate();
    blocks
        .filter(|(_, block)| peak(block) > 0.02)
        .map(|(index, _)| index as u64 * 256)
        .collect()
}

/// A tone from one sample to another, silence around it.
fn phrases(samples: u64, phrases: &[(u64, u64)]) -> Vec<[f32; 2]> {
    let tone = sine(samples as usize, 440.0, RATE_HZ, 0.3);
    let plays = |at: u64| phrases.iter().any(|(from, to)| (*from..*to).contains(&at));
    tone.iter()
        .zip(0..)
        .map(|(value, at)| if plays(at) { *value } else { [0.0; 2] })
        .collect()
}

#[test]
fn it_waits_until_the_input_rests_and_ends_when_it_returns() {
    let mut events = run_at(0, Quantise::Beat);
    events.insert(0, (0, change(ContinuationChange::WhenStopped(true))));
    events.insert(0, (0, change(ContinuationChange::UntilPlayed(true))));
    let left = BAR + BEAT / 4;
    let returns = 3 * BAR + BEAT / 4;
    let input = phrases(5 * BAR, &[(BEAT, left), (returns, returns + BEAT / 4)]);
    let mut rig = effect(RATE_HZ, 256, Box::new(SineOn::new(48_000, 440.0)));
    let sound = hear_in(&mut rig, &input, &events, 256);
    let loud = loud(&sound.left);
    let silent = |from: u64, to: u64| loud.iter().all(|at| !(from..to).contains(&(at + 128)));
    assert!(silent(0, BEAT - 256) && silent(left + 512, BAR + 2 * BEAT - 1_024));
    assert!(
        !silent(BAR + 2 * BEAT - 256, BAR + 2 * BEAT + 256),
        "on the beat after the rest"
    );
    let take = rig.engine.take_finished().unwrap();
    assert_eq!(take.place.start_sample, BAR + 2 * BEAT);
    assert!(
        take.place.branch_sample.abs_diff(left) <= 480,
        "it goes on from where it was left"
    );
    assert_eq!(take.ended, Ending::Stopped);
    let length = returns - take.place.start_sample;
    assert!((take.audio[0].len() as u64).abs_diff(length) <= 480);
    assert!(!silent(4 * BAR, 5 * BAR), "it answers again");
}

#[test]
fn a_rest_within_a_phrase_is_no_end_of_it() {
    let mut events = run_at(0, Quantise::Now);
    events.insert(0, (0, change(ContinuationChange::WhenStopped(true))));
    let input = phrases(3 * BAR, &[(0, BEAT), (BEAT + BEAT / 2, 2 * BEAT)]);
    let mut rig = effect(RATE_HZ, 64, Box::new(SineOn::new(48_000, 440.0)));
    hear_in(&mut rig, &input, &events, 64);
    rig.processor.reset();
    rig.work();
    let take = rig.engine.take_finished().unwrap();
    assert!(take.place.branch_sample.abs_diff(2 * BEAT) <= 480);
    assert_eq!(rig.engine.take_finished(), None);
}

#[test]
fn player_and_continuer_trade_bars_with_another_piece_each_time() {
    let mut events = run_at(0, Quantise::Bar);
    events.insert(0, (0, change(ContinuationChange::Bars(1))));
    events.insert(0, (0, change(ContinuationChange::TradeBars(2))));
    let mut rig = effect(RATE_HZ, 256, Box::new(Repeats::new(24_000)));
    hear_in(&mut rig, &lively(8 * BAR as usize), &events, 256);
    let takes: Vec<_> = std::iter::from_fn(|| rig.engine.take_finished()).collect();
    let starts: Vec<_> = takes.iter().map(|take| take.place.start_sample).collect();
    assert_eq!(starts, [BAR, 4 * BAR, 7 * BAR]);
    let seeds: Vec<_> = takes.iter().map(|take| take.start.seed).collect();
    assert_eq!(seeds, [0, 1, 2]);
    let lengths: Vec<_> = takes
        .iter()
        .map(|take| take.audio[0].len() as u64)
        .collect();
    assert_eq!(lengths, [BAR; 3]);
}

#[test]
fn the_input_goes_on_beside_it_when_it_is_to_be_heard() {
    let input = sine(3 * BAR as usize, 440.0, RATE_HZ, 0.2);
    let render = |way| {
        let mut events = run_at(BEAT, Quantise::Bar);
        events.insert(0, (0, change(ContinuationChange::InputWhilePlaying(way))));
        let mut rig = effect(RATE_HZ, 256, Box::new(SineOn::new(48_000, 440.0)));
        hear_in(&mut rig, &input, &events, 256)
    };
    let last = 2 * BAR as usize..;
    let muted = peak(&render(InputWhilePlaying::Muted).left[last.clone()]);
    let heard = peak(&render(InputWhilePlaying::Heard).left[last]);
    assert!((muted - 0.2).abs() < 0.01, "{muted}");
    assert!((heard - 0.4).abs() < 0.02, "{heard}");
}

#[test]
fn from_nothing_it_needs_no_input() {
    let mut rig = effect(RATE_HZ, 256, Box::new(Repeats::new(48_000)));
    let mut events = run_at(BEAT, Quantise::Bar);
    events.insert(1, (0, change(ContinuationChange::FollowsHeard(false))));
    events.retain(|(_, event)| *event != change(ContinuationChange::FollowsHeard(true)));
    let sound = rig.play(&events, 2 * BAR as usize, 256);
    assert!(peak(&sound.left[..(BAR - HALF) as usize]) == 0.0);
    assert!(peak(&sound.left[BAR as usize..]) > 0.2);
}

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
fn in_exact_mode_all_of_it_comes_later_by_what_is_reported() {
    let input = lively(3 * BAR as usize);
    let events = run_at(BEAT, Quantise::Bar);
    let at_once = hear_in(
        &mut effect(RATE_HZ, 256, Box::new(Repeats::new(22_050))),
        &input,
        &events,
        256,
    );
    let mut later = Rig::with(HostConfig::new(RATE_HZ, 256), None);
    let continuer = Box::new(Repeats::new(22_050));
    later.engine.set_continuer(Some(continuer));
    let latency = later.latency.reported_samples as usize;
    assert!(latency > 0);
    let sound = hear_in(&mut later, &input, &events, 256);
    assert_eq!(sound.first_difference(&at_once, (latency, 0)), None);
}

#[test]
fn beside_an_instrument_the_continuation_is_added_and_the_input_is_not() {
    let input = lively(3 * BAR as usize);
    let events = run_at(BEAT, Quantise::Bar);
    let mut rig = effect(RATE_HZ, 256, Box::new(Repeats::new(48_000)));
    let instrument = support::instrument(support::Behaviour::Partials, support::MODEL_RATE_HZ);
    rig.engine.load(instrument).unwrap();
    let mut sound = Vec::new();
    for (block, heard) in input.chunks(256).enumerate() {
        let from = block as u64 * 256;
        let now: Vec<_> = events
            .iter()
            .filter(|(at, _)| (from..from + 256).contains(at))
            .map(|(at, event)| TimedEvent::new((at - from) as u32, *event))
            .collect();
        let [left, right] = [0, 1].map(|side| heard.iter().map(|s| s[side]).collect::<Vec<_>>());
        let (mut out_left, mut out_right) = ([0.0; 256], [0.0; 256]);
        rig.processor
            .process_beside(&[&left, &right], &mut out_left, &mut out_right, &now);
        sound.extend(out_left);
        rig.work();
    }
    assert_eq!(peak(&sound[..(BAR - HALF) as usize]), 0.0);
    rig.processor.reset();
    rig.work();
    let take = rig.engine.take_finished().unwrap();
    let whole = (BAR + HALF) as usize..3 * BAR as usize;
    let kept = &take.audio[0][HALF as usize..][..whole.len()];
    assert_eq!(sound[whole], *kept);
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

#[test]
fn beats_stay_on_the_beat_across_the_switch_at_any_rate_of_the_continuer() {
    for continuer_rate in [48_000, 22_050, 44_100] {
        let mut beats = Repeats::new(continuer_rate);
        beats.spec.context_samples = continuer_rate as usize / 2; // one beat
        let mut rig = effect(RATE_HZ, 128, Box::new(beats));
        let click =
            |at: u64| (-((at % BEAT) as f32) / 200.0).exp() * ((at % BEAT) as f32 * 0.3).sin();
        let input: Vec<_> = (0..4 * BAR)
            .map(|at| [if at < BAR + 10 { 0.7 * click(at) } else { 0.0 }; 2])
            .collect();
        let sound = hear_in(&mut rig, &input, &run_at(BEAT, Quantise::Bar), 128);
        let mut onsets = Vec::new();
        for (at, value) in sound.left.iter().enumerate() {
            let rested = onsets.last().is_none_or(|last| at - last > 4_800);
            if value.abs() > 0.2 && rested {
                onsets.push(at);
            }
        }
        assert_eq!(onsets.len(), 16, "{onsets:?}");
        for (beat, onset) in onsets.iter().enumerate() {
            let late = *onset as i64 - beat as i64 * BEAT as i64;
            assert!(
                late.abs() < 48,
                "{continuer_rate}: beat {beat} is off by {late} samples"
            );
        }
    }
}

#[test]
fn every_pair_of_rates_and_every_longest_block_is_on_time_live_and_offline() {
    for (rate_hz, continuer_rate, longest) in [
        (44_100, 16_000, 512),
        (192_000, 8_000, 2_048),
        (48_000, 44_100, 8_192),
        (22_050, 48_000, 100),
        (47_999, 44_100, 256),
    ] {
        let input = lively(2 * rate_hz as usize);
        let mut events = run_at(u64::from(rate_hz) / 3, Quantise::Now);
        events.insert(0, (0, seconds(0.5)));
        let rig = || effect(rate_hz, longest, Box::new(Repeats::new(continuer_rate)));
        let mut live = rig();
        let reference = hear_in(&mut live, &input, &events, longest);
        let what = format!("{rate_hz}/{continuer_rate} Hz, {longest} samples");
        assert_eq!(live.engine.monitor().counts().late_samples, 0, "{what}");
        let take = live.engine.take_finished().unwrap();
        assert_eq!(take.audio[0].len() as u32, (rate_hz + 1) / 2, "{what}");
        let mut offline = rig();
        offline.processor.set_render(RenderMode::Wait, true);
        let block = || 97;
        let sound = hear(
            &mut offline,
            &input,
            &events,
            block,
            Working::OnlyWhenWaitedFor,
        );
        sound.assert_same(&reference, &what);
        assert_eq!(offline.engine.monitor().counts().wait_timeouts, 0, "{what}");
    }
}
