//! The release bundle's audio effect: what passes, what is continued, and the takes of it.
#![allow(
    clippy::unwrap_used,
    reason = "a test that cannot go on should say where"
)]

use afterimage_tests::bundle::{self, EFFECT_ID, INSTRUMENT_ID};
use afterimage_tests::host::takes::{self, TakeOnDisk};
use afterimage_tests::host::{
    BlockPlan, Event, Pace, RenderSpec, Rendered, Session, Timeline, parameter_hash,
};
use afterimage_tests::listen::{first_difference, rms};
use afterimage_tests::saved_state::{ModelChoice, SavedState};

const RATE_HZ: f64 = 48_000.0;
const SECOND: u64 = 48_000;
/// A bar of the host's 120 quarter notes a minute.
const BAR: u64 = 2 * SECOND;

fn load(id: &str, settings: &[(&str, f64)]) -> Session {
    let mut session = Session::load(&bundle::clap().unwrap(), id).unwrap();
    for (id, value) in settings {
        session.set(id, *value).unwrap();
    }
    session
}

/// Noise of every size and sign, over full scale too.
fn noise(seconds: f64, seed: u32) -> Vec<f32> {
    let mut state = seed;
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        1.5 * (state as f32 / 2.0_f32.powi(31) - 1.0)
    };
    (0..(seconds * RATE_HZ) as usize).map(|_| next()).collect()
}

/// Four plucked notes a second, a scale over and over.
fn melody(seconds: f64) -> Vec<f32> {
    const SCALE: [f64; 8] = [0.0, 2.0, 4.0, 5.0, 7.0, 5.0, 4.0, 2.0];
    let sample = |n: usize| {
        let (step, within) = (n / 12_000, (n % 12_000) as f64 / RATE_HZ);
        let hz = 220.0 * (SCALE[step % SCALE.len()] / 12.0).exp2();
        let phase = std::f64::consts::TAU * hz * within;
        let tone = phase.sin() + 0.4 * (2.0 * phase).sin() + 0.2 * (3.0 * phase).sin();
        (0.3 * tone * (-4.0 * within).exp()) as f32
    };
    (0..(seconds * RATE_HZ) as usize).map(sample).collect()
}

/// `continue_run` up and down at these samples.
fn run(changes: &[(u64, f64)]) -> Timeline {
    let mut timeline = Timeline::new();
    let id = parameter_hash("continue_run");
    for (at, value) in changes {
        timeline.push(*at, Event::Parameter { id, value: *value });
    }
    timeline
}

/// Six seconds of a melody, continued from the second bar line for two bars.
fn continued(plan: BlockPlan, pace: Pace) -> Rendered {
    let live = f64::from(u8::from(pace != Pace::Offline)) * 0.5;
    let settings = [("continue_bars", 2.0 / 128.0), ("render_mode", live)];
    let spec = RenderSpec {
        plan,
        pace,
        ..RenderSpec::offline(RATE_HZ, 9.0, run(&[(3 * SECOND, 1.0)]))
    };
    let mut session = load(EFFECT_ID, &settings);
    session.render(&spec.with_input(vec![melody(5.0)])).unwrap()
}

/// The one take of a render.
fn take_of(rendered: &Rendered) -> TakeOnDisk {
    let status = rendered.status.clone().unwrap();
    assert_eq!(status.takes.len(), 1, "{status:?}");
    takes::read(&status.takes[0]).unwrap()
}

#[test]
fn what_passes_keeps_every_bit_and_is_not_late() {
    for (layout, channels) in [(0, 2), (1, 1)] {
        let mut session = load(EFFECT_ID, &[]);
        session.choose_ports(layout).unwrap();
        assert_eq!(session.ports().unwrap().outputs, channels);
        let input: Vec<Vec<f32>> = (0..channels).map(|n| noise(1.0, 7 + n as u32)).collect();
        for plan in [BlockPlan::Fixed(64), BlockPlan::Mixed(5)] {
            let spec = RenderSpec {
                plan,
                ..RenderSpec::offline(RATE_HZ, 1.0, Timeline::new())
            };
            let rendered = session.render(&spec.with_input(input.clone())).unwrap();
            assert_eq!(rendered.latency_samples, 0);
            for (channel, sound) in input.iter().enumerate() {
                let found = first_difference(sound, &rendered.audio[channel]);
                assert_eq!(found, None, "{plan:?}, channel {channel} of {channels}");
            }
        }
    }
}

