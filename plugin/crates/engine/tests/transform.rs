//! Transforming: latency to the sample, the same at every block size, faults that are counted and concealed.
#![allow(clippy::unwrap_used)]

mod support;

use afterimage_engine::transform::TransformChange;
use afterimage_engine::{Event, LatencyMode, RenderMode};
use support::sound::{hear, hear_in, lively, sine};
use support::transform::{Later, change, effect, effect_in};
use support::{Rig, Sound, Working, largest_step, peak};

const RATE_HZ: u32 = 48_000;

fn runs(mix: f32) -> Vec<(u64, Event)> {
    vec![
        (0, change(TransformChange::Mix(mix))),
        (0, change(TransformChange::Run(true))),
    ]
}

/// Everything that moves, on samples that lie on no grid.
fn moving() -> Vec<(u64, Event)> {
    let mut events = runs(1.0);
    for control in [
        TransformChange::LfoHz(3.0),
        TransformChange::LfoDepth(0.0),
        TransformChange::Scale(1.0),
        TransformChange::Bias {
            axis: 0,
            value: 0.0,
        },
    ] {
        events.insert(0, (0, change(control)));
    }
    events.push((700, change(TransformChange::LfoDepth(0.5))));
    for step in 0..40_u64 {
        let value = ((step * 37) % 11) as f32 / 11.0;
        let at = 1_000 + 711 * step;
        events.push((at, change(TransformChange::Bias { axis: 0, value })));
        events.push((at + 13, change(TransformChange::Scale(1.0 + value))));
        events.push((at + 17, change(TransformChange::Mix(0.5 + 0.5 * value))));
    }
    events
}

fn late(rig: &Rig) -> u64 {
    rig.engine.monitor().counts().late_transformed
}

fn rendered(rig: &mut Rig, input: &[[f32; 2]], events: &[(u64, Event)], block: usize) -> Sound {
    let sound = hear_in(rig, input, events, block);
    assert_eq!(late(rig), 0, "late in blocks of {block}");
    sound
}

#[test]
fn what_is_left_as_it_is_comes_back_bit_for_bit_after_the_reported_latency() {
    for (tick, delay) in [(64, 0), (256, 1_536), (100, 37), (2_048, 1_024)] {
        for mode in [LatencyMode::Instant, LatencyMode::Exact] {
            let input = lively(30_000);
            let mut rig = effect_in(
                mode,
                RATE_HZ,
                512,
                Box::new(Later::new(RATE_HZ, tick, delay)),
            );
            let latency = rig.latency.reported_samples as usize;
            let sound = rendered(&mut rig, &input, &runs(1.0), 512);
            // The mix begins with a fade.
            for (at, sample) in input.iter().enumerate().take(30_000 - latency).skip(8_000) {
                let heard = [sound.left[at + latency], sound.right[at + latency]];
                let same = heard.map(f32::to_bits) == sample.map(f32::to_bits);
                assert!(
                    same,
                    "ticks of {tick}, {delay} later, sample {at}: {heard:?}, {sample:?}"
                );
            }
        }
    }
}

#[test]
fn wet_and_dry_meet_on_the_sample_at_every_rate() {
    for (host, model) in [
        (48_000, 48_000),
        (44_100, 48_000),
        (96_000, 44_100),
        (48_000, 16_000),
        (22_050, 48_000),
    ] {
        let mut input = vec![[0.0; 2]; host as usize];
        let click = host as usize / 2;
        // A short bell: all of it lies below half of each rate.
        for (place, sample) in input[click - 60..=click + 60].iter_mut().enumerate() {
            *sample = [(-((place as f32 - 60.0) / 14.0).powi(2)).exp() * 0.5; 2];
        }
        let mut rig = effect(host, 256, Box::new(Later::new(model, 256, 512)));
        let latency = rig.latency.reported_samples as usize;
        let wet = rendered(&mut rig, &input, &runs(1.0), 256);
        let top = |samples: &[f32]| {
            let loudest = samples.iter().enumerate().max_by(|a, b| a.1.total_cmp(b.1));
            loudest.unwrap().0
        };
        assert_eq!(top(&wet.left), click + latency, "{host} and {model}: wet");
        let mut rig = effect(host, 256, Box::new(Later::new(model, 256, 512)));
        let dry = rendered(&mut rig, &input, &runs(0.0), 256);
        assert_eq!(top(&dry.left), click + latency, "{host} and {model}: dry");
        for (place, (wet, sample)) in wet.left[latency + click - 60..]
            .iter()
            .zip(&input[click - 60..=click + 60])
            .enumerate()
        {
            assert!(
                (wet - sample[0]).abs() < 2e-3,
                "{host} and {model}, {place}: {wet} for {sample:?}"
            );
        }
    }
}

