//! The output stage at host rate: gain and width on their samples, DC block, limiter.
//!
//! Audio thread; real-time safe. Decoders can blow up: what leaves here is finite and below the
//! ceiling. Silence in becomes exact silence out, and no state lingers as a denormal.

use std::collections::VecDeque;

use afterimage_spectral::approx::db_to_linear;

use crate::touched;

/// Changes of one control that can be in flight: one a sample over twice a lead of 40 ms.
const CHANGES: usize = 4096;
/// A step of gain or width is spread over about this long.
const SMOOTHING_MS: f32 = 5.0;
/// A smoothed control closer than this to its target is there (-120 dB).
const ARRIVED: f32 = 1e-6;
/// Corner of the DC block: below anything that is heard.
const DC_CORNER_HZ: f32 = 8.0;
/// State below this is zero: 200 dB under full scale.
const DC_FLOOR: f32 = 1e-10;
/// Limiter ceiling: -0.3 dBFS.
pub(crate) const CEILING: f32 = 0.966_051;
/// The limiter recovers with this time constant.
pub(crate) const RECOVERY_MS: f32 = 80.0;
/// Loudest gain knob.
const MAX_GAIN_DB: f32 = 24.0;
/// Quietest gain knob; below it is silence.
const MIN_GAIN_DB: f32 = -100.0;
/// Widest width.
const MAX_WIDTH: f32 = 2.0;

/// What the stage counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct OutputFaults {
    pub(crate) limited_samples: u32,
    pub(crate) non_finite_samples: u32,
}

/// A control whose changes wait for their sample, are followed within some milliseconds, and rested on.
pub(crate) struct Delayed {
    changes: VecDeque<(u64, f32)>,
    value: f32,
    target: f32,
}

impl Delayed {
    pub(crate) fn at(value: f32) -> Self {
        Self {
            changes: touched::queue(CHANGES, || (0, 0.0)),
            value,
            target: value,
        }
    }

    /// Queues a change; times do not go back. Returns whether it was merged into the last one,
    /// because the queue is full: that one comes late, never early.
    pub(crate) fn change_at(&mut self, output_sample: u64, target: f32) -> bool {
        let full = self.changes.len() >= CHANGES;
        match self.changes.back_mut() {
            Some(last) if full || last.0 == output_sample => *last = (output_sample, target),
            _ => self.changes.push_back((output_sample, target)),
        }
        full
    }

    /// Takes the changes up to a sample, and says when the next one comes.
    pub(crate) fn arrive_at(&mut self, output_sample: u64) -> u64 {
        while let Some(&(at, target)) = self.changes.front() {
            if at > output_sample {
                return at;
            }
            self.target = target;
            self.changes.pop_front();
        }
        u64::MAX
    }

    pub(crate) fn jump(&mut self) {
        self.arrive_at(u64::MAX - 1);
        self.value = self.target;
    }

    /// The same in steps of one size, so that it arrives.
    pub(crate) fn step(&mut self, most: f32) -> f32 {
        let distance = self.target - self.value;
        self.value = if distance.abs() <= most {
            self.target
        } else {
            self.value + most.copysign(distance)
        };
        self.value
    }

    pub(crate) fn next(&mut self, share: f32) -> f32 {
        self.value = approach(self.value, self.target, share);
        self.value
    }
}

/// A share of the way from a value to its target. Near it, or where the step is lost in rounding, it arrives.
fn approach(value: f32, target: f32, share: f32) -> f32 {
    let distance = target - value;
    let next = value + distance * share;
    if distance.abs() < ARRIVED || next == value {
        target
    } else {
        next
    }
}

/// Removes what stands still from one channel.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct DcBlock {
    input: f32,
    output: f32,
}

impl DcBlock {
    pub(crate) fn next(&mut self, input: f32, pole: f32) -> f32 {
        let output = input - self.input + pole * self.output;
        self.input = input;
        self.output = if output.abs() < DC_FLOOR { 0.0 } else { output };
        self.output
    }
}

/// Keeps both channels below the ceiling by one gain: at once down, smoothly up again.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limiter {
    pub(crate) gain: f32,
}

impl Limiter {
    /// The gain for a sample whose louder channel has this level; exactly 1 while nothing is to do.
    pub(crate) fn next(&mut self, peak: f32, recovery: f32) -> f32 {
        self.gain = approach(self.gain, 1.0, recovery);
        if peak * self.gain > CEILING {
            self.gain = CEILING / peak;
        }
        self.gain
    }
}

/// Share of the way that is gone in a sample, by a time constant in milliseconds.
pub(crate) fn share_of(time_ms: f32, rate_hz: u32) -> f32 {
    1.0 - (-1000.0 / (time_ms * rate_hz as f32)).exp()
}

/// The pole of the DC block at a rate.
pub(crate) fn dc_pole(rate_hz: u32) -> f32 {
    (-std::f32::consts::TAU * DC_CORNER_HZ / rate_hz as f32).exp()
}

/// The stage.
pub(crate) struct Output {
    gain: Delayed,
    width: Delayed,
    dc: [DcBlock; 2],
    limiter: Limiter,
    smoothing: f32,
    pole: f32,
    recovery: f32,
}

