//! Packs whose keys are not pitches of the decoder: shifted, drones, hits.
#![allow(clippy::unwrap_used)]

mod support;

use afterimage_engine::contract::{DecodeError, Decoder, Frame, FrameRequest};
use afterimage_engine::{
    DecoderHandle, DecoderKey, Event, Hit, HitMap, HostConfig, Instrument, LatencyMode, PlayStyle,
};
use afterimage_spectral::PhaseMethod;
use support::{MODEL_RATE_HZ, Rig, note_off, note_on, peak, spec};

const HOP: u64 = 256;
/// Bin of the tone of label 0; the next labels lie 40 bins higher each.
const TONE_BIN: usize = 40;

/// One tone by the class label, whatever the pitch; it falls with time.
struct Tones;

impl Decoder for Tones {
    fn decode(
        &mut self,
        requests: &[FrameRequest],
        frames: &mut [Frame],
    ) -> Result<(), DecodeError> {
        for (request, frame) in requests.iter().zip(frames) {
            let bin = TONE_BIN + 40 * usize::from(request.conditions.class[0]);
            frame.magnitudes.fill(0.0);
            frame.magnitudes[bin - 1..=bin + 1].copy_from_slice(&[25.0, 50.0, 25.0]);
            (frame.silent, frame.cleaned_values) = (false, 0);
        }
        Ok(())
    }

    fn max_rows(&self) -> usize {
        16
    }
}

fn rig(play: PlayStyle, latency_mode: LatencyMode) -> Rig {
    let mut spec = spec(MODEL_RATE_HZ);
    spec.phase = PhaseMethod::Rtpghi;
    spec.play = play;
    spec.spread = 0.0;
    spec.pitch_range = (48.0, 60.0);
    let key = DecoderKey {
        pack_hash: "tones".into(),
        backend: "test".into(),
    };
    let decoder = DecoderHandle::unshared(key, Box::new(Tones));
    let host = HostConfig {
        latency_mode,
        ..HostConfig::new(MODEL_RATE_HZ, 64)
    };
    Rig::with(host, Some(Instrument { spec, decoder }))
}

/// Frequency by counting the sign changes of a tone.
fn frequency_hz(samples: &[f32]) -> f64 {
    let crossings = samples.windows(2).filter(|x| (x[0] < 0.0) != (x[1] < 0.0));
    crossings.count() as f64 / 2.0 / samples.len() as f64 * f64::from(MODEL_RATE_HZ)
}

fn played_hz(play: PlayStyle, key: u8) -> f64 {
    let sound = rig(play, LatencyMode::Exact).play(&[(0, note_on(key, 1.0))], 24_000, 64);
    assert!(sound.peak() > 0.01);
    frequency_hz(&sound.left[8_000..20_000])
}

#[test]
fn a_pack_of_one_pitch_is_shifted_to_the_key() {
    let root_hz = TONE_BIN as f64 * f64::from(MODEL_RATE_HZ) / 2048.0;
    for (key, ratio) in [(60, 1.0), (72, 2.0), (48, 0.5), (67, 1.498_307)] {
        let found = played_hz(PlayStyle::Shifted { root: 60.0 }, key);
        let cents = 1200.0 * (found / (root_hz * ratio)).log2();
        assert!(cents.abs() < 12.0, "key {key}: {found} Hz, {cents} cents");
    }
}

#[test]
fn a_drone_keeps_its_pitch() {
    let (one, other) = (
        played_hz(PlayStyle::Drone, 48),
        played_hz(PlayStyle::Drone, 72),
    );
    assert!((one - other).abs() < 1.0, "{one} and {other} Hz");
    assert!((one - TONE_BIN as f64 * 23.4375).abs() < 5.0);
}

const FRAMES: u32 = 30;

fn kit() -> PlayStyle {
    let mut map = HitMap::new(FRAMES);
    for (key, label, choke_group) in [(48, 0, 0), (50, 1, 1), (52, 2, 1)] {
        map.set(key, Hit { label, choke_group });
    }
    PlayStyle::OneShot(map)
}

