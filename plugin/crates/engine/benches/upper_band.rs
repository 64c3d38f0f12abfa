//! What the upper band costs the worker, in shares of real time, and its longest step: so long other instances' notes wait.
//!
//! `cargo bench -p afterimage-engine --bench upper_band`. A continuer at 16 or 22.05 kHz that costs nothing repeats what
//! it heard, beside one at 40 kHz, which needs no upper band. Each scene is played several times. Of the shares the least
//! counts; a step takes the median of its repeats, because in some of them other programs had the core, and beside it
//! stands the worst of all. The first second of playing is apart: a piece goes through what it remembers when it begins.
#![allow(clippy::disallowed_macros, clippy::unwrap_used)]

use std::time::{Duration, Instant};

use afterimage_engine::continuation::{
    ContinuationChange, Continuer, ContinuerSpec, Quantise, SoundStart, Source, Style,
};
use afterimage_engine::contract::DecodeError;
use afterimage_engine::{
    ControlChange, Engine, Event, HostConfig, LatencyMode, Processor, RenderMode, Service, Step,
    TimedEvent,
};

const BLOCK: usize = 256;
/// Longer than a piece remembers.
const LISTENS_S: usize = 50;
const PLAYS_S: usize = 10;
const REPEATS: usize = 9;
/// Of the host and of the continuer.
const RATES_HZ: [(u32, u32); 4] = [
    (48_000, 40_000),
    (48_000, 22_050),
    (48_000, 16_000),
    (44_100, 22_050),
];

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

/// What the worker took.
#[derive(Default)]
struct Took {
    /// To listen, in the first second of playing, and in the rest.
    parts: [Duration; 3],
    /// Each step, with its part.
    steps: Vec<(usize, Duration)>,
}

fn run((host_rate_hz, rate_hz): (u32, u32)) -> Took {
    let (service, mut worker) = Service::by_hand();
    let engine = Engine::new(&service);
    engine.set_continuer(Some(Box::new(Repeats {
        spec: ContinuerSpec {
            name: "repeats".into(),
            sample_rate_hz: rate_hz,
            context_samples: 0,
            speed: 1e3,
        },
        // It does not grow: that would take milliseconds that are not the engine's.
        heard: Vec::with_capacity((LISTENS_S + PLAYS_S + 1) * rate_hz as usize),
        next: 0,
    })));
    let mut processor = Processor::new(&engine);
    processor.set_render(RenderMode::Live, false);
    let config = HostConfig {
        latency_mode: LatencyMode::Instant,
        ..HostConfig::new(host_rate_hz, BLOCK as u32)
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
    let mut took = Took::default();
    let begins = LISTENS_S * host_rate_hz as usize / BLOCK;
    let ends = (LISTENS_S + PLAYS_S) * host_rate_hz as usize / BLOCK;
    for block in 0..ends {
        let input: Vec<f32> = (block * BLOCK..(block + 1) * BLOCK).map(drums).collect();
        if block == begins {
            events.push(event(ContinuationChange::Run(true)));
        }
        processor.process_heard(&[&input, &input], &mut left, &mut right, &events);
        events.clear();
        let part = match block.checked_sub(begins) {
            None => 0,
            Some(after) if after * BLOCK < host_rate_hz as usize => 1,
            Some(_) => 2,
        };
        let mut worked = true;
        while worked {
            let began = Instant::now();
            worked = worker.step() == Step::Worked;
            let step = began.elapsed();
            took.parts[part] += step;
            took.steps.push((part, step));
        }
    }
    assert_eq!(engine.monitor().counts().late_samples, 0);
    took
}

/// The longest step of a part: by the median of its repeats, and at its worst, in milliseconds.
fn longest(runs: &[Took], part: usize) -> [f64; 2] {
    let mut longest = [0.0_f64; 2];
    let steps = runs[0].steps.iter().enumerate();
    for (step, _) in steps.filter(|(_, step)| step.0 == part) {
        let mut took: Vec<_> = runs
            .iter()
            .map(|run| 1e3 * run.steps[step].1.as_secs_f64())
            .collect();
        took.sort_by(f64::total_cmp);
        longest[0] = longest[0].max(took[REPEATS / 2]);
        longest[1] = longest[1].max(took[REPEATS - 1]);
    }
    longest
}

fn main() {
    println!("share of real time: listening, playing; longest step in ms, median and worst:");
    println!("listening, first second of playing, playing");
    for rates in RATES_HZ {
        let runs: Vec<_> = (0..REPEATS).map(|_| run(rates)).collect();
        let least = |part: usize| {
            let took = runs.iter().map(|run| run.parts[part].as_secs_f64());
            took.fold(f64::INFINITY, f64::min)
        };
        let (listens, plays) = (least(0) / LISTENS_S as f64, least(2) / (PLAYS_S - 1) as f64);
        let [hears, begins, goes_on] = [0, 1, 2].map(|part| longest(&runs, part));
        let (host_rate_hz, rate_hz) = rates;
        println!(
            "{rate_hz:>6} Hz in {host_rate_hz} Hz: {:>5.2} %, {:>5.2} %; {:>5.2} {:>5.2}, {:>5.2} {:>5.2}, {:>5.2} {:>5.2}",
            100.0 * listens,
            100.0 * plays,
            hears[0],
            hears[1],
            begins[0],
            begins[1],
            goes_on[0],
            goes_on[1],
        );
    }
}
