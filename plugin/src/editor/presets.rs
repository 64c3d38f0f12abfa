//! The pack's own places in its latent space. Window thread.

use afterimage_engine::contract::MAX_LATENT;
use egui::{Rect, ScrollArea, Ui, UiBuilder, vec2};
use nice_plug::prelude::{Param, ParamSetter};

use super::chip;
use super::facts::Facts;
use super::gesture;
use super::layout::Measures;
use super::theme;
use crate::params::{InstrumentParams, LATENT_LIMIT};
use crate::view::Opening;

const TITLE_HEIGHT: f32 = 24.0;
const GAP: f32 = 5.0;
/// Lower than other chips, so that a part of the next row shows that there is more.
const CHIP: f32 = 22.0;
/// A knob this near stands on the preset.
const SAME: f32 = 0.005;

/// Draws the presets; a click sets all latents, each in a gesture.
pub(super) fn show(
    ui: &mut Ui,
    rect: Rect,
    measures: Measures,
    (params, setter): (&InstrumentParams, &ParamSetter<'_>),
    facts: &Facts,
) {
    let presets = &facts.status.presets;
    let note = match presets.len() {
        0 => "this pack brings none".into(),
        1 => "one, and a click sets every axis".into(),
        many => format!("{many}, a click sets every axis"),
    };
    let title = (measures.title_padding(), TITLE_HEIGHT);
    let list = theme::titled_panel(ui.painter(), rect, title, ("Presets", &note));
    let builder = UiBuilder::new().max_rect(list).id_salt("presets");
    ui.scope_builder(builder, |ui| {
        ui.set_clip_rect(list.intersect(ui.clip_rect()));
        ScrollArea::vertical().auto_shrink(false).show(ui, |ui| {
            rows(ui, list.width(), (params, setter), presets);
        });
    });
}

fn rows(
    ui: &mut Ui,
    width: f32,
    (params, setter): (&InstrumentParams, &ParamSetter<'_>),
    presets: &[(String, Vec<f32>)],
) {
    let rows = presets.len().div_ceil(2);
    let height = (rows as f32 * (CHIP + GAP) - GAP).max(0.0);
    let (area, _) = ui.allocate_exact_size(vec2(width, height), egui::Sense::hover());
    let chip_width = (width - GAP) * 0.5;
    for (index, (name, latent)) in presets.iter().enumerate() {
        let column = (index % 2) as f32;
        let row = (index / 2) as f32;
        let at = area.min + vec2(column * (chip_width + GAP), row * (CHIP + GAP));
        let rect = Rect::from_min_size(at, vec2(chip_width, CHIP));
        let (response, cut) = chip::show_row(ui, rect, name, stands_on(params, latent));
        if response.clicked() {
            recall(params, setter, latent);
        }
        if cut {
            response.on_hover_text(name);
        }
    }
}

/// A preset's value for an axis; axes it does not name stand at the mean.
fn wanted(latent: &[f32], axis: usize) -> f32 {
    let value = latent.get(axis).copied().unwrap_or(0.0);
    value.clamp(-LATENT_LIMIT, LATENT_LIMIT)
}

fn stands_on(params: &InstrumentParams, latent: &[f32]) -> bool {
    (0..MAX_LATENT).all(|axis| {
        let now = params.latent[axis].value.unmodulated_plain_value();
        (now - wanted(latent, axis)).abs() < SAME
    })
}

/// Sets the controls that a pack brings to where it opens.
pub(super) fn open(params: &InstrumentParams, setter: &ParamSetter<'_>, opening: &Opening) {
    recall(params, setter, &opening.latent);
    for (class, label) in params.class.iter().zip(&opening.classes) {
        gesture::set_once(setter, &class.value, *label);
    }
    for (descriptor, place) in params.descriptor.iter().zip(&opening.descriptors) {
        gesture::set_once(setter, &descriptor.value, *place);
    }
}

/// Sets every latent, each in a gesture.
pub(super) fn recall(params: &InstrumentParams, setter: &ParamSetter<'_>, latent: &[f32]) {
    for axis in 0..MAX_LATENT {
        gesture::set_once(setter, &params.latent[axis].value, wanted(latent, axis));
    }
}

#[cfg(test)]
mod tests {
    use super::wanted;

    #[test]
    fn a_short_or_wild_preset_sets_every_axis_within_its_range() {
        let latent = [0.5, 9.0, f32::NEG_INFINITY];
        assert_eq!(wanted(&latent, 0), 0.5);
        assert_eq!(wanted(&latent, 1), 3.0);
        assert_eq!(wanted(&latent, 2), -3.0);
        assert_eq!(wanted(&latent, 15), 0.0);
    }
}
