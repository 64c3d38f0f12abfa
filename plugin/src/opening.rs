//! The pack the instrument opens with, linked into the binary: there is always a sound to play.

use std::sync::OnceLock;

use afterimage_engine::contract::MAX_LATENT;
use afterimage_neural::{Pack, PackError};

const NAME: &str = "keys-vae";
const GRAPH: &[u8] = include_bytes!("../../models/keys-vae/keys-vae.onnx");

/// The opening pack, read once a process. Not for the audio thread.
///
/// # Errors
/// What [`Pack::from_bytes`] says; a test keeps that from happening.
pub fn pack() -> Result<Pack, PackError> {
    static PACK: OnceLock<Result<Pack, PackError>> = OnceLock::new();
    PACK.get_or_init(|| Pack::from_bytes(NAME, GRAPH)).clone()
}

/// Where the latent knobs of a new instance stand: on the opening pack's default preset.
pub fn latent() -> [f32; MAX_LATENT] {
    let mut knobs = [0.0; MAX_LATENT];
    let Ok(pack) = pack() else { return knobs };
    let manifest = pack.manifest();
    let presets = manifest.latent.iter().flat_map(|latent| &latent.presets);
    if let Some(preset) = presets
        .into_iter()
        .find(|preset| preset.name == manifest.play.default_preset)
    {
        for (knob, value) in knobs.iter_mut().zip(&preset.latent) {
            *knob = *value;
        }
    }
    knobs
}

#[cfg(test)]
mod tests {
    use super::{latent, pack};

    #[test]
    fn the_opening_pack_is_sound_and_opens_on_its_default_preset() {
        let manifest_id = pack().map(|pack| pack.manifest().id.clone());
        assert_eq!(manifest_id.as_deref(), Ok("afterimage.keys-vae"));
        assert!(latent().iter().any(|knob| *knob != 0.0));
    }
}
