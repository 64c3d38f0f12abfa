//! `Afterimage FX`, the audio effect: hears what comes in, and carries on from it.

use nice_plug::prelude::{AudioIOLayout, ClapFeature, PortNames, Vst3SubCategory, new_nonzero_u32};

use crate::shell::Role;
use crate::view::Opens;

/// The role of an effect.
pub struct Effect;

const fn through(channels: u32, name: &'static str) -> AudioIOLayout {
    AudioIOLayout {
        main_input_channels: Some(new_nonzero_u32(channels)),
        main_output_channels: Some(new_nonzero_u32(channels)),
        aux_input_ports: &[],
        aux_output_ports: &[],
        names: PortNames {
            layout: Some(name),
            ..PortNames::const_default()
        },
    }
}

impl Role for Effect {
    const NAME: &'static str = "Afterimage FX";
    const DESCRIPTION: &'static str = "Hears what you play, and carries on from it on the bar.";
    const CLAP_ID: &'static str = "org.afterimage.fx";
    const VST3_ID: [u8; 16] = *b"AfterimageEffct1";
    const CLAP_FEATURES: &'static [ClapFeature] = &[
        ClapFeature::AudioEffect,
        ClapFeature::Stereo,
        ClapFeature::Mono,
    ];
    const VST3_CATEGORIES: &'static [Vst3SubCategory] =
        &[Vst3SubCategory::Fx, Vst3SubCategory::Generator];
    const LAYOUTS: &'static [AudioIOLayout] = &[through(2, "Stereo"), through(1, "Mono")];
    const OPENS: Opens = Opens::ToContinue;
    const PASSES_INPUT: bool = true;
}
