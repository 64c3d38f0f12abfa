//! How pieces end: fading, and at a cadence.
#![allow(clippy::unwrap_used)]

mod support;

use afterimage_engine::continuation::{
    ComposedNote, Composer, ContinuationChange, Ending, HeardNote, PieceStart, Progress, Quantise,
    Style,
};
use afterimage_engine::contract::DecodeError;
use afterimage_engine::{Event, NoteMatch};
use support::notes::{Eighths, play, rig as instrument_rig, run_at as run_notes_at};
use support::peak;
use support::sound::{BAR, BEAT, RATE_HZ, SineOn, change, effect, hear_in, run_at, sine};

const SECOND: u64 = RATE_HZ as u64;

/// A sine that is heard up to the start of a piece, and silence from there on.
fn heard_until(starts: u64, samples: u64) -> Vec<[f32; 2]> {
    let mut input = sine(samples as usize, 440.0, RATE_HZ, 0.4);
    input[starts as usize..].fill([0.0; 2]);
    input
}

fn level(sound: &[f32], at: u64) -> f32 {
    peak(&sound[at as usize..at as usize + 480])
}

#[test]
fn sound_that_ends_by_its_length_fades_before_and_is_over_on_its_sample() {
    let input = heard_until(BAR, 4 * BAR);
    let mut events = run_at(BEAT, Quantise::Bar);
    events.insert(0, (0, change(ContinuationChange::Seconds(3.0))));
    events.insert(0, (0, change(ContinuationChange::FadeS(2.0))));
    let rig = || effect(RATE_HZ, 512, Box::new(SineOn::new(48_000, 440.0)));
    let mut reference_rig = rig();
    let reference = hear_in(&mut reference_rig, &input, &events, 512);
    let ends = BAR + 3 * SECOND;
    let levels =
        [0.5, 1.5, 2.0, 2.5, 2.9].map(|s| level(&reference.left, BAR + (s * SECOND as f32) as u64));
    assert!((0.39..0.41).contains(&levels[0]), "{levels:?}");
    assert!(levels.is_sorted_by(|a, b| a > b), "{levels:?}");
    // Equal power: 3 dB down in the middle.
    assert!(
        (levels[2] / 0.4 - 0.5_f32.sqrt()).abs() < 0.02,
        "{levels:?}"
    );
    assert!(
        reference.left[ends as usize..]
            .iter()
            .all(|value| *value == 0.0)
    );
    let own = 0.4 * std::f32::consts::TAU * 440.0 / RATE_HZ as f32;
    let step = support::largest_step(&reference.left[(BAR + SECOND) as usize..]);
    assert!(step < 1.02 * own, "{step}");
    let take = reference_rig.engine.take_finished().unwrap();
    assert_eq!(take.ended, Ending::Length);
    assert_eq!(take.audio[0].len() as u64, 3 * SECOND);
    assert_eq!(reference_rig.engine.monitor().counts().late_samples, 0);
    for block in [64, 333] {
        let sound = hear_in(&mut rig(), &input, &events, block);
        sound.assert_same(&reference, &format!("blocks of {block}"));
    }
}

#[test]
fn a_stopped_piece_fades_from_there_and_is_not_held_up_by_another_stop() {
    let input = heard_until(BAR, 5 * BAR);
    let mut events = run_at(BEAT, Quantise::Bar);
    events.insert(0, (0, change(ContinuationChange::FadeS(1.0))));
    let stops = 2 * BAR + 1_234;
    for (at, run) in [
        (stops, false),
        (stops + 10_000, true),
        (stops + 20_000, false),
    ] {
        events.push((at, change(ContinuationChange::Run(run))));
    }
    let mut rig = effect(RATE_HZ, 256, Box::new(SineOn::new(48_000, 440.0)));
    let sound = hear_in(&mut rig, &input, &events, 256);
    assert!(level(&sound.left, stops - 1_000) > 0.39);
    let middle = level(&sound.left, stops + SECOND / 2);
    assert!((0.26..0.30).contains(&middle), "{middle}");
    assert!(peak(&sound.left[(stops + SECOND) as usize..]) < 1e-6);
    let take = rig.engine.take_finished().unwrap();
    assert_eq!(take.ended, Ending::Stopped);
    assert_eq!(take.audio[0].len() as u64, stops + SECOND - BAR);
    assert_eq!(rig.engine.monitor().counts().late_samples, 0);
}

