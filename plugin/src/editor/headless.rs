//! A window without a screen, for tests of what a click does.

use egui::{Context, Event, Modifiers, PointerButton, Pos2, RawInput, Rect, Ui, pos2, vec2};

use super::theme;

/// Draws with `draw` while the pointer comes to `at`, presses and lets go; true when any of the
/// pictures answered with true. The window is 1120 x 700.
pub(super) fn click(at: Pos2, mut draw: impl FnMut(&mut Ui) -> bool) -> bool {
    let context = Context::default();
    theme::install(&context);
    let button = |pressed| Event::PointerButton {
        pos: at,
        button: PointerButton::Primary,
        pressed,
        modifiers: Modifiers::default(),
    };
    // What is drawn in one picture can be touched in the next.
    let pictures = [
        vec![],
        vec![Event::PointerMoved(at)],
        vec![button(true)],
        vec![button(false)],
    ];
    let mut answered = false;
    for events in pictures {
        let input = RawInput {
            screen_rect: Some(Rect::from_min_size(pos2(0.0, 0.0), vec2(1120.0, 700.0))),
            events,
            ..RawInput::default()
        };
        let mut output = context.run_ui(input, |ui| answered |= draw(ui));
        output.textures_delta.clear(); // nobody paints them
    }
    answered
}
