//! Event models: logits as NumPy has them, notes as the grammar allows, sentences for what is wrong.
#![allow(clippy::unwrap_used)]

mod fixture;

use afterimage_engine::continuation::{
    ComposedNote, Composer, HeardNote, PieceStart, Progress, Style,
};
use afterimage_neural::{
    BackendKind, EventComposer, Pack, PackError, Runtime, load, load_composer, memory_composer,
};
use fixture::{assert_says, bytes, folder, open, runtimes};
use serde_json::{Value, json};

fn composer(runtime: &Runtime) -> EventComposer {
    load_composer(&open("events").unwrap(), runtime)
        .unwrap()
        .composer
}

fn start(seed: u64) -> PieceStart {
    PieceStart {
        seed,
        bar_ticks: 96,
        bar_phase_ticks: 0,
        style: Style::default(),
    }
}

/// The notes before `until`, in passages of `passage` ticks.
fn composed(
    composer: &mut EventComposer,
    start: &PieceStart,
    heard: &[HeardNote],
    (until, passage): (u32, usize),
) -> Vec<ComposedNote> {
    let mut notes = Vec::new();
    composer.begin(start, heard);
    for tick in (passage as u32..=until).step_by(passage) {
        while composer.compose(&start.style, tick, &mut notes).unwrap() == Progress::Working {}
    }
    notes
}

#[test]
fn both_runtimes_write_the_same_notes_and_the_same_again() {
    let wanted = composed(
        &mut composer(&Runtime::embedded()),
        &start(3),
        &[],
        (960, 24),
    );
    assert!(wanted.len() > 20, "{} notes", wanted.len());
    for runtime in runtimes() {
        let mut composer = composer(&runtime);
        for _ in 0..2 {
            assert_eq!(composed(&mut composer, &start(3), &[], (960, 24)), wanted);
        }
        assert_ne!(composed(&mut composer, &start(4), &[], (960, 24)), wanted);
    }
}

#[test]
fn the_size_of_passages_changes_nothing() {
    let mut composer = composer(&Runtime::embedded());
    let wanted = composed(&mut composer, &start(9), &[], (480, 480));
    for passage in [1, 24, 96] {
        assert_eq!(
            composed(&mut composer, &start(9), &[], (480, passage)),
            wanted
        );
    }
}

#[test]
fn notes_come_in_order_within_what_the_vocabulary_holds() {
    let mut composer = composer(&Runtime::embedded());
    for seed in 0..50 {
        let notes = composed(&mut composer, &start(seed), &[], (960, 24));
        assert!(notes.windows(2).all(|pair| pair[0].tick <= pair[1].tick));
        for note in notes {
            assert!(note.tick < 960 && (60..=72).contains(&note.key));
            assert!([6, 12, 24].contains(&note.duration_ticks));
            assert!((0.0..=1.0).contains(&note.velocity));
        }
    }
}

#[test]
fn a_prompt_changes_what_follows_and_so_does_a_label() {
    let mut composer = composer(&Runtime::embedded());
    let heard: Vec<HeardNote> = (0..16)
        .map(|eighth| HeardNote {
            tick: -192 + 12 * eighth,
            duration_ticks: 11,
            key: 60 + (eighth % 5) as u8,
            velocity: 0.7,
        })
        .collect();
    let mut likeliest = start(1);
    likeliest.style.temperature = 0.0;
    let from_nothing = composed(&mut composer, &likeliest, &[], (192, 24));
    let followed = composed(&mut composer, &likeliest, &heard, (192, 24));
    assert_ne!(followed, from_nothing);
    likeliest.style.class[0] = 1;
    assert_ne!(
        composed(&mut composer, &likeliest, &heard, (192, 24)),
        followed
    );
}

/// Bars of a figure of eight eighths, before a piece; the oldest ones play another.
fn figure(bars: i64, others: i64) -> Vec<HeardNote> {
    let key = |bar: i64, eighth: i64| match bar < others {
        true => 60 + (5 * eighth % 8),
        false => 60 + [0, 4, 7, 4, 2, 5, 9, 5][eighth as usize],
    };
    let places = (0..bars).flat_map(|bar| (0..8).map(move |eighth| (bar, eighth)));
    places
        .map(|(bar, eighth)| HeardNote {
            tick: 96 * (bar - bars) + 12 * eighth,
            duration_ticks: 12,
            key: key(bar, eighth) as u8,
            velocity: 0.7,
        })
        .collect()
}

fn alike(seed: u64, likeness: f32) -> PieceStart {
    let style = Style {
        likeness,
        ..Style::default()
    };
    PieceStart {
        style,
        ..start(seed)
    }
}

