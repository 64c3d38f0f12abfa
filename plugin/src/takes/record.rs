//! What is known of a take besides its samples.

use serde::{Deserialize, Serialize};

/// Version of the record; older ones are migrated by serde's defaults.
pub const RECORD_VERSION: u32 = 1;
/// Longest name that is kept, in characters.
pub const MOST_NAME: usize = 60;

/// Parts of an outline: what a small picture can show.
pub const OUTLINE: usize = 96;

/// A take, without its samples.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct TakeRecord {
    /// Version of this record.
    pub version: u32,
    /// Name of its folder; later takes sort after earlier ones.
    pub id: String,
    /// The name that a person gave it, or a plain one.
    pub name: String,
    /// Kept takes stay when room is made, and travel in the session.
    pub kept: bool,
    /// Name of the pack that played it.
    pub pack: String,
    /// What was drawn was drawn from this.
    pub seed: u64,
    /// False when it was imagined.
    pub follows_heard: bool,
    /// Label of each class condition.
    pub labels: Vec<u16>,
    /// Factor on the pack's temperature.
    pub temperature: f32,
    /// Factor on the pack's top-p.
    pub top_p: f32,
    /// Share of the memory of what was heard.
    pub likeness: f32,
    /// Rate of its positions, and of its sound if it has one, in hertz.
    pub rate_hz: u32,
    /// Length in samples of one channel.
    pub length_samples: u64,
    /// Where it began, in samples since the plugin was reset.
    pub start_sample: u64,
    /// Up to where the player was heard.
    pub branch_sample: u64,
    /// Where it began on the host's timeline, in quarter notes.
    pub position_quarters: Option<f64>,
    /// Quarter notes a minute.
    pub tempo_bpm: Option<f64>,
    /// Why it ended, in a word or two.
    pub ended: String,
    /// Its outline: the largest magnitude of each of [`OUTLINE`] parts, 255 the loudest.
    pub outline: Vec<u8>,
    /// Its notes, for a piece of notes.
    pub notes: Vec<TakeNote>,
}

/// A note of a take.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct TakeNote {
    /// Ticks since the piece began, 24 to the quarter.
    pub tick: u32,
    /// Ticks it is held.
    pub duration_ticks: u32,
    /// MIDI key.
    pub key: u8,
    /// 0 to 1.
    pub velocity: f32,
}

impl TakeRecord {
    /// Whether the id can name a folder of ours and nothing else: it may come from a session of
    /// anybody's.
    pub fn has_plain_id(&self) -> bool {
        let plain = |letter: char| letter.is_ascii_alphanumeric() || letter == '-';
        !self.id.is_empty() && self.id.len() <= 64 && self.id.chars().all(plain)
    }

    /// Gives it a name; one of spaces alone changes nothing.
    pub fn set_name(&mut self, name: &str) {
        let name: String = name.trim().chars().take(MOST_NAME).collect();
        if !name.is_empty() {
            self.name = name;
        }
    }

    /// A file name of the take's name: letters that a file system may refuse become '-'.
    pub fn file_stem(&self) -> String {
        let plain = |letter: char| match letter {
            letter if letter.is_alphanumeric() => letter,
            ' ' | '-' | '_' | '.' => letter,
            _ => '-',
        };
        let stem: String = self.name.chars().map(plain).collect();
        format!("{} {}", stem.trim_matches(['.', ' ']), self.id)
    }

    /// Whether it is a piece of notes.
    pub fn is_of_notes(&self) -> bool {
        !self.notes.is_empty()
    }

    /// Ticks until its last note ends.
    pub fn length_ticks(&self) -> u32 {
        let ends = self.notes.iter();
        let ends = ends.map(|note| note.tick.saturating_add(note.duration_ticks));
        ends.max().unwrap_or(0)
    }

    /// In seconds.
    pub fn seconds(&self) -> f64 {
        self.length_samples as f64 / f64::from(self.rate_hz.max(1))
    }
}

/// The outline of samples, however many channels are interleaved in them.
pub fn outline(samples: &[f32]) -> Vec<u8> {
    let magnitude = |samples: &[f32]| samples.iter().fold(0.0, |peak: f32, s| peak.max(s.abs()));
    let loudest = magnitude(samples).max(f32::MIN_POSITIVE);
    let part = samples.len().div_ceil(OUTLINE).max(1);
    let parts = samples.chunks(part);
    parts
        .map(|part| (255.0 * magnitude(part) / loudest).round() as u8)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::{OUTLINE, TakeRecord, outline};

    #[test]
    fn an_outline_is_bounded_and_its_loudest_part_is_255() {
        let rising: Vec<f32> = (0..1000).map(|n| n as f32 / 4000.0).collect();
        let parts = outline(&rising);
        assert!(parts.len() <= OUTLINE && parts.is_sorted());
        assert_eq!(parts.last(), Some(&255));
        assert!(outline(&[]).is_empty());
        assert_eq!(outline(&[0.0; 10]), [0; 10]);
    }

    #[test]
    fn an_id_that_leaves_the_folder_is_not_plain() {
        let plain = |id: &str| {
            let record = TakeRecord {
                id: id.to_owned(),
                ..TakeRecord::default()
            };
            record.has_plain_id()
        };
        assert!(plain("0001763865000000-0003"));
        for id in ["", "..", "a/b", "a\\b", ".partial", "C:x"] {
            assert!(!plain(id), "{id}");
        }
    }

    #[test]
    fn a_name_is_trimmed_bounded_and_never_empty() {
        let mut record = TakeRecord::default();
        record.set_name("  the good one ");
        record.set_name("   ");
        assert_eq!(record.name, "the good one");
        record.set_name(&"x".repeat(100));
        assert_eq!(record.name.len(), super::MOST_NAME);
        record.set_name("a/b: c");
        assert_eq!(record.file_stem().trim_end(), "a-b- c");
    }
}
