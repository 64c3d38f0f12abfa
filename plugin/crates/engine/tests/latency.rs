//! The latency that is reported is the latency that is measured, to the sample.
#![allow(clippy::unwrap_used)]

mod support;

use afterimage_engine::{
    ControlChange, Event, HostConfig, Instrument, LatencyInputs, LatencyMode, latency,
};
use afterimage_spectral::PhaseMethod;
use support::{Behaviour, MODEL_RATE_HZ, Rig, control, instrument, note_on};

/// A whole number of model samples at every rate below: 147 * 8.
const NOTE_AT: u64 = 1_176;

/// Events of a note that is one model sample long: an impulse, which a linear-phase filter keeps
/// centred.
fn click(at: u64, model_rate_hz: u32) -> Vec<(u64, Event)> {
    vec![
        (
            0,
            control(ControlChange::DecayMs(1_000.0 / model_rate_hz as f32)),
        ),
        (0, control(ControlChange::SustainLevel(0.0))),
        (at, note_on(60, 1.0)),
    ]
}

fn loudest(samples: &[f32]) -> u64 {
    let loudest = (0..samples.len()).max_by(|&a, &b| samples[a].abs().total_cmp(&samples[b].abs()));
    assert!(samples[loudest.unwrap()].abs() > 0.001, "there is a click");
    loudest.unwrap() as u64
}

/// A pack whose partials all begin at their crest, so that a note's first sample is its loudest.
fn crested(model_rate_hz: u32) -> Instrument {
    let mut instrument = instrument(Behaviour::Partials, model_rate_hz);
    instrument.spec.phase = PhaseMethod::Spsi;
    instrument
}

/// Host samples from a note to its click.
fn measured(config: HostConfig) -> (u64, Rig) {
    let mut rig = Rig::with(config, Some(crested(MODEL_RATE_HZ)));
    let samples = NOTE_AT as usize + rig.latency.total_samples as usize + 2_000;
    let sound = rig.play(
        &click(NOTE_AT, MODEL_RATE_HZ),
        samples,
        config.max_block_samples as usize,
    );
    assert_eq!(sound.missing, 0);
    (loudest(&sound.left) - NOTE_AT, rig)
}

#[test]
fn reported_latency_is_measured_latency_at_any_rate_and_block() {
    for host_rate_hz in [44_100, 48_000, 88_200, 96_000, 192_000] {
        for block in [1, 32, 64, 333, 512, 1024, 8192] {
            let (measured, rig) = measured(HostConfig::new(host_rate_hz, block));
            let reported = u64::from(rig.latency.reported_samples);
            assert_eq!(measured, reported, "{host_rate_hz} Hz, blocks of {block}");
        }
    }
}

#[test]
fn another_lead_is_measured_as_another_latency() {
    // Negative control: the measurement follows the lead.
    let (short, _) = measured(HostConfig {
        lead_ms: 10.0,
        ..HostConfig::new(48_000, 48)
    });
    let (long, _) = measured(HostConfig {
        lead_ms: 11.0,
        ..HostConfig::new(48_000, 48)
    });
    assert_eq!(long - short, 48);
}

#[test]
fn a_pack_of_another_rate_keeps_the_latency_that_the_host_was_told() {
    let mut rig = Rig::new(HostConfig::new(48_000, 256));
    rig.engine.load(crested(44_100)).unwrap();
    let at = 20_000; // 160 * 125: a whole number of its samples
    let sound = rig.play(&click(at, 44_100), 30_000, 256);
    assert_eq!(sound.missing, 0);
    assert_eq!(
        loudest(&sound.left) - at,
        u64::from(rig.latency.reported_samples)
    );
}

/// Samples from a knob's impulse to the peak of what it changes, and the first that changes.
fn knob_response(config: HostConfig, support: usize, moved_at: u64) -> (usize, usize, usize) {
    let render = |moves: bool| {
        let mut instrument = instrument(Behaviour::Partials, MODEL_RATE_HZ);
        let stft = instrument
            .spec
            .stft
            .with_synthesis_support(support)
            .unwrap();
        instrument.spec.stft = stft;
        instrument.spec.pitch_range = (60.0, 60.0);
        let latent = |value| control(ControlChange::Latent { axis: 0, value });
        let mut events = vec![(4_800, note_on(60, 1.0))];
        if moves {
            events.push((moved_at, latent(3.0)));
            events.push((moved_at + 256, latent(0.0)));
        }
        let mut rig = Rig::with(config, Some(instrument));
        let sound = rig.play(&events, 30_000, config.max_block_samples as usize);
        assert_eq!(sound.missing, 0);
        (sound, rig.latency.lead_samples as usize)
    };
    let ((with, lead), (without, _)) = (render(true), render(false));
    let change: Vec<f32> = with
        .left
        .iter()
        .zip(&without.left)
        .map(|(a, b)| (a - b).powi(2))
        .collect();
    let first = change.iter().position(|energy| *energy > 0.0).unwrap();
    // Energy over a period of the key, so that the peak is the frame's and not the wave's.
    let period = 184;
    let energy = |at: usize| change[at - period / 2..at + period / 2].iter().sum::<f32>();
    let peak = (period..change.len() - period)
        .max_by(|a, b| energy(*a).total_cmp(&energy(*b)))
        .unwrap();
    let from = moved_at as usize;
    (peak - from, first - from, lead)
}

