//! The input on its way through the Processor: cleaned, and passed to the output in time with it.
//!
//! Audio thread; real-time safe after `prepare`.

use crate::output::silence_if_broken;

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
