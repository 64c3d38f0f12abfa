//! Everything that can be wrong with a pack, one sentence a variant.
//!
//! Each sentence names the pack, the field or tensor, what was expected, what was found, and what
//! to do next. They are shown to the player as they are.

use thiserror::Error;

/// Why a pack could not be opened, checked or loaded.
#[derive(Clone, Debug, Error, PartialEq)]
pub enum PackError {
    /// The file or folder could not be read.
    #[error("'{pack}' cannot be read: {reason}; check that {path} exists and may be read")]
    Unreadable {
        /// Name of the pack.
        pack: String,
        /// The path that was tried.
        path: String,
        /// The system's own words.
        reason: String,
    },
    /// Neither an ONNX file, nor a pack folder, nor an archive.
    #[error(
        "'{pack}' is not a pack: expected an .onnx file, a folder with manifest.json or an .afterimage archive, found {found}; choose another file"
    )]
    NotAPack {
        /// Name of the pack.
        pack: String,
        /// What the file looks like.
        found: String,
    },
    /// A model of another tool.
    #[error("'{pack}' is {found}, and what plays here is {expected}; {advice}")]
    Foreign {
        /// Name of the pack.
        pack: String,
        /// What is taken.
        expected: &'static str,
        /// What the file is.
        found: &'static str,
        /// What to export instead.
        advice: Box<str>,
    },
    /// A bare graph that cannot be made into a pack as it is, or not with what was said about it.
    #[error("'{pack}' needs {expected} to be imported, but {found}; {advice}")]
    Import {
        /// Name of the file.
        pack: String,
        /// What is needed.
        expected: String,
        /// What there is.
        found: String,
        /// What to do.
        advice: &'static str,
    },
    /// Something is larger than this version takes.
    #[error("'{pack}': {what} must be at most {limit}, but is {found}; {advice}")]
    TooLarge {
        /// Name of the pack.
        pack: String,
        /// What is too large.
        what: String,
        /// The limit, with its unit.
        limit: String,
        /// The size found, with its unit.
        found: String,
        /// What to do.
        advice: &'static str,
    },
    /// An ONNX file without a manifest.
    #[error(
        "'{pack}' has no manifest: expected the metadata key 'neural_audio.manifest', found {found}; import it with a manifest, `cargo xtask check-model` shows its tensors and what is missing"
    )]
    NoManifest {
        /// Name of the pack.
        pack: String,
        /// The metadata keys that are there.
        found: String,
    },
    /// The manifest is not JSON.
    #[error(
        "'{pack}': the manifest must be JSON, but {reason}; correct it and export the pack again"
    )]
    NotJson {
        /// Name of the pack.
        pack: String,
        /// The parser's words, with line and column.
        reason: String,
    },
    /// A manifest field is missing or has the wrong type, value or size.
    #[error(
        "'{pack}': manifest field '{field}' must be {expected}, but {found} was found; {advice}"
    )]
    Field {
        /// Name of the pack.
        pack: String,
        /// Dotted path of the field, as in `representation.hop`.
        field: Box<str>,
        /// What it must be.
        expected: String,
        /// What it is.
        found: String,
        /// What to do.
        advice: String,
    },
    /// MFCCs cannot be made audible.
    #[error(
        "'{pack}': manifest field 'representation.kind' must be a spectrum or a waveform, but 'mfcc' was found; MFCCs have no usable inverse, because they drop the pitch and the fine structure of the sound: export the model with mel or log-amplitude frames instead"
    )]
    Mfcc {
        /// Name of the pack.
        pack: String,
    },
    /// The pack is sound, but this version cannot play it.
    #[error(
        "'{pack}': {what} must be {expected} to be played by this version, but is {found}; {advice}"
    )]
    Unsupported {
        /// Name of the pack.
        pack: String,
        /// The field or part.
        what: String,
        /// What this version plays.
        expected: String,
        /// What the pack has.
        found: String,
        /// What to do.
        advice: &'static str,
    },
    /// A path that is absolute, leaves the pack, or is a link.
    #[error(
        "'{pack}': '{path}' must be a plain path inside the pack, but {found}; put the file beside the manifest and name it by its relative path"
    )]
    Escapes {
        /// Name of the pack.
        pack: String,
        /// The offending path.
        path: String,
        /// What is wrong with it.
        found: String,
    },
    /// The archive is damaged or built to do harm.
    #[error(
        "'{pack}': archive entry '{entry}' must be {expected}, but {found}; pack the folder again"
    )]
    Archive {
        /// Name of the pack.
        pack: String,
        /// Name of the entry, or of the part of the archive.
        entry: String,
        /// What it must be.
        expected: String,
        /// What it is.
        found: String,
    },
    /// A file that the manifest names is not in the pack.
    #[error(
        "'{pack}': graph '{graph}' must be in the pack as '{file}', but no such file was found; add it or correct 'graphs.{graph}.file'"
    )]
    MissingFile {
        /// Name of the pack.
        pack: String,
        /// `encode`, `predict`, `prime`, `decode` or `transform`.
        graph: &'static str,
        /// The file name.
        file: String,
    },
    /// The file is not the one the manifest was written for.
    #[error(
        "'{pack}': '{file}' must have the SHA-256 {expected}, but has {found}; the file was changed or damaged after export, copy it again or export it again"
    )]
    Hash {
        /// Name of the pack.
        pack: String,
        /// The file.
        file: String,
        /// What the manifest says.
        expected: String,
        /// What the bytes say.
        found: String,
    },
    /// The ONNX file is cut off or damaged.
    #[error(
        "'{pack}': '{file}' must be a whole ONNX graph, but {found}; copy the file again or export it again"
    )]
    Malformed {
        /// Name of the pack.
        pack: String,
        /// The file.
        file: String,
        /// What is wrong, and at which byte.
        found: String,
    },
    /// Weights in another file.
    #[error(
        "'{pack}': tensor '{tensor}' of '{file}' must be stored inside the graph, but its data is in the external file '{location}'; export with external data switched off"
    )]
    ExternalData {
        /// Name of the pack.
        pack: String,
        /// The graph's file.
        file: String,
        /// The tensor.
        tensor: String,
        /// Where its data is said to be.
        location: String,
    },
    /// An operator that this version does not run.
    #[error(
        "'{pack}': operator '{operator}' of '{file}' must be {expected}, but {found}; {advice}"
    )]
    Operator {
        /// Name of the pack.
        pack: String,
        /// The graph's file.
        file: String,
        /// The operator's name.
        operator: Box<str>,
        /// What is taken.
        expected: &'static str,
        /// What it is.
        found: Box<str>,
        /// What to do.
        advice: &'static str,
    },
    /// A graph does not have the tensors that the manifest declares.
    #[error(
        "'{pack}': tensor '{tensor}' of graph '{graph}' must {expected}, but {found}; {advice}"
    )]
    Tensor {
        /// Name of the pack.
        pack: String,
        /// `encode`, `predict`, `prime`, `decode` or `transform`.
        graph: &'static str,
        /// The tensor.
        tensor: Box<str>,
        /// What it must have or be.
        expected: String,
        /// What it has or is.
        found: Box<str>,
        /// What to do.
        advice: &'static str,
    },
    /// The dry run gave values that are not numbers.
    #[error(
        "'{pack}': output '{tensor}' must be finite everywhere, but {found}; the model is damaged or its training diverged, export a sound checkpoint"
    )]
    NotFinite {
        /// Name of the pack.
        pack: String,
        /// The output tensor.
        tensor: String,
        /// How many, for which input.
        found: String,
    },
    /// The dry run took too long or too much memory.
    #[error(
        "'{pack}': {what} must stay under {limit}, but took {found}; use a smaller model, or close other programs and load it again"
    )]
    OverBudget {
        /// Name of the pack.
        pack: String,
        /// What was measured.
        what: &'static str,
        /// The budget, with its unit.
        limit: String,
        /// The measurement, with its unit.
        found: String,
    },
    /// Both backends refused the graph.
    #[error(
        "'{pack}': '{file}' must run on {expected}, but {found}; export it with standard operators of opset 17 to 21, `cargo xtask check-model` shows which are used"
    )]
    Backend {
        /// Name of the pack.
        pack: String,
        /// The graph's file.
        file: String,
        /// The backends that were tried.
        expected: String,
        /// What they said.
        found: String,
    },
}
