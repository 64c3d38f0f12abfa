//! The second thing an instance loads: the pack that continues notes. Loader thread.
//!
//! A load that fails leaves one sentence, and the composer before goes on.

use afterimage_neural::{LoadedComposer, Pack, is_event_model, load_composer};

use super::{Work, runtime, suitable};
use crate::opening;
use crate::params::PackNames;
use crate::state::ModelReference;
use crate::view::ComposerStatus;

impl Work {
    /// Loads the composer that was wished for. A wish that names none is for the embedded one; where
    /// there is none either, nothing composes.
    pub(super) fn fulfil_composer(&self, wish: &ModelReference) {
        let pack = match find(wish) {
            Ok(Some(pack)) => pack,
            Ok(None) => return,
            Err(sentence) => {
                self.view.composer_status.write().sentence = sentence;
                return;
            }
        };
        if self.view.composer_status.read().pack_hash == pack.hash() {
            return;
        }
        match load_composer(&pack, runtime()) {
            Ok(loaded) => self.install_composer(&pack, loaded, wish),
            Err(error) => self.view.composer_status.write().sentence = error.to_string(),
        }
    }

    fn install_composer(&self, pack: &Pack, loaded: LoadedComposer, wish: &ModelReference) {
        let LoadedComposer {
            manifest,
            composer,
            report,
        } = loaded;
        self.engine.set_composer(Some(Box::new(composer)));
        *self.view.composer_names.write() = PackNames::of(&manifest);
        *self.view.composer_status.write() = ComposerStatus {
            pack_name: manifest.name.clone(),
            pack_hash: pack.hash().to_owned(),
            description: manifest.description.short.clone(),
            sentence: report.fallback.unwrap_or_default(),
        };
        let backend = report.backend.name();
        let played = ModelReference::to(pack, wish.path.clone(), backend);
        self.view.composer.record(played);
    }
}

/// The pack of a wish, if there is one to be had.
fn find(wish: &ModelReference) -> Result<Option<Pack>, String> {
    if wish.names_none() {
        return Ok(opening::composer());
    }
    let advice =
        "does not continue notes; choose a pack whose tasks name 'continue-midi' or 'imagine'";
    suitable(wish, is_event_model, advice).map(Some)
}

#[cfg(test)]
mod tests {
    use super::{ModelReference, find};
    use std::path::PathBuf;

    fn wish(name: &str) -> ModelReference {
        let fixtures =
            PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("crates/neural/tests/fixtures");
        ModelReference {
            path: Some(fixtures.join(name)),
            ..ModelReference::default()
        }
    }

    #[test]
    fn an_event_model_is_taken_and_an_instrument_is_refused_in_a_sentence() {
        let pack = find(&wish("events.onnx"));
        assert!(matches!(pack, Ok(Some(_))));
        let sentence = find(&wish("good.onnx")).err();
        assert!(sentence.is_some_and(|said| said.contains("does not continue notes")));
    }
}
