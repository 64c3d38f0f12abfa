//! Makes attacks: decodes their frames, inverts them, brings them to the host's rate. Worker.

use std::collections::VecDeque;

use afterimage_spectral::clean::clean_magnitudes;
use afterimage_spectral::counter_rng::{Purpose, Stream};
use afterimage_spectral::{Resampler, SynthesisFrame, VoiceInverse, VoiceTables};

use super::{Attack, AttackPlan, LAYERS, MakerEnds, SetRequest};
use crate::contract::{DecodeError, Frame, FrameRequest};
use crate::error::EngineError;
use crate::link::Delivery;
use crate::spec::InstrumentSpec;
use crate::voice::pitch_hz;

/// Keys an attack's phases, noise and width.
const ATTACK: Purpose = Purpose(66);

/// A set that is being made.
struct Job {
    request: SetRequest,
    /// Keys and layers, those played likeliest first.
    order: Vec<(u8, u8)>,
    next: usize,
    /// Frames of that one that were pushed.
    frames: u32,
}

/// What remains to be asked of the decoder now.
pub(crate) struct Batch<'a> {
    pub(crate) requests: &'a [FrameRequest],
    pub(crate) rows: &'a mut [Frame],
}

/// The worker's half of the cache.
pub(crate) struct AttackMaker {
    plan: AttackPlan,
    ends: MakerEnds,
    voice: VoiceInverse,
    resampler: Resampler,
    /// Sets that were asked for and may still be played, oldest first.
    sets: VecDeque<SetRequest>,
    job: Option<Job>,
    requests: Vec<FrameRequest>,
    rows: Vec<Frame>,
    /// Which key and layer each row belongs to: an index into the job's order.
    owners: Vec<usize>,
    mid: Vec<f32>,
    side: Vec<f32>,
}

impl AttackMaker {
    /// Allocates.
    ///
    /// # Errors
    /// When the pack's rate cannot be brought to the host's.
    pub(crate) fn new(
        plan: &AttackPlan,
        spec: &InstrumentSpec,
        tables: &VoiceTables,
        ends: MakerEnds,
        max_rows: usize,
    ) -> Result<Self, EngineError> {
        let rates = (f64::from(plan.model_rate_hz), f64::from(plan.host_rate_hz));
        let resampler =
            Resampler::new(rates.0, rates.1, 2).map_err(|reason| EngineError::Resample {
                pack: spec.name.clone(),
                reason,
            })?;
        Ok(Self {
            voice: VoiceInverse::sharing(tables, spec.sample_rate_hz as f32, spec.phase),
            resampler,
            ends,
            sets: VecDeque::new(),
            job: None,
            requests: Vec::new(),
            rows: (0..max_rows.max(1))
                .map(|_| Delivery::empty(spec.stft.bins()).frame)
                .collect(),
            owners: Vec::new(),
            mid: Vec::new(),
            side: Vec::new(),
            plan: plan.clone(),
        })
    }

    /// Takes what was asked for, frees what came back, forgets what no note can play any more.
    ///
    /// `position`: where the timeline of `epoch` has come to, in model samples.
    pub(crate) fn attend(&mut self, epoch: u32, position: u64) {
        while let Ok(attack) = self.ends.returned.pop() {
            drop(attack);
        }
        while let Ok(request) = self.ends.sets.pop() {
            self.sets.push_back(request);
        }
        let after = |sets: &VecDeque<SetRequest>, index: usize| {
            sets.get(index).map(|next: &SetRequest| next.valid_from)
        };
        while let Some(front) = self.sets.front() {
            let passed = after(&self.sets, 1).is_some_and(|next| next <= position);
            if front.epoch == epoch && !passed {
                break;
            }
            self.sets.pop_front();
        }
        let outdated = |job: &Job| {
            job.request.epoch != epoch || after(&self.sets, 0).is_some_and(|next| next <= position)
        };
        if self.job.as_ref().is_some_and(outdated) {
            self.job = None;
        }
        if self.job.is_none() {
            self.job = self.sets.pop_front().map(|request| Job {
                order: order(&self.plan, request.near_key),
                request,
                next: 0,
                frames: 0,
            });
        }
    }

