//! What the window may see: counters, levels, the sound of the last seconds, the latent that sounds.
//!
//! Written by the audio thread and the worker, read by anyone. All counters are atomics; only the
//! worker's last sentence lies behind a lock, which the audio thread never takes.

use std::sync::atomic::{AtomicI64, AtomicU32, AtomicU64, Ordering::Relaxed};

use parking_lot::Mutex;

use crate::continuation::TempoFrom;
use crate::contract::{Conditions, DecodeError, MAX_LATENT};

/// Output samples that the window can look back on: a power of two, 1.3 s at 48 kHz.
const RECENT_SAMPLES: usize = 65_536;

/// What is counted since the engine was made. Grows only.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Frames that were not there when they were due, and were concealed.
    pub late_frames: u64,
    /// Frames that came after their due sample, or for an older epoch, and were recycled unheard.
    pub unheard_frames: u64,
    /// Requests that found the ring full.
    pub dropped_requests: u64,
    /// Requests that the worker skipped because they were past due.
    pub skipped_requests: u64,
    /// Notes that found no voice.
    pub dropped_notes: u64,
    /// Changes of a control that came too densely and were merged into a later one.
    pub merged_controls: u64,
    /// Voices that were stolen.
    pub stolen_voices: u64,
    /// Notes in Instant mode whose attack was not there: they began late, or with an older sound.
    pub cold_attacks: u64,
    /// Samples on which the limiter worked.
    pub limited_samples: u64,
    /// Samples that were not finite and were silenced.
    pub non_finite_samples: u64,
    /// Values in frames that were not finite or negative, and were set to zero.
    pub cleaned_values: u64,
    /// Decoder calls that failed.
    pub failed_decodes: u64,
    /// Waits, offline, that ran into their bound.
    pub wait_timeouts: u64,
    /// Frames that were decoded.
    pub decoded_frames: u64,
    /// Times that the worker was woken.
    pub worker_wakes: u64,
    /// Composed notes that came after their sample and were left out.
    pub late_notes: u64,
    /// Messages to the composer or the continuer, or composed notes on their way out, that found no room.
    pub dropped_cues: u64,
    /// Samples of a continuation that were not there when they were due, and were concealed.
    pub late_samples: u64,
    /// Chunks of 64 input samples that found no room and are heard as silence.
    pub dropped_chunks: u64,
    /// Transformed samples that were not there when they were due, and were concealed.
    pub late_transformed: u64,
    /// Times that the continuer fell 10 s behind, or a transformer 2 s, forgot, and went on with what was new.
    pub hearing_skips: u64,
}

macro_rules! counters {
    ($($field:ident),+ $(,)?) => {
        /// The atomics behind [`Counts`].
        #[derive(Debug, Default)]
        pub(crate) struct Counters { $(pub(crate) $field: AtomicU64,)+ }

        impl Counters {
            fn read(&self) -> Counts {
                Counts { $($field: self.$field.load(Relaxed),)+ }
            }
        }
    };
}

counters!(
    late_frames,
    unheard_frames,
    dropped_requests,
    skipped_requests,
    dropped_notes,
    merged_controls,
    stolen_voices,
    cold_attacks,
    limited_samples,
    non_finite_samples,
    cleaned_values,
    failed_decodes,
    wait_timeouts,
    decoded_frames,
    worker_wakes,
    late_notes,
    dropped_cues,
    late_samples,
    dropped_chunks,
    late_transformed,
    hearing_skips,
);

/// Adds to a counter. Real-time safe.
pub(crate) fn count(counter: &AtomicU64, more: u64) {
    if more > 0 {
        counter.fetch_add(more, Relaxed);
    }
}

/// A 32-bit float that threads share.
#[derive(Debug, Default)]
pub(crate) struct SharedF32(AtomicU32);

impl SharedF32 {
    pub(crate) fn set(&self, value: f32) {
        self.0.store(value.to_bits(), Relaxed);
    }

    pub(crate) fn get(&self) -> f32 {
        f32::from_bits(self.0.load(Relaxed))
    }
}

/// What is shown of an input that nothing is heard on.
const SILENT_INPUT_DB: f32 = -120.0;

/// Stands for no piece.
const NO_PIECE: i64 = i64::MIN;

