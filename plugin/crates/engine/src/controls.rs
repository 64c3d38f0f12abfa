//! Where every control stands at the request head, and what a voice's conditions follow from it.
//!
//! Audio thread; real-time safe.

use afterimage_spectral::counter_rng::{Purpose, Stream};

use crate::contract::{Conditions, MAX_LATENT};
use crate::envelope::EnvelopeKnobs;
use crate::event::{CHANNELS, ControlChange};
use crate::evolve::{EvolveChange, Evolved, Turn};
use crate::play::PlayKnobs;
use crate::spec::{GivenPhases, InstrumentSpec};

/// The slow latent movement of held notes.
const DRIFT: Purpose = Purpose(64);
/// Turning points of the drift a second: slow enough to be felt as life, not as vibrato.
const DRIFT_POINTS_PER_SECOND: f32 = 0.7;
/// Widest pitch bend in semitones.
const MAX_BEND_SEMITONES: f32 = 96.0;

/// All controls at one sample.
#[derive(Clone, Debug)]
pub(crate) struct Controls {
    pub(crate) conditions: Conditions,
    pub(crate) play: PlayKnobs,
    /// Bit per latent axis: a control moved it, so that a pack's default no longer holds.
    latent_moved: u32,
    release_moved: bool,
    pub(crate) seed: u64,
    pub(crate) envelope: EnvelopeKnobs,
    pub(crate) drift: f32,
    evolved: Evolved,
    pub(crate) mod_wheel: f32,
    bend_range: f32,
    tuning: f32,
    pub(crate) bend: [f32; CHANNELS],
    pub(crate) sustain: [bool; CHANNELS],
}

impl Default for Controls {
    fn default() -> Self {
        Self {
            conditions: Conditions::default(),
            play: PlayKnobs::default(),
            latent_moved: 0,
            release_moved: false,
            seed: 0,
            envelope: EnvelopeKnobs::default(),
            drift: 0.0,
            evolved: Evolved::default(),
            mod_wheel: 0.0,
            bend_range: 2.0,
            tuning: 0.0,
            bend: [0.0; CHANNELS],
            sustain: [false; CHANNELS],
        }
    }
}

/// `value` if it is finite, else `fallback`.
fn finite_or(value: f32, fallback: f32) -> f32 {
    if value.is_finite() { value } else { fallback }
}

impl Controls {
    /// Takes what a pack brings where no control has moved.
    pub(crate) fn adopt(&mut self, spec: &InstrumentSpec) {
        for (axis, value) in self.conditions.latent.iter_mut().enumerate() {
            if self.latent_moved & (1 << axis) == 0 {
                *value = spec.default_latent[axis];
            }
        }
        if !self.release_moved {
            self.envelope.release_ms = spec.release_s * 1000.0;
        }
    }

    /// Moves a control. Gain and width are not kept here: they belong to the output.
    pub(crate) fn change(&mut self, change: ControlChange) {
        if !change.in_range() {
            return;
        }
        let conditions = &mut self.conditions;
        match change {
            ControlChange::Latent { axis, value } => {
                let place = &mut conditions.latent[usize::from(axis)];
                *place = finite_or(value, *place);
                self.latent_moved |= 1 << axis;
            }
            ControlChange::Class { index, label } => conditions.class[usize::from(index)] = label,
            ControlChange::Descriptor { index, value } => {
                let place = &mut conditions.descriptor[usize::from(index)];
                *place = finite_or(value, *place);
            }
            ControlChange::Temperature(value) => {
                conditions.temperature = finite_or(value, conditions.temperature).max(0.0);
            }
            ControlChange::Seed(seed) => self.seed = seed,
            ControlChange::AttackMs(value) => self.envelope.attack_ms = finite_or(value, 0.0),
            ControlChange::DecayMs(value) => self.envelope.decay_ms = finite_or(value, 0.0),
            ControlChange::SustainLevel(value) => {
                self.envelope.sustain_level = finite_or(value, 1.0)
            }
            ControlChange::ReleaseMs(value) => {
                self.envelope.release_ms = finite_or(value, 0.0);
                self.release_moved = true;
            }
            ControlChange::Drift(value) => self.drift = finite_or(value, 0.0),
            ControlChange::BendRangeSemitones(value) => {
                self.bend_range = finite_or(value, 2.0).clamp(0.0, MAX_BEND_SEMITONES);
            }
            ControlChange::TuningSemitones(value) => self.tuning = finite_or(value, 0.0),
            ControlChange::Play(change) => self.play.change(change),
            ControlChange::Evolve(EvolveChange::Depth(depth)) => self.evolved.set_depth(depth),
            ControlChange::GainDb(_)
            | ControlChange::Width(_)
            | ControlChange::Continuation(_)
            | ControlChange::Evolve(EvolveChange::Bars(_))
            | ControlChange::Transform(_) => {}
        }
    }

    /// Lets the latent stand where it has come to in musical time.
    pub(crate) fn evolve(&mut self, turn: Option<Turn>) {
        self.evolved.go(turn, self.seed);
    }

