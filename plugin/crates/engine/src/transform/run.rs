//! A run of a transformer: the input at its rate, tick by tick, and back at the host's. Worker thread only.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};

use afterimage_spectral::resample::CHUNK_HOST_FRAMES;
use afterimage_spectral::{ResampleError, Resampler};

use super::{CHUNK_SAMPLES, Chunk, Slab, Tick, TransformControls, Transformer, TransformerSpec};
use crate::contract::DecodeError;
use crate::timeline::RateMap;

/// What a run can do next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// A tick can be transformed.
    Tick,
    /// A slab can be sent.
    Send,
    /// More input is needed.
    Nothing,
}

/// Both ways of a rate: down to the transformer, up to the host.
struct Ways {
    down: Resampler,
    up: Resampler,
    same: bool,
}

impl Ways {
    fn new(spec: &TransformerSpec, host_rate_hz: u32) -> Result<Self, ResampleError> {
        let (host, model) = (f64::from(host_rate_hz), f64::from(spec.sample_rate_hz));
        Ok(Self {
            down: Resampler::new(host, model, spec.channels)?,
            up: Resampler::new(model, host, spec.channels)?,
            same: host_rate_hz == spec.sample_rate_hz,
        })
    }

    /// Host samples that must wait before some more are brought down.
    fn wanted_down(&self) -> usize {
        self.down.max_fill(CHUNK_HOST_FRAMES)
    }

    /// Transformed samples that must wait before a slab is brought up: a filter asks for two of its chunks.
    fn wanted_up(&self) -> usize {
        let fills = if self.same { 1 } else { 2 };
        fills * self.up.max_fill(CHUNK_SAMPLES)
    }
}

/// Host samples from the first of a slab to the last input that it may need, and one more: what lies between an
/// input and what became of it beside the time for the work. Allocates.
///
/// # Errors
/// When the transformer's rate cannot be brought to the host's.
pub(crate) fn look_ahead(spec: &TransformerSpec, host_rate_hz: u32) -> Result<u32, ResampleError> {
    let ways = Ways::new(spec, host_rate_hz)?;
    let at_host = |samples: usize| {
        let (host, model) = (u64::from(host_rate_hz), u64::from(spec.sample_rate_hz));
        (samples as u64 * host).div_ceil(model.max(1)) as usize
    };
    let ticks = spec.delay_samples + spec.tick_samples;
    let chunks = 2 * CHUNK_SAMPLES + CHUNK_HOST_FRAMES;
    let host = if ways.same {
        chunks + ticks
    } else {
        let filters = ways.wanted_up() + ways.down.delay_host_frames() + 2 * CHUNK_HOST_FRAMES;
        let sides = ways.up.delay_host_frames() + ways.wanted_down();
        chunks + sides + at_host(ticks + filters)
    };
    Ok(host as u32)
}

/// A run.
pub(super) struct Run {
    serial: u64,
    number: u32,
    spec: TransformerSpec,
    map: RateMap,
    ways: Ways,
    /// Input at host rate; the first is at `taken`.
    input: VecDeque<[f32; 2]>,
    taken: u64,
    /// Samples of the way down, of the transformer and of the way up that are still to be left out.
    leave_out: [usize; 3],
    given: [VecDeque<f32>; 2],
    made: [VecDeque<f32>; 2],
    tick: u64,
    next_host: u64,
    buffers: [Vec<f32>; 4],
}

impl Run {
    /// A run of the timeline from `origin_host` on. Allocates.
    ///
    /// # Errors
    /// When the transformer's rate cannot be brought to the host's.
    pub(super) fn new(
        spec: &TransformerSpec,
        (serial, number): (u64, u32),
        (origin_host, host_rate_hz): (u64, u32),
    ) -> Result<Self, ResampleError> {
        let ways = Ways::new(spec, host_rate_hz)?;
        let leave_out = [
            ways.down.delay_host_frames(),
            spec.delay_samples,
            ways.up.delay_host_frames(),
        ];
        Ok(Self {
            serial,
            number,
            map: RateMap {
                host_rate_hz,
                model_rate_hz: spec.sample_rate_hz,
                origin_host,
            },
            ways,
            input: VecDeque::new(),
            taken: origin_host,
            leave_out,
            given: Default::default(),
            made: Default::default(),
            tick: 0,
            next_host: origin_host,
            buffers: std::array::from_fn(|_| vec![0.0; spec.tick_samples]),
            spec: spec.clone(),
        })
    }

    pub(super) fn serial(&self) -> u64 {
        self.serial
    }

    /// The host sample that is sent next.
    pub(super) fn next_host(&self) -> u64 {
        self.next_host
    }

    /// The host sample after the newest that came in.
    pub(super) fn end(&self) -> u64 {
        self.taken + self.input.len() as u64
    }

    /// Host samples that came in and were not sent.
    pub(super) fn behind(&self) -> u64 {
        self.end() - self.next_host.min(self.end())
    }

    /// Takes a chunk; what lies between it and the one before is silence. What lies before the run is left out.
    pub(super) fn push(&mut self, chunk: &Chunk) {
        while self.end() < chunk.from_host {
            self.input.push_back([0.0; 2]);
        }
        let known = (self.end() - chunk.from_host).min(CHUNK_SAMPLES as u64) as usize;
        self.input.extend(&chunk.samples[known..]);
        self.bring_down();
    }

