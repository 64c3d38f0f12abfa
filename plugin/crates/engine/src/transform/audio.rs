//! The audio thread's half: cuts the input into chunks, holds the output back, mixes what comes back in.
//! Real-time safe after `prepare`.

use std::f32::consts::FRAC_PI_2;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use rtrb::{Consumer, Producer};

use super::{
    CHUNK_SAMPLES, Chunk, Cue, Slab, TransformChange, TransformEnds, TransformShared, sent_mark,
};
use crate::concealment::Concealment;
use crate::output::{Delayed, Limiter, RECOVERY_MS, share_of, silence_if_broken};

/// Transforming comes and goes in this time, and so long the mix takes from one end to the other.
const MIX_MS: f32 = 20.0;
/// After its end the input is sent on for this long, in seconds, so that the fade has something to fade.
const FADED_S: f32 = 0.2;

/// What runs.
#[derive(Clone, Copy)]
struct Running {
    /// What was heard before is silence.
    heard_from: u64,
    origin_host: u64,
    /// The input is sent up to here.
    until_host: u64,
}

/// The transforming of one instance.
pub(crate) struct Transforming {
    chunks: Producer<Chunk>,
    cues: Producer<Cue>,
    slabs: Consumer<Slab>,
    shared: Arc<TransformShared>,
    rate_hz: u32,
    /// Wished for by the player.
    wished: bool,
    running: Option<Running>,
    runs: u32,
    chunk: Chunk,
    filled: usize,
    slab: Option<Slab>,
    serial: u64,
    /// What the rest of the output is held back by.
    hold: Vec<[f32; 2]>,
    next_held: usize,
    /// From an input sample to what became of it, in the output.
    delay: u64,
    on: Delayed,
    mix: Delayed,
    step: f32,
    /// Whether a transformer sits there.
    seated: bool,
    concealment: Concealment,
    limiter: Limiter,
    recovery: f32,
    late_samples: u64,
    limited_samples: u64,
    dropped_chunks: u64,
    dropped_cues: u64,
    sent: bool,
}

impl Transforming {
    /// One that nobody answers yet. Allocates.
    pub(crate) fn new(ends: TransformEnds) -> Self {
        let TransformEnds {
            chunks,
            cues,
            slabs,
            shared,
        } = ends;
        Self {
            chunks,
            cues,
            slabs,
            shared,
            rate_hz: 48_000,
            wished: false,
            running: None,
            runs: 0,
            chunk: Chunk::EMPTY,
            filled: 0,
            slab: None,
            serial: 0,
            hold: Vec::new(),
            next_held: 0,
            delay: 0,
            on: Delayed::at(0.0),
            mix: Delayed::at(1.0),
            step: 1.0,
            seated: false,
            concealment: Concealment::new(),
            limiter: Limiter { gain: 1.0 },
            recovery: 1.0,
            late_samples: 0,
            limited_samples: 0,
            dropped_chunks: 0,
            dropped_cues: 0,
            sent: false,
        }
    }

    /// Takes other ends; reset afterwards. Not real-time safe: frees those before.
    pub(crate) fn connect(&mut self, ends: TransformEnds) {
        (self.chunks, self.cues) = (ends.chunks, ends.cues);
        (self.slabs, self.shared) = (ends.slabs, ends.shared);
    }

    /// Makes room to hold the output back by so many samples. Allocates.
    pub(crate) fn prepare(&mut self, rate_hz: u32, held_back: u32) {
        self.rate_hz = rate_hz;
        self.hold = vec![[0.0; 2]; held_back as usize];
        self.next_held = 0;
        self.step = 1000.0 / (MIX_MS * rate_hz as f32);
        self.recovery = share_of(RECOVERY_MS, rate_hz);
        self.concealment.set_rate(rate_hz);
    }

    /// Begins the timeline at 0 again; controls stay. Whether it runs is wished for anew.
    pub(crate) fn reset(&mut self) {
        self.hold.fill([0.0; 2]);
        if self.running.take().is_some() {
            self.send(Cue::End);
        }
        (self.wished, self.slab, self.filled) = (false, None, 0);
        self.on.change_at(0, 0.0);
        self.on.jump();
        self.mix.jump();
        self.concealment.reset();
        self.limiter.gain = 1.0;
        self.sent = false; // nobody waits for it
    }

