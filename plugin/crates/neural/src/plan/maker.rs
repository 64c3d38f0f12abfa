//! Makes a plan out of manifest and graph, and says where the two do not allow one.

use afterimage_engine::contract::{MAX_CLASSES, MAX_DESCRIPTORS};

use super::{Fill, MAX_ROWS, PlannedInput};
use crate::error::PackError;
use crate::manifest::{Axis, ConditionKind, Phase, PlayMode, Role, TensorSpec};
use crate::onnx::{Dim, Element};
use crate::pack::{Pack, PackGraph};
use crate::steps::{Carried, Place};

/// A decode graph and what its manifest says about it.
pub(super) struct Maker<'a> {
    pack: &'a Pack,
    graph: &'a PackGraph,
    inputs: &'a [TensorSpec],
    outputs: &'a [TensorSpec],
}

impl<'a> Maker<'a> {
    pub(super) fn new(pack: &'a Pack) -> Result<Self, PackError> {
        let spec = pack.manifest().graphs.decode.as_ref();
        match (pack.graph("decode"), spec) {
            (Some(graph), Some(spec)) => Ok(Self {
                pack,
                graph,
                inputs: &spec.inputs,
                outputs: &spec.outputs,
            }),
            _ => Err(PackError::Unsupported {
                pack: pack.name().to_owned(),
                what: "the list of graphs".into(),
                expected: "one that has 'decode'".into(),
                found: "one without it".into(),
                advice: "choose a pack whose tasks name 'play'",
            }),
        }
    }

    pub(super) fn check_representation(&self) -> Result<(), PackError> {
        let representation = &self.pack.manifest().representation;
        if !representation.has_columns() {
            return Err(self.unsupported(
                "'representation.kind'",
                "a kind of spectrum, such as 'log-amplitude' or 'mel'",
                representation.kind.word(),
            ));
        }
        if let Err(error) = representation.stages() {
            return Err(self.unsupported(
                "'representation'",
                "one that can be inverted",
                &format!("one where {error}"),
            ));
        }
        if representation.channels != 1 {
            return Err(self.unsupported("'representation.channels'", "1", "2"));
        }
        crate::playable::inverse(self.pack.name(), representation)?;
        Ok(())
    }

    /// Frames that a call gives for a row.
    pub(super) fn frames_per_call(&self) -> usize {
        let decode = self.pack.manifest().graphs.decode.as_ref();
        decode.map_or(1, |graph| graph.frames_per_call)
    }

    fn unsupported(&self, what: &str, expected: &str, found: &str) -> PackError {
        PackError::Unsupported {
            pack: self.pack.name().to_owned(),
            what: what.to_owned(),
            expected: expected.to_owned(),
            found: found.to_owned(),
            advice: "export the decoder that way, or look for a newer Afterimage",
        }
    }

    pub(super) fn inputs(&self) -> Result<Vec<PlannedInput>, PackError> {
        let (mut classes, mut descriptors, mut states) = (0, 0, 0);
        let mut planned = Vec::new();
        for spec in self.inputs {
            let tail = self.tail(spec)?;
            let width = tail.iter().product();
            let fill = match spec.role {
                Role::Latent => self.latent(spec, width)?,
                Role::Noise => Fill::Noise,
                Role::Pitch => self.single(spec, width, Fill::Pitch)?,
                Role::Velocity => self.single(spec, width, Fill::Velocity)?,
                Role::TimeOn => self.single(spec, width, Fill::TimeOn)?,
                Role::TimeOff => self.single(spec, width, Fill::TimeOff)?,
                Role::Class => Fill::Class(take(&mut classes, width)),
                Role::Descriptor => Fill::Descriptor(take(&mut descriptors, width)),
                Role::State => Fill::State(take(&mut states, 1)),
                role => return Err(self.role_not_taken(spec, role)),
            };
            let info = self
                .graph
                .info
                .inputs
                .iter()
                .find(|info| info.name == spec.tensor);
            let element = info.map_or(Element::Float32, |info| info.element);
            planned.push(PlannedInput {
                name: spec.tensor.clone(),
                fill,
                tail,
                width,
                element,
                latest: spec.range.map_or(f32::INFINITY, |[_, high]| high),
            });
        }
        self.check_conditions("class", classes, MAX_CLASSES)?;
        self.check_conditions("continuous", descriptors, MAX_DESCRIPTORS)?;
        Ok(planned)
    }

