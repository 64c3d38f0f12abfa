//! The manifest, schema 1: what a model maker writes, as types.
//!
//! [`Manifest::parse`] is the edge: behind it the fields are there, typed and consistent with each
//! other. Unknown fields are left alone, so that later schemas stay readable. Not real-time safe.

mod field;
mod parse;
mod playing;
mod representation;
mod stages;
mod state;
mod tokens;
mod vocabulary;

use serde::Serialize;

pub use representation::{Phase, Representation, RepresentationKind, Unit, Window};
pub use state::StateKind;
pub use tokens::{TokenLevel, TokenVocabulary};
pub use vocabulary::{EventVocabulary, TokenClass, TokenKind};

/// The manifest's schema that this version reads and writes.
pub const SCHEMA: u32 = 1;
/// ONNX metadata key under which a single-file pack carries its manifest.
pub const METADATA_KEY: &str = "neural_audio.manifest";

/// Everything a pack says about itself.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Manifest {
    /// Always 1.
    pub schema: u32,
    /// Stable name that sessions save, as in `afterimage.keys-vae`.
    pub id: String,
    /// Name for people.
    pub name: String,
    /// The maker's version of the pack.
    pub version: String,
    /// Who made it.
    pub authors: Vec<String>,
    /// Words to find it by.
    pub tags: Vec<String>,
    /// What it is, in three lengths.
    pub description: Description,
    /// How to cite it; may be empty.
    pub citation: String,
    /// Addresses to read more.
    pub links: Vec<String>,
    /// SPDX expression.
    pub license: String,
    /// What it was trained on.
    pub training_data: Vec<TrainingSource>,
    /// What was measured.
    pub metrics: Vec<Metric>,
    /// `vae`, `gan`, `lstm` …: for people, the engine goes by graphs and roles.
    pub family: String,
    /// What it can do.
    pub tasks: Vec<Task>,
    /// How its frames become sound.
    pub representation: Representation,
    /// Its graphs.
    pub graphs: Graphs,
    /// Tensors carried from call to call.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub state: Vec<StatePair>,
    /// How notes play it.
    pub play: Play,
    /// Its latent space, if it has one.
    pub latent: Option<Latent>,
    /// Its labels and descriptors.
    pub conditions: Vec<Condition>,
    /// Tokens and events, as the maker wrote it: only `predict` graphs need it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub vocabulary: Option<serde_json::Value>,
    /// The same, read: there where `representation.kind` is `events`.
    #[serde(skip)]
    pub events: Option<EventVocabulary>,
    /// The same, read: there where it has levels of tokens of sound.
    #[serde(skip)]
    pub tokens: Option<TokenVocabulary>,
}

/// What a pack is, in three lengths.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Description {
    /// One line.
    pub short: String,
    /// A paragraph.
    pub long: String,
    /// For model makers.
    pub technical: String,
}

/// One source of training data.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct TrainingSource {
    /// Name of the data set.
    pub name: String,
    /// Where it came from.
    pub source: String,
    /// Its licence.
    pub license: String,
}

/// One measured number.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Metric {
    /// What was measured, with its unit.
    pub name: String,
    /// The number.
    pub value: f64,
    /// On which data.
    pub set: String,
}

/// What a pack can do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Task {
    /// Notes play it.
    Play,
    /// It carries on from audio.
    Continue,
    /// It sounds on its own.
    Imagine,
    /// It carries on from notes.
    ContinueMidi,
    /// It bends live audio.
    Transform,
}

/// Up to five graphs.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Graphs {
    /// Audio or frames to latents or tokens.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub encode: Option<GraphSpec>,
    /// What comes next.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub predict: Option<GraphSpec>,
    /// The predictor's states after several items that are known: hearing at a fraction of the cost.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub prime: Option<GraphSpec>,
    /// Latents or tokens and conditions to frames or samples.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub decode: Option<GraphSpec>,
    /// Samples to samples, window by window.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub transform: Option<GraphSpec>,
}

impl Graphs {
    /// The graphs that are there, by name.
    pub fn iter(&self) -> impl Iterator<Item = (&'static str, &GraphSpec)> {
        let named = [
            ("encode", &self.encode),
            ("predict", &self.predict),
            ("prime", &self.prime),
            ("decode", &self.decode),
            ("transform", &self.transform),
        ];
        named
            .into_iter()
            .filter_map(|(name, graph)| graph.as_ref().map(|graph| (name, graph)))
    }
}

/// One graph's file and tensors.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct GraphSpec {
    /// Path inside the pack.
    pub file: String,
    /// Hexadecimal SHA-256 of the file; empty where the manifest lies inside the file itself.
    pub sha256: String,
    /// Frames one call gives; samples where the graph transforms sound.
    pub frames_per_call: usize,
    /// Frames, or samples, by which its output lags its input.
    pub internal_model_latency: usize,
    /// What it takes.
    pub inputs: Vec<TensorSpec>,
    /// What it gives.
    pub outputs: Vec<TensorSpec>,
}

