//! The audio thread's player: switches from the input to the continuation on the sample, and back.
//! Real-time safe after construction.
//!
//! The weights of a switch follow Fink, Holters, Zoelzer 2016, "Signal-matched power-complementary
//! cross-fading and dry-wet mixing", DAFx: equal power where both sounds are strangers, equal amplitude
//! where they are the same, and in between what keeps the level.

use std::collections::VecDeque;
use std::f32::consts::FRAC_PI_2;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use rtrb::Consumer;

use super::{MARK_BITS, SWITCH_MS, Slab, SoundShared, sent_mark};
use crate::concealment::Concealment;
use crate::output::{Delayed, Limiter, RECOVERY_MS, share_of, silence_if_broken};
use crate::timeline::ms_to_samples;
use crate::touched;

/// Pieces that can be known at once: as the output lies a lead of 1 s at most behind the wishes, and no
/// two pieces begin within a quarter of a second.
const PIECES: usize = 8;
/// The input fades, where it is heard or muted while a piece plays, in about this time.
const INPUT_MS: f32 = 20.0;

/// A piece that is to be played, on host samples.
#[derive(Clone, Copy, Debug)]
struct Playing {
    piece: u32,
    /// The switch begins here: half of it lies before the start.
    from: u64,
    /// The switch back begins here, and takes so many samples.
    until: u64,
    leaving: u64,
}

/// What a piece brings at a sample.
struct Brought {
    sound: [f32; 2],
    /// Weights of the input and of the piece.
    weights: [f32; 2],
}

/// The player of one instance.
pub(crate) struct Player {
    slabs: Consumer<Slab>,
    shared: Arc<SoundShared>,
    playing: VecDeque<Playing>,
    slab: Option<Slab>,
    switch_samples: u64,
    /// Share of the input that is taken away while a piece plays.
    muted: Delayed,
    muting: f32,
    concealment: Concealment,
    limiter: Limiter,
    recovery: f32,
    late_samples: u64,
    limited_samples: u64,
}

impl Player {
    /// A player that nobody feeds yet. Allocates.
    pub(crate) fn new(slabs: Consumer<Slab>, shared: Arc<SoundShared>) -> Self {
        Self {
            slabs,
            shared,
            playing: touched::queue(PIECES, || Playing {
                piece: 0,
                from: 0,
                until: 0,
                leaving: 0,
            }),
            slab: None,
            switch_samples: 1,
            muted: Delayed::at(1.0),
            muting: 1.0,
            concealment: Concealment::new(),
            limiter: Limiter { gain: 1.0 },
            recovery: 1.0,
            late_samples: 0,
            limited_samples: 0,
        }
    }

    /// Takes other ends. Not real-time safe: frees those before.
    pub(crate) fn connect(&mut self, slabs: Consumer<Slab>, shared: Arc<SoundShared>) {
        (self.slabs, self.shared) = (slabs, shared);
    }

    /// Sets the host rate.
    pub(crate) fn set_rate(&mut self, rate_hz: u32) {
        self.switch_samples = 2 * half_switch(rate_hz);
        self.muting = share_of(INPUT_MS, rate_hz);
        self.concealment.set_rate(rate_hz);
        self.recovery = share_of(RECOVERY_MS, rate_hz);
    }

    /// Forgets every piece.
    pub(crate) fn reset(&mut self) {
        self.playing.clear();
        self.slab = None;
        self.muted.jump();
        self.concealment.reset();
        self.limiter.gain = 1.0;
    }

    /// Says from which sample on the input is muted while a piece plays, or heard; returns whether the
    /// queue was full. Times do not go back.
    pub(crate) fn mute_input_at(&mut self, at_host: u64, muted: bool) -> bool {
        self.muted.change_at(at_host, f32::from(u8::from(muted)))
    }

    /// A piece will start at a sample; returns whether there was no room for it.
    pub(crate) fn begin(&mut self, piece: u32, starts: u64) -> bool {
        let full = self.playing.len() == PIECES;
        if !full {
            self.playing.push_back(Playing {
                piece,
                from: starts.saturating_sub(self.switch_samples / 2),
                until: u64::MAX,
                leaving: self.switch_samples,
            });
        }
        full
    }

    /// The switch back from a piece begins at a sample, unless it fades.
    pub(crate) fn end(&mut self, piece: u32, from: u64) {
        self.fade(piece, from, self.switch_samples);
    }

    /// A piece gives way to the input from a sample on, over so many. What was said first counts, but
    /// that nobody fades who is cut before.
    pub(crate) fn fade(&mut self, piece: u32, from: u64, samples: u64) {
        let ends = from.saturating_add(samples);
        if let Some(playing) = self.playing.iter_mut().find(|p| p.piece == piece)
            && ends < playing.until.saturating_add(playing.leaving)
        {
            (playing.until, playing.leaving) = (from, samples.max(1));
        }
        self.playing.retain(|playing| playing.until > playing.from);
    }

    /// Whether a piece plays or will.
    pub(crate) fn is_active(&self) -> bool {
        !self.playing.is_empty()
    }

