//! Product, verb and pack along the top; under them the sentence and the field for a path.
//! Window thread.

use std::path::{Path, PathBuf};

use egui::{
    Align2, CornerRadius, FontSelection, Key, Rect, Role, Sense, Stroke, TextEdit, Ui, WidgetInfo,
    pos2, vec2,
};

use super::chip;
use super::facts::Facts;
use super::theme::{
    self, CONTROL_RADIUS, COOL, DIM, FAINT, GROUND, INK, LINE, PANEL, Size, TextLook, WARM,
};
use crate::shelf::{Section, reference_to};
use crate::state::{ModelField, ModelReference, PlaceSource};
use crate::view::Opens;

const MARGIN: f32 = 24.0;
const NOTICE_HEIGHT: f32 = 28.0;

/// Width of a chip that steps through the instruments.
const ARROW: f32 = 24.0;
const GAP: f32 = 6.0;
/// Width of a verb; also half of what verbs and arrows take from the right half.
const VERB: f32 = 104.0;
/// Room for the mark behind the name that says that there are more.
const CARET: f32 = 15.0;

/// The field that takes a path to a pack, or to a sound that the knobs are to be set to.
#[derive(Default)]
pub(super) struct LoadField {
    path: String,
    open: bool,
    ask_focus: bool,
}

impl LoadField {
    /// Opens the field, ready for a path.
    pub(super) fn show(&mut self) {
        self.open = true;
        self.ask_focus = true;
    }
}

/// Where the wish for a pack goes, and where that for the place of a sound.
type Fields<'a> = (&'a ModelField, &'a ModelField);

/// What the window is for now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verb {
    /// Notes and knobs play the pack.
    Play,
    /// It plays on.
    Continue,
    /// What comes in becomes something else.
    Transform,
}

impl Verb {
    /// What the window opens on.
    pub(super) fn first(opens: Opens) -> Self {
        match opens {
            Opens::ToPlay => Self::Play,
            Opens::ToContinue => Self::Continue,
        }
    }
}

/// The product's name.
pub(super) fn title(opens: Opens) -> &'static str {
    match opens {
        Opens::ToPlay => "Afterimage",
        Opens::ToContinue => "Afterimage FX",
    }
}

/// The verbs of the effect; the instrument has the first two.
const VERBS: [(Verb, &str); 3] = [
    (Verb::Play, "Play"),
    (Verb::Continue, "Continue"),
    (Verb::Transform, "Transform"),
];

fn verbs(opens: Opens) -> &'static [(Verb, &'static str)] {
    match opens {
        Opens::ToPlay => &VERBS[..2],
        Opens::ToContinue => &VERBS,
    }
}

/// Draws product, verbs and pack; true when the shelf was asked for.
pub(super) fn show(
    ui: &Ui,
    rect: Rect,
    (facts, opens): (&Facts, Opens),
    model: &ModelField,
    verb: &mut Verb,
) -> bool {
    let painter = ui.painter();
    let look = TextLook::medium(Size::Title, INK);
    let at = pos2(rect.left() + MARGIN, rect.center().y);
    theme::text(painter, at, Align2::LEFT_CENTER, title(opens), look);
    show_verbs(ui, rect, opens, verb);
    let edge = [
        pos2(rect.left(), rect.bottom() - 0.5),
        pos2(rect.right(), rect.bottom() - 0.5),
    ];
    painter.line_segment(edge, Stroke::new(1.0, LINE));
    let mut pack = rect;
    pack.max.x -= MARGIN;
    if facts.shelf.section(Section::Instruments).nth(1).is_some() {
        pack.max.x = show_arrows(ui, pack, facts, model) - 2.0 * GAP;
    }
    show_pack(ui, pack, facts)
}

