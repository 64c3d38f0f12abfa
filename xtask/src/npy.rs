//! NumPy's `.npy` files of floats, as much of the format as frames need. Own code: the crates that read
//! it bring an array library or a parser of Python literals along.
//!
//! Source: "The NEP 1: a simple file format for NumPy arrays", versions 1 to 3.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail, ensure};

const MAGIC: &[u8] = b"\x93NUMPY";
const ALIGNMENT: usize = 64; // of the data in the file, as NumPy writes it

/// An array in C order.
#[derive(Clone, Debug, PartialEq)]
pub struct Array {
    pub shape: Vec<usize>,
    pub values: Vec<f32>,
}

impl Array {
    /// Reads 32- or 64-bit little-endian floats.
    ///
    /// # Errors
    /// When the file is no such array, or is cut off.
    pub fn read(path: &Path) -> Result<Self> {
        let bytes = fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
        Self::parse(&bytes).with_context(|| format!("{} cannot be used", path.display()))
    }

    fn parse(bytes: &[u8]) -> Result<Self> {
        ensure!(
            bytes.starts_with(MAGIC),
            "it is no .npy file: save it with numpy.save"
        );
        let (header, data) = split(bytes).context("its header is cut off")?;
        let header = std::str::from_utf8(header).context("its header is not text")?;
        let kind = text_after(header, "'descr'", '\'', '\'').context("its header names no type")?;
        if text_after(header, "'fortran_order'", ':', ',').map(str::trim) != Some("False") {
            bail!("it is in Fortran order: save numpy.ascontiguousarray(frames)");
        }
        let shape = text_after(header, "'shape'", '(', ')').context("its header has no shape")?;
        let shape: Vec<usize> = shape
            .split(',')
            .map(str::trim)
            .filter(|length| !length.is_empty())
            .map(str::parse)
            .collect::<Result<_, _>>()
            .with_context(|| format!("its shape ({shape}) is not made of lengths"))?;
        let values: Vec<f32> = match kind {
            "<f4" => data
                .as_chunks::<4>()
                .0
                .iter()
                .map(|b| f32::from_le_bytes(*b))
                .collect(),
            "<f8" => data
                .as_chunks::<8>()
                .0
                .iter()
                .map(|b| f64::from_le_bytes(*b) as f32)
                .collect(),
            other => bail!("it holds '{other}', expected '<f4': save frames.astype(numpy.float32)"),
        };
        let wanted = shape
            .iter()
            .try_fold(1_usize, |product, length| product.checked_mul(*length));
        ensure!(
            wanted == Some(values.len()),
            "it holds {} values, but its shape {shape:?} says otherwise: it was cut off",
            values.len()
        );
        Ok(Self { shape, values })
    }

    /// Writes 32-bit floats.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn write(&self, path: &Path) -> Result<()> {
        fs::write(path, self.to_bytes()).with_context(|| format!("cannot write {}", path.display()))
    }

    fn to_bytes(&self) -> Vec<u8> {
        let lengths: String = self
            .shape
            .iter()
            .map(|length| format!("{length}, "))
            .collect();
        let lengths = match self.shape.len() {
            1 => lengths.trim_end(),
            _ => lengths.trim_end_matches(", "),
        };
        let mut header =
            format!("{{'descr': '<f4', 'fortran_order': False, 'shape': ({lengths}), }}");
        let before = MAGIC.len() + 4;
        let padded = (before + header.len() + 1).next_multiple_of(ALIGNMENT) - before;
        header.extend(std::iter::repeat_n(' ', padded - header.len() - 1));
        header.push('\n');
        let mut bytes = [
            MAGIC,
            &[1, 0],
            &(padded as u16).to_le_bytes(),
            header.as_bytes(),
        ]
        .concat();
        bytes.extend(self.values.iter().flat_map(|value| value.to_le_bytes()));
        bytes
    }
}

/// Header and data; the header's length has two bytes in version 1, four later.
fn split(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let after = bytes.get(MAGIC.len() + 2..)?;
    let (length, after) = match bytes.get(MAGIC.len())? {
        1 => {
            let (length, after) = after.split_first_chunk::<2>()?;
            (usize::from(u16::from_le_bytes(*length)), after)
        }
        _ => {
            let (length, after) = after.split_first_chunk::<4>()?;
            (u32::from_le_bytes(*length) as usize, after)
        }
    };
    after.split_at_checked(length)
}

/// What stands between `open` and `close` after a key.
fn text_after<'a>(header: &'a str, key: &str, open: char, close: char) -> Option<&'a str> {
    let (_, rest) = header.split_once(key)?;
    let (_, rest) = rest.split_once(open)?;
    Some(rest.split_once(close)?.0)
}

#[cfg(test)]
mod tests {
    use super::Array;

    fn array(shape: &[usize]) -> Array {
        let count = shape.iter().product();
        Array {
            shape: shape.to_vec(),
            values: (0..count).map(|n| n as f32 * 0.5 - 1.0).collect(),
        }
    }

    /// A file as NumPy writes it, with this header and these bytes.
    fn file(version: u8, header: &str, data: &[u8]) -> Vec<u8> {
        let mut bytes = b"\x93NUMPY".to_vec();
        bytes.extend([version, 0]);
        let length = (header.len() as u32).to_le_bytes();
        bytes.extend(if version == 1 {
            &length[..2]
        } else {
            &length[..]
        });
        bytes.extend(header.as_bytes());
        bytes.extend(data);
        bytes
    }

    #[test]
    fn what_is_written_is_read_back_and_aligned() {
        for shape in [&[3, 5][..], &[7], &[0, 4], &[2, 3, 4], &[100_000, 1]] {
            let array = array(shape);
            let bytes = array.to_bytes();
            assert_eq!((bytes.len() - 4 * array.values.len()) % 64, 0);
            assert_eq!(Array::parse(&bytes).unwrap(), array);
        }
    }

    #[test]
    fn doubles_and_later_versions_are_read() {
        let header = "{'descr': '<f8', 'fortran_order': False, 'shape': (2,), }\n";
        let data = [0.25_f64, -2.0].map(f64::to_le_bytes).concat();
        for version in [1, 2, 3] {
            let array = Array::parse(&file(version, header, &data)).unwrap();
            assert_eq!((array.shape, array.values), (vec![2], vec![0.25, -2.0]));
        }
    }

    #[test]
    fn what_cannot_be_read_is_refused_with_what_to_do() {
        let header = |kind: &str, order: &str, shape: &str| {
            format!("{{'descr': '{kind}', 'fortran_order': {order}, 'shape': ({shape}), }}\n")
        };
        for (bytes, says) in [
            (b"RIFF....".to_vec(), "numpy.save"),
            (b"\x93NUMPY\x01".to_vec(), "cut off"),
            (
                file(1, &header("<f4", "True", "1, 1"), &[0; 4]),
                "ascontiguousarray",
            ),
            (
                file(1, &header("<i8", "False", "1,"), &[0; 8]),
                "'<i8', expected '<f4'",
            ),
            (
                file(1, &header("<f4", "False", "2, 2"), &[0; 12]),
                "3 values",
            ),
            (
                file(1, &header("<f4", "False", "9999999999, 9999999999999"), &[]),
                "0 values",
            ),
            (
                file(1, &header("<f4", "False", "a, b"), &[]),
                "not made of lengths",
            ),
            (file(1, "{}", &[]), "names no type"),
            (array(&[3]).to_bytes()[..40].to_vec(), "cut off"),
        ] {
            let error = format!("{:#}", Array::parse(&bytes).unwrap_err());
            assert!(error.contains(says), "{error} does not say {says}");
        }
    }
}
