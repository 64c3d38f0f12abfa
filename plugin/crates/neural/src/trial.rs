//! Trial runs of a freshly opened graph: the requests it is tried with, and its speed.

use std::time::{Duration, Instant};

use afterimage_engine::contract::{Conditions, FrameRequest, MAX_LATENT};
use afterimage_spectral::counter_rng::{Purpose, Stream};

use crate::backend::{Backend, InputBuffer};
use crate::manifest::Manifest;
use crate::plan::MAX_ROWS;

/// Turns before the first measured one.
const WARM_UP_TURNS: usize = 4;
/// Measured turns, a call of each batch size in each.
const MEASURED_TURNS: usize = 24;
/// Measuring stops here, however slow the model is.
const MEASURING_TIME: Duration = Duration::from_millis(400);

/// Runs the graph once and copies its outputs, row by row: a row's frame, then what it leaves to the next.
pub(crate) fn collect(
    backend: &mut dyn Backend,
    rows: usize,
    buffers: &[InputBuffer],
) -> Result<Vec<f32>, String> {
    let mut outputs = Vec::new();
    backend.run(rows, buffers, &mut |_, output| {
        outputs.push(output.to_vec())
    })?;
    if let [only] = outputs.as_mut_slice() {
        return Ok(std::mem::take(only));
    }
    let row = |row: usize| {
        let parts = outputs.iter().map(move |output| {
            let width = output.len() / rows.max(1);
            &output[row * width..(row + 1) * width]
        });
        parts.flatten().copied()
    };
    Ok((0..rows).flat_map(row).collect())
}

/// Times of a call at one batch size, in microseconds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct CallTime {
    pub(crate) rows: usize,
    pub(crate) median_us: f64,
    /// A busy machine only ever adds: the least is what sizes are compared by.
    pub(crate) least_us: f64,
}

/// Times calls of each size, in turns, so that a busy moment falls on all of them.
pub(crate) fn measure(
    backend: &mut dyn Backend,
    sizes: &[usize],
    buffers: &[InputBuffer],
) -> Vec<CallTime> {
    let mut times: Vec<Vec<f64>> = vec![Vec::new(); sizes.len()];
    let start = Instant::now();
    for turn in 0..WARM_UP_TURNS + MEASURED_TURNS {
        if turn > WARM_UP_TURNS && start.elapsed() > MEASURING_TIME {
            break;
        }
        for (size, times) in sizes.iter().zip(&mut times) {
            times.push(time_call(backend, *size, buffers));
        }
    }
    let summary = |(rows, mut times): (&usize, Vec<f64>)| {
        times.drain(..WARM_UP_TURNS.min(times.len() - 1));
        times.sort_by(f64::total_cmp);
        CallTime {
            rows: *rows,
            median_us: times[times.len() / 2],
            least_us: times[0],
        }
    };
    sizes.iter().zip(times).map(summary).collect()
}

fn time_call(backend: &mut dyn Backend, rows: usize, buffers: &[InputBuffer]) -> f64 {
    let start = Instant::now();
    let outcome = backend.run(rows, buffers, &mut |_, output| {
        std::hint::black_box(output);
    });
    if outcome.is_ok() {
        start.elapsed().as_secs_f64() * 1e6
    } else {
        f64::MAX
    }
}

/// [`MAX_ROWS`] different requests over the pack's range: the mean, the presets' corner, and draws.
pub(crate) fn probes(manifest: &Manifest) -> Vec<FrameRequest> {
    let [low, high] = manifest.play.range.map(f32::from);
    let stream = Stream::new(1, Purpose::LATENT, 0, 0);
    let draw = |probe: usize, axis: usize| stream.gaussian_at((probe * MAX_LATENT + axis) as u64);
    (0..MAX_ROWS)
        .map(|probe| {
            let along = probe as f32 / (MAX_ROWS - 1) as f32;
            let mut conditions = Conditions::default();
            for (axis, knob) in conditions.latent.iter_mut().enumerate() {
                // The mean, both far corners, and draws three times as wide as the training set.
                *knob = match probe {
                    0 => 0.0,
                    1 => 3.0,
                    2 => -3.0,
                    _ => 3.0 * draw(probe, axis),
                };
            }
            FrameRequest {
                epoch: 0,
                voice: probe as u16,
                note: probe as u32,
                frame_index: probe as u32,
                due_sample: 0,
                pitch: low + (high - low) * along,
                velocity: 1.0 - 0.9 * along,
                time_on_s: 4.0 * along * along,
                time_off_s: if probe % 3 == 2 { 0.1 * along } else { -1.0 },
                conditions,
                seed: 1,
                draw: probe as u32,
            }
        })
        .collect()
}

/// Memory of this process that is in use, where the system tells.
pub(crate) fn resident_bytes() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))?;
    Some(
        line.trim()
            .trim_end_matches("kB")
            .trim()
            .parse::<u64>()
            .ok()?
            * 1024,
    )
}
