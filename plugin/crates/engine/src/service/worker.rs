//! The background half: takes requests in order of their due time and has them decoded.
//!
//! Owns no thread: [`Worker::step`] does one unit of work and returns. The service calls it on its
//! thread, tests call it inline. Never touches host buffers or parameters.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use afterimage_spectral::approx::exp2;
use afterimage_spectral::clean::clean_magnitudes;
use afterimage_spectral::shift::shift_magnitudes;
use parking_lot::Mutex;

use super::decoders::DecoderHandle;
use super::finish::Finisher;
use crate::attack::AttackMaker;
use crate::continuation::{ComposingLink, SoundLink};
use crate::contract::{DecodeError, Frame, FrameRequest};
use crate::engine::{self, TrashLane};
use crate::link::{Delivery, WorkerEnds};
use crate::monitor::{Monitor, count};
use crate::spec::{InstrumentSpec, PlayStyle};
use crate::transform::TransformLink;

/// Most rows of one call, whatever a decoder allows: one chord of a full set of voices.
const MAX_ROWS: usize = 16;
/// Share of the newest call in the smoothed load; some tens of calls settle it.
const LOAD_SMOOTHING: f32 = 0.05;

/// What a step did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Nothing is to be done until something is asked for.
    Idle,
    /// One call was made, or there may be more to do.
    Worked,
}

/// One program's place with the worker.
pub(crate) struct WorkerLink {
    pub(crate) name: String,
    pub(crate) sample_rate_hz: u32,
    pub(crate) hop: usize,
    pub(crate) decoder: DecoderHandle,
    /// The one pitch that the pack knows, if keys are to move it.
    pub(crate) shift: Option<Shift>,
    pub(crate) ends: WorkerEnds,
    /// Makes attacks ahead, in Instant mode.
    pub(crate) attacks: Option<AttackMaker>,
    pub(crate) monitor: Arc<Monitor>,
    pub(crate) trash: Arc<TrashLane>,
    /// Requests of the call at hand, `[rows]`.
    pub(crate) requests: Vec<FrameRequest>,
    /// Frames of the call at hand, `[rows]`.
    pub(crate) rows: Vec<Frame>,
    pub(crate) finisher: Finisher,
}

/// Moves frames of a pack that knows one pitch to the pitch of their request.
pub(crate) struct Shift {
    root: f32,
    shifted: Vec<f32>,
}

impl Shift {
    /// For a pack that needs it. Allocates.
    pub(crate) fn of(spec: &InstrumentSpec) -> Option<Self> {
        let PlayStyle::Shifted { root } = spec.play else {
            return None;
        };
        let shifted = vec![0.0; spec.stft.bins()];
        Some(Self { root, shifted })
    }

    fn apply(&mut self, requests: &[FrameRequest], rows: &mut [Frame]) {
        for (request, row) in requests.iter().zip(rows) {
            let ratio = exp2((request.pitch - self.root) / 12.0);
            shift_magnitudes(&row.magnitudes, ratio, &mut self.shifted);
            row.magnitudes.copy_from_slice(&self.shifted);
            row.phases_known = false;
        }
    }
}

/// New links on their way to the worker.
pub(crate) type Inbox = Mutex<NewLinks>;

/// What has come in since the worker last looked.
#[derive(Default)]
pub(crate) struct NewLinks {
    pub(crate) programs: Vec<WorkerLink>,
    pub(crate) composing: Vec<ComposingLink>,
    pub(crate) sound: Vec<SoundLink>,
    pub(crate) transforming: Vec<TransformLink>,
}

/// The inference service's only owner of decoders at work. `Send`; never on the audio thread.
pub struct Worker {
    inbox: Arc<Inbox>,
    links: Vec<WorkerLink>,
    composing: Vec<ComposingLink>,
    sound: Vec<SoundLink>,
    transforming: Vec<TransformLink>,
}

impl Worker {
    pub(super) fn new(inbox: Arc<Inbox>) -> Self {
        Self {
            inbox,
            links: Vec::new(),
            composing: Vec::new(),
            sound: Vec::new(),
            transforming: Vec::new(),
        }
    }

