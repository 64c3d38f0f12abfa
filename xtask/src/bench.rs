//! Measures the built bundle's callback against its deadline, then the crates' own benches, then the
//! quality of the spectral inverse beside others. `--quality` prints only that.
//!
//! The bundle is played live, by the clock, since an offline render waits for the worker inside the
//! callback. "its work" is the p99.9 of the callback's processor time: what other programs took from
//! it is not in it. "all work" is the processor time of the whole process. Figures of a loaded
//! machine are those of a loaded machine: compare within one run.

use afterimage_tests::bundle::INSTRUMENT_ID;
use afterimage_tests::host::{BlockPlan, Pace, RenderSpec, Session, Timeline};
use anyhow::Result;

use crate::arguments::Arguments;
use crate::bundle::{self, Kind, NAME};
use crate::process::{cargo, run, say};
use crate::{comparison, continuations, live_packs};

const RATE_HZ: f64 = 48_000.0;
const SECONDS: f64 = 4.0;
/// Block sizes of live playing.
const BLOCKS: [u32; 3] = [32, 64, 256];
/// The crates' own benches: callback of the engine, worker against the bare runtime, inverse.
const CRATE_BENCHES: [(&str, &str); 3] = [
    ("afterimage-engine", "process"),
    ("afterimage-neural", "decode"),
    ("afterimage-spectral", "inverse"),
];

/// What plays while the callback is measured.
struct Load {
    name: &'static str,
    voices: u8,
    /// All notes start on one sample again and again, instead of being spread.
    aligned: bool,
}

const LOADS: [Load; 4] = [
    Load {
        name: "1 voice",
        voices: 1,
        aligned: false,
    },
    Load {
        name: "8 voices",
        voices: 8,
        aligned: false,
    },
    Load {
        name: "16 voices",
        voices: 16,
        aligned: false,
    },
    Load {
        name: "16-note chord",
        voices: 16,
        aligned: true,
    },
];

/// `cargo xtask bench`.
pub fn command(mut arguments: Arguments) -> Result<()> {
    if arguments.switch("--continuations") {
        return continuations::command(arguments);
    }
    if arguments.switch("--packs") {
        return live_packs::command(arguments);
    }
    if arguments.switch("--exchange") {
        let minutes = arguments.parsed::<f64>("--minutes")?;
        arguments.finish()?;
        return exchange(minutes);
    }
    let quick = arguments.switch("--quick");
    let quality = arguments.switch("--quality");
    arguments.finish()?;
    if quality {
        return comparison::print();
    }
    let clap = bundle::build(Kind::Release)?.join(format!("{NAME}.clap"));
    say("the bundle's callback, live at 48 kHz, as a share of its deadline");
    println!(
        "{:<16}{:>7}{:>12}{:>12}{:>10}{:>10}{:>10}{:>8}{:>10}",
        "load", "block", "median us", "p99.9 us", "median", "p99.9", "its work", "late", "all work"
    );
    for load in &LOADS {
        for block in BLOCKS {
            measure(&clap, load, block)?;
        }
    }
    if quick {
        return Ok(());
    }
    for (package, bench) in CRATE_BENCHES {
        say(&format!("{package}: {bench}"));
        run(
            cargo().args(["bench", "--quiet", "--package", package, "--bench", bench]),
            "run the bench",
        )?;
    }
    comparison::print()
}

/// Two instances that trade bars in real time.
fn exchange(minutes: Option<f64>) -> Result<()> {
    let bench = ["bench", "--quiet", "--package", "afterimage-engine"];
    let mut command = cargo();
    command.args(bench).args(["--bench", "exchange", "--"]);
    if let Some(minutes) = minutes {
        command.args(["--minutes", &minutes.to_string()]);
    }
    run(&mut command, "run the bench")
}

fn measure(clap: &std::path::Path, load: &Load, block: u32) -> Result<()> {
    let mut session = Session::load(clap, INSTRUMENT_ID)?;
    let spec = RenderSpec {
        plan: BlockPlan::Fixed(block),
        pace: Pace::Live { speed: 1.0 },
        ..RenderSpec::offline(RATE_HZ, SECONDS, load.timeline())
    };
    let before = processor_seconds();
    let rendered = session.render(&spec)?;
    let work = (processor_seconds() - before) / rendered.wall_s;
    let deadline_us = f64::from(block) / RATE_HZ * 1e6;
    let (median, tail) = (rendered.times.median_us(), rendered.times.p999_us());
    let late = rendered
        .status
        .map_or("-".to_owned(), |status| status.late_frames.to_string());
    println!(
        "{:<16}{block:>7}{median:>12.1}{tail:>12.1}{:>9.1}%{:>9.1}%{:>9.1}%{late:>8}{:>9.0}%",
        load.name,
        100.0 * median / deadline_us,
        100.0 * tail / deadline_us,
        100.0 * rendered.times.processor_p999_us() / deadline_us,
        100.0 * work
    );
    Ok(())
}

impl Load {
    fn timeline(&self) -> Timeline {
        let mut timeline = Timeline::new();
        let total = (SECONDS * RATE_HZ) as u64;
        let (step, length) = if self.aligned {
            (24_000, 23_000)
        } else {
            (total, total - 4_800)
        };
        for start in (0..total - 4_800).step_by(step as usize) {
            for voice in 0..self.voices {
                let spread = if self.aligned {
                    0
                } else {
                    u64::from(voice) * 97
                };
                timeline.note(
                    start + spread,
                    (start + length).min(total - 1),
                    40 + 3 * voice,
                    0.7,
                );
            }
        }
        timeline
    }
}

/// Processor time of this process so far, all threads.
#[cfg(unix)]
fn processor_seconds() -> f64 {
    let text = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    // Fields 14 and 15, counted after the name, which may hold spaces.
    let fields: Vec<&str> = text
        .rsplit(')')
        .next()
        .unwrap_or_default()
        .split_whitespace()
        .collect();
    let ticks = |at: usize| {
        fields
            .get(at)
            .and_then(|field| field.parse::<f64>().ok())
            .unwrap_or(f64::NAN)
    };
    (ticks(11) + ticks(12)) / TICKS_A_SECOND
}

#[cfg(not(unix))]
fn processor_seconds() -> f64 {
    f64::NAN
}

/// The kernel's unit of processor time in `/proc`: a hundredth on every Linux of today.
#[cfg(unix)]
const TICKS_A_SECOND: f64 = 100.0;
