//! The controls of a transformer, and how they change. Real-time safe.

use crate::contract::MAX_LATENT;

/// Strongest scale: what is twice as far from the mean as any sound lies outside of what nets know.
const MAX_SCALE: f32 = 4.0;
/// Longest smoothing in seconds.
const MAX_SMOOTHING_S: f32 = 10.0;
/// Fastest movement in hertz.
const MAX_LFO_HZ: f32 = 50.0;
/// Widest bias and movement, in knob units.
const MAX_KNOB: f32 = 16.0;

/// A control of transforming and its new value.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum TransformChange {
    /// Whether the input is transformed.
    Run(bool),
    /// Share of the transformed sound, 0 to 1; between both it keeps the power.
    Mix(f32),
    /// What is added to a latent axis, in the pack's knob units. Axes past [`MAX_LATENT`] are ignored.
    Bias {
        /// Axis, from 0.
        axis: u8,
        /// 0 leaves it where the input puts it.
        value: f32,
    },
    /// Factor on how far the input moves each axis from its mean; 1 leaves it, 0 stands still.
    Scale(f32),
    /// Time constant, in seconds, by which the axes follow the input.
    SmoothingS(f32),
    /// Rate of a slow movement of the axes, in hertz.
    LfoHz(f32),
    /// Its depth in knob units.
    LfoDepth(f32),
}

/// Where the controls of a transformer stand.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TransformControls {
    /// Added to each latent axis, in knob units.
    pub bias: [f32; MAX_LATENT],
    /// Factor on the distance from the mean.
    pub scale: f32,
    /// Time constant in seconds.
    pub smoothing_s: f32,
    /// Rate of the slow movement in hertz.
    pub lfo_hz: f32,
    /// Its depth in knob units.
    pub lfo_depth: f32,
}

impl Default for TransformControls {
    fn default() -> Self {
        Self {
            bias: [0.0; MAX_LATENT],
            scale: 1.0,
            smoothing_s: 0.0,
            lfo_hz: 0.0,
            lfo_depth: 0.0,
        }
    }
}

impl TransformControls {
    /// Moves a control; what is no number moves none.
    pub fn change(&mut self, change: TransformChange) {
        let within = |value: f32, low: f32, high: f32, before: f32| {
            if value.is_finite() {
                value.clamp(low, high)
            } else {
                before
            }
        };
        match change {
            TransformChange::Run(_) | TransformChange::Mix(_) => {}
            TransformChange::Bias { axis, value } => {
                if let Some(bias) = self.bias.get_mut(usize::from(axis)) {
                    *bias = within(value, -MAX_KNOB, MAX_KNOB, *bias);
                }
            }
            TransformChange::Scale(scale) => {
                self.scale = within(scale, 0.0, MAX_SCALE, self.scale);
            }
            TransformChange::SmoothingS(seconds) => {
                self.smoothing_s = within(seconds, 0.0, MAX_SMOOTHING_S, self.smoothing_s);
            }
            TransformChange::LfoHz(rate_hz) => {
                self.lfo_hz = within(rate_hz, 0.0, MAX_LFO_HZ, self.lfo_hz);
            }
            TransformChange::LfoDepth(depth) => {
                self.lfo_depth = within(depth, 0.0, MAX_KNOB, self.lfo_depth);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{TransformChange, TransformControls};

    #[test]
    fn what_is_no_number_or_no_axis_changes_nothing() {
        let mut controls = TransformControls::default();
        for change in [
            TransformChange::Scale(f32::NAN),
            TransformChange::LfoHz(f32::INFINITY),
            TransformChange::Bias {
                axis: 16,
                value: 1.0,
            },
            TransformChange::Bias {
                axis: 0,
                value: f32::NAN,
            },
        ] {
            controls.change(change);
        }
        assert_eq!(controls, TransformControls::default());
        controls.change(TransformChange::Scale(-1.0));
        assert_eq!(controls.scale, 0.0);
    }
}
