//! Both plugins, as the framework sees them: from activation to the callback.
//!
//! `process` runs on the audio thread and does nothing but translate events and call the engine. What
//! tells the plugins apart is their [`Role`].

use std::marker::PhantomData;
use std::sync::Arc;

use afterimage_engine::{Engine, HostConfig, LatencyMode, Processor, RenderMode, Service};
use nice_plug::midi::Key;
use nice_plug::prelude::{
    ActivateContext, AsyncExecutor, AudioIOLayout, AuxiliaryBuffers, Buffer, BufferConfig,
    ClapFeature, ClapPlugin, MidiConfig, NoteEvent, Params, Plugin, ProcessContext, ProcessMode,
    ProcessStatus, Vst3Plugin, Vst3SubCategory,
};

use crate::controls::{Controls, EVENT_CAPACITY};
use crate::editor;
use crate::editor::keyboard_link::{Hand, KeyboardLink};
use crate::heard::Heard;
use crate::host::{musical_time, note_for_host};
use crate::loader::{Loader, fresh_continuer};
use crate::midi_clock::MidiClock;
use crate::params::{LatencyChoice, RenderChoice};
use crate::report;
use crate::takes::audition::{AuditionLink, AuditionPlayer};
use crate::takes::keeper::Keeper;
use crate::takes::store::WholeTake;
use crate::takes::work::Sources;
use crate::view::{InstrumentView, Opens};

/// What tells one plugin of this binary from another.
pub trait Role: Send + 'static {
    /// Its name in hosts.
    const NAME: &'static str;
    /// One sentence for a CLAP host.
    const DESCRIPTION: &'static str;
    /// Never changes: sessions name the plugin by it.
    const CLAP_ID: &'static str;
    /// Never changes: sessions name the plugin by it.
    const VST3_ID: [u8; 16];
    /// What a CLAP host files it under.
    const CLAP_FEATURES: &'static [ClapFeature];
    /// What a VST3 host files it under.
    const VST3_CATEGORIES: &'static [Vst3SubCategory];
    /// Its audio ports, the usual ones first.
    const LAYOUTS: &'static [AudioIOLayout];
    /// How its window and its continuation open.
    const OPENS: Opens;
    /// Whether what comes in goes out again.
    const PASSES_INPUT: bool;
}

/// One instance of a plugin.
pub struct Shell<R> {
    view: InstrumentView,
    engine: Arc<Engine>,
    processor: Processor,
    controls: Controls,
    heard: Heard,
    loader: Loader,
    keeper: Keeper,
    audition: AuditionPlayer,
    keys: Arc<KeyboardLink>,
    host_is_offline: bool,
    /// Whether it was active while it was to transform: what transforms is loaded, or cannot be.
    asked_to_load: bool,
    role: PhantomData<R>,
}

impl<R: Role> Default for Shell<R> {
    fn default() -> Self {
        let view = InstrumentView::new(R::OPENS);
        let service = Service::global();
        service.set_on_thread_start(flush_denormals);
        let engine = Engine::new(service);
        view.model.set_engine(Arc::clone(&engine));
        view.composer.set_engine(Arc::clone(&engine));
        view.continuer.set_engine(Arc::clone(&engine));
        view.transformer.set_engine(Arc::clone(&engine));
        let link = Arc::new(AuditionLink::default());
        Self {
            processor: Processor::new(&engine),
            loader: Loader::new(&engine, &view),
            keeper: Keeper::new(&view.takes, &link, sources(&engine, &view)),
            audition: AuditionPlayer::new(link),
            controls: Controls::default(),
            heard: Heard::default(),
            engine,
            view,
            keys: Arc::default(),
            host_is_offline: false,
            asked_to_load: false,
            role: PhantomData,
        }
    }
}

impl<R> Shell<R> {
    /// Shows on the window's keyboard who plays what. Real-time safe.
    fn light(&self, hand: Hand, event: &NoteEvent<MidiClock>) {
        match event {
            NoteEvent::NoteOn {
                key: Key::Number(key),
                ..
            } => self.keys.note_on(hand, *key),
            NoteEvent::NoteOff {
                key: Key::Number(key),
                ..
            }
            | NoteEvent::Choke {
                key: Key::Number(key),
                ..
            } => {
                self.keys.note_off(hand, *key);
            }
            _ => {}
        }
    }

    /// What the session and the host say of time.
    fn host_config(&self, buffer: &BufferConfig) -> HostConfig {
        let params = &self.view.params;
        HostConfig {
            lead_ms: params.lead_ms.value(),
            latency_mode: match params.latency_mode.value() {
                LatencyChoice::Exact => LatencyMode::Exact,
                LatencyChoice::Instant => LatencyMode::Instant,
            },
            transforms: params.transform.transforms(),
            ..HostConfig::new(buffer.sample_rate.round() as u32, buffer.max_buffer_size)
        }
    }

    /// The latency that the host should be told instead of the one it was told at activation: transforming needs
    /// time, and gives it back; so does a pack that asks for a longer lead. The host then activates again. Real-time safe.
    fn wanted_latency(&self, passes_input: bool) -> Option<u32> {
        let told = self.processor.latency().reported_samples;
        let own = self.engine.wanted_latency_samples();
        let wanted = if !(passes_input && self.view.params.transform.transforms()) {
            own
        } else {
            match self.engine.transform_delay_samples() {
                Some(needed) => needed.max(own),
                // Nothing was loaded yet: any other latency brings the activation that loads it.
                None if !self.asked_to_load => own.max(told + 1),
                None => told,
            }
        };
        (wanted != told).then_some(wanted)
    }

