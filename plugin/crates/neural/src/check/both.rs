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

impl Comparison {
    /// A line on two runs, and whether they agree.
    fn verdict(&self, first: &Rows, second: &Rows) -> (String, bool) {
        let difference = (self.difference)(first, second);
        let agree = difference <= AGREEMENT;
        let words = if agree {
            "they agree"
        } else {
            "they do NOT agree"
        };
        let line = format!(
            "  largest difference of {} {difference:.1e}{}, limit {AGREEMENT:.0e}: {words}\n",
            (self.counted)(first),
            self.of,
        );
        (line, agree)
    }
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
        let (line, agree) = comparison.verdict(first, second);
        text.push_str(&line);
        is_sound &= agree;
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

/// Largest difference of two runs; infinite where one holds what is no number.
pub(super) fn largest_difference(first: &Rows, second: &Rows) -> f32 {
    largest_of_pairs(first.iter().flatten().zip(second.iter().flatten()))
}

/// Largest difference of pairs; infinite where one is no number, which `max` alone would pass over.
pub(super) fn largest_of_pairs<'a>(pairs: impl Iterator<Item = (&'a f32, &'a f32)>) -> f32 {
    pairs.fold(0.0_f32, |most, (a, b)| {
        let off = (a - b).abs();
        if off.is_nan() {
            f32::INFINITY
        } else {
            most.max(off)
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_that_differ_do_not_agree_and_equal_ones_do() {
        let comparison = Comparison {
            difference: largest_difference,
            counted: |rows| format!("{} rows", rows.len()),
            of: "",
            fit: "",
        };
        let rows = [vec![0.5, -1.0], vec![2.0, 0.0]];
        for (off, agrees) in [
            (0.0, true),
            (0.5 * AGREEMENT, true),
            (3.0 * AGREEMENT, false),
            (f32::NAN, false),
        ] {
            let mut other = rows.clone();
            other[0][1] += off;
            let (line, agree) = comparison.verdict(&rows, &other);
            assert_eq!(agree, agrees, "off by {off}: {line}");
            assert_eq!(line.contains("NOT"), !agrees, "{line}");
        }
    }
}
