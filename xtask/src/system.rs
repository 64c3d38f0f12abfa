//! System packages that a command needs: installed when this user may, named when not.

use std::process::Command;

use anyhow::Result;

use crate::process::{command, has, run_quietly, say};

/// A need, how to see that it is met, and the Debian package that meets it.
#[derive(Debug)]
pub struct Need {
    /// What it is for, in a sentence's words.
    pub what: &'static str,
    /// Debian's name of it.
    pub package: &'static str,
    /// How to see that it is there.
    pub check: Check,
}

/// How to see that a package is there.
#[derive(Debug)]
pub enum Check {
    /// A program on the path.
    Program(&'static str),
    /// A library that pkg-config knows.
    Library(&'static str),
    /// A module of the system's Python.
    Module(&'static str),
    /// A file.
    File(&'static str),
}

/// What building the plugin needs.
pub const BUILD: [Need; 1] = [Need {
    what: "a C compiler and linker",
    package: "build-essential",
    check: Check::Program("cc"),
}];

/// What the standalone needs beside it.
pub const STANDALONE: [Need; 3] = [
    Need {
        what: "finding libraries",
        package: "pkg-config",
        check: Check::Program("pkg-config"),
    },
    Need {
        what: "output through ALSA",
        package: "libasound2-dev",
        check: Check::Library("alsa"),
    },
    Need {
        what: "output through JACK",
        package: "libjack-jackd2-dev",
        check: Check::Library("jack"),
    },
];

/// What fetching the runtime library needs.
pub const FETCH: [Need; 1] = [Need {
    what: "pip, which fetches the runtime library",
    package: "python3-pip",
    check: Check::Module("pip"),
}];

/// What the tests need beside it.
pub const TEST: [Need; 3] = [
    Need {
        what: "Python virtual environments",
        package: "python3-venv",
        check: Check::Module("ensurepip"),
    },
    Need {
        what: "playing MIDI for comparison",
        package: "fluidsynth",
        check: Check::Program("fluidsynth"),
    },
    Need {
        what: "instruments for that comparison",
        package: "fluid-soundfont-gm",
        check: Check::File("/usr/share/sounds/sf2/FluidR3_GM.sf2"),
    },
];

impl Need {
    fn met(&self) -> bool {
        match self.check {
            Check::Program(name) => has(name),
            Check::File(path) => std::path::Path::new(path).exists(),
            Check::Module(name) => run_quietly(
                command("python3").args(["-c", &format!("import {name}")]),
                "look for it",
            )
            .is_ok(),
            Check::Library(name) => {
                has("pkg-config")
                    && command("pkg-config")
                        .args(["--exists", name])
                        .status()
                        .is_ok_and(|status| status.success())
            }
        }
    }
}

/// Sees to `needs`. Missing ones are installed with apt where that is possible; otherwise a sentence
/// names them and the command goes on, since not every build needs every one.
pub fn provide(needs: &[Need]) -> Result<()> {
    if std::env::consts::OS != "linux" {
        return Ok(());
    }
    let missing: Vec<&Need> = needs.iter().filter(|need| !need.met()).collect();
    if missing.is_empty() {
        return Ok(());
    }
    let packages: Vec<&str> = missing.iter().map(|need| need.package).collect();
    for need in &missing {
        println!("    missing: {} ({})", need.what, need.package);
    }
    match apt() {
        Some(apt) => {
            say(&format!("installing {}", packages.join(", ")));
            if let Err(error) = install(&apt, &packages) {
                println!("    {error:#}");
                println!("    install them by hand: {}", packages.join(" "));
            }
        }
        None => println!(
            "    install these with your package manager: {}",
            packages.join(" ")
        ),
    }
    Ok(())
}

fn install(apt: &Apt, packages: &[&str]) -> Result<()> {
    // A fresh machine has no package lists. A stale list may still do, so a failure is not the end.
    if let Err(error) = run_quietly(apt.command().arg("update"), "refresh the package lists") {
        println!("    {error:#}");
    }
    let mut install = apt.command();
    install.args(["install", "--yes", "--no-install-recommends"]);
    run_quietly(install.args(packages), "install system packages").map(|_| ())
}

/// apt, as this user may call it.
struct Apt {
    through_sudo: bool,
}

impl Apt {
    fn command(&self) -> Command {
        let mut apt = command(if self.through_sudo { "sudo" } else { "apt-get" });
        if self.through_sudo {
            apt.args(["-n", "apt-get"]);
        }
        apt.env("DEBIAN_FRONTEND", "noninteractive");
        apt
    }
}

/// apt, if this user may run it without being asked for a password.
fn apt() -> Option<Apt> {
    if !has("apt-get") {
        return None;
    }
    let user = run_quietly(command("id").arg("-u"), "ask who this is").ok()?;
    if user.trim() == "0" {
        return Some(Apt {
            through_sudo: false,
        });
    }
    let free = has("sudo") && run_quietly(command("sudo").args(["-n", "true"]), "ask sudo").is_ok();
    free.then_some(Apt { through_sudo: true })
}
