//! Notes begin, end, are stolen, choked and held as they should be; silence is silence.
#![allow(clippy::unwrap_used)]

mod support;

use afterimage_engine::{
    ControlChange, Event, HostConfig, NoteMatch, Pull, RenderMode, TimedEvent,
};
use support::{Rig, Working, control, note_off, note_on, peak};

fn rig() -> Rig {
    Rig::new(HostConfig::new(48_000, 256))
}

#[test]
fn silence_before_a_note_and_after_its_end_is_exactly_silent() {
    let mut rig = rig();
    let sound = rig.play(
        &[(4_800, note_on(60, 1.0)), (24_000, note_off(60))],
        96_000,
        256,
    );
    let latency = rig.latency.total_samples as usize;
    assert_eq!(peak(&sound.left[..4_800 + latency]), 0.0);
    assert!(sound.peak() > 0.05);
    // Release is 100 ms; the DC block rings below -200 dB within a second.
    assert_eq!(peak(&sound.left[24_000 + latency + 4_800 + 36_000..]), 0.0);
    assert_eq!(
        rig.processor.process(&mut [0.0; 8], &mut [0.0; 8], &[]),
        Pull::Complete
    );
    assert_eq!(rig.engine.monitor().voices(), 0);
}

#[test]
fn a_released_note_stops_asking_for_frames() {
    let mut rig = rig();
    rig.play(&[(0, note_on(60, 1.0)), (4_800, note_off(60))], 48_000, 256);
    let decoded = rig.engine.monitor().counts().decoded_frames;
    rig.play(&[], 48_000, 256);
    assert_eq!(rig.engine.monitor().counts().decoded_frames, decoded);
}

#[test]
fn a_note_whose_frames_fell_silent_stops_asking_before_its_release_ends() {
    let mut rig = rig();
    let events = [
        (0, control(ControlChange::ReleaseMs(10_000.0))),
        (0, note_on(60, 1.0)),
        (4_800, note_off(60)),
    ];
    let sound = rig.play(&events, 60_000, 256);
    let decoded = rig.engine.monitor().counts().decoded_frames;
    assert!(
        decoded < 120,
        "the test decoder is silent 300 ms after release: {decoded} frames"
    );
    let sound_later = rig.play(&[], 48_000, 256);
    assert_eq!(rig.engine.monitor().counts().decoded_frames, decoded);
    assert!(sound.peak() > 0.05 && sound_later.peak() == 0.0);
}

#[test]
fn a_seventeenth_note_steals_the_voice_released_longest_ago_and_nothing_clicks() {
    let run = |held: u64| {
        let mut rig = rig();
        let mut events = vec![
            (0, control(ControlChange::ReleaseMs(5_000.0))),
            (0, control(ControlChange::AttackMs(5.0))),
        ];
        events.extend((0..held).map(|step| (step * 10, note_on(40 + step as u8, 0.3))));
        events.push((9_000, note_off(45)));
        events.push((10_000, note_on(60, 0.3)));
        let sound = rig.play(&events, 20_000, 256);
        assert_eq!(
            rig.engine.monitor().voices(),
            held as u32 + u32::from(held < 16)
        );
        let counts = rig.engine.monitor().counts();
        assert_eq!(counts.dropped_notes, 0);
        (sound.largest_step(), counts.stolen_voices)
    };
    let (with_room, none) = run(15);
    let (stolen, one) = run(16);
    assert_eq!((none, one), (0, 1));
    assert!(stolen < 1.5 * with_room);
}

#[test]
fn the_pedal_holds_and_lets_go() {
    let mut rig = rig();
    let events = [
        (
            0,
            Event::Sustain {
                channel: 0,
                down: true,
            },
        ),
        (100, note_on(60, 1.0)),
        (2_000, note_off(60)),
        (
            40_000,
            Event::Sustain {
                channel: 0,
                down: false,
            },
        ),
    ];
    let sound = rig.play(&events, 96_000, 256);
    assert!(peak(&sound.left[36_000..40_000]) > 0.05);
    assert!(peak(&sound.left[50_000..]) < 1e-4);
}

#[test]
fn choke_ends_a_note_in_five_milliseconds() {
    let mut rig = rig();
    let latency = rig.latency.total_samples as usize;
    let choke = Event::Choke(NoteMatch {
        key: Some(60),
        ..NoteMatch::default()
    });
    let sound = rig.play(&[(0, note_on(60, 1.0)), (20_000, choke)], 40_000, 256);
    assert!(peak(&sound.left[19_000 + latency..20_000 + latency]) > 0.05);
    // What is left is the DC block's tail.
    assert!(peak(&sound.left[20_000 + latency + 240..]) < 0.02);
}

