//! What was heard, frame by frame, and its share in what a net of frames draws.
//!
//! A net that feeds on its own frames keeps the colour of what it heard and loses the beat and the tune within a second.
//! So while it plays, a reader walks through the frames of the last minute, from places whose past is like the present,
//! as the model-free continuer does through samples; each drawn frame is moved a share of the way to the frame read, and
//! goes back to the net like that. The net makes what lies between, the memory says when and where. Worker thread.
//! Source of the walk: Assayag, Dubnov 2004, "Using factor oracles for machine improvisation".

mod reading;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use afterimage_spectral::counter_rng::Stream;

use crate::manifest::Unit;
use reading::Reading;

/// What is remembered, in seconds.
const MEMORY_S: f32 = 60.0;
/// Groups of neighbouring bins that frames are compared by, at most.
const GROUPS: usize = 32;
/// A frame that rises by so many times the mean rise begins something.
const ONSET_RISE: f32 = 2.5;
/// From this share of the memory on, what begins does so at once, and all is as loud as there: an attack that is moved a
/// share at a time is a swell, and a mean of decibels is softer than either frame.
const WHOLE: f32 = 0.25;
/// Most that a frame is made louder or softer for it, in dB.
const MOST_LEVEL_DB: f32 = 12.0;

/// What was heard, and where a piece reads in it.
///
/// A clone shares the frames until one of the two hears on.
#[derive(Clone, Debug)]
pub(super) struct FrameMemory {
    heard: Arc<Heard>,
    reading: Option<Reading>,
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

/// The frames of the last minute and some before them.
#[derive(Clone, Debug)]
struct Heard {
    shape: FrameShape,
    groups: usize,
    /// `[frames][bins]` in the pack's unit.
    frames: Vec<f32>,
    /// `[frames][groups]`: means of neighbouring bins.
    outlines: Vec<f32>,
}

impl FrameMemory {
    /// One that has heard nothing.
    pub(super) fn new(shape: FrameShape) -> Self {
        let heard = Heard {
            groups: shape.bins.min(GROUPS),
            shape,
            frames: Vec::new(),
            outlines: Vec::new(),
        };
        Self {
            heard: Arc::new(heard),
            reading: None,
        }
    }

    /// Remembers a frame, `[bins]`.
    pub(super) fn hear(&mut self, frame: &[f32]) {
        Arc::make_mut(&mut self.heard).hear(frame);
    }

    /// From here on frames are made. `quarter_frames`: of a quarter note, 0 where no tempo is known.
    pub(super) fn begin(&mut self, stream: Stream, quarter_frames: f64) {
        self.reading = Reading::new(&self.heard, stream, quarter_frames);
    }

    /// Moves a drawn frame `[bins]` towards the memory's next one; `likeness`: 0 not at all, 1 all the way. `before`: the
    /// frame before it.
    pub(super) fn pull(&mut self, likeness: f32, before: &[f32], drawn: &mut [f32]) {
        let Some(reading) = &mut self.reading else {
            return;
        };
        let heard = &*self.heard;
        if let Some(at) = reading.next(heard) {
            let (from, to) = (heard.frame(at.saturating_sub(1)), heard.frame(at));
            let whole = (likeness / WHOLE).clamp(0.0, 1.0);
            // The usual quarter moves half the way: with a quarter, noise stands between the partials of a tune.
            let share = likeness.clamp(0.0, 1.0).sqrt();
            let begins = mean_rise(from, to) > ONSET_RISE * reading.usual_rise();
            for (bin, value) in drawn.iter_mut().enumerate() {
                *value += share * (to[bin] - *value);
                let risen = before[bin] + whole * (to[bin] - from[bin]);
                if begins && to[bin] > from[bin] {
                    *value = value.max(risen.min(to[bin]));
                }
            }
            let shape = &heard.shape;
            let softer = whole * (shape.level_db(to) - shape.level_db(drawn));
            shape.raise(softer.clamp(-MOST_LEVEL_DB, MOST_LEVEL_DB), drawn);
        }
        reading.note(heard.outline_of(drawn));
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

impl Heard {
    fn len(&self) -> usize {
        self.frames.len() / self.shape.bins
    }

    /// Frames of so many seconds.
    fn frames_in(&self, seconds: f32) -> usize {
        (seconds / self.shape.frame_s).round().max(1.0) as usize
    }

    fn hear(&mut self, frame: &[f32]) {
        let outline = self.outline_of(frame);
        self.frames.extend_from_slice(frame);
        self.outlines.extend_from_slice(&outline);
        let most = self.frames_in(MEMORY_S);
        // Dropping moves the rest, so it is done now and then.
        if self.len() > most + most / 4 {
            let old = self.len() - most;
            self.frames.drain(..old * self.shape.bins);
            self.outlines.drain(..old * self.groups);
        }
    }

    fn frame(&self, at: usize) -> &[f32] {
        &self.frames[at * self.shape.bins..][..self.shape.bins]
    }

    fn outline(&self, at: usize) -> &[f32] {
        &self.outlines[at * self.groups..][..self.groups]
    }

    /// Means of neighbouring bins, `[groups]`.
    fn outline_of(&self, frame: &[f32]) -> Vec<f32> {
        let edge = |group: usize| group * self.shape.bins / self.groups;
        let mean = |bins: &[f32]| bins.iter().sum::<f32>() / bins.len() as f32;
        (0..self.groups)
            .map(|group| mean(&frame[edge(group)..edge(group + 1)]))
            .collect()
    }

    /// Mean squared difference of the outlines from their mean, from a frame on.
    fn spread(&self, first: usize) -> f32 {
        let outlines = || self.outlines[first * self.groups..].chunks_exact(self.groups);
        let count = (self.len() - first) as f32;
        let mut means = vec![0.0; self.groups];
        for outline in outlines() {
            means
                .iter_mut()
                .zip(outline)
                .for_each(|(m, v)| *m += v / count);
        }
        outlines()
            .map(|outline| difference(outline, &means))
            .sum::<f32>()
            / count
    }
}

/// Mean squared difference.
fn difference(a: &[f32], b: &[f32]) -> f32 {
    let squares = a.iter().zip(b).map(|(a, b)| (a - b) * (a - b));
    squares.sum::<f32>() / a.len() as f32
}

/// Mean rise of a bin.
fn mean_rise(from: &[f32], to: &[f32]) -> f32 {
    let rises = from.iter().zip(to).map(|(from, to)| (to - from).max(0.0));
    rises.sum::<f32>() / from.len() as f32
}
