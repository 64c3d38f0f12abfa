//! How a graph from frames of the input to a latent is fed and read.

use crate::error::PackError;
use crate::manifest::{Axis, GraphSpec, Manifest, Moments, Role};
use crate::pack::Pack;
use crate::steps::{StepFill, StepGraph, StepPlan};

const ENCODE: StepGraph = StepGraph {
    graph: "encode",
    roles: &[Role::Frame, Role::Pitch, Role::Velocity],
    needed: Role::Frame,
    output: Some(Role::Latent),
    tokens: 0,
};
/// Most frames that are encoded at once: what is kept of the input.
const MAX_FRAMES: usize = 1024;

/// Whether a pack has a way from frames to a latent and back.
pub(crate) fn is_frame_transform(manifest: &Manifest) -> bool {
    let encodes = |graph: &GraphSpec| graph.outputs.iter().any(|spec| spec.role == Role::Latent);
    let graphs = &manifest.graphs;
    manifest.representation.has_columns()
        && graphs.decode.is_some()
        && graphs.encode.as_ref().is_some_and(encodes)
}

/// A graph from frames to a latent.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct EncodePlan {
    pub(crate) step: StepPlan,
    /// Frames that it takes.
    pub(crate) frames: usize,
    /// Where they lie in a note; otherwise they follow each other.
    pub(crate) moments: Option<Moments>,
    /// Loudness that they are brought to, in LUFS.
    pub(crate) loudness: Option<f32>,
}

impl EncodePlan {
    /// # Errors
    /// One sentence for what does not fit; see [`PackError`].
    pub(crate) fn new(pack: &Pack) -> Result<Self, PackError> {
        let missing = || PackError::MissingFile {
            pack: pack.name().to_owned(),
            graph: "encode",
            file: "encode.onnx".into(),
        };
        let spec = pack.manifest().graphs.encode.as_ref().ok_or_else(missing)?;
        let step = StepPlan::new(pack, ENCODE).ok_or_else(missing)??;
        let frame = spec.inputs.iter().find(|input| input.role == Role::Frame);
        let frame = frame.ok_or_else(missing)?;
        let bins = pack.manifest().representation.bins;
        let frames = match &frame.shape[..] {
            [_, Axis::Fixed(frames), Axis::Fixed(values)] if *values == bins => *frames,
            [_, Axis::Fixed(values)] if *values == bins => 1,
            _ => 0,
        };
        let plan = Self {
            frames,
            moments: frame.moments.clone(),
            loudness: frame.loudness,
            step,
        };
        plan.check(pack, &frame.tensor, bins)?;
        Ok(plan)
    }

    fn check(&self, pack: &Pack, tensor: &str, bins: usize) -> Result<(), PackError> {
        if !(1..=MAX_FRAMES).contains(&self.frames) {
            let width = self
                .step
                .input(StepFill::Frame)
                .map_or(0, |input| input.width());
            return Err(self.step.complain(
                pack,
                tensor,
                (
                    format!("have the shape [batch, frames, {bins}] with 1 to {MAX_FRAMES} frames"),
                    format!("it has {width} values a row"),
                ),
                "export 'encode' over a fixed number of frames, and state the same 'representation.bins'",
            ));
        }
        if let Some(moments) = &self.moments
            && moments.on.len() + moments.off.len() != self.frames
        {
            let found = moments.on.len() + moments.off.len();
            return Err(self.step.complain(
                pack,
                tensor,
                (
                    format!(
                        "have as many 'moments' as frames, which are {}",
                        self.frames
                    ),
                    format!("there are {found}"),
                ),
                "list one moment a frame, or none",
            ));
        }
        let size = pack
            .manifest()
            .latent
            .as_ref()
            .map_or(0, |latent| latent.size);
        if self.step.output_width != size {
            let output = self.step.output.as_deref().unwrap_or_default();
            return Err(self.step.complain(
                pack,
                output,
                (
                    format!("have {size} values a row, as 'latent.size' says"),
                    format!("it has {}", self.step.output_width),
                ),
                "correct 'latent.size' or the tensor's shape",
            ));
        }
        Ok(())
    }
}
