//! Transforming on the command line of `render`: through which pack, what is added to its axes, how much of it.

use afterimage_tests::host::{Rendered, Session};
use anyhow::{Context, Result, ensure};

use crate::arguments::Arguments;
use crate::packs::{Named, named};
use crate::play_on;

/// Positions of `fx_mode`.
const TRANSFORM: f64 = 1.0;
/// Half the range of a bias, as the plugin's parameter has it.
const BIAS_LIMIT: f64 = 3.0;
/// Axes with a bias of their own.
const AXES: usize = 16;
/// Envelopes are compared in steps of so many samples.
const STEP: usize = 16;
/// The furthest that they are moved, in seconds.
const MOST_LAG_S: f64 = 0.1;

/// `--transform PACK [--mix 0..1] [--latent AXIS=VALUE …]`.
pub struct Transform {
    /// The pack.
    pub pack: Named,
    mix: Option<f64>,
    latent: Vec<(String, f64)>,
}

impl Transform {
    /// What the command line asks for, if it asks for any of it.
    pub fn read(arguments: &mut Arguments) -> Result<Option<Self>> {
        let Some(pack) = arguments.value("--transform")? else {
            return Ok(None);
        };
        let mut latent = Vec::new();
        while let Some(word) = arguments.value("--latent")? {
            latent.push(play_on::setting(&word).context("--latent AXIS=VALUE")?);
        }
        Ok(Some(Self {
            pack: named(&pack)?,
            mix: arguments.parsed("--mix")?,
            latent,
        }))
    }

    /// Sets the instance's mode and controls.
    pub fn lay(&self, session: &mut Session) -> Result<()> {
        play_on::set(session, "fx_mode", TRANSFORM)?;
        if let Some(mix) = self.mix {
            play_on::set(session, "transform_mix", mix)?;
        }
        let names = match &self.pack {
            Named::Shipped(pack) => pack.axes(),
            Named::At(_) | Named::Other(_) => Vec::new(),
        };
        for (axis, value) in &self.latent {
            let number = axis
                .parse()
                .ok()
                .filter(|number| (1..=AXES).contains(number));
            let named = || {
                names
                    .iter()
                    .position(|name| name.eq_ignore_ascii_case(axis))
            };
            let number = number.or_else(|| named().map(|place| place + 1));
            let number = number.with_context(|| {
                format!(
                    "--latent {axis}: no axis of that name; they are 1 to {AXES}, {}",
                    names.join(", ")
                )
            })?;
            ensure!(
                value.abs() <= BIAS_LIMIT,
                "--latent {axis}={value}: a bias lies within {BIAS_LIMIT} standard deviations"
            );
            let place = (value + BIAS_LIMIT) / (2.0 * BIAS_LIMIT);
            play_on::set(session, &format!("transform_bias_{number}"), place)?;
        }
        Ok(())
    }
}

/// Samples by which the envelope of a compensated render lags that of its input, and how alike they are then; none
/// where either is silent.
pub fn envelope_lag(rendered: &Rendered, input: &[Vec<f32>]) -> Option<(i64, f64)> {
    let mono: Vec<f32> = match input {
        [left, right] => left.iter().zip(right).map(|(l, r)| 0.5 * (l + r)).collect(),
        [mono] => mono.clone(),
        _ => return None,
    };
    let (heard, made) = (envelope(&mono), envelope(&rendered.mono()));
    let most = (MOST_LAG_S * rendered.rate_hz) as i64 / STEP as i64;
    let alike = |lag: i64| (lag, correlation(&heard, &made, lag));
    let best = (-most..=most)
        .map(alike)
        .max_by(|a, b| a.1.total_cmp(&b.1))?;
    (best.1 > 0.0).then_some((best.0 * STEP as i64, best.1))
}

/// Changes of the level in decibels, a step each: what moves is what can be timed.
fn envelope(samples: &[f32]) -> Vec<f64> {
    let power =
        |step: &[f32]| step.iter().map(|s| f64::from(*s).powi(2)).sum::<f64>() / step.len() as f64;
    let powers: Vec<f64> = samples.chunks(STEP).map(power).collect();
    let smooth = |at: usize| {
        let near = &powers[at.saturating_sub(8)..(at + 9).min(powers.len())];
        near.iter().sum::<f64>() / near.len() as f64
    };
    let levels: Vec<f64> = (0..powers.len())
        .map(|at| 10.0 * (smooth(at) + 1e-7).log10())
        .collect();
    (16..levels.len())
        .map(|at| levels[at] - levels[at - 16])
        .collect()
}

fn correlation(heard: &[f64], made: &[f64], lag: i64) -> f64 {
    let (mut product, mut first, mut second) = (0.0, 0.0, 0.0);
    for (at, heard) in heard.iter().enumerate() {
        let Some(made) = usize::try_from(at as i64 + lag)
            .ok()
            .and_then(|at| made.get(at))
        else {
            continue;
        };
        product += heard * made;
        first += heard * heard;
        second += made * made;
    }
    product / (first * second).sqrt().max(1e-12)
}

#[cfg(test)]
mod tests {
    use super::envelope_lag;
    use afterimage_tests::host::Rendered;

    #[test]
    fn a_delay_is_found_and_silence_has_none() {
        let mut noise = 1_u32;
        let mut input = vec![0.0_f32; 48_000];
        for (at, value) in input.iter_mut().enumerate() {
            noise = noise.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let burst = (at / 5_000) % 2 == 0 && at % 5_000 < 2_000;
            *value = if burst {
                (noise >> 8) as f32 / 8_388_608.0 - 1.0
            } else {
                0.0
            };
        }
        let mut late = vec![0.0; 640];
        late.extend(&input);
        let rendered = Rendered {
            audio: [late.clone(), late],
            rate_hz: 48_000.0,
            ..Rendered::default()
        };
        let found = envelope_lag(&rendered, &[input.clone()]);
        assert_eq!(found.map(|(lag, _)| lag), Some(640));
        assert_eq!(envelope_lag(&rendered, &[vec![0.0; 48_000]]), None);
    }
}
