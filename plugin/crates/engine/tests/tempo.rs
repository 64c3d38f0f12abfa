//! Musical time without a host's transport: from what is played, from taps, from a MIDI clock.
#![allow(clippy::unwrap_used)]

mod support;

use afterimage_engine::continuation::{
    ClockMessage, ContinuationChange, Quantise, Source, TempoFrom, TempoSource, Transport,
};
use afterimage_engine::{Event, MusicalTime};
use support::notes::{leaving, ons, play, rig as instrument_rig, run_at};
use support::sound::{RATE_HZ, Repeats, change, effect, hear, hear_in, run_at as run_sound_at};
use support::{Rig, Working, note_on};

const SECOND: u64 = RATE_HZ as u64;
/// Below this nothing locks.
const LOCKS: f32 = 0.25;

/// What comes at a beat and a share of it.
#[derive(Clone, Copy)]
struct Hit {
    beat: f64,
    level: f32,
    /// A drum of this frequency, or a hiss.
    hz: Option<f64>,
}

fn hit(beat: f64, level: f32) -> Hit {
    Hit {
        beat,
        level,
        hz: None,
    }
}

fn noise(state: &mut u32) -> f32 {
    *state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
    (*state >> 8) as f32 / 8_388_608.0 - 1.0
}

/// A pattern of one or more beats again and again, its first beat at `from` seconds.
fn drummed(bpm: f64, pattern: &[Hit], beats: f64, (from, seconds): (f64, f64)) -> Vec<[f32; 2]> {
    let mut sound = vec![[0.0_f32; 2]; (seconds * f64::from(RATE_HZ)) as usize];
    let mut state = 7;
    let rounds = (seconds * bpm / 60.0 / beats) as usize + 1;
    for round in 0..rounds {
        for hit in pattern {
            let beat = round as f64 * beats + hit.beat;
            let at = ((from + beat * 60.0 / bpm) * f64::from(RATE_HZ)).round() as usize;
            for since in 0..4_800 {
                let Some(sample) = sound.get_mut(at + since) else {
                    break;
                };
                let seconds = since as f64 / f64::from(RATE_HZ);
                let value = match hit.hz {
                    Some(hz) => (std::f64::consts::TAU * hz * seconds).sin() as f32,
                    None => noise(&mut state),
                };
                let fade = (-seconds / 0.015).exp() as f32;
                for side in sample {
                    *side += hit.level * value * fade;
                }
            }
        }
    }
    sound
}

fn follow() -> Event {
    change(ContinuationChange::TempoSource(TempoSource::Follow))
}

fn follower() -> Rig {
    effect(RATE_HZ, 512, Box::new(Repeats::new(48_000)))
}

/// Where musical time stands after an input was heard and followed.
fn followed(input: &[[f32; 2]]) -> MusicalTime {
    let mut rig = follower();
    let sound = change(ContinuationChange::Source(Source::Sound));
    hear_in(&mut rig, input, &[(0, sound), (0, follow())], 512);
    rig.engine.monitor().musical_time()
}

/// Milliseconds from the nearest beat of `bpm` from `first` seconds on, where ours is at `now` seconds.
fn beat_error_ms(time: &MusicalTime, now: f64, bpm: f64, first: f64) -> f64 {
    let true_phase = ((now - first) * bpm / 60.0).rem_euclid(1.0);
    let phase = f64::from(time.bar_tick) / 24.0;
    let off = (phase - true_phase).rem_euclid(1.0);
    off.min(1.0 - off) * 60_000.0 / bpm
}

#[test]
fn clicks_are_followed_at_any_tempo() {
    for bpm in [60.0, 72.0, 90.0, 101.3, 120.0, 147.0, 180.0] {
        let time = followed(&drummed(bpm, &[hit(0.0, 0.5)], 1.0, (0.37, 14.0)));
        let off = f64::from(time.tempo_bpm) / bpm - 1.0;
        let error_ms = beat_error_ms(&time, 14.0, bpm, 0.37);
        assert_eq!(time.tempo_from, TempoFrom::Played, "{bpm}: {time:?}");
        assert!(off.abs() < 0.01, "{bpm}: {time:?}");
        assert!(error_ms < 5.0, "{bpm}: {error_ms} ms");
    }
}

