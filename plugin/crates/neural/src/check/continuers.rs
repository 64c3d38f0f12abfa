//! The check of a pack that continues sound: each runtime over the same frames, and how fast it is.

use super::ModelCheck;
use super::both::{Comparison, Tried, largest_difference, on_both};
use crate::backend::BackendKind;
use crate::continuers::{load_continuer, walk};
use crate::pack::Pack;
use crate::runtime::Runtime;

const COMPARISON: Comparison = Comparison {
    difference,
    counted: |rows| format!("{} rows", rows.len()),
    of: " of the largest value",
    fit: "the plugin continues sound with it.",
};

/// Loads a continuer on every runtime there is, and compares what they say.
pub(super) fn check(pack: &Pack, runtime: &Runtime, text: String) -> ModelCheck {
    on_both(pack, runtime, text, try_on, &COMPARISON)
}

fn try_on(pack: &Pack, runtime: &Runtime, kind: BackendKind) -> Tried {
    let report = load_continuer(pack, runtime)
        .map_err(|error| error.to_string())?
        .report;
    let frames = walk(pack, runtime, kind)?;
    let line = format!(
        "  {kind}: ready in {:.0} ms; plays {:.1} s and hears {:.1} s of sound in a second\n",
        report.load_ms, report.speed, report.hearing_speed
    );
    Ok((line, frames))
}

/// Largest difference, relative to the largest value.
fn difference(first: &[Vec<f32>], second: &[Vec<f32>]) -> f32 {
    let largest = |most: f32, value: &f32| most.max(value.abs());
    let peak = first.iter().flatten().fold(f32::MIN_POSITIVE, largest);
    largest_difference(first, second) / peak
}
