//! The upper band: what lies above half of a continuer's rate is read from what was heard. Worker thread only.
//!
//! A continuer whose rate is lower than the host's knows nothing of the top, and without it a sound goes dull at the
//! switch. What was heard has one: the heard side ([`HeardUpper`]) keeps what the way through the continuer's rate loses
//! ([`LostBand`](afterimage_spectral::LostBand)), and beside it an outline of the band that the continuer knows, every few
//! milliseconds. While a piece is made ([`UpperBand`]), what of that was heard with the most alike sound is added to it, at
//! the level that the top of what was made has beside the top of what was heard. Reading goes on where it is until another
//! place is clearly better, and goes there just before an onset, so that no attack is faded in.
//!
//! It is a function of what was heard before the branch and of what was made, on fixed samples: nothing else.
//! Source: Dietz, Liljeryd, Kjörling, Kunz 2002, "Spectral band replication, a novel approach in audio coding" (the band
//! above from the one below, with its envelope); Schwarz 2006, "Real-time corpus-based concatenative synthesis with CataRT"
//! (units of what was heard, found by their features).

mod heard;
mod outline;
mod reading;

use std::collections::VecDeque;
use std::f32::consts::FRAC_PI_2;

pub(super) use heard::HeardUpper;
use outline::{Outline, Outliner};
use reading::{Reading, Step};

use crate::timeline::RateMap;

/// Frames before the branch that places are compared with at first.
const PAST_FRAMES: usize = 32;
/// Frames before the branch at which reading begins: a piece may be moved, and sounds a little before.
const EARLY_FRAMES: usize = 3;
/// Frames that must be made beyond what sounds: the one after a step's must be complete, and a step a frame ahead.
const AHEAD_FRAMES: usize = 3;

/// The upper band of one piece.
pub(super) struct UpperBand {
    map: RateMap,
    branch: u64,
    outliner: Outliner,
    reading: Reading,
    /// What was made last, with what was heard before the branch.
    made: Vec<f32>,
    /// Place of the first of it: the branch is `PAST_FRAMES` frames after the first place.
    made_from: usize,
    /// Outlines that were made of it.
    frames: usize,
    fresh: Vec<Outline>,
    steps: VecDeque<Step>,
    /// The step that sounds.
    sounds: Option<Step>,
}

impl UpperBand {
    /// For a piece that branches at the continuer's sample `branch`; none where nothing was heard above. Allocates.
    pub(super) fn new(heard: &HeardUpper, branch: u64) -> Option<Self> {
        let map = heard.map();
        let outliner = Outliner::new(map.model_rate_hz).ok()?;
        let memory = heard.recollect(branch)?;
        let hop = outliner.hop();
        let past = PAST_FRAMES * hop;
        let before = heard.between(branch.saturating_sub(past as u64), branch);
        let mut upper = Self {
            map,
            branch,
            reading: Reading::new(memory, hop),
            outliner,
            made: Vec::new(),
            made_from: 0,
            frames: 0,
            fresh: Vec::new(),
            steps: VecDeque::new(),
            sounds: None,
        };
        upper.take(&vec![0.0; past - before.len()]);
        upper.take(&before);
        Some(upper)
    }

    /// Samples, at the continuer's rate, that must be made beyond what sounds.
    pub(super) fn ahead(&self) -> u64 {
        (AHEAD_FRAMES * self.outliner.hop()) as u64
    }

    /// Takes what was made next.
    pub(super) fn take(&mut self, samples: &[f32]) {
        let hop = self.outliner.hop();
        self.made.extend_from_slice(samples);
        let fresh = &mut self.fresh;
        self.outliner.push(samples, |outline| fresh.push(outline));
        // The first are noted together: no step follows them.
        let together = (PAST_FRAMES - EARLY_FRAMES + 1).saturating_sub(self.frames);
        let together = together.min(self.fresh.len());
        self.reading.note(&self.fresh[..together]);
        self.frames += together;
        for place in together..self.fresh.len() {
            let outline = self.fresh[place];
            self.note(&outline);
        }
        self.fresh.clear();
        // A step is aligned by three hops; the frames are a hop behind.
        let keep_from = ((self.frames + 1) * hop).saturating_sub(4 * hop);
        let old = keep_from
            .saturating_sub(self.made_from)
            .min(self.made.len());
        self.made.drain(..old);
        self.made_from += old;
    }

    fn note(&mut self, outline: &Outline) {
        let hop = self.outliner.hop();
        self.reading.note(std::slice::from_ref(outline));
        self.frames += 1;
        let Some(frame) = self.frames.checked_sub(2) else {
            return;
        };
        if frame + EARLY_FRAMES < PAST_FRAMES {
            return;
        }
        let place = (frame * hop) as i64 - (PAST_FRAMES * hop) as i64;
        let from = (frame - 1) * hop - self.made_from;
        let around = self.made.get(from..from + 3 * hop).unwrap_or_default();
        self.steps.extend(self.reading.step(place, around, outline));
    }

    /// Adds the band to `samples`, the first of which sounds at the host sample `from_host`.
    ///
    /// `lag`: what was made for a sample sounds so many of the continuer's samples earlier.
    pub(super) fn add(&mut self, from_host: u64, lag: i32, samples: &mut [f32]) {
        let host_samples = f64::from(self.map.host_rate_hz) / f64::from(self.map.model_rate_hz);
        let half = 0.5 * self.outliner.hop() as f64;
        for (host, sample) in (from_host..).zip(samples) {
            let since_origin = host.saturating_sub(self.map.origin_host) as f64 / host_samples;
            let place = since_origin - self.branch as f64 + f64::from(lag);
            while let Some(step) = self.steps.front().filter(|step| step.place as f64 <= place) {
                self.sounds = Some(*step);
                self.steps.pop_front();
            }
            let Some(now) = self.sounds else {
                continue;
            };
            let at = |step: &Step| {
                // What was heard with it lies so much earlier.
                let earlier = self.branch as i64 - i64::from(lag) - step.shift;
                let place = host as i64 - (earlier as f64 * host_samples).round() as i64;
                self.reading.memory().above(place)
            };
            *sample += match self.steps.front() {
                Some(next) if next.jumps => {
                    let share = (place - (next.place as f64 - half)) / half;
                    let (new, old) = (share.clamp(0.0, 1.0) as f32 * FRAC_PI_2).sin_cos();
                    old * now.gain * at(&now) + new * next.gain * at(next)
                }
                Some(next) => {
                    let share = (place - now.place as f64) / (2.0 * half);
                    let gain = now.gain + share as f32 * (next.gain - now.gain);
                    gain * at(&now)
                }
                None => 0.0,
            };
        }
    }
}
