//! The audio thread's half: events in, sound out.
//!
//! Never blocks, allocates, frees, logs or panics. The only wait lies in `wait.rs` and happens in
//! offline renders; the only call into the system is `link::wake_worker`.

mod events;
mod input;
mod pace;
mod rendering;
mod report;
mod wait;

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread::Thread;

use rtrb::{Producer, PushError};

use crate::continuation::{
    Conductor, Ear, Player, SoundEnds, Transport, make_ends, make_sound_ends,
};
use crate::controls::Controls;
use crate::engine::{Engine, HostConfig, HostSetup};
use crate::envelope::fade;
use crate::error::EngineError;
use crate::event::{Event, TimedEvent};
use crate::latency::Latency;
use crate::link::wake_worker;
use crate::monitor::{Monitor, count};
use crate::output::Output;
use crate::playback::Playback;
use crate::program::{Program, SLICE_SAMPLES};
use crate::render::RenderMode;
use crate::request::Tally;
use crate::service::Membership;
use crate::timeline::ms_to_samples;
use crate::touched;
use crate::transform::{Transforming, make_ends as make_transform_ends};
use crate::voice::Faults;
use input::{DryPath, Input, Route};
use rendering::Rendering;
pub use wait::{Clock, SystemClock};

/// The sound of an outgoing program fades this long under the new one.
const SWAP_FADE_MS: f32 = 30.0;

/// How a block went. The output is always filled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pull {
    /// Every frame was there.
    Complete,
    /// Frames were missing; the last ones were held and faded.
    Late {
        /// How many.
        missing_frames: u32,
    },
}

/// A program on its way out.
struct Outgoing {
    program: Box<Program>,
    fade_from_host: u64,
}

/// The audio thread's half of an engine: `Send`, not shared.
pub struct Processor {
    engine: Arc<Engine>,
    monitor: Arc<Monitor>,
    membership: Option<Membership>,
    worker: Option<Thread>,
    setup: Option<HostSetup>,
    program: Option<Box<Program>>,
    outgoing: Option<Outgoing>,
    /// Programs that are to be freed elsewhere.
    trash: Producer<Box<Program>>,
    swap_fade_samples: u32,
    controls: Controls,
    output: Output,
    rendering: Rendering,
    epoch: u32,
    position_host: u64,
    notes_started: u32,
    conductor: Conductor,
    player: Player,
    dry: DryPath,
    transforming: Transforming,
    /// Composed events on their way out, by the host sample at which they sound.
    leaving: VecDeque<(u64, Event)>,
    /// Keys that the host was given and that were not let go, a bit each.
    given: u128,
    /// Those that leave in the block at hand.
    composed: Vec<TimedEvent>,
}

/// Composed events that one block can carry.
const COMPOSED_EVENTS: usize = 2048;

impl Processor {
    /// The Processor of an engine; one each. Allocates.
    pub fn new(engine: &Arc<Engine>) -> Self {
        Self::with_clock(engine, Box::<SystemClock>::default())
    }

    /// The same with a clock of the caller's. Allocates.
    pub fn with_clock(engine: &Arc<Engine>, clock: Box<dyn Clock>) -> Self {
        let sound = make_sound_ends().0; // nobody answers yet
        Self {
            monitor: Arc::clone(engine.monitor()),
            engine: Arc::clone(engine),
            membership: None,
            worker: None,
            setup: None,
            program: None,
            outgoing: None,
            trash: engine.connect_trash(),
            swap_fade_samples: 1,
            controls: Controls::default(),
            output: Output::new(),
            rendering: Rendering::new(clock),
            epoch: first_epoch(),
            position_host: 0,
            notes_started: 0,
            conductor: Conductor::new(make_ends().0, sound.cues, Ear::new(sound.chunks)),
            player: Player::new(sound.slabs, sound.shared),
            dry: DryPath::default(),
            transforming: Transforming::new(make_transform_ends(engine.transform_shared()).0),
            leaving: touched::queue(COMPOSED_EVENTS, || (0, Event::AllNotesOff)),
            given: 0,
            composed: Vec::with_capacity(COMPOSED_EVENTS),
        }
    }

