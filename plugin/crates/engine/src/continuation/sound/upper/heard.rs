//! What was heard above the continuer's band, and what it was heard with. Worker thread only.

use std::collections::VecDeque;
use std::ops::Range;
use std::sync::Arc;

use afterimage_spectral::LostBand;

use super::outline::{Outline, Outliner, SIDE, Side};
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

/// Some frames of what was heard in the band that the continuer knows.
#[derive(Debug, PartialEq)]
pub(super) struct Stretch {
    pub(super) side: Side,
    /// At the continuer's rate, a hop a frame; a frame is centred on the first of its own.
    samples: Box<[f32]>,
}

impl Stretch {
    fn of(outlines: &[Outline], samples: &[f32]) -> Arc<Self> {
        Arc::new(Self {
            side: Side::of(outlines),
            samples: samples.into(),
        })
    }
}

/// The heard side, beside one continuer's hearing.
///
/// It is kept in pieces that a memory shares: memory that is fresh from the system takes milliseconds to fill, whether
/// all of it is copied at a branch or a ring moves to where it has room.
pub(in crate::continuation::sound) struct HeardUpper {
    map: RateMap,
    outliner: Outliner,
    stretches: VecDeque<Arc<Stretch>>,
    /// Index of the first stretch that is kept.
    first: u64,
    /// Of the stretch that is not whole yet.
    outlines: Vec<Outline>,
    /// From where that begins on, and up to a hop more than it has outlines.
    samples: Vec<f32>,
    lost: LostBand,
    /// What lies above, at the host's rate, in blocks from the timeline's origin on; none where that is silent.
    upper: VecDeque<Option<Arc<[f32]>>>,
    /// Host sample of the first.
    upper_from: u64,
    around: Vec<f32>,
    block: Vec<f32>,
}

/// What a piece reads in: what was heard before its branch.
pub(super) struct Memory {
    /// The last may hold more than the places.
    pub(super) stretches: Vec<Arc<Stretch>>,
    /// Frames that can be read.
    pub(super) places: usize,
    /// Sample, at the continuer's rate since the timeline's origin, that the first is centred on.
    pub(super) base: u64,
    hop: usize,
    /// What lay above, host rate, in blocks of one length.
    upper: Vec<Option<Arc<[f32]>>>,
    block: usize,
    /// Host sample of the first.
    upper_from: u64,
}

impl Memory {
    /// What lay above at a host sample; nothing beyond what is known.
    pub(super) fn above(&self, host: i64) -> f32 {
        let place = usize::try_from(host - self.upper_from as i64);
        place.map_or(0.0, |place| {
            let block = self.upper.get(place / self.block).and_then(Option::as_ref);
            block.map_or(0.0, |block| block[place % self.block])
        })
    }

    /// Power of the top at a place.
    pub(super) fn top(&self, place: usize) -> f32 {
        self.stretches[place / SIDE].side.tops[place % SIDE]
    }

    /// The samples of a range since `base`, as far as places lie there.
    pub(super) fn copy(&self, range: Range<usize>, into: &mut Vec<f32>) {
        into.clear();
        let range = range.start..range.end.min(self.places * self.hop);
        let first = range.start / (SIDE * self.hop);
        let stretches = self.stretches.iter().skip(first);
        let parts = stretches.map(|stretch| &*stretch.samples);
        let begins = first * SIDE * self.hop;
        copy_parts(parts, begins, range, into);
    }
}

