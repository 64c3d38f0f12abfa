//! A priority queue over 256 levels: push and pop take a fixed number of steps. Audio thread.
//!
//! Phase integration only needs the loud bins before the quiet ones; half a decibel of rounding is
//! inaudible there, and unlike a binary heap the queue has no logarithm and no bad case.

const NONE: u32 = u32::MAX;

/// Holds each node `0..nodes` at most once. Within a level the latest comes out first.
#[derive(Clone, Debug)]
pub(crate) struct BucketQueue {
    heads: [u32; 256],
    occupied: [u64; 4],
    next: Vec<u32>,
}

impl BucketQueue {
    /// Room for `nodes` nodes. Allocates.
    pub(crate) fn new(nodes: usize) -> Self {
        Self {
            heads: [NONE; 256],
            occupied: [0; 4],
            next: vec![NONE; nodes],
        }
    }

    /// Empties the queue. Real-time safe.
    pub(crate) fn clear(&mut self) {
        self.occupied = [0; 4];
    }

    /// Adds a node that is not in the queue. Real-time safe.
    #[inline]
    pub(crate) fn push(&mut self, level: u8, node: usize) {
        let (word, bit) = (usize::from(level >> 6), 1_u64 << (level & 63));
        let empty = self.occupied[word] & bit == 0;
        self.next[node] = if empty {
            NONE
        } else {
            self.heads[usize::from(level)]
        };
        self.heads[usize::from(level)] = node as u32;
        self.occupied[word] |= bit;
    }

    /// Takes the node of the highest level. Real-time safe.
    #[inline]
    pub(crate) fn pop(&mut self) -> Option<usize> {
        let word = (0..4).rev().find(|&word| self.occupied[word] != 0)?;
        let bit = 63 - self.occupied[word].leading_zeros() as usize;
        let level = word * 64 + bit;
        let node = self.heads[level] as usize;
        self.heads[level] = self.next[node];
        if self.next[node] == NONE {
            self.occupied[word] &= !(1 << bit);
        }
        Some(node)
    }
}

#[cfg(test)]
mod tests {
    use super::BucketQueue;

    #[test]
    fn nodes_come_out_by_level_and_the_latest_first() {
        let mut queue = BucketQueue::new(8);
        for (level, node) in [(3, 0), (200, 1), (3, 2), (255, 3), (0, 4), (200, 5)] {
            queue.push(level, node);
        }
        let order: Vec<_> = std::iter::from_fn(|| queue.pop()).collect();
        assert_eq!(order, [3, 5, 1, 2, 0, 4]);
    }

    #[test]
    fn a_cleared_queue_forgets_its_nodes() {
        let mut queue = BucketQueue::new(2);
        queue.push(9, 1);
        queue.clear();
        assert_eq!(queue.pop(), None);
        queue.push(9, 0);
        assert_eq!((queue.pop(), queue.pop()), (Some(0), None));
    }
}
