//! The tree that heap integration grows, found by two walks over the bins. Audio thread.
//!
//! Gradient heap integration always settles the neighbour of the loudest settled node next. So each
//! bin is reached from the frame before along the path whose quietest node is loudest (the widest
//! path, by Prim's algorithm), and within one frame that path only runs along the bins: from the left,
//! from the right, or straight from the bin itself. No queue, no logarithm of the size, and the same
//! time for every spectrum.
//! Source of the order: Prusa, Sondergaard 2016, sec. 3; widest paths: Pollack 1960, "The maximum
//! capacity through a network". That they meet in a chain is our own.

/// Nothing comes this way.
const CLOSED: f32 = f32::MIN;

/// Whence a bin takes its phase.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Source {
    /// From the same bin one frame before.
    Before,
    /// From the bin below.
    Left,
    /// From the bin above.
    Right,
    /// From nowhere: too quiet.
    Quiet,
    /// From nowhere: the loudest bin of a part that the frame before does not reach.
    Start,
}

/// Widths of the paths into each bin of one frame.
#[derive(Clone, Debug)]
pub(crate) struct WidestPath {
    from_left: Vec<f32>,
    from_right: Vec<f32>,
    sources: Vec<Source>,
}

impl WidestPath {
    /// Allocates.
    pub(crate) fn new(bins: usize) -> Self {
        Self {
            from_left: vec![CLOSED; bins],
            from_right: vec![CLOSED; bins],
            sources: vec![Source::Quiet; bins],
        }
    }

    /// Source of every bin `[bins]`. Real-time safe.
    ///
    /// `previous`, `current`: levels `[bins]` of two frames, in any unit that grows; a level not above
    /// `floor` neither gives nor takes. `previous` is `None` at the first frame.
    pub(crate) fn sources(
        &mut self,
        previous: Option<&[f32]>,
        current: &[f32],
        floor: f32,
    ) -> &[Source] {
        match previous {
            Some(previous) => self.measure(previous, current, floor),
            None => {
                self.from_left.fill(CLOSED);
                self.from_right.fill(CLOSED);
                for (source, level) in self.sources.iter_mut().zip(current) {
                    *source = if *level > floor {
                        Source::Start
                    } else {
                        Source::Quiet
                    };
                }
            }
        }
        self.start_where_nothing_comes(current);
        &self.sources
    }

    fn measure(&mut self, previous: &[f32], current: &[f32], floor: f32) {
        let open = |level: f32| if level > floor { level } else { CLOSED };
        let last = current.len() - 1;
        let (mut left, mut right) = (CLOSED, CLOSED); // widths of what leaves the bin just passed
        // Both walks at once: each waits for its own last step only.
        for bin in 0..=last {
            let mirrored = last - bin;
            self.from_left[bin] = left;
            self.from_right[mirrored] = right;
            left = narrower(wider(open(previous[bin]), left), open(current[bin]));
            right = narrower(
                wider(open(previous[mirrored]), right),
                open(current[mirrored]),
            );
        }
        let widths = self.from_left.iter().zip(&self.from_right);
        let levels = previous.iter().zip(current);
        for ((source, (left, right)), (before, level)) in
            self.sources.iter_mut().zip(widths).zip(levels)
        {
            let before = open(*before);
            let along = if *right > *left {
                Source::Right
            } else {
                Source::Left
            };
            let widest = wider(*left, *right);
            let reached = if before >= widest {
                Source::Before
            } else {
                along
            };
            let alone = wider(before, widest) == CLOSED;
            let heard = if alone { Source::Start } else { reached };
            *source = if *level > floor { heard } else { Source::Quiet };
        }
    }

    // A part that nothing reaches spreads from its loudest bin.
    fn start_where_nothing_comes(&mut self, current: &[f32]) {
        let mut from = 0;
        while let Some(skipped) = self.sources[from..]
            .iter()
            .position(|s| *s == Source::Start)
        {
            let start = from + skipped;
            let part = &mut self.sources[start..];
            let length = part
                .iter()
                .position(|s| *s != Source::Start)
                .unwrap_or(part.len());
            let mut best = 0;
            for bin in 1..length {
                if current[start + bin] > current[start + best] {
                    best = bin;
                }
            }
            part[..best].fill(Source::Right);
            part[best + 1..length].fill(Source::Left);
            from = start + length;
        }
    }
}

