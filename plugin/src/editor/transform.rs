//! Transforming: the switch, the pack, how much of it, and what is added to each axis. Window thread.

use afterimage_engine::contract::MAX_LATENT;
use afterimage_neural::is_transformer;
use afterimage_neural::shelf::PackFacts;
use egui::{Align2, Rect, Ui, pos2, vec2};
use nice_plug::prelude::{FloatParam, Param, ParamSetter};

use super::chip;
use super::facts::Facts;
use super::gesture;
use super::grid::{Grid, place};
use super::knob::{self, KnobLook};
use super::layout::{Layout, Measures, knob_height};
use super::theme::{self, COOL, INK, Size, TextLook, WARM};
use crate::shelf::{Shelf, reference_to};
use crate::state::ModelField;
use crate::transform_params::{BIAS_LIMIT, EffectMode, TransformParams};

/// The switch, five knobs, and the pack, which takes two.
const CELLS: usize = 8;

/// Parameters, and what moves them.
type Controls<'a, 'b> = (&'a TransformParams, &'a ParamSetter<'b>);

/// Draws the row and the knobs under it.
pub(super) fn show(
    ui: &mut Ui,
    layout: &Layout,
    controls: Controls<'_, '_>,
    facts: &Facts,
    transformer: &ModelField,
) {
    let measures = layout.measures;
    theme::panel(ui.painter(), layout.play);
    let inner = layout.play.shrink2(vec2(8.0, measures.play_padding()));
    let height = knob_height(measures.play_knob);
    let cell = |index: usize| place(inner, inner.top(), (index, CELLS), height);
    show_mode(ui, cell(0), measures, controls);
    for (index, (param, name, hint)) in knobs(controls.0).into_iter().enumerate() {
        let look = KnobLook {
            diameter: measures.play_knob,
            colour: COOL,
            name,
            value: Some(param.to_string()),
            hint,
            sounding: None,
        };
        knob::show(ui, cell(index + 1), param, controls.1, &look);
    }
    let two = cell(CELLS - 2).union(cell(CELLS - 1));
    show_pack(ui, two, measures, facts, transformer);
    show_biases(ui, layout, controls, facts);
}

/// Lets the input play with one sound: the axes stand where it lies, and the input moves none until *Scale* is
/// turned up again.
pub(super) fn stand_on(params: &TransformParams, setter: &ParamSetter<'_>, place: &[f32]) {
    gesture::set_once(setter, &params.scale, 0.0);
    for (axis, bias) in params.bias.iter().enumerate() {
        let value = place.get(axis).copied().unwrap_or(0.0);
        gesture::set_once(setter, &bias.value, value.clamp(-BIAS_LIMIT, BIAS_LIMIT));
    }
}

/// The knobs of the row, in the order of the signal.
fn knobs(params: &TransformParams) -> [(&FloatParam, &'static str, &'static str); 5] {
    [
        (
            &params.scale,
            "Scale",
            "How far what comes in moves each axis from its mean",
        ),
        (
            &params.smoothing_s,
            "Smooth",
            "How slowly the axes follow what comes in",
        ),
        (
            &params.lfo_hz,
            "Rate",
            "How fast the axes move by themselves",
        ),
        (
            &params.lfo_depth,
            "Depth",
            "How far the axes move by themselves",
        ),
        (
            &params.mix,
            "Mix",
            "From what comes in to what becomes of it",
        ),
    ]
}

/// A chip where knobs have their arc, its name where they have theirs.
fn chip_rect(ui: &Ui, cell: Rect, measures: Measures, name: &str) -> Rect {
    let at = pos2(cell.center().x, cell.top() + measures.play_knob + 10.0);
    let within = (TextLook::regular(Size::Value, INK), cell.width() - 2.0);
    theme::text_within(ui.painter(), at, Align2::CENTER_CENTER, name, within);
    let centre = pos2(cell.center().x, cell.top() + measures.play_knob * 0.5);
    Rect::from_center_size(centre, vec2(cell.width() - 8.0, measures.play_knob - 2.0))
}

fn show_mode(ui: &Ui, cell: Rect, measures: Measures, (params, setter): Controls<'_, '_>) {
    let transforms = params.mode.unmodulated_plain_value() == EffectMode::Transform;
    let (word, other) = match transforms {
        true => ("on", EffectMode::Continue),
        false => ("off", EffectMode::Transform),
    };
    let response = chip::show(
        ui,
        chip_rect(ui, cell, measures, "Transform"),
        word,
        transforms,
    );
    if response.clicked() {
        // The host then activates again, and what transforms is loaded.
        gesture::set_once(setter, &params.mode, other);
    }
    response.on_hover_text(
        "Makes something else of what comes in; the latency is then longer, and the host is told",
    );
}

/// The packs that transform, in the order of the shelf.
fn packs(shelf: &Shelf) -> Vec<&PackFacts> {
    let facts = shelf
        .packs
        .iter()
        .filter_map(|pack| pack.content.as_ref().ok());
    facts
        .filter(|facts| is_transformer(&facts.manifest))
        .collect()
}

/// The pack so many steps after the one that transforms now.
fn stepped<'a>(packs: &[&'a PackFacts], hash: &str, by: i32) -> Option<&'a PackFacts> {
    let now = packs.iter().position(|facts| facts.hash == hash);
    let place = match now {
        Some(now) => (now as i32 + by).rem_euclid(packs.len() as i32) as usize,
        None => 0,
    };
    packs.get(place).copied().filter(|facts| facts.hash != hash)
}

