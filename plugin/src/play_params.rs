//! The parameters of spectral play: frozen ids, ranges, units. Neutral by default.

use std::sync::Arc;

use afterimage_engine::PlayChange;
use nice_plug::prelude::{BoolParam, FloatParam, FloatRange, IntParam, IntRange, Params};

use crate::params::{SharedNames, linear, percent};

/// Longest stretch, and its inverse the shortest, as a power of two.
const STRETCH_OCTAVES: f32 = 2.0;
/// Last preset that a morph can name.
const LAST_TARGET: i32 = 31;

/// Time, spectrum and morph. Ids never change.
#[derive(Params)]
pub struct PlayParams {
    /// Holds each note where it is.
    #[id = "freeze"]
    pub freeze: BoolParam,
    /// How much longer a note takes, as a power of two: its middle is exactly 1.
    #[id = "stretch"]
    pub stretch: FloatParam,
    /// Seconds added to each note's own time.
    #[id = "scrub_s"]
    pub scrub_s: FloatParam,
    /// Smears partials into a wash.
    #[id = "blur"]
    pub blur: FloatParam,
    /// Slope of the spectrum about 1 kHz.
    #[id = "tilt_db"]
    pub tilt_db: FloatParam,
    /// Moves the pitch under the same envelope.
    #[id = "shift_st"]
    pub shift_st: FloatParam,
    /// Moves the envelope over the same pitch.
    #[id = "formant_st"]
    pub formant_st: FloatParam,
    /// From the knobs' sound to the target's.
    #[id = "morph"]
    pub morph: FloatParam,
    /// The preset a morph goes to.
    #[id = "morph_target"]
    pub morph_target: IntParam,
}

impl PlayParams {
    /// Parameters at their neutral defaults; `names` feeds the value texts.
    pub fn new(names: &SharedNames) -> Self {
        Self {
            freeze: BoolParam::new("Freeze", false),
            stretch: stretch(),
            scrub_s: linear("Scrub", 0.0, 0.0, 4.0, " s", 2),
            blur: percent("Blur", 0.0),
            tilt_db: linear("Tilt", 0.0, -6.0, 6.0, " dB/oct", 1),
            shift_st: linear("Shift", 0.0, -24.0, 24.0, " st", 2),
            formant_st: linear("Formant", 0.0, -12.0, 12.0, " st", 2),
            morph: percent("Morph", 0.0),
            morph_target: morph_target(names.clone()),
        }
    }

    /// The controls' values, always in the same order. Real-time safe.
    pub fn changes(&self) -> [PlayChange; 9] {
        [
            PlayChange::Freeze(self.freeze.value()),
            PlayChange::Stretch(self.stretch.value().exp2()),
            PlayChange::ScrubS(self.scrub_s.value()),
            PlayChange::Blur(self.blur.value()),
            PlayChange::TiltDbPerOctave(self.tilt_db.value()),
            PlayChange::ShiftSemitones(self.shift_st.value()),
            PlayChange::FormantSemitones(self.formant_st.value()),
            PlayChange::Morph(self.morph.value()),
            PlayChange::MorphTarget(self.morph_target.value().clamp(0, LAST_TARGET) as u16),
        ]
    }
}

/// "0.50x", "1.00x", "4.00x".
pub fn stretch_text(octaves: f32) -> String {
    format!("{:.2}x", octaves.exp2())
}

fn stretch() -> FloatParam {
    let range = FloatRange::Linear {
        min: -STRETCH_OCTAVES,
        max: STRETCH_OCTAVES,
    };
    let parse = |text: &str| {
        let times: f32 = text
            .trim()
            .trim_end_matches(['x', '×'])
            .trim()
            .parse()
            .ok()?;
        (times > 0.0).then(|| times.log2())
    };
    FloatParam::new("Stretch", 0.0, range)
        .with_value_to_string(Arc::new(stretch_text))
        .with_string_to_value(Arc::new(parse))
}

fn morph_target(names: SharedNames) -> IntParam {
    let lookup = names.clone();
    let text = move |value: i32| {
        let names = names.read();
        let preset = names.presets.get(value as usize).or(names.presets.last());
        preset.cloned().unwrap_or_else(|| (value + 1).to_string())
    };
    let parse = move |text: &str| {
        let names = lookup.read();
        let named = names.presets.iter().position(|name| name == text.trim());
        let number = || text.trim().parse::<i32>().ok().map(|number| number - 1);
        named.map(|index| index as i32).or_else(number)
    };
    let range = IntRange::Linear {
        min: 0,
        max: LAST_TARGET,
    };
    IntParam::new("Morph Target", 1, range)
        .with_value_to_string(Arc::new(text))
        .with_string_to_value(Arc::new(parse))
}

#[cfg(test)]
mod tests {
    use super::PlayParams;
    use crate::params::{PackNames, SharedNames};
    use afterimage_engine::PlayChange;
    use nice_plug::prelude::Param;
    use parking_lot::RwLock;
    use std::sync::Arc;

    #[test]
    fn a_new_instance_is_neutral() {
        let changes = PlayParams::new(&SharedNames::default()).changes();
        let neutral = [
            PlayChange::Freeze(false),
            PlayChange::Stretch(1.0),
            PlayChange::ScrubS(0.0),
            PlayChange::Blur(0.0),
            PlayChange::TiltDbPerOctave(0.0),
            PlayChange::ShiftSemitones(0.0),
            PlayChange::FormantSemitones(0.0),
            PlayChange::Morph(0.0),
            PlayChange::MorphTarget(1),
        ];
        assert_eq!(changes, neutral);
    }

    #[test]
    fn the_middle_of_a_two_sided_knob_is_exactly_neutral() {
        let params = PlayParams::new(&SharedNames::default());
        for param in [
            &params.stretch,
            &params.tilt_db,
            &params.shift_st,
            &params.formant_st,
        ] {
            assert_eq!(param.preview_plain(0.5), 0.0, "{}", param.name());
        }
    }

    #[test]
    fn a_stretch_reads_and_is_typed_as_times() {
        let stretch = PlayParams::new(&SharedNames::default()).stretch;
        for (normalized, text) in [(0.0, "0.25x"), (0.5, "1.00x"), (1.0, "4.00x")] {
            assert_eq!(stretch.normalized_value_to_string(normalized, true), text);
            let typed = stretch.string_to_normalized_value(text);
            assert!(
                typed.is_some_and(|typed| (typed - normalized).abs() < 1e-6),
                "{text}"
            );
        }
        assert_eq!(stretch.string_to_normalized_value("-1x"), None);
    }

    #[test]
    fn a_target_reads_as_its_preset_and_as_a_number_without_a_pack() {
        let names = SharedNames::default();
        let target = PlayParams::new(&names).morph_target;
        assert_eq!(target.normalized_value_to_string(0.0, true), "1");
        let named = PackNames {
            presets: vec!["First".into(), "Second".into()],
            ..PackNames::default()
        };
        let target = PlayParams::new(&Arc::new(RwLock::new(named))).morph_target;
        let text =
            |index: i32| target.normalized_value_to_string(target.preview_normalized(index), true);
        assert_eq!(
            (text(0).as_str(), text(1).as_str(), text(31).as_str()),
            ("First", "Second", "Second")
        );
        assert_eq!(
            target.string_to_normalized_value("Second"),
            Some(target.preview_normalized(1))
        );
    }
}
