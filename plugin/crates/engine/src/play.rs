//! Spectral play: what its controls say, and each note's own clock. Audio thread; real-time safe.
//!
//! Sound here is frames, and a frame is a pure function of its request. So time is played by asking
//! for another moment of the note, and the spectrum by what the request says is done to the frame;
//! the worker does it (`service/finish.rs`). Neutral controls change no bit.

use afterimage_spectral::play::{MAX_FORMANT_SEMITONES, MAX_TILT_DB_PER_OCTAVE, Shaping};

use crate::contract::MAX_LATENT;

/// Slowest and fastest a note's own time runs: a stretch of 4 and of 1/4.
const STRETCH_RANGE: (f32, f32) = (0.25, 4.0);
/// Furthest a note is scrubbed, in seconds.
const MAX_SCRUB_S: f32 = 4.0;
/// Furthest shift of the pitch, in semitones.
const MAX_SHIFT_SEMITONES: f32 = 24.0;
/// A scrub reaches its place with this time constant: a jump would swap one sound for another, a
/// glide runs through what lies between.
const SCRUB_GLIDE_S: f32 = 0.05;
/// Nearer than this a glide has arrived.
const SCRUB_NEAR_S: f32 = 1e-3;
/// A note struck while time stands still is heard up to here, so that it has an attack.
const FREEZE_AFTER_S: f64 = 0.1;

/// What is done to a request's frame once it is decoded. Neutral by default.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SpectralPlay {
    /// Blur, tilt and formant.
    pub shaping: Shaping,
    /// Semitones that the request's pitch lies above the note's; the note's envelope is kept.
    pub shift_semitones: f32,
    /// 0 is the request's latent, 1 is `morph_latent`.
    pub morph: f32,
    /// The sound at the far end of the morph, in the pack's knob units.
    pub morph_latent: [f32; MAX_LATENT],
}

impl SpectralPlay {
    /// Nothing is done.
    pub const NEUTRAL: Self = Self {
        shaping: Shaping::NEUTRAL,
        shift_semitones: 0.0,
        morph: 0.0,
        morph_latent: [0.0; MAX_LATENT],
    };
}

impl Default for SpectralPlay {
    fn default() -> Self {
        Self::NEUTRAL
    }
}

/// A control of spectral play and its new value. Values outside their range are clamped.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum PlayChange {
    /// Stops each note's own time; the note still ends.
    Freeze(bool),
    /// How much longer a note takes, 0.25 to 4.
    Stretch(f32),
    /// Seconds added to each note's own time, 0 to 4.
    ScrubS(f32),
    /// 0 to 1.
    Blur(f32),
    /// -6 to 6.
    TiltDbPerOctave(f32),
    /// Shift of the pitch under the same envelope, -24 to 24.
    ShiftSemitones(f32),
    /// Shift of the envelope over the same pitch, -12 to 12.
    FormantSemitones(f32),
    /// From the knobs' sound, 0, to the target's, 1.
    Morph(f32),
    /// Which of the pack's presets is the target; past the last one it is the last one.
    MorphTarget(u16),
}

/// Where the controls stand.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct PlayKnobs {
    frozen: bool,
    stretch: f32,
    scrub_s: f32,
    pub(crate) shift_semitones: f32,
    shaping: Shaping,
    morph: f32,
    morph_target: u16,
}

impl Default for PlayKnobs {
    fn default() -> Self {
        Self {
            frozen: false,
            stretch: 1.0,
            scrub_s: 0.0,
            shift_semitones: 0.0,
            shaping: Shaping::default(),
            morph: 0.0,
            morph_target: 1,
        }
    }
}

/// Sets `place` to a finite value, within `range`.
fn set(place: &mut f32, value: f32, (low, high): (f32, f32)) {
    if value.is_finite() {
        *place = value.clamp(low, high);
    }
}

impl PlayKnobs {
    pub(crate) fn change(&mut self, change: PlayChange) {
        let within = |limit: f32| (-limit, limit);
        let shaping = &mut self.shaping;
        match change {
            PlayChange::Freeze(frozen) => self.frozen = frozen,
            PlayChange::Stretch(value) => set(&mut self.stretch, value, STRETCH_RANGE),
            PlayChange::ScrubS(value) => set(&mut self.scrub_s, value, (0.0, MAX_SCRUB_S)),
            PlayChange::Blur(value) => set(&mut shaping.blur, value, (0.0, 1.0)),
            PlayChange::TiltDbPerOctave(value) => {
                let range = within(MAX_TILT_DB_PER_OCTAVE);
                set(&mut shaping.tilt_db_per_octave, value, range);
            }
            PlayChange::ShiftSemitones(value) => {
                set(
                    &mut self.shift_semitones,
                    value,
                    within(MAX_SHIFT_SEMITONES),
                );
            }
            PlayChange::FormantSemitones(value) => {
                let range = within(MAX_FORMANT_SEMITONES);
                set(&mut shaping.formant_semitones, value, range);
            }
            PlayChange::Morph(value) => set(&mut self.morph, value, (0.0, 1.0)),
            PlayChange::MorphTarget(preset) => self.morph_target = preset,
        }
    }

    /// What a request carries, but for the morph.
    pub(crate) fn latched(&self) -> SpectralPlay {
        SpectralPlay {
            shaping: self.shaping,
            shift_semitones: self.shift_semitones,
            ..SpectralPlay::default()
        }
    }

