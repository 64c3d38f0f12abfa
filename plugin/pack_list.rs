//! Which packs of `models/` ship, as `bundler.toml` says. Shared by the build script and the tasks.

use std::path::{Path, PathBuf};

use toml_edit::{DocumentMut, Item};

/// Names of the packs that ship: folders of `models/`.
pub struct PackList {
    /// Linked into the binary; the first is the one that opens.
    pub embedded: Vec<String>,
    /// Beside the binary.
    pub installed: Vec<String>,
}

impl PackList {
    /// Reads the text of `bundler.toml`.
    ///
    /// # Errors
    /// A sentence where a list is missing, is none, or names a pack twice.
    pub fn parse(text: &str) -> Result<Self, String> {
        let document: DocumentMut = text
            .parse()
            .map_err(|error| format!("bundler.toml is no TOML: {error}"))?;
        let names = |key: &str| {
            let list = document
                .get("afterimage")
                .and_then(|table| table.get(key))
                .and_then(Item::as_array);
            let list = list.ok_or_else(|| {
                format!("bundler.toml must have the list '{key}' in [afterimage]")
            })?;
            let name = |item: &toml_edit::Value| item.as_str().map(str::to_owned);
            let names: Option<Vec<String>> = list.iter().map(name).collect();
            names.ok_or_else(|| format!("'{key}' in bundler.toml must hold names of folders"))
        };
        let list = Self {
            embedded: names("embedded_packs")?,
            installed: names("installed_packs")?,
        };
        let mut all: Vec<&String> = list.embedded.iter().chain(&list.installed).collect();
        all.sort();
        match all.windows(2).find(|pair| pair[0] == pair[1]) {
            Some(pair) => Err(format!("bundler.toml names the pack '{}' twice", pair[0])),
            None => Ok(list),
        }
    }
}

/// The single file of the pack `name`, its manifest inside.
pub fn single_file(root: &Path, name: &str) -> PathBuf {
    root.join("models").join(name).join(format!("{name}.onnx"))
}
