//! The shelf over the window: every pack there is, by section; a click plays one. Window thread.

use afterimage_neural::manifest::Task;
use afterimage_neural::shelf::{PackFacts, ShelfPack};
use egui::{
    Align2, Area, CornerRadius, Id, Key, Order, Rect, Role, ScrollArea, Sense, Stroke, StrokeKind,
    Ui, UiBuilder, WidgetInfo, pos2, vec2,
};

use super::chip;
use super::facts::Facts;
use super::header::LoadField;
use super::theme::{
    self, CONTROL_RADIUS, COOL, DIM, FAINT, INK, LINE, RADIUS, Size, TextLook, WARM,
};
use crate::shelf::{Section, Shelf, reference_to};
use crate::state::{ModelField, ModelReference, ShelfWish};

const WIDTH: f32 = 480.0;
const MARGIN: f32 = 24.0;
const PADDING: f32 = 12.0;
const HEADING: f32 = 28.0;
const ROW: f32 = 44.0;
const FOOTER: f32 = 40.0;
/// Left of a row's words: the place of the dot that marks the pack that plays.
const INDENT: f32 = 20.0;

/// Where the wishes for a sound, for a composer and for a continuer are left.
#[derive(Clone, Copy)]
pub(super) struct Wishes<'a> {
    pub(super) model: &'a ModelField,
    pub(super) composer: &'a ModelField,
    pub(super) continuer: &'a ModelField,
}

/// The panel: open or not.
#[derive(Default)]
pub(super) struct ShelfPanel {
    is_open: bool,
}

impl ShelfPanel {
    /// Opens the panel, with the shelf read anew, or closes it.
    pub(super) fn toggle(&mut self, model: &ModelField) {
        self.is_open = !self.is_open;
        if self.is_open {
            model.wish_shelf(ShelfWish::ReadAndMakeFolder);
        }
    }

    /// Draws the panel while it is open. `window`: all of it; `above`: what it must not cover.
    pub(super) fn show(
        &mut self,
        ui: &Ui,
        (window, above): (Rect, Rect),
        facts: &Facts,
        wishes: Wishes<'_>,
        field: &mut LoadField,
    ) {
        if !self.is_open {
            return;
        }
        let rect = place(window, above.bottom() + 8.0, content_height(&facts.shelf));
        let area = Area::new(Id::unique("shelf")).order(Order::Foreground);
        area.fixed_pos(rect.min)
            .constrain(false)
            .show(ui.ctx(), |ui| {
                frame(ui, rect);
                let inner = rect.shrink(PADDING);
                let footer = inner.with_min_y(inner.bottom() - FOOTER + PADDING);
                let list = inner.with_max_y(inner.bottom() - FOOTER);
                let builder = UiBuilder::new().max_rect(list).id_salt("packs");
                ui.scope_builder(builder, |ui| {
                    ScrollArea::vertical()
                        .auto_shrink(false)
                        .show(ui, |ui| show_list(ui, facts, wishes));
                });
                if show_footer(ui, footer, &facts.shelf) {
                    self.is_open = false;
                    field.show();
                }
            });
        self.close_on_escape_or_outside(ui, rect, above);
    }

    /// A click above the panel is the header's, which may have been its own button.
    fn close_on_escape_or_outside(&mut self, ui: &Ui, rect: Rect, above: Rect) {
        let (escaped, clicked) = ui.input(|input| {
            let at = input
                .pointer
                .interact_pos()
                .filter(|_| input.pointer.any_pressed());
            (input.key_pressed(Key::Escape), at)
        });
        let outside = clicked.is_some_and(|at| !rect.contains(at) && !above.contains(at));
        if escaped || outside {
            self.is_open = false;
        }
    }
}

/// Under the header on the right, as high as the list but within the window.
fn place(window: Rect, top: f32, content: f32) -> Rect {
    let right = window.right() - MARGIN;
    let left = (right - WIDTH).max(window.left() + MARGIN);
    let bottom = (top + content + FOOTER + 2.0 * PADDING).min(window.bottom() - MARGIN);
    Rect::from_min_max(pos2(left, top), pos2(right, bottom))
}

fn frame(ui: &mut Ui, rect: Rect) {
    // Takes the clicks between the rows, which belong to nothing under the panel.
    ui.allocate_rect(rect, Sense::click());
    let radius = CornerRadius::same(RADIUS);
    let painter = ui.painter();
    painter.rect_filled(rect, radius, theme::PANEL);
    painter.rect_stroke(rect, radius, Stroke::new(1.0, FAINT), StrokeKind::Inside);
}