#[test]
fn block_size_and_pace_do_not_change_a_sample() {
    let input = lively(40_000);
    for model in [48_000, 44_100] {
        let later = || Box::new(Later::new(model, 256, 700).coloured());
        let reference = rendered(
            &mut effect(RATE_HZ, 1_024, later()),
            &input,
            &moving(),
            1_024,
        );
        for block in [32, 64, 333, 1_000] {
            let sound = rendered(
                &mut effect(RATE_HZ, 1_024, later()),
                &input,
                &moving(),
                block,
            );
            sound.assert_same(&reference, &format!("blocks of {block} at {model}"));
        }
        let mut sizes = [1_usize, 700, 64, 1_024, 3, 512].into_iter().cycle();
        let mut rig = effect(RATE_HZ, 1_024, later());
        let mixed = hear(
            &mut rig,
            &input,
            &moving(),
            || sizes.next().unwrap(),
            Working::AfterEachBlock,
        );
        mixed.assert_same(&reference, "mixed blocks");
        let mut rig = effect(RATE_HZ, 1_024, later());
        rig.processor.set_render(RenderMode::Wait, true);
        let offline = hear(
            &mut rig,
            &input,
            &moving(),
            || 512,
            Working::OnlyWhenWaitedFor,
        );
        offline.assert_same(&reference, "offline");
        assert_eq!(late(&rig), 0);
    }
}

#[test]
fn other_controls_are_heard_and_so_is_other_input() {
    let input = lively(20_000);
    let later = || Box::new(Later::new(RATE_HZ, 256, 700).coloured());
    let reference = rendered(&mut effect(RATE_HZ, 512, later()), &input, &moving(), 512);
    let mut events = moving();
    events.push((9_000, change(TransformChange::Scale(3.0))));
    events.sort_by_key(|(at, _)| *at);
    let sound = rendered(&mut effect(RATE_HZ, 512, later()), &input, &events, 512);
    let latency = effect(RATE_HZ, 512, later()).latency.reported_samples as usize;
    let first = sound.first_difference(&reference, (0, 0)).unwrap();
    let expected = 9_000 + latency;
    assert!(
        (expected..expected + 256).contains(&first),
        "{first}, expected {expected}"
    );
}

#[test]
fn without_the_wish_the_input_passes_bit_for_bit_held_back() {
    let input = lively(10_000);
    let mut rig = effect(
        RATE_HZ,
        256,
        Box::new(Later::new(RATE_HZ, 256, 512).coloured()),
    );
    let latency = rig.latency.reported_samples as usize;
    assert!(latency > 512 + 256);
    let sound = hear_in(&mut rig, &input, &[], 256);
    for at in latency..10_000 {
        assert_eq!(sound.left[at].to_bits(), input[at - latency][0].to_bits());
    }
}

#[test]
fn late_chunks_are_counted_fade_and_move_none_of_their_neighbours() {
    let input = sine(48_000, 440.0, RATE_HZ, 0.4);
    let later = || Box::new(Later::new(RATE_HZ, 256, 512));
    let whole = rendered(&mut effect(RATE_HZ, 256, later()), &input, &runs(1.0), 256);
    let mut rig = effect(RATE_HZ, 256, later());
    let holed = hear(
        &mut rig,
        &input,
        &runs(1.0),
        || 256,
        Working::NotIn(90, 110),
    );
    assert!(late(&rig) > 1_000, "{} late samples", late(&rig));
    let step = largest_step(&holed.left[10_000..]);
    assert!(
        step <= 1.2 * largest_step(&whole.left[10_000..]),
        "a click of {step}"
    );
    // Negative control: a hole that nobody conceals clicks.
    let mut cut = whole.left[10_000..].to_vec();
    cut[12_345..14_000].fill(0.0);
    assert!(largest_step(&cut) > 1.2 * largest_step(&whole.left[10_000..]));
    let after = 130 * 256;
    for at in after..48_000 {
        assert_eq!(
            holed.left[at].to_bits(),
            whole.left[at].to_bits(),
            "sample {at}"
        );
    }
}

#[test]
fn a_worker_that_was_away_for_long_begins_anew_instead_of_being_late_for_ever() {
    let input = sine(96_000, 440.0, RATE_HZ, 0.4);
    let later = || Box::new(Later::new(RATE_HZ, 256, 512));
    let whole = rendered(&mut effect(RATE_HZ, 256, later()), &input, &runs(1.0), 256);
    let mut rig = effect(RATE_HZ, 256, later());
    let holed = hear(
        &mut rig,
        &input,
        &runs(1.0),
        || 256,
        Working::NotIn(90, 190),
    );
    let (missed, away) = (late(&rig), 100 * 256);
    assert!(
        (away - 4_000..away + 4_000).contains(&missed),
        "{missed} late samples"
    );
    assert!(rig.engine.monitor().counts().hearing_skips > 0);
    for at in 220 * 256..96_000 {
        assert_eq!(
            holed.left[at].to_bits(),
            whole.left[at].to_bits(),
            "sample {at}"
        );
    }
}

