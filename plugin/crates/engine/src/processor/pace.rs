//! Judges whether blocks arrive much faster than real time, for hosts that do not say offline.
//!
//! Audio thread; only asked in [`RenderMode::Auto`](crate::RenderMode::Auto), never on the way of
//! the sound.

/// Audio that is judged at once: longer than the burst of blocks with which a host with a large
/// device buffer (8192 samples at 48 kHz, 171 ms) fills it.
const WINDOW_NS: u64 = 250_000_000;
/// Audio a host must render in real time to count as faster.
const FAST: u64 = 4;
/// Halves of real time below which a fast host is back: 1.5.
const BACK_HALVES: u64 = 3;

/// The judge.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Pace {
    began_ns: Option<u64>,
    audio_ns: u64,
    waited_ns: u64,
    fast: bool,
}

impl Pace {
    /// Notes a block of `samples` at `rate_hz` that begins at `now_ns`, and judges.
    pub(super) fn block(&mut self, now_ns: u64, samples: usize, rate_hz: u32) -> bool {
        let began = *self.began_ns.get_or_insert(now_ns);
        if self.audio_ns >= WINDOW_NS {
            // Our own waiting is no sign of a slow host.
            let wall_ns = now_ns.saturating_sub(began).saturating_sub(self.waited_ns);
            self.fast = if self.fast {
                2 * self.audio_ns >= BACK_HALVES * wall_ns
            } else {
                self.audio_ns >= FAST * wall_ns
            };
            *self = Self {
                began_ns: Some(now_ns),
                fast: self.fast,
                ..Self::default()
            };
        }
        self.audio_ns += samples as u64 * 1_000_000_000 / u64::from(rate_hz.max(1));
        self.fast
    }

    /// Notes time that the Processor itself waited.
    pub(super) fn waited(&mut self, ns: u64) {
        self.waited_ns += ns;
    }
}

#[cfg(test)]
mod tests {
    use super::Pace;

    const BLOCK_NS: u64 = 10_666_667; // 512 samples at 48 kHz

    fn run(pace: &mut Pace, from_ns: &mut u64, blocks: usize, ns_a_block: u64) -> bool {
        let mut fast = false;
        for _ in 0..blocks {
            fast = pace.block(*from_ns, 512, 48_000);
            *from_ns += ns_a_block;
        }
        fast
    }

    #[test]
    fn live_offline_live_is_told_by_pace_alone() {
        let (mut pace, mut now) = (Pace::default(), 0);
        assert!(!run(&mut pace, &mut now, 200, BLOCK_NS));
        assert!(run(&mut pace, &mut now, 200, BLOCK_NS / 10));
        assert!(!run(&mut pace, &mut now, 200, BLOCK_NS));
    }

    #[test]
    fn bursts_that_fill_a_large_device_buffer_stay_live() {
        let (mut pace, mut now) = (Pace::default(), 0);
        for _ in 0..50 {
            assert!(!run(&mut pace, &mut now, 16, 100_000));
            now += 16 * BLOCK_NS - 1_600_000;
        }
    }

    #[test]
    fn own_waiting_does_not_look_like_a_slow_host() {
        let (mut pace, mut now) = (Pace::default(), 0);
        assert!(run(&mut pace, &mut now, 100, BLOCK_NS / 10));
        for _ in 0..100 {
            pace.waited(2 * BLOCK_NS);
            assert!(run(&mut pace, &mut now, 1, 2 * BLOCK_NS + BLOCK_NS / 10));
        }
    }
}
