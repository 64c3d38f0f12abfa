//! A cursor over the manifest's JSON that knows where it is, so that each complaint names its field.

use serde_json::Value;

use crate::error::PackError;

/// What to do about most wrong fields.
const CORRECT_IT: &str = "correct the manifest and export the pack again";
/// Longest text quoted back in a sentence.
const QUOTE_CHARS: usize = 40;
/// Longest list this version reads anywhere in a manifest.
const MAX_ITEMS: usize = 4096;

/// One place in the manifest: its dotted path and the value there, if any.
#[derive(Clone)]
pub(crate) struct Field<'a> {
    pack: &'a str,
    path: String,
    value: Option<&'a Value>,
}

impl<'a> Field<'a> {
    /// The whole document.
    pub(crate) fn root(pack: &'a str, value: &'a Value) -> Self {
        Self {
            pack,
            path: String::new(),
            value: Some(value),
        }
    }

    /// The same place with another value there.
    pub(crate) fn with_value<'b>(&'b self, value: &'b Value) -> Field<'b> {
        Field {
            pack: self.pack,
            path: self.path.clone(),
            value: Some(value),
        }
    }

    /// The member `key`; missing and `null` are the same.
    pub(crate) fn at(&self, key: &str) -> Self {
        let path = if self.path.is_empty() {
            key.to_owned()
        } else {
            format!("{}.{key}", self.path)
        };
        let value = self.value.and_then(|v| v.get(key)).filter(|v| !v.is_null());
        Self {
            pack: self.pack,
            path,
            value,
        }
    }

    pub(crate) fn is_there(&self) -> bool {
        self.value.is_some()
    }

