//! Excerpts of pieces that no model was trained on: what is played before, and what truly came after.

use std::path::Path;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

/// Bars of an excerpt that are played; as many again are the piece's true next ones.
pub const PROMPT_BARS: u32 = 8;

/// Bars of a piece, from a bar line on.
pub struct Excerpt {
    /// Ticks of a bar, 24 to the quarter note.
    pub bar_ticks: u32,
    /// Notes that begin in the prompt: tick, duration in ticks, MIDI key.
    pub prompt: Vec<(u32, u32, u8)>,
}

/// Reads what `python -m afterimage_models prompts tune-lstm` wrote.
///
/// # Errors
/// When the file cannot be read or holds something else.
pub fn read(path: &Path) -> Result<Vec<Excerpt>> {
    let what = || format!("{} holds no excerpts", path.display());
    let text =
        std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    let file: Value = serde_json::from_str(&text).with_context(what)?;
    let rows = file["excerpts"].as_array().with_context(what)?;
    let excerpts: Option<Vec<_>> = rows.iter().map(excerpt).collect();
    let excerpts = excerpts.with_context(what)?;
    ensure!(!excerpts.is_empty(), what());
    Ok(excerpts)
}

fn excerpt(row: &Value) -> Option<Excerpt> {
    let number = |value: &Value| u32::try_from(value.as_u64()?).ok();
    let bar_ticks = number(&row["bar_ticks"]).filter(|ticks| *ticks > 0)?;
    let note = |value: &Value| {
        let key = number(&value[2]).filter(|key| *key < 128)? as u8;
        Some((number(&value[0])?, number(&value[1])?, key))
    };
    let notes: Option<Vec<_>> = row["notes"].as_array()?.iter().map(note).collect();
    let mut prompt = notes?;
    prompt.retain(|(tick, ..)| *tick < PROMPT_BARS * bar_ticks);
    Some(Excerpt { bar_ticks, prompt })
}