    /// Prepares for a host's settings, starts the service if nobody else has, and resets.
    ///
    /// May be called again and again, with or without [`deactivate`](Self::deactivate) between: what
    /// already fits stays. Allocates; for the main thread, while no block is processed.
    ///
    /// # Errors
    /// When the host's settings cannot be played; what was prepared before stays.
    pub fn activate(&mut self, config: HostConfig) -> Result<Latency, EngineError> {
        if self.membership.is_none() {
            self.membership = Some(self.engine.service().join()?);
            // The worker that served the other half before is gone with its thread.
            let SoundEnds {
                chunks,
                cues,
                slabs,
                shared,
            } = self.engine.connect_sound();
            self.conductor.ear.connect(chunks);
            self.conductor
                .connect(self.engine.connect_conductor(), cues);
            self.player.connect(slabs, shared);
            self.transforming
                .connect(self.engine.connect_transforming());
        }
        self.worker = self.engine.service().worker_thread();
        let current_load = self.program.as_ref().map(|program| program.load_number);
        let (setup, fresh) = self.engine.activate(config, current_load)?;
        self.engine.empty_trash();
        self.outgoing = None;
        if fresh.is_some() || self.setup != Some(setup) {
            self.program = fresh;
        }
        if let Some(program) = &self.program {
            self.controls.adopt(program.spec());
        }
        self.setup = Some(setup);
        self.swap_fade_samples = ms_to_samples(SWAP_FADE_MS, config.sample_rate_hz, 1);
        self.output.set_rate(config.sample_rate_hz);
        self.dry.prepare(setup.latency.reported_samples);
        self.conductor
            .set_host(config.sample_rate_hz, config.max_block_samples);
        let piece_samples = config.max_block_samples.max(1) as usize;
        self.conductor
            .ear
            .prepare(config.sample_rate_hz, piece_samples);
        self.player.set_rate(config.sample_rate_hz);
        self.transforming
            .prepare(config.sample_rate_hz, setup.held_back);
        self.reset();
        Ok(self.latency())
    }

    /// Lets go of the program and leaves the service; the last instance out joins its thread.
    /// Does nothing if it was not active. For the main thread.
    pub fn deactivate(&mut self) {
        self.program = None;
        self.outgoing = None;
        self.setup = None;
        self.worker = None;
        self.engine.deactivate();
        self.membership = None;
    }

    /// Sets how blocks are rendered. Real-time safe.
    pub fn set_render(&mut self, mode: RenderMode, host_is_offline: bool) {
        self.rendering.set(mode, host_is_offline);
    }

    /// Latency since the last activation. Real-time safe.
    pub fn latency(&self) -> Latency {
        let held_back = self.setup.map_or(0, |setup| setup.held_back);
        let own = self.own_latency();
        let reported_samples = own.reported_samples + held_back;
        Latency {
            reported_samples,
            total_samples: own.total_samples.max(reported_samples),
            ..own
        }
    }

    /// The same without what the output is held back by for transforming. Real-time safe.
    pub fn own_latency(&self) -> Latency {
        self.setup.map(|setup| setup.latency).unwrap_or_default()
    }

    /// Silences everything and begins the timeline at 0: frames on their way will be recycled
    /// unheard. Knobs, wheels and bends stay; pedals come up. Real-time safe.
    pub fn reset(&mut self) {
        self.epoch = self.epoch.wrapping_add(1);
        self.position_host = 0;
        self.notes_started = 0;
        self.controls.lift_pedals();
        self.conductor.reset();
        self.player.reset();
        self.dry.reset();
        self.transforming.reset();
        self.let_go_given();
        if let Some(program) = &mut self.program {
            program.begin(0, self.epoch);
        }
        if let Some(outgoing) = &mut self.outgoing {
            outgoing.program.begin(0, self.epoch);
            outgoing.fade_from_host = 0;
        }
        self.throw_away_outgoing(u64::MAX);
        self.output.reset();
        self.rendering.reset();
    }

    /// Takes what the host says of musical time at the next block's first sample. Real-time safe.
    pub fn set_transport(&mut self, transport: &Transport) {
        self.conductor.set_transport(self.position_host, transport);
    }

