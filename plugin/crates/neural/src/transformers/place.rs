//! Where a pack's encoder puts a whole sound: the place in the latent space that sounds like it. Loader thread.

use afterimage_engine::contract::MAX_LATENT;
use afterimage_spectral::resampled;

use super::encode_plan::{EncodePlan, is_frame_transform};
use super::input_encoder::InputEncoder;
use crate::backend::BackendKind;
use crate::error::PackError;
use crate::manifest::Manifest;
use crate::native::set_flush_denormals;
use crate::pack::Pack;
use crate::runtime::Runtime;

/// Shorter sounds say nothing.
const SHORTEST_S: f64 = 0.05;
/// Of longer ones the beginning counts.
const LONGEST_S: f64 = 20.0;
/// A note is over where it is so much softer than at its loudest, in decibels.
const OVER_DB: f64 = 30.0;
/// A note that is begun anew so soon, in seconds, is still beginning.
const STILL_BEGINS_S: f64 = 0.3;
/// Sounds are placed at this peak; what never gets to the other is silence.
const PEAK: f32 = 0.5;
const SILENT_PEAK: f32 = 1e-4;
const SILENT: &str = "The sound is silent; choose one that can be heard.";

/// Whether a sound has a place in a pack's latent space.
pub fn has_encoder(manifest: &Manifest) -> bool {
    is_frame_transform(manifest)
}

/// The place of a sound in the latent space of a pack with an encoder: a value an axis, in knob units.
///
/// `samples`: one channel at `rate_hz`; another rate than the pack's is brought to it. A pack that knows notes hears the
/// first note, one that follows frames the mean over the sound, its loud parts more. Allocates; runs the encoder.
///
/// # Errors
/// One sentence: a sound that is silent or shorter than 50 ms, a pack without an encoder, or a runtime's refusal.
pub fn place_of_sound(
    pack: &Pack,
    runtime: &Runtime,
    (samples, rate_hz): (&[f32], u32),
) -> Result<Vec<f32>, String> {
    let seconds = samples.len() as f64 / f64::from(rate_hz.max(1));
    if seconds < SHORTEST_S {
        return Err(format!(
            "The sound lasts {:.0} ms, and {:.0} ms are needed to place it; choose a longer one.",
            seconds * 1e3,
            SHORTEST_S * 1e3
        ));
    }
    let longest = (LONGEST_S * f64::from(rate_hz)) as usize;
    let samples = &samples[..samples.len().min(longest)];
    if samples.iter().any(|sample| !sample.is_finite()) {
        return Err("The sound has samples that are no numbers; export it again.".to_owned());
    }
    let peak = samples
        .iter()
        .fold(0.0_f32, |peak, sample| peak.max(sample.abs()));
    if peak < SILENT_PEAK {
        return Err(SILENT.to_owned());
    }
    let samples: Vec<f32> = samples.iter().map(|sample| sample * PEAK / peak).collect();
    let own_hz = pack.manifest().representation.sample_rate;
    let sound = resampled(&samples, rate_hz, own_hz)
        .map_err(|error| format!("The sound cannot be brought to {own_hz} Hz: {error}."))?;
    let mut refusals = Vec::new();
    for kind in runtime.kinds() {
        let flags = set_flush_denormals();
        let placed = placed(pack, (runtime, *kind), &sound);
        flags.restore();
        match placed {
            Ok(place) => return Ok(place),
            Err(Failure::Sound(sentence)) => return Err(sentence),
            Err(Failure::Runtime(reason)) => refusals.push(format!("{kind} said: {reason}")),
        }
    }
    Err(format!(
        "'{}' cannot place a sound: {}.",
        pack.name(),
        refusals.join("; ")
    ))
}

/// Why one attempt failed.
enum Failure {
    /// No runtime would help.
    Sound(String),
    /// This runtime does not do it.
    Runtime(String),
}

