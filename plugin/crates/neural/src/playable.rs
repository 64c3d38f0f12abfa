//! From a manifest to the engine's description of an instrument.

use afterimage_engine::InstrumentSpec;
use afterimage_engine::contract::MAX_LATENT;
use afterimage_spectral::{PhaseMethod, StftSpec};

use crate::error::PackError;
use crate::manifest::{Phase, Representation, Window};
use crate::pack::Pack;

impl Pack {
    /// What the engine must know about the pack. Allocates; needs no runtime.
    ///
    /// # Errors
    /// When the pack's frames are of a kind that this version does not turn into sound.
    pub fn instrument_spec(&self) -> Result<InstrumentSpec, PackError> {
        let manifest = self.manifest();
        let representation = &manifest.representation;
        let (stft, phase) = inverse(self.name(), representation)?;
        let play = &manifest.play;
        let presets = || manifest.latent.iter().flat_map(|latent| &latent.presets);
        let opening = presets().find(|preset| preset.name == play.default_preset);
        let path = play.mod_wheel_path.iter().map(|place| knobs(place));
        Ok(InstrumentSpec {
            id: manifest.id.clone(),
            hash: self.hash().to_owned(),
            latent_size: manifest.latent.as_ref().map_or(0, |latent| latent.size),
            default_latent: opening.map_or([0.0; MAX_LATENT], |preset| knobs(&preset.latent)),
            pitch_range: (f32::from(play.range[0]), f32::from(play.range[1])),
            mod_wheel_path: path.collect(),
            presets: presets().map(|preset| knobs(&preset.latent)).collect(),
            gain_linear: 10.0_f32.powf(play.gain_db / 20.0),
            release_s: play.release_s,
            ..InstrumentSpec::new(&manifest.name, representation.sample_rate, stft, phase)
        })
    }
}

/// The spectral inverse that a representation asks for.
pub(crate) fn inverse(
    pack: &str,
    representation: &Representation,
) -> Result<(StftSpec, PhaseMethod), PackError> {
    let Representation { n_fft, hop, .. } = *representation;
    let sizes = StftSpec::new(n_fft, hop).map_err(|_| PackError::Unsupported {
        pack: pack.to_owned(),
        what: "'representation.hop'".into(),
        expected:
            "n_fft divided by an even whole number of at least 4, with n_fft from 64 to 32768"
                .into(),
        found: format!("{hop} with an n_fft of {n_fft}"),
        advice: "export with n_fft / hop = 4 or 8",
    })?;
    let refuse = |field: &str, expected: &str, found: &str| PackError::Unsupported {
        pack: pack.to_owned(),
        what: format!("'representation.{field}'"),
        expected: expected.to_owned(),
        found: found.to_owned(),
        advice: "export the frames that way, or look for a newer Afterimage",
    };
    if representation.window != Window::Hann {
        return Err(refuse("window", "'hann'", "another window"));
    }
    if !representation.center {
        return Err(refuse("center", "true", "false"));
    }
    match representation.phase {
        Phase::F0Lock => Ok((sizes, PhaseMethod::F0Lock)),
        Phase::Rtpghi | Phase::None => Ok((sizes, PhaseMethod::Rtpghi)),
        Phase::Model => Err(refuse("phase", "'rtpghi' or 'f0-lock'", "'model'")),
    }
}

/// A latent position as the engine's knobs: what a pack lacks stays at the mean.
fn knobs(latent: &[f32]) -> [f32; MAX_LATENT] {
    std::array::from_fn(|axis| latent.get(axis).copied().unwrap_or(0.0))
}
