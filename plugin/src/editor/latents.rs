//! The knobs of the latent space, under the names the pack measured. Window thread.

use afterimage_engine::contract::MAX_LATENT;
use egui::{Rect, Ui, pos2, vec2};
use nice_plug::prelude::{Param, ParamSetter};

use super::facts::Facts;
use super::knob::{self, KnobLook};
use super::layout::{Measures, knob_height};
use super::theme::{self, COOL};
use crate::params::{InstrumentParams, LATENT_LIMIT};

/// Axes with a large knob: packs name the axes that change most first.
const LARGE: usize = 8;

/// Draws the knobs. `sounding`: the latent that sounds, while something does.
pub(super) fn show(
    ui: &mut Ui,
    rect: Rect,
    measures: Measures,
    (params, setter): (&InstrumentParams, &ParamSetter<'_>),
    (facts, sounding): (&Facts, Option<[f32; MAX_LATENT]>),
) {
    let words = (
        "Latent space",
        "names are measured: what each axis changes most",
    );
    let inner = theme::titled_panel(
        ui.painter(),
        rect,
        (measures.title_padding(), measures.title),
        words,
    );
    let inner = inner.expand2(vec2(8.0, 0.0));
    let axes = facts.axes();
    for axis in 0..axes {
        let small = axis >= LARGE;
        let diameter = if small {
            measures.small_knob
        } else {
            measures.knob
        };
        let top = if small {
            inner.top() + knob_height(measures.knob) + measures.padding * 0.5
        } else {
            inner.top()
        };
        let in_row = if small { axes - LARGE } else { axes.min(LARGE) };
        let cell = cell(inner, top, (axis % LARGE, in_row), knob_height(diameter));
        let param = &params.latent[axis].value;
        let name = facts.names.latent.get(axis).map(String::as_str);
        let look = KnobLook {
            diameter,
            colour: COOL,
            name: name.filter(|name| !name.is_empty()).unwrap_or(param.name()),
            value: Some(signed(param.unmodulated_plain_value())),
            hint: facts
                .status
                .axis_effects
                .get(axis)
                .map_or("", String::as_str),
            sounding: sounding.map(|latent| normalized(latent[axis])),
        };
        knob::show(ui, cell, param, setter, &look);
    }
}

/// The place of one of `count` knobs in a row.
pub(super) fn cell(inner: Rect, top: f32, (index, count): (usize, usize), height: f32) -> Rect {
    let width = inner.width() / count as f32;
    let left = inner.left() + width * index as f32;
    Rect::from_min_size(pos2(left, top), vec2(width, height))
}

/// A latent in knob units, on the knob's range.
fn normalized(latent: f32) -> f32 {
    (latent / (2.0 * LATENT_LIMIT) + 0.5).clamp(0.0, 1.0)
}

/// "+0.80", "−0.30", "0.00".
fn signed(value: f32) -> String {
    let rounded = (value * 100.0).round() / 100.0;
    if rounded == 0.0 {
        "0.00".into()
    } else {
        format!("{rounded:+.2}").replace('-', "−")
    }
}

#[cfg(test)]
mod tests {
    use super::{normalized, signed};

    #[test]
    fn a_latent_reads_with_its_sign_and_without_a_negative_zero() {
        assert_eq!(signed(0.8), "+0.80");
        assert_eq!(signed(-0.3), "−0.30");
        assert_eq!(signed(-0.001), "0.00");
    }

    #[test]
    fn the_sounding_latent_lies_on_the_knobs_range() {
        assert_eq!(normalized(0.0), 0.5);
        assert_eq!(normalized(-3.0), 0.0);
        assert_eq!(normalized(9.0), 1.0);
    }
}