impl From<super::Refusal> for Failure {
    fn from(refusal: super::Refusal) -> Self {
        match refusal {
            super::Refusal::Pack(error) => Self::Sound(error.to_string()),
            super::Refusal::Runtime(reason) => Self::Runtime(reason),
        }
    }
}

impl From<PackError> for Failure {
    fn from(error: PackError) -> Self {
        Self::Sound(error.to_string())
    }
}

type Knobs = [f32; MAX_LATENT];

fn placed(
    pack: &Pack,
    runtime: (&Runtime, BackendKind),
    sound: &[f32],
) -> Result<Vec<f32>, Failure> {
    let plan = EncodePlan::new(pack)?;
    let stft = pack.instrument_spec()?.stft;
    let mut encoder = InputEncoder::open(pack, &plan, runtime, (&stft, true))?;
    let (hop, window) = (stft.hop(), stft.fft_size());
    let knobs = if encoder.follows {
        followed(&mut encoder, sound, (hop, plan.frames, window))?
    } else {
        // Half a window before it, so that its first frame lies on its first sample.
        let mut padded = vec![0.0; window / 2];
        padded.extend(sound);
        padded.resize(padded.len() + window, 0.0);
        struck(&mut encoder, &padded, hop)?
    };
    let axes = pack
        .manifest()
        .latent
        .iter()
        .flat_map(|latent| &latent.axes);
    Ok(knobs.into_iter().zip(axes).map(|(knob, _)| knob).collect())
}

/// Where the first note lies, once it is over or as long as the encoder's moments reach.
fn struck(encoder: &mut InputEncoder, sound: &[f32], hop: usize) -> Result<Knobs, Failure> {
    let over = 10.0_f64.powf(-OVER_DB / 10.0);
    let (mut loudest, mut began) = (0.0_f64, false);
    for input in sound.chunks_exact(hop) {
        if !encoder.analyse(input) {
            continue;
        }
        let mean_square = encoder.mean_square();
        let begins = encoder.heard.begins_with(mean_square);
        let on_s = encoder.heard.on_s();
        let ended = mean_square < loudest * over || on_s > encoder.heard.last_moment_s();
        // A slow attack may begin twice.
        if began && (ended || begins && on_s > STILL_BEGINS_S) {
            break;
        }
        loudest = loudest.max(mean_square);
        began |= begins;
        encoder.hear();
    }
    if !began {
        return Err(Failure::Sound(SILENT.to_owned()));
    }
    encoder.encode().map_err(Failure::Runtime)?;
    Ok(encoder.knobs)
}

/// The mean of where its stretches lie, the loud ones more; a sound that is too short comes again and again.
fn followed(
    encoder: &mut InputEncoder,
    sound: &[f32],
    (hop, frames, window): (usize, usize, usize),
) -> Result<Knobs, Failure> {
    let least = frames * hop;
    let hops = sound.len().max(least).div_ceil(hop);
    let warm = window.div_ceil(hop);
    let (mut sum, mut weights, mut power, mut count) = ([0.0_f64; MAX_LATENT], 0.0, 0.0, 0);
    let mut looped = sound.iter().copied().cycle();
    for number in 0..hops + warm {
        let input: Vec<f32> = looped.by_ref().take(hop).collect();
        if !encoder.analyse(&input) || number < warm {
            continue; // what lies before the sound is in the window still
        }
        encoder.hear();
        power += encoder.mean_square();
        count += 1;
        if count >= frames && (count - frames).is_multiple_of((frames / 2).max(1)) {
            encoder.encode().map_err(Failure::Runtime)?;
            for (sum, knob) in sum.iter_mut().zip(encoder.knobs) {
                *sum += power * f64::from(knob);
            }
            weights += power;
            power = 0.0;
        }
    }
    if weights <= 0.0 {
        return Err(Failure::Sound(SILENT.to_owned()));
    }
    Ok(sum.map(|sum| (sum / weights) as f32))
}