#[test]
fn who_comes_in_again_is_heard_at_once_whatever_fades() {
    let mut input = heard_until(BAR, 4 * BAR);
    let returns = 3 * BAR;
    for (at, sample) in input.iter_mut().enumerate().skip(returns as usize) {
        *sample = [0.5 * (at as f32 * 0.3).sin(); 2];
    }
    let mut events = run_at(BEAT, Quantise::Bar);
    events.insert(0, (0, change(ContinuationChange::FadeS(1.5))));
    events.insert(0, (0, change(ContinuationChange::UntilPlayed(true))));
    let mut rig = effect(RATE_HZ, 256, Box::new(SineOn::new(48_000, 440.0)));
    let sound = hear_in(&mut rig, &input, &events, 256);
    let from = (returns + 2_400) as usize;
    assert_eq!(
        sound.left[from..],
        input[from..].iter().map(|s| s[0]).collect::<Vec<_>>()
    );
}

/// Quarter notes of C major; each bar ends on another degree, and from a bar on, on the tonic.
struct Quarters {
    rests_from: u32,
    next: u32,
}

impl Composer for Quarters {
    fn begin(&mut self, _: &PieceStart, _: &[HeardNote]) {
        self.next = 0;
    }

    fn compose(
        &mut self,
        _: &Style,
        until_tick: u32,
        notes: &mut Vec<ComposedNote>,
    ) -> Result<Progress, DecodeError> {
        while self.next * 24 < until_tick {
            let (bar, beat) = (self.next / 4, self.next % 4);
            let key = match (beat, bar >= self.rests_from) {
                (3, true) => 60,
                (3, false) => 62,
                (beat, _) => [60, 64, 67][beat as usize],
            };
            notes.push(ComposedNote {
                tick: self.next * 24,
                duration_ticks: 24,
                key,
                velocity: 0.8,
            });
            self.next += 1;
        }
        Ok(Progress::Done)
    }
}

/// Bars that a piece of two lasts, and its notes that were not let go.
fn bars_played(rests_from: u32, cadence: bool) -> (f64, i32) {
    let mut rig = instrument_rig(256);
    let composer = Quarters {
        rests_from,
        next: 0,
    };
    rig.engine.set_composer(Some(Box::new(composer)));
    let mut events = run_notes_at(100, Quantise::Bar);
    events.insert(0, (0, change(ContinuationChange::Bars(2))));
    events.insert(0, (0, change(ContinuationChange::Cadence(cadence))));
    let (_, composed) = play(&mut rig, &events, 9 * BAR as usize, 256);
    let held: i32 = composed
        .iter()
        .map(|(_, event)| match event {
            Event::NoteOn { .. } => 1,
            Event::NoteOff(NoteMatch { .. }) => -1,
            _ => 0,
        })
        .sum();
    assert_eq!(rig.engine.monitor().counts().late_notes, 0);
    let (last, _) = composed.last().unwrap();
    ((last - BAR) as f64 / BAR as f64, held)
}

#[test]
fn notes_end_on_the_first_bar_line_after_their_length_at_which_they_rest() {
    assert_eq!(bars_played(3, false), (2.0, 0));
    assert_eq!(
        bars_played(1, true),
        (2.0, 0),
        "it rests at its very length"
    );
    assert_eq!(
        bars_played(3, true),
        (4.0, 0),
        "the fourth bar is the first that rests"
    );
    assert_eq!(bars_played(99, true), (6.0, 0), "four bars more at most");
}

#[test]
fn notes_fade_too() {
    let mut rig = instrument_rig(256);
    rig.engine.set_composer(Some(Box::<Eighths>::default()));
    let mut events = run_notes_at(100, Quantise::Bar);
    events.insert(0, (0, change(ContinuationChange::Bars(2))));
    events.insert(0, (0, change(ContinuationChange::FadeS(2.0))));
    let (_, composed) = play(&mut rig, &events, 4 * BAR as usize, 256);
    let loud = |(_, event): &(u64, Event)| match event {
        Event::NoteOn { velocity, .. } => Some(*velocity),
        _ => None,
    };
    let velocities: Vec<f32> = composed.iter().filter_map(loud).collect();
    assert!(velocities[..8].iter().all(|velocity| *velocity == 0.8));
    assert!(velocities[9..].is_sorted_by(|a, b| a > b), "{velocities:?}");
    assert!(velocities[15] < 0.15, "{velocities:?}");
}
