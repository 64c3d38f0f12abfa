//! A carried tensor: what a call gives comes back a fixed number of calls later.

/// So many items of one length, the oldest first out.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Queue {
    values: Vec<f32>,
    width: usize,
    /// The oldest item.
    place: usize,
}

impl Queue {
    /// `delay` items, at least 1, of `width` values that are all `initial`. Allocates.
    pub(crate) fn new(width: usize, delay: usize, initial: f32) -> Self {
        Self {
            values: vec![initial; width * delay.max(1)],
            width,
            place: 0,
        }
    }

    /// The item that comes back now, `[width]`.
    pub(crate) fn oldest(&self) -> &[f32] {
        &self.values[self.place * self.width..][..self.width]
    }

    /// An item of `width` values in the place of the oldest.
    pub(crate) fn push(&mut self, item: &[f32]) {
        self.values[self.place * self.width..][..self.width].copy_from_slice(item);
        self.place = (self.place + 1) % self.items();
    }

    /// Puts 0 where the item that was pushed last is no number.
    pub(crate) fn clean_newest(&mut self) {
        let newest = (self.place + self.items() - 1) % self.items();
        for value in &mut self.values[newest * self.width..][..self.width] {
            if !value.is_finite() {
                *value = 0.0;
            }
        }
    }

    fn items(&self) -> usize {
        (self.values.len() / self.width.max(1)).max(1)
    }
}

#[cfg(test)]
mod tests {
    use super::Queue;

    #[test]
    fn an_item_comes_back_after_the_delay() {
        for delay in [1, 2, 5] {
            let mut queue = Queue::new(2, delay, -1.0);
            for call in 0..12 {
                let expected = call as f32 - delay as f32;
                let expected = if expected < 0.0 { -1.0 } else { expected };
                assert_eq!(queue.oldest(), [expected; 2], "delay {delay}, call {call}");
                queue.push(&[call as f32; 2]);
            }
        }
    }
}
