//! Packs whose frames bring phases: they are sounded as they come, wherever they still fit.
#![allow(
    clippy::disallowed_macros,
    clippy::unwrap_used,
    reason = "a test may stop, and prints what it measured"
)]

mod support;

use afterimage_engine::contract::{DecodeError, Decoder, Frame, FrameRequest};
use afterimage_engine::{
    ControlChange, DecoderHandle, DecoderKey, Event, GivenPhases, Hit, HitMap, HostConfig,
    Instrument, LatencyMode, PlayChange, PlayStyle,
};
use afterimage_spectral::counter_rng::{Purpose, Stream};
use afterimage_spectral::stft::stft;
use afterimage_spectral::{PhaseMethod, StftSpec};
use support::{MODEL_RATE_HZ, Rig, Sound, Working, control, note_on, spec};

const FFT_SIZE: usize = 1024;
const HOP: usize = 256;
const FRAMES: usize = 100;
const KEY: u8 = 60;

fn geometry() -> StftSpec {
    let whole = StftSpec::new(FFT_SIZE, HOP).unwrap();
    whole.with_synthesis_support(FFT_SIZE / 4).unwrap()
}

/// Noise and two tones that glide past each other: a sound whose phases no gradient finds.
fn original() -> Vec<f32> {
    let noise = Stream::new(5, Purpose::NOISE, 0, 0);
    let mut turns = [0.0_f32; 2];
    let sample = |n: usize| {
        let s = n as f32 / MODEL_RATE_HZ as f32;
        for (turns, hz) in turns.iter_mut().zip([400.0 + 900.0 * s, 900.0 - 700.0 * s]) {
            *turns = (*turns + hz / MODEL_RATE_HZ as f32).fract();
        }
        let tones = turns.map(|turns| (std::f32::consts::TAU * turns).sin());
        0.1 * (tones[0] + tones[1]) + 0.03 * noise.gaussian_at(n as u64)
    };
    (0..FRAMES * HOP).map(sample).collect()
}

/// What the engine's output makes of the original: it blocks what lies below 8 Hz, which turns low tones a little.
fn as_put_out() -> Vec<f32> {
    let pole = (-std::f32::consts::TAU * 8.0 / MODEL_RATE_HZ as f32).exp();
    let (mut input, mut output) = (0.0, 0.0);
    let blocked = |sample: f32| {
        output = sample - input + pole * output;
        input = sample;
        output
    };
    original().into_iter().map(blocked).collect()
}

/// The original's own frames, by the note's time or by the frame's index; which of them know their phases.
struct Known {
    by_index: bool,
    knows: fn(usize) -> bool,
    magnitudes: Vec<f32>,
    phases: Vec<u32>,
}

impl Known {
    fn new(by_index: bool, knows: fn(usize) -> bool) -> Self {
        let spectra = stft(&geometry(), &original());
        let turns = |radians: f32| {
            (f64::from(radians) / std::f64::consts::TAU * 4_294_967_296.0) as i64 as u32
        };
        Self {
            by_index,
            knows,
            magnitudes: spectra.iter().map(|value| value.norm()).collect(),
            phases: spectra.iter().map(|value| turns(value.arg())).collect(),
        }
    }
}

impl Decoder for Known {
    fn decode(
        &mut self,
        requests: &[FrameRequest],
        frames: &mut [Frame],
    ) -> Result<(), DecodeError> {
        let rate_hz = MODEL_RATE_HZ as f32;
        for (request, frame) in requests.iter().zip(frames) {
            let bins = frame.magnitudes.len();
            let index = match self.by_index {
                true => request.frame_index as usize,
                false => (request.time_on_s * rate_hz / HOP as f32).round() as usize,
            };
            let span = index.min(FRAMES) * bins..(index.min(FRAMES) + 1) * bins;
            frame
                .magnitudes
                .copy_from_slice(&self.magnitudes[span.clone()]);
            if frame.phases.len() == bins {
                frame.phases.copy_from_slice(&self.phases[span]);
                frame.phases_known = (self.knows)(index);
            }
            (frame.silent, frame.cleaned_values) = (false, 0);
        }
        Ok(())
    }

    fn max_rows(&self) -> usize {
        16
    }
}

struct Pack {
    play: PlayStyle,
    whole_hits: bool,
    knows: fn(usize) -> bool,
    given_phases: GivenPhases,
}

const ALL: fn(usize) -> bool = |_| true;

fn drone() -> Pack {
    Pack {
        play: PlayStyle::Drone,
        whole_hits: false,
        knows: ALL,
        given_phases: GivenPhases::OfMoment,
    }
}

fn hit() -> Pack {
    let mut map = HitMap::new(FRAMES as u32);
    let hit = Hit {
        label: 0,
        choke_group: 0,
    };
    map.set(KEY, hit);
    Pack {
        play: PlayStyle::OneShot(map),
        whole_hits: true,
        given_phases: GivenPhases::Carried,
        ..drone()
    }
}

