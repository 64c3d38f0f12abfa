//! How a step graph is fed and read: which tensor takes what, and which states go round.

use super::carried::Place;
use super::queue::Queue;
use crate::backend::{InputBuffer, Values};
use crate::error::PackError;
use crate::manifest::{Axis, ConditionKind, GraphSpec, Role, TensorSpec};
use crate::onnx::Element;
use crate::pack::{Pack, PackGraph};

/// Most values of any other input: a second of frames.
const MAX_INPUT_VALUES: usize = 1 << 18;

/// A graph that goes step by step, and what it has to have.
#[derive(Clone, Copy, Debug)]
pub(crate) struct StepGraph {
    /// `encode`, `predict`, `prime`, `decode` or `transform`.
    pub(crate) graph: &'static str,
    /// Roles that its inputs may have.
    pub(crate) roles: &'static [Role],
    /// The one that it must have.
    pub(crate) needed: Role,
    /// Role of the output that is read beside the states, if one is.
    pub(crate) output: Option<Role>,
    /// Tokens that an input of that role takes.
    pub(crate) tokens: usize,
}

/// What one input takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum StepFill {
    /// The newest token, or the newest tokens.
    Token,
    /// Place in its group of the token that is asked for.
    Level,
    /// The newest frame or sample, or the newest frames.
    Frame,
    /// A class condition, by its index among them.
    Class(usize),
    /// A carried tensor, by its place among them.
    State(usize),
    /// Uniform random numbers.
    Uniform,
    /// Freedom of the draw.
    Temperature,
    /// Linear prediction that follows the sound.
    Taps,
    /// A MIDI note, fractional.
    Pitch,
    /// 0 to 1.
    Velocity,
}

/// One input tensor.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct StepInput {
    name: String,
    pub(crate) fill: StepFill,
    tail: Vec<usize>,
    element: Element,
    initial: f32,
    /// Calls after which a state comes back.
    delay: usize,
}

impl StepInput {
    /// The tensor's name.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Values a row.
    pub(crate) fn width(&self) -> usize {
        self.tail.iter().product()
    }
}

/// How a step graph is fed and read.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct StepPlan {
    pub(crate) graph: &'static str,
    pub(crate) file: String,
    pub(crate) inputs: Vec<StepInput>,
    /// The tensor that is read; then it is the first of `outputs`.
    pub(crate) output: Option<String>,
    pub(crate) output_width: usize,
    /// The output, then one a state.
    pub(crate) outputs: Vec<String>,
}

impl StepPlan {
    /// # Errors
    /// One sentence for what does not fit; `None` where the pack has no such graph.
    pub(crate) fn new(pack: &Pack, what: StepGraph) -> Option<Result<Self, PackError>> {
        let graph = pack.graph(what.graph)?;
        let mut specs = pack.manifest().graphs.iter();
        let (_, spec) = specs.find(|(name, _)| *name == what.graph)?;
        let maker = Maker {
            pack,
            graph,
            spec,
            what,
        };
        Some(maker.plan())
    }

    /// The input that takes `fill`.
    pub(crate) fn input(&self, fill: StepFill) -> Option<&StepInput> {
        self.inputs.iter().find(|input| input.fill == fill)
    }

    /// Name and values of each carried tensor, in their order.
    pub(crate) fn states(&self) -> Vec<(&str, usize)> {
        let state = |input: &StepInput| matches!(input.fill, StepFill::State(_));
        let states = self.inputs.iter().filter(|input| state(input));
        states.map(|s| (s.name.as_str(), s.width())).collect()
    }

    /// Each carried tensor before the first step. Allocates.
    pub(super) fn initial_states(&self) -> Vec<Queue> {
        let state = |input: &StepInput| matches!(input.fill, StepFill::State(_));
        let states = self.inputs.iter().filter(|input| state(input));
        let queue = |state: &StepInput| Queue::new(state.width(), state.delay, state.initial);
        states.map(queue).collect()
    }

    /// Buffers for one row of every input. Allocates.
    pub(super) fn buffers(&self) -> Vec<InputBuffer> {
        let buffer = |input: &StepInput| {
            let width = input.width();
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

    /// A complaint about one of its tensors.
    pub(crate) fn complain(
        &self,
        pack: &Pack,
        tensor: &str,
        (expected, found): (String, String),
        advice: &'static str,
    ) -> PackError {
        PackError::Tensor {
            pack: pack.name().to_owned(),
            graph: self.graph,
            tensor: tensor.into(),
            expected,
            found: found.into(),
            advice,
        }
    }
}

/// A state as the manifest pairs it.
#[derive(Default)]
struct State {
    output: Option<String>,
    initial: f32,
    delay: usize,
}

struct Maker<'a> {
    pack: &'a Pack,
    graph: &'a PackGraph,
    spec: &'a GraphSpec,
    what: StepGraph,
}

impl Maker<'_> {
    fn plan(&self) -> Result<StepPlan, PackError> {
        let (output, output_width) = match self.what.output {
            Some(role) => {
                let (name, width) = self.output(role)?;
                (Some(name), width)
            }
            None => (None, 0),
        };
        let mut outputs: Vec<String> = output.iter().cloned().collect();
        let (mut classes, mut states, mut inputs) = (0, 0, Vec::new());
        for spec in &self.spec.inputs {
            let (input, state) = self.input(spec, &mut classes, &mut states)?;
            inputs.push(input);
            outputs.extend(state);
        }
        self.check_needed()?;
        Ok(StepPlan {
            graph: self.what.graph,
            file: self.graph.file.clone(),
            inputs,
            output,
            output_width,
            outputs,
        })
    }

