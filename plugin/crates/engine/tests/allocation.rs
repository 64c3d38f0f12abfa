//! `process` neither allocates nor frees: a counting allocator watches the thread that calls it.
#![allow(clippy::unwrap_used)]

mod support;

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use afterimage_engine::continuation::{
    ComposedNote, Composer, ContinuationChange, HeardNote, InputWhilePlaying, PieceStart, Progress,
    Quantise, Style,
};
use afterimage_engine::contract::DecodeError;
use afterimage_engine::{
    ControlChange, Event, EvolveChange, Hit, HitMap, HostConfig, LatencyMode, PlayChange,
    PlayStyle, RenderMode, TimedEvent,
};
use afterimage_spectral::PhaseMethod;
use support::sound::{Repeats, change, effect, lively, run_at};
use support::{Behaviour, MODEL_RATE_HZ, Rig, control, instrument, music, note_on};

thread_local! {
    static WATCHED: Cell<bool> = const { Cell::new(false) };
    static TOUCHED: Cell<u64> = const { Cell::new(0) };
    /// Bytes that this thread holds: what it took less what it gave back.
    static LIVE_BYTES: Cell<i64> = const { Cell::new(0) };
}

/// The system's allocator, counting what the watched thread asks of it.
struct Counting;

fn grow(bytes: i64) {
    let _ = LIVE_BYTES.try_with(|live| live.set(live.get() + bytes));
}

fn touch() {
    // Fails only while the thread ends, when nothing is watched any more.
    let _ = WATCHED.try_with(|watched| {
        if watched.get() {
            TOUCHED.with(|touched| touched.set(touched.get() + 1));
        }
    });
}

