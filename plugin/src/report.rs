//! Leaves the engine's counters in a file when a tool asks for them. Main thread, at deactivation.
//!
//! CLAP and VST3 have no way for a host to ask a plugin how it fared, and the framework lets no
//! private extension through. `cargo xtask render` and the tests set the variable; nothing else does.

use std::path::PathBuf;

use afterimage_engine::Monitor;
use serde::Serialize;

use crate::view::InstrumentView;

/// Names the file that `write` replaces.
pub const STATUS_FILE_VARIABLE: &str = "AFTERIMAGE_STATUS_FILE";

#[derive(Serialize)]
struct Report {
    model: String,
    backend: String,
    sentence: String,
    late_frames: u64,
    concealed_frames: u64,
    unheard_frames: u64,
    dropped_requests: u64,
    dropped_notes: u64,
    dropped_events: u64,
    overloads: u64,
    stolen_voices: u64,
    cold_attacks: u64,
    limited_samples: u64,
    non_finite_samples: u64,
    cleaned_values: u64,
    failed_decodes: u64,
    wait_timeouts: u64,
    decoded_frames: u64,
    worker_wakes: u64,
    composer: String,
    composer_sentence: String,
    late_notes: u64,
    dropped_cues: u64,
    late_samples: u64,
    dropped_chunks: u64,
    hearing_skips: u64,
    continuer: String,
    continuer_sentence: String,
    transformer: String,
    transformer_sentence: String,
    late_transformed: u64,
    takes: Vec<PathBuf>,
    worker_load: f32,
    latency_samples: u32,
}

/// Writes the report where [`STATUS_FILE_VARIABLE`] says, if it says so.
///
/// `takes`: where this instance's takes lie.
pub fn write(
    view: &InstrumentView,
    monitor: &Monitor,
    (dropped_events, takes): (u64, Vec<PathBuf>),
) {
    let Some(path) = std::env::var_os(STATUS_FILE_VARIABLE).map(PathBuf::from) else {
        return;
    };
    let status = view.status.read();
    let counts = monitor.counts();
    let report = Report {
        model: status.pack_name.clone(),
        backend: status.backend.clone(),
        sentence: status.sentence.clone(),
        late_frames: counts.late_frames,
        // Every late frame is concealed; both names are kept, since they answer two questions.
        concealed_frames: counts.late_frames,
        unheard_frames: counts.unheard_frames,
        dropped_requests: counts.dropped_requests,
        dropped_notes: counts.dropped_notes,
        dropped_events,
        overloads: counts.dropped_notes + counts.dropped_requests + dropped_events,
        stolen_voices: counts.stolen_voices,
        cold_attacks: counts.cold_attacks,
        limited_samples: counts.limited_samples,
        non_finite_samples: counts.non_finite_samples,
        cleaned_values: counts.cleaned_values,
        failed_decodes: counts.failed_decodes,
        wait_timeouts: counts.wait_timeouts,
        decoded_frames: counts.decoded_frames,
        worker_wakes: counts.worker_wakes,
        composer: view.composer_status.read().pack_name.clone(),
        composer_sentence: view.composer_status.read().sentence.clone(),
        late_notes: counts.late_notes,
        dropped_cues: counts.dropped_cues,
        late_samples: counts.late_samples,
        dropped_chunks: counts.dropped_chunks,
        hearing_skips: counts.hearing_skips,
        continuer: view.continuer_status.read().pack_name.clone(),
        continuer_sentence: view.continuer_status.read().sentence.clone(),
        transformer: view.transformer_status.read().pack_name.clone(),
        transformer_sentence: view.transformer_status.read().sentence.clone(),
        late_transformed: counts.late_transformed,
        takes,
        worker_load: monitor.worker_load(),
        latency_samples: monitor.latency_samples(),
    };
    // Written beside and renamed, so that a reader never sees half a report.
    let beside = path.with_extension("partial");
    let text = serde_json::to_string(&report).unwrap_or_default();
    if std::fs::write(&beside, text).is_ok() {
        let _ = std::fs::rename(&beside, &path); // a tool that reads no report says so itself
    }
}
