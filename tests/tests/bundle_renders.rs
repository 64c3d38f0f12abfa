//! The release bundle in the CLAP host: the same events give the same samples.
#![allow(
    clippy::unwrap_used,
    reason = "a test that cannot go on should say where"
)]

use afterimage_tests::bundle::{self, INSTRUMENT_ID};
use afterimage_tests::host::{
    Automation, BlockPlan, Pace, RenderSpec, Rendered, Session, Timeline,
};
use afterimage_tests::listen::{cents, first_above, first_difference, key_hz, pitch_hz, rms};

const RATE_HZ: f64 = 48_000.0;

fn session() -> Session {
    Session::load(&bundle::clap().unwrap(), INSTRUMENT_ID).unwrap()
}

/// Three overlapping notes and a chord, with four knobs moving.
fn music(session: &Session, rate_hz: f64, seconds: f64) -> Timeline {
    let mut timeline = Timeline::new();
    let at = |seconds: f64| (seconds * rate_hz).round() as u64;
    for (on_s, off_s, key, velocity) in [
        (0.0103, 0.7, 57, 0.8),
        (0.25, 0.6, 64, 0.5),
        (0.4001, 1.3, 69, 1.0),
        (0.75, 1.2, 45, 0.7),
        (0.75, 1.2, 52, 0.7),
        (0.75, 1.2, 61, 0.7),
    ] {
        timeline.note(at(on_s), at(off_s), key, velocity);
    }
    let drawn: Automation = serde_json::from_str(
        r#"{"parameters": {"latent_1": [[0.0, 0.3], [1.5, 0.8]], "latent_2": [[0.0, 0.5], [0.8, 0.2], [1.5, 0.6]],
            "mod_wheel": [[0.2, 0.0], [1.0, 1.0]], "pressure": [[0.0, 0.0], [1.0, 0.5]]}}"#,
    )
    .unwrap();
    timeline
        .automate(&drawn, session.parameters(), rate_hz, seconds)
        .unwrap();
    timeline
}

fn render(plan: BlockPlan, pace: Pace) -> Rendered {
    let mut session = session();
    let timeline = music(&session, RATE_HZ, 1.5);
    session
        .render(&RenderSpec {
            plan,
            pace,
            ..RenderSpec::offline(RATE_HZ, 2.0, timeline)
        })
        .unwrap()
}

fn assert_same(one: &Rendered, other: &Rendered, what: &str) {
    for channel in 0..2 {
        let found = first_difference(&one.audio[channel], &other.audio[channel]);
        assert_eq!(
            found, None,
            "{what}: channel {channel} differs at (sample, one, other)"
        );
    }
}

#[test]
fn one_event_list_gives_the_same_samples_at_every_block_size() {
    let reference = render(BlockPlan::Fixed(64), Pace::Offline);
    assert!(reference.peak() > 1e-3, "silent: {:?}", reference.status);
    for plan in [32, 333, 512, 1024]
        .map(BlockPlan::Fixed)
        .into_iter()
        .chain([BlockPlan::Mixed(1), BlockPlan::Mixed(2)])
    {
        assert_same(
            &reference,
            &render(plan, Pace::Offline),
            &format!("blocks of 64 against {plan:?}"),
        );
    }
}

#[test]
fn the_same_instance_renders_the_same_twice() {
    let mut session = session();
    let timeline = music(&session, RATE_HZ, 1.5);
    let spec = RenderSpec::offline(RATE_HZ, 1.0, timeline);
    let first = session.render(&spec).unwrap();
    assert_same(
        &first,
        &session.render(&spec).unwrap(),
        "first against second",
    );
}

#[test]
fn a_live_render_without_late_frames_is_the_offline_render() {
    let offline = render(BlockPlan::Fixed(256), Pace::Offline);
    for plan in [32, 256].map(BlockPlan::Fixed) {
        let mut session = session();
        // Live, whatever the pace of the blocks says.
        session.set("render_mode", 0.5).unwrap();
        let timeline = music(&session, RATE_HZ, 1.5);
        let spec = RenderSpec {
            plan,
            pace: Pace::Settled,
            ..RenderSpec::offline(RATE_HZ, 2.0, timeline)
        };
        let live = session.render(&spec).unwrap();
        let status = live.status.clone().expect("the plugin writes its status");
        assert_eq!(
            (status.late_frames, status.dropped_requests),
            (0, 0),
            "{status:?}"
        );
        assert_same(
            &offline,
            &live,
            &format!("offline against live in {plan:?}"),
        );
    }
}

