//! What the window may see: parameters, names, the load status and the engine's Monitor. Main thread.

use std::sync::Arc;

use afterimage_neural::manifest::{ConditionKind, LatentAxis, LatentPreset};
use afterimage_neural::{Manifest, has_encoder};
use parking_lot::RwLock;

use crate::params::{InstrumentParams, SessionFields, SharedNames};
use crate::shelf::SharedShelf;
use crate::state::ModelField;
use crate::takes::desk::TakesDesk;

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
    /// Where the pack wants its controls to stand when a person chooses it.
    pub opening: Opening,
    /// What each latent axis changes most, one short text an axis.
    pub axis_effects: Vec<String>,
    /// Whether it has an encoder, so that its knobs can be set to a sound.
    pub places_sounds: bool,
}

/// Where a pack opens.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Opening {
    /// Its default preset, in its knob units; the mean where it names none.
    pub latent: Vec<f32>,
    /// Its class conditions' default labels.
    pub classes: Vec<i32>,
    /// Its descriptors' defaults, as places in their ranges.
    pub descriptors: Vec<f32>,
}

impl Opening {
    fn of(manifest: &Manifest) -> Self {
        let mut opening = Self::default();
        let presets = manifest.latent.iter().flat_map(|latent| &latent.presets);
        let named = |preset: &&LatentPreset| preset.name == manifest.play.default_preset;
        if let Some(preset) = presets.into_iter().find(named) {
            opening.latent.clone_from(&preset.latent);
        }
        for condition in &manifest.conditions {
            match condition.kind {
                ConditionKind::Class { default, .. } => opening.classes.push(default as i32),
                ConditionKind::Continuous {
                    range: [low, high],
                    default,
                    ..
                } => {
                    let place = (default - low) / (high - low).max(f32::MIN_POSITIVE);
                    opening.descriptors.push(place.clamp(0.0, 1.0));
                }
            }
        }
        opening
    }
}

/// Shared between loader and window.
pub type SharedStatus = Arc<RwLock<LoadStatus>>;

/// What continues notes or sound, in words for a person.
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

/// What a plugin is for, which decides how its window and its continuation open.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Opens {
    /// Notes.
    #[default]
    ToPlay,
    /// Sound that comes in.
    ToContinue,
}

/// Everything the window draws from.
#[derive(Clone)]
pub struct InstrumentView {
    /// What the plugin is for.
    pub opens: Opens,
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
    /// What continues sound, or why nothing does.
    pub continuer_status: SharedComposerStatus,
    /// Its names for the parameters of continuation.
    pub continuer_names: SharedNames,
    /// Where the wish for another pack that continues sound is left.
    pub continuer: ModelField,
    /// What transforms the input, or why nothing does.
    pub transformer_status: SharedComposerStatus,
    /// Its names for the parameters of transforming.
    pub transformer_names: SharedNames,
    /// Where the wish for another pack that transforms is left.
    pub transformer: ModelField,
    /// Where takes are shown and wished for.
    pub takes: TakesDesk,
    /// Where the window leaves the wish for another pack, and for the shelf to be read.
    pub model: ModelField,
    /// The packs that can be chosen.
    pub shelf: SharedShelf,
}

impl InstrumentView {
    /// A view of a new instance, its knobs on the opening pack's default preset.
    pub fn new(opens: Opens) -> Self {
        let names = SharedNames::default();
        let composer_names = SharedNames::default();
        let fields = SessionFields::default();
        let SessionFields {
            model,
            composer,
            continuer,
            transformer,
            takes,
        } = fields.clone();
        let continuer_names = SharedNames::default();
        let transformer_names = SharedNames::default();
        // What hosts show: the window shows the names of what is continued now.
        let continued = match opens {
            Opens::ToPlay => &composer_names,
            Opens::ToContinue => &continuer_names,
        };
        let params = InstrumentParams::new(fields, &names, (continued, &transformer_names), opens);
        Self {
            opens,
            params: Arc::new(params),
            names,
            composer_names,
            composer_status: SharedComposerStatus::default(),
            composer,
            continuer_status: SharedComposerStatus::default(),
            continuer_names,
            continuer,
            transformer_status: SharedComposerStatus::default(),
            transformer_names,
            transformer,
            takes,
            status: SharedStatus::default(),
            model,
            shelf: SharedShelf::default(),
        }
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
            opening: Opening::of(manifest),
            places_sounds: has_encoder(manifest),
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

#[cfg(test)]
mod tests {
    use super::{Manifest, Opening};
    use crate::opening;

    #[test]
    fn a_pack_opens_on_its_default_preset_with_its_default_conditions() {
        let pack = opening::pack().expect("the opening pack is linked in");
        let mut value: serde_json::Value =
            serde_json::from_str(&pack.manifest().to_json()).expect("JSON");
        value["conditions"] = serde_json::json!([
            {"name": "Drum", "kind": "class", "labels": ["kick", "snare"], "default": "snare"},
            {"name": "Air", "kind": "continuous", "range": [-1.0, 3.0], "default": 0.0},
        ]);
        let manifest = Manifest::parse(value.to_string().as_bytes(), "test").expect("a manifest");
        let opens = Opening::of(&manifest);
        assert_eq!((opens.classes, opens.descriptors), (vec![1], vec![0.25]));
        assert_eq!(opens.latent[..], opening::latent()[..opens.latent.len()]);
    }
}
