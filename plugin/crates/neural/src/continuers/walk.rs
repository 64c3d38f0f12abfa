//! What was heard, item by item, and a piece's way through it. Worker thread.
//!
//! A net that feeds on what it makes keeps the colour of what it heard and loses the beat and the tune within a second.
//! So while it plays, a reader walks through the items of the last minute, frames or groups of tokens, from places whose
//! past is like the present, as the model-free continuer does through samples. What an item then decides is its net's
//! affair.
//! Source of the walk: Assayag, Dubnov 2004, "Using factor oracles for machine improvisation".

mod reading;

use std::sync::Arc;

use afterimage_spectral::counter_rng::Stream;

#[cfg(test)]
pub(super) use reading::LONGEST_READ_S;
use reading::Reading;

/// What is remembered, in seconds.
pub(super) const MEMORY_S: f32 = 60.0;
/// Groups of neighbouring bins that items are compared by, at most.
const GROUPS: usize = 32;
/// An item that rises by so many times the mean rise begins something.
const ONSET_RISE: f32 = 2.5;

/// What was heard, and where a piece reads in it.
///
/// A clone shares the items until one of the two hears on.
#[derive(Clone, Debug)]
pub(super) struct HeardWalk<T> {
    heard: Arc<Heard<T>>,
    reading: Option<Reading>,
}

/// The items of the last minute and some before them.
#[derive(Clone, Debug)]
struct Heard<T> {
    /// Values of an item.
    width: usize,
    /// `[items][width]`.
    items: Vec<T>,
    outlines: Outlines,
}

/// What items are compared by.
#[derive(Clone, Debug)]
struct Outlines {
    bins: usize,
    groups: usize,
    item_s: f32,
    /// `[items][groups]`: means of neighbouring bins.
    values: Vec<f32>,
}

impl<T: Copy> HeardWalk<T> {
    /// One that has heard nothing. `width`: values of an item; `bins`: of the frame it stands for; `item_s`: seconds from
    /// one to the next.
    pub(super) fn new(width: usize, bins: usize, item_s: f32) -> Self {
        let outlines = Outlines {
            bins,
            groups: bins.min(GROUPS),
            item_s,
            values: Vec::new(),
        };
        let heard = Heard {
            width,
            items: Vec::new(),
            outlines,
        };
        Self {
            heard: Arc::new(heard),
            reading: None,
        }
    }

    /// Remembers an item `[width]`, which stands for a frame `[bins]`.
    pub(super) fn hear(&mut self, item: &[T], frame: &[f32]) {
        Arc::make_mut(&mut self.heard).hear(item, frame);
    }

    /// From here on items are made. `quarter_items`: of a quarter note, 0 where no tempo is known.
    pub(super) fn begin(&mut self, stream: Stream, quarter_items: f64) {
        self.reading = Reading::new(&self.heard.outlines, stream, quarter_items);
    }

    /// The place that is read next; none where too little was heard.
    pub(super) fn next(&mut self) -> Option<usize> {
        let reading = self.reading.as_mut()?;
        reading.next(&self.heard.outlines)
    }

    /// What was heard at a place, `[width]`.
    pub(super) fn item(&self, at: usize) -> &[T] {
        &self.heard.items[at * self.heard.width..][..self.heard.width]
    }

    /// Whether something begins at a place.
    pub(super) fn is_onset(&self, at: usize) -> bool {
        let (outlines, reading) = (&self.heard.outlines, &self.reading);
        let rise = outlines.rise(at);
        let usual = reading.as_ref().map(Reading::usual_rise);
        usual.is_some_and(|usual| rise > ONSET_RISE * usual)
    }

    /// Says what sounds now: a frame `[bins]` that was made.
    pub(super) fn note(&mut self, frame: &[f32]) {
        if let Some(reading) = &mut self.reading {
            reading.note(self.heard.outlines.of(frame));
        }
    }

