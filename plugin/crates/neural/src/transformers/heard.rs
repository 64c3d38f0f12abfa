//! What is heard of the input, as an encoder wants to see it. Worker thread only.

use std::collections::VecDeque;

use super::encode_plan::EncodePlan;
use crate::manifest::{Representation, Unit};

/// A frame so much louder, in decibels, than the softest of those just before begins a note.
const ONSET_DB: f32 = 9.0;
/// Those just before: two windows' worth of seconds.
const BEFORE_S: f64 = 0.06;
/// No note begins so soon after another, in seconds.
const LEAST_NOTE_S: f64 = 0.08;
/// What is softer begins nothing, in LUFS.
const QUIET_LUFS: f32 = -65.0;
/// Loudness is the loudest stretch of this length, in seconds: momentary, by EBU R 128.
const MOMENTARY_S: f64 = 0.4;
/// Most that is made up for between a sound's loudness and the one that the encoder learnt from, in decibels.
const MOST_GAIN_DB: f32 = 50.0;
/// How fast a note that has not ended yet is thought to fade once it does, in decibels a second.
const FADE_DB_A_S: f32 = 120.0;

/// The ear of one transformer.
#[derive(Clone, Debug)]
pub(super) struct Heard {
    frame_rate_hz: f64,
    unit: Unit,
    power: f32,
    floor: f32,
    values: usize,
    /// Frames at moments of the note, or the newest frames, oldest first, `[frames][values]`.
    stack: VecDeque<Vec<f32>>,
    /// In frames after the note's start.
    on: Vec<u64>,
    /// In seconds after its end.
    off: Vec<f32>,
    follows: bool,
    wanted_lufs: Option<f32>,
    /// Of the newest frames, in LUFS.
    levels: VecDeque<f32>,
    /// Mean squares that loudness is measured over.
    squares: VecDeque<f64>,
    loudest_lufs: f32,
    since_onset: Option<u64>,
}

impl Heard {
    /// Nothing yet. Allocates.
    pub(super) fn new(plan: &EncodePlan, representation: &Representation) -> Self {
        let rate_hz = representation.frame_rate_hz();
        let moments = plan.moments.clone().unwrap_or_default();
        let silence = vec![representation.floor; representation.bins];
        Self {
            frame_rate_hz: rate_hz,
            unit: representation.unit,
            power: representation.power,
            floor: representation.floor,
            values: representation.bins,
            stack: (0..plan.frames).map(|_| silence.clone()).collect(),
            on: moments
                .on
                .iter()
                .map(|s| (f64::from(*s) * rate_hz).round() as u64)
                .collect(),
            off: moments.off,
            follows: plan.moments.is_none(),
            wanted_lufs: plan.loudness,
            levels: VecDeque::new(),
            squares: VecDeque::new(),
            loudest_lufs: f32::NEG_INFINITY,
            since_onset: None,
        }
    }

    pub(super) fn reset(&mut self) {
        for frame in &mut self.stack {
            frame.fill(self.floor);
        }
        self.levels.clear();
        self.squares.clear();
        self.loudest_lufs = f32::NEG_INFINITY;
        self.since_onset = None;
    }

    /// Frames since the note began; 0 before the first.
    pub(super) fn frames_on(&self) -> u64 {
        self.since_onset.unwrap_or(0)
    }

    /// Seconds since the note began; 0 before the first.
    pub(super) fn on_s(&self) -> f64 {
        self.frames_on() as f64 / self.frame_rate_hz
    }

    /// The last moment of a note that the encoder sees, in seconds after its start.
    pub(super) fn last_moment_s(&self) -> f64 {
        let last = self.on.iter().max().copied().unwrap_or(0);
        last as f64 / self.frame_rate_hz
    }

    /// Whether a frame of that weighted mean square would begin a note.
    pub(super) fn begins_with(&self, mean_square: f64) -> bool {
        self.begins(lufs(mean_square))
    }

