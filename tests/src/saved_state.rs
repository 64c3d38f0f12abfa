//! The plugin's saved state, opened: what a session file holds, and how a test bends it.
//!
//! The framework writes JSON: parameters by id, and a `fields` map whose values are JSON texts.

use std::path::PathBuf;

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// Which pack a session names.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
#[serde(default)]
pub struct ModelChoice {
    /// The manifest's id; empty means the pack the plugin opens with.
    pub id: String,
    /// SHA-256 of the pack; empty accepts any version.
    pub hash: String,
    /// Where it lies, if it did not come with the plugin.
    pub path: Option<PathBuf>,
    /// The backend that rendered the session.
    pub backend: String,
}

/// A state, parsed.
#[derive(Clone, Debug, PartialEq)]
pub struct SavedState {
    /// Bytes before the JSON, kept as they are.
    prefix: Vec<u8>,
    root: Map<String, Value>,
}

/// Name of the field that holds the pack.
const MODEL_FIELD: &str = "model";
/// Name of the field that holds the pack that continues notes.
const COMPOSER_FIELD: &str = "composer";
/// Name of the field that holds the pack that continues sound.
const CONTINUER_FIELD: &str = "continuer";
/// Name of the field that holds the pack that transforms the input.
const TRANSFORMER_FIELD: &str = "transformer";

impl SavedState {
    /// Parses what [`crate::host::Session::save`] returned.
    ///
    /// # Errors
    /// When the state is no JSON object.
    pub fn parse(bytes: &[u8]) -> Result<Self> {
        // A length of eight bytes comes first in CLAP, nothing in VST3.
        let start = [8, 0]
            .into_iter()
            .find(|start| bytes.get(*start) == Some(&b'{'));
        let start = start.context("the state holds no JSON object")?;
        let root =
            serde_json::from_slice(&bytes[start..]).context("the state is no JSON object")?;
        Ok(Self {
            prefix: bytes[..start].to_vec(),
            root,
        })
    }

    /// The state as the plugin takes it.
    ///
    /// # Errors
    /// Never for a state that was parsed.
    pub fn bytes(&self) -> Result<Vec<u8>> {
        let json = serde_json::to_vec(&self.root)?;
        // The framework's CLAP state opens with the length of what follows.
        let mut bytes = if self.prefix.len() == size_of::<u64>() {
            (json.len() as u64).to_le_bytes().to_vec()
        } else {
            self.prefix.clone()
        };
        bytes.extend(json);
        Ok(bytes)
    }

    /// The pack the session names.
    ///
    /// # Errors
    /// When the state names none.
    pub fn model(&self) -> Result<ModelChoice> {
        let text = self.field(MODEL_FIELD);
        serde_json::from_str(text.context("the state names no model")?)
            .context("the model field has another form")
    }

    /// Names another pack.
    ///
    /// # Errors
    /// When the state has no fields.
    pub fn set_model(&mut self, choice: &ModelChoice) -> Result<()> {
        self.set_pack(MODEL_FIELD, choice)
    }

    /// Names another pack that continues notes.
    ///
    /// # Errors
    /// When the state has no fields.
    pub fn set_composer(&mut self, choice: &ModelChoice) -> Result<()> {
        self.set_pack(COMPOSER_FIELD, choice)
    }

    /// Names another pack that continues sound.
    ///
    /// # Errors
    /// When the state has no fields.
    pub fn set_continuer(&mut self, choice: &ModelChoice) -> Result<()> {
        self.set_pack(CONTINUER_FIELD, choice)
    }

    /// Names another pack that transforms the input.
    ///
    /// # Errors
    /// When the state has no fields.
    pub fn set_transformer(&mut self, choice: &ModelChoice) -> Result<()> {
        self.set_pack(TRANSFORMER_FIELD, choice)
    }

    fn set_pack(&mut self, field: &str, choice: &ModelChoice) -> Result<()> {
        self.set_field(field, &serde_json::to_string(choice)?)
    }

    /// The text of a field.
    pub fn field(&self, name: &str) -> Option<&str> {
        self.root.get("fields")?.get(name)?.as_str()
    }

    /// Replaces the text of a field.
    ///
    /// # Errors
    /// When the state has no fields.
    pub fn set_field(&mut self, name: &str, text: &str) -> Result<()> {
        let fields = self
            .root
            .entry("fields")
            .or_insert_with(|| Value::Object(Map::new()));
        let fields = fields
            .as_object_mut()
            .context("the fields of the state are no object")?;
        fields.insert(name.into(), Value::String(text.to_owned()));
        Ok(())
    }

    /// The parameters, by id.
    pub fn parameters(&self) -> Option<&Map<String, Value>> {
        self.root.get("params").and_then(Value::as_object)
    }
}

#[cfg(test)]
mod tests {
    use super::{ModelChoice, SavedState};

    #[test]
    fn a_model_that_is_named_is_read_back_and_the_length_follows() {
        let json = br#"{"version":"0.1.0","params":{"seed":{"i32":1}},"fields":{"model":"{\"id\":\"keys-vae\"}"}}"#;
        let mut bytes = (json.len() as u64).to_le_bytes().to_vec();
        bytes.extend(json);
        let mut state = SavedState::parse(&bytes).unwrap();
        assert_eq!(state.model().unwrap().id, "keys-vae");
        let other = ModelChoice {
            id: "gone".into(),
            ..ModelChoice::default()
        };
        state.set_model(&other).unwrap();
        let bytes = state.bytes().unwrap();
        assert_eq!(
            u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize,
            bytes.len() - 8
        );
        assert_eq!(SavedState::parse(&bytes).unwrap().model().unwrap(), other);
        assert!(state.parameters().unwrap().contains_key("seed"));
    }
}
