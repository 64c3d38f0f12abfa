//! Composed notes: on their sample, the same at any block size, never hanging.
#![allow(clippy::unwrap_used)]

mod support;

use afterimage_engine::continuation::{
    ComposedNote, Composer, ContinuationChange, HeardNote, PieceStart, Progress, Quantise, Style,
    Transport,
};
use afterimage_engine::contract::DecodeError;
use afterimage_engine::{Event, HostConfig, NoteMatch, RenderMode, TimedEvent};
use support::notes::{Eighths, keys, leaving, ons, play, rig, run_at};
use support::sound::{BAR, BEAT, RATE_HZ, change};
use support::{Working, note_off, note_on};

#[test]
fn a_piece_begins_on_its_grid_line_and_each_note_on_its_sample() {
    for (quantise, starts) in [
        (Quantise::Bar, BAR),
        (Quantise::Beat, BEAT),
        (Quantise::Now, 9_600 + 1_000),
    ] {
        let mut rig = rig(512);
        let (_, composed) = play(&mut rig, &run_at(1_000, quantise), 6 * BEAT as usize, 512);
        let expected: Vec<u64> = (0..)
            .map(|eighth| starts + eighth * BEAT / 2)
            .take_while(|at| *at < 6 * BEAT)
            .collect();
        assert_eq!(ons(&composed), expected, "{quantise:?}");
        assert_eq!(rig.engine.monitor().counts().late_notes, 0);
    }
}

#[test]
fn composed_music_is_the_same_at_any_block_size_live_and_offline() {
    let mut events = run_at(777, Quantise::Beat);
    let label = ContinuationChange::Label { index: 0, label: 3 };
    events.push((3 * BEAT + 5, change(label)));
    events.push((5 * BEAT + 17, change(ContinuationChange::Run(false))));
    let samples = 7 * BEAT as usize;
    let reference = play(&mut rig(1024), &events, samples, 1024);
    assert!(reference.0.peak() > 0.01);
    assert!(!reference.1.is_empty());
    for block in [32, 64, 333, 512] {
        // The lead follows the longest block: it is announced alike.
        let (sound, composed) = play(&mut rig(1024), &events, samples, block);
        assert_eq!(composed, reference.1, "events, blocks of {block}");
        sound.assert_same(&reference.0, &format!("blocks of {block}"));
    }
    let mut waiting = rig(1024);
    waiting.processor.set_render(RenderMode::Wait, true);
    let sound = waiting.render(&events, samples, || 64, Working::OnlyWhenWaitedFor);
    sound.assert_same(&reference.0, "offline");
}

#[test]
fn every_composed_note_ends_by_stop_by_length_and_by_reset() {
    let held_after = |events: &[(u64, Event)]| {
        let (_, composed) = play(&mut rig(256), events, 4 * BAR as usize, 256);
        let mut held = [false; 128];
        for (_, event) in &composed {
            match event {
                Event::NoteOn { key, .. } => held[usize::from(*key)] = true,
                Event::NoteOff(NoteMatch { key: Some(key), .. }) => {
                    held[usize::from(*key)] = false;
                }
                _ => {}
            }
        }
        assert!(!ons(&composed).is_empty());
        (held.iter().filter(|held| **held).count(), composed)
    };
    let mut stopped = run_at(0, Quantise::Beat);
    // The detector: without a stop, notes are held at the end.
    assert!(held_after(&stopped).0 > 0);
    stopped.push((3 * BAR + 100, change(ContinuationChange::Run(false))));
    let (held, composed) = held_after(&stopped);
    assert_eq!(held, 0);
    assert_eq!(composed.last().unwrap().0, 3 * BAR + 100);
    let mut bars = run_at(0, Quantise::Beat);
    bars.insert(0, (0, change(ContinuationChange::Bars(2))));
    let (held, composed) = held_after(&bars);
    assert_eq!(held, 0);
    assert_eq!(composed.last().unwrap().0, BEAT + 2 * BAR);

    let mut rig = rig(256);
    play(
        &mut rig,
        &run_at(0, Quantise::Beat),
        BAR as usize + 6_000,
        256,
    );
    rig.processor.reset();
    let (sound, composed) = play(&mut rig, &[], BAR as usize, 256);
    let off = |(_, event): &(u64, Event)| matches!(event, Event::NoteOff(_));
    assert!(!composed.is_empty() && composed.iter().all(off));
    assert!(sound.peak() < 1e-6);
}

