//! Everything whose size depends on the pack and the host: voices, rings, resampler.
//!
//! Built off the audio thread, run on it, freed off it again. A program has its own timeline of
//! model samples, which begins at the host sample of its first block.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use afterimage_spectral::{PhaseMethod, Resampler, VoiceTables};

use crate::attack::{AttackMaker, AttackPlan, Shelf, make_ends};
use crate::contract::MAX_LATENT;
use crate::controls::Controls;
use crate::desk::Desk;
use crate::engine::{HostConfig, HostSetup, Instrument, TrashLane};
use crate::envelope::cut_fade_samples;
use crate::error::EngineError;
use crate::latency::{
    Latency, LatencyInputs, LatencyMode, MAX_LEAD_MS, MINIMUM_LEAD_SAMPLES, latency,
};
use crate::link::{LinkSizes, make_link};
use crate::monitor::Monitor;
use crate::playback::Playback;
use crate::request::{RequestHead, SLOTS, SOUNDING_VOICES, Tally};
use crate::service::{Finisher, Shift, WorkerLink};
use crate::spec::{GivenPhases, InstrumentSpec};
use crate::timeline::RateMap;
use crate::voice::{Faults, Voice, VoiceShape};

/// Longest block that can be announced: 1.4 s at 48 kHz. Longer ones are processed in pieces.
pub(crate) const MAX_BLOCK_SAMPLES: u32 = 65_536;
/// Hops that fit: shorter ones would ask for more than a thousand frames a second and voice.
const HOP_RANGE: std::ops::RangeInclusive<usize> = 32..=8192;
/// Host samples between two looks at the rings; also the grain in which phase work is spread.
pub(crate) const SLICE_SAMPLES: usize = 32;

/// A playable pack at the host's settings.
pub(crate) struct Program {
    pub(crate) load_number: u64,
    pub(crate) instrument: Arc<Instrument>,
    map: RateMap,
    lead_host: u64,
    lead_model: u64,
    /// In Instant mode what sounds is as far ahead of the host as the resampler holds it back.
    ahead_model: u64,
    head: RequestHead,
    playback: Playback,
    resampler: Resampler,
}

/// Latency at the host's settings for packs of a model rate, with that lead.
///
/// # Errors
/// When a rate or the block cannot be played.
pub(crate) fn latency_for(
    config: &HostConfig,
    model_rate_hz: u32,
    lead_ms: f32,
) -> Result<Latency, EngineError> {
    if !(8_000..=192_000).contains(&config.sample_rate_hz) {
        let given = config.sample_rate_hz;
        return Err(EngineError::Host {
            field: "the sample rate in Hz",
            given,
            expected: "8000 to 192000",
        });
    }
    if !(1..=MAX_BLOCK_SAMPLES).contains(&config.max_block_samples) {
        let given = config.max_block_samples;
        return Err(EngineError::Host {
            field: "the longest block",
            given,
            expected: "1 to 65536 samples",
        });
    }
    let resampler = resampler(config.sample_rate_hz, model_rate_hz, "(none)")?;
    Ok(latency(&LatencyInputs {
        host_rate_hz: config.sample_rate_hz,
        lead_ms,
        max_block_samples: config.max_block_samples,
        resampler_delay_samples: resampler.delay_host_frames() as u32,
        mode: config.latency_mode,
    }))
}

