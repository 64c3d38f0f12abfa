//! How a carried tensor is paired: the input it goes into, the output it comes from.

use super::queue::Queue;
use crate::error::PackError;
use crate::manifest::{Axis, StateKind, TensorSpec};
use crate::pack::Pack;

/// Largest state in values: a megabyte.
const MAX_STATE_VALUES: usize = 1 << 18;

/// A tensor that goes round.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Carried {
    /// The tensor it comes from.
    pub(crate) output: String,
    /// Every value before the first call.
    pub(crate) initial: f32,
    /// Calls after which it comes back, at least 1.
    pub(crate) delay: usize,
    /// Values a row.
    pub(crate) width: usize,
}

impl Carried {
    /// As it stands before the first call. Allocates.
    pub(crate) fn queue(&self) -> Queue {
        Queue::new(self.width, self.delay, self.initial)
    }
}

/// The graph in which a state is looked for.
#[derive(Clone, Copy)]
pub(crate) struct Place<'a> {
    pub(crate) pack: &'a Pack,
    /// `encode`, `predict`, `prime` or `decode`.
    pub(crate) graph: &'static str,
    pub(crate) outputs: &'a [TensorSpec],
}

impl Place<'_> {
    /// The pair of the state input `tensor`, which has `width` values a row.
    ///
    /// # Errors
    /// One sentence, if the manifest pairs it with nothing, in another kind, or in another size.
    pub(crate) fn carried(&self, tensor: &str, width: usize) -> Result<Carried, PackError> {
        let pairs = &self.pack.manifest().state;
        let Some(pair) = pairs.iter().find(|pair| pair.input == tensor) else {
            return Err(self.complain(
                tensor,
                "be the input of a pair in 'state'".into(),
                "no pair names it".into(),
                "add {\"input\", \"output\", \"kind\": \"replace\"} to 'state'",
            ));
        };
        let delay = match pair.kind {
            StateKind::Replace => 1,
            StateKind::Delay(calls) => calls,
            StateKind::Append(_) => {
                return Err(self.complain(
                    tensor,
                    "have the state kind replace or delay(d)".into(),
                    format!("its kind is {}", pair.kind),
                    "export the state as one tensor that each call replaces",
                ));
            }
        };
        let output = self.outputs.iter().find(|o| o.tensor == pair.output);
        let Some(output) = output else {
            return Err(self.complain(
                &pair.output,
                format!("be among 'graphs.{}.outputs'", self.graph),
                "it is not".into(),
                "name it there, with the role state",
            ));
        };
        let given = tail_values(output);
        if given != Some(width) || width * delay > MAX_STATE_VALUES {
            return Err(self.complain(
                &pair.output,
                format!("have as many values as '{tensor}', which has {width}"),
                given.map_or_else(
                    || format!("the manifest says {:?}", output.shape),
                    |given| format!("it has {given}"),
                ),
                "export both with one shape, of at most 262144 values",
            ));
        }
        Ok(Carried {
            output: pair.output.clone(),
            initial: pair.initial,
            delay,
            width,
        })
    }

    fn complain(
        &self,
        tensor: &str,
        expected: String,
        found: String,
        advice: &'static str,
    ) -> PackError {
        PackError::Tensor {
            pack: self.pack.name().to_owned(),
            graph: self.graph,
            tensor: tensor.into(),
            expected,
            found: found.into(),
            advice,
        }
    }
}

/// Values of a row, where every axis after the batch has a known length.
fn tail_values(spec: &TensorSpec) -> Option<usize> {
    let length = |axis: &Axis| match axis {
        Axis::Fixed(length) => Some(*length),
        Axis::Named(_) => None,
    };
    spec.shape[1..].iter().map(length).product()
}
