//! The fourth thing an instance loads: what transforms the input. Loader thread.
//!
//! A load that fails leaves one sentence, and the transformer before goes on.

use afterimage_neural::{LoadedTransformer, is_transformer, load_transformer};

use super::{Work, runtime, suitable};
use crate::params::PackNames;
use crate::state::ModelReference;
use crate::view::ComposerStatus;

/// The pack that transforms where no other was chosen; it lies beside the plugin.
const FIRST_ID: &str = "afterimage.logfreq-vq";

impl Work {
    /// Loads what was wished for; a wish that names none is for the first of the shipped packs.
    pub(super) fn fulfil_transformer(&self, wish: &ModelReference) {
        if let Err(sentence) = self.load_transformer(wish) {
            self.view.transformer_status.write().sentence = sentence;
        }
    }

    fn load_transformer(&self, wish: &ModelReference) -> Result<(), String> {
        let mut wish = wish.clone();
        if wish.names_none() {
            // A session of an effect that never transformed names none, and most never will.
            if !self.view.params.transform.transforms() {
                return Ok(());
            }
            wish.id = FIRST_ID.to_owned();
        }
        let complaint = "does not transform sound; choose a pack whose tasks name 'transform'";
        let pack = suitable(&wish, is_transformer, complaint)?;
        if self.view.transformer_status.read().pack_hash == pack.hash() {
            return Ok(());
        }
        let LoadedTransformer {
            manifest,
            transformer,
            report,
        } = load_transformer(&pack, runtime()).map_err(|error| error.to_string())?;
        self.engine
            .set_transformer(Some(transformer))
            .map_err(|error| error.to_string())?;
        *self.view.transformer_names.write() = PackNames::of(&manifest);
        *self.view.transformer_status.write() = ComposerStatus {
            pack_name: manifest.name.clone(),
            pack_hash: pack.hash().to_owned(),
            description: manifest.description.short.clone(),
            sentence: report.fallback.unwrap_or_default(),
        };
        let backend = report.backend.name();
        let played = ModelReference::to(&pack, wish.path.clone(), backend);
        self.view.transformer.record(played);
        Ok(())
    }
}
