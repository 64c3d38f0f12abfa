//! A net from samples to samples. Worker thread only.
//!
//! One without a memory is run on windows that overlap by half; each is faded by a squared sine, so that they add
//! up to what they are. One with states is run on one stretch after another.

use std::f32::consts::PI;

use afterimage_engine::contract::DecodeError;
use afterimage_engine::transform::{Tick, Transformer, TransformerSpec};

use super::wave_plan::WavePlan;
use crate::backend::BackendKind;
use crate::native::set_flush_denormals;
use crate::pack::Pack;
use crate::runtime::Runtime;
use crate::steps::{States, StepModel, StepValues};

/// A net at work.
pub(super) struct WaveTransformer {
    spec: TransformerSpec,
    model: StepModel,
    states: States,
    /// Samples of a call, of each channel.
    window: usize,
    overlaps: bool,
    /// The newest input, `[channels][window]`.
    heard: Vec<Vec<f32>>,
    /// What windows before left for the tick at hand, `[channels][tick]`.
    sum: Vec<Vec<f32>>,
    fade: Vec<f32>,
    /// `[channels * window]`.
    input: Vec<f32>,
}

impl WaveTransformer {
    /// # Errors
    /// The runtime's own words.
    pub(super) fn open(
        pack: &Pack,
        plan: &WavePlan,
        runtime: &Runtime,
        kind: BackendKind,
    ) -> Result<Self, String> {
        let model = StepModel::open(pack, &plan.step, runtime, kind)?;
        let overlaps = !plan.has_states();
        let (window, tick) = match overlaps {
            true => (plan.samples, plan.samples / 2),
            false => (plan.samples, plan.samples),
        };
        let fade = |at: usize| (PI * (at as f32 + 0.5) / window as f32).sin().powi(2);
        Ok(Self {
            spec: TransformerSpec {
                name: pack.manifest().name.clone(),
                sample_rate_hz: pack.manifest().representation.sample_rate,
                channels: plan.channels,
                tick_samples: tick,
                delay_samples: plan.lag + window - tick,
            },
            states: model.initial().clone(),
            model,
            window,
            overlaps,
            heard: vec![vec![0.0; window]; plan.channels],
            sum: vec![vec![0.0; tick]; plan.channels],
            fade: (0..window).map(fade).collect(),
            input: vec![0.0; plan.channels * window],
        })
    }

    fn transform_flushed(
        &mut self,
        input: &[&[f32]],
        output: &mut [&mut [f32]],
    ) -> Result<(), String> {
        let tick = self.spec.tick_samples;
        for ((heard, input), row) in self
            .heard
            .iter_mut()
            .zip(input)
            .zip(self.input.chunks_mut(self.window))
        {
            heard.rotate_left(tick);
            heard[self.window - tick..].copy_from_slice(input);
            row.copy_from_slice(heard);
        }
        let values = StepValues {
            frame: &self.input,
            ..StepValues::default()
        };
        self.model.run(&values, &mut self.states)?;
        let made = self.model.output().chunks(self.window);
        for ((output, made), sum) in output.iter_mut().zip(made).zip(&mut self.sum) {
            if !self.overlaps {
                output.copy_from_slice(made);
                continue;
            }
            let (first, second) = made.split_at(tick);
            let (rising, falling) = self.fade.split_at(tick);
            for (at, value) in output.iter_mut().enumerate() {
                *value = sum[at] + rising[at] * first[at];
                sum[at] = falling[at] * second[at];
            }
        }
        Ok(())
    }
}

impl Transformer for WaveTransformer {
    fn spec(&self) -> &TransformerSpec {
        &self.spec
    }

    fn reset(&mut self) {
        self.states = self.model.initial().clone();
        for channel in self.heard.iter_mut().chain(&mut self.sum) {
            channel.fill(0.0);
        }
    }

    fn transform(
        &mut self,
        _: Tick<'_>,
        input: &[&[f32]],
        output: &mut [&mut [f32]],
    ) -> Result<(), DecodeError> {
        let flags = set_flush_denormals();
        let outcome = self.transform_flushed(input, output);
        flags.restore();
        outcome.map_err(|reason| DecodeError::Transformer {
            pack: self.spec.name.clone(),
            reason,
        })
    }
}