#[test]
fn likeness_0_is_the_net_alone_and_1_takes_up_what_only_the_memory_knows() {
    let mut composer = composer(&Runtime::embedded());
    // The net is told eight bars, the same both times; the memory goes further back.
    let (short, long) = (figure(8, 0), figure(40, 32));
    let at = |composer: &mut EventComposer, heard: &[HeardNote], likeness| {
        composed(composer, &alike(2, likeness), heard, (960, 24))
    };
    let alone = at(&mut composer, &short, 0.0);
    assert_eq!(at(&mut composer, &long, 0.0), alone);
    assert_ne!(at(&mut composer, &short, 1.0), alone);
    assert_ne!(at(&mut composer, &short, 0.5), alone);
}

#[test]
fn at_likeness_1_a_repeating_prompt_goes_on_repeating() {
    let heard = figure(8, 0);
    let mut composer = composer(&Runtime::embedded());
    for seed in 0..5 {
        let notes = composed(&mut composer, &alike(seed, 1.0), &heard, (4 * 96, 24));
        let given: Vec<(u32, u8)> = notes.iter().map(|note| (note.tick, note.key)).collect();
        let wanted: Vec<(u32, u8)> = heard[..32]
            .iter()
            .map(|note| ((note.tick + 768) as u32, note.key))
            .collect();
        assert_eq!(given, wanted, "seed {seed}");
    }
}

#[test]
fn with_likeness_the_size_of_passages_changes_nothing() {
    let mut composer = composer(&Runtime::embedded());
    let (start, heard) = (alike(9, 0.5), figure(12, 4));
    let wanted = composed(&mut composer, &start, &heard, (480, 480));
    for passage in [1, 24, 96] {
        assert_eq!(
            composed(&mut composer, &start, &heard, (480, passage)),
            wanted
        );
    }
}

#[test]
fn without_a_net_the_memory_plays_what_it_heard_and_without_both_the_grammar_plays() {
    let mut alone = memory_composer(&open("events").unwrap()).unwrap();
    let heard = figure(8, 0);
    let notes = composed(&mut alone, &start(4), &heard, (960, 24));
    let keys: Vec<u8> = heard.iter().map(|note| note.key).collect();
    assert!(notes.len() > 40 && notes.iter().all(|note| keys.contains(&note.key)));
    assert!(!composed(&mut alone, &start(4), &[], (960, 24)).is_empty());
}

#[test]
fn an_event_model_is_no_instrument_and_says_so() {
    let error = load(&open("events").unwrap(), &Runtime::embedded())
        .err()
        .unwrap();
    assert_says(&error, &["events.onnx", "decode"]);
    let error = load_composer(&open("good").unwrap(), &Runtime::embedded())
        .err()
        .unwrap();
    assert_says(&error, &["good.onnx", "predict"]);
}

/// The fixture as a folder, its manifest changed.
fn changed(name: &str, change: impl FnOnce(&mut Value)) -> Result<Pack, PackError> {
    let pack = open("events").unwrap();
    let info = &pack.graph("predict").unwrap().info;
    let json = info.metadata_value("neural_audio.manifest").unwrap();
    let mut manifest: Value = serde_json::from_str(json).unwrap();
    change(&mut manifest);
    let folder = folder(&format!("events-{name}"));
    std::fs::write(folder.join("manifest.json"), manifest.to_string()).unwrap();
    std::fs::write(folder.join("events.onnx"), bytes("events")).unwrap();
    Pack::open(&folder)
}

#[test]
fn what_is_wrong_with_an_event_model_is_named() {
    type Change = fn(&mut Value);
    let cases: [(&str, Change, &[&str]); 7] = [
        ("whole", |_| {}, &[]),
        (
            "gap",
            |m| m["vocabulary"]["classes"][5]["first"] = json!(40),
            &["vocabulary.classes", "every token once"],
        ),
        (
            "grammar",
            |m| m["vocabulary"]["grammar"]["note"] = json!(["length"]),
            &["vocabulary.grammar.note"],
        ),
        (
            "size",
            |m| m["vocabulary"]["classes"][5]["values"] = json!([6, 12, 24, 48]),
            &["logits", "23 values"],
        ),
        ("state", |m| m["state"] = json!([]), &["state.h", "'state'"]),
        (
            "kind",
            |m| m["state"][0]["kind"] = json!("append(64)"),
            &["state.h", "append(64)"],
        ),
        (
            "labels",
            |m| m["conditions"] = json!([]),
            &["label", "class condition"],
        ),
    ];
    for (name, change, parts) in cases {
        match changed(name, change) {
            Ok(_) => assert!(parts.is_empty(), "{name} was taken"),
            Err(error) => {
                assert!(!parts.is_empty(), "{name}: {error}");
                assert_says(&error, parts);
            }
        }
    }
}

#[test]
fn loading_measures_a_token() {
    let loaded = load_composer(&open("events").unwrap(), &Runtime::embedded()).unwrap();
    assert_eq!(loaded.report.backend, BackendKind::Embedded);
    assert!(loaded.report.token_us > 0.0);
    assert_eq!(loaded.manifest.id, "test.events");
}
