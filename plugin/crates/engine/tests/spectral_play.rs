//! Spectral play through the whole engine: what a player hears, and that nothing else changes it.
#![allow(clippy::unwrap_used)]

mod support;

use afterimage_engine::contract::{DecodeError, Decoder, Frame, FrameRequest};
use afterimage_engine::{
    ControlChange, DecoderHandle, DecoderKey, Event, HostConfig, Instrument, LatencyMode,
    PlayChange, RenderMode,
};
use support::{
    Behaviour, Rig, Sound, TestDecoder, Working, control, instrument, music, note_off, note_on,
    spec,
};

const RATE_HZ: u32 = 48_000;
/// A2: its partials lie 4.7 bins apart.
const KEY: u8 = 45;
const PITCH_HZ: f32 = 110.0;

fn play(change: PlayChange) -> Event {
    control(ControlChange::Play(change))
}

fn at(seconds: f32) -> u64 {
    (seconds * RATE_HZ as f32) as u64
}

fn with_rows(max_rows: usize) -> Instrument {
    let key = DecoderKey {
        pack_hash: format!("rows {max_rows}"),
        backend: "test".into(),
    };
    let decoder = TestDecoder {
        behaviour: Behaviour::Decaying,
        rate_hz: RATE_HZ,
        max_rows,
    };
    Instrument {
        spec: spec(RATE_HZ),
        decoder: DecoderHandle::unshared(key, Box::new(decoder)),
    }
}

fn rig(host: HostConfig) -> Rig {
    Rig::with(host, Some(instrument(Behaviour::Decaying, RATE_HZ)))
}

fn render(events: &[(u64, Event)], seconds: f32) -> Sound {
    let sound = rig(HostConfig::new(RATE_HZ, 512)).play(events, at(seconds) as usize, 512);
    assert_eq!(sound.missing, 0);
    sound
}

/// One note from the start, held, with controls that stand still.
fn held(changes: &[PlayChange], seconds: f32) -> Sound {
    let mut events: Vec<_> = changes.iter().map(|change| (0, play(*change))).collect();
    events.push((0, note_on(KEY, 1.0)));
    render(&events, seconds)
}

/// The music of the other tests with every control of spectral play moving.
fn playful(seconds: f32, rate_hz: u32) -> Vec<(u64, Event)> {
    let mut events = music(seconds, rate_hz);
    let steps = (seconds * 90.0) as u64;
    for step in 0..steps {
        let at = step * u64::from(rate_hz) / 90 + 5;
        let value = (step as f32 * 0.37).sin();
        let change = match step % 9 {
            0 => PlayChange::Freeze(value > 0.3),
            1 => PlayChange::Stretch((2.0 * value).exp2()),
            2 => PlayChange::ScrubS(2.0 + 2.0 * value),
            3 => PlayChange::Blur(value.max(0.0)),
            4 => PlayChange::TiltDbPerOctave(6.0 * value),
            5 => PlayChange::ShiftSemitones((24.0 * value).round().max(-12.0)),
            6 => PlayChange::FormantSemitones(12.0 * value),
            7 => PlayChange::Morph(value.clamp(0.0, 1.0)),
            _ => PlayChange::MorphTarget((step % 4) as u16),
        };
        events.push((at, play(change)));
    }
    events.sort_by_key(|(at, _)| *at);
    events
}

/// Complex amplitude of `hz` over a Hann window of `length` samples from `from` on.
fn amplitude(sound: &Sound, hz: f64, from: u64, length: usize) -> (f64, f64) {
    let turn = 2.0 * std::f64::consts::PI;
    let (mut re, mut im) = (0.0, 0.0);
    for index in 0..length {
        let sample = from as usize + index;
        let mono = f64::from(sound.left[sample] + sound.right[sample]) * 0.5;
        let window = 0.5 - 0.5 * (turn * index as f64 / length as f64).cos();
        let phase = turn * hz * sample as f64 / f64::from(RATE_HZ);
        re += window * mono * phase.cos();
        im -= window * mono * phase.sin();
    }
    let scale = 4.0 / length as f64;
    (re * scale, im * scale)
}

