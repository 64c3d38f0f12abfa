//! Where everything lies, as a pure function of the window's size. Logical pixels.

use egui::{Rect, Vec2, pos2, vec2};

use super::grid;

/// Smallest window that everything fits in.
pub(super) const MIN_SIZE: Vec2 = vec2(900.0, 560.0);

const MARGIN: f32 = 24.0;
const HEADER_HEIGHT: f32 = 64.0;
const CONTENT_TOP: f32 = 84.0;
const NOTICE_HEIGHT: f32 = 36.0;
const COMPACT_BELOW: f32 = 640.0; // where the design's knobs would leave the picture under 240 px

/// What changes the arrangement.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Needs {
    /// A line between header and content: a sentence, or the field for a path.
    pub(super) notice: bool,
    /// Knobs that the pack brings.
    pub(super) knobs: usize,
    /// Whether the keyboard is shown.
    pub(super) keyboard: bool,
}

/// Measures that differ between a low and a high window.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Measures {
    /// Space between panels.
    pub(super) gap: f32,
    /// Space between a panel's edge and its content.
    pub(super) padding: f32,
    /// Diameter of the first eight latent knobs and of the envelope's.
    pub(super) knob: f32,
    /// Diameter of the other latent knobs.
    pub(super) small_knob: f32,
    /// Height of a title line over knobs; a low window has none.
    pub(super) title: f32,
    /// Height of a chip.
    pub(super) chip: f32,
    /// Diameter of the knobs of spectral play.
    pub(super) play_knob: f32,
    keyboard: f32,
    status: f32,
}

impl Measures {
    /// Space above and below the content of a panel with a title.
    pub(super) fn title_padding(&self) -> f32 {
        self.padding.min(12.0)
    }

    /// Space above and below the knobs of spectral play.
    pub(super) fn play_padding(&self) -> f32 {
        self.padding * 0.4
    }

    fn play_height(&self) -> f32 {
        knob_height(self.play_knob) + 2.0 * self.play_padding()
    }
}

const ROOMY: Measures = Measures {
    gap: 16.0,
    padding: 16.0,
    knob: 48.0,
    small_knob: 32.0,
    title: 24.0,
    chip: 26.0,
    play_knob: 26.0,
    keyboard: 48.0,
    status: 60.0,
};

const COMPACT: Measures = Measures {
    gap: 12.0,
    padding: 10.0,
    knob: 36.0,
    small_knob: 26.0,
    title: 0.0,
    chip: 22.0,
    play_knob: 22.0,
    keyboard: 36.0,
    status: 50.0,
};

/// Rectangles of the window's parts.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Layout {
    pub(super) measures: Measures,
    pub(super) header: Rect,
    pub(super) notice: Rect,
    pub(super) spectrogram: Rect,
    pub(super) keyboard: Option<Rect>,
    pub(super) play: Rect,
    pub(super) latents: Rect,
    pub(super) presets: Rect,
    pub(super) shape: Rect,
    pub(super) settings: Rect,
    pub(super) status: Rect,
}

impl Layout {
    /// Arranges a window of `size`.
    pub(super) fn new(size: Vec2, needs: Needs) -> Self {
        let size = size.max(MIN_SIZE);
        let measures = if size.y < COMPACT_BELOW {
            COMPACT
        } else {
            ROOMY
        };
        let header = Rect::from_min_size(pos2(0.0, 0.0), vec2(size.x, HEADER_HEIGHT));
        let left = MARGIN;
        let right = size.x - MARGIN;
        let aside_width = (size.x * 0.27).clamp(300.0, 336.0);
        let notice_height = if needs.notice { NOTICE_HEIGHT } else { 0.0 };
        let notice = Rect::from_min_max(
            pos2(left, CONTENT_TOP - 8.0),
            pos2(right, CONTENT_TOP - 8.0 + notice_height),
        );
        let top = CONTENT_TOP + notice_height;
        let bottom = size.y - MARGIN;
        let main = Rect::from_min_max(pos2(left, top), pos2(right - aside_width - MARGIN, bottom));
        let aside = Rect::from_min_max(pos2(right - aside_width, top), pos2(right, bottom));
        let (spectrogram, keyboard, play, latents) = arrange_main(main, measures, needs);
        let (presets, shape, settings, status) = arrange_aside(aside, measures);
        Self {
            measures,
            header,
            notice,
            spectrogram,
            keyboard,
            play,
            latents,
            presets,
            shape,
            settings,
            status,
        }
    }
}