#[test]
fn the_same_seed_brings_the_same_piece_back_and_another_one_another() {
    let piece = |seed| {
        let mut events = run_at(10, Quantise::Beat);
        events.insert(0, (0, change(ContinuationChange::Seed(seed))));
        keys(&play(&mut rig(512), &events, BAR as usize, 512).1)
    };
    assert_eq!(piece(4), piece(4));
    assert_ne!(piece(4), piece(5));
}

#[test]
fn what_was_played_is_told_with_its_place_and_length() {
    let mut rig = rig(64);
    let told = std::sync::Arc::new(parking_lot::Mutex::new(Vec::new()));
    rig.engine.set_composer(Some(Box::new(Told(told.clone()))));
    let mut events = vec![
        (0, change(ContinuationChange::FollowsHeard(true))),
        (BEAT, note_on(60, 0.5)),
        (2 * BEAT, note_off(60)),
        (2 * BEAT, note_on(64, 0.7)),
    ];
    events.extend(run_at(2 * BEAT + BEAT / 2, Quantise::Bar));
    play(&mut rig, &events, 2 * BAR as usize, 64);
    let heard = |tick, duration_ticks, key, velocity| HeardNote {
        tick,
        duration_ticks,
        key,
        velocity,
    };
    assert_eq!(
        *told.lock(),
        [heard(-72, 24, 60, 0.5), heard(-48, 48, 64, 0.7)]
    );
}

/// Keeps what it was told.
struct Told(std::sync::Arc<parking_lot::Mutex<Vec<HeardNote>>>);

impl Composer for Told {
    fn begin(&mut self, _: &PieceStart, heard: &[HeardNote]) {
        *self.0.lock() = heard.to_vec();
    }

    fn compose(
        &mut self,
        _: &Style,
        _: u32,
        _: &mut Vec<ComposedNote>,
    ) -> Result<Progress, DecodeError> {
        Ok(Progress::Done)
    }
}

#[test]
fn a_late_passage_is_counted_and_its_notes_left_out() {
    let mut rig = rig(512);
    let events = run_at(0, Quantise::Beat);
    // The worker sleeps through the first bar.
    rig.render(&events, BAR as usize, || 512, Working::NotIn(0, 200));
    rig.work();
    let (_, composed) = play(&mut rig, &[], BAR as usize, 512);
    assert!(rig.engine.monitor().counts().late_notes > 0);
    assert!(!ons(&composed).is_empty());
    let mut in_time = self::rig(512);
    play(&mut in_time, &events, BAR as usize, 512);
    assert_eq!(in_time.engine.monitor().counts().late_notes, 0);
}

#[test]
fn a_composer_that_fails_says_so_and_leaves_no_note_hanging() {
    let mut rig = rig(512);
    rig.engine.set_composer(Some(Box::new(Eighths {
        fails_from: Some(48),
        ..Eighths::default()
    })));
    let events = run_at(0, Quantise::Beat);
    let (_, composed) = play(&mut rig, &events, 3 * BAR as usize, 512);
    assert_eq!(ons(&composed).len(), 4);
    assert_eq!(composed.len(), 8);
    let error = rig.engine.monitor().last_error().unwrap().to_string();
    assert!(error.contains("could not go on composing"), "{error}");
}

#[test]
fn another_composer_waits_for_its_own_beginning() {
    let mut rig = rig(512);
    play(&mut rig, &run_at(0, Quantise::Beat), BAR as usize, 512);
    rig.engine.set_composer(Some(Box::<Eighths>::default()));
    let silent_from = rig.processor.latency().reported_samples as usize + BAR as usize;
    play(&mut rig, &[], silent_from, 512);
    assert!(ons(&play(&mut rig, &[], BAR as usize, 512).1).is_empty());
    let again = [
        (0, change(ContinuationChange::Run(false))),
        (10, change(ContinuationChange::Run(true))),
    ];
    assert!(!ons(&play(&mut rig, &again, BAR as usize, 512).1).is_empty());
}