    /// The composed notes that sound in the last block, for the host's MIDI output: offsets from its
    /// start, on channel 0, later by the reported latency as the sound is. Real-time safe.
    pub fn composed(&self) -> &[TimedEvent] {
        &self.composed
    }

    /// Renders a block. Fills `left` and `right` (host rate; the shorter one rules), whatever comes.
    ///
    /// `events`: in the order of their samples. Blocks of no samples and blocks longer than was
    /// announced are fine. Real-time safe, but in an offline render, where it may wait up to 5 s for
    /// a frame and 30 s for a pack.
    pub fn process(&mut self, left: &mut [f32], right: &mut [f32], events: &[TimedEvent]) -> Pull {
        self.render(None, left, right, events)
    }

    /// The same for an audio effect: listens to the input, which also passes to the output, later by
    /// the reported latency (none in Instant mode). While nothing is continued it passes bit for bit.
    ///
    /// `input`: 1 or 2 channels at host rate, as long as the block; what is missing is silence, what is
    /// not finite is silenced and counted. Real-time safe as [`process`](Self::process) is.
    pub fn process_heard(
        &mut self,
        input: &[&[f32]],
        left: &mut [f32],
        right: &mut [f32],
        events: &[TimedEvent],
    ) -> Pull {
        self.render(Some(Input::new(input, Route::Through)), left, right, events)
    }

    /// The same for a side chain: listens to the input, which does not pass to the output.
    ///
    /// `input`: as in [`process_heard`](Self::process_heard). Real-time safe as
    /// [`process`](Self::process) is.
    pub fn process_beside(
        &mut self,
        input: &[&[f32]],
        left: &mut [f32],
        right: &mut [f32],
        events: &[TimedEvent],
    ) -> Pull {
        self.render(Some(Input::new(input, Route::Beside)), left, right, events)
    }

    fn render(
        &mut self,
        input: Option<Input<'_>>,
        left: &mut [f32],
        right: &mut [f32],
        events: &[TimedEvent],
    ) -> Pull {
        // Where there is no input, silence is heard, once there is something to hear it for.
        let silence = || Input::new(&[], Route::Beside);
        let input = input.or_else(|| self.conductor.continues_sound().then(silence));
        let length = left.len().min(right.len());
        let (left, right) = (&mut left[..length], &mut right[..length]);
        self.composed.clear();
        let Some(setup) = self.setup else {
            left.fill(0.0);
            right.fill(0.0);
            return Pull::Complete;
        };
        self.rendering
            .begin_block(length, setup.config.sample_rate_hz, &self.engine);
        self.take_program();
        self.transforming.set_delay(setup.latency.reported_samples);
        self.transforming.follow_wish(self.position_host);
        self.wait_for_passages(length as u64);
        let block_begins = self.position_host;
        let piece_samples = setup.config.max_block_samples as usize;
        let mut pieces = events::Pieces::new(events, length, piece_samples);
        let mut faults = Faults::default();
        while let Some((range, events)) = pieces.next_piece() {
            let input = input.map(|input| input.from(range.start));
            self.process_piece(
                input,
                &mut left[range.clone()],
                &mut right[range],
                events,
                &mut faults,
            );
        }
        self.let_out(block_begins);
        self.report(&faults);
        match faults.late_frames {
            0 => Pull::Complete,
            missing_frames => Pull::Late { missing_frames },
        }
    }

    fn process_piece(
        &mut self,
        input: Option<Input<'_>>,
        left: &mut [f32],
        right: &mut [f32],
        events: events::PieceEvents<'_>,
        faults: &mut Faults,
    ) {
        let mut tally = Tally::default();
        if let Some(input) = &input {
            self.hear(input, left.len(), faults);
        }
        self.request(left.len(), events, &mut tally);
        if input.is_some() {
            self.send_heard(left.len() as u64);
        }
        self.wake_if_needed(&tally, input.is_some());
        self.report_requests(&tally);
        for (left, right) in left
            .chunks_mut(SLICE_SAMPLES)
            .zip(right.chunks_mut(SLICE_SAMPLES))
        {
            self.render_slice(left, right, faults);
        }
        let begins = self.position_host - left.len() as u64;
        let output_faults = self.output.process(begins, left, right);
        count(
            &self.monitor.counters.limited_samples,
            u64::from(output_faults.limited_samples),
        );
        faults.non_finite_samples += output_faults.non_finite_samples;
        if let Some(input) = &input {
            self.pass(input.route, begins, left, right);
        }
        self.transform(begins, left, right);
        self.throw_away_outgoing(self.position_host);
        self.monitor.publish_output(left, right);
    }

