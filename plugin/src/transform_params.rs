//! The parameters of transforming: frozen ids, ranges, units. The effect continues by default, and transforms when
//! it is told to.

use std::sync::Arc;

use afterimage_engine::contract::MAX_LATENT;
use afterimage_engine::transform::TransformChange;
use nice_plug::prelude::{Enum, EnumParam, FloatParam, FloatRange, Params, formatters};

use crate::params::{SharedNames, linear, percent};
use crate::view::Opens;

/// Half the range of a bias, in standard deviations of the pack's latent.
pub const BIAS_LIMIT: f32 = 3.0;
/// Values of transforming, always in the same order.
pub const CHANGES: usize = MAX_LATENT + 6;

/// What the effect does to what comes in.
#[derive(Enum, Clone, Copy, Debug, PartialEq, Eq)]
pub enum EffectMode {
    /// Listens, and plays on when it is told to.
    #[id = "continue"]
    #[name = "Continue"]
    Continue,
    /// Makes something else of it.
    #[id = "transform"]
    #[name = "Transform"]
    Transform,
}

/// What is added to one latent axis.
#[derive(Params)]
pub struct BiasParams {
    /// In standard deviations of the pack's latent.
    #[id = "transform_bias"]
    pub value: FloatParam,
}

/// Transforming. Ids never change.
#[derive(Params)]
pub struct TransformParams {
    /// Whether the input is continued or transformed; the latency follows when the host next activates.
    #[id = "fx_mode"]
    pub mode: EnumParam<EffectMode>,
    /// Share of the transformed sound.
    #[id = "transform_mix"]
    pub mix: FloatParam,
    /// How far the input moves the axes.
    #[id = "transform_scale"]
    pub scale: FloatParam,
    /// How slowly they follow it.
    #[id = "transform_smooth_s"]
    pub smoothing_s: FloatParam,
    /// Rate of their own slow movement.
    #[id = "transform_lfo_hz"]
    pub lfo_hz: FloatParam,
    /// Its depth.
    #[id = "transform_lfo_depth"]
    pub lfo_depth: FloatParam,
    /// What is added to each axis.
    #[nested(array, group = "Transform Bias")]
    pub bias: [BiasParams; MAX_LATENT],
    /// An instrument's input does not pass: there is nothing to transform, whatever the mode says.
    passes_input: bool,
}

impl TransformParams {
    /// Parameters at their defaults; `names` are those of the transforming pack.
    pub fn new(names: &SharedNames, opens: Opens) -> Self {
        Self {
            mode: EnumParam::new("FX Mode", EffectMode::Continue),
            mix: percent("Transform Mix", 1.0),
            scale: linear("Transform Scale", 1.0, 0.0, 2.0, "x", 2),
            smoothing_s: skewed("Transform Smooth", 0.0, 2.0, " s"),
            lfo_hz: skewed("Transform LFO Rate", 0.2, 10.0, " Hz"),
            lfo_depth: linear("Transform LFO Depth", 0.0, 0.0, 2.0, "", 2),
            bias: std::array::from_fn(|axis| bias(axis, names.clone())),
            passes_input: opens == Opens::ToContinue,
        }
    }

    /// Whether the input is to be transformed; never in an instrument. Real-time safe.
    pub fn transforms(&self) -> bool {
        self.passes_input && self.mode.value() == EffectMode::Transform
    }

    /// The controls' values; whether it runs is the last. While the plugin is bypassed it does not. Real-time safe.
    pub fn changes(&self, bypassed: bool) -> [TransformChange; CHANGES] {
        let bias = |axis: usize| TransformChange::Bias {
            axis: axis as u8,
            value: self.bias[axis].value.value(),
        };
        std::array::from_fn(|place| match place {
            axis if axis < MAX_LATENT => bias(axis),
            place => match place - MAX_LATENT {
                0 => TransformChange::Mix(self.mix.value()),
                1 => TransformChange::Scale(self.scale.value()),
                2 => TransformChange::SmoothingS(self.smoothing_s.value()),
                3 => TransformChange::LfoHz(self.lfo_hz.value()),
                4 => TransformChange::LfoDepth(self.lfo_depth.value()),
                _ => TransformChange::Run(self.transforms() && !bypassed),
            },
        })
    }
}

fn skewed(name: &str, default: f32, max: f32, unit: &'static str) -> FloatParam {
    // What is short or slow needs the finer half of the knob.
    let range = FloatRange::Skewed {
        min: 0.0,
        max,
        factor: FloatRange::skew_factor(-1.5),
    };
    FloatParam::new(name, default, range)
        .with_unit(unit)
        .with_value_to_string(formatters::v2s_f32_rounded(2))
}

fn bias(axis: usize, names: SharedNames) -> BiasParams {
    let range = FloatRange::Linear {
        min: -BIAS_LIMIT,
        max: BIAS_LIMIT,
    };
    let text = move |value: f32| match names.read().latent.get(axis) {
        Some(name) if !name.is_empty() => format!("{name} {value:+.2}"),
        _ => format!("{value:+.2}"),
    };
    // "Brightness +0.8" or "0.8": the number is the last word.
    let parse = |text: &str| text.split_whitespace().next_back()?.parse().ok();
    let value = FloatParam::new(format!("Transform Bias {}", axis + 1), 0.0, range)
        .with_value_to_string(Arc::new(text))
        .with_string_to_value(Arc::new(parse));
    BiasParams { value }
}

#[cfg(test)]
mod tests {
    use super::{EffectMode, EnumParam, TransformChange, TransformParams};
    use crate::params::SharedNames;
    use crate::view::Opens;

    #[test]
    fn it_runs_after_everything_it_runs_with_and_not_by_itself() {
        let params = TransformParams::new(&SharedNames::default(), Opens::ToContinue);
        let changes = params.changes(false);
        assert_eq!(changes.last(), Some(&TransformChange::Run(false)));
        assert_eq!(changes[16], TransformChange::Mix(1.0));
        for (axis, change) in changes[..16].iter().enumerate() {
            let value = 0.0;
            let axis = axis as u8;
            assert_eq!(*change, TransformChange::Bias { axis, value });
        }
    }

    #[test]
    fn an_instrument_transforms_nothing_whatever_its_mode_says() {
        for (opens, transforms) in [(Opens::ToPlay, false), (Opens::ToContinue, true)] {
            let mut params = TransformParams::new(&SharedNames::default(), opens);
            params.mode = EnumParam::new("FX Mode", EffectMode::Transform);
            assert_eq!(params.transforms(), transforms, "{opens:?}");
            let runs = TransformChange::Run(transforms);
            assert_eq!(params.changes(false).last(), Some(&runs));
        }
    }
}
