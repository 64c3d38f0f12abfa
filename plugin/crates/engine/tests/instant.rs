//! Instant mode: a note sounds on its own sample, from an attack that was made ahead of it.
#![allow(clippy::unwrap_used)]

mod support;

use std::sync::Arc;

use afterimage_engine::contract::{ATTACK_VOICE, DecodeError, Decoder, Frame, FrameRequest};
use afterimage_engine::{
    ControlChange, DecoderHandle, DecoderKey, Event, HostConfig, Instrument, LatencyMode,
    RenderMode,
};
use afterimage_spectral::PhaseMethod;
use parking_lot::Mutex;
use support::{
    Behaviour, MODEL_RATE_HZ, Rig, Sound, Working, control, instrument, music, note_off, note_on,
    peak,
};

fn host(rate_hz: u32, block: u32) -> HostConfig {
    HostConfig {
        latency_mode: LatencyMode::Instant,
        ..HostConfig::new(rate_hz, block)
    }
}

/// A pack of few keys, so that a set is made in no time.
fn pack(phase: PhaseMethod, low: f32, high: f32) -> Instrument {
    let mut instrument = instrument(Behaviour::Partials, MODEL_RATE_HZ);
    instrument.spec.phase = phase;
    instrument.spec.pitch_range = (low, high);
    instrument
}

fn small(phase: PhaseMethod) -> Instrument {
    pack(phase, 60.0, 60.0)
}

fn cold_attacks(rig: &Rig) -> u64 {
    rig.engine.monitor().counts().cold_attacks
}

/// Samples of silence before the first sound.
fn silence(samples: &[f32]) -> usize {
    samples.iter().position(|sample| *sample != 0.0).unwrap()
}

#[test]
fn a_note_sounds_on_its_sample_at_any_rate_and_block() {
    for rate_hz in [22_050, 44_100, 48_000, 88_200, 96_000, 192_000] {
        for block in [1, 32, 64, 333, 512, 1024, 8192] {
            // All partials begin at their crest: the first sample is loud.
            let config = host(rate_hz, block);
            let mut rig = Rig::with(config, Some(small(PhaseMethod::Spsi)));
            let at = u64::from(block) * (3_000 / u64::from(block) + 2) + 17 % u64::from(block);
            let events = [(at, note_on(60, 1.0))];
            let sound = rig.play(&events, at as usize + 4_000, block as usize);
            let what = format!("{rate_hz} Hz, blocks of {block}");
            assert_eq!((sound.missing, cold_attacks(&rig)), (0, 0), "{what}");
            assert_eq!(silence(&sound.left) as u64, at, "{what}");
            let onset = peak(&sound.left[at as usize..at as usize + 16]);
            assert!(onset > 0.3 * sound.peak(), "{what}: onset {onset}");
            assert_eq!(rig.latency.reported_samples, 0);
        }
    }
}

/// Energy of the second difference, which a seam raises, around a sample.
fn roughness(samples: &[f32], at: usize) -> f64 {
    let around = &samples[at - 48..at + 48];
    let rough = around
        .windows(3)
        .map(|x| f64::from(x[0] - 2.0 * x[1] + x[2]).powi(2));
    rough.sum()
}

/// How much rougher the sound is where the voice takes over than elsewhere in the note.
fn seam_roughness(sound: &Sound, at: usize, takes_over: usize) -> f64 {
    let period = 4_800; // well after the seam
    let mut elsewhere: Vec<_> = (0..40)
        .map(|step| roughness(&sound.left, at + period + step * 61))
        .collect();
    elsewhere.sort_by(f64::total_cmp);
    let seam = (0..20)
        .map(|step| roughness(&sound.left, at + takes_over - 60 + step * 20))
        .fold(0.0, f64::max);
    seam / elsewhere[elsewhere.len() - 1]
}

#[test]
fn the_voice_takes_over_without_a_seam() {
    for phase in [
        PhaseMethod::F0Lock,
        PhaseMethod::Rtpghi,
        PhaseMethod::RtpghiLookahead,
    ] {
        for (rate_hz, velocity) in [(48_000, 1.0), (44_100, 1.0), (48_000, 0.7), (96_000, 0.4)] {
            let mut rig = Rig::with(host(rate_hz, 64), Some(small(phase)));
            let at = 6_400;
            let sound = rig.play(&[(at, note_on(60, velocity))], 24_000, 64);
            assert_eq!((sound.missing, cold_attacks(&rig)), (0, 0));
            // 512 samples of lead and the resampler's delay, in whole hops.
            let lead = rig.latency.total_samples as usize;
            let hop = 256 * rate_hz as usize / MODEL_RATE_HZ as usize;
            let ratio = seam_roughness(&sound, at as usize, lead.next_multiple_of(hop));
            assert!(ratio < 1.5, "{phase:?} {rate_hz} Hz {velocity}: {ratio}");
        }
    }
}

