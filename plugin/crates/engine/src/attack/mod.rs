//! The attack cache of Instant mode: the first hops of every key, made ahead of its note.
//!
//! On a tick of the timeline the Processor asks for a set of attacks, for the latent and conditions
//! of that tick. The worker decodes and inverts them, key by key, and keeps with each where its
//! inverse stood. A note-on plays its attack at once, at host rate; meanwhile the frames that follow
//! are asked for, and the voice goes on from where the attack's inverse stood: same phases, same
//! tail, no seam. Which set a note plays follows from its sample alone: a set holds from one tick
//! after the one it was asked on, and the first from its own tick on.

mod maker;
mod shelf;

use afterimage_spectral::{PhaseMethod, VoiceSnapshot};
use rtrb::{Consumer, Producer};

use crate::contract::Conditions;
use crate::play::PlayKnobs;
use crate::spec::{InstrumentSpec, PlayStyle};
use crate::timeline::ms_to_samples;
use crate::touched;
pub(crate) use maker::AttackMaker;
pub(crate) use shelf::{Opening, Shelf};

/// Moves of a knob reach the attacks at this pace.
const TICK_MS: f32 = 250.0;
/// Velocities that are made; those between are mixed.
const LAYERS: [f32; 2] = [0.15, 1.0];
/// The attack fades out, and the voice in, over so many model samples: 1.3 ms at 48 kHz. They carry
/// the same sound; the fade hides that a host's note lies between two model samples.
const BLEND_SAMPLES: u32 = 64;
/// Keys beyond the trained range that are still made.
const KEYS_BEYOND_RANGE: f32 = 12.0;
/// Attacks of three sets may lie on the shelf at once: sounding, valid, and the next.
const GENERATIONS: usize = 3;
/// Memory of all attacks of one program: keys in the middle of the keyboard come first.
const MAX_BYTES: usize = 48 << 20;
/// What a snapshot of one voice takes, in bytes a bin (f0-lock: 25 at 330 Hz, 50 at the lowest keys).
const SNAPSHOT_BYTES_A_BIN: usize = 48;
/// Sets that can wait for the worker: a minute of knobs that never rest, rendered in one breath.
const SETS_IN_FLIGHT: usize = 256;
/// Attacks that can wait for the Processor.
const ATTACKS_IN_FLIGHT: usize = 64;

/// How the attacks of a program are made; fixed when it is built. Samples are the model's.
#[derive(Clone, Debug)]
pub(crate) struct AttackPlan {
    /// Hops that an attack covers: no less than lead and resampler delay.
    pub(crate) hops: u32,
    /// Frames that are in it; the voice goes on with this one.
    pub(crate) frames: u32,
    pub(crate) hop: usize,
    pub(crate) tick: u64,
    pub(crate) model_rate_hz: u32,
    pub(crate) host_rate_hz: u32,
    pub(crate) lowest_key: u8,
    pub(crate) keys: u8,
    pub(crate) spread: f32,
    pub(crate) phase: PhaseMethod,
    pub(crate) play: PlayStyle,
}

impl AttackPlan {
    /// `covered`: model samples from a note-on until its first live frame can be heard.
    pub(crate) fn new(
        spec: &InstrumentSpec,
        frames_ahead: u32,
        covered: u64,
        host_rate_hz: u32,
    ) -> Self {
        let hop = spec.stft.hop();
        let hops = (covered.div_ceil(hop as u64) as u32).max(1);
        let host_samples = (f64::from(hops) * hop as f64 * f64::from(host_rate_hz)
            / f64::from(spec.sample_rate_hz)) as usize;
        let bytes = 2 * size_of::<f32>() * host_samples + SNAPSHOT_BYTES_A_BIN * spec.stft.bins();
        let most = (MAX_BYTES / (bytes * LAYERS.len() * GENERATIONS)).clamp(1, 128) as f32;
        let (low, high) = spec.pitch_range;
        let low = (low - KEYS_BEYOND_RANGE).clamp(0.0, 127.0);
        let high = (high + KEYS_BEYOND_RANGE).clamp(low, 127.0);
        let surplus = (high - low + 1.0 - most).max(0.0);
        let lowest_key = (low + 0.5 * surplus) as u8;
        let keys = (high - low + 1.0).min(most) as u8;
        Self {
            hops,
            frames: hops + frames_ahead,
            hop,
            tick: u64::from(ms_to_samples(TICK_MS, spec.sample_rate_hz, 1)),
            model_rate_hz: spec.sample_rate_hz,
            host_rate_hz,
            lowest_key,
            keys,
            spread: spec.spread,
            phase: spec.phase,
            play: spec.play.clone(),
        }
    }

