//! Evolving: the latent wanders through the prior, from one draw to the next in so many bars.
//!
//! Where it stands is a function of the seed and of musical time alone: the same bars of a song sound the same again,
//! at any block size. Audio thread; real-time safe.

use afterimage_spectral::counter_rng::{Purpose, Stream};

use crate::contract::MAX_LATENT;

/// What evolves is moved so often, in milliseconds: finer than frames could tell.
pub(crate) const STEP_MS: f32 = 20.0;
/// Most bars from one draw to the next.
pub(crate) const MOST_BARS: u16 = 16;
const WANDER: Purpose = Purpose(67);
/// The channel of the wander that is no latent axis: of the freedom of what is continued.
const FREEDOM: u32 = u32::MAX;
/// Octaves of temperature of a standard deviation of the wander.
const OCTAVES: f32 = 0.5;
/// What is drawn lies within so many standard deviations.
const FURTHEST: f32 = 3.0;

/// A change of evolving.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum EvolveChange {
    /// Bars from one draw to the next; 0 stands still. 16 at most.
    Bars(u16),
    /// Share of the prior's own width, 0 to 1.
    Depth(f32),
}

/// Where it stands in musical time.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Turn {
    /// Draws passed, with the way to the next.
    pub(crate) draws: f64,
    /// The bar of the timeline.
    pub(crate) bar: i64,
}

/// Where the latent stands beside its knobs.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Evolved {
    depth: f32,
    /// Of the prior's width, an axis each.
    now: [f32; MAX_LATENT],
    /// Where it stood when the bar began: for what is made ahead and cannot follow.
    bar: [f32; MAX_LATENT],
    of_bar: Option<i64>,
}

impl Evolved {
    pub(crate) fn set_depth(&mut self, depth: f32) {
        if depth.is_finite() {
            self.depth = depth.clamp(0.0, 1.0);
        }
    }

    /// Goes to a place of musical time; nowhere stands still on the knobs.
    pub(crate) fn go(&mut self, turn: Option<Turn>, seed: u64) {
        let Some(Turn { draws, bar }) = turn else {
            *self = Self {
                depth: self.depth,
                ..Self::default()
            };
            return;
        };
        self.now = std::array::from_fn(|axis| wander(seed, axis as u32, draws));
        if self.of_bar != Some(bar) {
            (self.bar, self.of_bar) = (self.now, Some(bar));
        }
    }

    /// What is added to the knobs.
    pub(crate) fn offset(&self) -> [f32; MAX_LATENT] {
        self.now.map(|value| self.depth * value)
    }

    /// What is added where attacks are made ahead.
    pub(crate) fn offset_of_bar(&self) -> [f32; MAX_LATENT] {
        self.bar.map(|value| self.depth * value)
    }
}

/// The factor on the temperature of what is continued.
pub(crate) fn freedom(seed: u64, depth: f32, draws: f64) -> f32 {
    (OCTAVES * depth * wander(seed, FREEDOM, draws)).exp2()
}

/// A smooth way from draw to draw. It has the prior's width at every place of it, not only at the draws, because both
/// of them are weighed as the sides of a right angle are.
fn wander(seed: u64, channel: u32, draws: f64) -> f32 {
    let stream = Stream::new(seed, WANDER, 0, channel);
    let before = draws.floor();
    let part = (draws - before) as f32;
    let at = |draw: i64| stream.gaussian_at(draw as u64).clamp(-FURTHEST, FURTHEST);
    let smooth = part * part * (3.0 - 2.0 * part);
    let (sin, cos) = (smooth * std::f32::consts::FRAC_PI_2).sin_cos();
    (at(before as i64) * cos + at(before as i64 + 1) * sin).clamp(-FURTHEST, FURTHEST)
}

#[cfg(test)]
mod tests {
    use super::{Evolved, Turn, freedom, wander};

    #[test]
    fn it_has_the_width_of_the_prior_all_along_the_way() {
        for part in [0.0, 0.25, 0.5, 0.8] {
            let values: Vec<f64> = (0..4_000)
                .map(|draw| f64::from(wander(3, draw % 16, f64::from(draw) + part)))
                .collect();
            let mean = values.iter().sum::<f64>() / 4_000.0;
            let square = values.iter().map(|v| v * v).sum::<f64>() / 4_000.0;
            assert!(
                mean.abs() < 0.06 && (square - 1.0).abs() < 0.06,
                "{part}: {mean} {square}"
            );
        }
    }

    #[test]
    fn it_is_smooth_across_draws_before_and_after_the_song_begins() {
        let mut before = wander(1, 0, -3.0);
        let mut furthest = 0.0_f32;
        for step in 1..6_000 {
            let now = wander(1, 0, -3.0 + f64::from(step) * 0.001);
            assert!((now - before).abs() < 0.02, "jump at {step}");
            furthest = furthest.max((now - before).abs());
            before = now;
        }
        assert!(furthest > 1e-4, "it moves");
    }

    #[test]
    fn off_it_stands_on_the_knobs_and_what_is_made_ahead_moves_once_a_bar() {
        let mut evolved = Evolved::default();
        evolved.set_depth(1.0);
        let turn = |draws, bar| Some(Turn { draws, bar });
        evolved.go(turn(0.3, 1), 5);
        let ahead = evolved.offset_of_bar();
        assert_eq!(evolved.offset(), ahead);
        evolved.go(turn(0.4, 1), 5);
        assert_ne!(evolved.offset(), ahead);
        assert_eq!(evolved.offset_of_bar(), ahead);
        evolved.go(turn(0.5, 2), 5);
        assert_eq!(evolved.offset_of_bar(), evolved.offset());
        evolved.go(None, 5);
        assert_eq!(evolved.offset(), [0.0; 16]);
        assert_eq!(freedom(5, 0.0, 0.7), 1.0);
        assert_ne!(freedom(5, 1.0, 0.7), 1.0);
    }
}