    /// Collects what happens in a block. Real-time safe.
    fn collect<P: Plugin<SysExMessage = MidiClock>>(
        &mut self,
        samples: usize,
        context: &mut impl ProcessContext<P>,
    ) {
        let params = &*self.view.params;
        self.controls.begin(params, samples);
        while let Some(played) = self.keys.next_played() {
            self.controls.played(played);
        }
        let controls = &mut self.controls;
        self.audition
            .begin_block(samples, |event| controls.add(event));
        while let Some(event) = context.next_event() {
            self.light(Hand::You, &event);
            self.controls.note(&event);
            if self.view.params.midi_thru.value() {
                // A host without a MIDI output refuses; there is nobody to tell.
                let _ = context.try_send_event(event);
            }
        }
        let mode = match self.view.params.render_mode.value() {
            RenderChoice::Auto => RenderMode::Auto,
            RenderChoice::Live => RenderMode::Live,
            RenderChoice::Wait => RenderMode::Wait,
        };
        self.processor.set_render(mode, self.host_is_offline);
        self.processor
            .set_transport(&musical_time(context.transport()));
    }
}

/// Where the takes of an engine come from.
fn sources(engine: &Arc<Engine>, view: &InstrumentView) -> Sources {
    let (finished, monitor) = (Arc::clone(engine), Arc::clone(engine.monitor()));
    let chosen = view.continuer.clone();
    Sources {
        continuer: Box::new(move || fresh_continuer(&chosen.reference())),
        finished: Box::new(move || finished.take_finished().map(WholeTake::from)),
        host_rate: Box::new(move || monitor.host_rate_hz()),
    }
}

/// For the life of a background thread.
fn flush_denormals() {
    let _ = afterimage_neural::set_flush_denormals();
}

impl<R: Role> Plugin for Shell<R> {
    const NAME: &'static str = R::NAME;
    const VENDOR: &'static str = "Afterimage";
    const URL: &'static str = "";
    const EMAIL: &'static str = "";
    const VERSION: &'static str = env!("CARGO_PKG_VERSION");

    const AUDIO_IO_LAYOUTS: &'static [AudioIOLayout] = R::LAYOUTS;

    // Basic drops pitch bend and every controller.
    const MIDI_INPUT: MidiConfig = MidiConfig::MidiCCs;
    const MIDI_OUTPUT: MidiConfig = MidiConfig::Basic;
    const SAMPLE_ACCURATE_AUTOMATION: bool = true;
    const INPUT_EVENT_CAPACITY: usize = EVENT_CAPACITY;

    type Editor = nice_plug_egui::EguiEditor<editor::Window>;
    type SysExMessage = MidiClock;
    type BackgroundTask = ();

    fn params(&self) -> Arc<dyn Params> {
        self.view.params.clone()
    }

    fn editor(&mut self, _: AsyncExecutor<Self>) -> Option<Self::Editor> {
        editor::create(
            self.view.clone(),
            Arc::clone(self.engine.monitor()),
            Some(Arc::clone(&self.keys)),
        )
    }

    fn activate(
        &mut self,
        layout: &AudioIOLayout,
        buffer: &BufferConfig,
        context: &mut impl ActivateContext<Self>,
    ) -> bool {
        self.loader.start();
        self.asked_to_load = self.view.params.transform.transforms();
        self.keeper.start();
        self.controls.forget();
        self.heard.prepare(layout, buffer.max_buffer_size);
        match self.processor.activate(self.host_config(buffer)) {
            Ok(latency) => {
                context.set_latency_samples(latency.reported_samples);
                self.host_is_offline = buffer.process_mode == ProcessMode::Offline;
                true
            }
            Err(error) => {
                self.view.status.write().sentence = error.to_string();
                false
            }
        }
    }

    fn reset(&mut self) {
        self.keys.all_off();
        self.processor.reset();
        self.controls.forget();
    }

    fn process(
        &mut self,
        buffer: &mut Buffer,
        _: &mut AuxiliaryBuffers,
        context: &mut impl ProcessContext<Self>,
    ) -> ProcessStatus {
        if let Some(latency) = self.wanted_latency(R::PASSES_INPUT) {
            context.set_latency_samples(latency);
        }
        self.collect(buffer.samples(), context);
        let events = self.controls.events();
        let Self {
            heard,
            processor,
            audition,
            ..
        } = self;
        heard.render(buffer.as_slice(), |input, left, right| {
            match input {
                [] => processor.process(left, right, events),
                input if R::PASSES_INPUT => processor.process_heard(input, left, right, events),
                input => processor.process_beside(input, left, right, events),
            };
            audition.mix(left, right);
        });
        for composed in self.processor.composed() {
            if let Some(event) = note_for_host(composed) {
                self.light(Hand::It, &event);
                // A host without a MIDI output refuses; there is nobody to tell.
                let _ = context.try_send_event(event);
            }
        }
        ProcessStatus::KeepAlive
    }

    fn deactivate(&mut self) {
        self.processor.deactivate();
        let takes = self.keeper.settle();
        report::write(
            &self.view,
            self.engine.monitor(),
            (self.controls.dropped_events(), takes),
        );
    }
}

impl<R: Role> ClapPlugin for Shell<R> {
    const CLAP_ID: &'static str = R::CLAP_ID;
    const CLAP_DESCRIPTION: Option<&'static str> = Some(R::DESCRIPTION);
    const CLAP_MANUAL_URL: Option<&'static str> = None;
    const CLAP_SUPPORT_URL: Option<&'static str> = None;
    const CLAP_FEATURES: &'static [ClapFeature] = R::CLAP_FEATURES;
}

impl<R: Role> Vst3Plugin for Shell<R> {
    const VST3_CLASS_ID: [u8; 16] = R::VST3_ID;
    const VST3_SUBCATEGORIES: &'static [Vst3SubCategory] = R::VST3_CATEGORIES;
}