#[test]
fn note_ids_tell_two_notes_on_one_key_apart() {
    let mut rig = rig();
    let note = |channel, id| Event::NoteOn {
        key: 60,
        channel,
        note_id: Some(id),
        velocity: 1.0,
    };
    let off = |id| {
        Event::NoteOff(NoteMatch {
            note_id: Some(id),
            ..NoteMatch::default()
        })
    };
    let sound = rig.play(
        &[(0, note(0, 7)), (0, note(1, 8)), (10_000, off(7))],
        40_000,
        256,
    );
    assert!(peak(&sound.left[30_000..]) > 0.05);
    let sound = rig.play(&[(40_000, off(8))], 40_000, 256);
    assert!(peak(&sound.left[20_000..]) < 1e-4);
}

#[test]
fn striking_a_key_again_releases_what_it_held() {
    let mut rig = rig();
    let events: Vec<_> = (0..40)
        .map(|step| (step * 4_800, note_on(60, 0.8)))
        .collect();
    rig.play(&events, 40 * 4_800, 256);
    assert!(
        rig.engine.monitor().voices() <= 3,
        "100 ms of release overlap"
    );
    let sound = rig.play(&[(40 * 4_800, note_off(60))], 48_000, 256);
    assert!(peak(&sound.left[24_000..]) < 1e-4);
}

#[test]
fn all_notes_off_releases_everything_and_lifts_the_pedal() {
    let mut rig = rig();
    let mut events = vec![(
        0,
        Event::Sustain {
            channel: 0,
            down: true,
        },
    )];
    events.extend((0..8).map(|step| (step * 100, note_on(50 + step as u8, 0.5))));
    events.push((8_000, note_off(50)));
    events.push((10_000, Event::AllNotesOff));
    let sound = rig.play(&events, 96_000, 256);
    assert!(peak(&sound.left[30_000..]) < 1e-4);
    assert_eq!(peak(&sound.left[80_000..]), 0.0);
}

#[test]
fn velocity_and_pitch_are_heard() {
    let loudness = |velocity| {
        let sound = rig().play(&[(0, note_on(60, velocity))], 24_000, 256);
        peak(&sound.left[12_000..])
    };
    assert!(loudness(1.0) > 4.0 * loudness(0.3));
    let crossings = |events: &[(u64, Event)]| {
        let sound = rig().play(events, 48_000, 256);
        sound.left[20_000..]
            .windows(2)
            .filter(|pair| pair[0] <= 0.0 && pair[1] > 0.0)
            .count()
    };
    let plain = crossings(&[(0, note_on(60, 1.0))]);
    let bent = crossings(&[
        (0, note_on(60, 1.0)),
        (
            9_000,
            Event::PitchBend {
                channel: 0,
                bend: 1.0,
            },
        ),
    ]);
    assert!(bent > plain, "two semitones up: {plain} then {bent}");
}

#[test]
fn ten_thousand_notes_in_a_block_are_survived_and_counted() {
    for spacing in [0, 1] {
        let mut rig = Rig::new(HostConfig::new(48_000, 8192));
        let events: Vec<_> = (0..10_000_u32)
            .map(|step| TimedEvent::new(step * spacing, note_on((step % 128) as u8, 0.7)))
            .collect();
        let (mut left, mut right) = (vec![0.0; 8192], vec![0.0; 8192]);
        for _ in 0..4 {
            rig.processor.process(&mut left, &mut right, &events);
            rig.work();
            assert!(
                left.iter()
                    .chain(&right)
                    .all(|sample| sample.is_finite() && sample.abs() < 1.0)
            );
        }
        rig.position = 4 * 8192;
        let off = rig.position;
        let sound = rig.play(&[(off, Event::AllNotesOff)], 96_000, 8192);
        let counts = rig.engine.monitor().counts();
        assert!(counts.stolen_voices > 1_000, "{counts:?}");
        assert_eq!(counts.dropped_requests, 0);
        assert_eq!(peak(&sound.left[90_000..]), 0.0);
    }
}