fn content_height(shelf: &Shelf) -> f32 {
    let height = |section: Section| match shelf.section(section).count() {
        0 => 0.0,
        rows => HEADING + ROW * rows as f32,
    };
    Section::ALL.into_iter().map(height).sum::<f32>().max(ROW)
}

fn show_list(ui: &mut Ui, facts: &Facts, wishes: Wishes<'_>) {
    let shelf = &facts.shelf;
    let size = vec2(ui.available_width(), content_height(shelf));
    let (area, _) = ui.allocate_exact_size(size, Sense::hover());
    if !shelf.is_read {
        let look = TextLook::regular(Size::Value, DIM);
        let words = "The shelf is being read…";
        theme::text(
            ui.painter(),
            area.center(),
            Align2::CENTER_CENTER,
            words,
            look,
        );
        return;
    }
    let mut top = area.top();
    let mut take = |height: f32| {
        top += height;
        Rect::from_min_max(pos2(area.left(), top - height), pos2(area.right(), top))
    };
    for section in Section::ALL {
        for (index, pack) in shelf.section(section).enumerate() {
            if index == 0 {
                show_heading(ui, take(HEADING), section);
            }
            show_pack(ui, take(ROW), pack, facts, wishes);
        }
    }
}

/// A section's name, and what its packs have in common.
fn show_heading(ui: &Ui, rect: Rect, section: Section) {
    let (name, note) = match section {
        Section::Instruments => ("Instruments", "a click plays it"),
        Section::Lab => ("Lab", "below their target; their cards say by how much"),
        Section::Composers => ("Players", "a click makes it continue you"),
        Section::Others => ("Other tasks", "no instruments"),
        Section::Unreadable => ("Not opened", "each says why"),
    };
    let painter = ui.painter();
    let look = TextLook::medium(Size::Name, INK);
    let at = rect.left_center() + vec2(4.0, 0.0);
    theme::text(painter, at, Align2::LEFT_CENTER, name, look);
    let look = TextLook::regular(Size::Note, DIM);
    let at = rect.right_center() - vec2(10.0, 0.0);
    theme::text(painter, at, Align2::RIGHT_CENTER, note, look);
}

fn show_pack(ui: &Ui, rect: Rect, pack: &ShelfPack, now: &Facts, wishes: Wishes<'_>) {
    let row = rect.shrink2(vec2(0.0, 2.0));
    match &pack.content {
        Ok(facts) if facts.is_instrument() => {
            let plays = facts.hash == now.status.pack_hash;
            if show_choice(ui, row, facts, plays) && !plays {
                wishes.model.choose(reference_to(facts));
            }
        }
        Ok(facts) if facts.is_composer() => {
            let plays = facts.hash == now.composer.pack_hash;
            if show_choice(ui, row, facts, plays) && !plays {
                wishes.composer.wish(reference_to(facts));
            }
        }
        Ok(facts) if facts.is_continuer() => {
            let plays = facts.hash == now.continuer.pack_hash;
            if show_choice(ui, row, facts, plays) {
                // A second click goes back to the one that needs no pack.
                wishes.continuer.wish(match plays {
                    true => ModelReference::default(),
                    false => reference_to(facts),
                });
            }
        }
        Ok(facts) => show_words(ui, row, &words_of(facts), DIM),
        Err(sentence) => {
            let words = [pack.file.as_str(), "", sentence, ""].map(str::to_owned);
            show_words(ui, row, &words, WARM);
            ui.interact(row, ui.scope_id().with(("bad", sentence)), Sense::hover())
                .on_hover_text(sentence);
        }
    }
}

/// Draws a row that can be chosen; true when it was.
fn show_choice(ui: &Ui, row: Rect, facts: &PackFacts, plays: bool) -> bool {
    let name = facts.manifest.name.as_str();
    let id = ui.scope_id().with(("pack", &facts.hash));
    let response = ui.interact(row, id, Sense::click());
    response.widget_info(|| WidgetInfo::selected(Role::Button, true, plays, name));
    let painter = ui.painter();
    let radius = CornerRadius::same(CONTROL_RADIUS);
    if plays || response.hovered() || response.has_focus() {
        painter.rect_filled(row, radius, LINE);
    }
    if plays {
        painter.circle_filled(pos2(row.left() + 10.0, row.top() + 13.0), 2.5, COOL);
    }
    // Lit rows carry ink only: the second colour does not read on their ground.
    let second = if plays || response.hovered() {
        INK
    } else {
        DIM
    };
    show_words(ui, row, &words_of(facts), second);
    let long = &facts.manifest.description.long;
    let clicked = response.clicked();
    if !long.is_empty() {
        response.on_hover_text(long);
    }
    clicked
}