    /// Brings what came in to the transformer's rate.
    fn bring_down(&mut self) {
        let wanted = self.ways.wanted_down();
        let mono = self.spec.channels == 1;
        let mut made = [[0.0; CHUNK_HOST_FRAMES]; 2];
        while self.input.len() >= wanted {
            let input = &mut self.input;
            let mut taken = 0;
            let [left, right] = &mut made;
            let mut ends = [&mut left[..], &mut right[..]];
            let ends = &mut ends[..self.spec.channels];
            self.ways.down.pull(ends, |channels| match channels {
                [left, right] => {
                    taken += left.len();
                    for (l, r) in left.iter_mut().zip(right.iter_mut()) {
                        [*l, *r] = input.pop_front().unwrap_or_default();
                    }
                }
                [middle] => {
                    taken += middle.len();
                    for value in middle.iter_mut() {
                        let [left, right] = input.pop_front().unwrap_or_default();
                        *value = 0.5 * (left + right);
                    }
                }
                _ => {}
            });
            self.taken += taken as u64;
            let left_out = self.leave_out[0].min(CHUNK_HOST_FRAMES);
            self.leave_out[0] -= left_out;
            self.given[0].extend(&made[0][left_out..]);
            if !mono {
                self.given[1].extend(&made[1][left_out..]);
            }
        }
    }

    /// What can be done next.
    pub(super) fn next(&self) -> Next {
        if self.made[0].len() >= self.ways.wanted_up() {
            Next::Send
        } else if self.given[0].len() >= self.spec.tick_samples {
            Next::Tick
        } else {
            Next::Nothing
        }
    }

    /// The host sample at which the first sample of the next tick's output lies: its controls are those there, so
    /// that none is heard early.
    pub(super) fn tick_host(&self) -> u64 {
        let begins = self.tick * self.spec.tick_samples as u64;
        self.map
            .to_host(begins.saturating_sub(self.spec.delay_samples as u64))
    }

    /// Transforms a tick; without a transformer, or where it fails, it is silent.
    pub(super) fn transform(
        &mut self,
        transformer: Option<&mut dyn Transformer>,
        controls: &TransformControls,
    ) -> Result<(), DecodeError> {
        let count = self.spec.tick_samples;
        let channels = self.spec.channels;
        let host_s = self.tick_host() as f64 / f64::from(self.map.host_rate_hz);
        self.tick += 1;
        let [in_left, in_right, out_left, out_right] = &mut self.buffers;
        for (buffer, given) in [&mut *in_left, &mut *in_right]
            .into_iter()
            .zip(&mut self.given)
        {
            let there = count.min(given.len());
            buffer[..there]
                .iter_mut()
                .zip(given.drain(..there))
                .for_each(|(b, g)| *b = g);
        }
        let input = [&in_left[..], &in_right[..]];
        let tick = Tick {
            at_s: host_s,
            controls,
        };
        let outcome = match transformer {
            None => Ok(false),
            Some(transformer) => {
                let mut output = [&mut out_left[..], &mut out_right[..]];
                let call = catch_unwind(AssertUnwindSafe(|| {
                    transformer.transform(tick, &input[..channels], &mut output[..channels])
                }));
                let outcome = call.unwrap_or_else(|_| Err(panicked(&self.spec.name)));
                if outcome.is_err() {
                    // One that cannot even forget has nothing to lose.
                    let _ = catch_unwind(AssertUnwindSafe(|| transformer.reset()));
                }
                outcome.map(|()| true)
            }
        };
        let spoke = matches!(outcome, Ok(true));
        let left_out = self.leave_out[1].min(count);
        self.leave_out[1] -= left_out;
        for (made, buffer) in self
            .made
            .iter_mut()
            .zip([&*out_left, &*out_right])
            .take(channels)
        {
            let fine = |value: &f32| {
                if spoke && value.is_finite() {
                    *value
                } else {
                    0.0
                }
            };
            made.extend(buffer[left_out..].iter().map(fine));
        }
        outcome.map(|_| ())
    }

    /// The next slab; none while what lies before the first is left out.
    pub(super) fn send(&mut self) -> Option<Slab> {
        let left_out = self.leave_out[2].min(CHUNK_SAMPLES);
        let count = if left_out > 0 {
            left_out
        } else {
            CHUNK_SAMPLES
        };
        let channels = self.spec.channels;
        let mut sound = [[0.0; CHUNK_SAMPLES]; 2];
        let [left, right] = &mut sound;
        let mut ends = [&mut left[..count], &mut right[..count]];
        let made = &mut self.made;
        self.ways.up.pull(&mut ends[..channels], |wanted| {
            for (channel, made) in wanted.iter_mut().zip(made.iter_mut()) {
                for value in channel.iter_mut() {
                    *value = made.pop_front().unwrap_or_default();
                }
            }
        });
        self.leave_out[2] -= left_out;
        if left_out > 0 {
            return None;
        }
        let [left, right] = sound;
        let right = if channels == 1 { left } else { right };
        let chunk = Chunk {
            run: self.number,
            from_host: self.next_host,
            samples: std::array::from_fn(|at| [left[at], right[at]]),
        };
        self.next_host = chunk.end();
        Some(Slab {
            serial: self.serial,
            chunk,
        })
    }
}

/// What is said of a transformer that panicked.
fn panicked(pack: &str) -> DecodeError {
    DecodeError::Transformer {
        pack: pack.to_owned(),
        reason: "the backend panicked".to_owned(),
    }
}
