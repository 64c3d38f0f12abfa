//! Whole hits in Instant mode: made ahead from beginning to end, and played from memory.
#![allow(
    clippy::disallowed_macros,
    clippy::unwrap_used,
    reason = "a test may stop, and prints what it measured"
)]

mod support;

use afterimage_engine::contract::{DecodeError, Decoder, Frame, FrameRequest};
use afterimage_engine::{
    ControlChange, DecoderHandle, DecoderKey, Event, Hit, HitMap, HostConfig, Instrument,
    LatencyMode, PlayStyle, RenderMode, Step,
};
use afterimage_spectral::counter_rng::{Purpose, Stream};
use afterimage_spectral::stft::magnitudes;
use afterimage_spectral::{PhaseMethod, StftSpec};
use support::{
    Behaviour, MODEL_RATE_HZ, Rig, Sound, Working, control, instrument, note_on, peak, spec,
};

const FFT_SIZE: usize = 1024;
const HOP: usize = 256;
const FRAMES: usize = 40;
const LENGTH: usize = FRAMES * HOP;
const DRUM: u8 = 36;
const CLOSED_HAT: u8 = 42;
const OPEN_HAT: u8 = 46;

/// Struck sounds by label: a drum whose pitch falls, and two hats.
fn struck(label: usize) -> Vec<f32> {
    let noise = Stream::new(label as u64, Purpose::NOISE, 0, 0);
    let mut turns = 0.0_f32;
    (0..LENGTH)
        .map(|n| {
            let s = n as f32 / MODEL_RATE_HZ as f32;
            turns += (60.0 + 240.0 * (-s * 40.0).exp()) / MODEL_RATE_HZ as f32;
            let body = (turns * std::f32::consts::TAU).sin() * (-s * 25.0).exp();
            let grain = noise.gaussian_at(n as u64) * 0.2;
            match label {
                0 => 0.5 * body + 0.1 * grain * (-s * 200.0).exp(),
                1 => grain * (-s * 60.0).exp(),
                _ => grain * (-s * 15.0).exp(),
            }
        })
        .collect()
}

/// Their frames; the first latent makes them louder or softer.
struct Struck {
    hits: Vec<Vec<f32>>,
}

impl Decoder for Struck {
    fn decode(
        &mut self,
        requests: &[FrameRequest],
        frames: &mut [Frame],
    ) -> Result<(), DecodeError> {
        for (request, frame) in requests.iter().zip(frames) {
            let bins = frame.magnitudes.len();
            let hit = &self.hits[usize::from(request.conditions.class[0])];
            let from = request.frame_index as usize * bins;
            let level = request.conditions.latent[0].exp2();
            match hit.get(from..from + bins) {
                Some(column) => {
                    let values = frame.magnitudes.iter_mut().zip(column);
                    values.for_each(|(out, value)| *out = level * value);
                }
                None => frame.magnitudes.fill(0.0),
            }
            (frame.silent, frame.cleaned_values) = (from >= hit.len(), 0);
        }
        Ok(())
    }

    fn max_rows(&self) -> usize {
        16
    }
}

fn stft() -> StftSpec {
    StftSpec::new(FFT_SIZE, HOP).unwrap()
}

fn frames_of(label: usize) -> Vec<f32> {
    let mut frames = magnitudes(&stft(), &struck(label));
    frames.truncate(FRAMES * stft().bins());
    frames
}

fn kit() -> Instrument {
    let mut spec = spec(MODEL_RATE_HZ);
    spec.stft = stft().with_synthesis_support(FFT_SIZE / 4).unwrap();
    spec.phase = PhaseMethod::RtpghiLookahead;
    spec.spread = 0.0;
    spec.whole_hits = true;
    spec.hears_velocity = false;
    let mut map = HitMap::new(FRAMES as u32);
    for (key, label, choke_group) in [(DRUM, 0, 0), (CLOSED_HAT, 1, 1), (OPEN_HAT, 2, 1)] {
        map.set(key, Hit { label, choke_group });
    }
    spec.play = PlayStyle::OneShot(map);
    let key = DecoderKey {
        pack_hash: "struck".into(),
        backend: "test".into(),
    };
    let hits = (0..3).map(frames_of).collect();
    let decoder = DecoderHandle::unshared(key, Box::new(Struck { hits }));
    Instrument { spec, decoder }
}

fn host(latency_mode: LatencyMode, rate_hz: u32, block: u32) -> HostConfig {
    HostConfig {
        latency_mode,
        ..HostConfig::new(rate_hz, block)
    }
}

fn instant(rate_hz: u32, block: u32) -> Rig {
    Rig::with(host(LatencyMode::Instant, rate_hz, block), Some(kit()))
}

fn cold_attacks(rig: &Rig) -> u64 {
    rig.engine.monitor().counts().cold_attacks
}

