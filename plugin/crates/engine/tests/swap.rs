//! Another pack takes over without a gap; old epochs are not heard; nothing is lost on the way.
#![allow(clippy::unwrap_used)]

mod support;

use std::sync::atomic::Ordering;

use afterimage_engine::{DecoderKey, Engine, HostConfig, Processor, RenderMode, Service};
use support::{
    Behaviour, HandClock, MODEL_RATE_HZ, Rig, TestDecoder, Working, instrument, largest_step,
    note_on, peak,
};

/// Smallest peak over windows of 10 ms.
fn quietest(samples: &[f32]) -> f32 {
    samples.chunks_exact(480).map(peak).fold(f32::MAX, f32::min)
}

#[test]
fn a_swap_keeps_held_notes_sounding_without_a_gap_or_a_click() {
    let mut rig = Rig::new(HostConfig::new(48_000, 256));
    let before = rig.play(&[(0, note_on(48, 0.7)), (0, note_on(55, 0.7))], 24_064, 256);
    rig.engine
        .load(instrument(Behaviour::Partials, MODEL_RATE_HZ))
        .unwrap();
    let over = rig.play(&[], 24_064, 256);
    assert_eq!(over.missing, 0);
    let steady = quietest(&before.left[12_000..]);
    assert!(quietest(&over.left) > 0.3 * steady, "the sound never stops");
    // The new note begins abruptly, as notes without attack do: compare with the first one's begin.
    assert!(over.largest_step() < 1.5 * before.largest_step());
    assert_eq!(rig.engine.monitor().voices(), 2);
}

#[test]
fn a_swap_to_another_model_rate_keeps_sounding() {
    let mut rig = Rig::new(HostConfig::new(48_000, 256));
    rig.play(&[(0, note_on(48, 0.7))], 24_064, 256);
    rig.engine
        .load(instrument(Behaviour::Partials, 44_100))
        .unwrap();
    let over = rig.play(&[], 24_064, 256);
    assert_eq!(over.missing, 0);
    assert!(quietest(&over.left) > 0.01);
}

#[test]
fn many_swaps_leave_one_program_and_the_frames_of_one_pool() {
    let mut rig = Rig::new(HostConfig::new(48_000, 256));
    rig.play(&[(0, note_on(48, 0.7))], 4_096, 256);
    for _ in 0..30 {
        rig.engine
            .load(instrument(Behaviour::Partials, MODEL_RATE_HZ))
            .unwrap();
        rig.play(&[], 1_024, 256);
    }
    rig.play(&[], 48_000, 256);
    assert_eq!(rig.worker.lock().links(), 1);
}

#[test]
fn a_load_that_fails_leaves_the_old_sound_playing() {
    let mut rig = Rig::new(HostConfig::new(48_000, 256));
    rig.play(&[(0, note_on(48, 0.7))], 24_064, 256);
    let mut bad = instrument(Behaviour::Partials, MODEL_RATE_HZ);
    bad.spec.gain_linear = f32::NAN;
    let sentence = rig.engine.load(bad).unwrap_err().to_string();
    assert!(
        sentence.contains("'test'") && sentence.contains("gain"),
        "{sentence}"
    );
    assert!(quietest(&rig.play(&[], 24_064, 256).left) > 0.01);
}

#[test]
fn frames_of_an_older_epoch_are_recycled_unheard() {
    let mut rig = Rig::new(HostConfig {
        lead_ms: 100.0,
        ..HostConfig::new(48_000, 256)
    });
    rig.play(&[(0, note_on(60, 1.0))], 2_048, 256); // frames have arrived, none is due
    rig.processor.reset();
    rig.position = 0;
    let sound = rig.play(&[], 48_000, 256);
    assert_eq!(sound.peak(), 0.0);
    assert!(rig.engine.monitor().counts().late_frames == 0);
}

#[test]
fn no_frame_is_ever_lost() {
    let pooled = |rig: &Rig| {
        rig.worker.lock().step(); // takes back what was recycled
        rig.worker.lock().pooled_frames()
    };
    let mut rig = Rig::new(HostConfig::new(48_000, 256));
    rig.play(&[], 256, 256);
    let all = pooled(&rig);
    assert!(all > 100);
    let events = support::music(1.0, 48_000);
    rig.processor.reset();
    rig.position = 0;
    rig.render(&events, 48_000, || 256, Working::EveryOtherBlock);
    rig.processor.reset();
    rig.position = 0;
    rig.render(&events, 30_000, || 333, Working::NotIn(20, 60));
    let off = rig.position;
    rig.play(&[(off, afterimage_engine::Event::AllNotesOff)], 96_000, 256);
    assert_eq!(pooled(&rig), all);
    // Negative control: while notes sound, some are on their way.
    let on = rig.position;
    rig.play(&[(on, note_on(60, 1.0))], 2_048, 256);
    assert!(pooled(&rig) < all);
}

#[test]
fn an_offline_render_waits_for_the_pack_and_a_live_one_does_not() {
    for (mode, waits) in [(RenderMode::Wait, true), (RenderMode::Live, false)] {
        let mut rig = Rig::with(HostConfig::new(48_000, 256), None);
        rig.processor.set_render(mode, false);
        let guard = rig.engine.announce_load();
        // The clock's rest is where another thread would get on with loading.
        let engine = std::sync::Arc::clone(&rig.engine);
        let mut guard = Some(guard);
        let load = move || {
            if let Some(guard) = guard.take() {
                engine
                    .load(instrument(Behaviour::Partials, MODEL_RATE_HZ))
                    .unwrap();
                drop(guard);
            }
        };
        let now_ns = std::sync::Arc::clone(&rig.now_ns);
        let worker = std::sync::Arc::clone(&rig.worker);
        rig.processor = Processor::with_clock(
            &rig.engine,
            Box::new(LoadingClock {
                load: Box::new(load),
                then: HandClock {
                    now_ns,
                    worker: Some(worker),
                },
            }),
        );
        rig.processor.set_render(mode, false);
        rig.processor
            .activate(HostConfig::new(48_000, 256))
            .unwrap();
        let sound = rig.render(
            &[(0, note_on(60, 1.0))],
            9_600,
            || 256,
            Working::OnlyWhenWaitedFor,
        );
        assert_eq!(sound.peak() > 0.05, waits, "{mode:?}");
    }
}

