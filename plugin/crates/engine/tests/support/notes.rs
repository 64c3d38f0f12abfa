//! A composer without a net, and the instrument that it plays in.

use afterimage_engine::continuation::{
    ComposedNote, Composer, ContinuationChange, HeardNote, PieceStart, Progress, Quantise, Style,
};
use afterimage_engine::contract::DecodeError;
use afterimage_engine::{Event, HostConfig, TimedEvent};

use super::sound::{RATE_HZ, change};
use super::{Behaviour, MODEL_RATE_HZ, Rig, Sound, instrument};

/// An eighth note every eighth note, whose key says what the composer was told.
#[derive(Default)]
pub struct Eighths {
    pub seed: u64,
    pub heard: Vec<HeardNote>,
    pub next_tick: u32,
    pub fails_from: Option<u32>,
}

impl Composer for Eighths {
    fn begin(&mut self, start: &PieceStart, heard: &[HeardNote]) {
        self.seed = start.seed;
        self.heard = heard.to_vec();
        self.next_tick = 0;
    }

    fn compose(
        &mut self,
        style: &Style,
        until_tick: u32,
        notes: &mut Vec<ComposedNote>,
    ) -> Result<Progress, DecodeError> {
        if self.fails_from.is_some_and(|tick| self.next_tick >= tick) {
            return Err(DecodeError::Composer {
                pack: "test".into(),
                reason: "told to".into(),
            });
        }
        if self.next_tick >= until_tick {
            return Ok(Progress::Done);
        }
        let base = self.heard.last().map_or(48, |note| note.key);
        let key = base + (self.seed % 12) as u8 + (self.next_tick / 12 % 8) as u8;
        notes.push(ComposedNote {
            tick: self.next_tick,
            duration_ticks: 18,
            key: key + style.class[0] as u8,
            velocity: 0.8,
        });
        self.next_tick += 12;
        Ok(Progress::Working)
    }
}

pub fn rig(block: usize) -> Rig {
    let rig = Rig::with(
        HostConfig::new(RATE_HZ, block as u32),
        Some(instrument(Behaviour::Partials, MODEL_RATE_HZ)),
    );
    rig.engine.set_composer(Some(Box::<Eighths>::default()));
    rig
}

/// Plays in equal blocks; composed events with their absolute samples, the latency taken off.
pub fn play(
    rig: &mut Rig,
    events: &[(u64, Event)],
    samples: usize,
    block: usize,
) -> (Sound, Vec<(u64, Event)>) {
    let mut sound = Sound {
        left: vec![0.0; samples],
        right: vec![0.0; samples],
        missing: 0,
    };
    let mut composed = Vec::new();
    for begins in (0..samples).step_by(block) {
        let ends = (begins + block).min(samples);
        let timed: Vec<_> = events
            .iter()
            .filter(|(at, _)| (begins as u64..ends as u64).contains(at))
            .map(|(at, event)| TimedEvent::new((*at - begins as u64) as u32, *event))
            .collect();
        rig.processor.process(
            &mut sound.left[begins..ends],
            &mut sound.right[begins..ends],
            &timed,
        );
        composed.extend(leaving(rig, begins as u64));
        rig.work();
    }
    (sound, composed)
}

pub fn leaving(rig: &Rig, begins: u64) -> impl Iterator<Item = (u64, Event)> {
    let latency = u64::from(rig.latency.reported_samples);
    let out = rig.processor.composed().iter();
    out.map(move |e| {
        (
            (begins + u64::from(e.offset_samples)).saturating_sub(latency),
            e.event,
        )
    })
}

pub fn run_at(sample: u64, quantise: Quantise) -> Vec<(u64, Event)> {
    vec![
        (0, change(ContinuationChange::Quantise(quantise))),
        (sample, change(ContinuationChange::Run(true))),
    ]
}

pub fn ons(composed: &[(u64, Event)]) -> Vec<u64> {
    let on = |(at, event): &(u64, Event)| matches!(event, Event::NoteOn { .. }).then_some(*at);
    composed.iter().filter_map(on).collect()
}

pub fn keys(composed: &[(u64, Event)]) -> Vec<u8> {
    let key = |(_, event): &(u64, Event)| match event {
        Event::NoteOn { key, .. } => Some(*key),
        _ => None,
    };
    composed.iter().filter_map(key).collect()
}
