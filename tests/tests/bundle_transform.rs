//! The release bundle's audio effect, transforming: latency as reported, the same at any block size, nothing late.
#![allow(
    clippy::unwrap_used,
    reason = "a test that cannot go on should say where"
)]

use std::path::PathBuf;

use afterimage_tests::bundle::{self, EFFECT_ID};
use afterimage_tests::host::{
    BlockPlan, Event, Pace, RenderSpec, Rendered, Session, Timeline, parameter_hash,
};
use afterimage_tests::listen::{cents, first_difference, pitch_hz, rms};
use afterimage_tests::saved_state::{ModelChoice, SavedState};

const RATE_HZ: f64 = 48_000.0;
const SECOND: usize = 48_000;

/// A pack of the tests of `neural`.
fn fixture(name: &str) -> ModelChoice {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    ModelChoice {
        path: Some(
            folder
                .join("../plugin/crates/neural/tests/fixtures")
                .join(name),
        ),
        ..ModelChoice::default()
    }
}

fn shipped(name: &str) -> ModelChoice {
    ModelChoice {
        id: format!("afterimage.{name}"),
        ..ModelChoice::default()
    }
}

fn effect(pack: &ModelChoice, settings: &[(&str, f64)]) -> Session {
    let mut session = Session::load(&bundle::clap().unwrap(), EFFECT_ID).unwrap();
    let mut state = SavedState::parse(&session.save().unwrap()).unwrap();
    state.set_transformer(pack).unwrap();
    session.restore(&state.bytes().unwrap()).unwrap();
    session.set("fx_mode", 1.0).unwrap();
    for (id, value) in settings {
        session.set(id, *value).unwrap();
    }
    session
}

/// Four plucked notes a second, a scale over and over.
fn melody(seconds: usize) -> Vec<f32> {
    const SCALE: [f64; 8] = [0.0, 2.0, 4.0, 5.0, 7.0, 5.0, 4.0, 2.0];
    let sample = |n: usize| {
        let (step, within) = (n / 12_000, (n % 12_000) as f64 / RATE_HZ);
        let hz = 220.0 * (SCALE[step % SCALE.len()] / 12.0).exp2();
        let phase = std::f64::consts::TAU * hz * within;
        let tone = phase.sin() + 0.4 * (2.0 * phase).sin() + 0.2 * (3.0 * phase).sin();
        (0.3 * tone * (-4.0 * within).exp()) as f32
    };
    (0..seconds * SECOND).map(sample).collect()
}

fn render(session: &mut Session, plan: BlockPlan, pace: Pace, timeline: Timeline) -> Rendered {
    let spec = RenderSpec {
        plan,
        pace,
        ..RenderSpec::offline(RATE_HZ, 3.0, timeline)
    };
    session.render(&spec.with_input(vec![melody(3)])).unwrap()
}

#[test]
fn what_a_pack_leaves_as_it_is_comes_out_on_its_sample() {
    for (name, exactly) in [("transform_same", false), ("transform_later", true)] {
        let mut session = effect(&fixture(name), &[]);
        let rendered = render(
            &mut session,
            BlockPlan::Fixed(256),
            Pace::Offline,
            Timeline::new(),
        );
        assert!(
            rendered.latency_samples > 256,
            "{}",
            rendered.latency_samples
        );
        let heard = melody(3);
        // The mode begins with a fade.
        let pairs = rendered.audio[0].iter().zip(&heard).enumerate();
        for (at, (out, heard)) in pairs.skip(SECOND / 4).take(11 * SECOND / 4) {
            let off = (out - heard).abs();
            assert!(
                off < 1e-6 && !(exactly && off > 0.0),
                "{name}, sample {at}: {off}"
            );
        }
        let status = rendered.status.unwrap();
        assert_eq!(status.late_transformed, 0);
        assert_eq!(status.transformer, if exactly { "Later" } else { "Same" });
    }
}

#[test]
fn block_size_and_pace_do_not_change_a_sample() {
    let mut timeline = Timeline::new();
    for (step, id) in [
        "transform_mix",
        "transform_bias_1",
        "transform_lfo_depth",
        "transform_scale",
    ]
    .iter()
    .enumerate()
    {
        let id = parameter_hash(id);
        let value = 0.35 + 0.1 * step as f64;
        timeline.push(40_001 + 7_777 * step as u64, Event::Parameter { id, value });
    }
    let rendered = |plan: BlockPlan, pace: Pace| {
        let live = f64::from(u8::from(pace != Pace::Offline)) * 0.5;
        let mut session = effect(&shipped("logfreq-vq"), &[("render_mode", live)]);
        let rendered = render(&mut session, plan, pace, timeline.clone());
        let status = rendered.status.clone().unwrap();
        assert_eq!(status.late_transformed, 0, "{plan:?}");
        rendered
    };
    let reference = rendered(BlockPlan::Fixed(256), Pace::Offline);
    for plan in [BlockPlan::Fixed(32), BlockPlan::Fixed(240)] {
        let other = rendered(plan, Pace::Offline);
        let found = first_difference(&reference.audio[0], &other.audio[0]);
        assert_eq!(found, None, "{plan:?}");
    }
}

#[test]
fn notes_keep_their_pitch_and_their_level_through_the_coded_pack() {
    let mut session = effect(&shipped("logfreq-vq"), &[]);
    let rendered = render(
        &mut session,
        BlockPlan::Fixed(256),
        Pace::Offline,
        Timeline::new(),
    );
    let heard = melody(3);
    let (mut within, mut notes) = (0, 0);
    for note in 2..12 {
        let span = note * 12_000 + 2_400..note * 12_000 + 9_600;
        let (was, is) = (&heard[span.clone()], &rendered.audio[0][span]);
        let off_db = 20.0 * (rms(is) / rms(was)).log10();
        assert!(off_db.abs() < 6.0, "note {note}: {off_db:.1} dB");
        let pitch = |samples: &[f32]| pitch_hz(samples, RATE_HZ).unwrap_or(1.0);
        notes += 1;
        within += u32::from(cents(pitch(was), pitch(is)).abs() < 10.0);
    }
    assert!(
        within >= notes - 1,
        "{within} of {notes} notes within 10 cents"
    );
    assert_ne!(
        heard[SECOND..],
        rendered.audio[0][SECOND..],
        "it is another sound"
    );
}

#[test]
fn continuing_again_gives_the_latency_back() {
    let mut session = effect(&fixture("transform_same"), &[]);
    let transformed = render(
        &mut session,
        BlockPlan::Fixed(256),
        Pace::Offline,
        Timeline::new(),
    );
    assert!(transformed.latency_samples > 0);
    session.set("fx_mode", 0.0).unwrap();
    let passed = render(
        &mut session,
        BlockPlan::Fixed(256),
        Pace::Offline,
        Timeline::new(),
    );
    assert_eq!(passed.latency_samples, 0);
    assert_eq!(first_difference(&passed.audio[0], &melody(3)), None);
}

#[test]
fn a_pack_that_cannot_transform_is_named_and_the_input_passes() {
    let mut session = effect(&shipped("keys-vae"), &[]);
    let rendered = render(
        &mut session,
        BlockPlan::Fixed(256),
        Pace::Offline,
        Timeline::new(),
    );
    let status = rendered.status.clone().unwrap();
    assert!(
        status
            .transformer_sentence
            .contains("does not transform sound"),
        "{status:?}"
    );
    assert_eq!(first_difference(&rendered.audio[0], &melody(3)), None);
}