    pub(crate) fn value(&self) -> Option<&'a Value> {
        self.value
    }

    /// The complaint about this field.
    pub(crate) fn must_be(&self, expected: impl Into<String>) -> PackError {
        self.must_be_so(expected, CORRECT_IT)
    }

    /// The complaint about this field, with advice of its own.
    pub(crate) fn must_be_so(
        &self,
        expected: impl Into<String>,
        advice: impl Into<String>,
    ) -> PackError {
        PackError::Field {
            pack: self.pack.to_owned(),
            field: match self.path.as_str() {
                "" => "(the whole manifest)".into(),
                path => path.into(),
            },
            expected: expected.into(),
            found: describe(self.value),
            advice: advice.into(),
        }
    }

    pub(crate) fn object(&self) -> Result<(), PackError> {
        if self.value.is_some_and(Value::is_object) {
            Ok(())
        } else {
            Err(self.must_be("an object"))
        }
    }

    pub(crate) fn text(&self) -> Result<String, PackError> {
        match self.value {
            Some(Value::String(text)) if !text.trim().is_empty() => Ok(text.clone()),
            _ => Err(self.must_be("a text that is not empty")),
        }
    }

    /// Text that may be missing or empty.
    pub(crate) fn text_or(&self, default: &str) -> Result<String, PackError> {
        match self.value {
            None => Ok(default.to_owned()),
            Some(Value::String(text)) => Ok(text.clone()),
            Some(_) => Err(self.must_be("a text")),
        }
    }

    pub(crate) fn number(&self) -> Result<f64, PackError> {
        match self.value.and_then(Value::as_f64) {
            Some(number) if number.is_finite() && number.abs() <= f64::from(f32::MAX) => Ok(number),
            _ => Err(self.must_be("a finite number")),
        }
    }

    pub(crate) fn number_or(&self, default: f64) -> Result<f64, PackError> {
        if self.is_there() {
            self.number()
        } else {
            Ok(default)
        }
    }

    /// A number from `low` to `high`.
    pub(crate) fn number_in(&self, low: f64, high: f64) -> Result<f64, PackError> {
        match self.number() {
            Ok(number) if (low..=high).contains(&number) => Ok(number),
            _ => Err(self.must_be(format!("a number from {low} to {high}"))),
        }
    }

    /// A whole number from `low` to `high`.
    pub(crate) fn count(&self, low: u64, high: u64) -> Result<usize, PackError> {
        match self.value.and_then(Value::as_u64) {
            Some(count) if (low..=high).contains(&count) => usize::try_from(count)
                .map_err(|_| self.must_be(format!("a whole number from {low} to {high}"))),
            _ => Err(self.must_be(format!("a whole number from {low} to {high}"))),
        }
    }

    pub(crate) fn count_or(&self, default: usize, low: u64, high: u64) -> Result<usize, PackError> {
        if self.is_there() {
            self.count(low, high)
        } else {
            Ok(default)
        }
    }

    pub(crate) fn flag_or(&self, default: bool) -> Result<bool, PackError> {
        match self.value {
            None => Ok(default),
            Some(Value::Bool(flag)) => Ok(*flag),
            Some(_) => Err(self.must_be("true or false")),
        }
    }

    /// The items of a list that must be there.
    pub(crate) fn items(&self) -> Result<Vec<Self>, PackError> {
        match self.value {
            Some(Value::Array(items)) if items.len() <= MAX_ITEMS => Ok(self.numbered(items)),
            Some(Value::Array(_)) => {
                Err(self.must_be(format!("a list of at most {MAX_ITEMS} items")))
            }
            _ => Err(self.must_be("a list")),
        }
    }

    /// The items of a list, or none where it is missing.
    pub(crate) fn items_or_none(&self) -> Result<Vec<Self>, PackError> {
        if self.is_there() {
            self.items()
        } else {
            Ok(Vec::new())
        }
    }

    fn numbered(&self, items: &'a [Value]) -> Vec<Self> {
        let item = |(index, value)| Self {
            pack: self.pack,
            path: format!("{}[{index}]", self.path),
            value: Some(value),
        };
        items.iter().enumerate().map(item).collect()
    }

    pub(crate) fn texts_or_none(&self) -> Result<Vec<String>, PackError> {
        self.items_or_none()?.iter().map(Self::text).collect()
    }

    /// `length` numbers.
    pub(crate) fn numbers(&self, length: usize) -> Result<Vec<f32>, PackError> {
        let items = match self.value {
            Some(Value::Array(items)) if items.len() == length => self.numbered(items),
            _ => return Err(self.must_be(format!("a list of {length} numbers"))),
        };
        items
            .iter()
            .map(|item| item.number().map(|n| n as f32))
            .collect()
    }

    /// `[low, high]` with `low <= high`, where it is given.
    pub(crate) fn range(&self) -> Result<Option<[f32; 2]>, PackError> {
        if !self.is_there() {
            return Ok(None);
        }
        match self.numbers(2)?.as_slice() {
            [low, high] if low <= high => Ok(Some([*low, *high])),
            _ => Err(self.must_be("a range [low, high] with low not above high")),
        }
    }

    /// One of `words`; the answer is its index.
    pub(crate) fn one_of(&self, words: &[&str]) -> Result<usize, PackError> {
        let found = self.value.and_then(Value::as_str);
        match found.and_then(|found| words.iter().position(|word| *word == found)) {
            Some(index) => Ok(index),
            None => Err(self.must_be(format!("one of {}", words.join(", ")))),
        }
    }

    pub(crate) fn one_of_or(&self, default: usize, words: &[&str]) -> Result<usize, PackError> {
        if self.is_there() {
            self.one_of(words)
        } else {
            Ok(default)
        }
    }
}

/// A value in words, short enough for a sentence.
fn describe(value: Option<&Value>) -> String {
    match value {
        None | Some(Value::Null) => "nothing".into(),
        Some(Value::Bool(flag)) => format!("{flag}"),
        Some(Value::Number(number)) => format!("the number {number}"),
        Some(Value::String(text)) if text.is_empty() => "an empty text".into(),
        Some(Value::String(text)) => format!(
            "the text '{}'",
            text.chars().take(QUOTE_CHARS).collect::<String>()
        ),
        Some(Value::Array(items)) => format!("a list of {}", items.len()),
        Some(Value::Object(_)) => "an object".into(),
    }
}
