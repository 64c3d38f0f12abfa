//! Product, verb and pack along the top; under them the sentence and the field for a path.
//! Window thread.

use std::path::PathBuf;

use egui::{
    Align2, CornerRadius, FontSelection, Key, Rect, Sense, Stroke, TextEdit, Ui, pos2, vec2,
};

use super::chip;
use super::facts::Facts;
use super::theme::{
    self, CONTROL_RADIUS, COOL, DIM, FAINT, GROUND, INK, LINE, PANEL, Size, TextLook, WARM,
};
use crate::state::{ModelField, ModelReference};

const MARGIN: f32 = 24.0;
const NOTICE_HEIGHT: f32 = 28.0;

/// The field that takes a path to a pack.
#[derive(Default)]
pub(super) struct LoadField {
    path: String,
    open: bool,
    ask_focus: bool,
}

/// Draws product, verb, pack and the chip that opens the field.
pub(super) fn show(ui: &Ui, rect: Rect, facts: &Facts, field: &mut LoadField) {
    let painter = ui.painter();
    let middle = rect.center().y;
    let title = TextLook::medium(Size::Title, INK);
    let at = pos2(rect.left() + MARGIN, middle);
    theme::text(painter, at, Align2::LEFT_CENTER, "Afterimage", title);
    show_verb(ui, rect);
    let edge = [
        pos2(rect.left(), rect.bottom() - 0.5),
        pos2(rect.right(), rect.bottom() - 0.5),
    ];
    painter.line_segment(edge, Stroke::new(1.0, LINE));
    let pack_left = show_pack(ui, rect, facts);
    let word = "Load pack…";
    let size = vec2(chip::width(ui, word), 26.0);
    let at = pos2(pack_left - 16.0 - size.x, middle - 13.0);
    if chip::show(ui, Rect::from_min_size(at, size), word, field.open).clicked() {
        field.open = !field.open;
        field.ask_focus = field.open;
    }
}

/// The verb that is there.
fn show_verb(ui: &Ui, rect: Rect) {
    let painter = ui.painter();
    let look = TextLook::medium(Size::Verb, COOL);
    let words = theme::text(painter, rect.center(), Align2::CENTER_CENTER, "Play", look);
    let y = words.bottom() + 8.0;
    let line = [pos2(words.left() - 5.0, y), pos2(words.right() + 5.0, y)];
    painter.line_segment(line, Stroke::new(2.0, COOL));
}

/// Draws name and licence of the pack; returns where they begin.
fn show_pack(ui: &Ui, rect: Rect, facts: &Facts) -> f32 {
    let painter = ui.painter();
    let right = rect.right() - MARGIN;
    let status = &facts.status;
    let name = match (status.pack_name.as_str(), status.loading) {
        ("", true) => "Loading a pack…",
        ("", false) => "No pack",
        (name, _) => name,
    };
    let middle = rect.center().y;
    let name_look = TextLook::medium(Size::Name, INK);
    let name_at = pos2(right, middle - 9.0);
    let name_rect = theme::text(painter, name_at, Align2::RIGHT_CENTER, name, name_look);
    let note = trust(facts);
    let note_look = TextLook::regular(Size::Note, DIM);
    let note_at = pos2(right, middle + 9.0);
    let note_rect = theme::text(painter, note_at, Align2::RIGHT_CENTER, &note, note_look);
    let whole = name_rect.union(note_rect);
    if !status.description.is_empty() {
        ui.interact(whole, ui.scope_id().with("pack"), Sense::hover())
            .on_hover_text(&status.description);
    }
    whole.left()
}

/// Licence and speed in one line.
fn trust(facts: &Facts) -> String {
    let status = &facts.status;
    let mut parts = Vec::new();
    if !status.license.is_empty() {
        parts.push(status.license.clone());
    }
    if status.loading && !status.pack_name.is_empty() {
        parts.push("loading another…".into());
    } else if status.real_time_factor > 0.0 {
        parts.push(format!(
            "{:.1}× real time on this machine",
            status.real_time_factor
        ));
    }
    parts.join(" · ")
}

/// Whether there is a line between header and content.
pub(super) fn has_notice(facts: &Facts, field: &LoadField) -> bool {
    field.open || facts.sentence().is_some()
}

