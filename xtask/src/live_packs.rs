//! `bench --packs`: every pack that ships does its task in the built bundle, live by the clock, on one
//! core, on both runtimes, and what came late is counted. The audio thread asks for real-time priority, as
//! it has in hosts, so that the worker it wakes does not take the core from it in the middle of a block. What a
//! virtual machine's own machine took meanwhile is printed beside: frames that were due then are late. With `--tries`
//! a pack plays again when much was taken; whether it plays again does not depend on what was late.

use std::path::{Path, PathBuf};
use std::time::Instant;

use afterimage_tests::bundle::{target_folder, workspace_root};
use afterimage_tests::bundle_copy::BundleCopy;
use afterimage_tests::host::{BlockPlan, Pace, Rendered, TEMPO_BPM};
use afterimage_tests::{midi_file, wav_file};
use anyhow::{Context, Result, ensure};

use crate::arguments::Arguments;
use crate::bundle::{self, Kind, NAME};
use crate::packs::{Named, ShippedPack, named, shipped};
use crate::play_on::PlayOn;
use crate::process::{run, say};
use crate::render::{Input, Job};
use crate::spectrogram;

const RATE_HZ: f64 = 48_000.0;
const BLOCK: u32 = 256;
/// Length of what is played, or played on.
const SECONDS: f64 = 10.0;
/// What a pack that continues sound hears before it begins.
const HEARD_S: f64 = 6.0;
const PIECE: &str = "models/pieces/jesu-meine-freude.mid";

/// Share of a run that the machine below may have taken without its being played again.
const STOLEN_SHARE: f64 = 0.005;

/// `cargo xtask bench --packs [--seconds S] [--only PACK] [--tries N] [--out DIR]`.
pub fn command(mut arguments: Arguments) -> Result<()> {
    let seconds = arguments.parsed("--seconds")?.unwrap_or(SECONDS);
    let only = arguments.value("--only")?;
    let tries: usize = arguments.parsed("--tries")?.unwrap_or(1);
    ensure!(tries > 0, "--tries wants 1 or more");
    let out = arguments.path("--out")?;
    let out = out.unwrap_or_else(|| target_folder().join("live-packs"));
    arguments.finish()?;
    let clap = bundle::build(Kind::Release)?.join(format!("{NAME}.clap"));
    if let Some(core) = core_to_take() {
        return again_on(core, seconds, only.as_deref(), tries, &out);
    }
    std::fs::create_dir_all(&out).with_context(|| format!("cannot make {}", out.display()))?;
    let material = Material::make(&clap, &out)?;
    let names: Vec<String> = shipped()?.into_iter().map(|pack| pack.name).collect();
    let names: Vec<&String> = names
        .iter()
        .filter(|name| only.as_ref().is_none_or(|only| only == *name))
        .collect();
    ensure!(!names.is_empty(), "--only names no pack that ships");
    println!(
        "{:<18}{:<15}{:<13}{:>7}{:>10}{:>12}{:>12}{:>10}{:>12}",
        "pack", "task", "runtime", "late", "held", "p99.9 us", "its work", "peak", "stolen ms"
    );
    let (mut late, mut is_real_time) = (0, true);
    let (mut undisturbed, mut undisturbed_late) = (0, Vec::new());
    for embedded_runtime in [false, true] {
        // Under one name the second would be the first, which the process still holds.
        let copy = BundleCopy::new(if embedded_runtime {
            "live-packs-embedded"
        } else {
            "live-packs"
        })?;
        if embedded_runtime {
            let library = copy.runtime()?;
            std::fs::remove_file(&library)
                .with_context(|| format!("cannot remove {}", library.display()))?;
        }
        let clap = copy.folder().join(format!("{NAME}.clap"));
        for name in &names {
            for _ in 0..tries {
                // One that fails must not keep the others' figures back.
                match play(&clap, name, &material, seconds, &out) {
                    Ok(played) => {
                        late += played.late;
                        is_real_time &= played.is_real_time;
                        if played
                            .stolen_share
                            .is_some_and(|share| share > STOLEN_SHARE)
                        {
                            continue;
                        }
                        undisturbed += 1;
                        if played.late > 0 {
                            undisturbed_late.push(format!("{name} {}", played.late));
                        }
                    }
                    Err(error) => println!("{name:<18}does not play: {error:#}"),
                }
                break;
            }
        }
    }
    if !is_real_time {
        say(
            "the system gave the audio thread no real-time priority, which hosts have: the worker may have kept it waiting",
        );
    }
    say(&format!(
        "of {undisturbed} runs from which no more than {}% is known to have been taken, {} had late frames{}",
        100.0 * STOLEN_SHARE,
        undisturbed_late.len(),
        undisturbed_late
            .iter()
            .map(|one| format!("; {one}"))
            .collect::<String>()
    ));
    say(&format!(
        "{late} late in all runs; sounds and pictures are in {}",
        out.display()
    ));
    Ok(())
}