fn show_pack(ui: &Ui, cell: Rect, measures: Measures, facts: &Facts, transformer: &ModelField) {
    let packs = packs(&facts.shelf);
    let now = &facts.transformer;
    let word = match now.pack_name.as_str() {
        "" if packs.is_empty() => "none on the shelf",
        "" => "choose a pack",
        name => name,
    };
    let chosen = !now.pack_name.is_empty();
    let response = chip::show(ui, chip_rect(ui, cell, measures, "Pack"), word, chosen);
    let by = i32::from(response.clicked()) - i32::from(response.secondary_clicked());
    if by != 0
        && let Some(wanted) = stepped(&packs, &now.pack_hash, by)
    {
        transformer.wish(reference_to(wanted));
    }
    let description = match now.description.as_str() {
        "" => "What comes in goes through a pack with an encoder",
        description => description,
    };
    response.on_hover_text(format!(
        "{description}\nclick for the next pack, right click for the one before"
    ));
}

/// What is added to each axis of the pack.
fn show_biases(ui: &mut Ui, layout: &Layout, (params, setter): Controls<'_, '_>, facts: &Facts) {
    let measures = layout.measures;
    let title = (measures.title_padding(), measures.title);
    let note = match facts.transformer_names.latent.is_empty() {
        true => "and what you add to it, axis by axis",
        false => "", // the chips have its place
    };
    let words = ("Your input's place", note);
    let inner = theme::titled_panel(ui.painter(), layout.latents, title, words);
    let inner = inner.expand2(vec2(8.0, 0.0));
    let names = &facts.transformer_names.latent;
    let axes = match facts.transformer.pack_name.is_empty() {
        true => MAX_LATENT,
        false => names.len().min(MAX_LATENT),
    };
    let grid = Grid::new(inner, measures, axes);
    for (axis, bias) in params.bias.iter().enumerate().take(axes) {
        let (cell, diameter) = grid.cell(axis);
        let name = axis_name(names, axis);
        let look = KnobLook {
            diameter,
            colour: WARM,
            name: &name,
            value: Some(format!("{:+.2}", bias.value.unmodulated_plain_value())),
            hint: "Added to where your input puts this axis, in standard deviations",
            sounding: None,
        };
        knob::show(ui, cell, &bias.value, setter, &look);
    }
}

/// What a knob is called: by the pack, and by its number where that does not say. The host's name for it says what tab it
/// is on, and is too long here.
fn axis_name(names: &[String], axis: usize) -> String {
    let name = names.get(axis).filter(|name| !name.is_empty());
    name.cloned()
        .unwrap_or_else(|| format!("Axis {}", axis + 1))
}

#[cfg(test)]
mod tests {
    use super::{axis_name, packs, stepped};
    use crate::shelf::tests::shelf_of;

    #[test]
    fn only_packs_that_transform_are_stepped_through_and_round() {
        let rows: [(&str, &[&str], &str); 3] = [
            ("a", &[], "play"),
            ("b", &[], "transform"),
            ("c", &[], "transform"),
        ];
        let shelf = shelf_of(&rows);
        let packs = packs(&shelf);
        let after =
            |hash: &str, by: i32| stepped(&packs, hash, by).map(|facts| facts.hash.as_str());
        assert_eq!(packs.len(), 2);
        assert_eq!(
            (after("b", 1), after("c", 1), after("b", -1)),
            (Some("c"), Some("b"), Some("c"))
        );
        assert_eq!(after("", 1), Some("b"));
        assert_eq!(stepped(&packs[..1], "b", 1).map(|facts| &facts.hash), None);
    }

    #[test]
    fn an_axis_without_a_name_has_its_number() {
        let names = ["bright".to_owned(), String::new()];
        assert_eq!(
            [0, 1, 2].map(|axis| axis_name(&names, axis)),
            ["bright", "Axis 2", "Axis 3"]
        );
        assert_eq!(axis_name(&[], 0), "Axis 1");
    }
}
