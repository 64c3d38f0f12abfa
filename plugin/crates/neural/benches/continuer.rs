//! A net over samples, making and hearing, against the pace of its sound.
//!
//! Run: `cargo bench -p afterimage-neural --bench continuer`. Both are timed in turns in the same run, so that a busy
//! machine disturbs both. A call makes or hears as many samples as the engine asks for at once. The times are those of
//! a sample: the call that was disturbed least, the median call, and the p99.9. Goal: made at four times the pace.
#![allow(
    clippy::unwrap_used,
    clippy::disallowed_macros,
    reason = "a bench prints, and may stop"
)]

use std::path::Path;
use std::time::{Duration, Instant};

use afterimage_engine::continuation::{Continuer, SoundStart, Style};
use afterimage_neural::{Pack, Runtime, load_continuer};

/// Samples of a call.
const SAMPLES: usize = 128;
/// Turns of each; the p99.9 of 4000 is the fourth largest.
const TURNS: usize = 4000;
/// A slow machine stops early.
const LONGEST: Duration = Duration::from_secs(40);
/// Seconds of sound a second that shall be made.
const GOAL: f64 = 4.0;

fn main() {
    let folder = "../../../models/wave-continue";
    let pack = Pack::open(&Path::new(env!("CARGO_MANIFEST_DIR")).join(folder)).unwrap();
    let mut continuer = load_continuer(&pack, &Runtime::embedded())
        .unwrap()
        .continuer;
    let pace_us = 1e6 / f64::from(continuer.spec().sample_rate_hz);
    let [made, heard] = run(continuer.as_mut()).map(quantiles);
    println!(
        "{}: {SAMPLES} samples a call, one each {pace_us:.1} us",
        pack.name()
    );
    println!(
        "{:<8}{:>10}{:>11}{:>8}{:>11}{:>11}",
        "", "least us", "median us", "p99.9", "x at best", "x median"
    );
    for (name, [least, median, late]) in [("made", made), ("heard", heard)] {
        let [best, usual] = [pace_us / least, pace_us / median];
        println!("{name:<8}{least:>10.2}{median:>11.2}{late:>8.1}{best:>11.2}{usual:>11.2}");
    }
    let verdict = if pace_us / made[1] >= GOAL {
        "met"
    } else {
        "missed"
    };
    println!(
        "made over heard {:.2} at best, {:.2} in the median; goal {GOAL} x made, in the median: {verdict}",
        made[0] / heard[0],
        made[1] / heard[1]
    );
}

/// Microseconds a sample of each call: made, and heard.
fn run(continuer: &mut dyn Continuer) -> [Vec<f64>; 2] {
    let tone: Vec<f32> = (0..TURNS * SAMPLES)
        .map(|n| 0.2 * (n as f32 * 0.05).sin() * (n as f32 * 0.0013).cos())
        .collect();
    let (mut made, mut heard) = (Vec::new(), Vec::new());
    let mut samples = [0.0; SAMPLES];
    continuer.hear(&tone[..200 * SAMPLES]).unwrap();
    continuer.begin(&SoundStart::new(1));
    let start = Instant::now();
    for tone in tone.chunks_exact(SAMPLES) {
        if start.elapsed() > LONGEST {
            break;
        }
        made.push(time(|| {
            let count = continuer.go_on(&Style::default(), &mut samples).unwrap();
            assert_eq!(count, SAMPLES);
        }));
        heard.push(time(|| continuer.hear(tone).unwrap()));
    }
    [made, heard]
}

fn time(action: impl FnOnce()) -> f64 {
    let start = Instant::now();
    action();
    start.elapsed().as_secs_f64() * 1e6 / SAMPLES as f64
}

/// The least, the median and the 99.9th percentile.
fn quantiles(mut times: Vec<f64>) -> [f64; 3] {
    times.sort_by(f64::total_cmp);
    [0.0, 0.5, 0.999].map(|part| times[((times.len() - 1) as f64 * part) as usize])
}
