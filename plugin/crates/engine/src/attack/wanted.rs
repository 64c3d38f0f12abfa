//! What the next note will want, as far as the last one tells: a hint from the audio thread to the worker.
//!
//! It decides what is made first and what is not worth making any more, never what a note plays.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Epochs are told apart by so many of their low bits: 2^24 resets may lie between writing and reading.
const EPOCH_BITS: u32 = 24;
const SET_BITS: u32 = 32;
const KEY_BITS: u32 = 8;

/// The key that was played or asked for last, and the set that is valid there. Real-time safe.
#[derive(Clone, Debug)]
pub(crate) struct Wanted(Arc<AtomicU64>);

impl Default for Wanted {
    fn default() -> Self {
        Self(Arc::new(AtomicU64::new(u64::MAX)))
    }
}

impl Wanted {
    /// No note before the one at hand can be played any more. Real-time safe.
    pub(crate) fn write(&self, epoch: u32, set: u32, key: u8) {
        let packed =
            low_epoch(epoch) << (SET_BITS + KEY_BITS) | u64::from(set) << KEY_BITS | u64::from(key);
        self.0.store(packed, Ordering::Relaxed);
    }

    /// Set and key, if they were written in this epoch. Real-time safe.
    pub(crate) fn read(&self, epoch: u32) -> Option<(u32, u8)> {
        let packed = self.0.load(Ordering::Relaxed);
        let same = packed != u64::MAX && packed >> (SET_BITS + KEY_BITS) == low_epoch(epoch);
        same.then_some(((packed >> KEY_BITS) as u32, packed as u8))
    }
}

fn low_epoch(epoch: u32) -> u64 {
    u64::from(epoch) & ((1 << EPOCH_BITS) - 1)
}

#[cfg(test)]
mod tests {
    use super::Wanted;

    #[test]
    fn what_was_written_is_read_in_its_own_epoch_alone() {
        let wanted = Wanted::default();
        assert_eq!(wanted.read(0), None);
        for (epoch, set, key) in [(0, 0, 0), (7, u32::MAX, 127), (0x00ff_ffff, 3, 60)] {
            wanted.write(epoch, set, key);
            assert_eq!(wanted.clone().read(epoch), Some((set, key)));
            assert_eq!(wanted.read(epoch.wrapping_add(1)), None);
        }
    }
}