struct LoadingClock {
    load: Box<dyn FnMut() + Send>,
    then: HandClock,
}

impl afterimage_engine::Clock for LoadingClock {
    fn now_ns(&self) -> u64 {
        self.then.now_ns()
    }

    fn rest(&mut self) {
        (self.load)();
        self.then.rest();
    }
}

#[test]
fn a_wait_for_a_pack_that_never_comes_is_bounded() {
    let mut rig = Rig::with(HostConfig::new(48_000, 256), None);
    rig.processor.set_render(RenderMode::Wait, false);
    let _guard = rig.engine.announce_load();
    rig.render(
        &[(0, note_on(60, 1.0))],
        4_800,
        || 256,
        Working::OnlyWhenWaitedFor,
    );
    let waited_s = rig.now_ns.load(Ordering::Relaxed) as f64 * 1e-9;
    assert!((30.0..30.1).contains(&waited_s), "waited {waited_s} s");
    assert_eq!(rig.engine.monitor().counts().wait_timeouts, 1);
}

#[test]
fn activating_again_and_again_keeps_the_program_and_deactivating_twice_is_fine() {
    let mut rig = Rig::new(HostConfig::new(48_000, 256));
    for _ in 0..4 {
        rig.processor
            .activate(HostConfig::new(48_000, 256))
            .unwrap();
    }
    rig.work();
    assert_eq!(rig.worker.lock().links(), 1);
    assert_eq!(rig.engine.service().member_count(), 1);
    let sentence = rig
        .processor
        .activate(HostConfig::new(4_000, 256))
        .unwrap_err()
        .to_string();
    assert!(sentence.contains("4000"), "{sentence}");
    assert!(rig.play(&[(0, note_on(60, 1.0))], 9_600, 256).peak() > 0.05);
    rig.processor.deactivate();
    rig.processor.deactivate();
    rig.work();
    assert_eq!(
        (
            rig.worker.lock().links(),
            rig.engine.service().member_count()
        ),
        (0, 0)
    );
    assert_eq!(
        rig.play(&[(9_600, note_on(60, 1.0))], 9_600, 256).peak(),
        0.0
    );
    rig.processor.activate(HostConfig::new(44_100, 64)).unwrap();
    rig.position = 0;
    assert!(rig.play(&[(0, note_on(60, 1.0))], 9_600, 64).peak() > 0.05);
}

#[test]
fn the_last_instance_out_joins_the_thread_and_frees_the_decoder() {
    let service = Service::threaded();
    let key = DecoderKey {
        pack_hash: "a".into(),
        backend: "test".into(),
    };
    let make = || -> Result<_, std::convert::Infallible> {
        let decoder = TestDecoder {
            behaviour: Behaviour::Partials,
            rate_hz: MODEL_RATE_HZ,
            max_rows: 16,
        };
        Ok(Box::new(decoder) as Box<dyn afterimage_engine::contract::Decoder>)
    };
    let mut instances: Vec<_> = (0..3)
        .map(|_| {
            let engine = Engine::new(&service);
            let decoder = service.decoder(&key, make).unwrap();
            engine
                .load(afterimage_engine::Instrument {
                    spec: support::spec(MODEL_RATE_HZ),
                    decoder,
                })
                .unwrap();
            let mut processor = Processor::new(&engine);
            processor.activate(HostConfig::new(48_000, 256)).unwrap();
            processor
        })
        .collect();
    assert_eq!((service.decoders_alive(), service.member_count()), (1, 3));
    assert!(service.is_running());
    instances[0].deactivate();
    drop(instances.pop());
    assert!(service.is_running());
    instances[1].deactivate();
    assert!(!service.is_running());
    instances.clear();
    assert_eq!((service.decoders_alive(), service.member_count()), (0, 0));
}

#[test]
fn two_instances_on_one_thread_sound_like_one_each() {
    let alone = Rig::new(HostConfig::new(48_000, 256)).play(&[(0, note_on(60, 0.8))], 24_064, 256);
    let service = Service::threaded();
    let mut processors: Vec<_> = (0..2)
        .map(|_| {
            let engine = Engine::new(&service);
            engine
                .load(instrument(Behaviour::Partials, MODEL_RATE_HZ))
                .unwrap();
            let mut processor = Processor::new(&engine);
            processor.set_render(RenderMode::Wait, true);
            processor.activate(HostConfig::new(48_000, 256)).unwrap();
            processor
        })
        .collect();
    let start = [afterimage_engine::TimedEvent::new(0, note_on(60, 0.8))];
    let (mut left, mut right) = (vec![0.0; 24_064], vec![0.0; 24_064]);
    for block in 0..94 {
        for processor in &mut processors {
            let range = block * 256..(block + 1) * 256;
            let events = if block == 0 { &start[..] } else { &[] };
            processor.process(&mut left[range.clone()], &mut right[range], events);
        }
    }
    assert_eq!(left, alone.left);
    assert_eq!(largest_step(&right), largest_step(&alone.right));
}
