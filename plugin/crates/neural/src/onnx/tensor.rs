//! Tensors in the file: their types, axes, and whether their data is really there.

use super::weights::Weight;
use super::wire::{Message, Value, WireError};
use super::{Dim, Element, Fault, TensorInfo};

/// Largest tensor a pack may hold or ask for, in values: a gigabyte of float32.
pub(super) const MAX_VALUES: u64 = 1 << 28;
/// Shape tensors longer than this are data.
const MAX_SHAPE_LENGTH: usize = 16;

/// A constant tensor of the file.
#[derive(Default)]
pub(super) struct Stored {
    pub(super) name: String,
    /// Number of values it declares; `None` where the product overflows.
    pub(super) values: Option<u64>,
    /// Its content where it is a short int64 list: a shape, perhaps.
    pub(super) shape: Option<Vec<i64>>,
    pub(super) fault: Option<Fault>,
}

/// `StringStringEntryProto`.
pub(super) fn read_entry(mut entry: Message<'_>) -> Result<(String, String), WireError> {
    let (mut key, mut text) = (String::new(), String::new());
    while let Some((number, value)) = entry.next_field()? {
        match (number, value) {
            (1, Value::Bytes(bytes)) => key = bytes.text(),
            (2, Value::Bytes(bytes)) => text = bytes.text(),
            _ => {}
        }
    }
    Ok((key, text))
}

/// `ValueInfoProto`.
pub(super) fn read_value_info(mut info: Message<'_>) -> Result<TensorInfo, WireError> {
    let mut tensor = TensorInfo {
        name: String::new(),
        element: Element::Other(0),
        dims: Vec::new(),
    };
    while let Some((number, value)) = info.next_field()? {
        match (number, value) {
            (1, Value::Bytes(name)) => tensor.name = name.label(),
            (2, Value::Bytes(kind)) => read_type(kind, &mut tensor)?,
            _ => {}
        }
    }
    Ok(tensor)
}

fn read_type(mut kind: Message<'_>, tensor: &mut TensorInfo) -> Result<(), WireError> {
    while let Some((number, value)) = kind.next_field()? {
        let (1, Value::Bytes(mut tensor_type)) = (number, value) else {
            continue;
        };
        while let Some((number, value)) = tensor_type.next_field()? {
            match (number, value) {
                (1, Value::Varint(code)) => tensor.element = element(code),
                (2, Value::Bytes(shape)) => tensor.dims = read_shape(shape)?,
                _ => {}
            }
        }
    }
    Ok(())
}

fn read_shape(mut shape: Message<'_>) -> Result<Vec<Dim>, WireError> {
    let mut dims = Vec::new();
    while let Some((number, value)) = shape.next_field()? {
        let (1, Value::Bytes(mut axis)) = (number, value) else {
            continue;
        };
        if dims.len() >= MAX_SHAPE_LENGTH {
            return Err(axis.error("a tensor of more than 16 axes"));
        }
        let mut dim = Dim::Unknown;
        while let Some((number, value)) = axis.next_field()? {
            match (number, value) {
                (1, Value::Varint(length)) => dim = Dim::Fixed(length),
                (2, Value::Bytes(name)) if !name.bytes().is_empty() => {
                    dim = Dim::Named(name.label())
                }
                _ => {}
            }
        }
        dims.push(dim);
    }
    Ok(dims)
}

fn element(code: u64) -> Element {
    match code {
        1 => Element::Float32,
        6 => Element::Int32,
        7 => Element::Int64,
        9 => Element::Bool,
        10 => Element::Float16,
        11 => Element::Float64,
        other => Element::Other(other),
    }
}

/// Bytes of one value in `raw_data`, where it is a whole number.
fn value_bytes(code: u64) -> Option<u64> {
    match code {
        2 | 3 | 9 | 17..=20 => Some(1),
        4 | 5 | 10 | 16 => Some(2),
        1 | 6 | 12 => Some(4),
        7 | 11 | 13 | 14 => Some(8),
        15 => Some(16),
        _ => None,
    }
}

