//! The instrument, as the framework sees it: from activation to the callback.
//!
//! `process` runs on the audio thread and does nothing but translate events and call the engine.

use std::num::NonZeroU32;
use std::sync::Arc;

use afterimage_engine::continuation::Transport;
use afterimage_engine::{
    Engine, Event, HostConfig, LatencyMode, NoteMatch, Processor, RenderMode, Service, TimedEvent,
};
use nice_plug::midi::{Channel, Key, VoiceID};
use nice_plug::prelude::{
    ActivateContext, AsyncExecutor, AudioIOLayout, AuxiliaryBuffers, Buffer, BufferConfig,
    ClapFeature, ClapPlugin, MidiConfig, NoteEvent, Params, Plugin, PortNames, ProcessContext,
    ProcessMode, ProcessStatus, Transport as HostTransport, Vst3Plugin, Vst3SubCategory,
};

use crate::controls::{Controls, EVENT_CAPACITY};
use crate::editor;
use crate::editor::keyboard_link::KeyboardLink;
use crate::loader::Loader;
use crate::params::{LatencyChoice, RenderChoice};
use crate::report;
use crate::view::InstrumentView;

/// `Afterimage`, the instrument: notes and latent knobs in, stereo sound out.
pub struct Afterimage {
    view: InstrumentView,
    engine: Arc<Engine>,
    processor: Processor,
    controls: Controls,
    loader: Loader,
    keys: Arc<KeyboardLink>,
    host_is_offline: bool,
}

impl Default for Afterimage {
    fn default() -> Self {
        let view = InstrumentView::new();
        let service = Service::global();
        service.set_on_thread_start(flush_denormals);
        let engine = Engine::new(service);
        view.model.set_engine(Arc::clone(&engine));
        view.composer.set_engine(Arc::clone(&engine));
        Self {
            processor: Processor::new(&engine),
            loader: Loader::new(&engine, &view),
            controls: Controls::default(),
            engine,
            view,
            keys: Arc::default(),
            host_is_offline: false,
        }
    }
}

impl Afterimage {
    /// Shows on the window's keyboard what the host plays. Real-time safe.
    fn light(&self, event: &NoteEvent<()>) {
        match event {
            NoteEvent::NoteOn {
                key: Key::Number(key),
                ..
            } => self.keys.note_on(*key),
            NoteEvent::NoteOff {
                key: Key::Number(key),
                ..
            }
            | NoteEvent::Choke {
                key: Key::Number(key),
                ..
            } => {
                self.keys.note_off(*key);
            }
            _ => {}
        }
    }
}

/// What the host says of musical time. Real-time safe.
fn musical_time(transport: &HostTransport) -> Transport {
    let numerator = transport.time_sig_numerator.filter(|n| *n > 0);
    let denominator = transport.time_sig_denominator.filter(|n| *n > 0);
    Transport {
        playing: transport.playing,
        tempo_bpm: transport.tempo,
        position_quarters: transport.pos_beats(),
        bar_start_quarters: transport.bar_start_pos_beats(),
        bar_quarters: numerator
            .zip(denominator)
            .map(|(beats, unit)| 4.0 * f64::from(beats) / f64::from(unit)),
    }
}

/// A composed note as the framework has it. Real-time safe.
fn note_for_host(composed: &TimedEvent) -> Option<NoteEvent<()>> {
    let timing = composed.offset_samples;
    match composed.event {
        Event::NoteOn {
            key,
            channel,
            velocity,
            ..
        } => Some(NoteEvent::NoteOn {
            timing,
            voice_id: VoiceID::Wildcard,
            channel: Channel::Number(channel),
            key: Key::Number(key),
            velocity,
        }),
        Event::NoteOff(NoteMatch {
            key: Some(key),
            channel: Some(channel),
            ..
        }) => Some(NoteEvent::NoteOff {
            timing,
            voice_id: VoiceID::Wildcard,
            channel: Channel::Number(channel),
            key: Key::Number(key),
            velocity: 0.0,
        }),
        _ => None,
    }
}

