//! The keyboard under the picture: warm keys are yours, cool ones are played on by itself, and the pointer
//! plays. Window thread.

use egui::{Align2, Color32, CornerRadius, Pos2, Rect, Sense, Stroke, StrokeKind, Ui, pos2, vec2};

use super::keyboard_link::{Hand, KeyboardLink, PlayedKey};
use super::theme::{self, COOL, FAINT, GROUND, INK, LINE, PANEL, Size, TextLook, WARM};

/// A0, the lowest key of a piano.
const FIRST: u8 = 21;
/// C8, the highest.
const LAST: u8 = 108;
const BLACK_HEIGHT: f32 = 0.6;
const BLACK_WIDTH: f32 = 0.62;
/// The softest that the top of a key plays.
const SOFTEST: f32 = 0.15;

/// Draws the keys, and passes on what the pointer plays. `pressed`: the key it holds.
pub(super) fn show(ui: &Ui, rect: Rect, link: &KeyboardLink, pressed: &mut Option<u8>) {
    let response = ui.interact(
        rect,
        ui.scope_id().with("keyboard"),
        Sense::click_and_drag(),
    );
    let at = response
        .is_pointer_button_down_on()
        .then(|| response.interact_pointer_pos())
        .flatten();
    let wanted = at.and_then(|at| key_at(rect, at));
    if wanted != *pressed {
        if let Some(key) = pressed.take() {
            link.play(PlayedKey {
                key,
                velocity: None,
            });
        }
        if let (Some(key), Some(at)) = (wanted, at) {
            let velocity = velocity(rect, key, at);
            link.play(PlayedKey {
                key,
                velocity: Some(velocity),
            });
            *pressed = Some(key);
        }
    }
    paint(ui, rect, |key| match *pressed == Some(key) {
        true => Some(Hand::You),
        false => link.held_by(key),
    });
}

fn paint(ui: &Ui, rect: Rect, held_by: impl Fn(u8) -> Option<Hand>) {
    let painter = ui.painter();
    let look = TextLook::regular(Size::Note, INK);
    painter.rect_filled(rect, CornerRadius::same(4), GROUND);
    for black in [false, true] {
        for key in (FIRST..=LAST).filter(|key| is_black(*key) == black) {
            let hand = held_by(key);
            let lit = hand.is_some();
            let place = key_rect(rect, key);
            paint_key(painter, place, hand, black);
            let wide_enough = place.width() > 8.0;
            if key % 12 == 0 && !lit && wide_enough && place.height() > 44.0 {
                let at = place.center_bottom() - vec2(0.0, 8.0);
                let octave = i32::from(key) / 12 - 1;
                theme::text(
                    painter,
                    at,
                    Align2::CENTER_CENTER,
                    &octave.to_string(),
                    look,
                );
            }
        }
    }
}

fn paint_key(painter: &egui::Painter, place: Rect, hand: Option<Hand>, black: bool) {
    let radius = CornerRadius {
        nw: 0,
        ne: 0,
        sw: 3,
        se: 3,
    };
    let rest: Color32 = if black { PANEL } else { LINE };
    let light = hand.map(|hand| match hand {
        Hand::You => WARM,
        Hand::It => COOL,
    });
    painter.rect_filled(place, radius, light.unwrap_or(rest));
    if black {
        let stroke = Stroke::new(1.0, light.unwrap_or(GROUND));
        painter.rect_stroke(place, radius, stroke, StrokeKind::Outside);
    }
    // A sign beside the colour: a dot is yours, a ring is its.
    let at = place.center_bottom() - vec2(0.0, place.width().min(12.0) * 0.5 + 2.0);
    match hand {
        Some(Hand::You) => {
            painter.circle_filled(at, 2.0, GROUND);
        }
        Some(Hand::It) => {
            painter.circle_stroke(at, 2.0, Stroke::new(1.0, GROUND));
        }
        None => {}
    }
    if hand.is_none() && black {
        painter.line_segment([place.left_bottom(), place.right_bottom()], (1.0, FAINT));
    }
}

fn is_black(key: u8) -> bool {
    matches!(key % 12, 1 | 3 | 6 | 8 | 10)
}

/// White keys from [`FIRST`] up to and without `key`.
fn whites_below(key: u8) -> f32 {
    (FIRST..key).filter(|key| !is_black(*key)).count() as f32
}

fn key_rect(rect: Rect, key: u8) -> Rect {
    let white_width = rect.width() / whites_below(LAST + 1);
    let left = rect.left() + whites_below(key) * white_width;
    if is_black(key) {
        let width = white_width * BLACK_WIDTH;
        let min = pos2(left - width * 0.5, rect.top());
        Rect::from_min_size(min, vec2(width, rect.height() * BLACK_HEIGHT))
    } else {
        Rect::from_min_size(
            pos2(left, rect.top()),
            vec2(white_width - 1.0, rect.height()),
        )
    }
}

/// The key under a point: black keys lie above white ones.
fn key_at(rect: Rect, at: Pos2) -> Option<u8> {
    let hit = |black: bool| {
        (FIRST..=LAST).find(|key| is_black(*key) == black && key_rect(rect, *key).contains(at))
    };
    hit(true).or_else(|| hit(false))
}

/// Louder towards the front of a key.
fn velocity(rect: Rect, key: u8, at: Pos2) -> f32 {
    let place = key_rect(rect, key);
    let depth = ((at.y - place.top()) / place.height()).clamp(0.0, 1.0);
    SOFTEST + (1.0 - SOFTEST) * depth
}

#[cfg(test)]
mod tests {
    use super::{FIRST, LAST, is_black, key_at, key_rect, velocity};
    use egui::{Rect, pos2, vec2};

    const WHOLE: Rect = Rect::from_min_max(pos2(24.0, 400.0), pos2(768.0, 456.0));

    #[test]
    fn every_key_is_found_at_its_front() {
        for key in FIRST..=LAST {
            let place = key_rect(WHOLE, key);
            let front = place.center_bottom() - vec2(0.0, 2.0);
            assert_eq!(key_at(WHOLE, front), Some(key));
            assert!(WHOLE.expand(0.1).contains_rect(place));
        }
    }

    #[test]
    fn keys_rise_from_left_to_right() {
        let centre = |key: u8| key_rect(WHOLE, key).center().x;
        for key in FIRST..LAST {
            assert!(centre(key) < centre(key + 1));
        }
        assert!(!is_black(60) && is_black(61));
    }

    #[test]
    fn the_front_of_a_key_plays_louder_than_its_back() {
        let place = key_rect(WHOLE, 60);
        let back = velocity(WHOLE, 60, place.center_top());
        let front = velocity(WHOLE, 60, place.center_bottom());
        assert!(back > 0.0 && back < front && front <= 1.0);
    }
}
