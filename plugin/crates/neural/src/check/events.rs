//! The check of an event model: each runtime over the same tokens, and what it composes.

use afterimage_engine::continuation::{Composer, PieceStart, Progress, Style, TICKS_PER_QUARTER};

use super::{AGREEMENT, ModelCheck};
use crate::backend::BackendKind;
use crate::events::{EventModel, EventPlan, LoadedComposer, load_composer, trial};
use crate::pack::Pack;
use crate::runtime::Runtime;

/// Bars of the piece that is composed as a try.
const TRY_BARS: u32 = 16;

/// Loads an event model on every runtime there is, compares their logits, and composes a little.
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
            Ok((line, logits)) => {
                text.push_str(&line);
                walks.push(logits);
            }
            Err(sentence) => {
                is_sound = false;
                text.push_str(&format!("  {sentence}\n"));
            }
        }
    }
    if let [first, second] = walks.as_slice() {
        let difference = first
            .iter()
            .flatten()
            .zip(second.iter().flatten())
            .fold(0.0_f32, |most, (a, b)| most.max((a - b).abs()));
        is_sound &= difference <= AGREEMENT;
        text.push_str(&format!(
            "  largest difference of {} logits {difference:.1e}, limit {AGREEMENT:.0e}: {}\n",
            first.len() * first.first().map_or(0, Vec::len),
            if difference <= AGREEMENT {
                "they agree"
            } else {
                "they do NOT agree"
            }
        ));
    }
    text.push_str(if is_sound {
        "\nResult: the plugin continues notes with it.\n"
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
