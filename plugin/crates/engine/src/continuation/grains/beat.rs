//! The beat of what was heard, from how its onsets repeat.

use super::heard::Bands;
use super::{HOP, RATE_HZ};

const FRAMES_PER_SECOND: f32 = RATE_HZ as f32 / HOP as f32;
/// Beats are looked for between 60 and 180 a minute.
const SHORTEST_FRAMES: usize = (FRAMES_PER_SECOND / 3.0) as usize;
const LONGEST_FRAMES: usize = FRAMES_PER_SECOND as usize;
/// Beats over which the period is measured once it is known roughly: a frame's error becomes a quarter.
const BEATS: usize = 4;
/// Share of the onsets' variance that must repeat after a beat; noises and free playing reach 0.15.
const LEAST_REPEATED: f32 = 0.25;

/// How much louder the bands grow from each frame to the next, in dB, less its mean.
fn onsets(frames: &[Bands]) -> Vec<f32> {
    let rise = |pair: &[Bands]| -> f32 {
        let rises = pair[1].iter().zip(&pair[0]).map(|(b, a)| (b - a).max(0.0));
        rises.sum()
    };
    let mut onsets: Vec<f32> = frames.windows(2).map(rise).collect();
    let mean = onsets.iter().sum::<f32>() / onsets.len().max(1) as f32;
    onsets.iter_mut().for_each(|onset| *onset -= mean);
    onsets
}

fn repeated(onsets: &[f32], lag: usize) -> f32 {
    let later = onsets.get(lag..).unwrap_or_default();
    let dot: f32 = later.iter().zip(onsets).map(|(a, b)| a * b).sum();
    // A longer lag has fewer products; without this it would always lose.
    dot * onsets.len() as f32 / later.len().max(1) as f32
}

fn best(onsets: &[f32], lags: std::ops::RangeInclusive<usize>) -> Option<(usize, f32)> {
    lags.map(|lag| (lag, repeated(onsets, lag)))
        .max_by(|a, b| a.1.total_cmp(&b.1))
}

/// The period of the beat in samples, if there is one.
pub(super) fn period_samples(frames: &[Bands]) -> Option<f32> {
    if frames.len() < 2 * BEATS * LONGEST_FRAMES {
        return None;
    }
    let onsets = onsets(frames);
    let energy = repeated(&onsets, 0);
    let (lag, strength) = best(&onsets, SHORTEST_FRAMES..=LONGEST_FRAMES)?;
    if strength < LEAST_REPEATED * energy || energy <= 0.0 {
        return None;
    }
    let (long, _) = best(&onsets, BEATS * lag - BEATS / 2..=BEATS * lag + BEATS / 2)?;
    let (before, at, after) = (
        repeated(&onsets, long - 1),
        repeated(&onsets, long),
        repeated(&onsets, long + 1),
    );
    let bend = before - 2.0 * at + after;
    let between = if bend < 0.0 {
        (0.5 * (before - after) / bend).clamp(-0.5, 0.5)
    } else {
        0.0
    };
    Some((long as f32 + between) / BEATS as f32 * HOP as f32)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::continuation::grains::heard::BANDS;

    fn clicks(period_frames: f32, frames: usize) -> Vec<Bands> {
        let mut made = vec![[0.0; BANDS]; frames];
        let mut at = 0.0;
        while at < frames as f32 {
            made[at as usize] = [30.0; BANDS];
            at += period_frames;
        }
        made
    }

    #[test]
    fn clicks_have_their_period() {
        for period_frames in [32.0, 43.25, 60.5, 80.0] {
            let found = period_samples(&clicks(period_frames, 1700)).unwrap_or_default();
            let error = (found / HOP as f32 - period_frames).abs();
            assert!(error < 0.5, "{period_frames} frames, found {found} samples");
        }
    }

    #[test]
    fn noise_has_no_beat() {
        use afterimage_spectral::counter_rng::{Purpose, Stream};
        let stream = Stream::new(3, Purpose::NOISE, 0, 0);
        let frame = |n: usize| {
            std::array::from_fn(|band| 10.0 * stream.uniform_at((n * BANDS + band) as u64))
        };
        let noise: Vec<Bands> = (0..1700).map(frame).collect();
        assert_eq!(period_samples(&noise), None);
    }
}
