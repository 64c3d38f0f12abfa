//! Takes: what was continued, kept as it was made, until somebody fetches it.
//!
//! The worker writes them, any thread but the audio thread fetches them.

use std::collections::VecDeque;

use parking_lot::Mutex;

use super::{ComposedNote, HeardNote, SoundStart, Source};

/// Takes that wait to be fetched; the oldest gives way.
const SHELF_TAKES: usize = 64;

/// Why a take ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// By its length.
    Length,
    /// The player ended it.
    Stopped,
    /// By a reset, another rate, or the removal of the instance.
    Reset,
    /// The model failed or was taken away: from there on it is silent.
    Failed,
    /// It became too long for one take: the next one goes on where it ends.
    GoesOn,
}

/// Where a take lies in time.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct TakePlace {
    /// Host rate in hertz.
    pub host_rate_hz: u32,
    /// Host sample since the last reset at which it was asked to begin.
    pub start_sample: u64,
    /// Host sample up to which what was heard was told.
    pub branch_sample: u64,
    /// Where the host's transport stands at the start, in quarter notes, if it runs.
    pub position_quarters: Option<f64>,
    /// Quarter notes a minute when it was asked for.
    pub tempo_bpm: f64,
}

/// A continuation as it was made.
#[derive(Clone, Debug, PartialEq)]
pub struct Take {
    /// Counts up over the takes of one engine, from 1.
    pub serial: u64,
    /// Whether it is made of sound or of notes.
    pub source: Source,
    /// Name of the pack that made it.
    pub pack: String,
    /// Seed, labels and freedom that it began with.
    pub start: SoundStart,
    /// Where it lies in time.
    pub place: TakePlace,
    /// Of sound: one vector a channel, equally long, at the host rate, from the start
    /// sample on; the
    /// crossfades of the switch are not in it.
    pub audio: Vec<Vec<f32>>,
    /// Of sound: the last 10 s at most that were heard before the branch, mono, at the host rate.
    pub priming: Vec<f32>,
    /// Of notes: ticks from the start.
    pub notes: Vec<ComposedNote>,
    /// Of notes: what was played before.
    pub heard: Vec<HeardNote>,
    /// Why it ended.
    pub ended: Ending,
}

impl Take {
    /// One in which nothing lies yet.
    pub(crate) fn begin(source: Source, pack: String, start: SoundStart, place: TakePlace) -> Self {
        Self {
            serial: 0,
            source,
            pack,
            start,
            place,
            audio: Vec::new(),
            priming: Vec::new(),
            notes: Vec::new(),
            heard: Vec::new(),
            ended: Ending::Reset,
        }
    }

    /// Leaves out the notes from a tick on, and ends those that are held there.
    pub(crate) fn end_notes(&mut self, end_tick: u32) {
        self.notes.retain(|note| note.tick < end_tick);
        for note in &mut self.notes {
            note.duration_ticks = note.duration_ticks.min(end_tick - note.tick);
        }
    }
}

/// Takes that are finished and not fetched.
#[derive(Default)]
pub(crate) struct TakeShelf {
    finished: Mutex<Finished>,
}

#[derive(Default)]
struct Finished {
    takes: VecDeque<Take>,
    serial: u64,
}

impl TakeShelf {
    /// Puts a take on the shelf and numbers it, unless nothing lies in it; returns the one that had to
    /// go, to be dropped without the lock.
    pub(crate) fn put(&self, mut take: Take) -> Option<Take> {
        if take.notes.is_empty() && take.audio.iter().all(Vec::is_empty) {
            return None;
        }
        let mut finished = self.finished.lock();
        finished.serial += 1;
        take.serial = finished.serial;
        finished.takes.push_back(take);
        if finished.takes.len() > SHELF_TAKES {
            finished.takes.pop_front()
        } else {
            None
        }
    }

    /// The oldest take.
    pub(crate) fn fetch(&self) -> Option<Take> {
        self.finished.lock().takes.pop_front()
    }
}
