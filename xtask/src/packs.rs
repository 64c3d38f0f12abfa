//! The packs that ship: which of `models/` are linked in and which lie beside, and what they must be.
//!
//! The list is in `bundler.toml`. Reads manifests as JSON, so that bundling needs no model code.

use std::fs;
use std::path::{Path, PathBuf};

use afterimage_tests::bundle::workspace_root;
use anyhow::{Context, Result, anyhow, bail, ensure};
use serde_json::Value;

use crate::bundle::copy;
use crate::pack_list::{PackList, single_file};
use crate::provenance;

/// Folder of packs among the bundle's resources; the plugin looks there.
pub const FOLDER: &str = "packs";
const MANIFEST: &str = "manifest.json";
/// What all shipped graphs may weigh.
pub const LIMIT_BYTES: u64 = 64 << 20;

/// A pack of `models/` that ships.
pub struct ShippedPack {
    /// Its folder's name.
    pub name: String,
    /// Linked into the binary, not beside it.
    pub embedded: bool,
    /// Its `manifest.json`.
    pub manifest: Value,
    folder: PathBuf,
}

/// Half the range of the plugin's latent knobs, in the packs' knob units.
const LATENT_LIMIT: f64 = 3.0;
/// Steps of the plugin's class parameters, less one.
const LAST_LABEL: f64 = 31.0;

impl ShippedPack {
    /// Names of its latent axes.
    pub fn axes(&self) -> Vec<String> {
        let axes = self.manifest["latent"]["axes"].as_array();
        let name = |axis: &Value| axis["name"].as_str().unwrap_or_default().to_owned();
        axes.into_iter().flatten().map(name).collect()
    }

    /// Where the pack wants the plugin's controls to stand: parameters by id, normalised.
    pub fn opening(&self) -> Vec<(String, f64)> {
        let items = |value: &Value| value.as_array().cloned().unwrap_or_default();
        let mut opening = Vec::new();
        let default = &self.manifest["play"]["default_preset"];
        let presets = items(&self.manifest["latent"]["presets"]);
        let preset = presets.iter().find(|preset| preset["name"] == *default);
        for (axis, knob) in items(&preset.map_or(Value::Null, |p| p["latent"].clone()))
            .iter()
            .enumerate()
            .take(16)
        {
            let knob = knob.as_f64().unwrap_or(0.0);
            let place = (knob + LATENT_LIMIT) / (2.0 * LATENT_LIMIT);
            opening.push((format!("latent_{}", axis + 1), place.clamp(0.0, 1.0)));
        }
        let (mut classes, mut descriptors) = (0, 0);
        for condition in items(&self.manifest["conditions"]) {
            let default = &condition["default"];
            if condition["kind"] == "class" {
                classes += 1;
                let labels = items(&condition["labels"]);
                let named = labels.iter().position(|label| label == default);
                let index = named.map_or(default.as_f64().unwrap_or(0.0), |index| index as f64);
                opening.push((format!("class_{classes}"), index / LAST_LABEL));
            } else {
                descriptors += 1;
                let range = items(&condition["range"]);
                let end = |index: usize| range.get(index).and_then(Value::as_f64);
                let (low, high) = (end(0).unwrap_or(0.0), end(1).unwrap_or(1.0));
                let value = default.as_f64().unwrap_or(0.5 * (low + high));
                let place = (value - low) / (high - low).max(f64::MIN_POSITIVE);
                opening.push((format!("descriptor_{descriptors}"), place.clamp(0.0, 1.0)));
            }
        }
        opening
    }

    fn read(models: &Path, name: &str, embedded: bool) -> Result<Self> {
        let folder = models.join(name);
        let path = folder.join(MANIFEST);
        let text = fs::read_to_string(&path).with_context(|| {
            format!(
                "bundler.toml names the pack '{name}', but {} cannot be read; train it or take it off the list",
                path.display()
            )
        })?;
        let manifest = serde_json::from_str(&text)
            .with_context(|| format!("{} is no JSON", path.display()))?;
        Ok(Self {
            name: name.to_owned(),
            embedded,
            manifest,
            folder,
        })
    }

    /// The id that sessions save.
    pub fn id(&self) -> &str {
        self.manifest["id"].as_str().unwrap_or_default()
    }

    /// What opens as this pack: its one file, or its folder where it has several graphs.
    pub fn path(&self) -> PathBuf {
        match self.graphs().len() {
            1 => single_file(&self.folder),
            _ => self.folder.clone(),
        }
    }

    /// Its graph files, each once.
    fn graphs(&self) -> Vec<PathBuf> {
        let graphs = self.manifest["graphs"].as_object();
        let files = graphs.into_iter().flat_map(|graphs| graphs.values());
        let mut files: Vec<_> = files
            .filter_map(|graph| Some(self.folder.join(graph["file"].as_str()?)))
            .collect();
        files.sort();
        files.dedup();
        files
    }

