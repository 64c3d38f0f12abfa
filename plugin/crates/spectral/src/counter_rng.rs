//! Counter-based randomness: pure functions of (seed, purpose, key, channel, position).
//!
//! Any value can be asked for in any order, on any thread, and is the same: arrival time and block
//! size never decide sound. The generator is SplitMix64 read at an index: its state after `n` steps
//! is `stream + n * GAMMA`, so that value `n` needs no history.
//! Source: Steele, Lea, Flood 2014, "Fast splittable pseudorandom number generators", fig. 16
//! (constants of Stafford's variant 13).

use crate::approx;

const GAMMA: u64 = 0x9e37_79b9_7f4a_7c15; // 2^64 / golden ratio, odd

/// What a stream of random values is for, so that two uses of one seed never share values.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Purpose(pub u32);

impl Purpose {
    /// Phases that partials start with.
    pub const START_PHASE: Self = Self(1);
    /// The noise whose spectrum gives noise bins their phase.
    pub const NOISE: Self = Self(2);
    /// Slow wandering of partials across the stereo field.
    pub const PAN: Self = Self(3);
    /// Phases of bins too quiet to integrate.
    pub const QUIET_PHASE: Self = Self(4);
    /// Draws from what a predictor returns.
    pub const SAMPLING: Self = Self(5);
    /// Latent values that no knob sets.
    pub const LATENT: Self = Self(6);
}

/// One stream of random values; a copy costs eight bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stream {
    origin: u64,
}

/// Stafford's 64-bit finaliser, variant 13. Real-time safe.
#[inline(always)]
const fn mix(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

impl Stream {
    /// The stream of one seed, purpose, key (a note, a partial, a track) and channel. Real-time safe.
    pub const fn new(seed: u64, purpose: Purpose, key: u64, channel: u32) -> Self {
        let place = ((purpose.0 as u64) << 32) | channel as u64;
        let a = mix(seed.wrapping_add(GAMMA));
        let b = mix(a ^ place.wrapping_add(GAMMA));
        Self {
            origin: mix(b ^ key.wrapping_add(GAMMA)),
        }
    }

    /// 64 random bits at `position`. Real-time safe.
    #[inline(always)]
    pub const fn u64_at(&self, position: u64) -> u64 {
        mix(self
            .origin
            .wrapping_add(position.wrapping_add(1).wrapping_mul(GAMMA)))
    }

    /// 32 random bits at `position`. Real-time safe.
    #[inline(always)]
    pub const fn u32_at(&self, position: u64) -> u32 {
        (self.u64_at(position) >> 32) as u32
    }

    /// Uniform in `0 <= x < 1`, 24 bits. Real-time safe.
    #[inline(always)]
    pub fn uniform_at(&self, position: u64) -> f32 {
        (self.u64_at(position) >> 40) as f32 * (1.0 / 16_777_216.0)
    }

    /// Uniform in `-1 <= x < 1`, 24 bits. Real-time safe.
    #[inline(always)]
    pub fn bipolar_at(&self, position: u64) -> f32 {
        ((self.u64_at(position) >> 40) as i32 - 8_388_608) as f32 * (1.0 / 8_388_608.0)
    }

    /// Normal with mean 0 and standard deviation 1, by Box and Muller 1958; at most 5.8 sigma.
    /// Real-time safe.
    #[inline(always)]
    pub fn gaussian_at(&self, position: u64) -> f32 {
        let bits = self.u64_at(position);
        let uniform = ((bits >> 40) + 1) as f32 * (1.0 / 16_777_216.0); // 0 < u <= 1
        let radius = (-2.0 * std::f32::consts::LN_2 * approx::log2(uniform))
            .max(0.0)
            .sqrt();
        radius * approx::cos_sin_turns(bits as u32).0
    }
}