fn instrument(pack: Pack) -> Instrument {
    let mut spec = spec(MODEL_RATE_HZ);
    spec.stft = geometry();
    spec.phase = PhaseMethod::Rtpghi;
    spec.given_phases = pack.given_phases;
    spec.play = pack.play;
    spec.whole_hits = pack.whole_hits;
    (spec.spread, spec.hears_velocity) = (0.0, false);
    spec.pitch_range = (f32::from(KEY), f32::from(KEY));
    let key = DecoderKey {
        pack_hash: "known".into(),
        backend: "test".into(),
    };
    let decoder = Known::new(pack.whole_hits, pack.knows);
    Instrument {
        spec,
        decoder: DecoderHandle::unshared(key, Box::new(decoder)),
    }
}

fn rig(pack: Pack, mode: LatencyMode, block: u32) -> Rig {
    let host = HostConfig {
        latency_mode: mode,
        ..HostConfig::new(MODEL_RATE_HZ, block)
    };
    Rig::with(host, Some(instrument(pack)))
}

/// The note begins here: Instant mode has made its attacks by then.
const STRUCK: u64 = 48_000;
const LENGTH: usize = (FRAMES - 4) * HOP;

/// A note with controls set before it, from its first sample on.
fn played(pack: Pack, mode: LatencyMode, changes: &[PlayChange], block: usize) -> Vec<f32> {
    let mut rig = rig(pack, mode, block as u32);
    let mut events: Vec<(u64, Event)> = vec![
        (0, control(ControlChange::AttackMs(0.0))),
        (0, control(ControlChange::Drift(0.0))),
    ];
    events.extend(
        changes
            .iter()
            .map(|change| (0, control(ControlChange::Play(*change)))),
    );
    events.push((STRUCK, note_on(KEY, 1.0)));
    let lead = rig.latency.reported_samples as usize;
    let sound = rig.play(&events, STRUCK as usize + lead + LENGTH, block);
    assert_eq!(sound.missing, 0);
    sound.left[STRUCK as usize + lead..].to_vec()
}

/// Error of a sound against the original at the level that fits best, in dB. The very first samples fade in.
fn error_db(sound: &[f32]) -> f64 {
    let original = &as_put_out()[..sound.len()];
    let pairs = || sound.iter().zip(original).skip(64);
    let product: f64 = pairs().map(|(a, b)| f64::from(a * b)).sum();
    let power: f64 = pairs().map(|(_, b)| f64::from(b * b)).sum();
    let level = product / power;
    let error: f64 = pairs()
        .map(|(a, b)| (f64::from(*a) / level - f64::from(*b)).powi(2))
        .sum();
    10.0 * (error / power).log10()
}

#[test]
fn the_original_comes_back_sample_by_sample() {
    for (name, mode) in [
        ("exact", LatencyMode::Exact),
        ("instant", LatencyMode::Instant),
    ] {
        for block in [64, 333] {
            for (kind, pack) in [("drone", drone()), ("hit", hit())] {
                let error = error_db(&played(pack, mode, &[], block));
                println!("{name}, {kind}, blocks of {block}: {error:.1} dB");
                // Where an attack of few hops hands over, the two are faded across an unfinished hop.
                let is_handed_over = (name, kind) == ("instant", "drone");
                let limit = if is_handed_over { -50.0 } else { -100.0 };
                assert!(error < limit, "{name} {kind} {block}: {error} dB");
            }
        }
    }
}

#[test]
fn without_the_phases_it_does_not() {
    // Negative control: the same frames, integrated.
    for mode in [LatencyMode::Exact, LatencyMode::Instant] {
        for mut pack in [drone(), hit()] {
            pack.given_phases = GivenPhases::No;
            let error = error_db(&played(pack, mode, &[], 64));
            assert!(error > -20.0, "{error} dB");
        }
    }
}

#[test]
fn a_gain_for_each_bin_keeps_them() {
    let tilted = [PlayChange::TiltDbPerOctave(0.001)];
    let error = error_db(&played(drone(), LatencyMode::Exact, &tilted, 64));
    assert!(error < -50.0, "{error} dB");
}

#[test]
fn what_moves_time_or_pitch_is_integrated_in_both_modes() {
    let without = || Pack {
        given_phases: GivenPhases::No,
        ..drone()
    };
    let both = |mode, change| {
        let with = played(drone(), mode, &[change], 64);
        (with, played(without(), mode, &[change], 64))
    };
    for mode in [LatencyMode::Exact, LatencyMode::Instant] {
        // Every frame is blurred: nothing is left of the phases that came.
        let (with, without) = both(mode, PlayChange::Blur(0.5));
        assert!(with == without, "{mode:?}");
        for change in [
            PlayChange::Freeze(true),
            PlayChange::Stretch(2.0),
            PlayChange::Stretch(1.04),
            PlayChange::Stretch(0.97),
        ] {
            let (with, without) = both(mode, change);
            if let (LatencyMode::Instant, PlayChange::Stretch(_)) = (mode, change) {
                // The attack, which was made ahead without them.
                assert!(with[..HOP] == without[..HOP], "{change:?}");
            }
            let power = |samples: &[f32]| samples.iter().map(|x| f64::from(x * x)).sum::<f64>();
            let ratio_db = 10.0 * (power(&with) / power(&without)).log10();
            // A freeze takes hold after the attack, whose frames are as they came.
            assert!(ratio_db.abs() < 1.0, "{mode:?} {change:?}: {ratio_db} dB");
            let hum = hop_hum(&with);
            let least = hop_hum(&without);
            assert!(hum < 3.0 * least + 0.05, "{mode:?} {change:?}: {hum}");
        }
    }
}

