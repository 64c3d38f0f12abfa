//! Makes attacks: decodes their frames, inverts them, brings them to the host's rate. Worker.

use std::collections::VecDeque;

use afterimage_spectral::VoiceTables;
use afterimage_spectral::clean::clean_magnitudes;
use afterimage_spectral::counter_rng::{Purpose, Stream};

use super::inverting::{Inverting, KeySound, LayerSound};
use super::{Attack, AttackPlan, MakerEnds, SetRequest, attack_draw};
use crate::contract::{ATTACK_VOICE, DecodeError, Frame, FrameRequest};
use crate::error::EngineError;
use crate::play::NoteClock;
use crate::spec::{GivenPhases, InstrumentSpec};
use crate::voice::moment::Moment;
use crate::voice::pitch_hz;

/// Keys an attack's phases, noise and width.
const ATTACK: Purpose = Purpose(66);
/// Layers that the notes of attacks are numbered by.
const MOST_LAYERS: u32 = 2;

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
    inverting: Inverting,
    /// Sets that were asked for and may still be played, oldest first.
    sets: VecDeque<SetRequest>,
    job: Option<Job>,
    requests: Vec<FrameRequest>,
    rows: Vec<Frame>,
    /// Magnitudes of the key at hand, `[layer][frame][bin]`.
    columns: Vec<f32>,
    /// Phases of its loudest layer, `[frame][bin]`, where the pack gives them.
    phases: Vec<u32>,
    bins: usize,
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
        Ok(Self {
            inverting: Inverting::new(plan, spec, tables)?,
            ends,
            sets: VecDeque::new(),
            job: None,
            requests: Vec::new(),
            rows: (0..max_rows.max(1))
                .map(|_| Frame::silent(spec.stft.bins(), spec.given_phases != GivenPhases::No))
                .collect(),
            phases: Vec::new(),
            columns: vec![0.0; plan.layers.len() * plan.frames as usize * spec.stft.bins()],
            bins: spec.stft.bins(),
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
        let wanted = self.ends.wanted.read(epoch);
        // Notes come in the order of the timeline: once one has asked for a set, none asks for an older one.
        let passed = |request: &SetRequest, next: Option<&SetRequest>| {
            next.is_some_and(|next| next.valid_from <= position)
                || wanted.is_some_and(|(set, _)| request.set < set)
        };
        while let Some(front) = self.sets.front() {
            if front.epoch == epoch && !passed(front, self.sets.get(1)) {
                break;
            }
            self.sets.pop_front();
        }
        let outdated =
            |job: &Job| job.request.epoch != epoch || passed(&job.request, self.sets.front());
        if self.job.as_ref().is_some_and(outdated) {
            self.job = None;
            self.inverting.stop();
        }
        if self.job.is_none() {
            self.job = self.sets.pop_front().map(|request| Job {
                keys: keys(&self.plan, request.near_key),
                request,
                next: 0,
                rows: 0,
            });
        }
        if let (Some(job), Some((_, key))) = (&mut self.job, wanted)
            && !self.inverting.is_busy()
            && job.rows == 0
            && let Some(ahead) = job.keys[job.next..].iter().position(|next| *next == key)
        {
            job.keys[job.next..=job.next + ahead].rotate_right(1);
        }
    }

    /// Inverts a share of a key whose frames are all there, and delivers what is complete; whether there was
    /// one.
    pub(crate) fn invert_some(&mut self) -> bool {
        let Some(mut job) = self.job.take_if(|_| self.inverting.is_busy()) else {
            return false;
        };
        if let Some(sound) = self.inverting.share(&self.columns) {
            self.deliver(&job, sound);
            if !self.inverting.is_busy() {
                (job.next, job.rows) = (job.next + 1, 0);
            }
        }
        if job.next < job.keys.len() {
            self.job = Some(job);
        }
        true
    }

    /// Frames to be decoded next, if there is something to make and room for it.
    pub(crate) fn next_batch(&mut self) -> Option<Batch<'_>> {
        let job = self.job.as_ref()?;
        if self.ends.attacks.slots() < self.plan.layers.len() {
            return None;
        }
        let left = self.plan.layers.len() * self.plan.frames as usize - job.rows;
        let count = left.min(self.rows.len());
        self.requests.clear();
        self.requests
            .extend((job.rows..job.rows + count).map(|row| self.plan.request(job, row)));
        for (row, request) in self.rows.iter_mut().zip(&self.requests) {
            row.readdress(request);
        }
        Some(Batch {
            requests: &self.requests,
            rows: &mut self.rows[..count],
        })
    }

    /// Takes the batch that was decoded; a key whose frames are all there is then to be inverted.
    pub(crate) fn finish_batch(&mut self, result: &Result<(), DecodeError>) {
        let Some(mut job) = self.job.take() else {
            return;
        };
        if result.is_err() {
            return; // its notes begin late; the error is reported by the worker
        }
        let count = self.requests.len();
        let batch = &mut self.rows[..count];
        let columns = self.columns.chunks_exact_mut(self.bins).skip(job.rows);
        for (row, column) in batch.iter_mut().zip(columns) {
            clean_magnitudes(&mut row.magnitudes);
            column.copy_from_slice(&row.magnitudes);
        }
        self.keep_phases(&job);
        job.rows += count;
        if job.rows == self.plan.layers.len() * self.plan.frames as usize {
            let key = KeySound {
                pitch_hz: if self.plan.play.has_pitch() {
                    pitch_hz(self.plan.pitch(&job))
                } else {
                    0.0
                },
                seed: self.plan.seed(&job),
            };
            self.inverting.begin(&self.columns, &self.phases, key);
        }
        self.job = Some(job);
    }

    /// What a frame of the loudest layer shows.
    fn moment(&self, job: &Job, frame: usize) -> Moment {
        let first = (self.plan.layers.len() - 1) * self.plan.frames as usize;
        Moment::of(&self.plan.request(job, first + frame))
    }

    /// Takes the phases of the loudest layer, up to the first frame that does not know them, or whose phases do
    /// not go on from the one before, as a voice would. Only all of them are of use.
    fn keep_phases(&mut self, job: &Job) {
        if job.rows == 0 {
            self.phases.clear();
        }
        let frames = self.plan.frames as usize;
        let first = (self.plan.layers.len() - 1) * frames;
        let rows = self.rows[..self.requests.len()].iter().enumerate();
        for (row, frame) in rows {
            let wanted = first + self.phases.len() / self.bins;
            if job.rows + row == wanted
                && let Some(phases) = frame.known_phases()
                && self.goes_on(job, wanted - first)
            {
                self.phases.extend_from_slice(phases);
            }
        }
    }

    fn goes_on(&self, job: &Job, frame: usize) -> bool {
        let hop_s = self.plan.hop as f32 / self.plan.model_rate_hz as f32;
        self.plan.phases_carried
            || frame == 0
            || self
                .moment(job, frame)
                .goes_on_from(&self.moment(job, frame - 1), hop_s)
    }

    fn deliver(&mut self, job: &Job, sound: Box<LayerSound>) {
        let attack = Attack {
            epoch: job.request.epoch,
            set: job.request.set,
            key: job.keys[job.next],
            layer: sound.layer as u8,
            left: sound.left,
            right: sound.right,
            stood: sound.stood,
            last: self.moment(job, self.plan.frames as usize - 1),
        };
        let sent = self.ends.attacks.push(Box::new(attack));
        debug_assert!(sent.is_ok(), "a batch is limited to the free places");
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
            note: u32::from(job.keys[job.next]) * MOST_LAYERS + layer as u32,
            frame_index: frame as u32,
            due_sample: set.valid_from,
            pitch: self.pitch(job),
            velocity: self.layers[layer],
            time_on_s,
            time_off_s: -1.0,
            conditions,
            seed: set.seed,
            draw: attack_draw(job.keys[job.next]),
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

/// All keys, by their distance from the one that was played last.
fn keys(plan: &AttackPlan, near_key: u8) -> Vec<u8> {
    let mut keys = plan.keys.to_vec();
    keys.sort_by_key(|key| (key.abs_diff(near_key), *key));
    keys
}
