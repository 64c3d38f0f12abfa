//! What was heard above the continuer's band, and what it was heard with. Worker thread only.

use std::collections::VecDeque;

use afterimage_spectral::LostBand;

use super::outline::{Outline, Outliner};
use crate::continuation::sound::history::History;
use crate::timeline::RateMap;

/// A continuer of this rate or more knows all that most ears hear.
const WHOLE_HZ: u32 = 40_000;
/// What a piece remembers, in seconds.
const MEMORY_S: u64 = 45;
/// What is kept, in seconds: a piece may begin so much later than it branches that its memory is still whole.
const KEPT_S: u64 = 58;
/// What lies further below the sound of its block than this is what the filters let through: -80 dB.
const LEAST_SHARE: f32 = 1e-8;

/// The heard side, beside one continuer's hearing.
pub(in crate::continuation::sound) struct HeardUpper {
    map: RateMap,
    outliner: Outliner,
    outlines: VecDeque<Outline>,
    /// Index of the first outline that is kept.
    first: u64,
    /// At the continuer's rate, of the last outlines and some more.
    samples: VecDeque<f32>,
    /// Index of the first of them.
    base: u64,
    lost: LostBand,
    /// What lies above, at the host's rate, in blocks from the timeline's origin on.
    upper: VecDeque<f32>,
    /// Host sample of the first.
    upper_from: u64,
    around: Vec<f32>,
    block: Vec<f32>,
}

/// What a piece reads in: what was heard before its branch.
pub(super) struct Memory {
    pub(super) outlines: Vec<Outline>,
    /// At the continuer's rate; those of frame `n` are centred on sample `n * hop`.
    pub(super) samples: Vec<f32>,
    /// Index of the first sample since the timeline's origin: a multiple of the hop.
    pub(super) base: u64,
    /// What lay above, host rate.
    pub(super) upper: Vec<f32>,
    /// Host sample of the first.
    pub(super) upper_from: u64,
}

impl HeardUpper {
    /// For a continuer that hears by `map`; none where it knows all that is heard, or at rates that have no
    /// such band. Allocates.
    pub(in crate::continuation::sound) fn new(map: RateMap) -> Option<Self> {
        if map.model_rate_hz >= map.host_rate_hz.min(WHOLE_HZ) {
            return None;
        }
        let lost = LostBand::new(map.host_rate_hz, map.model_rate_hz).ok()?;
        Some(Self {
            outliner: Outliner::new(map.model_rate_hz).ok()?,
            outlines: VecDeque::new(),
            first: 0,
            samples: VecDeque::new(),
            base: 0,
            upper: VecDeque::new(),
            upper_from: map.origin_host,
            around: vec![0.0; lost.block() + 2 * lost.reach()],
            block: vec![0.0; lost.block()],
            lost,
            map,
        })
    }

    /// Hears the next samples at the continuer's rate.
    pub(in crate::continuation::sound) fn hear(&mut self, samples: &[f32]) {
        self.samples.extend(samples);
        let outlines = &mut self.outlines;
        self.outliner
            .push(samples, |outline| outlines.push_back(outline));
        let hop = self.outliner.hop() as u64;
        let kept = KEPT_S * u64::from(self.map.model_rate_hz) / hop;
        let old = (self.outlines.len() as u64).saturating_sub(kept);
        self.outlines.drain(..old as usize);
        self.first += old;
        let old = (self.first * hop - self.base).min(self.samples.len() as u64);
        self.samples.drain(..old as usize);
        self.base += old;
    }

    /// Hears what lies above, as far as the history has it.
    pub(in crate::continuation::sound) fn hear_above(&mut self, history: &History) {
        let (block, reach) = (self.lost.block() as u64, self.lost.reach() as u64);
        loop {
            let from = self.upper_from + self.upper.len() as u64;
            if history.end() < from + block + reach {
                break;
            }
            // What is not kept, or lies before the first sample of the timeline, is silent.
            let begins = (from.saturating_sub(reach)).clamp(history.from(), from + block);
            let silent = (begins + reach - from) as usize;
            self.around.fill(0.0);
            let heard = history.between(begins, from + block + reach);
            for (to, value) in self.around[silent..].iter_mut().zip(heard) {
                *to = value;
            }
            self.lost.extract(&self.around, &mut self.block);
            let power = |sound: &[f32]| sound.iter().map(|value| value * value).sum::<f32>();
            if power(&self.block) <= LEAST_SHARE * power(&self.around) {
                self.block.fill(0.0);
            }
            self.upper.extend(&self.block);
        }
        let kept = KEPT_S * u64::from(self.map.host_rate_hz) / block * block;
        let old = (self.upper.len() as u64).saturating_sub(kept);
        self.upper.drain(..old as usize);
        self.upper_from += old;
    }

