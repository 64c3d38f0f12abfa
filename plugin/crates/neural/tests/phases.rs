//! Decoders that give phases beside magnitudes: taken over as they come, and refused with a sentence where they cannot be.
#![allow(
    clippy::disallowed_macros,
    clippy::unwrap_used,
    reason = "a test may stop, and prints what it measured"
)]
mod fixture;

use afterimage_engine::GivenPhases;
use afterimage_engine::contract::{Decoder, Frame, FrameRequest};
use afterimage_neural::{LoadedPack, NeuralDecoder, Pack, PackError, load};
use afterimage_spectral::{PhaseMethod, SynthesisFrame, VoiceInverse};
use fixture::{assert_says, folder, load_embedded, open, runtimes};
use serde_json::{Value, json};

const FRAMES: u32 = 60;
const HOP: usize = 8;
const RATE_HZ: f32 = 48_000.0;

/// Both kinds: a frame a call, and all of them at once.
const PACKS: [&str; 2] = ["phased", "phased_hits"];

fn asked(index: u32) -> FrameRequest {
    FrameRequest {
        epoch: 1,
        note: 3,
        frame_index: index,
        pitch: 60.0,
        velocity: 1.0,
        time_on_s: (index as usize * HOP) as f32 / RATE_HZ,
        ..FrameRequest::NONE
    }
}

fn decoded(decoder: &mut NeuralDecoder, indices: impl Iterator<Item = u32>) -> Vec<Frame> {
    let requests: Vec<_> = indices.map(asked).collect();
    let mut all = Vec::new();
    for requests in requests.chunks(16) {
        let mut frames = vec![Frame::silent(decoder.bins(), true); requests.len()];
        decoder.decode(requests, &mut frames).unwrap();
        all.append(&mut frames);
    }
    all
}

fn original() -> Vec<f64> {
    let path = fixture::path("phased").with_file_name("phased.golden.json");
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

/// Error of the frames' sound against the original, in dB, from a window after its start to one before its end.
fn error_db(loaded: &LoadedPack, frames: &[Frame], with_phases: bool) -> f64 {
    let mut voice = VoiceInverse::new(&loaded.spec.stft, RATE_HZ, loaded.spec.phase);
    let ahead = voice.frames_ahead();
    let (mut sound, mut side) = (vec![0.0; HOP], vec![0.0; HOP]);
    let (mut error, mut power) = (0.0, 0.0);
    let original = original();
    for (index, frame) in frames.iter().enumerate() {
        let column = SynthesisFrame {
            magnitudes: &frame.magnitudes,
            pitch_hz: 0.0,
            spread: 0.0,
            gain: 1.0,
        };
        match frame.known_phases().filter(|_| with_phases) {
            Some(phases) => voice.push_known(column, phases),
            None => voice.push(column),
        }
        let Some(hop) = index.checked_sub(ahead) else {
            continue;
        };
        voice.pull_hop(&mut sound, &mut side);
        if !(4..FRAMES as usize - 10).contains(&hop) {
            continue;
        }
        for (found, wanted) in sound.iter().zip(&original[hop * HOP..]) {
            error += (f64::from(*found) - wanted).powi(2);
            power += wanted.powi(2);
        }
    }
    10.0 * (error / power).log10()
}

#[test]
fn the_sound_they_were_made_of_comes_back_on_every_runtime() {
    for runtime in runtimes() {
        for name in PACKS {
            let mut loaded = load(&open(name).unwrap(), &runtime).unwrap();
            assert_ne!(loaded.spec.given_phases, GivenPhases::No);
            assert_eq!(loaded.spec.phase, PhaseMethod::Rtpghi);
            let frames = decoded(&mut loaded.decoder, 0..FRAMES);
            assert!(frames.iter().all(|frame| frame.phases_known), "{name}");
            let error = error_db(&loaded, &frames, true);
            // Negative control: integrated, it is something like it.
            let integrated = error_db(&loaded, &frames, false);
            println!("{name}: {error:.1} dB with its phases, {integrated:.1} dB without");
            assert!(
                error < -70.0 && integrated > -12.0,
                "{name}: {error} {integrated}"
            );
        }
    }
}

#[test]
fn after_a_hit_there_is_silence_and_after_the_longest_note_time_stands_still() {
    let mut hits = load_embedded("phased_hits").unwrap().decoder;
    let after = decoded(&mut hits, FRAMES - 1..FRAMES + 1);
    assert!(!after[0].silent && after[1].silent);
    let mut by_time = load_embedded("phased").unwrap().decoder;
    let frames = decoded(&mut by_time, FRAMES - 1..FRAMES + 2);
    let known: Vec<_> = frames.iter().map(|frame| frame.phases_known).collect();
    assert_eq!(known, [true, false, false]);
}

#[test]
fn frames_without_room_for_phases_go_without() {
    for name in PACKS {
        let mut decoder = load_embedded(name).unwrap().decoder;
        let mut frames = [Frame::silent(decoder.bins(), false)];
        decoder.decode(&[asked(4)], &mut frames).unwrap();
        assert!(
            !frames[0].silent && frames[0].known_phases().is_none(),
            "{name}"
        );
    }
}

/// The pack as a folder, with its manifest changed.
fn changed(name: &str, change: impl Fn(&mut Value)) -> Result<LoadedPack, PackError> {
    let folder = folder(&format!("phases-{name}"));
    let pack = open("phased").unwrap();
    let json = pack
        .graph("decode")
        .unwrap()
        .info
        .metadata_value("neural_audio.manifest");
    let mut manifest: Value = serde_json::from_str(json.unwrap()).unwrap();
    manifest["graphs"]["decode"]["file"] = json!("phased.onnx");
    change(&mut manifest);
    std::fs::write(folder.join("phased.onnx"), fixture::bytes("phased")).unwrap();
    std::fs::write(folder.join("manifest.json"), manifest.to_string()).unwrap();
    load(
        &Pack::open(&folder)?,
        &afterimage_neural::Runtime::embedded(),
    )
}

#[test]
fn what_cannot_be_taken_over_is_refused() {
    assert!(changed("same", |_| {}).is_ok());
    let no_output = changed("no output", |manifest| {
        let outputs = manifest["graphs"]["decode"]["outputs"]
            .as_array_mut()
            .unwrap();
        outputs.truncate(1);
    });
    let error = no_output.err().unwrap();
    assert_says(&error, &["graphs.decode.outputs", "'phase'", "none"]);
    let mel = changed("mel", |manifest| {
        manifest["representation"]["kind"] = json!("mel");
    });
    let error = mel.err().unwrap();
    assert_says(
        &error,
        &["representation.kind", "'linear' or 'log-amplitude'", "mel"],
    );
    let degrees = changed("degrees", |manifest| {
        manifest["graphs"]["decode"]["outputs"][1]["unit"] = json!("deg");
    });
    assert_says(&degrees.err().unwrap(), &["phase", "'rad'", "'deg'"]);
    let timeless = changed("timeless", |manifest| {
        manifest["graphs"]["decode"]["inputs"][0]["role"] = json!("velocity");
    });
    assert_says(
        &timeless.err().unwrap(),
        &["representation.phase", "time_on"],
    );
}