// SAFETY: every call is handed to the system's allocator unchanged; counting touches no heap.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        touch();
        grow(layout.size() as i64);
        // SAFETY: the caller's contract is passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        touch();
        grow(-(layout.size() as i64));
        // SAFETY: the caller's contract is passed on.
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        touch();
        grow(size as i64 - layout.size() as i64);
        // SAFETY: the caller's contract is passed on.
        unsafe { System.realloc(pointer, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Allocations and frees while `act` runs on this thread.
fn touches(act: impl FnOnce()) -> u64 {
    let before = TOUCHED.get();
    WATCHED.set(true);
    act();
    WATCHED.set(false);
    TOUCHED.get() - before
}

/// Renders events in blocks and returns what `process` alone touched.
fn watch(rig: &mut Rig, events: &[(u64, Event)], blocks: usize, block: usize) -> u64 {
    let (mut left, mut right) = (vec![0.0; block], vec![0.0; block]);
    let mut touched = 0;
    let mut next = 0;
    for index in 0..blocks as u64 {
        let ends = (index + 1) * block as u64;
        let first = next;
        while next < events.len() && events[next].0 < ends {
            next += 1;
        }
        let now: Vec<_> = events[first..next]
            .iter()
            .map(|(at, event)| TimedEvent::new((at - index * block as u64) as u32, *event))
            .collect();
        touched += touches(|| {
            rig.processor.process(&mut left, &mut right, &now);
        });
        rig.work();
    }
    touched
}

#[test]
fn notes_and_automation_allocate_and_free_nothing() {
    for rate_hz in [48_000, 44_100, 192_000] {
        for block in [64, 1024] {
            let mut rig = Rig::new(HostConfig::new(rate_hz, block as u32));
            let events = music(1.0, rate_hz);
            assert_eq!(
                watch(&mut rig, &events, rate_hz as usize * 3 / 2 / block, block),
                0
            );
            assert!(rig.engine.monitor().take_peaks().0 > 0.01);
        }
    }
}

#[test]
fn attacks_made_ahead_allocate_and_free_nothing() {
    for rate_hz in [48_000, 44_100] {
        let mut instrument = instrument(Behaviour::Partials, MODEL_RATE_HZ);
        instrument.spec.pitch_range = (60.0, 72.0);
        let config = HostConfig {
            latency_mode: LatencyMode::Instant,
            ..HostConfig::new(rate_hz, 64)
        };
        let mut rig = Rig::with(config, Some(instrument));
        let blocks = rate_hz as usize * 3 / 2 / 64;
        assert_eq!(watch(&mut rig, &music(1.0, rate_hz), blocks, 64), 0);
        assert!(rig.engine.monitor().take_peaks().0 > 0.01);
        assert_eq!(touches(|| rig.processor.reset()), 0);
        assert_eq!(watch(&mut rig, &music(0.3, rate_hz), blocks, 64), 0);
    }
}

#[test]
fn whole_hits_from_memory_allocate_and_free_nothing() {
    // Longer than a tick, so that newer sets take the places of hits that sound.
    const FRAMES: u32 = 60;
    let mut map = HitMap::new(FRAMES);
    for key in (48..84).step_by(4) {
        let choke_group = u8::from(key % 8 == 0);
        map.set(
            key,
            Hit {
                label: 0,
                choke_group,
            },
        );
    }
    let mut instrument = instrument(Behaviour::Partials, MODEL_RATE_HZ);
    instrument.spec.phase = PhaseMethod::RtpghiLookahead;
    instrument.spec.play = PlayStyle::OneShot(map);
    instrument.spec.whole_hits = true;
    instrument.spec.hears_velocity = false;
    let config = HostConfig {
        latency_mode: LatencyMode::Instant,
        ..HostConfig::new(48_000, 64)
    };
    let mut rig = Rig::with(config, Some(instrument));
    assert_eq!(watch(&mut rig, &music(1.0, 48_000), 1_125, 64), 0);
    assert!(rig.engine.monitor().take_peaks().0 > 0.01);
    assert_eq!(rig.engine.monitor().counts().decoded_frames, 0);
    assert_eq!(touches(|| rig.processor.reset()), 0);
    assert_eq!(watch(&mut rig, &music(0.3, 48_000), 400, 64), 0);
}

/// A note every tick.
struct Ticks(u32);

impl Composer for Ticks {
    fn begin(&mut self, _: &PieceStart, _: &[HeardNote]) {
        self.0 = 0;
    }

    fn compose(
        &mut self,
        _: &Style,
        until_tick: u32,
        notes: &mut Vec<ComposedNote>,
    ) -> Result<Progress, DecodeError> {
        notes.extend((self.0..until_tick).map(|tick| ComposedNote {
            tick,
            duration_ticks: 40,
            key: 40 + (tick % 40) as u8,
            velocity: 0.5,
        }));
        self.0 = until_tick;
        Ok(Progress::Done)
    }
}

#[test]
fn composed_notes_allocate_and_free_nothing() {
    let mut rig = Rig::new(HostConfig::new(48_000, 128));
    rig.engine.set_composer(Some(Box::new(Ticks(0))));
    let mut events = music(2.0, 48_000);
    let run = |run| control(ControlChange::Continuation(ContinuationChange::Run(run)));
    let follows = ContinuationChange::FollowsHeard(true);
    events.insert(0, (0, control(ControlChange::Continuation(follows))));
    for (second, up) in [(0.1, true), (3.0, false), (3.1, true)] {
        let at = (second * 48_000.0) as u64;
        let place = events.partition_point(|(sample, _)| *sample <= at);
        events.insert(place, (at, run(up)));
    }
    assert_eq!(watch(&mut rig, &events, 5 * 48_000 / 128, 128), 0);
    assert!(rig.engine.monitor().voices() > 8); // long after the music
    assert_eq!(touches(|| rig.processor.reset()), 0);
}

/// Lets effects hear a second of sound again and again, in blocks of 64; what `process` touched, and the
/// takes that were made.
fn exchange(rigs: &mut [Rig], events: &[(u64, Event)], seconds: usize) -> (u64, usize) {
    let input = lively(48_000);
    let side = |side: usize| input.iter().map(|s| s[side]).collect::<Vec<_>>();
    let (left, right) = (side(0), side(1));
    let (mut out_left, mut out_right) = ([0.0; 64], [0.0; 64]);
    let (mut touched, mut takes) = (0, 0);
    for from in (0..seconds * 48_000).step_by(64) {
        let place = from % 48_000;
        let now: Vec<_> = events
            .iter()
            .filter(|(at, _)| (from..from + 64).contains(&(*at as usize)))
            .map(|(at, event)| TimedEvent::new(*at as u32 - from as u32, *event))
            .collect();
        let heard = [&left[place..place + 64], &right[place..place + 64]];
        for rig in rigs.iter_mut() {
            touched += touches(|| {
                rig.processor
                    .process_heard(&heard, &mut out_left, &mut out_right, &now);
            });
            takes += usize::from(rig.engine.take_finished().is_some());
        }
        rigs[0].work();
    }
    (touched, takes)
}

/// Trades bars, the sound running in both.
fn trading() -> Vec<(u64, Event)> {
    let mut events = run_at(0, Quantise::Beat);
    events.insert(0, (0, change(ContinuationChange::Bars(2))));
    events.insert(0, (0, change(ContinuationChange::TradeBars(2))));
    events
}

#[test]
fn continued_sound_allocates_and_frees_nothing() {
    for continuer_rate in [48_000, 22_050] {
        let mut rig = [effect(48_000, 64, Box::new(Repeats::new(continuer_rate)))];
        let mut events = trading();
        let muted = ContinuationChange::InputWhilePlaying(InputWhilePlaying::Heard);
        events.push((100_000, change(muted)));
        events.push((130_000, change(ContinuationChange::Run(false))));
        events.push((130_007, change(ContinuationChange::WhenStopped(true))));
        events.push((140_000, change(ContinuationChange::Run(true))));
        assert_eq!(exchange(&mut rig, &events, 8).0, 0);
        assert_eq!(touches(|| rig[0].processor.reset()), 0);
        assert_eq!(exchange(&mut rig, &trading(), 3).0, 0);
    }
    // Late, and too much for the rings.
    let mut rig = effect(48_000, 64, Box::new(Repeats::new(22_050)));
    let (mut left, mut right) = ([0.0; 64], [0.0; 64]);
    let run = run_at(0, Quantise::Now);
    let run: Vec<_> = run.iter().map(|(_, e)| TimedEvent::new(0, *e)).collect();
    for block in 0..4_000 {
        let events: &[TimedEvent] = if block == 0 { &run } else { &[] };
        let heard: [&[f32]; 1] = [&[0.5; 64]];
        let touched = touches(|| {
            rig.processor
                .process_heard(&heard, &mut left, &mut right, events);
        });
        assert_eq!(touched, 0, "block {block}");
    }
    let counts = rig.engine.monitor().counts();
    assert!(counts.late_samples > 100_000 && counts.dropped_chunks > 1_000);
}

#[test]
fn two_instances_exchange_for_ten_minutes_never_late_and_grow_no_memory() {
    let first = effect(48_000, 64, Box::new(Repeats::new(22_050)));
    let config = HostConfig {
        latency_mode: LatencyMode::Instant,
        ..HostConfig::new(48_000, 64)
    };
    let second = first.beside(config);
    second
        .engine
        .set_continuer(Some(Box::new(Repeats::new(48_000))));
    let mut rigs = [first, second];
    exchange(&mut rigs, &trading(), 120); // a minute is remembered, and every buffer has its size
    let after_two = LIVE_BYTES.get();
    let (touched, takes) = exchange(&mut rigs, &[], 480);
    assert_eq!(touched, 0);
    // Two bars of two seconds in turn: one take of each every eight.
    assert!((118..=122).contains(&takes), "{takes} takes");
    let grown = LIVE_BYTES.get() - after_two;
    // A take at work is at most two bars long.
    assert!(grown < 4_000_000, "{grown} bytes more");
    for rig in &rigs {
        assert_eq!(rig.engine.monitor().counts().late_samples, 0);
        assert_eq!(rig.engine.monitor().counts().dropped_chunks, 0);
    }
}

#[test]
fn every_control_allocates_and_frees_nothing() {
    let mut rig = Rig::new(HostConfig::new(48_000, 256));
    let mut events = vec![(0, note_on(60, 1.0))];
    for step in 0..2_000_u64 {
        let value = (step as f32 * 0.1).sin();
        let change = match step % 25 {
            0 => ControlChange::Latent {
                axis: (step % 16) as u8,
                value,
            },
            1 => ControlChange::Class {
                index: (step % 4) as u8,
                label: 1,
            },
            2 => ControlChange::Descriptor {
                index: (step % 8) as u8,
                value,
            },
            3 => ControlChange::Temperature(value),
            4 => ControlChange::Seed(step),
            5 => ControlChange::AttackMs(value),
            6 => ControlChange::DecayMs(value),
            7 => ControlChange::SustainLevel(value),
            8 => ControlChange::ReleaseMs(value),
            9 => ControlChange::GainDb(value),
            10 => ControlChange::Width(value),
            11 => ControlChange::Drift(value),
            12 => ControlChange::BendRangeSemitones(value),
            13 => ControlChange::TuningSemitones(value),
            14 => ControlChange::Play(PlayChange::Freeze(value > 0.0)),
            15 => ControlChange::Play(PlayChange::Stretch(1.0 + value)),
            16 => ControlChange::Play(PlayChange::ScrubS(4.0 * value)),
            17 => ControlChange::Play(PlayChange::Blur(value)),
            18 => ControlChange::Play(PlayChange::TiltDbPerOctave(6.0 * value)),
            19 => ControlChange::Play(PlayChange::ShiftSemitones(12.0 * value)),
            20 => ControlChange::Play(PlayChange::FormantSemitones(12.0 * value)),
            21 => ControlChange::Play(PlayChange::Morph(value)),
            22 => ControlChange::Evolve(EvolveChange::Bars(step as u16 % 5)),
            23 => ControlChange::Evolve(EvolveChange::Depth(value)),
            _ => ControlChange::Play(PlayChange::MorphTarget(step as u16)),
        };
        events.push((step * 11, control(change)));
    }
    assert_eq!(watch(&mut rig, &events, 120, 256), 0);
}

#[test]
fn a_swap_a_reset_and_an_offline_render_allocate_and_free_nothing() {
    let mut rig = Rig::new(HostConfig::new(48_000, 256));
    let events = music(0.5, 48_000);
    assert_eq!(watch(&mut rig, &events, 100, 256), 0);
    for model_rate_hz in [MODEL_RATE_HZ, 44_100, 44_100] {
        rig.engine
            .load(instrument(Behaviour::Partials, model_rate_hz))
            .unwrap();
        assert_eq!(watch(&mut rig, &[], 3, 256), 0);
        assert_eq!(touches(|| rig.processor.reset()), 0);
        assert_eq!(watch(&mut rig, &events, 100, 256), 0);
    }
    rig.processor.set_render(RenderMode::Auto, true);
    rig.engine
        .load(instrument(Behaviour::Partials, MODEL_RATE_HZ))
        .unwrap();
    assert_eq!(watch(&mut rig, &events, 100, 256), 0);
}

#[test]
fn faults_and_overload_allocate_and_free_nothing() {
    for behaviour in [Behaviour::Fails, Behaviour::NotANumber] {
        let mut rig = Rig::with(
            HostConfig::new(48_000, 256),
            Some(instrument(behaviour, MODEL_RATE_HZ)),
        );
        assert_eq!(watch(&mut rig, &music(0.3, 48_000), 100, 256), 0);
    }
    let mut rig = Rig::new(HostConfig::new(48_000, 8192));
    let flood: Vec<_> = (0..10_000_u64)
        .map(|step| (step, note_on((step % 128) as u8, 0.5)))
        .collect();
    assert_eq!(watch(&mut rig, &flood, 4, 8192), 0);
    assert!(rig.engine.monitor().counts().stolen_voices > 300);
}

#[test]
fn an_allocating_call_is_caught() {
    // Negative control.
    assert!(touches(|| drop(std::hint::black_box(vec![1_u8; 100]))) >= 2);
    let freed = vec![1_u8; 100];
    assert_eq!(touches(|| drop(freed)), 1);
    let before = LIVE_BYTES.get();
    let kept = std::hint::black_box(vec![1_u8; 100]);
    assert_eq!(LIVE_BYTES.get() - before, 100);
    drop(kept);
    assert_eq!(LIVE_BYTES.get(), before);
}
