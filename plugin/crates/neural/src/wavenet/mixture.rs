//! A mixture of logistics, and one draw from it.
//!
//! Source: Salimans et al. 2017, "PixelCNN++", sec. 2.1.

use afterimage_spectral::counter_rng::Stream;

/// Nearest to its ends that a uniform number is taken: 14 scales from the mean.
const OUTERMOST: f32 = 1e-6;
/// Random numbers of one draw: which component, and where in it.
const NUMBERS_A_DRAW: u64 = 2;

/// What the next sample may be.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Mixture {
    /// Unnormalised log chances, `[components]`.
    pub(crate) logits: Vec<f32>,
    /// `[components]`.
    pub(crate) mean: Vec<f32>,
    /// `[components]`, above zero.
    pub(crate) scale: Vec<f32>,
}

/// How freely a sample is drawn.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Freedom {
    /// Divides the logits and multiplies the scales; 0 takes the likeliest component's mean.
    pub(crate) temperature: f32,
    /// Share of a component's mass, around its mean, that may be drawn.
    pub(crate) top_p: f32,
}

impl Mixture {
    /// One of `components`. Allocates.
    pub(crate) fn new(components: usize) -> Self {
        Self {
            logits: vec![0.0; components],
            mean: vec![0.0; components],
            scale: vec![1.0; components],
        }
    }

    /// Draw number `position` of `stream`; always finite where the mixture is.
    pub(crate) fn draw(&self, freedom: Freedom, stream: &Stream, position: u64) -> f32 {
        let [choice, place] =
            [0, 1].map(|n| stream.uniform_at(NUMBERS_A_DRAW.wrapping_mul(position) + n));
        let chosen = self.component(freedom.temperature, choice);
        let place = (0.5 + (place - 0.5) * freedom.top_p).clamp(OUTERMOST, 1.0 - OUTERMOST);
        let away = (place / (1.0 - place)).ln();
        self.mean[chosen] + freedom.temperature * self.scale[chosen] * away
    }

    /// The component that holds `choice` of the mass, 0 <= `choice` < 1.
    fn component(&self, temperature: f32, choice: f32) -> usize {
        let best = self.logits.iter().copied().fold(f32::MIN, f32::max);
        let mass = |logit: &f32| ((logit - best) / temperature.max(1e-3)).exp();
        let mut left = choice * self.logits.iter().map(mass).sum::<f32>();
        for (component, logit) in self.logits.iter().enumerate() {
            left -= mass(logit);
            if left < 0.0 {
                return component;
            }
        }
        // Rounding left a crumb: it belongs to the likeliest.
        let is_best = |logit: &f32| *logit >= best;
        self.logits.iter().position(is_best).unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::{Freedom, Mixture};
    use afterimage_spectral::counter_rng::{Purpose, Stream};

    const FREE: Freedom = Freedom {
        temperature: 1.0,
        top_p: 1.0,
    };

    fn two_peaks() -> Mixture {
        Mixture {
            logits: vec![0.0, 3.0_f32.ln()],
            mean: vec![-0.5, 0.5],
            scale: vec![0.01, 0.02],
        }
    }

    fn draws(mixture: &Mixture, freedom: Freedom) -> Vec<f32> {
        let stream = Stream::new(5, Purpose::SAMPLING, 0, 0);
        let draw = |n| mixture.draw(freedom, &stream, n);
        (0..20_000).map(draw).collect()
    }

    #[test]
    fn shares_means_and_spreads_are_those_of_the_mixture() {
        let drawn = draws(&two_peaks(), FREE);
        let (low, high): (Vec<f32>, Vec<f32>) = drawn.iter().partition(|x| **x < 0.0);
        let mean = |x: &[f32]| x.iter().sum::<f32>() / x.len() as f32;
        let spread = |x: &[f32]| {
            let centre = mean(x);
            (x.iter().map(|x| (x - centre).powi(2)).sum::<f32>() / x.len() as f32).sqrt()
        };
        assert!((high.len() as f32 / drawn.len() as f32 - 0.75).abs() < 0.01);
        assert!((mean(&low) + 0.5).abs() < 1e-3 && (mean(&high) - 0.5).abs() < 1e-3);
        // A logistic of scale s has the standard deviation pi s / sqrt 3.
        assert!((spread(&low) / (0.01 * 1.8138) - 1.0).abs() < 0.05);
        assert!((spread(&high) / (0.02 * 1.8138) - 1.0).abs() < 0.05);
    }

    #[test]
    fn temperature_zero_takes_the_likeliest_mean() {
        let cold = Freedom {
            temperature: 0.0,
            ..FREE
        };
        assert!(draws(&two_peaks(), cold).iter().all(|x| *x == 0.5));
    }

    #[test]
    fn top_p_keeps_to_the_middle() {
        let middle = Freedom { top_p: 0.9, ..FREE };
        // The 5 % quantile of a logistic lies ln 19 scales from its mean.
        let bound = 0.02 * 19.0_f32.ln() * 1.001;
        let near = |x: &f32| (x.abs() - 0.5).abs() <= bound;
        assert!(draws(&two_peaks(), middle).iter().all(near));
        assert!(!draws(&two_peaks(), FREE).iter().all(near));
    }
}
