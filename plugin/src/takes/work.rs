//! What the keeper does, a step at a time and without a thread of its own.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::another::Another;
use super::audition::{AuditionLink, Prepared};
use super::desk::{TakeList, TakeWish, TakesDesk};
use super::keeper::{FinishedTakes, FreshContinuer, HostRate};
use super::notes;
use super::prepare::prepare;
use super::record::TakeRecord;
use super::session::{self, PackedTake};
use super::sound::WavForm;
use super::store::{Store, WholeTake, replace_file};

/// Steps between two attempts at a disk that refused: five seconds.
const RETRY_STEPS: u32 = 20;
/// Samples that wait in memory for a disk, of all takes together: 256 MB. Then the oldest goes.
const WAITING_SAMPLES: usize = 64 << 20;
/// Steps that a sentence stays which says that something went well: ten seconds.
const SENTENCE_STEPS: u32 = 40;
/// Takes that the list shows.
const MOST_LISTED: usize = 200;

/// Where takes come from.
pub struct Sources {
    /// Finished ones.
    pub finished: FinishedTakes,
    /// Who makes another.
    pub continuer: FreshContinuer,
    /// The rate they are auditioned at.
    pub host_rate: HostRate,
}

/// Where they go.
pub struct Places {
    /// The folder of takes.
    pub store: Store,
    /// Where exported files go.
    pub exports: PathBuf,
}

/// The keeper's state.
pub struct Work {
    desk: TakesDesk,
    link: Arc<AuditionLink>,
    sources: Sources,
    places: Places,
    /// Takes that no disk has yet, the oldest first.
    waiting: Vec<WholeTake>,
    steps_to_retry: u32,
    auditioned: Option<String>,
    making: Option<Another>,
    sentence: String,
    steps_of_sentence: u32,
    /// True when the window's list is older than what lies in the folder.
    is_changed: bool,
    written: Vec<PathBuf>,
}

impl Work {
    /// Ready for the first step, which reads the folder.
    pub fn new(desk: TakesDesk, link: Arc<AuditionLink>, sources: Sources, places: Places) -> Self {
        Self {
            desk,
            link,
            sources,
            places,
            waiting: Vec::new(),
            steps_to_retry: 0,
            auditioned: None,
            making: None,
            sentence: String::new(),
            steps_of_sentence: 0,
            is_changed: true,
            written: Vec::new(),
        }
    }

    /// Fetches, writes, does what is wished, and shows how things stand. True while it makes a take, so
    /// that the next step may follow at once.
    pub fn step(&mut self) -> bool {
        self.fetch();
        self.make();
        self.write();
        while let Some(wish) = self.desk.next_wish() {
            self.is_changed = true;
            if let Err(sentence) = self.fulfil(wish) {
                self.say(sentence);
            }
        }
        self.forget_sentence();
        self.link.empty_trash();
        if self.auditioned.is_some() && !self.link.is_heard() {
            self.auditioned = None;
            self.is_changed = true;
        }
        if std::mem::take(&mut self.is_changed) {
            self.publish();
        }
        self.making.is_some()
    }

    /// The step before the end: a refused write is tried at once.
    pub fn last_step(&mut self) {
        self.steps_to_retry = 0;
        self.step();
    }

    /// Where the takes of this instance lie.
    pub fn written(&self) -> &[PathBuf] {
        &self.written
    }

    fn say(&mut self, sentence: String) {
        self.sentence = sentence;
        self.steps_of_sentence = SENTENCE_STEPS;
    }

    /// A sentence goes after a while, but not while takes wait for a disk.
    fn forget_sentence(&mut self) {
        if self.sentence.is_empty() || !self.waiting.is_empty() || self.making.is_some() {
            return;
        }
        self.steps_of_sentence = self.steps_of_sentence.saturating_sub(1);
        if self.steps_of_sentence == 0 {
            self.sentence.clear();
            self.is_changed = true;
        }
    }

    fn fetch(&mut self) {
        while let Some(take) = (self.sources.finished)() {
            self.waiting.push(take);
            self.is_changed = true;
        }
        let mut samples: usize = self.waiting.iter().map(samples_of).sum();
        while samples > WAITING_SAMPLES && self.waiting.len() > 1 {
            samples -= samples_of(&self.waiting.remove(0));
            self.say("The disk takes nothing and memory is full: the oldest take that was not written is lost.".to_owned());
        }
    }

    /// Goes on with the take that is being made; once whole, it is like one that was played.
    fn make(&mut self) {
        let Some(another) = &mut self.making else {
            return;
        };
        match another.go_on() {
            Ok(None) => return,
            Ok(Some(take)) => {
                self.waiting.push(take);
                self.sentence.clear();
            }
            Err(sentence) => self.say(sentence),
        }
        self.making = None;
        self.is_changed = true;
    }

    fn write(&mut self) {
        if self.waiting.is_empty() {
            return;
        }
        if self.steps_to_retry > 0 {
            self.steps_to_retry -= 1;
            return;
        }
        let waiting = std::mem::take(&mut self.waiting);
        for take in waiting {
            match self.places.store.write(&take) {
                Ok(()) => {
                    let folder = self.places.store.folder().join(&take.record.id);
                    self.written.push(folder);
                    self.sentence.clear(); // the disk takes again
                }
                Err(sentence) => {
                    self.say(sentence);
                    self.steps_to_retry = RETRY_STEPS;
                    self.waiting.push(take);
                }
            }
            self.is_changed = true;
        }
    }

