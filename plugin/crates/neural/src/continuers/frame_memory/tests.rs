//! The memory of frames, with nets that draw silence.

use super::super::walk::{LONGEST_READ_S, MEMORY_S};
use super::{FrameMemory, FrameShape};
use crate::manifest::Unit;
use afterimage_spectral::counter_rng::{Purpose, Stream};

const BINS: usize = 40;
const FRAME_S: f32 = 0.0116;
const FLOOR_DB: f32 = -80.0;
const SHAPE: FrameShape = FrameShape {
    bins: BINS,
    unit: Unit::Db,
    floor: FLOOR_DB,
    frame_s: FRAME_S,
};

/// Frame `at` of hits that begin every `beat` frames and die away, each second one of another colour; with a little
/// noise, for nothing that was heard comes again exactly.
fn frame(at: usize, beat: usize) -> Vec<f32> {
    let noise = Stream::new(3, Purpose::NOISE, 0, 0);
    let loud = if (at / beat).is_multiple_of(2) {
        0..BINS / 2
    } else {
        BINS / 2..BINS
    };
    (0..BINS)
        .map(|bin| {
            let level = if loud.contains(&bin) {
                -4.0 * (at % beat) as f32
            } else {
                FLOOR_DB
            };
            level.max(FLOOR_DB) + noise.bipolar_at((at * BINS + bin) as u64)
        })
        .collect()
}

fn taught(frames: std::ops::Range<usize>, beat: usize) -> FrameMemory {
    let mut memory = FrameMemory::new(SHAPE);
    frames.for_each(|at| memory.hear(&frame(at, beat)));
    memory
}

/// What a net that only ever draws silence plays on for so many frames.
fn played(memory: &mut FrameMemory, likeness: f32, seed: u64, frames: usize) -> Vec<Vec<f32>> {
    memory.begin(Stream::new(seed, Purpose::SAMPLING, 1, 0), 0.0);
    let (mut before, mut made) = (vec![FLOOR_DB; BINS], Vec::new());
    for _ in 0..frames {
        let mut drawn = vec![FLOOR_DB; BINS];
        memory.pull(likeness, &before, &mut drawn);
        before.copy_from_slice(&drawn);
        made.push(drawn);
    }
    made
}

/// Frames in which many bins rise by 20 dB.
fn onsets(made: &[Vec<f32>]) -> Vec<usize> {
    let rises = |pair: &[Vec<f32>]| {
        let bins = pair[0].iter().zip(&pair[1]);
        bins.filter(|(from, to)| *to - *from > 20.0).count() > BINS / 4
    };
    (1..made.len())
        .filter(|at| rises(&made[at - 1..=*at]))
        .collect()
}

#[test]
fn a_beat_goes_on_where_it_was_for_any_seed_and_past_what_is_read_at_once() {
    let longest = (LONGEST_READ_S / FRAME_S) as usize;
    for (beat, seed) in [(20, 1), (43, 2), (43, 3)] {
        let heard = 16 * beat + 7;
        let made = played(&mut taught(0..heard, beat), 1.0, seed, 2 * longest);
        let wanted: Vec<usize> = (1..made.len())
            .filter(|at| (heard + at).is_multiple_of(beat))
            .collect();
        assert_eq!(onsets(&made), wanted, "beat {beat}, seed {seed}");
    }
}

#[test]
fn what_begins_does_so_at_once_at_the_usual_share_too() {
    let made = played(&mut taught(0..507, 25), 0.25, 1, 200);
    let found = onsets(&made);
    assert_eq!(found.len(), 8, "{found:?}");
    for at in found {
        let loudest = made[at].iter().copied().fold(FLOOR_DB, f32::max);
        assert!(loudest > -20.0, "frame {at}: {loudest} dB");
    }
}

#[test]
fn without_a_share_nothing_is_changed_whatever_begins_there() {
    let mut memory = taught(0..500, 20);
    memory.begin(Stream::new(1, Purpose::SAMPLING, 1, 0), 0.0);
    // What sounded before was loud: an onset would hold it.
    for _ in 0..100 {
        let mut drawn = vec![-50.0; BINS];
        memory.pull(0.0, &[-20.0; BINS], &mut drawn);
        assert!(drawn.iter().all(|value| *value == -50.0));
    }
}