#[test]
fn the_host_s_tempo_and_bars_rule_where_it_names_them() {
    let mut rig = rig(480);
    let mut composed = Vec::new();
    let mut first = vec![
        TimedEvent::new(0, change(ContinuationChange::Quantise(Quantise::Bar))),
        TimedEvent::new(0, change(ContinuationChange::Run(true))),
    ];
    for block in 0..600_u64 {
        // 100 BPM in three-four time, from the middle of a bar.
        let quarters = 1.5 + (block * 480) as f64 / 48_000.0 * 100.0 / 60.0;
        rig.processor.set_transport(&Transport {
            playing: true,
            tempo_bpm: Some(100.0),
            position_quarters: Some(quarters),
            bar_start_quarters: Some((quarters / 3.0).floor() * 3.0),
            bar_quarters: Some(3.0),
        });
        let (mut left, mut right) = ([0.0; 480], [0.0; 480]);
        rig.processor.process(&mut left, &mut right, &first);
        first.clear();
        composed.extend(leaving(&rig, block * 480));
        rig.work();
    }
    let quarter = 48_000 * 60 / 100;
    let starts = ons(&composed);
    assert_eq!(starts[0], 3 * quarter / 2); // the bar line at 3 quarters
    assert_eq!(starts[1] - starts[0], quarter / 2);
}

#[test]
fn player_and_composer_trade_bars_with_another_piece_each_time() {
    let mut events = run_at(0, Quantise::Bar);
    events.insert(0, (0, change(ContinuationChange::Bars(1))));
    events.insert(0, (0, change(ContinuationChange::TradeBars(2))));
    let (_, composed) = play(&mut rig(256), &events, 8 * BAR as usize, 256);
    let bars: Vec<u64> = ons(&composed).iter().map(|at| at / BAR).collect();
    let count = |bar| bars.iter().filter(|b| **b == bar).count();
    assert_eq!(
        [0, 1, 2, 3, 4, 5, 6, 7].map(count),
        [0, 8, 0, 0, 8, 0, 0, 8]
    );
    assert_eq!(ons(&composed)[8], 4 * BAR, "on the very sample");
    let keys = keys(&composed);
    assert_ne!(keys[..8], keys[8..16]);
}

#[test]
fn it_waits_until_the_player_stops_and_stops_when_the_player_plays() {
    let mut events = vec![
        (0, change(ContinuationChange::WhenStopped(true))),
        (0, change(ContinuationChange::UntilPlayed(true))),
        (0, change(ContinuationChange::Quantise(Quantise::Beat))),
        (0, change(ContinuationChange::Run(true))),
    ];
    let phrase = |at: u64, key| [(at, note_on(key, 0.8)), (at + BEAT / 2, note_off(key))];
    events.extend(phrase(BAR, 60));
    events.extend(phrase(BAR + BEAT, 64)); // a rest shorter than a beat is no stop
    // Ends what was played on; a controller lets go of it.
    events.push((3 * BAR + BEAT / 4, note_on(62, 0.8)));
    events.push((3 * BAR + 3 * BEAT / 4, Event::AllNotesOff));
    let (_, composed) = play(&mut rig(256), &events, 5 * BAR as usize, 256);
    let starts = ons(&composed);
    // Let go half a beat into the second beat; a beat later it is wished for, then the next beat.
    assert_eq!(starts[0], BAR + 3 * BEAT);
    let ends = 3 * BAR + BEAT / 4;
    let pause = 3 * BAR + 2 * BEAT;
    assert!(
        starts.iter().all(|at| *at < ends || *at >= pause),
        "{starts:?}"
    );
    assert!(starts.iter().any(|at| *at >= pause), "it answers again");
    let lasts = composed
        .iter()
        .filter(|(at, _)| *at < pause)
        .map(|(at, _)| *at);
    assert_eq!(
        lasts.max(),
        Some(ends),
        "its notes end where the player comes in"
    );
}

/// Long notes on few keys, and more at once than can be held.
struct Crowd(u32);

impl Composer for Crowd {
    fn begin(&mut self, _: &PieceStart, _: &[HeardNote]) {
        self.0 = 0;
    }

    fn compose(
        &mut self,
        _: &Style,
        until_tick: u32,
        notes: &mut Vec<ComposedNote>,
    ) -> Result<Progress, DecodeError> {
        notes.extend((self.0..until_tick).flat_map(|tick| {
            [tick * 5 % 128, 60].map(|key| ComposedNote {
                tick,
                duration_ticks: 96,
                key: key as u8,
                velocity: 0.5,
            })
        }));
        self.0 = until_tick;
        Ok(Progress::Done)
    }
}

