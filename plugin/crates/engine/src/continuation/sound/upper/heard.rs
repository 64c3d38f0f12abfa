//! What was heard above the continuer's band, and what it was heard with. Worker thread only.

use std::collections::VecDeque;
use std::sync::Arc;

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
    /// What lies above, at the host's rate, in blocks from the timeline's origin on: shared, because what a piece
    /// remembers would take milliseconds to copy.
    upper: VecDeque<Arc<[f32]>>,
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
    /// What lay above, host rate, in blocks of one length.
    upper: Vec<Arc<[f32]>>,
    /// Host sample of the first.
    upper_from: u64,
}

impl Memory {
    /// What lay above at a host sample; nothing beyond what is known.
    pub(super) fn above(&self, host: i64) -> f32 {
        let block = self.upper.first().map_or(1, |block| block.len());
        let place = usize::try_from(host - self.upper_from as i64);
        place.map_or(0.0, |place| {
            let block = self
                .upper
                .get(place / block)
                .map(|whole| whole[place % block]);
            block.unwrap_or(0.0)
        })
    }
}

impl HeardUpper {
    /// For a continuer that hears by `map`; none where it knows all that is heard, or at rates that have no
    /// such band. The filters of one `before` are taken over where the rates are the same: to make them takes
    /// milliseconds. Allocates.
    pub(in crate::continuation::sound) fn new(map: RateMap, before: Option<Self>) -> Option<Self> {
        if map.model_rate_hz >= map.host_rate_hz.min(WHOLE_HZ) {
            return None;
        }
        let rates = |map: &RateMap| (map.host_rate_hz, map.model_rate_hz);
        let lost = match before.filter(|before| rates(&before.map) == rates(&map)) {
            Some(before) => before.lost,
            None => LostBand::new(map.host_rate_hz, map.model_rate_hz).ok()?,
        };
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
            let from = self.upper_until();
            if history.end() < from + block + reach {
                break;
            }
            // What is not kept, or lies before the first sample of the timeline, is silent.
            let begins = from.saturating_sub(reach).max(history.from());
            let begins = begins.min(from + block + reach);
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
            self.upper.push_back(Arc::from(&*self.block));
        }
        let kept = KEPT_S * u64::from(self.map.host_rate_hz) / block;
        let old = (self.upper.len() as u64).saturating_sub(kept);
        self.upper.drain(..old as usize);
        self.upper_from += old * block;
    }

    /// The host sample up to which it is known what lies above.
    fn upper_until(&self) -> u64 {
        self.upper_from + (self.upper.len() * self.lost.block()) as u64
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
        if upper
            .iter()
            .all(|block| block.iter().all(|value| *value == 0.0))
        {
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

    /// The blocks from the one that holds a host sample on, as far as they could be known before another, and the host
    /// sample of the first.
    fn above(&self, from: u64, until: u64) -> (Vec<Arc<[f32]>>, u64) {
        let block = self.lost.block() as u64;
        let blocks = |at: u64| at.saturating_sub(self.upper_from) / block;
        let known = blocks(until.saturating_sub(self.lost.reach() as u64));
        let known = known.min(self.upper.len() as u64);
        let begins = blocks(from).min(known);
        let upper = self.upper.range(begins as usize..known as usize);
        (upper.cloned().collect(), self.upper_from + begins * block)
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
#[allow(clippy::unwrap_used, clippy::panic, reason = "a test may stop")]
mod tests {
    use super::{HeardUpper, copied};
    use crate::continuation::sound::history::History;
    use crate::continuation::sound::{CHUNK_SAMPLES, Chunk};
    use crate::timeline::RateMap;
    use afterimage_spectral::counter_rng::{Purpose, Stream};
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
            assert_eq!(HeardUpper::new(map, None).is_some(), is_there, "{map:?}");
        }
    }

    const MAP: RateMap = RateMap {
        host_rate_hz: 48_000,
        model_rate_hz: 16_000,
        origin_host: 0,
    };

    /// Noise from one host sample on, in chunks.
    fn heard_noise(history: &mut History, from_host: u64, seconds: f64) -> bool {
        let noise = Stream::new(1, Purpose::NOISE, 0, 0);
        let mut goes_on = true;
        for chunk in 0..(seconds * 48_000.0) as u64 / CHUNK_SAMPLES as u64 {
            let from_host = from_host + chunk * CHUNK_SAMPLES as u64;
            let samples = std::array::from_fn(|n| [noise.bipolar_at(from_host + n as u64); 2]);
            goes_on &= history.push(&Chunk {
                listening: 0,
                from_host,
                horizon: 0,
                samples,
            });
        }
        goes_on
    }

    #[test]
    fn a_pause_of_any_length_is_heard_as_silence_above() {
        for pause_s in [0.5, 59.0, 59.9, 60.5, 90.0] {
            let mut history = History::new(MAP.host_rate_hz);
            let mut upper = HeardUpper::new(MAP, None).unwrap();
            heard_noise(&mut history, 0, 1.0);
            upper.hear_above(&history);
            let chunks = (pause_s * 48_000.0 / CHUNK_SAMPLES as f64) as u64;
            let after = history.end() + chunks * CHUNK_SAMPLES as u64;
            assert_eq!(heard_noise(&mut history, after, 1.0), pause_s < 60.0);
            upper.hear_above(&history);
            let (blocks, from) = upper.above(0, u64::MAX);
            let sound: Vec<f32> = blocks
                .iter()
                .flat_map(|block| block.iter().copied())
                .collect();
            let power = |begins: u64, ends: u64| {
                let place = |at: u64| (at.saturating_sub(from) as usize).min(sound.len());
                let sound = &sound[place(begins)..place(ends)];
                sound.iter().map(|x| x * x).sum::<f32>() / sound.len().max(1) as f32
            };
            assert!(power(after + 12_000, after + 36_000) > 0.05, "{pause_s}");
            assert!(power(after - 14_000, after - 6_000) < 1e-9, "{pause_s}");
        }
    }

    #[test]
    fn what_is_remembered_is_the_same_when_it_is_asked_for_later() {
        let mut history = History::new(MAP.host_rate_hz);
        let mut upper = HeardUpper::new(MAP, None).unwrap();
        let branch = 52 * 16_000 + 77;
        let mut remembered = Vec::new();
        for second in 0..60 {
            let end = history.end();
            heard_noise(&mut history, end, 1.0);
            upper.hear_above(&history);
            let model = (0..16_000).map(|n| if (n + second) % 3 == 0 { 0.1 } else { -0.1 });
            upper.hear(&model.collect::<Vec<_>>());
            if [54, 59].contains(&second) {
                remembered.push(upper.recollect(branch).unwrap());
            }
        }
        let [early, late] = &remembered[..] else {
            panic!("two were asked for");
        };
        assert_eq!((early.base, early.upper_from), (late.base, late.upper_from));
        assert_eq!(early.samples, late.samples);
        assert!(early.outlines == late.outlines && early.upper == late.upper);
        // Not all of it: what lies longer back than a memory is forgotten.
        assert!(early.base > 6 * 16_000 && early.upper_from > 6 * 48_000);
    }

    #[test]
    fn one_that_takes_filters_over_hears_as_one_that_made_its_own() {
        let mut history = History::new(MAP.host_rate_hz);
        let mut before = HeardUpper::new(MAP, None).unwrap();
        heard_noise(&mut history, 0, 2.0);
        before.hear_above(&history);
        let mut after = HeardUpper::new(MAP, Some(before)).unwrap();
        let mut fresh = HeardUpper::new(MAP, None).unwrap();
        assert_eq!(after.upper.len(), 0);
        after.hear_above(&history);
        fresh.hear_above(&history);
        assert_eq!(after.upper, fresh.upper);
    }
}
