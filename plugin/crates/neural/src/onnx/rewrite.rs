//! Puts the mean in the place of a draw, so that a graph which draws numbers of its own repeats itself.
//!
//! Everything else is copied byte for byte.

use super::wire::{Message, Value, WireError};

/// Attributes that move a draw away from its operator's usual mean.
const MOVING: [&str; 4] = ["mean", "scale", "low", "high"];
const LENGTH_DELIMITED: u64 = 2;

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
    let mut settled = Settled {
        bytes: Vec::with_capacity(bytes.len()),
        normal: 0,
        uniform: 0,
    };
    let mut model = Message::file(bytes);
    let mut raw = model.bytes();
    while let Some((number, value)) = model.next_field()? {
        let field = raw.len() - model.bytes().len();
        match (number, value) {
            (7, Value::Bytes(graph)) => {
                let mut inner = Vec::with_capacity(graph.bytes().len());
                settle_graph(graph, &mut inner, &mut settled)?;
                put(&mut settled.bytes, 7, &inner);
            }
            _ => settled.bytes.extend(&raw[..field]),
        }
        raw = model.bytes();
    }
    Ok(settled)
}

fn settle_graph(
    mut graph: Message<'_>,
    out: &mut Vec<u8>,
    settled: &mut Settled,
) -> Result<(), WireError> {
    let mut raw = graph.bytes();
    while let Some((number, value)) = graph.next_field()? {
        let field = raw.len() - graph.bytes().len();
        let draw = match (number, value) {
            (1, Value::Bytes(node)) => read_draw(node)?,
            _ => None,
        };
        match draw {
            Some(draw) => put_mean(out, &draw, settled),
            None => out.extend(&raw[..field]),
        }
        raw = graph.bytes();
    }
    Ok(())
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

fn put_mean(out: &mut Vec<u8>, draw: &Draw<'_>, settled: &mut Settled) {
    if draw.is_normal {
        settled.normal += 1;
        put_node(out, b"Sub", &[draw.like, draw.like], draw.output);
        return;
    }
    settled.uniform += 1;
    let zero = [draw.output, b".zero"].concat();
    put_node(out, b"Sub", &[draw.like, draw.like], &zero);
    put_node(out, b"Sigmoid", &[&zero], draw.output);
}

/// `NodeProto` as a field of a graph.
fn put_node(out: &mut Vec<u8>, operator: &[u8], inputs: &[&[u8]], output: &[u8]) {
    let mut node = Vec::new();
    for input in inputs {
        put(&mut node, 1, input);
    }
    put(&mut node, 2, output);
    put(&mut node, 4, operator);
    put(out, 1, &node);
}

fn put(out: &mut Vec<u8>, number: u64, bytes: &[u8]) {
    put_varint(out, number << 3 | LENGTH_DELIMITED);
    put_varint(out, bytes.len() as u64);
    out.extend(bytes);
}

fn put_varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}
