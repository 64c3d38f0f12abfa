//! How the graphs of a token model are fed and read.

use crate::error::PackError;
use crate::manifest::{Manifest, Role, TokenVocabulary};
use crate::pack::Pack;
use crate::steps::{StepFill, StepGraph, StepPlan};

/// Frames that were heard, to the tokens of the newest group.
const ENCODE: StepGraph = StepGraph {
    graph: "encode",
    roles: &[Role::Frame],
    needed: Role::Frame,
    output: Some(Role::Token),
    tokens: 0,
};
/// A token, to the logits of the one at a place.
const PREDICT: StepGraph = StepGraph {
    graph: "predict",
    roles: &[Role::Token, Role::Level, Role::Class, Role::State],
    needed: Role::Token,
    output: Some(Role::Logits),
    tokens: 1,
};

/// The tokens of a whole group, to the states after it.
fn prime(places: usize) -> StepGraph {
    StepGraph {
        graph: "prime",
        roles: &[Role::Token, Role::Class, Role::State],
        needed: Role::Token,
        output: None,
        tokens: places,
    }
}

/// Whether a pack's `predict` graph says which token of sound comes next.
pub(crate) fn is_token_model(manifest: &Manifest) -> bool {
    manifest.representation.has_columns()
        && manifest.tokens.is_some()
        && manifest.graphs.predict.is_some()
}

/// How the graphs of a token model are fed and read.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct TokenPlan {
    pub(crate) encode: StepPlan,
    pub(crate) predict: StepPlan,
    pub(crate) prime: Option<StepPlan>,
    /// For each state of `predict`, its place among those of `prime`.
    pub(crate) shared_states: Vec<usize>,
    pub(crate) decode: StepPlan,
    pub(crate) vocabulary: TokenVocabulary,
    /// Frames that `encode` takes, those of the group last.
    pub(crate) window_frames: usize,
    /// Groups that one call of `decode` gives frames of.
    pub(crate) decoded_groups: usize,
}

impl TokenPlan {
    /// # Errors
    /// One sentence for what does not fit; see [`PackError`].
    pub(crate) fn new(pack: &Pack) -> Result<Self, PackError> {
        let manifest = pack.manifest();
        let Some(vocabulary) = manifest.tokens.clone() else {
            return Err(PackError::Unsupported {
                pack: pack.name().to_owned(),
                what: "a model of sound in tokens".into(),
                expected: "a pack with 'vocabulary.levels'".into(),
                found: "one without them".into(),
                advice: "export the codec's levels with the pack",
            });
        };
        let decoded_groups = decoded_groups(pack, &vocabulary)?;
        let seen = vocabulary.before_groups + decoded_groups + vocabulary.after_groups;
        let decode = StepGraph {
            graph: "decode",
            roles: &[Role::Token],
            needed: Role::Token,
            output: Some(Role::Frame),
            tokens: seen * vocabulary.places(),
        };
        let predict = step_plan(pack, PREDICT)?;
        let prime = StepPlan::new(pack, prime(vocabulary.places())).transpose()?;
        let plan = Self {
            encode: step_plan(pack, ENCODE)?,
            shared_states: shared_states(pack, &predict, prime.as_ref())?,
            predict,
            prime,
            decode: step_plan(pack, decode)?,
            window_frames: 0,
            decoded_groups,
            vocabulary,
        };
        plan.check_widths(pack)?;
        let frame = plan.encode.input(StepFill::Frame);
        let window_frames = frame.map_or(0, |input| input.width()) / manifest.representation.bins;
        Ok(Self {
            window_frames,
            ..plan
        })
    }

    fn check_widths(&self, pack: &Pack) -> Result<(), PackError> {
        let vocabulary = &self.vocabulary;
        expect(
            pack,
            &self.encode,
            vocabulary.places(),
            "one for each token of a group of 'vocabulary.levels'",
        )?;
        expect(
            pack,
            &self.predict,
            vocabulary.size(),
            "one for each token of 'vocabulary.levels'",
        )?;
        let bins = pack.manifest().representation.bins;
        expect(
            pack,
            &self.decode,
            self.decoded_groups * vocabulary.group_frames * bins,
            "'graphs.decode.frames_per_call' times 'representation.bins'",
        )?;
        let least = vocabulary.group_frames * bins;
        let frame = self.encode.input(StepFill::Frame);
        let (name, width) = frame.map_or(("", 0), |input| (input.name(), input.width()));
        if width >= least && width.is_multiple_of(bins) {
            return Ok(());
        }
        Err(self.encode.complain(
            pack,
            name,
            (
                format!(
                    "have whole frames of {bins} values a row, and at least the {} of a group",
                    vocabulary.group_frames
                ),
                format!("it has {width} values"),
            ),
            "correct 'vocabulary.group_frames', 'representation.bins' or the tensor's shape",
        ))
    }
}

/// # Errors
/// Where `prime` does not carry a state of `predict`.
fn shared_states(
    pack: &Pack,
    predict: &StepPlan,
    prime: Option<&StepPlan>,
) -> Result<Vec<usize>, PackError> {
    let Some(prime) = prime else {
        return Ok(Vec::new());
    };
    let carried = prime.states();
    let place = |state: (&str, usize)| {
        let found = carried.iter().position(|other| *other == state);
        found.ok_or_else(|| {
            prime.complain(
                pack,
                "graphs.prime.inputs",
                (
                    format!("carry the state {} [{}] of 'predict'", state.0, state.1),
                    "it does not".into(),
                ),
                "export both graphs with the states that 'predict' takes",
            )
        })
    };
    predict.states().into_iter().map(place).collect()
}

fn step_plan(pack: &Pack, what: StepGraph) -> Result<StepPlan, PackError> {
    StepPlan::new(pack, what).unwrap_or_else(|| {
        Err(PackError::MissingFile {
            pack: pack.name().to_owned(),
            graph: what.graph,
            file: format!("{}.onnx", what.graph),
        })
    })
}

/// Groups that one call of `decode` gives frames of, as its output's shape says.
fn decoded_groups(pack: &Pack, vocabulary: &TokenVocabulary) -> Result<usize, PackError> {
    let manifest = pack.manifest();
    let Some(decode) = &manifest.graphs.decode else {
        return Err(PackError::MissingFile {
            pack: pack.name().to_owned(),
            graph: "decode",
            file: "decode.onnx".into(),
        });
    };
    if decode
        .frames_per_call
        .is_multiple_of(vocabulary.group_frames)
    {
        return Ok(decode.frames_per_call / vocabulary.group_frames);
    }
    Err(PackError::Field {
        pack: pack.name().to_owned(),
        field: "graphs.decode.frames_per_call".into(),
        expected: format!(
            "a multiple of 'vocabulary.group_frames', which is {}",
            vocabulary.group_frames
        ),
        found: decode.frames_per_call.to_string(),
        advice: "export the decoder over whole groups".into(),
    })
}

/// # Errors
/// Where a graph's output has not `width` values.
fn expect(pack: &Pack, plan: &StepPlan, width: usize, why: &str) -> Result<(), PackError> {
    if plan.output_width == width {
        return Ok(());
    }
    Err(plan.complain(
        pack,
        plan.output.as_deref().unwrap_or_default(),
        (
            format!("have {width} values, {why}"),
            format!("it has {}", plan.output_width),
        ),
        "correct 'vocabulary.levels' or the tensor's shape",
    ))
}