#[inline(always)]
fn wider(a: f32, b: f32) -> f32 {
    if a > b { a } else { b }
}

#[inline(always)]
fn narrower(a: f32, b: f32) -> f32 {
    if a < b { a } else { b }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may stop")]
mod tests {
    use super::{Source, WidestPath};
    use crate::counter_rng::{Purpose, Stream};

    /// Heap integration as published, with the slowest of queues.
    fn by_queue(previous: &[f32], current: &[f32], floor: f32) -> Vec<Source> {
        let bins = current.len();
        let mut sources = vec![Source::Quiet; bins];
        let mut pending: Vec<bool> = current.iter().map(|level| *level > floor).collect();
        // Level, bin, and whether it lies in the frame before.
        let open = |bin: &usize| previous[*bin] > floor && current[*bin] > floor;
        let mut queue: Vec<(f32, usize, bool)> = (0..bins)
            .filter(open)
            .map(|bin| (previous[bin], bin, true))
            .collect();
        while pending.iter().any(|pending| *pending) {
            let Some(top) = (0..queue.len()).max_by(|a, b| queue[*a].0.total_cmp(&queue[*b].0))
            else {
                let first = pending.iter().position(|pending| *pending).unwrap();
                let run = pending[first..]
                    .iter()
                    .take_while(|pending| **pending)
                    .count();
                let louder = |a: &usize, b: &usize| current[*a].total_cmp(&current[*b]);
                let start = (first..first + run).max_by(louder).unwrap();
                (sources[start], pending[start]) = (Source::Start, false);
                queue.push((current[start], start, false));
                continue;
            };
            let (_, bin, before) = queue.swap_remove(top);
            let mut settle = |to: usize, source: Source| {
                if pending[to] {
                    (sources[to], pending[to]) = (source, false);
                    queue.push((current[to], to, false));
                }
            };
            if before {
                settle(bin, Source::Before);
            } else {
                if bin + 1 < bins {
                    settle(bin + 1, Source::Left);
                }
                if bin > 0 {
                    settle(bin - 1, Source::Right);
                }
            }
        }
        sources
    }

    #[test]
    fn every_bin_is_reached_as_heap_integration_reaches_it() {
        for seed in 0..400 {
            let random = Stream::new(seed, Purpose::SAMPLING, 0, 0);
            let bins = 3 + seed as usize % 60;
            let level = |position: u64| random.uniform_at(position);
            let previous: Vec<f32> = (0..bins as u64).map(|n| level(2 * n)).collect();
            let current: Vec<f32> = (0..bins as u64).map(|n| level(2 * n + 1)).collect();
            let floor = (seed % 7) as f32 * 0.12;
            let mut path = WidestPath::new(bins);
            let got = path.sources(Some(&previous), &current, floor);
            assert_eq!(got, by_queue(&previous, &current, floor), "seed {seed}");
        }
    }

    #[test]
    fn a_first_frame_spreads_from_the_loudest_bin_of_each_part() {
        use Source::{Left, Quiet, Right, Start};
        let mut path = WidestPath::new(7);
        let got = path.sources(None, &[0.0, 1.0, 3.0, 2.0, 0.0, 5.0, 4.0], 0.5);
        assert_eq!(got, [Quiet, Right, Start, Left, Quiet, Start, Left]);
    }

    #[test]
    fn equal_levels_point_at_one_another_nowhere() {
        for bins in [3, 8] {
            let level = vec![1.0; bins];
            let mut path = WidestPath::new(bins);
            let got = path.sources(Some(&level), &level, 0.0);
            assert!(got.iter().all(|source| *source == Source::Before));
        }
        // One bin of the frame before is heard, and all of this one are equally loud.
        let mut previous = [0.0; 5];
        previous[2] = 1.0;
        let mut path = WidestPath::new(5);
        let got = path.sources(Some(&previous), &[1.0; 5], 0.5);
        assert_eq!(
            got,
            [
                Source::Right,
                Source::Right,
                Source::Before,
                Source::Left,
                Source::Left
            ]
        );
    }
}
