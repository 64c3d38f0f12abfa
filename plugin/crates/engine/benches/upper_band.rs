//! What the upper band costs the worker, in shares of real time.
//!
//! `cargo bench -p afterimage-engine --bench upper_band`. A continuer at 16 or 22.05 kHz that costs nothing repeats what
//! it heard, beside one at 40 kHz, which needs no upper band. Each scene is played several times; the least counts.
//! The first second of playing is apart: a piece goes through what it remembers when it begins.
#![allow(clippy::disallowed_macros, clippy::unwrap_used)]

use std::time::{Duration, Instant};

use afterimage_engine::continuation::{
    ContinuationChange, Continuer, ContinuerSpec, Quantise, SoundStart, Source, Style,
};
use afterimage_engine::contract::DecodeError;
use afterimage_engine::{
    ControlChange, Engine, Event, HostConfig, LatencyMode, Processor, RenderMode, Service,
    TimedEvent,
};

const RATE_HZ: u32 = 48_000;
const BLOCK: usize = 256;
/// Longer than a piece remembers.
const LISTENS_S: usize = 50;
const PLAYS_S: usize = 10;
const REPEATS: usize = 3;

/// Repeats the last second that it heard.
struct Repeats {
    spec: ContinuerSpec,
    heard: Vec<f32>,
    next: usize,
}

impl Continuer for Repeats {
    fn spec(&self) -> &ContinuerSpec {
        &self.spec
    }

    fn forget(&mut self) {
        self.heard.clear();
    }

    fn hear(&mut self, samples: &[f32]) -> Result<(), DecodeError> {
        self.heard.extend_from_slice(samples);
        Ok(())
    }

    fn begin(&mut self, _: &SoundStart) {
        self.next = 0;
    }

    fn go_on(&mut self, _: &Style, samples: &mut [f32]) -> Result<usize, DecodeError> {
        let second = self.spec.sample_rate_hz as usize;
        let from = self.heard.len().saturating_sub(second);
        for sample in samples.iter_mut() {
            *sample = self.heard[from + self.next % second];
            self.next += 1;
        }
        Ok(samples.len())
    }
}

fn event(change: ContinuationChange) -> TimedEvent {
    TimedEvent::new(0, Event::Control(ControlChange::Continuation(change)))
}

/// Drums of noise, another each time.
fn drums(at: usize) -> f32 {
    let mut state = (at as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    state = (state ^ (state >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let noise = (state >> 40) as f32 / 8_388_608.0 - 1.0;
    let (hit, since) = (at / 6_000, (at % 6_000) as f32);
    0.4 * noise * (-since / (300.0 + 200.0 * (hit % 7) as f32)).exp()
}

/// What the worker took to listen, in the first second of playing and in the rest, and its longest turn of all.
fn run(rate_hz: u32) -> [Duration; 4] {
    let (service, mut worker) = Service::by_hand();
    let engine = Engine::new(&service);
    engine.set_continuer(Some(Box::new(Repeats {
        spec: ContinuerSpec {
            name: "repeats".into(),
            sample_rate_hz: rate_hz,
            context_samples: 0,
            speed: 1e3,
        },
        heard: Vec::new(),
        next: 0,
    })));
    let mut processor = Processor::new(&engine);
    processor.set_render(RenderMode::Live, false);
    let config = HostConfig {
        latency_mode: LatencyMode::Instant,
        ..HostConfig::new(RATE_HZ, BLOCK as u32)
    };
    processor.activate(config).unwrap();
    let mut events: Vec<_> = [
        ContinuationChange::Source(Source::Sound),
        ContinuationChange::FollowsHeard(true),
        ContinuationChange::Quantise(Quantise::Now),
    ]
    .map(event)
    .into();
    let (mut left, mut right) = (vec![0.0; BLOCK], vec![0.0; BLOCK]);
    let mut took = [Duration::ZERO; 4];
    let begins = LISTENS_S * RATE_HZ as usize / BLOCK;
    let ends = (LISTENS_S + PLAYS_S) * RATE_HZ as usize / BLOCK;
    for block in 0..ends {
        let input: Vec<f32> = (block * BLOCK..(block + 1) * BLOCK).map(drums).collect();
        if block == begins {
            events.push(event(ContinuationChange::Run(true)));
        }
        processor.process_heard(&[&input, &input], &mut left, &mut right, &events);
        events.clear();
        let began = Instant::now();
        worker.run_until_idle();
        let turn = began.elapsed();
        let part = match block.checked_sub(begins) {
            None => 0,
            Some(after) if after * BLOCK < RATE_HZ as usize => 1,
            Some(_) => 2,
        };
        took[part] += turn;
        took[3] = took[3].max(turn);
    }
    assert_eq!(engine.monitor().counts().late_samples, 0);
    took
}

fn main() {
    println!("share of real time: listening, playing; ms: first second of playing, longest turn");
    for rate_hz in [40_000, 22_050, 16_000] {
        let mut least = run(rate_hz);
        for _ in 1..REPEATS {
            for (least, took) in least.iter_mut().zip(run(rate_hz)) {
                *least = (*least).min(took);
            }
        }
        let [listens, begins, plays, longest] = least.map(|took| took.as_secs_f64());
        println!(
            "{rate_hz:>6} Hz: {:>5.2} %, {:>5.2} %; {:>6.2}, {:>6.2}",
            100.0 * listens / LISTENS_S as f64,
            100.0 * plays / (PLAYS_S - 1) as f64,
            1e3 * begins,
            1e3 * longest,
        );
    }
}
