//! The parameters of continuation, of notes and of sound: frozen ids, ranges, units. It stands still by
//! default.

use std::sync::Arc;

use afterimage_engine::continuation::{
    ContinuationChange, DEFAULT_LIKENESS, InputWhilePlaying, Quantise, Source,
};
use nice_plug::prelude::{
    BoolParam, Enum, EnumParam, FloatParam, FloatRange, IntParam, IntRange, Params,
};

use crate::params::{SharedNames, linear, percent};
use crate::tempo_params::{self, TempoParams};
use crate::view::Opens;

/// Most bars that a length can name.
const MOST_BARS: i32 = 128;
/// Stands for no key.
const NO_KEY: i32 = -1;
/// Values of a continuation, always in the same order.
pub const CHANGES: usize = 20 + tempo_params::CHANGES;

/// What a piece goes on from.
#[derive(Enum, Clone, Copy, Debug, PartialEq, Eq)]
pub enum FromChoice {
    /// What was played before it; from nothing where nothing was.
    #[id = "heard"]
    #[name = "What Was Played"]
    Heard,
    /// Nothing: it is imagined.
    #[id = "nothing"]
    #[name = "Nothing"]
    Nothing,
}

/// What is continued.
#[derive(Enum, Clone, Copy, Debug, PartialEq, Eq)]
pub enum SourceChoice {
    /// The notes that are played.
    #[id = "notes"]
    #[name = "Notes"]
    Notes,
    /// The sound that comes in.
    #[id = "sound"]
    #[name = "Sound"]
    Sound,
}

/// What becomes of the input while a piece plays.
#[derive(Enum, Clone, Copy, Debug, PartialEq, Eq)]
pub enum InputChoice {
    /// The piece takes its place.
    #[id = "muted"]
    #[name = "Muted"]
    Muted,
    /// It goes on under the piece.
    #[id = "heard"]
    #[name = "Heard"]
    Heard,
}

/// On which grid line a piece begins.
#[derive(Enum, Clone, Copy, Debug, PartialEq, Eq)]
pub enum StartChoice {
    /// As soon as its first notes can be there.
    #[id = "now"]
    #[name = "Now"]
    Now,
    /// On the next beat.
    #[id = "beat"]
    #[name = "Beat"]
    Beat,
    /// On the next bar line.
    #[id = "bar"]
    #[name = "Bar"]
    Bar,
}

/// When a piece begins.
#[derive(Enum, Clone, Copy, Debug, PartialEq, Eq)]
pub enum WhenChoice {
    /// When it is run.
    #[id = "run"]
    #[name = "At Once"]
    AtOnce,
    /// When no key has been held for a beat.
    #[id = "stop"]
    #[name = "When I Stop"]
    WhenStopped,
}

/// Continuation. Ids never change.
#[derive(Params)]
pub struct ContinuationParams {
    /// Up begins a piece, down ends it.
    #[id = "continue_run"]
    pub run: BoolParam,
    /// Whether notes or sound are continued.
    #[id = "continue_source"]
    pub source: EnumParam<SourceChoice>,
    /// What it goes on from.
    #[id = "continue_from"]
    pub from: EnumParam<FromChoice>,
    /// Where it begins.
    #[id = "continue_start"]
    pub start: EnumParam<StartChoice>,
    /// Bars until it ends by itself; 0 is never.
    #[id = "continue_bars"]
    pub bars: IntParam,
    /// Seconds until it ends by itself; 0 leaves that to the bars.
    #[id = "continue_seconds"]
    pub seconds: FloatParam,
    /// Seconds over which it fades before its end, or once it is stopped.
    #[id = "continue_fade"]
    pub fade: FloatParam,
    /// Whether it goes on to a cadence after its length.
    #[id = "continue_cadence"]
    pub cadence: BoolParam,
    /// Whether it waits for the player to stop.
    #[id = "continue_when"]
    pub when: EnumParam<WhenChoice>,
    /// Whether it ends when the player plays.
    #[id = "continue_until_i_play"]
    pub until_played: BoolParam,
    /// Bars for the player after each piece; 0 is none.
    #[id = "continue_trade"]
    pub trade: IntParam,
    /// First class condition of the composing pack.
    #[id = "continue_label_1"]
    pub label_1: IntParam,
    /// Second class condition of the composing pack.
    #[id = "continue_label_2"]
    pub label_2: IntParam,
    /// Factor on the pack's temperature.
    #[id = "continue_temperature"]
    pub temperature: FloatParam,
    /// Factor on the pack's top-p.
    #[id = "continue_top_p"]
    pub top_p: FloatParam,
    /// Share of what was heard in what comes next.
    #[id = "continue_likeness"]
    pub likeness: FloatParam,
    /// Brings a piece back.
    #[id = "continue_seed"]
    pub seed: IntParam,
    /// Whether the plugin's own voices play its notes; the MIDI output does in any case.
    #[id = "continue_sounds"]
    pub sounds: BoolParam,
    /// A key that lets it play on while it is held, and plays nothing itself; -1 is none.
    #[id = "continue_key"]
    pub key: IntParam,
    /// What becomes of the input while a piece of sound plays.
    #[id = "continue_input"]
    pub input: EnumParam<InputChoice>,
    /// Level under which the player has stopped, for sound.
    #[id = "continue_gate_db"]
    pub gate_db: FloatParam,
    /// Who says how fast it goes.
    #[nested]
    pub tempo: TempoParams,
}