/// Checks what a description must state.
///
/// # Errors
/// Names the field.
pub(crate) fn check(spec: &InstrumentSpec) -> Result<(), EngineError> {
    let refuse = |field, given: String, expected| {
        Err(EngineError::Pack {
            pack: spec.name.clone(),
            field,
            given,
            expected,
        })
    };
    if !(8_000..=192_000).contains(&spec.sample_rate_hz) {
        return refuse(
            "sample_rate",
            spec.sample_rate_hz.to_string(),
            "8000 to 192000 Hz",
        );
    }
    if !HOP_RANGE.contains(&spec.stft.hop()) {
        return refuse("hop", spec.stft.hop().to_string(), "32 to 8192 samples");
    }
    let takes_phases = matches!(spec.phase, PhaseMethod::Rtpghi | PhaseMethod::Spsi);
    if spec.given_phases != GivenPhases::No && !takes_phases {
        return refuse(
            "phase method beside given phases",
            format!("{:?}", spec.phase),
            "one without a look-ahead or a pitch",
        );
    }
    if !(0.0..=MAX_LEAD_MS).contains(&spec.lead_ms) {
        return refuse("lead", spec.lead_ms.to_string(), "0 to 1000 ms");
    }
    if !(spec.gain_linear.is_finite() && spec.gain_linear >= 0.0) {
        return refuse(
            "gain",
            spec.gain_linear.to_string(),
            "a finite number that is not negative",
        );
    }
    if spec.latent_size == 0 {
        return refuse("latent size", "0".to_owned(), "at least one axis");
    }
    let path_is_finite = spec
        .mod_wheel_path
        .iter()
        .chain(&spec.presets)
        .flatten()
        .all(|value| value.is_finite());
    let default_is_finite = spec
        .default_latent
        .iter()
        .take(MAX_LATENT)
        .all(|value| value.is_finite());
    if !(path_is_finite && default_is_finite) {
        return refuse(
            "latent positions",
            "a value that is not finite".to_owned(),
            "finite numbers",
        );
    }
    Ok(())
}

fn resampler(host_rate_hz: u32, model_rate_hz: u32, pack: &str) -> Result<Resampler, EngineError> {
    Resampler::new(f64::from(model_rate_hz), f64::from(host_rate_hz), 2).map_err(|reason| {
        EngineError::Resample {
            pack: pack.to_owned(),
            reason,
        }
    })
}

/// Frames and requests that can be in flight at once.
fn link_sizes(spec: &InstrumentSpec, shape: &VoiceShape, in_flight: u64) -> LinkSizes {
    let first_frames = shape.frames_ahead as usize + 1;
    let hops = in_flight.div_ceil(shape.hop as u64) as usize + 1;
    let fade = cut_fade_samples(spec.sample_rate_hz);
    // What sounds asks all the time; a voice that fades, for the hops of its fade.
    let fading_hops = (fade as usize).div_ceil(shape.hop) + 1;
    let steady = SOUNDING_VOICES * (hops + fading_hops);
    // A slot starts a note at most once in the fade of a cut one; half the slots fade meanwhile.
    let starts = SOUNDING_VOICES * (in_flight / u64::from(fade) + 2) as usize;
    LinkSizes {
        bins: spec.stft.bins(),
        gives_phases: spec.given_phases != GivenPhases::No,
        requests: steady + starts * first_frames,
        // Fewer than a flood of notes could ask for: then the worker waits for what is recycled.
        frames: steady + SLOTS * 2 * first_frames,
    }
}

