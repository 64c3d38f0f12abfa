//! The large picture: what sounded in the last seconds, scrolling in hop time. Window thread.
//!
//! The texture is a ring of columns; each frame uploads the new ones only.

use std::collections::VecDeque;

use afterimage_engine::Monitor;
use egui::{
    Align2, Color32, ColorImage, Context, CornerRadius, Painter, Rect, TextureFilter,
    TextureHandle, TextureOptions, TextureWrapMode, epaint::RectShape, pos2, vec2,
};

use super::colour_map::ColourMap;
use super::frequency_axis::{self, LABELS};
use super::keyboard_link::Hand;
use super::listener::{LONG_HOPS, Listener};
use super::theme::{self, DIM, FAINT, GROUND, RADIUS, Size, TextLook};

/// Columns that the ring holds: 11 s at 48 kHz, and wider than most windows.
const COLUMNS: usize = 1_024;
/// Rows over 8.6 octaves: 37 an octave, a third of a semitone.
const ROWS: usize = 320;
/// Below the tails of the quietest notes of a pack, above its haze.
const FLOOR_DB: f32 = -88.0;
/// The loudest partial of a strong chord.
const TOP_DB: f32 = -18.0;

/// Columns by which the listener's are late: half its long transform.
const DELAY_COLUMNS: usize = LONG_HOPS / 2;

const OPTIONS: TextureOptions = TextureOptions {
    magnification: TextureFilter::Linear,
    minification: TextureFilter::Linear,
    wrap_mode: TextureWrapMode::Repeat,
    mipmap_mode: None,
};

/// The picture and what feeds it.
pub(super) struct Spectrogram {
    listener: Listener,
    warm: ColourMap,
    cool: ColourMap,
    /// Who was heard in the columns that the listener still waits for, oldest first.
    hands: VecDeque<Hand>,
    last_hand: Hand,
    texture: Option<TextureHandle>,
    /// Column that is written next.
    head: usize,
    /// Columns since one that shows something.
    silent: usize,
    /// New columns, one after the other, each from the top row down.
    fresh: Vec<Color32>,
}

impl Spectrogram {
    /// An empty picture. Allocates.
    pub(super) fn new() -> Self {
        Self {
            listener: Listener::new(ROWS),
            warm: ColourMap::new(theme::WARM, FLOOR_DB, TOP_DB),
            cool: ColourMap::new(theme::COOL, FLOOR_DB, TOP_DB),
            hands: VecDeque::with_capacity(DELAY_COLUMNS + 1),
            last_hand: Hand::It,
            texture: None,
            head: 0,
            silent: COLUMNS,
            fresh: Vec::new(),
        }
    }

    /// Forgets the texture of a window that was closed.
    pub(super) fn window_opened(&mut self) {
        self.texture = None;
        self.head = 0;
        self.silent = COLUMNS;
    }

    /// Takes in what sounded since the last call, from `hand`. True when the picture moved visibly.
    ///
    /// Where the player hands over, one light line stands.
    pub(super) fn advance(&mut self, context: &Context, monitor: &Monitor, hand: Hand) -> bool {
        let Self {
            listener,
            warm,
            cool,
            hands,
            last_hand,
            fresh,
            ..
        } = self;
        fresh.clear();
        listener.listen(monitor, |levels| {
            hands.push_back(hand);
            let heard = match hands.len() > DELAY_COLUMNS {
                true => hands.pop_front().unwrap_or(hand),
                false => hand,
            };
            let before = std::mem::replace(last_hand, heard);
            let begins = (before, heard) == (Hand::You, Hand::It);
            let colours = match heard {
                Hand::You => &*warm,
                Hand::It => &*cool,
            };
            fresh.extend(levels.map(|level_db| match begins {
                true => theme::NEAR_WHITE,
                false => colours.colour(level_db),
            }));
        });
        let texture = self.texture.get_or_insert_with(|| {
            let empty = ColorImage::filled([COLUMNS, ROWS], GROUND);
            context.load_texture("spectrogram", empty, OPTIONS)
        });
        // More than the ring holds cannot come at once: the listener fetches under a second.
        let columns = self.fresh.len() / ROWS;
        let until_end = columns.min(COLUMNS - self.head);
        for (place, first, count) in [
            (self.head, 0, until_end),
            (0, until_end, columns - until_end),
        ] {
            if count > 0 {
                let image = columns_image(&self.fresh[first * ROWS..(first + count) * ROWS]);
                texture.set_partial([place, 0], image, OPTIONS);
            }
        }
        self.head = (self.head + columns) % COLUMNS;
        self.silent = (self.silent + columns).min(COLUMNS);
        let last_loud = self.fresh.iter().rposition(|colour| *colour != GROUND);
        if let Some(place) = last_loud {
            self.silent = columns - 1 - place / ROWS;
        }
        columns > 0 && self.silent < COLUMNS
    }

