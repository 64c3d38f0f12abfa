//! The part of an engine that any thread may hold: loads instruments, shows the monitor.
//!
//! Programs are built here, off the audio thread, and handed to the Processor through a mailbox.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use crossbeam::atomic::AtomicCell;
use parking_lot::Mutex;
use rtrb::{Consumer, Producer};

use crate::continuation::{
    Composer, ComposerSlot, ComposingLink, ConductorEnds, Continuer, ContinuerSlot, SoundEnds,
    SoundLink, Take, TakeShelf, make_ends, make_sound_ends,
};
use crate::error::EngineError;
use crate::latency::{DEFAULT_LEAD_MS, Latency, LatencyMode};
use crate::monitor::Monitor;
use crate::program::{self, Program};
use crate::service::{DecoderHandle, Service};
use crate::spec::InstrumentSpec;
use crate::transform::{
    TransformEnds, TransformLink, TransformShared, Transformer, TransformerSlot, look_ahead,
    make_ends as make_transform_ends,
};

/// Programs that can lie in the trash lane until the worker empties it. The Processor keeps an
/// outgoing program until there is room, and takes no new one meanwhile.
const TRASH_PROGRAMS: usize = 8;
/// Model rate that latency is reported for while no pack is known: that of the shipped packs.
const ASSUMED_MODEL_RATE_HZ: u32 = 48_000;

/// Where the audio thread sends programs to be freed. Its own end is no part of this: it takes no
/// lock.
pub(crate) type TrashLane = Mutex<Consumer<Box<Program>>>;

fn trash_ring() -> (Producer<Box<Program>>, Consumer<Box<Program>>) {
    rtrb::RingBuffer::new(TRASH_PROGRAMS)
}

/// Frees what lies in a trash lane. Not for the audio thread.
pub(crate) fn empty(trash: &TrashLane) {
    while let Ok(program) = trash.lock().pop() {
        drop(program);
    }
}

/// What the host says at activation, and what the session saves about time.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct HostConfig {
    /// Host rate in hertz.
    pub sample_rate_hz: u32,
    /// Longest block that the host announces, in samples.
    pub max_block_samples: u32,
    /// Lead in milliseconds: time for the decoder, saved with the session.
    pub lead_ms: f32,
    /// What the host is told.
    pub latency_mode: LatencyMode,
    /// Model rate of the pack that is being loaded, if it is known before the pack is.
    pub expected_model_rate_hz: Option<u32>,
    /// Whether the input is to be transformed: then the output is held back until what became of it is there.
    pub transforms: bool,
}

impl HostConfig {
    /// A configuration with the default lead, in Exact mode.
    pub fn new(sample_rate_hz: u32, max_block_samples: u32) -> Self {
        Self {
            sample_rate_hz,
            max_block_samples,
            lead_ms: DEFAULT_LEAD_MS,
            latency_mode: LatencyMode::Exact,
            expected_model_rate_hz: None,
            transforms: false,
        }
    }
}

/// A pack, ready to be played.
#[derive(Clone, Debug)]
pub struct Instrument {
    /// Its description.
    pub spec: InstrumentSpec,
    /// Its decoder.
    pub decoder: DecoderHandle,
}

/// What programs are built for: fixed by activation until the next one.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct HostSetup {
    pub(crate) config: HostConfig,
    /// The session's, or the pack's if that is longer.
    pub(crate) lead_ms: f32,
    /// Without what transforming adds.
    pub(crate) latency: Latency,
    /// What it adds: host samples by which the rest of the output is held back.
    pub(crate) held_back: u32,
}

#[derive(Default)]
struct State {
    host: Option<HostSetup>,
    instrument: Option<Arc<Instrument>>,
    /// Counts loads, so that activation knows whether its program is the newest.
    loads: u64,
}

/// One instance's shared half: `Send + Sync`, held by `Arc`.
pub struct Engine {
    service: Arc<Service>,
    monitor: Arc<Monitor>,
    state: Mutex<State>,
    mailbox: AtomicCell<Option<Box<Program>>>,
    trash: Arc<TrashLane>,
    loading: AtomicU32,
    /// What the host should be told for the newest instrument, without what transforming adds.
    wanted_latency: AtomicU32,
    composer: Arc<ComposerSlot>,
    continuer: Arc<ContinuerSlot>,
    transformer: Arc<TransformerSlot>,
    transform_shared: Arc<TransformShared>,
    takes: Arc<TakeShelf>,
}