/// Left and right of the first line, left and right of the second.
fn words_of(facts: &PackFacts) -> [String; 4] {
    let manifest = &facts.manifest;
    let tasks = manifest.tasks.iter().filter_map(|task| match task {
        Task::Play => None,
        Task::Continue => Some("continues audio"),
        Task::Imagine => Some("imagines"),
        Task::ContinueMidi => Some("continues notes"),
        Task::Transform => Some("transforms audio"),
    });
    let kind = [manifest.family.as_str()].into_iter().chain(tasks);
    [
        manifest.name.clone(),
        kind.collect::<Vec<_>>().join(" · "),
        manifest.description.short.clone(),
        manifest.license.clone(),
    ]
}

fn show_words(ui: &Ui, row: Rect, words: &[String; 4], second: egui::Color32) {
    let note = TextLook::regular(Size::Note, if second == WARM { DIM } else { second });
    let lines = [
        (row.top() + 13.0, TextLook::medium(Size::Name, INK)),
        (row.bottom() - 11.0, TextLook::regular(Size::Value, second)),
    ];
    for ((y, look), pair) in lines.into_iter().zip(words.chunks(2)) {
        let right = pos2(row.right() - 10.0, y);
        let taken = theme::text(ui.painter(), right, Align2::RIGHT_CENTER, &pair[1], note);
        let left = pos2(row.left() + INDENT, y);
        let width = taken.left() - left.x - 12.0;
        theme::text_within(
            ui.painter(),
            left,
            Align2::LEFT_CENTER,
            &pair[0],
            (look, width),
        );
    }
}

/// Draws where a person's own packs go; true when a path is to be typed instead.
fn show_footer(ui: &Ui, rect: Rect, shelf: &Shelf) -> bool {
    let word = "Load a path…";
    let width = chip::width(ui, word);
    let button = rect.with_min_x(rect.right() - width);
    let wanted = chip::show(ui, button, word, false).clicked();
    if let Some(folder) = &shelf.user_folder {
        let words = format!("Your own: {}", folder.display());
        let look = TextLook::regular(Size::Note, DIM);
        let at = rect.left_center() + vec2(4.0, 0.0);
        let within = (look, button.left() - at.x - 12.0);
        if theme::text_within(ui.painter(), at, Align2::LEFT_CENTER, &words, within) {
            ui.interact(
                rect.with_max_x(button.left()),
                ui.scope_id().with("own"),
                Sense::hover(),
            )
            .on_hover_text(words);
        }
    }
    wanted
}

#[cfg(test)]
mod tests {
    use super::{PackFacts, place, show_choice};
    use crate::editor::headless::click;
    use crate::opening;
    use egui::{Pos2, Rect, pos2, vec2};

    #[test]
    fn the_panel_stays_within_the_window_however_long_the_list() {
        for size in [vec2(900.0, 560.0), vec2(2560.0, 1400.0)] {
            let window = Rect::from_min_size(pos2(0.0, 0.0), size);
            for content in [44.0, 300.0, 9_000.0] {
                let panel = place(window, 72.0, content);
                assert!(
                    window.contains_rect(panel) && panel.height() > 80.0,
                    "{panel:?}"
                );
            }
        }
    }

    #[test]
    fn a_click_on_a_row_chooses_it_and_one_beside_it_does_not() {
        let pack = opening::pack().expect("the opening pack is sound");
        let facts = PackFacts {
            manifest: pack.manifest().clone(),
            hash: pack.hash().to_owned(),
        };
        let row = Rect::from_min_size(pos2(640.0, 120.0), vec2(440.0, 40.0));
        let chosen = |at: Pos2| click(at, |ui| show_choice(ui, row, &facts, false));
        assert!(chosen(row.center()));
        assert!(!chosen(row.right_bottom() + vec2(8.0, 8.0)));
    }
}
