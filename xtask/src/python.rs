//! Python environments under `target`: the tests' own, and the one of the comparison of inverses.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use afterimage_tests::bundle::{target_folder, workspace_root};
use anyhow::{Context, Result};

use crate::process::{command, run_quietly, say};

/// An environment: its folder, the files that pin its packages, and what pip is told, once each.
struct Environment {
    folder: &'static str,
    what: &'static str,
    pinned_in: &'static [&'static str],
    installs: &'static [&'static [&'static str]],
}

const TESTS: Environment = Environment {
    folder: "venv-test",
    what: "the tests' Python environment",
    pinned_in: &["tests/requirements.txt", "tests/requirements-no-deps.txt"],
    installs: &[
        &["--requirement", "tests/requirements.txt"],
        &[
            "--requirement",
            "tests/requirements-no-deps.txt",
            "--no-deps",
        ],
    ],
};

const COMPARISON: Environment = Environment {
    folder: "venv-comparison",
    what: "the comparison's Python environment",
    pinned_in: &["models/pyproject.toml"],
    installs: &[&["./models[comparison]"]],
};

/// The interpreter of the tests' environment, made and filled if need be.
pub fn provide() -> Result<PathBuf> {
    TESTS.provide()
}

/// The interpreter of the environment with librosa and PESQ, made and filled if need be.
pub fn provide_for_comparison() -> Result<PathBuf> {
    COMPARISON.provide()
}

impl Environment {
    fn provide(&self) -> Result<PathBuf> {
        let folder = target_folder().join(self.folder);
        let python = folder.join(if cfg!(windows) {
            "Scripts/python.exe"
        } else {
            "bin/python"
        });
        let wanted = self.wanted()?;
        let stamp = folder.join("requirements.stamp");
        if python.exists() && fs::read_to_string(&stamp).is_ok_and(|done| done == wanted) {
            return Ok(python);
        }
        if !python.exists() {
            say(&format!("making {}", self.what));
            let base = if cfg!(windows) { "python" } else { "python3" };
            run_quietly(
                command(base).args(["-m", "venv"]).arg(&folder),
                "make a Python environment",
            )?;
        }
        say(&format!("installing the packages of {}", self.what));
        for arguments in self.installs {
            let mut install = command_of(&python);
            install.args([
                "-m",
                "pip",
                "install",
                "--quiet",
                "--disable-pip-version-check",
            ]);
            install.args(*arguments);
            run_quietly(&mut install, "install Python packages")?;
        }
        fs::write(&stamp, wanted).with_context(|| format!("cannot write {}", stamp.display()))?;
        Ok(python)
    }

    fn wanted(&self) -> Result<String> {
        let mut text = String::new();
        for file in self.pinned_in {
            let path = workspace_root().join(file);
            text += &fs::read_to_string(&path)
                .with_context(|| format!("cannot read {}", path.display()))?;
        }
        Ok(text)
    }
}

/// The interpreter, to be run in the workspace's root.
pub fn command_of(python: &Path) -> Command {
    let mut python = command(&python.to_string_lossy());
    python.env("PYTHONDONTWRITEBYTECODE", "1");
    python
}
