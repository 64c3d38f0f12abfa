//! A bounded reader of the protobuf wire format: just enough to look inside an ONNX file.
//!
//! It never allocates for a length that the bytes do not hold, and never recurses by itself.

/// Longest name; exporters stay under 200.
const MAX_LABEL_BYTES: usize = 1024;

/// What is wrong, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct WireError {
    /// A part of a sentence.
    pub(crate) found: &'static str,
    /// Byte offset from the start of the file.
    pub(crate) offset: usize,
}

/// One field of a message.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Value<'a> {
    /// Integers, booleans, enumerations.
    Varint(u64),
    /// Doubles and fixed 64-bit integers.
    Fixed64,
    /// Texts, bytes, messages, packed lists.
    Bytes(Message<'a>),
    /// Floats and fixed 32-bit integers.
    Fixed32,
}

/// A run of bytes that knows where in the file it lies. As an iterator it yields its fields.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Message<'a> {
    bytes: &'a [u8],
    offset: usize,
}

impl<'a> Message<'a> {
    /// The whole file.
    pub(crate) fn file(bytes: &'a [u8]) -> Self {
        Self { bytes, offset: 0 }
    }

    pub(crate) fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// The bytes as text; what is not UTF-8 becomes a replacement character.
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(self.bytes).into_owned()
    }

    /// The bytes as a name fit for a sentence: control characters replaced, overlong names cut.
    pub(crate) fn label(&self) -> String {
        let shown = |c: char| {
            if c.is_control() {
                char::REPLACEMENT_CHARACTER
            } else {
                c
            }
        };
        let bytes = &self.bytes[..self.bytes.len().min(MAX_LABEL_BYTES)];
        String::from_utf8_lossy(bytes).chars().map(shown).collect()
    }

    /// The next field, its number first, or `None` at the end.
    pub(crate) fn next_field(&mut self) -> Result<Option<(u32, Value<'a>)>, WireError> {
        if self.bytes.is_empty() {
            return Ok(None);
        }
        let tag = self.varint()?;
        let number = u32::try_from(tag >> 3)
            .ok()
            .filter(|n| (1..1 << 29).contains(n));
        let number = number.ok_or(self.error("a field number that protobuf does not have"))?;
        let value = match tag & 7 {
            0 => Value::Varint(self.varint()?),
            1 => self.fixed(8, Value::Fixed64)?,
            2 => {
                let length = self.varint()?;
                let length = usize::try_from(length)
                    .map_err(|_| self.error("a length past the end of the file"))?;
                Value::Bytes(self.take(length)?)
            }
            5 => self.fixed(4, Value::Fixed32)?,
            _ => return Err(self.error("a wire type that protobuf does not use")),
        };
        Ok(Some((number, value)))
    }

    /// The next varint of a packed list, or `None` at the end.
    pub(crate) fn next_packed(&mut self) -> Result<Option<u64>, WireError> {
        if self.bytes.is_empty() {
            Ok(None)
        } else {
            self.varint().map(Some)
        }
    }

    fn varint(&mut self) -> Result<u64, WireError> {
        let mut value = 0_u64;
        for index in 0..10 {
            let Some(byte) = self.bytes.get(index) else {
                return Err(self.error("the file ends in the middle of a number"));
            };
            value |= u64::from(byte & 0x7F) << (7 * index);
            if byte & 0x80 == 0 {
                self.skip(index + 1);
                return Ok(value);
            }
        }
        Err(self.error("a number of more than 64 bits"))
    }

    /// Skips a number of fixed size: nothing here reads one.
    fn fixed(&mut self, length: usize, value: Value<'a>) -> Result<Value<'a>, WireError> {
        if self.bytes.len() < length {
            return Err(self.error("the file ends in the middle of a number"));
        }
        self.skip(length);
        Ok(value)
    }

    fn take(&mut self, length: usize) -> Result<Message<'a>, WireError> {
        let Some(bytes) = self.bytes.get(..length) else {
            return Err(self.error("a part that is longer than the rest of the file"));
        };
        let taken = Message {
            bytes,
            offset: self.offset,
        };
        self.skip(length);
        Ok(taken)
    }

    fn skip(&mut self, length: usize) {
        self.bytes = &self.bytes[length..];
        self.offset += length;
    }

    pub(crate) fn error(&self, found: &'static str) -> WireError {
        WireError {
            found,
            offset: self.offset,
        }
    }
}
