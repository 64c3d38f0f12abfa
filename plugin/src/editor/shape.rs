//! Envelope, width, drift, wheel and gain. Window thread.

use egui::{Color32, Rect, Ui, vec2};
use nice_plug::prelude::{FloatParam, Param, ParamSetter};

use super::grid::place;
use super::knob::{self, KnobLook};
use super::layout::{Measures, knob_height};
use super::theme::{self, COOL, INK, WARM};
use crate::params::InstrumentParams;

/// Draws two rows of four knobs.
pub(super) fn show(
    ui: &mut Ui,
    rect: Rect,
    measures: Measures,
    params: &InstrumentParams,
    setter: &ParamSetter<'_>,
) {
    let words = ("Envelope and output", "");
    let inner = theme::titled_panel(
        ui.painter(),
        rect,
        (measures.title_padding(), measures.title),
        words,
    );
    let inner = inner.expand2(vec2(8.0, 0.0));
    let height = knob_height(measures.knob);
    for (index, (param, name, colour, hint)) in knobs(params).into_iter().enumerate() {
        let top = inner.top() + (index / 4) as f32 * (height + measures.padding * 0.5);
        let look = KnobLook {
            diameter: measures.knob,
            colour,
            name,
            value: Some(short(param)),
            hint,
            sounding: None,
        };
        knob::show(
            ui,
            place(inner, top, (index % 4, 4), height),
            param,
            setter,
            &look,
        );
    }
}

/// A parameter, its name, its colour and what it does.
type Shaper<'a> = (&'a FloatParam, &'static str, Color32, &'static str);

/// The knobs in reading order. The wheel is the player's, so it is warm; the gain belongs to neither.
fn knobs(params: &InstrumentParams) -> [Shaper<'_>; 8] {
    let drift = "Slow movement through the latent space while a note is held";
    [
        (&params.attack_ms, "Attack", COOL, "Time to full level"),
        (
            &params.decay_ms,
            "Decay",
            COOL,
            "Time from full level to the sustain level",
        ),
        (
            &params.sustain,
            "Sustain",
            COOL,
            "Level while a key is held",
        ),
        (
            &params.release_ms,
            "Release",
            COOL,
            "Time to silence after a key is let go",
        ),
        (
            &params.width,
            "Width",
            COOL,
            "Stereo width; the mono sum stays the same",
        ),
        (&params.drift, "Drift", COOL, drift),
        (
            &params.mod_wheel,
            "Wheel",
            WARM,
            "Travels the pack's path of sounds",
        ),
        (&params.gain_db, "Gain", INK, "Output level"),
    ]
}

/// The parameter's words with no more digits than fit under a knob.
fn short(param: &FloatParam) -> String {
    let value = param.unmodulated_plain_value();
    match param.unit() {
        " ms" => short_time(value),
        _ => param.to_string().replace('-', "−"),
    }
}

/// "0.5 ms", "250 ms", "1.40 s".
fn short_time(milliseconds: f32) -> String {
    match milliseconds {
        ms if ms < 9.95 => format!("{ms:.1} ms"),
        ms if ms < 999.5 => format!("{ms:.0} ms"),
        ms => format!("{:.2} s", ms / 1000.0),
    }
}

#[cfg(test)]
mod tests {
    use super::short_time;

    #[test]
    fn times_keep_three_digits_at_most() {
        assert_eq!(short_time(0.5), "0.5 ms");
        assert_eq!(short_time(9.97), "10 ms");
        assert_eq!(short_time(250.0), "250 ms");
        assert_eq!(short_time(999.7), "1.00 s");
        assert_eq!(short_time(20_000.0), "20.00 s");
    }
}
