//! Where the controls of continuation stand, and the piece that sounds or is about to. Plain data.

use crate::continuation::metronome::Metronome;
use crate::continuation::{Quantise, Source, Style};

const DEFAULT_TEMPO_BPM: f32 = 120.0;
/// Above the noise of a quiet room's microphone, below a soft note.
const DEFAULT_GATE_DB: f32 = -45.0;

/// Where the controls stand.
#[derive(Clone, Copy, Debug)]
pub(super) struct Knobs {
    pub(super) run: bool,
    pub(super) follows_heard: bool,
    pub(super) quantise: Quantise,
    pub(super) bars: u16,
    pub(super) seconds: f32,
    pub(super) fade_s: f32,
    pub(super) cadence: bool,
    pub(super) when_stopped: bool,
    pub(super) until_played: bool,
    pub(super) trade_bars: u16,
    pub(super) style: Style,
    pub(super) seed: u64,
    pub(super) tempo_bpm: f32,
    pub(super) sounds: bool,
    pub(super) source: Source,
    pub(super) gate_db: f32,
}

impl Default for Knobs {
    fn default() -> Self {
        Self {
            run: false,
            follows_heard: false,
            quantise: Quantise::default(),
            bars: 0,
            seconds: 0.0,
            fade_s: 0.0,
            cadence: false,
            when_stopped: false,
            until_played: false,
            trade_bars: 0,
            style: Style::default(),
            seed: 0,
            tempo_bpm: DEFAULT_TEMPO_BPM,
            sounds: true,
            source: Source::default(),
            gate_db: DEFAULT_GATE_DB,
        }
    }
}

/// A piece that sounds or is about to.
#[derive(Clone, Copy, Debug)]
pub(super) struct Piece {
    pub(super) number: u32,
    pub(super) source: Source,
    /// Tick 0 is its start.
    pub(super) time: Metronome,
    /// Of notes: up to where they were asked for, and are there.
    pub(super) asked_tick: u32,
    pub(super) through_tick: u32,
    /// Of sound: up to where it was asked for.
    pub(super) asked_sample: u64,
    /// Bars end it at a tick, seconds and the player at a sample.
    pub(super) end_tick: Option<u32>,
    pub(super) end_sample: Option<u64>,
    /// It ended because the player wished so, not by its length.
    pub(super) stopped: bool,
    /// Its end was not known before.
    pub(super) cut: bool,
    /// Samples over which it fades before its end, and whether the player has been told.
    pub(super) fade: u64,
    pub(super) fades: bool,
    /// Bars that it may still go on beyond its length, to find a cadence.
    pub(super) bars_to_cadence: u32,
}

impl Piece {
    /// The first host sample that is not before a tick.
    pub(super) fn at(&self, tick: u32) -> u64 {
        self.time.sample_at(f64::from(tick))
    }

    /// Where it ends, in host samples.
    pub(super) fn end(&self) -> Option<u64> {
        let by_tick = self.end_tick.map(|tick| self.at(tick));
        by_tick.into_iter().chain(self.end_sample).min()
    }

    /// The first tick that is not heard any more when it ends at a sample.
    pub(super) fn tick_after(&self, sample: u64) -> u32 {
        let tick = self.time.tick_at(sample).max(0.0) as u32;
        tick + u32::from(self.at(tick) < sample)
    }
}