/// Says what it was asked for.
struct Asked(Arc<Mutex<Vec<FrameRequest>>>);

impl Decoder for Asked {
    fn decode(
        &mut self,
        requests: &[FrameRequest],
        frames: &mut [Frame],
    ) -> Result<(), DecodeError> {
        self.0.lock().extend_from_slice(requests);
        for frame in frames {
            frame.magnitudes.fill(1.0);
            frame.silent = false;
        }
        Ok(())
    }

    fn max_rows(&self) -> usize {
        16
    }
}

#[test]
fn a_note_takes_the_draw_of_its_attack_and_in_exact_mode_its_own() {
    for mode in [LatencyMode::Instant, LatencyMode::Exact] {
        let asked = Arc::default();
        let mut pack = pack(PhaseMethod::Rtpghi, 60.0, 61.0);
        let key = DecoderKey {
            pack_hash: "asked".into(),
            backend: "test".into(),
        };
        pack.decoder = DecoderHandle::unshared(key, Box::new(Asked(Arc::clone(&asked))));
        let host = HostConfig {
            latency_mode: mode,
            ..host(48_000, 64)
        };
        let mut rig = Rig::with(host, Some(pack));
        let events = [60, 61, 60].map(|key| (u64::from(key) * 400, note_on(key, 1.0)));
        let mut events: Vec<_> = events.into();
        events[2].0 += 12_000;
        rig.play(&events, 60_000, 64);
        let asked = asked.lock();
        let of = |key: f32, attack: bool| {
            let rows = asked.iter().filter(|request| request.pitch == key);
            let mut draws: Vec<_> = rows
                .filter(|request| (request.voice == ATTACK_VOICE) == attack)
                .map(|request| request.draw)
                .collect();
            draws.sort_unstable();
            draws.dedup();
            draws
        };
        match mode {
            LatencyMode::Instant => {
                assert!(of(60.0, true) == of(60.0, false) && of(60.0, true).len() == 1);
                assert!(of(61.0, true) == of(61.0, false) && of(60.0, true) != of(61.0, true));
            }
            LatencyMode::Exact => {
                assert_eq!((of(60.0, false).len(), of(61.0, false).len()), (2, 1));
            }
        }
    }
}

#[test]
fn the_measure_of_seams_finds_one() {
    // Negative control: one sample of silence where the voice takes over.
    let mut rig = Rig::with(host(48_000, 64), Some(small(PhaseMethod::F0Lock)));
    let mut sound = rig.play(&[(6_400, note_on(60, 1.0))], 24_000, 64);
    sound.left[6_400 + 512..6_400 + 516].fill(0.0);
    assert!(seam_roughness(&sound, 6_400, 512) > 3.0);
}

#[test]
fn the_level_of_a_velocity_between_the_layers_is_the_voices_own() {
    for velocity in [0.2, 0.45, 0.65, 0.85, 1.0] {
        let mut rig = Rig::with(host(48_000, 64), Some(small(PhaseMethod::F0Lock)));
        let sound = rig.play(&[(6_400, note_on(60, velocity))], 24_000, 64);
        // The test pack's partials are steady: attack and voice are as loud as each other.
        let rms = |from: usize| {
            let part = &sound.left[from..from + 368]; // two periods of the key
            (part.iter().map(|x| f64::from(*x).powi(2)).sum::<f64>() / 368.0).sqrt()
        };
        let step_db = 20.0 * (rms(6_400 + 100) / rms(6_400 + 2_400)).log10();
        assert!(step_db.abs() <= 1.0, "velocity {velocity}: {step_db} dB");
    }
}

