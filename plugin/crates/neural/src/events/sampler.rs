//! The draw: allowed tokens, temperature, top-p, one uniform number.

/// Draws tokens; keeps its buffer.
#[derive(Debug, Default)]
pub(crate) struct Sampler {
    /// Token and probability of what is allowed, likeliest first.
    candidates: Vec<(u32, f64)>,
}

impl Sampler {
    /// The token that `uniform` (0 <= u < 1) picks among the allowed ones; `None` if none is.
    ///
    /// Probabilities are softmax(logits / temperature), kept down to the first tokens that hold
    /// `top_p` of the whole: Holtzman et al. 2020, "The curious case of neural text degeneration",
    /// section 3.1. Temperature 0 takes the likeliest. Equals go by their number.
    pub(crate) fn draw(
        &mut self,
        logits: &[f32],
        allowed: impl Fn(u32) -> bool,
        temperature: f32,
        top_p: f32,
        uniform: f32,
    ) -> Option<u32> {
        self.candidates.clear();
        let tokens = (0..).zip(logits).filter(|(token, _)| allowed(*token));
        self.candidates
            .extend(tokens.map(|(token, logit)| (token, f64::from(*logit))));
        self.candidates
            .sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
        let (likeliest, most) = *self.candidates.first()?;
        if temperature <= 0.0 {
            return Some(likeliest);
        }
        let mut sum = 0.0;
        for (_, value) in &mut self.candidates {
            *value = ((*value - most) / f64::from(temperature)).exp();
            sum += *value;
        }
        let limit = f64::from(top_p) * sum;
        let mut kept = 0.0;
        let count = self
            .candidates
            .iter()
            .position(|(_, value)| {
                kept += value;
                kept >= limit
            })
            .map_or(self.candidates.len(), |last| last + 1);
        let kept: f64 = self.candidates[..count].iter().map(|(_, v)| v).sum();
        let mut rest = f64::from(uniform) * kept;
        for (token, value) in &self.candidates[..count] {
            rest -= value;
            if rest < 0.0 {
                return Some(*token);
            }
        }
        Some(self.candidates[count - 1].0)
    }
}

#[cfg(test)]
mod tests {
    use super::Sampler;

    const LOGITS: [f32; 4] = [0.0, 2.0, 1.0, -1.0];

    fn shares(temperature: f32, top_p: f32, allowed: impl Fn(u32) -> bool) -> [f64; 4] {
        let mut shares = [0.0; 4];
        let draws = 10_000;
        for draw in 0..draws {
            let uniform = (draw as f32 + 0.5) / draws as f32;
            let token = Sampler::default().draw(&LOGITS, &allowed, temperature, top_p, uniform);
            shares[token.unwrap_or(3) as usize] += 1.0 / f64::from(draws);
        }
        shares
    }

    #[test]
    fn shares_are_the_softmax() {
        let sum: f64 = LOGITS.iter().map(|l| f64::from(*l).exp()).sum();
        for (share, logit) in shares(1.0, 1.0, |_| true).iter().zip(LOGITS) {
            assert!((share - f64::from(logit).exp() / sum).abs() < 1e-3);
        }
    }

    #[test]
    fn top_p_keeps_the_likeliest_and_temperature_0_only_the_first() {
        let kept = shares(1.0, 0.8, |_| true);
        assert!(kept[0] == 0.0 && kept[3] == 0.0 && kept[2] > 0.0);
        assert_eq!(shares(0.0, 1.0, |_| true)[1].round(), 1.0);
    }

    #[test]
    fn what_is_not_allowed_is_never_drawn() {
        let kept = shares(1.0, 1.0, |token| token != 1);
        assert!(kept[1] == 0.0 && kept[2] > 0.5);
        assert_eq!(
            Sampler::default().draw(&LOGITS, |_| false, 1.0, 1.0, 0.5),
            None
        );
    }
}
