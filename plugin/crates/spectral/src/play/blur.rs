//! Smears a spectrum along frequency: partials widen into bands, bands into a wash. Pure.

/// Half width at full blur, in hertz at low frequencies: fills low notes and leaves no rumble below.
const WIDTH_HZ: f32 = 60.0;
/// Half width at full blur as a share of the frequency: high notes keep bands that tell their pitch.
const WIDTH_SHARE: f32 = 0.15;
/// A box of half a bin on each side is the bin itself.
const SELF_BINS: f64 = 0.5;

/// A box average of the power, whose width grows with the blur and the frequency.
#[derive(Clone, Debug)]
pub(super) struct Blur {
    bin_hz: f32,
    /// Power below each bin, `[bins + 1]`; double, since a loud low bin stands in every sum.
    below: Vec<f64>,
}

impl Blur {
    pub(super) fn new(bins: usize, bin_hz: f32) -> Self {
        Self {
            bin_hz,
            below: vec![0.0; bins + 1],
        }
    }

    /// `amount`: above 0, to 1.
    pub(super) fn apply(&mut self, magnitudes: &mut [f32], amount: f32) {
        // Twice: two boxes make a triangle, whose edges do not stand out.
        for _ in 0..2 {
            self.smear(magnitudes, amount);
        }
    }

    fn smear(&mut self, magnitudes: &mut [f32], amount: f32) {
        let mut sum = 0.0;
        for (below, magnitude) in self.below[1..].iter_mut().zip(magnitudes.iter()) {
            sum += f64::from(*magnitude) * f64::from(*magnitude);
            *below = sum;
        }
        let bins = magnitudes.len();
        // The cube gives the first half of the knob to what is still a tone.
        let share = amount * amount * amount;
        for (bin, magnitude) in magnitudes.iter_mut().enumerate() {
            let hz = bin as f32 * self.bin_hz;
            let width_hz = share * (WIDTH_HZ + WIDTH_SHARE * hz);
            let reach = SELF_BINS + f64::from(width_hz / self.bin_hz);
            let centre = bin as f64 + 0.5;
            let power =
                self.power_below(centre + reach, bins) - self.power_below(centre - reach, bins);
            *magnitude = (power.max(0.0) / (2.0 * reach)).sqrt() as f32;
        }
    }

    /// Power below an edge that may lie within a bin.
    fn power_below(&self, edge: f64, bins: usize) -> f64 {
        let edge = edge.clamp(0.0, bins as f64);
        let whole = (edge as usize).min(bins - 1);
        let (from, to) = (self.below[whole], self.below[whole + 1]);
        from + (to - from) * (edge - whole as f64)
    }
}
