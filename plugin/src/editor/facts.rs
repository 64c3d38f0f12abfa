//! What the window knows of the pack and the engine, copied a few times a second. Window thread.
//!
//! Copies, so that no lock is held while drawing; a lock that is taken is skipped until next time.

use std::sync::Arc;
use std::time::{Duration, Instant};

use afterimage_engine::Monitor;
use afterimage_engine::contract::{MAX_CLASSES, MAX_DESCRIPTORS, MAX_LATENT};

use crate::params::PackNames;
use crate::shelf::Shelf;
use crate::takes::desk::TakeList;
use crate::view::{ComposerStatus, InstrumentView, LoadStatus};

/// Late samples of continued sound that count like one late frame.
const SAMPLES_OF_A_FRAME: u64 = 256;
const REFRESH: Duration = Duration::from_millis(100);
/// How long a late frame keeps the status line warm.
const LATE_SHOWS: Duration = Duration::from_secs(10);

/// The newest copies.
#[derive(Default)]
pub(super) struct Facts {
    /// Names that the pack gives.
    pub(super) names: PackNames,
    /// How loading went.
    pub(super) status: LoadStatus,
    /// What continues notes.
    pub(super) composer: ComposerStatus,
    /// Names that its pack gives.
    pub(super) composer_names: PackNames,
    /// What continues sound.
    pub(super) continuer: ComposerStatus,
    /// Names that its pack gives.
    pub(super) continuer_names: PackNames,
    /// What transforms the input.
    pub(super) transformer: ComposerStatus,
    /// Names that its pack gives.
    pub(super) transformer_names: PackNames,
    /// The takes.
    pub(super) takes: Arc<TakeList>,
    /// The packs that can be chosen.
    pub(super) shelf: Arc<Shelf>,
    /// What the worker said when a decoder failed.
    pub(super) decoder_sentence: Option<String>,
    /// Frames that were late since the engine was made.
    pub(super) late_frames: u64,
    /// Level of the input, in decibels below full scale.
    pub(super) input_db: f32,
    /// Seconds of input that were not heard yet.
    pub(super) behind_s: f32,
    refreshed: Option<Instant>,
    late_until: Option<Instant>,
}

impl Facts {
    /// Copies what may have changed.
    pub(super) fn refresh(&mut self, view: &InstrumentView, monitor: &Monitor, now: Instant) {
        let counts = monitor.counts();
        // A note that had to begin late, or was left out, is as late as a frame.
        self.count_late(
            counts.late_frames
                + counts.cold_attacks
                + counts.late_notes
                + (counts.late_samples + counts.late_transformed).div_ceil(SAMPLES_OF_A_FRAME),
            now,
        );
        if self.refreshed.is_some_and(|at| now < at + REFRESH) {
            return;
        }
        self.refreshed = Some(now);
        if let Some(names) = view.names.try_read() {
            self.names.clone_from(&names);
        }
        if let Some(status) = view.status.try_read() {
            self.status.clone_from(&status);
        }
        if let Some(composer) = view.composer_status.try_read() {
            self.composer.clone_from(&composer);
        }
        if let Some(names) = view.composer_names.try_read() {
            self.composer_names.clone_from(&names);
        }
        if let Some(continuer) = view.continuer_status.try_read() {
            self.continuer.clone_from(&continuer);
        }
        if let Some(names) = view.continuer_names.try_read() {
            self.continuer_names.clone_from(&names);
        }
        if let Some(transformer) = view.transformer_status.try_read() {
            self.transformer.clone_from(&transformer);
        }
        if let Some(names) = view.transformer_names.try_read() {
            self.transformer_names.clone_from(&names);
        }
        self.takes = view.takes.list();
        if let Some(shelf) = view.shelf.try_read() {
            self.shelf = Arc::clone(&shelf);
        }
        self.input_db = monitor.input_db();
        self.behind_s = monitor.behind_s();
        self.decoder_sentence = monitor.last_error().map(|error| error.to_string());
    }

    fn count_late(&mut self, late_frames: u64, now: Instant) {
        if late_frames > self.late_frames {
            self.late_until = Some(now + LATE_SHOWS);
        }
        self.late_frames = late_frames;
    }

    /// Whether frames were late a moment ago.
    pub(super) fn is_late(&self, now: Instant) -> bool {
        self.late_until.is_some_and(|until| now < until)
    }

    /// The sentence that needs the person's attention, if there is one.
    pub(super) fn sentence(&self) -> Option<&str> {
        let load = self.status.sentence.as_str();
        let composer = self.composer.sentence.as_str();
        let continuer = self.continuer.sentence.as_str();
        let transformer = self.transformer.sentence.as_str();
        let takes = self.takes.sentence.as_str();
        [load, composer, continuer, transformer, takes]
            .into_iter()
            .find(|sentence| !sentence.is_empty())
            .or(self.decoder_sentence.as_deref())
    }

    /// Latent axes with a knob: the pack's, or all while there is no pack.
    pub(super) fn axes(&self) -> usize {
        if self.status.pack_name.is_empty() {
            MAX_LATENT
        } else {
            self.names.latent.len().min(MAX_LATENT)
        }
    }

    /// Knobs that the pack brings: axes, descriptors, classes.
    pub(super) fn pack_knobs(&self) -> usize {
        let descriptors = self.names.descriptors.len().min(MAX_DESCRIPTORS);
        self.axes() + descriptors + self.names.classes.len().min(MAX_CLASSES)
    }
}

#[cfg(test)]
mod tests {
    use super::{Facts, LATE_SHOWS};
    use std::time::{Duration, Instant};

    #[test]
    fn a_late_frame_warms_the_line_for_a_while_and_stays_counted() {
        let mut facts = Facts::default();
        let start = Instant::now();
        facts.count_late(0, start);
        assert!(!facts.is_late(start));
        facts.count_late(3, start);
        assert!(facts.is_late(start));
        let later = start + LATE_SHOWS + Duration::from_millis(1);
        facts.count_late(3, later);
        assert!(!facts.is_late(later));
        assert_eq!(facts.late_frames, 3);
    }

    #[test]
    fn the_load_sentence_comes_before_the_decoders() {
        let mut facts = Facts::default();
        assert_eq!(facts.sentence(), None);
        facts.decoder_sentence = Some("decoder".into());
        assert_eq!(facts.sentence(), Some("decoder"));
        facts.status.sentence = "load".into();
        assert_eq!(facts.sentence(), Some("load"));
    }
}
