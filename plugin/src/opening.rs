//! The packs that are linked into the binary: there is always a sound to play.
//!
//! Which ones is said in `bundler.toml`; the build script writes the table.

use std::sync::OnceLock;

use afterimage_engine::contract::MAX_LATENT;
use afterimage_neural::{Pack, PackError, is_event_model};

include!(concat!(env!("OUT_DIR"), "/embedded_packs.rs"));

/// A pack that is linked into the binary.
pub struct EmbeddedPack {
    /// Its folder in `models/`.
    pub name: &'static str,
    bytes: &'static [u8],
}

impl EmbeddedPack {
    /// Reads and checks the pack. Not for the audio thread.
    ///
    /// # Errors
    /// What [`Pack::from_bytes`] says; a test keeps that from happening.
    pub fn open(&self) -> Result<Pack, PackError> {
        Pack::from_bytes(self.name, self.bytes)
    }
}

/// Every embedded pack; the instrument opens with the first.
pub fn embedded() -> &'static [EmbeddedPack] {
    &EMBEDDED
}

/// The opening pack, read once a process. Not for the audio thread.
///
/// # Errors
/// What [`EmbeddedPack::open`] says.
pub fn pack() -> Result<Pack, PackError> {
    static PACK: OnceLock<Result<Pack, PackError>> = OnceLock::new();
    PACK.get_or_init(|| EMBEDDED[0].open()).clone()
}

/// The embedded pack that continues notes, if there is one. Not for the audio thread.
pub fn composer() -> Option<Pack> {
    let packs = EMBEDDED.iter().filter_map(|pack| pack.open().ok());
    packs
        .into_iter()
        .find(|pack| is_event_model(pack.manifest()))
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
    use super::{embedded, latent, pack};

    #[test]
    fn the_opening_pack_is_sound_and_opens_on_its_default_preset() {
        let manifest_id = pack().map(|pack| pack.manifest().id.clone());
        assert_eq!(manifest_id.as_deref(), Ok("afterimage.keys-vae"));
        assert!(latent().iter().any(|knob| *knob != 0.0));
    }

    #[test]
    fn every_embedded_pack_is_sound() {
        for packed in embedded() {
            let opened = packed.open().map(|pack| pack.name().to_owned());
            assert_eq!(opened.as_deref(), Ok(packed.name));
        }
    }
}
