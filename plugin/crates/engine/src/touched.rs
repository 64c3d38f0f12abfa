//! Buffers whose memory is there before the audio thread needs it.
//!
//! A system hands out pages on their first write, and that takes microseconds. Whatever the audio
//! thread writes is therefore written once where it is made. Allocates; not for the audio thread.

use std::collections::VecDeque;

use rtrb::{Consumer, Producer, RingBuffer};

/// An empty queue with written memory for `capacity` values.
pub(crate) fn queue<T>(capacity: usize, filler: impl FnMut() -> T) -> VecDeque<T> {
    let mut queue: VecDeque<T> = std::iter::repeat_with(filler).take(capacity).collect();
    queue.clear();
    queue
}

/// An empty ring with written memory for `capacity` values.
pub(crate) fn ring<T>(
    capacity: usize,
    mut filler: impl FnMut() -> T,
) -> (Producer<T>, Consumer<T>) {
    let (mut producer, mut consumer) = RingBuffer::new(capacity);
    while producer.push(filler()).is_ok() {}
    while consumer.pop().is_ok() {}
    (producer, consumer)
}

#[cfg(test)]
mod tests {
    use super::{queue, ring};

    #[test]
    fn touched_buffers_are_empty_and_take_all_they_promise() {
        let queue = queue(100, || 1_u64);
        assert!(queue.is_empty() && queue.capacity() >= 100);
        let (mut producer, mut consumer) = ring(100, || 1_u64);
        assert!(consumer.pop().is_err());
        assert!((0..100).all(|value| producer.push(value).is_ok()));
        assert!(producer.push(100).is_err());
        assert_eq!(consumer.pop(), Ok(0));
    }
}
