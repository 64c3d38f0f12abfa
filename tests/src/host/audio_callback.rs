//! The audio thread of the host: one call a block, everything prepared before.
//!
//! Between [`BlockWatch::enter`] and [`BlockWatch::leave`] only the plugin runs, so that a detector
//! blames nobody else.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use clack_host::events::event_types::{TransportEvent, TransportFlags};
use clack_host::events::{EventFlags, EventHeader};
use clack_host::prelude::{
    AudioPortBuffer, AudioPortBufferType, AudioPorts, EventBuffer, InputEvents, OutputEvents,
    StartedPluginAudioProcessor,
};
use clack_host::utils::{BeatTime, SecondsTime};

use super::incoming::Incoming;
use super::priority::take_real_time;
use super::threads::Threads;
use super::timeline::send;
use super::timing::thread_processor_ns;
use super::{CallbackTimes, Event, HeadlessHost, Pace, Ports, Rendered, TEMPO_BPM};

/// Watches the plugin's callback from outside.
pub trait BlockWatch: Send {
    /// Called on the audio thread right before the plugin's callback.
    fn enter(&mut self) {}
    /// Called right after it.
    fn leave(&mut self) {}
}

impl BlockWatch for () {}

/// Events of one block that fit without growing the list.
const EVENT_CAPACITY: usize = 32_768;

/// Runs the blocks of one render. Moves to the audio thread.
pub struct AudioCallback<'a, W: BlockWatch> {
    rate_hz: f64,
    events: &'a [(u64, Event)],
    pace: Pace,
    watch: W,
    position: u64,
    pub(super) resets: Vec<u64>,
    progress: Arc<AtomicU64>,
    output: [Vec<f32>; 2],
    midi_out: Vec<(u64, [u8; 3])>,
    times: CallbackTimes,
    pub(super) threads: Threads,
    input_list: EventBuffer,
    output_list: EventBuffer,
    ports: AudioPorts,
    scratch: [Vec<f32>; 2],
    outputs: usize,
    pub(super) jumps: Vec<(u64, f64)>,
    pub(super) tempo_bpm: f64,
    pub(super) input: Incoming<'a>,
    pub(super) wants_real_time: bool,
    has_real_time: bool,
    started: Option<(Instant, u64)>,
}

impl<'a, W: BlockWatch> AudioCallback<'a, W> {
    pub(super) fn new(
        rate_hz: f64,
        events: &'a [(u64, Event)],
        pace: Pace,
        max_block: u32,
        total: u64,
        ports: Ports,
        watch: W,
    ) -> Self {
        let samples = total as usize;
        Self {
            rate_hz,
            events,
            pace,
            watch,
            position: 0,
            resets: Vec::new(),
            progress: Arc::default(),
            output: [Vec::with_capacity(samples), Vec::with_capacity(samples)],
            midi_out: Vec::new(),
            times: CallbackTimes::with_capacity(samples / 32 + 1),
            threads: Threads::of_host(),
            input_list: EventBuffer::with_capacity(EVENT_CAPACITY),
            output_list: EventBuffer::with_capacity(EVENT_CAPACITY),
            ports: AudioPorts::with_capacity(2, 1),
            scratch: [vec![0.0; max_block as usize], vec![0.0; max_block as usize]],
            outputs: ports.outputs,
            jumps: Vec::new(),
            tempo_bpm: TEMPO_BPM,
            input: Incoming::new(ports.inputs, max_block),
            wants_real_time: false,
            has_real_time: false,
            started: None,
        }
    }

    /// Runs `blocks` one after another until `stop` is raised; returns true when all of them ran.
    pub(super) fn run(
        &mut self,
        plugin: &mut StartedPluginAudioProcessor<HeadlessHost>,
        blocks: &mut dyn Iterator<Item = u32>,
        stop: &AtomicBool,
    ) -> Result<bool> {
        self.has_real_time = self.wants_real_time && take_real_time();
        loop {
            if stop.load(Ordering::Acquire) {
                return Ok(false);
            }
            let Some(block) = blocks.next() else {
                return Ok(true);
            };
            self.wait_for_the_clock();
            self.reset_when_due(plugin, block);
            self.block(plugin, block)?;
            self.progress.store(self.position, Ordering::Relaxed);
        }
    }

    /// What was heard, `skip` samples taken off the front, and the watch.
    pub(super) fn finish(self, skip: u64) -> (Rendered, W) {
        let audio = self
            .output
            .map(|channel| channel.into_iter().skip(skip as usize).collect());
        let midi_out = self.midi_out.into_iter();
        let rendered = Rendered {
            audio,
            rate_hz: self.rate_hz,
            midi_out: midi_out
                .map(|(at, bytes)| (at.saturating_sub(skip), bytes))
                .collect(),
            times: self.times,
            real_time: self.has_real_time,
            ..Rendered::default()
        };
        (rendered, self.watch)
    }

    /// The next sample, readable from other threads while blocks run.
    pub(super) fn progress(&self) -> Arc<AtomicU64> {
        Arc::clone(&self.progress)
    }

    fn reset_when_due(
        &mut self,
        plugin: &mut StartedPluginAudioProcessor<HeadlessHost>,
        block: u32,
    ) {
        let end = self.position + u64::from(block);
        if self
            .resets
            .iter()
            .any(|at| (self.position..end).contains(at))
        {
            self.watch.enter();
            plugin.reset();
            self.watch.leave();
        }
    }

