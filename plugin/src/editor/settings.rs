//! Seed, render mode and latency mode. Window thread.

use std::hash::{BuildHasher, Hasher, RandomState};

use egui::{Align2, Rect, Ui, pos2, vec2};
use nice_plug::context::gui::GuiContext;
use nice_plug::prelude::{Enum, EnumParam, Param, ParamSetter};

use super::chip;
use super::entry;
use super::gesture;
use super::layout::Measures;
use super::theme::{self, DIM, Size, TextLook};
use crate::params::{InstrumentParams, LatencyChoice, RenderChoice};

const LABEL_WIDTH: f32 = 64.0;
const SEED_WIDTH: f32 = 72.0;
const GAP: f32 = 6.0;
const ROW_GAP: f32 = 8.0;
const LAST_SEED: u64 = 9_999;

/// Draws the three rows.
pub(super) fn show(
    ui: &mut Ui,
    rect: Rect,
    measures: Measures,
    params: &InstrumentParams,
    gui: &GuiContext,
) {
    theme::panel(ui.painter(), rect);
    let setter = &gui.param_setter();
    let inner = rect.shrink2(vec2(16.0, measures.padding));
    let row = |index: usize| {
        let top = inner.top() + index as f32 * (measures.chip + ROW_GAP);
        Rect::from_min_size(pos2(inner.left(), top), vec2(inner.width(), measures.chip))
    };
    show_seed(ui, labelled(ui, row(0), "Seed"), params, setter);
    let renders = [
        (
            RenderChoice::Auto,
            "Waits for the model when the host renders offline, never live",
        ),
        (RenderChoice::Live, "Never waits for the model"),
        (
            RenderChoice::Wait,
            "Always waits for the model, within a bound",
        ),
    ];
    let render = labelled(ui, row(1), "Render");
    show_choices(ui, render, (&params.render_mode, setter), &renders);
    let latencies = [
        (
            LatencyChoice::Exact,
            "Tells the host the latency: everything lands on its sample",
        ),
        (
            LatencyChoice::Instant,
            "Notes sound at once, knobs follow later: for playing live",
        ),
    ];
    let latency = labelled(ui, row(2), "Latency");
    if show_choices(ui, latency, (&params.latency_mode, setter), &latencies) {
        // The latency is taken over when the host next activates.
        gui.request_restart();
    }
}

/// Draws a row's label; returns the rest of the row.
fn labelled(ui: &Ui, row: Rect, label: &str) -> Rect {
    let look = TextLook::regular(Size::Value, DIM);
    theme::text(
        ui.painter(),
        row.left_center(),
        Align2::LEFT_CENTER,
        label,
        look,
    );
    Rect::from_min_max(pos2(row.left() + LABEL_WIDTH, row.top()), row.max)
}

fn show_seed(ui: &mut Ui, rect: Rect, params: &InstrumentParams, setter: &ParamSetter<'_>) {
    let seed = &params.seed;
    let field = Rect::from_min_size(rect.min, vec2(SEED_WIDTH, rect.height()));
    let words = seed.unmodulated_plain_value().to_string();
    let owner = ui.scope_id().with("seed");
    let response = chip::show(ui, field, &words, true);
    if response.clicked() {
        entry::open(ui, owner, words.clone());
    }
    if entry::wanted(ui, owner, &response, || words.clone()) {
        entry::show(ui, owner, field, |typed| {
            gesture::set_from_words(setter, seed, typed)
        });
    } else {
        response.on_hover_text("The same seed gives the same sound; click to type one");
    }
    let at = pos2(field.right() + GAP, rect.top());
    let die = Rect::from_min_size(at, vec2(rect.height() + 8.0, rect.height()));
    if chip::show_die(ui, die, "Another seed").clicked() {
        gesture::set_once(setter, seed, another_seed(seed.unmodulated_plain_value()));
    }
}

/// A seed that differs from `now`, from the randomness that the system gives to hash tables.
fn another_seed(now: i32) -> i32 {
    let drawn = RandomState::new().build_hasher().finish() % LAST_SEED;
    // One value less is drawn, and the one that is there is left out.
    let drawn = drawn as i32;
    if drawn >= now { drawn + 1 } else { drawn }
}

/// Draws one chip a choice; true when another was chosen.
fn show_choices<T: Enum + PartialEq + Copy>(
    ui: &Ui,
    rect: Rect,
    (param, setter): (&EnumParam<T>, &ParamSetter<'_>),
    choices: &[(T, &str)],
) -> bool {
    let now = param.unmodulated_plain_value();
    let mut left = rect.left();
    let mut changed = false;
    for (choice, says) in choices {
        let word = T::variants()[choice.to_index()];
        let width = chip::width(ui, word);
        let place = Rect::from_min_size(pos2(left, rect.top()), vec2(width, rect.height()));
        left += width + GAP;
        let response = chip::show(ui, place, word, *choice == now);
        if response.clicked() && *choice != now {
            gesture::set_once(setter, param, *choice);
            changed = true;
        }
        response.on_hover_text(*says);
    }
    changed
}

#[cfg(test)]
mod tests {
    use super::another_seed;

    #[test]
    fn the_die_never_gives_the_seed_that_is_there_and_stays_in_range() {
        for now in [0, 1, 5_000, 9_999] {
            for _ in 0..1_000 {
                let seed = another_seed(now);
                assert!((0..=9_999).contains(&seed) && seed != now);
            }
        }
    }
}
