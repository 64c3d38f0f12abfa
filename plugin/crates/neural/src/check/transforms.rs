//! The check of a pack that transforms sound: each runtime over the same input, and how fast it is.

use super::ModelCheck;
use super::both::{Comparison, Tried, largest_difference, on_both};
use crate::backend::BackendKind;
use crate::pack::Pack;
use crate::runtime::Runtime;
use crate::transformers::{load_transformer, walk};

const COMPARISON: Comparison = Comparison {
    difference,
    counted: |rows| format!("{} samples", rows.iter().map(Vec::len).sum::<usize>()),
    of: " of the largest sample",
    fit: "the plugin transforms sound with it.",
};

/// Loads a transformer on every runtime there is, and compares what they make of a sound.
pub(super) fn check(pack: &Pack, runtime: &Runtime, text: String) -> ModelCheck {
    on_both(pack, runtime, text, try_on, &COMPARISON)
}

/// How fast it is on each runtime, for packs that do other things too.
pub(super) fn speeds(pack: &Pack, runtime: &Runtime) -> (String, bool) {
    let mut text = String::new();
    let mut is_sound = true;
    for kind in [BackendKind::OnnxRuntime, BackendKind::Embedded] {
        let Some(only) = runtime.only(kind) else {
            continue;
        };
        match try_on(pack, &only, kind) {
            Ok((line, _)) => text.push_str(&line),
            Err(sentence) => {
                is_sound = false;
                text.push_str(&format!("  {sentence}\n"));
            }
        }
    }
    (text, is_sound)
}

fn try_on(pack: &Pack, runtime: &Runtime, kind: BackendKind) -> Tried {
    let loaded = load_transformer(pack, runtime).map_err(|error| error.to_string())?;
    let spec = loaded.transformer.spec();
    let line = format!(
        "  {kind}: transforms {:.1} s of sound in a second, {:.1} ms after it beside both resamplers and the lead\n",
        loaded.report.speed,
        (spec.delay_samples + spec.tick_samples) as f64 / f64::from(spec.sample_rate_hz) * 1e3
    );
    Ok((line, walk(pack, runtime, kind)?))
}

/// Largest difference, relative to the largest sample.
fn difference(first: &[Vec<f32>], second: &[Vec<f32>]) -> f32 {
    let largest = |most: f32, value: &f32| most.max(value.abs());
    let peak = first.iter().flatten().fold(f32::MIN_POSITIVE, largest);
    largest_difference(first, second) / peak
}
