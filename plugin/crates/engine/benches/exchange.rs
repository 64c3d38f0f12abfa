//! Two instances of the effect trade bars with their input in real time, on one worker.
//!
//! `cargo bench -p afterimage-engine --bench exchange -- [--minutes M]`, two by default, or `cargo xtask bench
//! --exchange`. Blocks of 64 samples at 48 kHz, by the clock, on one thread for both, as a host on one core has
//! them; *Memory* continues. It prints how many samples were late, and how long a round of both took beside
//! its deadline. Figures of a loaded machine are those of a loaded machine: how often this thread itself was
//! not woken in time stands beside them.
#![allow(
    clippy::disallowed_macros,
    clippy::disallowed_methods,
    clippy::unwrap_used
)]

use std::time::{Duration, Instant};

use afterimage_engine::continuation::{ContinuationChange, Grains, Quantise, Source};
use afterimage_engine::{
    ControlChange, Engine, Event, HostConfig, LatencyMode, Processor, RenderMode, Service,
    TimedEvent,
};

const RATE_HZ: u32 = 48_000;
const BLOCK: usize = 64;
const MINUTES: f64 = 2.0;
const INSTANCES: usize = 2;

/// Plucked tones on a beat of 120, another row of keys for each instance.
fn input(instance: usize, from: usize) -> [f32; BLOCK] {
    std::array::from_fn(|place| {
        let at = from + place;
        let (note, since) = (at / 12_000, (at % 12_000) as f32);
        let pitch = 0.02 * (1.0 + 0.5 * instance as f32) * ((note * 5 % 7) as f32 / 12.0).exp2();
        0.3 * (since * pitch).sin() * (-since / 5_000.0).exp()
    })
}

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let named = arguments.windows(2).find(|pair| pair[0] == "--minutes");
    let minutes: f64 = named
        .and_then(|pair| pair[1].parse().ok())
        .unwrap_or(MINUTES);
    let service = Service::threaded();
    let mut instances: Vec<_> = (0..INSTANCES)
        .map(|_| {
            let engine = Engine::new(&service);
            engine.set_continuer(Some(Box::new(Grains::new().unwrap())));
            let mut processor = Processor::new(&engine);
            processor.set_render(RenderMode::Live, false);
            let config = HostConfig {
                latency_mode: LatencyMode::Instant,
                ..HostConfig::new(RATE_HZ, BLOCK as u32)
            };
            processor.activate(config).unwrap();
            (engine, processor)
        })
        .collect();
    let mut events: Vec<_> = [
        ContinuationChange::Source(Source::Sound),
        ContinuationChange::FollowsHeard(true),
        ContinuationChange::Quantise(Quantise::Bar),
        ContinuationChange::Bars(2),
        ContinuationChange::TradeBars(2),
        ContinuationChange::Run(true),
    ]
    .map(|change| TimedEvent::new(0, Event::Control(ControlChange::Continuation(change))))
    .into();
    let blocks = (minutes * 60.0 * f64::from(RATE_HZ) / BLOCK as f64) as u32;
    let deadline = Duration::from_secs_f64(BLOCK as f64 / f64::from(RATE_HZ));
    let mut costs = Vec::with_capacity(blocks as usize);
    let (mut overslept, mut takes, mut pieces) = (0_u32, 0, 0);
    let began = Instant::now();
    for block in 0..blocks {
        let due = began + deadline * block;
        std::thread::sleep(due.saturating_duration_since(Instant::now()));
        let woken = Instant::now();
        overslept += u32::from(woken > due + deadline);
        for (index, (_, processor)) in instances.iter_mut().enumerate() {
            let heard = input(index, block as usize * BLOCK);
            let (mut left, mut right) = ([0.0; BLOCK], [0.0; BLOCK]);
            processor.process_heard(&[&heard], &mut left, &mut right, &events);
        }
        costs.push(woken.elapsed());
        events.clear();
        if block.is_multiple_of(750) {
            for (engine, _) in &instances {
                takes += std::iter::from_fn(|| engine.take_finished()).count();
                pieces += usize::from(engine.monitor().musical_time().piece_tick.is_some());
            }
        }
    }
    costs.sort_unstable();
    let share = |at: f64| {
        let cost = costs[((costs.len() - 1) as f64 * at).round() as usize];
        100.0 * cost.as_secs_f64() / deadline.as_secs_f64()
    };
    println!(
        "{minutes} minutes, {INSTANCES} instances, blocks of {BLOCK} at {RATE_HZ} Hz, {takes} takes"
    );
    println!(
        "both together, share of the deadline: median {:.1} %  p99.9 {:.1} %  most {:.0} %",
        share(0.5),
        share(0.999),
        share(1.0)
    );
    println!(
        "this thread was woken a block or more late {:.3} % of the time",
        100.0 * f64::from(overslept) / f64::from(blocks.max(1))
    );
    for (index, (engine, _)) in instances.iter().enumerate() {
        let counts = engine.monitor().counts();
        let played = f64::from(blocks) * BLOCK as f64 / 2.0;
        println!(
            "instance {index}: {} samples late, {:.4} % of those that were played; {} chunks lost, {} skips",
            counts.late_samples,
            100.0 * counts.late_samples as f64 / played.max(1.0),
            counts.dropped_chunks,
            counts.hearing_skips,
        );
    }
    assert!(pieces > 0, "nothing was continued");
}
