//! The worker's half of continuation: keeps what was heard, has passages composed, sends their notes.
//!
//! Worker thread only.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use parking_lot::Mutex;

use super::{
    ComposedNote, Composer, ComposingEnds, Cue, Ending, HeardNote, MAX_PASSAGE_NOTES, PieceStart,
    Progress, Reply, SoundStart, Source, Style, Take, TakePlace, TakeShelf,
};
use crate::contract::DecodeError;
use crate::monitor::{Monitor, count};

/// Notes that are remembered: more than any net was trained to look back on.
const MEMORY_NOTES: usize = 2048;

/// Where a loader puts a composer, and where the worker finds it.
pub(crate) type ComposerSlot = Mutex<Seat<dyn Composer>>;

/// A model, and the number of those that sat there before it.
pub(crate) struct Seat<M: ?Sized> {
    pub(crate) model: Option<Box<M>>,
    pub(crate) serial: u64,
}

impl<M: ?Sized> Default for Seat<M> {
    fn default() -> Self {
        Self {
            model: None,
            serial: 0,
        }
    }
}

impl<M: ?Sized> Seat<M> {
    /// Seats another; gives the one before back, to be dropped without the lock.
    pub(crate) fn take_turns(&mut self, model: Option<Box<M>>) -> Option<Box<M>> {
        self.serial += 1;
        std::mem::replace(&mut self.model, model)
    }
}

/// A remembered note, on the scale of the beat.
#[derive(Clone, Copy, Debug)]
struct Remembered {
    tick: i64,
    off_tick: Option<i64>,
    key: u8,
    velocity: f32,
}

/// A passage at work.
#[derive(Clone, Copy, Debug)]
struct Passage {
    piece: u32,
    until_tick: u32,
    style: Style,
}

/// One instance's place with the worker.
pub(crate) struct ComposingLink {
    ends: ComposingEnds,
    composer: Arc<ComposerSlot>,
    takes: Arc<TakeShelf>,
    monitor: Arc<Monitor>,
    /// The take of the piece that was begun last.
    take: Option<(u32, Take)>,
    memory: VecDeque<Remembered>,
    passage: Option<Passage>,
    /// The piece whose composer failed: it stays silent.
    failed_piece: Option<u32>,
    /// Who began the piece: another composer knows nothing of it.
    began_by: u64,
    notes: Vec<ComposedNote>,
    sent: usize,
    done: bool,
}

impl ComposingLink {
    /// Allocates.
    pub(crate) fn new(
        ends: ComposingEnds,
        composer: Arc<ComposerSlot>,
        takes: Arc<TakeShelf>,
        monitor: Arc<Monitor>,
    ) -> Self {
        Self {
            ends,
            composer,
            takes,
            monitor,
            take: None,
            memory: VecDeque::with_capacity(MEMORY_NOTES),
            passage: None,
            failed_piece: None,
            began_by: 0,
            notes: Vec::with_capacity(MAX_PASSAGE_NOTES),
            sent: 0,
            done: false,
        }
    }

    /// Whether its instance is gone.
    pub(crate) fn is_abandoned(&self) -> bool {
        self.ends.cues.is_abandoned()
    }

    /// Does a bounded piece of work; whether there was any.
    pub(crate) fn step(&mut self) -> bool {
        if self.passage.is_some() {
            return self.work();
        }
        let Ok(cue) = self.ends.cues.pop() else {
            return false;
        };
        match cue {
            Cue::Heard {
                tick,
                key,
                velocity,
            } => self.remember(tick, key, velocity),
            Cue::Released { tick, key } => self.release(tick, key),
            Cue::Forget => self.memory.clear(),
            Cue::Begin {
                piece,
                heard_origin,
                follows_heard,
                start,
                place,
            } => {
                let heard = if follows_heard {
                    self.heard_before(heard_origin)
                } else {
                    Vec::new()
                };
                let start = (start, follows_heard);
                self.begin(piece, &start, heard, place);
            }
            Cue::End {
                piece,
                tick,
                ending,
            } => self.end(piece, tick, ending),
            Cue::Passage {
                piece,
                until_tick,
                style,
            } => {
                self.passage = Some(Passage {
                    piece,
                    until_tick,
                    style,
                });
                self.notes.clear();
                (self.sent, self.done) = (0, self.failed_piece == Some(piece));
            }
        }
        true
    }