#[test]
fn odd_blocks_and_odd_events_are_taken() {
    let mut rig = Rig::new(HostConfig::new(48_000, 64));
    let mut events = vec![
        TimedEvent::new(900, note_on(60, 0.9)),
        TimedEvent::new(3, note_on(64, f32::NAN)),
        TimedEvent::new(u32::MAX, note_on(255, 7.0)),
        TimedEvent::new(
            5,
            Event::PitchBend {
                channel: 200,
                bend: f32::INFINITY,
            },
        ),
    ];
    for value in [f32::NAN, f32::INFINITY, -1e30, 1e30] {
        for change in [
            ControlChange::Latent { axis: 3, value },
            ControlChange::Latent { axis: 200, value },
            ControlChange::Descriptor { index: 99, value },
            ControlChange::GainDb(value),
            ControlChange::Width(value),
            ControlChange::AttackMs(value),
            ControlChange::DecayMs(value),
            ControlChange::SustainLevel(value),
            ControlChange::ReleaseMs(value),
            ControlChange::Temperature(value),
            ControlChange::BendRangeSemitones(value),
        ] {
            events.push(TimedEvent::new(7, control(change)));
        }
        events.push(TimedEvent::new(7, Event::ModWheel { position: value }));
    }
    rig.processor.process(&mut [], &mut [], &events); // no samples at all
    let (mut left, mut right) = (vec![0.0; 5_000], vec![0.0; 4_000]);
    for _ in 0..10 {
        rig.processor.process(&mut left, &mut right, &events); // far longer than announced, uneven
        rig.work();
    }
    assert!(
        left.iter()
            .chain(&right)
            .all(|sample| sample.is_finite() && sample.abs() < 1.0)
    );
    assert!(rig.engine.monitor().voices() > 0);
}

#[test]
fn an_over_long_block_sounds_like_short_ones() {
    let events = support::music(0.5, 48_000);
    let short = Rig::new(HostConfig::new(48_000, 256)).play(&events, 48_000, 256);
    let mut rig = Rig::new(HostConfig::new(48_000, 256));
    rig.processor
        .set_render(afterimage_engine::RenderMode::Wait, false);
    let long = rig.render(
        &events,
        48_000,
        || 5_000,
        support::Working::OnlyWhenWaitedFor,
    );
    long.assert_same(&short, "blocks of 5000 where 256 were announced");
}

#[test]
fn a_cut_note_asks_for_no_more_frames_and_ends_without_a_click() {
    let run = |lead_ms: f32| {
        let mut rig = Rig::new(HostConfig {
            lead_ms,
            ..HostConfig::new(48_000, 64)
        });
        // The cut lies two samples before hop 17 of the note begins.
        let events = [
            (0, note_on(60, 1.0)),
            (4_350, Event::Choke(NoteMatch::key(60, 0))),
        ];
        let sound = rig.play(&events, 9_600, 64);
        assert_eq!(sound.missing, 0);
        (sound, rig.engine.monitor().counts().decoded_frames)
    };
    // Hops 0 to 16 begin before the cut; the first needs four more.
    let (sound, frames) = run(10.0);
    assert_eq!(frames, 17 + 4);
    // A lead shorter than a hop cannot know of the cut in time, and fades with new frames.
    let (plain, more) = run(1.0);
    assert!(more > frames, "{more}");
    assert!(sound.largest_step() <= 1.05 * plain.largest_step());
}

#[test]
fn a_release_longer_than_the_sound_misses_no_frame() {
    for release_ms in [100.0, 800.0, 3_000.0, 20_000.0] {
        for working in [Working::AfterEachBlock, Working::OnlyWhenWaitedFor] {
            let mut rig = Rig::new(HostConfig::new(48_000, 512));
            rig.processor.set_render(RenderMode::Wait, false);
            let mut events = vec![(0, control(ControlChange::ReleaseMs(release_ms)))];
            for strike in 0..6_u64 {
                let key = 50 + strike as u8;
                events.push((1_000 + strike * 40_000, note_on(key, 0.8)));
                events.push((21_000 + strike * 40_000, note_off(key)));
            }
            let sound = rig.render(&events, 260_000, || 512, working);
            let counts = rig.engine.monitor().counts();
            assert_eq!(
                (sound.missing, counts.wait_timeouts, counts.dropped_requests),
                (0, 0, 0),
                "release {release_ms} ms, {working:?}: {counts:?}"
            );
            // Held for 79 hops, silent 57 after that: what a long release lets ring is not asked for.
            assert!(counts.decoded_frames < 6 * 170, "{counts:?}");
        }
    }
}
