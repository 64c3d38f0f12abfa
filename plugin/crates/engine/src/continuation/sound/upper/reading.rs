//! Which place of what was heard is read beside what the continuer makes, and how loud.

use std::array;

use super::heard::Memory;
use super::outline::{Outline, SIDE, Side};
use crate::continuation::sound::seam::product;

/// Share of a frame's past in what its place costs: half of it lies in the last 20 ms.
const PAST: f32 = 0.75;
/// A place before which nothing was heard costs so much more, in squared decibels.
const NO_PAST: f32 = 400.0;
/// Frames that must follow a place, so that reading there is worth the jump.
const AHEAD_FRAMES: usize = 10;
/// Frames after a jump in which only an onset may bring another.
const SETTLED_FRAMES: usize = 5;
/// A frame that rises by so much in the mean of its bands begins something, in decibels.
const ONSET_DB: f32 = 5.0;
/// Reading goes on unless another place is better by a factor and a number of squared decibels.
const BETTER: (f32, f32) = (2.0, 8.0);
/// The same at an onset.
const BETTER_AT_ONSET: (f32, f32) = (1.3, 2.0);
/// Likeness of the waves from which on a place is moved so that they meet.
const LEAST_LIKENESS: f32 = 0.5;
/// What is read is made louder by so much at most, in decibels.
const MOST_GAIN_DB: f32 = 6.0;
/// Where nothing like it was heard, what is read is softer: by a decibel for so many squared ones more than...
const STRANGE: f32 = 12.0;
/// ...this, which frames of one steady noise differ by.
const FAMILIAR: f32 = 30.0;
/// Most that it is made softer for that, in decibels.
const MOST_STRANGE_DB: f32 = 12.0;
/// Share of a change of level that is followed at once, unless reading jumps.
const GAIN_STEP: f32 = 0.35;
/// What is added to the power of a top, so that silence has a level: -110 dB.
const LEAST_TOP: f32 = 1e-11;

/// Where it is read from one frame on.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Step {
    /// Sample, at the continuer's rate since the branch, at which it counts in full.
    pub(super) place: i64,
    /// What was heard so many samples later, since the timeline's origin, lies above it.
    pub(super) shift: i64,
    /// Factor.
    pub(super) gain: f32,
    /// Whether it is another place than the frame before goes on to.
    pub(super) jumps: bool,
}

/// A way through a memory.
pub(super) struct Reading {
    memory: Memory,
    /// Those of the memory, copied so that they lie side by side: every frame goes through them all, and scattered among
    /// the samples they take it a third longer.
    sides: Vec<Side>,
    hop: usize,
    /// Of each place: how unlike what lies before it is to what was made last, in squared decibels. By stretches of the
    /// memory; beyond its places they mean nothing.
    costs: Vec<[f32; SIDE]>,
    /// Of each frame that is noted: the cost before it of the place before a stretch.
    pasts: Vec<f32>,
    /// Samples of the memory that places are aligned by.
    heard: Vec<f32>,
    /// The place that is read, and how far it is moved, in samples.
    at: Option<(usize, i64)>,
    since_jump: usize,
    gain_db: f32,
    /// The last three tops that were made.
    tops: [f32; 3],
}

impl Reading {
    pub(super) fn new(memory: Memory, hop: usize) -> Self {
        Self {
            costs: vec![[NO_PAST; SIDE]; memory.stretches.len()],
            sides: memory.stretches.iter().map(|own| own.side).collect(),
            memory,
            hop,
            pasts: Vec::new(),
            heard: Vec::with_capacity(4 * hop),
            at: None,
            since_jump: 0,
            gain_db: 0.0,
            tops: [0.0; 3],
        }
    }

    pub(super) fn memory(&self) -> &Memory {
        &self.memory
    }

    /// Takes the outlines of the next frames that were made.
    ///
    /// Side by side, all frames at once: they do not all fit where the processor reads fast.
    pub(super) fn note(&mut self, made: &[Outline]) {
        for frame in made {
            self.tops = [self.tops[1], self.tops[2], frame.top];
        }
        self.pasts.clear();
        self.pasts.resize(made.len(), NO_PAST);
        for (costs, side) in self.costs.iter_mut().zip(&self.sides) {
            for (frame, past) in made.iter().zip(&mut self.pasts) {
                let distances = side.distances(frame);
                let before: [f32; SIDE] = array::from_fn(|at| match at.checked_sub(1) {
                    Some(before) => costs[before],
                    None => *past,
                });
                *past = costs[SIDE - 1];
                *costs = array::from_fn(|at| PAST * before[at] + (1.0 - PAST) * distances[at]);
            }
        }
    }

