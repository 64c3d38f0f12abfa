//! The way through what was heard: reads on, and jumps to places whose past is like the present.

use std::collections::VecDeque;

use afterimage_spectral::counter_rng::{Purpose, Stream};

use super::heard::{BANDS, Bands, Recollection};
use super::{HOP, RATE_HZ, beat};
use crate::continuation::{SoundStart, Style};

const FRAMES_PER_SECOND: usize = RATE_HZ as usize / HOP;
/// Least that has to be heard: a second.
pub(super) const SHORTEST_FRAMES: usize = FRAMES_PER_SECOND;
/// The past that is compared: half a second.
const CONTEXT_FRAMES: usize = FRAMES_PER_SECOND / 2;
/// Every second frame of it is looked at: neighbours share most of their window.
const CONTEXT_STEP: usize = 2;
/// After so many frames a difference counts half.
const CONTEXT_HALF_LIFE: f32 = 15.0;
/// A place must have so much after it that reading there is worth the jump.
const AHEAD_FRAMES: usize = FRAMES_PER_SECOND * 3 / 4;
const FADE_SAMPLES: usize = RATE_HZ as usize * 3 / 100;
/// How far a place is moved so that waves meet in phase.
const ALIGN_SAMPLES: usize = HOP / 2;
const ALIGN_WINDOW: usize = 1024;
/// Where there is no beat, a jump is considered so often.
const FREE_INTERVAL: f32 = RATE_HZ as f32 * 0.4;
/// A jump's chance where it is considered, at temperature 1.
const JUMP_CHANCE: f32 = 0.3;
/// Reading does not go on in one place for longer: eight quarters at 120 a minute.
const LONGEST_READ: usize = RATE_HZ as usize * 4;
/// Places among which one is drawn.
const CHOICES: usize = 6;
/// What a place costs more for each time that it was read, in squared dB.
const USED_COST: f32 = 12.0;
/// Differences of cost, in squared dB, that make a place e times less likely at temperature 1.
const COST_SCALE: f32 = 6.0;
/// Where nothing louder than this, in dB over the floor, was heard, there is nothing to continue.
const SILENT_DB: f32 = 6.0;

/// A place to go to.
#[derive(Clone, Copy, Debug)]
struct Place {
    sample: usize,
    cost: f32,
}

/// The tail of the place before, while it fades.
#[derive(Clone, Copy, Debug)]
struct Fade {
    from: usize,
    done: usize,
    correlation: f32,
}

/// One continuation.
pub(super) struct Walk {
    memory: Recollection,
    /// Frames of what sounds, oldest first: what places are compared with.
    past: VecDeque<usize>,
    used: Vec<u16>,
    /// The next sample to read.
    at: usize,
    fade: Option<Fade>,
    beat_samples: Option<f32>,
    /// How far reading is off the beat, in samples: alignments must not add up.
    off_beat: i64,
    written: usize,
    /// When the next jump is considered, on the scale of `written`.
    next_choice: f32,
    since_jump: usize,
    stream: Stream,
    drawn: u64,
}

impl Walk {
    /// Begins right after the memory's newest sample; gives the memory back where it is too short or silent.
    pub(super) fn new(memory: Recollection, start: &SoundStart) -> Result<Self, Recollection> {
        let frames = memory.frames.len();
        let loudest = memory.frames.iter().flatten().copied().fold(0.0, f32::max);
        if frames < SHORTEST_FRAMES || loudest < SILENT_DB {
            return Err(memory);
        }
        let beat_samples = Some(start.quarter_samples)
            .filter(|samples| *samples > 0.0)
            .or_else(|| beat::period_samples(&memory.frames));
        let mut walk = Self {
            past: (frames.saturating_sub(CONTEXT_FRAMES)..frames).collect(),
            used: vec![0; frames],
            at: memory.samples.len(),
            fade: None,
            beat_samples,
            off_beat: 0,
            written: 0,
            next_choice: beat_samples.unwrap_or(FREE_INTERVAL),
            since_jump: 0,
            stream: Stream::new(start.seed, Purpose::SAMPLING, 0, 0),
            drawn: 0,
            memory,
        };
        if let Some(place) = walk.choose(start.style.temperature) {
            walk.at = walk.aligned(place.sample).0;
        }
        Ok(walk)
    }

    /// Gives the memory back, to be filled again.
    pub(super) fn into_memory(self) -> Recollection {
        self.memory
    }

    /// Writes the next samples.
    pub(super) fn read(&mut self, style: &Style, samples: &mut [f32]) {
        for sample in samples {
            let runs_out = self.at + FADE_SAMPLES >= self.memory.samples.len();
            if self.fade.is_none() && (runs_out || self.written as f32 >= self.next_choice) {
                self.consider(style.temperature, runs_out);
            }
            *sample = self.next_sample();
            self.written += 1;
            self.since_jump += 1;
            if self.written.is_multiple_of(HOP) {
                self.note_frame();
            }
        }
    }

    fn next_sample(&mut self) -> f32 {
        let new = self.sample(self.at);
        self.at += 1;
        let Some(fade) = &mut self.fade else {
            return new;
        };
        let (from, share) = (fade.from, fade.done as f32 / FADE_SAMPLES as f32);
        let correlation = fade.correlation;
        fade.from += 1;
        fade.done += 1;
        if fade.done == FADE_SAMPLES {
            self.fade = None;
        }
        let old = self.sample(from);
        // Constant power for two sounds of this correlation: linear for 1, sine and cosine's kin for 0.
        let rest = 1.0 - share;
        let power = rest * rest + share * share + 2.0 * correlation * rest * share;
        (rest * old + share * new) / power.max(0.25).sqrt()
    }