impl ContinuationParams {
    /// Parameters at their defaults; `names` are those of the composing pack.
    pub fn new(names: &SharedNames, opens: Opens) -> Self {
        let source = match opens {
            Opens::ToPlay => SourceChoice::Notes,
            Opens::ToContinue => SourceChoice::Sound,
        };
        let seeds = IntRange::Linear { min: 0, max: 9999 };
        Self {
            run: BoolParam::new("Continue", false),
            source: EnumParam::new("Continue Source", source),
            from: EnumParam::new("Continue From", FromChoice::Heard),
            start: EnumParam::new("Continue On", StartChoice::Bar),
            bars: bars("Continue Bars", "until stopped"),
            seconds: seconds("Continue Seconds"),
            fade: linear("Continue Fade", 0.0, 0.0, 30.0, " s", 1),
            cadence: BoolParam::new("Continue To Cadence", false),
            when: EnumParam::new("Continue When", WhenChoice::AtOnce),
            until_played: BoolParam::new("Continue Until I Play", false),
            trade: bars("Continue Trade", "off"),
            label_1: label(0, names.clone()),
            label_2: label(1, names.clone()),
            temperature: linear("Continue Freedom", 1.0, 0.0, 2.0, "x", 2),
            top_p: percent("Continue Top-p", 1.0),
            likeness: percent("Continue Likeness", DEFAULT_LIKENESS),
            seed: IntParam::new("Continue Seed", 1, seeds),
            sounds: BoolParam::new("Continue Sounds", true),
            key: key("Continue Key"),
            input: EnumParam::new("Continue Input", InputChoice::Muted),
            gate_db: linear("Continue Gate", -45.0, -80.0, 0.0, " dB", 1),
            tempo: TempoParams::default(),
        }
    }

    /// The key that lets it play on, if there is one. Real-time safe.
    pub fn held_key(&self) -> Option<u8> {
        u8::try_from(self.key.value()).ok()
    }

    /// The controls' values; the one that begins a piece is the last. While the plugin is bypassed no
    /// piece runs. Real-time safe.
    pub fn changes(&self, bypassed: bool) -> [ContinuationChange; CHANGES] {
        let quantise = match self.start.value() {
            StartChoice::Now => Quantise::Now,
            StartChoice::Beat => Quantise::Beat,
            StartChoice::Bar => Quantise::Bar,
        };
        let source = match self.source.value() {
            SourceChoice::Notes => Source::Notes,
            SourceChoice::Sound => Source::Sound,
        };
        let input = match self.input.value() {
            InputChoice::Muted => InputWhilePlaying::Muted,
            InputChoice::Heard => InputWhilePlaying::Heard,
        };
        let label = |index: u8, param: &IntParam| ContinuationChange::Label {
            index,
            label: param.value().clamp(0, i32::from(u16::MAX)) as u16,
        };
        let [tempo_bpm, tempo_source] = self.tempo.changes();
        [
            ContinuationChange::Source(source),
            ContinuationChange::InputWhilePlaying(input),
            ContinuationChange::GateDb(self.gate_db.value()),
            ContinuationChange::Seconds(self.seconds.value()),
            ContinuationChange::FadeS(self.fade.value()),
            ContinuationChange::Cadence(self.cadence.value()),
            ContinuationChange::FollowsHeard(self.from.value() == FromChoice::Heard),
            ContinuationChange::Quantise(quantise),
            ContinuationChange::WhenStopped(self.when.value() == WhenChoice::WhenStopped),
            ContinuationChange::UntilPlayed(self.until_played.value()),
            ContinuationChange::TradeBars(self.trade.value().clamp(0, MOST_BARS) as u16),
            ContinuationChange::Bars(self.bars.value().clamp(0, MOST_BARS) as u16),
            label(0, &self.label_1),
            label(1, &self.label_2),
            ContinuationChange::Temperature(self.temperature.value()),
            ContinuationChange::TopP(self.top_p.value()),
            ContinuationChange::Likeness(self.likeness.value()),
            ContinuationChange::Seed(self.seed.value().max(0) as u64),
            ContinuationChange::Sounds(self.sounds.value()),
            tempo_source,
            tempo_bpm,
            ContinuationChange::Run(self.run.value() && !bypassed),
        ]
    }
}

