//! Opens packs off the audio thread and makes them the instrument that plays. Loader thread.
//!
//! One thread an instance, parked between wishes, started by the first activation and joined when
//! the instance goes. A load that fails leaves one sentence; the old sound goes on.

mod composer;
mod continuer;
mod place;
mod transformer;

pub use continuer::fresh_continuer;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::thread::{Builder, JoinHandle};

use afterimage_engine::contract::Decoder;
use afterimage_engine::{DecoderKey, Engine, Instrument};
use afterimage_neural::{LoadReport, Manifest, Pack, PackError, Runtime, load};

use crate::locate;
use crate::opening;
use crate::params::PackNames;
use crate::shelf::{self, Places};
use crate::state::{ModelField, ModelReference, PlaceSource, ShelfWish};
use crate::view::{InstrumentView, LoadStatus, SharedComposerStatus};

/// The loader of one instance.
pub struct Loader {
    work: Arc<Work>,
    thread: Option<JoinHandle<()>>,
}

struct Work {
    engine: Arc<Engine>,
    view: InstrumentView,
    stop: AtomicBool,
}

impl Loader {
    /// A loader that does nothing until it is started.
    pub fn new(engine: &Arc<Engine>, view: &InstrumentView) -> Self {
        let work = Work {
            engine: Arc::clone(engine),
            view: view.clone(),
            stop: AtomicBool::new(false),
        };
        Self {
            work: Arc::new(work),
            thread: None,
        }
    }

    /// Starts the thread if it does not run, and wishes for the opening pack if nothing was loaded
    /// or wished for. Idempotent. Main thread.
    pub fn start(&mut self) {
        let model = &self.work.view.model;
        if self.work.engine.instrument().is_none() && !model.has_wish() {
            model.wish(model.reference());
        }
        let composer = &self.work.view.composer;
        if self.work.view.composer_status.read().pack_hash.is_empty() && !composer.has_wish() {
            composer.wish(composer.reference());
        }
        let continuer = &self.work.view.continuer;
        if self.work.view.continuer_status.read().pack_name.is_empty() && !continuer.has_wish() {
            continuer.wish(continuer.reference());
        }
        let transformer = &self.work.view.transformer;
        // Most effects never transform: the first pack for it is loaded when it is told to.
        let transforms = self.work.view.params.transform.transforms();
        if transforms
            && self
                .work
                .view
                .transformer_status
                .read()
                .pack_name
                .is_empty()
            && !transformer.has_wish()
        {
            transformer.wish(transformer.reference());
        }
        if self.thread.is_some() {
            return;
        }
        let work = Arc::clone(&self.work);
        match Builder::new()
            .name("afterimage-loader".into())
            .spawn(move || work.run())
        {
            Ok(thread) => {
                model.set_loader(Some(thread.thread().clone()));
                composer.set_loader(Some(thread.thread().clone()));
                continuer.set_loader(Some(thread.thread().clone()));
                transformer.set_loader(Some(thread.thread().clone()));
                self.thread = Some(thread);
            }
            Err(reason) => {
                let sentence = format!(
                    "No thread could be started to load the sound: {reason}; close other programs."
                );
                self.work.view.status.write().sentence = sentence;
            }
        }
    }
}

impl Drop for Loader {
    fn drop(&mut self) {
        self.work.stop.store(true, Ordering::Release);
        self.work.view.model.set_loader(None);
        self.work.view.composer.set_loader(None);
        self.work.view.continuer.set_loader(None);
        self.work.view.transformer.set_loader(None);
        if let Some(thread) = self.thread.take() {
            thread.thread().unpark();
            let _ = thread.join(); // a loader that panicked loaded nothing
        }
    }
}

impl Work {
    fn run(&self) {
        while !self.stop.load(Ordering::Acquire) {
            if let Some((wish, announced)) = self.view.model.take_wish() {
                self.fulfil(&wish);
                drop(announced);
            } else if let Some((wish, announced)) = self.view.composer.take_wish() {
                let status = &self.view.composer_status;
                guarded(status, || self.fulfil_composer(&wish));
                drop(announced);
            } else if let Some((wish, announced)) = self.view.continuer.take_wish() {
                let status = &self.view.continuer_status;
                guarded(status, || self.fulfil_continuer(&wish));
                drop(announced);
            } else if let Some((wish, announced)) = self.view.transformer.take_wish() {
                let status = &self.view.transformer_status;
                guarded(status, || self.fulfil_transformer(&wish));
                drop(announced);
            } else if let Some(source) = self.view.model.take_place_wish() {
                let sentence = self.placed(&self.view.model, &source);
                self.view.status.write().sentence = sentence;
            } else if let Some(source) = self.view.transformer.take_place_wish() {
                let sentence = self.placed(&self.view.transformer, &source);
                self.view.transformer_status.write().sentence = sentence;
            } else if let Some(wish) = self.view.model.take_shelf_wish() {
                self.read_shelf(wish);
            } else {
                std::thread::park();
            }
        }
    }

    /// Places a sound; what the person should know of it. A file that makes the encoder fail must not end the
    /// thread that loads.
    fn placed(&self, field: &ModelField, source: &PlaceSource) -> String {
        let placed = catch_unwind(AssertUnwindSafe(|| self.place(field, source)));
        match placed {
            Ok(Ok(())) => String::new(),
            Ok(Err(sentence)) => sentence,
            Err(_) => "The sound made the encoder fail; the knobs stay where they are.".to_owned(),
        }
    }

