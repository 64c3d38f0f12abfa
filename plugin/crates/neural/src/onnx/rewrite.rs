//! Puts other nodes in the place of some, byte for byte the same elsewhere.

use super::wire::{Message, Value, WireError};

const LENGTH_DELIMITED: u64 = 2;

/// Writes what stands in the place of a node; whether anything does.
pub(super) type Replace<'a> = dyn FnMut(Message<'_>, &mut Vec<u8>) -> Result<bool, WireError> + 'a;

/// A whole ONNX file with some nodes of the main graph replaced; those in subgraphs stay.
pub(super) fn replace_nodes(bytes: &[u8], replace: &mut Replace<'_>) -> Result<Vec<u8>, WireError> {
    let mut out = Vec::with_capacity(bytes.len());
    let mut model = Message::file(bytes);
    let mut raw = model.bytes();
    while let Some((number, value)) = model.next_field()? {
        let field = raw.len() - model.bytes().len();
        match (number, value) {
            (7, Value::Bytes(graph)) => {
                let mut inner = Vec::with_capacity(graph.bytes().len());
                replace_in_graph(graph, &mut inner, replace)?;
                put(&mut out, 7, &inner);
            }
            _ => out.extend(&raw[..field]),
        }
        raw = model.bytes();
    }
    Ok(out)
}

fn replace_in_graph(
    mut graph: Message<'_>,
    out: &mut Vec<u8>,
    replace: &mut Replace<'_>,
) -> Result<(), WireError> {
    let mut raw = graph.bytes();
    while let Some((number, value)) = graph.next_field()? {
        let field = raw.len() - graph.bytes().len();
        let replaced = match (number, value) {
            (1, Value::Bytes(node)) => replace(node, out)?,
            _ => false,
        };
        if !replaced {
            out.extend(&raw[..field]);
        }
        raw = graph.bytes();
    }
    Ok(())
}

/// `NodeProto` as a field of a graph.
pub(super) fn put_node(out: &mut Vec<u8>, operator: &[u8], inputs: &[&[u8]], output: &[u8]) {
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
