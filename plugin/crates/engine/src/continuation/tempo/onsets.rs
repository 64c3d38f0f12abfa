//! How strongly something begins in the input, frame by frame. Real-time safe after construction.
//!
//! Spectral flux: the rise of a frame's bands over the frames shortly before, of the root of their amplitude,
//! so that what is louder counts more and what is soft still counts.
//! Source: Boeck, Widmer 2013, "Maximum filter vibrato suppression for onset detection", sec. 2.

use std::collections::VecDeque;

use afterimage_spectral::StftSpec;
use afterimage_spectral::stft::Analysis;

use crate::touched;

/// The input is brought near this rate by averaging: onsets lie below 10 kHz.
const NEAR_RATE_HZ: f64 = 24_000.0;
/// 43 ms: long enough for the partials of a chord, short enough for the beat of a drum.
const FFT_SIZE: usize = 1024;
/// 5 ms.
const HOP: usize = 128;
/// A rise is measured over so many frames.
const RISE_FRAMES: usize = 3;
/// Semitones, and single bins where those are finer.
const BANDS: usize = 90;
const LOWEST_HZ: f64 = 50.0;
const HIGHEST_HZ: f64 = 9_000.0;
/// Bands below 150 Hz, where bass and bass drum are: they mark the bar.
const LOW_BANDS: usize = 6;
/// A steady sound's own beating rises by less than this, averaged over the bands.
const LEAST_RISE: f32 = 2e-3;

/// Host samples of a frame.
pub(in crate::continuation) fn frame_samples(rate_hz: u32) -> u64 {
    (HOP * decimation(rate_hz)) as u64
}

fn decimation(rate_hz: u32) -> usize {
    (f64::from(rate_hz) / NEAR_RATE_HZ).round().max(1.0) as usize
}

/// How strongly something began.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Onset {
    /// The host sample after the last that was heard for it: a whole number of frames.
    pub(in crate::continuation) at_host: u64,
    /// Mean rise of all bands, and of the lowest; a sine of full scale has risen by 1 in its band.
    pub(in crate::continuation) strength: f32,
    pub(in crate::continuation) low: f32,
}

/// What the input's onsets lag behind [`Onset::at_host`], in frames: half a window and half a rise, less
/// what the logarithm brings the rise forward, by measurement on clicks.
pub(super) const ONSET_DELAY_FRAMES: f64 =
    (FFT_SIZE / 2 / HOP) as f64 + 0.5 * RISE_FRAMES as f64 - 2.35;

/// Onsets of the input of one instance.
pub(in crate::continuation) struct Onsets {
    analysis: Analysis,
    decimation: usize,
    /// First bin of each band, and after the last.
    edges: [usize; BANDS + 1],
    sum: f32,
    summed: usize,
    /// The next sample, and where the frames are counted from.
    next: u64,
    base: Option<u64>,
    levels: [[f32; BANDS]; RISE_FRAMES],
    found: VecDeque<Onset>,
}

impl Onsets {
    /// For pieces of a block at a rate. Allocates. `None` never: the transform is fixed.
    pub(in crate::continuation) fn new(rate_hz: u32, piece_samples: usize) -> Option<Self> {
        let spec = StftSpec::new(FFT_SIZE, HOP).ok()?;
        let decimation = decimation(rate_hz);
        let bin_hz = f64::from(rate_hz) / decimation as f64 / FFT_SIZE as f64;
        let octaves = (HIGHEST_HZ / LOWEST_HZ).log2();
        let mut edges = [0; BANDS + 1];
        let mut least = 1;
        for (band, edge) in edges.iter_mut().enumerate() {
            let hz = LOWEST_HZ * (octaves * band as f64 / BANDS as f64).exp2();
            *edge = ((hz / bin_hz).round() as usize).max(least).min(spec.bins());
            least = *edge + 1; // each band has a bin of its own
        }
        let room = piece_samples / (HOP * decimation) + 2;
        Some(Self {
            analysis: Analysis::new(&spec),
            decimation,
            edges,
            sum: 0.0,
            summed: 0,
            next: 0,
            base: None,
            levels: [[0.0; BANDS]; RISE_FRAMES],
            found: touched::queue(room, Onset::default),
        })
    }

    /// Forgets everything; the timeline begins at 0.
    pub(in crate::continuation) fn restart(&mut self) {
        self.found.clear();
        (self.next, self.base) = (0, None);
    }

    /// Takes the next samples, left and right.
    pub(in crate::continuation) fn hear(&mut self, from_host: u64, samples: &[[f32; 2]]) {
        if from_host != self.next {
            self.base = None; // there was a pause
        }
        self.next = from_host + samples.len() as u64;
        let frame = (HOP * self.decimation) as u64;
        for ([left, right], at) in samples.iter().zip(from_host..) {
            if self.base.is_none() {
                if !at.is_multiple_of(frame) {
                    continue;
                }
                self.base = Some(at);
                self.analysis.reset();
                (self.sum, self.summed) = (0.0, 0);
                self.levels = [[0.0; BANDS]; RISE_FRAMES];
            }
            self.sum += left + right;
            self.summed += 1;
            if self.summed == self.decimation {
                let mean = self.sum / (2 * self.decimation) as f32;
                (self.sum, self.summed) = (0.0, 0);
                self.take(mean, at + 1);
            }
        }
    }

    fn take(&mut self, sample: f32, at_host: u64) {
        let Self {
            analysis,
            edges,
            levels,
            found,
            ..
        } = self;
        analysis.push(&[sample], |frame, spectrum| {
            // A full-scale sine has a quarter of the window's length in its bin.
            let unit = FFT_SIZE as f32 / 4.0;
            let mut onset = Onset {
                at_host,
                ..Onset::default()
            };
            let oldest = frame as usize % RISE_FRAMES;
            // A partial that wavers into the band beside it is no onset.
            let before = levels[oldest];
            for band in 0..BANDS {
                let bins = &spectrum[edges[band]..edges[band + 1].max(edges[band])];
                let power: f32 = bins.iter().map(|bin| bin.norm_sqr()).sum();
                let level = (power.sqrt() / unit).sqrt();
                let next = before.get(band + 1).copied().unwrap_or(0.0);
                let highest = before[band].max(before[band.max(1) - 1]).max(next);
                let rise = (level - highest).max(0.0);
                levels[oldest][band] = level;
                onset.strength += rise / BANDS as f32;
                if band < LOW_BANDS {
                    onset.low += rise / LOW_BANDS as f32;
                }
            }
            onset.strength = (onset.strength - LEAST_RISE).max(0.0);
            if found.len() < found.capacity() {
                found.push_back(onset);
            }
        });
    }

    /// The oldest onset up to a host sample that nobody took.
    pub(in crate::continuation) fn next_before(&mut self, at_host: u64) -> Option<Onset> {
        self.found
            .front()
            .filter(|onset| onset.at_host <= at_host)?;
        self.found.pop_front()
    }
}