#[test]
fn switched_on_and_off_it_fades_and_leaves_the_input() {
    let input = sine(60_000, 440.0, RATE_HZ, 0.4);
    let mut rig = effect(
        RATE_HZ,
        256,
        Box::new(Later::new(RATE_HZ, 256, 512).coloured()),
    );
    let latency = rig.latency.reported_samples as usize;
    let mut events = vec![(10_001, change(TransformChange::Run(true)))];
    events.push((30_007, change(TransformChange::Run(false))));
    let sound = rendered(&mut rig, &input, &events, 256);
    let untouched = |from: usize, to: usize| {
        (from..to).all(|at| sound.left[at].to_bits() == input[at - latency][0].to_bits())
    };
    assert!(untouched(latency, 10_001 + latency));
    assert!(!untouched(20_000, 30_000));
    assert!(untouched(40_000 + latency, 60_000));
    let step = largest_step(&sound.left[latency + 100..]);
    assert!(step < 0.15, "a click of {step}");
}

#[test]
fn bad_input_is_silence_or_bounded_and_harms_nobody_after_it() {
    let mut input = lively(60_000);
    for (place, sample) in input[5_000..20_000].iter_mut().enumerate() {
        *sample = match place / 3_000 {
            0 => [0.0; 2],
            1 => [1.0; 2],
            2 => [f32::NAN, f32::INFINITY],
            3 => [1e30; 2],
            _ => [if place % 2 == 0 { 4.0 } else { -4.0 }; 2],
        };
    }
    let mut rig = effect(
        RATE_HZ,
        256,
        Box::new(Later::new(44_100, 256, 512).coloured()),
    );
    let sound = rendered(&mut rig, &input, &runs(1.0), 256);
    assert!(sound.left.iter().all(|sample| sample.is_finite()) && sound.peak() < 1.0);
    assert!(rig.engine.monitor().counts().non_finite_samples > 0);
    assert!(peak(&sound.left[50_000..]) > 0.05, "it sounds again");
}

#[test]
fn a_failure_is_said_and_it_goes_on() {
    let input = lively(60_000);
    let failing = Later {
        fails_at_s: Some(0.4),
        ..Later::new(RATE_HZ, 256, 512)
    };
    let mut rig = effect(RATE_HZ, 256, Box::new(failing));
    let sound = rendered(&mut rig, &input, &runs(1.0), 256);
    let said = rig.engine.monitor().last_error().unwrap().to_string();
    assert!(
        said.contains("'later' could not transform the sound: told to"),
        "{said}"
    );
    assert!(rig.engine.monitor().counts().failed_decodes > 0);
    assert!(peak(&sound.left[40_000..]) > 0.05);
}

#[test]
fn another_transformer_takes_over_without_a_click_or_a_late_sample() {
    let input = sine(30_000, 440.0, RATE_HZ, 0.4);
    let mut rig = effect(RATE_HZ, 256, Box::new(Later::new(RATE_HZ, 256, 512)));
    let latency = rig.latency.reported_samples as usize;
    let first = rendered(&mut rig, &input, &runs(1.0), 256);
    rig.engine
        .set_transformer(Some(Box::new(Later::new(RATE_HZ, 128, 256).coloured())))
        .unwrap();
    let second = rendered(&mut rig, &input, &[], 256);
    assert_eq!(rig.latency.reported_samples as usize, latency);
    let whole = [&first.left[20_000..], &second.left[..]].concat();
    // The input begins anew at the seam of both renders: that step is its own.
    let seam = 10_000 + latency;
    for stretch in [&whole[..seam - 1], &whole[seam + 1..]] {
        let step = largest_step(stretch);
        assert!(step < 0.3, "a click of {step}");
    }
    rig.engine.set_transformer(None).unwrap();
    let third = hear_in(&mut rig, &input, &[], 256);
    assert_eq!(
        third.left[20_000].to_bits(),
        input[20_000 - latency][0].to_bits()
    );
    assert_eq!(late(&rig), 0);
}

#[test]
fn a_reset_and_another_rate_begin_anew_and_alike() {
    let input = lively(20_000);
    let mut rig = effect(
        RATE_HZ,
        256,
        Box::new(Later::new(RATE_HZ, 256, 512).coloured()),
    );
    let first = rendered(&mut rig, &input, &moving(), 256);
    rig.processor.reset();
    rendered(&mut rig, &input, &moving(), 256).assert_same(&first, "after a reset");
    let config = afterimage_engine::HostConfig {
        latency_mode: LatencyMode::Instant,
        transforms: true,
        ..afterimage_engine::HostConfig::new(96_000, 256)
    };
    let latency = rig.processor.activate(config).unwrap();
    assert_ne!(latency, rig.latency);
    let sound = rendered(&mut rig, &input, &runs(1.0), 256);
    assert!(peak(&sound.left[10_000..]) > 0.05);
}
