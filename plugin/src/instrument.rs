//! `Afterimage`, the instrument: notes and latent knobs in, stereo sound out.

use nice_plug::prelude::{AudioIOLayout, ClapFeature, PortNames, Vst3SubCategory, new_nonzero_u32};

use crate::shell::Role;
use crate::view::Opens;

/// The role of an instrument.
pub struct Instrument;

const STEREO_OUT: AudioIOLayout = AudioIOLayout {
    main_input_channels: None,
    main_output_channels: Some(new_nonzero_u32(2)),
    aux_input_ports: &[],
    aux_output_ports: &[],
    names: PortNames::const_default(),
};

impl Role for Instrument {
    const NAME: &'static str = "Afterimage";
    const DESCRIPTION: &'static str = "A neural instrument: play a model's latent space.";
    const CLAP_ID: &'static str = "org.afterimage.instrument";
    const VST3_ID: [u8; 16] = *b"AfterimageInstr1";
    const CLAP_FEATURES: &'static [ClapFeature] = &[
        ClapFeature::Instrument,
        ClapFeature::Synthesizer,
        ClapFeature::Stereo,
    ];
    const VST3_CATEGORIES: &'static [Vst3SubCategory] = &[
        Vst3SubCategory::Instrument,
        Vst3SubCategory::Synth,
        Vst3SubCategory::Stereo,
    ];
    // The second one listens, for hosts that choose. It is no auxiliary port: with one and no main input
    // the framework reads past the host's list of arrangements in VST3.
    const LAYOUTS: &'static [AudioIOLayout] = &[
        STEREO_OUT,
        AudioIOLayout {
            main_input_channels: Some(new_nonzero_u32(2)),
            names: PortNames {
                layout: Some("Listening"),
                main_input: Some("Listens To"),
                ..PortNames::const_default()
            },
            ..STEREO_OUT
        },
    ];
    const OPENS: Opens = Opens::ToPlay;
    const PASSES_INPUT: bool = false;
}
