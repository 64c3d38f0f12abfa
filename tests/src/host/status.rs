//! What the plugin says about itself after a run.
//!
//! The framework exposes no private CLAP extension, so the plugin writes its counters as JSON to
//! the file that [`STATUS_VARIABLE`] names, when it is deactivated.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use serde::Deserialize;

/// The variable that the plugin reads the path of its status file from.
pub const STATUS_VARIABLE: &str = "AFTERIMAGE_STATUS_FILE";

/// Counters of one activation, as `plugin/src/report.rs` writes them.
#[derive(Clone, Debug, Default, Deserialize, PartialEq)]
#[serde(default)]
pub struct Status {
    /// Name of the loaded model.
    pub model: String,
    /// The backend that ran it, such as `onnxruntime` or `rten`.
    pub backend: String,
    /// The sentence the person at the window would read, when something went wrong.
    pub sentence: String,
    /// Frames that came after they were due.
    pub late_frames: u64,
    /// Frames that were held and faded in their place.
    pub concealed_frames: u64,
    /// Requests that found the ring full.
    pub dropped_requests: u64,
    /// Notes that could not be taken.
    pub dropped_notes: u64,
    /// Events that could not be taken.
    pub dropped_events: u64,
    /// All that was dropped.
    pub overloads: u64,
    /// Samples the limiter held back.
    pub limited_samples: u64,
    /// Samples that were not finite and were replaced.
    pub non_finite_samples: u64,
    /// Decoder calls that failed.
    pub failed_decodes: u64,
    /// Offline waits that ran out.
    pub wait_timeouts: u64,
    /// Frames the worker decoded.
    pub decoded_frames: u64,
    /// Wakes of the worker.
    pub worker_wakes: u64,
    /// Name of the pack that continues notes.
    pub composer: String,
    /// What the person would read about it, when something went wrong.
    pub composer_sentence: String,
    /// Composed notes that came after their sample.
    pub late_notes: u64,
    /// Messages to the composer, or its notes on their way out, that found no room.
    pub dropped_cues: u64,
    /// Name of what continues sound.
    pub continuer: String,
    /// What the person would read about it, when something went wrong.
    pub continuer_sentence: String,
    /// Name of what transforms the input.
    pub transformer: String,
    /// What the person would read about it, when something went wrong.
    pub transformer_sentence: String,
    /// Transformed samples that came after they were due.
    pub late_transformed: u64,
    /// Folders of the takes that the instance wrote since it was made.
    pub takes: Vec<PathBuf>,
    /// Samples of continued sound that came after they were due.
    pub late_samples: u64,
    /// Pieces of the input that found no room.
    pub dropped_chunks: u64,
    /// Times that what continues sound fell far behind what it heard.
    pub hearing_skips: u64,
    /// Share of the worker's time that was work.
    pub worker_load: f64,
}

/// Where the plugins of this process write their counters. One path a process: the plugin that is
/// deactivated last has the word, so tests that read it run one after another.
pub(super) fn status_path() -> &'static Path {
    static PATH: OnceLock<PathBuf> = OnceLock::new();
    PATH.get_or_init(|| {
        if let Some(given) = std::env::var_os(STATUS_VARIABLE) {
            return PathBuf::from(given);
        }
        let path =
            std::env::temp_dir().join(format!("afterimage-status-{}.json", std::process::id()));
        // SAFETY: every session passes here before it maps a plugin, so no foreign code of ours reads
        // the environment yet, and std's own readers take the lock that this call takes.
        unsafe { std::env::set_var(STATUS_VARIABLE, &path) };
        path
    })
}

/// Forgets the counters of an earlier run.
pub(super) fn clear() {
    // It may not have been written: nothing to remove then.
    let _ = fs::remove_file(status_path());
}

/// Takes the counters away, or nothing when the plugin wrote none.
pub(super) fn take() -> Option<Status> {
    let text = fs::read_to_string(status_path()).ok()?;
    clear();
    serde_json::from_str(&text).ok()
}

#[cfg(test)]
mod tests {
    use super::Status;

    #[test]
    fn a_status_with_unknown_and_missing_keys_is_read() {
        let status: Status =
            serde_json::from_str(r#"{"late_frames": 3, "worker_load": 0.5, "new_key": []}"#)
                .unwrap();
        assert_eq!(
            (
                status.late_frames,
                status.worker_load,
                status.backend.as_str()
            ),
            (3, 0.5, "")
        );
    }
}