/// Picture, keyboard, spectral play, latent knobs: from top to bottom, the picture takes what is left.
fn arrange_main(area: Rect, measures: Measures, needs: Needs) -> (Rect, Option<Rect>, Rect, Rect) {
    let mut rest = area;
    let latents_height =
        measures.title + 2.0 * measures.title_padding() + grid::height(measures, needs.knobs);
    let latents = take_bottom(&mut rest, latents_height);
    take_bottom(&mut rest, measures.gap * 0.5);
    let play = take_bottom(&mut rest, measures.play_height());
    take_bottom(&mut rest, measures.gap * 0.5);
    let keyboard = needs.keyboard.then(|| {
        let keyboard = take_bottom(&mut rest, measures.keyboard);
        take_bottom(&mut rest, measures.gap * 0.5);
        keyboard
    });
    (rest, keyboard, play, latents)
}

/// Presets take what is left over envelope, settings and status.
fn arrange_aside(area: Rect, measures: Measures) -> (Rect, Rect, Rect, Rect) {
    let mut rest = area;
    let status = take_bottom(&mut rest, measures.status);
    take_bottom(&mut rest, measures.gap);
    let settings_height = 2.0 * measures.padding + 3.0 * measures.chip + 2.0 * 8.0;
    let settings = take_bottom(&mut rest, settings_height);
    take_bottom(&mut rest, measures.gap);
    let knobs_height = 2.0 * knob_height(measures.knob) + measures.padding * 0.5;
    let shape_height = measures.title + 2.0 * measures.title_padding() + knobs_height;
    let shape = take_bottom(&mut rest, shape_height);
    take_bottom(&mut rest, measures.gap);
    (rest, shape, settings, status)
}

/// Height of a knob with name and value under it.
pub(super) fn knob_height(diameter: f32) -> f32 {
    diameter + 34.0
}

fn take_bottom(rest: &mut Rect, height: f32) -> Rect {
    let taken = Rect::from_min_max(pos2(rest.left(), rest.bottom() - height), rest.max);
    rest.max.y -= height;
    taken
}

#[cfg(test)]
mod tests {
    use super::{Layout, Needs};
    use egui::{Rect, Vec2, pos2, vec2};

    const SIZES: [Vec2; 4] = [
        vec2(900.0, 560.0),
        vec2(1120.0, 700.0),
        vec2(1400.0, 900.0),
        vec2(2560.0, 639.0),
    ];

    fn needs() -> impl Iterator<Item = Needs> {
        [
            (false, 16, true),
            (true, 16, true),
            (false, 4, false),
            (true, 28, true),
        ]
        .into_iter()
        .map(|(notice, knobs, keyboard)| Needs {
            notice,
            knobs,
            keyboard,
        })
    }

    fn parts(layout: &Layout) -> Vec<Rect> {
        let mut parts = vec![
            layout.header,
            layout.notice,
            layout.spectrogram,
            layout.play,
            layout.latents,
            layout.presets,
            layout.shape,
            layout.settings,
            layout.status,
        ];
        parts.extend(layout.keyboard);
        parts
    }

    #[test]
    fn every_part_lies_inside_the_window_and_none_on_another() {
        for size in SIZES {
            for needs in needs() {
                let layout = Layout::new(size, needs);
                let window = Rect::from_min_size(pos2(0.0, 0.0), size);
                let parts = parts(&layout);
                for (index, part) in parts.iter().enumerate() {
                    assert!(window.contains_rect(*part), "{size:?} {needs:?}: {part:?}");
                    for other in &parts[index + 1..] {
                        let overlap = part.intersect(*other);
                        assert!(
                            !overlap.is_positive(),
                            "{size:?} {needs:?}: {part:?} and {other:?}"
                        );
                    }
                }
            }
        }
    }

    #[test]
    fn the_picture_is_the_largest_part() {
        for size in SIZES {
            let needs = Needs {
                notice: false,
                knobs: 16,
                keyboard: true,
            };
            let layout = Layout::new(size, needs);
            let picture = layout.spectrogram.area();
            for part in parts(&layout).iter().filter(|p| **p != layout.spectrogram) {
                assert!(part.area() < picture, "{size:?}: {part:?}");
            }
        }
    }

    #[test]
    fn presets_and_picture_stay_in_reach_in_the_smallest_window_with_a_notice() {
        let needs = Needs {
            notice: true,
            knobs: 16,
            keyboard: true,
        };
        let layout = Layout::new(super::MIN_SIZE, needs);
        // The title and a row.
        assert!(layout.presets.height() > 60.0);
        assert!(layout.spectrogram.height() > 140.0);
    }
}
