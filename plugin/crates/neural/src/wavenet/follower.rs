//! Taps that follow a sound: linear prediction fitted anew every few milliseconds to what has just been.
//!
//! Source: Chen et al. 1992, "A low-delay CELP coder for the CCITT 16 kb/s speech coding standard", sec. III (ITU-T
//! G.728): the autocorrelation under a hybrid window, an exponential that is kept recursively and a taper of the newest
//! samples, lifted by white noise, solved by Levinson's recursion, bandwidths widened. The window makes it an
//! autocorrelation indeed, so the taps are stable whatever the sound is. `afterimage_models.wave_continue.adaptive`
//! does the same for all blocks at once.

use rten_simd::{Isa, SimdOp};

/// Samples between two fits.
pub(super) const BLOCK: usize = 64;
/// Newest samples, under a quarter of a sine: two blocks.
const TAPERED: usize = 2 * BLOCK;
/// Of a block's products by the next.
const FORGETTING: f64 = 0.96;
/// Of the power, added to it.
const RIDGE: f64 = 1e-5;
/// Of a tap by the next: no pole lies further out.
const WIDENING: f64 = 0.9998;
/// The power of half a step of 16-bit sound, of a block's samples.
const FLOOR: f64 = BLOCK as f64 / (1 << 30) as f64;
/// Sums that are kept side by side: one waits for its last addition, eight hardly do.
const LANES: usize = 8;

/// Linear prediction of a signal from its own last values.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Follower {
    /// `[taps + 3 * BLOCK]`, oldest first: the block that is being filled, the tapered one, the one that leaves the taper
    /// with the next fit, and what its products reach back to.
    recent: Vec<f64>,
    filled: usize,
    /// `[taps + 1]`: products of the blocks that have left the taper, of values 0.. steps apart.
    kept: Vec<f64>,
    /// `[taps + 1]`: those of the whole window.
    correlation: Vec<f64>,
    /// `[taps + BLOCK]` and `[taps + TAPERED]`: what each value counts in the products of the block that leaves, and
    /// of those that are tapered.
    weights: [Vec<f64>; 2],
    /// `[taps + TAPERED]`: space for weighted values.
    weighted: Vec<f64>,
    /// `[taps]` each: the taps of the order that a fit has reached, and of the one before, newest and oldest first.
    solutions: [Vec<f64>; 2],
    /// `[taps]`, newest first.
    taps: Vec<f32>,
}

impl Follower {
    /// Before any signal. Allocates.
    pub(super) fn new(taps: usize) -> Self {
        let exponential =
            |count: usize, n: usize| FORGETTING.powf(0.5 * ((count - 1 - n) / BLOCK) as f64);
        let leaving = taps + BLOCK;
        let tapered = taps + TAPERED;
        let sine = |n: usize| {
            let age = (tapered - n).min(TAPERED + 1) as f64;
            (0.5 * std::f64::consts::PI * age / (TAPERED + 1) as f64).sin()
        };
        Self {
            recent: vec![0.0; taps + 3 * BLOCK],
            filled: 0,
            kept: vec![0.0; taps + 1],
            correlation: vec![0.0; taps + 1],
            weights: [
                (0..leaving).map(|n| exponential(leaving, n)).collect(),
                (0..tapered)
                    .map(|n| exponential(tapered, n) * sine(n))
                    .collect(),
            ],
            weighted: vec![0.0; tapered],
            solutions: [vec![0.0; taps], vec![0.0; taps]],
            taps: vec![0.0; taps],
        }
    }

    /// Back to before any signal.
    pub(super) fn forget(&mut self) {
        self.recent.fill(0.0);
        self.kept.fill(0.0);
        self.taps.fill(0.0);
        self.filled = 0;
    }

    /// Becomes equal to another of as many taps, without allocating.
    pub(super) fn take_after(&mut self, other: &Self) {
        self.recent.copy_from_slice(&other.recent);
        self.kept.copy_from_slice(&other.kept);
        self.taps.copy_from_slice(&other.taps);
        self.filled = other.filled;
    }

