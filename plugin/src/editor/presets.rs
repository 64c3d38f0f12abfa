//! The pack's own places in its latent space. Window thread.

use afterimage_engine::contract::MAX_LATENT;
use egui::{Align2, Rect, ScrollArea, Ui, UiBuilder, pos2, vec2};
use nice_plug::prelude::{Param, ParamSetter};

use super::chip;
use super::facts::Facts;
use super::gesture;
use super::layout::Measures;
use super::theme::{self, DIM, INK, Size, TextLook};
use crate::params::{InstrumentParams, LATENT_LIMIT};

const HEAD_HEIGHT: f32 = 24.0;
const GAP: f32 = 6.0;
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
    theme::panel(ui.painter(), rect);
    let padding = measures.padding.min(12.0);
    let inner = rect.shrink2(vec2(16.0, padding));
    let head = pos2(inner.left(), inner.top() + 8.0);
    let head_look = TextLook::medium(Size::Name, INK);
    theme::text(
        ui.painter(),
        head,
        Align2::LEFT_CENTER,
        "Presets",
        head_look,
    );
    let presets = &facts.status.presets;
    let note = if presets.is_empty() {
        "this pack brings none"
    } else {
        "one click sets every axis"
    };
    let note_at = pos2(inner.right(), head.y);
    let note_look = TextLook::regular(Size::Note, DIM);
    theme::text(ui.painter(), note_at, Align2::RIGHT_CENTER, note, note_look);
    let list = Rect::from_min_max(pos2(inner.left(), inner.top() + HEAD_HEIGHT), inner.max);
    let builder = UiBuilder::new().max_rect(list).id_salt("presets");
    ui.scope_builder(builder, |ui| {
        ui.set_clip_rect(list.intersect(ui.clip_rect()));
        ScrollArea::vertical().auto_shrink(false).show(ui, |ui| {
            rows(ui, list.width(), measures, (params, setter), presets);
        });
    });
}

fn rows(
    ui: &mut Ui,
    width: f32,
    measures: Measures,
    (params, setter): (&InstrumentParams, &ParamSetter<'_>),
    presets: &[(String, Vec<f32>)],
) {
    let rows = presets.len().div_ceil(2);
    let height = (rows as f32 * (measures.chip + GAP) - GAP).max(0.0);
    let (area, _) = ui.allocate_exact_size(vec2(width, height), egui::Sense::hover());
    let chip_width = (width - GAP) * 0.5;
    for (index, (name, latent)) in presets.iter().enumerate() {
        let column = (index % 2) as f32;
        let row = (index / 2) as f32;
        let at = area.min + vec2(column * (chip_width + GAP), row * (measures.chip + GAP));
        let rect = Rect::from_min_size(at, vec2(chip_width, measures.chip));
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

fn recall(params: &InstrumentParams, setter: &ParamSetter<'_>, latent: &[f32]) {
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
