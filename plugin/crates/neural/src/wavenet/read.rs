//! From a pack's `predict` graph to a net: which weights there must be, and how large.

use std::collections::HashMap;
use std::ops::Range;

use super::kernel::{Dense, LANES};
use super::net::{Layer, Scratch, Shape, WaveNet};
use crate::error::PackError;
use crate::manifest::{Axis, Role, StateKind};
use crate::onnx::{Weight, read_weights};
use crate::pack::{Pack, PackGraph};

/// Weights of the predict graph by the names that the exporter gives them.
struct Weights<'a> {
    pack: &'a Pack,
    by_name: HashMap<String, Weight>,
}

/// Reads the net of a pack.
///
/// # Errors
/// When there is no `predict` graph, or a weight is missing or has another size than its neighbours.
pub(crate) fn read_net(pack: &Pack) -> Result<WaveNet, PackError> {
    let Some(graph) = pack.graph("predict") else {
        return Err(PackError::MissingFile {
            pack: pack.name().to_owned(),
            graph: "predict",
            file: "predict.onnx".into(),
        });
    };
    let weights = Weights {
        pack,
        by_name: weights_of(pack, graph)?,
    };
    let delay = |kind: StateKind| match kind {
        StateKind::Delay(calls) => Some(calls),
        _ => None,
    };
    let states = pack.manifest().state.iter();
    let dilations: Vec<usize> = states.filter_map(|pair| delay(pair.kind)).collect();
    let whitening = weights.get("whitening")?.values.clone();
    let channels = weights.get("front.bias")?.values.len();
    let skip = weights.get("head.hidden.bias")?.values.len();
    let outputs = weights.get("head.out.bias")?.values.len();
    let shape = Shape {
        labels: weights.get("layers.0.label.weight")?.values.len() / (2 * channels).max(1),
        channels,
        skip,
        taps: whitening.len(),
        followed: followed(pack),
        mixtures: outputs / 3,
        dilations,
    };
    weights.check_lanes("front.bias", channels)?;
    weights.check_lanes("head.hidden.bias", skip)?;
    weights.check_count(shape.dilations.len())?;
    let layers: Result<Vec<Layer>, PackError> = (0..shape.dilations.len())
        .map(|layer| weights.layer(layer, &shape))
        .collect();
    let out = weights.dense("head.out", shape.outputs(), skip)?;
    Ok(WaveNet {
        front: weights.dense("front", channels, shape.front())?,
        layers: layers?,
        hidden: weights.dense("head.hidden", skip, skip)?,
        scratch: Scratch::new(&shape, out.bias.len()),
        out,
        whitening,
        shape,
    })
}

/// Taps that the graph is given; none where it asks for none.
fn followed(pack: &Pack) -> usize {
    let graph = pack.manifest().graphs.predict.as_ref();
    let taps = graph.and_then(|graph| graph.inputs.iter().find(|input| input.role == Role::Taps));
    taps.and_then(|taps| match taps.shape.last() {
        Some(Axis::Fixed(count)) => Some(*count),
        _ => None,
    })
    .unwrap_or(0)
}

fn weights_of(pack: &Pack, graph: &PackGraph) -> Result<HashMap<String, Weight>, PackError> {
    read_weights(&graph.bytes).map_err(|error| PackError::Malformed {
        pack: pack.name().to_owned(),
        file: graph.file.clone(),
        found: error.found.into(),
    })
}

/// Some of the columns of a square.
fn columns(weight: &Weight, columns: Range<usize>) -> Vec<f32> {
    let rows = weight.values.chunks_exact(weight.dims[1]);
    rows.flat_map(|row| &row[columns.clone()])
        .copied()
        .collect()
}

impl Weights<'_> {
    fn layer(&self, layer: usize, shape: &Shape) -> Result<Layer, PackError> {
        let (name, channels) = (format!("layers.{layer}"), shape.channels);
        let label = self.sized(
            &format!("{name}.label.weight"),
            &[shape.labels, 2 * channels],
        )?;
        let gate = self.sized(
            &format!("{name}.gate.weight"),
            &[2 * channels, 2 * channels],
        )?;
        let bias = self.sized(&format!("{name}.gate.bias"), &[2 * channels])?;
        let outputs = channels + shape.skip;
        let out = self.sized(&format!("{name}.out.weight"), &[outputs, channels])?;
        let out_bias = self.sized(&format!("{name}.out.bias"), &[outputs])?;
        let no_bias = vec![0.0; 2 * channels];
        Ok(Layer {
            earlier: Dense::new(&columns(gate, 0..channels), &bias.values),
            present: Dense::new(&columns(gate, channels..2 * channels), &no_bias),
            label: label.values.clone(),
            residual: Dense::new(
                &out.values[..channels * channels],
                &out_bias.values[..channels],
            ),
            skip: Dense::new(
                &out.values[channels * channels..],
                &out_bias.values[channels..],
            ),
        })
    }

    fn dense(&self, name: &str, outputs: usize, inputs: usize) -> Result<Dense, PackError> {
        let rows = self.sized(&format!("{name}.weight"), &[outputs, inputs])?;
        let bias = self.sized(&format!("{name}.bias"), &[outputs])?;
        Ok(Dense::new(&rows.values, &bias.values))
    }

    fn sized(&self, name: &str, dims: &[usize]) -> Result<&Weight, PackError> {
        let weight = self.get(name)?;
        if weight.dims == dims {
            return Ok(weight);
        }
        Err(self.complain(
            name,
            format!("have the axes {dims:?}"),
            format!("it has {:?}", weight.dims),
        ))
    }

    fn get(&self, name: &str) -> Result<&Weight, PackError> {
        let weight = self
            .by_name
            .get(name)
            .filter(|weight| !weight.values.is_empty());
        weight.ok_or_else(|| {
            self.complain(
                name,
                "be a float32 weight under this name".into(),
                "it is not there".into(),
            )
        })
    }

    fn check_lanes(&self, name: &str, width: usize) -> Result<(), PackError> {
        if width.is_multiple_of(LANES) {
            return Ok(());
        }
        let expected = format!("have a length that {LANES} divides");
        Err(self.complain(name, expected, format!("it has {width}")))
    }

    /// A layer whose state is not a delay would be left out without a word.
    fn check_count(&self, layers: usize) -> Result<(), PackError> {
        let name = format!("layers.{layers}.gate.weight");
        if !self.by_name.contains_key(&name) {
            return Ok(());
        }
        let expected =
            "have a pair in 'state' whose kind is delay(d), as every layer has".to_owned();
        Err(self.complain(&name, expected, format!("there are {layers}")))
    }

    fn complain(&self, tensor: &str, expected: String, found: String) -> PackError {
        PackError::Tensor {
            pack: self.pack.name().to_owned(),
            graph: "predict",
            tensor: tensor.into(),
            expected,
            found: found.into(),
            advice: "export the net with `python -m afterimage_models export wave-continue`",
        }
    }
}
