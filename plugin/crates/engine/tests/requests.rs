//! What is asked for, when its controls are read, and in which order it is answered.
#![allow(clippy::unwrap_used)]

mod support;

use std::sync::Arc;

use afterimage_engine::contract::{DecodeError, Decoder, Frame, FrameRequest};
use afterimage_engine::{
    ControlChange, DecoderHandle, DecoderKey, Engine, Event, EvolveChange, HostConfig, Instrument,
    NoteMatch, Processor, RenderMode, Service, TimedEvent,
};
use parking_lot::Mutex;
use support::{
    Behaviour, HOP, MODEL_RATE_HZ, Rig, TestDecoder, control, instrument, note_off, note_on, spec,
};

/// Frames that a note asks for at once: half a window, and the one in its middle.
const FIRST_FRAMES: usize = 5;

/// Notes every request it is given.
struct Recorder {
    name: &'static str,
    seen: Arc<Mutex<Vec<(&'static str, FrameRequest)>>>,
}

impl Decoder for Recorder {
    fn decode(
        &mut self,
        requests: &[FrameRequest],
        frames: &mut [Frame],
    ) -> Result<(), DecodeError> {
        self.seen
            .lock()
            .extend(requests.iter().map(|request| (self.name, *request)));
        frames
            .iter_mut()
            .for_each(|frame| frame.magnitudes.fill(0.1));
        Ok(())
    }

