//! The folder of takes: one folder each, written whole or not at all. Keeper thread; touches files.
//!
//! `take.json` says what it is, `sound.wav` (32-bit float) and `heard.wav` hold samples, `notes.mid`
//! its notes. A take is written beside its place and renamed, so that a crash leaves all of it or nothing
//! that is listed.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use super::notes;
use super::record::TakeRecord;
use super::sound::{Sound, WavForm};

/// What all takes may take on disk before those that nobody kept go, the oldest first: an hour and a
/// half of one channel at 48 kHz.
pub const CAP_BYTES: u64 = 1 << 30;
/// A half-written take of a program that ended is cleared away after this time.
const ABANDONED_AFTER: Duration = Duration::from_secs(3600);
const PARTIAL: &str = "partial-";
const RECORD_FILE: &str = "take.json";
const SOUND_FILE: &str = "sound.wav";
const HEARD_FILE: &str = "heard.wav";
const NOTES_FILE: &str = "notes.mid";

/// A take with all that belongs to it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct WholeTake {
    /// What is known of it.
    pub record: TakeRecord,
    /// What it sounds like; without samples for a piece of notes.
    pub sound: Sound,
    /// What was heard before it.
    pub heard: Sound,
}

/// The folder of takes.
#[derive(Clone, Debug)]
pub struct Store {
    folder: PathBuf,
    cap_bytes: u64,
}

impl Store {
    /// A store in `folder`, which is made when the first take is written.
    pub fn new(folder: PathBuf, cap_bytes: u64) -> Self {
        Self { folder, cap_bytes }
    }

    /// Where the takes lie.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Writes a take, then lets the oldest go that nobody kept until all fit under the cap. One that
    /// is there already stays as it is.
    ///
    /// # Errors
    /// A sentence when it cannot be written; nothing of it is left then.
    pub fn write(&self, take: &WholeTake) -> Result<(), String> {
        let place = self.place(&take.record)?;
        if place.exists() {
            return Ok(());
        }
        let partial = self.folder.join(format!("{PARTIAL}{}", take.record.id));
        let written = self
            .write_files(&partial, take)
            .and_then(|()| fs::rename(&partial, &place).map_err(|error| error.to_string()));
        if let Err(reason) = written {
            let _ = fs::remove_dir_all(&partial); // what cannot be removed is cleared away later
            return Err(self.refusal(&reason));
        }
        self.make_room(&take.record.id);
        Ok(())
    }

    fn write_files(&self, partial: &Path, take: &WholeTake) -> Result<(), String> {
        let _ = fs::remove_dir_all(partial); // of an attempt that failed
        fs::create_dir_all(partial).map_err(|error| error.to_string())?;
        let tempo = take.record.tempo_bpm;
        for (name, sound) in [(SOUND_FILE, &take.sound), (HEARD_FILE, &take.heard)] {
            if !sound.samples.is_empty() {
                write_file(&partial.join(name), &sound.to_wav(WavForm::Float32, tempo)?)?;
            }
        }
        if take.record.is_of_notes() {
            write_file(&partial.join(NOTES_FILE), &notes::to_midi(&take.record)?)?;
        }
        write_file(&partial.join(RECORD_FILE), &json(&take.record)?)
    }

    /// Every take that can be read, the newest first.
    pub fn list(&self) -> Vec<TakeRecord> {
        let mut records: Vec<TakeRecord> = self
            .folders()
            .filter_map(|folder| read_record(&folder))
            .collect();
        records.sort_by(|one, other| other.id.cmp(&one.id));
        records
    }

    /// A take with its samples.
    ///
    /// # Errors
    /// A sentence when it is gone or damaged.
    pub fn read(&self, id: &str) -> Result<WholeTake, String> {
        let folder = self.folder_of(id)?;
        let record = read_record(&folder).ok_or_else(|| is_gone(id))?;
        let sound = |name: &str| match fs::read(folder.join(name)) {
            Ok(bytes) => Sound::of_wav(&bytes)
                .map_err(|reason| format!("The take '{}' is damaged: {reason}.", record.name)),
            Err(_) => Ok(Sound::default()), // a piece of notes has no sound
        };
        Ok(WholeTake {
            sound: sound(SOUND_FILE)?,
            heard: sound(HEARD_FILE)?,
            record,
        })
    }

    /// Changes what is known of a take, and returns it as it is now.
    ///
    /// # Errors
    /// A sentence when it is gone or cannot be written; it then stays as it was.
    pub fn change(
        &self,
        id: &str,
        change: impl FnOnce(&mut TakeRecord),
    ) -> Result<TakeRecord, String> {
        let folder = self.folder_of(id)?;
        let mut record = read_record(&folder).ok_or_else(|| is_gone(id))?;
        change(&mut record);
        replace_file(&folder.join(RECORD_FILE), &json(&record)?)
            .map_err(|reason| self.refusal(&reason))?;
        Ok(record)
    }