    fn sample(&self, at: usize) -> f32 {
        self.memory.samples.get(at).copied().unwrap_or_default()
    }

    fn note_frame(&mut self) {
        let frame = (self.at / HOP).min(self.memory.frames.len() - 1);
        self.used[frame] = self.used[frame].saturating_add(1);
        if self.past.len() == CONTEXT_FRAMES {
            self.past.pop_front();
        }
        self.past.push_back(frame);
    }

    fn uniform(&mut self) -> f32 {
        let uniform = self.stream.uniform_at(self.drawn);
        self.drawn += 1;
        uniform
    }

    fn consider(&mut self, temperature: f32, forced: bool) {
        let interval = self.beat_samples.unwrap_or(FREE_INTERVAL);
        while self.next_choice <= self.written as f32 {
            self.next_choice += interval;
        }
        let wants = self.uniform() < JUMP_CHANCE * temperature.max(0.2);
        if !forced && !wants && self.since_jump < LONGEST_READ {
            return;
        }
        let Some(place) = self.choose(temperature) else {
            return;
        };
        let (to, correlation) = self.aligned(place.sample);
        self.fade = Some(Fade {
            from: self.at,
            done: 0,
            correlation,
        });
        (self.at, self.since_jump) = (to, 0);
    }

    /// Draws one of the places whose past is most like the present.
    fn choose(&mut self, temperature: f32) -> Option<Place> {
        let uniform = self.uniform();
        let mut places: Vec<Place> = Vec::new();
        match self.beat_samples {
            Some(beat) => self.places_on_the_beat(beat, &mut places),
            None => self.places_anywhere(&mut places),
        }
        places.sort_by(|a, b| a.cost.total_cmp(&b.cost));
        places.truncate(CHOICES);
        let scale = COST_SCALE * temperature.max(1e-3);
        let least = places.first()?.cost;
        let weight = |place: &Place| ((least - place.cost) / scale).exp();
        let mut left = uniform * places.iter().map(weight).sum::<f32>();
        for place in &places {
            left -= weight(place);
            if left < 0.0 {
                return Some(*place);
            }
        }
        places.first().copied()
    }

    fn places_on_the_beat(&self, beat: f32, places: &mut Vec<Place>) {
        let beats = (self.memory.samples.len() as f32 / beat) as i64 + 1;
        for count in (-beats..=beats).filter(|count| *count != 0) {
            let now = (self.at as i64 - self.off_beat) as f64;
            let sample = now + count as f64 * f64::from(beat);
            if sample >= 0.0 {
                places.extend(self.place(sample as usize));
            }
        }
    }

    fn places_anywhere(&self, places: &mut Vec<Place>) {
        let (rest, now) = (self.at % HOP, self.at / HOP);
        for frame in CONTEXT_FRAMES..self.memory.frames.len() {
            if frame.abs_diff(now) > CONTEXT_FRAMES {
                places.extend(self.place(frame * HOP + rest));
            }
        }
    }

    /// What it costs to go to a sample; nothing where too little lies before or after it.
    fn place(&self, sample: usize) -> Option<Place> {
        let frame = sample / HOP;
        let inside = frame >= CONTEXT_FRAMES.min(self.past.len())
            && frame + AHEAD_FRAMES <= self.memory.frames.len();
        if !inside || sample < ALIGN_SAMPLES + ALIGN_WINDOW {
            return None;
        }
        let (mut sum, mut weights) = (0.0, 0.0);
        for (age, past) in self.past.iter().rev().enumerate().step_by(CONTEXT_STEP) {
            let weight = (-(age as f32) / CONTEXT_HALF_LIFE).exp2();
            let then = frame.checked_sub(1 + age)?;
            sum += weight * difference(&self.memory.frames[*past], &self.memory.frames[then]);
            weights += weight;
        }
        let soon = &self.used[frame..frame + AHEAD_FRAMES];
        let used = soon.iter().map(|count| f32::from(*count)).sum::<f32>() / soon.len() as f32;
        let cost = sum / weights + USED_COST * used;
        Some(Place { sample, cost })
    }

    /// The sample near `to` at which the waves before it fit best to those before the present, and how well.
    fn aligned(&mut self, to: usize) -> (usize, f32) {
        let samples = &self.memory.samples;
        let here = self.at.min(samples.len());
        let Some(now) = samples.get(here.saturating_sub(ALIGN_WINDOW)..here) else {
            return (to, 0.0);
        };
        let mut best = (to, f32::MIN);
        for place in to.saturating_sub(ALIGN_SAMPLES)..=to + ALIGN_SAMPLES {
            let Some(then) = place
                .checked_sub(now.len())
                .and_then(|from| samples.get(from..place))
            else {
                continue;
            };
            let likeness = correlation(now, then);
            if likeness > best.1 {
                best = (place, likeness);
            }
        }
        self.off_beat = best.0 as i64 - to as i64;
        (best.0, best.1.clamp(0.0, 1.0))
    }
}

/// Mean squared difference of two frames in dB.
fn difference(a: &Bands, b: &Bands) -> f32 {
    let squares = a.iter().zip(b).map(|(a, b)| (a - b) * (a - b));
    squares.sum::<f32>() / BANDS as f32
}

/// Normalised correlation, -1 to 1; 0 beside silence.
fn correlation(a: &[f32], b: &[f32]) -> f32 {
    let (mut dot, mut aa, mut bb) = (0.0, 0.0, 0.0);
    for (a, b) in a.iter().zip(b) {
        dot += a * b;
        aa += a * a;
        bb += b * b;
    }
    let scale = (aa * bb).sqrt();
    if scale > 1e-9 { dot / scale } else { 0.0 }
}