    /// Says that what sounds now is what was heard at a place.
    pub(super) fn note_place(&mut self, at: usize) {
        if let Some(reading) = &mut self.reading {
            reading.note(self.heard.outlines.at(at).to_vec());
        }
    }

    /// Reads the newest items again: they were made, and will not sound.
    pub(super) fn step_back(&mut self, items: usize) {
        if let Some(reading) = &mut self.reading {
            reading.step_back(items);
        }
    }

    /// The place that is read next, if no jump comes first.
    #[cfg(test)]
    pub(super) fn place(&self) -> Option<usize> {
        self.reading.as_ref().map(Reading::place)
    }

    /// Items that are kept.
    #[cfg(test)]
    pub(super) fn kept(&self) -> usize {
        self.heard.outlines.len()
    }
}

impl<T: Copy> Heard<T> {
    fn hear(&mut self, item: &[T], frame: &[f32]) {
        let outlines = &mut self.outlines;
        self.items.extend_from_slice(item);
        let outline = outlines.of(frame);
        outlines.values.extend_from_slice(&outline);
        let most = outlines.items_in(MEMORY_S);
        // Dropping moves the rest, so it is done now and then.
        if outlines.len() > most + most / 4 {
            let old = outlines.len() - most;
            self.items.drain(..old * self.width);
            outlines.values.drain(..old * outlines.groups);
        }
    }
}

impl Outlines {
    fn len(&self) -> usize {
        self.values.len() / self.groups
    }

    /// Items of so many seconds.
    fn items_in(&self, seconds: f32) -> usize {
        (seconds / self.item_s).round().max(1.0) as usize
    }

    fn at(&self, at: usize) -> &[f32] {
        &self.values[at * self.groups..][..self.groups]
    }

    /// Of a frame `[bins]`.
    fn of(&self, frame: &[f32]) -> Vec<f32> {
        let edge = |group: usize| group * self.bins / self.groups;
        let mean = |bins: &[f32]| bins.iter().sum::<f32>() / bins.len() as f32;
        (0..self.groups)
            .map(|group| mean(&frame[edge(group)..edge(group + 1)]))
            .collect()
    }

    /// Mean rise of a group from the place before.
    fn rise(&self, at: usize) -> f32 {
        let pairs = self.at(at.saturating_sub(1)).iter().zip(self.at(at));
        let rises = pairs.map(|(from, to)| (to - from).max(0.0));
        rises.sum::<f32>() / self.groups as f32
    }

    /// Mean squared difference from their mean, from a place on, and the mean square.
    fn spread(&self, first: usize) -> (f32, f32) {
        let outlines = || self.values[first * self.groups..].chunks_exact(self.groups);
        let count = (self.len() - first) as f32;
        let mut means = vec![0.0; self.groups];
        for outline in outlines() {
            let values = means.iter_mut().zip(outline);
            values.for_each(|(mean, value)| *mean += value / count);
        }
        let nothing = vec![0.0; self.groups];
        let from = |middle: &[f32]| -> f32 {
            let differences = outlines().map(|outline| difference(outline, middle));
            differences.sum::<f32>() / count
        };
        (from(&means), from(&nothing))
    }
}

/// Mean squared difference, in eight sums side by side: a jump takes some ten million of these differences.
fn difference(a: &[f32], b: &[f32]) -> f32 {
    const LANES: usize = 8;
    let mut sums = [0.0; LANES];
    let (a_parts, b_parts) = (a.chunks_exact(LANES), b.chunks_exact(LANES));
    let rests = a_parts.remainder().iter().zip(b_parts.remainder());
    let rest: f32 = rests.map(|(a, b)| (a - b) * (a - b)).sum();
    for (a, b) in a_parts.zip(b_parts) {
        for (sum, (a, b)) in sums.iter_mut().zip(a.iter().zip(b)) {
            *sum += (a - b) * (a - b);
        }
    }
    (sums.iter().sum::<f32>() + rest) / a.len() as f32
}
