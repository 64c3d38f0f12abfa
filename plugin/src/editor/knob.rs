//! A knob: an arc of 270 degrees with name and value under it. Window thread.
//!
//! Drag up and down; with shift finer. Double click resets, the wheel steps, a right or Ctrl click
//! lets a value be typed. With the keyboard's focus the arrow keys step.

use std::f32::consts::{FRAC_PI_2, PI};

use egui::{
    Align2, Color32, CursorIcon, EventFilter, Key, Painter, Pos2, Rect, Response, Sense, Stroke,
    Ui, WidgetInfo, pos2, vec2,
};
use nice_plug::prelude::{Param, ParamSetter};

use super::entry;
use super::gesture;
use super::theme::{self, DIM, FAINT, INK, LINE, Size, TextLook};

/// Sweep of a knob.
const SWEEP: f32 = 1.5 * PI;
/// Lower left, clockwise from the positive x axis, y down.
const START: f32 = 0.75 * PI;
/// Drag for the whole range, logical pixels.
const DRAG_RANGE: f32 = 200.0;
/// Shift makes a drag this much finer.
const FINE: f32 = 0.1;
/// Scroll for the whole range, logical pixels: one notch is 50.
const SCROLL_RANGE: f32 = 2_000.0;
/// Share of the range that an arrow key steps.
const KEY_STEP: f32 = 0.01;
/// A modulation that is drawn.
const SEEN_MODULATION: f32 = 0.004;

/// Angle of the pointer at a normalized value, radians, clockwise with y down.
fn angle(normalized: f32) -> f32 {
    START + SWEEP * normalized.clamp(0.0, 1.0)
}

/// How a knob looks and what it says.
pub(super) struct KnobLook<'a> {
    /// Diameter of the arc, logical pixels.
    pub(super) diameter: f32,
    /// Colour of the value's arc.
    pub(super) colour: Color32,
    /// Name under the knob.
    pub(super) name: &'a str,
    /// Value under the name; without it the parameter's own words.
    pub(super) value: Option<String>,
    /// Shown when the pointer rests.
    pub(super) hint: &'a str,
    /// Where the sound is now, normalized, if that is known and may differ from the knob.
    pub(super) sounding: Option<f32>,
}

/// Draws a knob in `rect` and lets the pointer change `param`.
pub(super) fn show<P: Param>(
    ui: &mut Ui,
    rect: Rect,
    param: &P,
    setter: &ParamSetter<'_>,
    look: &KnobLook<'_>,
) {
    let id = ui.scope_id().with(("knob", param.name()));
    let response = ui.interact(rect, id, Sense::click_and_drag());
    let value = look.value.clone().unwrap_or_else(|| param.to_string());
    response.widget_info(|| {
        let normalized = f64::from(param.unmodulated_normalized_value());
        WidgetInfo::slider(true, normalized, format!("{} {value}", look.name))
    });
    change(ui, &response, param, setter);
    let typed = entry::wanted(ui, id, &response, || gesture::words_to_type(param, &value));
    let name_cut = paint(
        ui,
        rect,
        &response,
        param.unmodulated_normalized_value(),
        look,
    );
    let value_rect = Rect::from_center_size(
        pos2(rect.center().x, rect.top() + look.diameter + 26.0),
        vec2(rect.width(), 16.0),
    );
    if typed {
        entry::show(ui, id, value_rect, |words| {
            gesture::set_from_words(setter, param, words)
        });
    } else {
        let value_look = TextLook::regular(value_size(look), DIM);
        theme::text_within(
            ui.painter(),
            value_rect.center(),
            Align2::CENTER_CENTER,
            &value,
            (value_look, rect.width()),
        );
    }
    let response = response.on_hover_cursor(CursorIcon::ResizeVertical);
    match (name_cut, look.hint) {
        (false, "") => {}
        (false, hint) => _ = response.on_hover_text(hint),
        (true, hint) => _ = response.on_hover_text(format!("{}\n{hint}", look.name).trim_end()),
    }
}

/// What a knob remembers between frames.
#[derive(Clone, Copy, Default)]
struct Grip {
    /// Unrounded value while a gesture is open.
    open: Option<f32>,
    /// The open gesture is the wheel's.
    wheel: bool,
}

fn change<P: Param>(ui: &Ui, response: &Response, param: &P, setter: &ParamSetter<'_>) {
    let memory = response.id.with("grip");
    let before: Grip = ui.data(|data| data.get_temp(memory)).unwrap_or_default();
    let mut grip = before;
    if response.double_clicked() {
        gesture::set_once(setter, param, param.default_plain_value());
    }
    if response.drag_started_by(egui::PointerButton::Primary) {
        open(&mut grip, param, setter, false);
    }
    if response.dragged_by(egui::PointerButton::Primary) && !grip.wheel {
        let fine = if ui.input(|input| input.modifiers.shift) {
            FINE
        } else {
            1.0
        };
        turn(
            &mut grip,
            param,
            setter,
            -response.drag_delta().y / DRAG_RANGE * fine,
        );
    }
    let scrolled = if response.hovered() {
        ui.input(|input| input.smooth_scroll_delta().y)
    } else {
        0.0
    };
    if scrolled != 0.0 {
        if grip.open.is_none() {
            open(&mut grip, param, setter, true);
        }
        turn(&mut grip, param, setter, scrolled / SCROLL_RANGE);
    }
    let released = response.drag_stopped() && !grip.wheel;
    if grip.open.is_some() && (released || (grip.wheel && scrolled == 0.0)) {
        setter.end_set_parameter(param);
        grip = Grip::default();
    }
    if grip.open.is_some() || before.open.is_some() {
        ui.data_mut(|data| data.insert_temp(memory, grip));
    }
    step_with_keys(ui, response, param, setter);
}