    /// What foretells the next value from those before it, newest first.
    pub(crate) fn taps(&self) -> &[f32] {
        &self.taps
    }

    /// Takes the next value in; whether the taps are new.
    pub(crate) fn push(&mut self, value: f32) -> bool {
        self.recent[self.taps.len() + 2 * BLOCK + self.filled] = f64::from(value);
        self.filled += 1;
        if self.filled == BLOCK {
            Renewal(self).dispatch();
            self.recent.copy_within(BLOCK.., 0);
            self.filled = 0;
        }
        self.filled == 0
    }

    /// The autocorrelation of the window that ends here.
    #[inline(always)]
    fn remember(&mut self) {
        let Self {
            recent,
            kept,
            correlation,
            weights: [leaving, tapered],
            weighted,
            ..
        } = self;
        kept.iter_mut().for_each(|product| *product *= FORGETTING);
        add_products(recent, leaving, weighted, kept);
        for (all, kept) in correlation.iter_mut().zip(kept) {
            *all = FORGETTING * FORGETTING * *kept;
        }
        add_products(&recent[BLOCK..], tapered, weighted, correlation);
        correlation[0] = correlation[0] * (1.0 + RIDGE) + FLOOR;
    }

    /// Solves for the taps with the least error, by Levinson's recursion.
    #[inline(always)]
    fn fit(&mut self) {
        let [solution, shorter] = &mut self.solutions;
        let correlation = &self.correlation;
        let mut error = correlation[0];
        for order in 0..self.taps.len() {
            // The last of the shorter solution meets the nearest product.
            for (reversed, tap) in shorter[..order].iter_mut().rev().zip(&*solution) {
                *reversed = *tap;
            }
            let known = product(&shorter[..order], &correlation[1..=order]);
            let reflection = (correlation[order + 1] - known) / error;
            for (tap, reversed) in solution.iter_mut().zip(&shorter[..order]) {
                *tap -= reflection * reversed;
            }
            solution[order] = reflection;
            error *= 1.0 - reflection * reflection;
        }
        let mut widening = 1.0;
        for (tap, solved) in self.taps.iter_mut().zip(solution) {
            widening *= WIDENING;
            *tap = (*solved * widening) as f32;
        }
    }
}

/// A block's work, on the widest vectors there are.
struct Renewal<'a>(&'a mut Follower);

impl SimdOp for Renewal<'_> {
    type Output = ();

    #[inline(always)]
    fn eval<I: Isa>(self, _: I) {
        self.0.remember();
        self.0.fit();
    }
}

/// Adds to `sums` `[taps + 1]` the products of each weighted value after the first `taps` with those 0.. steps before it.
#[inline(always)]
fn add_products(recent: &[f64], weights: &[f64], weighted: &mut [f64], sums: &mut [f64]) {
    let taps = sums.len() - 1;
    // Newest first, so that what lies further back comes after: sums and values then run the same way.
    let weighted = &mut weighted[..weights.len()];
    let values = recent
        .iter()
        .zip(weights)
        .map(|(value, weight)| value * weight);
    for (weighted, value) in weighted.iter_mut().rev().zip(values) {
        *weighted = value;
    }
    for now in 0..weights.len() - taps {
        let value = weighted[now];
        for (sum, before) in sums.iter_mut().zip(&weighted[now..]) {
            *sum += value * before;
        }
    }
}

#[inline(always)]
fn product(a: &[f64], b: &[f64]) -> f64 {
    let mut sums = [0.0; LANES];
    let (whole, rest) = (a.chunks_exact(LANES), a.chunks_exact(LANES).remainder());
    let ends = rest.iter().zip(&b[a.len() - rest.len()..]);
    for (a, b) in whole.zip(b.chunks_exact(LANES)) {
        for ((sum, a), b) in sums.iter_mut().zip(a).zip(b) {
            *sum += a * b;
        }
    }
    sums.iter().sum::<f64>() + ends.map(|(a, b)| a * b).sum::<f64>()
}