/// A core to stay on, unless this process may only use one, or the platform has no `taskset`.
fn core_to_take() -> Option<String> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("Cpus_allowed_list:"))?;
    let last = line.trim().rsplit([',', '-']).next()?;
    (last != line.trim()).then(|| last.to_owned())
}

/// Time that the machine below has taken from the core we stay on since it was started: on a virtual one
/// nothing runs meanwhile, whatever its priority.
fn stolen_ms() -> Option<u64> {
    const TICK_MS: u64 = 10;
    let allowed = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = |text: &str, start: &str| {
        let mut lines = text.lines();
        lines.find_map(|line| line.strip_prefix(start).map(str::to_owned))
    };
    let core = line(&allowed, "Cpus_allowed_list:")?;
    let times = std::fs::read_to_string("/proc/stat").ok()?;
    let times = line(&times, &format!("cpu{} ", core.trim()))?;
    let ticks: u64 = times.split_whitespace().nth(7)?.parse().ok()?;
    Some(TICK_MS * ticks)
}

/// Runs this very command on one core only.
fn again_on(
    core: String,
    seconds: f64,
    only: Option<&str>,
    tries: usize,
    out: &Path,
) -> Result<()> {
    let this = std::env::current_exe().context("the running program has no path")?;
    let mut pinned = std::process::Command::new("taskset");
    pinned.args(["--cpu-list", &core]).arg(this);
    pinned.args(["bench", "--packs", "--seconds", &seconds.to_string()]);
    pinned.args(only.iter().flat_map(|only| ["--only", only]));
    pinned.args(["--tries", &tries.to_string()]);
    pinned.arg("--out").arg(out);
    run(&mut pinned, "play every pack on one core")
}

/// What the packs are given.
struct Material {
    /// Notes in four voices.
    piece: PathBuf,
    /// Two bars of drums on the General MIDI keys, again and again.
    drums: PathBuf,
    /// The piece as the opening pack plays it.
    heard: Vec<Vec<f32>>,
}

impl Material {
    fn make(clap: &Path, out: &Path) -> Result<Self> {
        let piece = workspace_root().join(PIECE);
        let drums = out.join("drums.mid");
        midi_file::write(&drums, &drum_notes(), RATE_HZ)?;
        let job = Job {
            midi: Some(piece.clone()),
            ..Job::new(RATE_HZ, HEARD_S)
        };
        let (rendered, _) = job.run(clap)?;
        Ok(Self {
            piece,
            drums,
            heard: rendered.audio.to_vec(),
        })
    }
}

/// Kick, snare, hats and a crash, a sixteenth apart at 120 a minute, for a minute.
fn drum_notes() -> Vec<(u64, [u8; 3])> {
    const STEP: u64 = 6_000;
    let (kick, snare, closed, open, crash) = (36, 38, 42, 46, 49);
    let mut messages = Vec::new();
    for step in 0..480_u64 {
        let mut keys = vec![if step % 8 == 6 { open } else { closed }];
        if [0, 6, 8, 11].contains(&(step % 16)) {
            keys.push(kick);
        }
        if step % 8 == 4 {
            keys.push(snare);
        }
        if step % 32 == 0 {
            keys.push(crash);
        }
        for key in keys {
            let velocity = if step % 4 == 0 { 100 } else { 70 };
            messages.push((step * STEP, [0x99, key, velocity]));
            messages.push((step * STEP + STEP / 2, [0x89, key, 0]));
        }
    }
    // A file wants them in time's order.
    messages.sort_by_key(|(sample, _)| *sample);
    messages
}

