//! Takes of composed notes: each holds what was played, and none is lost.
#![allow(clippy::unwrap_used)]

mod support;

use afterimage_engine::continuation::{ContinuationChange, Ending, Quantise};
use support::notes::{ons, play, rig, run_at};
use support::sound::{BAR, BEAT, change};

#[test]
fn every_piece_of_notes_becomes_a_take_that_holds_what_was_played() {
    let mut rig = rig(256);
    let mut events = run_at(0, Quantise::Beat);
    events.insert(0, (0, change(ContinuationChange::Seed(5))));
    events.insert(0, (0, change(ContinuationChange::Bars(1))));
    let stop = 2 * BAR + 10;
    events.push((BEAT + BAR + 10, change(ContinuationChange::Run(false))));
    events.push((stop - BEAT, change(ContinuationChange::Run(true))));
    events.push((stop + BEAT / 4, change(ContinuationChange::Run(false))));
    let (_, composed) = play(&mut rig, &events, 4 * BAR as usize, 256);
    let (first, second) = (
        rig.engine.take_finished().unwrap(),
        rig.engine.take_finished().unwrap(),
    );
    assert_eq!(rig.engine.take_finished(), None);
    assert_eq!((first.serial, second.serial), (1, 2));
    assert_eq!(
        (first.ended, second.ended),
        (Ending::Length, Ending::Stopped)
    );
    assert_eq!((first.start.seed, first.place.start_sample), (5, BEAT));
    assert_eq!(first.place.tempo_bpm, 120.0);
    let played: Vec<u64> = [&first, &second]
        .iter()
        .flat_map(|take| {
            let start = take.place.start_sample;
            let tick = BEAT / 24;
            take.notes
                .iter()
                .map(move |n| start + u64::from(n.tick) * tick)
        })
        .collect();
    assert_eq!(played, ons(&composed));
    let last = first.notes.last().unwrap();
    assert_eq!(
        last.tick + last.duration_ticks,
        96,
        "it ends with the piece"
    );
}

#[test]
fn a_length_in_seconds_ends_a_piece_on_its_sample() {
    let mut rig = rig(256);
    let mut events = run_at(0, Quantise::Beat);
    events.insert(0, (0, change(ContinuationChange::Seconds(1.3))));
    let (_, composed) = play(&mut rig, &events, 3 * BAR as usize, 256);
    let ends = BEAT + 62_400;
    assert_eq!(composed.last().unwrap().0, ends);
    let take = rig.engine.take_finished().unwrap();
    assert_eq!(take.notes.len(), ons(&composed).len());
}

#[test]
fn what_was_written_of_a_piece_outlives_a_reset_and_the_instance() {
    for resets in [true, false] {
        let mut rig = rig(256);
        play(&mut rig, &run_at(0, Quantise::Beat), 2 * BAR as usize, 256);
        if resets {
            rig.processor.reset();
        } else {
            drop(rig.processor);
        }
        rig.worker.lock().run_until_idle();
        let take = rig.engine.take_finished().unwrap();
        assert_eq!(take.ended, Ending::Reset);
        assert!(take.notes.len() > 10);
    }
}