/// Says that a pack is being loaded: an offline render waits for it, within its bound.
pub struct LoadGuard {
    engine: Arc<Engine>,
}

impl Drop for LoadGuard {
    fn drop(&mut self) {
        self.engine.loading.fetch_sub(1, Ordering::Release);
    }
}

impl Engine {
    /// An engine served by `service`. Allocates.
    pub fn new(service: &Arc<Service>) -> Arc<Self> {
        Arc::new(Self {
            service: Arc::clone(service),
            monitor: Arc::default(),
            state: Mutex::default(),
            mailbox: AtomicCell::new(None),
            trash: Arc::new(Mutex::new(trash_ring().1)),
            loading: AtomicU32::new(0),
            wanted_latency: AtomicU32::new(0),
            composer: Arc::default(),
            continuer: Arc::default(),
            transformer: Arc::default(),
            transform_shared: Arc::default(),
            takes: Arc::default(),
        })
    }

    /// The window's view.
    pub fn monitor(&self) -> &Arc<Monitor> {
        &self.monitor
    }

    /// The service that decodes for this engine.
    pub fn service(&self) -> &Arc<Service> {
        &self.service
    }

    /// The description of the newest instrument that was loaded.
    pub fn instrument(&self) -> Option<Arc<Instrument>> {
        self.state.lock().instrument.clone()
    }

    /// Makes `composer` the one that continues notes, from the next piece on; `None` takes it away.
    /// A piece that sounds falls silent: the new one knows nothing of it.
    ///
    /// For a loader thread: waits for a step of the worker.
    pub fn set_composer(&self, composer: Option<Box<dyn Composer>>) {
        let before = self.composer.lock().take_turns(composer);
        drop(before); // outside the lock: closing a session takes a while
    }

    /// Makes `continuer` the one that continues sound, from the next piece on; `None` takes it away.
    /// A piece that sounds falls silent: the new one knows nothing of it. The new one hears again what
    /// was heard last.
    ///
    /// For a loader thread: waits for a step of the worker.
    pub fn set_continuer(&self, continuer: Option<Box<dyn Continuer>>) {
        let before = self.continuer.lock().take_turns(continuer);
        drop(before); // outside the lock, as above
    }

    /// Makes `transformer` the one that transforms the input; `None` takes it away. It takes over where the one
    /// before had come to. One that needs more time than was there at activation sounds later than the rest of
    /// the output, until the host activates again.
    ///
    /// For a loader thread: waits for a step of the worker.
    ///
    /// # Errors
    /// When its rate cannot be brought to the host's; the one before then goes on.
    pub fn set_transformer(
        &self,
        transformer: Option<Box<dyn Transformer>>,
    ) -> Result<(), EngineError> {
        let state = self.state.lock();
        let mut needed = 1; // somebody sits there: how much time it needs is counted at activation
        if let (Some(transformer), Some(setup)) = (&transformer, &state.host) {
            needed = transform_need(transformer.as_ref(), setup)?;
        }
        if transformer.is_none() {
            needed = 0;
        }
        let before = self.transformer.lock().take_turns(transformer);
        self.transform_shared
            .needed
            .store(needed, Ordering::Release);
        drop(state);
        drop(before); // outside the lock, as above
        Ok(())
    }

    /// Host samples from an input to what becomes of it, with the transformer that sits there at the host's
    /// settings; `None` without one, or before activation. Real-time safe.
    pub fn transform_delay_samples(&self) -> Option<u32> {
        let needed = self.transform_shared.needed.load(Ordering::Acquire);
        (needed > 1).then_some(needed)
    }

    /// The oldest take that is finished and was not fetched yet. 64 wait at most; the oldest gives way.
    ///
    /// Locks: not for the audio thread.
    pub fn take_finished(&self) -> Option<Take> {
        self.takes.fetch()
    }