/// How a pack played.
struct Played {
    late: u64,
    is_real_time: bool,
    /// Of the time that it took, what the machine below had; where that is known.
    stolen_share: Option<f64>,
}

/// Plays a pack, and prints its line.
fn play(clap: &Path, name: &str, material: &Material, seconds: f64, out: &Path) -> Result<Played> {
    let Named::Shipped(pack) = named(name)? else {
        anyhow::bail!("{name} is on the list of packs, and its folder is not there");
    };
    let task = task(&pack);
    let (begun, stolen_before) = (Instant::now(), stolen_ms());
    let (rendered, _) = job(pack, task, material, seconds)?.run(clap)?;
    let wall_ms = begun.elapsed().as_secs_f64() * 1e3;
    let taken_ms = stolen_before
        .zip(stolen_ms())
        .map(|(before, after)| after.saturating_sub(before));
    let stolen = taken_ms.map_or("-".to_owned(), |taken| taken.to_string());
    let status = rendered.status.clone().unwrap_or_default();
    let late = status.late_frames + status.late_notes + status.late_samples;
    let runtime = if status.backend.contains("rten") {
        "rten"
    } else {
        "onnxruntime"
    };
    let said = [
        &status.sentence,
        &status.composer_sentence,
        &status.continuer_sentence,
    ];
    println!(
        "{name:<18}{task:<15}{runtime:<13}{late:>7}{:>10}{:>12.0}{:>11.1}%{:>10.3}{stolen:>12}",
        status.concealed_frames,
        rendered.times.p999_us(),
        share(&rendered),
        rendered.peak(),
    );
    if let Some(sentence) = said.into_iter().find(|said| !said.trim().is_empty()) {
        println!("    the plugin says: {}", sentence.trim());
    }
    let file = out.join(format!("{name}-{runtime}"));
    wav_file::write(
        &file.with_extension("wav"),
        &rendered.audio,
        rendered.rate_hz,
    )?;
    let title = format!("{name}, {task}, on {runtime}");
    let seam_s = if task == "continue" { HEARD_S } else { 0.0 };
    let sound = (&*rendered.mono(), rendered.rate_hz);
    spectrogram::draw_sound(sound, seam_s, &title, &file.with_extension("png"))?;
    Ok(Played {
        late,
        is_real_time: rendered.real_time,
        stolen_share: taken_ms.map(|taken| taken as f64 / wall_ms),
    })
}

/// Processor time of the callback's p99.9 as a share of its deadline, in percent.
fn share(rendered: &Rendered) -> f64 {
    let deadline_us = f64::from(BLOCK) / rendered.rate_hz * 1e6;
    100.0 * rendered.times.processor_p999_us() / deadline_us
}

/// The first of its tasks that a render can ask for.
fn task(pack: &ShippedPack) -> &'static str {
    let tasks = pack.manifest["tasks"].as_array();
    let has = |task: &str| tasks.is_some_and(|tasks| tasks.iter().any(|found| found == task));
    ["continue-midi", "continue", "play"]
        .into_iter()
        .find(|task| has(task))
        .unwrap_or("play")
}

fn job(pack: ShippedPack, task: &str, material: &Material, seconds: f64) -> Result<Job> {
    let live = Job {
        pace: Pace::Live { speed: 1.0 },
        plan: BlockPlan::Fixed(BLOCK),
        tempo_bpm: TEMPO_BPM,
        ..Job::new(RATE_HZ, seconds)
    };
    let is_hits = pack.manifest["play"]["mode"] == "one-shot";
    let pack = Some(Named::Shipped(pack));
    Ok(match task {
        "continue-midi" => Job {
            composer: pack,
            play_on: Some(PlayOn::imagined(seconds)),
            ..live
        },
        "continue" => Job {
            continuer: pack,
            input: Some(Input::of(material.heard.clone())),
            play_on: Some(PlayOn::continued(HEARD_S, seconds)),
            seconds: Some(HEARD_S + seconds),
            ..live
        },
        _ => Job {
            pack,
            midi: Some(if is_hits {
                material.drums.clone()
            } else {
                material.piece.clone()
            }),
            ..live
        },
    })
}