#[test]
fn output_is_bit_identical_at_any_block_size_offline() {
    for rate_hz in [48_000, 44_100] {
        let render = |block: usize, working: Working| {
            let mut rig = Rig::with(
                host(rate_hz, 1024),
                Some(pack(PhaseMethod::F0Lock, 60.0, 72.0)),
            );
            rig.processor.set_render(RenderMode::Wait, false);
            let events = music(0.8, rate_hz);
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
    let render = |mode: RenderMode| {
        let mut rig = Rig::with(
            host(48_000, 256),
            Some(pack(PhaseMethod::F0Lock, 60.0, 72.0)),
        );
        rig.processor.set_render(mode, false);
        let mut events = music(0.8, 48_000);
        // Knobs rest until the first set is there; live, a note at 0 would find no attack.
        events.iter_mut().for_each(|(at, _)| *at += 1_024);
        let sound = rig.play(&events, 48_000, 256);
        assert_eq!((sound.missing, cold_attacks(&rig)), (0, 0), "{mode:?}");
        sound
    };
    render(RenderMode::Live).assert_same(&render(RenderMode::Wait), "live against offline");
}

#[test]
fn the_attack_is_that_of_the_tick_before() {
    // The first latent is brightness. It moves at 0.3 s; the set of the tick at 0.5 s holds from 0.75 s.
    let bright = ControlChange::Latent {
        axis: 0,
        value: 2.0,
    };
    let attack_at = |note_s: f32, moved: bool| {
        let mut rig = Rig::with(host(48_000, 64), Some(small(PhaseMethod::F0Lock)));
        let at = (note_s * 48_000.0) as u64;
        let mut events = vec![(14_400, control(bright))];
        events.retain(|_| moved);
        events.push((at, note_on(60, 1.0)));
        let sound = rig.play(&events, at as usize + 600, 64);
        assert_eq!(cold_attacks(&rig), 0);
        sound.left[at as usize..at as usize + 400].to_vec()
    };
    assert_eq!(attack_at(0.74, true), attack_at(0.74, false), "not yet");
    assert_ne!(attack_at(0.76, true), attack_at(0.76, false), "now");
}

#[test]
fn a_note_without_its_attack_begins_late_and_is_counted() {
    let mut rig = Rig::with(host(48_000, 64), Some(small(PhaseMethod::F0Lock)));
    let events: [(u64, Event); 3] = [
        (64, note_on(100, 1.0)), // no such key is made
        (20_000, note_off(100)),
        (40_000, note_on(60, 1.0)),
    ];
    let sound = rig.play(&events, 48_000, 64);
    assert_eq!((sound.missing, cold_attacks(&rig)), (0, 1));
    let first = silence(&sound.left);
    let lead = rig.latency.total_samples as usize;
    assert!((64 + lead..64 + lead + 3).contains(&first), "{first}");
    assert_eq!(
        silence(&sound.left[36_000..]),
        4_000,
        "the other is on time"
    );
}

#[test]
fn a_stalled_worker_leaves_the_attack_and_then_fades() {
    let mut rig = Rig::with(host(48_000, 64), Some(small(PhaseMethod::F0Lock)));
    rig.play(&[], 6_400, 64);
    let events = [(6_400, note_on(60, 1.0))];
    let sound = rig.render(&events, 12_800, || 64, Working::OnlyWhenWaitedFor);
    assert!(sound.missing > 0);
    assert_eq!(silence(&sound.left), 0, "the attack was there");
    assert!(peak(&sound.left[8_000..]) < 1e-3, "and nothing follows");
    assert!(sound.largest_step() < 0.5 * sound.peak());
}

#[test]
fn notes_shorter_than_their_attack_end() {
    let mut rig = Rig::with(host(44_100, 64), Some(small(PhaseMethod::F0Lock)));
    let mut events = vec![(0, control(ControlChange::ReleaseMs(1.0)))];
    for strike in 0..8_u64 {
        events.push((6_400 + strike * 400, note_on(60, 1.0)));
        events.push((6_500 + strike * 400, note_off(60)));
    }
    let sound = rig.play(&events, 20_000, 64);
    assert_eq!(cold_attacks(&rig), 0);
    assert!(peak(&sound.left[6_400..6_500]) > 0.01);
    let between = peak(&sound.left[6_740..6_800]);
    assert!(between < 0.05 * sound.peak(), "between strikes: {between}");
    let after = peak(&sound.left[16_000..]);
    assert!(after < 1e-4 * sound.peak(), "after the last: {after}");
}

#[test]
fn reset_and_model_change_leave_nothing_sounding() {
    let mut rig = Rig::with(host(48_000, 64), Some(small(PhaseMethod::F0Lock)));
    rig.play(&[(6_400, note_on(60, 1.0))], 6_464, 64);
    rig.processor.reset();
    rig.position = 0;
    assert_eq!(rig.play(&[], 9_600, 64).peak(), 0.0);
    let sound = rig.play(&[(9_664, note_on(60, 1.0))], 9_600, 64);
    assert_eq!((silence(&sound.left), cold_attacks(&rig)), (64, 0));
    rig.engine.load(small(PhaseMethod::F0Lock)).unwrap();
    let from = rig.position;
    let sound = rig.play(&[(from + 12_800, note_on(62, 1.0))], 24_000, 64);
    assert!(sound.peak() > 0.01);
}
