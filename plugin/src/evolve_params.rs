//! The parameters of evolving: frozen ids, ranges, units. It stands still by default.

use std::sync::Arc;

use afterimage_engine::EvolveChange;
use nice_plug::prelude::{FloatParam, IntParam, IntRange, Params};

use crate::params::percent;

/// Most bars from one draw of the prior to the next.
pub const MOST_BARS: i32 = 16;
const OFF: &str = "off";

/// Evolving. Ids never change.
#[derive(Params)]
pub struct EvolveParams {
    /// Bars in which the latent wanders from one draw of the prior to the next; 0 stands still.
    #[id = "evolve_bars"]
    pub bars: IntParam,
    /// How far it wanders, as a share of the prior's own width.
    #[id = "evolve_depth"]
    pub depth: FloatParam,
}

impl Default for EvolveParams {
    fn default() -> Self {
        let range = IntRange::Linear {
            min: 0,
            max: MOST_BARS,
        };
        let parse = |text: &str| match text.trim() {
            OFF => Some(0),
            text => text.split_whitespace().next()?.parse().ok(),
        };
        Self {
            bars: IntParam::new("Evolve Bars", 0, range)
                .with_value_to_string(Arc::new(bars_text))
                .with_string_to_value(Arc::new(parse)),
            depth: percent("Evolve Depth", 0.5),
        }
    }
}

impl EvolveParams {
    /// The controls' values. Real-time safe.
    pub fn changes(&self) -> [EvolveChange; 2] {
        [
            EvolveChange::Depth(self.depth.value()),
            EvolveChange::Bars(self.bars.value().clamp(0, MOST_BARS) as u16),
        ]
    }
}

/// "off", "1 bar", "8 bars".
pub fn bars_text(bars: i32) -> String {
    match bars {
        0 => OFF.to_owned(),
        1 => "1 bar".to_owned(),
        bars => format!("{bars} bars"),
    }
}

#[cfg(test)]
mod tests {
    use super::{EvolveChange, EvolveParams};
    use nice_plug::prelude::Param;

    #[test]
    fn it_stands_still_by_default_and_bars_read_as_they_are_written() {
        let params = EvolveParams::default();
        assert_eq!(params.changes()[1], EvolveChange::Bars(0));
        for (bars, text) in [(0, "off"), (1, "1 bar"), (16, "16 bars")] {
            let normalised = params.bars.preview_normalized(bars);
            let shown = params.bars.normalized_value_to_string(normalised, true);
            assert_eq!(shown, text);
            let read = params.bars.string_to_normalized_value(text);
            assert_eq!(read, Some(normalised));
        }
    }
}
