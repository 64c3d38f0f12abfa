//! Two chips over the latent knobs: set them to a file's sound, or to the last take's. Window thread.

use egui::{Rect, Ui, pos2, vec2};

use super::chip;
use super::facts::Facts;
use super::header::LoadField;
use super::layout::Measures;
use crate::state::{ModelField, PlaceSource};

const HEIGHT: f32 = 20.0;
const GAP: f32 = 6.0;
const FILE: &str = "To a file\u{2026}";
const TAKE: &str = "To the last take";

/// Draws the chips at the right of a panel's title row; nothing where the row is too low for them.
pub(super) fn show(
    ui: &Ui,
    panel: Rect,
    measures: Measures,
    facts: &Facts,
    (field, load): (&ModelField, &mut LoadField),
) {
    if measures.title < HEIGHT {
        return;
    }
    let top = panel.top() + measures.title_padding() - 2.0;
    let mut right = panel.right() - 16.0;
    let mut place = |word: &str| {
        let width = chip::width(ui, word);
        right -= width + GAP;
        Rect::from_min_size(pos2(right + GAP, top), vec2(width, HEIGHT))
    };
    let take = place(TAKE);
    let has_take = facts.takes.takes.iter().any(|take| !take.is_of_notes());
    let response = chip::show(ui, take, TAKE, false);
    if response.clicked() {
        field.wish_place(PlaceSource::LastTake);
    }
    response.on_hover_text(match has_take {
        true => "The encoder hears your newest take of sound, and every axis goes to where it lies",
        false => "There is no take of sound yet: continue a sound first",
    });
    let response = chip::show(ui, place(FILE), FILE, false);
    if response.clicked() {
        load.show();
    }
    response.on_hover_text(
        "The encoder hears a WAV or FLAC file, and every axis goes to where it lies",
    );
}

#[cfg(test)]
mod tests {
    use super::{HEIGHT, show};
    use crate::editor::facts::Facts;
    use crate::editor::header::LoadField;
    use crate::editor::headless::click;
    use crate::editor::layout::{Layout, Needs};
    use crate::state::{ModelField, PlaceSource};
    use egui::{Rect, pos2, vec2};

    /// What is wished for after a click so far from the panel's right edge, in its title row.
    fn wished_by_a_click(from_right: f32) -> Option<PlaceSource> {
        let needs = Needs {
            notice: false,
            knobs: 16,
            keyboard: true,
        };
        let measures = Layout::new(vec2(1120.0, 700.0), needs).measures;
        assert!(measures.title >= HEIGHT, "the usual window has room");
        let panel = Rect::from_min_size(pos2(10.0, 10.0), vec2(700.0, 300.0));
        let at = pos2(
            panel.right() - from_right,
            panel.top() + measures.title_padding() + 6.0,
        );
        let (field, facts, mut load) = (
            ModelField::default(),
            Facts::default(),
            LoadField::default(),
        );
        click(at, |ui| {
            show(ui, panel, measures, &facts, (&field, &mut load));
            false
        });
        field.take_place_wish()
    }

    #[test]
    fn the_chip_of_the_take_wishes_for_its_place_and_the_space_beside_for_nothing() {
        assert_eq!(wished_by_a_click(40.0), Some(PlaceSource::LastTake));
        assert_eq!(wished_by_a_click(500.0), None);
    }
}
