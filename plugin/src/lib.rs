//! The shell: the only crate that knows the plugin framework and egui.
#![cfg_attr(
    test,
    allow(
        clippy::unwrap_used,
        reason = "a test that cannot go on should say where"
    )
)]

mod continuation_params;
mod controls;
mod editor;
mod effect;
mod evolve_params;
mod heard;
mod host;
mod instrument;
mod loader;
mod locate;
mod midi_clock;
mod opening;
mod params;
mod play_params;
mod report;
mod shelf;
mod shell;
mod state;
mod takes;
mod tempo_params;
mod transform_params;
mod view;

use effect::Effect;
use instrument::Instrument;
use shell::Shell;

/// `Afterimage`, the instrument.
pub type Afterimage = Shell<Instrument>;
/// `Afterimage FX`, the audio effect.
pub type AfterimageFx = Shell<Effect>;

nice_plug::nice_export_clap!(Afterimage, AfterimageFx);
nice_plug::nice_export_vst3!(Afterimage, AfterimageFx);
