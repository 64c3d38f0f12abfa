//! How the attacks of a program are made, fixed when it is built: for which keys, how long, in how much memory.

use super::GENERATIONS;
use crate::spec::{GivenPhases, InstrumentSpec, PlayStyle};
use crate::timeline::ms_to_samples;

/// Moves of a knob reach the attacks at this pace.
const TICK_MS: f32 = 250.0;
/// Velocities that are made; those between are mixed.
const LAYERS: [f32; 2] = [0.15, 1.0];
/// The one that is made where the decoder does not hear the velocity.
const ONE_LAYER: [f32; 1] = [1.0];
/// The attack fades out, and the voice in, over so many model samples: 1.3 ms at 48 kHz. They carry
/// the same sound; the fade hides that a host's note lies between two model samples.
const BLEND_SAMPLES: u32 = 64;
/// Keys beyond the trained range that are still made.
const KEYS_BEYOND_RANGE: f32 = 12.0;
/// Memory of all attacks that lie ready for one program: 41 whole hits of a second at 96 kHz. Those that
/// sound on when their set is over come on top of it.
const MAX_BYTES: usize = 64 << 20;
/// What a snapshot of one voice takes, in bytes a bin (f0-lock: 25 at 330 Hz, 50 at the lowest keys).
const SNAPSHOT_BYTES_A_BIN: usize = 48;
/// Where hits are likeliest, until one is played: the snare of General MIDI, between kick and hats.
const LIKELY_HIT: u8 = 38;
const LIKELY_KEY: u8 = 60;

/// How the attacks of a program are made. Samples are the model's.
#[derive(Clone, Debug)]
pub(crate) struct AttackPlan {
    /// Hops that an attack covers: no less than lead and resampler delay, or all of a hit.
    pub(crate) hops: u32,
    /// Frames that are in it; the voice goes on with this one.
    pub(crate) frames: u32,
    /// An attack is a whole hit: nothing comes after it.
    pub(crate) whole: bool,
    /// Phases that frames bring go on whatever moves.
    pub(crate) phases_carried: bool,
    pub(crate) hop: usize,
    pub(crate) tick: u64,
    pub(crate) model_rate_hz: u32,
    pub(crate) host_rate_hz: u32,
    /// Keys that have attacks, ascending.
    pub(crate) keys: Box<[u8]>,
    /// Velocities that are made, ascending.
    pub(crate) layers: &'static [f32],
    /// The key that is made first, until one is played.
    pub(crate) likely_key: u8,
    pub(crate) spread: f32,
    pub(crate) play: PlayStyle,
}

impl AttackPlan {
    /// `covered`: model samples from a note-on until its first live frame can be heard. Allocates.
    pub(crate) fn new(
        spec: &InstrumentSpec,
        frames_ahead: u32,
        covered: u64,
        host_rate_hz: u32,
    ) -> Self {
        let hop = spec.stft.hop();
        let layers: &'static [f32] = if spec.hears_velocity {
            &LAYERS
        } else {
            &ONE_LAYER
        };
        let mut keys = playable_keys(spec);
        let budget = |keys: usize| MAX_BYTES / (keys.max(1) * layers.len() * GENERATIONS);
        let rate = f64::from(host_rate_hz) / f64::from(spec.sample_rate_hz);
        let bytes_a_hop = (2 * size_of::<f32>()) as f64 * hop as f64 * rate;
        let snapshot = SNAPSHOT_BYTES_A_BIN * spec.stft.bins();
        let bytes = |hops: u32| (f64::from(hops) * bytes_a_hop) as usize;
        let least_hops = (covered.div_ceil(hop as u64) as u32).max(1);
        let hit_frames = spec.whole_hits.then(|| spec.play.hit_frames()).flatten();
        // The last frame sounds on for half a window, but the note ends a hop after it.
        let whole_hops = hit_frames.map(|frames| frames + 1);
        let room_hops = budget(keys.len()).saturating_sub(snapshot) as f64 / bytes_a_hop;
        let whole = whole_hops.is_some_and(|hops| bytes(hops) <= budget(keys.len()));
        let (hops, frames) = match (whole_hops, hit_frames) {
            (Some(hops), Some(frames)) if whole => (hops, frames),
            // As much of the hit as there is room for; a voice goes on from there.
            (Some(_), _) => {
                let hops = least_hops.max(room_hops as u32);
                (hops, hops + frames_ahead)
            }
            _ => (least_hops, least_hops + frames_ahead),
        };
        let most = (MAX_BYTES / ((bytes(hops) + snapshot) * layers.len() * GENERATIONS)).max(1);
        if !whole && keys.len() > most {
            let surplus = keys.len() - most;
            keys.drain(..surplus / 2);
            keys.truncate(most);
        }
        let hits = spec.play.hit_frames().is_some();
        Self {
            hops,
            frames,
            whole,
            phases_carried: spec.given_phases == GivenPhases::Carried,
            hop,
            tick: u64::from(ms_to_samples(TICK_MS, spec.sample_rate_hz, 1)),
            model_rate_hz: spec.sample_rate_hz,
            host_rate_hz,
            keys: keys.into(),
            layers,
            likely_key: if hits { LIKELY_HIT } else { LIKELY_KEY },
            spread: spec.spread,
            play: spec.play.clone(),
        }
    }

    /// Model samples over which the attack fades and the voice enters.
    pub(crate) fn blend(&self) -> u32 {
        if self.whole {
            0
        } else {
            BLEND_SAMPLES.min(self.hop as u32)
        }
    }

    /// Attacks of one set.
    pub(crate) fn places(&self) -> usize {
        self.keys.len() * self.layers.len()
    }

    /// Where the attack of a key and layer lies, if one is made. Real-time safe.
    pub(crate) fn place(&self, key: u8, layer: usize) -> Option<usize> {
        let index = self.keys.binary_search(&key).ok()?;
        Some(index * self.layers.len() + layer)
    }
}

