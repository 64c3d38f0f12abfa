//! Project tasks. `cargo xtask` lists them; each does its own set-up and says what it does.
#![allow(
    clippy::disallowed_macros,
    reason = "a command-line tool speaks on its terminal"
)]
#![cfg_attr(
    test,
    allow(
        clippy::unwrap_used,
        reason = "a test that cannot go on should say where"
    )
)]

mod analyse;
mod arguments;
mod bench;
mod bundle;
mod check_model;
mod comparison;
mod continuations;
#[cfg(feature = "models")]
mod continued;
mod demo;
#[cfg(any(feature = "models", test))]
mod frames;
mod golden;
mod install;
mod invert;
mod live_packs;
#[cfg(any(feature = "models", test))]
mod npy;
#[path = "../../plugin/pack_list.rs"]
mod pack_list;
mod package;
mod packs;
mod picture;
#[cfg(feature = "models")]
mod placed;
mod platform;
mod play_on;
mod process;
mod provenance;
mod python;
mod render;
mod report;
mod runtime_library;
mod shelf;
#[cfg(any(feature = "models", test))]
mod sound_file;
mod spectrogram;
mod suites;
mod system;
mod tally;
mod test;
mod transform;
#[cfg(not(feature = "models"))]
mod with_models;

use std::process::ExitCode;

use anyhow::{Result, bail};

use arguments::Arguments;

const USAGE: &str = "\
cargo xtask <command>

  demo [--out DIR]           build the bundle, play a piece through it, write a WAV, a picture and a table
  test [--only SUITE] [--list]
                             everything that continuous integration runs
  bundle [--debug] [--standalone]
                             build the CLAP and VST3 bundles; --debug: with the allocation guard;
                             --standalone: and a program that plays without a DAW
  install                    copy the bundles to this user's plugin folders
  render --out WAV --seconds S [--pack P] [--midi F] [--automation JSON] [--rate R] [--block N|mix]
         [--tempo BPM] [--live] [--seed K] [--midi-out F]
                             render through the bundled plugin; P: a name of the shelf, or a path
                             --set ID=VALUE: a parameter, 0 to 1 for knobs, else the number of the step
                             --continue-at 4s|bar:N or --imagine, [--length N|4s] [--composer P]
                             [--midi-out F]: plays on by itself from there, for N bars or seconds
         --input WAV         through the audio effect, at the WAV's rate: its sound is continued
                             [--continuer P]; the takes come to lie beside the WAV that is written
                             --transform P [--mix M] [--latent AXIS=VALUE ...]: it goes through a pack instead
                             --latent-from WAV: the knobs of P go to where that sound lies
  packs [--json]             the packs that ship and your own; --json: each with its sources and licences
  check-model PACK           open a pack as the plugin would, and say what is wrong with it
                             of a pack that continues sound also WAV and picture of what it plays:
                             [--heard WAV|DIR] [--hear S] [--seconds S] [--seed K] [--label L] [--out DIR]
         FILE.onnx           of a graph without a manifest: its shapes and what is missing; from sound to sound,
                             as RAVE exports: --out DIR --rate HZ [--block N] [--latency N] [--name N]
                             [--license SPDX] makes a pack of it
  analyse --input WAV --spec JSON --out NPY [--pitch HZ | --f0 NPY] [--inharmonicity B]
                             a sound's frames in a manifest's 'representation', float32 [frames, bins]
  invert --magnitudes NPY --spec JSON --method M --out WAV [--pitch HZ | --f0 NPY] [--refine STEPS]
                             the sound of such frames; M: spsi, rtpghi0, rtpghi1, pghi-sgla, pghi-fgla, f0-lock
  golden [--write]           compare the golden vectors with their independent source, or write them anew
  bench [--quick | --quality | --exchange [--minutes M]
         | --continuations [--count N] [--prompts FILE] [--likeness X]]
                             measure the callback and the worker against their deadlines, and the
                             spectral inverse beside others, two instances that trade bars in real time,
                             and continuations of held-out pieces
         --packs [--seconds S] [--only PACK] [--tries N] [--out DIR]
                             every pack that ships in its task, live on one core, on both runtimes;
                             N: play one again, so often at most, when a machine below took much of the core
  package                    an archive of the bundles for this platform
";

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<()> {
    let mut arguments = Arguments::from_environment();
    let Some(command) = arguments.command() else {
        print!("{USAGE}");
        return Ok(());
    };
    match command.as_str() {
        "analyse" => analyse::command(arguments),
        "bundle" => bundle::command(arguments),
        "demo" => demo::command(arguments),
        "bench" => bench::command(arguments),
        "check-model" => check_model::command(arguments),
        "invert" => invert::command(arguments),
        "golden" => golden::command(arguments),
        "packs" => shelf::command(arguments),
        "package" => package::command(arguments),
        "test" => test::command(arguments),
        "install" => install::command(arguments),
        "render" => render::command(arguments),
        "help" | "--help" | "-h" => {
            print!("{USAGE}");
            Ok(())
        }
        unknown => bail!("no command '{unknown}'\n\n{USAGE}"),
    }
}