    /// Bytes of its graphs.
    pub fn bytes(&self) -> Result<u64> {
        let size = |file: &PathBuf| {
            let metadata = fs::metadata(file);
            let metadata = metadata.with_context(|| format!("cannot read {}", file.display()))?;
            Ok(metadata.len())
        };
        self.graphs().iter().map(size).sum()
    }

    /// Copies it into a folder of packs.
    fn copy_into(&self, packs: &Path) -> Result<()> {
        let path = self.path();
        if path.is_file() {
            return copy(&path, &packs.join(format!("{}.onnx", self.name)));
        }
        let into = packs.join(&self.name);
        let manifest = path.join(MANIFEST);
        for file in self.graphs().iter().chain([&manifest]) {
            let name = file.file_name().context("a graph has no file name")?;
            copy(file, &into.join(name))?;
        }
        Ok(())
    }
}

/// Every pack that ships, the embedded ones first, in the order of `bundler.toml`.
pub fn shipped() -> Result<Vec<ShippedPack>> {
    let models = workspace_root().join("models");
    let path = workspace_root().join("bundler.toml");
    let text =
        fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
    let list = PackList::parse(&text).map_err(|sentence| anyhow!(sentence))?;
    let embedded = list.embedded.iter().map(|name| (name, true));
    let installed = list.installed.iter().map(|name| (name, false));
    embedded
        .chain(installed)
        .map(|(name, embedded)| ShippedPack::read(&models, name, embedded))
        .collect()
}

/// Folders of `models` that hold a pack and are none of `packs`.
fn unlisted(models: &Path, packs: &[ShippedPack]) -> Result<Vec<String>> {
    let folders = fs::read_dir(models);
    let folders = folders.with_context(|| format!("cannot list {}", models.display()))?;
    let folders = folders.filter_map(|entry| Some(entry.ok()?.path()));
    let mut names: Vec<String> = folders
        .filter(|folder| folder.join(MANIFEST).is_file())
        .filter_map(|folder| Some(folder.file_name()?.to_str()?.to_owned()))
        .filter(|name| packs.iter().all(|pack| pack.name != *name))
        .collect();
    names.sort();
    Ok(names)
}

/// Refuses packs that may not ship, and says what the others weigh.
pub fn check(packs: &[ShippedPack]) -> Result<()> {
    let mut total = 0;
    for pack in packs {
        if let Some(fault) = provenance::fault(&pack.manifest) {
            bail!("the pack '{}' may not ship: {fault}", pack.name);
        }
        ensure!(
            !pack.embedded || pack.graphs().len() == 1,
            "the pack '{}' has several graphs, so it cannot be linked in; install it beside",
            pack.name
        );
        total += pack.bytes()?;
    }
    println!("    {} packs ship: {}", packs.len(), weigh(total)?);
    let left_out = unlisted(&workspace_root().join("models"), packs)?;
    if !left_out.is_empty() {
        println!("    bundler.toml leaves out: {}", left_out.join(", "));
    }
    Ok(())
}

/// The weight of all graphs in words, if it may be so much.
fn weigh(bytes: u64) -> Result<String> {
    let mebibytes = |bytes: u64| bytes as f64 / f64::from(1 << 20);
    let (found, limit) = (mebibytes(bytes), LIMIT_BYTES >> 20);
    ensure!(
        bytes <= LIMIT_BYTES,
        "the shipped graphs weigh {found:.1} MiB, and may weigh {limit}; take a pack off the list in bundler.toml"
    );
    Ok(format!(
        "graphs of {found:.1} MiB, of {limit} that they may weigh"
    ))
}

/// Copies the packs that lie beside the binary into its resources.
pub fn install_into(resources: &Path) -> Result<()> {
    let packs = shipped()?;
    for pack in packs.iter().filter(|pack| !pack.embedded) {
        pack.copy_into(&resources.join(FOLDER))?;
    }
    Ok(())
}

/// What a word on the command line names.
pub enum Named {
    /// A pack that ships.
    Shipped(ShippedPack),
    /// A pack at a path.
    At(PathBuf),
    /// None of these: perhaps the id of a pack in the user's own folder.
    Other(String),
}

/// Finds a pack by a path that exists, or by a name of the shelf: its folder in `models/`, or its id.
///
/// # Errors
/// When the word is a path and there is nothing, or the list of packs cannot be read.
pub fn named(word: &str) -> Result<Named> {
    let path = std::path::absolute(word).context("the working directory is gone")?;
    if path.exists() {
        return Ok(Named::At(path));
    }
    let found = shipped()?
        .into_iter()
        .find(|pack| pack.name == word || pack.id() == word);
    match found {
        Some(pack) => Ok(Named::Shipped(pack)),
        None if word.contains(['/', '\\']) || word.ends_with(".onnx") => {
            bail!("there is no pack at {}", path.display())
        }
        None => Ok(Named::Other(word.to_owned())),
    }
}

#[cfg(test)]
mod tests;