    /// Whether nothing is sent, held back or mixed.
    pub(crate) fn is_idle(&self) -> bool {
        self.hold.is_empty() && self.running.is_none() && !self.wished
    }

    /// Moves a control at a host sample; returns whether it was merged into another.
    pub(crate) fn change(&mut self, at_host: u64, change: TransformChange) -> bool {
        match change {
            TransformChange::Run(run) => {
                self.wished = run;
                self.follow_wish(at_host)
            }
            // Where the timeline begins there is nothing to come from.
            TransformChange::Mix(mix) if mix.is_finite() && at_host == 0 => {
                let merged = self.mix.change_at(0, mix.clamp(0.0, 1.0));
                self.mix.jump();
                merged
            }
            TransformChange::Mix(mix) if mix.is_finite() => self
                .mix
                .change_at(at_host + self.delay, mix.clamp(0.0, 1.0)),
            TransformChange::Mix(_) => false,
            change => {
                self.send(Cue::Change { at_host, change });
                false
            }
        }
    }

    /// Begins and ends runs as it is wished, where somebody transforms; to be called at each block's first sample.
    pub(crate) fn follow_wish(&mut self, at_host: u64) -> bool {
        let needed = u64::from(self.shared.needed.load(Ordering::Acquire));
        let runs = self
            .running
            .is_some_and(|running| running.until_host == u64::MAX);
        let wanted = self.wished && needed > 0;
        if wanted == runs {
            return false;
        }
        let ends = at_host + self.delay;
        if !wanted {
            if let Some(running) = &mut self.running {
                let faded = (FADED_S * self.rate_hz as f32) as u64;
                running.until_host = ends + faded + self.delay;
            }
            return self.on.change_at(ends, 0.0);
        }
        self.runs = self.runs.wrapping_add(1);
        let chunk = CHUNK_SAMPLES as u64;
        let origin_host = at_host / chunk * chunk;
        self.running = Some(Running {
            heard_from: at_host,
            origin_host,
            until_host: u64::MAX,
        });
        self.send(Cue::Begin {
            run: self.runs,
            origin_host,
            host_rate_hz: self.rate_hz,
        });
        self.filled = 0;
        self.concealment.change();
        self.on.change_at(ends, 1.0)
    }

    /// Sets what lies between an input and what became of it: what is held back for, or more where the transformer
    /// that sits there now needs more. To be called at each block's first sample. `base`: what the output is later
    /// by without transforming.
    pub(crate) fn set_delay(&mut self, base: u32) {
        let needed = self.shared.needed.load(Ordering::Acquire);
        let held = base as usize + self.hold.len();
        self.seated = needed > 0;
        self.delay = u64::from(needed).max(held as u64);
    }

    /// Whether all of a piece of so many samples finds room.
    pub(crate) fn has_room(&self, samples: usize) -> bool {
        self.running.is_none() || self.chunks.slots() > samples / CHUNK_SAMPLES + 1
    }

    /// Sends what was heard from a host sample on.
    pub(crate) fn hear(&mut self, begins: u64, heard: &[[f32; 2]]) {
        let Some(running) = self.running else {
            return;
        };
        let size = CHUNK_SAMPLES as u64;
        for (sample, at) in heard.iter().zip(begins..) {
            if at < running.heard_from {
                continue;
            }
            let within = (at % size) as usize;
            if self.filled != within || self.chunk.from_host + within as u64 != at {
                // It began within a chunk, or goes on after a pause.
                self.chunk.samples[..within].fill([0.0; 2]);
            }
            (self.chunk.run, self.chunk.from_host) = (self.runs, at - within as u64);
            self.chunk.samples[within] = *sample;
            self.filled = (within + 1) % CHUNK_SAMPLES;
            if self.filled == 0 {
                let lost = self.chunks.push(self.chunk).is_err();
                self.dropped_chunks += u64::from(lost);
            }
        }
        let heard_until = begins + heard.len() as u64;
        if heard_until >= running.until_host {
            self.running = None;
            self.send(Cue::End);
        }
    }

