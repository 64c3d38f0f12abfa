//! The shell: the only crate that knows the plugin framework and egui.