#[cfg(test)]
mod tests {
    use super::{BLOCK, Follower};
    use afterimage_spectral::counter_rng::{Purpose, Stream};

    fn resonance(samples: usize) -> Vec<f32> {
        let noise = Stream::new(3, Purpose::NOISE, 0, 0);
        let mut sound = vec![0.0_f32; samples];
        for n in 2..samples {
            let fresh = 0.01 * noise.bipolar_at(n as u64);
            sound[n] = 1.6 * sound[n - 1] - 0.9 * sound[n - 2] + fresh;
        }
        sound
    }

    /// Power of the errors over power of the sound, once `settled` samples have been heard.
    fn error_share(sound: &[f32], taps: usize, settled: usize) -> f32 {
        let mut follower = Follower::new(taps);
        let (mut error, mut power) = (0.0, 0.0);
        for (n, value) in sound.iter().enumerate() {
            if n >= settled {
                let past = sound[..n].iter().rev();
                let foretold: f32 = follower.taps().iter().zip(past).map(|(t, x)| t * x).sum();
                error += (value - foretold).powi(2);
                power += value * value;
            }
            follower.push(*value);
        }
        error / power
    }

    #[test]
    fn what_has_colour_is_foretold_and_white_noise_is_not() {
        // The innovations of this resonance have 5 % of its power.
        assert!(error_share(&resonance(4096), 8, 512) < 0.07);
        let noise = Stream::new(5, Purpose::NOISE, 0, 0);
        let white: Vec<f32> = (0..4096).map(|n| noise.bipolar_at(n)).collect();
        assert!(error_share(&white, 8, 512) > 0.95);
    }

    #[test]
    fn taps_follow_a_change_of_tone_within_a_tenth_of_a_second() {
        let tone = |hz: f32, n: usize| (n as f32 * hz).sin();
        let sound: Vec<f32> = (0..4096)
            .map(|n| tone(if n < 2048 { 0.3 } else { 0.7 }, n))
            .collect();
        assert!(error_share(&sound, 8, 2048 + 24 * BLOCK) < 1e-2);
    }

    /// The largest sample of what `taps` make of one impulse, from `from` on.
    fn ringing(taps: &[f32], from: usize) -> f64 {
        let mut made = vec![1.0_f64];
        for _ in 1..from + 4000 {
            let past = made.iter().rev().zip(taps);
            let next = past.map(|(x, tap)| x * f64::from(*tap)).sum();
            made.push(next);
        }
        made[from..].iter().fold(0.0, |most, x| x.abs().max(most))
    }

    #[test]
    fn what_grew_leaves_taps_that_fade() {
        let mut follower = Follower::new(16);
        for n in 0..30 * BLOCK {
            follower.push(1e-4 * (0.004 * n as f32).exp() * (0.3 * n as f32).sin());
        }
        assert!(ringing(follower.taps(), 20_000) < 0.5 * ringing(follower.taps(), 0));
        // The same measure sees taps that are not stable.
        assert!(ringing(&[1.999, -1.001], 20_000) > 2.0);
    }

    #[test]
    fn silence_and_full_scale_leave_finite_taps() {
        let mut follower = Follower::new(8);
        for n in 0..20 * BLOCK {
            follower.push(if n < 5 * BLOCK { 0.0 } else { 1.0 });
        }
        assert!(follower.taps().iter().all(|tap| tap.is_finite()));
    }

    #[test]
    fn after_forgetting_it_is_as_new() {
        let mut follower = Follower::new(8);
        let sound = resonance(1000);
        for value in &sound {
            follower.push(*value);
        }
        follower.forget();
        let mut fresh = Follower::new(8);
        for value in &sound {
            follower.push(*value);
            fresh.push(*value);
            assert_eq!(follower.taps(), fresh.taps());
        }
    }
}
