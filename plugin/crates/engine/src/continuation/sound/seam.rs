//! Where and how loud a continuation joins what was really played. Pure functions; not real-time safe.

/// A continuation is moved by so much at most: a whole period of 100 Hz, and no more than an ear takes
/// for a beat on time.
pub(super) const MOST_LAG_MS: f32 = 5.0;
/// Below this likeness nothing is gained by moving.
const LEAST_LIKENESS: f32 = 0.3;
/// How much more alike it must become for the longest move.
const PRICE_OF_LAG: f32 = 0.05;
/// Largest correction of level, as a factor: 12 dB.
const MOST_GAIN: f32 = 4.0;
/// Root mean square of what counts as silence: there is no level to meet.
const SILENCE: f32 = 1e-4;

/// How a continuation is moved to fit.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Fit {
    /// What was made for a sample sounds so many samples earlier.
    pub(super) lag: i32,
    /// How alike both are then, 0 to 1.
    pub(super) correlation: f32,
}

impl Fit {
    /// Nothing is moved, nothing is alike.
    pub(super) const NONE: Self = Self {
        lag: 0,
        correlation: 0.0,
    };
}

/// Finds the fit of what was made to what was played meanwhile, by the highest normalised correlation.
///
/// `played`: `[n]`, `made`: `[n + most_lag]`, both from the branch on, at one rate.
pub(super) fn fit(played: &[f32], made: &[f32], most_lag: usize) -> Fit {
    let likeness = |lag: i32| {
        // The first samples have nothing before them to move to.
        let compared = most_lag..played.len();
        let from = (compared.start as i64 + i64::from(lag)).max(0) as usize;
        let (mut product, mut played_power, mut made_power) = (0.0_f64, 0.0_f64, 0.0_f64);
        for (a, b) in played[compared.start.min(compared.end)..]
            .iter()
            .zip(made.iter().skip(from))
        {
            let (a, b) = (f64::from(*a), f64::from(*b));
            product += a * b;
            played_power += a * a;
            made_power += b * b;
        }
        (product / (played_power * made_power).sqrt().max(f64::MIN_POSITIVE)) as f32
    };
    let price = PRICE_OF_LAG / most_lag.max(1) as f32;
    let most_lag = most_lag as i32;
    let best = (-most_lag..=most_lag)
        .map(|lag| (likeness(lag), lag))
        .max_by(|a, b| {
            let worth = |(likeness, lag): &(f32, i32)| likeness - price * lag.abs() as f32;
            worth(a).total_cmp(&worth(b))
        });
    match best {
        Some((correlation, lag)) if correlation >= LEAST_LIKENESS => Fit {
            lag,
            correlation: correlation.min(1.0),
        },
        _ => Fit::NONE,
    }
}

/// Levels of left and right at which what was made is as loud as what was played.
///
/// `played`: mean squares of the channels; `made`: samples of the same time.
pub(super) fn gains(played: [f64; 2], made: &[f32]) -> [f32; 2] {
    let power: f64 = made.iter().map(|v| f64::from(*v) * f64::from(*v)).sum();
    let made = (power / made.len().max(1) as f64).sqrt() as f32;
    let played = played.map(|power| power.sqrt() as f32);
    if made < SILENCE || played[0].max(played[1]) < SILENCE {
        return [1.0; 2];
    }
    // One factor within bounds for both, so that a silent channel stays silent.
    let louder = played[0].max(played[1]);
    let factor = (louder / made).clamp(1.0 / MOST_GAIN, MOST_GAIN);
    played.map(|level| factor * level / louder)
}

/// Levels of left and right that keep the place of what was played between them.
pub(super) fn balance(played: [f64; 2]) -> [f32; 2] {
    let mean = 0.5 * (played[0] + played[1]);
    if mean.sqrt() < f64::from(SILENCE) {
        return [1.0; 2];
    }
    played.map(|power| (power / mean).sqrt() as f32)
}

#[cfg(test)]
mod tests {
    use super::{Fit, balance, fit, gains};

    fn sine(samples: usize, phase: f32) -> Vec<f32> {
        (0..samples)
            .map(|at| (at as f32 * 0.0627 + phase).sin())
            .collect()
    }

    #[test]
    fn a_sound_that_is_late_is_moved_to_its_place() {
        let made = sine(3_000, 0.0);
        for late in [0_i32, 7, 31] {
            let played: Vec<_> = made[late as usize..][..2_000].to_vec();
            let fit = fit(&played, &made[..2_040], 40);
            assert_eq!(fit.lag, late);
            assert!(fit.correlation > 0.999);
        }
    }

    #[test]
    fn what_is_not_alike_is_not_moved() {
        let noise = |seed: u32| {
            let mut state = seed;
            let next = move || {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                (state >> 8) as f32 / 8_388_608.0 - 1.0
            };
            std::iter::repeat_with(next).take(2_040).collect::<Vec<_>>()
        };
        let fit = fit(&noise(1)[..2_000], &noise(77), 40);
        assert_eq!(fit, Fit::NONE);
    }

    #[test]
    fn the_level_is_met_within_bounds_and_silence_asks_for_none() {
        let made = sine(2_000, 0.0);
        let [left, right] = gains([0.5 * 0.25, 0.5], &made);
        assert!((left - 0.5).abs() < 0.01 && (right - 1.0).abs() < 0.01);
        assert_eq!(gains([5_000.0, 0.0], &made), [4.0, 0.0]);
        assert_eq!(gains([0.0; 2], &made), [1.0; 2]);
        assert_eq!(gains([0.5; 2], &[0.0; 100]), [1.0; 2]);
        assert_eq!(balance([0.5; 2]), [1.0; 2]);
        assert_eq!(balance([0.0; 2]), [1.0; 2]);
    }
}