/// Appends what lies in a range of parts that follow each other, the first of which begins at `begins`.
fn copy_parts<'a>(
    parts: impl Iterator<Item = &'a [f32]>,
    mut begins: usize,
    range: Range<usize>,
    into: &mut Vec<f32>,
) {
    for part in parts {
        if begins >= range.end {
            break;
        }
        let place = |at: usize| at.saturating_sub(begins).min(part.len());
        into.extend_from_slice(&part[place(range.start)..place(range.end)]);
        begins += part.len();
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
            stretches: VecDeque::new(),
            first: 0,
            outlines: Vec::with_capacity(SIDE),
            samples: Vec::new(),
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
        self.samples.extend_from_slice(samples);
        let outlines = &mut self.outlines;
        self.outliner
            .push(samples, |outline| outlines.push(outline));
        // An outline is complete a hop after its centre: the samples of its hop are there.
        let whole = SIDE * self.outliner.hop();
        while self.outlines.len() >= SIDE && self.samples.len() >= whole {
            let stretch = Stretch::of(&self.outlines[..SIDE], &self.samples[..whole]);
            self.outlines.drain(..SIDE);
            self.samples.drain(..whole);
            self.stretches.push_back(stretch);
        }
        let kept = KEPT_S * u64::from(self.map.model_rate_hz) / whole as u64;
        let old = (self.stretches.len() as u64).saturating_sub(kept);
        self.stretches.drain(..old as usize);
        self.first += old;
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
            let is_silent = power(&self.block) <= LEAST_SHARE * power(&self.around);
            self.upper
                .push_back((!is_silent).then(|| Arc::from(&*self.block)));
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
        let (whole, side) = (SIDE as u64 * hop, SIDE as u64);
        let rate = u64::from(self.map.model_rate_hz);
        let earliest = branch.saturating_sub(MEMORY_S * rate);
        let first = earliest.div_ceil(whole).max(self.first);
        let base = first * whole;
        let (upper, upper_from) = self.above(self.map.to_host(base), self.map.to_host(branch));
        if upper.iter().all(Option::is_none) {
            return None;
        }
        let wholes = self.first + self.stretches.len() as u64;
        let known = wholes * side + self.outlines.len() as u64;
        // Each is complete a hop after its centre, and read for so long. Where it is not known what lay above there is
        // nothing to read: blocks of that are longer than hops.
        let above = upper_from + (upper.len() * self.lost.block()) as u64;
        let whole_above = (self.map.to_model(above).min(branch) / hop).min(known);
        let places = whole_above.saturating_sub(first * side);
        let count = places.div_ceil(side) as usize;
        let begins = ((first - self.first) as usize).min(self.stretches.len());
        let stretches = self.stretches.range(begins..).take(count).cloned();
        let mut stretches: Vec<_> = stretches.collect();
        if stretches.len() < count {
            let samples = self.outlines.len() * hop as usize;
            let samples = self.samples.get(..samples).unwrap_or_default();
            stretches.push(Stretch::of(&self.outlines, samples));
        }
        Some(Memory {
            stretches,
            places: places as usize,
            base,
            hop: hop as usize,
            upper,
            block: self.lost.block(),
            upper_from,
        })
    }

    /// The blocks from the one that holds a host sample on, as far as they could be known before another, and the host
    /// sample of the first.
    fn above(&self, from: u64, until: u64) -> (Vec<Option<Arc<[f32]>>>, u64) {
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
        let whole = SIDE * self.outliner.hop();
        let base = self.first * whole as u64;
        let place = |at: u64| at.saturating_sub(base) as usize;
        let range = place(from)..place(until);
        let first = (range.start / whole).min(self.stretches.len());
        let parts = self.stretches.range(first..).map(|own| &*own.samples);
        let mut samples = Vec::with_capacity(range.len());
        let parts = parts.chain(std::iter::once(&*self.samples));
        copy_parts(parts, first * whole, range, &mut samples);
        samples
    }

    pub(super) fn map(&self) -> RateMap {
        self.map
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic, reason = "a test may stop")]
mod tests {
    use super::{HeardUpper, Memory, SIDE};
    use crate::continuation::sound::history::History;
    use crate::continuation::sound::{CHUNK_SAMPLES, Chunk};
    use crate::timeline::RateMap;
    use afterimage_spectral::counter_rng::{Purpose, Stream};