    /// Takes a frame, `[values]`, and its weighted mean square.
    pub(super) fn push(&mut self, frame: &[f32], mean_square: f64) {
        let level = lufs(mean_square);
        let begins = self.begins(level);
        self.since_onset = match self.since_onset {
            _ if begins => Some(0),
            Some(frames) => Some(frames + 1),
            None => None,
        };
        let in_frames = |seconds: f64| (seconds * self.frame_rate_hz).ceil() as usize;
        let (before, momentary) = (in_frames(BEFORE_S), in_frames(MOMENTARY_S));
        self.levels.push_back(level);
        if self.levels.len() > before {
            self.levels.pop_front();
        }
        if begins && !self.follows {
            self.squares.clear();
            self.loudest_lufs = f32::NEG_INFINITY;
        }
        self.squares.push_back(mean_square);
        let most = if self.follows {
            self.stack.len()
        } else {
            momentary
        };
        if self.squares.len() > most {
            self.squares.pop_front();
        }
        let mean = self.squares.iter().sum::<f64>() / self.squares.len() as f64;
        self.loudest_lufs = match self.follows {
            true => lufs(mean),
            false => self.loudest_lufs.max(lufs(mean)),
        };
        self.keep(frame);
    }

    fn begins(&self, level: f32) -> bool {
        let since_s = self
            .since_onset
            .map(|frames| frames as f64 / self.frame_rate_hz);
        let softest = self.levels.iter().copied().fold(f32::INFINITY, f32::min);
        let softest = if self.levels.is_empty() {
            f32::NEG_INFINITY
        } else {
            softest
        };
        level > QUIET_LUFS
            && level > softest + ONSET_DB
            && since_s.is_none_or(|since| since > LEAST_NOTE_S)
    }

    fn keep(&mut self, frame: &[f32]) {
        if self.follows {
            if let Some(mut oldest) = self.stack.pop_front() {
                oldest.copy_from_slice(frame);
                self.stack.push_back(oldest);
            }
            return;
        }
        // What has not come yet is taken to be as the newest is; so was the data of notes that were too short.
        let elapsed = self.frames_on();
        for (kept, moment) in self.stack.iter_mut().zip(&self.on) {
            if *moment >= elapsed {
                kept.copy_from_slice(frame);
            }
        }
        let (unit, power, floor) = (self.unit, self.power, self.floor);
        for (kept, after_s) in self.stack.iter_mut().skip(self.on.len()).zip(&self.off) {
            for (kept, value) in kept.iter_mut().zip(frame) {
                *kept = louder(*value, -FADE_DB_A_S * after_s, (unit, power, floor));
            }
        }
    }

    /// Writes what the encoder is to see, `[frames * values]`, at the loudness that it learnt from.
    pub(super) fn write(&self, seen: &mut Vec<f32>) {
        let gain_db = match self.wanted_lufs {
            Some(wanted) if self.loudest_lufs.is_finite() => {
                (wanted - self.loudest_lufs).clamp(-MOST_GAIN_DB, MOST_GAIN_DB)
            }
            _ => 0.0,
        };
        seen.clear();
        seen.reserve(self.stack.len() * self.values);
        let scale = (self.unit, self.power, self.floor);
        for frame in &self.stack {
            seen.extend(frame.iter().map(|value| louder(*value, gain_db, scale)));
        }
    }
}

/// Loudness of a weighted mean square.
fn lufs(mean_square: f64) -> f32 {
    (-0.691 + 10.0 * mean_square.max(1e-14).log10()) as f32
}

/// A frame's value made louder; what is silent stays so.
fn louder(value: f32, gain_db: f32, (unit, power, floor): (Unit, f32, f32)) -> f32 {
    const NEPERS_A_DB: f32 = std::f32::consts::LN_10 / 20.0;
    if value <= floor {
        return floor;
    }
    let louder = match unit {
        Unit::Db => value + gain_db,
        Unit::Ln => value + gain_db * NEPERS_A_DB * power,
        Unit::Linear => value * (gain_db * NEPERS_A_DB * power).exp(),
    };
    louder.max(floor)
}