#[test]
fn a_swung_pattern_has_the_tempo_of_its_beat() {
    for bpm in [84.0, 96.0, 132.0] {
        let drum = |beat: f64, level: f32, hz: f64| Hit {
            hz: Some(hz),
            ..hit(beat, level)
        };
        let pattern = [
            drum(0.0, 0.6, 60.0),
            hit(0.0, 0.1),
            hit(0.667, 0.08),
            drum(1.0, 0.5, 200.0),
            hit(1.0, 0.15),
            hit(1.667, 0.08),
        ];
        let time = followed(&drummed(bpm, &pattern, 2.0, (0.2, 16.0)));
        let error_ms = beat_error_ms(&time, 16.0, bpm, 0.2);
        assert_eq!(time.tempo_from, TempoFrom::Played, "{bpm}: {time:?}");
        assert!(
            (f64::from(time.tempo_bpm) / bpm - 1.0).abs() < 0.01,
            "{bpm}: {time:?}"
        );
        assert!(error_ms < 15.0, "{bpm}: {error_ms} ms");
    }
}

#[test]
fn what_has_no_beat_is_not_followed() {
    let seconds = 20 * SECOND as usize;
    let mut state = 3;
    let hiss: Vec<_> = (0..seconds).map(|_| [0.3 * noise(&mut state); 2]).collect();
    let tone =
        |at: usize, hz: f64| (std::f64::consts::TAU * hz * at as f64 / 48_000.0).sin() as f32;
    let drone: Vec<_> = (0..seconds)
        .map(|at| [0.2 * (tone(at, 110.0) + tone(at, 110.7) + tone(at, 164.9)); 2])
        .collect();
    // Clicks at moments that no clock has.
    let mut random = vec![[0.0; 2]; seconds];
    let mut at = 0;
    while at < seconds {
        random[at] = [0.9; 2];
        at += 5_000 + (40_000.0 * (0.5 + 0.5 * noise(&mut state))) as usize;
    }
    for (name, input) in [
        ("silence", vec![[0.0; 2]; seconds]),
        ("noise", hiss),
        ("drone", drone),
        ("random clicks", random),
    ] {
        let time = followed(&input);
        assert!(time.confidence < LOCKS, "{name}: {time:?}");
        assert_eq!(time.tempo_from, TempoFrom::Own, "{name}");
        assert_eq!(time.tempo_bpm, 120.0, "{name}");
    }
}

#[test]
fn the_grid_holds_when_the_player_stops_and_follows_another_tempo_later() {
    let mut rig = follower();
    let sound = change(ContinuationChange::Source(Source::Sound));
    let slow = drummed(93.0, &[hit(0.0, 0.5)], 1.0, (0.1, 12.0));
    hear_in(&mut rig, &slow, &[(0, sound), (0, follow())], 512);
    hear_in(&mut rig, &vec![[0.0; 2]; 8 * SECOND as usize], &[], 512);
    let held = rig.engine.monitor().musical_time();
    assert_eq!(held.tempo_from, TempoFrom::Held, "{held:?}");
    assert!((held.tempo_bpm / 93.0 - 1.0).abs() < 0.01, "{held:?}");
    assert!(held.confidence < LOCKS, "{held:?}");
    // Nobody has played for eight seconds.
    assert!(beat_error_ms(&held, 20.0, 93.0, 0.1) < 15.0, "{held:?}");
    hear_in(
        &mut rig,
        &drummed(130.0, &[hit(0.0, 0.5)], 1.0, (0.0, 16.0)),
        &[],
        512,
    );
    let time = rig.engine.monitor().musical_time();
    assert!((time.tempo_bpm / 130.0 - 1.0).abs() < 0.01, "{time:?}");
}

#[test]
fn notes_are_followed_as_sound_is() {
    let mut rig = instrument_rig(256);
    let beat = 60.0 / 97.0 * f64::from(RATE_HZ);
    let mut events = vec![(0, follow())];
    for eighth in 0..52_u64 {
        // As uneven as fingers: up to 10 ms.
        let off = (eighth * 37 % 21) as f64 * 48.0 - 480.0;
        let at = 10_000.0 + eighth as f64 * beat / 2.0 + off;
        let on_beat = eighth.is_multiple_of(2);
        events.push((at as u64, note_on(60, if on_beat { 0.9 } else { 0.5 })));
    }
    let samples = 15 * SECOND as usize;
    play(&mut rig, &events, samples, 256);
    let time = rig.engine.monitor().musical_time();
    assert_eq!(time.tempo_from, TempoFrom::Played, "{time:?}");
    assert!((time.tempo_bpm / 97.0 - 1.0).abs() < 0.01, "{time:?}");
    let now = samples.next_multiple_of(256).min(samples) as f64 / f64::from(RATE_HZ);
    let error_ms = beat_error_ms(&time, now, 97.0, 10_000.0 / f64::from(RATE_HZ));
    assert!(error_ms < 15.0, "{error_ms} ms: {time:?}");
}

