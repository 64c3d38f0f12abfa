//! The knobs of the latent space, under the names the pack measured. Window thread.

use afterimage_engine::contract::MAX_LATENT;
use egui::Ui;
use nice_plug::prelude::{Param, ParamSetter};

use super::facts::Facts;
use super::grid::Grid;
use super::knob::{self, KnobLook};
use super::theme::COOL;
use crate::params::{InstrumentParams, LATENT_LIMIT};

/// Draws a knob an axis into the first cells. `sounding`: the latent that sounds, while something
/// does.
pub(super) fn show(
    ui: &mut Ui,
    grid: &Grid,
    (params, setter): (&InstrumentParams, &ParamSetter<'_>),
    (facts, sounding): (&Facts, Option<[f32; MAX_LATENT]>),
) {
    let effects = &facts.status.axis_effects;
    for (axis, latent) in params.latent.iter().enumerate().take(facts.axes()) {
        let (cell, diameter) = grid.cell(axis);
        let param = &latent.value;
        let name = facts.names.latent.get(axis).map(String::as_str);
        let look = KnobLook {
            diameter,
            colour: COOL,
            name: name.filter(|name| !name.is_empty()).unwrap_or(param.name()),
            value: Some(signed(param.unmodulated_plain_value())),
            hint: effects.get(axis).map_or("", String::as_str),
            sounding: sounding.map(|latent| normalized(latent[axis])),
        };
        knob::show(ui, cell, param, setter, &look);
    }
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
