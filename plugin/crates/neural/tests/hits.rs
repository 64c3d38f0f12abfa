//! Graphs that give all frames of a hit in one call: played frame by frame, decoded once a note.
#![allow(clippy::unwrap_used, reason = "a test may stop")]
mod fixture;

use afterimage_engine::PlayStyle;
use afterimage_engine::contract::{ATTACK_VOICE, Frame, FrameRequest};
use afterimage_neural::{NeuralDecoder, Pack, PackError, load};
use afterimage_spectral::PhaseMethod;
use fixture::{assert_says, decode, folder, load_embedded, open, request, runtimes};

const FRAMES: u32 = 6;

fn hit(voice: u16, note: u32, frame_index: u32) -> FrameRequest {
    FrameRequest {
        epoch: 3,
        voice,
        note,
        frame_index,
        ..request(note as usize)
    }
}

fn sound(frame: &Frame) -> Vec<u32> {
    frame
        .magnitudes
        .iter()
        .map(|value| value.to_bits())
        .collect()
}

fn one(decoder: &mut NeuralDecoder, request: FrameRequest) -> Vec<u32> {
    sound(&decode(decoder, &[request])[0])
}

#[test]
fn a_hit_fades_frame_by_frame_and_then_is_silent() {
    for runtime in runtimes() {
        let mut decoder = load(&open("hits").unwrap(), &runtime).unwrap().decoder;
        let frames: Vec<_> = (0..FRAMES + 2)
            .map(|index| decode(&mut decoder, &[hit(0, 5, index)]).remove(0))
            .collect();
        let loudest = (0..33)
            .max_by(|a, b| frames[0].magnitudes[*a].total_cmp(&frames[0].magnitudes[*b]))
            .unwrap();
        for pair in frames[..4].windows(2) {
            let fall_db =
                20.0 * (pair[1].magnitudes[loudest] / pair[0].magnitudes[loudest]).log10();
            assert!((fall_db + 10.0).abs() < 0.01, "{fall_db} dB a frame");
        }
        assert!(frames[FRAMES as usize..].iter().all(|frame| frame.silent));
    }
}

#[test]
fn what_moves_after_the_start_does_not_change_a_hit() {
    let mut decoder = load_embedded("hits").unwrap().decoder;
    let first = hit(0, 5, 0);
    one(&mut decoder, first);
    let kept = one(&mut decoder, hit(0, 5, 2));
    let mut moved = hit(0, 5, 2);
    moved.conditions.descriptor[0] += 0.5;
    assert_eq!(one(&mut decoder, moved), kept);
    // Negative control: the next note hears it.
    moved.note = 6;
    let changed = one(&mut decoder, moved);
    assert_ne!(changed, kept);
}

#[test]
fn voices_instances_and_attacks_do_not_disturb_each_other() {
    let mut decoder = load_embedded("hits").unwrap().decoder;
    let requests = |frame: u32| {
        let mut requests: Vec<_> = (0..6).map(|i| hit(i, u32::from(i) + 10, frame)).collect();
        requests.push(hit(ATTACK_VOICE, 72, frame));
        requests.push(hit(ATTACK_VOICE, 73, frame));
        requests.push(FrameRequest {
            epoch: 90_000,
            ..hit(0, 11, frame)
        });
        requests
    };
    let together: Vec<Vec<Vec<u32>>> = (0..3)
        .map(|frame| {
            decode(&mut decoder, &requests(frame))
                .iter()
                .map(sound)
                .collect()
        })
        .collect();
    let mut alone = load_embedded("hits").unwrap().decoder;
    // The other way round: hit by hit, not frame by frame.
    for (index, first) in requests(0).into_iter().enumerate() {
        for (frame, expected) in (0..).zip(&together) {
            let request = FrameRequest {
                frame_index: frame,
                ..first
            };
            assert_eq!(one(&mut alone, request), expected[index], "{index}");
        }
    }
}