fn decoded_frames(rig: &Rig) -> u64 {
    rig.engine.monitor().counts().decoded_frames
}

/// How far a sound is from the frames that it was made of, in dB.
fn convergence_db(sound: &[f32], label: usize) -> f64 {
    let wanted = frames_of(label);
    let found = magnitudes(&stft(), sound);
    let (mut error, mut power) = (0.0, 0.0);
    for (wanted, found) in wanted.iter().zip(&found) {
        error += f64::from(found - wanted).powi(2);
        power += f64::from(*wanted).powi(2);
    }
    10.0 * (error / power).log10()
}

const AT: u64 = 12_800;

fn struck_once(rig: &mut Rig, key: u8) -> Vec<f32> {
    let sound = rig.play(&[(AT, note_on(key, 1.0))], AT as usize + 2 * LENGTH, 64);
    assert_eq!((sound.missing, cold_attacks(rig)), (0, 0));
    sound.left[AT as usize + rig.latency.reported_samples as usize..].to_vec()
}

#[test]
fn a_hit_made_ahead_is_nearer_to_its_frames_than_one_played_live() {
    for (key, label) in [(DRUM, 0), (CLOSED_HAT, 1), (OPEN_HAT, 2)] {
        let mut live = Rig::with(host(LatencyMode::Exact, MODEL_RATE_HZ, 64), Some(kit()));
        let live_db = convergence_db(&struck_once(&mut live, key), label);
        let mut ahead = instant(MODEL_RATE_HZ, 64);
        let ahead_db = convergence_db(&struck_once(&mut ahead, key), label);
        println!("key {key}: {ahead_db:.1} dB, live {live_db:.1} dB");
        assert!(ahead_db < live_db - 2.0, "{ahead_db} dB, live {live_db} dB");
    }
}

#[test]
fn nothing_is_asked_for_while_a_hit_plays_from_memory() {
    for rate_hz in [44_100, 48_000, 96_000] {
        let mut rig = instant(rate_hz, 64);
        let sound = struck_once(&mut rig, DRUM);
        assert!(peak(&sound[..32]) > 0.0, "it begins on its sample");
        assert_eq!(decoded_frames(&rig), 0, "{rate_hz} Hz");
    }
    // Negative control: played live it is asked for frame by frame.
    let mut rig = Rig::with(host(LatencyMode::Exact, 48_000, 64), Some(kit()));
    struck_once(&mut rig, DRUM);
    assert!(decoded_frames(&rig) >= FRAMES as u64);
}

#[test]
fn a_hit_plays_to_its_end_and_then_nothing() {
    let mut rig = instant(48_000, 64);
    let sound = struck_once(&mut rig, OPEN_HAT);
    // What it was made of still sounds in its last hops.
    assert!(peak(&sound[LENGTH - 2 * HOP..LENGTH]) > 1e-3);
    assert!(peak(&sound[LENGTH + HOP + 2_000..]) < 1e-4);
    assert_eq!(rig.engine.monitor().voices(), 0);
}

#[test]
fn a_hit_chokes_one_that_plays_from_memory() {
    let mut rig = instant(48_000, 64);
    let events = [
        (AT, note_on(OPEN_HAT, 1.0)),
        (AT + 2_000, note_on(CLOSED_HAT, 1.0)),
    ];
    let both = rig.play(&events, AT as usize + LENGTH, 64);
    let mut rig = instant(48_000, 64);
    let alone = rig.play(&events[1..], AT as usize + LENGTH, 64);
    let from = AT as usize + 5_000;
    let left_over = both.left[from..].iter().zip(&alone.left[from..]);
    let left_over = left_over.fold(0.0_f32, |most, (a, b)| most.max((a - b).abs()));
    assert!(left_over < 1e-3, "{left_over} of the open hat is left");
    assert!(peak(&both.left[AT as usize..AT as usize + 2_000]) > 0.05);
}

/// Hits on all keys, a knob that never rests, for so many seconds.
fn beat(seconds: f32, rate_hz: u32) -> Vec<(u64, Event)> {
    let at = |seconds: f32| (seconds * rate_hz as f32) as u64;
    let mut events = Vec::new();
    let mut time = 0.031;
    let mut step = 0_u32;
    while time < seconds {
        let key = [DRUM, CLOSED_HAT, OPEN_HAT, CLOSED_HAT][step as usize % 4];
        events.push((at(time), note_on(key, 0.5 + 0.1 * (step % 5) as f32)));
        let value = (step as f32 * 0.7).sin();
        events.push((
            at(time + 0.011),
            control(ControlChange::Latent { axis: 0, value }),
        ));
        time += 0.067;
        step += 1;
    }
    events
}

