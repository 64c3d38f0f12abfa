//! The release bundle in a session: state, and what happens when something is missing or too much.
#![allow(
    clippy::unwrap_used,
    reason = "a test that cannot go on should say where"
)]

use std::path::Path;

use afterimage_tests::bundle::{self, INSTRUMENT_ID};
use afterimage_tests::bundle_copy::BundleCopy;
use afterimage_tests::host::{BlockPlan, RenderSpec, Rendered, Session, Timeline};
use afterimage_tests::listen::{first_difference, rms};
use afterimage_tests::saved_state::SavedState;
use afterimage_tests::scenes::CROWD;

const RATE_HZ: f64 = 48_000.0;

fn session() -> Session {
    Session::load(&bundle::clap().unwrap(), INSTRUMENT_ID).unwrap()
}

fn one_note() -> Timeline {
    let mut timeline = Timeline::new();
    timeline.note(480, 19_200, 57, 0.9);
    timeline
}

fn play(session: &mut Session) -> Rendered {
    session
        .render(&RenderSpec::offline(RATE_HZ, 0.6, one_note()))
        .unwrap()
}

#[test]
fn a_saved_state_brings_the_sound_back_in_another_instance() {
    let mut original = session();
    for (id, value) in [
        ("latent_1", 0.7),
        ("latent_3", 0.2),
        ("width", 0.9),
        ("seed", 0.42),
        ("release_ms", 0.3),
    ] {
        original.set(id, value).unwrap();
    }
    let expected = play(&mut original);
    let saved = original.save().unwrap();
    let mut restored = session();
    restored.restore(&saved).unwrap();
    for id in [
        "latent_1",
        "latent_3",
        "width",
        "seed",
        "release_ms",
        "latency_mode",
    ] {
        assert_eq!(original.get(id).unwrap(), restored.get(id).unwrap(), "{id}");
    }
    let sound = play(&mut restored);
    assert_eq!(first_difference(&expected.audio[0], &sound.audio[0]), None);
    assert_eq!(
        SavedState::parse(&restored.save().unwrap())
            .unwrap()
            .model()
            .unwrap()
            .id,
        SavedState::parse(&saved).unwrap().model().unwrap().id
    );
}

#[test]
fn a_state_names_the_model_by_id_and_hash() {
    let mut session = session();
    play(&mut session);
    let model = SavedState::parse(&session.save().unwrap())
        .unwrap()
        .model()
        .unwrap();
    assert!(!model.id.is_empty(), "{model:?}");
    assert_eq!(model.hash.len(), 64, "{model:?}");
    assert!(!model.backend.is_empty(), "{model:?}");
}

#[test]
fn a_state_that_is_no_state_is_refused_and_the_sound_stays() {
    let mut session = session();
    let before = play(&mut session);
    for garbage in [&b""[..], b"\x05\0\0\0\0\0\0\0hello", &[0xFF; 64]] {
        assert!(
            session.restore(garbage).is_err(),
            "{garbage:?} was taken for a state"
        );
    }
    assert_eq!(
        first_difference(&before.audio[0], &play(&mut session).audio[0]),
        None
    );
}

/// Renders with the main runtime and with a damaged copy; both must sound alike.
fn falls_back(name: &str, damage: impl Fn(&Path)) {
    let usual = play(&mut session());
    let copy = BundleCopy::new(name).unwrap();
    damage(&copy.runtime().unwrap());
    let rendered = play(&mut copy.session().unwrap());
    let status = rendered
        .status
        .clone()
        .expect("the plugin writes its status");
    assert!(status.backend.contains("rten"), "{status:?}");
    assert!(
        !status.sentence.is_empty(),
        "the fallback is announced in a sentence"
    );
    let difference: Vec<f32> = usual.audio[0]
        .iter()
        .zip(&rendered.audio[0])
        .map(|(a, b)| a - b)
        .collect();
    assert!(
        rms(&difference) < 0.02 * rms(&usual.audio[0]),
        "the backends must sound alike"
    );
}

