//! Looks inside an ONNX file without a runtime: tensors, operators, metadata, and what is refused.
//!
//! Field numbers are those of `onnx.proto3` (IR version 3 to 12).

mod rewrite;
mod scan;
mod settle;
mod steady;
mod tensor;
mod weights;
mod wire;

use std::collections::BTreeMap;
use std::fmt;

use crate::error::PackError;
pub(crate) use settle::settle;
pub(crate) use steady::steady_softplus;
pub(crate) use weights::{Weight, read_weights};
use wire::{Message, Value, WireError};

/// Largest graph file in bytes.
pub const MAX_GRAPH_BYTES: usize = 512 << 20;
/// Operator sets both backends are tested on.
const OPSETS: std::ops::RangeInclusive<u64> = 11..=23;

/// What an ONNX file holds.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct GraphInfo {
    /// Version of the file format.
    pub ir_version: u64,
    /// The exporter.
    pub producer: String,
    /// Version of the default operator set.
    pub opset: u64,
    /// `metadata_props`, in file order.
    pub metadata: Vec<(String, String)>,
    /// What the graph takes, constants left out.
    pub inputs: Vec<TensorInfo>,
    /// What the graph gives.
    pub outputs: Vec<TensorInfo>,
    /// How often each operator is used, subgraphs included.
    pub operators: BTreeMap<String, usize>,
    /// Number of weights.
    pub parameters: u64,
    /// What makes the file unfit, first found first.
    pub(crate) faults: Vec<Fault>,
}

/// Something in a graph that is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// A tensor whose data lies in another file.
    External { tensor: String, location: String },
    /// An operator of a domain that is not ONNX's own.
    Custom { operator: String, domain: String },
    /// An operator that would make time or sound unpredictable.
    Operator {
        operator: String,
        found: &'static str,
        advice: &'static str,
    },
    /// A tensor whose declared size and data do not fit together.
    Size { tensor: String, found: String },
}

/// One input or output of a graph.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TensorInfo {
    /// Its name.
    pub name: String,
    /// Its element type.
    pub element: Element,
    /// Its axes.
    pub dims: Vec<Dim>,
}

/// One axis as the graph declares it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Dim {
    /// This length.
    Fixed(u64),
    /// Any length, under this name.
    Named(String),
    /// Not stated.
    Unknown,
}

/// Element type of a tensor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)] // The names are ONNX's own.
pub enum Element {
    Float32,
    Float64,
    Float16,
    Int32,
    Int64,
    Bool,
    /// Any other, by its number in `TensorProto.DataType`.
    Other(u64),
}

impl fmt::Display for Element {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Float32 => f.write_str("float32"),
            Self::Float64 => f.write_str("float64"),
            Self::Float16 => f.write_str("float16"),
            Self::Int32 => f.write_str("int32"),
            Self::Int64 => f.write_str("int64"),
            Self::Bool => f.write_str("bool"),
            Self::Other(number) => write!(f, "ONNX element type {number}"),
        }
    }
}

impl fmt::Display for Dim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fixed(length) => write!(f, "{length}"),
            Self::Named(name) => f.write_str(name),
            Self::Unknown => f.write_str("?"),
        }
    }
}

impl TensorInfo {
    /// The axes in brackets, as in `[batch, 16]`.
    pub fn shape_text(&self) -> String {
        let dims: Vec<String> = self.dims.iter().map(Dim::to_string).collect();
        format!("[{}]", dims.join(", "))
    }
}

