//! The conductor's part in evolving: when it goes on, and how far it has come in bars. Real-time safe.

use super::{Conductor, Next};
use crate::continuation::Style;
use crate::continuation::TICKS_PER_QUARTER;
use crate::evolve::{EvolveChange, MOST_BARS, STEP_MS, Turn, freedom};
use crate::timeline::ms_to_samples;

/// Where evolving stands.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Evolving {
    bars: u16,
    depth: f32,
    /// The sample of its next step; none while it stands still.
    pub(super) next: Option<u64>,
}

impl Conductor {
    /// Takes a control at a host sample.
    pub(crate) fn evolve_change(&mut self, at_host: u64, change: EvolveChange) {
        match change {
            EvolveChange::Bars(bars) => {
                let bars = bars.min(MOST_BARS);
                if bars != self.evolving.bars {
                    (self.evolving.bars, self.evolving.next) = (bars, Some(at_host));
                }
            }
            EvolveChange::Depth(depth) if depth.is_finite() => {
                self.evolving.depth = depth.clamp(0.0, 1.0);
            }
            EvolveChange::Depth(_) => {}
        }
    }

    /// Begins anew where the timeline does.
    pub(super) fn restart_evolving(&mut self) {
        self.evolving.next = (self.evolving.bars > 0).then_some(0);
    }

    /// Goes a step on.
    pub(super) fn evolve(&mut self, at_host: u64) -> Next {
        let step = u64::from(ms_to_samples(STEP_MS, self.rate_hz, 1));
        let runs = self.evolving.bars > 0;
        self.evolving.next = runs.then_some(at_host + step);
        let tick = self.beat.time.tick_at(at_host);
        // The host's place, where it has one: the same bars sound the same again.
        let host = self.beat.host_quarters(tick);
        let tick = host.map_or(tick, |quarters| quarters * f64::from(TICKS_PER_QUARTER));
        let bars = tick / self.beat.bar_ticks;
        let turn = runs.then(|| Turn {
            draws: bars / f64::from(self.evolving.bars),
            bar: bars.floor() as i64,
        });
        Next::Evolves { at_host, turn }
    }

    /// The style of a passage of a piece that begins at a tick of it.
    pub(super) fn style_at(&self, piece_tick: f64) -> Style {
        let mut style = self.knobs.style;
        if self.evolving.bars > 0 {
            let draws = piece_tick / self.beat.bar_ticks / f64::from(self.evolving.bars);
            style.temperature *= freedom(self.knobs.seed, self.evolving.depth, draws);
        }
        style
    }
}
