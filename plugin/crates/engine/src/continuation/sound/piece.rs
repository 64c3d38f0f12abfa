//! A piece of sound at work: generated, compared with what was played, moved to its place, brought to the
//! host's rate, sent, and kept as a take. Worker thread only.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};

use afterimage_spectral::{ResampleError, Resampler};
use rtrb::Producer;

use super::hearing::{Hearing, panicked};
use super::history::History;
use super::player::half_switch;
use super::recording::Recording;
use super::seam::{self, Fit, MOST_LAG_MS};
use super::stock::Stock;
use super::upper::UpperBand;
use super::{CHUNK_SAMPLES, COMPARED_MS, Slab, SoundBegin};
use crate::continuation::{Continuer, Ending, Style, Take};
use crate::contract::DecodeError;
use crate::timeline::{RateMap, ms_to_samples};

/// Asked of a continuer at a time.
const STEP_SAMPLES: usize = 256;
/// What a take keeps of what was heard before it, in seconds.
const PRIMING_S: u64 = 10;
/// Where the grids of both rates meet only rarely, the nearest samples do.
const MOST_GRID_MS: f32 = 20.0;

/// What a piece can do next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Need {
    /// Its branch has to be heard first.
    Branch,
    /// A step of the continuer.
    Samples,
    /// What was played has to be known first.
    Played,
    /// It can be compared and placed.
    Fit,
    /// Something can be sent.
    Room,
    /// It waits to be asked.
    Nothing,
    /// All was sent, or nothing more is wanted.
    Over,
}

/// The way from the continuer's rate to the host's.
struct Way {
    /// Place in what was generated that the resampler takes next; before 0 lies silence.
    next: i64,
    /// Frames that lie before the first that is wanted.
    leave_out: u64,
    gains: [f32; 2],
    correlation: f32,
    /// What was made for a sample sounds so many samples earlier.
    lag: i32,
}

/// A piece.
pub(super) struct Piece {
    begin: SoundBegin,
    map: RateMap,
    /// Index, at the continuer's rate, of the first sample that it makes.
    branch: u64,
    /// Its take has what was heard before: in a step of its own, because that takes a millisecond.
    primed: bool,
    begun: bool,
    failed: bool,
    serial: u64,
    passages: VecDeque<(u64, Style)>,
    asked_until: u64,
    resampler: Resampler,
    ends: Option<(u64, Ending)>,
    stock: Stock,
    way: Option<Way>,
    /// What lies above the continuer's band, from its beginning on.
    upper: Option<UpperBand>,
    /// The host sample that is sent next.
    next_host: u64,
    recording: Recording,
}

impl Piece {
    /// A piece for what is heard now. Allocates.
    ///
    /// # Errors
    /// When the continuer's rate cannot be brought to the host's.
    pub(super) fn new(begin: SoundBegin, hearing: &Hearing) -> Result<Self, ResampleError> {
        let (map, spec) = (hearing.map(), hearing.spec());
        let (host, model) = (f64::from(map.host_rate_hz), f64::from(map.model_rate_hz));
        let resampler = Resampler::new(model, host, 1)?;
        let mut start = begin.start;
        start.quarter_samples *= map.model_rate_hz as f32 / map.host_rate_hz as f32;
        Ok(Self {
            map,
            branch: map.to_model(begin.place.branch_sample),
            primed: false,
            begun: false,
            failed: false,
            serial: hearing.serial(),
            passages: VecDeque::new(),
            asked_until: 0,
            resampler,
            ends: None,
            stock: Stock::new(map.model_rate_hz),
            way: None,
            upper: None,
            next_host: begin.stream_from,
            recording: Recording::new(&begin, spec.name.clone(), start),
            begin,
        })
    }

    pub(super) fn number(&self) -> u32 {
        self.begin.piece
    }

    /// The host sample that is sent next.
    pub(super) fn next_host(&self) -> u64 {
        self.next_host
    }

    /// The continuer's sample that it branches at, until it has begun.
    pub(super) fn branch(&self) -> Option<u64> {
        (!self.begun).then_some(self.branch)
    }

    /// It is wanted up to a host sample.
    pub(super) fn ask(&mut self, until_host: u64, style: Style) {
        self.passages.push_back((until_host, style));
        self.asked_until = self.asked_until.max(until_host);
    }

    /// It is over at a host sample.
    pub(super) fn end(&mut self, at_host: u64, ending: Ending) {
        self.ends.get_or_insert((at_host, ending));
    }

    /// From now on it is silent.
    pub(super) fn fail(&mut self) {
        self.failed = true;
    }