/// Steps through the instruments of the shelf; returns where the arrows begin.
fn show_arrows(ui: &Ui, rect: Rect, facts: &Facts, model: &ModelField) -> f32 {
    let size = vec2(ARROW, 26.0);
    let top = rect.center().y - 0.5 * size.y;
    let next_at = pos2(rect.right() - size.x, top);
    let previous_at = pos2(next_at.x - GAP - size.x, top);
    for (at, by, says) in [
        (previous_at, -1, "The instrument before"),
        (next_at, 1, "The next instrument"),
    ] {
        let arrow = Rect::from_min_size(at, size);
        if chip::show_arrow(ui, arrow, by as f32, says).clicked()
            && let Some(wanted) = facts.shelf.stepped(&facts.status.pack_hash, by)
        {
            model.choose(reference_to(wanted));
        }
    }
    previous_at.x
}

/// The verbs that are there, one of them chosen.
fn show_verbs(ui: &Ui, rect: Rect, opens: Opens, chosen: &mut Verb) {
    let verbs = verbs(opens);
    for (index, (verb, name)) in verbs.iter().copied().enumerate() {
        let from_middle = (index as f32 - 0.5 * (verbs.len() - 1) as f32) * VERB;
        let centre = rect.center() + vec2(from_middle, 0.0);
        let touched = Rect::from_center_size(centre, vec2(VERB, rect.height() - 16.0));
        let response = ui.interact(touched, ui.scope_id().with(name), Sense::click());
        response.widget_info(|| WidgetInfo::labeled(Role::Tab, true, name));
        if response.clicked() {
            *chosen = verb;
        }
        let painter = ui.painter();
        let is_chosen = *chosen == verb;
        let look = match is_chosen {
            true => TextLook::medium(Size::Verb, COOL),
            false if response.hovered() => TextLook::regular(Size::Verb, INK),
            false => TextLook::regular(Size::Verb, DIM),
        };
        let words = theme::text(painter, centre, Align2::CENTER_CENTER, name, look);
        if is_chosen {
            let y = words.bottom() + 8.0;
            let line = [pos2(words.left() - 5.0, y), pos2(words.right() + 5.0, y)];
            painter.line_segment(line, Stroke::new(2.0, COOL));
        }
    }
}

