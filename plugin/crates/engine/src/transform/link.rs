//! One instance's place with the worker: takes in what is to be transformed, has it transformed, sends it back.
//! Worker thread only.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::run::{Next, Run};
use super::{
    CHUNK_SAMPLES, Chunk, Cue, TransformChange, TransformControls, TransformWorkerEnds,
    Transformer, TransformerSlot, sent_mark,
};
use crate::contract::DecodeError;
use crate::monitor::{Monitor, count};

/// Chunks that are taken in at a time.
const CHUNKS_A_STEP: usize = 256;
/// More input than this, in seconds, does not wait: what waits is left out and the run goes on with what is new.
const MOST_BEHIND_S: u64 = 2;
/// Nor does a run catch up whose next slab was due so long ago, as a share of a second: all of it would be late.
const MOST_LATE: u64 = 4;
/// Chunks that are kept for a transformer that takes over: what it sends begins where the other's ended.
const KEPT_CHUNKS: usize = 512;

/// What the audio thread asked for.
#[derive(Clone, Copy)]
struct Wanted {
    run: u32,
    origin_host: u64,
    host_rate_hz: u32,
}

/// The place.
pub(crate) struct TransformLink {
    ends: TransformWorkerEnds,
    transformer: Arc<TransformerSlot>,
    monitor: Arc<Monitor>,
    wanted: Option<Wanted>,
    run: Option<Run>,
    changes: VecDeque<(u64, TransformChange)>,
    controls: TransformControls,
    kept: VecDeque<Chunk>,
}

impl TransformLink {
    /// Allocates.
    pub(crate) fn new(
        ends: TransformWorkerEnds,
        transformer: Arc<TransformerSlot>,
        monitor: Arc<Monitor>,
    ) -> Self {
        Self {
            ends,
            transformer,
            monitor,
            wanted: None,
            run: None,
            changes: VecDeque::new(),
            controls: TransformControls::default(),
            kept: VecDeque::with_capacity(KEPT_CHUNKS),
        }
    }

    /// Whether its instance is gone.
    pub(crate) fn is_abandoned(&self) -> bool {
        self.ends.cues.is_abandoned()
    }

    /// Takes in what came; whether anything did. Short.
    pub(crate) fn take_in(&mut self) -> bool {
        let mut came = self.take_cues();
        for _ in 0..CHUNKS_A_STEP {
            let Ok(chunk) = self.ends.chunks.pop() else {
                break;
            };
            // Whatever moved before this chunk was sent is here by now.
            self.take_cues();
            self.take_chunk(&chunk);
            came = true;
        }
        came
    }

    fn take_cues(&mut self) -> bool {
        let mut came = false;
        while let Ok(cue) = self.ends.cues.pop() {
            came = true;
            match cue {
                Cue::Begin {
                    run,
                    origin_host,
                    host_rate_hz,
                } => {
                    let wanted = Wanted {
                        run,
                        origin_host,
                        host_rate_hz,
                    };
                    // On the new timeline everything that moved before it has moved.
                    self.follow(u64::MAX);
                    self.kept.clear();
                    self.wanted = Some(wanted);
                    self.begin(wanted);
                }
                Cue::Change { at_host, change } => self.changes.push_back((at_host, change)),
                Cue::End => {
                    self.follow(u64::MAX);
                    (self.wanted, self.run) = (None, None);
                }
            }
        }
        came
    }

    /// Moves the controls that moved up to a host sample.
    fn follow(&mut self, until_host: u64) {
        while let Some((at_host, change)) = self.changes.front().copied() {
            if at_host > until_host {
                return;
            }
            self.controls.change(change);
            self.changes.pop_front();
        }
    }

    /// Begins a run with the transformer that sits there now, if one does.
    fn begin(&mut self, wanted: Wanted) {
        let mut seat = self.transformer.lock();
        let serial = seat.serial;
        let spec = seat.model.as_mut().map(|transformer| {
            // One that cannot even forget has nothing to lose.
            let _ = catch_unwind(AssertUnwindSafe(|| transformer.reset()));
            transformer.spec().clone()
        });
        drop(seat);
        self.run = spec.and_then(|spec| {
            let timeline = (wanted.origin_host, wanted.host_rate_hz);
            match Run::new(&spec, (serial, wanted.run), timeline) {
                Ok(run) => Some(run),
                Err(reason) => {
                    self.report(Err(DecodeError::Transformer {
                        pack: spec.name,
                        reason: reason.to_string(),
                    }));
                    None
                }
            }
        });
    }