/// One tensor of a graph.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct TensorSpec {
    /// Its name in the graph.
    pub tensor: String,
    /// What it means.
    pub role: Role,
    /// Its axes; the first is the batch.
    pub shape: Vec<Axis>,
    /// Its unit; empty where it has none.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub unit: String,
    /// Values it was trained on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub range: Option<[f32; 2]>,
    /// Where in a note several frames lie; without it they follow each other, the newest last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub moments: Option<Moments>,
    /// Loudness, in LUFS, that sounds were brought to before they were analysed into it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub loudness: Option<f32>,
}

/// Where in a note frames lie.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Moments {
    /// Seconds after its start, of those that come first; where it is shorter, its newest frame.
    pub on: Vec<f32>,
    /// Seconds after its end, of the others.
    pub off: Vec<f32>,
}

/// One axis of a tensor.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Axis {
    /// Any length, under this name.
    Named(String),
    /// This length.
    Fixed(usize),
}

/// What a tensor means.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs)] // The words are the contract's own.
pub enum Role {
    Latent,
    Noise,
    Pitch,
    Velocity,
    TimeOn,
    TimeOff,
    Class,
    Descriptor,
    Token,
    Level,
    Frame,
    Audio,
    Event,
    State,
    Logits,
    Mean,
    Scale,
    Mixture,
    Uniform,
    Temperature,
    Taps,
    Phase,
}

impl Role {
    /// The word in the manifest.
    pub fn word(self) -> &'static str {
        parse::ROLE_WORDS[self as usize]
    }
}

/// A tensor carried from call to call.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct StatePair {
    /// Input tensor.
    pub input: String,
    /// Output tensor.
    pub output: String,
    /// What becomes of the output.
    pub kind: StateKind,
    /// Value before the first call.
    pub initial: f32,
}

/// How notes play a pack.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Play {
    /// How a key becomes a pitch.
    pub mode: PlayMode,
    /// Lowest and highest MIDI note it was made for.
    pub range: [u8; 2],
    /// MIDI note of the recorded pitch, for `shifted`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub root: Option<f32>,
    /// Preset that sounds when the pack opens; empty for the mean.
    pub default_preset: String,
    /// Latent positions that the modulation wheel runs through, first to last, in knob units.
    pub mod_wheel_path: Vec<Vec<f32>>,
    /// Gain that brings the pack to the common loudness.
    pub gain_db: f32,
    /// Seconds a note sounds on after its key is let go.
    pub release_s: f32,
    /// Least time that the decoder is given, in milliseconds: what Exact mode then reports at least.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lead_ms: Option<f32>,
    /// What each key plays, for `one-shot`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub hits: Vec<PlayHit>,
    /// Seconds that a hit lasts, for `one-shot`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub length_s: Option<f32>,
}

/// The hit of one key.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct PlayHit {
    /// MIDI note.
    pub key: u8,
    /// A label of the first class condition.
    pub label: String,
    /// Hits of one group end each other; 0 is no group.
    pub choke_group: u8,
}

/// How a key becomes a sound.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum PlayMode {
    /// The graph has a pitch input.
    Pitched,
    /// The spectrum is shifted from a declared root.
    Shifted,
    /// Keys only open it.
    Drone,
    /// Keys choose a class.
    OneShot,
    /// Keys play a clip.
    Clip,
}

/// The latent space.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Latent {
    /// Number of axes of the tensor.
    pub size: usize,
    /// The axes that have knobs.
    pub axes: Vec<LatentAxis>,
    /// Named places.
    pub presets: Vec<LatentPreset>,
}

/// One latent axis, measured over the training set.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct LatentAxis {
    /// Name for the knob.
    pub name: String,
    /// Mean over the training set: the tensor's value at knob 0.
    pub mean: f32,
    /// Standard deviation: what one knob unit adds to the tensor's value.
    pub std: f32,
    /// Lowest knob position.
    pub min: f32,
    /// Highest knob position.
    pub max: f32,
    /// The descriptor it moves most; may be empty.
    pub descriptor: String,
    /// How much of it one knob unit moves.
    pub effect: f32,
    /// Unit of `effect`; may be empty.
    pub unit: String,
    /// What turning it up does, in a few words; may be empty.
    pub meaning: String,
}

/// A named place in the latent space.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct LatentPreset {
    /// Its name.
    pub name: String,
    /// `[size]`, in knob units: 0 is the mean, 1 a standard deviation.
    pub latent: Vec<f32>,
}

/// A label or a descriptor.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Condition {
    /// Its name.
    pub name: String,
    /// What it takes.
    #[serde(flatten)]
    pub kind: ConditionKind,
}

/// What a condition takes.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum ConditionKind {
    /// One of some labels.
    Class {
        /// The labels.
        labels: Vec<String>,
        /// Index of the label it opens with.
        default: usize,
    },
    /// A number.
    Continuous {
        /// Lowest and highest.
        range: [f32; 2],
        /// Its unit.
        unit: String,
        /// Where it opens.
        default: f32,
    },
}
