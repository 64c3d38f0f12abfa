//! Continued sound: the switch on its sample, the seam, the same at any block size.
#![allow(clippy::unwrap_used)]

mod support;

use afterimage_engine::continuation::{ContinuationChange, Ending, InputWhilePlaying, Quantise};
use afterimage_engine::{Event, HostConfig, RenderMode, TimedEvent};
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
        assert_eq!(take.audio[0].len() as u32, rate_hz.div_ceil(2), "{what}");
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

#[test]
fn a_rest_begins_the_same_piece_at_any_block_size_however_late_it_was_run() {
    for run_before in [3 * BEAT, 200, 40] {
        let left = BAR + 5_001;
        let input = phrases(3 * BAR, &[(BEAT, left)]);
        let mut events = run_at(left - run_before, Quantise::Now);
        events.insert(0, (0, change(ContinuationChange::WhenStopped(true))));
        let heard_in = |block: usize| {
            let mut rig = effect(RATE_HZ, 1024, Box::new(Repeats::new(44_100)));
            let sound = hear_in(&mut rig, &input, &events, block);
            rig.processor.reset();
            rig.work();
            (sound, rig.engine.take_finished().unwrap())
        };
        let reference = heard_in(1024);
        assert!(reference.1.place.branch_sample.abs_diff(left) <= 480);
        for block in [32, 100, 333] {
            let (sound, take) = heard_in(block);
            assert_eq!(take.place, reference.1.place, "blocks of {block}");
            sound.assert_same(&reference.0, &format!("blocks of {block}"));
        }
    }
}

/// Wishes of every kind at arbitrary samples.
fn arbitrary_wishes(mut state: u64, samples: u64) -> Vec<(u64, Event)> {
    let mut draw = move |below: u64| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        (state >> 33) % below
    };
    let mut events = run_at(0, Quantise::Now);
    for _ in 0..60 {
        let wish = match draw(14) {
            0..=3 => ContinuationChange::Run(draw(3) > 0),
            4 => ContinuationChange::WhenStopped(draw(2) > 0),
            5 => ContinuationChange::UntilPlayed(draw(2) > 0),
            6 => ContinuationChange::TradeBars(draw(2) as u16),
            7 => ContinuationChange::Bars(draw(2) as u16),
            8 => ContinuationChange::Seconds(draw(3) as f32 * 0.3),
            9 => ContinuationChange::GateDb(-30.0 - draw(30) as f32),
            10 => ContinuationChange::TempoBpm(60.0 + draw(200) as f32),
            11 => ContinuationChange::FollowsHeard(draw(3) > 0),
            12 => ContinuationChange::InputWhilePlaying(if draw(2) > 0 {
                InputWhilePlaying::Heard
            } else {
                InputWhilePlaying::Muted
            }),
            _ => ContinuationChange::Quantise([Quantise::Now, Quantise::Beat][draw(2) as usize]),
        };
        events.push((draw(samples), change(wish)));
    }
    events.sort_by_key(|(at, _)| *at);
    events
}

#[test]
fn whatever_is_wished_for_and_when_no_block_size_is_heard() {
    let samples = 12 * RATE_HZ as u64;
    let mut input = lively(samples as usize);
    for (at, sample) in input.iter_mut().enumerate() {
        // Phrases of every length, and rests.
        if (at / 9_000 * 7) % 11 < 4 {
            *sample = [0.0; 2];
        }
    }
    let mut takes = 0;
    for seed in 0..6 {
        let events = arbitrary_wishes(seed, samples);
        let heard_in = |block: usize| {
            let mut rig = effect(RATE_HZ, 1024, Box::new(Repeats::new(22_050)));
            let sound = hear_in(&mut rig, &input, &events, block);
            rig.processor.reset();
            rig.work();
            let takes: Vec<_> = std::iter::from_fn(|| rig.engine.take_finished()).collect();
            let late = rig.engine.monitor().counts().late_samples;
            (sound, takes, late)
        };
        let reference = heard_in(1024);
        takes += reference.1.len();
        let mut offline = effect(RATE_HZ, 1024, Box::new(Repeats::new(22_050)));
        offline.processor.set_render(RenderMode::Wait, true);
        let waited = Working::OnlyWhenWaitedFor;
        let sound = hear(&mut offline, &input, &events, || 480, waited);
        sound.assert_same(&reference.0, &format!("seed {seed}, offline"));
        assert_eq!(offline.engine.monitor().counts().wait_timeouts, 0);
        for block in [64, 333] {
            let (sound, takes, late) = heard_in(block);
            assert_eq!(late, 0);
            let what = format!("seed {seed}, blocks of {block}");
            sound.assert_same(&reference.0, &what);
            for (take, expected) in takes.iter().zip(&reference.1) {
                assert_eq!(take.place, expected.place, "{what}");
            }
            assert_eq!(takes.len(), reference.1.len(), "{what}");
        }
    }
    assert!(takes > 15, "{takes} takes");
}
