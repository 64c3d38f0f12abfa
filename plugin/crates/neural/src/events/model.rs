//! The net with its state: one token in, the next token's logits out.

use afterimage_engine::contract::MAX_CLASSES;

use super::plan::{EventFill, EventPlan};
use crate::backend::{Backend, BackendKind, InputBuffer, Values};
use crate::pack::Pack;
use crate::runtime::Runtime;

/// A predict graph, its state, and what it said last.
pub(crate) struct EventModel {
    backend: Box<dyn Backend>,
    fills: Vec<(EventFill, f32)>,
    buffers: Vec<InputBuffer>,
    /// `[size]`.
    logits: Vec<f32>,
    /// Outputs of a call, until their inputs are free; the first is not used.
    given: Vec<Vec<f32>>,
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
        let graph = pack.graph("predict").ok_or("the pack has no 'predict'")?;
        let outputs: Vec<&str> = plan.outputs.iter().map(String::as_str).collect();
        let fills = plan.inputs.iter().map(|input| (input.fill, input.initial));
        Ok(Self {
            backend: runtime.open(kind, &graph.bytes, &outputs)?,
            fills: fills.collect(),
            buffers: plan.buffers(),
            logits: vec![0.0; plan.vocabulary.size()],
            given: vec![Vec::new(); outputs.len()],
        })
    }

    /// Puts every state back to where it begins.
    pub(crate) fn forget(&mut self) {
        for ((fill, initial), buffer) in self.fills.iter().zip(&mut self.buffers) {
            if let (EventFill::State(_), Values::F32(values)) = (fill, &mut buffer.values) {
                values.fill(*initial);
            }
        }
        self.logits.fill(0.0);
    }

    /// Takes a token in.
    ///
    /// # Errors
    /// The runtime's own words, or an output of the wrong length.
    pub(crate) fn step(&mut self, token: u32, class: &[u16; MAX_CLASSES]) -> Result<(), String> {
        for ((fill, _), buffer) in self.fills.iter().zip(&mut self.buffers) {
            match fill {
                EventFill::Token => set(&mut buffer.values, i64::from(token)),
                EventFill::Class(index) => set(&mut buffer.values, i64::from(class[*index])),
                EventFill::State(_) => {}
            }
        }
        let Self {
            backend,
            buffers,
            logits,
            given,
            ..
        } = self;
        let mut outcome = Ok(());
        backend.run(1, buffers, &mut |place, values| {
            if place > 0 {
                given[place].clear();
                given[place].extend_from_slice(values);
            } else if values.len() == logits.len() {
                logits.copy_from_slice(values);
            } else {
                outcome = Err(format!(
                    "{} logits came out where {} were declared",
                    values.len(),
                    logits.len()
                ));
            }
        })?;
        outcome?;
        self.take_states()
    }

    fn take_states(&mut self) -> Result<(), String> {
        for ((fill, _), buffer) in self.fills.iter().zip(&mut self.buffers) {
            let (EventFill::State(place), Values::F32(values)) = (fill, &mut buffer.values) else {
                continue;
            };
            let given = &self.given[*place];
            if given.len() != values.len() {
                return Err(format!(
                    "a state came out with {} values where {} went in",
                    given.len(),
                    values.len()
                ));
            }
            values.copy_from_slice(given);
        }
        Ok(())
    }

    /// What the newest token is followed by: one logit a token, `[size]`.
    pub(crate) fn logits(&self) -> &[f32] {
        &self.logits
    }
}

fn set(values: &mut Values, value: i64) {
    match values {
        Values::F32(values) => values.fill(value as f32),
        Values::I64(values) => values.fill(value),
        Values::I32(values) => values.fill(value as i32),
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