/// For the life of a background thread.
fn flush_denormals() {
    let _ = afterimage_neural::set_flush_denormals();
}

impl Plugin for Afterimage {
    const NAME: &'static str = "Afterimage";
    const VENDOR: &'static str = "Afterimage";
    const URL: &'static str = "";
    const EMAIL: &'static str = "";
    const VERSION: &'static str = env!("CARGO_PKG_VERSION");

    const AUDIO_IO_LAYOUTS: &'static [AudioIOLayout] = &[AudioIOLayout {
        main_input_channels: None,
        main_output_channels: NonZeroU32::new(2),
        aux_input_ports: &[],
        aux_output_ports: &[],
        names: PortNames::const_default(),
    }];

    // Basic drops pitch bend and every controller.
    const MIDI_INPUT: MidiConfig = MidiConfig::MidiCCs;
    const MIDI_OUTPUT: MidiConfig = MidiConfig::Basic;
    const SAMPLE_ACCURATE_AUTOMATION: bool = true;
    const INPUT_EVENT_CAPACITY: usize = EVENT_CAPACITY;

    type Editor = nice_plug_egui::EguiEditor<editor::Window>;
    type SysExMessage = ();
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
        _: &AudioIOLayout,
        buffer: &BufferConfig,
        context: &mut impl ActivateContext<Self>,
    ) -> bool {
        let config = HostConfig {
            lead_ms: self.view.params.lead_ms.value(),
            latency_mode: match self.view.params.latency_mode.value() {
                LatencyChoice::Exact => LatencyMode::Exact,
                LatencyChoice::Instant => LatencyMode::Instant,
            },
            ..HostConfig::new(buffer.sample_rate.round() as u32, buffer.max_buffer_size)
        };
        self.loader.start();
        self.controls.forget();
        match self.processor.activate(config) {
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
        let params = Arc::clone(&self.view.params);
        self.controls.begin(&params, buffer.samples());
        while let Some(played) = self.keys.next_played() {
            self.controls.played(played);
        }
        while let Some(event) = context.next_event() {
            self.light(&event);
            self.controls.note(&event);
            if params.midi_thru.value() {
                // A host without a MIDI output refuses; there is nobody to tell.
                let _ = context.try_send_event(event);
            }
        }
        let mode = match params.render_mode.value() {
            RenderChoice::Auto => RenderMode::Auto,
            RenderChoice::Live => RenderMode::Live,
            RenderChoice::Wait => RenderMode::Wait,
        };
        self.processor.set_render(mode, self.host_is_offline);
        self.processor
            .set_transport(&musical_time(context.transport()));
        if let [left, right] = buffer.as_slice() {
            self.processor.process(left, right, self.controls.events());
        }
        for composed in self.processor.composed() {
            if let Some(event) = note_for_host(composed) {
                self.light(&event);
                // A host without a MIDI output refuses; there is nobody to tell.
                let _ = context.try_send_event(event);
            }
        }
        ProcessStatus::KeepAlive
    }

    fn deactivate(&mut self) {
        self.processor.deactivate();
        report::write(
            &self.view,
            self.engine.monitor(),
            self.controls.dropped_events(),
        );
    }
}

impl ClapPlugin for Afterimage {
    const CLAP_ID: &'static str = "org.afterimage.instrument";
    const CLAP_DESCRIPTION: Option<&'static str> =
        Some("A neural instrument: play a model's latent space.");
    const CLAP_MANUAL_URL: Option<&'static str> = None;
    const CLAP_SUPPORT_URL: Option<&'static str> = None;
    const CLAP_FEATURES: &'static [ClapFeature] = &[
        ClapFeature::Instrument,
        ClapFeature::Synthesizer,
        ClapFeature::Stereo,
    ];
}

impl Vst3Plugin for Afterimage {
    const VST3_CLASS_ID: [u8; 16] = *b"AfterimageInstr1";
    const VST3_SUBCATEGORIES: &'static [Vst3SubCategory] = &[
        Vst3SubCategory::Instrument,
        Vst3SubCategory::Synth,
        Vst3SubCategory::Stereo,
    ];
}