fn playable_keys(spec: &InstrumentSpec) -> Vec<u8> {
    if spec.play.hit_frames().is_some() {
        return (0..128).filter(|key| spec.play.plays(*key)).collect();
    }
    let (low, high) = spec.pitch_range;
    let low = (low - KEYS_BEYOND_RANGE).clamp(0.0, 127.0);
    let high = (high + KEYS_BEYOND_RANGE).clamp(low, 127.0);
    (low as u8..=high as u8).collect()
}

#[cfg(test)]
mod tests {
    use super::{AttackPlan, MAX_BYTES};
    use crate::attack::GENERATIONS;
    use crate::spec::{Hit, HitMap, InstrumentSpec, PlayStyle};
    use afterimage_spectral::{PhaseMethod, StftSpec};

    fn plan(covered: u64, host_rate_hz: u32) -> AttackPlan {
        let stft = StftSpec::new(2048, 256).expect("a usual size");
        let mut spec = InstrumentSpec::new("test", 48_000, stft, PhaseMethod::F0Lock);
        spec.pitch_range = (33.0, 99.0);
        AttackPlan::new(&spec, 4, covered, host_rate_hz)
    }

    /// A kit as the shipped ones: 41 keys, a second each.
    fn kit(host_rate_hz: u32, hears_velocity: bool) -> AttackPlan {
        let stft = StftSpec::new(1024, 256).expect("a usual size");
        let mut spec = InstrumentSpec::new("kit", 48_000, stft, PhaseMethod::RtpghiLookahead);
        let mut map = HitMap::new(192);
        (35..76).for_each(|key| {
            map.set(
                key,
                Hit {
                    label: 0,
                    choke_group: 0,
                },
            )
        });
        spec.play = PlayStyle::OneShot(map);
        spec.whole_hits = true;
        spec.hears_velocity = hears_velocity;
        AttackPlan::new(&spec, 2, 512, host_rate_hz)
    }

    fn bytes(plan: &AttackPlan) -> usize {
        let samples = u64::from(plan.hops) * plan.hop as u64 * u64::from(plan.host_rate_hz)
            / u64::from(plan.model_rate_hz);
        plan.places() * GENERATIONS * samples as usize * 8
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
        assert_eq!((usual.keys[0], usual.keys.len()), (21, 91));
        let long = plan(65_536, 192_000);
        assert!((1..40).contains(&long.keys.len()));
        let middle = f32::from(long.keys[0]) + 0.5 * long.keys.len() as f32;
        assert!((middle - 66.5).abs() <= 1.0, "{middle}");
        for plan in [usual, long] {
            assert!(bytes(&plan) <= MAX_BYTES);
        }
    }

    #[test]
    fn whole_hits_are_made_for_all_keys_where_they_fit() {
        for (host_rate_hz, hears_velocity, whole) in [
            (44_100, false, true),
            (48_000, true, true),
            (96_000, false, true),
            (96_000, true, false),
            (192_000, false, false),
        ] {
            let plan = kit(host_rate_hz, hears_velocity);
            let what = format!("{host_rate_hz} Hz, {} bytes", bytes(&plan));
            assert_eq!(plan.keys.len(), 41, "{what}");
            assert!(bytes(&plan) <= MAX_BYTES, "{what}");
            assert_eq!(plan.whole, whole, "{what}");
            if whole {
                assert_eq!(
                    (plan.hops, plan.frames, plan.blend()),
                    (193, 192, 0),
                    "{what}"
                );
            } else {
                // No less than half of the cap is used, and the voice goes on.
                assert!(bytes(&plan) > MAX_BYTES / 2, "{what}");
                assert!(plan.hops < 193 && plan.frames == plan.hops + 2, "{what}");
            }
        }
    }

    #[test]
    fn keys_outside_the_plan_have_no_place() {
        let plan = plan(512, 48_000);
        assert_eq!(plan.place(20, 0), None);
        assert_eq!(plan.place(21, 1), Some(1));
        assert_eq!(plan.place(111, 0), Some(180));
        assert_eq!(plan.place(112, 0), None);
        let kit = kit(48_000, false);
        assert_eq!((kit.place(35, 0), kit.place(76, 0)), (Some(0), None));
    }
}
