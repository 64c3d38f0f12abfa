//! The takes that a plugin writes, read from outside.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::time::Duration;

use anyhow::{Context, Result};
use hound::WavReader;
use serde_json::Value;

/// The variable that the plugin reads the folder of takes from.
pub const TAKES_VARIABLE: &str = "AFTERIMAGE_TAKES_FOLDER";

const PREFIX: &str = "afterimage-takes-";
const OLD: Duration = Duration::from_secs(3600);

/// Where the plugins of this process write takes: not among the user's own.
pub fn folder() -> &'static Path {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    FOLDER.get_or_init(|| {
        if let Some(given) = std::env::var_os(TAKES_VARIABLE) {
            return PathBuf::from(given);
        }
        clear_old(&std::env::temp_dir());
        let folder = std::env::temp_dir().join(format!("{PREFIX}{}", std::process::id()));
        // SAFETY: every session passes here before it maps a plugin, so no foreign code of ours reads
        // the environment yet, and std's own readers take the lock that this call takes.
        unsafe { std::env::set_var(TAKES_VARIABLE, &folder) };
        folder
    })
}

/// Removes what processes of an hour ago left.
fn clear_old(temporary: &Path) {
    let entries = std::fs::read_dir(temporary).into_iter().flatten().flatten();
    for entry in entries {
        let is_ours = entry.file_name().to_string_lossy().starts_with(PREFIX);
        let modified = entry.metadata().and_then(|about| about.modified());
        let is_old = modified.is_ok_and(|at| at.elapsed().is_ok_and(|age| age > OLD));
        if is_ours && is_old {
            let _ = std::fs::remove_dir_all(entry.path()); // tried again by the next process
        }
    }
}

/// A take as it lies on disk.
#[derive(Clone, Debug, PartialEq)]
pub struct TakeOnDisk {
    /// What `take.json` says.
    pub record: Value,
    /// The samples of `sound.wav`, interleaved; none for a piece of notes.
    pub sound: Vec<f32>,
}

/// Reads the take in `folder`.
///
/// # Errors
/// When it is not whole.
pub fn read(folder: &Path) -> Result<TakeOnDisk> {
    let text = std::fs::read_to_string(folder.join("take.json"))
        .with_context(|| format!("{} holds no take", folder.display()))?;
    let sound = folder.join("sound.wav");
    let sound = if sound.exists() {
        let samples = WavReader::open(sound)?.into_samples::<f32>();
        samples.collect::<Result<_, _>>()?
    } else {
        Vec::new()
    };
    Ok(TakeOnDisk {
        record: serde_json::from_str(&text)?,
        sound,
    })
}
