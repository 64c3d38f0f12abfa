//! Host samples to model samples and back, by whole numbers, so that no block size can round
//! differently. Real-time safe.

/// Maps the host's timeline to a program's, which begins at the program's first block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct RateMap {
    pub(crate) host_rate_hz: u32,
    pub(crate) model_rate_hz: u32,
    /// Host sample at which the program's timeline begins.
    pub(crate) origin_host: u64,
}

impl RateMap {
    /// The model sample nearest to a host sample; halves go up.
    pub(crate) fn to_model(self, host_sample: u64) -> u64 {
        let elapsed = u128::from(host_sample.saturating_sub(self.origin_host));
        let (host, model) = (
            u128::from(self.host_rate_hz),
            u128::from(self.model_rate_hz),
        );
        ((2 * elapsed * model + host) / (2 * host)) as u64
    }

    /// The host sample nearest to a model sample; halves go up. What `to_model` took away within one
    /// sample's length does not come back.
    pub(crate) fn to_host(self, model_sample: u64) -> u64 {
        let back = Self {
            host_rate_hz: self.model_rate_hz,
            model_rate_hz: self.host_rate_hz,
            origin_host: 0,
        };
        self.origin_host + back.to_model(model_sample)
    }

    /// The last model sample that is not after a host sample and lies exactly on one, if those are not
    /// further apart than `most_ms`; otherwise the last that is not after it.
    pub(crate) fn grid_before(self, host_sample: u64, most_ms: f32) -> u64 {
        let elapsed = u128::from(host_sample.saturating_sub(self.origin_host));
        let (host, model) = (
            u128::from(self.host_rate_hz),
            u128::from(self.model_rate_hz),
        );
        let below = (elapsed * model / host) as u64;
        let step = u64::from(self.model_rate_hz / gcd(self.host_rate_hz, self.model_rate_hz));
        if step > u64::from(ms_to_samples(most_ms, self.model_rate_hz, 1)) {
            below
        } else {
            below / step * step
        }
    }

    /// A duration in host samples, in model samples, rounded up.
    pub(crate) fn duration_to_model(self, host_samples: u64) -> u64 {
        (host_samples * u64::from(self.model_rate_hz)).div_ceil(u64::from(self.host_rate_hz))
    }
}

fn gcd(a: u32, b: u32) -> u32 {
    if b == 0 { a.max(1) } else { gcd(b, a % b) }
}

/// Milliseconds to samples, at least `least`.
pub(crate) fn ms_to_samples(ms: f32, rate_hz: u32, least: u32) -> u32 {
    let samples = f64::from(ms.max(0.0)) * f64::from(rate_hz) / 1000.0;
    (samples.round() as u32).max(least)
}

#[cfg(test)]
mod tests {
    use super::RateMap;

    #[test]
    fn mapping_is_the_identity_at_equal_rates() {
        let map = RateMap {
            host_rate_hz: 48_000,
            model_rate_hz: 48_000,
            origin_host: 100,
        };
        for sample in [100, 101, 4_000, 1 << 40] {
            assert_eq!(map.to_model(sample), sample - 100);
        }
    }

    #[test]
    fn mapping_never_goes_back_and_never_drifts() {
        for host_rate_hz in [22_050, 44_100, 88_200, 96_000, 192_000] {
            let map = RateMap {
                host_rate_hz,
                model_rate_hz: 48_000,
                origin_host: 0,
            };
            let mut before = 0;
            for sample in 0..10_000 {
                let now = map.to_model(sample);
                assert!(now >= before);
                before = now;
            }
            assert_eq!(
                map.to_model(u64::from(host_rate_hz) * 3_600),
                48_000 * 3_600
            );
        }
    }
}