/// Draws the field while it is open, else the sentence if there is one.
pub(super) fn show_notice(
    ui: &mut Ui,
    rect: Rect,
    facts: &Facts,
    field: &mut LoadField,
    model: &ModelField,
) {
    let line = Rect::from_min_size(rect.min, vec2(rect.width(), NOTICE_HEIGHT));
    if field.open {
        show_field(ui, line, field, model);
    } else if let Some(sentence) = facts.sentence() {
        show_sentence(ui, line, sentence);
    }
}

fn show_sentence(ui: &Ui, rect: Rect, sentence: &str) {
    let painter = ui.painter();
    painter.rect_filled(rect, CornerRadius::same(CONTROL_RADIUS), PANEL);
    let mark = Rect::from_min_size(rect.min, vec2(3.0, rect.height()));
    painter.rect_filled(mark, CornerRadius::same(1), WARM);
    let look = TextLook::regular(Size::Value, WARM);
    let at = rect.left_center() + vec2(14.0, 0.0);
    let within = (look, rect.width() - 28.0);
    if theme::text_within(painter, at, Align2::LEFT_CENTER, sentence, within) {
        ui.interact(rect, ui.scope_id().with("sentence"), Sense::hover())
            .on_hover_text(sentence);
    }
}

fn show_field(ui: &mut Ui, rect: Rect, field: &mut LoadField, model: &ModelField) {
    let (load_word, close_word) = ("Load", "Close");
    let load_width = chip::width(ui, load_word);
    let close_width = chip::width(ui, close_word);
    let close = Rect::from_min_max(pos2(rect.right() - close_width, rect.top()), rect.max);
    let load = Rect::from_min_max(
        pos2(close.left() - 8.0 - load_width, rect.top()),
        pos2(close.left() - 8.0, rect.bottom()),
    );
    let box_rect = Rect::from_min_max(rect.min, pos2(load.left() - 8.0, rect.bottom()));
    let radius = CornerRadius::same(CONTROL_RADIUS);
    ui.painter().rect_filled(box_rect, radius, GROUND);
    let border = Stroke::new(1.0, FAINT);
    ui.painter()
        .rect_stroke(box_rect, radius, border, egui::StrokeKind::Inside);
    let look = TextLook::regular(Size::Value, INK);
    let hint = egui::RichText::new("Paste the path of a pack: .onnx, .afterimage or its folder")
        .color(DIM);
    let edit = TextEdit::singleline(&mut field.path)
        .id(ui.scope_id().with("path"))
        .font(FontSelection::FontId(look.font()))
        .frame(egui::Frame::NONE)
        .align(Align2::LEFT_CENTER)
        .hint_text(hint)
        .desired_width(box_rect.width() - 20.0);
    let response = ui.put(box_rect.shrink2(vec2(10.0, 2.0)), edit);
    if std::mem::take(&mut field.ask_focus) {
        response.request_focus();
    }
    let entered = response.lost_focus() && ui.input(|input| input.key_pressed(Key::Enter));
    if chip::show(ui, load, load_word, false).clicked() || entered {
        wish(field, model);
    }
    let escaped = response.lost_focus() && ui.input(|input| input.key_pressed(Key::Escape));
    if chip::show(ui, close, close_word, false).clicked() || escaped {
        field.open = false;
    }
}

/// Leaves the wish; the loader answers with a name or a sentence.
fn wish(field: &mut LoadField, model: &ModelField) {
    if let Some(path) = path_from_words(&field.path) {
        model.wish(ModelReference {
            path: Some(path),
            ..ModelReference::default()
        });
        field.open = false;
    }
}

/// A pasted path: without spaces and quotes around it, nor the scheme that file managers put before.
fn path_from_words(words: &str) -> Option<PathBuf> {
    let words = words.trim().trim_matches(['"', '\'']);
    let words = words.strip_prefix("file://").unwrap_or(words);
    (!words.is_empty()).then(|| PathBuf::from(words))
}

#[cfg(test)]
mod tests {
    use super::path_from_words;
    use std::path::Path;

    #[test]
    fn a_path_reads_however_it_was_pasted() {
        for words in [
            "/a/b c.onnx",
            " \"/a/b c.onnx\"\n",
            "'/a/b c.onnx'",
            "file:///a/b c.onnx",
        ] {
            assert_eq!(
                path_from_words(words).as_deref(),
                Some(Path::new("/a/b c.onnx"))
            );
        }
        assert_eq!(path_from_words(" \n"), None);
    }
}
