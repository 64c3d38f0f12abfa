//! Places of the knobs that a pack brings: a row of large ones, then rows of small ones. Pure.

use egui::{Rect, pos2, vec2};

use super::layout::{Measures, knob_height};

/// Knobs in a row.
const ROW: usize = 8;

/// Places for a number of knobs.
#[derive(Clone, Copy, Debug)]
pub(super) struct Grid {
    inner: Rect,
    measures: Measures,
    knobs: usize,
}

impl Grid {
    /// Places `knobs` from the top left of `inner`.
    pub(super) fn new(inner: Rect, measures: Measures, knobs: usize) -> Self {
        Self {
            inner,
            measures,
            knobs,
        }
    }

    /// Place and diameter of a knob.
    pub(super) fn cell(&self, index: usize) -> (Rect, f32) {
        let row = index / ROW;
        let (diameter, top) = match row {
            0 => (self.measures.knob, 0.0),
            _ => (
                self.measures.small_knob,
                height(self.measures, row * ROW) + self.gap(),
            ),
        };
        let in_row = (self.knobs - row * ROW).min(ROW);
        let top = self.inner.top() + top;
        let place = place(
            self.inner,
            top,
            (index % ROW, in_row),
            knob_height(diameter),
        );
        (place, diameter)
    }

    fn gap(&self) -> f32 {
        self.measures.padding * 0.5
    }
}

/// Height that a number of knobs takes.
pub(super) fn height(measures: Measures, knobs: usize) -> f32 {
    let small_rows = knobs.div_ceil(ROW).saturating_sub(1) as f32;
    let small = knob_height(measures.small_knob) + measures.padding * 0.5;
    knob_height(measures.knob) + small_rows * small
}

/// The place of one of `count` knobs in a row.
pub(super) fn place(inner: Rect, top: f32, (index, count): (usize, usize), height: f32) -> Rect {
    let width = inner.width() / count as f32;
    let left = inner.left() + width * index as f32;
    Rect::from_min_size(pos2(left, top), vec2(width, height))
}

#[cfg(test)]
mod tests {
    use super::{Grid, height};
    use crate::editor::layout::{Layout, Needs};
    use egui::{Rect, pos2, vec2};

    #[test]
    fn knobs_lie_apart_within_the_height_they_asked_for() {
        for knobs in 1..=28 {
            let needs = Needs {
                notice: false,
                knobs,
                keyboard: true,
            };
            let measures = Layout::new(vec2(1120.0, 700.0), needs).measures;
            let size = vec2(700.0, height(measures, knobs));
            let inner = Rect::from_min_size(pos2(20.0, 400.0), size);
            let grid = Grid::new(inner, measures, knobs);
            let places: Vec<Rect> = (0..knobs).map(|index| grid.cell(index).0).collect();
            for (index, place) in places.iter().enumerate() {
                assert!(
                    inner.expand(0.1).contains_rect(*place),
                    "{index} of {knobs}"
                );
                for other in &places[index + 1..] {
                    let overlap = place.shrink(0.1).intersect(*other);
                    assert!(!overlap.is_positive(), "{index} of {knobs}");
                }
            }
        }
    }
}
