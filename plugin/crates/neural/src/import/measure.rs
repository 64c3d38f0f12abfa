//! Trial calls of a bare graph: which lengths come back whole, and how far the output lags.

use afterimage_spectral::counter_rng::{Purpose, Stream};

use super::{BareModel, MAX_BLOCK};
use crate::backend::{Backend, InputBuffer, Values};
use crate::error::PackError;
use crate::runtime::Runtime;
use crate::trial::collect;

const SHORTEST: usize = 64;
/// Longest trial: a call that takes more tells nothing more.
const LONGEST: usize = MAX_BLOCK;
const NOISE_SEED: u64 = 7;
const NOISE_PEAK: f32 = 0.3;
/// Longest lag that is looked for, a third of a window at most.
const MAX_LAG: usize = 4096;
/// Samples that are compared: more only make it surer.
const COMPARED: usize = 8192;
/// Correlation from which on the output is called a late copy of its input.
const CLEAR: f64 = 0.5;

/// What one call showed.
pub(super) struct Tried {
    /// Samples a channel that came back.
    pub(super) samples: usize,
    /// Samples by which the output lags the input, where both are alike enough to tell.
    pub(super) lag: Option<usize>,
}

/// Calls the graph once with `block` samples of noise on the runtime that takes it first.
pub(super) fn try_block(
    model: &BareModel,
    block: usize,
    runtime: &Runtime,
) -> Result<Tried, PackError> {
    let mut backend = open(model, runtime)?;
    let input = noise(model, block);
    let heard = call(backend.as_mut(), model, input.clone()).map_err(|reason| {
        model.complain(
            format!("to take {block} samples a call"),
            format!("the runtime says: {reason}"),
            "choose --block as a whole number of the model's ratio, as check-model lists them",
        )
    })?;
    if let Some(bad) = heard.iter().find(|value| !value.is_finite()) {
        return Err(PackError::NotFinite {
            pack: model.name.clone(),
            tensor: model.graph.output.clone(),
            found: format!("it holds {bad} for a noise of {block} samples"),
        });
    }
    let channels = model.graph.channels;
    let samples = heard.len() / channels;
    let lag = (samples == block)
        .then(|| lag(&input[..block], &heard[..block]))
        .flatten();
    Ok(Tried { samples, lag })
}

/// Powers of two that the graph takes and gives back as many samples of.
pub(super) fn whole_blocks(model: &BareModel, runtime: &Runtime) -> Result<Vec<usize>, PackError> {
    let mut backend = open(model, runtime)?;
    let powers = std::iter::successors(Some(SHORTEST), |length| Some(2 * length));
    let powers = powers.take_while(|length| *length <= LONGEST);
    let is_whole = |length: &usize| {
        let heard = call(backend.as_mut(), model, noise(model, *length));
        heard.is_ok_and(|heard| heard.len() == length * model.graph.channels)
    };
    Ok(powers.filter(is_whole).collect())
}

fn open(model: &BareModel, runtime: &Runtime) -> Result<Box<dyn Backend>, PackError> {
    let mut refusals = Vec::new();
    for kind in runtime.kinds() {
        match runtime.open(*kind, &model.bytes, &[&model.graph.output]) {
            Ok(backend) => return Ok(backend),
            Err(reason) => refusals.push(format!("{kind} said: {reason}")),
        }
    }
    let kinds: Vec<_> = runtime.kinds().iter().map(|kind| kind.name()).collect();
    Err(PackError::Backend {
        pack: model.name.clone(),
        file: model.name.clone(),
        expected: kinds.join(" or "),
        found: refusals.join("; "),
    })
}

fn call(
    backend: &mut dyn Backend,
    model: &BareModel,
    values: Vec<f32>,
) -> Result<Vec<f32>, String> {
    let channels = model.graph.channels;
    let width = values.len();
    let input = InputBuffer {
        name: model.graph.input.clone(),
        tail: vec![channels, width / channels],
        width,
        values: Values::F32(values),
    };
    collect(backend, 1, &[input])
}

/// The same on every channel, so that what comes back of one can be compared.
fn noise(model: &BareModel, block: usize) -> Vec<f32> {
    let stream = Stream::new(NOISE_SEED, Purpose::NOISE, 0, 0);
    let sample = |n: usize| NOISE_PEAK * stream.bipolar_at(n as u64);
    let one: Vec<f32> = (0..block).map(sample).collect();
    one.repeat(model.graph.channels)
}

/// The lag of the highest normalised correlation, if it is a clear one.
fn lag(input: &[f32], output: &[f32]) -> Option<usize> {
    let most = MAX_LAG.min(input.len() / 3);
    let compared = COMPARED.min(input.len() - most);
    // The middle: padding at both ends of a call is no part of the lag.
    let start = (input.len() - compared - most) / 2;
    let heard = &input[start..start + compared];
    let correlation = |lag: usize| {
        let given = &output[start + lag..start + lag + compared];
        let (mut both, mut one, mut other) = (0.0_f64, 0.0_f64, 0.0_f64);
        for (a, b) in heard.iter().zip(given) {
            let (a, b) = (f64::from(*a), f64::from(*b));
            both += a * b;
            one += a * a;
            other += b * b;
        }
        both.abs() / (one * other).sqrt().max(f64::MIN_POSITIVE)
    };
    let highest = (0..=most).map(|lag| (lag, correlation(lag)));
    let (lag, height) = highest.max_by(|a, b| a.1.total_cmp(&b.1))?;
    (height >= CLEAR).then_some(lag)
}
