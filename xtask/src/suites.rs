//! What each suite does.

use std::path::PathBuf;

use afterimage_tests::bundle::{BUNDLE_VARIABLE, target_folder, workspace_root};
use afterimage_tests::detector::LIBRARY_VARIABLE;
use anyhow::{Context, Result};
use serde_json::Value;

use crate::bundle::{self, Kind};
use crate::process::{cargo, command, run, run_captured};
use crate::tally::Tally;
use crate::test::require_bundle;
use crate::{python, runtime_library};

/// Where the tests of the model code look for the runtime.
const RUNTIME_VARIABLE: &str = "AFTERIMAGE_ONNXRUNTIME";

/// Test binaries of the workspace: all are compiled by one call of cargo, so that dependencies are
/// built once with one set of features, and then run crate by crate.
#[derive(Default)]
pub struct Binaries {
    built: Vec<Binary>,
}

struct Binary {
    package: String,
    target: String,
    folder: PathBuf,
    path: PathBuf,
}

impl Binaries {
    fn compile(&mut self) -> Result<()> {
        if !self.built.is_empty() {
            return Ok(());
        }
        let mut build = cargo();
        build.args([
            "test",
            "--workspace",
            "--no-run",
            "--message-format",
            "json-render-diagnostics",
        ]);
        let (output, success) = run_captured(&mut build, false)?;
        anyhow::ensure!(success, "the tests do not compile");
        self.built = output.lines().filter_map(Binary::of_message).collect();
        Ok(())
    }

    /// Runs the binaries of `package` whose target's name is `wanted`.
    pub fn run(&mut self, package: &str, wanted: impl Fn(&str) -> bool) -> Result<Tally> {
        self.compile()?;
        let mut sum = Vec::new();
        for binary in self
            .built
            .iter()
            .filter(|binary| binary.package == package && wanted(&binary.target))
        {
            sum.push(binary.run()?);
        }
        Ok(sum.into_iter().sum())
    }
}

impl Binary {
    /// The test binary that a line of cargo's JSON announces.
    fn of_message(line: &str) -> Option<Self> {
        let message: Value = serde_json::from_str(line).ok()?;
        if message["reason"] != "compiler-artifact" || message["profile"]["test"] != true {
            return None;
        }
        let path = PathBuf::from(message["executable"].as_str()?);
        let manifest = PathBuf::from(message["manifest_path"].as_str()?);
        let folder = manifest.parent()?.to_owned();
        Some(Self {
            package: package_name(message["package_id"].as_str()?, &folder)?,
            target: message["target"]["name"].as_str()?.to_owned(),
            folder,
            path,
        })
    }

    fn run(&self) -> Result<Tally> {
        println!("--- {} {}", self.package, self.target);
        let mut test = command(&self.path.to_string_lossy());
        test.current_dir(&self.folder)
            .env("CARGO_MANIFEST_DIR", &self.folder)
            .env(BUNDLE_VARIABLE, Kind::Release.folder())
            .env(
                LIBRARY_VARIABLE,
                target_folder()
                    .join("debug")
                    .join("libafterimage_detector.so"),
            )
            .env(RUNTIME_VARIABLE, runtime_library::path())
            // Renders judge time, and the plugin's report is one file a process.
            .args(if self.package == "afterimage-tests" {
                &["--test-threads=1"][..]
            } else {
                &[][..]
            });
        let (output, success) = run_captured(&mut test, true)?;
        let tally = Tally::of_rust(&output);
        match tally {
            Some(tally) if success || tally.failed > 0 => Ok(tally),
            // Ended by a signal, or failed without a failed test: what was printed does not count.
            _ => Ok(Tally::of_check(false)),
        }
    }
}

/// Ids end with `path#name@version`, or with `path#version` when the folder has the name.
fn package_name(id: &str, folder: &std::path::Path) -> Option<String> {
    let after = id.rsplit('#').next()?;
    match after.split_once('@') {
        Some((name, _)) => Some(name.to_owned()),
        None => Some(folder.file_name()?.to_str()?.to_owned()),
    }
}

