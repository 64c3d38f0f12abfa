//! What a continuer hears: the history at its rate, on a grid of the timeline. Worker thread only.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};

use afterimage_spectral::resample::CHUNK_HOST_FRAMES;
use afterimage_spectral::{ResampleError, Resampler};

use super::history::History;
use super::upper::HeardUpper;
use crate::continuation::{Continuer, ContinuerSpec};
use crate::contract::DecodeError;
use crate::timeline::RateMap;

/// A continuer hears so much at a time, or what is left before a piece: 8 ms at 16 kHz, so that frames
/// that are due wait no longer than for a net that hears at four times real time.
const HEARD_SAMPLES: u64 = 128;
/// What was heard is kept at the continuer's rate for so long, in seconds: longer than the comparison.
const KEPT_S: u64 = 2;
/// Further behind than this, in seconds, the continuer forgets and goes on with what is new.
const MOST_BEHIND_S: u64 = 10;

/// The hearing of one continuer.
pub(super) struct Hearing {
    /// Which one sits there.
    serial: u64,
    spec: ContinuerSpec,
    map: RateMap,
    resampler: Resampler,
    /// Host sample that the resampler takes next.
    taken: u64,
    /// Frames of its delay that are still to be left out.
    delay: usize,
    /// At the continuer's rate; `base` is the index of the first.
    samples: VecDeque<f32>,
    base: u64,
    /// Index of the next sample that the continuer hears.
    heard: u64,
    /// Times that it was too far behind.
    skips: u64,
    /// What lies above its band; none where it knows all.
    upper: Option<HeardUpper>,
}

impl Hearing {
    /// For the continuer that sits there now: hears again what its context holds of what was heard, from a whole second
    /// of the timeline on. Filters that one `before` had, at the same rates, go on. Allocates.
    ///
    /// # Errors
    /// When the continuer's rate cannot be made.
    pub(super) fn new(
        serial: u64,
        spec: &ContinuerSpec,
        history: &History,
        before: Option<Self>,
    ) -> Result<Self, ResampleError> {
        let (host, model) = (history.rate_hz(), spec.sample_rate_hz);
        let context = spec.context_samples as u64 * u64::from(host) / u64::from(model.max(1));
        let second = u64::from(host.max(1));
        let origin_host =
            (history.end().saturating_sub(context) / second * second).max(history.from());
        let resampler = Resampler::new(f64::from(host), f64::from(model), 1)?;
        let map = RateMap {
            host_rate_hz: host,
            model_rate_hz: model,
            origin_host,
        };
        Ok(Self {
            serial,
            spec: spec.clone(),
            map,
            delay: resampler.delay_host_frames(),
            resampler,
            taken: origin_host,
            samples: VecDeque::new(),
            base: 0,
            heard: 0,
            skips: 0,
            upper: HeardUpper::new(map, before.and_then(|before| before.upper)),
        })
    }

    pub(super) fn serial(&self) -> u64 {
        self.serial
    }

    pub(super) fn spec(&self) -> &ContinuerSpec {
        &self.spec
    }

    pub(super) fn map(&self) -> RateMap {
        self.map
    }

    /// Index of the next sample that the continuer hears.
    pub(super) fn heard(&self) -> u64 {
        self.heard
    }

    /// The index after the newest sample that is known.
    pub(super) fn known(&self) -> u64 {
        self.base + self.samples.len() as u64
    }

    /// What was heard above its band.
    pub(super) fn upper(&self) -> Option<&HeardUpper> {
        self.upper.as_ref()
    }

    /// Times that the continuer was too far behind, since this was last asked.
    pub(super) fn take_skips(&mut self) -> u64 {
        std::mem::take(&mut self.skips)
    }

    /// Seconds that are known and not heard.
    pub(super) fn behind_s(&self) -> f32 {
        (self.known() - self.heard) as f32 / self.spec.sample_rate_hz as f32
    }

    /// The samples from one index to another that are kept.
    pub(super) fn between(&self, from: u64, until: u64) -> Vec<f32> {
        let place = |at: u64| (at.clamp(self.base, self.known()) - self.base) as usize;
        let (from, until) = (place(from), place(until));
        self.samples.range(from..until.max(from)).copied().collect()
    }

    /// Brings to the continuer's rate what the history has.
    pub(super) fn resample(&mut self, history: &History) {
        let needed = self.resampler.max_fill(CHUNK_HOST_FRAMES) as u64;
        let mut made = [0.0; CHUNK_HOST_FRAMES];
        while history.end() >= self.taken + needed {
            let mut taken = self.taken;
            self.resampler.pull(&mut [&mut made], |wanted| {
                let Some(wanted) = wanted.first_mut() else {
                    return;
                };
                let until = taken + wanted.len() as u64;
                wanted.fill(0.0);
                for (to, value) in wanted.iter_mut().zip(history.between(taken, until)) {
                    *to = value;
                }
                taken = until;
            });
            self.taken = taken;
            let left_out = self.delay.min(made.len());
            self.delay -= left_out;
            self.samples.extend(&made[left_out..]);
            if let Some(upper) = &mut self.upper {
                upper.hear(&made[left_out..]);
            }
        }
        if let Some(upper) = &mut self.upper {
            upper.hear_above(history);
        }
        self.drop_old();
    }

    fn drop_old(&mut self) {
        let rate = u64::from(self.spec.sample_rate_hz);
        if self.known() > self.heard + MOST_BEHIND_S * rate {
            self.heard = self.known() / rate * rate; // a whole second of the timeline
            self.skips += 1;
        }
        let keep_from = self.heard.min(self.known().saturating_sub(KEPT_S * rate));
        while self.base < keep_from && self.samples.pop_front().is_some() {
            self.base += 1;
        }
    }

    /// The index up to which the continuer may hear now: a line of the grid below `limit`, or `stop` if
    /// that comes first; `None` when nothing is to be heard.
    pub(super) fn next_stop(&self, limit: u64, stop: Option<u64>) -> Option<u64> {
        let line = (self.heard + 1).next_multiple_of(HEARD_SAMPLES);
        let next = stop
            .filter(|stop| *stop > self.heard)
            .map_or(line, |stop| stop.min(line));
        (next <= limit.min(self.known())).then_some(next)
    }

    /// Passes over what nobody hears.
    pub(super) fn skip(&mut self, until: u64) {
        self.heard = until;
    }

    /// Lets the continuer hear up to an index.
    ///
    /// # Errors
    /// What the continuer says; it has then forgotten what it heard.
    pub(super) fn hear(
        &mut self,
        continuer: &mut dyn Continuer,
        until: u64,
    ) -> Result<(), DecodeError> {
        let samples = self.between(self.heard, until);
        self.heard = until;
        let call = catch_unwind(AssertUnwindSafe(|| continuer.hear(&samples)));
        let heard = call.unwrap_or_else(|_| Err(panicked(&self.spec.name)));
        if heard.is_err() {
            // One that cannot even forget has nothing to lose.
            let _ = catch_unwind(AssertUnwindSafe(|| continuer.forget()));
        }
        heard
    }
}

/// What is said of a continuer that panicked.
pub(super) fn panicked(pack: &str) -> DecodeError {
    DecodeError::Composer {
        pack: pack.to_owned(),
        reason: "the backend panicked".to_owned(),
    }
}
