//! How well the tempo follower follows: excerpts with a known tempo, played to the effect in real blocks.
//!
//! `cargo bench -p afterimage-engine --bench tempo -- FOLDER`; the folder is one that
//! `python -m afterimage_models prompts` wrote (`prompts.json` and its WAVs). Without a folder it says so.
//!
//! Per excerpt, over the last half of what is heard: the tempo, and how far the grid's beats lie from the
//! true ones. A tempo within 4 % is right (Gouyon et al. 2006, "An experimental comparison of audio tempo
//! induction algorithms", sec. III); twice, half, three times and a third of it, and
//! the beats of a metre in three, are octave errors.
#![allow(clippy::disallowed_macros, clippy::unwrap_used)]

use std::path::Path;

use afterimage_engine::continuation::{ContinuationChange, Source, TempoFrom, TempoSource};
use afterimage_engine::{
    ControlChange, Engine, Event, HostConfig, LatencyMode, MusicalTime, Processor, RenderMode,
    Service, TimedEvent,
};

const BLOCK: usize = 256;
const RIGHT: f64 = 0.04;
/// A 6/8 is felt in dotted quarters.
const OCTAVES: [f64; 6] = [2.0, 0.5, 3.0, 1.0 / 3.0, 1.5, 2.0 / 3.0];

fn main() {
    let folder = std::env::args()
        .skip(1)
        .find(|argument| !argument.starts_with("--"));
    let Some(folder) = folder else {
        println!("no folder of prompts was named: nothing is followed");
        return;
    };
    let folder = Path::new(&folder);
    let text = std::fs::read_to_string(folder.join("prompts.json")).unwrap();
    let prompts: serde_json::Value = serde_json::from_str(&text).unwrap();
    println!(
        "{:<22}{:>8}{:>8}{:>9}{:>9}{:>10}{:>9}{:>8}",
        "excerpt", "true", "found", "locked s", "sure", "beat ms", "tempo", "bar"
    );
    let mut table: Vec<(String, Row)> = Vec::new();
    for prompt in prompts.as_array().unwrap() {
        let file = prompt["file"].as_str().unwrap();
        let (rate_hz, samples) = read(&folder.join(file));
        let tempo = prompt["tempo_bpm"].as_f64();
        let bar = prompt["bar_quarters"].as_f64().unwrap_or(4.0);
        let row = follow(rate_hz, &samples, tempo, bar);
        println!(
            "{file:<22}{:>8.1}{:>8.1}{:>9}{:>9.2}{:>10.1}{:>9}{:>8}",
            tempo.unwrap_or(0.0),
            row.found,
            row.locked_s.map_or("-".into(), |s| format!("{s:.1}")),
            row.confidence,
            row.beat_ms,
            row.verdict,
            row.bar,
        );
        table.push((prompt["label"].as_str().unwrap().to_owned(), row));
    }
    let mut labels: Vec<String> = table.iter().map(|(label, _)| label.clone()).collect();
    labels.dedup();
    labels.sort();
    labels.dedup();
    labels.push("all with a beat".into());
    println!(
        "\n{:<18}{:>4}{:>8}{:>8}{:>8}{:>9}{:>7}{:>9}",
        "of", "n", "locked", "right", "octave", "beat ms", "bar", "off-beat"
    );
    for label in labels {
        let rows: Vec<&Row> = table
            .iter()
            .filter(|(of, row)| *of == label || (label.starts_with("all") && row.has_beat))
            .map(|(_, row)| row)
            .collect();
        let share = |count: usize| count as f64 / rows.len().max(1) as f64;
        let count = |verdict: &str| rows.iter().filter(|row| row.verdict == verdict).count();
        let mut beats: Vec<f64> = rows
            .iter()
            .filter(|row| row.verdict == "right")
            .map(|row| row.beat_ms)
            .collect();
        beats.sort_by(f64::total_cmp);
        let off_beat = beats.iter().filter(|ms| **ms > 70.0).count();
        println!(
            "{label:<18}{:>4}{:>8.2}{:>8.2}{:>8.2}{:>9.1}{:>7.2}{:>9.2}",
            rows.len(),
            share(rows.iter().filter(|row| row.locked_s.is_some()).count()),
            share(count("right")),
            share(count("octave")),
            beats.get(beats.len() / 2).copied().unwrap_or(f64::NAN),
            share(rows.iter().filter(|row| row.bar == "right").count()),
            share(off_beat),
        );
    }
}