#[test]
fn what_follows_the_player_is_the_same_at_any_block_size() {
    let input = drummed(110.0, &[hit(0.0, 0.5), hit(0.5, 0.2)], 1.0, (0.2, 12.0));
    let mut events = run_sound_at(6 * SECOND + 77, Quantise::Bar);
    events.insert(0, (0, follow()));
    events.insert(0, (0, change(ContinuationChange::Bars(1))));
    events.insert(0, (0, change(ContinuationChange::TradeBars(1))));
    let mut reference_rig = effect(RATE_HZ, 1024, Box::new(Repeats::new(48_000)));
    let reference = hear_in(&mut reference_rig, &input, &events, 1024);
    let take = reference_rig.engine.take_finished().unwrap();
    assert!((take.place.tempo_bpm / 110.0 - 1.0).abs() < 0.01);
    let beats = (take.place.start_sample as f64 / f64::from(RATE_HZ) - 0.2) * 110.0 / 60.0;
    assert!((beats - beats.round()).abs() < 0.03, "on a beat: {beats}");
    let mut sizes = [1, 700, 64, 333, 1024, 5].into_iter().cycle();
    for block in [64, 333] {
        let mut rig = effect(RATE_HZ, 1024, Box::new(Repeats::new(48_000)));
        let sound = hear_in(&mut rig, &input, &events, block);
        sound.assert_same(&reference, &format!("blocks of {block}"));
    }
    let mut rig = effect(RATE_HZ, 1024, Box::new(Repeats::new(48_000)));
    let mixed = || sizes.next().unwrap();
    let sound = hear(&mut rig, &input, &events, mixed, Working::EveryOtherBlock);
    sound.assert_same(&reference, "mixed blocks");
}

#[test]
fn a_host_whose_transport_runs_rules_over_what_is_played() {
    let mut rig = follower();
    let sound = change(ContinuationChange::Source(Source::Sound));
    let input = drummed(93.0, &[hit(0.0, 0.5)], 1.0, (0.1, 12.0));
    hear_in(&mut rig, &input, &[(0, sound), (0, follow())], 512);
    assert_eq!(
        rig.engine.monitor().musical_time().tempo_from,
        TempoFrom::Played
    );
    rig.processor.set_transport(&Transport {
        playing: true,
        tempo_bpm: Some(140.0),
        position_quarters: Some(8.0),
        bar_start_quarters: Some(8.0),
        bar_quarters: Some(4.0),
    });
    hear_in(&mut rig, &input[..512], &[], 512);
    let time = rig.engine.monitor().musical_time();
    assert_eq!((time.tempo_from, time.tempo_bpm), (TempoFrom::Host, 140.0));
}

/// The first note of a piece on the bar, after events that say how fast it goes.
fn first_note(mut events: Vec<(u64, Event)>, wish: u64) -> u64 {
    let mut rig = instrument_rig(256);
    events.extend(run_at(wish, Quantise::Bar));
    events.sort_by_key(|(at, _)| *at);
    let (_, composed) = play(&mut rig, &events, wish as usize + 6 * SECOND as usize, 256);
    assert_eq!(leaving(&rig, 0).count(), 0);
    ons(&composed)[0]
}

#[test]
fn taps_name_tempo_and_bar() {
    // Four taps at 100 a minute; the next bar begins four beats after the first.
    let (first, beat) = (30_000, 28_800);
    let tap = |n: u64| (first + n * beat, change(ContinuationChange::Tap));
    let starts = first_note((0..4).map(tap).collect(), first + 3 * beat + 100);
    let bar = first + 4 * beat;
    assert!(starts.abs_diff(bar) <= 2, "{starts}, not {bar}");
    // The control of the tempo takes over again: its grid goes on from there.
    let mut events: Vec<_> = (0..4).map(tap).collect();
    events.push((
        first + 3 * beat + 10,
        change(ContinuationChange::TempoBpm(60.0)),
    ));
    let slower = first_note(events, first + 3 * beat + 100);
    let expected = first + 3 * beat + 10 + (beat - 10) * 100 / 60;
    assert!(slower.abs_diff(expected) <= 2, "{slower}, not {expected}");
}

#[test]
fn a_midi_clock_names_tempo_and_bar_through_the_jitter_of_blocks() {
    // 125 a minute: a pulse every 960 samples, given on blocks of 256.
    let (first, pulse) = (20_000_u64, 960);
    let clock = |at: u64, message| (at, change(ContinuationChange::Clock(message)));
    let mut events = vec![clock(first - 300, ClockMessage::Start)];
    for n in 0..600 {
        events.push(clock(first + n * pulse / 256 * 256, ClockMessage::Pulse));
    }
    // Before the ninth beat's bar.
    let starts = first_note(events, first + 170 * pulse);
    let bar = first + 192 * pulse;
    // Pulses that are rounded down lie half a block early on average.
    assert!(starts.abs_diff(bar - 128) < 200, "{starts}, not {bar}");
}
