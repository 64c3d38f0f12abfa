//! How a `predict` graph over events is fed and read.

use crate::error::PackError;
use crate::manifest::{EventVocabulary, Role};
use crate::pack::Pack;
use crate::steps::{StepGraph, StepPlan};

/// A `predict` graph that takes a token and gives logits.
const PREDICT: StepGraph = StepGraph {
    graph: "predict",
    roles: &[Role::Token, Role::Class, Role::State],
    needed: Role::Token,
    output: Some(Role::Logits),
    tokens: 1,
};

/// How a predict graph is fed and read.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct EventPlan {
    pub(crate) step: StepPlan,
    pub(crate) vocabulary: EventVocabulary,
}

impl EventPlan {
    /// # Errors
    /// One sentence for what does not fit; see [`PackError`].
    pub(crate) fn new(pack: &Pack) -> Result<Self, PackError> {
        let parts = (
            StepPlan::new(pack, PREDICT),
            pack.manifest().events.as_ref(),
        );
        let (Some(step), Some(vocabulary)) = parts else {
            return Err(PackError::Unsupported {
                pack: pack.name().to_owned(),
                what: "an event model".into(),
                expected: "a pack with 'graphs.predict' and 'vocabulary'".into(),
                found: "one without them".into(),
                advice: "export the predictor with its vocabulary",
            });
        };
        let plan = Self {
            step: step?,
            vocabulary: vocabulary.clone(),
        };
        plan.check_logits(pack)?;
        Ok(plan)
    }

    /// Name of the logits' tensor.
    pub(crate) fn logits(&self) -> &str {
        self.step.output.as_deref().unwrap_or_default()
    }

    fn check_logits(&self, pack: &Pack) -> Result<(), PackError> {
        let (width, size) = (self.step.output_width, self.vocabulary.size());
        if width == size {
            return Ok(());
        }
        Err(self.step.complain(
            pack,
            self.logits(),
            (
                format!("have {size} values, one a token of 'vocabulary'"),
                format!("it has {width}"),
            ),
            "correct 'vocabulary.classes' or the tensor's shape",
        ))
    }
}