#[test]
fn a_voice_that_changes_its_note_within_a_batch_plays_both() {
    let mut decoder = load_embedded("hits").unwrap().decoder;
    let batch = [
        hit(0, 5, 0),
        hit(0, 5, 1),
        hit(0, 8, 0),
        hit(1, 7, 0),
        hit(0, 8, 1),
    ];
    let together: Vec<_> = decode(&mut decoder, &batch).iter().map(sound).collect();
    let mut alone = load_embedded("hits").unwrap().decoder;
    for (request, found) in batch.into_iter().zip(together) {
        assert_eq!(one(&mut alone, request), found);
    }
}

#[test]
fn the_key_map_reaches_the_engine() {
    let PlayStyle::OneShot(map) = load_embedded("hits").unwrap().spec.play else {
        panic!("a pack of hits");
    };
    assert_eq!(map.frames(), FRAMES);
    let hit = |key: u8| map.hit(key).map(|hit| (hit.label, hit.choke_group));
    assert_eq!(
        (hit(36), hit(42), hit(46)),
        (Some((0, 0)), Some((1, 1)), Some((2, 1)))
    );
    assert_eq!(hit(37), None);
}

#[test]
fn only_a_whole_hit_looks_a_frame_ahead() {
    let phase = |name: &str| open(name).unwrap().instrument_spec().unwrap().phase;
    assert_eq!(phase("hits"), PhaseMethod::RtpghiLookahead);
    assert_eq!(phase("good"), PhaseMethod::F0Lock);
    // Frame by frame a look-ahead would keep a knob back for a hop.
    let single = changed("good", "one-frame-a-call", |manifest| {
        manifest["representation"]["phase"] = "rtpghi".into();
    });
    let single = single.unwrap().instrument_spec().unwrap();
    assert_eq!(single.phase, PhaseMethod::Rtpghi);
}

/// The fixture in a folder, with its manifest changed.
fn with(name: &str, change: impl FnOnce(&mut serde_json::Value)) -> Result<Pack, PackError> {
    changed("hits", name, change)
}

fn changed(
    fixture: &str,
    name: &str,
    change: impl FnOnce(&mut serde_json::Value),
) -> Result<Pack, PackError> {
    let pack = open(fixture).unwrap();
    let graph = pack.graph("decode").unwrap();
    let text = graph.info.metadata_value("neural_audio.manifest").unwrap();
    let mut manifest: serde_json::Value = serde_json::from_str(text).unwrap();
    manifest["graphs"]["decode"]["file"] = "decode.onnx".into();
    change(&mut manifest);
    let folder = folder(name);
    std::fs::write(folder.join("decode.onnx"), &*graph.bytes).unwrap();
    std::fs::write(folder.join("manifest.json"), manifest.to_string()).unwrap();
    Pack::open(&folder)
}

#[test]
fn bad_maps_are_refused_with_a_sentence() {
    let refused = |name: &str, change: fn(&mut serde_json::Value), parts: &[&str]| {
        let error = with(name, change)
            .and_then(|pack| load(&pack, &afterimage_neural::Runtime::embedded()).map(|_| ()));
        assert_says(&error.unwrap_err(), parts);
    };
    refused(
        "hit-label",
        |m| m["play"]["hits"][0]["label"] = "gong".into(),
        &["label", "kick, closed hat, open hat"],
    );
    refused(
        "hit-key",
        |m| m["play"]["hits"][0]["key"] = 200.into(),
        &["key"],
    );
    refused(
        "hit-none",
        |m| m["play"]["hits"] = serde_json::json!([]),
        &["hits", "one-shot"],
    );
    refused(
        "hit-mode",
        |m| m["play"]["mode"] = "drone".into(),
        &["hits"],
    );
    refused(
        "hit-frames",
        |m| m["graphs"]["decode"]["frames_per_call"] = 5.into(),
        &["165", "198"],
    );
    assert!(with("hit-good", |_| {}).is_ok(), "negative control");
}
