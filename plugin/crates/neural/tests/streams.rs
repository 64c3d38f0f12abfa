//! Decoders with hidden state: each note carries its own, whatever the batches look like.
#![allow(clippy::unwrap_used, reason = "a test may stop")]
mod fixture;

use afterimage_engine::contract::{ATTACK_VOICE, Frame, FrameRequest};
use afterimage_neural::{NeuralDecoder, Pack, PackError, load};
use fixture::{assert_says, decode, folder, load_embedded, open, path, request, runtimes};
use serde_json::Value;

/// What the fixture's levels are relative to.
const REFERENCE: f32 = 16.0;

fn step(voice: u16, note: u32, frame_index: u32) -> FrameRequest {
    FrameRequest {
        epoch: 3,
        voice,
        note,
        frame_index,
        ..request(note as usize)
    }
}

fn bits(frame: &Frame) -> Vec<u32> {
    frame
        .magnitudes
        .iter()
        .map(|value| value.to_bits())
        .collect()
}

fn one(decoder: &mut NeuralDecoder, request: FrameRequest) -> Vec<u32> {
    bits(&decode(decoder, &[request])[0])
}

fn fresh() -> NeuralDecoder {
    load_embedded("streaming").unwrap().decoder
}

/// The frames of a note that has the decoder to itself, one call each.
fn alone(first: FrameRequest, frames: u32) -> Vec<Vec<u32>> {
    let mut decoder = fresh();
    let frame = |frame_index| FrameRequest {
        frame_index,
        ..first
    };
    (0..frames)
        .map(|index| one(&mut decoder, frame(index)))
        .collect()
}

#[test]
fn a_note_goes_as_numpy_says_on_every_runtime() {
    let text = std::fs::read_to_string(path("streaming").with_file_name("streaming.golden.json"));
    let golden: Value = serde_json::from_str(&text.unwrap()).unwrap();
    let number = |value: &Value| value.as_f64().unwrap() as f32;
    let mut first = step(0, 1, 0);
    for (knob, value) in first
        .conditions
        .latent
        .iter_mut()
        .zip(golden["knobs"].as_array().unwrap())
    {
        *knob = number(value);
    }
    for runtime in runtimes() {
        let mut decoder = load(&open("streaming").unwrap(), &runtime).unwrap().decoder;
        let frames = golden["frames_db"].as_array().unwrap();
        for (frame_index, expected) in (0..).zip(frames) {
            let frame = decode(
                &mut decoder,
                &[FrameRequest {
                    frame_index,
                    ..first
                }],
            )
            .remove(0);
            for (magnitude, level) in frame.magnitudes.iter().zip(expected.as_array().unwrap()) {
                let found = 20.0 * (magnitude / REFERENCE).log10();
                let level = number(level);
                let gated = !(-90.0..=0.0).contains(&level);
                assert!(
                    gated || (found - level).abs() < 2e-3,
                    "frame {frame_index}: {found} for {level} dB"
                );
            }
        }
    }
}

#[test]
fn a_frame_hears_those_before_it() {
    let frames = alone(step(0, 5, 0), 12);
    // Negative control of all the others: without memory all frames of a still knob were one.
    assert!(
        frames.windows(2).take(4).all(|pair| pair[0] != pair[1]),
        "the fixture remembers"
    );
}

#[test]
fn batches_decide_nothing() {
    let notes: Vec<_> = (0..5)
        .map(|i| step(i, 10 + u32::from(i), 0))
        .chain([
            step(ATTACK_VOICE, 72, 0),
            step(ATTACK_VOICE, 73, 0),
            FrameRequest {
                epoch: 90_000,
                ..step(0, 11, 0)
            },
        ])
        .collect();
    let expected: Vec<_> = notes.iter().map(|note| alone(*note, 6)).collect();
    let at = |note: &FrameRequest, frame_index| FrameRequest {
        frame_index,
        ..*note
    };
    // A frame of each note a call; then two frames of each in one call; then all of a note's.
    let by_frame = (0..6).map(|index| notes.iter().map(|n| at(n, index)).collect());
    let by_pair = (0..3).map(|pair| {
        let frames = [2 * pair, 2 * pair + 1];
        frames
            .iter()
            .flat_map(|index| notes.iter().map(|n| at(n, *index)))
            .collect()
    });
    let by_note = notes
        .iter()
        .map(|note| (0..6).map(|index| at(note, index)).collect());
    let plans: [Vec<Vec<FrameRequest>>; 3] =
        [by_frame.collect(), by_pair.collect(), by_note.collect()];
    for (number, plan) in plans.iter().enumerate() {
        let mut decoder = fresh();
        for batch in plan {
            let frames = decode(&mut decoder, batch);
            for (request, frame) in batch.iter().zip(&frames) {
                let note = notes
                    .iter()
                    .position(|note| (note.epoch, note.note) == (request.epoch, request.note));
                assert_eq!(
                    bits(frame),
                    expected[note.unwrap()][request.frame_index as usize],
                    "plan {number}, note {}, frame {}",
                    request.note,
                    request.frame_index
                );
            }
        }
    }
}

#[test]
fn skipped_frames_are_caught_up() {
    for start in [1, 2, 7, 30] {
        let note = step(2, 9, 0);
        let expected = alone(note, start + 3);
        let mut decoder = fresh();
        for frame_index in start..start + 3 {
            let found = one(
                &mut decoder,
                FrameRequest {
                    frame_index,
                    ..note
                },
            );
            assert_eq!(found, expected[frame_index as usize], "from frame {start}");
        }
    }
}

#[test]
fn the_next_note_of_a_voice_begins_anew() {
    let expected = alone(step(0, 8, 0), 3);
    let mut decoder = fresh();
    for frame in 0..4 {
        one(&mut decoder, step(0, 5, frame));
    }
    for (frame, expected) in (0..).zip(&expected) {
        assert_eq!(one(&mut decoder, step(0, 8, frame)), *expected);
    }
    // Asked for its beginning again, a note begins again.
    assert_eq!(one(&mut decoder, step(0, 8, 0)), expected[0]);
}

/// The fixture in a folder, with its manifest changed.
fn with(name: &str, change: impl FnOnce(&mut Value)) -> Result<Pack, PackError> {
    let pack = open("streaming").unwrap();
    let graph = pack.graph("decode").unwrap();
    let text = graph.info.metadata_value("neural_audio.manifest").unwrap();
    let mut manifest: Value = serde_json::from_str(text).unwrap();
    manifest["graphs"]["decode"]["file"] = "decode.onnx".into();
    change(&mut manifest);
    let folder = folder(name);
    std::fs::write(folder.join("decode.onnx"), &*graph.bytes).unwrap();
    std::fs::write(folder.join("manifest.json"), manifest.to_string()).unwrap();
    Pack::open(&folder)
}

#[test]
fn states_that_do_not_fit_are_refused_with_a_sentence() {
    let refused = |name: &str, change: fn(&mut Value), parts: &[&str]| {
        let runtime = runtimes().pop().unwrap();
        let error = with(name, change)
            .and_then(|pack| load(&pack, &runtime).map(|_| ()))
            .unwrap_err();
        assert_says(&error, parts);
    };
    refused(
        "stream_unpaired",
        |m| m["state"] = serde_json::json!([]),
        &["state.h", "pair"],
    );
    refused(
        "stream_append",
        |m| m["state"][0]["kind"] = "append(4)".into(),
        &["state.h", "append(4)"],
    );
    refused(
        "stream_output",
        |m| m["state"][0]["output"] = "elsewhere".into(),
        &["elsewhere"],
    );
}
