//! The shell: the only crate that knows the plugin framework and egui.

pub mod locate;
pub mod params;
pub mod state;
pub mod view;
