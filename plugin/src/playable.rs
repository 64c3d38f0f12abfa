//! From a manifest to what the engine must know. Loader thread.

use afterimage_engine::InstrumentSpec;
use afterimage_engine::contract::MAX_LATENT;
use afterimage_neural::Pack;
use afterimage_neural::manifest::Phase;
use afterimage_spectral::{PhaseMethod, SpecError, StftSpec};

/// Describes the pack for the engine.
///
/// # Errors
/// When window and hop do not add up to a steady sound.
pub fn instrument_spec(pack: &Pack) -> Result<InstrumentSpec, SpecError> {
    let manifest = pack.manifest();
    let representation = &manifest.representation;
    let stft = StftSpec::new(representation.n_fft, representation.hop)?;
    let phase = match representation.phase {
        Phase::F0Lock => PhaseMethod::F0Lock,
        Phase::Rtpghi | Phase::Model | Phase::None => PhaseMethod::Rtpghi,
    };
    let play = &manifest.play;
    let size = manifest.latent.as_ref().map_or(0, |latent| latent.size);
    let presets = manifest.latent.iter().flat_map(|latent| &latent.presets);
    let opening = presets
        .into_iter()
        .find(|preset| preset.name == play.default_preset);
    Ok(InstrumentSpec {
        id: manifest.id.clone(),
        hash: pack.hash().to_owned(),
        latent_size: size,
        default_latent: opening.map_or([0.0; MAX_LATENT], |preset| knobs(&preset.latent)),
        pitch_range: (f32::from(play.range[0]), f32::from(play.range[1])),
        mod_wheel_path: play
            .mod_wheel_path
            .iter()
            .map(|point| knobs(point))
            .collect(),
        gain_linear: 10.0_f32.powf(play.gain_db / 20.0),
        release_s: play.release_s,
        ..InstrumentSpec::new(&manifest.name, representation.sample_rate, stft, phase)
    })
}

fn knobs(latent: &[f32]) -> [f32; MAX_LATENT] {
    std::array::from_fn(|axis| latent.get(axis).copied().unwrap_or(0.0))
}