    /// How far to morph and to where, if anything is to be heard of it.
    pub(crate) fn morph(&self, presets: &[[f32; MAX_LATENT]]) -> Option<(f32, [f32; MAX_LATENT])> {
        let target = presets
            .get(usize::from(self.morph_target))
            .or(presets.last())?;
        (self.morph > 0.0).then_some((self.morph, *target))
    }
}

/// A note's own time. It moves a hop with each frame, so that it follows from the events alone.
#[derive(Clone, Copy, Debug)]
pub(crate) struct NoteClock {
    /// Model samples into the note.
    position: f64,
    scrub_s: f32,
}

impl NoteClock {
    /// The clock of a note that begins with `first_frame`: one that an attack opens is past some.
    pub(crate) fn start(knobs: &PlayKnobs, first_frame: u32, hop: u64, rate_hz: f64) -> Self {
        let mut clock = Self {
            position: 0.0,
            scrub_s: knobs.scrub_s,
        };
        for _ in 0..first_frame {
            clock.tick(knobs, hop, rate_hz);
        }
        clock
    }

    /// The moment, in seconds, that the next frame shows; then moves on by a hop.
    pub(crate) fn tick(&mut self, knobs: &PlayKnobs, hop: u64, rate_hz: f64) -> f32 {
        let (position_s, hop) = (self.position / rate_hz, hop as f64);
        let moment_s = position_s as f32 + self.scrub_s;
        let rests = knobs.frozen && position_s >= FREEZE_AFTER_S;
        if !rests {
            self.position += hop / f64::from(knobs.stretch);
        }
        let hop_s = (hop / rate_hz) as f32;
        let left_s = knobs.scrub_s - self.scrub_s;
        if left_s.abs() < SCRUB_NEAR_S {
            self.scrub_s = knobs.scrub_s;
        } else {
            self.scrub_s += left_s * hop_s / (hop_s + SCRUB_GLIDE_S);
        }
        moment_s
    }
}

#[cfg(test)]
mod tests {
    use super::{NoteClock, PlayChange, PlayKnobs};

    const RATE_HZ: f64 = 48_000.0;
    const HOP: u64 = 256;

    fn knobs(changes: &[PlayChange]) -> PlayKnobs {
        let mut knobs = PlayKnobs::default();
        changes.iter().for_each(|change| knobs.change(*change));
        knobs
    }

    fn moments(knobs: &PlayKnobs, frames: usize) -> Vec<f32> {
        let mut clock = NoteClock::start(knobs, 0, HOP, RATE_HZ);
        (0..frames)
            .map(|_| clock.tick(knobs, HOP, RATE_HZ))
            .collect()
    }

    #[test]
    fn a_neutral_clock_is_the_hosts_to_the_bit() {
        for (frame, moment) in moments(&knobs(&[]), 100_000).into_iter().enumerate() {
            let elapsed = (frame as u64 * HOP) as f64 / RATE_HZ;
            assert_eq!(moment.to_bits(), (elapsed as f32).to_bits(), "{frame}");
        }
    }

    #[test]
    fn time_runs_slower_and_faster_by_the_stretch() {
        for stretch in [0.25, 0.5, 2.0, 4.0] {
            let moment = moments(&knobs(&[PlayChange::Stretch(stretch)]), 1001)[1000];
            let wanted = 1000.0 * HOP as f32 / RATE_HZ as f32 / stretch;
            assert!((moment / wanted - 1.0).abs() < 1e-5, "{stretch}: {moment}");
        }
    }

    #[test]
    fn a_frozen_note_has_its_attack_and_then_one_moment() {
        let moments = moments(&knobs(&[PlayChange::Freeze(true)]), 200);
        let resting = moments
            .iter()
            .position(|moment| *moment >= 0.1)
            .unwrap_or(0);
        assert!((18..=20).contains(&resting));
        assert!(
            moments[resting..]
                .iter()
                .all(|moment| *moment == moments[resting])
        );
    }

    #[test]
    fn a_scrub_glides_and_arrives() {
        let (near, far) = (knobs(&[]), knobs(&[PlayChange::ScrubS(3.0)]));
        let mut clock = NoteClock::start(&near, 0, HOP, RATE_HZ);
        clock.tick(&near, HOP, RATE_HZ);
        let glide: Vec<f32> = (0..200).map(|_| clock.tick(&far, HOP, RATE_HZ)).collect();
        assert!(
            glide
                .windows(2)
                .all(|pair| pair[1] > pair[0] && pair[1] - pair[0] < 0.35)
        );
        let arrived = 200.0 * HOP as f32 / RATE_HZ as f32 + 3.0;
        assert!((glide[199] - arrived).abs() < 1e-4);
    }

    #[test]
    fn values_that_are_not_numbers_or_out_of_range_do_no_harm() {
        for value in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY, 1e30, -1e30] {
            let knobs = knobs(&[
                PlayChange::Stretch(value),
                PlayChange::ScrubS(value),
                PlayChange::Blur(value),
                PlayChange::TiltDbPerOctave(value),
                PlayChange::ShiftSemitones(value),
                PlayChange::FormantSemitones(value),
                PlayChange::Morph(value),
            ]);
            assert!(
                moments(&knobs, 500)
                    .iter()
                    .all(|moment| (0.0..20.0).contains(moment))
            );
            let play = knobs.latched();
            assert!((0.0..=1.0).contains(&play.shaping.blur));
            assert!(play.shaping.tilt_db_per_octave.abs() <= 6.0);
            assert!(play.shaping.formant_semitones.abs() <= 12.0);
            assert!(play.shift_semitones.abs() <= 24.0);
        }
    }
}
