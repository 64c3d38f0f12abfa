//! The check of an event model: each runtime over the same tokens, and what it composes.

use afterimage_engine::continuation::{Composer, PieceStart, Progress, Style, TICKS_PER_QUARTER};

use super::ModelCheck;
use super::both::{Comparison, Tried, largest_difference, on_both};
use crate::backend::BackendKind;
use crate::events::{EventModel, EventPlan, LoadedComposer, load_composer, trial};
use crate::pack::Pack;
use crate::runtime::Runtime;

/// Bars of the piece that is composed as a try.
const TRY_BARS: u32 = 16;

const COMPARISON: Comparison = Comparison {
    difference: largest_difference,
    counted: |rows| {
        let logits = rows.len() * rows.first().map_or(0, Vec::len);
        format!("{logits} logits")
    },
    of: "",
    fit: "the plugin continues notes with it.",
};

/// Loads an event model on every runtime there is, compares their logits, and composes a little.
pub(super) fn check(pack: &Pack, runtime: &Runtime, text: String) -> ModelCheck {
    on_both(pack, runtime, text, try_on, &COMPARISON)
}

fn try_on(pack: &Pack, runtime: &Runtime, kind: BackendKind) -> Tried {
    let LoadedComposer {
        mut composer,
        report,
        ..
    } = load_composer(pack, runtime).map_err(|error| error.to_string())?;
    let bar_ticks = 4 * TICKS_PER_QUARTER;
    let start = PieceStart {
        seed: 1,
        bar_ticks,
        bar_phase_ticks: 0,
        style: Style::default(),
    };
    let mut notes = Vec::new();
    composer.begin(&start, &[]);
    while composer
        .compose(&start.style, TRY_BARS * bar_ticks, &mut notes)
        .map_err(|error| error.to_string())?
        == Progress::Working
    {}
    let plan = EventPlan::new(pack).map_err(|error| error.to_string())?;
    let mut model = EventModel::open(pack, &plan, runtime, kind)?;
    let walk = trial(&mut model, &plan)?;
    let line = format!(
        "  {kind}: ready in {:.0} ms, a token in {:.0} us; {} notes in {TRY_BARS} bars of four quarters\n",
        report.load_ms,
        report.token_us,
        notes.len()
    );
    Ok((line, walk.logits))
}