    /// What it needs next, given how much of what is played is known.
    pub(super) fn need(&self, hearing: &Hearing) -> Need {
        let wanted = match self.ends {
            Some((at, _)) => self
                .asked_until
                .min(at + 2 * half_switch(self.map.host_rate_hz)),
            None => self.asked_until,
        };
        if self.ends.is_some() && self.next_host >= wanted {
            return Need::Over;
        }
        if !self.begun {
            return if hearing.heard() >= self.branch {
                Need::Samples
            } else {
                Need::Branch
            };
        }
        let Some(way) = &self.way else {
            return if self.stock.made() < self.compared_model() + self.most_lag() {
                self.need_samples()
            } else if hearing.known() < self.branch + self.compared_model() {
                Need::Played
            } else {
                Need::Fit
            };
        };
        if self.next_host >= wanted {
            return Need::Nothing;
        }
        if self.stock.made() as i64 >= way.next + (self.filled() + self.upper_ahead()) as i64 {
            Need::Room
        } else {
            self.need_samples()
        }
    }

    fn need_samples(&self) -> Need {
        if self.passages.is_empty() {
            Need::Nothing
        } else {
            Need::Samples
        }
    }

    /// Samples that the comparison spans, none without one.
    fn compared_model(&self) -> u64 {
        let until = self.begin.compare_until;
        until.map_or(0, |until| self.map.to_model(until) - self.branch)
    }

    fn most_lag(&self) -> u64 {
        u64::from(ms_to_samples(MOST_LAG_MS, self.map.model_rate_hz, 1))
    }

    /// Takes up what was heard before its branch, then begins, then makes some samples in the style of their passage.
    pub(super) fn generate(
        &mut self,
        continuer: Option<(&mut dyn Continuer, u64)>,
        hearing: &Hearing,
        history: &History,
    ) -> Result<(), DecodeError> {
        let continuer = continuer.filter(|(_, serial)| *serial == self.serial);
        self.failed |= continuer.is_none();
        let continuer = continuer.map(|(continuer, _)| continuer);
        let outcome = if self.begun {
            self.go_on(continuer)
        } else if self.primed {
            self.start(continuer, hearing)
        } else {
            self.prime(history);
            Ok(())
        };
        self.failed |= outcome.is_err();
        outcome
    }

    fn prime(&mut self, history: &History) {
        self.primed = true;
        let branch = self.begin.place.branch_sample;
        let from = branch.saturating_sub(PRIMING_S * u64::from(self.map.host_rate_hz));
        self.recording.prime(history.between(from, branch));
    }

    fn start(
        &mut self,
        continuer: Option<&mut dyn Continuer>,
        hearing: &Hearing,
    ) -> Result<(), DecodeError> {
        self.begun = true;
        let follows = self.begin.start.follows_heard && !self.failed;
        let heard = hearing.upper().filter(|_| follows);
        self.upper = heard.and_then(|heard| UpperBand::new(heard, self.branch));
        let (start, pack) = (self.recording.start(), self.recording.pack());
        continuer.map_or(Ok(()), |continuer| {
            catch_unwind(AssertUnwindSafe(|| continuer.begin(&start))).map_err(|_| panicked(pack))
        })
    }

    fn go_on(&mut self, continuer: Option<&mut dyn Continuer>) -> Result<(), DecodeError> {
        let mut samples = [0.0; STEP_SAMPLES];
        let Some((until_host, style)) = self.passages.front().copied() else {
            return Ok(());
        };
        // What is asked for is heard a little later than it is made: the way to the host looks ahead.
        let until = self.map.to_model(until_host).saturating_sub(self.branch) + self.ahead();
        let left = until.saturating_sub(self.stock.made());
        if left == 0 {
            self.passages.pop_front();
            return Ok(());
        }
        let wanted = &mut samples[..STEP_SAMPLES.min(left as usize)];
        let pack = self.recording.pack();
        let outcome = match continuer.filter(|_| !self.failed) {
            None => Ok(wanted.len()),
            Some(continuer) => {
                catch_unwind(AssertUnwindSafe(|| continuer.go_on(&style, &mut *wanted)))
                    .unwrap_or_else(|_| Err(panicked(pack)))
            }
        };
        let count = match &outcome {
            Ok(count) => (*count).clamp(1, wanted.len()),
            Err(_) => {
                wanted.fill(0.0);
                wanted.len()
            }
        };
        self.stock.push(&mut samples[..count]);
        if let Some(upper) = &mut self.upper {
            upper.take(&samples[..count]);
        }
        outcome.map(|_| ())
    }

    /// Samples that the resampler may ask for to make a slab: two of its chunks.
    fn filled(&self) -> u64 {
        2 * self.resampler.max_fill(CHUNK_SAMPLES) as u64
    }

    /// Samples that the upper band looks ahead.
    fn upper_ahead(&self) -> u64 {
        self.upper.as_ref().map_or(0, UpperBand::ahead)
    }