#[test]
fn a_bypassed_effect_passes_and_continues_nothing() {
    let mut session = load(EFFECT_ID, &[("bypass", 1.0)]);
    let spec = RenderSpec::offline(RATE_HZ, 5.0, run(&[(SECOND, 1.0)]));
    let input = melody(5.0);
    let rendered = session
        .render(&spec.with_input(vec![input.clone()]))
        .unwrap();
    assert_eq!(first_difference(&input, &rendered.audio[1]), None);
    assert!(rendered.status.unwrap().takes.is_empty());
}

#[test]
fn it_goes_on_from_the_bar_line_when_the_player_stops() {
    let rendered = continued(BlockPlan::Fixed(256), Pace::Offline);
    let sound = &rendered.audio[0];
    let before = first_difference(
        &melody(5.0)[..2 * BAR as usize - 2000],
        &sound[..2 * BAR as usize - 2000],
    );
    assert_eq!(
        before, None,
        "the player is heard unchanged before the switch"
    );
    let level = |from: u64, to: u64| rms(&sound[from as usize..to as usize]);
    let played = level(0, 2 * BAR);
    // The player ends at 5 s; the piece lasts from 4 s to 8 s.
    assert!(level(11 * SECOND / 2, 15 * SECOND / 2) > 0.3 * played);
    assert!(level(17 * SECOND / 2, 9 * SECOND) < 0.01 * played);
    let status = rendered.status.unwrap();
    assert_eq!(status.late_samples, 0);
    assert!(!status.continuer.is_empty());
}

#[test]
fn the_same_continuation_at_any_block_size_and_live() {
    let reference = continued(BlockPlan::Fixed(256), Pace::Offline);
    for (plan, pace) in [
        (BlockPlan::Fixed(64), Pace::Offline),
        (BlockPlan::Fixed(1024), Pace::Offline),
        (BlockPlan::Mixed(3), Pace::Offline),
        (BlockPlan::Fixed(256), Pace::Settled),
    ] {
        let other = continued(plan, pace);
        for channel in 0..2 {
            let found = first_difference(&reference.audio[channel], &other.audio[channel]);
            assert_eq!(found, None, "{plan:?} {pace:?}: channel {channel}");
        }
    }
}

#[test]
fn a_take_holds_what_was_heard_of_it() {
    let rendered = continued(BlockPlan::Fixed(256), Pace::Offline);
    let take = take_of(&rendered);
    assert_eq!(take.record["start_sample"], 2 * BAR);
    assert_eq!(take.record["tempo_bpm"], 120.0);
    assert_eq!(take.record["position_quarters"], 8.0);
    let length = take.record["length_samples"].as_u64().unwrap();
    assert!(length >= 2 * BAR, "{length} samples");
    // Away from the fades at both ends.
    let (from, to) = (BAR as usize / 4, 7 * BAR as usize / 4);
    let channels = take.sound.len() / length as usize;
    let kept: Vec<f32> = take.sound.iter().step_by(channels).copied().collect();
    let heard = &rendered.audio[0][2 * BAR as usize..];
    assert_eq!(first_difference(&kept[from..to], &heard[from..to]), None);
}

#[test]
fn a_piece_that_is_cut_off_by_the_end_of_the_session_is_a_take_too() {
    let mut session = load(EFFECT_ID, &[]);
    let spec = RenderSpec::offline(RATE_HZ, 5.5, run(&[(3 * SECOND, 1.0)]));
    let rendered = session.render(&spec.with_input(vec![melody(5.0)])).unwrap();
    let take = take_of(&rendered);
    assert!(take.record["length_samples"].as_u64().unwrap() >= SECOND);
    assert_eq!(take.record["ended"], "reset");
}

