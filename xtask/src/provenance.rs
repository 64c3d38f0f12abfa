//! Whether a manifest says where its training data came from, and whether that data may be used.

use serde_json::Value;

/// Data that may not be used, as names and sources call it: letters and digits in lower case; and
/// the reason.
const REFUSED_SOURCES: [(&str, &str); 4] = [
    ("essenfolk", "essenFolksong is not for commercial use"),
    ("palestrina", "all rights in palestrina are reserved"),
    ("krn", "the chorales in .krn are not in the public domain"),
    ("huggingface", "nothing may come from a model hub"),
];
/// Parts of licences whose data may not be used, words in lower case between spaces.
const REFUSED_LICENSES: [&str; 4] = ["gpl ", "by sa ", " nc ", " nd "];

/// Why a pack with this manifest may not ship; `None` where it may.
pub fn fault(manifest: &Value) -> Option<String> {
    let text = |value: &Value| value.as_str().unwrap_or_default().trim().to_lowercase();
    if text(&manifest["license"]).is_empty() {
        return Some("'license' is empty; state the licence of the weights".into());
    }
    let sources = manifest["training_data"].as_array();
    let sources = sources.filter(|sources| !sources.is_empty());
    let Some(sources) = sources else {
        return Some("'training_data' is empty; name each source with its licence".into());
    };
    sources.iter().find_map(|source| {
        let name = format!("{} {}", text(&source["name"]), text(&source["source"]));
        let license = text(&source["license"]);
        if license.is_empty() {
            return Some(format!("the source '{}' has no licence", name.trim()));
        }
        refused_source(&name).or_else(|| refused_license(&name, &license))
    })
}

fn refused_source(name: &str) -> Option<String> {
    let letters: String = name.chars().filter(|c| c.is_alphanumeric()).collect();
    let refused = REFUSED_SOURCES
        .iter()
        .find(|(word, _)| letters.contains(word));
    refused.map(|(_, reason)| format!("it names the source '{name}': {reason}"))
}

fn refused_license(name: &str, license: &str) -> Option<String> {
    let words = license.replace(|c: char| !c.is_alphanumeric(), " ");
    let words = format!(" {words} ");
    let refused = REFUSED_LICENSES.iter().find(|part| words.contains(*part));
    refused.map(|_| format!("the licence of '{name}' is '{license}', which may not be used"))
}

#[cfg(test)]
mod tests {
    use super::fault;
    use crate::packs::shipped;
    use serde_json::{Value, json};

    fn manifest(name: &str, license: &str) -> Value {
        json!({"license": "MIT", "training_data": [
            {"name": "Fluid", "source": "Debian", "license": "MIT"},
            {"name": name, "source": "somewhere", "license": license},
        ]})
    }

    #[test]
    fn every_shipped_manifest_has_a_licence_and_sources_that_may_be_used() {
        for pack in shipped().unwrap() {
            assert_eq!(fault(&pack.manifest), None, "{}", pack.name);
        }
    }

    #[test]
    fn data_that_may_not_be_used_is_caught_by_its_name() {
        for name in [
            "essenFolksong",
            "Essen Folk Song",
            "music21 Palestrina",
            "bwv 1.krn",
            "x on Hugging Face",
        ] {
            assert!(fault(&manifest(name, "CC0-1.0")).is_some(), "{name}");
        }
        assert_eq!(fault(&manifest("Bach chorales", "public domain")), None);
    }

    #[test]
    fn data_that_may_not_be_used_is_caught_by_its_licence() {
        for license in [
            "GPL-3.0-only",
            "LGPL-2.1",
            "CC-BY-SA-4.0",
            "CC-BY-NC-4.0",
            "cc by-nd 4.0",
            "",
        ] {
            assert!(fault(&manifest("drums", license)).is_some(), "{license}");
        }
        for license in ["MIT", "CC0-1.0", "MIT OR Apache-2.0", "public domain"] {
            assert_eq!(fault(&manifest("drums", license)), None, "{license}");
        }
    }

    #[test]
    fn a_manifest_without_licence_or_sources_is_caught() {
        assert!(fault(&json!({"training_data": [{"name": "x", "license": "MIT"}]})).is_some());
        assert!(fault(&json!({"license": "MIT", "training_data": []})).is_some());
        assert!(fault(&json!({"license": "MIT"})).is_some());
    }
}
