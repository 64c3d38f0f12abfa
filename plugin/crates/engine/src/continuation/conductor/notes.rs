//! The conductor's part in notes: when their passages are asked for, and each on its sample. Real-time safe.

use super::{Act, COMPOSED_CHANNEL, Conductor, Piece, SOUNDING, Sounding, off};
use crate::continuation::{Cue, PASSAGE_TICKS, Source, TICKS_PER_QUARTER};
use crate::event::Event;

impl Conductor {
    pub(super) fn next_of_notes(&self, piece: &Piece) -> Option<(u64, Act)> {
        let is_open = piece.bars_to_cadence > 0;
        let cadence = piece.end().filter(|_| is_open);
        let cadence = cadence.map(|end| (end, Act::Cadence));
        let end = piece.end().filter(|_| !is_open);
        let off = (0..SOUNDING).filter_map(|slot| {
            let let_go = piece.at(self.sounding[slot]?.off_tick);
            Some((let_go.min(end.unwrap_or(u64::MAX)), Act::Off(slot)))
        });
        // Held notes are let go before the piece is over, although both are on one sample.
        let silent = self.sounding.iter().all(Option::is_none);
        let over = end.filter(|_| silent).map(|end| (end, Act::End));
        let on = self
            .pending
            .front()
            .map(|note| (piece.at(note.tick), Act::On))
            .filter(|(sample, _)| end.is_none_or(|end| *sample < end));
        let asked = piece.at(piece.asked_tick);
        let wanted = end.is_none_or(|end| asked < end);
        let ask = wanted.then(|| (self.asking_sample(piece), Act::Ask));
        off.chain(cadence).chain(over).chain(on).chain(ask).min()
    }

    /// A passage is asked for a quarter note before it begins, or a lead where that is longer.
    fn asking_sample(&self, piece: &Piece) -> u64 {
        let begins = piece.at(piece.asked_tick);
        let quarter = piece
            .time
            .sample_at(f64::from(piece.asked_tick) - f64::from(TICKS_PER_QUARTER));
        quarter.min(begins.saturating_sub(self.lead_samples))
    }

    pub(super) fn ask(&mut self) {
        let Some(mut piece) = self.piece else {
            return;
        };
        if piece.source == Source::Sound {
            return self.ask_for_sound();
        }
        let style = self.style_at(f64::from(piece.asked_tick));
        piece.asked_tick += PASSAGE_TICKS;
        self.piece = Some(piece);
        self.send(Cue::Passage {
            piece: piece.number,
            until_tick: piece.asked_tick,
            style,
        });
    }

    /// Starts the first note that waits, once an older one of its key was let go; a note that is too
    /// late is counted and left out.
    pub(super) fn strike(&mut self) -> Option<Event> {
        let note = *self.pending.front()?;
        let piece = self.piece.as_ref()?;
        if piece.at(note.tick) < self.passed {
            self.late_notes += 1;
            self.pending.pop_front();
            return None;
        }
        // Two notes on one key have one note-off in MIDI: the older gives way first.
        if let Some(older) = self.to_let_go(note.key) {
            return self.sounding[older].take().map(|s| off(s.key));
        }
        self.pending.pop_front();
        let off_tick = note.tick.saturating_add(note.duration_ticks.max(1));
        let faded = piece.faded_at(piece.at(note.tick));
        self.harmony.hear(&note);
        let free = self.sounding.iter_mut().find(|slot| slot.is_none())?;
        *free = Some(Sounding {
            key: note.key,
            off_tick,
        });
        Some(Event::NoteOn {
            key: note.key,
            channel: COMPOSED_CHANNEL,
            note_id: None,
            velocity: (note.velocity * faded).clamp(0.01, 1.0),
        })
    }

    /// The slot that a new note of `key` needs: the key's own, or one when none is free.
    fn to_let_go(&self, key: u8) -> Option<usize> {
        let same = |slot: &Option<Sounding>| slot.is_some_and(|sounding| sounding.key == key);
        let own = self.sounding.iter().position(same);
        own.or_else(|| self.sounding.iter().all(Option::is_some).then_some(0))
    }
}