    /// Does one unit of work: at most one decoder call for the program whose request is due first.
    /// Also empties the trash lanes. Not real-time safe.
    pub fn step(&mut self) -> Step {
        self.take_new_links();
        // Short, and before all: a ring that is full loses what is heard.
        let mut came = false;
        for link in &mut self.sound {
            came |= link.take_in();
        }
        for link in &mut self.transforming {
            came |= link.take_in();
        }
        self.links.retain_mut(|link| {
            engine::empty(&link.trash);
            link.take_back_frames();
            !link.ends.requests.is_abandoned()
        });
        let most_urgent = self
            .links
            .iter_mut()
            .enumerate()
            .filter_map(|(index, link)| link.seconds_until_due().map(|seconds| (index, seconds)))
            .min_by(|a, b| a.1.total_cmp(&b.1));
        if self.transform(most_urgent.map(|(_, seconds)| seconds)) {
            return Step::Worked;
        }
        match most_urgent {
            Some((index, _)) => self.links[index].decode_once(),
            // What sounds comes before what will, and that before what may.
            None if self.continue_sound() || self.compose() => Step::Worked,
            None if came => Step::Worked,
            None => self.make_attacks(),
        }
    }

    fn take_new_links(&mut self) {
        let mut inbox = self.inbox.lock();
        self.links.append(&mut inbox.programs);
        self.composing.append(&mut inbox.composing);
        self.sound.append(&mut inbox.sound);
        self.transforming.append(&mut inbox.transforming);
        drop(inbox);
        self.transforming.retain(|link| !link.is_abandoned());
        self.composing.retain(|link| !link.is_abandoned());
        self.sound.retain(|link| !link.is_abandoned());
    }

    /// One step for the instance whose transformed input is due first, if it is due before a frame is; whether
    /// there was one.
    fn transform(&mut self, frame_due_s: Option<f64>) -> bool {
        let due = self.transforming.iter_mut().filter_map(|link| {
            let seconds = link.seconds_until_due()?;
            Some((seconds, link))
        });
        let first = due.min_by(|a, b| a.0.total_cmp(&b.0));
        let first = first.filter(|(seconds, _)| frame_due_s.is_none_or(|due| *seconds < due));
        first.map(|(_, link)| link.step()).is_some()
    }

    /// One step for the instance whose sound is due first; whether there was one.
    fn continue_sound(&mut self) -> bool {
        let due = self.sound.iter_mut().filter_map(|link| {
            let seconds = link.seconds_until_due()?;
            Some((seconds, link))
        });
        let first = due.min_by(|a, b| a.0.total_cmp(&b.0));
        first.map(|(_, link)| link.step()).is_some()
    }

    /// One step for the first instance that has notes to write; whether there was one.
    fn compose(&mut self) -> bool {
        self.composing.iter_mut().any(ComposingLink::step)
    }

    fn make_attacks(&mut self) -> Step {
        let worked = self.links.iter_mut().any(WorkerLink::make_attacks_once);
        if worked { Step::Worked } else { Step::Idle }
    }

    /// Steps until nothing is left to do. Not real-time safe.
    pub fn run_until_idle(&mut self) {
        while self.step() == Step::Worked {}
    }

    /// Programs that the worker serves.
    pub fn links(&self) -> usize {
        self.links.len() + self.inbox.lock().programs.len()
    }

    /// Frames that lie ready for new requests, over all programs.
    pub fn pooled_frames(&self) -> usize {
        self.links.iter().map(|link| link.ends.pool.len()).sum()
    }
}

impl WorkerLink {
    fn take_back_frames(&mut self) {
        while let Ok(delivery) = self.ends.recycle.pop() {
            self.ends.pool.push(delivery.frame);
        }
    }

    /// Time until the first request that is worth answering is due; `None` without one.
    fn seconds_until_due(&mut self) -> Option<f64> {
        let position = self.ends.shared.position_model.load(Ordering::Acquire);
        self.skip_requests_past_due(position);
        if self.ends.pool.is_empty() || self.ends.deliveries.is_full() {
            return None; // the Processor recycles and then wakes us with its next request
        }
        let due = self.ends.requests.peek().ok()?.due_sample;
        Some((due as f64 - position as f64) / f64::from(self.sample_rate_hz))
    }

    fn skip_requests_past_due(&mut self, position: u64) {
        let epoch = self.ends.shared.epoch.load(Ordering::Acquire);
        let mut skipped = 0;
        while let Ok(request) = self.ends.requests.peek() {
            if request.epoch == epoch && request.due_sample >= position {
                break;
            }
            skipped += u64::from(request.epoch == epoch);
            let _ = self.ends.requests.pop();
        }
        count(&self.monitor.counters.skipped_requests, skipped);
    }

    fn decode_once(&mut self) -> Step {
        let limit = self
            .decoder
            .max_rows()
            .min(MAX_ROWS)
            .min(self.ends.deliveries.slots());
        self.take_requests(limit);
        let started = Instant::now();
        let result = self.decode_rows();
        self.note_load(started.elapsed().as_secs_f32());
        self.deliver(result);
        Step::Worked
    }

