//! Live or waiting: whether the Processor may wait for frames that are not there yet.

/// What the user chose.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum RenderMode {
    /// Waits when the host renders offline, or when blocks arrive much faster than real time.
    #[default]
    Auto,
    /// Never waits.
    Live,
    /// Always waits for a due frame, within a bound.
    Wait,
}
