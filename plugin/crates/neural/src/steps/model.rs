//! A graph made ready by a runtime: values and states in, values and states out.

use afterimage_engine::contract::MAX_CLASSES;

use super::plan::{StepFill, StepPlan};
use super::queue::Queue;
use crate::backend::{Backend, BackendKind, InputBuffer, Values};
use crate::pack::Pack;
use crate::runtime::Runtime;

/// The carried tensors of one sequence, in the order of the plan's states.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct States(Vec<Queue>);

impl States {
    /// Copies of those at `places`.
    pub(crate) fn picked(&self, places: &[usize]) -> Self {
        Self(places.iter().map(|place| self.0[*place].clone()).collect())
    }
}

/// What one step takes beside its states; what the graph has no input for is not read.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct StepValues<'a> {
    /// As many as the graph's `token` input takes.
    pub(crate) tokens: &'a [u32],
    /// Place in its group of the token that is asked for.
    pub(crate) level: usize,
    /// As many values as the graph's `frame` or `audio` input.
    pub(crate) frame: &'a [f32],
    pub(crate) class: [u16; MAX_CLASSES],
    /// As many values as the graph's `uniform` input, 0 <= u < 1.
    pub(crate) uniform: &'a [f32],
    pub(crate) temperature: f32,
    /// As many values as the graph's `taps` input.
    pub(crate) taps: &'a [f32],
    /// MIDI note, fractional.
    pub(crate) pitch: f32,
    /// 0 to 1.
    pub(crate) velocity: f32,
}

/// A step graph, and what it gave last.
pub(crate) struct StepModel {
    backend: Box<dyn Backend>,
    fills: Vec<StepFill>,
    buffers: Vec<InputBuffer>,
    initial: States,
    /// Whether the first output is one to be read, and not a state.
    has_output: bool,
    /// Outputs of the last call.
    given: Vec<Vec<f32>>,
}

impl StepModel {
    /// # Errors
    /// The runtime's own words.
    pub(crate) fn open(
        pack: &Pack,
        plan: &StepPlan,
        runtime: &Runtime,
        kind: BackendKind,
    ) -> Result<Self, String> {
        let missing = || format!("the pack has no '{}'", plan.graph);
        let graph = pack.graph(plan.graph).ok_or_else(missing)?;
        let outputs: Vec<&str> = plan.outputs.iter().map(String::as_str).collect();
        let mut given: Vec<Vec<f32>> = vec![Vec::new(); outputs.len()];
        if plan.output.is_some() {
            given[0] = vec![0.0; plan.output_width];
        }
        Ok(Self {
            backend: runtime.open(kind, &graph.bytes, &outputs)?,
            fills: plan.inputs.iter().map(|input| input.fill).collect(),
            buffers: plan.buffers(),
            initial: States(plan.initial_states()),
            has_output: plan.output.is_some(),
            given,
        })
    }

    /// The states before the first step.
    pub(crate) fn initial(&self) -> &States {
        &self.initial
    }

    /// One step: `states` go in and are replaced by those that come out.
    ///
    /// # Errors
    /// The runtime's own words, or an output of the wrong length; `states` then stay as they were.
    pub(crate) fn run(&mut self, values: &StepValues, states: &mut States) -> Result<(), String> {
        for (fill, buffer) in self.fills.iter().zip(&mut self.buffers) {
            match fill {
                StepFill::Token => number(&mut buffer.values, values.tokens),
                StepFill::Level => set(&mut buffer.values, values.level as f64),
                StepFill::Class(index) => {
                    set(&mut buffer.values, f64::from(values.class[*index]));
                }
                StepFill::Temperature => set(&mut buffer.values, f64::from(values.temperature)),
                StepFill::Frame => copy(&mut buffer.values, values.frame),
                StepFill::Uniform => copy(&mut buffer.values, values.uniform),
                StepFill::Taps => copy(&mut buffer.values, values.taps),
                StepFill::Pitch => set(&mut buffer.values, f64::from(values.pitch)),
                StepFill::Velocity => set(&mut buffer.values, f64::from(values.velocity)),
                StepFill::State(place) => copy(&mut buffer.values, states.0[*place].oldest()),
            }
        }
        let (given, mut lengths_fit) = (&mut self.given, true);
        let (has_output, initial) = (self.has_output, &self.initial);
        let width = if has_output { given[0].len() } else { 0 };
        self.backend.run(1, &self.buffers, &mut |place, values| {
            let expected = match place.checked_sub(usize::from(has_output)) {
                Some(state) => initial.0[state].oldest().len(),
                None => width,
            };
            lengths_fit &= values.len() == expected;
            given[place].clear();
            given[place].extend_from_slice(values);
        })?;
        if !lengths_fit {
            if has_output {
                self.given[0].resize(width, 0.0);
            }
            return Err("an output came out longer or shorter than the manifest says".into());
        }
        let first = usize::from(self.has_output);
        for (state, given) in states.0.iter_mut().zip(&self.given[first..]) {
            state.push(given);
        }
        Ok(())
    }

    /// What the last step gave; zeros before the first, nothing where the graph gives states alone.
    pub(crate) fn output(&self) -> &[f32] {
        match self.given.first() {
            Some(output) if self.has_output => output,
            _ => &[],
        }
    }

    /// Puts zeros where the last step's output was.
    pub(crate) fn forget_output(&mut self) {
        if self.has_output {
            self.given[0].fill(0.0);
        }
    }
}

fn set(values: &mut Values, value: f64) {
    match values {
        Values::F32(values) => values.fill(value as f32),
        Values::I64(values) => values.fill(value as i64),
        Values::I32(values) => values.fill(value as i32),
    }
}

fn number(values: &mut Values, from: &[u32]) {
    match values {
        Values::F32(values) => values
            .iter_mut()
            .zip(from)
            .for_each(|(v, n)| *v = *n as f32),
        Values::I64(values) => values
            .iter_mut()
            .zip(from)
            .for_each(|(v, n)| *v = i64::from(*n)),
        Values::I32(values) => values
            .iter_mut()
            .zip(from)
            .for_each(|(v, n)| *v = *n as i32),
    }
}

fn copy(values: &mut Values, from: &[f32]) {
    if let Values::F32(values) = values {
        let count = values.len().min(from.len());
        values[..count].copy_from_slice(&from[..count]);
    }
}
