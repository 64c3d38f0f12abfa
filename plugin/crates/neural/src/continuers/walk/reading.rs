//! The way through what was heard: reads on, and jumps to places whose past is like the present.

use std::collections::VecDeque;

use afterimage_spectral::counter_rng::Stream;

use super::{MEMORY_S, Outlines, difference};

/// The past that is compared, and the least of it that must lie before a place, in seconds.
const CONTEXT_S: f32 = 1.5;
const LEAST_CONTEXT_S: f32 = 0.4;
/// It is looked at so often, in seconds: nearer frames share most of their window.
const CONTEXT_STEP_S: f32 = 0.023;
/// After so many seconds a difference counts half.
const HALF_LIFE_S: f32 = 0.35;
/// What must lie after a place, so that reading there is worth the jump, in seconds.
const AHEAD_S: f32 = 0.75;
/// Places nearer than this are one, in seconds.
const NEIGHBOURHOOD_S: f32 = 0.15;
/// Reading does not go on in one place for longer, in seconds: eight quarters at 120 a minute.
pub(in crate::continuers) const LONGEST_READ_S: f32 = 4.0;
/// Places among which one is drawn.
const CHOICES: usize = 6;
/// In mean squared differences of what was heard from its mean: what makes a place e times less likely, and what it
/// costs more for each time that it was read.
const COST_SCALE: f32 = 0.03;
const USED_COST: f32 = 0.06;
/// Of the mean square. Where less differs, one and the same item was heard, and any place will do.
const LEAST_SPREAD: f32 = 1e-6;

/// Where a piece reads.
#[derive(Clone, Debug)]
pub(super) struct Reading {
    /// Places are those of [`Outlines`], from here on.
    first: usize,
    /// The item that is read next, and the exact place on the beat, where there is one.
    at: usize,
    exact: f64,
    /// Items of a quarter note; 0 where no tempo is known.
    quarter: f64,
    /// Outlines of what sounds, oldest first.
    past: VecDeque<Vec<f32>>,
    /// How often each item was read.
    used: Vec<u16>,
    since_jump: usize,
    /// Mean squared difference of an outline from the mean one.
    spread: f32,
    /// Mean rise from item to item.
    usual_rise: f32,
    stream: Stream,
    drawn: u64,
}

impl Reading {
    /// Begins right after the newest item; none where too little was heard.
    pub(super) fn new(heard: &Outlines, stream: Stream, quarter: f64) -> Option<Self> {
        let (count, most) = (heard.len(), heard.items_in(MEMORY_S));
        let first = count.saturating_sub(most);
        let least = heard.items_in(LEAST_CONTEXT_S) + heard.items_in(AHEAD_S);
        if count - first < least {
            return None;
        }
        let (spread, square) = heard.spread(first);
        let rises = (first + 1..count).map(|at| heard.rise(at));
        let context = count.saturating_sub(heard.items_in(CONTEXT_S)).max(first);
        let mut reading = Self {
            first,
            at: count,
            exact: count as f64,
            quarter,
            past: (context..count).map(|at| heard.at(at).to_vec()).collect(),
            used: vec![0; count],
            since_jump: 0,
            spread: spread.max(LEAST_SPREAD * square).max(f32::MIN_POSITIVE),
            usual_rise: rises.sum::<f32>() / (count - first - 1) as f32,
            stream,
            drawn: 0,
        };
        reading.jump(heard);
        Some(reading)
    }

    /// Mean rise from item to item.
    pub(super) fn usual_rise(&self) -> f32 {
        self.usual_rise
    }

    /// The item that is read next, if no jump comes first.
    #[cfg(test)]
    pub(super) fn place(&self) -> usize {
        self.at
    }

    /// The next place to read.
    pub(super) fn next(&mut self, heard: &Outlines) -> Option<usize> {
        if self.at >= heard.len().min(self.used.len())
            || self.since_jump >= heard.items_in(LONGEST_READ_S)
        {
            self.jump(heard);
        }
        let at = self.at;
        let used = self.used.get_mut(at)?;
        *used = used.saturating_add(1);
        self.at += 1;
        self.exact += 1.0;
        self.since_jump += 1;
        Some(at)
    }