fn open<P: Param>(grip: &mut Grip, param: &P, setter: &ParamSetter<'_>, wheel: bool) {
    if grip.open.is_none() {
        setter.begin_set_parameter(param);
    }
    *grip = Grip {
        open: Some(param.unmodulated_normalized_value()),
        wheel,
    };
}

fn turn<P: Param>(grip: &mut Grip, param: &P, setter: &ParamSetter<'_>, by: f32) {
    if let Some(value) = &mut grip.open {
        *value = (*value + by).clamp(0.0, 1.0);
        gesture::set_within(setter, param, *value);
    }
}

fn step_with_keys<P: Param>(ui: &Ui, response: &Response, param: &P, setter: &ParamSetter<'_>) {
    if !response.has_focus() {
        return;
    }
    ui.memory_mut(|memory| {
        let filter = EventFilter {
            vertical_arrows: true,
            ..EventFilter::default()
        };
        memory.set_focus_lock_filter(response.id, filter);
    });
    let steps = ui.input(|input| {
        input.num_presses(Key::ArrowUp) as f32 - input.num_presses(Key::ArrowDown) as f32
    });
    if steps != 0.0 {
        let value = param.unmodulated_normalized_value() + steps * KEY_STEP;
        gesture::set_once(setter, param, param.preview_plain(value.clamp(0.0, 1.0)));
    }
}

/// Draws arcs, pointer and name; true when the name had to be cut.
fn paint(ui: &Ui, rect: Rect, response: &Response, normalized: f32, look: &KnobLook<'_>) -> bool {
    let painter = ui.painter();
    let radius = look.diameter * 0.5;
    let width = (look.diameter / 12.0).max(2.5);
    let centre = pos2(rect.center().x, rect.top() + radius);
    let arc_radius = radius - width * 0.5;
    let active = response.hovered() || response.dragged() || response.has_focus();
    let track = if active { FAINT } else { LINE };
    arc(
        painter,
        centre,
        arc_radius,
        (0.0, 1.0),
        Stroke::new(width, track),
    );
    if normalized > 0.0 {
        let stroke = Stroke::new(width, look.colour);
        arc(painter, centre, arc_radius, (0.0, normalized), stroke);
    }
    if let Some(sounding) = look.sounding
        && (sounding - normalized).abs() > SEEN_MODULATION
    {
        let stroke = Stroke::new(1.5, DIM);
        arc(
            painter,
            centre,
            radius + 3.0,
            (normalized, sounding),
            stroke,
        );
    }
    let direction = vec2(angle(normalized).cos(), angle(normalized).sin());
    painter.line_segment(
        [
            centre + direction * arc_radius * 0.42,
            centre + direction * arc_radius * 0.74,
        ],
        Stroke::new(width * 0.6, INK),
    );
    let name_look = TextLook::regular(name_size(look), INK);
    let name_at = pos2(rect.center().x, rect.top() + look.diameter + 10.0);
    theme::text_within(
        painter,
        name_at,
        Align2::CENTER_CENTER,
        look.name,
        (name_look, rect.width() - 2.0),
    )
}

fn name_size(look: &KnobLook<'_>) -> Size {
    if look.diameter >= 48.0 {
        Size::Name
    } else {
        Size::Value
    }
}

fn value_size(look: &KnobLook<'_>) -> Size {
    if look.diameter >= 48.0 {
        Size::Value
    } else {
        Size::Note
    }
}

/// Draws an arc between two normalized values, with round ends.
fn arc(painter: &Painter, centre: Pos2, radius: f32, (from, to): (f32, f32), stroke: Stroke) {
    let (from, to) = (angle(from.min(to)), angle(from.max(to)));
    let steps = ((to - from) / FRAC_PI_2 * 24.0).ceil().max(1.0) as usize;
    let points: Vec<Pos2> = (0..=steps)
        .map(|step| {
            let angle = from + (to - from) * step as f32 / steps as f32;
            centre + vec2(angle.cos(), angle.sin()) * radius
        })
        .collect();
    for end in [points[0], points[steps]] {
        painter.circle_filled(end, stroke.width * 0.5, stroke.color);
    }
    painter.line(points, stroke);
}

#[cfg(test)]
mod tests {
    use super::{START, SWEEP, angle};
    use std::f32::consts::PI;

    #[test]
    fn a_knob_sweeps_270_degrees_and_stands_upright_in_the_middle() {
        assert!((angle(1.0) - angle(0.0) - 1.5 * PI).abs() < 1e-5);
        // Up is 270 degrees, clockwise with y down.
        assert!((angle(0.5) - 1.5 * PI).abs() < 1e-5);
        assert!((angle(0.0).cos() + angle(1.0).cos()).abs() < 1e-5);
        assert!(angle(0.0).sin() > 0.0 && angle(1.0).sin() > 0.0);
    }

    #[test]
    fn angles_rise_with_values_and_stop_at_the_ends() {
        let mut last = angle(-1.0);
        assert_eq!(last, START);
        for step in 0..=100 {
            let now = angle(step as f32 / 100.0);
            assert!(now >= last);
            last = now;
        }
        assert_eq!(angle(3.0), START + SWEEP);
    }
}