fn level(sound: &Sound, hz: f32, from: u64) -> f64 {
    let (re, im) = amplitude(sound, f64::from(hz), from, 9_600);
    re.hypot(im)
}

/// Frequency of the partial near `hz`, from the turn of its phase within 20 ms.
fn frequency_hz(sound: &Sound, hz: f32, from: u64) -> f64 {
    const STEP: u64 = 960;
    let angle = |from: u64| {
        let (re, im) = amplitude(sound, f64::from(hz), from, 9_600);
        im.atan2(re)
    };
    let turn = 2.0 * std::f64::consts::PI;
    let turned = (angle(from + STEP) - angle(from)) / turn;
    f64::from(hz) + (turned - turned.round()) * f64::from(RATE_HZ) / STEP as f64
}

/// Centre of the partials of `pitch_hz`, an octave an octave, in hertz.
fn centroid_hz(sound: &Sound, pitch_hz: f32) -> f64 {
    let (mut sum, mut weights) = (0.0, 0.0);
    for partial in 1..=20 {
        let hz = f64::from(pitch_hz) * f64::from(partial);
        let weight = level(sound, hz as f32, at(0.5)) / hz;
        sum += weight * hz.log2();
        weights += weight;
    }
    (sum / weights).exp2()
}

fn rms_db(sound: &Sound, from_s: f32, to_s: f32) -> f32 {
    let range = at(from_s) as usize..at(to_s) as usize;
    let power: f32 = sound.left[range.clone()].iter().map(|x| x * x).sum();
    10.0 * (power / range.len() as f32 + 1e-20).log10()
}

#[test]
fn with_everything_moving_the_output_is_bit_identical_at_any_block_size_and_pace() {
    const SECONDS: f32 = 1.2;
    for rate_hz in [48_000, 44_100] {
        let events = playful(SECONDS - 0.4, rate_hz);
        let samples = (SECONDS * rate_hz as f32) as usize;
        let run = |block: usize| rig(HostConfig::new(rate_hz, 8192)).play(&events, samples, block);
        let reference = run(8192);
        assert!(reference.peak() > 0.01 && reference.missing == 0);
        for block in [1, 32, 333, 1024] {
            run(block).assert_same(&reference, &format!("blocks of {block} at {rate_hz} Hz"));
        }
        let plain =
            rig(HostConfig::new(rate_hz, 8192)).play(&music(SECONDS - 0.4, rate_hz), samples, 512);
        assert!(
            plain.first_difference(&reference, (0, 0)).is_some(),
            "something moved"
        );
    }
}

#[test]
fn rows_that_a_decoder_takes_at_once_are_not_heard() {
    let events = playful(0.6, RATE_HZ);
    let run = |max_rows: usize, offline: bool| {
        let mut rig = Rig::with(HostConfig::new(RATE_HZ, 512), Some(with_rows(max_rows)));
        let working = if offline {
            rig.processor.set_render(RenderMode::Wait, false);
            Working::OnlyWhenWaitedFor
        } else {
            Working::AfterEachBlock
        };
        rig.render(&events, at(0.9) as usize, || 512, working)
    };
    let reference = run(16, false);
    assert!(reference.peak() > 0.01);
    for max_rows in [1, 2, 3, 16] {
        let sound = run(max_rows, true);
        assert_eq!(sound.missing, 0);
        sound.assert_same(&reference, &format!("{max_rows} rows"));
    }
}

#[test]
fn neutral_controls_change_no_bit() {
    let samples = at(1.2) as usize;
    for behaviour in [Behaviour::Partials, Behaviour::Decaying] {
        let run = |events: &[(u64, Event)]| {
            let host = HostConfig::new(RATE_HZ, 512);
            Rig::with(host, Some(instrument(behaviour, RATE_HZ))).play(events, samples, 512)
        };
        let plain = music(0.8, RATE_HZ);
        let neutral = [
            PlayChange::Freeze(false),
            PlayChange::Stretch(1.0),
            PlayChange::ScrubS(0.0),
            PlayChange::Blur(0.0),
            PlayChange::TiltDbPerOctave(0.0),
            PlayChange::ShiftSemitones(0.0),
            PlayChange::FormantSemitones(0.0),
            PlayChange::Morph(0.0),
            PlayChange::MorphTarget(0),
        ];
        let mut stated = plain.clone();
        stated.extend((0..60).map(|step| (at(0.013 * step as f32), play(neutral[step % 9]))));
        stated.sort_by_key(|(at, _)| *at);
        run(&stated).assert_same(&run(&plain), &format!("{behaviour:?}"));
    }
}