    /// The carried tensors among planned inputs, in their order.
    pub(super) fn states(&self, inputs: &[PlannedInput]) -> Result<Vec<Carried>, PackError> {
        let place = Place {
            pack: self.pack,
            graph: "decode",
            outputs: self.outputs,
        };
        let is_state = |input: &&PlannedInput| matches!(input.fill, Fill::State(_));
        let states = inputs.iter().filter(is_state);
        let states: Vec<Carried> = states
            .map(|input| match input.element {
                Element::Float32 => place.carried(&input.name, input.width),
                element => Err(PackError::Tensor {
                    pack: self.pack.name().to_owned(),
                    graph: "decode",
                    tensor: input.name.as_str().into(),
                    expected: "hold float32 values, as every state".into(),
                    found: format!("it holds {element}").into(),
                    advice: "cast it inside the graph",
                }),
            })
            .collect::<Result<_, _>>()?;
        if !states.is_empty() && self.frames_per_call() > 1 {
            return Err(self.unsupported(
                "'graphs.decode' with states",
                "one that gives a frame a call",
                &format!("one that gives {} frames", self.frames_per_call()),
            ));
        }
        Ok(states)
    }

    /// The axes after the batch, all of known length.
    fn tail(&self, spec: &TensorSpec) -> Result<Vec<usize>, PackError> {
        let length = |axis: &Axis| match axis {
            Axis::Fixed(length) => Some(*length),
            Axis::Named(_) => None,
        };
        let tail: Option<Vec<usize>> = spec.shape[1..].iter().map(length).collect();
        match tail {
            Some(tail) if tail.iter().product::<usize>() <= MAX_ROW_VALUES => Ok(tail),
            _ => Err(self.complain(
                spec,
                "have a batch axis and then axes of fixed, small length".into(),
                format!("the manifest says {:?}", spec.shape),
                "fix the lengths in the export",
            )),
        }
    }

    fn latent(&self, spec: &TensorSpec, width: usize) -> Result<Fill, PackError> {
        let size = self
            .pack
            .manifest()
            .latent
            .as_ref()
            .map_or(0, |latent| latent.size);
        if width == size {
            return Ok(Fill::Latent);
        }
        Err(self.complain(
            spec,
            format!("have {size} values a row, as 'latent.size' says"),
            format!("it has {width}"),
            "correct 'latent.size' or the tensor's shape",
        ))
    }

    fn single(&self, spec: &TensorSpec, width: usize, fill: Fill) -> Result<Fill, PackError> {
        if width == 1 {
            return Ok(fill);
        }
        let advice = "export it with the shape [batch, 1] and widen it inside the graph";
        Err(self.complain(
            spec,
            "have 1 value a row".into(),
            format!("it has {width}"),
            advice,
        ))
    }

    fn role_not_taken(&self, spec: &TensorSpec, role: Role) -> PackError {
        self.complain(
            spec,
            "have one of the roles latent, noise, pitch, velocity, time_on, time_off, class, descriptor, state".into(),
            format!("its role is {}", role.word()),
            "correct the role",
        )
    }

    fn check_conditions(&self, kind: &str, taken: usize, limit: usize) -> Result<(), PackError> {
        let is_kind = |condition: &&crate::manifest::Condition| {
            matches!(condition.kind, ConditionKind::Class { .. }) == (kind == "class")
        };
        let declared = self
            .pack
            .manifest()
            .conditions
            .iter()
            .filter(is_kind)
            .count();
        if taken == declared && taken <= limit {
            return Ok(());
        }
        Err(PackError::Field {
            pack: self.pack.name().to_owned(),
            field: "conditions".into(),
            expected: format!(
                "a list with as many '{kind}' conditions as the decode graph takes, and at most {limit}"
            ),
            found: format!("{declared} declared, {taken} taken by the graph"),
            advice: "declare each condition once, in the order of the graph's inputs".into(),
        })
    }

