//! The parts of the table.

use std::fmt::Write;

use crate::load::LoadReport;
use crate::manifest::{Manifest, RepresentationKind, TensorSpec};
use crate::onnx::{GraphInfo, TensorInfo};
use crate::pack::Pack;

/// Most operators that are named one by one.
const MOST_OPERATORS: usize = 12;

/// Shelf, trust sheet, representation, graphs.
pub(super) fn describe(pack: &Pack) -> String {
    let manifest = pack.manifest();
    let mut text = String::new();
    // Writing into a String has no way to fail.
    let _ = writeln!(
        text,
        "{} {} ({})",
        manifest.name, manifest.version, manifest.id
    );
    let _ = writeln!(text, "  {}", manifest.description.short);
    let _ = writeln!(text, "  family {}, hash {}", manifest.family, pack.hash());
    trust(&mut text, manifest);
    representation(&mut text, manifest);
    latent(&mut text, manifest);
    for part in pack.graphs() {
        let _ = writeln!(
            text,
            "\nGraph '{}': {}, {} kB",
            part.name,
            part.file,
            part.bytes.len() / 1000
        );
        facts(&mut text, &part.info);
        let spec = manifest
            .graphs
            .iter()
            .find(|(name, _)| *name == part.name)
            .map(|(_, spec)| spec);
        let (inputs, outputs) =
            spec.map_or((&[][..], &[][..]), |spec| (&spec.inputs, &spec.outputs));
        tensors(&mut text, "in ", &part.info.inputs, inputs);
        tensors(&mut text, "out", &part.info.outputs, outputs);
    }
    text
}

fn trust(text: &mut String, manifest: &Manifest) {
    let _ = writeln!(text, "\nLicence {}", manifest.license);
    for source in &manifest.training_data {
        let _ = writeln!(
            text,
            "  trained on {} ({}), licence {}",
            source.name, source.source, source.license
        );
    }
    for metric in &manifest.metrics {
        let _ = writeln!(
            text,
            "  measured {} = {} on {}",
            metric.name, metric.value, metric.set
        );
    }
}

fn representation(text: &mut String, manifest: &Manifest) {
    if let Some(events) = &manifest.events {
        let _ = writeln!(
            text,
            "\nRepresentation events, {} tokens, {} ticks a quarter note",
            events.size(),
            events.ticks_per_quarter
        );
        return;
    }
    let r = &manifest.representation;
    if r.kind == RepresentationKind::Waveform {
        let _ = writeln!(
            text,
            "\nRepresentation waveform, {} Hz, {} channel(s)",
            r.sample_rate, r.channels
        );
        return;
    }
    let _ = writeln!(
        text,
        "\nRepresentation {}, phase {}",
        r.kind.word(),
        r.phase.word()
    );
    let _ = writeln!(
        text,
        "  {} Hz, n_fft {}, hop {} ({:.2} ms), {} bins",
        r.sample_rate,
        r.n_fft,
        r.hop,
        1e3 / r.frame_rate_hz(),
        r.bins
    );
    let _ = writeln!(
        text,
        "  unit {}, reference {}, floor {}, gate {}",
        r.unit.word(),
        r.reference,
        r.floor,
        r.gate
    );
}

fn latent(text: &mut String, manifest: &Manifest) {
    let Some(latent) = &manifest.latent else {
        return;
    };
    let names: Vec<&str> = latent.axes.iter().map(|axis| axis.name.as_str()).collect();
    let _ = writeln!(
        text,
        "\nLatent axes ({}): {}",
        latent.size,
        names.join(", ")
    );
    let presets: Vec<&str> = latent
        .presets
        .iter()
        .map(|preset| preset.name.as_str())
        .collect();
    let _ = writeln!(text, "Presets ({}): {}", presets.len(), presets.join(", "));
}

/// A graph without a manifest.
pub(super) fn graph(name: &str, info: &GraphInfo) -> String {
    let mut text = format!("\nGraph in '{name}'\n");
    facts(&mut text, info);
    tensors(&mut text, "in ", &info.inputs, &[]);
    tensors(&mut text, "out", &info.outputs, &[]);
    text
}

fn facts(text: &mut String, info: &GraphInfo) {
    let _ = writeln!(
        text,
        "  opset {}, IR {}, from '{}', {} parameters",
        info.opset, info.ir_version, info.producer, info.parameters
    );
    let mut operators: Vec<_> = info.operators.iter().collect();
    operators.sort_by_key(|(_, count)| std::cmp::Reverse(**count));
    let listed: Vec<String> = operators
        .iter()
        .take(MOST_OPERATORS)
        .map(|(name, count)| format!("{name} {count}"))
        .collect();
    let more = operators.len().saturating_sub(MOST_OPERATORS);
    let more = if more > 0 {
        format!(", and {more} kinds more")
    } else {
        String::new()
    };
    let _ = writeln!(text, "  operators: {}{more}", listed.join(", "));
}

fn tensors(text: &mut String, side: &str, infos: &[TensorInfo], specs: &[TensorSpec]) {
    for info in infos {
        let spec = specs.iter().find(|spec| spec.tensor == info.name);
        let role = spec.map_or_else(
            || super::import::guess(info),
            |spec| spec.role.word().to_owned(),
        );
        let unit = spec.map_or("", |spec| &spec.unit);
        let shape = info.shape_text();
        let element = info.element.to_string();
        let _ = writeln!(
            text,
            "  {side} {:<16} {shape:<16} {element:<9} {role:<12} {unit}",
            info.name
        );
    }
}

/// One runtime's figures.
pub(super) fn speed(report: &LoadReport) -> String {
    let mut text = format!("  {}: ready in {:.0} ms", report.backend, report.load_ms);
    if let Some(bytes) = report.memory_bytes {
        let _ = write!(text, ", {:.0} MB", bytes as f64 / 1e6);
    }
    let _ = writeln!(text);
    for (rows, us) in &report.call_us {
        let _ = writeln!(text, "    {rows:>2} rows a call: {us:.0} us");
    }
    let _ = writeln!(
        text,
        "    share of real time: {:.3} for one voice, {:.3} for sixteen",
        report.real_time_factor_one_voice, report.real_time_factor_sixteen_voices
    );
    text
}

/// Warnings of the pack, and those about its shelf.
pub(super) fn warnings(pack: &Pack, found: &[String]) -> String {
    let manifest = pack.manifest();
    let mut all = found.to_vec();
    let mut missing = |is_missing: bool, what: &str| {
        if is_missing {
            all.push(format!("{what}: people will look for it"));
        }
    };
    missing(
        manifest.description.short.is_empty(),
        "'description.short' is empty",
    );
    missing(
        manifest.training_data.is_empty(),
        "'training_data' is empty",
    );
    missing(manifest.metrics.is_empty(), "'metrics' is empty");
    missing(manifest.authors.is_empty(), "'authors' is empty");
    let lines: Vec<String> = all.iter().map(|warning| format!("  {warning}\n")).collect();
    if lines.is_empty() {
        String::new()
    } else {
        format!("\nWarnings\n{}", lines.concat())
    }
}