    fn max_rows(&self) -> usize {
        16
    }
}

type Seen = Arc<Mutex<Vec<(&'static str, FrameRequest)>>>;

fn recorded(name: &'static str, seen: &Seen) -> Instrument {
    let key = DecoderKey {
        pack_hash: name.into(),
        backend: "test".into(),
    };
    let recorder = Recorder {
        name,
        seen: Arc::clone(seen),
    };
    let mut spec = spec(MODEL_RATE_HZ);
    spec.default_latent[5] = 0.25;
    spec.pressure_direction = Some([0.5; 16]);
    Instrument {
        spec,
        decoder: DecoderHandle::unshared(key, Box::new(recorder)),
    }
}

fn requests(events: &[(u64, Event)], samples: usize, block: usize) -> Vec<FrameRequest> {
    let seen = Seen::default();
    let mut rig = Rig::with(HostConfig::new(48_000, 512), Some(recorded("only", &seen)));
    rig.play(events, samples, block);
    let seen = seen.lock();
    seen.iter().map(|(_, request)| *request).collect()
}

#[test]
fn a_note_asks_for_half_a_window_at_once_and_for_one_frame_a_hop_after_that() {
    let requests = requests(&[(777, note_on(60, 0.5))], 8_192, 512);
    let first_due = requests[0].due_sample;
    for (index, request) in requests.iter().enumerate() {
        let hops = index.saturating_sub(FIRST_FRAMES - 1) as u64;
        assert_eq!(request.frame_index, index as u32);
        assert_eq!(request.due_sample, first_due + hops * HOP as u64);
        assert_eq!(
            request.time_on_s,
            index as f32 * HOP as f32 / MODEL_RATE_HZ as f32
        );
        assert_eq!(
            (request.pitch, request.velocity, request.time_off_s),
            (60.0, 0.5, -1.0)
        );
        assert_eq!(request.conditions.latent[5], 0.25, "the pack's default");
    }
    assert_eq!(requests.len(), FIRST_FRAMES + (8_192 - 778) / HOP);
}

#[test]
fn a_control_is_read_at_the_hop_after_it_and_never_before() {
    for offset in [0, 1, HOP as u64 - 1] {
        let on = 1_000;
        let moved = on + 3 * HOP as u64 + offset;
        let change = control(ControlChange::Latent {
            axis: 2,
            value: 1.5,
        });
        let requests = requests(&[(on, note_on(60, 0.5)), (moved, change)], 4_096, 64);
        let first = requests
            .iter()
            .position(|request| request.conditions.latent[2] == 1.5)
            .unwrap();
        let latch = on + (first + 1 - FIRST_FRAMES) as u64 * HOP as u64;
        assert!(
            latch >= moved && latch < moved + HOP as u64,
            "moved at {moved}, read at {latch}"
        );
        assert!(
            requests[..first]
                .iter()
                .all(|request| request.conditions.latent[2] == 0.0)
        );
    }
}

#[test]
fn a_control_on_the_sample_of_a_note_shapes_its_first_frame_on_either_side_of_it() {
    let change = control(ControlChange::Latent {
        axis: 2,
        value: 1.5,
    });
    for events in [
        [(500, change), (500, note_on(60, 0.5))],
        [(500, note_on(60, 0.5)), (500, change)],
    ] {
        let requests = requests(&events, 2_048, 512);
        assert!(
            requests
                .iter()
                .all(|request| request.conditions.latent[2] == 1.5)
        );
    }
}

#[test]
fn time_since_release_counts_from_the_sample_of_the_release() {
    let requests = requests(
        &[(1_000, note_on(60, 0.5)), (3_001, note_off(60))],
        9_000,
        512,
    );
    for request in &requests {
        let latch = 1_000 + u64::from(request.frame_index.saturating_sub(4)) * HOP as u64;
        let centre = 1_000 + u64::from(request.frame_index) * HOP as u64;
        let expected = if latch >= 3_001 {
            (centre - 3_001) as f32 / MODEL_RATE_HZ as f32
        } else {
            -1.0
        };
        assert!(
            (request.time_off_s - expected).abs() < 1e-6,
            "frame {}",
            request.frame_index
        );
    }
    // A release of 100 ms: nothing is asked for after it.
    let last = requests.last().unwrap();
    let last_latch = 1_000 + u64::from(last.frame_index - 4) * HOP as u64;
    assert!((3_001 + 4_800 - HOP as u64..3_001 + 4_800).contains(&last_latch));
}

#[test]
fn bend_wheel_pressure_and_tuning_reach_the_request() {
    let requests = requests(
        &[
            (0, control(ControlChange::BendRangeSemitones(12.0))),
            (0, control(ControlChange::TuningSemitones(0.5))),
            (
                0,
                Event::PitchBend {
                    channel: 0,
                    bend: -0.5,
                },
            ),
            (0, Event::ModWheel { position: 0.25 }),
            (100, note_on(60, 0.5)),
            (
                100,
                Event::Pressure {
                    notes: NoteMatch::default(),
                    pressure: 0.5,
                },
            ),
        ],
        1_024,
        512,
    );
    assert_eq!(requests[0].pitch, 60.0 + 0.5 - 6.0);
    // A quarter of the way is half of the path's first segment, from 0 to 1; and half of the pressure's 0.5.
    assert_eq!(requests[0].conditions.latent[0], 0.5 + 0.25);
}

#[test]
fn requests_are_the_same_at_any_block_and_come_in_the_order_of_their_due_samples() {
    let events = support::music(1.0, 48_000);
    let reference = requests(&events, 60_000, 512);
    assert!(reference.len() > 1_000);
    assert!(
        reference
            .windows(2)
            .all(|pair| pair[0].due_sample <= pair[1].due_sample)
    );
    for block in [1, 64, 333] {
        let others = requests(&events, 60_000, block);
        // Every instance counts its epochs from elsewhere.
        let epoch = reference[0].epoch;
        let differing = reference
            .iter()
            .zip(&others)
            .position(|(a, b)| *a != FrameRequest { epoch, ..*b });
        assert_eq!(
            (differing, others.len()),
            (None, reference.len()),
            "blocks of {block}"
        );
    }
}

#[test]
fn drift_moves_held_notes_each_in_its_own_way() {
    let drift = control(ControlChange::Drift(1.0));
    let requests = requests(
        &[(0, drift), (0, note_on(60, 0.5)), (0, note_on(67, 0.5))],
        96_000,
        512,
    );
    let last = |note| {
        requests
            .iter()
            .rev()
            .find(|request| request.note == note)
            .unwrap()
            .conditions
            .latent
    };
    let (first, second) = (last(0), last(1));
    assert!(first[0] != 0.0 && first[0] != second[0] && first[0] != first[1]);
    assert!(first.iter().all(|value| value.abs() <= 1.25));
}

#[test]
fn evolving_wanders_alike_at_any_block_size_and_stands_on_the_knobs_when_it_is_off() {
    let evolve = |change| control(ControlChange::Evolve(change));
    let events = [
        (0, control(ControlChange::Seed(4))),
        (0, evolve(EvolveChange::Depth(1.0))),
        (0, note_on(60, 0.5)),
        (10_000, evolve(EvolveChange::Bars(1))),
        (70_000, evolve(EvolveChange::Bars(0))),
    ];
    let reference = requests(&events, 96_000, 512);
    let latents = |from: u64, to: u64| -> Vec<f32> {
        let within = |request: &&FrameRequest| (from..to).contains(&request.due_sample);
        let wanted = reference.iter().filter(within);
        wanted.map(|request| request.conditions.latent[1]).collect()
    };
    let wandered = latents(20_000, 70_000);
    let steps = wandered.windows(2).map(|pair| (pair[1] - pair[0]).abs());
    let (first, last) = (wandered[0], wandered[wandered.len() - 1]);
    assert!((first - last).abs() > 0.05, "it wanders: {first} to {last}");
    assert!(steps.fold(0.0, f32::max) < 0.2, "and does not jump");
    let still = latents(0, 10_000);
    assert!(still.iter().all(|value| *value == still[0]), "not before");
    let after = latents(80_000, 96_000);
    assert!(after.iter().all(|value| *value == still[0]), "nor after");
    for block in [1, 64, 333] {
        let epoch = reference[0].epoch;
        let others = requests(&events, 96_000, block);
        let differing = reference
            .iter()
            .zip(&others)
            .position(|(a, b)| *a != FrameRequest { epoch, ..*b });
        assert_eq!(differing, None, "blocks of {block}");
    }
}

#[test]
fn the_instance_whose_frame_is_due_first_is_served_first() {
    let seen = Seen::default();
    let (service, mut worker) = Service::by_hand();
    let mut processors: Vec<_> = [("patient", 100.0), ("urgent", 10.0)]
        .into_iter()
        .map(|(name, lead_ms)| {
            let engine = Engine::new(&service);
            engine.load(recorded(name, &seen)).unwrap();
            let mut processor = Processor::new(&engine);
            processor.set_render(RenderMode::Live, false);
            processor
                .activate(HostConfig {
                    lead_ms,
                    ..HostConfig::new(48_000, 256)
                })
                .unwrap();
            processor
        })
        .collect();
    for processor in &mut processors {
        processor.process(
            &mut [0.0; 256],
            &mut [0.0; 256],
            &[TimedEvent::new(0, note_on(60, 0.5))],
        );
    }
    worker.step();
    worker.step();
    let seen = seen.lock();
    let order: Vec<_> = seen.iter().map(|(name, _)| *name).collect();
    assert_eq!(
        order,
        [["urgent"; FIRST_FRAMES], ["patient"; FIRST_FRAMES]].concat()
    );
}

#[test]
fn the_worker_is_woken_at_most_once_a_block_and_not_at_all_in_silence() {
    let mut rig = Rig::new(HostConfig::new(48_000, 64));
    let wakes = |rig: &Rig| rig.engine.monitor().counts().worker_wakes;
    rig.play(&[], 9_600, 64);
    assert_eq!(wakes(&rig), 0);
    rig.play(&[(9_600, note_on(60, 0.5))], 64 * 100, 64);
    // One hop in four blocks of 64; the block of the note-on asks for the first frames.
    assert_eq!(wakes(&rig), 1 + (64 * 100 - 1) / HOP as u64);
    let before = wakes(&rig);
    let at = rig.position;
    let chord: Vec<_> = (0..16)
        .map(|step| (at + step, note_on(50 + step as u8, 0.5)))
        .collect();
    rig.play(&chord, 64, 64);
    assert_eq!(wakes(&rig), before + 1);
}

/// Wants two frames sent before it goes on.
struct Pairs {
    decoder: TestDecoder,
    calls: Arc<Mutex<Vec<usize>>>,
}

impl Decoder for Pairs {
    fn decode(
        &mut self,
        requests: &[FrameRequest],
        frames: &mut [Frame],
    ) -> Result<(), DecodeError> {
        self.calls.lock().push(requests.len());
        self.decoder.decode(requests, frames)
    }

    fn max_rows(&self) -> usize {
        self.decoder.max_rows()
    }

    fn at_once(&self, requests: &[FrameRequest]) -> usize {
        requests.len().min(2)
    }
}

#[test]
fn what_is_not_answered_at_once_is_answered_next_and_sounds_the_same() {
    let calls = Arc::<Mutex<Vec<usize>>>::default();
    let all = instrument(Behaviour::Partials, MODEL_RATE_HZ);
    let key = DecoderKey {
        pack_hash: "pairs".into(),
        backend: "test".into(),
    };
    let decoder = TestDecoder {
        behaviour: Behaviour::Partials,
        rate_hz: MODEL_RATE_HZ,
        max_rows: 16,
    };
    let pairs = Pairs {
        decoder,
        calls: Arc::clone(&calls),
    };
    let pairs = Instrument {
        spec: all.spec.clone(),
        decoder: DecoderHandle::unshared(key, Box::new(pairs)),
    };
    let chord: Vec<_> = [48, 55, 64].map(|key| (100, note_on(key, 0.7))).to_vec();
    let [expected, found] = [all, pairs].map(|instrument| {
        let mut rig = Rig::with(HostConfig::new(48_000, 512), Some(instrument));
        rig.play(&chord, 16_384, 512)
    });
    assert!(expected.peak() > 0.01);
    found.assert_same(&expected, "two frames at once");
    let calls = calls.lock();
    assert!(calls.len() > 3 * FIRST_FRAMES / 2 && calls.iter().all(|rows| *rows <= 2));
}