    /// The output of a role that gives all bins of a call's frames.
    fn columns(&self, role: Role, unit: &str) -> Result<String, PackError> {
        let bins = self.pack.manifest().representation.bins * self.frames_per_call();
        let frame = self
            .outputs
            .iter()
            .find(|spec| spec.role == role)
            .ok_or_else(|| PackError::Field {
                pack: self.pack.name().to_owned(),
                field: "graphs.decode.outputs".into(),
                expected: format!("a list with a tensor of the role '{}'", role.word()),
                found: "none".into(),
                advice: "name that output of the decoder there".into(),
            })?;
        let width: usize = self.tail(frame)?.iter().product();
        if width != bins {
            return Err(self.complain(
                frame,
                format!(
                    "have {bins} values a row, as 'representation.bins' and 'frames_per_call' say"
                ),
                format!("it has {width}"),
                "correct 'representation.bins' or export the graph with that many",
            ));
        }
        if !frame.unit.is_empty() && frame.unit != unit {
            return Err(self.complain(
                frame,
                format!("have the unit '{unit}'"),
                format!("its unit is '{}'", frame.unit),
                "make the two agree",
            ));
        }
        Ok(frame.tensor.clone())
    }

    /// The spectrum.
    pub(super) fn output(&self) -> Result<String, PackError> {
        let unit = self.pack.manifest().representation.unit.word();
        self.columns(Role::Frame, unit)
    }

    /// The phases, where they are the model's; from frame to frame they then have to advance by something.
    pub(super) fn phase(&self, inputs: &[PlannedInput]) -> Result<Option<String>, PackError> {
        let representation = &self.pack.manifest().representation;
        if representation.phase != Phase::Model {
            return Ok(None);
        }
        let advances = |input: &PlannedInput| matches!(input.fill, Fill::TimeOn | Fill::State(_));
        if self.frames_per_call() == 1 && !inputs.iter().any(advances) {
            return Err(self.unsupported(
                "'representation.phase'",
                "'rtpghi' for a decoder that hears no time, or an input of the role 'time_on'",
                "'model'",
            ));
        }
        self.columns(Role::Phase, "rad").map(Some)
    }

    pub(super) fn fixed_rows(&self) -> Result<Option<usize>, PackError> {
        let mut fixed = None;
        for info in self
            .graph
            .info
            .inputs
            .iter()
            .chain(&self.graph.info.outputs)
        {
            let Some(Dim::Fixed(rows)) = info.dims.first() else {
                continue;
            };
            let rows = usize::try_from(*rows).unwrap_or(usize::MAX);
            if rows == 0 || rows > MAX_ROWS || fixed.is_some_and(|other| other != rows) {
                return Err(PackError::Tensor {
                    pack: self.pack.name().to_owned(),
                    graph: "decode",
                    tensor: info.name.as_str().into(),
                    expected: format!(
                        "have a dynamic batch axis, or the same fixed one of 1 to {MAX_ROWS} everywhere"
                    ),
                    found: format!("its shape is {}", info.shape_text()).into(),
                    advice: "export with a dynamic first axis",
                });
            }
            fixed = Some(rows);
        }
        Ok(fixed)
    }

    pub(super) fn check_pitch(&self, inputs: &[PlannedInput]) -> Result<(), PackError> {
        let pitched = self.pack.manifest().play.mode == PlayMode::Pitched;
        if !pitched || inputs.iter().any(|input| input.fill == Fill::Pitch) {
            return Ok(());
        }
        Err(PackError::Field {
            pack: self.pack.name().to_owned(),
            field: "graphs.decode.inputs".into(),
            expected: "a list with a tensor of the role 'pitch' where 'play.mode' is 'pitched'"
                .into(),
            found: "none".into(),
            advice: "add the role, or choose 'shifted', 'drone' or 'one-shot' as the mode".into(),
        })
    }

    fn complain(
        &self,
        spec: &TensorSpec,
        expected: String,
        found: String,
        advice: &'static str,
    ) -> PackError {
        let (pack, tensor) = (self.pack.name().to_owned(), spec.tensor.clone());
        PackError::Tensor {
            pack,
            graph: "decode",
            tensor: tensor.into(),
            expected,
            found: found.into(),
            advice,
        }
    }
}

/// Values of a row at most: some seconds of frames.
const MAX_ROW_VALUES: usize = 1 << 21;

/// The first of `width` conditions that no input took yet.
fn take(taken: &mut usize, width: usize) -> usize {
    let first = *taken;
    *taken += width;
    first
}
