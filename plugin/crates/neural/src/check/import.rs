//! An ONNX file without a manifest: which roles its tensors may have, and what is missing.

use std::fmt::Write;

use crate::manifest::METADATA_KEY;
use crate::onnx::{Dim, GraphInfo, TensorInfo};

/// Flat keys that other ONNX audio tools write.
const FLAT_KEYS: [&str; 5] = [
    "model_type",
    "sample_rate",
    "version",
    "model_author",
    "comment",
];
/// Parts of names, and the role that they hint at.
const HINTS: [(&str, &str); 13] = [
    ("audio", "audio"),
    ("latent", "latent"),
    ("pitch", "pitch"),
    ("f0", "pitch"),
    ("note", "pitch"),
    ("vel", "velocity"),
    ("time_off", "time_off"),
    ("time", "time_on"),
    ("noise", "noise"),
    ("label", "class"),
    ("class", "class"),
    ("frame", "frame"),
    ("spec", "frame"),
];

/// A guess at a tensor's role, by its name and its last axis; a question mark says that it is one.
pub(super) fn guess(info: &TensorInfo) -> String {
    let name = info.name.to_ascii_lowercase();
    let by_name = HINTS
        .iter()
        .find(|(part, _)| name.contains(part))
        .map(|(_, role)| *role);
    let by_name = by_name.or((name == "z").then_some("latent"));
    match (by_name, info.dims.last()) {
        (Some(role), _) => format!("{role}?"),
        (None, Some(Dim::Fixed(bins))) if *bins > 32 && (bins - 1).is_power_of_two() => {
            "frame?".into()
        }
        _ => "role?".into(),
    }
}

/// What has to be written before the plugin can play the file.
pub(super) fn missing(info: &GraphInfo) -> String {
    let mut text = format!(
        "\nMissing: the metadata key '{METADATA_KEY}' with a manifest of schema 1, which states\n"
    );
    for line in [
        "schema, id, name, version, license, family, tasks",
        "representation: kind, sample_rate, n_fft, hop, bins, unit, reference, floor, gate, phase",
        "graphs.decode: file, inputs and outputs, each with tensor, role and shape (guesses are marked above)",
        "latent: size, and for each axis a name, mean and std; presets",
        "play: mode, range, default_preset",
    ] {
        // Writing into a String has no way to fail.
        let _ = writeln!(text, "  {line}");
    }
    for key in FLAT_KEYS {
        if let Some(value) = info.metadata_value(key) {
            let value: String = value.chars().take(60).collect();
            let _ = writeln!(text, "  found: {key} = {value}");
        }
    }
    for output in &info.outputs {
        if let Some(Dim::Fixed(bins)) = output.dims.last()
            && *bins > 32
            && (bins - 1).is_power_of_two()
        {
            let _ = writeln!(
                text,
                "  '{}' fits representation.bins {bins}, n_fft {}",
                output.name,
                2 * (bins - 1)
            );
        }
    }
    text
}
