//! How long each callback took.

/// Durations of callbacks, one a block.
#[derive(Clone, Debug, Default)]
pub struct CallbackTimes {
    /// Nanoseconds of each callback, in order.
    pub nanoseconds: Vec<u64>,
}

impl CallbackTimes {
    pub(super) fn with_capacity(blocks: usize) -> Self {
        Self {
            nanoseconds: Vec::with_capacity(blocks),
        }
    }

    /// The share `quantile` (0 to 1) of callbacks took at most this many microseconds; 0 when none ran.
    pub fn quantile_us(&self, quantile: f64) -> f64 {
        let mut sorted = self.nanoseconds.clone();
        sorted.sort_unstable();
        let Some(last) = sorted.len().checked_sub(1) else {
            return 0.0;
        };
        let rank = (quantile.clamp(0.0, 1.0) * last as f64).ceil() as usize;
        sorted[rank] as f64 / 1e3
    }

    /// Half of the callbacks took at most this long.
    pub fn median_us(&self) -> f64 {
        self.quantile_us(0.5)
    }

    /// One callback in a thousand took longer.
    pub fn p999_us(&self) -> f64 {
        self.quantile_us(0.999)
    }

    /// Seconds spent in callbacks.
    pub fn total_s(&self) -> f64 {
        self.nanoseconds.iter().sum::<u64>() as f64 / 1e9
    }
}

#[cfg(test)]
mod tests {
    use super::CallbackTimes;

    #[test]
    fn quantiles_are_ranks_of_the_sorted_times() {
        let times = CallbackTimes {
            nanoseconds: (1..=1001).rev().map(|n| n * 1000).collect(),
        };
        assert_eq!(times.median_us(), 501.0);
        assert_eq!(times.p999_us(), 1000.0);
        assert_eq!(CallbackTimes::default().median_us(), 0.0);
    }
}