    /// Samples that must be made beyond what is sent: the resampler's way, two slabs, the longest move.
    fn ahead(&self) -> u64 {
        let host = self.resampler.delay_host_frames() + 2 * CHUNK_SAMPLES;
        self.map.duration_to_model(host as u64)
            + self.filled()
            + self.upper_ahead()
            + self.most_lag()
    }

    /// Compares what was made with what was played meanwhile, and places it.
    pub(super) fn place(&mut self, hearing: &Hearing, history: &History) {
        let branch = self.begin.place.branch_sample;
        let window = u64::from(ms_to_samples(COMPARED_MS, self.map.host_rate_hz, 1));
        let follows = self.begin.start.follows_heard;
        let (fit, gains) = match self.begin.compare_until {
            Some(until) => {
                let (fit, level) = self.compare(hearing);
                let sides = seam::sides(history.powers(branch, until));
                (fit, sides.map(|side| side * level))
            }
            None if follows => {
                let before = history.powers(branch.saturating_sub(window), branch);
                (Fit::NONE, seam::sides(before))
            }
            None => (Fit::NONE, [1.0; 2]),
        };
        self.way = Some(self.way_of(fit, gains));
    }

    /// The move, and then the factor, that bring what was made to what was played.
    fn compare(&self, hearing: &Hearing) -> (Fit, f32) {
        let until = self.branch + self.compared_model();
        let (played, made) = (hearing.between(self.branch, until), self.stock.all());
        if played.len() as u64 != self.compared_model() {
            return (Fit::NONE, 1.0); // so far behind that it was skipped
        }
        let fit = seam::fit(&played, &made, self.most_lag() as usize);
        let window = ms_to_samples(seam::LEVEL_MS, self.map.model_rate_hz, 1) as usize;
        let ahead = fit.lag.max(0) as usize;
        let behind = (-fit.lag).max(0) as usize;
        let level = seam::level(&played[behind..], &made[ahead..], window, fit.correlation);
        (fit, level)
    }

    fn way_of(&self, fit: Fit, gains: [f32; 2]) -> Way {
        // What the filter reaches back lies before the first sample that is wanted.
        let filter = self.resampler.delay_host_frames() as u64;
        let first_host = self.begin.stream_from.saturating_sub(2 * filter);
        let first = self.map.grid_before(first_host, MOST_GRID_MS);
        let first_host = self.map.to_host(first);
        Way {
            next: first as i64 - self.branch as i64 + i64::from(fit.lag),
            leave_out: filter + self.begin.stream_from.saturating_sub(first_host),
            gains,
            correlation: fit.correlation,
            lag: fit.lag,
        }
    }

    /// Sends a slab, if there is room; whether there was.
    pub(super) fn send(&mut self, slabs: &mut Producer<Slab>) -> bool {
        let Some(way) = self.way.as_mut().filter(|_| !slabs.is_full()) else {
            return false;
        };
        let mut samples = [0.0; CHUNK_SAMPLES];
        let stock = &self.stock;
        let mut next = way.next;
        let mut fill = |wanted: &mut [&mut [f32]]| {
            for value in wanted.iter_mut().flat_map(|channel| channel.iter_mut()) {
                *value = stock.at(next);
                next += 1;
            }
        };
        let left_out = way.leave_out.min(CHUNK_SAMPLES as u64) as usize;
        let pulled = if left_out > 0 {
            left_out
        } else {
            CHUNK_SAMPLES
        };
        self.resampler
            .pull(&mut [&mut samples[..pulled]], &mut fill);
        (way.next, way.leave_out) = (next, way.leave_out - left_out as u64);
        if left_out > 0 {
            return true;
        }
        if let Some(upper) = &mut self.upper {
            upper.add(self.next_host, way.lag, &mut samples);
        }
        let slab = Slab {
            piece: self.begin.piece,
            from_host: self.next_host,
            gains: way.gains,
            correlation: way.correlation,
            samples,
        };
        self.recording.keep(&slab);
        self.next_host = slab.end();
        self.stock.drop_before(next);
        slabs.push(slab).is_ok()
    }

    fn gains(&self) -> [f32; 2] {
        self.way.as_ref().map_or([1.0; 2], |way| way.gains)
    }

    /// The take so far, if it is so long that it has to be cut; the piece goes on in another.
    pub(super) fn cut_take(&mut self) -> Option<Take> {
        let gains = self.gains();
        self.recording.is_full().then(|| self.recording.cut(gains))
    }

    /// The take, as far as it came.
    pub(super) fn into_take(self) -> Take {
        let gains = self.gains();
        let (until, ending) = self.ends.unwrap_or((u64::MAX, Ending::Reset));
        let ended = if self.failed { Ending::Failed } else { ending };
        self.recording.finish(until, gains, ended)
    }
}