    /// Bends a channel.
    pub(crate) fn set_bend(&mut self, channel: u8, bend: f32) {
        self.bend[usize::from(channel).min(CHANNELS - 1)] = finite_or(bend, 0.0).clamp(-1.0, 1.0);
    }

    /// Moves the mod wheel.
    pub(crate) fn set_mod_wheel(&mut self, position: f32) {
        self.mod_wheel = finite_or(position, 0.0).clamp(0.0, 1.0);
    }

    /// Lets go of wheels and pedals; knobs stay.
    pub(crate) fn lift_pedals(&mut self) {
        self.sustain = [false; CHANNELS];
    }

    /// Pitch of a key in MIDI note numbers, bend, tuning and shift included.
    pub(crate) fn pitch(&self, key: u8, channel: u8) -> f32 {
        f32::from(key)
            + self.tuning
            + self.play.shift_semitones
            + self.bend[usize::from(channel).min(CHANNELS - 1)] * self.bend_range
    }

    /// Conditions of one voice: knobs, wheel, pressure, and its own drift.
    pub(crate) fn conditions_of(
        &self,
        spec: &InstrumentSpec,
        note: u32,
        pressure: f32,
        seconds: f32,
    ) -> Conditions {
        let moved = |latent: &mut [f32; MAX_LATENT]| {
            add(latent, &self.evolved.offset());
            self.displace(latent, spec, note, (pressure, seconds));
        };
        self.conditions_moved(spec, moved)
    }

    /// Conditions of attacks that are made ahead: drift and pressure are a note's own, and what evolves goes on once
    /// a bar, since a set of attacks takes a while to make.
    pub(crate) fn conditions_ahead(&self, spec: &InstrumentSpec) -> Conditions {
        let moved = |latent: &mut [f32; MAX_LATENT]| {
            add(latent, &self.evolved.offset_of_bar());
            self.displace(latent, spec, 0, (0.0, 0.0));
        };
        self.conditions_moved(spec, moved)
    }

    /// The knobs, and the place that a morph goes to, moved alike.
    fn conditions_moved(
        &self,
        spec: &InstrumentSpec,
        moved: impl Fn(&mut [f32; MAX_LATENT]),
    ) -> Conditions {
        let mut conditions = self.conditions;
        moved(&mut conditions.latent);
        conditions.spectral = self.play.latched();
        if let Some((morph, mut target)) = self.play.morph(&spec.presets) {
            moved(&mut target);
            conditions.spectral.morph = morph;
            conditions.spectral.morph_latent = target;
        }
        conditions
    }

    /// Moves a latent position as wheel, pressure and the note's drift say.
    fn displace(
        &self,
        latent: &mut [f32; MAX_LATENT],
        spec: &InstrumentSpec,
        note: u32,
        (pressure, seconds): (f32, f32),
    ) {
        let wheel = spec.mod_wheel_offset(self.mod_wheel);
        let axes = spec.latent_size.min(MAX_LATENT);
        for (axis, value) in latent.iter_mut().enumerate().take(axes) {
            *value += wheel[axis];
            if let Some(direction) = &spec.pressure_direction {
                *value += direction[axis] * pressure;
            }
            // Phases that hang on the latent would not follow from frame to frame.
            if self.drift > 0.0 && spec.given_phases != GivenPhases::OfMoment {
                *value += self.drift * drift(self.seed, note, axis as u32, seconds);
            }
        }
    }
}

/// Adds an offset an axis.
fn add(latent: &mut [f32; MAX_LATENT], offset: &[f32; MAX_LATENT]) {
    for (value, offset) in latent.iter_mut().zip(offset) {
        *value += offset;
    }
}

/// Smooth noise about 0, within -1 to 1, that begins at 0 with the note.
fn drift(seed: u64, note: u32, axis: u32, seconds: f32) -> f32 {
    let stream = Stream::new(seed, DRIFT, u64::from(note), axis);
    let along = seconds.max(0.0) * DRIFT_POINTS_PER_SECOND;
    let point = along as u64;
    let part = along - point as f32;
    let at = |point: u64| {
        if point == 0 {
            0.0
        } else {
            stream.bipolar_at(point)
        }
    };
    let smooth = part * part * (3.0 - 2.0 * part);
    at(point) + (at(point + 1) - at(point)) * smooth
}

#[cfg(test)]
mod tests {
    use super::drift;

    #[test]
    fn drift_begins_at_zero_and_moves_slowly() {
        let mut before = drift(7, 3, 2, 0.0);
        assert_eq!(before, 0.0);
        let mut furthest = 0.0_f32;
        for step in 1..20_000 {
            let now = drift(7, 3, 2, step as f32 * 0.005);
            assert!((now - before).abs() < 0.012, "jump at {step}");
            furthest = furthest.max(now.abs());
            before = now;
        }
        assert!(furthest > 0.5 && furthest <= 1.0);
    }
}