#[test]
fn a_frozen_note_stands_still_and_still_ends() {
    let events = [
        (0, note_on(KEY, 1.0)),
        (at(0.3), play(PlayChange::Freeze(true))),
        (at(2.0), note_off(KEY)),
    ];
    let sound = render(&events, 3.0);
    for partial in [1, 6, 12] {
        let hz = PITCH_HZ * partial as f32;
        let first = level(&sound, hz, at(0.6));
        for later in [0.9, 1.2, 1.5] {
            let change = 20.0 * (level(&sound, hz, at(later)) / first).log10();
            assert!(
                change.abs() < 0.2,
                "partial {partial} at {later} s: {change} dB"
            );
        }
    }
    // Thawed, it would have lost 20 dB a second.
    let running = render(&[(0, note_on(KEY, 1.0))], 2.0);
    assert!(rms_db(&running, 1.5, 1.7) < rms_db(&sound, 1.5, 1.7) - 15.0);
    assert_eq!(
        support::peak(&sound.left[at(2.6) as usize..]),
        0.0,
        "it ends"
    );
}

#[test]
fn a_stretch_of_two_doubles_the_time_of_decay() {
    let slope = |stretch: f32| {
        let sound = held(&[PlayChange::Stretch(stretch)], 2.0);
        rms_db(&sound, 1.4, 1.6) - rms_db(&sound, 0.4, 0.6)
    };
    let natural = slope(1.0);
    assert!((natural + 20.0).abs() < 1.0, "{natural} dB a second");
    for stretch in [0.5, 2.0, 4.0] {
        let times = natural / slope(stretch);
        assert!((times / stretch - 1.0).abs() < 0.1, "{stretch}: {times}");
    }
}

#[test]
fn a_scrub_finds_the_moment_it_names() {
    let sound = held(&[PlayChange::ScrubS(1.0)], 1.0);
    let plain = held(&[], 2.0);
    let difference = rms_db(&sound, 0.5, 0.7) - rms_db(&plain, 1.5, 1.7);
    assert!(difference.abs() < 0.5, "{difference} dB");
}

#[test]
fn a_shift_moves_the_pitch_and_leaves_the_envelope() {
    let plain = centroid_hz(&held(&[], 1.0), PITCH_HZ);
    for semitones in [-5.0_f32, 7.0, 12.0] {
        let sound = held(&[PlayChange::ShiftSemitones(semitones)], 1.0);
        let pitch_hz = PITCH_HZ * (semitones / 12.0).exp2();
        let found = frequency_hz(&sound, 4.0 * pitch_hz, at(0.5)) / 4.0;
        let cents = 1200.0 * (found / f64::from(pitch_hz)).log2();
        assert!(cents.abs() < 5.0, "{semitones}: {cents} cents");
        let ratio = centroid_hz(&sound, pitch_hz) / plain;
        assert!(
            (ratio - 1.0).abs() < 0.1,
            "{semitones}: the envelope moved by {ratio}"
        );
    }
}

#[test]
fn a_formant_shift_moves_the_envelope_and_leaves_the_pitch() {
    for semitones in [-9.0_f32, -4.0, 5.0, 9.0] {
        let sound = held(&[PlayChange::FormantSemitones(semitones)], 1.0);
        let found = frequency_hz(&sound, 4.0 * PITCH_HZ, at(0.5)) / 4.0;
        let cents = 1200.0 * (found / f64::from(PITCH_HZ)).log2();
        assert!(cents.abs() < 5.0, "{semitones}: {cents} cents");
        // The decoder's own formant, an octave for each unit of the latent, is what it should be.
        let value = semitones / 12.0;
        let own = control(ControlChange::Latent { axis: 0, value });
        let wanted = render(&[(0, own), (0, note_on(KEY, 1.0))], 1.0);
        let ratio = centroid_hz(&sound, PITCH_HZ) / centroid_hz(&wanted, PITCH_HZ);
        assert!((ratio - 1.0).abs() < 0.1, "{semitones}: {ratio}");
    }
}

