//! The net with its state: one token in, the next token's logits out.

use afterimage_engine::contract::MAX_CLASSES;

use super::plan::EventPlan;
use crate::backend::BackendKind;
use crate::pack::Pack;
use crate::runtime::Runtime;
use crate::steps::{States, StepModel, StepValues};

/// A predict graph and its state.
pub(crate) struct EventModel {
    model: StepModel,
    states: States,
}

impl EventModel {
    /// # Errors
    /// The runtime's own words.
    pub(crate) fn open(
        pack: &Pack,
        plan: &EventPlan,
        runtime: &Runtime,
        kind: BackendKind,
    ) -> Result<Self, String> {
        let model = StepModel::open(pack, &plan.step, runtime, kind)?;
        let states = model.initial().clone();
        Ok(Self { model, states })
    }

    /// Puts every state back to where it begins.
    pub(crate) fn forget(&mut self) {
        self.states.clone_from(self.model.initial());
        self.model.forget_output();
    }

    /// Takes a token in.
    ///
    /// # Errors
    /// The runtime's own words, or an output of the wrong length.
    pub(crate) fn step(&mut self, token: u32, class: &[u16; MAX_CLASSES]) -> Result<(), String> {
        let values = StepValues {
            tokens: &[token],
            class: *class,
            ..StepValues::default()
        };
        self.model.run(&values, &mut self.states)
    }

    /// What the newest token is followed by: one logit a token, `[size]`.
    pub(crate) fn logits(&self) -> &[f32] {
        self.model.output()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::{EventModel, EventPlan, Pack, Runtime};
    use crate::backend::BackendKind;
    use serde_json::Value;

    #[test]
    fn logits_are_those_that_numpy_computes() {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures");
        let pack = Pack::open(&folder.join("events.onnx")).unwrap();
        let golden = std::fs::read(folder.join("events.golden.json")).unwrap();
        let golden: Value = serde_json::from_slice(&golden).unwrap();
        let plan = EventPlan::new(&pack).unwrap();
        let runtime = Runtime::embedded();
        let mut model = EventModel::open(&pack, &plan, &runtime, BackendKind::Embedded).unwrap();
        for round in 0..2 {
            model.forget();
            for (step, token) in golden["tokens"].as_array().unwrap().iter().enumerate() {
                let token = token.as_u64().unwrap() as u32;
                model.step(token, &[1, 0, 0, 0]).unwrap();
                if step % 4 > 0 {
                    continue;
                }
                let wanted = golden["steps"][step / 4]["logits"].as_array().unwrap();
                for (given, wanted) in model.logits().iter().zip(wanted) {
                    let difference = (f64::from(*given) - wanted.as_f64().unwrap()).abs();
                    assert!(
                        difference < 1e-5,
                        "round {round}, step {step}: {difference}"
                    );
                }
            }
        }
    }
}
