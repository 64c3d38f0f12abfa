//! Trial runs: how fast a continuer is, and whether two runtimes draw the same.

use std::time::Instant;

use afterimage_engine::continuation::{Continuer, SoundStart, Style};
use afterimage_engine::contract::DecodeError;
use afterimage_spectral::counter_rng::{Purpose, Stream};

use super::frames::FrameSource;
use crate::error::PackError;
use crate::manifest::Representation;
use crate::pack::Pack;

/// Seconds of sound of a trial run.
const TRIAL_S: f64 = 0.75;
/// Trials of hearing, each as long: shorter ones might lie between two calls of `prime`.
const HEARD_TIMES: usize = 3;
/// Slowest continuer that is taken. One at a fifth of the pace of its sound is hopeless; one just below its pace may
/// have met a busy moment, and falls behind where it is heard and counted.
const LEAST_SPEED: f32 = 0.2;
/// Frames of a walk.
const WALK_FRAMES: u64 = 48;

/// Seconds of sound that a continuer hears in a second. It has forgotten them afterwards.
pub(super) fn hearing_speed(continuer: &mut dyn Continuer) -> Result<f32, DecodeError> {
    let rate_hz = f64::from(continuer.spec().sample_rate_hz);
    let noise = Stream::new(1, Purpose::NOISE, 0, 0);
    let samples: Vec<f32> = (0..(TRIAL_S * rate_hz) as u64)
        .map(|n| 0.1 * noise.bipolar_at(n))
        .collect();
    let mut speeds = Vec::with_capacity(HEARD_TIMES);
    for _ in 0..HEARD_TIMES {
        let start = Instant::now();
        continuer.hear(&samples)?;
        speeds.push(samples.len() as f64 / rate_hz / start.elapsed().as_secs_f64());
        continuer.forget();
    }
    Ok(median(speeds))
}

/// Seconds of sound that a continuer makes in a second, from nothing. The continuation is left under way.
pub(super) fn speed(continuer: &mut dyn Continuer) -> Result<f32, DecodeError> {
    let rate_hz = f64::from(continuer.spec().sample_rate_hz);
    let mut samples = vec![0.0; (TRIAL_S * rate_hz) as usize];
    continuer.begin(&SoundStart::new(1));
    let (mut made, mut speeds) = (0, Vec::new());
    while made < samples.len() {
        let start = Instant::now();
        let count = continuer.go_on(&Style::default(), &mut samples[made..])?;
        speeds.push(count as f64 / rate_hz / start.elapsed().as_secs_f64());
        made += count;
    }
    Ok(median(speeds))
}

/// The median: what else the machine does in the meantime says nothing of the pack.
fn median(mut speeds: Vec<f64>) -> f32 {
    speeds.sort_by(f64::total_cmp);
    speeds.get(speeds.len() / 2).copied().unwrap_or_default() as f32
}

/// # Errors
/// One sentence for a continuer that is too slow to be played.
pub(super) fn check_speed(pack: &Pack, speed: f32) -> Result<(), PackError> {
    if speed >= LEAST_SPEED {
        return Ok(());
    }
    Err(PackError::OverBudget {
        pack: pack.name().to_owned(),
        what: "a second of continued sound",
        limit: format!("{:.1} s", 1.0 / LEAST_SPEED),
        found: format!("{:.1} s", 1.0 / speed),
    })
}

/// What a net says over frames that every run repeats: rows of values, to compare runtimes by.
///
/// # Errors
/// The runtime's own words.
pub(super) fn walk<N: FrameSource>(
    mut net: N,
    representation: &Representation,
) -> Result<Vec<Vec<f32>>, String> {
    let levels = Stream::new(2, Purpose::NOISE, 0, 0);
    let bins = representation.bins as u64;
    let (mut known, mut said) = (net.nothing(), Vec::new());
    for first in (0..WALK_FRAMES).map(|index| index * bins) {
        let level = |place| representation.floor * levels.uniform_at(place);
        let frame: Vec<f32> = (first..first + bins).map(level).collect();
        net.hear(&frame, &mut known)?;
        net.says(&known, &mut said)?;
    }
    Ok(said)
}