#[test]
fn a_morph_ends_at_both_sounds_to_the_bit_and_passes_between_them() {
    let target = (0..16).map(|axis| (0, control(ControlChange::Latent { axis, value: 1.0 })));
    let mut far: Vec<_> = target.collect();
    far.push((0, note_on(KEY, 1.0)));
    let (near, far) = (held(&[], 1.0), render(&far, 1.0));
    let morphed = |amount| {
        held(
            &[PlayChange::MorphTarget(1), PlayChange::Morph(amount)],
            1.0,
        )
    };
    morphed(0.0).assert_same(&near, "a morph of 0");
    morphed(1.0).assert_same(&far, "a morph of 1");
    let middle = morphed(0.5);
    for partial in [3, 12] {
        let of = |sound: &Sound| level(sound, PITCH_HZ * partial as f32, at(0.5));
        let (low, high) = (of(&near).min(of(&far)), of(&near).max(of(&far)));
        assert!(
            low * 1.2 < of(&middle) && of(&middle) < high / 1.2,
            "partial {partial}"
        );
    }
    // A target past the last preset is the last one; without presets there is nothing to go to.
    held(&[PlayChange::MorphTarget(99), PlayChange::Morph(1.0)], 1.0).assert_same(&far, "the last");
    let mut bare = instrument(Behaviour::Decaying, RATE_HZ);
    bare.spec.presets.clear();
    let events = [(0, play(PlayChange::Morph(1.0))), (0, note_on(KEY, 1.0))];
    let sound =
        Rig::with(HostConfig::new(RATE_HZ, 512), Some(bare)).play(&events, near.left.len(), 512);
    sound.assert_same(&near, "no presets");
}

#[test]
fn no_extreme_breaks_the_sound() {
    let extremes = [
        f32::NEG_INFINITY,
        -1e9,
        -24.0,
        0.0,
        24.0,
        1e9,
        f32::INFINITY,
        f32::NAN,
    ];
    let makes: [fn(f32) -> PlayChange; 7] = [
        PlayChange::Stretch,
        PlayChange::ScrubS,
        PlayChange::Blur,
        PlayChange::TiltDbPerOctave,
        PlayChange::ShiftSemitones,
        PlayChange::FormantSemitones,
        PlayChange::Morph,
    ];
    let mut events = Vec::new();
    for step in 0..400_usize {
        let value = extremes[(step * 5 + step / 7) % 8];
        events.push((at(0.004 * step as f32), play(makes[step % 7](value))));
        if step % 20 == 0 {
            let key = [0, 21, 45, 60, 108, 127][step / 20 % 6];
            events.push((at(0.004 * step as f32), note_on(key, 1.0)));
        }
    }
    let mut rig = rig(HostConfig::new(RATE_HZ, 512));
    let sound = rig.play(&events, at(2.0) as usize, 512);
    assert!(
        sound
            .left
            .iter()
            .chain(&sound.right)
            .all(|sample| sample.is_finite())
    );
    assert_eq!(rig.engine.monitor().counts().non_finite_samples, 0);
    assert_eq!(rig.engine.monitor().counts().failed_decodes, 0);
    assert!(sound.peak() > 0.01);
}