#[test]
fn a_moving_knob_is_integrated_and_drift_leaves_the_latent_alone() {
    let moves = |axis_value: f32| ControlChange::Latent {
        axis: 0,
        value: axis_value,
    };
    let play = |drift: f32, knob: bool, pack: Pack| {
        let mut rig = rig(pack, LatencyMode::Exact, 64);
        let mut events = vec![
            (0, control(ControlChange::AttackMs(0.0))),
            (0, control(ControlChange::Drift(drift))),
            (STRUCK, note_on(KEY, 1.0)),
        ];
        let steps = (0..LENGTH as u64 / 200).map(|n| STRUCK + 1_000 + n * 200);
        let steps = steps.map(|at| (at, control(moves((at % 700) as f32 / 700.0))));
        events.extend(steps.filter(|_| knob));
        let lead = rig.latency.reported_samples as usize;
        let sound = rig.play(&events, STRUCK as usize + lead + LENGTH, 64);
        error_db(&sound.left[STRUCK as usize + lead..])
    };
    assert!(play(0.3, false, drone()) < -100.0, "drift moved the phases");
    assert!(play(0.0, true, drone()) > -20.0, "a knob did not");
    // Those that a decoder carries on itself stay.
    let carried = Pack {
        given_phases: GivenPhases::Carried,
        ..drone()
    };
    assert!(play(0.3, true, carried) < -100.0);
}

#[test]
fn a_method_that_could_not_take_them_is_refused() {
    let rig = rig(drone(), LatencyMode::Exact, 64);
    for phase in [PhaseMethod::F0Lock, PhaseMethod::RtpghiLookahead] {
        let mut pack = instrument(drone());
        pack.spec.phase = phase;
        let error = rig.engine.load(pack).unwrap_err().to_string();
        assert!(error.contains("given phases"), "{error}");
    }
}

/// How alike a sound is to itself one hop later: phases that stand still make every hop the same.
fn hop_hum(samples: &[f32]) -> f64 {
    let late = &samples[samples.len() / 2..];
    let product: f64 = late
        .iter()
        .zip(&late[HOP..])
        .map(|(a, b)| f64::from(a * b))
        .sum();
    let power: f64 = late.iter().map(|a| f64::from(a * a)).sum();
    (product / power).abs()
}

#[test]
fn the_measure_of_standing_phases_finds_them() {
    let samples: Vec<f32> = (0..HOP * 60)
        .map(|n| ((n % HOP) as f32 * 0.21).sin())
        .collect();
    assert!(hop_hum(&samples) > 0.9);
}

#[test]
fn frames_that_do_not_know_them_are_integrated_between_those_that_do() {
    let pack = Pack {
        knows: |index| index % 8 != 5,
        ..drone()
    };
    let error = error_db(&played(pack, LatencyMode::Exact, &[], 64));
    let none = Pack {
        knows: |_| false,
        ..drone()
    };
    let lost = error_db(&played(none, LatencyMode::Exact, &[], 64));
    println!("an eighth unknown: {error:.1} dB, all: {lost:.1} dB");
    assert!(error < -6.0 && error < lost - 6.0, "{error} and {lost} dB");
}

#[test]
fn a_late_frame_is_concealed_and_the_next_is_right_again() {
    let mut rig = rig(drone(), LatencyMode::Exact, 64);
    let events = [
        (0, control(ControlChange::AttackMs(0.0))),
        (0, control(ControlChange::Drift(0.0))),
        (STRUCK, note_on(KEY, 1.0)),
    ];
    let lead = rig.latency.reported_samples as usize;
    let stalls = Working::NotIn(900, 930);
    let sound: Sound = rig.render(&events, STRUCK as usize + lead + LENGTH, || 64, stalls);
    assert!(sound.missing > 0);
    let note = &sound.left[STRUCK as usize + lead..];
    assert!(error_db(note) > -40.0, "nothing was late");
    let after = 930 * 64 - STRUCK as usize + 4 * HOP;
    let (late, whole) = (&note[after..], as_put_out());
    let off: f64 = late
        .iter()
        .zip(&whole[after..])
        .map(|(a, b)| f64::from(a - b).powi(2))
        .sum();
    let power: f64 = whole[after..].iter().map(|x| f64::from(x * x)).sum();
    let error = 10.0 * (off / power).log10();
    assert!(error < -60.0, "{error} dB");
}
