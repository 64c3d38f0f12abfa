//! The takes: a row each, and what can be done with the one that is chosen. Window thread.

use afterimage_engine::contract::MAX_CLASSES;
use egui::{
    Align2, Color32, CornerRadius, Rect, Response, Role, ScrollArea, Sense, Ui, UiBuilder,
    WidgetInfo, pos2, vec2,
};
use nice_plug::prelude::ParamSetter;

use super::chip;
use super::entry;
use super::gesture;
use super::layout::Measures;
use super::theme::{self, COOL, DIM, FAINT, INK, LINE, Size, TextLook, WARM};
use crate::continuation_params::{ContinuationParams, FromChoice};
use crate::takes::desk::{TakeList, TakeWish, TakesDesk};
use crate::takes::record::TakeRecord;
use crate::takes::sound::WavForm;

/// Seeds that the parameter can name.
const SEEDS: u64 = 10_000;
const TITLE_HEIGHT: f32 = 24.0;
const ROW: f32 = 46.0;
const GAP: f32 = 6.0;
/// Room for the bar that shows while a long list is scrolled.
const SCROLL_BAR: f32 = 8.0;
/// Width of name and state, left of the outline.
const WORDS: f32 = 108.0;

/// What the panel remembers.
#[derive(Default)]
pub(super) struct TakesPanel {
    chosen: Option<String>,
}

