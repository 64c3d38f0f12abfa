//! Both detectors over every scene, and proof that each of them detects.
//!
//! Each scene runs in a child process: preloaded with the libc-level detector, or with the bundle
//! whose guard ends the process when the callback allocates.
#![allow(
    clippy::unwrap_used,
    reason = "a test that cannot go on should say where"
)]

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use afterimage_tests::bundle::{self, EFFECT_ID, INSTRUMENT_ID};
use afterimage_tests::detector::{LIBRARY_VARIABLE, Report};
use afterimage_tests::probe::{Fault, PROBE_ID};
use serde::Deserialize;

/// What `scene` prints.
#[derive(Debug, Deserialize)]
struct Answer {
    watched: bool,
    blocks: u64,
    parameter_changes: u64,
    report: Report,
}

fn detector() -> PathBuf {
    std::env::var_os(LIBRARY_VARIABLE).map_or_else(
        || {
            bundle::target_folder()
                .join("debug")
                .join("libafterimage_detector.so")
        },
        PathBuf::from,
    )
}

fn run(preload: Option<&Path>, words: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_scene"));
    command.args(words);
    if let Some(library) = preload {
        assert!(
            library.exists(),
            "{} does not exist; build it with: cargo build -p afterimage-detector",
            library.display()
        );
        command.env("LD_PRELOAD", library);
    }
    command.output().unwrap()
}

fn watched(words: &[&str]) -> Answer {
    let output = run(Some(&detector()), words);
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success(),
        "{words:?} ended with {}: {error}",
        output.status
    );
    let answer: Answer = serde_json::from_slice(&output.stdout).unwrap();
    assert!(answer.watched, "the detector was not preloaded");
    answer
}

fn fault_value(index: usize) -> String {
    format!("fault={}", (index as f64 + 0.25) / Fault::ALL.len() as f64)
}

#[test]
fn every_fault_of_a_misbehaving_plugin_is_caught_and_named() {
    for (index, (fault, kind)) in Fault::ALL.iter().enumerate() {
        let answer = watched(&["probe", PROBE_ID, "fault", &fault_value(index)]);
        let found = &answer.report.violations;
        if kind.is_empty() {
            assert!(
                found.is_empty(),
                "{fault:?} is permitted, but was blamed: {found:?}"
            );
        } else {
            assert!(
                found.contains_key(*kind),
                "{fault:?} must be seen as '{kind}', found {found:?}"
            );
            let named = answer.report.traces.iter().any(|trace| {
                trace.kind == *kind
                    && trace
                        .functions
                        .iter()
                        .any(|name| name.contains("probe::fault"))
            });
            assert!(
                named,
                "{fault:?}: no trace leads to the fault: {:?}",
                answer.report.traces
            );
        }
    }
}

#[test]
fn a_permitted_wake_is_counted_once_a_block() {
    let wake = Fault::ALL
        .iter()
        .position(|(fault, _)| *fault == Fault::WakeOnce)
        .unwrap();
    let answer = watched(&["probe", PROBE_ID, "fault", &fault_value(wake)]);
    assert!(answer.report.violations.is_empty());
    assert_eq!(answer.report.wakes, answer.blocks);
}

#[test]
fn a_socket_opened_by_a_plugin_is_seen() {
    let socket = Fault::ALL
        .iter()
        .position(|(fault, _)| *fault == Fault::Socket)
        .unwrap();
    assert!(
        watched(&["probe", PROBE_ID, "fault", &fault_value(socket)])
            .report
            .sockets
            > 0
    );
    assert_eq!(
        watched(&["probe", PROBE_ID, "fault", "fault=0"])
            .report
            .sockets,
        0
    );
}

/// The instrument under the libc-level detector.
fn instrument_is_clean_in(scene: &str, settings: &[&str]) {
    is_clean_in(INSTRUMENT_ID, scene, settings);
}

/// A plugin of the bundle under the libc-level detector.
fn is_clean_in(plugin: &str, scene: &str, settings: &[&str]) {
    let clap = bundle::clap().unwrap();
    let words = [&[clap.to_str().unwrap(), plugin, scene], settings].concat();
    let mut answer = watched(&words);
    assert!(answer.blocks > 0);
    // The framework calls the plugin once a stretch between two parameter changes: to the plugin each
    // of them is a block, and may wake the worker once.
    let stretches = answer.blocks + answer.parameter_changes;
    if let Some(&again) = answer.report.violations.get("second wake")
        && again <= answer.parameter_changes
    {
        answer.report.violations.remove("second wake");
    }
    let report = &answer.report;
    assert!(
        report.violations.is_empty(),
        "{scene}: {:?}\n{:#?}",
        report.violations,
        report.traces
    );
    assert!(
        report.wakes <= stretches,
        "{} wakes in {stretches} blocks and parts of blocks",
        report.wakes
    );
    stays_at_home(report);
}

