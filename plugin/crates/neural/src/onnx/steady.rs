//! Keeps rten's `Softplus` finite. It is `ln(1 + exp(x))` there, and the exponential overflows from 88.7 on,
//! where the curve has long been x itself; what follows then subtracts or weighs infinities.

use super::rewrite::{put_node, replace_nodes};
use super::wire::{Message, Value, WireError};

/// `Softplus(x)` becomes `Relu(x) + Softplus(-|x|)`, in the main graph: the same curve, and nothing overflows.
pub(crate) fn steady_softplus(bytes: &[u8]) -> Result<Vec<u8>, WireError> {
    replace_nodes(bytes, &mut |node, out| {
        let Some((input, output)) = read_softplus(node)? else {
            return Ok(false);
        };
        let name = |part: &str| [output, part.as_bytes()].concat();
        let (above, size, below, bend) =
            (name(".above"), name(".size"), name(".below"), name(".bend"));
        put_node(out, b"Relu", &[input], &above);
        put_node(out, b"Abs", &[input], &size);
        put_node(out, b"Neg", &[&size], &below);
        put_node(out, b"Softplus", &[&below], &bend);
        put_node(out, b"Add", &[&above, &bend], output);
        Ok(true)
    })
}

/// Names of a node's input and output.
type Ends<'a> = (&'a [u8], &'a [u8]);

/// The ends of a node that is a softplus.
fn read_softplus(mut node: Message<'_>) -> Result<Option<Ends<'_>>, WireError> {
    let (mut operator, mut input, mut output): (&[u8], &[u8], &[u8]) = (b"", b"", b"");
    while let Some((number, value)) = node.next_field()? {
        match (number, value) {
            (1, Value::Bytes(text)) => input = text.bytes(),
            (2, Value::Bytes(text)) => output = text.bytes(),
            (4, Value::Bytes(text)) => operator = text.bytes(),
            _ => {}
        }
    }
    Ok((operator == b"Softplus").then_some((input, output)))
}