#[test]
fn a_take_of_the_session_comes_back_into_the_folder() {
    let mut session = load(EFFECT_ID, &[]);
    let mut state = SavedState::parse(&session.save().unwrap()).unwrap();
    let record = r#"{"id": "from-a-session", "name": "kept", "kept": true, "pack": "Tune LSTM",
        "notes": [{"tick": 0, "duration_ticks": 24, "key": 60, "velocity": 0.5}]}"#;
    state
        .set_field("takes", &format!(r#"[{{"record": {record}}}]"#))
        .unwrap();
    session.restore(&state.bytes().unwrap()).unwrap();
    let spec = RenderSpec::offline(RATE_HZ, 0.5, Timeline::new());
    session.render(&spec).unwrap();
    let folder = takes::folder().join("from-a-session");
    assert_eq!(takes::read(&folder).unwrap().record["name"], "kept");
    assert!(folder.join("notes.mid").is_file());
    // Saved again, it still travels.
    let saved = SavedState::parse(&session.save().unwrap()).unwrap();
    assert!(saved.field("takes").unwrap().contains("from-a-session"));
}

#[test]
fn it_plays_on_while_a_key_is_held_and_the_key_itself_is_not_heard() {
    let settings = [("continue_key", 61.0 / 128.0), ("continue_start", 0.0)];
    let mut session = load(EFFECT_ID, &settings);
    assert_eq!(
        session.value_text(settings[0].0, settings[0].1).unwrap(),
        "60"
    );
    let mut timeline = Timeline::new();
    timeline.note(3 * SECOND, 5 * SECOND, 60, 0.8);
    let spec = RenderSpec::offline(RATE_HZ, 7.0, timeline);
    let input = melody(3.0);
    let rendered = session
        .render(&spec.with_input(vec![input.clone()]))
        .unwrap();
    let before = &rendered.audio[0][..input.len()];
    assert_eq!(first_difference(&input, before), None);
    let level = |from: u64, to: u64| rms(&rendered.audio[0][from as usize..to as usize]);
    assert!(level(4 * SECOND, 5 * SECOND) > 0.01);
    assert_eq!(level(11 * SECOND / 2, 7 * SECOND), 0.0);
    let take = take_of(&rendered);
    assert_eq!(take.record["notes"].as_array().map(Vec::len), Some(0));
}

#[test]
fn a_session_whose_continuer_is_missing_says_so_keeps_asking_and_continues() {
    let mut session = load(EFFECT_ID, &[]);
    let mut state = SavedState::parse(&session.save().unwrap()).unwrap();
    let missing = ModelChoice {
        id: "nobody.has-this".into(),
        ..ModelChoice::default()
    };
    state.set_continuer(&missing).unwrap();
    session.restore(&state.bytes().unwrap()).unwrap();
    let spec = RenderSpec::offline(RATE_HZ, 6.0, run(&[(3 * SECOND, 1.0)]));
    let rendered = session.render(&spec.with_input(vec![melody(4.0)])).unwrap();
    let status = rendered.status.clone().unwrap();
    assert!(
        status.continuer_sentence.contains("nobody.has-this"),
        "{status:?}"
    );
    let going_on = &rendered.audio[0][9 * SECOND as usize / 2..11 * SECOND as usize / 2];
    assert!(rms(going_on) > 0.01);
    let saved = SavedState::parse(&session.save().unwrap()).unwrap();
    assert!(
        saved
            .field("continuer")
            .unwrap()
            .contains("nobody.has-this")
    );
}

#[test]
fn jumps_of_the_transport_while_it_listens_and_plays_lose_nothing() {
    let spec = RenderSpec {
        jumps: vec![(SECOND, 7.3), (2 * SECOND, 0.0), (6 * SECOND, 1.0)],
        ..RenderSpec::offline(RATE_HZ, 8.0, run(&[(3 * SECOND, 1.0), (7 * SECOND, 0.0)]))
    };
    let mut session = load(EFFECT_ID, &[]);
    let rendered = session.render(&spec.with_input(vec![melody(8.0)])).unwrap();
    assert!(rendered.peak().is_finite() && rendered.peak() < 2.0);
    take_of(&rendered);
}

#[test]
fn the_instrument_listens_where_the_host_gives_it_an_input_and_lets_nothing_through() {
    let mut session = load(INSTRUMENT_ID, &[]);
    session.choose_ports(1).unwrap();
    let spec = RenderSpec::offline(RATE_HZ, 2.0, Timeline::new());
    let rendered = session.render(&spec.with_input(vec![melody(2.0)])).unwrap();
    assert_eq!(rendered.peak(), 0.0);
    let settings = [("continue_source", 1.0), ("continue_bars", 1.0 / 128.0)];
    for (id, value) in settings {
        session.set(id, value).unwrap();
    }
    let spec = RenderSpec::offline(RATE_HZ, 7.0, run(&[(3 * SECOND, 1.0)]));
    let rendered = session.render(&spec.with_input(vec![melody(5.0)])).unwrap();
    let level = |from: u64, to: u64| rms(&rendered.audio[0][from as usize..to as usize]);
    assert_eq!(level(0, 2 * BAR - 4800), 0.0);
    assert!(level(9 * SECOND / 2, 11 * SECOND / 2) > 0.01);
}