fn bars(name: &str, none: &'static str) -> IntParam {
    let range = IntRange::Linear {
        min: 0,
        max: MOST_BARS,
    };
    let text = move |bars: i32| match bars {
        0 => none.to_owned(),
        1 => "1 bar".to_owned(),
        bars => format!("{bars} bars"),
    };
    let parse = move |text: &str| match text.trim() {
        text if text == none => Some(0),
        text => text.split_whitespace().next()?.parse().ok(),
    };
    IntParam::new(name, 0, range)
        .with_value_to_string(Arc::new(text))
        .with_string_to_value(Arc::new(parse))
}

/// A MIDI key, or none.
pub(crate) fn key(name: &str) -> IntParam {
    let range = IntRange::Linear {
        min: NO_KEY,
        max: 127,
    };
    let text = |key: i32| match key {
        NO_KEY => "none".to_owned(),
        key => key.to_string(),
    };
    let parse = |text: &str| match text.trim() {
        "none" => Some(NO_KEY),
        text => text.parse().ok(),
    };
    IntParam::new(name, NO_KEY, range)
        .with_value_to_string(Arc::new(text))
        .with_string_to_value(Arc::new(parse))
}

fn seconds(name: &str) -> FloatParam {
    const MOST: f32 = 120.0;
    // Short pieces need the finer half of the knob.
    let range = FloatRange::Skewed {
        min: 0.0,
        max: MOST,
        factor: FloatRange::skew_factor(-1.0),
    };
    let text = |seconds: f32| match seconds {
        0.0 => "by bars".to_owned(),
        seconds => format!("{seconds:.1} s"),
    };
    let parse = |text: &str| match text.trim() {
        "by bars" => Some(0.0),
        text => text.trim_end_matches(['s', ' ']).parse().ok(),
    };
    FloatParam::new(name, 0.0, range)
        .with_value_to_string(Arc::new(text))
        .with_string_to_value(Arc::new(parse))
}

fn label(index: usize, names: SharedNames) -> IntParam {
    let text = move |value: i32| {
        let names = names.read();
        let labels = names.classes.get(index).map(|(_, labels)| labels);
        let label = labels.and_then(|labels| labels.get(value as usize));
        label.cloned().unwrap_or_else(|| value.to_string())
    };
    let range = IntRange::Linear { min: 0, max: 31 };
    IntParam::new(format!("Continue Label {}", index + 1), 0, range)
        .with_value_to_string(Arc::new(text))
}

#[cfg(test)]
mod tests {
    use super::{ContinuationChange, ContinuationParams};
    use crate::params::SharedNames;
    use crate::view::Opens;
    use nice_plug::prelude::Param;

    #[test]
    fn a_piece_begins_after_everything_it_begins_with() {
        let params = ContinuationParams::new(&SharedNames::default(), Opens::ToPlay);
        let changes = params.changes(false);
        assert_eq!(changes.last(), Some(&ContinuationChange::Run(false)));
    }

    #[test]
    fn a_length_reads_as_it_is_written() {
        let params = ContinuationParams::new(&SharedNames::default(), Opens::ToPlay);
        for (bars, text) in [(0, "until stopped"), (1, "1 bar"), (8, "8 bars")] {
            let normalised = params.bars.preview_normalized(bars);
            assert_eq!(
                params.bars.normalized_value_to_string(normalised, true),
                text
            );
            assert_eq!(
                params.bars.string_to_normalized_value(text),
                Some(normalised)
            );
        }
    }
}
