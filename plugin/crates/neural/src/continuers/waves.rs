//! Continuation sample by sample: the native kernel, and the graph that it is tested against.

use std::time::Instant;

use afterimage_engine::continuation::ContinuerSpec;
use afterimage_engine::contract::{DecodeError, MAX_CLASSES};
use afterimage_spectral::counter_rng::{Purpose, Stream};

use super::trial::{check_speed, hearing_speed, speed};
use super::{ContinuerReport, LoadedContinuer};
use crate::backend::BackendKind;
use crate::error::PackError;
use crate::manifest::{Manifest, RepresentationKind, Role};
use crate::pack::Pack;
use crate::runtime::Runtime;
use crate::steps::{StepGraph, StepModel, StepPlan, StepValues};
use crate::wavenet::{Mixture, WaveContinuer, WaveNet, WaveState, read_net};

const PREDICT: StepGraph = StepGraph {
    graph: "predict",
    roles: &[Role::Audio, Role::Class, Role::Taps, Role::State],
    needed: Role::Audio,
    tokens: 1,
    output: Some(Role::Mixture),
};
const WALK_SEED: u64 = 3;

/// Whether a pack predicts samples, one a call.
pub(crate) fn is_wave_model(manifest: &Manifest) -> bool {
    manifest.representation.kind == RepresentationKind::Waveform
        && manifest.graphs.predict.is_some()
}

/// How the graph of one step is fed and read.
///
/// # Errors
/// One sentence for what does not fit; see [`PackError`].
pub(crate) fn wave_plan(pack: &Pack) -> Result<StepPlan, PackError> {
    StepPlan::new(pack, PREDICT).unwrap_or_else(|| {
        Err(PackError::MissingFile {
            pack: pack.name().to_owned(),
            graph: "predict",
            file: "predict.onnx".into(),
        })
    })
}

/// Loads a net over samples: it runs on the native kernel, whatever runtimes there are.
///
/// # Errors
/// One sentence; see [`PackError`].
pub(super) fn load(pack: &Pack) -> Result<LoadedContinuer, PackError> {
    let start = Instant::now();
    let net = read_net(pack)?;
    let load_ms = start.elapsed().as_secs_f64() * 1e3;
    let spec = ContinuerSpec {
        name: pack.name().to_owned(),
        sample_rate_hz: pack.manifest().representation.sample_rate,
        context_samples: net.shape().context(),
        speed: 0.0,
    };
    let mut continuer = WaveContinuer::new(net, spec, own_temperature(pack));
    let failed = |error: DecodeError| PackError::NotFinite {
        pack: pack.name().to_owned(),
        tensor: "mixture".into(),
        found: error.to_string(),
    };
    let hearing_speed = hearing_speed(&mut continuer).map_err(failed)?;
    let speed = speed(&mut continuer).map_err(failed)?;
    continuer.measured(speed);
    check_speed(pack, speed)?;
    Ok(LoadedContinuer {
        manifest: pack.shared_manifest(),
        continuer: Box::new(continuer),
        report: ContinuerReport {
            backend: BackendKind::Native,
            fallback: None,
            load_ms,
            speed,
            hearing_speed,
        },
    })
}

/// The temperature that a style's 1 stands for: `vocabulary.temperature`, or 1.
fn own_temperature(pack: &Pack) -> f32 {
    let given = pack.manifest().vocabulary.as_ref();
    let temperature = given.and_then(|vocabulary| vocabulary.get("temperature")?.as_f64());
    temperature.map_or(1.0, |temperature| temperature.clamp(0.0, 2.0) as f32)
}

/// What nets say of the same sound: of each sample the logits, means and scales, `[samples][3 * mixtures]`.
pub(crate) struct Walk {
    /// Who walked.
    pub(crate) kind: BackendKind,
    pub(crate) mixtures: Vec<Vec<f32>>,
    /// Time of each sample, in microseconds.
    pub(crate) times_us: Vec<f64>,
}

/// Runs the kernel, and the graph on each of `kinds`, over the same `samples` of noise that swells.
///
/// # Errors
/// The runtime's own words, or a sentence of the pack's.
pub(crate) fn wave_walks(
    pack: &Pack,
    runtime: &Runtime,
    samples: usize,
) -> Result<Vec<Walk>, String> {
    let noise = Stream::new(WALK_SEED, Purpose::NOISE, 0, 0);
    let swell = |n: usize| (n as f32 * 0.003).sin().powi(2);
    let heard: Vec<f32> = (0..samples)
        .map(|n| 0.2 * swell(n) * noise.bipolar_at(n as u64))
        .collect();
    let mut net = read_net(pack).map_err(|error| error.to_string())?;
    let plan = wave_plan(pack).map_err(|error| error.to_string())?;
    let (own, taps) = on_kernel(&mut net, &heard);
    let mut walks = vec![own];
    for kind in runtime.kinds() {
        let mut model = StepModel::open(pack, &plan, runtime, *kind)?;
        walks.push(on_graph(&mut model, *kind, &heard, &taps)?);
    }
    Ok(walks)
}

/// The kernel's walk, and at each sample the taps that follow the sound: a graph is given these.
fn on_kernel(net: &mut WaveNet, heard: &[f32]) -> (Walk, Vec<Vec<f32>>) {
    let mut state = WaveState::new(net.shape());
    let mut mixture = Mixture::new(net.shape().mixtures());
    let (mut mixtures, mut times_us, mut taps) = (Vec::new(), Vec::new(), Vec::new());
    for sample in heard {
        let start = Instant::now();
        net.push(&mut state, *sample, 0);
        net.foretell(&state, &mut mixture);
        times_us.push(start.elapsed().as_secs_f64() * 1e6);
        mixtures.push([&mixture.logits[..], &mixture.mean, &mixture.scale].concat());
        taps.push(state.taps().to_vec());
    }
    let walk = Walk {
        kind: BackendKind::Native,
        mixtures,
        times_us,
    };
    (walk, taps)
}

fn on_graph(
    model: &mut StepModel,
    kind: BackendKind,
    heard: &[f32],
    taps: &[Vec<f32>],
) -> Result<Walk, String> {
    let mut states = model.initial().clone();
    let (mut mixtures, mut times_us) = (Vec::new(), Vec::new());
    for (sample, taps) in heard.iter().zip(taps) {
        let values = StepValues {
            frame: &[*sample],
            taps,
            class: [0; MAX_CLASSES],
            ..StepValues::default()
        };
        let start = Instant::now();
        model.run(&values, &mut states)?;
        times_us.push(start.elapsed().as_secs_f64() * 1e6);
        mixtures.push(model.output().to_vec());
    }
    Ok(Walk {
        kind,
        mixtures,
        times_us,
    })
}
