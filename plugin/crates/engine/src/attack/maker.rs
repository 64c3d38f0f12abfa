//! Makes attacks: decodes their frames, inverts them, brings them to the host's rate. Worker.

use std::collections::VecDeque;

use afterimage_spectral::clean::clean_magnitudes;
use afterimage_spectral::counter_rng::{Purpose, Stream};
use afterimage_spectral::phase::whole::DEFAULT_ITERATIONS;
use afterimage_spectral::{
    Iteration, PhaseMethod, Resampler, SynthesisFrame, VoiceInverse, VoiceTables, WholeInverse,
};

use super::{Attack, AttackPlan, LAYERS, MakerEnds, SetRequest};
use crate::contract::{ATTACK_VOICE, DecodeError, Frame, FrameRequest};
use crate::error::EngineError;
use crate::link::Delivery;
use crate::play::NoteClock;
use crate::spec::InstrumentSpec;
use crate::voice::pitch_hz;

/// Keys an attack's phases, noise and width.
const ATTACK: Purpose = Purpose(66);

/// A set that is being made.
struct Job {
    request: SetRequest,
    /// Those played likeliest first.
    keys: Vec<u8>,
    /// The key at hand.
    next: usize,
    /// Rows of that key that were decoded: all frames of one layer, then of the next.
    rows: usize,
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
    /// Magnitudes of the key at hand, `[layer][frame][bin]`.
    columns: Vec<f32>,
    bins: usize,
    /// For voices that do not lock to a pitch: better phases than they find frame by frame.
    phases: Option<WholeInverse>,
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
            columns: vec![0.0; LAYERS.len() * plan.frames as usize * spec.stft.bins()],
            bins: spec.stft.bins(),
            phases: integrates(spec.phase).then(|| {
                WholeInverse::new(&spec.stft, plan.frames as usize, Iteration::Sequential)
            }),
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
                keys: keys(&self.plan, request.near_key),
                request,
                next: 0,
                rows: 0,
            });
        }
    }

    /// Frames to be decoded next, if there is something to make and room for it.
    pub(crate) fn next_batch(&mut self) -> Option<Batch<'_>> {
        let job = self.job.as_ref()?;
        if self.ends.attacks.slots() < LAYERS.len() {
            return None;
        }
        let left = LAYERS.len() * self.plan.frames as usize - job.rows;
        let count = left.min(self.rows.len());
        self.requests.clear();
        self.requests
            .extend((job.rows..job.rows + count).map(|row| self.plan.request(job, row)));
        Some(Batch {
            requests: &self.requests,
            rows: &mut self.rows[..count],
        })
    }

    /// Takes the batch that was decoded, and delivers the attacks of a key that is complete.
    pub(crate) fn finish_batch(&mut self, result: &Result<(), DecodeError>) {
        let Some(mut job) = self.job.take() else {
            return;
        };
        if result.is_err() {
            return; // its notes begin late; the error is reported by the worker
        }
        let batch = &mut self.rows[..self.requests.len()];
        let columns = self.columns.chunks_exact_mut(self.bins).skip(job.rows);
        for (row, column) in batch.iter_mut().zip(columns) {
            clean_magnitudes(&mut row.magnitudes);
            column.copy_from_slice(&row.magnitudes);
        }
        job.rows += batch.len();
        if job.rows == LAYERS.len() * self.plan.frames as usize {
            self.make_key(&job);
            (job.next, job.rows) = (job.next + 1, 0);
        }
        if job.next < job.keys.len() {
            self.job = Some(job);
        }
    }

    fn make_key(&mut self, job: &Job) {
        let phases = self.find_phases(job);
        for layer in 0..LAYERS.len() {
            self.push_layer(job, layer, phases.as_deref());
            self.deliver(job, layer as u8);
        }
    }

    /// Phases `[frame][bin]` in turns / 2^32 of the loudest layer: both layers sound with them, so
    /// that they can be mixed.
    fn find_phases(&mut self, job: &Job) -> Option<Vec<u32>> {
        let frames = self.plan.frames as usize * self.bins;
        let loudest = &self.columns[(LAYERS.len() - 1) * frames..];
        let seed = self.plan.seed(job);
        let spectra = self
            .phases
            .as_mut()?
            .invert(loudest, DEFAULT_ITERATIONS, seed);
        // The sizes are the plan's own; were they not, the voice would find its own phases.
        Some(
            spectra
                .ok()?
                .iter()
                .map(|value| turns(value.arg()))
                .collect(),
        )
    }

    fn push_layer(&mut self, job: &Job, layer: usize, phases: Option<&[u32]>) {
        let (frames, bins) = (self.plan.frames as usize, self.bins);
        let lookahead = self.plan.phase.lookahead_frames();
        let columns = self.columns.chunks_exact(bins).skip(layer * frames);
        self.voice.start(self.plan.seed(job));
        for (index, magnitudes) in columns.take(frames).enumerate() {
            let frame = SynthesisFrame {
                magnitudes,
                pitch_hz: if self.plan.play.has_pitch() {
                    pitch_hz(self.plan.pitch(job))
                } else {
                    0.0
                },
                spread: self.plan.spread,
                gain: 1.0,
            };
            let sounded = index.saturating_sub(lookahead) * bins;
            match phases {
                Some(phases) => self
                    .voice
                    .push_known(frame, &phases[sounded..sounded + bins]),
                None => self.voice.push(frame),
            }
        }
    }

    fn deliver(&mut self, job: &Job, layer: u8) {
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
        let attack = Attack {
            epoch: job.request.epoch,
            set: job.request.set,
            key: job.keys[job.next],
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
    fn request(&self, job: &Job, row: usize) -> FrameRequest {
        let set = &job.request;
        let (layer, frame) = (row / self.frames as usize, row % self.frames as usize);
        let mut conditions = set.conditions;
        if let Some((hit, _)) = self.play.hit(job.keys[job.next]) {
            conditions.class[0] = hit.label;
        }
        let (hop, rate) = (self.hop as u64, f64::from(self.model_rate_hz));
        let time_on_s =
            NoteClock::start(&set.play, frame as u32, hop, rate).tick(&set.play, hop, rate);
        FrameRequest {
            epoch: set.epoch,
            // Decoders that make a whole hit at a call tell hits apart by these two.
            voice: ATTACK_VOICE,
            note: u32::from(job.keys[job.next]) * LAYERS.len() as u32 + layer as u32,
            frame_index: frame as u32,
            due_sample: set.valid_from,
            pitch: self.pitch(job),
            velocity: LAYERS[layer],
            time_on_s,
            time_off_s: -1.0,
            conditions,
            seed: set.seed,
        }
    }

    fn pitch(&self, job: &Job) -> f32 {
        f32::from(job.keys[job.next]) + job.request.transpose
    }

    /// Both layers of a key have the same, and so the same phases.
    fn seed(&self, job: &Job) -> u64 {
        let key = u64::from(job.keys[job.next]);
        Stream::new(job.request.seed, ATTACK, key, 0).u64_at(0)
    }
}

/// Whether a voice finds its phases from magnitudes alone, frame by frame.
fn integrates(phase: PhaseMethod) -> bool {
    matches!(phase, PhaseMethod::Rtpghi | PhaseMethod::RtpghiLookahead)
}

/// Radians to turns / 2^32.
fn turns(radians: f32) -> u32 {
    (f64::from(radians) / std::f64::consts::TAU * 4_294_967_296.0) as i64 as u32
}

/// All keys, by their distance from the one that was played last.
fn keys(plan: &AttackPlan, near_key: u8) -> Vec<u8> {
    let mut keys: Vec<u8> = (0..plan.keys)
        .map(|index| plan.lowest_key + index)
        .collect();
    keys.retain(|key| plan.play.plays(*key));
    keys.sort_by_key(|key| (key.abs_diff(near_key), *key));
    keys
}
