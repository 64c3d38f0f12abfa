//! Where and how loud a continuation joins what was really played. Pure functions; not real-time safe.

use afterimage_spectral::approx::db_to_linear;

/// A continuation is moved by so much at most: a whole period of 100 Hz, and no more than an ear takes
/// for a beat on time.
pub(super) const MOST_LAG_MS: f32 = 5.0;
/// Levels are compared over this long.
pub(super) const LEVEL_MS: f32 = 10.0;
/// Below this likeness nothing is gained by moving.
const LEAST_LIKENESS: f32 = 0.3;
/// How much more alike it must become for the longest move.
const PRICE_OF_LAG: f32 = 0.05;
/// Largest correction of level, in decibels.
const MOST_GAIN_DB: f32 = 12.0;
/// Share of a correction that counts where both are not alike: then levels at one moment say little
/// about the next (strings that swell, drums that rest), and a factor that is wrong stays for the piece.
const LEAST_TRUST: f32 = 0.25;
/// A correction counts half where the levels, window by window, differ by so much more or less, in
/// decibels: both play different things there, and no one factor makes them alike.
const UNSTEADY_DB: f32 = 4.0;
/// Root mean square of what counts as silence: there is no level to meet.
const SILENCE: f32 = 1e-4;
/// Largest ratio of a channel to the middle of both.
const MOST_SIDE: f32 = 4.0;

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
    // The first samples have nothing before them to move to.
    let compared = played.get(most_lag..).unwrap_or_default();
    let played_power = product(compared, compared);
    let likeness = |lag: i32| {
        let from = (most_lag as i64 + i64::from(lag)) as usize;
        let made = made.get(from..).unwrap_or_default();
        let made = &made[..made.len().min(compared.len())];
        let power = played_power * product(made, made);
        product(compared, made) / power.sqrt().max(f32::MIN_POSITIVE)
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

/// The sum of the products of the samples, in eight sums side by side: one after the other it would take
/// the worker some milliseconds, in which frames may be due.
pub(super) fn product(a: &[f32], b: &[f32]) -> f32 {
    const LANES: usize = 8;
    let mut sums = [0.0; LANES];
    let (a, b) = (a.chunks_exact(LANES), b.chunks_exact(LANES));
    for (a, b) in a.zip(b) {
        for (sum, (a, b)) in sums.iter_mut().zip(a.iter().zip(b)) {
            *sum += a * b;
        }
    }
    sums.iter().sum()
}

/// The factor that makes what was made as loud as what was played, as far as one factor can.
///
/// `played`, `made`: of the same time; `window`: samples over which levels are compared; `correlation`:
/// how alike they are.
pub(super) fn level(played: &[f32], made: &[f32], window: usize, correlation: f32) -> f32 {
    let decibels = |samples: &[f32]| {
        let power: f32 = samples.iter().map(|value| value * value).sum();
        10.0 * (power / samples.len() as f32)
            .max(SILENCE * SILENCE)
            .log10()
    };
    let (mut count, mut sum, mut squares) = (0.0_f32, 0.0_f32, 0.0_f32);
    for (played, made) in played.chunks_exact(window).zip(made.chunks_exact(window)) {
        let difference = decibels(played) - decibels(made);
        count += 1.0;
        sum += difference;
        squares += difference * difference;
    }
    if count == 0.0 {
        return 1.0;
    }
    let mean = sum / count;
    let variance = (squares / count - mean * mean).max(0.0);
    let steady = 1.0 / (1.0 + variance / (UNSTEADY_DB * UNSTEADY_DB));
    let trust = steady * (correlation * correlation).max(LEAST_TRUST);
    db_to_linear((trust * mean).clamp(-MOST_GAIN_DB, MOST_GAIN_DB))
}

/// Levels of left and right beside the middle of both, as they were played.
///
/// `powers`: mean squares of left, right, and the middle.
pub(super) fn sides([left, right, middle]: [f64; 3]) -> [f32; 2] {
    let middle = middle.sqrt() as f32;
    if middle < SILENCE {
        return [1.0; 2];
    }
    [left, right].map(|power| (power.sqrt() as f32 / middle).min(MOST_SIDE))
}

#[cfg(test)]
mod tests {
    use super::{Fit, fit, level, sides};

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
    fn a_steady_difference_of_level_is_met_and_others_are_left() {
        let made = sine(3_200, 0.0);
        let softer: Vec<_> = made.iter().map(|value| 0.25 * value).collect();
        assert!((level(&softer, &made, 200, 1.0) - 0.25).abs() < 0.03);
        // Strangers of unlike level keep most of it: 12 dB become 3.
        assert!((level(&softer, &made, 200, 0.0) - 0.707).abs() < 0.03);
        let far: Vec<_> = made.iter().map(|value| 1e-3 * value).collect();
        assert!(
            (level(&far, &made, 200, 1.0) - 0.25).abs() < 0.01,
            "12 dB at most"
        );
        // A note that ends here and one that begins there have no level in common.
        let fade: Vec<_> = (0..3_200)
            .map(|at| made[at] * (-(at as f32) / 300.0).exp())
            .collect();
        let gain = level(&fade, &made, 200, 1.0);
        assert!(gain > 0.5, "{gain}");
        assert_eq!(level(&[0.0; 3_200], &[0.0; 3_200], 200, 1.0), 1.0);
        assert_eq!(level(&[], &[], 200, 1.0), 1.0);
    }

    #[test]
    fn sides_keep_their_level_beside_the_middle() {
        assert_eq!(sides([0.04, 0.04, 0.04]), [1.0; 2]);
        assert_eq!(sides([0.16, 0.0, 0.04]), [2.0, 0.0]);
        assert_eq!(sides([0.5, 0.5, 0.0]), [1.0; 2]);
    }
}
