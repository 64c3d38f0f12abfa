//! Running other programs, and saying so.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::{Context, Result, bail};

/// Announces a step of a command.
pub fn say(step: &str) {
    println!("==> {step}");
}

/// A command in the workspace's root.
pub fn command(program: &str) -> Command {
    let mut command = Command::new(program);
    command.current_dir(afterimage_tests::bundle::workspace_root());
    command
}

/// The cargo that runs this task.
pub fn cargo() -> Command {
    let mut command = command(&std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned()));
    // Set by the outer cargo for this package only: an inner build must not see them.
    for name in [
        "CARGO_MANIFEST_DIR",
        "CARGO_MANIFEST_PATH",
        "CARGO_PKG_NAME",
        "CARGO_PKG_VERSION",
    ] {
        command.env_remove(name);
    }
    command
}

/// Runs a command whose output the person sees; fails when it fails.
pub fn run(command: &mut Command, what: &str) -> Result<()> {
    let began = Instant::now();
    let status = command
        .status()
        .with_context(|| format!("cannot start the program that should {what}"))?;
    if !status.success() {
        bail!(
            "could not {what}: {} ended with {status}",
            command.get_program().to_string_lossy()
        );
    }
    println!("    {what}: {:.0} s", began.elapsed().as_secs_f64());
    Ok(())
}

/// Runs a command quietly; its words are shown only when it fails.
pub fn run_quietly(command: &mut Command, what: &str) -> Result<String> {
    let output = command.stdin(Stdio::null()).output().with_context(|| {
        format!(
            "cannot start {} to {what}",
            command.get_program().to_string_lossy()
        )
    })?;
    let (out, err) = (
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr),
    );
    if !output.status.success() {
        let tail: Vec<&str> = err
            .lines()
            .chain(out.lines())
            .filter(|line| !line.trim().is_empty())
            .collect();
        bail!(
            "could not {what}: {}",
            tail.iter()
                .rev()
                .take(6)
                .rev()
                .copied()
                .collect::<Vec<_>>()
                .join("\n    ")
        );
    }
    Ok(out.into_owned())
}

/// Runs a command and returns what it printed and whether it succeeded. With `echo` its lines are
/// shown as they come; its errors always are.
pub fn run_captured(command: &mut Command, echo: bool) -> Result<(String, bool)> {
    let name = command.get_program().to_string_lossy().into_owned();
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .with_context(|| format!("cannot start {name}"))?;
    let mut output = String::new();
    for line in BufReader::new(child.stdout.take().context("no output to read")?).split(b'\n') {
        let line = line?;
        let line = String::from_utf8_lossy(&line);
        if echo {
            println!("{line}");
        }
        output.push_str(&line);
        output.push('\n');
    }
    let status = child
        .wait()
        .with_context(|| format!("cannot wait for {name}"))?;
    Ok((output, status.success()))
}

/// True when `program` is on the path.
pub fn has(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|folder| {
        folder.join(program).is_file() || folder.join(format!("{program}.exe")).is_file()
    })
}
