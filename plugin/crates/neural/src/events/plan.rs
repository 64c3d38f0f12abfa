//! How a `predict` graph over events is fed and read.

use crate::backend::{InputBuffer, Values};
use crate::error::PackError;
use crate::manifest::{Axis, ConditionKind, EventVocabulary, GraphSpec, Role, TensorSpec};
use crate::onnx::Element;
use crate::pack::{Pack, PackGraph};

/// Largest state in values: a megabyte.
const MAX_STATE_VALUES: usize = 1 << 18;

/// What one input takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum EventFill {
    /// The newest token.
    Token,
    /// A class condition, by its index among them.
    Class(usize),
    /// The state that this output gave, by its place in `outputs`.
    State(usize),
}

/// One input tensor.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct EventInput {
    name: String,
    pub(crate) fill: EventFill,
    tail: Vec<usize>,
    element: Element,
    pub(crate) initial: f32,
}

/// How a predict graph is fed and read.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct EventPlan {
    pub(crate) file: String,
    pub(crate) inputs: Vec<EventInput>,
    /// The logits' tensor; the first of `outputs`.
    pub(crate) logits: String,
    /// Logits, then one output a state.
    pub(crate) outputs: Vec<String>,
    pub(crate) vocabulary: EventVocabulary,
}

impl EventPlan {
    /// # Errors
    /// One sentence for what does not fit; see [`PackError`].
    pub(crate) fn new(pack: &Pack) -> Result<Self, PackError> {
        let manifest = pack.manifest();
        let parts = (
            pack.graph("predict"),
            manifest.graphs.predict.as_ref(),
            manifest.events.as_ref(),
        );
        let (Some(graph), Some(spec), Some(vocabulary)) = parts else {
            return Err(PackError::Unsupported {
                pack: pack.name().to_owned(),
                what: "an event model".into(),
                expected: "a pack with 'graphs.predict' and 'vocabulary'".into(),
                found: "one without them".into(),
                advice: "export the predictor with its vocabulary",
            });
        };
        Maker { pack, graph, spec }.plan(vocabulary)
    }

    /// Buffers for one row of every input, states at their initial value. Allocates.
    pub(crate) fn buffers(&self) -> Vec<InputBuffer> {
        let buffer = |input: &EventInput| {
            let width = input.tail.iter().product();
            let values = match input.element {
                Element::Int64 => Values::I64(vec![0; width]),
                Element::Int32 => Values::I32(vec![0; width]),
                _ => Values::F32(vec![input.initial; width]),
            };
            InputBuffer {
                name: input.name.clone(),
                tail: input.tail.clone(),
                width,
                values,
            }
        };
        self.inputs.iter().map(buffer).collect()
    }
}

struct Maker<'a> {
    pack: &'a Pack,
    graph: &'a PackGraph,
    spec: &'a GraphSpec,
}