    /// Takes as many requests as are answered together, `limit` at most, with a frame for each.
    fn take_requests(&mut self, limit: usize) {
        let offered = limit
            .min(self.ends.pool.len())
            .min(self.ends.requests.slots());
        let Ok(chunk) = self.ends.requests.read_chunk(offered) else {
            return;
        };
        let (first, wrapped) = chunk.as_slices();
        self.requests.extend_from_slice(first);
        self.requests.extend_from_slice(wrapped);
        let decoder = self.decoder.0.decoder.lock();
        let count = decoder.at_once(&self.requests).clamp(1, offered.max(1));
        drop(decoder);
        self.requests.truncate(count);
        chunk.commit(self.requests.len());
        for request in &self.requests {
            let Some(mut frame) = self.ends.pool.pop() else {
                break;
            };
            frame.readdress(request);
            self.rows.push(frame);
        }
    }

    fn decode_rows(&mut self) -> Result<(), DecodeError> {
        let mut tools = Tools {
            decoder: &self.decoder,
            pack: &self.name,
            shift: &mut self.shift,
            finisher: &mut self.finisher,
        };
        tools.make(&self.requests, &mut self.rows)
    }

    /// Decodes or inverts a share of the attacks that were asked for; whether there were any.
    fn make_attacks_once(&mut self) -> bool {
        let Some(maker) = &mut self.attacks else {
            return false;
        };
        let shared = &self.ends.shared;
        maker.attend(
            shared.epoch.load(Ordering::Acquire),
            shared.position_model.load(Ordering::Acquire),
        );
        if maker.invert_some() {
            return true;
        }
        let Some(batch) = maker.next_batch() else {
            return false;
        };
        let mut tools = Tools {
            decoder: &self.decoder,
            pack: &self.name,
            shift: &mut self.shift,
            finisher: &mut self.finisher,
        };
        let result = tools.make(batch.requests, batch.rows);
        maker.finish_batch(&result);
        if let Err(error) = result {
            count(&self.monitor.counters.failed_decodes, 1);
            self.monitor.set_last_error(Some(error));
        }
        true
    }

    fn deliver(&mut self, result: Result<(), DecodeError>) {
        let failed = result.is_err();
        if let Err(error) = result {
            count(&self.monitor.counters.failed_decodes, 1);
            self.monitor.set_last_error(Some(error));
        } else {
            count(
                &self.monitor.counters.decoded_frames,
                self.rows.len() as u64,
            );
        }
        for (mut frame, request) in self.rows.drain(..).zip(self.requests.drain(..)) {
            frame.request = request; // a decoder fills frames; it does not readdress frames
            if !failed {
                frame.cleaned_values += clean_magnitudes(&mut frame.magnitudes);
                count(
                    &self.monitor.counters.cleaned_values,
                    u64::from(frame.cleaned_values),
                );
            }
            let sent = self.ends.deliveries.push(Delivery { frame, failed });
            debug_assert!(sent.is_ok(), "rows were limited to the free slots");
        }
    }

    fn note_load(&self, seconds: f32) {
        let rows = self.requests.len().max(1) as f32;
        let hop_s = self.hop as f32 / self.sample_rate_hz as f32;
        let voices = self.monitor.voices().max(1) as f32;
        let load = seconds / rows * voices / hop_s;
        let before = self.monitor.smoothed_load();
        self.monitor
            .set_worker_load(before + (load - before) * LOAD_SMOOTHING);
    }
}

/// What turns requests into rows.
struct Tools<'a> {
    decoder: &'a DecoderHandle,
    pack: &'a str,
    shift: &'a mut Option<Shift>,
    finisher: &'a mut Finisher,
}

impl Tools<'_> {
    /// Decodes rows, moves those of a pack of one pitch, and finishes them.
    fn make(&mut self, requests: &[FrameRequest], rows: &mut [Frame]) -> Result<(), DecodeError> {
        let (decoder, pack, shift) = (self.decoder, self.pack, &mut *self.shift);
        let mut make = |requests: &[FrameRequest], rows: &mut [Frame]| {
            decode(decoder, pack, requests, rows)?;
            if let Some(shift) = shift {
                shift.apply(requests, rows);
            }
            Ok(())
        };
        make(requests, rows)?;
        self.finisher
            .finish(&mut make, decoder.max_rows(), requests, rows)
    }
}

/// One call of a decoder, whose panic is an error like others.
fn decode(
    decoder: &DecoderHandle,
    pack: &str,
    requests: &[FrameRequest],
    rows: &mut [Frame],
) -> Result<(), DecodeError> {
    let mut decoder = decoder.0.decoder.lock();
    let call = catch_unwind(AssertUnwindSafe(|| decoder.decode(requests, rows)));
    call.unwrap_or_else(|_| {
        Err(DecodeError::Backend {
            pack: pack.to_owned(),
            reason: "the backend panicked".to_owned(),
        })
    })
}
