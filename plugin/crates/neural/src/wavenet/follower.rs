//! Taps that follow a sound: linear prediction fitted anew every few milliseconds to what has just been.
//!
//! Source: Makhoul 1975, "Linear Prediction: A Tutorial Review", sec. II.B (covariance method), over a past that is
//! forgotten exponentially, block by block. `afterimage_models.wave_continue.adaptive` does the same for all blocks
//! at once.

/// Samples between two fits.
const BLOCK: usize = 64;
/// Of a block's products by the next.
const FORGETTING: f64 = 0.85;
/// Of the mean product: no bits lost on music, and a tone's poles stay off the unit circle.
const RIDGE: f64 = 1e-4;
/// The power of half a step of 16-bit sound.
const FLOOR: f64 = 1.0 / (1 << 30) as f64;

/// Linear prediction of a signal from its own last values.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Follower {
    /// The block that is being filled, and as many values before it as there are taps; oldest first.
    recent: Vec<f64>,
    filled: usize,
    /// `[taps + 1][taps + 1]`, lower half: products of the blocks before, of values so many steps back.
    products: Vec<f64>,
    /// Space for a block's products, then for their factor.
    scratch: Vec<f64>,
    solution: Vec<f64>,
    /// `[taps]`, newest first.
    taps: Vec<f32>,
}

impl Follower {
    /// Before any signal. Allocates.
    pub(super) fn new(taps: usize) -> Self {
        let side = taps + 1;
        Self {
            recent: vec![0.0; taps + BLOCK],
            filled: 0,
            products: vec![0.0; side * side],
            scratch: vec![0.0; side * side],
            solution: vec![0.0; taps],
            taps: vec![0.0; taps],
        }
    }

    /// Back to before any signal.
    pub(super) fn forget(&mut self) {
        self.recent.fill(0.0);
        self.products.fill(0.0);
        self.taps.fill(0.0);
        self.filled = 0;
    }

    /// Becomes equal to another of as many taps, without allocating.
    pub(super) fn take_after(&mut self, other: &Self) {
        self.recent.copy_from_slice(&other.recent);
        self.products.copy_from_slice(&other.products);
        self.taps.copy_from_slice(&other.taps);
        self.filled = other.filled;
    }

    /// What foretells the next value from those before it, newest first.
    pub(crate) fn taps(&self) -> &[f32] {
        &self.taps
    }

    /// Takes the next value in.
    pub(crate) fn push(&mut self, value: f32) {
        let taps = self.taps.len();
        self.recent[taps + self.filled] = f64::from(value);
        self.filled += 1;
        if self.filled == BLOCK {
            self.remember();
            self.fit();
            self.recent.copy_within(BLOCK.., 0);
            self.filled = 0;
        }
    }

    /// The block's products join those before it.
    fn remember(&mut self) {
        let Self {
            recent,
            products,
            scratch,
            ..
        } = self;
        let side = self.taps.len() + 1;
        let back = |steps: usize| &recent[side - 1 - steps..][..BLOCK];
        for row in 0..side {
            let pairs = back(0).iter().zip(back(row));
            scratch[row * side] = pairs.map(|(a, b)| a * b).sum();
        }
        // A product one step further back sums over a stretch one step earlier: one end joins it, the other leaves.
        for row in 1..side {
            for column in 1..=row {
                let (a, b) = (back(row), back(column));
                let joined = a[0] * b[0];
                let (a, b) = (back(row - 1), back(column - 1));
                let left = a[BLOCK - 1] * b[BLOCK - 1];
                scratch[row * side + column] =
                    scratch[(row - 1) * side + column - 1] + joined - left;
            }
        }
        for (product, new) in products.iter_mut().zip(scratch) {
            *product = FORGETTING * *product + *new;
        }
    }

    /// Solves for the taps with the least error, by Cholesky's factor.
    fn fit(&mut self) {
        let (taps, side) = (self.taps.len(), self.taps.len() + 1);
        let inner = |row: usize, column: usize| (row + 1) * side + column + 1;
        let power: f64 = (0..taps).map(|n| self.products[inner(n, n)]).sum();
        let lift = RIDGE * power / taps as f64 + FLOOR;
        let factor = &mut self.scratch;
        for row in 0..taps {
            for column in 0..=row {
                let known: f64 = (0..column)
                    .map(|n| factor[row * side + n] * factor[column * side + n])
                    .sum();
                let rest = self.products[inner(row, column)] - known;
                factor[row * side + column] = if row == column {
                    // Rounding alone can bring it under the ridge.
                    (rest + lift).max(FLOOR).sqrt()
                } else {
                    rest / factor[column * side + column]
                };
            }
        }
        for row in 0..taps {
            let known: f64 = (0..row)
                .map(|n| factor[row * side + n] * self.solution[n])
                .sum();
            let target = self.products[(row + 1) * side];
            self.solution[row] = (target - known) / factor[row * side + row];
        }
        for row in (0..taps).rev() {
            let known: f64 = (row + 1..taps)
                .map(|n| factor[n * side + row] * self.solution[n])
                .sum();
            self.solution[row] = (self.solution[row] - known) / factor[row * side + row];
        }
        for (tap, solved) in self.taps.iter_mut().zip(&self.solution) {
            *tap = *solved as f32;
        }
    }
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
    fn taps_follow_a_change_of_tone_within_a_few_blocks() {
        let tone = |hz: f32, n: usize| (n as f32 * hz).sin();
        let sound: Vec<f32> = (0..2048)
            .map(|n| tone(if n < 1024 { 0.3 } else { 0.7 }, n))
            .collect();
        assert!(error_share(&sound, 8, 1024 + 10 * BLOCK) < 1e-3);
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
        sound.iter().for_each(|value| follower.push(*value));
        follower.forget();
        let mut fresh = Follower::new(8);
        for value in &sound {
            follower.push(*value);
            fresh.push(*value);
            assert_eq!(follower.taps(), fresh.taps());
        }
    }
}