#[test]
fn going_live_and_back_offline_changes_nothing() {
    let before = render(BlockPlan::Fixed(256), Pace::Offline);
    let mut session = session();
    let timeline = music(&session, RATE_HZ, 1.5);
    let offline = RenderSpec::offline(RATE_HZ, 2.0, timeline);
    let live = RenderSpec {
        pace: Pace::Live { speed: 1.0 },
        samples: 24_000,
        ..offline.clone()
    };
    session.render(&offline).unwrap();
    session.render(&live).unwrap();
    assert_same(
        &before,
        &session.render(&offline).unwrap(),
        "fresh against offline after live",
    );
}

#[test]
fn an_offline_render_is_never_late_and_never_gives_up_waiting() {
    let status = render(BlockPlan::Fixed(512), Pace::Offline)
        .status
        .expect("the plugin writes its status");
    assert_eq!(
        (
            status.late_frames,
            status.wait_timeouts,
            status.dropped_requests
        ),
        (0, 0, 0),
        "{status:?}"
    );
}

/// Sample of the first sound of a note at `on`, without compensation.
fn onset(rate_hz: f64, on: u64) -> (u64, u32) {
    let mut session = session();
    session.set("attack_ms", 0.0).unwrap();
    let mut timeline = Timeline::new();
    timeline.note(on, on + (rate_hz / 4.0) as u64, 57, 1.0);
    let spec = RenderSpec {
        compensate: false,
        ..RenderSpec::offline(rate_hz, 0.5, timeline)
    };
    let rendered = session.render(&spec).unwrap();
    let heard = first_above(&rendered.audio[0], 0.0).expect("the note sounds");
    (heard as u64, rendered.latency_samples)
}

#[test]
fn the_reported_latency_is_the_measured_one_to_the_sample() {
    let (first, latency) = onset(RATE_HZ, 1_000);
    for on in [1_000, 1_001, 1_037, 4_096, 5_555] {
        let (heard, again) = onset(RATE_HZ, on);
        assert_eq!(again, latency);
        assert_eq!(
            heard - on,
            first - 1_000,
            "a note at {on} is as late as one at 1000"
        );
    }
    assert_eq!(
        first - 1_000,
        u64::from(latency),
        "measured and reported differ at the model's own rate"
    );
}

#[test]
fn at_other_rates_the_reported_latency_holds_within_the_models_sample() {
    for rate_hz in [44_100.0, 88_200.0, 96_000.0, 192_000.0] {
        let (first, latency) = onset(rate_hz, 1_000);
        // A note begins on a sample of the model's clock, which lies between those of the host.
        let grid = (rate_hz / 48_000.0_f64).ceil() as i64;
        for on in [1_001, 1_037, 4_096, 5_555] {
            let (heard, again) = onset(rate_hz, on);
            assert_eq!(again, latency);
            let moved = (heard as i64 - on as i64) - (first as i64 - 1_000);
            assert!(
                moved.abs() <= grid,
                "a note at {on} comes {moved} samples beside one at 1000, at {rate_hz} Hz"
            );
        }
        // The resampler's kernel rings before its centre: sound may begin early by its half, never late.
        let early = i64::from(latency) - (first as i64 - 1_000);
        assert!(
            (-grid..=128 * grid).contains(&early),
            "{early} samples early at {rate_hz} Hz"
        );
    }
}

#[test]
fn in_instant_mode_a_note_sounds_on_its_sample_and_the_host_is_told_no_latency() {
    for rate_hz in [44_100.0, 48_000.0, 96_000.0] {
        for block in [32, 333, 1024] {
            let mut session = session();
            session.set("attack_ms", 0.0).unwrap();
            session.set("latency_mode", 1.0).unwrap();
            let on = 5_003;
            let mut timeline = Timeline::new();
            timeline.note(on, on + 12_000, 57, 1.0);
            let spec = RenderSpec {
                plan: BlockPlan::Fixed(block),
                ..RenderSpec::offline(rate_hz, 0.5, timeline)
            };
            let rendered = session.render(&spec).unwrap();
            let what = format!("{rate_hz} Hz, blocks of {block}");
            assert_eq!(rendered.latency_samples, 0, "{what}");
            let heard = first_above(&rendered.audio[0], 0.0).expect("the note sounds");
            // A sine's first sample may be zero.
            assert!((on..on + 2).contains(&(heard as u64)), "{what}: {heard}");
            let begins = rms(&rendered.audio[0][on as usize..on as usize + 480]);
            let later = rms(&rendered.audio[0][on as usize + 960..on as usize + 1440]);
            assert!(begins > 0.1 * later, "{what}: {begins} then {later}");
        }
    }
}