    #[test]
    fn what_is_kept_is_what_was_heard_however_it_came() {
        let mut upper = HeardUpper::new(MAP, None).unwrap();
        let hop = upper.outliner.hop();
        let all: Vec<f32> = (0..9_000).map(|n| (n % 77) as f32).collect();
        let (mut heard, mut part) = (0, 1);
        while heard < all.len() {
            let until = all.len().min(heard + part);
            upper.hear(&all[heard..until]);
            (heard, part) = (until, part * 5 % 1_999);
            let known = upper.stretches.len() * SIDE + upper.outlines.len();
            assert!(upper.stretches.len() * SIDE * hop + upper.samples.len() == heard);
            assert!(
                (known + 1) * hop >= heard && known * hop <= heard,
                "{heard}"
            );
        }
        for (from, until) in [
            (0, 9_000),
            (1, 2),
            (1_000, 1_100),
            (1_023, 5_000),
            (8_990, 9_999),
        ] {
            let expected = &all[from..until.min(all.len())];
            assert_eq!(upper.between(from as u64, until as u64), expected);
        }
        let mut copy = vec![7.0; 3];
        upper
            .upper
            .push_back(Some(vec![1.0; upper.lost.block()].into()));
        upper.upper.extend(vec![None; 64]);
        let memory = upper.recollect(8_000).unwrap();
        for range in [0..500, 1_000..1_100, 5_000..9_000] {
            memory.copy(range.clone(), &mut copy);
            let places = memory.places * hop;
            assert_eq!(copy, &all[range.start..range.end.min(places)]);
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
                .flat_map(|block| match block {
                    Some(block) => block.to_vec(),
                    None => vec![0.0; upper.lost.block()],
                })
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
        assert_eq!(early.places, late.places);
        let (mut before, mut after) = (Vec::new(), Vec::new());
        early.copy(0..usize::MAX, &mut before);
        late.copy(0..usize::MAX, &mut after);
        assert!(before == after && early.upper == late.upper);
        let sides = |memory: &Memory| {
            memory
                .stretches
                .iter()
                .map(|own| own.side)
                .collect::<Vec<_>>()
        };
        let whole = early.places / SIDE;
        assert_eq!(sides(early)[..whole], sides(late)[..whole]);
        let tops = |memory: &Memory| {
            (0..memory.places)
                .map(|at| memory.top(at))
                .collect::<Vec<_>>()
        };
        assert_eq!(tops(early), tops(late));
        // Not all of it: what lies longer back than a memory is forgotten.
        assert!(early.base > 6 * 16_000 && early.upper_from > 6 * 48_000);
    }

    #[test]
    fn what_lay_above_is_known_wherever_it_is_read() {
        for (host_rate_hz, model_rate_hz) in [(48_000, 16_000), (44_100, 22_050), (44_100, 16_000)]
        {
            let map = RateMap {
                host_rate_hz,
                model_rate_hz,
                origin_host: 0,
            };
            let mut history = History::new(host_rate_hz);
            let mut upper = HeardUpper::new(map, None).unwrap();
            heard_noise(&mut history, 0, 4.0);
            upper.hear_above(&history);
            upper.hear(&vec![0.1; 3 * model_rate_hz as usize]);
            let hop = upper.outliner.hop();
            for branch in (2 * u64::from(model_rate_hz)..).step_by(97).take(60) {
                let memory = upper.recollect(branch).unwrap();
                // What is read at the last place sounds up to a hop after it.
                let until = map.to_host(memory.base + (memory.places * hop) as u64);
                let known = memory.upper_from + (memory.upper.len() * memory.block) as u64;
                assert!(until <= known + 1, "{branch}: {until} of {known}");
                assert!((1..100).all(|before| memory.above((until - before) as i64) != 0.0));
                // And no block that is known is left out.
                assert!(map.to_host(memory.base + ((memory.places + 1) * hop) as u64) > known);
            }
        }
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