impl Maker<'_> {
    fn plan(&self, vocabulary: &EventVocabulary) -> Result<EventPlan, PackError> {
        let logits = self.logits(vocabulary)?;
        let mut outputs = vec![logits.clone()];
        let mut classes = 0;
        let mut inputs = Vec::new();
        for spec in &self.spec.inputs {
            inputs.push(self.input(spec, &mut classes, &mut outputs)?);
        }
        if !inputs.iter().any(|input| input.fill == EventFill::Token) {
            let advice = "export the graph so that it takes the newest token";
            let wanted = "name an input with the role token".to_owned();
            return Err(self.complain(
                "graphs.predict.inputs",
                wanted,
                "none has it".into(),
                advice,
            ));
        }
        Ok(EventPlan {
            file: self.graph.file.clone(),
            inputs,
            logits,
            outputs,
            vocabulary: vocabulary.clone(),
        })
    }

    fn logits(&self, vocabulary: &EventVocabulary) -> Result<String, PackError> {
        let logits = self
            .spec
            .outputs
            .iter()
            .find(|spec| spec.role == Role::Logits);
        let Some(spec) = logits else {
            return Err(self.complain(
                "graphs.predict.outputs",
                "name an output with the role logits".into(),
                "none has it".into(),
                "export the graph so that it gives one logit a token",
            ));
        };
        let width = self.width(spec)?;
        if width != vocabulary.size() {
            return Err(self.complain(
                &spec.tensor,
                format!(
                    "have {} values, one a token of 'vocabulary'",
                    vocabulary.size()
                ),
                format!("it has {width}"),
                "correct 'vocabulary.classes' or the tensor's shape",
            ));
        }
        Ok(spec.tensor.clone())
    }

    fn input(
        &self,
        spec: &TensorSpec,
        classes: &mut usize,
        outputs: &mut Vec<String>,
    ) -> Result<EventInput, PackError> {
        let width = self.width(spec)?;
        let (fill, initial) = match spec.role {
            Role::Token => (EventFill::Token, 0.0),
            Role::Class => {
                *classes += 1;
                self.check_class(spec, *classes)?;
                (EventFill::Class(*classes - 1), 0.0)
            }
            Role::State => {
                let (output, initial) = self.state(spec, width)?;
                outputs.push(output);
                (EventFill::State(outputs.len() - 1), initial)
            }
            role => {
                return Err(self.complain(
                    &spec.tensor,
                    "have one of the roles token, class, state".into(),
                    format!("its role is {}", role.word()),
                    "correct the role",
                ));
            }
        };
        if width != 1 && !matches!(fill, EventFill::State(_)) {
            return Err(self.complain(
                &spec.tensor,
                "have 1 value a row".into(),
                format!("it has {width}"),
                "export it with the shape [batch, 1]",
            ));
        }
        let tensors = &self.graph.info.inputs;
        let info = tensors.iter().find(|info| info.name == spec.tensor);
        Ok(EventInput {
            name: spec.tensor.clone(),
            fill,
            tail: self.tail(spec)?,
            element: info.map_or(Element::Float32, |info| info.element),
            initial,
        })
    }

    fn check_class(&self, spec: &TensorSpec, taken: usize) -> Result<(), PackError> {
        let conditions = self.pack.manifest().conditions.iter();
        let declared = conditions
            .filter(|condition| matches!(condition.kind, ConditionKind::Class { .. }))
            .count();
        if taken <= declared.min(afterimage_engine::contract::MAX_CLASSES) {
            return Ok(());
        }
        Err(self.complain(
            &spec.tensor,
            "belong to a class condition of 'conditions'".into(),
            format!("there are {declared}"),
            "name the condition and its labels",
        ))
    }

    /// The output that a state input goes on from, and the value it begins with.
    fn state(&self, spec: &TensorSpec, width: usize) -> Result<(String, f32), PackError> {
        let pairs = &self.pack.manifest().state;
        let Some(pair) = pairs.iter().find(|pair| pair.input == spec.tensor) else {
            return Err(self.complain(
                &spec.tensor,
                "be the input of a pair in 'state'".into(),
                "no pair names it".into(),
                "add {\"input\", \"output\", \"kind\": \"replace\"} to 'state'",
            ));
        };
        if pair.kind != "replace" {
            return Err(self.complain(
                &spec.tensor,
                "have the state kind replace".into(),
                format!("its kind is {}", pair.kind),
                "export the state as one tensor that each call replaces",
            ));
        }
        let output = self.spec.outputs.iter().find(|o| o.tensor == pair.output);
        let Some(output) = output else {
            return Err(self.complain(
                &pair.output,
                "be among 'graphs.predict.outputs'".into(),
                "it is not".into(),
                "name it there, with the role state",
            ));
        };
        let given = self.width(output)?;
        if given != width || width > MAX_STATE_VALUES {
            return Err(self.complain(
                &pair.output,
                format!(
                    "have as many values as '{}', which has {width}",
                    spec.tensor
                ),
                format!("it has {given}"),
                "export both with one shape, of at most 262144 values",
            ));
        }
        Ok((pair.output.clone(), pair.initial))
    }

    fn width(&self, spec: &TensorSpec) -> Result<usize, PackError> {
        Ok(self.tail(spec)?.iter().product())
    }

    /// The axes after the batch, all of known length.
    fn tail(&self, spec: &TensorSpec) -> Result<Vec<usize>, PackError> {
        let length = |axis: &Axis| match axis {
            Axis::Fixed(length) => Some(*length),
            Axis::Named(_) => None,
        };
        let tail: Option<Vec<usize>> = spec.shape[1..].iter().map(length).collect();
        tail.ok_or_else(|| {
            self.complain(
                &spec.tensor,
                "have a batch axis and then axes of fixed length".into(),
                format!("the manifest says {:?}", spec.shape),
                "fix the lengths in the export",
            )
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
            graph: "predict",
            tensor: tensor.into(),
            expected,
            found: found.into(),
            advice,
        }
    }
}