    fn fulfil(&mut self, wish: TakeWish) -> Result<(), String> {
        match wish {
            TakeWish::Name(id, name) => {
                let record = self.change(&id, |record| record.set_name(&name))?;
                self.repack(&record);
                Ok(())
            }
            TakeWish::Keep(id) => self.keep(&id),
            TakeWish::LetGo(id) => {
                self.desk.packed().retain(|packed| packed.record.id != id);
                self.change(&id, |record| record.kept = false).map(drop)
            }
            TakeWish::Delete(id) => {
                if self.auditioned.as_ref() == Some(&id) {
                    self.link.post(Prepared::silence());
                }
                self.desk.packed().retain(|packed| packed.record.id != id);
                self.waiting.retain(|take| take.record.id != id);
                self.places.store.delete(&id)
            }
            TakeWish::Audition(id) => {
                let prepared = prepare(&self.read(&id)?, (self.sources.host_rate)())?;
                self.link.post(prepared);
                self.auditioned = Some(id);
                Ok(())
            }
            TakeWish::Another(id) => {
                let continuer = (self.sources.continuer)()?;
                self.making = Some(Another::begin(&self.read(&id)?, continuer)?);
                self.say("Another take is being made…".to_owned());
                Ok(())
            }
            TakeWish::Hush => {
                self.link.post(Prepared::silence());
                Ok(())
            }
            TakeWish::ExportSound(id, form) => self.export_sound(&id, form),
            TakeWish::ExportNotes(id) => {
                let record = self.read(&id)?.record;
                self.export(&record, "mid", &notes::to_midi(&record)?)
            }
            TakeWish::Unpack => self.unpack(),
        }
    }

    /// Changes what is known of a take, wherever it is.
    fn change(
        &mut self,
        id: &str,
        change: impl FnOnce(&mut TakeRecord),
    ) -> Result<TakeRecord, String> {
        let mut waiting = self.waiting.iter_mut();
        match waiting.find(|take| take.record.id == id) {
            Some(take) => {
                change(&mut take.record);
                Ok(take.record.clone())
            }
            None => self.places.store.change(id, change),
        }
    }

    fn read(&self, id: &str) -> Result<WholeTake, String> {
        match self.waiting.iter().find(|take| take.record.id == id) {
            Some(take) => Ok(take.clone()),
            None => self.places.store.read(id),
        }
    }

    fn keep(&mut self, id: &str) -> Result<(), String> {
        self.change(id, |record| record.kept = true)?;
        let packed = PackedTake::of(&self.read(id)?)?;
        let mut session = self.desk.packed();
        session.retain(|other| other.record.id != id);
        let size: usize = session.iter().map(PackedTake::size_bytes).sum();
        if size + packed.size_bytes() > session::CAP_BYTES {
            return Err(format!(
                "'{}' is kept in your folder, but this session is full: it carries {} MB of takes.",
                packed.record.name,
                session::CAP_BYTES >> 20
            ));
        }
        session.push(packed);
        Ok(())
    }

    fn repack(&self, record: &TakeRecord) {
        let mut session = self.desk.packed();
        let packed = session.iter_mut().find(|take| take.record.id == record.id);
        if let Some(packed) = packed {
            packed.record = record.clone();
        }
    }

    /// Writes the session's takes that are not in the folder.
    fn unpack(&mut self) -> Result<(), String> {
        let packed = self.desk.packed().clone();
        for take in packed {
            let whole = take
                .unpack()
                .map_err(|reason| format!("A take of this session is damaged: {reason}."))?;
            self.places.store.write(&whole)?;
        }
        Ok(())
    }

    fn export_sound(&mut self, id: &str, form: WavForm) -> Result<(), String> {
        let take = self.read(id)?;
        if take.sound.samples.is_empty() {
            return Err("This take is of notes; export its MIDI.".to_owned());
        }
        let wav = take.sound.to_wav(form, take.record.tempo_bpm)?;
        self.export(&take.record, "wav", &wav)
    }

    fn export(&mut self, record: &TakeRecord, ending: &str, bytes: &[u8]) -> Result<(), String> {
        let folder: &Path = &self.places.exports;
        let path = folder.join(format!("{}.{ending}", record.file_stem()));
        std::fs::create_dir_all(folder)
            .map_err(|error| error.to_string())
            .and_then(|()| replace_file(&path, bytes))
            .map_err(|reason| format!("{} cannot be written: {reason}.", path.display()))?;
        self.say(format!("Written to {}", path.display()));
        Ok(())
    }

    fn publish(&mut self) {
        let waiting = self.waiting.iter().rev().map(|take| take.record.clone());
        let mut takes: Vec<TakeRecord> = waiting.collect();
        takes.extend(self.places.store.list());
        takes.truncate(MOST_LISTED);
        self.desk.publish(TakeList {
            takes,
            auditioned: self.auditioned.clone(),
            sentence: self.sentence.clone(),
        });
    }
}

fn samples_of(take: &WholeTake) -> usize {
    take.sound.samples.len() + take.heard.samples.len()
}

#[cfg(test)]
mod tests;