    fn begin(
        &mut self,
        piece: u32,
        (start, follows_heard): &(PieceStart, bool),
        heard: Vec<HeardNote>,
        place: TakePlace,
    ) {
        self.failed_piece = None;
        let mut seat = self.composer.lock();
        self.began_by = seat.serial;
        let mut pack = String::new();
        let begun = seat.model.as_mut().is_some_and(|composer| {
            composer.name().clone_into(&mut pack);
            catch_unwind(AssertUnwindSafe(|| composer.begin(start, &heard))).is_ok()
        });
        drop(seat);
        if !begun {
            self.failed_piece = Some(piece);
        }
        let quarter_samples = 60.0 * f64::from(place.host_rate_hz) / place.tempo_bpm;
        let started = SoundStart {
            seed: start.seed,
            follows_heard: *follows_heard,
            quarter_samples: quarter_samples as f32,
            style: start.style,
        };
        let take = Take::begin(Source::Notes, pack, started, place);
        self.take = Some((piece, Take { heard, ..take }));
    }

    /// Ends a piece's take and puts it on the shelf.
    fn end(&mut self, piece: u32, tick: u32, ending: Ending) {
        if let Some((_, mut take)) = self.take.take_if(|(of, _)| *of == piece) {
            take.end_notes(tick);
            take.ended = match self.failed_piece {
                Some(failed) if failed == piece => Ending::Failed,
                _ => ending,
            };
            drop(self.takes.put(take));
        }
    }

    fn remember(&mut self, tick: i64, key: u8, velocity: f32) {
        self.release(tick, key);
        if self.memory.len() == MEMORY_NOTES {
            self.memory.pop_front();
        }
        self.memory.push_back(Remembered {
            tick,
            off_tick: None,
            key,
            velocity,
        });
    }

    fn release(&mut self, tick: i64, key: u8) {
        let held = |note: &&mut Remembered| note.key == key && note.off_tick.is_none();
        if let Some(note) = self.memory.iter_mut().rev().find(held) {
            note.off_tick = Some(tick);
        }
    }

    /// What was heard before the piece, on its scale.
    fn heard_before(&self, origin: i64) -> Vec<HeardNote> {
        let before = self.memory.iter().filter(|note| note.tick < origin);
        before
            .map(|note| {
                let off = note.off_tick.unwrap_or(origin).min(origin);
                HeardNote {
                    tick: note.tick - origin,
                    duration_ticks: (off - note.tick).clamp(1, i64::from(u32::MAX)) as u32,
                    key: note.key,
                    velocity: note.velocity,
                }
            })
            .collect()
    }

    /// Goes on with the passage, or sends what is written; whether anything could be done.
    fn work(&mut self) -> bool {
        let Some(passage) = self.passage else {
            return false;
        };
        if !self.done {
            self.done = self.compose(&passage);
            return true;
        }
        let mut moved = false;
        while let Some(note) = self.notes.get(self.sent).copied() {
            let piece = passage.piece;
            if self.ends.replies.push(Reply::Note { piece, note }).is_err() {
                return moved; // the conductor takes some at its next block, and wakes us
            }
            (self.sent, moved) = (self.sent + 1, true);
        }
        let through = Reply::Through {
            piece: passage.piece,
            tick: passage.until_tick,
        };
        if self.ends.replies.push(through).is_ok() {
            self.passage = None;
            moved = true;
        }
        moved
    }

    /// One step of the composer; whether the passage is complete, or given up.
    fn compose(&mut self, passage: &Passage) -> bool {
        let mut seat = self.composer.lock();
        let is_another = seat.serial != self.began_by;
        let Some(composer) = seat.model.as_mut().filter(|_| !is_another) else {
            return true;
        };
        let notes = &mut self.notes;
        let before = notes.len();
        let call = catch_unwind(AssertUnwindSafe(|| {
            composer.compose(&passage.style, passage.until_tick, notes)
        }));
        let outcome = call.unwrap_or_else(|_| {
            Err(DecodeError::Composer {
                pack: "the composer".to_owned(),
                reason: "the backend panicked".to_owned(),
            })
        });
        self.notes.truncate(MAX_PASSAGE_NOTES);
        if let Some((piece, take)) = &mut self.take
            && *piece == passage.piece
        {
            take.notes.extend_from_slice(&self.notes[before..]);
        }
        match outcome {
            Ok(progress) => progress == Progress::Done,
            Err(error) => {
                self.failed_piece = Some(passage.piece);
                count(&self.monitor.counters.failed_decodes, 1);
                self.monitor.set_last_error(Some(error));
                true
            }
        }
    }
}

impl Drop for ComposingLink {
    /// What was written when the instance was removed is not lost.
    fn drop(&mut self) {
        if let Some((_, take)) = self.take.take() {
            drop(self.takes.put(take));
        }
    }
}
