//! The check of a pack that continues sound: each runtime over the same frames, and how fast it is.

use super::{AGREEMENT, ModelCheck};
use crate::backend::BackendKind;
use crate::continuers::{load_continuer, walk};
use crate::pack::Pack;
use crate::runtime::Runtime;

/// Loads a continuer on every runtime there is, and compares what they say.
pub(super) fn check(pack: &Pack, runtime: &Runtime, mut text: String) -> ModelCheck {
    let mut is_sound = true;
    let mut walks = Vec::new();
    for kind in [BackendKind::OnnxRuntime, BackendKind::Embedded] {
        let Some(only) = runtime.only(kind) else {
            text.push_str(&format!(
                "  {kind}: not there. {}\n",
                runtime.status().sentence
            ));
            continue;
        };
        match try_on(pack, &only, kind) {
            Ok((line, frames)) => {
                text.push_str(&line);
                walks.push(frames);
            }
            Err(sentence) => {
                is_sound = false;
                text.push_str(&format!("  {sentence}\n"));
            }
        }
    }
    if let [first, second] = walks.as_slice() {
        let difference = difference(first, second);
        is_sound &= difference <= AGREEMENT;
        text.push_str(&format!(
            "  largest difference of {} rows {difference:.1e} of the largest value, limit {AGREEMENT:.0e}: {}\n",
            first.len(),
            if difference <= AGREEMENT {
                "they agree"
            } else {
                "they do NOT agree"
            }
        ));
    }
    text.push_str(if is_sound {
        "\nResult: the plugin continues sound with it.\n"
    } else {
        "\nResult: NOT fit to ship.\n"
    });
    ModelCheck { text, is_sound }
}

fn try_on(
    pack: &Pack,
    runtime: &Runtime,
    kind: BackendKind,
) -> Result<(String, Vec<Vec<f32>>), String> {
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
    let pairs = first.iter().flatten().zip(second.iter().flatten());
    pairs.fold(0.0_f32, |most, (a, b)| most.max((a - b).abs())) / peak
}
