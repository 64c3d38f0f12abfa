//! `render --latent-from WAV`: the knobs go to where a sound lies, by the pack's encoder.
//!
//! Needs the model code: see `with_models`. The same function finds the place as in the plugin's window.

use std::path::Path;

use afterimage_neural::{Pack, has_encoder, place_of_sound};
use afterimage_tests::wav_file;
use anyhow::{Result, anyhow, ensure};

use crate::check_model::{path_of, runtime};
use crate::packs::Named;
use crate::process::say;

/// Half the range of knobs and biases, in the packs' knob units.
const LIMIT: f32 = 3.0;

/// Parameters by id, with their values from 0 to 1, that set a pack's knobs to a sound. `transforms`: those of
/// Transform, where the input then moves no axis.
pub fn settings(pack: &Named, sound: &Path, transforms: bool) -> Result<Vec<(String, f64)>> {
    let pack = Pack::open(&path_of(pack)?)?;
    ensure!(
        has_encoder(pack.manifest()),
        "'{}' has no encoder, so that no sound has a place in it",
        pack.name()
    );
    let (channels, rate_hz) = wav_file::read_channels(sound)?;
    let count = channels.len() as f32;
    let frames = 0..channels.first().map_or(0, Vec::len);
    let mean = |at: usize| channels.iter().map(|channel| channel[at]).sum::<f32>() / count;
    let mono: Vec<f32> = frames.map(mean).collect();
    let place = place_of_sound(&pack, &runtime()?, (&mono, rate_hz))
        .map_err(|sentence| anyhow!("{}: {sentence}", sound.display()))?;
    let shown: Vec<String> = place.iter().map(|knob| format!("{knob:+.2}")).collect();
    say(&format!("{} lies at {}", sound.display(), shown.join(" ")));
    let id = if transforms {
        "transform_bias"
    } else {
        "latent"
    };
    let knob = |(axis, knob): (usize, &f32)| {
        let value = (knob.clamp(-LIMIT, LIMIT) + LIMIT) / (2.0 * LIMIT);
        (format!("{id}_{}", axis + 1), f64::from(value))
    };
    let mut settings: Vec<_> = place.iter().enumerate().map(knob).collect();
    if transforms {
        settings.push(("transform_scale".to_owned(), 0.0));
    }
    Ok(settings)
}
