//! How long each callback took.

/// Durations of callbacks, one a block.
#[derive(Clone, Debug, Default)]
pub struct CallbackTimes {
    /// Nanoseconds of the clock that each callback took, in order.
    pub nanoseconds: Vec<u64>,
    /// Nanoseconds of processor time of the same callbacks: what other programs took is not in it.
    pub processor_nanoseconds: Vec<u64>,
}

impl CallbackTimes {
    pub(super) fn with_capacity(blocks: usize) -> Self {
        Self {
            nanoseconds: Vec::with_capacity(blocks),
            processor_nanoseconds: Vec::with_capacity(blocks),
        }
    }

    /// Half of the callbacks took at most so many microseconds.
    pub fn median_us(&self) -> f64 {
        quantile_us(&self.nanoseconds, 0.5)
    }

    /// One callback in a thousand took longer than so many microseconds.
    pub fn p999_us(&self) -> f64 {
        quantile_us(&self.nanoseconds, 0.999)
    }

    /// As [`p999_us`](Self::p999_us), of processor time.
    pub fn processor_p999_us(&self) -> f64 {
        quantile_us(&self.processor_nanoseconds, 0.999)
    }
}

/// The share `quantile` (0 to 1) of `nanoseconds` is at most this, in microseconds; 0 of none.
fn quantile_us(nanoseconds: &[u64], quantile: f64) -> f64 {
    let mut sorted = nanoseconds.to_vec();
    sorted.sort_unstable();
    let Some(last) = sorted.len().checked_sub(1) else {
        return 0.0;
    };
    let rank = (quantile.clamp(0.0, 1.0) * last as f64).ceil() as usize;
    sorted[rank] as f64 / 1e3
}

/// Processor time of the calling thread so far, in nanoseconds; 0 where the system does not tell.
pub(super) fn thread_processor_ns() -> u64 {
    #[cfg(unix)]
    {
        let mut time = libc::timespec {
            tv_sec: 0,
            tv_nsec: 0,
        };
        // SAFETY: `time` is writable storage of the right type for the length of the call.
        unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &raw mut time) };
        time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64
    }
    #[cfg(not(unix))]
    0
}

#[cfg(test)]
mod tests {
    use super::CallbackTimes;

    #[test]
    fn quantiles_are_ranks_of_the_sorted_times() {
        let times = CallbackTimes {
            nanoseconds: (1..=1001).rev().map(|n| n * 1000).collect(),
            ..CallbackTimes::default()
        };
        assert_eq!(times.median_us(), 501.0);
        assert_eq!(times.p999_us(), 1000.0);
        assert_eq!(CallbackTimes::default().median_us(), 0.0);
    }
}
