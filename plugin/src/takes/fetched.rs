//! A finished take of the engine becomes one to keep. Keeper thread.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use afterimage_engine::continuation::{Ending, Source, Take};

use super::record::{RECORD_VERSION, TakeNote, TakeRecord, outline};
use super::sound::Sound;
use super::store::WholeTake;

impl From<Take> for WholeTake {
    fn from(take: Take) -> Self {
        let sound = |channels: &[Vec<f32>]| Sound {
            rate_hz: take.place.host_rate_hz,
            channels: channels.len() as u16,
            samples: interleaved(channels),
        };
        let notes = take.notes.iter().map(|note| TakeNote {
            tick: note.tick,
            duration_ticks: note.duration_ticks,
            key: note.key,
            velocity: note.velocity,
        });
        let style = take.start.style;
        Self {
            record: TakeRecord {
                version: RECORD_VERSION,
                id: fresh_id(),
                name: format!("{} {}", take.pack, take.start.seed),
                kept: false,
                seed: take.start.seed,
                follows_heard: take.start.follows_heard,
                labels: style.class.to_vec(),
                temperature: style.temperature,
                top_p: style.top_p,
                likeness: style.likeness,
                rate_hz: take.place.host_rate_hz,
                length_samples: take.audio.first().map_or(0, |channel| channel.len() as u64),
                start_sample: take.place.start_sample,
                branch_sample: take.place.branch_sample,
                position_quarters: take.place.position_quarters,
                tempo_bpm: Some(take.place.tempo_bpm).filter(|tempo| *tempo > 0.0),
                ended: word_for(take.ended).to_owned(),
                outline: outline(&interleaved(&take.audio)),
                notes: match take.source {
                    Source::Notes => notes.collect(),
                    Source::Sound => Vec::new(),
                },
                pack: take.pack.clone(),
            },
            sound: sound(&take.audio),
            heard: sound(std::slice::from_ref(&take.priming)),
        }
    }
}

fn word_for(ending: Ending) -> &'static str {
    match ending {
        Ending::Length => "length",
        Ending::Stopped => "stopped",
        Ending::Reset => "reset",
        Ending::Failed => "failed",
        Ending::GoesOn => "goes on",
    }
}

fn interleaved(channels: &[Vec<f32>]) -> Vec<f32> {
    match channels {
        [] => Vec::new(),
        [mono] => mono.clone(),
        [left, right, ..] => left
            .iter()
            .zip(right)
            .flat_map(|(left, right)| [*left, *right])
            .collect(),
    }
}

/// A name that sorts by time and that no other process or instance takes.
pub(super) fn fresh_id() -> String {
    static TAKES: AtomicU32 = AtomicU32::new(0);
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    let milliseconds = since.map_or(0, |since| since.as_millis());
    let serial = TAKES.fetch_add(1, Ordering::Relaxed);
    format!("{milliseconds:014}-{}-{serial}", std::process::id())
}
