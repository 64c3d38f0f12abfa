//! A whole sound at another rate. Not for the audio thread.

use super::Resampler;
use crate::error::ResampleError;

/// The whole of `sound`, one channel at `from_hz`, at `to_hz`, aligned with what it was. Allocates.
///
/// # Errors
/// When a rate lies outside what [`Resampler::new`] takes.
pub fn resampled(sound: &[f32], from_hz: u32, to_hz: u32) -> Result<Vec<f32>, ResampleError> {
    let mut resampler = Resampler::new(f64::from(from_hz), f64::from(to_hz), 1)?;
    let length = (sound.len() as u64 * u64::from(to_hz)).div_ceil(u64::from(from_hz)) as usize;
    let delay = resampler.delay_host_frames();
    let mut out = vec![0.0; length + delay];
    let mut left = sound;
    resampler.pull(&mut [&mut out], |channels| {
        for channel in channels.iter_mut() {
            let (now, later) = left.split_at(channel.len().min(left.len()));
            channel[..now.len()].copy_from_slice(now);
            channel[now.len()..].fill(0.0);
            left = later;
        }
    });
    out.drain(..delay);
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::resampled;

    #[test]
    fn a_resampled_sine_lies_on_the_same_sine() {
        for (from, to) in [(48_000, 22_050), (22_050, 44_100), (16_000, 48_000)] {
            let sine = |n: usize, rate: u32| {
                (std::f64::consts::TAU * 440.0 * n as f64 / f64::from(rate)).sin() as f32
            };
            let sound: Vec<f32> = (0..from as usize / 2).map(|n| sine(n, from)).collect();
            let out = resampled(&sound, from, to).expect("rates in range");
            assert_eq!(out.len(), to as usize / 2, "{from} {to}");
            for (n, value) in out.iter().enumerate().skip(2000).take(out.len() - 4000) {
                assert!((value - sine(n, to)).abs() < 2e-3, "{from} {to} {n}");
            }
        }
    }
}
