//! The input on its way through the Processor: cleaned, and passed to the output in time with it.
//!
//! Audio thread; real-time safe after `prepare`.

use super::Processor;
use crate::output::silence_if_broken;
use crate::voice::Faults;

/// Where the input goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Route {
    /// To the output, and it is listened to.
    Through,
    /// It is only listened to.
    Beside,
}

/// The input of a block: host rate, as long as the block or shorter.
#[derive(Clone, Copy, Debug)]
pub(super) struct Input<'a> {
    pub(super) channels: &'a [&'a [f32]],
    pub(super) route: Route,
    /// Where the piece at hand begins in it.
    pub(super) begins: usize,
}

impl<'a> Input<'a> {
    pub(super) fn new(channels: &'a [&'a [f32]], route: Route) -> Self {
        Self {
            channels,
            route,
            begins: 0,
        }
    }

    /// The same from a sample of the block on.
    pub(super) fn from(self, begins: usize) -> Self {
        Self { begins, ..self }
    }

    /// Left and right at a sample of the piece at hand: one channel is both, what is missing is
    /// silence. Also says how many values were not finite or absurd, and were silenced.
    pub(super) fn at(&self, place: usize) -> ([f32; 2], u32) {
        let place = self.begins + place;
        let value = |channel: usize| {
            let channel = self.channels.get(channel)?;
            Some(channel.get(place).copied().unwrap_or(0.0))
        };
        let mut left = value(0).unwrap_or(0.0);
        let mut broken = silence_if_broken(&mut left);
        let right = value(1).map_or(left, |mut right| {
            broken += silence_if_broken(&mut right);
            right
        });
        ([left, right], broken)
    }
}

/// Holds the input back by the reported latency.
#[derive(Default)]
pub(super) struct DryPath {
    held: Vec<[f32; 2]>,
    next: usize,
}

impl DryPath {
    /// For a latency in host samples. Allocates; not for the audio thread.
    pub(super) fn prepare(&mut self, latency_samples: u32) {
        self.held = vec![[0.0; 2]; latency_samples as usize];
        self.next = 0;
    }

    /// Forgets what it holds.
    pub(super) fn reset(&mut self) {
        self.held.fill([0.0; 2]);
    }

    /// Takes a sample in and gives the one that is due.
    pub(super) fn pass(&mut self, sample: [f32; 2]) -> [f32; 2] {
        let Some(place) = self.held.get_mut(self.next) else {
            return sample; // no latency
        };
        let due = std::mem::replace(place, sample);
        self.next = (self.next + 1) % self.held.len();
        due
    }
}

impl Processor {
    /// Takes the input of a piece of the block.
    pub(super) fn hear(&mut self, input: &Input<'_>, samples: usize, faults: &mut Faults) {
        let cleaned = (0..samples).map(|place| {
            let (sample, broken) = input.at(place);
            faults.non_finite_samples += broken;
            sample
        });
        self.conductor.ear.hear(self.position_host, cleaned);
    }

    /// Sends what was heard to the worker; offline, waits for room.
    pub(super) fn send_heard(&mut self, samples: u64) {
        let Self {
            conductor,
            player,
            rendering,
            worker,
            monitor,
            ..
        } = self;
        rendering.wait_for(|| conductor.ear.has_room(), worker.as_ref(), monitor);
        let until_host = self.position_host + samples;
        conductor.send_heard(until_host);
        player.publish_position(until_host);
        self.send_to_transformer(self.position_host);
    }

    /// Sends what was heard to be transformed; offline, waits for room.
    fn send_to_transformer(&mut self, begins: u64) {
        let Self {
            conductor,
            transforming,
            rendering,
            worker,
            monitor,
            ..
        } = self;
        let heard = conductor.ear.heard();
        rendering.wait_for(
            || transforming.has_room(heard.len()),
            worker.as_ref(),
            monitor,
        );
        transforming.hear(begins, heard);
    }

    /// Holds the output back and mixes in what became of the input, where that is wished for. Offline, waits for
    /// it. `begins`: the host sample of the output's first.
    pub(super) fn transform(&mut self, begins: u64, left: &mut [f32], right: &mut [f32]) {
        if self.transforming.is_idle() {
            return;
        }
        let until = begins + left.len() as u64;
        let Self {
            transforming,
            rendering,
            worker,
            monitor,
            ..
        } = self;
        rendering.wait_for(|| transforming.is_ready(until), worker.as_ref(), monitor);
        transforming.mix(begins, left, right);
    }

    /// Adds the input, where it passes, and what continues it to the output. Offline, waits for that.
    ///
    /// `begins`: the host sample of the output's first; both are as much later than the input as the
    /// output is.
    pub(super) fn pass(&mut self, route: Route, begins: u64, left: &mut [f32], right: &mut [f32]) {
        let latency = u64::from(self.own_latency().reported_samples);
        let until = (begins + left.len() as u64).saturating_sub(latency);
        let alone = self.program.is_none() && self.outgoing.is_none();
        let Self {
            conductor,
            player,
            dry,
            rendering,
            worker,
            monitor,
            ..
        } = self;
        rendering.wait_for(|| player.is_ready(until), worker.as_ref(), monitor);
        let out = left.iter_mut().zip(right);
        for ((heard, (l, r)), at) in conductor.ear.heard().iter().zip(out).zip(begins..) {
            let due = dry.pass(*heard);
            let Some(at) = at.checked_sub(latency) else {
                continue; // the input has not come through yet
            };
            let (input, [sound_left, sound_right]) = player.next(at, due);
            let [input_left, input_right] = match route {
                Route::Through => input,
                Route::Beside => [0.0; 2],
            };
            // A sum with a zero would lose the sign of a zero.
            if alone && !player.is_active() && route == Route::Through {
                (*l, *r) = (input_left, input_right);
            } else {
                *l += input_left + sound_left;
                *r += input_right + sound_right;
            }
        }
    }
}
