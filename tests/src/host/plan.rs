//! How a render is cut into blocks, and how fast they follow one another.

use std::str::FromStr;

use anyhow::{Context, Result, bail};

/// Sizes of the host's buffers, in samples.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BlockPlan {
    /// Every block has this many samples.
    Fixed(u32),
    /// Sizes change from block to block, single samples included, drawn by this seed.
    Mixed(u64),
}

/// Largest block of a mixed plan.
const MIXED_MAX: u32 = 1024;
/// Sizes a mixed plan draws from: powers of two, odd ones, a prime, and the single sample.
const MIXED_SIZES: [u32; 9] = [1, 17, 32, 64, 127, 256, 333, 512, MIXED_MAX];

impl BlockPlan {
    /// The largest block of the plan, announced at activation.
    pub fn max_block(self) -> u32 {
        match self {
            Self::Fixed(samples) => samples,
            Self::Mixed(_) => MIXED_MAX,
        }
    }

    /// Cuts `total` samples into blocks; the last one takes what is left.
    pub fn blocks(self, total: u64) -> impl Iterator<Item = u32> + Send + use<> {
        let mut left = total;
        let mut random = match self {
            Self::Mixed(seed) => seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1,
            Self::Fixed(_) => 0,
        };
        std::iter::from_fn(move || {
            if left == 0 {
                return None;
            }
            let wanted = match self {
                Self::Fixed(samples) => samples,
                Self::Mixed(_) => {
                    // xorshift64: any spread will do, as long as it repeats.
                    random ^= random << 13;
                    random ^= random >> 7;
                    random ^= random << 17;
                    MIXED_SIZES[(random % MIXED_SIZES.len() as u64) as usize]
                }
            };
            let block = u64::from(wanted).min(left) as u32;
            left -= u64::from(block);
            Some(block)
        })
    }
}

impl FromStr for BlockPlan {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> Result<Self> {
        if text == "mix" {
            return Ok(Self::Mixed(1));
        }
        let samples: u32 = text.parse().with_context(|| {
            format!("--block takes a number of samples or 'mix', found '{text}'")
        })?;
        if !(1..=65_536).contains(&samples) {
            bail!("--block takes 1 to 65536 samples, found {samples}");
        }
        Ok(Self::Fixed(samples))
    }
}

/// The clock a render runs by.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Pace {
    /// As fast as it goes, announced to the plugin as an offline render.
    Offline,
    /// By the real-time clock, as a live host: `speed` 1 is real time, 0.5 leaves twice the time.
    Live {
        /// Seconds of audio a second of clock.
        speed: f64,
    },
    /// Announced as live, without a clock: each block waits until every thread of the plugin
    /// sleeps, so that a busy machine is never late. Linux only, and one plugin a process.
    Settled,
}

#[cfg(test)]
mod tests {
    use super::BlockPlan;

    #[test]
    fn blocks_of_a_plan_add_up_to_the_whole() {
        for plan in [
            BlockPlan::Fixed(1),
            BlockPlan::Fixed(333),
            BlockPlan::Mixed(1),
            BlockPlan::Mixed(7),
        ] {
            assert_eq!(
                plan.blocks(48_000).map(u64::from).sum::<u64>(),
                48_000,
                "{plan:?}"
            );
            assert!(
                plan.blocks(48_000)
                    .all(|block| block >= 1 && block <= plan.max_block())
            );
        }
    }

    #[test]
    fn a_mixed_plan_repeats_by_its_seed_and_holds_single_samples() {
        let once: Vec<u32> = BlockPlan::Mixed(3).blocks(96_000).collect();
        assert_eq!(once, BlockPlan::Mixed(3).blocks(96_000).collect::<Vec<_>>());
        assert_ne!(once, BlockPlan::Mixed(4).blocks(96_000).collect::<Vec<_>>());
        assert!(once.contains(&1));
    }

    #[test]
    fn block_sizes_are_parsed_or_refused_with_a_sentence() {
        assert_eq!("mix".parse::<BlockPlan>().unwrap(), BlockPlan::Mixed(1));
        assert_eq!("64".parse::<BlockPlan>().unwrap(), BlockPlan::Fixed(64));
        assert!("0".parse::<BlockPlan>().is_err());
        assert!("many".parse::<BlockPlan>().is_err());
    }
}
