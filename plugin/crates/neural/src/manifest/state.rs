//! How a tensor is carried from call to call.

use std::fmt;

use serde::{Serialize, Serializer};

use super::field::Field;
use crate::error::PackError;

/// Longest delay in calls, and largest capacity in items.
const MOST_ITEMS: usize = 1 << 20;

/// What becomes of a state's output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StateKind {
    /// It is the next call's input.
    Replace,
    /// It is the input so many calls later: the queue of a dilated convolution.
    Delay(usize),
    /// It joins the inputs before it, so many at most.
    Append(usize),
}

impl fmt::Display for StateKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Replace => f.write_str("replace"),
            Self::Delay(calls) => write!(f, "delay({calls})"),
            Self::Append(capacity) => write!(f, "append({capacity})"),
        }
    }
}

impl Serialize for StateKind {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

pub(super) fn parse_kind(field: &Field<'_>) -> Result<StateKind, PackError> {
    read_kind(&field.text()?).ok_or_else(|| {
        field.must_be(format!(
            "replace, delay(d) or append(capacity), with a number from 1 to {MOST_ITEMS}"
        ))
    })
}

fn read_kind(text: &str) -> Option<StateKind> {
    if text == "replace" {
        return Some(StateKind::Replace);
    }
    let (word, number) = text.strip_suffix(')')?.split_once('(')?;
    let number = number.parse().ok();
    let number = number.filter(|number| (1..=MOST_ITEMS).contains(number))?;
    match word {
        "delay" => Some(StateKind::Delay(number)),
        "append" => Some(StateKind::Append(number)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::{StateKind, read_kind};

    #[test]
    fn kinds_are_read_as_they_are_written() {
        for kind in [
            StateKind::Replace,
            StateKind::Delay(4096),
            StateKind::Append(7),
        ] {
            assert_eq!(read_kind(&kind.to_string()), Some(kind));
        }
    }

    #[test]
    fn kinds_without_their_number_are_refused() {
        for text in [
            "",
            "delay",
            "delay()",
            "delay(0)",
            "delay(-1)",
            "delay(2",
            "append(1e3)",
            "keep(2)",
            "delay(1048577)",
        ] {
            assert_eq!(read_kind(text), None, "{text}");
        }
    }
}