    /// A live host calls when the previous buffer has been played.
    fn wait_for_the_clock(&mut self) {
        let speed = match self.pace {
            Pace::Offline => return,
            Pace::Settled => return self.threads.wait_until_others_sleep(),
            Pace::Live { speed } => speed,
        };
        let (start, from) = *self.started.get_or_insert((Instant::now(), self.position));
        let played_s = (self.position - from) as f64 / self.rate_hz / speed;
        let ahead = Duration::from_secs_f64(played_s).saturating_sub(start.elapsed());
        if !ahead.is_zero() {
            #[expect(
                clippy::disallowed_methods,
                reason = "this is the sound card's clock, not a wait for a result"
            )]
            std::thread::sleep(ahead);
        }
    }

    fn block(
        &mut self,
        plugin: &mut StartedPluginAudioProcessor<HeadlessHost>,
        samples: u32,
    ) -> Result<()> {
        self.collect_events(samples);
        let transport = transport(self.song_s(), self.tempo_bpm);
        for channel in &mut self.scratch {
            // A plugin that does not fill its output must not find old sound there.
            channel[..samples as usize].fill(f32::NAN);
        }
        let scratch = self.scratch.iter_mut().take(self.outputs);
        let channels = scratch.map(|channel| &mut channel[..samples as usize]);
        let mut audio = self.ports.with_output_buffers([AudioPortBuffer {
            latency: 0,
            channels: AudioPortBufferType::f32_output_only(channels),
        }]);
        let incoming = self.input.block(self.position, samples);
        let input = InputEvents::from_buffer(&self.input_list);
        let mut output = OutputEvents::from_buffer(&mut self.output_list);
        let processor = thread_processor_ns();
        self.watch.enter();
        let began = Instant::now();
        let result = plugin.process(
            &incoming,
            &mut audio,
            &input,
            &mut output,
            Some(self.position),
            Some(&transport),
        );
        let took = began.elapsed();
        self.watch.leave();
        result
            .with_context(|| format!("the plugin refused the block at sample {}", self.position))?;
        self.times.nanoseconds.push(took.as_nanos() as u64);
        let used = thread_processor_ns() - processor;
        self.times.processor_nanoseconds.push(used);
        self.keep(samples);
        Ok(())
    }

    fn collect_events(&mut self, samples: u32) {
        self.input_list.clear();
        self.output_list.clear();
        let from = self
            .events
            .partition_point(|(time, _)| *time < self.position);
        let end = self.position + u64::from(samples);
        for (time, event) in self.events[from..]
            .iter()
            .take_while(|(time, _)| *time < end)
        {
            send(event, (time - self.position) as u32, &mut self.input_list);
        }
    }

    /// Where the host's song stands, in seconds.
    fn song_s(&self) -> f64 {
        let passed = self.jumps.iter().rev();
        let mut passed = passed.filter(|(at, _)| *at <= self.position);
        let (at, seconds) = passed.next().copied().unwrap_or((0, 0.0));
        seconds + (self.position - at) as f64 / self.rate_hz
    }

    fn keep(&mut self, samples: u32) {
        for (index, kept) in self.output.iter_mut().enumerate() {
            let scratch = &self.scratch[index.min(self.outputs - 1)];
            kept.extend_from_slice(&scratch[..samples as usize]);
        }
        for event in self.output_list.iter() {
            let at = self.position + u64::from(event.header().time());
            if let Some(message) = short_message(event) {
                self.midi_out.push((at, message));
            }
        }
        self.position += u64::from(samples);
    }
}

/// The three bytes of an outgoing note or MIDI event.
fn short_message(event: &clack_host::events::UnknownEvent) -> Option<[u8; 3]> {
    use clack_host::events::spaces::CoreEventSpace;
    match event.as_core_event()? {
        CoreEventSpace::NoteOn(note) => {
            let (channel, key) = (note.channel().into_specific()?, note.key().into_specific()?);
            Some([
                0x90 | channel as u8,
                key as u8,
                (note.velocity() * 127.0).round().clamp(1.0, 127.0) as u8,
            ])
        }
        CoreEventSpace::NoteOff(note) => {
            let (channel, key) = (note.channel().into_specific()?, note.key().into_specific()?);
            Some([0x80 | channel as u8, key as u8, 64])
        }
        CoreEventSpace::Midi(midi) => Some(midi.data()),
        _ => None,
    }
}

fn transport(seconds: f64, tempo_bpm: f64) -> TransportEvent {
    TransportEvent {
        header: EventHeader::new_core(0, EventFlags::empty()),
        flags: TransportFlags::HAS_TEMPO
            | TransportFlags::HAS_BEATS_TIMELINE
            | TransportFlags::HAS_SECONDS_TIMELINE
            | TransportFlags::HAS_TIME_SIGNATURE
            | TransportFlags::IS_PLAYING,
        song_pos_beats: BeatTime::from_float(seconds * tempo_bpm / 60.0),
        song_pos_seconds: SecondsTime::from_float(seconds),
        tempo: tempo_bpm,
        tempo_inc: 0.0,
        loop_start_beats: BeatTime::from_int(0),
        loop_end_beats: BeatTime::from_int(0),
        loop_start_seconds: SecondsTime::from_int(0),
        loop_end_seconds: SecondsTime::from_int(0),
        bar_start: BeatTime::from_int(0),
        bar_number: 0,
        time_signature_numerator: 4,
        time_signature_denominator: 4,
    }
}
