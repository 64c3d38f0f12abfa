//! A chip: a word in a box that is chosen or not. Window thread.

use egui::{
    Align2, CornerRadius, Rect, Response, Role, Sense, Stroke, StrokeKind, Ui, WidgetInfo, vec2,
};

use super::theme::{self, CONTROL_RADIUS, DIM, FAINT, INK, LINE, Size, TextLook};

/// Space left and right of a chip's word.
const SIDE: f32 = 10.0;

/// Width that a chip with `word` wants.
pub(super) fn width(ui: &Ui, word: &str) -> f32 {
    theme::text_width(ui.painter(), word, look(true)) + 2.0 * SIDE
}

/// Shows a chip. A chosen one is filled and its word brighter and heavier.
pub(super) fn show(ui: &Ui, rect: Rect, word: &str, chosen: bool) -> Response {
    let response = touch(ui, rect, word, chosen);
    paint_box(ui, rect, &response, chosen);
    let at = rect.center();
    let within = (look(chosen || response.hovered()), rect.width() - SIDE);
    theme::text_within(ui.painter(), at, Align2::CENTER_CENTER, word, within);
    response
}

/// Shows a chip whose word stands left, after a dot when it is chosen. True in `.1` when it was cut.
pub(super) fn show_row(ui: &Ui, rect: Rect, word: &str, chosen: bool) -> (Response, bool) {
    let response = touch(ui, rect, word, chosen);
    paint_box(ui, rect, &response, chosen);
    let mut at = rect.left_center() + vec2(SIDE, 0.0);
    if chosen {
        ui.painter()
            .circle_filled(at + vec2(2.0, 0.0), 2.5, theme::COOL);
        at.x += 10.0;
    }
    let within = (
        look(chosen || response.hovered()),
        rect.right() - SIDE - at.x,
    );
    let cut = theme::text_within(ui.painter(), at, Align2::LEFT_CENTER, word, within);
    (response, cut)
}

/// A die: a chip that draws another number.
pub(super) fn show_die(ui: &Ui, rect: Rect, says: &str) -> Response {
    let response = touch(ui, rect, says, false);
    paint_box(ui, rect, &response, false);
    let colour = if response.hovered() { INK } else { DIM };
    let side = (rect.height() * 0.54).round();
    let die = Rect::from_center_size(rect.center(), vec2(side, side));
    let outline = Stroke::new(1.2, colour);
    ui.painter()
        .rect_stroke(die, CornerRadius::same(3), outline, StrokeKind::Middle);
    for (x, y) in [
        (-1.0, -1.0),
        (1.0, -1.0),
        (0.0, 0.0),
        (-1.0, 1.0),
        (1.0, 1.0),
    ] {
        let pip = die.center() + vec2(x, y) * side * 0.26;
        ui.painter().circle_filled(pip, 1.2, colour);
    }
    response.on_hover_text(says)
}

/// A chip with an arrow head: to the right, or to the left where `forward` is negative.
pub(super) fn show_arrow(ui: &Ui, rect: Rect, forward: f32, says: &str) -> Response {
    let response = touch(ui, rect, says, false);
    paint_box(ui, rect, &response, false);
    let colour = if response.hovered() { INK } else { DIM };
    let tip = rect.center() + vec2(2.5 * forward, 0.0);
    let ends = [
        tip + vec2(-5.0 * forward, -5.0),
        tip + vec2(-5.0 * forward, 5.0),
    ];
    let stroke = Stroke::new(1.5, colour);
    ui.painter().line(vec![ends[0], tip, ends[1]], stroke);
    response.on_hover_text(says)
}

fn touch(ui: &Ui, rect: Rect, word: &str, chosen: bool) -> Response {
    let place = (rect.left().round() as i32, rect.top().round() as i32);
    let id = ui.scope_id().with(("chip", word, place));
    let response = ui.interact(rect, id, Sense::click());
    response.widget_info(|| WidgetInfo::selected(Role::Button, true, chosen, word));
    response
}

fn paint_box(ui: &Ui, rect: Rect, response: &Response, chosen: bool) {
    let radius = CornerRadius::same(CONTROL_RADIUS);
    if chosen {
        ui.painter().rect_filled(rect, radius, LINE);
    }
    let active = response.hovered() || response.has_focus();
    let colour = if active { FAINT } else { LINE };
    let stroke = Stroke::new(1.0, colour);
    ui.painter()
        .rect_stroke(rect, radius, stroke, StrokeKind::Inside);
}

fn look(bright: bool) -> TextLook {
    if bright {
        TextLook::medium(Size::Value, INK)
    } else {
        TextLook::regular(Size::Value, DIM)
    }
}