    fn read_shelf(&self, wish: ShelfWish) {
        let places = Places::here();
        if wish == ShelfWish::ReadAndMakeFolder {
            places.make_user_folder();
        }
        // A file that makes the reader fail must not end the thread that loads.
        if let Ok(shelf) = catch_unwind(|| shelf::read(&places)) {
            *self.view.shelf.write() = Arc::new(shelf);
        }
    }

    fn fulfil(&self, wish: &ModelReference) {
        if self.plays_already(wish) {
            return;
        }
        self.view.status.write().loading = true;
        let outcome = catch_unwind(AssertUnwindSafe(|| self.load(wish))).unwrap_or_else(|_| {
            Err("The pack made the loader fail; the old sound goes on.".to_owned())
        });
        let mut status = self.view.status.write();
        status.loading = false;
        if let Err(sentence) = outcome {
            status.sentence = sentence;
            drop(status);
            self.open_with_something();
        }
    }

    fn plays_already(&self, wish: &ModelReference) -> bool {
        let Some(playing) = self.engine.instrument() else {
            return false;
        };
        wish.path.is_none() && !wish.hash.is_empty() && playing.spec.hash == wish.hash
    }

    /// A session whose pack is missing still makes sound: the opening pack's.
    fn open_with_something(&self) {
        if self.engine.instrument().is_some() {
            return;
        }
        if let Ok(pack) = opening::pack()
            && let Ok(report) = self.install(&pack)
        {
            let sentence = std::mem::take(&mut self.view.status.write().sentence);
            self.publish(&pack, report.as_ref());
            self.view.status.write().sentence = sentence;
        }
    }

    fn load(&self, wish: &ModelReference) -> Result<(), String> {
        let pack = shelf::find(wish, &Places::here())?;
        let report = self.install(&pack)?;
        self.publish(&pack, report.as_ref());
        self.view.status.write().sentence = self.remark(wish, &pack, report.as_ref());
        let backend = self.view.status.read().backend.clone();
        let played = ModelReference::to(&pack, wish.path.clone(), &backend);
        self.view.model.record(played);
        Ok(())
    }

    /// Makes the pack the one that plays. The report is there if this instance was first to load it.
    fn install(&self, pack: &Pack) -> Result<Option<LoadReport>, String> {
        let runtime = runtime();
        let key = DecoderKey {
            pack_hash: pack.hash().to_owned(),
            backend: runtime.status().kind.name().to_owned(),
        };
        let mut report = None;
        let make = || -> Result<Box<dyn Decoder>, PackError> {
            let loaded = load(pack, runtime)?;
            report = Some(loaded.report);
            Ok(Box::new(loaded.decoder))
        };
        let decoder = self
            .engine
            .service()
            .decoder(&key, make)
            .map_err(|error| error.to_string())?;
        let spec = pack.instrument_spec().map_err(|error| error.to_string())?;
        self.engine
            .load(Instrument { spec, decoder })
            .map_err(|error| error.to_string())?;
        Ok(report)
    }

    fn publish(&self, pack: &Pack, report: Option<&LoadReport>) {
        let manifest = pack.manifest();
        *self.view.names.write() = PackNames::of(manifest);
        let mut status = self.view.status.write();
        *status = LoadStatus {
            backend: report
                .map_or(runtime().status().kind, |report| report.backend)
                .name()
                .to_owned(),
            pack_hash: pack.hash().to_owned(),
            // Another instance measured it: the figure of this process stays what it was.
            real_time_factor: report.map_or(status.real_time_factor, |report| {
                (1.0 / report.real_time_factor_one_voice.max(1e-9)) as f32
            }),
            ..LoadStatus::of(manifest)
        };
    }

    /// What the person should know although the load went well.
    fn remark(&self, wish: &ModelReference, pack: &Pack, report: Option<&LoadReport>) -> String {
        let manifest = pack.manifest();
        let playing = self.view.status.read().backend.clone();
        if !wish.hash.is_empty() && wish.hash != pack.hash() {
            return format!(
                "This session was made with another version of '{}'; version {} plays, and may sound different.",
                manifest.name, manifest.version
            );
        }
        if !wish.backend.is_empty() && wish.backend != playing {
            return format!(
                "This session was made with {}; {playing} plays, and may differ in the last bits.",
                wish.backend
            );
        }
        if let Some(fallback) = report.and_then(|report| report.fallback.clone()) {
            return fallback;
        }
        match runtime().status().library {
            Some(_) => String::new(),
            None => runtime().status().sentence.clone(),
        }
    }
}

/// The pack that a wish names, if it does what it is wished for; `complaint` follows its name if not.
fn suitable(
    wish: &ModelReference,
    suits: fn(&Manifest) -> bool,
    complaint: &str,
) -> Result<Pack, String> {
    let pack = shelf::find(wish, &Places::here())?;
    if suits(pack.manifest()) {
        return Ok(pack);
    }
    Err(format!("'{}' {complaint}.", pack.manifest().name))
}

/// A pack that makes the loader fail must not end its thread.
fn guarded(status: &SharedComposerStatus, load: impl FnOnce()) {
    if catch_unwind(AssertUnwindSafe(load)).is_err() {
        status.write().sentence = "The pack made the loader fail; nothing was changed.".to_owned();
    }
}

/// The runtime of this process. The first instance to load finds it.
fn runtime() -> &'static Runtime {
    static RUNTIME: OnceLock<Runtime> = OnceLock::new();
    RUNTIME.get_or_init(|| Runtime::discover(&locate::resource_folders()))
}
