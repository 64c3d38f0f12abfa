//! The third thing an instance loads: what continues sound. Loader thread.
//!
//! Without a wish it is the continuer that needs no model. A load that fails leaves one sentence, and
//! the continuer before goes on.

use afterimage_engine::continuation::{Continuer, Grains};
use afterimage_neural::{LoadedContinuer, Pack, is_continuer, load_continuer};

use super::{Work, runtime, suitable};
use crate::params::PackNames;
use crate::state::ModelReference;
use crate::view::ComposerStatus;

/// Loads what continues sound once more, for one who needs it alone. Allocates; runs a trial.
///
/// # Errors
/// One sentence.
pub fn fresh_continuer(reference: &ModelReference) -> Result<Box<dyn Continuer>, String> {
    if reference.names_none() {
        let memory = Grains::new().map_err(|error| error.to_string())?;
        return Ok(Box::new(memory));
    }
    let (_, loaded) = open(reference)?;
    Ok(loaded.continuer)
}

/// The pack of a wish and what it becomes.
fn open(wish: &ModelReference) -> Result<(Pack, LoadedContinuer), String> {
    let complaint = "does not continue sound; choose a pack whose tasks name 'continue'";
    let pack = suitable(wish, is_continuer, complaint)?;
    let loaded = load_continuer(&pack, runtime()).map_err(|error| error.to_string())?;
    Ok((pack, loaded))
}

impl Work {
    /// Loads what was wished for.
    pub(super) fn fulfil_continuer(&self, wish: &ModelReference) {
        if let Err(sentence) = self.load_continuer(wish) {
            self.view.continuer_status.write().sentence = sentence;
            self.continue_with_something();
        }
    }

    fn load_continuer(&self, wish: &ModelReference) -> Result<(), String> {
        if wish.names_none() {
            self.remember()?;
            self.view.continuer.record(ModelReference::default());
            return Ok(());
        }
        let hash = self.view.continuer_status.read().pack_hash.clone();
        if !wish.hash.is_empty() && wish.hash == hash {
            return Ok(());
        }
        let (pack, loaded) = open(wish)?;
        let LoadedContinuer {
            manifest,
            continuer,
            report,
        } = loaded;
        self.engine.set_continuer(Some(continuer));
        *self.view.continuer_names.write() = PackNames::of(&manifest);
        *self.view.continuer_status.write() = ComposerStatus {
            pack_name: manifest.name.clone(),
            pack_hash: pack.hash().to_owned(),
            description: manifest.description.short.clone(),
            sentence: report.fallback.unwrap_or_default(),
        };
        let backend = report.backend.name();
        let played = ModelReference::to(&pack, wish.path.clone(), backend);
        self.view.continuer.record(played);
        Ok(())
    }

    /// A session whose pack is missing still continues sound, and says what is missing.
    fn continue_with_something(&self) {
        if self.view.continuer_status.read().pack_name.is_empty() {
            let sentence = std::mem::take(&mut self.view.continuer_status.write().sentence);
            let outcome = self.remember();
            self.view.continuer_status.write().sentence = outcome.err().unwrap_or(sentence);
        }
    }

    /// Installs the continuer that needs no model.
    fn remember(&self) -> Result<(), String> {
        let memory = fresh_continuer(&ModelReference::default())?;
        let status = ComposerStatus {
            pack_name: memory.spec().name.clone(),
            description: "Reads on in what it heard; needs no model.".to_owned(),
            ..ComposerStatus::default()
        };
        self.engine.set_continuer(Some(memory));
        *self.view.continuer_names.write() = PackNames::default();
        *self.view.continuer_status.write() = status;
        Ok(())
    }
}
