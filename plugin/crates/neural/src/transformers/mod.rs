//! Packs that transform sound: the input goes in, and comes out as something else, in time with it.
//!
//! [`load_transformer`] makes one ready for the engine, whether it goes by frames or by samples. Loader and
//! worker threads only.

mod encode_plan;
mod frames;
mod heard;
mod input_encoder;
mod onset_fit;
mod pitch;
mod place;
mod trial;
mod wave_plan;
mod waves;

use std::sync::Arc;
use std::time::Instant;

use afterimage_engine::transform::Transformer;

use crate::backend::BackendKind;
use crate::error::PackError;
use crate::manifest::{Manifest, Task};
use crate::native::set_flush_denormals;
use crate::pack::Pack;
use crate::runtime::Runtime;
pub(crate) use encode_plan::{EncodePlan, is_frame_transform};
use frames::FrameTransformer;
pub use place::{has_encoder, place_of_sound};
pub(crate) use trial::walk;
pub(crate) use wave_plan::{WavePlan, is_wave_transform};
use waves::WaveTransformer;

/// The velocity that encoders and decoders are told; the loudness is the input's own.
const VELOCITY: f32 = 0.8;

/// A pack that can transform sound.
pub struct LoadedTransformer {
    /// Its manifest.
    pub manifest: Arc<Manifest>,
    /// What the engine plays through.
    pub transformer: Box<dyn Transformer>,
    /// What loading found and measured.
    pub report: TransformerReport,
}

/// What loading found and measured.
#[derive(Clone, Debug, PartialEq)]
pub struct TransformerReport {
    /// The runtime that runs it.
    pub backend: BackendKind,
    /// Why the preferred runtime does not run it, if so: one sentence.
    pub fallback: Option<String>,
    /// Time to make the graphs ready, in milliseconds.
    pub load_ms: f64,
    /// Seconds of sound that it transforms in a second.
    pub speed: f32,
}

/// Whether a pack transforms sound, to be loaded by [`load_transformer`].
pub fn is_transformer(manifest: &Manifest) -> bool {
    manifest.tasks.contains(&Task::Transform)
}

/// Loads a pack that transforms sound: on the preferred runtime, or on the next that takes it.
///
/// # Errors
/// One sentence; see [`PackError`].
pub fn load_transformer(pack: &Pack, runtime: &Runtime) -> Result<LoadedTransformer, PackError> {
    let mut refusals = Vec::new();
    for kind in runtime.kinds() {
        let flags = set_flush_denormals();
        let start = Instant::now();
        let opened = open(pack, runtime, *kind);
        let load_ms = start.elapsed().as_secs_f64() * 1e3;
        let tried = opened.map(|mut transformer| {
            let speed = trial::speed(pack, transformer.as_mut());
            speed.map(|speed| (transformer, speed))
        });
        flags.restore();
        let (transformer, speed) = match tried {
            Ok(tried) => tried?,
            Err(Refusal::Pack(error)) => return Err(error),
            Err(Refusal::Runtime(reason)) => {
                refusals.push(format!("{kind} said: {reason}"));
                continue;
            }
        };
        let reasons = refusals.join("; ");
        let sentence = || format!("'{}' runs on {kind}, because {reasons}.", pack.name());
        return Ok(LoadedTransformer {
            manifest: pack.shared_manifest(),
            transformer,
            report: TransformerReport {
                backend: *kind,
                fallback: (!refusals.is_empty()).then(sentence),
                load_ms,
                speed,
            },
        });
    }
    let names: Vec<_> = runtime.kinds().iter().map(|kind| kind.name()).collect();
    Err(PackError::Backend {
        pack: pack.name().to_owned(),
        file: "the graphs that transform".to_owned(),
        expected: names.join(" or "),
        found: refusals.join("; "),
    })
}

/// Why one attempt failed.
enum Refusal {
    /// The pack is bad: no other runtime is tried.
    Pack(PackError),
    /// This runtime does not take it.
    Runtime(String),
}

impl From<PackError> for Refusal {
    fn from(error: PackError) -> Self {
        Self::Pack(error)
    }
}

impl From<String> for Refusal {
    fn from(reason: String) -> Self {
        Self::Runtime(reason)
    }
}

/// The transformer on one runtime.
fn open(
    pack: &Pack,
    runtime: &Runtime,
    kind: BackendKind,
) -> Result<Box<dyn Transformer>, Refusal> {
    if is_wave_transform(pack.manifest()) {
        let plan = WavePlan::new(pack)?;
        return Ok(Box::new(WaveTransformer::open(pack, &plan, runtime, kind)?));
    }
    if is_frame_transform(pack.manifest()) {
        let plan = EncodePlan::new(pack)?;
        return Ok(Box::new(FrameTransformer::open(
            pack, &plan, runtime, kind,
        )?));
    }
    Err(Refusal::Pack(PackError::Unsupported {
        pack: pack.name().to_owned(),
        what: "a pack that transforms sound".into(),
        expected: "one with 'graphs.transform', or with 'encode' and 'decode' around a latent"
            .into(),
        found: "one without them".into(),
        advice: "export the encoder too, with an output of the role 'latent'",
    }))
}