#[test]
fn keys_choose_hits_and_unmapped_keys_are_silent() {
    for (key, label) in [(48, 0), (50, 1), (52, 2)] {
        let sound = rig(kit(), LatencyMode::Exact).play(&[(0, note_on(key, 1.0))], 6_000, 64);
        let wanted = (TONE_BIN + 40 * label) as f64 * 23.4375;
        let found = frequency_hz(&sound.left[1_500..5_500]);
        assert!((found - wanted).abs() < 30.0, "key {key}: {found} Hz");
    }
    let sound = rig(kit(), LatencyMode::Exact).play(&[(0, note_on(49, 1.0))], 6_000, 64);
    assert_eq!(sound.peak(), 0.0);
}

#[test]
fn a_hit_plays_to_its_end_whenever_its_key_is_let_go() {
    for mode in [LatencyMode::Exact, LatencyMode::Instant] {
        let render = |off: Option<u64>| {
            let mut rig = rig(kit(), mode);
            let mut events = vec![(6_400, note_on(48, 1.0))];
            events.extend(off.map(|off| (off, note_off(48))));
            let sound = rig.play(&events, 24_000, 64);
            let late = match mode {
                LatencyMode::Exact => rig.latency.total_samples as usize,
                LatencyMode::Instant => 0,
            };
            (sound, 6_400 + late)
        };
        let ((held, begins), (short, _)) = (render(None), render(Some(6_500)));
        held.assert_same(&short, &format!("{mode:?}"));
        let ends = begins + u64::from(FRAMES) as usize * HOP as usize;
        assert!(peak(&held.left[begins..begins + 600]) > 0.01, "{mode:?}");
        assert!(peak(&held.left[ends - 600..ends]) > 0.01, "{mode:?}");
        // The DC block forgets within some hundreds of milliseconds.
        assert!(peak(&held.left[ends + 2_000..]) < 1e-3, "{mode:?}");
    }
}

#[test]
fn a_hit_chokes_its_group_and_no_other() {
    let tone = |events: &[(u64, Event)], from: usize| {
        let sound = rig(kit(), LatencyMode::Exact).play(events, 8_000, 64);
        frequency_hz(&sound.left[from..from + 3_000])
    };
    // The later hit of the group alone is left; its tone is purer than a mixture of both.
    let choked = tone(&[(0, note_on(50, 1.0)), (1_000, note_on(52, 1.0))], 3_000);
    assert!(
        (choked - (TONE_BIN + 80) as f64 * 23.4375).abs() < 30.0,
        "{choked}"
    );
    let energy = |events: &[(u64, Event)]| {
        let sound = rig(kit(), LatencyMode::Exact).play(events, 8_000, 64);
        let part = &sound.left[3_000..6_000];
        part.iter().map(|x| f64::from(*x).powi(2)).sum::<f64>()
    };
    let alone = energy(&[(1_000, note_on(52, 1.0))]);
    let with_choked = energy(&[(0, note_on(50, 1.0)), (1_000, note_on(52, 1.0))]);
    let with_other = energy(&[(0, note_on(48, 1.0)), (1_000, note_on(52, 1.0))]);
    assert!((with_choked / alone - 1.0).abs() < 0.02, "choked");
    assert!(with_other / alone > 1.7, "another group rings on");
}

#[test]
fn hits_of_one_key_overlap() {
    let energy = |events: &[(u64, Event)]| {
        let sound = rig(kit(), LatencyMode::Exact).play(events, 8_000, 64);
        let part = &sound.left[3_000..6_000];
        part.iter().map(|x| f64::from(*x).powi(2)).sum::<f64>()
    };
    let once = energy(&[(1_000, note_on(48, 1.0))]);
    let twice = energy(&[(0, note_on(48, 1.0)), (1_000, note_on(48, 1.0))]);
    assert!((twice / once - 1.0).abs() > 0.1, "the first rings on");
}