    /// Frames to be decoded next, if there is something to make and room for it.
    pub(crate) fn next_batch(&mut self) -> Option<Batch<'_>> {
        let (job, rows) = (self.job.as_ref()?, self.rows.len());
        let room = self.ends.attacks.slots();
        self.requests.clear();
        self.owners.clear();
        let (mut item, mut frame) = (job.next, job.frames);
        while self.requests.len() < rows && item < job.order.len() && item - job.next < room {
            self.requests
                .push(self.plan.request(job, job.order[item], frame));
            self.owners.push(item);
            frame += 1;
            if frame == self.plan.frames {
                (item, frame) = (item + 1, 0);
            }
        }
        let count = self.requests.len();
        (count > 0).then_some(Batch {
            requests: &self.requests,
            rows: &mut self.rows[..count],
        })
    }

    /// Inverts the batch that was decoded, and delivers the attacks that it completed.
    pub(crate) fn finish_batch(&mut self, result: &Result<(), DecodeError>) {
        let Some(mut job) = self.job.take() else {
            return;
        };
        if result.is_err() {
            return; // its notes begin late; the error is reported by the worker
        }
        for index in 0..self.requests.len() {
            if job.frames == 0 {
                self.voice.start(self.plan.seed(&job, self.owners[index]));
            }
            let row = &mut self.rows[index];
            clean_magnitudes(&mut row.magnitudes);
            self.voice.push(SynthesisFrame {
                magnitudes: &row.magnitudes,
                pitch_hz: pitch_hz(self.requests[index].pitch),
                spread: self.plan.spread,
                gain: 1.0,
            });
            job.frames += 1;
            if job.frames == self.plan.frames {
                self.deliver(&job);
                (job.next, job.frames) = (job.next + 1, 0);
            }
        }
        if job.next < job.order.len() {
            self.job = Some(job);
        }
    }

    fn deliver(&mut self, job: &Job) {
        let hop = self.plan.hop;
        let (hops, blend) = (self.plan.hops as usize, self.plan.blend() as usize);
        self.mid.resize((hops + 1) * hop, 0.0);
        self.side.resize((hops + 1) * hop, 0.0);
        for at in (0..hops * hop).step_by(hop) {
            let (mid, side) = (&mut self.mid[at..at + hop], &mut self.side[at..at + hop]);
            self.voice.pull_hop(mid, side);
        }
        let stood = self.voice.snapshot();
        // One more hop, to fade out in: its newest frame has hardly begun there.
        let tail = hops * hop..(hops + 1) * hop;
        self.voice
            .pull_hop(&mut self.mid[tail.clone()], &mut self.side[tail.clone()]);
        for (index, at) in tail.enumerate() {
            let level = (1.0 - (index as f32 + 0.5) / blend as f32).max(0.0);
            self.mid[at] *= level;
            self.side[at] *= level;
        }
        let (left, right) = self.at_host_rate(hops * hop + blend);
        let (key, layer) = job.order[job.next];
        let attack = Attack {
            epoch: job.request.epoch,
            set: job.request.set,
            key,
            layer,
            left,
            right,
            stood,
        };
        let sent = self.ends.attacks.push(Box::new(attack));
        debug_assert!(sent.is_ok(), "a batch is limited to the free places");
    }

    /// Left and right of the first `samples` model samples, with the ringing after them.
    fn at_host_rate(&mut self, samples: usize) -> (Vec<f32>, Vec<f32>) {
        self.resampler.reset();
        let delay = self.resampler.delay_host_frames();
        let rate = f64::from(self.plan.host_rate_hz) / f64::from(self.plan.model_rate_hz);
        let length = (samples as f64 * rate).ceil() as usize + 2 * delay;
        let (mut left, mut right) = (vec![0.0; length], vec![0.0; length]);
        let (mid, side, mut at) = (&self.mid[..samples], &self.side[..samples], 0);
        self.resampler.pull(&mut [&mut left, &mut right], |out| {
            let count = out.first().map_or(0, |channel| channel.len());
            for offset in 0..count {
                let of = |samples: &[f32]| samples.get(at + offset).copied().unwrap_or(0.0);
                let (mid, side) = (of(mid), of(side));
                for (channel, sample) in out.iter_mut().zip([mid + side, mid - side]) {
                    channel[offset] = sample;
                }
            }
            at += count;
        });
        left.drain(..delay);
        right.drain(..delay);
        (left, right)
    }
}

impl AttackPlan {
    fn request(&self, job: &Job, (key, layer): (u8, u8), frame: u32) -> FrameRequest {
        let set = &job.request;
        let time_on_s = f64::from(frame) * self.hop as f64 / f64::from(self.model_rate_hz);
        FrameRequest {
            epoch: set.epoch,
            voice: 0,
            note: 0,
            frame_index: frame,
            due_sample: set.valid_from,
            pitch: f32::from(key) + set.transpose,
            velocity: LAYERS[usize::from(layer)],
            time_on_s: time_on_s as f32,
            time_off_s: -1.0,
            conditions: set.conditions,
            seed: set.seed,
        }
    }

    /// Both layers of a key sound with the same phases, so that they can be mixed.
    fn seed(&self, job: &Job, item: usize) -> u64 {
        let key = u64::from(job.order[item].0);
        Stream::new(job.request.seed, ATTACK, key, 0).u64_at(0)
    }
}

/// All keys and layers, by their distance from the key that was played last.
fn order(plan: &AttackPlan, near_key: u8) -> Vec<(u8, u8)> {
    let mut keys: Vec<u8> = (0..plan.keys)
        .map(|index| plan.lowest_key + index)
        .collect();
    keys.sort_by_key(|key| (key.abs_diff(near_key), *key));
    let layers = 0..LAYERS.len() as u8;
    keys.into_iter()
        .flat_map(|key| layers.clone().map(move |layer| (key, layer)))
        .collect()
}