impl Output {
    /// Allocates the queues.
    pub(crate) fn new() -> Self {
        let mut output = Self {
            gain: Delayed::at(1.0),
            width: Delayed::at(1.0),
            dc: Default::default(),
            limiter: Limiter { gain: 1.0 },
            smoothing: 1.0,
            pole: 0.0,
            recovery: 1.0,
        };
        output.set_rate(48_000);
        output
    }

    /// Sets the host rate. Real-time safe.
    pub(crate) fn set_rate(&mut self, host_rate_hz: u32) {
        self.smoothing = share_of(SMOOTHING_MS, host_rate_hz);
        self.recovery = share_of(RECOVERY_MS, host_rate_hz);
        self.pole = dc_pole(host_rate_hz);
    }

    /// Forgets the past; controls jump to where they last were told to go.
    pub(crate) fn reset(&mut self) {
        self.gain.jump();
        self.width.jump();
        self.dc = Default::default();
        self.limiter.gain = 1.0;
    }

    /// Sets the gain from an output sample on; returns whether the queue was full. Times do not go back.
    pub(crate) fn gain_at(&mut self, output_sample: u64, gain_db: f32) -> bool {
        if !gain_db.is_finite() {
            return false;
        }
        let gain = if gain_db <= MIN_GAIN_DB {
            0.0
        } else {
            db_to_linear(gain_db.min(MAX_GAIN_DB))
        };
        self.gain.change_at(output_sample, gain)
    }

    /// Sets the width from an output sample on; returns whether the queue was full. Times do not go back.
    pub(crate) fn width_at(&mut self, output_sample: u64, width: f32) -> bool {
        width.is_finite()
            && self
                .width
                .change_at(output_sample, width.clamp(0.0, MAX_WIDTH))
    }

    /// Finishes output that begins at `position`, in place. `left`, `right`: host rate.
    pub(crate) fn process(
        &mut self,
        position: u64,
        left: &mut [f32],
        right: &mut [f32],
    ) -> OutputFaults {
        let mut faults = OutputFaults::default();
        let mut done = 0;
        while done < left.len() {
            let here = position + done as u64;
            let next_change = self.gain.arrive_at(here).min(self.width.arrive_at(here));
            let stop = (next_change - position).min(left.len() as u64) as usize;
            self.finish(&mut left[done..stop], &mut right[done..stop], &mut faults);
            done = stop;
        }
        faults
    }

    fn finish(&mut self, left: &mut [f32], right: &mut [f32], faults: &mut OutputFaults) {
        for (l, r) in left.iter_mut().zip(right) {
            faults.non_finite_samples += silence_if_broken(l) + silence_if_broken(r);
            let gain = self.gain.next(self.smoothing);
            let width = self.width.next(self.smoothing);
            let (mid, side) = (0.5 * (*l + *r), 0.5 * (*l - *r) * width);
            // At width 1 left and right pass as they are: (l + r) / 2 + (l - r) / 2 would round.
            let (wide_l, wide_r) = if width == 1.0 {
                (*l, *r)
            } else {
                (mid + side, mid - side)
            };
            let blocked_l = self.dc[0].next(wide_l * gain, self.pole);
            let blocked_r = self.dc[1].next(wide_r * gain, self.pole);
            let limit = self
                .limiter
                .next(blocked_l.abs().max(blocked_r.abs()), self.recovery);
            faults.limited_samples += u32::from(limit < 1.0);
            *l = blocked_l * limit;
            *r = blocked_r * limit;
        }
    }
}

/// Silences a sample that is not finite or absurd, and returns how many it silenced.
pub(crate) fn silence_if_broken(sample: &mut f32) -> u32 {
    // A comparison with NaN is false.
    let fine = sample.abs() <= 1e9;
    if !fine {
        *sample = 0.0;
    }
    u32::from(!fine)
}

#[cfg(test)]
mod tests {
    use super::{CEILING, Delayed, Limiter, RECOVERY_MS, SMOOTHING_MS, share_of};

    /// Two seconds at the highest rate: far more than either needs.
    const PATIENCE: usize = 2 * 192_000;

    #[test]
    fn a_smoothed_control_arrives_at_its_target_at_every_rate() {
        for rate_hz in [8_000, 44_100, 48_000, 96_000, 192_000] {
            let share = share_of(SMOOTHING_MS, rate_hz);
            for (from, to) in [
                (0.0, 1.0),
                (1.0, 0.0),
                (0.5, 2.0),
                (15.8, 1.0),
                (1.0, 0.708),
            ] {
                let mut control = Delayed::at(from);
                control.change_at(0, to);
                control.arrive_at(0);
                let arrived = (0..PATIENCE).any(|_| control.next(share) == to);
                assert!(arrived, "{from} to {to} at {rate_hz} Hz");
            }
        }
    }

    #[test]
    fn a_limiter_that_was_needed_once_lets_sound_pass_bit_for_bit_again() {
        for rate_hz in [8_000, 48_000, 192_000] {
            let recovery = share_of(RECOVERY_MS, rate_hz);
            let mut limiter = Limiter { gain: 1.0 };
            assert!(limiter.next(4.0, recovery) < CEILING);
            let rested = (0..PATIENCE).any(|_| limiter.next(0.1, recovery) == 1.0);
            assert!(rested, "{} at {rate_hz} Hz", limiter.gain);
        }
    }
}