#[test]
fn a_knob_is_heard_within_lead_hop_and_support() {
    let hop = 256;
    for latency_mode in [LatencyMode::Exact, LatencyMode::Instant] {
        for support in [512, 1024] {
            for moved_at in [9_600, 9_700, 9_855] {
                let config = HostConfig {
                    latency_mode,
                    ..HostConfig::new(48_000, 64)
                };
                let (peak, first, lead) = knob_response(config, support, moved_at);
                let bound = lead + hop + support;
                // A quarter of a period: where within the wave the peak of its energy lies.
                assert!(
                    peak <= bound + 46,
                    "{latency_mode:?}, support {support}, {moved_at}: {peak} > {bound}"
                );
                assert!(first >= lead, "never early: {first} < {lead}");
            }
        }
    }
}

#[test]
fn latency_is_a_table() {
    let table = [
        // host rate, lead in ms, longest block, resampler's delay -> lead, reported
        (48_000, 10.0, 32, 0, 480, 480),
        (48_000, 10.0, 64, 0, 512, 512),
        (48_000, 10.0, 256, 0, 512, 512),
        (48_000, 10.0, 512, 0, 512, 512),
        (44_100, 10.0, 63, 120, 441, 561),
        (44_100, 10.0, 64, 120, 448, 568),
        (44_100, 10.0, 333, 0, 666, 666),
        (192_000, 10.0, 1024, 600, 2_048, 2_648),
        (48_000, 0.0, 1, 0, 1, 1),
        (48_000, -3.0, 32, 0, 32, 32),
    ];
    for (host_rate_hz, lead_ms, max_block_samples, resampler_delay_samples, lead, reported) in table
    {
        let inputs = LatencyInputs {
            host_rate_hz,
            lead_ms,
            max_block_samples,
            resampler_delay_samples,
            mode: LatencyMode::Exact,
        };
        let counted = latency(&inputs);
        assert_eq!(
            (counted.lead_samples, counted.reported_samples),
            (lead, reported),
            "{inputs:?}"
        );
        let instant = latency(&LatencyInputs {
            mode: LatencyMode::Instant,
            ..inputs
        });
        assert_eq!(
            (instant.reported_samples, instant.total_samples),
            (0, reported)
        );
    }
}

/// What the host should be told with a pack, told before.
fn wanted(rig: &Rig) -> u32 {
    rig.engine.wanted_latency_samples()
}

#[test]
fn a_pack_that_asks_for_a_longer_lead_gets_it_at_the_next_activation_and_sounds_the_same() {
    let slow = || {
        let mut instrument = crested(MODEL_RATE_HZ);
        instrument.spec.lead_ms = 20.0;
        instrument
    };
    let config = HostConfig::new(48_000, 64);
    let (quick, mut rig) = measured(config);
    assert_eq!((quick, wanted(&rig)), (512, 512));
    rig.engine.load(slow()).unwrap();
    // Until the host activates again it makes do with what there is.
    assert_eq!(
        (rig.processor.latency().reported_samples, wanted(&rig)),
        (512, 960)
    );
    let again = rig.processor.activate(config).unwrap();
    assert_eq!((again.reported_samples, wanted(&rig)), (960, 960));
    // Another rate alone is no reason to ask.
    let mut other = crested(MODEL_RATE_HZ);
    (other.spec.sample_rate_hz, other.spec.lead_ms) = (44_100, 15.0);
    rig.engine.load(slow()).unwrap();
    assert_eq!(wanted(&rig), 960);
    rig.engine.load(other).unwrap();
    assert!(wanted(&rig) < 960);
    rig.engine.load(crested(MODEL_RATE_HZ)).unwrap();
    assert_eq!(wanted(&rig), 512);
    // Instant mode reports nothing, and the lead is heard there: whoever came first, it is the session's.
    let instant = HostConfig {
        latency_mode: LatencyMode::Instant,
        ..config
    };
    let (before, mut after) = (
        Rig::with(instant, Some(slow())),
        Rig::with(instant, Some(crested(MODEL_RATE_HZ))),
    );
    after.engine.load(slow()).unwrap();
    assert_eq!(before.latency, after.processor.activate(instant).unwrap());
    assert_eq!(before.latency.lead_samples, 512);
    // The session's own, where that is longer.
    rig.engine.load(slow()).unwrap();
    let patient = HostConfig {
        lead_ms: 50.0,
        ..config
    };
    let patient = rig.processor.activate(patient).unwrap();
    assert_eq!(patient.reported_samples, 2_432);
    let samples = NOTE_AT as usize + 6_000;
    let events = click(NOTE_AT, MODEL_RATE_HZ);
    let play = |instrument| Rig::with(config, Some(instrument)).play(&events, samples, 64);
    let (short, long) = (play(crested(MODEL_RATE_HZ)), play(slow()));
    assert_eq!(short.first_difference(&long, (512, 960)), None);
}