    fn cost(&self, place: usize) -> f32 {
        self.costs[place / SIDE][place % SIDE]
    }

    /// What is read at the frame before the newest that was noted.
    ///
    /// `place`: its centre; `around`: what was made from a hop before that on, three hops; `made`: the newest.
    pub(super) fn step(&mut self, place: i64, around: &[f32], made: &Outline) -> Option<Step> {
        let goes_on = self
            .at
            .map(|(at, moved)| (at + 1, moved))
            .filter(|(at, _)| at + 2 < self.memory.places);
        let best = self.best()?;
        // The frame after a place is known by now, and says more about it than the place itself.
        let cost = |at: usize| self.cost(at + 1);
        let is_onset = made.rise_db > ONSET_DB;
        let (factor, more) = if is_onset { BETTER_AT_ONSET } else { BETTER };
        let settles = self.since_jump < SETTLED_FRAMES && !is_onset;
        let stays = goes_on.filter(|(at, _)| settles || cost(*at) <= factor * cost(best) + more);
        let jumps = stays.is_none();
        let (at, moved) = stays.unwrap_or_else(|| (best, self.aligned(best, around)));
        self.at = Some((at, moved));
        self.since_jump = if jumps { 0 } else { self.since_jump + 1 };
        let wanted_db = self.wanted_db(at);
        self.gain_db = if jumps {
            wanted_db
        } else {
            self.gain_db + GAIN_STEP * (wanted_db - self.gain_db)
        };
        let centre = self.memory.base as i64 + (at * self.hop) as i64 + moved;
        Some(Step {
            place,
            shift: centre - place,
            gain: 10_f32.powf(0.05 * self.gain_db),
            jumps,
        })
    }

    /// The place whose past is most like what was made; of equals the oldest.
    fn best(&self) -> Option<usize> {
        let last = self.memory.places.checked_sub(1 + AHEAD_FRAMES)?;
        let costs = self.costs.as_flattened().iter().take(last + 1).skip(2);
        let best = costs.enumerate().min_by(|a, b| a.1.total_cmp(b.1));
        best.map(|(place, _)| place + 1)
    }

    /// How far a place is moved, in samples, so that the waves there lie on those that were made.
    fn aligned(&mut self, at: usize, around: &[f32]) -> i64 {
        let most = self.hop as i64 / 2;
        let from = (at * self.hop) as i64 - self.hop as i64;
        let made_power = product(around, around);
        let first = usize::try_from(from - most).unwrap_or(0);
        let until = (from + most) as usize + around.len();
        self.memory.copy(first..until, &mut self.heard);
        let likeness = |moved: i64| {
            let from = usize::try_from(from + moved).ok()? - first;
            let heard = self.heard.get(from..from + around.len())?;
            let power = made_power * product(heard, heard);
            Some(product(around, heard) / power.sqrt().max(f32::MIN_POSITIVE))
        };
        let best = (-most..=most)
            .filter_map(|moved| likeness(moved).map(|likeness| (likeness, moved)))
            .max_by(|a, b| a.0.total_cmp(&b.0).then(b.1.abs().cmp(&a.1.abs())));
        best.filter(|(likeness, _)| *likeness >= LEAST_LIKENESS)
            .map_or(0, |(_, moved)| moved)
    }

    /// The level by which the top of what was made differs from that of a place, and less where they are strangers.
    fn wanted_db(&self, at: usize) -> f32 {
        let weighted =
            |[before, now, after]: [f32; 3]| 0.5 * before + now + 0.5 * after + LEAST_TOP;
        let heard = [at - 1, at, at + 1].map(|place| self.memory.top(place));
        let difference_db = 10.0 * (weighted(self.tops) / weighted(heard)).log10();
        let strange_db = (self.cost(at + 1) - FAMILIAR).max(0.0) / STRANGE;
        difference_db.min(MOST_GAIN_DB) - strange_db.min(MOST_STRANGE_DB)
    }
}
