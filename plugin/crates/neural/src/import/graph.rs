//! Which tensors of a bare graph are the sound.

use super::{MAX_BLOCK, complain};
use crate::error::PackError;
use crate::onnx::{Dim, Element, GraphInfo, TensorInfo};

const ADVICE: &str = "export a graph with one input 'audio_in' [1, channels, samples] and one output 'audio_out', as RAVE's export_onnx does";

/// A graph with one input and one output, both sound.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AudioGraph {
    /// Name of the input.
    pub input: String,
    /// Name of the output.
    pub output: String,
    /// 1 or 2.
    pub channels: usize,
    /// Samples a call where the graph is fixed to a number of them.
    pub length: Option<usize>,
}

impl AudioGraph {
    /// Recognises a graph from `[batch, channels, samples]` to the same.
    ///
    /// # Errors
    /// One sentence for the first tensor that does not fit.
    pub fn of(info: &GraphInfo, pack: &str) -> Result<Self, PackError> {
        let input = only(&info.inputs, "input", pack)?;
        let output = only(&info.outputs, "output", pack)?;
        let channels = channels(input, pack)?;
        let length = length(input, pack)?;
        check_sound(output, pack)?;
        // Exporters often lose the output's axes on the way: the trial tells them.
        if let Some(Dim::Fixed(held)) = output.dims.get(1)
            && *held != channels as u64
        {
            return Err(complain(
                pack,
                format!(
                    "as many channels in '{}' as in '{}'",
                    output.name, input.name
                ),
                format!(
                    "the shapes are {} and {}",
                    output.shape_text(),
                    input.shape_text()
                ),
                "export a model whose output has its input's channels",
            ));
        }
        Ok(Self {
            input: input.name.clone(),
            output: output.name.clone(),
            channels,
            length,
        })
    }
}

fn only<'a>(
    tensors: &'a [TensorInfo],
    side: &str,
    pack: &str,
) -> Result<&'a TensorInfo, PackError> {
    match tensors {
        [one] => Ok(one),
        several => {
            let names: Vec<String> = several
                .iter()
                .take(8)
                .map(|tensor| format!("'{}'", tensor.name))
                .collect();
            let found = format!("it has {}: {}", several.len(), names.join(", "));
            Err(complain(
                pack,
                format!("one {side}, the sound"),
                found,
                ADVICE,
            ))
        }
    }
}

fn check_sound(tensor: &TensorInfo, pack: &str) -> Result<(), PackError> {
    let name = &tensor.name;
    if tensor.element != Element::Float32 {
        let found = format!("it holds {}", tensor.element);
        return Err(complain(
            pack,
            format!("float32 in '{name}'"),
            found,
            ADVICE,
        ));
    }
    // A graph without shapes leaves them to the trial.
    if tensor.dims.is_empty() || tensor.dims.len() == 3 {
        return Ok(());
    }
    let found = format!("the shape is {}", tensor.shape_text());
    let expected = format!("three axes in '{name}': [batch, channels, samples]");
    Err(complain(pack, expected, found, ADVICE))
}

fn channels(input: &TensorInfo, pack: &str) -> Result<usize, PackError> {
    check_sound(input, pack)?;
    let found = format!("the shape is {}", input.shape_text());
    if let Some(Dim::Fixed(batch)) = input.dims.first()
        && *batch != 1
    {
        let expected = format!("a batch of 1, or of any size, in '{}'", input.name);
        return Err(complain(pack, expected, found, ADVICE));
    }
    match input.dims.get(1) {
        Some(Dim::Fixed(channels @ 1..=2)) => Ok(*channels as usize),
        _ => {
            let expected = format!("1 or 2 channels, as a number, in '{}'", input.name);
            Err(complain(pack, expected, found, ADVICE))
        }
    }
}

fn length(input: &TensorInfo, pack: &str) -> Result<Option<usize>, PackError> {
    let Some(Dim::Fixed(length)) = input.dims.get(2) else {
        return Ok(None);
    };
    if (2..=MAX_BLOCK as u64).contains(length) && length % 2 == 0 {
        return Ok(Some(*length as usize));
    }
    Err(complain(
        pack,
        format!(
            "an even number of samples up to {MAX_BLOCK}, or any, in '{}'",
            input.name
        ),
        format!("the shape is {}", input.shape_text()),
        "export the graph with a dynamic length",
    ))
}
