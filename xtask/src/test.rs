//! Everything that continuous integration runs, suite by suite, with a budget for each.
//!
//! A suite that fails does not stop the others; one that ran no test has failed. The last line
//! says how many tests passed and failed in all.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use crate::arguments::Arguments;
use crate::bundle::{self, Kind};
use crate::process::say;
use crate::suites::{self, Binaries};
use crate::system;
use crate::tally::Tally;

/// One suite.
pub struct Suite {
    /// Its name for `--only`.
    pub name: &'static str,
    /// Minutes it may take from a clean clone on two cores.
    pub budget_min: u64,
    /// What it does.
    pub what: &'static str,
    /// Runs it.
    pub run: fn(&mut Binaries) -> Result<Tally>,
}

/// Every suite, cheap ones first.
const SUITES: [Suite; 14] = [
    Suite {
        name: "format",
        budget_min: 1,
        what: "cargo fmt",
        run: suites::format,
    },
    Suite {
        name: "compile",
        budget_min: 10,
        what: "every test binary and the detector",
        run: suites::compile,
    },
    Suite {
        name: "spectral",
        budget_min: 2,
        what: "DSP",
        run: |built| built.run("afterimage-spectral", |_| true),
    },
    Suite {
        name: "engine",
        budget_min: 2,
        what: "real-time core",
        run: |built| built.run("afterimage-engine", |_| true),
    },
    Suite {
        name: "neural",
        budget_min: 2,
        what: "packs and runtimes",
        run: suites::neural,
    },
    Suite {
        name: "plugin",
        budget_min: 1,
        what: "the shell",
        run: |built| built.run("afterimage", |_| true),
    },
    Suite {
        name: "tasks",
        budget_min: 1,
        what: "xtask itself",
        run: |built| built.run("xtask", |_| true),
    },
    Suite {
        name: "tools",
        budget_min: 1,
        what: "the host, and the direction of dependencies",
        run: |built| built.run("afterimage-tests", |target| !needs_bundle(target)),
    },
    Suite {
        name: "lint",
        budget_min: 6,
        what: "clippy and ruff, warnings refused",
        run: suites::lint,
    },
    Suite {
        name: "bundle",
        budget_min: 14,
        what: "release and guarded bundles",
        run: suites::bundles,
    },
    Suite {
        name: "host",
        budget_min: 5,
        what: "the release bundle in the CLAP host",
        run: |built| built.run("afterimage-tests", |target| target.starts_with("bundle_")),
    },
    Suite {
        name: "detectors",
        budget_min: 3,
        what: "allocation guard and libc-level detector",
        run: |built| built.run("afterimage-tests", |target| target == "detectors"),
    },
    Suite {
        name: "python",
        budget_min: 6,
        what: "the VST3 in dawdreamer, pedalboard and Ardour, the demo's notes",
        run: suites::python,
    },
    Suite {
        name: "models",
        budget_min: 3,
        what: "models/: representation, goldens, packs",
        run: suites::models,
    },
];

fn needs_bundle(target: &str) -> bool {
    target.starts_with("bundle_") || target == "detectors"
}

/// What became of a suite.
struct Outcome {
    name: &'static str,
    budget_min: u64,
    took: Duration,
    tally: Tally,
}

/// `cargo xtask test`.
pub fn command(mut arguments: Arguments) -> Result<()> {
    let list = arguments.switch("--list");
    let only = arguments.value("--only")?;
    arguments.finish()?;
    if list {
        for suite in &SUITES {
            println!(
                "{:<10} {:>3} min  {}",
                suite.name, suite.budget_min, suite.what
            );
        }
        return Ok(());
    }
    let chosen = choose(only.as_deref())?;
    system::provide(&system::BUILD)?;
    system::provide(&system::TEST)?;
    let mut binaries = Binaries::default();
    let outcomes: Vec<Outcome> = chosen
        .iter()
        .map(|suite| run(suite, &mut binaries))
        .collect();
    conclude(&outcomes)
}

fn choose(only: Option<&str>) -> Result<Vec<&'static Suite>> {
    let Some(names) = only else {
        return Ok(SUITES.iter().collect());
    };
    let find = |name: &str| {
        SUITES
            .iter()
            .find(|suite| suite.name == name)
            .with_context(|| {
                let known: Vec<_> = SUITES.iter().map(|suite| suite.name).collect();
                format!("no suite '{name}'; there are: {}", known.join(", "))
            })
    };
    names.split(',').map(find).collect()
}

fn run(suite: &Suite, binaries: &mut Binaries) -> Outcome {
    say(&format!(
        "suite {}: {} (budget {} min)",
        suite.name, suite.what, suite.budget_min
    ));
    let began = Instant::now();
    let tally = match (suite.run)(binaries) {
        Ok(tally) if tally.ran() == 0 => {
            println!("    suite {} ran no test: counted as a failure", suite.name);
            Tally { failed: 1, ..tally }
        }
        Ok(tally) => tally,
        Err(error) => {
            println!("    suite {} could not run: {error:#}", suite.name);
            Tally::of_check(false)
        }
    };
    Outcome {
        name: suite.name,
        budget_min: suite.budget_min,
        took: began.elapsed(),
        tally,
    }
}

fn conclude(outcomes: &[Outcome]) -> Result<()> {
    println!(
        "\n{:<12}{:>8}{:>8}{:>8}{:>10}{:>10}",
        "suite", "passed", "failed", "skipped", "minutes", "budget"
    );
    for outcome in outcomes {
        let minutes = outcome.took.as_secs_f64() / 60.0;
        let over = if minutes > outcome.budget_min as f64 {
            "  over budget"
        } else {
            ""
        };
        let Tally {
            passed,
            failed,
            skipped,
        } = outcome.tally;
        println!(
            "{:<12}{passed:>8}{failed:>8}{skipped:>8}{minutes:>10.1}{:>10}{over}",
            outcome.name, outcome.budget_min
        );
    }
    let total: Tally = outcomes.iter().map(|outcome| outcome.tally).sum();
    println!("{} passed, {} failed", total.passed, total.failed);
    if total.failed > 0 {
        let broken: Vec<_> = outcomes
            .iter()
            .filter(|outcome| outcome.tally.failed > 0)
            .map(|outcome| outcome.name)
            .collect();
        bail!("failed: {}", broken.join(", "));
    }
    Ok(())
}

/// The release bundle for suites that use it without building it.
pub fn require_bundle() -> Result<()> {
    if !Kind::Release
        .folder()
        .join(format!("{}.clap", bundle::NAME))
        .exists()
    {
        bundle::build(Kind::Release)?;
    }
    Ok(())
}
