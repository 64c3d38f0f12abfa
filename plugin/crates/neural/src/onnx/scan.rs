//! Walks the nodes of a graph and its subgraphs, within bounds, and notes what is refused.

use std::collections::{HashMap, HashSet};

use super::tensor::{Stored, read_stored, read_value_info};
use super::wire::{Message, Value, WireError};
use super::{Fault, GraphInfo};

/// Nodes, tensors and attributes a file may hold in all: a large transformer has 20 000.
const MAX_PARTS: usize = 1 << 20;
/// Subgraphs inside subgraphs.
const MAX_DEPTH: usize = 8;
const DOMAINS: [&str; 3] = ["", "ai.onnx", "ai.onnx.ml"];
const RANDOM: [&str; 6] = [
    "RandomNormal",
    "RandomNormalLike",
    "RandomUniform",
    "RandomUniformLike",
    "Multinomial",
    "Bernoulli",
];
/// Operators whose output size is the content of an input: its index, and the most it may ask for.
/// A frame takes some thousand values; `Tile` multiplies what it is given.
const SHAPED: [(&str, usize, u64); 4] = [
    ("ConstantOfShape", 0, 1 << 24),
    ("Expand", 1, 1 << 24),
    ("Resize", 3, 1 << 24),
    ("Tile", 1, 1 << 16),
];

/// The walk's state.
#[derive(Default)]
pub(super) struct Scan {
    parts: usize,
    constants: HashMap<String, Vec<i64>>,
    initializers: HashSet<String>,
    shaped: Vec<Shaped>,
    operators: HashMap<String, usize>,
    parameters: u64,
    faults: Vec<Fault>,
}

/// A node whose output size is the content of an input.
struct Shaped {
    operator: String,
    input: String,
    most: u64,
}

/// One node, as far as it matters here.
#[derive(Default)]
struct Node {
    operator: String,
    domain: String,
    inputs: Vec<String>,
    outputs: Vec<String>,
}

impl Scan {
    /// Counts one more part of the file.
    pub(super) fn spend(&mut self, at: &Message<'_>) -> Result<(), WireError> {
        self.parts += 1;
        if self.parts > MAX_PARTS {
            Err(at.error("more than a million parts"))
        } else {
            Ok(())
        }
    }

    /// The graph whose inputs and outputs are the model's.
    pub(super) fn top_graph(
        &mut self,
        mut graph: Message<'_>,
        info: &mut GraphInfo,
    ) -> Result<(), WireError> {
        self.graph(graph, 0)?;
        while let Some((number, value)) = graph.next_field()? {
            match (number, value) {
                (11, Value::Bytes(input)) => {
                    self.spend(&input)?;
                    info.inputs.push(read_value_info(input)?);
                }
                (12, Value::Bytes(output)) => {
                    self.spend(&output)?;
                    info.outputs.push(read_value_info(output)?);
                }
                _ => {}
            }
        }
        // Files before IR version 4 list their weights as inputs too.
        info.inputs
            .retain(|input| !self.initializers.contains(&input.name));
        Ok(())
    }

    /// A model-local function: its body runs like a subgraph.
    pub(super) fn function(&mut self, mut function: Message<'_>) -> Result<(), WireError> {
        while let Some((number, value)) = function.next_field()? {
            if let (7, Value::Bytes(node)) = (number, value) {
                self.node(node, 0)?;
            }
        }
        Ok(())
    }

    /// Hands over what was found.
    pub(super) fn finish(mut self, info: &mut GraphInfo) {
        for Shaped {
            operator,
            input,
            most,
        } in std::mem::take(&mut self.shaped)
        {
            let Some(shape) = self.constants.get(&input) else {
                continue;
            };
            let length = |dim: &i64| dim.unsigned_abs().max(1);
            let values = shape
                .iter()
                .try_fold(1_u64, |values, dim| values.checked_mul(length(dim)));
            if values.is_none_or(|values| values > most) {
                let found = format!("asks '{operator}' for {shape:?}, more than {most} values");
                self.faults.push(Fault::Size {
                    tensor: input,
                    found,
                });
            }
        }
        info.operators = self.operators.into_iter().collect();
        info.parameters = self.parameters;
        info.faults = self.faults;
    }

