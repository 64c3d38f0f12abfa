//! What `check-model` prints: everything a model maker wants to know before shipping a pack.
//!
//! Opens the file as the plugin does, loads it on each runtime, and compares the two.

mod both;
mod continuers;
mod events;
mod import;
mod text;
mod transforms;
mod waves;

use std::path::Path;

use afterimage_engine::GivenPhases;
use afterimage_engine::contract::{Decoder, Frame};

use crate::backend::BackendKind;
use crate::continuers::{is_frame_model, is_token_model, is_wave_model};
use crate::error::PackError;
use crate::events::is_event_model;
use crate::import::BareModel;
use crate::load::{LoadReport, LoadedPack, load};
use crate::onnx::GraphInfo;
use crate::pack::{Pack, name_of};
use crate::runtime::Runtime;
use crate::transformers::{is_frame_transform, is_transformer, is_wave_transform};
use crate::trial::probes;

/// Largest difference of two runtimes, relative to the loudest bin, that counts as agreement.
pub const AGREEMENT: f32 = 1e-4;
/// The same of what phases alone make: those of a high tone after seconds are turns enough for rounding to show.
const PHASE_AGREEMENT: f32 = 0.05;

/// What was found out about a pack.
#[derive(Clone, Debug, PartialEq)]
pub struct ModelCheck {
    /// A table in plain text, some 60 lines.
    pub text: String,
    /// True where the plugin plays it, on every runtime that is there, and they agree.
    pub is_sound: bool,
}

/// Opens, loads and measures a pack on every runtime there is. Takes seconds.
pub fn check_model(path: &Path, runtime: &Runtime) -> ModelCheck {
    match Pack::open(path) {
        Ok(pack) => check_pack(&pack, runtime),
        Err(error) => explain(path, &error, runtime),
    }
}

fn check_pack(pack: &Pack, runtime: &Runtime) -> ModelCheck {
    let mut text = text::describe(pack);
    let mut is_sound = true;
    let mut decoded = Vec::new();
    let mut warnings = pack.warnings().to_vec();
    text.push_str("\nRuntimes\n");
    if is_event_model(pack.manifest()) {
        return events::check(pack, runtime, text);
    }
    if is_frame_model(pack.manifest()) || is_token_model(pack.manifest()) {
        return continuers::check(pack, runtime, text);
    }
    if is_wave_model(pack.manifest()) {
        return waves::check(pack, runtime, text);
    }
    if is_wave_transform(pack.manifest()) {
        return transforms::check(pack, runtime, text);
    }
    for kind in [BackendKind::OnnxRuntime, BackendKind::Embedded] {
        let Some(only) = runtime.only(kind) else {
            text.push_str(&format!(
                "  {kind}: not there. {}\n",
                runtime.status().sentence
            ));
            continue;
        };
        match try_on(pack, &only) {
            Ok((frames, report)) => {
                text.push_str(&text::speed(&report));
                report
                    .warnings
                    .iter()
                    .filter(|w| !pack.warnings().contains(w))
                    .for_each(|w| warnings.push(w.clone()));
                decoded.push(frames);
            }
            Err(sentence) => {
                is_sound = false;
                text.push_str(&format!("  {sentence}\n"));
            }
        }
    }
    if let [first, second] = decoded.as_slice() {
        let difference = difference(first, second);
        is_sound &= difference <= AGREEMENT;
        if let Some(apart) = phases_apart(first, second) {
            is_sound &= apart <= PHASE_AGREEMENT;
            text.push_str(&format!(
                "  largest difference by phases {apart:.1e} of the loudest bin, limit {PHASE_AGREEMENT:.0e}\n"
            ));
        }
        let verdict = if difference <= AGREEMENT {
            "they agree"
        } else {
            "they do NOT agree"
        };
        text.push_str(&format!(
            "  largest difference {difference:.1e} of the loudest bin, limit {AGREEMENT:.0e}: {verdict}\n"
        ));
    }
    if is_transformer(pack.manifest()) && is_frame_transform(pack.manifest()) {
        let (lines, works) = transforms::speeds(pack, runtime);
        text.push_str(&lines);
        is_sound &= works;
    }
    text.push_str(&text::warnings(pack, &warnings));
    text.push_str(if is_sound {
        "\nResult: the plugin plays it.\n"
    } else {
        "\nResult: NOT fit to ship.\n"
    });
    ModelCheck { text, is_sound }
}

/// Frames of all probes on one runtime, and the loading report.
fn try_on(pack: &Pack, runtime: &Runtime) -> Result<(Vec<Frame>, LoadReport), String> {
    let LoadedPack {
        mut decoder,
        report,
        manifest,
        spec,
    } = load(pack, runtime).map_err(|error| error.to_string())?;
    let requests = probes(&manifest);
    let mut frames =
        vec![Frame::silent(decoder.bins(), spec.given_phases != GivenPhases::No); requests.len()];
    decoder
        .decode(&requests, &mut frames)
        .map_err(|error| error.to_string())?;
    Ok((frames, report))
}

/// Largest difference of two sets of frames, relative to the loudest bin.
fn difference(first: &[Frame], second: &[Frame]) -> f32 {
    let values = |frames: &[Frame]| -> Vec<f32> {
        frames
            .iter()
            .flat_map(|frame| frame.magnitudes.iter().copied())
            .collect()
    };
    let (first, second) = (values(first), values(second));
    let peak = first
        .iter()
        .fold(f32::MIN_POSITIVE, |peak, value| peak.max(*value));
    both::largest_of_pairs(first.iter().zip(&second)) / peak
}

/// Largest difference that phases alone make, relative to the loudest bin; `None` where none are known.
fn phases_apart(first: &[Frame], second: &[Frame]) -> Option<f32> {
    let (mut peak, mut largest, mut any) = (f32::MIN_POSITIVE, 0.0_f32, false);
    for (first, second) in first.iter().zip(second) {
        let (Some(one), Some(other)) = (first.known_phases(), second.known_phases()) else {
            continue;
        };
        any = true;
        for ((magnitude, one), other) in first.magnitudes.iter().zip(one).zip(other) {
            let turns = one.wrapping_sub(*other) as i32 as f32 / 4_294_967_296.0;
            peak = peak.max(*magnitude);
            largest = largest.max(magnitude * 2.0 * (std::f32::consts::PI * turns).sin().abs());
        }
    }
    any.then_some(largest / peak)
}

/// What can be said about a file that does not open.
fn explain(path: &Path, error: &PackError, runtime: &Runtime) -> ModelCheck {
    let name = name_of(path);
    let graph = std::fs::read(path)
        .ok()
        .and_then(|bytes| GraphInfo::read(&bytes, &name, &name).ok());
    let mut text = format!("{error}\n");
    if let Some(graph) = graph {
        text.push_str(&text::graph(&name, &graph));
        if matches!(error, PackError::NoManifest { .. }) {
            // A graph from sound to sound needs a few words only; what else it may be, a whole manifest.
            match BareModel::open(path) {
                Ok(model) => text.push_str(&model.describe(runtime)),
                Err(_) => text.push_str(&import::missing(&graph)),
            }
        }
    }
    text.push_str("\nResult: the plugin does NOT play it.\n");
    ModelCheck {
        text,
        is_sound: false,
    }
}
