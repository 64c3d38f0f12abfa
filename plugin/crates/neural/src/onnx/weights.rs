//! Weights by name, for kernels that run a graph's arithmetic themselves.

use std::collections::HashMap;

use super::tensor::read_floats;
use super::wire::{Message, Value, WireError};

/// A float32 constant of a graph.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Weight {
    /// Its axes.
    pub(crate) dims: Vec<usize>,
    /// Row after row.
    pub(crate) values: Vec<f32>,
}

/// Every float32 initialiser of a graph. What is stored otherwise is left out.
///
/// `bytes` were read by [`GraphInfo::read`](super::GraphInfo::read) before, which checks sizes.
pub(crate) fn read_weights(bytes: &[u8]) -> Result<HashMap<String, Weight>, WireError> {
    let mut weights = HashMap::new();
    let mut model = Message::file(bytes);
    while let Some((number, value)) = model.next_field()? {
        let (7, Value::Bytes(mut graph)) = (number, value) else {
            continue;
        };
        while let Some((number, value)) = graph.next_field()? {
            let (5, Value::Bytes(tensor)) = (number, value) else {
                continue;
            };
            if let Some((name, weight)) = read_floats(tensor)? {
                weights.insert(name, weight);
            }
        }
    }
    Ok(weights)
}
