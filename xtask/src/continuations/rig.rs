//! Conductor, worker and composer without a sound, run by hand.

use std::sync::Arc;

use afterimage_engine::continuation::{
    Composer, ContinuationChange, Quantise, TICKS_PER_QUARTER, Transport,
};
use afterimage_engine::{
    ControlChange, Engine, Event, HostConfig, NoteMatch, Processor, RenderMode, Service,
    TimedEvent, Worker,
};
use anyhow::{Context, Result};

use super::excerpts::{Excerpt, PROMPT_BARS};

const RATE_HZ: u32 = 48_000;
const BLOCK: usize = 512;
const TEMPO_BPM: u32 = 120;
/// Samples of a tick: a whole number, so that ticks are found again.
const TICK: u64 = (RATE_HZ * 60 / TEMPO_BPM / TICKS_PER_QUARTER) as u64;
/// Bars of a continuation.
const BARS: u32 = 8;
/// The wish to go on comes so long before the bar line: the prompt's last note has begun.
const WISH_TICKS: u64 = 12;
const VELOCITY: f32 = 0.7;

/// What one continuation came to.
#[derive(Default)]
pub struct Composed {
    /// Tick from its start, duration in ticks, MIDI key.
    pub notes: Vec<(u32, u32, u8)>,
    /// Keys that were not let go.
    pub hanging: usize,
    /// Notes on or off outside the bars that were asked for.
    pub outside: usize,
    pub late: usize,
}

/// One instance.
pub struct Rig {
    processor: Processor,
    worker: Worker,
    engine: Arc<Engine>,
}

impl Rig {
    /// # Errors
    /// When the engine refuses its own settings.
    pub fn new(composer: Box<dyn Composer>) -> Result<Self> {
        let (service, worker) = Service::by_hand();
        let engine = Engine::new(&service);
        engine.set_composer(Some(composer));
        let mut processor = Processor::new(&engine);
        processor.set_render(RenderMode::Live, false);
        processor
            .activate(HostConfig::new(RATE_HZ, BLOCK as u32))
            .context("the engine refused its own settings")?;
        Ok(Self {
            processor,
            worker,
            engine,
        })
    }

    /// Plays an excerpt's first bars, `shift` semitones higher, and has them continued.
    pub fn continued(
        &mut self,
        excerpt: &Excerpt,
        shift: i32,
        seed: u64,
        likeness: f32,
    ) -> Composed {
        self.processor.reset();
        let late_before = self.engine.monitor().counts().late_notes;
        let latency = u64::from(self.processor.latency().reported_samples);
        let bar = u64::from(excerpt.bar_ticks) * TICK;
        let (begins, ends) = (
            u64::from(PROMPT_BARS) * bar,
            u64::from(PROMPT_BARS + BARS) * bar,
        );
        let mut script = script(excerpt, shift, begins);
        script.splice(0..0, wishes(seed, likeness));
        let stop = ContinuationChange::Run(false);
        script.push((ends + bar / 2, change(stop)));
        let (mut composed, mut next) = (Vec::new(), 0);
        let (mut left, mut right) = ([0.0; BLOCK], [0.0; BLOCK]);
        for from in (0..ends + bar).step_by(BLOCK) {
            let first = next;
            while next < script.len() && script[next].0 < from + BLOCK as u64 {
                next += 1;
            }
            let events: Vec<TimedEvent> = script[first..next]
                .iter()
                .map(|(at, event)| TimedEvent::new((at - from) as u32, *event))
                .collect();
            self.processor.set_transport(&transport(from, bar));
            self.processor.process(&mut left, &mut right, &events);
            let out = self.processor.composed().iter();
            composed.extend(out.map(|e| (from + u64::from(e.offset_samples) - latency, e.event)));
            self.worker.run_until_idle();
        }
        let late = self.engine.monitor().counts().late_notes - late_before;
        Composed {
            late: late as usize,
            ..counted(&composed, begins..ends)
        }
    }
}

/// A host that runs from 0 at the tempo.
fn transport(sample: u64, bar: u64) -> Transport {
    let quarters = |samples: u64| samples as f64 / (TICK * u64::from(TICKS_PER_QUARTER)) as f64;
    Transport {
        playing: true,
        tempo_bpm: Some(f64::from(TEMPO_BPM)),
        position_quarters: Some(quarters(sample)),
        bar_start_quarters: Some(quarters(sample / bar * bar)),
        bar_quarters: Some(quarters(bar)),
    }
}

fn change(change: ContinuationChange) -> Event {
    Event::Control(ControlChange::Continuation(change))
}

fn wishes(seed: u64, likeness: f32) -> [(u64, Event); 5] {
    [
        ContinuationChange::FollowsHeard(true),
        ContinuationChange::Quantise(Quantise::Bar),
        ContinuationChange::Bars(BARS as u16),
        ContinuationChange::Likeness(likeness),
        ContinuationChange::Seed(seed),
    ]
    .map(|wish| (0, change(wish)))
}

/// The prompt's notes, and the wish to go on at its end.
fn script(excerpt: &Excerpt, shift: i32, begins: u64) -> Vec<(u64, Event)> {
    let wish = begins - WISH_TICKS * TICK;
    let channel = 0;
    let mut script = Vec::with_capacity(2 * excerpt.prompt.len() + 8);
    for (tick, duration, key) in &excerpt.prompt {
        let (on, key) = (u64::from(*tick) * TICK, moved(*key, shift));
        // A note that is still held there is let go by the end of the prompt, as all are.
        let off = (on + u64::from(*duration) * TICK).min(begins) - 1;
        let down = Event::NoteOn {
            key,
            channel,
            note_id: None,
            velocity: VELOCITY,
        };
        script.push((on, down));
        script.push((off, Event::NoteOff(NoteMatch::key(key, channel))));
    }
    script.push((wish, change(ContinuationChange::Run(true))));
    script.sort_by_key(|(at, _)| *at);
    script
}

fn moved(key: u8, shift: i32) -> u8 {
    (i32::from(key) + shift).clamp(0, 127) as u8
}

fn counted(composed: &[(u64, Event)], bars: std::ops::Range<u64>) -> Composed {
    let mut found = Composed::default();
    let tick = |at: u64| (at.saturating_sub(bars.start) / TICK) as u32;
    let mut held: Vec<(u8, u64)> = Vec::new();
    for (at, event) in composed {
        match event {
            Event::NoteOn { key, .. } => {
                held.push((*key, *at));
                found.outside += usize::from(!bars.contains(at));
            }
            Event::NoteOff(NoteMatch { key: Some(key), .. }) => {
                found.outside += usize::from(*at < bars.start || *at > bars.end);
                let Some(place) = held.iter().position(|(down, _)| down == key) else {
                    found.outside += 1;
                    continue;
                };
                let (key, on) = held.remove(place);
                found
                    .notes
                    .push((tick(on), (tick(*at) - tick(on)).max(1), key));
            }
            _ => {}
        }
    }
    found.hanging = held.len();
    found.notes.sort_unstable();
    found
}
