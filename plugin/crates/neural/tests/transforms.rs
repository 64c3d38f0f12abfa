//! Packs that transform sound: their manifests, and sentences for what does not fit.
#![allow(clippy::unwrap_used)]

mod fixture;

use afterimage_engine::transform::{Tick, TransformControls, Transformer};
use afterimage_neural::{Pack, Runtime, check_model, load_transformer, place_of_sound};
use fixture::sound::{assert_named, fixture_folder};
use fixture::{assert_says, runtimes};
use serde_json::json;

const SAMPLES: usize = 6_000;

fn transformer(name: &str) -> Box<dyn Transformer> {
    let pack = Pack::open(&fixture_folder(name)).unwrap();
    let runtime = afterimage_neural::Runtime::embedded();
    load_transformer(&pack, &runtime).unwrap().transformer
}

fn sound(samples: usize) -> Vec<f32> {
    let level = |n: usize| {
        if (n / 1_500).is_multiple_of(2) {
            0.3
        } else {
            0.03
        }
    };
    (0..samples)
        .map(|n| level(n) * ((n as f32 * 0.21).sin() + 0.4 * (n as f32 * 0.77).sin()))
        .collect()
}

/// What becomes of a sound, in whole ticks.
fn made(
    transformer: &mut dyn Transformer,
    input: &[f32],
    controls: &TransformControls,
) -> Vec<f32> {
    let spec = transformer.spec().clone();
    let mut out = Vec::new();
    for (tick, input) in input.chunks_exact(spec.tick_samples).enumerate() {
        let mut output = vec![9.0; spec.tick_samples];
        let at_s = (tick * spec.tick_samples) as f64 / f64::from(spec.sample_rate_hz);
        let tick = Tick { at_s, controls };
        transformer
            .transform(tick, &[input], &mut [&mut output])
            .unwrap();
        out.extend(output);
    }
    out
}

fn plainly(transformer: &mut dyn Transformer, input: &[f32]) -> Vec<f32> {
    made(transformer, input, &TransformControls::default())
}

#[test]
fn a_net_that_leaves_sound_as_it_is_gives_it_back_after_its_delay() {
    for (name, exactly) in [("transform_same", false), ("transform_later", true)] {
        let mut transformer = transformer(name);
        let delay = transformer.spec().delay_samples;
        let input = sound(SAMPLES);
        let output = plainly(transformer.as_mut(), &input);
        for (at, sample) in output.iter().enumerate().skip(delay + 256) {
            let off = (sample - input[at - delay]).abs();
            assert!(
                off < 1e-6 && !(exactly && off > 0.0),
                "{name}, sample {at}: {off}"
            );
        }
        // Negative control: the same a sample later is told apart.
        let worst = (2_000..5_000).map(|at| (output[at] - input[at - delay - 1]).abs());
        assert!(worst.fold(0.0, f32::max) > 1e-3);
    }
}

#[test]
fn what_was_heard_before_a_reset_is_forgotten() {
    for name in ["transform_same", "transform_later", "coded"] {
        let mut transformer = transformer(name);
        let first = plainly(transformer.as_mut(), &sound(SAMPLES));
        transformer.reset();
        assert_eq!(
            plainly(transformer.as_mut(), &sound(SAMPLES)),
            first,
            "{name}"
        );
    }
}

#[test]
fn every_runtime_says_the_same() {
    for name in ["transform_same", "transform_later", "coded"] {
        for runtime in runtimes() {
            let check = check_model(&fixture_folder(name), &runtime);
            assert!(check.is_sound, "{name}: {}", check.text);
            assert!(check.text.contains("transforms"), "{name}: {}", check.text);
        }
    }
}

fn level(samples: &[f32]) -> f32 {
    (samples.iter().map(|s| s * s).sum::<f32>() / samples.len() as f32).sqrt()
}

#[test]
fn frames_take_the_level_of_the_input_and_silence_is_silence() {
    let mut transformer = transformer("coded");
    let delay = transformer.spec().delay_samples;
    let mut input = sound(SAMPLES);
    input[4_500..].fill(0.0);
    let output = plainly(transformer.as_mut(), &input);
    for (from, to) in [(400, 1_400), (1_600, 2_900), (3_100, 4_400)] {
        let (heard, given) = (
            level(&input[from..to]),
            level(&output[from + delay..to + delay]),
        );
        let off_db = 20.0 * (given / heard).log10();
        // Weighted by the ear, so that tones of other pitches differ a little.
        assert!(off_db.abs() < 6.0, "{from}: {off_db} dB");
    }
    assert!(output[4_700 + delay..].iter().all(|sample| *sample == 0.0));
}