    /// Model samples over which the attack fades and the voice enters.
    pub(crate) fn blend(&self) -> u32 {
        BLEND_SAMPLES.min(self.hop as u32)
    }

    fn place(&self, key: u8, layer: u8) -> Option<usize> {
        let index = key.checked_sub(self.lowest_key)?;
        (index < self.keys && self.play.plays(key))
            .then_some(usize::from(index) * LAYERS.len() + usize::from(layer))
    }
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

/// The first hops of a note, and where its inverse stood after them.
#[derive(Debug)]
pub(crate) struct Attack {
    pub(crate) epoch: u32,
    pub(crate) set: u32,
    pub(crate) key: u8,
    pub(crate) layer: u8,
    /// Host rate, equal lengths.
    pub(crate) left: Vec<f32>,
    pub(crate) right: Vec<f32>,
    pub(crate) stood: VoiceSnapshot,
}

/// The worker's ends.
pub(crate) struct MakerEnds {
    pub(crate) sets: Consumer<SetRequest>,
    pub(crate) attacks: Producer<Box<Attack>>,
    pub(crate) returned: Consumer<Box<Attack>>,
}

/// The audio thread's ends.
pub(crate) struct ShelfEnds {
    pub(crate) sets: Producer<SetRequest>,
    pub(crate) attacks: Consumer<Box<Attack>>,
    pub(crate) returned: Producer<Box<Attack>>,
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
    let all = usize::from(plan.keys) * LAYERS.len() * GENERATIONS + ATTACKS_IN_FLIGHT;
    let (set_in, set_out) = touched::ring(SETS_IN_FLIGHT, blank);
    let (attack_in, attack_out) = rtrb::RingBuffer::new(ATTACKS_IN_FLIGHT);
    let (return_in, return_out) = rtrb::RingBuffer::new(all);
    let shelf = ShelfEnds {
        sets: set_in,
        attacks: attack_out,
        returned: return_in,
    };
    let maker = MakerEnds {
        sets: set_out,
        attacks: attack_in,
        returned: return_out,
    };
    (shelf, maker)
}

#[cfg(test)]
mod tests {
    use super::{AttackPlan, GENERATIONS, LAYERS, MAX_BYTES};
    use crate::spec::InstrumentSpec;
    use afterimage_spectral::{PhaseMethod, StftSpec};

    fn plan(covered: u64, host_rate_hz: u32) -> AttackPlan {
        let stft = StftSpec::new(2048, 256).expect("a usual size");
        let mut spec = InstrumentSpec::new("test", 48_000, stft, PhaseMethod::F0Lock);
        spec.pitch_range = (33.0, 99.0);
        AttackPlan::new(&spec, 4, covered, host_rate_hz)
    }

    #[test]
    fn an_attack_covers_what_the_lead_and_the_resampler_take() {
        for (covered, hops) in [(1, 1), (256, 1), (257, 2), (480, 2), (512, 2), (8192, 32)] {
            let plan = plan(covered, 48_000);
            assert_eq!((plan.hops, plan.frames), (hops, hops + 4));
            assert!((u64::from(plan.hops) * 256) >= covered);
        }
    }

    #[test]
    fn the_cap_on_memory_drops_the_outer_keys() {
        let usual = plan(512, 48_000);
        assert_eq!((usual.lowest_key, usual.keys), (21, 91));
        let long = plan(65_536, 192_000);
        assert!((1..40).contains(&long.keys));
        let middle = f32::from(long.lowest_key) + 0.5 * f32::from(long.keys);
        assert!((middle - 66.5).abs() < 1.0, "{middle}");
        for plan in [usual, long] {
            let sound =
                (u64::from(plan.hops) * 256) as usize * plan.host_rate_hz as usize / 48_000 * 8;
            let all = usize::from(plan.keys) * LAYERS.len() * GENERATIONS * sound;
            assert!(all <= MAX_BYTES);
        }
    }

    #[test]
    fn keys_outside_the_plan_have_no_place() {
        let plan = plan(512, 48_000);
        assert_eq!(plan.place(20, 0), None);
        assert_eq!(plan.place(21, 1), Some(1));
        assert_eq!(plan.place(111, 0), Some(180));
        assert_eq!(plan.place(112, 0), None);
    }
}
