//! Frames that arrived for one voice, in the order of their requests. Audio thread; real-time safe.

use std::cmp::Ordering;
use std::collections::VecDeque;

use crate::link::Delivery;
use crate::touched;

/// A note's ordinal and a frame's index within it: what tells the frames of one voice apart.
pub(crate) type FrameName = (u32, u32);

/// What is known of a frame that a voice needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FrameState {
    /// It is there.
    Arrived,
    /// It may still come.
    Awaited,
    /// It will not come: it failed, or a later one came.
    Lost,
}

fn name(delivery: &Delivery) -> FrameName {
    (
        delivery.frame.request.note,
        delivery.frame.request.frame_index,
    )
}

/// A queue of fixed capacity.
pub(crate) struct FrameQueue {
    frames: VecDeque<Delivery>,
    capacity: usize,
}

impl FrameQueue {
    pub(crate) fn new(capacity: usize) -> Self {
        Self {
            frames: touched::queue(capacity, Delivery::empty),
            capacity,
        }
    }

    pub(crate) fn has_room(&self) -> bool {
        self.frames.len() < self.capacity
    }

    /// Adds a frame; the caller asked [`has_room`](Self::has_room).
    pub(crate) fn push(&mut self, delivery: Delivery) {
        self.frames.push_back(delivery);
    }

    pub(crate) fn pop(&mut self) -> Option<Delivery> {
        self.frames.pop_front()
    }

    /// Takes the oldest frame if it lies before `wanted`.
    pub(crate) fn pop_before(&mut self, wanted: FrameName) -> Option<Delivery> {
        self.frames.front().filter(|front| name(front) < wanted)?;
        self.frames.pop_front()
    }

    /// State of a frame. Frames arrive in the order of their requests: what was passed over is lost.
    pub(crate) fn state(&self, wanted: FrameName) -> FrameState {
        for delivery in &self.frames {
            match name(delivery).cmp(&wanted) {
                Ordering::Less => {}
                Ordering::Equal if !delivery.failed => return FrameState::Arrived,
                Ordering::Equal | Ordering::Greater => return FrameState::Lost,
            }
        }
        FrameState::Awaited
    }

    /// Whether the oldest frame is `wanted` and was decoded.
    pub(crate) fn is_next(&self, wanted: FrameName) -> bool {
        self.frames
            .front()
            .is_some_and(|front| name(front) == wanted && !front.failed)
    }

    /// Takes the oldest frame if it is `wanted` and was decoded.
    pub(crate) fn take(&mut self, wanted: FrameName) -> Option<Delivery> {
        if self.is_next(wanted) {
            self.frames.pop_front()
        } else {
            None
        }
    }
}
