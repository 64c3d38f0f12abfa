//! Trial runs of a freshly opened graph: the requests it is tried with, and its speed.

use std::time::{Duration, Instant};

use afterimage_engine::contract::{Conditions, FrameRequest, MAX_LATENT};
use afterimage_spectral::counter_rng::{Purpose, Stream};

use crate::backend::{Backend, InputBuffer};
use crate::manifest::Manifest;
use crate::plan::MAX_ROWS;

/// Calls before the first measured one.
const WARM_UP_CALLS: usize = 4;
/// Measured calls of each batch size.
const MEASURED_CALLS: usize = 24;
/// Measuring one batch size stops here, however slow it is.
const MEASURING_TIME: Duration = Duration::from_millis(150);

/// Runs the graph once and copies its output.
pub(crate) fn collect(
    backend: &mut dyn Backend,
    rows: usize,
    buffers: &[InputBuffer],
) -> Result<Vec<f32>, String> {
    let mut collected = Vec::new();
    backend.run(rows, buffers, &mut |output| collected = output.to_vec())?;
    Ok(collected)
}

/// Median time of a call at each size, in microseconds.
pub(crate) fn measure(
    backend: &mut dyn Backend,
    sizes: &[usize],
    buffers: &[InputBuffer],
) -> Vec<(usize, f64)> {
    let mut time_call = |size: usize| {
        let start = Instant::now();
        let outcome = backend.run(size, buffers, &mut |output| {
            std::hint::black_box(output);
        });
        if outcome.is_ok() {
            start.elapsed().as_secs_f64() * 1e6
        } else {
            f64::MAX
        }
    };
    let mut median = |size: usize| {
        for _ in 0..WARM_UP_CALLS {
            time_call(size);
        }
        let start = Instant::now();
        let mut times = Vec::with_capacity(MEASURED_CALLS);
        while times.is_empty() || times.len() < MEASURED_CALLS && start.elapsed() < MEASURING_TIME {
            times.push(time_call(size));
        }
        times.sort_by(f64::total_cmp);
        times[times.len() / 2]
    };
    sizes.iter().map(|size| (*size, median(*size))).collect()
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
