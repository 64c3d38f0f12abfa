//! A plugin that allocates in its callback when told to: proof that the allocation guard detects.
//!
//! Built in the same cargo call as the guarded instrument, so that both carry the same guard.

use std::hint::black_box;
use std::num::NonZeroU32;
use std::sync::Arc;

use nice_plug::prelude::{
    ActivateContext, AudioIOLayout, AuxiliaryBuffers, BoolParam, Buffer, BufferConfig, ClapFeature,
    ClapPlugin, MidiConfig, Params, Plugin, ProcessContext, ProcessStatus, nice_export_clap,
};

#[derive(Params)]
struct Choice {
    #[id = "allocate"]
    allocate: BoolParam,
}

struct Misbehaving {
    params: Arc<Choice>,
}

impl Default for Misbehaving {
    fn default() -> Self {
        let allocate = BoolParam::new("Allocate", false);
        Self {
            params: Arc::new(Choice { allocate }),
        }
    }
}

impl Plugin for Misbehaving {
    const NAME: &'static str = "Misbehaving";
    const VENDOR: &'static str = "Afterimage";
    const URL: &'static str = "";
    const EMAIL: &'static str = "";
    const VERSION: &'static str = env!("CARGO_PKG_VERSION");
    const AUDIO_IO_LAYOUTS: &'static [AudioIOLayout] = &[AudioIOLayout {
        main_output_channels: NonZeroU32::new(2),
        ..AudioIOLayout::const_default()
    }];
    const MIDI_INPUT: MidiConfig = MidiConfig::Basic;
    type Editor = ();
    type SysExMessage = ();
    type BackgroundTask = ();

    fn params(&self) -> Arc<dyn Params> {
        self.params.clone()
    }

    fn activate(
        &mut self,
        _: &AudioIOLayout,
        _: &BufferConfig,
        _: &mut impl ActivateContext<Self>,
    ) -> bool {
        true
    }

    fn process(
        &mut self,
        buffer: &mut Buffer,
        _: &mut AuxiliaryBuffers,
        _: &mut impl ProcessContext<Self>,
    ) -> ProcessStatus {
        for channel in buffer.as_slice() {
            channel.fill(0.0);
        }
        if self.params.allocate.value() {
            black_box(vec![0_u8; 4096]);
        }
        ProcessStatus::Normal
    }
}

impl ClapPlugin for Misbehaving {
    const CLAP_ID: &'static str = "org.afterimage.misbehaving";
    const CLAP_DESCRIPTION: Option<&'static str> = None;
    const CLAP_MANUAL_URL: Option<&'static str> = None;
    const CLAP_SUPPORT_URL: Option<&'static str> = None;
    const CLAP_FEATURES: &'static [ClapFeature] = &[ClapFeature::Instrument];
}

nice_export_clap!(Misbehaving);
