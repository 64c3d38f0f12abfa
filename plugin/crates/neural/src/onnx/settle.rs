//! Puts the mean in the place of a draw, so that a graph which draws numbers of its own repeats itself.

use super::rewrite::{put_node, replace_nodes};
use super::wire::{Message, Value, WireError};

/// Attributes that move a draw away from its operator's usual mean.
const MOVING: [&str; 4] = ["mean", "scale", "low", "high"];

/// A graph whose draws became means.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Settled {
    /// The whole ONNX file.
    pub(crate) bytes: Vec<u8>,
    /// Draws from a normal distribution, each now 0.
    pub(crate) normal: usize,
    /// Draws from 0 to 1, each now one half.
    pub(crate) uniform: usize,
}

/// `RandomNormalLike(x)` becomes `x - x`, and `RandomUniformLike(x)` its sigmoid, in the main graph. Draws with
/// attributes of their own, and those in subgraphs, stay.
pub(crate) fn settle(bytes: &[u8]) -> Result<Settled, WireError> {
    let (mut normal, mut uniform) = (0, 0);
    let bytes = replace_nodes(bytes, &mut |node, out| {
        let Some(draw) = read_draw(node)? else {
            return Ok(false);
        };
        if draw.is_normal {
            normal += 1;
        } else {
            uniform += 1;
        }
        put_mean(out, &draw);
        Ok(true)
    })?;
    Ok(Settled {
        bytes,
        normal,
        uniform,
    })
}

/// A node that draws values like another tensor.
struct Draw<'a> {
    is_normal: bool,
    like: &'a [u8],
    output: &'a [u8],
}

fn read_draw(mut node: Message<'_>) -> Result<Option<Draw<'_>>, WireError> {
    let (mut operator, mut like, mut output): (&[u8], &[u8], &[u8]) = (b"", b"", b"");
    let mut is_moved = false;
    while let Some((number, value)) = node.next_field()? {
        match (number, value) {
            (1, Value::Bytes(text)) => like = text.bytes(),
            (2, Value::Bytes(text)) => output = text.bytes(),
            (4, Value::Bytes(text)) => operator = text.bytes(),
            (5, Value::Bytes(attribute)) => is_moved |= MOVING.contains(&&*name_of(attribute)?),
            _ => {}
        }
    }
    let is_normal = operator == b"RandomNormalLike";
    let is_draw = is_normal || operator == b"RandomUniformLike";
    Ok((is_draw && !is_moved).then_some(Draw {
        is_normal,
        like,
        output,
    }))
}

fn name_of(mut attribute: Message<'_>) -> Result<String, WireError> {
    while let Some((number, value)) = attribute.next_field()? {
        if let (1, Value::Bytes(name)) = (number, value) {
            return Ok(name.label());
        }
    }
    Ok(String::new())
}

fn put_mean(out: &mut Vec<u8>, draw: &Draw<'_>) {
    if draw.is_normal {
        put_node(out, b"Sub", &[draw.like, draw.like], draw.output);
        return;
    }
    let zero = [draw.output, b".zero"].concat();
    put_node(out, b"Sub", &[draw.like, draw.like], &zero);
    put_node(out, b"Sigmoid", &[&zero], draw.output);
}
