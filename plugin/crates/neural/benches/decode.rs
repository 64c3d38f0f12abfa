//! Sixteen rows through [`NeuralDecoder`] against the bare runtime call, on both runtimes.
//!
//! Run: `cargo bench -p afterimage-neural`. Both are timed in turns in the same run, so that a busy
//! machine disturbs both. The figure is the ratio of the medians, and beside it that of the quiet
//! tenth: where the two differ, other programs were measured too. Goal: at most 1.05.
#![allow(
    clippy::unwrap_used,
    clippy::disallowed_macros,
    reason = "a bench prints, and may stop"
)]

#[path = "../tests/fixture/mod.rs"]
mod fixture;

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use afterimage_engine::contract::Decoder;
use afterimage_neural::{MAX_ROWS, Pack, Runtime, load};

/// Turns of each; the p99.9 of 4000 is the fourth largest.
const TURNS: usize = 4000;
/// A slow machine or model stops early.
const LONGEST: Duration = Duration::from_secs(20);
/// Share of the bare call that the crate's own work may take on top.
const GOAL: f64 = 1.05;

fn main() {
    let path = pack_path();
    let pack = Pack::open(&path).unwrap();
    let hop_us = 1e6 / pack.manifest().representation.frame_rate_hz();
    println!(
        "{} of {}: {MAX_ROWS} rows, hop {hop_us:.0} us",
        pack.name(),
        path.display()
    );
    println!(
        "{:<32}{:>9}{:>9}{:>9}{:>9}{:>8}{:>8}",
        "runtime", "bare us", "p99.9", "whole us", "p99.9", "ratio", "quiet"
    );
    for runtime in fixture::runtimes() {
        run(&pack, &runtime);
    }
}

/// The shipped pack where it is there, else a fixture.
fn pack_path() -> PathBuf {
    let shipped =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../models/keys-vae/keys-vae.onnx");
    if shipped.exists() {
        shipped
    } else {
        fixture::path("good")
    }
}

fn run(pack: &Pack, runtime: &Runtime) {
    let mut loaded = load(pack, runtime).unwrap();
    let requests: Vec<_> = (0..MAX_ROWS).map(fixture::request).collect();
    let mut frames = fixture::frames(&requests, loaded.decoder.bins());
    let (mut bare, mut whole) = (Vec::new(), Vec::new());
    let start = Instant::now();
    while bare.len() < TURNS && start.elapsed() < LONGEST {
        bare.push(time(|| loaded.decoder.run_bare(MAX_ROWS).unwrap()));
        whole.push(time(|| {
            loaded.decoder.decode(&requests, &mut frames).unwrap()
        }));
    }
    let ([quiet_bare, bare, late_bare], [quiet, whole, late]) = (quantiles(bare), quantiles(whole));
    let (ratio, quiet) = (whole / bare, quiet / quiet_bare);
    let verdict = if ratio <= GOAL { "met" } else { "missed" };
    let calls = loaded.decoder.row_sizes().calls(MAX_ROWS);
    let name = runtime.status().kind.name();
    println!(
        "{name:<32}{bare:>9.1}{late_bare:>9.0}{whole:>9.1}{late:>9.0}{ratio:>8.3}{quiet:>8.3}  goal {GOAL} {verdict}, calls of {calls:?} rows"
    );
}

fn time(action: impl FnOnce()) -> f64 {
    let start = Instant::now();
    action();
    start.elapsed().as_secs_f64() * 1e6
}

/// First decile, median and 99.9th percentile.
fn quantiles(mut times: Vec<f64>) -> [f64; 3] {
    times.sort_by(f64::total_cmp);
    [0.1, 0.5, 0.999].map(|part| times[((times.len() - 1) as f64 * part) as usize])
}
