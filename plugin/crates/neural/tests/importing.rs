//! Bare graphs from sound to sound become packs, with what a person says about them.
#![allow(clippy::unwrap_used, reason = "tests may unwrap")]

mod fixture;

use std::path::{Path, PathBuf};

use afterimage_neural::manifest::{RepresentationKind, Role, Task};
use afterimage_neural::{BareModel, ImportFacts, Pack, PackError, check_model};
use fixture::{assert_says, folder, runtimes};

const DELAY: usize = 24; // of `rave_like`, as its script says
const BLOCK: usize = 1024;

fn audio(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/fixtures/audio/{name}.onnx"))
}

fn known() -> ImportFacts {
    ImportFacts {
        rate_hz: Some(48_000),
        block: Some(BLOCK),
        ..ImportFacts::default()
    }
}

fn import(name: &str, facts: &ImportFacts, out: &Path) -> Result<(), PackError> {
    let model = BareModel::open(&audio(name))?;
    model.write(facts, out, &runtimes().remove(0)).map(|_| ())
}

fn refusal(name: &str, facts: &ImportFacts) -> PackError {
    let out = folder(&format!("import-{name}")).join("pack");
    let error = import(name, facts, &out).unwrap_err();
    let left: Vec<_> = std::fs::read_dir(out.parent().unwrap()).unwrap().collect();
    assert!(left.is_empty(), "something was left behind: {left:?}");
    error
}

#[test]
fn what_rave_exports_becomes_a_pack_with_its_latency_measured_on_every_runtime() {
    for (index, runtime) in runtimes().iter().enumerate() {
        let out = folder(&format!("import-rave-{index}")).join("pack");
        let facts = ImportFacts {
            name: Some("Näher am Meer!".into()),
            license: Some("CC0-1.0".into()),
            ..known()
        };
        let imported = BareModel::open(&audio("rave_like"))
            .unwrap()
            .write(&facts, &out, runtime)
            .unwrap();
        assert_eq!(
            (imported.latency, imported.measured_latency),
            (DELAY, Some(DELAY))
        );
        let pack = Pack::open(&out).unwrap();
        let manifest = pack.manifest();
        assert_eq!(manifest.id, "imported.n-her-am-meer");
        assert_eq!(manifest.license, "CC0-1.0");
        assert_eq!(manifest.tasks, [Task::Transform]);
        assert_eq!(manifest.representation.kind, RepresentationKind::Waveform);
        assert_eq!(manifest.representation.sample_rate, 48_000);
        let graph = manifest.graphs.transform.as_ref().unwrap();
        assert_eq!(
            (graph.frames_per_call, graph.internal_model_latency),
            (BLOCK, DELAY)
        );
        assert_eq!(graph.inputs[0].role, Role::Audio);
        assert!(pack.warnings().is_empty(), "{:?}", pack.warnings());
    }
}

#[test]
fn the_pack_is_checked_as_any_other() {
    let out = folder("import-check").join("pack");
    import("rave_like", &known(), &out).unwrap();
    for runtime in runtimes() {
        let check = check_model(&out, &runtime);
        assert!(check.is_sound, "{}", check.text);
    }
}

#[test]
fn the_pack_is_described_by_its_rate_and_its_call() {
    let out = folder("import-described").join("pack");
    import("rave_like", &known(), &out).unwrap();
    let text = check_model(&out, &runtimes().remove(0)).text;
    for part in [
        "rave-like",
        "waveform, 48000 Hz, 1 channel",
        "Graph 'transform'",
    ] {
        assert!(text.contains(part), "'{part}' is missing in:\n{text}");
    }
}

#[test]
fn what_the_command_says_of_the_latency_counts() {
    let out = folder("import-latency").join("pack");
    let said = ImportFacts {
        latency: Some(7),
        ..known()
    };
    import("rave_like", &said, &out).unwrap();
    let pack = Pack::open(&out).unwrap();
    let graph = pack.manifest().graphs.transform.clone().unwrap();
    assert_eq!(graph.internal_model_latency, 7);
}

#[test]
fn draws_inside_the_graph_stand_at_their_means_and_are_told() {
    let model = BareModel::open(&audio("rave_like")).unwrap();
    let told = model.describe(&runtimes().remove(0));
    for part in ["1 normal draw", "1 uniform draw", "audio_in", "1 channel"] {
        assert!(told.contains(part), "'{part}' is missing in:\n{told}");
    }
}

#[test]
fn the_lengths_that_come_back_whole_are_found_by_trial() {
    let told = check_model(&audio("rave_like"), &runtimes().remove(0)).text;
    assert!(told.contains("whole: 64 128 256"), "{told}");
    assert!(
        told.contains("--rate HZ") && told.contains("--block N"),
        "{told}"
    );
    let told = check_model(&audio("half"), &runtimes().remove(0)).text;
    assert!(told.contains("no power of two"), "{told}");
}

#[test]
fn a_fixed_graph_that_names_its_rate_needs_no_flag() {
    let out = folder("import-fixed").join("pack");
    import("stereo_fixed", &ImportFacts::default(), &out).unwrap();
    let pack = Pack::open(&out).unwrap();
    let representation = &pack.manifest().representation;
    assert_eq!(
        (representation.sample_rate, representation.channels),
        (44_100, 2)
    );
    let other = refusal("stereo_fixed", &known());
    assert_says(&other, &["--block 512", "1024 was given"]);
}

#[test]
fn what_is_missing_or_does_not_fit_is_asked_for_in_one_sentence() {
    let no_rate = ImportFacts {
        rate_hz: None,
        ..known()
    };
    assert_says(
        &refusal("rave_like", &no_rate),
        &["--rate", "samples a second"],
    );
    let no_block = ImportFacts {
        block: None,
        ..known()
    };
    assert_says(&refusal("rave_like", &no_block), &["--block", "1024, 2048"]);
    let uneven = |block| ImportFacts {
        block: Some(block),
        ..known()
    };
    assert_says(
        &refusal("rave_like", &uneven(1000)),
        &["1000", "992", "ratio"],
    );
    assert_says(
        &refusal("rave_like", &uneven(7)),
        &["even --block", "7 was given"],
    );
    assert_says(&refusal("half", &known()), &["it gives 512"]);
    let slow = ImportFacts {
        rate_hz: Some(50),
        ..known()
    };
    assert_says(&refusal("rave_like", &slow), &["8000", "50 was given"]);
}

#[test]
fn graphs_that_are_not_from_sound_to_sound_say_what_keeps_them_out() {
    for (name, parts) in [
        ("two_inputs", ["one input", "'audio_in', 'knob'"]),
        ("flat", ["three axes", "[1, audio_length]"]),
        ("integers", ["float32", "int64"]),
        ("many_channels", ["1 or 2 channels", "[1, 6, audio_length]"]),
        ("batched", ["a batch of 1", "[8, 1, audio_length]"]),
        ("looped", ["'Loop'", "unrolled"]),
        ("outside", ["weights.bin", "external data"]),
    ] {
        assert_says(&refusal(name, &known()), &parts);
    }
    let with_manifest = BareModel::open(&fixture::path("good")).unwrap_err();
    assert_says(&with_manifest, &["without a manifest", "as it is"]);
}

#[test]
fn a_folder_that_is_there_already_stays_as_it_is() {
    let out = folder("import-twice").join("pack");
    std::fs::create_dir(&out).unwrap();
    std::fs::write(out.join("mine.txt"), "mine").unwrap();
    let error = import("rave_like", &known(), &out).unwrap_err();
    assert_says(&error, &["already", "another --out"]);
    assert_eq!(std::fs::read_dir(&out).unwrap().count(), 1);
}