impl GraphInfo {
    /// Reads a whole ONNX file; `pack` and `file` name it in complaints.
    ///
    /// # Errors
    /// When the file is cut off, damaged or too large. What is merely refused (external data,
    /// custom operators) is left to [`GraphInfo::refuse_faults`], so that it can still be shown.
    pub fn read(bytes: &[u8], pack: &str, file: &str) -> Result<Self, PackError> {
        let malformed = |found: String| PackError::Malformed {
            pack: pack.into(),
            file: file.into(),
            found,
        };
        if bytes.len() > MAX_GRAPH_BYTES {
            return Err(PackError::TooLarge {
                pack: pack.into(),
                what: format!("'{file}'"),
                limit: format!("{} MB", MAX_GRAPH_BYTES >> 20),
                found: format!("{} MB", bytes.len() >> 20),
                advice: "export a smaller model",
            });
        }
        let info = read_model(bytes).map_err(|error| {
            malformed(format!(
                "{} was found at byte {}",
                error.found, error.offset
            ))
        })?;
        if info.outputs.is_empty() {
            return Err(malformed(format!(
                "no graph with outputs was found in its {} bytes",
                bytes.len()
            )));
        }
        Ok(info)
    }

    /// Refuses what neither backend may run.
    ///
    /// # Errors
    /// External data, custom or unpredictable operators, sizes that lie, operator sets not tested.
    pub fn refuse_faults(&self, pack: &str, file: &str) -> Result<(), PackError> {
        if let Some(fault) = self.faults.first() {
            return Err(fault.clone().into_error(pack.to_owned(), file.to_owned()));
        }
        if OPSETS.contains(&self.opset) {
            return Ok(());
        }
        Err(PackError::Unsupported {
            pack: pack.to_owned(),
            what: format!("the operator set of '{file}'"),
            expected: format!("{} to {}", OPSETS.start(), OPSETS.end()),
            found: self.opset.to_string(),
            advice: "export it with opset_version=18",
        })
    }

    /// The metadata value under `key`.
    pub fn metadata_value(&self, key: &str) -> Option<&str> {
        self.metadata
            .iter()
            .find(|(k, _)| k == key)
            .map(|(_, value)| value.as_str())
    }
}

impl Fault {
    fn into_error(self, pack: String, file: String) -> PackError {
        match self {
            Self::External { tensor, location } => PackError::ExternalData {
                pack,
                file,
                tensor,
                location: location.escape_debug().to_string(),
            },
            Self::Custom { operator, domain } => PackError::Operator {
                pack,
                file,
                operator: operator.into(),
                expected: "a standard ONNX operator",
                found: format!("it belongs to the domain '{domain}'").into(),
                advice: "export with standard operators and functions inlined",
            },
            Self::Operator {
                operator,
                found,
                advice,
            } => PackError::Operator {
                pack,
                file,
                operator: operator.into(),
                expected: "one whose time and result follow from its inputs",
                found: found.into(),
                advice,
            },
            Self::Size { tensor, found } => PackError::Malformed {
                pack,
                file,
                found: format!("tensor '{tensor}' {found}"),
            },
        }
    }
}

fn read_model(bytes: &[u8]) -> Result<GraphInfo, WireError> {
    let mut info = GraphInfo::default();
    let mut scan = scan::Scan::default();
    let mut model = Message::file(bytes);
    while let Some((number, value)) = model.next_field()? {
        match (number, value) {
            (1, Value::Varint(version)) => info.ir_version = version,
            (2, Value::Bytes(text)) => info.producer = text.label(),
            (7, Value::Bytes(graph)) => scan.top_graph(graph, &mut info)?,
            (8, Value::Bytes(import)) => read_opset(import, &mut info)?,
            (14, Value::Bytes(entry)) => {
                scan.spend(&entry)?;
                info.metadata.push(tensor::read_entry(entry)?);
            }
            (25, Value::Bytes(function)) => scan.function(function)?,
            _ => {}
        }
    }
    scan.finish(&mut info);
    Ok(info)
}

fn read_opset(mut import: Message<'_>, info: &mut GraphInfo) -> Result<(), WireError> {
    let (mut domain, mut version) = (String::new(), 0);
    while let Some((number, value)) = import.next_field()? {
        match (number, value) {
            (1, Value::Bytes(text)) => domain = text.label(),
            (2, Value::Varint(v)) => version = v,
            _ => {}
        }
    }
    if domain.is_empty() || domain == "ai.onnx" {
        info.opset = version;
    }
    Ok(())
}