#[test]
fn every_control_moves_the_sound_and_none_moves_it_by_itself() {
    let mut transformer = transformer("coded");
    let input = sound(SAMPLES);
    let still = plainly(transformer.as_mut(), &input);
    let mut bias = TransformControls::default();
    bias.bias[1] = 1.0;
    let neutral = TransformControls {
        lfo_hz: 3.0,
        ..TransformControls::default()
    };
    let changed = [
        ("bias", bias),
        (
            "scale",
            TransformControls {
                scale: 0.0,
                ..TransformControls::default()
            },
        ),
        (
            "smoothing",
            TransformControls {
                smoothing_s: 1.0,
                ..TransformControls::default()
            },
        ),
        (
            "movement",
            TransformControls {
                lfo_depth: 1.0,
                ..neutral
            },
        ),
    ];
    for (name, controls) in changed {
        transformer.reset();
        assert_ne!(
            made(transformer.as_mut(), &input, &controls),
            still,
            "{name}"
        );
    }
    transformer.reset();
    assert_eq!(made(transformer.as_mut(), &input, &neutral), still);
}

#[test]
fn a_pack_that_transforms_nothing_is_refused_in_one_sentence() {
    let pack = fixture::open("good").unwrap();
    let error = load_transformer(&pack, &afterimage_neural::Runtime::embedded())
        .err()
        .unwrap();
    assert_says(&error, &["good.onnx", "graphs.transform", "encode"]);
}

#[test]
fn encoders_that_do_not_fit_are_named_in_one_sentence() {
    assert_named(
        "coded",
        &[
            ("as-it-is", |_| {}, &[]),
            (
                "moments",
                |m| m["graphs"]["encode"]["inputs"][0]["moments"] = json!({"on": [0.0], "off": []}),
                &["frame", "'moments'", "4", "there are 1"],
            ),
            (
                "late",
                |m| m["graphs"]["encode"]["inputs"][0]["moments"] = json!({"on": [-1.0]}),
                &["moments.on[0]"],
            ),
            (
                "loud",
                |m| m["graphs"]["encode"]["inputs"][0]["loudness"] = json!(3.0),
                &["loudness"],
            ),
            (
                "speechless",
                |m| {
                    m["graphs"]
                        .as_object_mut()
                        .unwrap()
                        .remove("decode")
                        .map(|_| ())
                        .unwrap()
                },
                &["graphs"],
            ),
        ],
    );
}

#[test]
fn what_does_not_fit_is_named_in_one_sentence() {
    assert_named(
        "transform_same",
        &[
            ("as-it-is", |_| {}, &[]),
            (
                "stereo",
                |m| m["representation"]["channels"] = json!(2),
                &["audio_in", "[batch, 2, 256]", "it has 256"],
            ),
            (
                "odd",
                |m| m["graphs"]["transform"]["frames_per_call"] = json!(255),
                &["frames_per_call", "even number", "255"],
            ),
            (
                "unsaid",
                |m| {
                    let graph = m["graphs"]["transform"].as_object_mut().unwrap();
                    graph.remove("frames_per_call");
                },
                &["frames_per_call", "even number", "it is 1"],
            ),
            (
                "endless",
                |m| m["graphs"]["transform"]["frames_per_call"] = json!(1 << 20),
                &["frames_per_call", "65536"],
            ),
            (
                "deaf",
                |m| m["graphs"]["transform"]["inputs"][0]["role"] = json!("noise"),
                &["audio_in", "audio", "noise"],
            ),
            (
                "mute",
                |m| m["graphs"]["transform"]["outputs"][0]["role"] = json!("frame"),
                &["graphs.transform.outputs", "audio"],
            ),
            (
                "renamed",
                |m| m["graphs"]["transform"]["inputs"][0]["tensor"] = json!("x"),
                &["'x'", "audio_in"],
            ),
            (
                "frames",
                |m| {
                    m["representation"] = json!({"kind": "mel", "sample_rate": 48_000,
                        "n_fft": 64, "hop": 8, "bins": 8});
                },
                &["representation.kind", "waveform"],
            ),
            (
                "promised",
                |m| {
                    let graph = m["graphs"].as_object_mut().unwrap().remove("transform");
                    m["graphs"]["encode"] = graph.unwrap();
                },
                &["graphs.transform", "encode", "decode"],
            ),
        ],
    );
}