    /// Whether all that is needed before a sample was sent.
    pub(crate) fn is_ready(&self, until_host: u64) -> bool {
        let sent = self.shared.sent.load(Ordering::Acquire);
        self.playing
            .iter()
            .filter(|playing| playing.from < until_host)
            .all(|playing| {
                let ends = playing.until.saturating_add(playing.leaving);
                let enough = sent_mark(playing.piece, until_host.min(ends));
                // Pieces are sent in their order: of an older one there is nothing more to come.
                sent >= enough || sent >> MARK_BITS > u64::from(playing.piece)
            })
    }

    /// Says where the Processor stands.
    pub(crate) fn publish_position(&self, position_host: u64) {
        self.shared.position.store(position_host, Ordering::Release);
    }

    /// Late samples, and samples on which the limiter worked, since this was last asked.
    pub(crate) fn take_faults(&mut self) -> (u64, u64) {
        (
            std::mem::take(&mut self.late_samples),
            std::mem::take(&mut self.limited_samples),
        )
    }

    /// The input and the continuation as they sound at a sample. Samples are asked for in order.
    pub(crate) fn next(&mut self, at: u64, input: [f32; 2]) -> ([f32; 2], [f32; 2]) {
        let muted = self.follow_input(at);
        self.forget_ended(at);
        let Some(brought) = self.bring(at) else {
            return (input, [0.0; 2]);
        };
        let [kept, taken] = brought.weights;
        let kept = 1.0 + muted * (kept - 1.0);
        let sound = self.finish(brought.sound.map(|value| value * taken));
        (input.map(|value| value * kept), sound)
    }

    fn follow_input(&mut self, at: u64) -> f32 {
        self.muted.arrive_at(at);
        self.muted.next(self.muting)
    }

    fn forget_ended(&mut self, at: u64) {
        while let Some(first) = self.playing.front() {
            if at < first.until.saturating_add(first.leaving) {
                return;
            }
            self.playing.pop_front();
            self.concealment.end();
        }
    }

    /// The piece at a sample, if it sounds there.
    fn bring(&mut self, at: u64) -> Option<Brought> {
        let playing = *self.playing.front().filter(|playing| playing.from <= at)?;
        let slab = self.slab_at(playing.piece, at);
        let correlation = slab.map_or(0.0, |slab| slab.correlation);
        let raw = slab.map(|slab| {
            let value = slab.samples[(at - slab.from_host) as usize];
            slab.gains.map(|gain| gain * value)
        });
        self.late_samples += u64::from(raw.is_none());
        Some(Brought {
            sound: self.concealment.next(raw),
            weights: self.weights(&playing, at, correlation),
        })
    }

    fn weights(&self, playing: &Playing, at: u64, correlation: f32) -> [f32; 2] {
        let along = |from: u64, samples: u64| {
            let into = at.saturating_sub(from) as f32 + 0.5;
            (into / samples as f32).min(1.0)
        };
        let coming = along(playing.from, self.switch_samples);
        let (share, correlation) = if at < playing.until {
            (coming, correlation)
        } else {
            (coming.min(1.0 - along(playing.until, playing.leaving)), 0.0)
        };
        switch_weights(share, correlation)
    }

    /// The slab that holds a sample of a piece; what lies before it is dropped.
    fn slab_at(&mut self, piece: u32, at: u64) -> Option<Slab> {
        loop {
            if let Some(slab) = self.slab {
                let is_older = slab.piece < piece || (slab.piece == piece && slab.end() <= at);
                if !is_older {
                    return Some(slab).filter(|s| s.piece == piece && s.from_host <= at);
                }
            }
            self.slab = Some(self.slabs.pop().ok()?);
        }
    }

    /// Keeps what a model made below the ceiling.
    fn finish(&mut self, mut sound: [f32; 2]) -> [f32; 2] {
        for value in &mut sound {
            silence_if_broken(value);
        }
        let peak = sound[0].abs().max(sound[1].abs());
        let gain = self.limiter.next(peak, self.recovery);
        self.limited_samples += u64::from(gain < 1.0);
        sound.map(|value| value * gain)
    }
}

/// Weights of the input and of the piece when `share` of the switch is done: together they keep the level
/// of two equally loud sounds of that correlation.
fn switch_weights(share: f32, correlation: f32) -> [f32; 2] {
    if share >= 1.0 {
        return [0.0, 1.0];
    }
    let (taken, kept) = (share * FRAC_PI_2).sin_cos();
    let level = (1.0 + 2.0 * correlation * taken * kept).sqrt().recip();
    [kept * level, taken * level]
}

/// Half the switch, in host samples.
pub(crate) fn half_switch(rate_hz: u32) -> u64 {
    u64::from(ms_to_samples(SWITCH_MS / 2.0, rate_hz, 1))
}

#[cfg(test)]
mod tests {
    use super::switch_weights;

    #[test]
    fn a_switch_keeps_the_level_at_every_correlation() {
        for correlation in [0.0, 0.3, 0.9, 1.0] {
            for step in 0..=100 {
                let [kept, taken] = switch_weights(step as f32 / 100.0, correlation);
                let power = kept * kept + taken * taken + 2.0 * correlation * kept * taken;
                assert!(
                    (power - 1.0).abs() < 1e-5,
                    "{power} at {step}, {correlation}"
                );
            }
        }
        assert_eq!(switch_weights(1.0, 0.5), [0.0, 1.0]);
        // Sounds that are the same are mixed by amplitude.
        let [kept, taken] = switch_weights(0.3, 1.0);
        assert!((kept + taken - 1.0).abs() < 1e-6);
    }
}
