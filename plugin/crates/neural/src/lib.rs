//! Packs, manifests and inference backends. The only crate that knows `ort` and `rten`.
//!
//! [`Pack::open`] reads and checks a pack without running it; [`Runtime::discover`] finds a
//! runtime; [`load`] makes the pack playable and measures it. Loader and worker threads only:
//! everything here allocates, and nothing may be called from the audio thread.
#![deny(unsafe_code)]

mod backend;
mod check;
mod columns;
mod continuers;
mod decoder;
mod error;
mod events;
mod hits;
mod import;
mod likeness;
mod load;
mod magnitudes;
pub mod manifest;
mod native;
pub mod onnx;
mod pack;
mod plan;
mod playable;
mod rows;
mod runtime;
pub mod shelf;
mod steps;
mod streams;
mod transformers;
mod trial;
mod validate;
mod wavenet;

pub use backend::BackendKind;
pub use check::{AGREEMENT, ModelCheck, check_model};
pub use continuers::{ContinuerReport, LoadedContinuer, is_continuer, load_continuer};
pub use decoder::NeuralDecoder;
pub use error::PackError;
pub use events::{
    ComposerReport, EventComposer, LoadedComposer, is_event_model, load_composer, memory_composer,
};
pub use import::{AudioGraph, BareModel, ImportFacts, Imported};
pub use likeness::SuffixModel;
pub use load::{LoadLimits, LoadReport, LoadedPack, load, load_within};
pub use manifest::Manifest;
pub use native::{DenormalFlags, flushes_denormals, set_flush_denormals};
pub use pack::{Pack, PackGraph};
pub use plan::MAX_ROWS;
pub use rows::RowSizes;
pub use runtime::{LIBRARY_NAME, Runtime, RuntimeStatus};
pub use transformers::{
    LoadedTransformer, TransformerReport, has_encoder, is_transformer, load_transformer,
    place_of_sound,
};