    /// Deletes a take. One that is gone already is no error.
    ///
    /// # Errors
    /// A sentence when it stays.
    pub fn delete(&self, id: &str) -> Result<(), String> {
        let folder = self.folder_of(id)?;
        if !folder.exists() {
            return Ok(());
        }
        fs::remove_dir_all(&folder)
            .map_err(|reason| format!("{} cannot be deleted: {reason}.", folder.display()))
    }

    fn place(&self, record: &TakeRecord) -> Result<PathBuf, String> {
        if !record.has_plain_id() {
            return Err(format!("'{}' cannot name a take.", record.id));
        }
        Ok(self.folder.join(&record.id))
    }

    fn folder_of(&self, id: &str) -> Result<PathBuf, String> {
        self.place(&TakeRecord {
            id: id.to_owned(),
            ..TakeRecord::default()
        })
    }

    fn folders(&self) -> impl Iterator<Item = PathBuf> {
        let entries = fs::read_dir(&self.folder).into_iter().flatten().flatten();
        let is_whole = |path: &PathBuf| !name_of(path).starts_with(PARTIAL);
        entries.map(|entry| entry.path()).filter(is_whole)
    }

    fn refusal(&self, reason: &str) -> String {
        format!(
            "A take cannot be written to {}: {reason}. It is tried again; make room or close other programs.",
            self.folder.display()
        )
    }

    /// Clears away what was abandoned, and the oldest takes that nobody kept while all are too large.
    /// `newest` stays in any case.
    fn make_room(&self, newest: &str) {
        self.clear_abandoned();
        let mut sized: Vec<(TakeRecord, u64)> = self
            .list()
            .into_iter()
            .map(|record| {
                let bytes = size_of_folder(&self.folder.join(&record.id));
                (record, bytes)
            })
            .collect();
        let mut sum: u64 = sized.iter().map(|(_, bytes)| bytes).sum();
        while sum > self.cap_bytes
            && let Some(oldest) = sized
                .iter()
                .rposition(|(record, _)| !record.kept && record.id != newest)
        {
            let (record, bytes) = sized.remove(oldest);
            let _ = self.delete(&record.id); // one that stays is tried again with the next take
            sum -= bytes;
        }
    }

    fn clear_abandoned(&self) {
        let entries = fs::read_dir(&self.folder).into_iter().flatten().flatten();
        let now = SystemTime::now();
        for entry in entries {
            let modified = entry.metadata().and_then(|about| about.modified());
            let age = modified.map(|then| now.duration_since(then).unwrap_or_default());
            let abandoned = age.is_ok_and(|age| age > ABANDONED_AFTER);
            if abandoned && name_of(&entry.path()).starts_with(PARTIAL) {
                let _ = fs::remove_dir_all(entry.path()); // tried again with the next take
            }
        }
    }
}

/// Writes a file so that a reader finds the old one or all of the new one.
///
/// # Errors
/// The system's words.
pub fn replace_file(path: &Path, bytes: &[u8]) -> Result<(), String> {
    let mut beside = path.as_os_str().to_owned();
    beside.push(".partial");
    let beside = PathBuf::from(beside);
    let written = write_file(&beside, bytes)
        .and_then(|()| fs::rename(&beside, path).map_err(|error| error.to_string()));
    if written.is_err() {
        let _ = fs::remove_file(&beside); // the first error is the one to tell
    }
    written
}

fn write_file(path: &Path, bytes: &[u8]) -> Result<(), String> {
    let write = || {
        let mut file = File::create(path)?;
        file.write_all(bytes)?;
        // A rename may reach the disk before the bytes do.
        file.sync_all()
    };
    write().map_err(|error| error.to_string())
}

fn json(record: &TakeRecord) -> Result<Vec<u8>, String> {
    serde_json::to_vec_pretty(record).map_err(|error| error.to_string())
}

fn read_record(folder: &Path) -> Option<TakeRecord> {
    let bytes = fs::read(folder.join(RECORD_FILE)).ok()?;
    let record: TakeRecord = serde_json::from_slice(&bytes).ok()?;
    (record.id == name_of(folder)).then_some(record)
}

fn name_of(path: &Path) -> String {
    let name = path.file_name().unwrap_or_default();
    name.to_string_lossy().into_owned()
}

fn size_of_folder(folder: &Path) -> u64 {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let sizes = entries.filter_map(|entry| Some(entry.metadata().ok()?.len()));
    sizes.sum()
}

fn is_gone(id: &str) -> String {
    format!("The take {id} is gone: another window deleted it, or it made room for newer ones.")
}

#[cfg(test)]
pub(crate) mod tests;
