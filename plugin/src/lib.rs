//! The shell: the only crate that knows the plugin framework and egui.

mod continuation_params;
mod controls;
mod editor;
mod instrument;
mod loader;
mod locate;
mod opening;
mod params;
mod play_params;
mod report;
mod shelf;
mod state;
mod view;

pub use instrument::Afterimage;

nice_plug::nice_export_clap!(Afterimage);
nice_plug::nice_export_vst3!(Afterimage);
