//! Packs of every kind of spectrum play: the engine gets STFT bins, whatever the graph gives.
#![allow(clippy::unwrap_used, reason = "tests may unwrap")]

mod fixture;

use afterimage_neural::{Manifest, Pack, PackError, Runtime, load};
use fixture::{assert_says, bytes, decode, folder, good_manifest, request};
use serde_json::{Value, json};

/// The good graph, 33 values a frame, under another representation of a transform of 512 samples.
fn pack(name: &str, fields: &Value) -> Result<Pack, PackError> {
    let mut manifest = good_manifest();
    let representation = &mut manifest["representation"];
    (representation["n_fft"], representation["hop"]) = (json!(512), json!(64));
    for (key, value) in fields.as_object().unwrap() {
        representation[key] = value.clone();
    }
    let unit = representation["unit"].clone();
    manifest["graphs"]["decode"]["outputs"][0]["unit"] = unit;
    let folder = folder(name);
    std::fs::write(folder.join("good.onnx"), bytes("good")).unwrap();
    std::fs::write(folder.join("manifest.json"), manifest.to_string()).unwrap();
    Pack::open(&folder)
}

#[test]
fn every_kind_of_spectrum_plays() {
    let log_frequency = json!({"kind": "log-frequency", "f_min": 200.0, "f_max": 12_800.0});
    let ln_of_power =
        json!({"kind": "mel", "unit": "ln", "power": 2, "floor": -100.0, "gate": -90.0});
    let linear = json!({"kind": "mel", "unit": "linear", "power": 2, "floor": 0.0, "gate": 0.0});
    let log1p = json!({
        "kind": "log-amplitude", "n_fft": 64, "hop": 8, "unit": "ln", "log1p": true, "floor": 0.0, "gate": 0.0,
    });
    let harmonic_noise = json!({"kind": "harmonic-noise", "partials": 20});
    for (name, fields, bins) in [
        ("mel", json!({"kind": "mel"}), 257),
        (
            "mel-htk",
            json!({"kind": "mel", "mel_scale": "htk", "mel_norm": "none"}),
            257,
        ),
        ("mel-ln", ln_of_power, 257),
        ("mel-linear", linear, 257),
        ("log-frequency", log_frequency, 257),
        ("log1p", log1p, 33),
        ("harmonic-noise", harmonic_noise, 257),
    ] {
        let mut loaded = load(&pack(name, &fields).unwrap(), &Runtime::embedded()).unwrap();
        assert_eq!(loaded.decoder.bins(), bins, "{name}");
        assert_eq!(loaded.spec.stft.bins(), bins, "{name}");
        let requests: Vec<_> = (0..16).map(request).collect();
        let frames = decode(&mut loaded.decoder, &requests);
        for frame in &frames {
            let sound = |magnitude: &f32| magnitude.is_finite() && *magnitude >= 0.0;
            assert!(frame.magnitudes.iter().all(sound), "{name}");
            // The fixture's values are decibels: where they are not, most mean nothing and are counted.
            let is_log = name != "mel-linear" && name != "log1p" && name != "harmonic-noise";
            assert_eq!(
                frame.cleaned_values == 0,
                is_log,
                "{name}: {}",
                frame.cleaned_values
            );
        }
        assert!(frames.iter().any(|frame| !frame.silent), "{name} is silent");
    }
}

#[test]
fn a_preset_stands_for_its_fields_and_gives_way_to_those_that_are_given() {
    let parse = |representation: Value| {
        let mut manifest = good_manifest();
        manifest["representation"] = representation;
        Manifest::parse(manifest.to_string().as_bytes(), "preset")
            .map(|manifest| manifest.representation)
    };
    let librosa = parse(json!({"preset": "librosa-melspectrogram"})).unwrap();
    assert_eq!((librosa.n_fft, librosa.hop, librosa.bins), (2048, 512, 128));
    assert_eq!(
        (librosa.mel_scale.as_str(), librosa.mel_norm.as_str()),
        ("slaney", "slaney")
    );
    assert_eq!(
        (librosa.sample_rate, librosa.power, librosa.f_max),
        (22_050, 2.0, 11_025.0)
    );
    let torchaudio =
        parse(json!({"preset": "torchaudio-melspectrogram", "hop": 100, "unit": "ln"})).unwrap();
    assert_eq!((torchaudio.n_fft, torchaudio.hop), (400, 100));
    assert_eq!(
        (torchaudio.mel_scale.as_str(), torchaudio.mel_norm.as_str()),
        ("htk", "none")
    );
    let unknown = parse(json!({"preset": "librosa"})).unwrap_err();
    assert_says(
        &unknown,
        &[
            "'representation.preset'",
            "torchaudio-melspectrogram",
            "'librosa'",
        ],
    );
    let wrong = parse(json!({"preset": "librosa-stft", "hop": "x"})).unwrap_err();
    assert_says(&wrong, &["'representation.hop'", "'x'"]);
}

#[test]
fn a_preset_whose_hop_has_no_sound_inverse_is_refused_with_both_sides() {
    // torchaudio's hop is half its window.
    let fields = json!({
        "preset": "torchaudio-melspectrogram", "kind": "mel", "n_fft": 400, "hop": 200, "bins": 33,
    });
    let error = pack("half-window", &fields).unwrap_err();
    assert_says(
        &error,
        &[
            "half-window",
            "'representation.hop'",
            "200 with an n_fft of 400",
        ],
    );
}

#[test]
fn partials_and_noise_bands_share_the_frame() {
    for (partials, says) in [(json!(null), "nothing"), (json!(31), "31"), (json!(0), "0")] {
        let fields = json!({"kind": "harmonic-noise", "partials": partials});
        let error = pack("partials", &fields).unwrap_err();
        assert_says(&error, &["'representation.partials'", "from 1 to 30", says]);
    }
    assert!(
        pack(
            "partials",
            &json!({"kind": "harmonic-noise", "partials": 30})
        )
        .is_ok()
    );
}