impl Program {
    /// Builds a program and the worker's end of its link. Allocates.
    ///
    /// # Errors
    /// When the pack's rate cannot be brought to the host's.
    pub(crate) fn build(
        setup: &HostSetup,
        instrument: &Arc<Instrument>,
        monitor: &Arc<Monitor>,
        trash: &Arc<TrashLane>,
    ) -> Result<(Box<Self>, WorkerLink), EngineError> {
        let spec = &instrument.spec;
        let host_rate_hz = setup.config.sample_rate_hz;
        let resampler = resampler(host_rate_hz, spec.sample_rate_hz, &spec.name)?;
        let map = RateMap {
            host_rate_hz,
            model_rate_hz: spec.sample_rate_hz,
            origin_host: 0,
        };
        // The host was told a latency: another pack's resampler takes its delay out of the lead.
        let lead_host = u64::from(setup.latency.total_samples)
            .saturating_sub(resampler.delay_host_frames() as u64)
            .max(u64::from(MINIMUM_LEAD_SAMPLES));
        let lead_model = map.duration_to_model(lead_host);
        let piece = map.duration_to_model(u64::from(setup.config.max_block_samples));
        let in_flight = lead_model + piece;
        let mut shape = VoiceShape::new(spec, in_flight, cut_fade_samples(spec.sample_rate_hz));
        let exact = setup.config.latency_mode == LatencyMode::Exact;
        shape.drops_cut_frames = exact && lead_model >= shape.hop as u64;
        let (link, ends) = make_link(link_sizes(spec, &shape, in_flight));
        let tables = VoiceTables::new(&spec.stft);
        let ahead_model = map.duration_to_model(resampler.delay_host_frames() as u64);
        let (shelf, attacks) = if setup.config.latency_mode == LatencyMode::Instant {
            let covered = lead_model + ahead_model;
            let plan = AttackPlan::new(spec, shape.frames_ahead, covered, host_rate_hz);
            let (shelf_ends, maker_ends) = make_ends(&plan);
            let rows = instrument.decoder.max_rows();
            let maker = AttackMaker::new(&plan, spec, &tables, maker_ends, rows)?;
            (Some(Shelf::new(plan, shelf_ends)), Some(maker))
        } else {
            (None, None)
        };
        let worker_link = WorkerLink {
            name: spec.name.clone(),
            sample_rate_hz: spec.sample_rate_hz,
            hop: shape.hop,
            decoder: instrument.decoder.clone(),
            shift: Shift::of(spec),
            ends,
            attacks,
            monitor: Arc::clone(monitor),
            trash: Arc::clone(trash),
            requests: Vec::new(),
            rows: Vec::new(),
            finisher: Finisher::new(spec),
        };
        let voices = (0..SLOTS)
            .map(|_| Voice::new(&shape, spec, &tables))
            .collect();
        let program = Box::new(Self {
            load_number: 0,
            instrument: Arc::clone(instrument),
            map,
            lead_host,
            lead_model,
            ahead_model,
            head: RequestHead::new(),
            playback: Playback::new(link, voices, shape, spec.gain_linear, shelf),
            resampler,
        });
        Ok((program, worker_link))
    }

    /// Begins the program's timeline at a host sample, in an epoch. Real-time safe.
    pub(crate) fn begin(&mut self, origin_host: u64, epoch: u32) {
        self.map.origin_host = origin_host;
        self.head = RequestHead::new();
        self.playback.begin(epoch);
        self.resampler.reset();
        if self.is_instant() {
            self.run_ahead();
        }
    }

    fn is_instant(&self) -> bool {
        self.playback.shelf.is_some()
    }

    /// Lets the resampler's delay pass in silence, so that the sound after it is on time.
    fn run_ahead(&mut self) {
        let (mut left, mut right) = ([0.0; SLICE_SAMPLES], [0.0; SLICE_SAMPLES]);
        let mut remaining = self.resampler.delay_host_frames();
        let playback = &mut self.playback;
        while remaining > 0 {
            let count = remaining.min(SLICE_SAMPLES);
            self.resampler
                .pull(&mut [&mut left[..count], &mut right[..count]], |channels| {
                    let samples = channels.first().map_or(0, |channel| channel.len());
                    channels.iter_mut().for_each(|channel| channel.fill(0.0));
                    playback.position += samples as u64;
                });
            remaining -= count;
        }
    }

    /// The description. Real-time safe.
    pub(crate) fn spec(&self) -> &InstrumentSpec {
        &self.instrument.spec
    }

    /// From an event to its sound, in host samples. Real-time safe.
    pub(crate) fn delay_host(&self) -> u64 {
        if self.is_instant() {
            return 0;
        }
        self.lead_host + self.resampler.delay_host_frames() as u64
    }