    /// A conductor's ends, the others handed to the service. Allocates.
    pub(crate) fn connect_conductor(&self) -> ConductorEnds {
        let (ends, composing) = make_ends();
        let link = ComposingLink::new(
            composing,
            Arc::clone(&self.composer),
            Arc::clone(&self.takes),
            Arc::clone(&self.monitor),
        );
        self.service.attach_composing(link);
        ends
    }

    /// The audio thread's ends of sound, the others handed to the service. Allocates.
    pub(crate) fn connect_sound(&self) -> SoundEnds {
        let (ends, worker) = make_sound_ends();
        let link = SoundLink::new(
            worker,
            Arc::clone(&self.continuer),
            Arc::clone(&self.takes),
            Arc::clone(&self.monitor),
        );
        self.service.attach_sound(link);
        ends
    }

    /// The audio thread's ends of transforming, the others handed to the service. Allocates.
    pub(crate) fn connect_transforming(&self) -> TransformEnds {
        let (ends, worker) = make_transform_ends(&self.transform_shared);
        let link = TransformLink::new(
            worker,
            Arc::clone(&self.transformer),
            Arc::clone(&self.monitor),
        );
        self.service.attach_transforming(link);
        ends
    }

    /// What both halves of transforming read.
    pub(crate) fn transform_shared(&self) -> &Arc<TransformShared> {
        &self.transform_shared
    }

    /// Announces a load before it begins. Drop the guard after [`load`](Self::load), or when the
    /// load failed.
    pub fn announce_load(self: &Arc<Self>) -> LoadGuard {
        self.loading.fetch_add(1, Ordering::Release);
        LoadGuard {
            engine: Arc::clone(self),
        }
    }

    /// Whether a load was announced that has not ended. Real-time safe.
    pub(crate) fn is_loading(&self) -> bool {
        self.loading.load(Ordering::Acquire) > 0
    }

    /// Host samples of latency that the newest instrument should be reported with, without what transforming
    /// adds. It differs from what was reported at activation where that instrument asks for another lead: until the
    /// host activates again it makes do. Real-time safe.
    pub fn wanted_latency_samples(&self) -> u32 {
        self.wanted_latency.load(Ordering::Acquire)
    }

    /// Makes `instrument` the one that plays. Builds its program and posts it; the Processor takes
    /// it at its next block and the old sound fades under the new. Before activation it is kept.
    ///
    /// Allocates; for a loader thread.
    ///
    /// # Errors
    /// When the pack cannot be played at this host's settings. What played before plays on.
    pub fn load(&self, instrument: Instrument) -> Result<(), EngineError> {
        let instrument = Arc::new(instrument);
        program::check(&instrument.spec)?;
        let mut state = self.state.lock();
        let fresh = match &state.host {
            Some(setup) => {
                let wanted = wanted_latency(setup, &instrument.spec)?;
                let fresh = self.build(setup, &instrument)?;
                self.wanted_latency.store(wanted, Ordering::Release);
                Some(fresh)
            }
            None => None,
        };
        state.instrument = Some(instrument);
        state.loads += 1;
        self.monitor.set_last_error(None);
        if let Some(mut fresh) = fresh {
            fresh.load_number = state.loads;
            drop(self.mailbox.swap(Some(fresh))); // one that nobody took is freed here
        }
        Ok(())
    }

