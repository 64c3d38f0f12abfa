//! The check of a pack that goes on sample by sample: the kernel against its graph on each runtime, and how fast it is.

use super::both::largest_of_pairs;
use super::{AGREEMENT, ModelCheck};
use crate::backend::BackendKind;
use crate::continuers::{Walk, load_continuer, wave_walks};
use crate::pack::Pack;
use crate::runtime::Runtime;

/// Samples of the comparison: more than the longest delay of nets of this size.
const WALK_SAMPLES: usize = 4_800;

/// Compares the kernel with the graph on every runtime there is, and measures them.
pub(super) fn check(pack: &Pack, runtime: &Runtime, mut text: String) -> ModelCheck {
    let tried = try_out(pack, runtime, &mut text);
    let is_sound = tried.unwrap_or_else(|sentence| {
        text.push_str(&format!("  {sentence}\n"));
        false
    });
    text.push_str(if is_sound {
        "\nResult: the plugin continues sound with it.\n"
    } else {
        "\nResult: NOT fit to ship.\n"
    });
    ModelCheck { text, is_sound }
}

/// Whether kernel and graphs agree.
fn try_out(pack: &Pack, runtime: &Runtime, text: &mut String) -> Result<bool, String> {
    let loaded = load_continuer(pack, runtime).map_err(|error| error.to_string())?;
    let report = loaded.report;
    text.push_str(&format!(
        "  {}: ready in {:.0} ms; plays {:.1} s and hears {:.1} s of sound in a second\n",
        report.backend, report.load_ms, report.speed, report.hearing_speed
    ));
    let walks = wave_walks(pack, runtime, WALK_SAMPLES)?;
    let sample_us = 1e6 / f64::from(pack.manifest().representation.sample_rate);
    let median_of_kernel = quantile(&walks[0], 0.5);
    let mut agree = true;
    for walk in &walks {
        let [median, late] = [0.5, 0.999].map(|part| quantile(walk, part));
        text.push_str(&format!(
            "  {}: a sample in {median:.1} us, p99.9 {late:.1}; {:.2} of real time, {:.0} times the kernel\n",
            walk.kind,
            sample_us / median,
            median / median_of_kernel
        ));
        if walk.kind != BackendKind::Native {
            let difference = difference(&walks[0], walk);
            agree &= difference <= AGREEMENT;
            let verdict = if difference <= AGREEMENT {
                "agrees"
            } else {
                "does NOT agree"
            };
            text.push_str(&format!(
                "  {}: {verdict} with the kernel over {WALK_SAMPLES} samples, largest difference {difference:.1e}, limit {AGREEMENT:.0e}\n",
                walk.kind
            ));
        }
    }
    Ok(agree)
}

fn quantile(walk: &Walk, part: f64) -> f64 {
    let mut times = walk.times_us.clone();
    times.sort_by(f64::total_cmp);
    times[((times.len() - 1) as f64 * part) as usize]
}

/// Largest difference of logits, means or scales, each relative to the largest of its kind.
fn difference(first: &Walk, second: &Walk) -> f32 {
    let part = first.mixtures.first().map_or(0, Vec::len) / 3;
    let of_kind = |kind: usize| {
        let range = kind * part..(kind + 1) * part;
        let values = |walk: &Walk| -> Vec<f32> {
            let rows = walk.mixtures.iter();
            rows.flat_map(|row| row[range.clone()].to_vec()).collect()
        };
        let (first, second) = (values(first), values(second));
        let peak = first
            .iter()
            .fold(f32::MIN_POSITIVE, |most, value| most.max(value.abs()));
        largest_of_pairs(first.iter().zip(&second)) / peak
    };
    (0..3).map(of_kind).fold(0.0, f32::max)
}
