//! The first thing to run: a piece played through the bundle, with its knobs drawn over it.

use std::fs;
use std::path::{Path, PathBuf};

use afterimage_tests::bundle::{target_folder, workspace_root};
use afterimage_tests::host::Automation;
use afterimage_tests::wav_file;
use anyhow::{Context, Result, ensure};

use crate::arguments::Arguments;
use crate::bundle::{self, Kind, NAME};
use crate::process::say;
use crate::render::Job;
use crate::report::table;
use crate::{spectrogram, system};

const RATE_HZ: f64 = 48_000.0;

/// `cargo xtask demo`.
pub fn command(mut arguments: Arguments) -> Result<()> {
    let out = arguments
        .path("--out")?
        .unwrap_or_else(|| target_folder().join("demo"));
    arguments.finish()?;
    fs::create_dir_all(&out).with_context(|| format!("cannot make {}", out.display()))?;
    system::provide(&system::BUILD)?;
    let bundles = bundle::build(Kind::Release)?;
    let (midi, automation) = piece()?;
    let name = title_of(&midi);
    say(&format!("playing {name} through the CLAP bundle"));
    let job = Job {
        midi: Some(midi),
        automation: Some(automation.clone()),
        seconds: None,
        ..Job::new(RATE_HZ, 0.0)
    };
    let (rendered, notes) = job.run(&bundles.join(format!("{NAME}.clap")))?;
    let rows = table(&rendered, notes);
    print!("{rows}");
    let peak = rendered.peak();
    ensure!(
        peak > 0.0,
        "the render is silent: {}",
        silence_reason(&rendered)
    );
    wav_file::write(&out.join("demo.wav"), &rendered.audio, RATE_HZ)?;
    fs::write(out.join("demo.txt"), &rows)?;
    let title = format!("Afterimage plays {name}");
    spectrogram::draw(
        &rendered,
        &Automation::read(&automation)?,
        &title,
        &out.join("demo.png"),
    )?;
    say(&format!(
        "demo.wav, demo.png and demo.txt are in {}",
        out.display()
    ));
    Ok(())
}

/// A file's name as a title: `jesu-meine-freude` reads "Jesu meine freude".
fn title_of(file: &Path) -> String {
    let name = file
        .file_stem()
        .unwrap_or_default()
        .to_string_lossy()
        .replace('-', " ");
    let mut letters = name.chars();
    letters
        .next()
        .into_iter()
        .flat_map(char::to_uppercase)
        .chain(letters)
        .collect()
}

fn silence_reason(rendered: &afterimage_tests::host::Rendered) -> String {
    match &rendered.status {
        Some(status) if !status.sentence.is_empty() => status.sentence.clone(),
        Some(status) => format!(
            "the plugin played the model '{}' and says nothing",
            status.model
        ),
        None => "the plugin left no status".to_owned(),
    }
}

/// The MIDI file of `models/pieces/` that has an automation drawn over it.
fn piece() -> Result<(PathBuf, PathBuf)> {
    let folder = workspace_root().join("models").join("pieces");
    let mut files: Vec<PathBuf> = fs::read_dir(&folder)
        .with_context(|| format!("cannot list {}", folder.display()))?
        .filter_map(|entry| entry.ok().map(|entry| entry.path()))
        .filter(|path| path.extension().is_some_and(|extension| extension == "mid"))
        .collect();
    files.sort();
    let automation = |midi: &Path| midi.with_extension("automation.json");
    let midi = files.into_iter().find(|midi| automation(midi).exists());
    let midi =
        midi.with_context(|| format!("{} holds no piece with an automation", folder.display()))?;
    Ok((midi.clone(), automation(&midi)))
}