#[test]
fn states_of_a_graph_over_sound_are_paired() {
    assert_named(
        "transform_later",
        &[
            ("as-it-is", |_| {}, &[]),
            (
                "unpaired",
                |m| m["state"] = json!([]),
                &["state.past", "pair"],
            ),
        ],
    );
}

fn tone(hz: f32, rate_hz: u32, seconds: f32) -> Vec<f32> {
    let step = std::f32::consts::TAU * hz / rate_hz as f32;
    (0..(seconds * rate_hz as f32) as usize)
        .map(|n| 0.3 * ((n as f32 * step).sin() + 0.4 * (n as f32 * step * 2.0).sin()))
        .collect()
}

fn furthest(one: &[f32], other: &[f32]) -> f32 {
    assert_eq!(one.len(), other.len());
    let apart = one.iter().zip(other).map(|(a, b)| (a - b).abs());
    apart.fold(0.0, f32::max)
}

#[test]
fn a_sound_has_one_place_at_any_level_and_rate_and_another_sound_another() {
    let pack = Pack::open(&fixture_folder("coded")).unwrap();
    for runtime in runtimes() {
        let place = |sound: &[f32], rate| place_of_sound(&pack, &runtime, (sound, rate)).unwrap();
        let low = place(&tone(2_000.0, 48_000, 0.5), 48_000);
        let soft: Vec<f32> = tone(2_000.0, 48_000, 0.5)
            .iter()
            .map(|s| s * 0.01)
            .collect();
        let apart = furthest(&low, &place(&tone(6_500.0, 48_000, 0.5), 48_000));
        assert!(apart > 0.01, "{apart}");
        assert!(furthest(&low, &place(&soft, 48_000)) < 0.05 * apart);
        let slow = place(&tone(2_000.0, 44_100, 0.5), 44_100);
        assert!(furthest(&low, &slow) < 0.2 * apart);
        assert_eq!(low, place(&tone(2_000.0, 48_000, 0.5), 48_000));
    }
}

#[test]
fn a_note_lies_where_it_lies_whatever_comes_before_and_after_it() {
    let folder =
        std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../models/logfreq-vq");
    let (pack, runtime) = (Pack::open(&folder).unwrap(), Runtime::embedded());
    let place = |sound: &[f32]| place_of_sound(&pack, &runtime, (sound, 48_000)).unwrap();
    let note = |hz: f32| {
        let fading = |(n, s): (usize, f32)| s * (-(n as f32) / 12_000.0).exp();
        tone(hz, 48_000, 1.2)
            .into_iter()
            .enumerate()
            .map(fading)
            .collect::<Vec<f32>>()
    };
    let alone = place(&note(220.0));
    let mut among = vec![0.0; 256 * 40];
    among.extend(note(220.0));
    among.extend(note(660.0));
    assert!(furthest(&alone, &place(&among)) < 1e-3, "{alone:?}");
    assert!(furthest(&alone, &place(&note(660.0))) > 0.1);
}

#[test]
fn a_sound_that_has_no_place_is_refused_in_one_sentence() {
    let runtime = Runtime::embedded();
    let coded = Pack::open(&fixture_folder("coded")).unwrap();
    let mut broken = tone(500.0, 48_000, 0.5);
    broken[9] = f32::NAN;
    for (sound, says) in [
        (vec![0.0; 48_000], "silent"),
        (tone(500.0, 48_000, 0.02), "20 ms"),
        (Vec::new(), "0 ms"),
        (broken, "no numbers"),
    ] {
        let said = place_of_sound(&coded, &runtime, (&sound, 48_000)).unwrap_err();
        assert!(said.contains(says) && said.ends_with('.'), "{said}");
    }
    let plain = fixture::open("good").unwrap();
    let sound = tone(500.0, 48_000, 0.5);
    let said = place_of_sound(&plain, &runtime, (&sound, 48_000)).unwrap_err();
    assert!(said.contains("encode"), "{said}");
}
