//! One small trait over two runtimes. A backend runs one graph; it knows nothing of packs.
//!
//! Worker and loader threads only: every call allocates.

pub(crate) mod embedded;
pub(crate) mod onnxruntime;

use std::fmt;

/// Which runtime runs a graph.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum BackendKind {
    /// ONNX Runtime, the library in the bundle.
    OnnxRuntime,
    /// rten, linked into the plugin.
    Embedded,
    /// Kernels of our own, for nets that emit one sample a step.
    Native,
}

impl BackendKind {
    /// Name for the window and for the session.
    pub fn name(self) -> &'static str {
        match self {
            Self::OnnxRuntime => "ONNX Runtime",
            Self::Embedded => "the embedded runtime (rten)",
            Self::Native => "the native kernel",
        }
    }
}

impl fmt::Display for BackendKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The values of one input tensor, for the largest number of rows.
#[derive(Clone, Debug)]
pub(crate) struct InputBuffer {
    /// Name in the graph.
    pub(crate) name: String,
    /// Axes after the batch.
    pub(crate) tail: Vec<usize>,
    /// Values a row.
    pub(crate) width: usize,
    /// Row after row.
    pub(crate) values: Values,
}

/// Typed values of an input.
#[derive(Clone, Debug)]
pub(crate) enum Values {
    F32(Vec<f32>),
    I64(Vec<i64>),
    I32(Vec<i32>),
}

impl InputBuffer {
    /// The tensor's shape at `rows` rows.
    pub(crate) fn shape(&self, rows: usize) -> Vec<usize> {
        std::iter::once(rows)
            .chain(self.tail.iter().copied())
            .collect()
    }
}

/// A graph made ready by one runtime.
pub(crate) trait Backend: Send {
    /// Which runtime it is.
    fn kind(&self) -> BackendKind;

    /// Runs the graph over the first `rows` rows of `inputs` and shows `consume` each output, by its
    /// place in the list it was opened with, row after row, before it is freed.
    ///
    /// # Errors
    /// The runtime's own words.
    fn run(
        &mut self,
        rows: usize,
        inputs: &[InputBuffer],
        consume: &mut dyn FnMut(usize, &[f32]),
    ) -> Result<(), String>;
}

/// Longest quote of a runtime in a sentence.
const QUOTE_CHARS: usize = 240;

/// Turns whatever a runtime says into words, on one line and not too many.
fn words(error: impl fmt::Display) -> String {
    let said = error.to_string();
    let line = said.split_whitespace().collect::<Vec<_>>().join(" ");
    let shown = |c: char| {
        if c.is_control() {
            char::REPLACEMENT_CHARACTER
        } else {
            c
        }
    };
    line.chars().take(QUOTE_CHARS).map(shown).collect()
}

/// Keeps a runtime's panic from crossing into the caller.
fn without_panic<T>(action: impl FnOnce() -> Result<T, String>) -> Result<T, String> {
    std::panic::catch_unwind(std::panic::AssertUnwindSafe(action)).unwrap_or_else(|payload| {
        let said = payload.downcast_ref::<String>().map(String::as_str);
        let said = said
            .or(payload.downcast_ref::<&str>().copied())
            .unwrap_or("no reason given");
        Err(format!("it broke off: {}", words(said)))
    })
}
