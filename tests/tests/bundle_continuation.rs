//! The release bundle plays on by itself: the embedded composer, its notes and their sound.
#![allow(
    clippy::unwrap_used,
    reason = "a test that cannot go on should say where"
)]

use std::collections::HashMap;

use afterimage_tests::bundle::{self, INSTRUMENT_ID};
use afterimage_tests::host::{
    Automation, BlockPlan, Pace, RenderSpec, Rendered, Session, Timeline,
};
use afterimage_tests::listen::first_difference;

const RATE_HZ: f64 = 48_000.0;
const SECONDS: f64 = 10.0;
/// A bar of the host's 120 quarter notes a minute.
const BAR: u64 = 96_000;

fn session(settings: &[(&str, f64)]) -> Session {
    let mut session = Session::load(&bundle::clap().unwrap(), INSTRUMENT_ID).unwrap();
    for (id, value) in settings {
        session.set(id, *value).unwrap();
    }
    session
}

/// `continue_run` up and down at these seconds, over `timeline`.
fn with_runs(session: &Session, mut timeline: Timeline, up_s: f64, down_s: f64) -> Timeline {
    let drawn = format!(
        r#"{{"parameters": {{"continue_run": [[0.0, 0.0], [{}, 0.0], [{up_s}, 1.0], [{}, 1.0], [{down_s}, 0.0]]}}}}"#,
        up_s - 0.001,
        down_s - 0.001
    );
    let drawn: Automation = serde_json::from_str(&drawn).unwrap();
    timeline
        .automate(&drawn, session.parameters(), RATE_HZ, SECONDS)
        .unwrap();
    timeline
}

fn render(settings: &[(&str, f64)], timeline: Timeline, plan: BlockPlan, pace: Pace) -> Rendered {
    let mut session = session(settings);
    let timeline = with_runs(&session, timeline, 0.5, 9.0);
    let spec = RenderSpec {
        plan,
        pace,
        ..RenderSpec::offline(RATE_HZ, SECONDS, timeline)
    };
    session.render(&spec).unwrap()
}

fn imagined(plan: BlockPlan, pace: Pace) -> Rendered {
    let live = f64::from(u8::from(pace != Pace::Offline)) * 0.5;
    let settings = [("continue_from", 1.0), ("render_mode", live)];
    render(&settings, Timeline::new(), plan, pace)
}

fn ons(rendered: &Rendered) -> Vec<(u64, u8)> {
    let messages = rendered.midi_out.iter();
    messages
        .filter(|(_, bytes)| bytes[0] & 0xf0 == 0x90)
        .map(|(at, bytes)| (*at, bytes[1]))
        .collect()
}

#[test]
fn it_imagines_from_the_bar_line_on_and_every_note_ends() {
    let rendered = imagined(BlockPlan::Fixed(256), Pace::Offline);
    let status = rendered.status.clone().unwrap();
    assert!(!status.composer.is_empty(), "{status:?}");
    assert_eq!((status.late_notes, status.dropped_cues), (0, 0));
    let notes = ons(&rendered);
    assert!(notes.len() > 8, "{} notes", notes.len());
    assert_eq!(notes[0].0, BAR, "the first note is on the first bar line");
    let mut held: HashMap<u8, i32> = HashMap::new();
    for (_, bytes) in &rendered.midi_out {
        *held.entry(bytes[1]).or_default() += match bytes[0] & 0xf0 {
            0x90 => 1,
            0x80 => -1,
            _ => 0,
        };
    }
    assert!(held.values().all(|count| *count == 0), "hanging: {held:?}");
    let sample = |seconds: f64| (seconds * RATE_HZ) as usize;
    let peak = |range: std::ops::Range<usize>| {
        let part = rendered.audio[0][range].iter();
        part.fold(0.0_f32, |peak, value| peak.max(value.abs()))
    };
    assert_eq!(peak(0..sample(1.9)), 0.0, "silent before it begins");
    assert!(peak(sample(2.0)..sample(9.0)) > 1e-2);
}

#[test]
fn the_same_piece_at_any_block_size_and_live() {
    let reference = imagined(BlockPlan::Fixed(256), Pace::Offline);
    for (plan, pace) in [
        (BlockPlan::Fixed(64), Pace::Offline),
        (BlockPlan::Fixed(1024), Pace::Offline),
        (BlockPlan::Mixed(3), Pace::Offline),
        (BlockPlan::Fixed(256), Pace::Settled),
    ] {
        let other = imagined(plan, pace);
        assert_eq!(reference.midi_out, other.midi_out, "{plan:?} {pace:?}");
        for channel in 0..2 {
            let found = first_difference(&reference.audio[channel], &other.audio[channel]);
            assert_eq!(found, None, "{plan:?} {pace:?}: channel {channel}");
        }
    }
}

#[test]
fn what_is_played_before_decides_what_follows() {
    let scale = |keys: [u8; 8]| {
        let mut timeline = Timeline::new();
        for (step, key) in keys.into_iter().enumerate() {
            let at = step as u64 * BAR / 8;
            timeline.note(at, at + BAR / 8 - 600, key, 0.7);
        }
        let plan = BlockPlan::Fixed(256);
        // It is asked for in the middle of the bar that is played.
        let played = render(&[("continue_sounds", 0.0)], timeline, plan, Pace::Offline);
        let notes = ons(&played);
        assert!(
            notes.iter().all(|(at, _)| *at >= BAR),
            "nothing is thrown in"
        );
        notes.iter().map(|(_, key)| *key).collect::<Vec<_>>()
    };
    let d_major = scale([62, 64, 66, 67, 69, 71, 73, 74]);
    let e_flat_major = scale([63, 65, 67, 68, 70, 72, 74, 75]);
    assert_ne!(d_major, e_flat_major);
    let share = |keys: &[u8], tonic: u8| {
        let in_scale = |key: &&u8| [0, 2, 4, 5, 7, 9, 11].contains(&((**key + 12 - tonic) % 12));
        keys.iter().filter(in_scale).count() as f64 / keys.len() as f64
    };
    assert!(share(&d_major, 2) > share(&d_major, 3), "{d_major:?}");
    assert!(
        share(&e_flat_major, 3) > share(&e_flat_major, 2),
        "{e_flat_major:?}"
    );
}

#[test]
fn another_seed_is_another_piece() {
    let piece = |seed| {
        let settings = [("continue_from", 1.0), ("continue_seed", seed)];
        let plan = BlockPlan::Fixed(512);
        ons(&render(&settings, Timeline::new(), plan, Pace::Offline))
    };
    let first = piece(0.1);
    assert_eq!(first, piece(0.1));
    assert_ne!(first, piece(0.2));
}

#[test]
fn without_the_wish_nothing_is_played() {
    let mut session = session(&[]);
    let spec = RenderSpec::offline(RATE_HZ, 3.0, Timeline::new());
    let rendered = session.render(&spec).unwrap();
    assert!(rendered.midi_out.is_empty() && rendered.peak() == 0.0);
}
