//! The figures of a render, as a table for the terminal and for a file.

use afterimage_tests::host::{Rendered, Status};

/// Stands where the plugin left no status.
const UNTOLD: &str = "not told";

/// The figures of a render that played so many notes, one a line.
pub fn table(rendered: &Rendered, notes: usize) -> String {
    let status = rendered.status.as_ref();
    let counter = |read: fn(&Status) -> u64| told(status, |status| read(status).to_string());
    let rows = [
        ("notes", notes.to_string()),
        ("late frames", counter(|status| status.late_frames)),
        (
            "concealed frames",
            counter(|status| status.concealed_frames),
        ),
        ("late notes", counter(|status| status.late_notes)),
        ("late samples", counter(|status| status.late_samples)),
        (
            "late transformed samples",
            counter(|status| status.late_transformed),
        ),
        ("composed notes", composed(rendered).to_string()),
        (
            "takes",
            told(status, |status| status.takes.len().to_string()),
        ),
        (
            "offline waits that ran out",
            counter(|status| status.wait_timeouts),
        ),
        ("latency", latency(rendered)),
        (
            "real-time factor",
            format!("{:.3}", rendered.real_time_factor()),
        ),
        ("callback, median / p99.9", callback(rendered)),
        ("peak", peak(rendered)),
        ("backend", told(status, |status| status.backend.clone())),
        ("model", told(status, |status| status.model.clone())),
        (
            "continues sound",
            told(status, |status| status.continuer.clone()),
        ),
        (
            "transforms",
            told(status, |status| status.transformer.clone()),
        ),
    ];
    let lines = rows
        .iter()
        .map(|(name, value)| format!("    {name:<28} {value}\n"));
    lines.chain(sentence(status)).collect()
}

fn told(status: Option<&Status>, read: impl Fn(&Status) -> String) -> String {
    status.map_or_else(|| UNTOLD.to_owned(), read)
}

/// What the plugin says to the person at the window, if it says anything.
fn sentence(status: Option<&Status>) -> Option<String> {
    let status = status?;
    let sentences = [
        &status.sentence,
        &status.composer_sentence,
        &status.continuer_sentence,
        &status.transformer_sentence,
    ];
    let sentence = sentences.into_iter().find(|said| !said.trim().is_empty())?;
    Some(format!("    the plugin says: {}\n", sentence.trim()))
}

fn latency(rendered: &Rendered) -> String {
    let samples = rendered.latency_samples;
    let milliseconds = f64::from(samples) / rendered.rate_hz * 1e3;
    format!("{samples} samples, {milliseconds:.1} ms")
}

fn callback(rendered: &Rendered) -> String {
    let blocks = rendered.times.nanoseconds.len().max(1) as f64;
    let block_us = rendered.audio[0].len() as f64 / blocks / rendered.rate_hz * 1e6;
    let (median, tail) = (rendered.times.median_us(), rendered.times.p999_us());
    format!("{median:.0} / {tail:.0} us of a block of {block_us:.0} us")
}

fn peak(rendered: &Rendered) -> String {
    let peak = f64::from(rendered.peak());
    format!("{peak:.3} ({:.1} dB)", 20.0 * peak.max(1e-9).log10())
}
/// Notes that the plugin sent to the host.
fn composed(rendered: &Rendered) -> usize {
    let messages = rendered.midi_out.iter();
    messages
        .filter(|(_, bytes)| bytes[0] & 0xf0 == 0x90 && bytes[2] > 0)
        .count()
}