    /// Whether all that sounds before a host sample of the output was sent.
    pub(crate) fn is_ready(&self, until_output: u64) -> bool {
        let (Some(running), Some(until)) = (self.running, until_output.checked_sub(self.delay))
        else {
            return true;
        };
        if until <= running.origin_host || self.shared.needed.load(Ordering::Acquire) == 0 {
            return true;
        }
        let last = running.until_host.saturating_sub(self.delay);
        let sent = self.shared.sent.load(Ordering::Acquire);
        sent >= sent_mark(self.runs, until.min(last))
    }

    /// Holds the output back, and mixes in what became of the input. `begins`: the host sample of the output's
    /// first. Says where the worker is to have come, first.
    pub(crate) fn mix(&mut self, begins: u64, left: &mut [f32], right: &mut [f32]) {
        let due = (begins + left.len() as u64).saturating_sub(self.delay);
        self.shared.due.store(due, Ordering::Release);
        for ((l, r), at) in left.iter_mut().zip(right).zip(begins..) {
            let dry = self.held([*l, *r]);
            [*l, *r] = self.mixed(at, dry);
        }
    }

    fn held(&mut self, sample: [f32; 2]) -> [f32; 2] {
        let Some(place) = self.hold.get_mut(self.next_held) else {
            return sample;
        };
        let due = std::mem::replace(place, sample);
        self.next_held = (self.next_held + 1) % self.hold.len();
        due
    }

    fn mixed(&mut self, at: u64, dry: [f32; 2]) -> [f32; 2] {
        self.on.arrive_at(at);
        self.mix.arrive_at(at);
        let on = self.on.step(self.step);
        let share = on * self.mix.step(self.step);
        let Some(input_at) = at.checked_sub(self.delay).filter(|_| on > 0.0) else {
            return dry;
        };
        let raw = self.sample(input_at);
        let mut wet = self.concealment.next(raw);
        for value in &mut wet {
            silence_if_broken(value);
        }
        let gain = self
            .limiter
            .next(wet[0].abs().max(wet[1].abs()), self.recovery);
        self.limited_samples += u64::from(gain < 1.0);
        // What was made anew has no phase in common with what it was made from: powers add.
        let (taken, kept) = match share {
            0.0 => return dry,
            1.0 => (1.0, 0.0),
            share => (share * FRAC_PI_2).sin_cos(),
        };
        [0, 1].map(|side| dry[side] * kept + wet[side] * gain * taken)
    }

    /// What became of an input sample; none where it is late.
    fn sample(&mut self, at: u64) -> Option<[f32; 2]> {
        if self.running.is_none_or(|running| at < running.origin_host) {
            return Some([0.0; 2]);
        }
        let slab = self.slab_at(at);
        if let Some(slab) = slab
            && slab.serial != self.serial
        {
            if self.serial != 0 {
                self.concealment.change();
            }
            self.serial = slab.serial;
        }
        self.late_samples += u64::from(slab.is_none() && self.seated);
        slab.map(|slab| slab.chunk.samples[(at - slab.chunk.from_host) as usize])
    }

    /// The slab that holds a sample of the run; what lies before it is dropped.
    fn slab_at(&mut self, at: u64) -> Option<Slab> {
        loop {
            if let Some(slab) = self.slab {
                let is_older = slab.chunk.run != self.runs || slab.chunk.end() <= at;
                if !is_older {
                    return Some(slab).filter(|slab| slab.chunk.from_host <= at);
                }
            }
            self.slab = Some(self.slabs.pop().ok()?);
        }
    }

    fn send(&mut self, cue: Cue) {
        if self.cues.push(cue).is_ok() {
            self.sent = true;
        } else {
            self.dropped_cues += 1;
        }
    }

    /// What went wrong since this was last asked.
    pub(crate) fn take_faults(&mut self) -> TransformFaults {
        TransformFaults {
            late_samples: std::mem::take(&mut self.late_samples),
            limited_samples: std::mem::take(&mut self.limited_samples),
            dropped_chunks: std::mem::take(&mut self.dropped_chunks),
            dropped_cues: std::mem::take(&mut self.dropped_cues),
        }
    }
}

/// What went wrong, in samples, chunks and cues.
pub(crate) struct TransformFaults {
    pub(crate) late_samples: u64,
    pub(crate) limited_samples: u64,
    pub(crate) dropped_chunks: u64,
    pub(crate) dropped_cues: u64,
}