    fn take_chunk(&mut self, chunk: &Chunk) {
        let Some(wanted) = self.wanted.filter(|wanted| wanted.run == chunk.run) else {
            return; // of a run that is over
        };
        if self.kept.len() == KEPT_CHUNKS {
            self.kept.pop_front();
        }
        self.kept.push_back(*chunk);
        let most = MOST_BEHIND_S * u64::from(wanted.host_rate_hz);
        let due = self.ends.shared.due.load(Ordering::Acquire);
        let late = due.saturating_sub(u64::from(wanted.host_rate_hz) / MOST_LATE);
        let lost = |run: &Run| {
            chunk.from_host > run.end() + most || run.behind() > most || run.next_host() < late
        };
        if self.run.as_ref().is_some_and(lost) {
            count(&self.monitor.counters.hearing_skips, 1);
            self.begin(Wanted {
                origin_host: chunk.from_host,
                ..wanted
            });
        }
        self.seat(wanted);
        if let Some(run) = &mut self.run {
            run.push(chunk);
        }
    }

    /// Where another transformer sits than the run's, it goes on where the run's had come to.
    fn seat(&mut self, wanted: Wanted) {
        let serial = self.transformer.lock().serial;
        if self.run.as_ref().is_some_and(|run| run.serial() == serial) {
            return;
        }
        let reached = self.run.as_ref().map(Run::next_host);
        let newest = self.kept.back().map_or(0, |chunk| chunk.from_host);
        let oldest = self.kept.front().map_or(0, |chunk| chunk.from_host);
        let origin_host = reached.unwrap_or(newest).max(oldest);
        self.begin(Wanted {
            origin_host,
            ..wanted
        });
        if let Some(run) = &mut self.run {
            let again = self.kept.iter().filter(|chunk| chunk.end() > origin_host);
            again.for_each(|chunk| run.push(chunk));
        }
    }

    /// Seconds until its next work is due; `None` without any.
    pub(crate) fn seconds_until_due(&self) -> Option<f64> {
        let (run, wanted) = (self.run.as_ref()?, self.wanted?);
        let works = match run.next() {
            Next::Nothing => false,
            Next::Tick => true,
            Next::Send => !self.ends.slabs.is_full(),
        };
        let due = self.ends.shared.due.load(Ordering::Acquire);
        let ahead = run.next_host() as f64 - due as f64;
        works.then(|| ahead / f64::from(wanted.host_rate_hz.max(1)))
    }

    /// Does a bounded piece of work.
    pub(crate) fn step(&mut self) {
        let Some(next) = self.run.as_ref().map(Run::next) else {
            return;
        };
        match next {
            Next::Nothing => {}
            Next::Tick => self.tick(),
            Next::Send => self.send(),
        }
    }

    fn tick(&mut self) {
        let Some(tick_host) = self.run.as_ref().map(Run::tick_host) else {
            return;
        };
        self.follow(tick_host);
        let Some(run) = &mut self.run else {
            return;
        };
        let mut seat = self.transformer.lock();
        let is_same = seat.serial == run.serial();
        let model = seat.model.as_deref_mut().filter(|_| is_same);
        let outcome = run.transform(
            model.map(|model| model as &mut dyn Transformer),
            &self.controls,
        );
        drop(seat);
        self.report(outcome);
    }

    fn send(&mut self) {
        if self.ends.slabs.is_full() {
            return;
        }
        let (Some(run), Some(wanted)) = (&mut self.run, self.wanted) else {
            return;
        };
        let Some(slab) = run.send() else {
            return;
        };
        let sent = self.ends.slabs.push(slab);
        debug_assert!(sent.is_ok(), "there was room");
        let mark = sent_mark(wanted.run, run.next_host());
        self.ends.shared.sent.store(mark, Ordering::Release);
        debug_assert_eq!(slab.chunk.end() % CHUNK_SAMPLES as u64, 0);
    }

    fn report(&self, outcome: Result<(), DecodeError>) {
        if let Err(error) = outcome {
            count(&self.monitor.counters.failed_decodes, 1);
            self.monitor.set_last_error(Some(error));
        }
    }
}