#[test]
fn a_knob_that_jumps_does_not_click() {
    let plain = held(&[PlayChange::Freeze(true)], 2.0);
    let jumps = [
        (0.5, PlayChange::TiltDbPerOctave(4.0)),
        (0.7, PlayChange::TiltDbPerOctave(0.0)),
        (0.9, PlayChange::FormantSemitones(-5.0)),
        (1.1, PlayChange::FormantSemitones(0.0)),
        (1.3, PlayChange::Morph(0.5)),
        (1.5, PlayChange::Morph(0.0)),
    ];
    let mut events = vec![(0, play(PlayChange::Freeze(true))), (0, note_on(KEY, 1.0))];
    events.extend(jumps.map(|(seconds, change)| (at(seconds), play(change))));
    let sound = render(&events, 2.0);
    // A click is a step that no partial could make; brighter settings have steeper slopes.
    assert!(sound.largest_step() < 3.0 * plain.largest_step());
    for (seconds, _) in jumps {
        // Above the last partial, at 2.2 kHz, there is nothing but a click.
        let click = level(&sound, 9_000.0, at(seconds)).max(level(&sound, 6_000.0, at(seconds)));
        let tone = level(&sound, 440.0, at(seconds));
        assert!(click < tone * 1e-4, "at {seconds} s: {click} beside {tone}");
    }
}

/// Fails on the far end of a morph, and only there.
struct FailsFar(TestDecoder);

impl Decoder for FailsFar {
    fn decode(
        &mut self,
        requests: &[FrameRequest],
        frames: &mut [Frame],
    ) -> Result<(), DecodeError> {
        if requests
            .iter()
            .any(|request| request.conditions.latent[0] == 1.0)
        {
            return Err(DecodeError::Backend {
                pack: "test".into(),
                reason: "told to".into(),
            });
        }
        self.0.decode(requests, frames)
    }

    fn max_rows(&self) -> usize {
        self.0.max_rows
    }
}

#[test]
fn a_further_row_that_fails_is_concealed_and_counted() {
    let key = DecoderKey {
        pack_hash: "fails far".into(),
        backend: "test".into(),
    };
    let decoder = TestDecoder {
        behaviour: Behaviour::Decaying,
        rate_hz: RATE_HZ,
        max_rows: 16,
    };
    let failing = Instrument {
        spec: spec(RATE_HZ),
        decoder: DecoderHandle::unshared(key, Box::new(FailsFar(decoder))),
    };
    let mut rig = Rig::with(HostConfig::new(RATE_HZ, 512), Some(failing));
    let events = [
        (0, note_on(KEY, 1.0)),
        (at(0.2), play(PlayChange::Morph(0.5))),
        (at(0.4), play(PlayChange::Morph(0.0))),
    ];
    let sound = rig.play(&events, at(0.8) as usize, 512);
    assert!(sound.missing > 0 && rig.engine.monitor().counts().failed_decodes > 0);
    assert!(sound.left.iter().all(|sample| sample.is_finite()));
    assert!(rms_db(&sound, 0.6, 0.8) > -60.0, "it recovers");
}

#[test]
fn attacks_made_ahead_are_played_as_the_rest_of_the_note_is() {
    let changes = [
        PlayChange::Stretch(0.25),
        PlayChange::ScrubS(0.1),
        PlayChange::TiltDbPerOctave(-3.0),
        PlayChange::ShiftSemitones(7.0),
        PlayChange::MorphTarget(1),
        PlayChange::Morph(0.4),
    ];
    let run = |latency_mode: LatencyMode| {
        let mut pack = instrument(Behaviour::Decaying, RATE_HZ);
        let key = f32::from(KEY);
        pack.spec.pitch_range = (key, key);
        let host = HostConfig {
            latency_mode,
            ..HostConfig::new(RATE_HZ, 64)
        };
        let mut rig = Rig::with(host, Some(pack));
        let mut events: Vec<_> = changes.map(|change| (0, play(change))).to_vec();
        events.push((at(0.6), note_on(KEY, 1.0)));
        let late = rig.latency.reported_samples as usize;
        let mut sound = rig.play(&events, at(1.2) as usize + late, 64);
        assert_eq!(rig.engine.monitor().counts().cold_attacks, 0);
        sound.left.drain(..late);
        sound
    };
    let (exact, instant) = (run(LatencyMode::Exact), run(LatencyMode::Instant));
    for from in [0.602, 0.61, 0.63, 0.7, 0.9] {
        let difference = rms_db(&exact, from, from + 0.02) - rms_db(&instant, from, from + 0.02);
        assert!(difference.abs() < 1.5, "from {from} s: {difference} dB");
    }
}