/// Where continuation stands in musical time.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct MusicalTime {
    /// Ticks since the piece began, negative before; `None` while none runs.
    pub piece_tick: Option<i64>,
    /// Ticks of a bar.
    pub bar_ticks: u32,
    /// Ticks since the last bar line.
    pub bar_tick: f32,
    /// Quarter notes a minute.
    pub tempo_bpm: f32,
    /// Who says so.
    pub tempo_from: TempoFrom,
    /// How surely what is played has a beat, 0 to 1.
    pub confidence: f32,
}

/// The window's view of a running engine. Share it by `Arc`.
#[derive(Debug)]
pub struct Monitor {
    pub(crate) counters: Counters,
    peak: [SharedF32; 2],
    voices: AtomicU32,
    latency_samples: AtomicU32,
    host_rate_hz: AtomicU32,
    waiting_render: AtomicU32,
    worker_load: SharedF32,
    /// Ticks into the piece; [`NO_PIECE`] while none runs.
    piece_tick: AtomicI64,
    bar_ticks: AtomicU32,
    bar_tick: SharedF32,
    tempo_bpm: SharedF32,
    tempo_from: AtomicU32,
    confidence: SharedF32,
    input_db: SharedF32,
    behind_s: SharedF32,
    latent: [SharedF32; MAX_LATENT],
    recent: Box<[SharedF32]>,
    recent_written: AtomicU64,
    last_error: Mutex<Option<DecodeError>>,
}

impl Default for Monitor {
    fn default() -> Self {
        Self {
            counters: Counters::default(),
            peak: Default::default(),
            voices: AtomicU32::new(0),
            latency_samples: AtomicU32::new(0),
            host_rate_hz: AtomicU32::new(0),
            waiting_render: AtomicU32::new(0),
            worker_load: SharedF32::default(),
            piece_tick: AtomicI64::new(NO_PIECE),
            bar_ticks: AtomicU32::new(0),
            bar_tick: SharedF32::default(),
            tempo_bpm: SharedF32::default(),
            tempo_from: AtomicU32::new(0),
            confidence: SharedF32::default(),
            input_db: SharedF32(AtomicU32::new(SILENT_INPUT_DB.to_bits())),
            behind_s: SharedF32::default(),
            latent: Default::default(),
            recent: (0..RECENT_SAMPLES).map(|_| SharedF32::default()).collect(),
            recent_written: AtomicU64::new(0),
            last_error: Mutex::new(None),
        }
    }
}

impl Monitor {
    /// All counters at once. Real-time safe.
    pub fn counts(&self) -> Counts {
        self.counters.read()
    }

    /// Peak of left and right since the last call, linear; resets both. Real-time safe.
    pub fn take_peaks(&self) -> (f32, f32) {
        let take = |peak: &SharedF32| f32::from_bits(peak.0.swap(0, Relaxed));
        (take(&self.peak[0]), take(&self.peak[1]))
    }

    /// Voices that sounded in the last block. Real-time safe.
    pub fn voices(&self) -> u32 {
        self.voices.load(Relaxed)
    }

    /// From an event to its sound, in host samples, whatever the host was told. Real-time safe.
    pub fn latency_samples(&self) -> u32 {
        self.latency_samples.load(Relaxed)
    }

    /// Host rate in hertz, 0 before the first activation. Real-time safe.
    pub fn host_rate_hz(&self) -> u32 {
        self.host_rate_hz.load(Relaxed)
    }

    /// Whether the last block was rendered in waiting mode. Real-time safe.
    pub fn is_waiting_render(&self) -> bool {
        self.waiting_render.load(Relaxed) != 0
    }

    /// Where continuation stood at the end of the last block. Real-time safe.
    pub fn musical_time(&self) -> MusicalTime {
        let tick = self.piece_tick.load(Relaxed);
        MusicalTime {
            piece_tick: (tick != NO_PIECE).then_some(tick),
            bar_ticks: self.bar_ticks.load(Relaxed),
            bar_tick: self.bar_tick.get(),
            tempo_bpm: self.tempo_bpm.get(),
            tempo_from: TempoFrom::ALL
                .get(self.tempo_from.load(Relaxed) as usize)
                .copied()
                .unwrap_or_default(),
            confidence: self.confidence.get(),
        }
    }

