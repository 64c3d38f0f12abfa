//! Typing a value where it is shown: Enter takes it over, Escape or a click elsewhere leaves it.
//! Window thread.

use egui::{Align2, FontSelection, Id, Key, Margin, Rect, Response, TextEdit, Ui};

use super::theme::{INK, Size, TextLook};

/// The one value that is typed at a time.
#[derive(Clone, Default)]
struct Typed {
    words: String,
    focused: bool,
}

fn memory(owner: Id) -> Id {
    owner.with("typed value")
}

/// Opens the entry on a right or Ctrl click on its owner; true while it is open.
pub(super) fn wanted(
    ui: &Ui,
    owner: Id,
    response: &Response,
    words: impl FnOnce() -> String,
) -> bool {
    let with_ctrl = response.clicked() && ui.input(|input| input.modifiers.command);
    if response.secondary_clicked() || with_ctrl {
        open(ui, owner, words());
    }
    ui.data(|data| data.get_temp::<Typed>(memory(owner)))
        .is_some()
}

/// Opens the entry with the words of the value that is there.
pub(super) fn open(ui: &Ui, owner: Id, words: String) {
    let typed = Typed {
        words,
        focused: false,
    };
    ui.data_mut(|data| data.insert_temp(memory(owner), typed));
}

/// Shows the entry. `take`: false when the words do not read as a value; then it stays open.
pub(super) fn show(ui: &mut Ui, owner: Id, rect: Rect, take: impl FnOnce(&str) -> bool) {
    let memory = memory(owner);
    let Some(mut typed) = ui.data(|data| data.get_temp::<Typed>(memory)) else {
        return;
    };
    let edit = TextEdit::singleline(&mut typed.words)
        .id(owner.with("edit"))
        .font(FontSelection::FontId(
            TextLook::regular(Size::Value, INK).font(),
        ))
        .margin(Margin::symmetric(2, 0))
        .align(Align2::CENTER_CENTER)
        .desired_width(rect.width());
    let response = ui.put(rect, edit);
    if !typed.focused {
        response.request_focus();
        select_all(ui, response.id, typed.words.chars().count());
        typed.focused = true;
    } else if response.lost_focus() {
        let entered = ui.input(|input| input.key_pressed(Key::Enter));
        if !entered || take(&typed.words) {
            ui.data_mut(|data| data.remove::<Typed>(memory));
            return;
        }
        typed.focused = false;
    }
    ui.data_mut(|data| data.insert_temp(memory, typed));
}

/// Selects what is there, so that typing replaces it.
fn select_all(ui: &Ui, edit: Id, length: usize) {
    use egui::text::{CCursor, CCursorRange};
    let mut state = TextEdit::load_state(ui.ctx(), edit).unwrap_or_default();
    let all = CCursorRange::two(CCursor::new(0), CCursor::new(length));
    state.cursor.set_char_range(Some(all));
    state.store(ui.ctx(), edit);
}