/// Draws name and licence of the pack; true when it was clicked.
fn show_pack(ui: &Ui, rect: Rect, facts: &Facts) -> bool {
    let painter = ui.painter();
    let status = &facts.status;
    let name = match (status.pack_name.as_str(), status.loading) {
        ("", true) => "Loading a pack…",
        ("", false) => "No pack",
        (name, _) => name,
    };
    let middle = rect.center().y;
    // The middle of the window is the verb's.
    let room = rect.width() * 0.5 - 1.5 * VERB;
    let line = |y: f32, right: f32, words: &str, look: TextLook| {
        let width = theme::text_width(painter, words, look).min(room);
        let at = pos2(right, y);
        theme::text_within(painter, at, Align2::RIGHT_CENTER, words, (look, room));
        right - width
    };
    let name_look = TextLook::medium(Size::Name, INK);
    let name_left = line(middle - 9.0, rect.right() - CARET, name, name_look);
    let note_look = TextLook::regular(Size::Note, DIM);
    let note_left = line(middle + 9.0, rect.right(), &trust(facts), note_look);
    let whole = rect.shrink2(vec2(0.0, 14.0));
    let whole = whole.with_min_x(name_left.min(note_left));
    let response = ui.interact(whole, ui.scope_id().with("pack"), Sense::click());
    response.widget_info(|| WidgetInfo::labeled(Role::Button, true, name));
    let active = response.hovered() || response.has_focus();
    let colour = if active { INK } else { DIM };
    let tip = pos2(rect.right() - 5.0, middle - 6.0);
    let caret = vec![tip - vec2(4.0, 4.0), tip, tip + vec2(4.0, -4.0)];
    painter.line(caret, Stroke::new(1.5, colour));
    let words = match status.description.as_str() {
        "" => "Choose another pack".to_owned(),
        description => format!("{description}\nclick to choose another pack"),
    };
    response.on_hover_text(words).clicked()
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
    fields: Fields<'_>,
) {
    let line = Rect::from_min_size(rect.min, vec2(rect.width(), NOTICE_HEIGHT));
    if field.open {
        show_field(ui, line, field, fields);
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

fn show_field(ui: &mut Ui, rect: Rect, field: &mut LoadField, fields: Fields<'_>) {
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
    let words = "Paste the path of a pack (.onnx, .afterimage or its folder), or of a sound (.wav, .flac) to set the knobs to it";
    let hint = egui::RichText::new(words).color(DIM);
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
        wish(field, fields);
    }
    let escaped = response.lost_focus() && ui.input(|input| input.key_pressed(Key::Escape));
    if chip::show(ui, close, close_word, false).clicked() || escaped {
        field.open = false;
    }
}

/// Leaves the wish; the loader answers with a name, a place or a sentence.
fn wish(field: &mut LoadField, (model, placed): Fields<'_>) {
    let Some(path) = path_from_words(&field.path) else {
        return;
    };
    if is_sound(&path) {
        placed.wish_place(PlaceSource::File(path));
    } else {
        model.wish(ModelReference {
            path: Some(path),
            ..ModelReference::default()
        });
    }
    field.open = false;
}

/// Whether a path names a sound, by its ending.
fn is_sound(path: &Path) -> bool {
    let ending = path.extension().unwrap_or_default().to_string_lossy();
    ["wav", "wave", "flac"]
        .iter()
        .any(|known| ending.eq_ignore_ascii_case(known))
}

/// A pasted path: without spaces and quotes around it, nor the scheme that file managers put before.
fn path_from_words(words: &str) -> Option<PathBuf> {
    let words = words.trim().trim_matches(['"', '\'']);
    let words = words.strip_prefix("file://").unwrap_or(words);
    (!words.is_empty()).then(|| PathBuf::from(words))
}

#[cfg(test)]
mod tests {
    use super::{LoadField, PlaceSource, path_from_words, show_arrows, wish};
    use crate::editor::facts::Facts;
    use crate::editor::headless::click;
    use crate::shelf::tests::shelf_of;
    use crate::state::ModelField;
    use egui::{Rect, pos2, vec2};
    use std::path::Path;
    use std::sync::Arc;

    /// Hash of the pack that is wished for after a click so far from the right edge.
    fn wished_by_a_click(from_right: f32) -> Option<String> {
        let mut facts = Facts::default();
        facts.status.pack_hash = "a".into();
        let rows: [(&str, &[&str], &str); 3] =
            [("a", &[], "play"), ("b", &[], "play"), ("c", &[], "play")];
        facts.shelf = Arc::new(shelf_of(&rows));
        let model = ModelField::default();
        let header = Rect::from_min_size(pos2(0.0, 0.0), vec2(1096.0, 64.0));
        let at = header.right_center() - vec2(from_right, 0.0);
        click(at, |ui| show_arrows(ui, header, &facts, &model) < 0.0);
        model.take_wish().map(|(wish, _)| wish.hash)
    }

    #[test]
    fn the_arrows_wish_for_the_neighbours_and_the_space_beside_them_for_nothing() {
        assert_eq!(wished_by_a_click(12.0).as_deref(), Some("b"));
        assert_eq!(wished_by_a_click(42.0).as_deref(), Some("c"));
        assert_eq!(wished_by_a_click(80.0), None);
    }

    #[test]
    fn the_path_of_a_sound_wishes_for_its_place_and_any_other_for_a_pack() {
        for (words, is_sound) in [
            ("/a/kick.wav", true),
            ("/a/Pad.FLAC", true),
            ("/a/pack.onnx", false),
            ("/a/wav", false),
        ] {
            let (model, placed) = (ModelField::default(), ModelField::default());
            let mut field = LoadField {
                path: words.to_owned(),
                ..LoadField::default()
            };
            wish(&mut field, (&model, &placed));
            let path = Path::new(words).to_path_buf();
            let expected = is_sound.then_some(PlaceSource::File(path));
            assert_eq!(placed.take_place_wish(), expected, "{words}");
            assert_eq!(model.take_wish().is_some(), !is_sound, "{words}");
        }
    }

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
