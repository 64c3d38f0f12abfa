//! Trial runs: how fast a transformer is, and whether two runtimes say the same.

use std::time::Instant;

use afterimage_engine::contract::DecodeError;
use afterimage_engine::transform::{Tick, TransformControls, Transformer};
use afterimage_spectral::counter_rng::{Purpose, Stream};

use super::open;
use crate::backend::BackendKind;
use crate::error::PackError;
use crate::pack::Pack;
use crate::runtime::Runtime;

/// Seconds of sound of a trial run.
const TRIAL_S: f64 = 0.75;
/// Slowest transformer that is taken, as with what continues sound.
const LEAST_SPEED: f32 = 0.2;

/// Seconds of sound that a transformer makes in a second, by the median tick. It is reset afterwards.
///
/// # Errors
/// One sentence for one that fails, gives what is no number, or is too slow.
pub(super) fn speed(pack: &Pack, transformer: &mut dyn Transformer) -> Result<f32, PackError> {
    let (made, mut times_s) = run(transformer).map_err(|error| PackError::Unsupported {
        pack: pack.name().to_owned(),
        what: "the trial run of its graphs".into(),
        expected: "sound".into(),
        found: error.to_string(),
        advice: "check the pack with check-model and export it again",
    })?;
    if made.iter().any(|sample| !sample.is_finite()) {
        return Err(PackError::NotFinite {
            pack: pack.name().to_owned(),
            tensor: "the transformed sound".into(),
            found: "some samples of a trial run were not".into(),
        });
    }
    transformer.reset();
    times_s.sort_by(f64::total_cmp);
    let tick_s = times_s.get(times_s.len() / 2).copied().unwrap_or_default();
    let spec = transformer.spec();
    let speed = spec.tick_samples as f64 / f64::from(spec.sample_rate_hz) / tick_s.max(1e-9);
    if speed as f32 >= LEAST_SPEED {
        return Ok(speed as f32);
    }
    Err(PackError::OverBudget {
        pack: pack.name().to_owned(),
        what: "a second of transformed sound",
        limit: format!("{:.1} s", 1.0 / LEAST_SPEED),
        found: format!("{:.1} s", 1.0 / speed),
    })
}

/// What a transformer makes, on one runtime, of a tone in noise that comes and goes: rows of samples.
///
/// # Errors
/// The runtime's own words, or a sentence of the pack's.
pub(crate) fn walk(
    pack: &Pack,
    runtime: &Runtime,
    kind: BackendKind,
) -> Result<Vec<Vec<f32>>, String> {
    let mut transformer = open(pack, runtime, kind).map_err(|refusal| match refusal {
        super::Refusal::Pack(error) => error.to_string(),
        super::Refusal::Runtime(reason) => reason,
    })?;
    let (made, _) = run(transformer.as_mut()).map_err(|error| error.to_string())?;
    Ok(made
        .chunks(transformer.spec().tick_samples)
        .map(<[f32]>::to_vec)
        .collect())
}

fn run(transformer: &mut dyn Transformer) -> Result<(Vec<f32>, Vec<f64>), DecodeError> {
    let spec = transformer.spec().clone();
    let rate_hz = f64::from(spec.sample_rate_hz);
    let noise = Stream::new(5, Purpose::NOISE, 0, 0);
    let ticks = (TRIAL_S * rate_hz / spec.tick_samples as f64)
        .ceil()
        .max(4.0) as usize;
    let controls = TransformControls::default();
    let (mut made, mut times_s) = (Vec::new(), Vec::new());
    let mut buffers = vec![vec![0.0; spec.tick_samples]; 2 * spec.channels];
    for tick in 0..ticks {
        let (input, output) = buffers.split_at_mut(spec.channels);
        for (at, value) in input[0].iter_mut().enumerate() {
            let place = tick * spec.tick_samples + at;
            let time_s = place as f64 / rate_hz;
            let tone = (std::f64::consts::TAU * 220.0 * time_s).sin() as f32;
            let level = (0.5 + 0.5 * (std::f64::consts::TAU * 3.0 * time_s).cos()) as f32;
            *value = level * (0.2 * tone + 0.02 * noise.bipolar_at(place as u64));
        }
        if let [left, right] = input {
            right.copy_from_slice(left);
        }
        let input: Vec<&[f32]> = input.iter().map(Vec::as_slice).collect();
        let mut output: Vec<&mut [f32]> = output.iter_mut().map(Vec::as_mut_slice).collect();
        let start = Instant::now();
        let tick = Tick {
            at_s: (tick * spec.tick_samples) as f64 / rate_hz,
            controls: &controls,
        };
        transformer.transform(tick, &input, &mut output)?;
        times_s.push(start.elapsed().as_secs_f64());
        made.extend_from_slice(output[0]);
    }
    Ok((made, times_s))
}
