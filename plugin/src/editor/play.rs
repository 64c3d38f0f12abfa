//! Spectral play: freeze, stretch, scrub, blur, tilt, shift, formant, a morph with its target; and evolving.
//! Window thread.

use egui::{Align2, Rect, Ui, pos2, vec2};
use nice_plug::prelude::{BoolParam, FloatParam, IntParam, Param, ParamSetter};

use super::chip;
use super::conditions::stepped;
use super::gesture;
use super::grid::place;
use super::knob::{self, KnobLook};
use super::layout::{Measures, knob_height};
use super::theme::{self, COOL, INK, Size, TextLook};
use crate::evolve_params::bars_text;
use crate::params::{InstrumentParams, PackNames};
use crate::play_params::{PlayParams, stretch_text};

/// The switch, seven knobs and the target; the bars and the depth of evolving.
const CELLS: usize = 11;
/// Bars that the chip steps through.
const BARS: [i32; 6] = [0, 1, 2, 4, 8, 16];

/// Draws the row.
pub(super) fn show(
    ui: &mut Ui,
    rect: Rect,
    measures: Measures,
    (params, setter): (&InstrumentParams, &ParamSetter<'_>),
    names: &PackNames,
) {
    theme::panel(ui.painter(), rect);
    let inner = rect.shrink2(vec2(8.0, measures.play_padding()));
    let height = knob_height(measures.play_knob);
    let cell = |index: usize| place(inner, inner.top(), (index, CELLS), height);
    let evolve = &params.evolve;
    let params = &params.play;
    show_freeze(ui, cell(0), measures, (&params.freeze, setter));
    for (index, (param, name, hint)) in knobs(params).into_iter().enumerate() {
        let look = KnobLook {
            diameter: measures.play_knob,
            colour: COOL,
            name,
            value: Some(short(params, param)),
            hint,
            sounding: None,
        };
        knob::show(ui, cell(index + 1), param, setter, &look);
    }
    show_target(
        ui,
        cell(CELLS - 3),
        measures,
        (&params.morph_target, setter),
        names,
    );
    show_evolve(ui, cell(CELLS - 2), measures, (&evolve.bars, setter));
    let look = KnobLook {
        diameter: measures.play_knob,
        colour: COOL,
        name: "Depth",
        value: Some(evolve.depth.to_string()),
        hint: "How far evolving goes: at 100 % as wide as all that the pack learnt",
        sounding: None,
    };
    knob::show(ui, cell(CELLS - 1), &evolve.depth, setter, &look);
}

/// The knobs in reading order: time, spectrum, morph.
fn knobs(params: &PlayParams) -> [(&FloatParam, &'static str, &'static str); 7] {
    let stretch = "How much longer a note takes to run its course";
    let scrub = "Seconds into the note, beside its own time";
    [
        (&params.stretch, "Stretch", stretch),
        (&params.scrub_s, "Scrub", scrub),
        (&params.blur, "Blur", "Smears partials into a wash"),
        (
            &params.tilt_db,
            "Tilt",
            "Darker or brighter, at the same loudness; dB an octave",
        ),
        (
            &params.shift_st,
            "Shift",
            "Moves the pitch and leaves the formants",
        ),
        (
            &params.formant_st,
            "Formant",
            "Moves the formants and leaves the pitch",
        ),
        (
            &params.morph,
            "Morph",
            "From the knobs' sound to the target's, bin by bin",
        ),
    ]
}

/// The parameter's words with no more than fits under a small knob.
fn short(params: &PlayParams, param: &FloatParam) -> String {
    let value = param.unmodulated_plain_value();
    if std::ptr::eq(param, &params.stretch) {
        return stretch_text(value);
    }
    match param.unit() {
        " dB/oct" => signed(value, " dB"),
        " st" => signed(value, " st"),
        _ => param.to_string(),
    }
}

/// "+3.0 st", "−0.5 dB", "0 st".
fn signed(value: f32, unit: &str) -> String {
    let rounded = (value * 10.0).round() / 10.0;
    if rounded == 0.0 {
        format!("0{unit}")
    } else {
        format!("{rounded:+.1}{unit}").replace('-', "−")
    }
}

/// The name of a chip, where knobs have theirs.
fn name_under(ui: &Ui, cell: Rect, measures: Measures, name: &str) {
    let at = pos2(cell.center().x, cell.top() + measures.play_knob + 10.0);
    let within = (TextLook::regular(Size::Value, INK), cell.width() - 2.0);
    theme::text_within(ui.painter(), at, Align2::CENTER_CENTER, name, within);
}

/// A chip where knobs have their arc.
fn chip_rect(cell: Rect, measures: Measures) -> Rect {
    let centre = pos2(cell.center().x, cell.top() + measures.play_knob * 0.5);
    Rect::from_center_size(centre, vec2(cell.width() - 8.0, measures.play_knob - 2.0))
}

fn show_freeze(
    ui: &Ui,
    cell: Rect,
    measures: Measures,
    (param, setter): (&BoolParam, &ParamSetter<'_>),
) {
    let frozen = param.unmodulated_plain_value();
    let word = if frozen { "held" } else { "off" };
    let response = chip::show(ui, chip_rect(cell, measures), word, frozen);
    if response.clicked() {
        gesture::set_once(setter, param, !frozen);
    }
    response.on_hover_text("Holds every note at its moment; it still ends when it is let go");
    name_under(ui, cell, measures, "Freeze");
}

fn show_evolve(
    ui: &Ui,
    cell: Rect,
    measures: Measures,
    (param, setter): (&IntParam, &ParamSetter<'_>),
) {
    let bars = param.unmodulated_plain_value();
    let word = bars_text(bars);
    let response = chip::show(ui, chip_rect(cell, measures), &word, bars > 0);
    let by = i32::from(response.clicked()) - i32::from(response.secondary_clicked());
    if by != 0 {
        gesture::set_once(setter, param, stepped_bars(bars, by));
    }
    response.on_hover_text(
        "The knobs wander through the pack's space, to another place in so many bars; the seed says where\nclick for more bars, right click for fewer",
    );
    name_under(ui, cell, measures, "Evolve");
}

/// The next of the chip's numbers of bars, round.
fn stepped_bars(bars: i32, by: i32) -> i32 {
    let now = BARS.iter().rposition(|known| *known <= bars).unwrap_or(0);
    let place = (now as i32 + by).rem_euclid(BARS.len() as i32);
    BARS[place as usize]
}

fn show_target(
    ui: &Ui,
    cell: Rect,
    measures: Measures,
    (param, setter): (&IntParam, &ParamSetter<'_>),
    names: &PackNames,
) {
    let count = names.presets.len() as i32;
    let now = param.unmodulated_plain_value().clamp(0, (count - 1).max(0));
    let word = names.presets.get(now as usize).map_or("—", String::as_str);
    let response = chip::show(ui, chip_rect(cell, measures), word, false);
    let by = i32::from(response.clicked()) - i32::from(response.secondary_clicked());
    if by != 0 && count > 0 {
        gesture::set_once(setter, param, stepped(now, by, count));
    }
    response.on_hover_text(format!(
        "Morph goes to {word}\nclick for the next preset, right click for the one before"
    ));
    name_under(ui, cell, measures, "Morph to");
}

#[cfg(test)]
mod tests {
    use super::{knobs, short, signed, stepped_bars};
    use crate::params::SharedNames;
    use crate::play_params::PlayParams;

    #[test]
    fn semitones_and_slopes_read_with_their_sign() {
        assert_eq!(signed(3.0, " st"), "+3.0 st");
        assert_eq!(signed(-0.52, " dB"), "−0.5 dB");
        assert_eq!(signed(0.04, " st"), "0 st");
    }

    #[test]
    fn the_chip_steps_through_its_bars_and_round_from_wherever_it_stands() {
        assert_eq!(stepped_bars(0, 1), 1);
        assert_eq!(stepped_bars(4, 1), 8);
        assert_eq!(stepped_bars(5, 1), 8);
        assert_eq!(stepped_bars(16, 1), 0);
        assert_eq!(stepped_bars(0, -1), 16);
    }

    #[test]
    fn neutral_knobs_read_as_neutral() {
        let params = PlayParams::new(&SharedNames::default());
        let words = knobs(&params).map(|(param, ..)| short(&params, param));
        let neutral = ["1.00x", "0.00 s", "0 %", "0 dB", "0 st", "0 st", "0 %"];
        assert_eq!(words, neutral.map(String::from));
    }
}