#[test]
fn every_host_rate_plays_the_same_pitch() {
    let mut pitches = Vec::new();
    for rate_hz in [44_100.0, 48_000.0, 88_200.0, 96_000.0, 192_000.0] {
        let mut session = session();
        session.set("drift", 0.0).unwrap();
        session.set("width", 0.0).unwrap();
        let mut timeline = Timeline::new();
        timeline.note(0, (1.5 * rate_hz) as u64, 57, 0.8);
        let rendered = session
            .render(&RenderSpec::offline(rate_hz, 1.5, timeline))
            .unwrap();
        let steady = &rendered.mono()[(0.4 * rate_hz) as usize..(1.2 * rate_hz) as usize];
        pitches.push((
            rate_hz,
            pitch_hz(steady, rate_hz).expect("the note has a pitch"),
        ));
    }
    for (rate_hz, pitch) in &pitches {
        let off = cents(pitches[1].1, *pitch);
        assert!(
            off.abs() < 2.0,
            "{rate_hz} Hz plays {off:.2} cents beside 48 kHz: {pitches:?}"
        );
    }
    assert!(
        cents(key_hz(57.0), pitches[1].1).abs() < 25.0,
        "key 57 sounds at {} Hz",
        pitches[1].1
    );
}

#[test]
fn a_note_ends_and_silence_is_exactly_silent() {
    let mut session = session();
    session.set("release_ms", 0.1).unwrap();
    let mut timeline = Timeline::new();
    timeline.note(4_800, 24_000, 60, 1.0);
    let rendered = session
        .render(&RenderSpec::offline(RATE_HZ, 6.0, timeline))
        .unwrap();
    for channel in &rendered.audio {
        assert!(rms(&channel[9_600..24_000]) > 1e-3, "the note sounds");
        let last = channel.iter().rposition(|sample| *sample != 0.0).unwrap();
        assert!(
            last < 240_000,
            "still sounding at sample {last}, 4.5 s after the note ended"
        );
    }
}

#[test]
fn without_notes_every_sample_is_zero() {
    let rendered = session()
        .render(&RenderSpec::offline(RATE_HZ, 1.0, Timeline::new()))
        .unwrap();
    assert!(
        rendered
            .audio
            .iter()
            .flatten()
            .all(|sample| sample.to_bits() == 0),
        "peak {}",
        rendered.peak()
    );
}

#[test]
fn another_seed_gives_another_sound_and_the_same_seed_the_same() {
    let render = |seed: f64| {
        let mut session = session();
        session.set("seed", seed).unwrap();
        let timeline = music(&session, RATE_HZ, 1.0);
        session
            .render(&RenderSpec::offline(RATE_HZ, 1.0, timeline))
            .unwrap()
    };
    let one = render(0.1);
    assert_same(&one, &render(0.1), "the same seed");
    assert!(
        first_difference(&one.audio[0], &render(0.7).audio[0]).is_some(),
        "the seed is not heard"
    );
}

#[test]
fn a_latent_knob_is_heard() {
    let render = |value: f64| {
        let mut session = session();
        session.set("latent_1", value).unwrap();
        let mut timeline = Timeline::new();
        timeline.note(0, 24_000, 60, 0.8);
        session
            .render(&RenderSpec::offline(RATE_HZ, 0.6, timeline))
            .unwrap()
    };
    let (low, high) = (render(0.2), render(0.8));
    let difference: Vec<f32> = low.audio[0]
        .iter()
        .zip(&high.audio[0])
        .map(|(a, b)| a - b)
        .collect();
    assert!(
        rms(&difference) > 0.05 * rms(&low.audio[0]),
        "Latent 1 changes nothing"
    );
}