#[test]
fn a_key_that_is_struck_again_is_let_go_before() {
    let mut rig = rig(256);
    rig.engine.set_composer(Some(Box::new(Crowd(0))));
    let mut events = run_at(0, Quantise::Beat);
    events.push((3 * BAR, change(ContinuationChange::Run(false))));
    let (_, composed) = play(&mut rig, &events, 4 * BAR as usize, 256);
    let mut held = [0_i32; 128];
    for (_, event) in &composed {
        match event {
            Event::NoteOn { key, .. } => held[usize::from(*key)] += 1,
            Event::NoteOff(NoteMatch { key: Some(key), .. }) => held[usize::from(*key)] -= 1,
            _ => {}
        }
        assert!(held.iter().all(|count| (0..=1).contains(count)));
        assert!(held.iter().sum::<i32>() <= 64);
    }
    assert!(composed.len() > 500 && held == [0; 128]);
}

#[test]
fn a_voice_that_plays_a_composed_note_ends_although_the_sound_was_switched_off() {
    let mut rig = rig(256);
    let mut events = run_at(0, Quantise::Beat);
    let quiet = BAR + BEAT / 4;
    events.push((quiet, change(ContinuationChange::Sounds(false))));
    let (sound, composed) = play(&mut rig, &events, 3 * BAR as usize, 256);
    assert!(!ons(&composed).is_empty());
    let peak = |from: u64, to: u64| support::peak(&sound.left[from as usize..to as usize]);
    assert!(peak(BEAT, BAR) > 1e-3);
    assert!(peak(2 * BAR, 3 * BAR) < 1e-6, "a voice hangs");
}

#[test]
fn a_transport_of_nonsense_stops_no_clock() {
    for value in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        let mut rig = rig(480);
        let (mut left, mut right) = ([0.0; 480], [0.0; 480]);
        for _ in 0..10 {
            rig.processor.set_transport(&Transport {
                playing: true,
                tempo_bpm: Some(value),
                position_quarters: Some(value),
                bar_start_quarters: Some(value),
                bar_quarters: Some(value),
            });
            rig.processor.process(&mut left, &mut right, &[]);
        }
        rig.processor.set_transport(&Transport {
            bar_quarters: Some(4.0),
            ..Transport::default()
        });
        let (_, composed) = play(&mut rig, &run_at(0, Quantise::Bar), 2 * BAR as usize, 480);
        // Ten blocks have gone by: the bar line is so much nearer.
        assert_eq!(ons(&composed)[0], BAR - 4_800, "after {value}");
    }
}

#[test]
fn a_piece_that_is_stopped_and_run_on_one_sample_leaves_no_note_behind() {
    let mut events = run_at(0, Quantise::Beat);
    let again = 3 * BAR + 700;
    events.push((again, change(ContinuationChange::Run(false))));
    events.push((again, change(ContinuationChange::Run(true))));
    events.push((6 * BAR, change(ContinuationChange::Run(false))));
    let (_, composed) = play(&mut rig(256), &events, 7 * BAR as usize, 256);
    let held = |until: u64| {
        let before = composed.iter().filter(move |(at, _)| *at <= until);
        before.fold(0_i32, |held, (_, event)| match event {
            Event::NoteOn { .. } => held + 1,
            _ => held - 1,
        })
    };
    assert!(held(again - 1) > 0);
    assert_eq!((held(again), held(7 * BAR)), (0, 0));
}

#[test]
fn it_composes_after_the_host_let_go_and_came_back() {
    let (service, engine) = {
        let service = afterimage_engine::Service::threaded();
        let engine = afterimage_engine::Engine::new(&service);
        (service, engine)
    };
    engine.set_composer(Some(Box::<Eighths>::default()));
    let mut processor = afterimage_engine::Processor::new(&engine);
    processor.set_render(RenderMode::Wait, true);
    for _ in 0..3 {
        processor.activate(HostConfig::new(RATE_HZ, 512)).unwrap();
        let mut notes = 0;
        let mut events = vec![TimedEvent::new(0, change(ContinuationChange::Run(true)))];
        for _ in 0..2 * BAR / 512 {
            let (mut left, mut right) = ([0.0; 512], [0.0; 512]);
            processor.process(&mut left, &mut right, &events);
            events.clear();
            let on = |e: &&TimedEvent| matches!(e.event, Event::NoteOn { .. });
            notes += processor.composed().iter().filter(on).count();
        }
        assert!(notes > 4, "{notes} notes");
        processor.deactivate();
        assert!(!service.is_running());
    }
}
