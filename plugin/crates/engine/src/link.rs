//! The rings between one program on the audio thread and the worker.
//!
//! Requests go out, frames come back, used frames return by the recycle lane. The number of frames
//! is fixed when the link is made: nothing is allocated or freed while sound runs.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64};
use std::thread::Thread;

use rtrb::{Consumer, Producer};

use crate::contract::{Frame, FrameRequest};
use crate::touched;

/// A frame on its way back, or the news that it could not be decoded.
#[derive(Debug)]
pub(crate) struct Delivery {
    pub(crate) frame: Frame,
    /// The decoder failed: the magnitudes mean nothing, the voice conceals.
    pub(crate) failed: bool,
}

/// What both sides read.
#[derive(Debug, Default)]
pub(crate) struct LinkShared {
    /// Written by the Processor: older requests are not worth decoding.
    pub(crate) epoch: AtomicU32,
    /// Written by the Processor: next model sample to be rendered, on the scale of `due_sample`.
    pub(crate) position_model: AtomicU64,
}

/// The audio thread's ends.
pub(crate) struct AudioLink {
    pub(crate) requests: Producer<FrameRequest>,
    pub(crate) deliveries: Consumer<Delivery>,
    pub(crate) recycle: Producer<Delivery>,
    pub(crate) shared: Arc<LinkShared>,
}

/// The worker's ends, with the pool that no frame ever leaves for good.
pub(crate) struct WorkerEnds {
    pub(crate) requests: Consumer<FrameRequest>,
    pub(crate) deliveries: Producer<Delivery>,
    pub(crate) recycle: Consumer<Delivery>,
    pub(crate) shared: Arc<LinkShared>,
    pub(crate) pool: Vec<Frame>,
}

/// Sizes of a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct LinkSizes {
    pub(crate) bins: usize,
    pub(crate) gives_phases: bool,
    pub(crate) requests: usize,
    pub(crate) frames: usize,
}

/// Makes both ends. Allocates every frame that will ever travel.
pub(crate) fn make_link(sizes: LinkSizes) -> (AudioLink, WorkerEnds) {
    let (request_in, request_out) = touched::ring(sizes.requests, || FrameRequest::NONE);
    let (delivery_in, delivery_out) = touched::ring(sizes.frames, Delivery::empty);
    let (recycle_in, recycle_out) = touched::ring(sizes.frames, Delivery::empty);
    let shared = Arc::new(LinkShared::default());
    let audio = AudioLink {
        requests: request_in,
        deliveries: delivery_out,
        recycle: recycle_in,
        shared: Arc::clone(&shared),
    };
    let pool = (0..sizes.frames)
        .map(|_| Frame::silent(sizes.bins, sizes.gives_phases))
        .collect();
    let worker = WorkerEnds {
        requests: request_out,
        deliveries: delivery_in,
        recycle: recycle_out,
        shared,
        pool,
    };
    (audio, worker)
}

impl Delivery {
    /// A place for a frame, with no room for one. Allocates nothing.
    pub(crate) fn empty() -> Self {
        Self {
            frame: Frame::silent(0, false),
            failed: false,
        }
    }
}

impl AudioLink {
    /// Sends a used frame back. Real-time safe.
    ///
    /// The lane holds every frame of the pool, so that it is never full.
    pub(crate) fn recycle(&mut self, delivery: Delivery) {
        let sent = self.recycle.push(delivery);
        debug_assert!(sent.is_ok(), "the recycle lane holds the whole pool");
    }
}

/// Wakes the worker: the one call into the system that the audio thread makes, at most once a
/// block, and only when requests were emitted or something was thrown away.
///
/// Does not block: it sets a token and, if the worker sleeps, asks the kernel to run it.
pub(crate) fn wake_worker(worker: &Thread) {
    worker.unpark();
}
