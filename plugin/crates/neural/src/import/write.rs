//! The folder of an imported pack, written beside its place and renamed: all of it or nothing.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::json;
use sha2::{Digest, Sha256};

use super::{BareModel, ImportFacts};
use crate::error::PackError;
use crate::manifest::{Manifest, SCHEMA};
use crate::pack::{MANIFEST_FILE, hexadecimal};

/// SPDX's way of naming a licence that nobody stated.
const UNKNOWN_LICENSE: &str = "LicenseRef-unknown";
const GRAPH_FILE: &str = "transform.onnx";
const SLUG_CHARS: usize = 64;

/// What goes into the manifest.
pub(super) struct Part<'a> {
    pub(super) facts: &'a ImportFacts,
    pub(super) rate_hz: u32,
    pub(super) block: usize,
    pub(super) latency: usize,
}

/// Writes graph and manifest. A folder that is there already stays as it is.
pub(super) fn folder(model: &BareModel, part: &Part<'_>, out: &Path) -> Result<(), PackError> {
    let failed = |reason: String| {
        model.complain(
            format!("a folder at {}", out.display()),
            reason,
            "choose another --out",
        )
    };
    if out.exists() {
        return Err(failed("there is one already".into()));
    }
    let manifest = manifest(model, part);
    // What this writes must be what everything else reads.
    Manifest::parse(manifest.as_bytes(), &model.name)?;
    let beside = beside(out);
    let written = fs::create_dir_all(&beside)
        .and_then(|()| fs::write(beside.join(GRAPH_FILE), &model.bytes))
        .and_then(|()| fs::write(beside.join(MANIFEST_FILE), manifest))
        .and_then(|()| fs::rename(&beside, out));
    written.map_err(|error| {
        // Best effort: what is left of a folder that could not be written harms nobody.
        let _ = fs::remove_dir_all(&beside);
        failed(error.to_string())
    })
}

fn beside(out: &Path) -> PathBuf {
    let name = out.file_name().unwrap_or_default().to_string_lossy();
    out.with_file_name(format!(".{name}.{}", std::process::id()))
}

fn manifest(model: &BareModel, part: &Part<'_>) -> String {
    let graph = &model.graph;
    let stem = model.name.strip_suffix(".onnx").unwrap_or(&model.name);
    let name = part.facts.name.as_deref().unwrap_or(stem);
    let samples = graph
        .length
        .map_or(json!("samples"), |length| json!(length));
    let shape = json!(["batch", graph.channels, samples]);
    let tensor = |name: &str| json!([{"tensor": name, "role": "audio", "shape": shape}]);
    let manifest = json!({
        "schema": SCHEMA,
        "id": format!("imported.{}", slug(name)),
        "name": name,
        "version": "1",
        "authors": [],
        "tags": ["imported"],
        "description": {
            "short": format!("Sound through '{}'.", model.name),
            "long": "",
            "technical": technical(model),
        },
        "license": part.facts.license.as_deref().unwrap_or(UNKNOWN_LICENSE),
        "training_data": [],
        "metrics": [],
        "family": "imported",
        "tasks": ["transform"],
        "representation": {
            "kind": "waveform",
            "sample_rate": part.rate_hz,
            "channels": graph.channels,
        },
        "graphs": {"transform": {
            "file": GRAPH_FILE,
            "sha256": hexadecimal(&Sha256::digest(&model.bytes)),
            "frames_per_call": part.block,
            "internal_model_latency": part.latency,
            "inputs": tensor(&graph.input),
            "outputs": tensor(&graph.output),
        }},
    });
    // Plain data into memory has no way to fail; an empty text is refused by `parse`.
    serde_json::to_string_pretty(&manifest).unwrap_or_default()
}

fn technical(model: &BareModel) -> String {
    let facts = format!(
        "ONNX opset {}, {} parameters, from '{}'.",
        model.info.opset, model.info.parameters, model.info.producer
    );
    let draws = model.draws();
    let lines = draws.lines().map(|line| format!(" {}.", line.trim()));
    facts + &lines.collect::<String>()
}

/// Letters, digits and hyphens of a name, in small letters.
fn slug(name: &str) -> String {
    let plain = |c: char| {
        if c.is_ascii_alphanumeric() {
            c.to_ascii_lowercase()
        } else {
            '-'
        }
    };
    let mapped: String = name.chars().map(plain).collect();
    let parts: Vec<&str> = mapped.split('-').filter(|part| !part.is_empty()).collect();
    let joined: String = parts.join("-").chars().take(SLUG_CHARS).collect();
    if joined.is_empty() {
        "model".into()
    } else {
        joined
    }
}