    /// Fixes the host's settings. Returns them with the latency, and a program if one is needed:
    /// when settings changed, or when `current_load` is not the newest.
    pub(crate) fn activate(
        &self,
        config: HostConfig,
        current_load: Option<u64>,
    ) -> Result<(HostSetup, Option<Box<Program>>), EngineError> {
        let mut state = self.state.lock();
        let instrument = state.instrument.clone();
        let model_rate_hz = instrument
            .as_ref()
            .map(|instrument| instrument.spec.sample_rate_hz)
            .or(config.expected_model_rate_hz)
            .unwrap_or(ASSUMED_MODEL_RATE_HZ);
        let lead_ms = instrument.as_ref().map_or(config.lead_ms, |instrument| {
            lead_ms(&config, &instrument.spec)
        });
        let latency = program::latency_for(&config, model_rate_hz, lead_ms)?;
        let mut setup = HostSetup {
            config,
            lead_ms,
            latency,
            held_back: 0,
        };
        if let Some(transformer) = &self.transformer.lock().model {
            let needed = transform_need(transformer.as_ref(), &setup)?;
            self.transform_shared
                .needed
                .store(needed, Ordering::Release);
            if config.transforms {
                setup.held_back = needed.saturating_sub(latency.reported_samples);
            }
        }
        let total = latency
            .total_samples
            .max(latency.reported_samples + setup.held_back);
        self.monitor.set_host(config.sample_rate_hz, total);
        let unchanged = state.host == Some(setup) && current_load == Some(state.loads);
        let fresh = match &instrument {
            Some(instrument) if !unchanged => {
                let mut fresh = self.build(&setup, instrument)?;
                fresh.load_number = state.loads;
                Some(fresh)
            }
            _ => None,
        };
        state.host = Some(setup);
        self.wanted_latency
            .store(latency.reported_samples, Ordering::Release);
        drop(self.mailbox.take()); // built for older settings, or the same as what we return
        Ok((setup, fresh))
    }

    /// Forgets the host: loads are kept until the next activation.
    pub(crate) fn deactivate(&self) {
        self.state.lock().host = None;
        drop(self.mailbox.take());
        self.empty_trash();
    }

    /// Frees what the audio thread threw away. Not for the audio thread.
    pub fn empty_trash(&self) {
        empty(&self.trash);
    }

    /// Takes the program that was posted last. Real-time safe: one atomic exchange.
    pub(crate) fn take_posted(&self) -> Option<Box<Program>> {
        self.mailbox.take()
    }

    /// The Processor's end of the trash lane. Allocates.
    pub(crate) fn connect_trash(&self) -> Producer<Box<Program>> {
        let (producer, consumer) = trash_ring();
        *self.trash.lock() = consumer;
        producer
    }

    fn build(
        &self,
        setup: &HostSetup,
        instrument: &Arc<Instrument>,
    ) -> Result<Box<Program>, EngineError> {
        let (program, link) = Program::build(setup, instrument, &self.monitor, &self.trash)?;
        self.service.attach(link);
        Ok(program)
    }
}

/// The session's lead, or the pack's if that is longer and the host can be told. In Instant mode it cannot, and the
/// lead, which is heard there, must not hang on whether the pack was loaded before the host activated.
fn lead_ms(config: &HostConfig, spec: &InstrumentSpec) -> f32 {
    match config.latency_mode {
        LatencyMode::Exact => config.lead_ms.max(spec.lead_ms),
        LatencyMode::Instant => config.lead_ms,
    }
}

/// What the host should be told for a pack, in samples. Another rate alone is no reason to ask for another
/// activation: the lead makes up for it.
fn wanted_latency(setup: &HostSetup, spec: &InstrumentSpec) -> Result<u32, EngineError> {
    let lead_ms = lead_ms(&setup.config, spec);
    let latency = match lead_ms == setup.lead_ms {
        true => setup.latency,
        false => program::latency_for(&setup.config, spec.sample_rate_hz, lead_ms)?,
    };
    Ok(latency.reported_samples)
}

/// Host samples from an input to what becomes of it: the way there and back, and the lead for the work.
fn transform_need(transformer: &dyn Transformer, setup: &HostSetup) -> Result<u32, EngineError> {
    let spec = transformer.spec();
    let ahead = look_ahead(spec, setup.config.sample_rate_hz);
    let ahead = ahead.map_err(|reason| EngineError::Resample {
        pack: spec.name.clone(),
        reason,
    })?;
    Ok(ahead + setup.latency.lead_samples)
}

#[cfg(test)]
mod tests {
    use super::{AtomicCell, Program};

    #[test]
    fn the_mailbox_takes_no_lock() {
        assert!(AtomicCell::<Option<Box<Program>>>::is_lock_free());
        // Negative control: what is larger than a pointer is guarded by a lock.
        assert!(!AtomicCell::<[u64; 4]>::is_lock_free());
    }
}