#[test]
fn without_the_runtime_library_the_embedded_runtime_plays_and_says_so() {
    falls_back("no-runtime", |library| {
        std::fs::remove_file(library).unwrap()
    });
}

#[test]
fn a_runtime_library_that_is_none_is_refused_and_the_embedded_runtime_plays() {
    falls_back("bad-runtime", |library| {
        std::fs::write(library, b"not a library").unwrap()
    });
}

#[test]
fn blocks_without_samples_change_nothing() {
    let whole = play(&mut session());
    let blocks = std::iter::repeat_n([0, 256, 0], 200).flatten().collect();
    let spec = RenderSpec {
        blocks: Some(blocks),
        ..RenderSpec::offline(RATE_HZ, 0.6, one_note())
    };
    let rendered = session().render(&spec).unwrap();
    let common = whole.audio[0].len().min(rendered.audio[0].len());
    assert_eq!(
        first_difference(&whole.audio[0][..common], &rendered.audio[0][..common]),
        None
    );
}

#[test]
fn a_block_longer_than_announced_plays_on() {
    let whole = play(&mut session());
    let spec = RenderSpec {
        plan: BlockPlan::Fixed(64),
        blocks: Some(vec![64, 4096, 64, 8192, 1, 16_384, 64]),
        ..RenderSpec::offline(RATE_HZ, 0.6, one_note())
    };
    let rendered = session().render(&spec).unwrap();
    assert!(rendered.peak().is_finite(), "samples were left unwritten");
    let common = whole.audio[0].len().min(rendered.audio[0].len());
    assert_eq!(
        first_difference(&whole.audio[0][..common], &rendered.audio[0][..common]),
        None
    );
}

#[test]
fn ten_thousand_notes_in_a_block_are_survived_and_the_next_note_plays() {
    let mut timeline = Timeline::new();
    for note in 0..CROWD {
        timeline.note(600 + note % 200, 4_800, (note % 128) as u8, 0.5);
    }
    timeline.note(96_000, 110_000, 60, 1.0);
    let spec = RenderSpec {
        plan: BlockPlan::Fixed(512),
        ..RenderSpec::offline(RATE_HZ, 2.4, timeline)
    };
    let rendered = session().render(&spec).unwrap();
    assert!(rendered.peak() <= 1.0, "peak {}", rendered.peak());
    assert!(
        rms(&rendered.audio[0][98_000..108_000]) > 1e-3,
        "the note after the crowd is silent: {:?}",
        rendered.status
    );
}

#[test]
fn bypass_is_silent_and_its_end_brings_the_sound_back() {
    let mut session = session();
    let bypass = session
        .parameters()
        .iter()
        .find(|parameter| parameter.bypass)
        .expect("a bypass parameter")
        .id;
    let mut timeline = Timeline::new();
    timeline.push(
        0,
        afterimage_tests::host::Event::Parameter {
            id: bypass,
            value: 1.0,
        },
    );
    timeline.note(4_800, 24_000, 60, 1.0);
    timeline.push(
        48_000,
        afterimage_tests::host::Event::Parameter {
            id: bypass,
            value: 0.0,
        },
    );
    timeline.note(52_800, 72_000, 60, 1.0);
    let rendered = session
        .render(&RenderSpec::offline(RATE_HZ, 1.5, timeline))
        .unwrap();
    assert!(
        rendered.audio[0][9_600..40_000]
            .iter()
            .all(|sample| *sample == 0.0)
    );
    assert!(rms(&rendered.audio[0][57_600..70_000]) > 1e-3);
}

#[test]
fn two_instances_do_not_hear_each_other() {
    let alone = play(&mut session());
    let (mut one, mut other) = (session(), session());
    other.set("latent_1", 0.9).unwrap();
    let beside = play(&mut other);
    assert_eq!(
        first_difference(&alone.audio[0], &play(&mut one).audio[0]),
        None
    );
    assert!(first_difference(&alone.audio[0], &beside.audio[0]).is_some());
}