    fn graph(&mut self, mut graph: Message<'_>, depth: usize) -> Result<(), WireError> {
        if depth > MAX_DEPTH {
            return Err(graph.error("subgraphs nested more than 8 deep"));
        }
        while let Some((number, value)) = graph.next_field()? {
            match (number, value) {
                (1, Value::Bytes(node)) => self.node(node, depth)?,
                (5, Value::Bytes(tensor)) => {
                    let stored = read_stored(tensor)?;
                    self.initializers.insert(stored.name.clone());
                    self.keep(stored, None, &tensor)?;
                }
                (15, Value::Bytes(sparse)) => self.sparse(sparse)?,
                _ => {}
            }
        }
        Ok(())
    }

    fn sparse(&mut self, mut sparse: Message<'_>) -> Result<(), WireError> {
        while let Some((number, value)) = sparse.next_field()? {
            if let (1 | 2, Value::Bytes(tensor)) = (number, value) {
                self.keep(read_stored(tensor)?, None, &tensor)?;
            }
        }
        Ok(())
    }

    fn node(&mut self, mut message: Message<'_>, depth: usize) -> Result<(), WireError> {
        self.spend(&message)?;
        let mut node = Node::default();
        let mut attributes = Vec::new();
        while let Some((number, value)) = message.next_field()? {
            match (number, value) {
                (1, Value::Bytes(input)) => node.inputs.push(input.label()),
                (2, Value::Bytes(output)) => node.outputs.push(output.label()),
                (4, Value::Bytes(operator)) => node.operator = operator.label(),
                (5, Value::Bytes(attribute)) => attributes.push(attribute),
                (7, Value::Bytes(domain)) => node.domain = domain.label(),
                _ => {}
            }
        }
        for attribute in attributes {
            self.attribute(attribute, &node, depth)?;
        }
        self.judge(node);
        Ok(())
    }

    fn attribute(
        &mut self,
        mut attribute: Message<'_>,
        node: &Node,
        depth: usize,
    ) -> Result<(), WireError> {
        self.spend(&attribute)?;
        while let Some((number, value)) = attribute.next_field()? {
            match (number, value) {
                (5 | 10, Value::Bytes(tensor)) => {
                    let constant = node.outputs.first().filter(|_| node.operator == "Constant");
                    self.keep(read_stored(tensor)?, constant.map(String::as_str), &tensor)?;
                }
                (6 | 11, Value::Bytes(graph)) => self.graph(graph, depth + 1)?,
                (22 | 23, Value::Bytes(sparse)) => self.sparse(sparse)?,
                _ => {}
            }
        }
        Ok(())
    }

    fn keep(
        &mut self,
        stored: Stored,
        name: Option<&str>,
        at: &Message<'_>,
    ) -> Result<(), WireError> {
        self.spend(at)?;
        self.parameters = self.parameters.saturating_add(stored.values.unwrap_or(0));
        self.faults.extend(stored.fault);
        if let Some(shape) = stored.shape {
            self.constants
                .insert(name.map_or(stored.name, str::to_owned), shape);
        }
        Ok(())
    }

    fn judge(&mut self, node: Node) {
        let Node {
            operator,
            domain,
            inputs,
            ..
        } = node;
        if !DOMAINS.contains(&domain.as_str()) {
            self.faults.push(Fault::Custom {
                operator: operator.clone(),
                domain,
            });
        } else if RANDOM.contains(&operator.as_str()) {
            self.faults.push(Fault::Operator {
                operator: operator.clone(),
                found: "it draws numbers of its own, and a bounce would not repeat what was heard",
                advice: "give the graph an input with the role 'noise' instead",
            });
        } else if operator == "Loop" || operator == "Scan" {
            self.faults.push(Fault::Operator {
                operator: operator.clone(),
                found: "it repeats a number of times that only shows while it runs",
                advice: "export with the loop unrolled",
            });
        }
        if let Some((_, index, most)) = SHAPED.iter().find(|(name, ..)| *name == operator)
            && let Some(input) = inputs.get(*index)
        {
            let (operator, input) = (operator.clone(), input.clone());
            self.shaped.push(Shaped {
                operator,
                input,
                most: *most,
            });
        }
        *self.operators.entry(operator).or_default() += 1;
    }
}