struct Row {
    has_beat: bool,
    found: f64,
    locked_s: Option<f64>,
    confidence: f32,
    beat_ms: f64,
    verdict: &'static str,
    bar: &'static str,
}

fn read(path: &Path) -> (u32, Vec<f32>) {
    let mut reader = hound::WavReader::open(path).unwrap();
    let samples = reader.samples::<f32>().map(Result::unwrap).collect();
    (reader.spec().sample_rate, samples)
}

fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

fn follow(rate_hz: u32, samples: &[f32], tempo: Option<f64>, bar_quarters: f64) -> Row {
    let (service, _worker) = Service::by_hand();
    let engine = Engine::new(&service);
    let mut processor = Processor::new(&engine);
    processor.set_render(RenderMode::Live, false);
    let config = HostConfig {
        latency_mode: LatencyMode::Instant,
        ..HostConfig::new(rate_hz, BLOCK as u32)
    };
    processor.activate(config).unwrap();
    let change = |change| TimedEvent::new(0, Event::Control(ControlChange::Continuation(change)));
    let mut events = vec![
        change(ContinuationChange::Source(Source::Sound)),
        change(ContinuationChange::TempoSource(TempoSource::Follow)),
    ];
    let mut locked_s = None;
    let mut late: Vec<(f64, MusicalTime)> = Vec::new();
    for (index, block) in samples.chunks(BLOCK).enumerate() {
        let (mut left, mut right) = ([0.0; BLOCK], [0.0; BLOCK]);
        let (left, right) = (&mut left[..block.len()], &mut right[..block.len()]);
        processor.process_heard(&[block], left, right, &events);
        events.clear();
        let now = (index * BLOCK + block.len()) as f64 / f64::from(rate_hz);
        let time = engine.monitor().musical_time();
        if time.tempo_from == TempoFrom::Played && locked_s.is_none() {
            locked_s = Some(now);
        }
        if index * BLOCK > samples.len() / 2 {
            late.push((now, time));
        }
    }
    let mut tempi: Vec<f64> = late
        .iter()
        .map(|(_, time)| f64::from(time.tempo_bpm))
        .collect();
    let found = median(&mut tempi);
    let confidence = late.last().map_or(0.0, |(_, time)| time.confidence);
    let off_by = |bpm: f64, times: f64| (found / bpm / times - 1.0).abs() < RIGHT;
    let verdict = match tempo {
        None if locked_s.is_none() => "none",
        None => "locked",
        Some(_) if locked_s.is_none() => "none",
        Some(bpm) if off_by(bpm, 1.0) => "right",
        Some(bpm) if OCTAVES.iter().any(|times| off_by(bpm, *times)) => "octave",
        Some(_) => "wrong",
    };
    let bpm = tempo.unwrap_or(120.0);
    let mut errors: Vec<f64> = late
        .iter()
        .map(|(now, time)| {
            let off = (f64::from(time.bar_tick) / 24.0 - now * bpm / 60.0).rem_euclid(1.0);
            off.min(1.0 - off) * 60_000.0 / bpm
        })
        .collect();
    let (now, last) = late.last().copied().unwrap_or_default();
    let true_bar = (now * bpm / 60.0).rem_euclid(bar_quarters);
    let off = (f64::from(last.bar_tick) / 24.0 - true_bar).rem_euclid(4.0);
    Row {
        has_beat: tempo.is_some(),
        found,
        locked_s,
        confidence,
        beat_ms: median(&mut errors),
        verdict,
        bar: match bar_quarters == 4.0 && verdict == "right" {
            true if off.min(4.0 - off) < 0.3 => "right",
            true => "wrong",
            false => "-",
        },
    }
}
