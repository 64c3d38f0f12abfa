//! The host itself, against a plugin whose every sample is known.
#![allow(
    clippy::unwrap_used,
    reason = "a test that cannot go on should say where"
)]

use afterimage_tests::host::{BlockPlan, Event, Pace, RenderSpec, Session, Timeline};
use afterimage_tests::probe::{self, PROBE_ID, PROBE_LATENCY};

const RATE_HZ: f64 = 48_000.0;

fn session() -> Session {
    Session::from_entry(&probe::entry().unwrap(), PROBE_ID).unwrap()
}

fn impulses(samples: &[f32]) -> Vec<(usize, f32)> {
    samples
        .iter()
        .enumerate()
        .filter(|(_, sample)| **sample != 0.0)
        .map(|(at, sample)| (at, *sample))
        .collect()
}

#[test]
fn a_note_lands_on_its_sample_at_any_block_size_when_the_latency_is_compensated() {
    for plan in [1, 32, 333, 1024]
        .map(BlockPlan::Fixed)
        .into_iter()
        .chain([BlockPlan::Mixed(5)])
    {
        let mut timeline = Timeline::new();
        for (at, velocity) in [(0, 0.25), (1, 0.5), (4_711, 0.75), (9_999, 1.0)] {
            timeline.note(at, at + 100, 60, velocity);
        }
        let spec = RenderSpec {
            plan,
            ..RenderSpec::offline(RATE_HZ, 0.25, timeline)
        };
        let rendered = session().render(&spec).unwrap();
        assert_eq!(rendered.latency_samples, PROBE_LATENCY);
        assert_eq!(rendered.audio[0].len(), 12_000);
        let found = impulses(&rendered.audio[0]);
        assert_eq!(
            found,
            [(0, 0.25), (1, 0.5), (4_711, 0.75), (9_999, 1.0)],
            "{plan:?}"
        );
    }
}

#[test]
fn without_compensation_the_latency_is_heard() {
    let mut timeline = Timeline::new();
    timeline.note(100, 200, 60, 1.0);
    let spec = RenderSpec {
        compensate: false,
        ..RenderSpec::offline(RATE_HZ, 0.1, timeline)
    };
    let rendered = session().render(&spec).unwrap();
    assert_eq!(
        impulses(&rendered.audio[1]),
        [(100 + PROBE_LATENCY as usize, 1.0)]
    );
}

#[test]
fn a_parameter_changes_at_its_sample_and_before_the_note_that_follows_it() {
    let mut session = session();
    let gain = session.parameters().find("gain").unwrap().id;
    let mut timeline = Timeline::new();
    timeline.note(500, 600, 60, 1.0);
    timeline.push(
        1_000,
        Event::Parameter {
            id: gain,
            value: 0.5,
        },
    );
    timeline.note(1_000, 1_100, 60, 1.0);
    let rendered = session
        .render(&RenderSpec::offline(RATE_HZ, 0.1, timeline))
        .unwrap();
    assert_eq!(impulses(&rendered.audio[0]), [(500, 1.0), (1_000, 0.5)]);
}

#[test]
fn a_parameter_set_while_inactive_is_flushed_to_the_plugin() {
    let mut session = session();
    session.set("gain", 0.25).unwrap();
    assert_eq!(session.get("gain").unwrap(), 0.25);
    assert_eq!(session.value_text("gain", 0.25).unwrap(), "0.25");
    assert!(session.set("no_such_parameter", 0.5).is_err());
}

#[test]
fn a_live_render_keeps_to_the_clock() {
    let spec = RenderSpec {
        pace: Pace::Live { speed: 1.0 },
        ..RenderSpec::offline(RATE_HZ, 0.2, Timeline::new())
    };
    let rendered = session().render(&spec).unwrap();
    assert!(rendered.wall_s > 0.19, "0.2 s took {} s", rendered.wall_s);
}

#[test]
fn blocks_of_no_samples_and_blocks_over_the_announced_size_reach_the_plugin() {
    let mut timeline = Timeline::new();
    timeline.note(700, 800, 60, 1.0);
    let spec = RenderSpec {
        blocks: Some(vec![0, 64, 0, 2048, 1, 0, 512]),
        plan: BlockPlan::Fixed(64),
        ..RenderSpec::offline(RATE_HZ, 0.02, timeline)
    };
    let rendered = session().render(&spec).unwrap();
    assert_eq!(impulses(&rendered.audio[0]), [(700, 1.0)]);
    assert_eq!(rendered.times.nanoseconds.len(), 7);
}
