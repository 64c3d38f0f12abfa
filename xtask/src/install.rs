//! Copies the bundles to the plugin folders of this user.

use std::path::PathBuf;

use anyhow::{Context, Result, bail};

use crate::arguments::Arguments;
use crate::bundle::{self, Kind, NAME};
use crate::process::say;

/// `cargo xtask install`.
pub fn command(arguments: Arguments) -> Result<()> {
    arguments.finish()?;
    let built = bundle::build(Kind::Release)?;
    let Folders { clap, vst3 } = folders()?;
    bundle::copy_tree(
        &built.join(format!("{NAME}.vst3")),
        &vst3.join(format!("{NAME}.vst3")),
    )?;
    bundle::copy_tree(
        &built.join(format!("{NAME}.clap")),
        &clap.join(format!("{NAME}.clap")),
    )?;
    let resources = built.join(format!("{NAME}.resources"));
    if resources.exists() {
        bundle::copy_tree(&resources, &clap.join(format!("{NAME}.resources")))?;
    }
    say(&format!(
        "installed to {} and {}; let your DAW scan again",
        vst3.display(),
        clap.display()
    ));
    Ok(())
}

struct Folders {
    clap: PathBuf,
    vst3: PathBuf,
}

fn folders() -> Result<Folders> {
    let variable = |name: &str| {
        std::env::var_os(name)
            .map(PathBuf::from)
            .with_context(|| format!("{name} is not set"))
    };
    match std::env::consts::OS {
        "linux" => {
            let home = variable("HOME")?;
            Ok(Folders {
                clap: home.join(".clap"),
                vst3: home.join(".vst3"),
            })
        }
        "macos" => {
            let plugins = variable("HOME")?.join("Library/Audio/Plug-Ins");
            Ok(Folders {
                clap: plugins.join("CLAP"),
                vst3: plugins.join("VST3"),
            })
        }
        "windows" => {
            let common = variable("LOCALAPPDATA")?.join("Programs").join("Common");
            Ok(Folders {
                clap: common.join("CLAP"),
                vst3: common.join("VST3"),
            })
        }
        other => bail!("no plugin folders are known for {other}; copy target/bundled by hand"),
    }
}
