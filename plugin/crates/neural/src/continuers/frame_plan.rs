//! How the graphs of a frame model are fed and read.

use crate::error::PackError;
use crate::manifest::{Axis, Manifest, Role};
use crate::pack::Pack;
use crate::steps::{StepFill, StepGraph, StepPlan};

/// A `predict` graph that takes a frame and draws the next.
const PREDICT: StepGraph = StepGraph {
    graph: "predict",
    roles: &[
        Role::Frame,
        Role::Class,
        Role::State,
        Role::Uniform,
        Role::Temperature,
    ],
    needed: Role::Frame,
    output: Some(Role::Frame),
    tokens: 0,
};
/// A `prime` graph that takes known frames and gives the states after them.
const PRIME: StepGraph = StepGraph {
    graph: "prime",
    roles: &[Role::Frame, Role::Class, Role::State],
    needed: Role::Frame,
    output: None,
    tokens: 0,
};
/// Most frames of one call of `prime`: what is left over is heard one by one when a continuation begins.
const MAX_PRIME_FRAMES: usize = 64;

/// Whether a pack's `predict` graph draws frames.
pub(crate) fn is_frame_model(manifest: &Manifest) -> bool {
    let draws_frames = |graph: &crate::manifest::GraphSpec| {
        graph.outputs.iter().any(|spec| spec.role == Role::Frame)
    };
    manifest.representation.has_columns()
        && manifest.graphs.predict.as_ref().is_some_and(draws_frames)
}

/// How the graphs of a frame model are fed and read.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct FramePlan {
    pub(crate) predict: StepPlan,
    pub(crate) prime: Option<StepPlan>,
    /// Frames of one call of `prime`; 1 where there is none.
    pub(crate) prime_frames: usize,
    /// Uniform numbers of one draw.
    pub(crate) uniforms: usize,
}

impl FramePlan {
    /// # Errors
    /// One sentence for what does not fit; see [`PackError`].
    pub(crate) fn new(pack: &Pack) -> Result<Self, PackError> {
        let Some(predict) = StepPlan::new(pack, PREDICT) else {
            return Err(PackError::MissingFile {
                pack: pack.name().to_owned(),
                graph: "predict",
                file: "predict.onnx".into(),
            });
        };
        let predict = predict?;
        let bins = pack.manifest().representation.bins;
        check_width(pack, &predict, bins)?;
        check_output(pack, &predict, bins)?;
        let prime = StepPlan::new(pack, PRIME).transpose()?;
        let prime_frames = match &prime {
            Some(prime) => {
                check_states(pack, &predict, prime)?;
                frames_of(pack, prime, bins)?
            }
            None => 1,
        };
        let uniform = predict.input(StepFill::Uniform);
        Ok(Self {
            uniforms: uniform.map_or(0, |input| input.width()),
            predict,
            prime,
            prime_frames,
        })
    }
}

fn frame_input(plan: &StepPlan) -> (&str, usize) {
    plan.input(StepFill::Frame)
        .map_or(("", 0), |input| (input.name(), input.width()))
}

fn check_width(pack: &Pack, plan: &StepPlan, bins: usize) -> Result<(), PackError> {
    let (name, width) = frame_input(plan);
    if width == bins {
        return Ok(());
    }
    Err(plan.complain(
        pack,
        name,
        (
            format!("have {bins} values a row, as 'representation.bins' says"),
            format!("it has {width}"),
        ),
        "correct 'representation.bins' or the tensor's shape",
    ))
}

fn check_output(pack: &Pack, plan: &StepPlan, bins: usize) -> Result<(), PackError> {
    let name = plan.output.as_deref().unwrap_or_default();
    if plan.output_width != bins {
        return Err(plan.complain(
            pack,
            name,
            (
                format!("have {bins} values a row, as 'representation.bins' says"),
                format!("it has {}", plan.output_width),
            ),
            "correct 'representation.bins' or the tensor's shape",
        ));
    }
    let unit = pack.manifest().representation.unit.word();
    let graph = pack.manifest().graphs.predict.iter();
    let mut specs = graph.flat_map(|graph| graph.inputs.iter().chain(&graph.outputs));
    let other =
        specs.find(|spec| spec.role == Role::Frame && !spec.unit.is_empty() && spec.unit != unit);
    match other {
        None => Ok(()),
        Some(spec) => Err(plan.complain(
            pack,
            &spec.tensor,
            (
                format!("have the unit '{unit}', as 'representation.unit' says"),
                format!("its unit is '{}'", spec.unit),
            ),
            "make the two agree",
        )),
    }
}

/// Frames of one call of `prime`.
fn frames_of(pack: &Pack, prime: &StepPlan, bins: usize) -> Result<usize, PackError> {
    let (name, width) = frame_input(prime);
    let specs = pack.manifest().graphs.prime.iter();
    let shape = specs
        .flat_map(|graph| &graph.inputs)
        .find(|spec| spec.tensor == name)
        .map_or(&[][..], |spec| &spec.shape);
    match shape {
        [_, Axis::Fixed(frames), Axis::Fixed(values)]
            if *values == bins && (1..=MAX_PRIME_FRAMES).contains(frames) =>
        {
            Ok(*frames)
        }
        _ => Err(prime.complain(
            pack,
            name,
            (
                format!(
                    "have the shape [batch, frames, {bins}] with 1 to {MAX_PRIME_FRAMES} frames"
                ),
                format!("it has {width} values a row"),
            ),
            "export 'prime' over a fixed number of frames",
        )),
    }
}

fn check_states(pack: &Pack, predict: &StepPlan, prime: &StepPlan) -> Result<(), PackError> {
    if predict.states() == prime.states() {
        return Ok(());
    }
    let text = |plan: &StepPlan| {
        let states = plan.states();
        let states = states
            .iter()
            .map(|(name, width)| format!("{name} [{width}]"));
        states.collect::<Vec<_>>().join(", ")
    };
    Err(prime.complain(
        pack,
        "graphs.prime.inputs",
        (
            format!("carry the states of 'predict', which are {}", text(predict)),
            format!("it carries {}", text(prime)),
        ),
        "export both graphs with the same states in the same order",
    ))
}