impl TakesPanel {
    /// Draws the panel; a click on a row lets it be heard, or ends that.
    pub(super) fn show(
        &mut self,
        ui: &mut Ui,
        rect: Rect,
        measures: Measures,
        continuation: (&ContinuationParams, &ParamSetter<'_>),
        (desk, list): (&TakesDesk, &TakeList),
    ) {
        let note = match list.takes.len() {
            0 => "every continuation is kept here".to_owned(),
            many => format!("{many}, the newest first"),
        };
        let title = (measures.title_padding(), TITLE_HEIGHT);
        let inner = theme::titled_panel(ui.painter(), rect, title, ("Takes", &note));
        let chosen = self
            .chosen
            .as_ref()
            .and_then(|id| list.takes.iter().find(|take| take.id == *id));
        let mut rows = inner;
        if let Some(take) = chosen {
            let height = 2.0 * measures.chip + GAP;
            let actions = inner.with_min_y(inner.bottom() - height);
            rows.max.y = actions.top() - GAP;
            show_actions(ui, actions, measures, continuation, (desk, list, take));
        }
        let builder = UiBuilder::new().max_rect(rows).id_salt("takes");
        ui.scope_builder(builder, |ui| {
            ui.set_clip_rect(rows.expand2(vec2(8.0, 0.0)).intersect(ui.clip_rect()));
            ScrollArea::vertical().auto_shrink(false).show_rows(
                ui,
                ROW,
                list.takes.len(),
                |ui, visible| {
                    for take in &list.takes[visible] {
                        self.show_row(ui, rows.width(), (desk, list, take));
                    }
                },
            );
        });
    }

    fn show_row(
        &mut self,
        ui: &mut Ui,
        width: f32,
        (desk, list, take): (&TakesDesk, &TakeList, &TakeRecord),
    ) {
        let (rect, response) = ui.allocate_exact_size(vec2(width, ROW), Sense::click());
        response.widget_info(|| WidgetInfo::labeled(Role::Button, true, &take.name));
        let is_chosen = self.chosen.as_ref() == Some(&take.id);
        let is_heard = list.auditioned.as_ref() == Some(&take.id);
        paint_row(ui, rect, take, (is_chosen, is_heard, response.hovered()));
        let owner = ui.scope_id().with(("take", &take.id));
        if response.double_clicked() {
            entry::open(ui, owner, take.name.clone());
        } else if response.clicked() {
            self.chosen = Some(take.id.clone());
            desk.wish(if is_heard {
                TakeWish::Hush
            } else {
                TakeWish::Audition(take.id.clone())
            });
        }
        let name = Rect::from_min_size(rect.min, vec2(WORDS, ROW * 0.5));
        // In a child of its own, or the rows below would move up while a name is typed.
        let mut beside = ui.new_child(UiBuilder::new().max_rect(name).id_salt(&take.id));
        entry::show(&mut beside, owner, name, |words| {
            desk.wish(TakeWish::Name(take.id.clone(), words.to_owned()));
            true
        });
        response.on_hover_text(about(take));
    }
}

fn paint_row(ui: &Ui, rect: Rect, take: &TakeRecord, (chosen, heard, hovered): (bool, bool, bool)) {
    let painter = ui.painter();
    if chosen {
        let whole = rect.expand2(vec2(8.0, -2.0));
        painter.rect_filled(whole, CornerRadius::same(6), LINE);
    }
    let (state, colour) = match (heard, take.kept) {
        (true, _) => ("playing".to_owned(), COOL),
        (_, true) => ("kept".to_owned(), WARM),
        _ => (length(take), DIM),
    };
    for (y, words, look) in [
        (-8.0, take.name.as_str(), TextLook::medium(Size::Value, INK)),
        (8.0, state.as_str(), TextLook::regular(Size::Note, colour)),
    ] {
        let at = rect.left_center() + vec2(0.0, y);
        theme::text_within(painter, at, Align2::LEFT_CENTER, words, (look, WORDS - 8.0));
    }
    let mut picture = rect.shrink2(vec2(0.0, 10.0));
    picture.min.x += WORDS;
    picture.max.x -= SCROLL_BAR;
    let colour = match (heard, hovered) {
        (true, _) => COOL,
        (_, true) => DIM,
        _ => FAINT,
    };
    if take.is_of_notes() {
        paint_notes(ui, picture, take, colour);
    } else {
        paint_outline(ui, picture, &take.outline, colour);
    }
}

fn paint_outline(ui: &Ui, rect: Rect, outline: &[u8], colour: Color32) {
    let step = rect.width() / outline.len().max(1) as f32;
    for (index, part) in outline.iter().enumerate() {
        let height = (f32::from(*part) / 255.0 * rect.height()).max(1.0);
        let centre = pos2(rect.left() + (index as f32 + 0.5) * step, rect.center().y);
        let bar = Rect::from_center_size(centre, vec2((step * 0.7).max(1.0), height));
        ui.painter().rect_filled(bar, CornerRadius::same(1), colour);
    }
}

fn paint_notes(ui: &Ui, rect: Rect, take: &TakeRecord, colour: Color32) {
    let lowest = take.notes.iter().map(|note| note.key).min().unwrap_or(0);
    let highest = take.notes.iter().map(|note| note.key).max().unwrap_or(0);
    let keys = f32::from(highest.saturating_sub(lowest).max(11)) + 1.0; // an octave at least
    let ticks = take.length_ticks().max(1) as f32;
    let height = (rect.height() / keys).max(2.0);
    for note in &take.notes {
        let left = rect.left() + rect.width() * note.tick as f32 / ticks;
        let width = (rect.width() * note.duration_ticks as f32 / ticks - 1.0).max(1.5);
        let from_top = f32::from(highest - note.key) / keys * (rect.height() - height);
        let at = pos2(left, rect.top() + from_top);
        let bar = Rect::from_min_size(at, vec2(width, height));
        ui.painter().rect_filled(bar, CornerRadius::same(1), colour);
    }
}

fn length(take: &TakeRecord) -> String {
    match take.notes.len() {
        0 => format!("{:.1} s", take.seconds()),
        1 => "1 note".to_owned(),
        many => format!("{many} notes"),
    }
}

fn about(take: &TakeRecord) -> String {
    let prompt = match take.follows_heard {
        true => "from what was played",
        false => "from nothing",
    };
    format!(
        "{} · {} · seed {} · {prompt}\nclick to hear it, double click to name it",
        take.pack,
        length(take),
        take.seed
    )
}

/// Two rows of chips under the list.
fn show_actions(
    ui: &Ui,
    rect: Rect,
    measures: Measures,
    (params, setter): (&ContinuationParams, &ParamSetter<'_>),
    (desk, list, take): (&TakesDesk, &TakeList, &TakeRecord),
) {
    let id = || take.id.clone();
    let is_heard = list.auditioned.as_ref() == Some(&take.id);
    let [again, another, keep, delete] = chips(
        ui,
        rect.with_max_y(rect.top() + measures.chip),
        [
            (if is_heard { "stop" } else { "again" }, is_heard),
            ("another", false),
            (if take.kept { "kept" } else { "keep" }, take.kept),
            ("delete", false),
        ],
    );
    if again.clicked() {
        desk.wish(if is_heard {
            TakeWish::Hush
        } else {
            TakeWish::Audition(id())
        });
    }
    again.on_hover_text("The same samples once more");
    if another.clicked() && take.is_of_notes() {
        play_another(params, setter, take);
    } else if another.clicked() {
        desk.wish(TakeWish::Another(id()));
    }
    another.on_hover_text(match take.is_of_notes() {
        true => "Plays the next seed, with its labels and freedom, from what is played now",
        false => "Makes one with the next seed, from what was heard before this one",
    });
    if keep.clicked() {
        desk.wish(if take.kept {
            TakeWish::LetGo(id())
        } else {
            TakeWish::Keep(id())
        });
    }
    keep.on_hover_text("Stays when room is made, and travels in the session");
    if delete.clicked() {
        desk.wish(TakeWish::Delete(id()));
    }
    let below = rect.with_min_y(rect.bottom() - measures.chip);
    if take.is_of_notes() {
        let [midi] = chips(ui, below, [("MIDI file", false)]);
        if midi.clicked() {
            desk.wish(TakeWish::ExportNotes(id()));
        }
    } else {
        let [float, integer] = chips(ui, below, [("WAV float", false), ("WAV 24 bit", false)]);
        for (response, form) in [(float, WavForm::Float32), (integer, WavForm::Integer24)] {
            if response.clicked() {
                desk.wish(TakeWish::ExportSound(id(), form));
            }
        }
    }
}

/// Chips of one width across a row.
fn chips<const COUNT: usize>(
    ui: &Ui,
    row: Rect,
    words: [(&str, bool); COUNT],
) -> [Response; COUNT] {
    let width = (row.width() - GAP * (COUNT - 1) as f32) / COUNT as f32;
    let mut left = row.left();
    words.map(|(word, chosen)| {
        let rect = Rect::from_min_size(pos2(left, row.top()), vec2(width, row.height()));
        left += width + GAP;
        chip::show(ui, rect, word, chosen)
    })
}

/// Sets the continuation as it was for the take, but for the seed, and lets it play.
fn play_another(params: &ContinuationParams, setter: &ParamSetter<'_>, take: &TakeRecord) {
    let from = match take.follows_heard {
        true => FromChoice::Heard,
        false => FromChoice::Nothing,
    };
    gesture::set_once(setter, &params.from, from);
    let labels = take.labels.iter().take(MAX_CLASSES);
    for (param, label) in [&params.label_1, &params.label_2].into_iter().zip(labels) {
        gesture::set_once(setter, param, i32::from(*label));
    }
    gesture::set_once(setter, &params.temperature, take.temperature);
    gesture::set_once(setter, &params.top_p, take.top_p);
    gesture::set_once(setter, &params.likeness, take.likeness);
    let seed = (take.seed.wrapping_add(1) % SEEDS) as i32;
    gesture::set_once(setter, &params.seed, seed);
    gesture::set_once(setter, &params.run, true);
}

#[cfg(test)]
mod tests {
    use super::{TakeRecord, about, chips, length};
    use crate::editor::headless::click;
    use crate::takes::record::TakeNote;
    use egui::{Rect, pos2, vec2};

    #[test]
    fn a_row_says_how_long_it_is_in_its_own_measure() {
        let mut take = TakeRecord {
            rate_hz: 48_000,
            length_samples: 120_000,
            ..TakeRecord::default()
        };
        assert_eq!(length(&take), "2.5 s");
        take.notes = vec![TakeNote::default()];
        assert_eq!(length(&take), "1 note");
        assert!(about(&take).contains("from nothing"));
    }

    #[test]
    fn each_chip_of_a_row_answers_to_its_own_place() {
        let row = Rect::from_min_size(pos2(10.0, 10.0), vec2(300.0, 26.0));
        for wanted in 0..3 {
            let at = pos2(60.0 + 100.0 * wanted as f32, 20.0);
            let words = [("a", false), ("b", false), ("c", false)];
            let mut clicked = [false; 3];
            click(at, |ui| {
                let responses = chips(ui, row, words);
                for (seen, response) in clicked.iter_mut().zip(&responses) {
                    *seen |= response.clicked();
                }
                false
            });
            assert_eq!(clicked, std::array::from_fn(|index| index == wanted));
        }
    }
}
