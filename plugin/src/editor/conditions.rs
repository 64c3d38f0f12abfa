//! What a pack is conditioned on beside the latent: descriptors as knobs, classes as labels to
//! step through. Window thread.

use egui::{Align2, Rect, Ui, pos2, vec2};
use nice_plug::prelude::{IntParam, Param, ParamSetter};

use super::chip;
use super::facts::Facts;
use super::gesture;
use super::grid::Grid;
use super::knob::{self, KnobLook};
use super::theme::{self, COOL, INK, Size, TextLook};
use crate::params::InstrumentParams;

/// Draws the conditions into the cells from `first` on.
pub(super) fn show(
    ui: &mut Ui,
    (grid, first): (&Grid, usize),
    (params, setter): (&InstrumentParams, &ParamSetter<'_>),
    facts: &Facts,
) {
    let descriptors = &facts.names.descriptors;
    for (index, (name, descriptor)) in descriptors.iter().zip(&params.descriptor).enumerate() {
        let (cell, diameter) = grid.cell(first + index);
        let look = KnobLook {
            diameter,
            colour: COOL,
            name,
            value: Some(format!("{:.2}", descriptor.value.unmodulated_plain_value())),
            hint: "",
            sounding: None,
        };
        knob::show(ui, cell, &descriptor.value, setter, &look);
    }
    let first = first + descriptors.len().min(params.descriptor.len());
    let classes = &facts.names.classes;
    for (index, ((name, labels), class)) in classes.iter().zip(&params.class).enumerate() {
        let (cell, diameter) = grid.cell(first + index);
        show_class(ui, (cell, diameter), (&class.value, setter), (name, labels));
    }
}

/// Draws a class: its label where knobs have their arc, its name under it.
fn show_class(
    ui: &Ui,
    (cell, diameter): (Rect, f32),
    (param, setter): (&IntParam, &ParamSetter<'_>),
    (name, labels): (&str, &[String]),
) {
    let count = labels.len() as i32;
    let now = param.unmodulated_plain_value();
    let label = labels.get(now as usize).map_or("—", String::as_str);
    let centre = pos2(cell.center().x, cell.top() + diameter * 0.5);
    let size = vec2(cell.width() - 8.0, 24.0);
    let chip = chip::show(ui, Rect::from_center_size(centre, size), label, true);
    let by = i32::from(chip.clicked()) - i32::from(chip.secondary_clicked());
    if by != 0 && count > 0 {
        gesture::set_once(setter, param, stepped(now, by, count));
    }
    chip.on_hover_text(format!(
        "{name}: {label}\nclick for the next, right click for the one before"
    ));
    let look = TextLook::regular(Size::Value, INK);
    let at = pos2(cell.center().x, cell.top() + diameter + 10.0);
    let within = (look, cell.width() - 2.0);
    theme::text_within(ui.painter(), at, Align2::CENTER_CENTER, name, within);
}

/// The label after or before `now`, round and round.
pub(super) fn stepped(now: i32, by: i32, count: i32) -> i32 {
    (now.clamp(0, count - 1) + by).rem_euclid(count)
}

#[cfg(test)]
mod tests {
    use super::stepped;

    #[test]
    fn labels_go_round_and_a_value_beyond_them_comes_back() {
        assert_eq!(stepped(0, 1, 3), 1);
        assert_eq!(stepped(2, 1, 3), 0);
        assert_eq!(stepped(0, -1, 3), 2);
        assert_eq!(stepped(31, -1, 3), 1);
    }
}
