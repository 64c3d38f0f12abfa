//! Plays one scene through a plugin in a process of its own, and prints what happened as JSON.
//!
//! A child of the detectors' tests: preloaded with the libc-level detector, or running the bundle
//! whose guard ends the process on an allocation.
#![allow(
    clippy::disallowed_macros,
    reason = "standard output is how a child answers"
)]

use std::path::Path;

use afterimage_tests::detector::{Detector, Report};
use afterimage_tests::host::{Event, Session, Timeline};
use afterimage_tests::probe::{self, PROBE_ID};
use afterimage_tests::saved_state::SavedState;
use afterimage_tests::scenes;
use anyhow::{Context, Result, ensure};
use serde_json::json;

fn main() -> Result<()> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let [clap, id, scene, rest @ ..] = words.as_slice() else {
        anyhow::bail!("scene CLAP|probe ID NAME [PARAMETER=NORMALISED]...");
    };
    let mut session = match clap.as_str() {
        "probe" => Session::from_entry(&probe::entry()?, PROBE_ID)?,
        path => Session::load(Path::new(path), id)?,
    };
    for setting in rest {
        let (parameter, value) = setting
            .split_once('=')
            .context("settings read PARAMETER=NORMALISED")?;
        session.set(parameter, value.parse()?)?;
    }
    let state = other_state(&mut session)?;
    let spec = scenes::scene(scene, session.parameters(), state)?;
    let detector = Detector::find();
    let (rendered, report) = match detector {
        Some(detector) => (
            session.render_watched(&spec, detector)?.0,
            detector.report(),
        ),
        None => (session.render(&spec)?, Report::default()),
    };
    ensure!(
        rendered.peak().is_finite(),
        "the plugin left samples unwritten or made them not finite"
    );
    let status = rendered.status.clone().unwrap_or_default();
    let answer = json!({
        "watched": detector.is_some(),
        "blocks": rendered.times.nanoseconds.len(),
        "parameter_changes": parameter_changes(&spec.timeline),
        "peak": rendered.peak(),
        "late_frames": status.late_frames,
        "model": status.model,
        "sentence": status.sentence,
        "report": report,
    });
    println!("{answer}");
    Ok(())
}

/// Changes of parameters in a timeline: at each of them the framework splits a block.
fn parameter_changes(timeline: &Timeline) -> usize {
    timeline
        .in_order()
        .iter()
        .filter(|(_, event)| matches!(event, Event::Parameter { .. }))
        .count()
}

/// A state that makes the plugin load its model again: the same one, named anew.
fn other_state(session: &mut Session) -> Result<Vec<u8>> {
    let Ok(saved) = session.save() else {
        return Ok(Vec::new());
    };
    let mut state = SavedState::parse(&saved)?;
    let mut choice = state.model().unwrap_or_default();
    choice.id = std::env::var("AFTERIMAGE_SCENE_MODEL").unwrap_or(choice.id);
    state.set_model(&choice)?;
    state.bytes()
}