    fn check_needed(&self) -> Result<(), PackError> {
        let needed = self.what.needed;
        if self.spec.inputs.iter().any(|spec| spec.role == needed) {
            return Ok(());
        }
        Err(self.complain(
            &format!("graphs.{}.inputs", self.what.graph),
            format!("name an input with the role {}", needed.word()),
            "none has it".into(),
            "export the graph so that it takes what came last",
        ))
    }

    fn output(&self, role: Role) -> Result<(String, usize), PackError> {
        let mut outputs = self.spec.outputs.iter();
        let Some(spec) = outputs.find(|spec| spec.role == role) else {
            return Err(self.complain(
                &format!("graphs.{}.outputs", self.what.graph),
                format!("name an output with the role {}", role.word()),
                "none has it".into(),
                "export the graph so that it gives what comes next",
            ));
        };
        Ok((spec.tensor.clone(), self.width(spec)?))
    }

    /// The input, and the output that its state comes from if it is one.
    fn input(
        &self,
        spec: &TensorSpec,
        classes: &mut usize,
        states: &mut usize,
    ) -> Result<(StepInput, Option<String>), PackError> {
        if !self.what.roles.contains(&spec.role) {
            return Err(self.refuse_role(spec));
        }
        let width = self.width(spec)?;
        let mut state = State::default();
        let fill = match spec.role {
            Role::Token => StepFill::Token,
            Role::Level => StepFill::Level,
            Role::Frame | Role::Audio => StepFill::Frame,
            Role::Uniform => StepFill::Uniform,
            Role::Temperature => StepFill::Temperature,
            Role::Taps => StepFill::Taps,
            Role::Pitch => StepFill::Pitch,
            Role::Velocity => StepFill::Velocity,
            Role::Class => {
                *classes += 1;
                self.check_class(spec, *classes)?;
                StepFill::Class(*classes - 1)
            }
            Role::State => {
                state = self.state(spec, width)?;
                *states += 1;
                StepFill::State(*states - 1)
            }
            _ => return Err(self.refuse_role(spec)),
        };
        self.check_width(spec, fill, width)?;
        let tensors = &self.graph.info.inputs;
        let info = tensors.iter().find(|info| info.name == spec.tensor);
        let input = StepInput {
            name: spec.tensor.clone(),
            fill,
            tail: self.tail(spec)?,
            element: info.map_or(Element::Float32, |info| info.element),
            initial: state.initial,
            delay: state.delay,
        };
        Ok((input, state.output))
    }

    fn refuse_role(&self, spec: &TensorSpec) -> PackError {
        let words: Vec<&str> = self.what.roles.iter().map(|role| role.word()).collect();
        self.complain(
            &spec.tensor,
            format!("have one of the roles {}", words.join(", ")),
            format!("its role is {}", spec.role.word()),
            "correct the role",
        )
    }

    fn check_width(
        &self,
        spec: &TensorSpec,
        fill: StepFill,
        width: usize,
    ) -> Result<(), PackError> {
        let (expected, advice) = match fill {
            StepFill::Token if self.what.tokens != 1 => (
                self.what.tokens,
                "correct 'vocabulary' or the tensor's shape",
            ),
            StepFill::Token
            | StepFill::Level
            | StepFill::Class(_)
            | StepFill::Temperature
            | StepFill::Pitch
            | StepFill::Velocity => (1, "export it with the shape [batch, 1]"),
            _ => (width, ""),
        };
        if width != expected {
            let values = if expected == 1 { "value" } else { "values" };
            return Err(self.complain(
                &spec.tensor,
                format!("have {expected} {values} a row"),
                format!("it has {width}"),
                advice,
            ));
        }
        if width > MAX_INPUT_VALUES {
            return Err(self.complain(
                &spec.tensor,
                format!("have at most {MAX_INPUT_VALUES} values a row"),
                format!("it has {width}"),
                "export the graph with fewer",
            ));
        }
        Ok(())
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

    /// Where a state input comes from, after how many calls, and what it begins with.
    fn state(&self, spec: &TensorSpec, width: usize) -> Result<State, PackError> {
        let place = Place {
            pack: self.pack,
            graph: self.what.graph,
            outputs: &self.spec.outputs,
        };
        let carried = place.carried(&spec.tensor, width)?;
        Ok(State {
            output: Some(carried.output),
            initial: carried.initial,
            delay: carried.delay,
        })
    }

    fn width(&self, spec: &TensorSpec) -> Result<usize, PackError> {
        Ok(self.tail(spec)?.iter().product())
    }

    /// The axes after the batch, all of known length.
    fn tail(&self, spec: &TensorSpec) -> Result<Vec<usize>, PackError> {
        let length = |axis: &Axis| match axis {
            Axis::Fixed(length) => Some(*length),
            // A graph over sound takes any number of samples: it is given those of a call.
            Axis::Named(_) if spec.role == Role::Audio => Some(self.spec.frames_per_call),
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
            graph: self.what.graph,
            tensor: tensor.into(),
            expected,
            found: found.into(),
            advice,
        }
    }
}
