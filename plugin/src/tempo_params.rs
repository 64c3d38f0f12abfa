//! The parameters of tempo: frozen ids, ranges, units.

use afterimage_engine::continuation::{ContinuationChange, TempoSource};
use nice_plug::prelude::{
    BoolParam, Enum, EnumParam, FloatParam, FloatRange, IntParam, Params, formatters,
};

use crate::continuation_params::key;

/// Values of tempo, always in the same order.
pub const CHANGES: usize = 2;

/// Who is asked for the tempo while the host's transport stands.
#[derive(Enum, Clone, Copy, Debug, PartialEq, Eq)]
pub enum TempoChoice {
    /// The host; the plugin's own tempo where it names none.
    #[id = "host"]
    #[name = "Host"]
    Host,
    /// The plugin's own tempo.
    #[id = "own"]
    #[name = "Own"]
    Own,
    /// What is played.
    #[id = "follow"]
    #[name = "Follow Me"]
    Follow,
}

/// Tempo. Ids never change.
#[derive(Params)]
pub struct TempoParams {
    /// Who is asked while the host's transport stands.
    #[id = "tempo_source"]
    pub source: EnumParam<TempoChoice>,
    /// Each rise is a tap.
    #[id = "tempo_tap"]
    pub tap: BoolParam,
    /// A key that taps, and plays nothing itself; -1 is none.
    #[id = "tempo_tap_key"]
    pub key: IntParam,
    /// Quarter notes a minute where nobody else names a tempo.
    #[id = "tempo_bpm"]
    pub bpm: FloatParam,
}

impl Default for TempoParams {
    fn default() -> Self {
        let range = FloatRange::Linear {
            min: 40.0,
            max: 300.0,
        };
        Self {
            source: EnumParam::new("Tempo From", TempoChoice::Host),
            tap: BoolParam::new("Tap", false),
            key: key("Tap Key"),
            bpm: FloatParam::new("Tempo", 120.0, range)
                .with_unit(" BPM")
                .with_value_to_string(formatters::v2s_f32_rounded(1)),
        }
    }
}

impl TempoParams {
    /// The key that taps, if there is one. Real-time safe.
    pub fn tap_key(&self) -> Option<u8> {
        u8::try_from(self.key.value()).ok()
    }

    /// The controls' values but the taps, which are no value. Real-time safe.
    pub fn changes(&self) -> [ContinuationChange; CHANGES] {
        let source = match self.source.value() {
            TempoChoice::Host => TempoSource::Host,
            TempoChoice::Own => TempoSource::Own,
            TempoChoice::Follow => TempoSource::Follow,
        };
        [
            ContinuationChange::TempoBpm(self.bpm.value()),
            ContinuationChange::TempoSource(source),
        ]
    }
}