    /// Reads the newest items again, as far as they were read in one go.
    pub(super) fn step_back(&mut self, items: usize) {
        let back = items.min(self.since_jump);
        self.at -= back;
        self.exact -= back as f64;
        self.since_jump -= back;
    }

    /// Takes what sounds now.
    pub(super) fn note(&mut self, outline: Vec<f32>) {
        self.past.pop_front();
        self.past.push_back(outline);
    }

    /// Goes on at one of the places whose past is most like the present; stays where there is none.
    fn jump(&mut self, heard: &Outlines) {
        let mut places = self.places(heard);
        places.sort_by(|a, b| a.1.total_cmp(&b.1));
        places.truncate(CHOICES);
        let Some(least) = places.first().map(|place| place.1) else {
            return;
        };
        let weight = |cost: f32| ((least - cost) / (COST_SCALE * self.spread)).exp();
        let mut left = self.stream.uniform_at(self.drawn)
            * places.iter().map(|place| weight(place.1)).sum::<f32>();
        self.drawn += 1;
        let chosen = places.iter().find(|place| {
            left -= weight(place.1);
            left < 0.0
        });
        self.exact = chosen.map_or(places[0].0, |place| place.0);
        self.at = self.exact.round() as usize;
        self.since_jump = 0;
    }

    /// Places and what it costs to go there: whole quarters away, or anywhere where no tempo is known or so little was
    /// heard that no quarter lies in it.
    fn places(&self, heard: &Outlines) -> Vec<(f64, f32)> {
        let end = self.used.len();
        let (low, high) = (
            self.first + heard.items_in(LEAST_CONTEXT_S),
            end.saturating_sub(heard.items_in(AHEAD_S)),
        );
        if self.quarter >= 1.0 {
            let most = (end as f64 / self.quarter) as i64 + 1;
            let counts = (-most..=most).filter(|count| *count != 0);
            let on_the_beat = counts.map(|count| self.exact + count as f64 * self.quarter);
            let on_the_beat: Vec<_> = on_the_beat
                .filter(|place| (low..=high).contains(&(place.round() as usize)))
                .map(|place| (place, self.cost(heard, place.round() as usize)))
                .collect();
            if !on_the_beat.is_empty() {
                return on_the_beat;
            }
        }
        let costs: Vec<f32> = (low..=high).map(|at| self.cost(heard, at)).collect();
        // An item beside the best place of its neighbourhood is that place, but off the beat.
        let near = heard.items_in(NEIGHBOURHOOD_S);
        let is_best = |place: &usize| {
            let around = place.saturating_sub(near)..costs.len().min(place + near + 1);
            around.clone().all(|other| costs[*place] <= costs[other])
        };
        let apart = |place: &usize| (low + place).abs_diff(self.at) > near;
        let best = (0..costs.len()).filter(apart).filter(is_best);
        best.map(|place| ((low + place) as f64, costs[place]))
            .collect()
    }

    /// How unlike the present the past of a place is, and how often what follows it was read.
    fn cost(&self, heard: &Outlines, place: usize) -> f32 {
        let half_life = HALF_LIFE_S / heard.item_s;
        let (mut sum, mut weights) = (0.0, 0.0);
        for (age, past) in self
            .past
            .iter()
            .rev()
            .enumerate()
            .step_by(heard.items_in(CONTEXT_STEP_S))
        {
            let Some(then) = place
                .checked_sub(1 + age)
                .filter(|then| *then >= self.first)
            else {
                break;
            };
            let weight = (-(age as f32) / half_life).exp2();
            sum += weight * difference(past, heard.at(then));
            weights += weight;
        }
        let soon = &self.used[place..][..heard.items_in(AHEAD_S)];
        let used = soon.iter().map(|count| f32::from(*count)).sum::<f32>() / soon.len() as f32;
        sum / weights + USED_COST * self.spread * used
    }
}