    /// What is remembered by a piece that branches at the continuer's sample `branch`; none where nothing was
    /// heard above. The same however late it is asked for within some seconds. Allocates.
    pub(super) fn recollect(&self, branch: u64) -> Option<Memory> {
        let hop = self.outliner.hop() as u64;
        let rate = u64::from(self.map.model_rate_hz);
        let earliest = branch.saturating_sub(MEMORY_S * rate);
        let first = earliest.div_ceil(hop).max(self.first);
        let count = (branch / hop).saturating_sub(first); // each is complete a hop after its centre
        let places = (first - self.first) as usize;
        let outlines = self.outlines.range(places.min(self.outlines.len())..);
        let outlines: Vec<_> = outlines.take(count as usize).copied().collect();
        let base = first * hop;
        let until = (base + outlines.len() as u64 * hop).min(branch);
        let (upper, upper_from) = self.above(self.map.to_host(base), self.map.to_host(branch));
        if upper.iter().all(|value| *value == 0.0) {
            return None;
        }
        Some(Memory {
            outlines,
            samples: self.between(base, until),
            base,
            upper,
            upper_from,
        })
    }

    /// The blocks from the one that holds a host sample on, as far as they could be known before another.
    fn above(&self, from: u64, until: u64) -> (Vec<f32>, u64) {
        let block = self.lost.block() as u64;
        let whole = |at: u64| at.saturating_sub(self.upper_from) / block * block;
        let known = whole(until.saturating_sub(self.lost.reach() as u64));
        let known = known.min(self.upper.len() as u64);
        let begins = whole(from).min(known);
        let upper = copied(&self.upper, begins as usize, known as usize);
        (upper, self.upper_from + begins)
    }

    /// The samples at the continuer's rate from one index to another that are kept.
    pub(super) fn between(&self, from: u64, until: u64) -> Vec<f32> {
        let place = |at: u64| (at.saturating_sub(self.base) as usize).min(self.samples.len());
        copied(&self.samples, place(from), place(until))
    }

    pub(super) fn map(&self) -> RateMap {
        self.map
    }
}

/// The values from one place to another, both in its bounds. In two pieces: one by one they take the worker some
/// milliseconds.
fn copied(values: &VecDeque<f32>, from: usize, until: usize) -> Vec<f32> {
    let (first, second) = values.as_slices();
    let split = first.len();
    let mut copy = Vec::with_capacity(until.saturating_sub(from));
    copy.extend_from_slice(
        first
            .get(from.min(split)..until.min(split))
            .unwrap_or_default(),
    );
    let second = second.get(from.saturating_sub(split)..until.saturating_sub(split));
    copy.extend_from_slice(second.unwrap_or_default());
    copy
}

#[cfg(test)]
mod tests {
    use super::{HeardUpper, copied};
    use crate::timeline::RateMap;
    use std::collections::VecDeque;

    #[test]
    fn a_copy_is_what_lies_between_on_both_sides_of_the_rings_end() {
        let mut values: VecDeque<f32> = VecDeque::with_capacity(8);
        values.extend([0.0; 5]);
        values.drain(..5);
        values.extend((0..7).map(|value| value as f32));
        for (from, until) in [(0, 7), (1, 2), (2, 6), (4, 7), (3, 3), (5, 2)] {
            let expected: Vec<f32> = (from..until).map(|value| value as f32).collect();
            assert_eq!(copied(&values, from, until), expected, "{from} to {until}");
        }
    }

    #[test]
    fn only_a_continuer_without_a_top_has_an_upper_band() {
        for (host_rate_hz, model_rate_hz, is_there) in [
            (48_000, 16_000, true),
            (44_100, 22_050, true),
            (48_000, 44_100, false), // the walk through what was heard, and most hosts
            (48_000, 48_000, false),
            (22_050, 22_050, false),
            (22_050, 48_000, false),
        ] {
            let map = RateMap {
                host_rate_hz,
                model_rate_hz,
                origin_host: 0,
            };
            assert_eq!(HeardUpper::new(map).is_some(), is_there, "{map:?}");
        }
    }
}
