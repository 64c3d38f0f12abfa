//! How a decode graph is fed: which tensor takes what, and where the frame comes out.

mod maker;

use crate::backend::{InputBuffer, Values};
use crate::error::PackError;
use crate::onnx::Element;
use crate::pack::Pack;
use crate::steps::Carried;
use maker::Maker;

/// Rows of the largest batch: the engine's voices.
pub const MAX_ROWS: usize = 16;

/// What one input tensor takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fill {
    Latent,
    Noise,
    Pitch,
    Velocity,
    TimeOn,
    TimeOff,
    /// Class conditions from this index on.
    Class(usize),
    /// Continuous conditions from this index on.
    Descriptor(usize),
    /// A carried tensor, by its place among them.
    State(usize),
}

impl Fill {
    pub(crate) fn is_time(self) -> bool {
        matches!(self, Self::TimeOn | Self::TimeOff)
    }
}

/// One input tensor of the decode graph.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct PlannedInput {
    pub(crate) name: String,
    pub(crate) fill: Fill,
    /// Axes after the batch.
    pub(crate) tail: Vec<usize>,
    /// Values a row.
    pub(crate) width: usize,
    pub(crate) element: Element,
    /// Latest time the graph was trained on; a longer note stays there.
    pub(crate) latest: f32,
}

/// How a decode graph is fed and read.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct DecodePlan {
    pub(crate) inputs: Vec<PlannedInput>,
    /// Output tensor with the role `frame`.
    pub(crate) output: String,
    /// Output tensor with the role `phase`, where the representation's phases are the model's.
    pub(crate) phase: Option<String>,
    /// Values of a frame as the graph gives it.
    pub(crate) bins: usize,
    /// Frames that a call gives for a row.
    pub(crate) frames: usize,
    /// The batch size the graph insists on, if it does.
    pub(crate) fixed_rows: Option<usize>,
    /// What a note's frame leaves to its next one.
    pub(crate) states: Vec<Carried>,
}

impl DecodePlan {
    pub(crate) fn new(pack: &Pack) -> Result<Self, PackError> {
        let maker = Maker::new(pack)?;
        maker.check_representation()?;
        let inputs = maker.inputs()?;
        let output = maker.output()?;
        let phase = maker.phase(&inputs)?;
        let fixed_rows = maker.fixed_rows()?;
        maker.check_pitch(&inputs)?;
        let states = maker.states(&inputs)?;
        Ok(Self {
            inputs,
            output,
            phase,
            bins: pack.manifest().representation.bins,
            frames: maker.frames_per_call(),
            fixed_rows,
            states,
        })
    }

    /// The tensors that are read: the frame, its phases, then each state.
    pub(crate) fn outputs(&self) -> Vec<&str> {
        let states = self.states.iter().map(|state| state.output.as_str());
        std::iter::once(self.output.as_str())
            .chain(self.phase.as_deref())
            .chain(states)
            .collect()
    }

    /// Buffers for [`MAX_ROWS`] rows of every input. Allocates.
    pub(crate) fn buffers(&self) -> Vec<InputBuffer> {
        let buffer = |input: &PlannedInput| {
            let length = MAX_ROWS * input.width;
            let values = match input.element {
                Element::Int64 => Values::I64(vec![0; length]),
                Element::Int32 => Values::I32(vec![0; length]),
                _ => Values::F32(vec![0.0; length]),
            };
            InputBuffer {
                name: input.name.clone(),
                tail: input.tail.clone(),
                width: input.width,
                values,
            }
        };
        self.inputs.iter().map(buffer).collect()
    }
}
