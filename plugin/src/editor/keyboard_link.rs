//! Keys between window and audio callback: which keys sound, and which the pointer plays.
//!
//! Both sides only touch atomics and a bounded lock-free queue. The audio side never allocates,
//! locks or waits.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use crossbeam::queue::ArrayQueue;

/// Keys that can wait for one callback; more than two hands reach.
const WAITING_KEYS: usize = 64;

/// A key that the pointer pressed or let go.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PlayedKey {
    /// MIDI key, 0 to 127.
    pub key: u8,
    /// Velocity, 0 to 1; `None` lets the key go.
    pub velocity: Option<f32>,
}

/// Who plays.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hand {
    /// The player, in warm colours.
    You,
    /// The model, in cool ones.
    It,
}

/// Shared by the plugin's `process` and its window.
#[derive(Debug)]
pub struct KeyboardLink {
    /// Keys that are held, a bit each: by the player, and by what plays on.
    held: [[AtomicU64; 2]; 2],
    played: ArrayQueue<PlayedKey>,
}

impl Default for KeyboardLink {
    fn default() -> Self {
        Self {
            held: Default::default(),
            played: ArrayQueue::new(WAITING_KEYS),
        }
    }
}

impl KeyboardLink {
    /// Lights a key. Real-time safe. Keys over 127 are ignored.
    pub fn note_on(&self, hand: Hand, key: u8) {
        if let Some(word) = self.held[hand as usize].get(usize::from(key / 64)) {
            word.fetch_or(1 << (key % 64), Relaxed);
        }
    }

    /// Darkens a key. Real-time safe. Keys over 127 are ignored.
    pub fn note_off(&self, hand: Hand, key: u8) {
        if let Some(word) = self.held[hand as usize].get(usize::from(key / 64)) {
            word.fetch_and(!(1 << (key % 64)), Relaxed);
        }
    }

    /// Darkens every key, as after a reset. Real-time safe.
    pub fn all_off(&self) {
        for word in self.held.iter().flatten() {
            word.store(0, Relaxed);
        }
    }

    /// The next key that the pointer pressed or let go: call until `None` at the start of a block.
    /// Real-time safe.
    pub fn next_played(&self) -> Option<PlayedKey> {
        self.played.pop()
    }

    /// Who holds a key; the player where both do.
    pub(super) fn held_by(&self, key: u8) -> Option<Hand> {
        let holds = |hand: &Hand| {
            let word = self.held[*hand as usize][usize::from(key / 64) & 1].load(Relaxed);
            word & (1 << (key % 64)) != 0
        };
        [Hand::You, Hand::It].into_iter().find(holds)
    }

    /// Leaves a key for the next callback. A press is dropped when nobody takes keys; a release
    /// pushes out the oldest instead, or a note could hang.
    pub(super) fn play(&self, played: PlayedKey) {
        if played.velocity.is_some() {
            // Nobody takes keys while the host does not process: then there is nothing to hear.
            let _ = self.played.push(played);
        } else {
            self.played.force_push(played);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Hand, KeyboardLink, PlayedKey, WAITING_KEYS};

    #[test]
    fn every_key_lights_alone_and_wild_keys_are_ignored() {
        let link = KeyboardLink::default();
        for hand in [Hand::You, Hand::It] {
            for key in 0..=255 {
                link.note_on(hand, key);
                let held = |key: &u8| link.held_by(*key) == Some(hand);
                let lit: Vec<u8> = (0..128).filter(held).collect();
                assert_eq!(lit, if key < 128 { vec![key] } else { vec![] });
                link.note_off(hand, key);
            }
        }
        link.note_on(Hand::It, 3);
        link.all_off();
        assert_eq!(link.held_by(3), None);
    }

    #[test]
    fn a_key_that_both_hold_is_the_player_s_until_he_lets_go() {
        let link = KeyboardLink::default();
        link.note_on(Hand::It, 60);
        link.note_on(Hand::You, 60);
        assert_eq!(link.held_by(60), Some(Hand::You));
        link.note_off(Hand::You, 60);
        assert_eq!(link.held_by(60), Some(Hand::It));
    }

    #[test]
    fn a_release_is_kept_when_nobody_takes_keys() {
        let link = KeyboardLink::default();
        let press = PlayedKey {
            key: 60,
            velocity: Some(0.5),
        };
        let release = PlayedKey {
            key: 60,
            velocity: None,
        };
        for _ in 0..2 * WAITING_KEYS {
            link.play(press);
        }
        link.play(release);
        let taken: Vec<PlayedKey> = std::iter::from_fn(|| link.next_played()).collect();
        assert_eq!(taken.len(), WAITING_KEYS);
        assert_eq!(taken.last(), Some(&release));
    }
}