    pub(crate) fn set_musical_time(&self, time: &MusicalTime) {
        self.piece_tick
            .store(time.piece_tick.unwrap_or(NO_PIECE), Relaxed);
        self.bar_ticks.store(time.bar_ticks, Relaxed);
        self.bar_tick.set(time.bar_tick);
        self.tempo_bpm.set(time.tempo_bpm);
        self.tempo_from.store(time.tempo_from as u32, Relaxed);
        self.confidence.set(time.confidence);
    }

    /// Level of the input in the last 5 ms, in decibels below full scale: what the gate sees.
    /// Real-time safe.
    pub fn input_db(&self) -> f32 {
        self.input_db.get()
    }

    pub(crate) fn set_input_db(&self, level_db: f32) {
        self.input_db.set(level_db);
    }

    /// Seconds of input that the continuer has not heard yet. Real-time safe.
    pub fn behind_s(&self) -> f32 {
        self.behind_s.get()
    }

    pub(crate) fn set_behind(&self, seconds: f32) {
        self.behind_s.set(seconds);
    }

    /// Share of real time that the worker spends decoding for this instance, smoothed; 1 is its
    /// limit, 0 is said while nothing sounds. Real-time safe.
    pub fn worker_load(&self) -> f32 {
        if self.voices() == 0 {
            0.0
        } else {
            self.smoothed_load()
        }
    }

    /// The smoothed load, kept through silence.
    pub(crate) fn smoothed_load(&self) -> f32 {
        self.worker_load.get()
    }

    /// The latent of the newest frame that sounds: knobs, wheel, pressure and drift together.
    /// Real-time safe.
    pub fn latent(&self) -> [f32; MAX_LATENT] {
        std::array::from_fn(|axis| self.latent[axis].get())
    }

    /// Copies the newest mono output samples, oldest first, and returns how many samples were
    /// written since the engine was made. Real-time safe; takes no lock.
    ///
    /// `out`: host rate; at most the newest 65 536 samples hold sound, and those that the audio
    /// thread overwrites meanwhile may be newer than their place says.
    pub fn recent_output(&self, out: &mut [f32]) -> u64 {
        let written = self
            .recent_written
            .load(std::sync::atomic::Ordering::Acquire);
        let length = out.len() as u64;
        for (place, sample) in out.iter_mut().enumerate() {
            let back = length - place as u64;
            let known = back <= written && back <= RECENT_SAMPLES as u64;
            *sample = if known {
                self.recent[(written - back) as usize % RECENT_SAMPLES].get()
            } else {
                0.0
            };
        }
        written
    }

    /// The sentence of the last decoder call that failed. Locks: not for the audio thread.
    pub fn last_error(&self) -> Option<DecodeError> {
        self.last_error.lock().clone()
    }

    pub(crate) fn set_last_error(&self, error: Option<DecodeError>) {
        *self.last_error.lock() = error;
    }

    pub(crate) fn set_worker_load(&self, load: f32) {
        self.worker_load.set(load);
    }

    pub(crate) fn set_host(&self, rate_hz: u32, latency_samples: u32) {
        self.host_rate_hz.store(rate_hz, Relaxed);
        self.latency_samples.store(latency_samples, Relaxed);
    }

    pub(crate) fn set_block(&self, voices: u32, waiting: bool) {
        self.voices.store(voices, Relaxed);
        self.waiting_render.store(u32::from(waiting), Relaxed);
    }

    pub(crate) fn set_conditions(&self, conditions: &Conditions) {
        for (shared, value) in self.latent.iter().zip(conditions.latent) {
            shared.set(value);
        }
    }

    /// Publishes finished output. Real-time safe.
    pub(crate) fn publish_output(&self, left: &[f32], right: &[f32]) {
        let mut written = self.recent_written.load(Relaxed);
        let (mut peak_left, mut peak_right) = (0.0_f32, 0.0_f32);
        for (l, r) in left.iter().zip(right) {
            peak_left = peak_left.max(l.abs());
            peak_right = peak_right.max(r.abs());
            self.recent[written as usize % RECENT_SAMPLES].set(0.5 * (l + r));
            written += 1;
        }
        self.recent_written
            .store(written, std::sync::atomic::Ordering::Release);
        // Positive floats order like their bits.
        self.peak[0].0.fetch_max(peak_left.to_bits(), Relaxed);
        self.peak[1].0.fetch_max(peak_right.to_bits(), Relaxed);
    }
}