/// No socket, and nothing written but what the tests ask for: the report, and takes beside it.
fn stays_at_home(report: &Report) {
    assert_eq!(report.sockets, 0, "a running plugin opens no socket");
    let elsewhere: Vec<_> = report
        .written_paths
        .iter()
        .filter(|path| !path.contains("afterimage-status-") && !path.contains("afterimage-takes-"))
        .collect();
    assert!(elsewhere.is_empty(), "a running plugin wrote {elsewhere:?}");
}

#[test]
fn the_callback_asks_nothing_of_the_system_while_notes_play() {
    instrument_is_clean_in("notes", &[]);
}

#[test]
fn the_callback_asks_nothing_of_the_system_under_automation_of_every_parameter() {
    instrument_is_clean_in("automation", &[]);
}

#[test]
fn the_callback_asks_nothing_of_the_system_during_a_model_change() {
    instrument_is_clean_in("model-change", &[]);
}

#[test]
fn the_callback_asks_nothing_of_the_system_when_block_sizes_change() {
    instrument_is_clean_in("block-sizes", &[]);
}

#[test]
fn the_callback_asks_nothing_of_the_system_in_and_out_of_bypass() {
    instrument_is_clean_in("bypass", &[]);
}

#[test]
fn the_callback_asks_nothing_of_the_system_at_a_reset() {
    instrument_is_clean_in("reset", &[]);
}

#[test]
fn the_callback_asks_nothing_of_the_system_in_blocks_of_no_samples() {
    instrument_is_clean_in("zero-length", &[]);
}

#[test]
fn the_callback_asks_nothing_of_the_system_while_attacks_are_made_ahead() {
    for scene in ["notes", "automation", "model-change", "reset"] {
        instrument_is_clean_in(scene, &["latency_mode=1"]);
    }
}

#[test]
fn the_callback_asks_nothing_of_the_system_while_it_plays_on() {
    instrument_is_clean_in("continuation", &["continue_start=0"]);
}

#[test]
fn the_effects_callback_asks_nothing_of_the_system_while_it_hears_and_plays_on() {
    for settings in [
        &["continue_start=0"][..],
        &["latency_mode=0"],
        &["bypass=1"],
        &["fx_mode=1"],
    ] {
        is_clean_in(EFFECT_ID, "heard", settings);
    }
    for scene in ["automation", "block-sizes", "reset", "zero-length"] {
        is_clean_in(EFFECT_ID, scene, &[]);
    }
}

#[test]
fn ten_thousand_notes_in_a_block_cost_only_the_frameworks_event_queue() {
    let clap = bundle::clap().unwrap();
    let report = watched(&[clap.to_str().unwrap(), INSTRUMENT_ID, "crowd"]).report;
    // The framework spools a block's events in a queue that grows; nothing of ours may follow it.
    let ours = report.traces_outside(&["VecDeque", "handle_input_event"]);
    assert!(ours.is_empty(), "{ours:#?}");
    stays_at_home(&report);
}

/// A plugin of the bundle whose guard ends the process on an allocation.
fn guarded(plugin: &str, scene: &str, settings: &[&str]) {
    let clap = bundle::guarded_clap().unwrap();
    let words = [&[clap.to_str().unwrap(), plugin, scene], settings].concat();
    let output = run(None, &words);
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success(),
        "{scene} ended with {}: {error}",
        output.status
    );
}

#[test]
fn the_guard_finds_no_allocation_in_any_scene() {
    for scene in [
        "notes",
        "automation",
        "model-change",
        "block-sizes",
        "bypass",
        "reset",
        "continuation",
        "zero-length",
    ] {
        guarded(INSTRUMENT_ID, scene, &[]);
        guarded(INSTRUMENT_ID, scene, &["latency_mode=1"]);
    }
    for scene in ["heard", "automation", "reset"] {
        guarded(EFFECT_ID, scene, &[]);
        guarded(EFFECT_ID, scene, &["fx_mode=1"]);
    }
}

#[test]
fn the_guard_ends_a_plugin_that_allocates_in_its_callback() {
    let clap = bundle::misbehaving_clap().unwrap();
    let quiet = run(
        None,
        &[
            clap.to_str().unwrap(),
            "org.afterimage.misbehaving",
            "fault",
            "allocate=0",
        ],
    );
    assert!(
        quiet.status.success(),
        "{}",
        String::from_utf8_lossy(&quiet.stderr)
    );
    let loud = run(
        None,
        &[
            clap.to_str().unwrap(),
            "org.afterimage.misbehaving",
            "fault",
            "allocate=1",
        ],
    );
    assert!(!loud.status.success(), "the guard let an allocation pass");
}