    /// Lets the request head act at a host sample, after all requests before it. Real-time safe.
    pub(crate) fn at(
        &mut self,
        host_sample: u64,
        controls: &Controls,
        tally: &mut Tally,
        act: impl FnOnce(&mut RequestHead, u64, &mut Desk<'_>),
    ) {
        let at = self.map.to_model(host_sample);
        let (epoch, frames_ahead) = (self.playback.epoch, self.playback.shape.frames_ahead);
        let drops_cut_frames = self.playback.shape.drops_cut_frames;
        let (voices, link, shelf) = self.playback.desk_parts();
        let spec = &self.instrument.spec;
        let mut desk = Desk {
            spec,
            controls,
            voices,
            link,
            shelf,
            ahead: self.ahead_model,
            at_host: host_sample,
            epoch,
            lead: self.lead_model,
            frames_ahead,
            drops_cut_frames,
            tally,
        };
        self.head.advance(at, &mut desk);
        act(&mut self.head, at, &mut desk);
    }

    /// The request head, to read. Real-time safe.
    pub(crate) fn head(&self) -> &RequestHead {
        &self.head
    }

    /// Overwrites up to a slice of output with the sound at `position_host`. Real-time safe, unless
    /// `before_render` waits.
    ///
    /// `left`, `right`: host rate, equal lengths of at most [`SLICE_SAMPLES`].
    pub(crate) fn render(
        &mut self,
        position_host: u64,
        left: &mut [f32],
        right: &mut [f32],
        faults: &mut Faults,
        mut before_render: impl FnMut(&mut Playback, u64),
    ) {
        let lead_host = if self.is_instant() { 0 } else { self.lead_host };
        let begins = self.map.origin_host + lead_host;
        let silent = (begins.saturating_sub(position_host).min(left.len() as u64)) as usize;
        left[..silent].fill(0.0);
        right[..silent].fill(0.0);
        let (left, right) = (&mut left[silent..], &mut right[silent..]);
        let playback = &mut self.playback;
        playback.take_deliveries(faults);
        playback.work_ahead(self.map.duration_to_model(SLICE_SAMPLES as u64), faults);
        if left.is_empty() {
            return;
        }
        self.resampler
            .pull(&mut [&mut *left, &mut *right], |channels| {
                if let [left, right] = channels {
                    playback.render(left, right, faults, &mut before_render);
                }
            });
        playback.mix_attacks(position_host + silent as u64, left, right);
    }

    /// Voices that sound at the playback head. Real-time safe.
    pub(crate) fn sounding(&self) -> u32 {
        self.playback.sounding()
    }

    /// Whether the worker has requests left that it did not take. Real-time safe.
    pub(crate) fn has_unanswered_requests(&self) -> bool {
        let requests = &self.playback.link().requests;
        let shelf = self.playback.shelf.as_ref();
        requests.slots() < requests.buffer().capacity()
            || shelf.is_some_and(Shelf::has_unanswered_requests)
    }

    /// Whether a note on this key can open at a host sample as it should. Real-time safe.
    pub(crate) fn is_ready_for(&mut self, key: u8, host_sample: u64) -> bool {
        let at = self.map.to_model(host_sample);
        self.playback.shelf.as_mut().is_none_or(|shelf| {
            shelf.take_arrivals();
            shelf.is_ready(key, at)
        })
    }

    /// Publishes how far the output has come, for the worker's order of jobs. Real-time safe.
    pub(crate) fn publish_position(&self, position_host: u64) {
        // The playback head stands still until the lead has passed for the first time; and no frame
        // may seem past due that the head has not reached.
        let reached = if self.is_instant() {
            self.playback.position.saturating_sub(self.ahead_model)
        } else {
            self.playback.position + self.lead_model
        };
        let position = self.map.to_model(position_host).min(reached);
        let shared = &self.playback.link().shared;
        shared.position_model.store(position, Ordering::Release);
    }

    /// Publishes what the window shows, and the position. Real-time safe.
    pub(crate) fn publish(&mut self, position_host: u64, monitor: &Monitor) {
        self.publish_position(position_host);
        let shelf = self.playback.shelf.as_mut();
        let made_ahead = shelf.and_then(Shelf::take_newest_conditions);
        if let Some(conditions) = self.playback.newest_conditions.take().or(made_ahead) {
            monitor.set_conditions(&conditions);
        }
    }
}
