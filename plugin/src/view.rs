//! What the window may see: parameters, names, the load status and the engine's Monitor. Main thread.

use std::sync::Arc;

use afterimage_neural::Manifest;
use afterimage_neural::manifest::LatentAxis;
use parking_lot::RwLock;

use crate::params::{InstrumentParams, SharedNames};
use crate::shelf::SharedShelf;
use crate::state::ModelField;

/// How the last load went, in words for a person.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LoadStatus {
    /// Name of the pack that sounds; empty before the first load.
    pub pack_name: String,
    /// Hash of that pack, as sessions save it.
    pub pack_hash: String,
    /// Short description from the manifest.
    pub description: String,
    /// SPDX licence of the pack.
    pub license: String,
    /// Backend that runs it ("ONNX Runtime 1.28.0" or "rten (embedded)").
    pub backend: String,
    /// Measured frames per second over the frames per second that one voice needs.
    pub real_time_factor: f32,
    /// A load is under way.
    pub loading: bool,
    /// One sentence when something needs the person's attention; empty when all is well.
    pub sentence: String,
    /// Presets of the pack: name and latent, in the pack's knob units.
    pub presets: Vec<(String, Vec<f32>)>,
    /// What each latent axis changes most, one short text an axis.
    pub axis_effects: Vec<String>,
}

/// Shared between loader and window.
pub type SharedStatus = Arc<RwLock<LoadStatus>>;

/// What continues notes, in words for a person.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ComposerStatus {
    /// Name of the pack; empty while there is none.
    pub pack_name: String,
    /// Its hash, as sessions save it.
    pub pack_hash: String,
    /// Which tasks it takes on, and what runs it.
    pub description: String,
    /// One sentence when something needs the person's attention; empty when all is well.
    pub sentence: String,
}

/// Shared between loader and window.
pub type SharedComposerStatus = Arc<RwLock<ComposerStatus>>;

/// Everything the window draws from.
#[derive(Clone)]
pub struct InstrumentView {
    /// Parameters; changed through the framework's setter only.
    pub params: Arc<InstrumentParams>,
    /// The pack's names for the parameters.
    pub names: SharedNames,
    /// How loading went.
    pub status: SharedStatus,
    /// The composing pack's names for the parameters of continuation.
    pub composer_names: SharedNames,
    /// What composes, or why nothing does.
    pub composer_status: SharedComposerStatus,
    /// Where the wish for another composing pack is left.
    pub composer: ModelField,
    /// Where the window leaves the wish for another pack, and for the shelf to be read.
    pub model: ModelField,
    /// The packs that can be chosen.
    pub shelf: SharedShelf,
}

impl InstrumentView {
    /// A view of a new instance, its knobs on the opening pack's default preset.
    pub fn new() -> Self {
        let names = SharedNames::default();
        let model = ModelField::default();
        let (composer, composer_names) = (ModelField::default(), SharedNames::default());
        let fields = (model.clone(), composer.clone());
        let params = InstrumentParams::new(fields, &names, &composer_names);
        Self {
            params: Arc::new(params),
            names,
            composer_names,
            composer_status: SharedComposerStatus::default(),
            composer,
            status: SharedStatus::default(),
            model,
            shelf: SharedShelf::default(),
        }
    }
}

impl Default for InstrumentView {
    fn default() -> Self {
        Self::new()
    }
}

impl LoadStatus {
    /// What the manifest says; nothing measured.
    pub fn of(manifest: &Manifest) -> Self {
        let latent = manifest.latent.as_ref();
        let effect = |axis: &LatentAxis| {
            format!("{} {:+.2} {}", axis.descriptor, axis.effect, axis.unit)
                .trim()
                .to_owned()
        };
        Self {
            pack_name: manifest.name.clone(),
            description: manifest.description.short.clone(),
            license: manifest.license.clone(),
            presets: latent
                .map(|latent| {
                    latent
                        .presets
                        .iter()
                        .map(|preset| (preset.name.clone(), preset.latent.clone()))
                        .collect()
                })
                .unwrap_or_default(),
            axis_effects: latent
                .map(|latent| latent.axes.iter().map(effect).collect())
                .unwrap_or_default(),
            ..Self::default()
        }
    }
}
