//! The Python environment of the tests, under `target/venv-test`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use afterimage_tests::bundle::{target_folder, workspace_root};
use anyhow::{Context, Result};

use crate::process::{command, run_quietly, say};

/// Requirement files, and whether their dependencies come along.
const REQUIREMENTS: [(&str, bool); 2] = [
    ("tests/requirements.txt", true),
    ("tests/requirements-no-deps.txt", false),
];

/// The environment's interpreter, made and filled if need be.
pub fn provide() -> Result<PathBuf> {
    let folder = target_folder().join("venv-test");
    let python = folder.join(if cfg!(windows) {
        "Scripts/python.exe"
    } else {
        "bin/python"
    });
    let wanted = wanted()?;
    let stamp = folder.join("requirements.stamp");
    if python.exists() && fs::read_to_string(&stamp).is_ok_and(|done| done == wanted) {
        return Ok(python);
    }
    if !python.exists() {
        say("making the tests' Python environment");
        let base = if cfg!(windows) { "python" } else { "python3" };
        run_quietly(
            command(base).args(["-m", "venv"]).arg(&folder),
            "make a Python environment",
        )?;
    }
    say("installing the tests' Python packages");
    for (file, with_dependencies) in REQUIREMENTS {
        let mut install = command_of(&python);
        install.args([
            "-m",
            "pip",
            "install",
            "--quiet",
            "--disable-pip-version-check",
            "--requirement",
            file,
        ]);
        if !with_dependencies {
            install.arg("--no-deps");
        }
        run_quietly(&mut install, "install the tests' Python packages")?;
    }
    fs::write(&stamp, wanted).with_context(|| format!("cannot write {}", stamp.display()))?;
    Ok(python)
}

fn wanted() -> Result<String> {
    let mut text = String::new();
    for (file, _) in REQUIREMENTS {
        let path = workspace_root().join(file);
        text += &fs::read_to_string(&path)
            .with_context(|| format!("cannot read {}", path.display()))?;
    }
    Ok(text)
}

/// The interpreter, to be run in the workspace's root.
pub fn command_of(python: &Path) -> Command {
    let mut python = command(&python.to_string_lossy());
    python.env("PYTHONDONTWRITEBYTECODE", "1");
    python
}