#[test]
fn one_frame_for_ever_stays_it() {
    let mut memory = FrameMemory::new(SHAPE);
    (0..500).for_each(|_| memory.hear(&[-30.0; BINS]));
    let made = played(&mut memory, 1.0, 1, 1000);
    assert!(made.iter().flatten().all(|value| *value == -30.0));
}

#[test]
fn nothing_or_little_heard_changes_nothing() {
    for mut memory in [taught(0..0, 20), taught(0..1, 20), taught(0..60, 20)] {
        let made = played(&mut memory, 1.0, 1, 50);
        assert!(made.iter().flatten().all(|value| *value == FLOOR_DB));
    }
}

#[test]
fn only_the_last_minute_counts_and_no_more_is_kept() {
    let minute = (MEMORY_S / FRAME_S).round() as usize;
    // Long before it, another beat.
    let mut long = taught(0..minute, 31);
    (0..2 * minute).for_each(|at| long.hear(&frame(at, 20)));
    let mut short = taught(minute..2 * minute, 20);
    assert!(long.walk.kept() <= minute + minute / 4);
    assert_eq!(
        played(&mut long, 0.5, 4, 900),
        played(&mut short, 0.5, 4, 900)
    );
}

#[test]
fn listening_on_leaves_a_piece_as_it_was() {
    let mut memory = taught(0..600, 20);
    let alone = played(&mut memory.clone(), 0.5, 5, 700);
    let mut piece = memory.clone();
    (0..5000).for_each(|at| memory.hear(&frame(at, 37)));
    assert_eq!(played(&mut piece, 0.5, 5, 700), alone);
}

#[test]
fn where_a_tempo_is_known_it_goes_whole_quarters_away() {
    // Hits every 20 frames, but the player counts in 50.
    let mut memory = taught(0..900, 20);
    memory.begin(Stream::new(1, Purpose::SAMPLING, 1, 0), 50.0);
    let mut before = None;
    for step in 0..1000 {
        let at = memory.place().unwrap_or_default();
        assert_eq!(at % 50, (900 + step) % 50, "step {step}");
        assert!(before.is_none_or(|before| before != at));
        before = Some(at);
        memory.pull(1.0, &[FLOOR_DB; BINS], &mut [FLOOR_DB; BINS]);
    }
}

#[test]
fn what_is_mixed_is_as_loud_as_the_memory_in_every_unit() {
    // A net that only ever draws another colour: in decibels the middle of both is far softer than either.
    let noise = Stream::new(9, Purpose::NOISE, 0, 0);
    for (unit, of_db) in [
        (Unit::Db, (|db| db) as fn(f32) -> f32),
        (Unit::Ln, |db| db * std::f32::consts::LN_10 / 20.0),
        (Unit::Linear, |db| 10.0_f32.powf(db / 20.0)),
    ] {
        let shape = FrameShape {
            unit,
            floor: of_db(FLOOR_DB),
            ..SHAPE
        };
        let colour = |low: bool| -> Vec<f32> {
            let level = |bin: usize| {
                if (bin < BINS / 2) == low {
                    -10.0
                } else {
                    -40.0
                }
            };
            (0..BINS).map(|bin| of_db(level(bin))).collect()
        };
        let mut memory = FrameMemory::new(shape);
        for at in 0..500 {
            let mut frame = colour(true);
            frame[0] += 1e-3 * noise.bipolar_at(at);
            memory.hear(&frame);
        }
        memory.begin(Stream::new(1, Purpose::SAMPLING, 1, 0), 0.0);
        let mut drawn = colour(false);
        memory.pull(0.5, &colour(true), &mut drawn);
        let (level, wanted) = (shape.level_db(&drawn), shape.level_db(&colour(true)));
        assert!(
            (level - wanted).abs() < 0.1,
            "{unit:?}: {level} for {wanted} dB"
        );
    }
}
