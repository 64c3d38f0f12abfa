//! The part of the manifest that says how it is played: notes, latent space, conditions.

use serde_json::Value;

use super::field::Field;
use super::parse::each;
use super::{Condition, ConditionKind, Latent, LatentAxis, LatentPreset, Play, PlayHit, PlayMode};
use crate::error::PackError;

const MODE_WORDS: [&str; 5] = ["pitched", "shifted", "drone", "one-shot", "clip"];
const MODES: [PlayMode; 5] = [
    PlayMode::Pitched,
    PlayMode::Shifted,
    PlayMode::Drone,
    PlayMode::OneShot,
    PlayMode::Clip,
];
const MAX_LATENT_SIZE: u64 = 4096;
/// Longest note tail: longer is a mistake in the unit.
const MAX_RELEASE_S: f64 = 60.0;
/// Longest hit.
const MAX_HIT_S: f64 = 60.0;
/// Longer, and it is no instrument.
const MAX_LEAD_MS: f64 = 1000.0;

pub(super) fn parse_play(
    field: &Field<'_>,
    latent: Option<&Latent>,
    conditions: &[Condition],
) -> Result<Play, PackError> {
    field.object()?;
    let range = field.at("range");
    let range = if range.is_there() {
        parse_key_range(&range)?
    } else {
        [0, 127]
    };
    let size = latent.map_or(0, |latent| latent.axes.len());
    let path = field.at("mod_wheel_path");
    let root = field.at("root");
    Ok(Play {
        mode: MODES[field.at("mode").one_of(&MODE_WORDS)?],
        range,
        root: if root.is_there() {
            Some(root.number_in(0.0, 127.0)? as f32)
        } else {
            None
        },
        default_preset: field.at("default_preset").text_or("")?,
        mod_wheel_path: path
            .items_or_none()?
            .iter()
            .map(|place| place.numbers(size))
            .collect::<Result<_, _>>()?,
        gain_db: if field.at("gain_db").is_there() {
            field.at("gain_db").number_in(-60.0, 60.0)? as f32
        } else {
            0.0
        },
        release_s: if field.at("release_s").is_there() {
            field.at("release_s").number_in(0.0, MAX_RELEASE_S)? as f32
        } else {
            0.3 // A hall-less instrument's release: long enough not to click, short enough for staccato.
        },
        lead_ms: if field.at("lead_ms").is_there() {
            Some(field.at("lead_ms").number_in(0.0, MAX_LEAD_MS)? as f32)
        } else {
            None
        },
        hits: each(&field.at("hits"), |hit| parse_hit(hit, conditions))?,
        length_s: if field.at("length_s").is_there() {
            Some(field.at("length_s").number_in(0.001, MAX_HIT_S)? as f32)
        } else {
            None
        },
    })
}

/// `{"key": 36, "label": "kick", "choke_group": 1}`, the label one of the first class condition's.
fn parse_hit(field: &Field<'_>, conditions: &[Condition]) -> Result<PlayHit, PackError> {
    field.object()?;
    let labels = conditions
        .iter()
        .find_map(|condition| match &condition.kind {
            ConditionKind::Class { labels, .. } => Some(labels.as_slice()),
            ConditionKind::Continuous { .. } => None,
        });
    let labels = labels.unwrap_or_default();
    let label = field.at("label").text()?;
    if !labels.contains(&label) {
        let known = labels.join(", ");
        return Err(field
            .at("label")
            .must_be(format!("a label of the first class condition ({known})")));
    }
    Ok(PlayHit {
        key: field.at("key").count(0, 127)? as u8,
        label,
        choke_group: field.at("choke_group").count_or(0, 0, 255)? as u8,
    })
}

fn parse_key_range(field: &Field<'_>) -> Result<[u8; 2], PackError> {
    match field.range() {
        Ok(Some([low, high]))
            if low >= 0.0 && high <= 127.0 && low.fract() == 0.0 && high.fract() == 0.0 =>
        {
            Ok([low as u8, high as u8])
        }
        _ => Err(field.must_be("two MIDI notes [low, high] from 0 to 127")),
    }
}

pub(super) fn parse_latent(field: &Field<'_>) -> Result<Latent, PackError> {
    field.object()?;
    let size = field.at("size").count(1, MAX_LATENT_SIZE)?;
    let axes = each(&field.at("axes"), parse_latent_axis)?;
    if axes.len() != size {
        return Err(field
            .at("axes")
            .must_be(format!("a list of {size} axes, as 'latent.size' says")));
    }
    let preset = |field: &Field<'_>| {
        Ok(LatentPreset {
            name: field.at("name").text()?,
            latent: field.at("latent").numbers(size)?,
        })
    };
    let presets = field
        .at("presets")
        .items_or_none()?
        .iter()
        .map(preset)
        .collect::<Result<_, PackError>>()?;
    Ok(Latent {
        size,
        axes,
        presets,
    })
}

fn parse_latent_axis(field: &Field<'_>) -> Result<LatentAxis, PackError> {
    let axis = LatentAxis {
        name: field.at("name").text()?,
        mean: field.at("mean").number_or(0.0)? as f32,
        std: field.at("std").number_or(1.0)? as f32,
        min: field.at("min").number_or(-3.0)? as f32,
        max: field.at("max").number_or(3.0)? as f32,
        descriptor: field.at("descriptor").text_or("")?,
        effect: field.at("effect").number_or(0.0)? as f32,
        unit: field.at("unit").text_or("")?,
        meaning: field.at("meaning").text_or("")?,
    };
    if axis.std <= 0.0 {
        return Err(field.at("std").must_be("a number above 0"));
    }
    if axis.min >= axis.max {
        return Err(field
            .at("max")
            .must_be(format!("a number above 'min', which is {}", axis.min)));
    }
    Ok(axis)
}

pub(super) fn parse_condition(field: &Field<'_>) -> Result<Condition, PackError> {
    let name = field.at("name").text()?;
    let kind = match field.at("kind").one_of(&["class", "continuous"])? {
        0 => parse_class(field)?,
        _ => {
            let range = field
                .at("range")
                .range()?
                .ok_or_else(|| field.at("range").must_be("a range [low, high]"))?;
            let default = field.at("default");
            let (low, high) = (f64::from(range[0]), f64::from(range[1]));
            let default = if default.is_there() {
                default.number_in(low, high)?
            } else {
                (low + high) / 2.0
            };
            ConditionKind::Continuous {
                range,
                unit: field.at("unit").text_or("")?,
                default: default as f32,
            }
        }
    };
    Ok(Condition { name, kind })
}

fn parse_class(field: &Field<'_>) -> Result<ConditionKind, PackError> {
    let labels = field.at("labels").texts_or_none()?;
    if labels.is_empty() {
        return Err(field.at("labels").must_be("a list of one or more labels"));
    }
    let default = field.at("default");
    let by_name = default
        .value()
        .and_then(Value::as_str)
        .and_then(|name| labels.iter().position(|l| l == name));
    let default = match by_name {
        Some(index) => index,
        None => default
            .count_or(0, 0, labels.len() as u64 - 1)
            .map_err(|_| {
                default.must_be(format!(
                    "one of the labels or an index from 0 to {}",
                    labels.len() - 1
                ))
            })?,
    };
    Ok(ConditionKind::Class { labels, default })
}
