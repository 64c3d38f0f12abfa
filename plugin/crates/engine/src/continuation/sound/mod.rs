//! Continuation of sound: what the audio thread and the worker say to each other about it.
//!
//! The [`Ear`](ear::Ear) cuts the input into chunks of the timeline, the conductor decides where a piece
//! begins and ends, the [`Player`](player::Player) plays what comes back: all on the audio thread. The
//! [`SoundLink`](link::SoundLink) on the worker hears, begins, compares, goes on and keeps the take.

mod ear;
mod hearing;
mod history;
mod link;
mod piece;
mod player;
mod recording;
mod seam;
mod stock;
mod upper;

use std::sync::Arc;
use std::sync::atomic::AtomicU64;

pub(crate) use ear::{Ear, Level};
pub(crate) use link::SoundLink;
pub(crate) use player::{Player, half_switch};

use rtrb::{Consumer, Producer};

use super::take::{Ending, TakePlace};
use super::{SoundStart, Style};
use crate::touched;

/// Host samples that travel at once: little beside the lead, many beside the cost of a ring.
pub(crate) const CHUNK_SAMPLES: usize = 64;
/// Chunks of input that can be on their way: 2.7 s at 48 kHz.
const CHUNKS: usize = 2048;
/// Slabs of continuation that can be on their way: 5.4 s at 48 kHz, more than is ever asked for ahead.
const SLABS: usize = 4096;
/// Cues that can be on their way: ten a second while a piece runs.
const CUES: usize = 256;

/// The crossfade of a switch, from side to side, in milliseconds.
pub(crate) const SWITCH_MS: f32 = 20.0;
/// What was generated and what was played meanwhile are compared over this long.
pub(crate) const COMPARED_MS: f32 = 160.0;
/// From the end of the comparison to the start of the piece, at least: time for the comparison and for
/// the first samples to arrive.
pub(crate) const GAP_MS: f32 = 90.0;
/// The part of it that neither end of the way can do without: both resamplers look ahead, 96 samples at
/// the lower rate each, and half the switch lies before the start.
pub(crate) const LOOK_AHEAD_MS: f32 = 40.0;
/// Sound is asked for in pieces of this length; what the player turns is heard so much later at most,
/// beside the lead.
pub(crate) const PASSAGE_MS: f32 = 100.0;
/// What is heard is measured over this long: so much of a player's attack is lost when it ends a piece.
pub(crate) const LEVEL_MS: f32 = 5.0;

/// Some of the input, host rate, left and right.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Chunk {
    /// Which timeline it lies on: resets count up.
    listening: u32,
    from_host: u64,
    /// No piece will branch before this sample.
    horizon: u64,
    samples: [[f32; 2]; CHUNK_SAMPLES],
}

/// How a piece of sound begins.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct SoundBegin {
    pub(crate) piece: u32,
    pub(crate) place: TakePlace,
    /// Until here it is compared with what was played, if it is.
    pub(crate) compare_until: Option<u64>,
    /// The first sample that is needed: the switch begins there.
    pub(crate) stream_from: u64,
    /// The length of a quarter note in it counts host samples.
    pub(crate) start: SoundStart,
}

/// From the conductor to the worker, in order.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum SoundCue {
    /// The timeline begins at 0 again; what was heard is forgotten.
    Restart { listening: u32, host_rate_hz: u32 },
    /// A piece is wanted.
    Begin(SoundBegin),
    /// It is wanted up to a host sample.
    Passage {
        piece: u32,
        until_host: u64,
        style: Style,
    },
    /// It is over at a host sample; some samples after it are still needed for the switch.
    End {
        piece: u32,
        at_host: u64,
        ending: Ending,
    },
}

/// Some of a continuation, host rate, mono.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Slab {
    piece: u32,
    from_host: u64,
    /// Level of left and right.
    gains: [f32; 2],
    /// How alike the continuation is to what it follows, 0 to 1.
    correlation: f32,
    samples: [f32; CHUNK_SAMPLES],
}

impl Slab {
    fn end(&self) -> u64 {
        self.from_host + CHUNK_SAMPLES as u64
    }
}

/// What both sides read.
#[derive(Debug, Default)]
pub(crate) struct SoundShared {
    /// Written by the worker: up to where the newest piece was sent, see [`sent_mark`].
    sent: AtomicU64,
    /// Written by the Processor: the host sample it stands at; orders work, decides no sound.
    position: AtomicU64,
}

const MARK_BITS: u32 = 40; // of the sample: 66 days at 192 kHz; the piece has the rest

/// A piece and how far it was sent, in one word.
fn sent_mark(piece: u32, until_host: u64) -> u64 {
    u64::from(piece) << MARK_BITS | (until_host & ((1 << MARK_BITS) - 1))
}

/// The audio thread's ends.
pub(crate) struct SoundEnds {
    pub(crate) chunks: Producer<Chunk>,
    pub(crate) cues: Producer<SoundCue>,
    pub(crate) slabs: Consumer<Slab>,
    pub(crate) shared: Arc<SoundShared>,
}

/// The worker's ends.
pub(crate) struct SoundWorkerEnds {
    chunks: Consumer<Chunk>,
    cues: Consumer<SoundCue>,
    slabs: Producer<Slab>,
    shared: Arc<SoundShared>,
}

/// Makes both ends. Allocates.
pub(crate) fn make_ends() -> (SoundEnds, SoundWorkerEnds) {
    let (chunk_in, chunk_out) = touched::ring(CHUNKS, || Chunk {
        listening: 0,
        from_host: 0,
        horizon: 0,
        samples: [[0.0; 2]; CHUNK_SAMPLES],
    });
    let (cue_in, cue_out) = touched::ring(CUES, || SoundCue::Restart {
        listening: 0,
        host_rate_hz: 0,
    });
    let (slab_in, slab_out) = touched::ring(SLABS, || Slab {
        piece: 0,
        from_host: 0,
        gains: [0.0; 2],
        correlation: 0.0,
        samples: [0.0; CHUNK_SAMPLES],
    });
    let shared = Arc::new(SoundShared::default());
    let audio = SoundEnds {
        chunks: chunk_in,
        cues: cue_in,
        slabs: slab_out,
        shared: Arc::clone(&shared),
    };
    let worker = SoundWorkerEnds {
        chunks: chunk_out,
        cues: cue_out,
        slabs: slab_in,
        shared,
    };
    (audio, worker)
}
