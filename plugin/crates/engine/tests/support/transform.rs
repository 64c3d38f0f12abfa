//! Transformers without a net, and the effect that they transform in.

use afterimage_engine::contract::DecodeError;
use afterimage_engine::transform::{Tick, TransformChange, Transformer, TransformerSpec};
use afterimage_engine::{ControlChange, Event, HostConfig, LatencyMode};

use super::{Rig, control};

/// Gives what it takes, a while later, plus a memory of it that the controls colour: a pure function of input
/// and controls, that hears everything.
pub struct Later {
    pub spec: TransformerSpec,
    pub past: [Vec<f32>; 2],
    pub memory: f32,
    /// Adds colour; without it the output is the input's own bits.
    pub coloured: bool,
    pub fails_at_s: Option<f64>,
}

impl Later {
    pub fn new(sample_rate_hz: u32, tick_samples: usize, delay_samples: usize) -> Self {
        Self {
            spec: TransformerSpec {
                name: "later".into(),
                sample_rate_hz,
                channels: 2,
                tick_samples,
                delay_samples,
            },
            past: [vec![0.0; delay_samples], vec![0.0; delay_samples]],
            memory: 0.0,
            coloured: false,
            fails_at_s: None,
        }
    }

    pub fn coloured(self) -> Self {
        Self {
            coloured: true,
            ..self
        }
    }
}

impl Transformer for Later {
    fn spec(&self) -> &TransformerSpec {
        &self.spec
    }

    fn reset(&mut self) {
        self.past.iter_mut().for_each(|past| past.fill(0.0));
        self.memory = 0.0;
    }

    fn transform(
        &mut self,
        tick: Tick<'_>,
        input: &[&[f32]],
        output: &mut [&mut [f32]],
    ) -> Result<(), DecodeError> {
        if self
            .fails_at_s
            .is_some_and(|at| (at..at + 0.05).contains(&tick.at_s))
        {
            return Err(DecodeError::Transformer {
                pack: "later".into(),
                reason: "told to".into(),
            });
        }
        for ((past, input), output) in self.past.iter_mut().zip(input).zip(output.iter_mut()) {
            assert!(input.iter().all(|sample| sample.is_finite()));
            past.extend_from_slice(input);
            let rest = past.split_off(input.len());
            output.copy_from_slice(past);
            *past = rest;
        }
        if self.coloured {
            let controls = tick.controls;
            let wave = (tick.at_s * f64::from(controls.lfo_hz)).fract() as f32;
            let level = controls.scale * (1.0 + controls.bias[0]) + controls.lfo_depth * wave;
            for (at, sample) in input[0].iter().enumerate() {
                self.memory = 0.99 * self.memory + 0.1 * sample * level;
                for output in output.iter_mut() {
                    output[at] += self.memory;
                }
            }
        }
        Ok(())
    }
}

pub fn change(change: TransformChange) -> Event {
    control(ControlChange::Transform(change))
}

/// The effect in its own mode of latency, transforming.
pub fn effect(rate_hz: u32, longest_block: usize, transformer: Box<dyn Transformer>) -> Rig {
    effect_in(LatencyMode::Instant, rate_hz, longest_block, transformer)
}

pub fn effect_in(
    latency_mode: LatencyMode,
    rate_hz: u32,
    longest_block: usize,
    transformer: Box<dyn Transformer>,
) -> Rig {
    let config = HostConfig {
        latency_mode,
        transforms: true,
        ..HostConfig::new(rate_hz, longest_block as u32)
    };
    let mut rig = Rig::with(
        HostConfig {
            transforms: false,
            ..config
        },
        None,
    );
    rig.engine.set_transformer(Some(transformer)).unwrap();
    rig.latency = rig.processor.activate(config).unwrap();
    rig
}