    fn render_slice(&mut self, left: &mut [f32], right: &mut [f32], faults: &mut Faults) {
        let Self {
            program,
            outgoing,
            rendering,
            worker,
            monitor,
            ..
        } = self;
        let mut before_render = |playback: &mut Playback, samples: u64| {
            rendering.wait_for_frames(playback, samples, worker.as_ref(), monitor);
        };
        match program {
            Some(program) => {
                program.render(self.position_host, left, right, faults, &mut before_render)
            }
            None => {
                left.fill(0.0);
                right.fill(0.0);
            }
        }
        if let Some(outgoing) = outgoing {
            let (mut old_left, mut old_right) = ([0.0; SLICE_SAMPLES], [0.0; SLICE_SAMPLES]);
            let (old_left, old_right) = (&mut old_left[..left.len()], &mut old_right[..left.len()]);
            outgoing.program.render(
                self.position_host,
                old_left,
                old_right,
                faults,
                &mut before_render,
            );
            let old = old_left.iter().zip(old_right.iter());
            for (((l, r), (old_l, old_r)), at) in left
                .iter_mut()
                .zip(right.iter_mut())
                .zip(old)
                .zip(self.position_host..)
            {
                let level = fade(
                    at.saturating_sub(outgoing.fade_from_host),
                    self.swap_fade_samples,
                );
                *l += level * old_l;
                *r += level * old_r;
            }
        }
        self.position_host += left.len() as u64;
    }

    /// Takes a program from the mailbox, once the one before it has faded.
    fn take_program(&mut self) {
        if self.outgoing.is_some() {
            return;
        }
        let Some(mut fresh) = self.engine.take_posted() else {
            return;
        };
        self.epoch = self.epoch.wrapping_add(1);
        fresh.begin(self.position_host, self.epoch);
        self.controls.adopt(fresh.spec());
        if let Some(program) = self.program.replace(fresh) {
            self.strike_held_notes(&program);
            let fade_from_host = self.position_host + program.delay_host();
            self.outgoing = Some(Outgoing {
                program,
                fade_from_host,
            });
        }
    }

    /// Sends the outgoing program to be freed, once it is silent and the lane has room.
    fn throw_away_outgoing(&mut self, position_host: u64) {
        let fade = u64::from(self.swap_fade_samples);
        if let Some(outgoing) = self
            .outgoing
            .take_if(|outgoing| outgoing.fade_from_host.saturating_add(fade) <= position_host)
            && let Err(PushError::Full(program)) = self.trash.push(outgoing.program)
        {
            self.outgoing = Some(Outgoing {
                program,
                fade_from_host: 0,
            });
        }
    }

    fn wake_if_needed(&mut self, tally: &Tally, heard: bool) {
        let trash = self.trash.slots() < self.trash.buffer().capacity();
        let unanswered = self
            .program
            .as_ref()
            .is_some_and(|program| program.has_unanswered_requests());
        let cues = self.conductor.take_sent() || self.conductor.is_running();
        if tally.requests > 0 || unanswered || trash || cues || heard {
            count(&self.monitor.counters.worker_wakes, 1);
            if let Some(worker) = &self.worker {
                wake_worker(worker);
            }
        }
    }
}

/// Epochs of one instance, so that decoders which instances share can tell their notes apart.
const EPOCHS_AN_INSTANCE: u32 = 1 << 16;

fn first_epoch() -> u32 {
    static INSTANCES: AtomicU32 = AtomicU32::new(0);
    INSTANCES
        .fetch_add(1, Ordering::Relaxed)
        .wrapping_mul(EPOCHS_AN_INSTANCE)
}

impl Drop for Processor {
    fn drop(&mut self) {
        self.deactivate();
    }
}
