//! Transforming sound: the input goes to the worker, and comes back as something else, in time with itself.
//!
//! The [`Transforming`](audio::Transforming) on the audio thread cuts the input into chunks of the timeline,
//! holds the rest of the output back, and mixes in what comes back a fixed time later. The
//! [`TransformLink`](link::TransformLink) on the worker brings the chunks to the transformer's rate, has them
//! transformed tick by tick, and brings what comes of it back to the host's. What sounds is a function of the
//! input and of the automation alone: a tick hears the controls as they stood at its own first sample.

mod audio;
mod controls;
mod link;
mod run;

pub(crate) use audio::Transforming;
pub use controls::{TransformChange, TransformControls};
pub(crate) use link::TransformLink;
pub(crate) use run::look_ahead;

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64};

use parking_lot::Mutex;
use rtrb::{Consumer, Producer};

use crate::continuation::Seat;
use crate::contract::DecodeError;
use crate::touched;

/// Where a loader puts a transformer, and where the worker finds it.
pub(crate) type TransformerSlot = Mutex<Seat<dyn Transformer>>;

/// Host samples that travel at once.
pub(crate) const CHUNK_SAMPLES: usize = 64;
/// Chunks that can be on their way in either direction: 2.7 s at 48 kHz.
const CHUNKS: usize = 2048;
/// Changes of controls that can be on their way.
const CUES: usize = 4096;

/// What a transformer says of itself; fixed while it lives.
#[derive(Clone, Debug, PartialEq)]
pub struct TransformerSpec {
    /// Name of the pack.
    pub name: String,
    /// Rate of what it takes and of what it gives, in hertz.
    pub sample_rate_hz: u32,
    /// Channels of both: 1 takes the middle of left and right, and sounds on both.
    pub channels: usize,
    /// Samples that it takes, and gives, at a time.
    pub tick_samples: usize,
    /// Samples by which what it gives lags what it took with the same tick.
    pub delay_samples: usize,
}

/// One tick's time and controls.
#[derive(Clone, Copy, Debug)]
pub struct Tick<'a> {
    /// The timeline at the first sample of its output, in seconds.
    pub at_s: f64,
    /// The controls there.
    pub controls: &'a TransformControls,
}

/// Transforms sound. Lives on the worker; not real-time safe.
///
/// What it gives is a pure function of what it was given since it was reset, and of the ticks' times and
/// controls.
pub trait Transformer: Send {
    /// What it is.
    fn spec(&self) -> &TransformerSpec;

    /// Forgets what it heard.
    fn reset(&mut self);

    /// Takes a tick of input and gives a tick of output; one slice a channel, each of `tick_samples`, finite.
    ///
    /// # Errors
    /// When the backend fails; the tick is then silent, and the transformer is reset.
    fn transform(
        &mut self,
        tick: Tick<'_>,
        input: &[&[f32]],
        output: &mut [&mut [f32]],
    ) -> Result<(), DecodeError>;
}

/// Some samples of the timeline, host rate, left and right.
#[derive(Clone, Copy, Debug)]
struct Chunk {
    /// Which run it belongs to: each beginning counts up.
    run: u32,
    from_host: u64,
    samples: [[f32; 2]; CHUNK_SAMPLES],
}

impl Chunk {
    const EMPTY: Self = Self {
        run: 0,
        from_host: 0,
        samples: [[0.0; 2]; CHUNK_SAMPLES],
    };

    fn end(&self) -> u64 {
        self.from_host + CHUNK_SAMPLES as u64
    }
}

/// Some transformed samples.
#[derive(Clone, Copy, Debug)]
struct Slab {
    /// Whose they are: another transformer's are faded over to.
    serial: u64,
    chunk: Chunk,
}

/// From the audio thread to the worker, in order.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Cue {
    /// What is heard from a host sample on is to be transformed.
    Begin {
        run: u32,
        origin_host: u64,
        host_rate_hz: u32,
    },
    /// A control moved at a host sample.
    Change {
        at_host: u64,
        change: TransformChange,
    },
    /// Nothing is to be transformed any more.
    End,
}

/// What both sides read.
#[derive(Debug, Default)]
pub(crate) struct TransformShared {
    /// Host samples from the input to what became of it, as the transformer that sits there needs them; 0
    /// while none does. Written where it is seated.
    pub(crate) needed: AtomicU32,
    /// Written by the worker: up to where the newest run was sent, see [`sent_mark`].
    sent: AtomicU64,
    /// Written by the audio thread: the input's sample whose turn it is to sound; orders work, decides no sound.
    due: AtomicU64,
}

const MARK_BITS: u32 = 40; // of the sample: 66 days at 192 kHz; the run has the rest

/// A run and how far it was sent, in one word.
fn sent_mark(run: u32, until_host: u64) -> u64 {
    u64::from(run) << MARK_BITS | (until_host & ((1 << MARK_BITS) - 1))
}

/// The audio thread's ends.
pub(crate) struct TransformEnds {
    chunks: Producer<Chunk>,
    cues: Producer<Cue>,
    slabs: Consumer<Slab>,
    shared: Arc<TransformShared>,
}

/// The worker's ends.
pub(crate) struct TransformWorkerEnds {
    chunks: Consumer<Chunk>,
    cues: Consumer<Cue>,
    slabs: Producer<Slab>,
    shared: Arc<TransformShared>,
}

/// Makes both ends. Allocates.
pub(crate) fn make_ends(shared: &Arc<TransformShared>) -> (TransformEnds, TransformWorkerEnds) {
    let (chunk_in, chunk_out) = touched::ring(CHUNKS, || Chunk::EMPTY);
    let (cue_in, cue_out) = touched::ring(CUES, || Cue::End);
    let (slab_in, slab_out) = touched::ring(CHUNKS, || Slab {
        serial: 0,
        chunk: Chunk::EMPTY,
    });
    let audio = TransformEnds {
        chunks: chunk_in,
        cues: cue_in,
        slabs: slab_out,
        shared: Arc::clone(shared),
    };
    let worker = TransformWorkerEnds {
        chunks: chunk_out,
        cues: cue_out,
        slabs: slab_in,
        shared: Arc::clone(shared),
    };
    (audio, worker)
}
