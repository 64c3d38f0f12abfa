//! The share of what was heard in what a net of frames draws.
//!
//! Each drawn frame is moved a share of the way to the one that a [`HeardWalk`] reads, and goes back to the net like that: the
//! net makes what lies between, the memory says when and where. Worker thread.

#[cfg(test)]
mod tests;

use afterimage_spectral::counter_rng::Stream;

use super::walk::HeardWalk;
use crate::manifest::Unit;

/// From this share of the memory on, what begins does so at once, and all is as loud as there: an attack that is moved a
/// share at a time is a swell, and a mean of decibels is softer than either frame.
const WHOLE: f32 = 0.25;
/// Most that a frame is made louder or softer for it, in dB.
const MOST_LEVEL_DB: f32 = 12.0;

/// What was heard, and where a piece reads in it.
#[derive(Clone, Debug)]
pub(super) struct FrameMemory {
    shape: FrameShape,
    /// Frames `[bins]` in the pack's unit.
    walk: HeardWalk<f32>,
}

/// What a frame is.
#[derive(Clone, Copy, Debug)]
pub(super) struct FrameShape {
    pub(super) bins: usize,
    pub(super) unit: Unit,
    /// What stands for silence.
    pub(super) floor: f32,
    /// From one to the next, in seconds.
    pub(super) frame_s: f32,
}

impl FrameMemory {
    /// One that has heard nothing.
    pub(super) fn new(shape: FrameShape) -> Self {
        Self {
            shape,
            walk: HeardWalk::new(shape.bins, shape.bins, shape.frame_s),
        }
    }

    /// Remembers a frame, `[bins]`.
    pub(super) fn hear(&mut self, frame: &[f32]) {
        self.walk.hear(frame, frame);
    }

    /// From here on frames are made. `quarter_frames`: of a quarter note, 0 where no tempo is known.
    pub(super) fn begin(&mut self, stream: Stream, quarter_frames: f64) {
        self.walk.begin(stream, quarter_frames);
    }

    /// The place that is read next.
    #[cfg(test)]
    pub(super) fn place(&self) -> Option<usize> {
        self.walk.place()
    }

    /// Moves a drawn frame `[bins]` towards the memory's next one; `likeness`: 0 not at all, 1 all the way. `before`: the
    /// frame before it.
    pub(super) fn pull(&mut self, likeness: f32, before: &[f32], drawn: &mut [f32]) {
        if let Some(at) = self.walk.next() {
            let (from, to) = (self.walk.item(at.saturating_sub(1)), self.walk.item(at));
            let whole = (likeness / WHOLE).clamp(0.0, 1.0);
            // The usual quarter moves half the way: with a quarter, noise stands between the partials of a tune.
            let share = likeness.clamp(0.0, 1.0).sqrt();
            let begins = self.walk.is_onset(at);
            for (bin, value) in drawn.iter_mut().enumerate() {
                *value += share * (to[bin] - *value);
                if begins && to[bin] > from[bin] {
                    let risen = (before[bin] + to[bin] - from[bin]).min(to[bin]);
                    *value += whole * (risen - *value).max(0.0);
                }
            }
            let shape = &self.shape;
            let softer = whole * (shape.level_db(to) - shape.level_db(drawn));
            shape.raise(softer.clamp(-MOST_LEVEL_DB, MOST_LEVEL_DB), drawn);
        }
        self.walk.note(drawn);
    }
}

impl FrameShape {
    /// Level of a frame in dB over any reference: that of the sum of its bins' powers.
    fn level_db(&self, frame: &[f32]) -> f32 {
        let power = |value: &f32| match self.unit {
            Unit::Db => 10.0_f32.powf(value / 10.0),
            Unit::Ln => (2.0 * value).exp(),
            Unit::Linear => value * value,
        };
        10.0 * frame.iter().map(power).sum::<f32>().max(1e-20).log10()
    }

    /// Makes a frame louder. Silence stays silence.
    fn raise(&self, db: f32, frame: &mut [f32]) {
        for value in frame.iter_mut().filter(|value| **value > self.floor) {
            *value = match self.unit {
                Unit::Db => *value + db,
                Unit::Ln => *value + db * std::f32::consts::LN_10 / 20.0,
                Unit::Linear => *value * 10.0_f32.powf(db / 20.0),
            }
            .max(self.floor);
        }
    }
}
