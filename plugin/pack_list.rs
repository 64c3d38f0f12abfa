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

/// The single file of the pack in `folder`, its manifest inside: it has the folder's name.
pub fn single_file(folder: &Path) -> PathBuf {
    let mut name = folder.file_name().unwrap_or_default().to_owned();
    name.push(".onnx");
    folder.join(name)
}

#[cfg(test)]
mod tests {
    use super::PackList;

    fn parse(lists: &str) -> Result<PackList, String> {
        PackList::parse(&format!("[afterimage]\nname = \"A\"\n{lists}"))
    }

    #[test]
    fn both_lists_are_read_in_their_order() {
        let list = parse("embedded_packs = [\"b\", \"a\"]\ninstalled_packs = [\"c\"]");
        let list = list.map(|list| (list.embedded, list.installed));
        assert_eq!(list, Ok((vec!["b".into(), "a".into()], vec!["c".into()])));
    }

    #[test]
    fn a_list_that_is_missing_or_none_or_names_a_pack_twice_is_refused() {
        for (lists, named) in [
            ("embedded_packs = [\"a\"]", "installed_packs"),
            (
                "embedded_packs = \"a\"\ninstalled_packs = []",
                "embedded_packs",
            ),
            (
                "embedded_packs = [1]\ninstalled_packs = []",
                "embedded_packs",
            ),
            (
                "embedded_packs = [\"a\"]\ninstalled_packs = [\"a\"]",
                "'a' twice",
            ),
            ("embedded_packs = [", "no TOML"),
        ] {
            let sentence = parse(lists).err().unwrap_or_default();
            assert!(sentence.contains(named), "{lists}: {sentence}");
        }
    }
}
