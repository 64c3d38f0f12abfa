//! Follows the sound that the engine published lately, and makes columns of levels of it.
//! Window thread; takes no lock.

use std::collections::VecDeque;

use afterimage_engine::Monitor;
use afterimage_spectral::StftSpec;
use afterimage_spectral::stft::Analysis;

use super::frequency_axis::{RowReader, SILENT_DB};

/// Samples fetched at once at most; the Monitor keeps 65 536, so none is overwritten meanwhile.
const MOST_SAMPLES: usize = 32_768;
/// Samples that may be written between asking how many there are and fetching them.
const SLACK_SAMPLES: usize = 4_096;
/// Hop of the picture at 48 kHz, in samples: a column every 11 ms.
const HOP: usize = 512;
/// Length of the short transform in hops: attacks stay sharp.
const SHORT_HOPS: usize = 4;
/// Length of the long transform in hops: low partials come apart.
pub(super) const LONG_HOPS: usize = 16;

/// Sound in, columns of `rows` levels out.
pub(super) struct Listener {
    rows: usize,
    seen: u64,
    fetched: Vec<f32>,
    tuned: Option<Tuned>,
}

/// One transform and how the picture's rows read it.
struct Band {
    analysis: Analysis,
    reader: RowReader,
    levels_db: Vec<f32>,
    /// Takes a raw magnitude to the amplitude of a sine.
    amplitude: f32,
}

impl Band {
    fn new(rate_hz: u32, rows: usize, fft_size: usize, hop: usize) -> Option<Self> {
        let spec = StftSpec::new(fft_size, hop).ok()?;
        Some(Self {
            analysis: Analysis::new(&spec),
            reader: RowReader::new(rows, spec.bins(), rate_hz as f32 / fft_size as f32),
            levels_db: vec![SILENT_DB; spec.bins()],
            // A Hann window sums to half its length, and half of a sine's energy lies below zero.
            amplitude: 4.0 / fft_size as f32,
        })
    }

    /// Gives the levels of each complete column, from the top row down.
    fn push(&mut self, samples: &[f32], mut column: impl FnMut(&mut dyn Iterator<Item = f32>)) {
        let Self {
            analysis,
            reader,
            levels_db,
            amplitude,
        } = self;
        analysis.push(samples, |_, spectrum| {
            for (level, bin) in levels_db.iter_mut().zip(spectrum) {
                let power = bin.norm_sqr() * *amplitude * *amplitude;
                *level = 10.0 * power.max(1e-16).log10();
            }
            column(&mut reader.read(levels_db));
        });
    }
}

/// What depends on the host's rate.
///
/// A column shows the lower of two transforms with one centre: the long one tells partials apart,
/// the short one attacks, and what only one of them sees is its window's smear.
struct Tuned {
    rate_hz: u32,
    hop: usize,
    short: Band,
    long: Band,
    /// Levels of the short transform that wait for the long one, oldest first.
    waiting: VecDeque<f32>,
}

impl Tuned {
    fn new(rate_hz: u32, rows: usize) -> Option<Self> {
        let hop = match rate_hz {
            0 => return None,
            1..=64_000 => HOP,
            64_001..=128_000 => 2 * HOP,
            _ => 4 * HOP,
        };
        Some(Self {
            rate_hz,
            hop,
            short: Band::new(rate_hz, rows, SHORT_HOPS * hop, hop)?,
            long: Band::new(rate_hz, rows, LONG_HOPS * hop, hop)?,
            waiting: VecDeque::with_capacity(LONG_HOPS * rows),
        })
    }

    /// Gives the levels of each complete column, from the top row down.
    fn push(&mut self, samples: &[f32], mut column: impl FnMut(&mut dyn Iterator<Item = f32>)) {
        // A hop at a time, so that few columns wait.
        for samples in samples.chunks(self.hop) {
            let waiting = &mut self.waiting;
            self.short.push(samples, |levels| waiting.extend(levels));
            self.long.push(samples, |levels| {
                column(
                    &mut levels
                        .zip(std::iter::from_fn(|| waiting.pop_front()))
                        .map(|(long, short)| long.min(short)),
                );
            });
        }
    }
}

impl Listener {
    /// A listener that has heard nothing. Allocates.
    pub(super) fn new(rows: usize) -> Self {
        Self {
            rows,
            seen: 0,
            fetched: vec![0.0; MOST_SAMPLES],
            tuned: None,
        }
    }

    /// Fetches what is new; gives the levels of each new column, in decibels of full scale, from
    /// the top row down.
    pub(super) fn listen(
        &mut self,
        monitor: &Monitor,
        column: impl FnMut(&mut dyn Iterator<Item = f32>),
    ) {
        let rate_hz = monitor.host_rate_hz();
        if self
            .tuned
            .as_ref()
            .is_none_or(|tuned| tuned.rate_hz != rate_hz)
        {
            self.tuned = Tuned::new(rate_hz, self.rows);
        }
        let written = monitor.recent_output(&mut []);
        if written < self.seen {
            self.seen = written; // another engine, or a reset
        }
        let Some(tuned) = &mut self.tuned else {
            self.seen = written;
            return;
        };
        if written == self.seen {
            return;
        }
        let wanted = (written - self.seen) as usize + SLACK_SAMPLES;
        let window = &mut self.fetched[..wanted.min(MOST_SAMPLES)];
        let written = monitor.recent_output(window);
        // What is older than the window is skipped: the picture was not drawn meanwhile.
        let fresh = ((written - self.seen) as usize).min(window.len());
        self.seen = written;
        tuned.push(&window[window.len() - fresh..], column);
    }
}

#[cfg(test)]
mod tests {
    use super::Tuned;
    use crate::editor::frequency_axis::height;

    #[test]
    fn a_sine_shows_at_its_frequency_and_level_at_any_rate_and_block() {
        const ROWS: usize = 320;
        for rate_hz in [22_050, 44_100, 48_000, 96_000, 192_000] {
            for block in [1, 63, 512, 8_192] {
                let mut tuned = Tuned::new(rate_hz, ROWS).expect("a rate");
                let step = std::f64::consts::TAU * 1_000.0 / f64::from(rate_hz);
                let samples: Vec<f32> = (0..40_000)
                    .map(|n| 0.5 * (step * f64::from(n)).sin() as f32)
                    .collect();
                let mut last = Vec::new();
                for block in samples.chunks(block) {
                    tuned.push(block, |levels| last = levels.collect());
                }
                let loudest = (0..ROWS)
                    .max_by(|a, b| last[*a].total_cmp(&last[*b]))
                    .expect("rows");
                let expected = (1.0 - height(1_000.0)) * ROWS as f32;
                assert!(
                    (loudest as f32 + 0.5 - expected).abs() <= 2.0,
                    "{rate_hz} Hz"
                );
                // A Hann window loses up to 1.4 dB between bins, and a row up to 1 between rows.
                assert!(
                    (last[loudest] + 6.02).abs() < 2.5,
                    "{rate_hz} Hz: {} dB",
                    last[loudest]
                );
            }
        }
    }
}
