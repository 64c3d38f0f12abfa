//! What both checks of predictors share: a pack tried on every runtime there is, and the two compared.

use super::{AGREEMENT, ModelCheck};
use crate::backend::BackendKind;
use crate::pack::Pack;
use crate::runtime::Runtime;

/// Rows of values, in the order they came.
type Rows = [Vec<f32>];

/// What a runtime said of itself in a line, and the rows that it gave.
pub(super) type Tried = Result<(String, Vec<Vec<f32>>), String>;

/// How the rows of two runtimes are compared, and what is said of it.
pub(super) struct Comparison {
    /// Largest difference of two runs.
    pub(super) difference: fn(&Rows, &Rows) -> f32,
    /// What was compared and how many, in words that the difference follows.
    pub(super) counted: fn(&Rows) -> String,
    /// What the difference is relative to, in words; empty where it is absolute.
    pub(super) of: &'static str,
    /// What the plugin does with a pack that is sound.
    pub(super) fit: &'static str,
}

/// Tries the pack on every runtime there is, and compares what they say.
pub(super) fn on_both(
    pack: &Pack,
    runtime: &Runtime,
    mut text: String,
    try_on: fn(&Pack, &Runtime, BackendKind) -> Tried,
    comparison: &Comparison,
) -> ModelCheck {
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
            Ok((line, rows)) => {
                text.push_str(&line);
                walks.push(rows);
            }
            Err(sentence) => {
                is_sound = false;
                text.push_str(&format!("  {sentence}\n"));
            }
        }
    }
    if let [first, second] = walks.as_slice() {
        let difference = (comparison.difference)(first, second);
        let agree = difference <= AGREEMENT;
        is_sound &= agree;
        text.push_str(&format!(
            "  largest difference of {} {difference:.1e}{}, limit {AGREEMENT:.0e}: {}\n",
            (comparison.counted)(first),
            comparison.of,
            if agree {
                "they agree"
            } else {
                "they do NOT agree"
            }
        ));
    }
    text.push_str("\nResult: ");
    text.push_str(if is_sound {
        comparison.fit
    } else {
        "NOT fit to ship."
    });
    text.push('\n');
    ModelCheck { text, is_sound }
}

/// Largest difference of two runs.
pub(super) fn largest_difference(first: &Rows, second: &Rows) -> f32 {
    let pairs = first.iter().flatten().zip(second.iter().flatten());
    pairs.fold(0.0_f32, |most, (a, b)| most.max((a - b).abs()))
}
