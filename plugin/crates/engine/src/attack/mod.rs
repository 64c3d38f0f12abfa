//! The attack cache of Instant mode: the first hops of every key, made ahead of its note.
//!
//! On a tick of the timeline the Processor asks for a set of attacks, for the latent and conditions
//! of that tick. The worker decodes and inverts them, key by key, and keeps with each where its
//! inverse stood. A note-on plays its attack at once, at host rate; meanwhile the frames that follow
//! are asked for, and the voice goes on from where the attack's inverse stood: same phases, same
//! tail, no seam. Where one call gives a whole hit, the whole hit is inverted and played from memory,
//! and no frame is asked for. Which set a note plays follows from its sample alone: a set holds from
//! one tick after the one it was asked on, and the first from its own tick on.

mod inverting;
mod maker;
mod plan;
mod shelf;
mod wanted;

use afterimage_spectral::VoiceSnapshot;
use rtrb::{Consumer, Producer};

use crate::contract::Conditions;
use crate::play::PlayKnobs;
use crate::touched;
use crate::voice::moment::Moment;
pub(crate) use maker::AttackMaker;
pub(crate) use plan::AttackPlan;
pub(crate) use shelf::{Opening, Shelf};
use wanted::Wanted;

/// Attacks of two sets may lie on the shelf at once: valid, and the next.
const GENERATIONS: usize = 2;
/// Sets that can wait for the worker: a minute of knobs that never rest, rendered in one breath.
const SETS_IN_FLIGHT: usize = 256;
/// Attacks that can wait for the Processor.
const ATTACKS_IN_FLIGHT: usize = 64;
/// The same for whole hits, each of which takes as much memory as forty attacks.
const HITS_IN_FLIGHT: usize = 4;

/// The draw of a stochastic pack's noise in Instant mode, for the attack of a key and the frames that go on from it.
pub(crate) fn attack_draw(key: u8) -> u32 {
    u32::from(key)
}

/// Asks for the attacks of all keys. Emitted by the Processor on a tick.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct SetRequest {
    pub(crate) epoch: u32,
    /// Counts up within the epoch.
    pub(crate) set: u32,
    /// Model sample of the first note that plays it.
    pub(crate) valid_from: u64,
    pub(crate) conditions: Conditions,
    /// Tuning, bend and shift of the first channel, in semitones.
    pub(crate) transpose: f32,
    /// Where the clocks of its notes run.
    pub(crate) play: PlayKnobs,
    pub(crate) seed: u64,
    /// The key that was played last: those near it are made first.
    pub(crate) near_key: u8,
}

/// The first hops of a note, and where its inverse stood after them; or all of a hit.
#[derive(Debug)]
pub(crate) struct Attack {
    pub(crate) epoch: u32,
    pub(crate) set: u32,
    pub(crate) key: u8,
    pub(crate) layer: u8,
    /// Host rate, equal lengths.
    pub(crate) left: Vec<f32>,
    pub(crate) right: Vec<f32>,
    /// `None` where nothing comes after it.
    pub(crate) stood: Option<VoiceSnapshot>,
    /// What its last frame shows.
    pub(crate) last: Moment,
}

/// The worker's ends.
pub(crate) struct MakerEnds {
    pub(crate) sets: Consumer<SetRequest>,
    pub(crate) attacks: Producer<Box<Attack>>,
    pub(crate) returned: Consumer<Box<Attack>>,
    pub(crate) wanted: Wanted,
}

/// The audio thread's ends.
pub(crate) struct ShelfEnds {
    pub(crate) sets: Producer<SetRequest>,
    pub(crate) attacks: Consumer<Box<Attack>>,
    pub(crate) returned: Producer<Box<Attack>>,
    pub(crate) wanted: Wanted,
}

/// Makes both ends. Allocates.
pub(crate) fn make_ends(plan: &AttackPlan) -> (ShelfEnds, MakerEnds) {
    let blank = || SetRequest {
        epoch: 0,
        set: 0,
        valid_from: 0,
        conditions: Conditions::default(),
        transpose: 0.0,
        play: PlayKnobs::default(),
        seed: 0,
        near_key: 60,
    };
    let in_flight = if plan.whole {
        HITS_IN_FLIGHT
    } else {
        ATTACKS_IN_FLIGHT
    };
    let all = plan.places() * GENERATIONS + shelf::STILL_SOUNDING + in_flight;
    let (set_in, set_out) = touched::ring(SETS_IN_FLIGHT, blank);
    let (attack_in, attack_out) = rtrb::RingBuffer::new(in_flight);
    let (return_in, return_out) = rtrb::RingBuffer::new(all);
    let wanted = Wanted::default();
    let shelf = ShelfEnds {
        sets: set_in,
        attacks: attack_out,
        returned: return_in,
        wanted: wanted.clone(),
    };
    let maker = MakerEnds {
        sets: set_out,
        attacks: attack_in,
        returned: return_out,
        wanted,
    };
    (shelf, maker)
}