#[test]
fn output_is_bit_identical_at_any_block_size_offline() {
    for rate_hz in [48_000, 44_100] {
        let render = |block: usize, working: Working| {
            let mut rig = instant(rate_hz, 1024);
            rig.processor.set_render(RenderMode::Wait, false);
            let events = beat(0.9, rate_hz);
            let sound = rig.render(&events, rate_hz as usize, || block, working);
            assert_eq!(cold_attacks(&rig), 0, "blocks of {block}");
            assert!(sound.peak() > 0.05);
            sound
        };
        let reference = render(1024, Working::OnlyWhenWaitedFor);
        for block in [32, 333, 512] {
            let sound = render(block, Working::OnlyWhenWaitedFor);
            sound.assert_same(&reference, &format!("{rate_hz} Hz, blocks of {block}"));
        }
        render(64, Working::AfterEachBlock)
            .assert_same(&reference, &format!("{rate_hz} Hz, an eager worker"));
    }
}

#[test]
fn live_plays_what_an_offline_render_plays() {
    let render = |mode: RenderMode| -> Sound {
        let mut rig = instant(48_000, 256);
        rig.processor.set_render(mode, false);
        let mut events = beat(0.9, 48_000);
        // Live, a note before the first set would find nothing.
        events.iter_mut().for_each(|(at, _)| *at += 1_024);
        let sound = rig.play(&events, 48_000, 256);
        assert_eq!((sound.missing, cold_attacks(&rig)), (0, 0), "{mode:?}");
        sound
    };
    render(RenderMode::Live).assert_same(&render(RenderMode::Wait), "live against offline");
}

#[test]
fn hits_sound_on_when_a_newer_set_takes_their_place() {
    // Sets are asked for at 0, 12000 and 24000, and hold from 0, 24000 and 36000: the third takes the places
    // of the first, of which hits that were struck just before 24000 are still sounding.
    let render = |moves: bool, last: u64| {
        let mut rig = instant(48_000, 64);
        let mut events: Vec<(u64, Event)> = [22_000, 22_500, 23_000, last]
            .map(|at| (at, note_on(OPEN_HAT, 1.0)))
            .into();
        for (at, value) in [(11_000, 0.5), (20_000, 1.0)] {
            let value = if moves { value } else { 0.0 };
            events.push((at, control(ControlChange::Latent { axis: 0, value })));
        }
        events.sort_by_key(|(at, _)| *at);
        let sound = rig.play(&events, 40_000, 64);
        assert_eq!(cold_attacks(&rig), 0);
        sound
    };
    render(true, 23_900).assert_same(&render(false, 23_900), "what sounds is not touched");
    let (moved, still) = (render(true, 24_100), render(false, 24_100));
    assert_ne!(moved, still, "negative control: the next set is another");
}

#[test]
fn a_frame_that_is_due_waits_for_one_share_at_most() {
    let mut kit = instant(48_000, 64);
    let mut keys = kit.beside(HostConfig::new(48_000, HOP as u32));
    keys.engine
        .load(instrument(Behaviour::Partials, MODEL_RATE_HZ))
        .unwrap();
    let idle = Working::OnlyWhenWaitedFor;
    kit.render(&[], 64, || 64, idle); // asks for the first set
    keys.render(&[], HOP, || HOP, idle); // takes its program
    keys.render(&[(HOP as u64, note_on(60, 1.0))], HOP, || HOP, idle);
    let worker = kit.worker.clone();
    let mut between = 0;
    for round in 0..60 {
        let before = decoded_frames(&keys);
        worker.lock().step();
        let after = decoded_frames(&keys);
        assert!(
            after > before,
            "round {round}: {before} frames, then {after}"
        );
        between += usize::from(worker.lock().step() == Step::Worked);
        keys.render(&[], HOP, || HOP, idle);
    }
    // Three keys of 40 frames: 16 sweeps in shares, and all else.
    assert!(between >= 30, "{between} shares lay between");
    kit.work();
    // The block before the note takes in what has come.
    let sound = kit.play(&[(128, note_on(DRUM, 1.0))], 6_400, 64);
    assert_eq!(cold_attacks(&kit), 0);
    assert!(sound.peak() > 0.05, "negative control: the set was made");
}

#[test]
fn reset_leaves_no_hit_sounding() {
    let mut rig = instant(48_000, 64);
    rig.play(&[(AT, note_on(OPEN_HAT, 1.0))], AT as usize + 640, 64);
    rig.processor.reset();
    rig.position = 0;
    assert_eq!(rig.play(&[], 9_600, 64).peak(), 0.0);
    let sound = rig.play(&[(9_600 + 64, note_on(OPEN_HAT, 1.0))], 9_600, 64);
    assert_eq!(cold_attacks(&rig), 0);
    assert_eq!(sound.left.iter().position(|x| *x != 0.0), Some(64));
}
