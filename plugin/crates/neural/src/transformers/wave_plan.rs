//! How a graph that takes samples and gives samples is fed and read.

use crate::error::PackError;
use crate::manifest::{Manifest, Role};
use crate::pack::Pack;
use crate::steps::{StepFill, StepGraph, StepPlan};

const TRANSFORM: StepGraph = StepGraph {
    graph: "transform",
    roles: &[Role::Audio, Role::State],
    needed: Role::Audio,
    output: Some(Role::Audio),
    tokens: 0,
};
/// Fewest samples of a call: a call costs tens of microseconds, whatever it holds.
const LEAST_SAMPLES: usize = 32;

/// Whether a pack has a graph from samples to samples.
pub(crate) fn is_wave_transform(manifest: &Manifest) -> bool {
    manifest.graphs.transform.is_some()
}

/// A graph from samples to samples.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct WavePlan {
    pub(crate) step: StepPlan,
    /// Channels of input and output.
    pub(crate) channels: usize,
    /// Samples of a call, of each channel.
    pub(crate) samples: usize,
    /// Samples by which the graph's output lags its input.
    pub(crate) lag: usize,
}

impl WavePlan {
    /// # Errors
    /// One sentence for what does not fit; see [`PackError`].
    pub(crate) fn new(pack: &Pack) -> Result<Self, PackError> {
        let missing = || PackError::MissingFile {
            pack: pack.name().to_owned(),
            graph: "transform",
            file: "transform.onnx".into(),
        };
        let manifest = pack.manifest();
        let spec = manifest.graphs.transform.as_ref().ok_or_else(missing)?;
        let step = StepPlan::new(pack, TRANSFORM).ok_or_else(missing)??;
        let plan = Self {
            channels: manifest.representation.channels,
            samples: spec.frames_per_call,
            lag: spec.internal_model_latency,
            step,
        };
        plan.check(pack)?;
        Ok(plan)
    }

    /// Whether calls know of those before them; where they do not, windows overlap.
    pub(crate) fn has_states(&self) -> bool {
        !self.step.states().is_empty()
    }

    fn check(&self, pack: &Pack) -> Result<(), PackError> {
        let complain = |tensor: &str, expected: String, found: usize, advice| {
            let found = format!("it has {found}");
            Err(self.step.complain(pack, tensor, (expected, found), advice))
        };
        if self.samples < LEAST_SAMPLES || !self.samples.is_multiple_of(2) {
            return Err(self.step.complain(
                pack,
                "graphs.transform.frames_per_call",
                (
                    format!("be an even number of samples from {LEAST_SAMPLES} to 65536"),
                    format!("it is {}", self.samples),
                ),
                "state how many samples of a channel a call takes, a multiple of the net's own ratio",
            ));
        }
        let wanted = self.channels * self.samples;
        let expected = format!(
            "have the shape [batch, {}, {}], as 'representation.channels' and 'frames_per_call' say",
            self.channels, self.samples
        );
        let advice = "correct 'representation.channels', 'frames_per_call' or the tensor's shape";
        if let Some(input) = self.step.input(StepFill::Frame)
            && input.width() != wanted
        {
            return complain(input.name(), expected, input.width(), advice);
        }
        let output = self.step.output.as_deref().unwrap_or_default();
        if self.step.output_width != wanted {
            return complain(output, expected, self.step.output_width, advice);
        }
        Ok(())
    }
}
