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

/// Shared by the plugin's `process` and its window.
#[derive(Debug)]
pub struct KeyboardLink {
    held: [AtomicU64; 2],
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
    pub fn note_on(&self, key: u8) {
        if let Some(word) = self.held.get(usize::from(key / 64)) {
            word.fetch_or(1 << (key % 64), Relaxed);
        }
    }

    /// Darkens a key. Real-time safe. Keys over 127 are ignored.
    pub fn note_off(&self, key: u8) {
        if let Some(word) = self.held.get(usize::from(key / 64)) {
            word.fetch_and(!(1 << (key % 64)), Relaxed);
        }
    }

    /// Darkens every key, as after a reset. Real-time safe.
    pub fn all_off(&self) {
        for word in &self.held {
            word.store(0, Relaxed);
        }
    }

    /// The next key that the pointer pressed or let go: call until `None` at the start of a block.
    /// Real-time safe.
    pub fn next_played(&self) -> Option<PlayedKey> {
        self.played.pop()
    }

    /// Whether a key is lit.
    pub(super) fn is_held(&self, key: u8) -> bool {
        let word = self.held[usize::from(key / 64) & 1].load(Relaxed);
        word & (1 << (key % 64)) != 0
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
    use super::{KeyboardLink, PlayedKey, WAITING_KEYS};

    #[test]
    fn every_key_lights_alone_and_wild_keys_are_ignored() {
        let link = KeyboardLink::default();
        for key in 0..=255 {
            link.note_on(key);
            let lit: Vec<u8> = (0..128).filter(|key| link.is_held(*key)).collect();
            assert_eq!(lit, if key < 128 { vec![key] } else { vec![] });
            link.note_off(key);
        }
        link.note_on(3);
        link.all_off();
        assert!(!link.is_held(3));
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