/// `TensorProto`.
pub(super) fn read_stored(mut tensor: Message<'_>) -> Result<Stored, WireError> {
    let mut dims = Vec::new();
    let (mut code, mut raw, mut typed_bytes) = (0, None, 0_u64);
    let mut stored = Stored::default();
    let (mut integers, mut location, mut external) = (Vec::new(), None, false);
    while let Some((number, value)) = tensor.next_field()? {
        match (number, value) {
            (1, value) => read_integers(value, &mut dims)?,
            (2, Value::Varint(c)) => code = c,
            (7, value) => {
                typed_bytes += size_of_value(&value);
                read_integers(value, &mut integers)?;
            }
            (4 | 5 | 6 | 10 | 11, value) => typed_bytes += size_of_value(&value),
            (8, Value::Bytes(name)) => stored.name = name.label(),
            (9, Value::Bytes(data)) => raw = Some(data.bytes()),
            (13, Value::Bytes(entry)) => match read_entry(entry)? {
                (key, text) if key == "location" => location = Some(text),
                _ => location = location.or(Some(String::new())),
            },
            (14, Value::Varint(place)) => external = place == 1,
            _ => {}
        }
    }
    stored.values = dims.iter().try_fold(1_u64, |product, dim| {
        product.checked_mul(u64::try_from(*dim).ok()?)
    });
    stored.fault = if external || location.is_some() {
        Some(Fault::External {
            tensor: stored.name.clone(),
            location: location.unwrap_or_default(),
        })
    } else {
        check_size(
            &stored.name,
            stored.values,
            code,
            raw.map(|raw| raw.len() as u64),
            typed_bytes,
        )
    };
    if code == 7 && stored.fault.is_none() {
        stored.shape = raw
            .map_or(Some(integers), raw_integers)
            .filter(|list| list.len() <= MAX_SHAPE_LENGTH);
    }
    Ok(stored)
}

/// The name and values of a float32 tensor in raw or packed bytes; `None` for any other.
pub(super) fn read_floats(mut tensor: Message<'_>) -> Result<Option<(String, Weight)>, WireError> {
    let (mut dims, mut name, mut bytes, mut code) = (Vec::new(), String::new(), None, 0);
    while let Some((number, value)) = tensor.next_field()? {
        match (number, value) {
            (1, value) => read_integers(value, &mut dims)?,
            (2, Value::Varint(c)) => code = c,
            (8, Value::Bytes(label)) => name = label.label(),
            (4 | 9, Value::Bytes(data)) => bytes = Some(data.bytes()),
            _ => {}
        }
    }
    let (1, Some(bytes)) = (code, bytes) else {
        return Ok(None);
    };
    let dims: Vec<usize> = dims.iter().map(|dim| *dim as usize).collect();
    let chunks = bytes.as_chunks::<4>().0.iter();
    let values: Vec<f32> = chunks.map(|chunk| f32::from_le_bytes(*chunk)).collect();
    let is_whole = dims.iter().product::<usize>() == values.len();
    Ok(is_whole.then_some((name, Weight { dims, values })))
}

fn size_of_value(value: &Value<'_>) -> u64 {
    match value {
        Value::Varint(_) => 8,
        Value::Fixed32 => 4,
        Value::Fixed64 => 8,
        Value::Bytes(bytes) => bytes.bytes().len().max(1) as u64,
    }
}

/// Repeated integers, packed or one by one; a list longer than a shape is only skipped.
fn read_integers(value: Value<'_>, into: &mut Vec<i64>) -> Result<(), WireError> {
    match value {
        Value::Varint(one) if into.len() <= MAX_SHAPE_LENGTH => into.push(one as i64),
        Value::Bytes(mut packed) => {
            while let Some(one) = packed.next_packed()? {
                if into.len() > MAX_SHAPE_LENGTH {
                    break;
                }
                into.push(one as i64);
            }
        }
        _ => {}
    }
    Ok(())
}

fn raw_integers(raw: &[u8]) -> Option<Vec<i64>> {
    if raw.len() > MAX_SHAPE_LENGTH * 8 {
        return None;
    }
    Some(
        raw.as_chunks::<8>()
            .0
            .iter()
            .map(|chunk| i64::from_le_bytes(*chunk))
            .collect(),
    )
}

fn check_size(
    name: &str,
    values: Option<u64>,
    code: u64,
    raw: Option<u64>,
    typed_bytes: u64,
) -> Option<Fault> {
    let lies = |found: String| {
        Some(Fault::Size {
            tensor: name.to_owned(),
            found,
        })
    };
    let Some(values) = values.filter(|values| *values <= MAX_VALUES) else {
        return lies(format!(
            "declares more than the {MAX_VALUES} values that a pack may hold"
        ));
    };
    match (raw, value_bytes(code)) {
        (Some(found), Some(size)) if values * size != found => lies(format!(
            "declares {values} values of {size} bytes, but holds {found} bytes"
        )),
        // Packed varints take at least one byte a value; half a byte for 4-bit types in raw data.
        (Some(found), None) if values > found * 2 => {
            lies(format!("declares {values} values, but holds {found} bytes"))
        }
        (None, _) if values > typed_bytes => lies(format!(
            "declares {values} values, but holds {typed_bytes} bytes"
        )),
        _ => None,
    }
}