    /// Draws the newest columns, one a logical pixel, stretched when the ring holds fewer.
    /// `invitation` stands where nothing sounded.
    pub(super) fn draw(&self, painter: &Painter, rect: Rect, invitation: &str) {
        let radius = CornerRadius::same(RADIUS);
        painter.rect_filled(rect, radius, GROUND);
        if let Some(texture) = &self.texture {
            let shown = rect.width().min(COLUMNS as f32 - 1.0);
            // Half a column off both ends, or filtering would mix the newest with the oldest.
            let right = (self.head as f32 - 0.5) / COLUMNS as f32;
            let left = right - (shown - 0.5) / COLUMNS as f32;
            let uv = Rect::from_min_max(pos2(left, 0.0), pos2(right, 1.0));
            painter.add(
                RectShape::filled(rect, radius, Color32::WHITE).with_texture(texture.id(), uv),
            );
        }
        draw_frequencies(painter, rect);
        if self.silent >= COLUMNS {
            let look = TextLook::regular(Size::Verb, DIM);
            theme::text(
                painter,
                rect.center(),
                Align2::CENTER_CENTER,
                invitation,
                look,
            );
        }
    }
}

/// Turns columns into an image of rows.
fn columns_image(columns: &[Color32]) -> ColorImage {
    let count = columns.len() / ROWS;
    let pixels = (0..ROWS)
        .flat_map(|row| (0..count).map(move |column| columns[column * ROWS + row]))
        .collect();
    ColorImage::new([count, ROWS], pixels)
}

fn draw_frequencies(painter: &Painter, rect: Rect) {
    let look = TextLook::regular(Size::Note, theme::INK);
    for (frequency_hz, words) in LABELS {
        let y = rect.bottom() - rect.height() * frequency_axis::height(frequency_hz);
        let at = pos2(rect.right() - 10.0, y);
        let width = theme::text_width(painter, words, look);
        // Over a bright partial the words would not read.
        let behind = Rect::from_center_size(at - vec2(width * 0.5, 0.0), vec2(width + 10.0, 16.0));
        painter.rect_filled(behind, CornerRadius::same(4), GROUND.gamma_multiply(0.8));
        theme::text(painter, at, Align2::RIGHT_CENTER, words, look);
        let tick = [pos2(rect.right() - 4.0, y), pos2(rect.right(), y)];
        painter.line_segment(tick, (1.0, FAINT));
    }
}

#[cfg(test)]
mod tests {
    use super::{ROWS, columns_image};
    use egui::Color32;

    #[test]
    fn columns_keep_their_order_from_left_to_right_and_from_top_to_bottom() {
        let columns: Vec<Color32> = (0..3 * ROWS)
            .map(|n| Color32::from_rgb((n / ROWS) as u8, (n % ROWS / 2) as u8, 0))
            .collect();
        let image = columns_image(&columns);
        assert_eq!(image.size, [3, ROWS]);
        assert_eq!(image[(2, 0)], Color32::from_rgb(2, 0, 0));
        assert_eq!(image[(0, ROWS - 1)], Color32::from_rgb(0, 159, 0));
    }
}