pub fn format(_: &mut Binaries) -> Result<Tally> {
    Ok(Tally::of_check(
        run(
            cargo().args(["fmt", "--all", "--check"]),
            "check the format",
        )
        .is_ok(),
    ))
}

pub fn lint(_: &mut Binaries) -> Result<Tally> {
    let mut clippy = cargo();
    clippy.args([
        "clippy",
        "--quiet",
        "--workspace",
        "--all-targets",
        "--",
        "--deny",
        "warnings",
    ]);
    let rust = Tally::of_check(run(&mut clippy, "lint Rust").is_ok());
    let interpreter = python::provide()?;
    let folders = ["models", "tests/python"].map(|folder| {
        let mut ruff = python::command_of(&interpreter);
        ruff.args(["-m", "ruff", "check", "--quiet", "--no-cache", "--config"])
            .arg(workspace_root().join("models/pyproject.toml"))
            .current_dir(workspace_root().join(folder));
        Tally::of_check(run(&mut ruff, &format!("lint {folder}")).is_ok())
    });
    Ok(folders.into_iter().chain([rust]).sum())
}

pub fn compile(binaries: &mut Binaries) -> Result<Tally> {
    binaries.compile()?;
    // A library that no test links: the detector is preloaded.
    run(
        cargo().args(["build", "--quiet", "--package", "afterimage-detector"]),
        "build the detector",
    )?;
    Ok(Tally::of_check(true))
}

pub fn neural(binaries: &mut Binaries) -> Result<Tally> {
    // Its tests compare both runtimes; without the library they say so.
    runtime_library::provide()?;
    binaries.run("afterimage-neural", |_| true)
}

pub fn bundles(_: &mut Binaries) -> Result<Tally> {
    let built = [Kind::Release, Kind::Guard].map(|kind| match bundle::build(kind) {
        Ok(_) => Tally::of_check(true),
        Err(error) => {
            println!("    {error:#}");
            Tally::of_check(false)
        }
    });
    Ok(built.into_iter().sum())
}

pub fn python(_: &mut Binaries) -> Result<Tally> {
    require_bundle()?;
    pytest("tests/python")
}

pub fn models(_: &mut Binaries) -> Result<Tally> {
    pytest("models")
}

fn pytest(folder: &str) -> Result<Tally> {
    let interpreter = python::provide()?;
    let mut pytest = python::command_of(&interpreter);
    pytest
        .args([
            "-m",
            "pytest",
            "-q",
            "-rs",
            "--color=no",
            "-p",
            "no:cacheprovider",
            "--durations=5",
            ".",
        ])
        .current_dir(workspace_root().join(folder))
        .env("PYTHONPATH", workspace_root().join("models"))
        .env(BUNDLE_VARIABLE, Kind::Release.folder())
        .env(
            "AFTERIMAGE_XTASK",
            std::env::current_exe().context("this program has no path")?,
        )
        .env("NUMBA_CACHE_DIR", target_folder().join("numba"));
    let (output, success) = run_captured(&mut pytest, true)?;
    match Tally::of_pytest(&output) {
        Some(tally) if success || tally.failed > 0 => Ok(tally),
        _ => Ok(Tally::of_check(false)),
    }
}

#[cfg(test)]
mod tests {
    use super::Binary;

    #[test]
    fn only_test_binaries_are_taken_from_cargos_messages() {
        let message = |test: bool, executable: &str| {
            format!(
                r#"{{"reason":"compiler-artifact","package_id":"path+file:///x/tests#afterimage-tests@0.1.0",
                "manifest_path":"/x/tests/Cargo.toml","target":{{"name":"detectors"}},
                "profile":{{"test":{test}}},"executable":{executable}}}"#
            )
            .replace('\n', "")
        };
        let binary = Binary::of_message(&message(true, r#""/x/detectors-1""#)).unwrap();
        assert_eq!(
            (binary.package.as_str(), binary.target.as_str()),
            ("afterimage-tests", "detectors")
        );
        assert!(Binary::of_message(&message(false, r#""/x/scene""#)).is_none());
        assert!(Binary::of_message(&message(true, "null")).is_none());
        assert!(Binary::of_message("not json").is_none());
    }
}
