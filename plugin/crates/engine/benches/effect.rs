//! Cost of one block of the effect on the audio thread: while it listens, and while it plays on.
//!
//! `cargo bench -p afterimage-engine --bench effect`. The worker is stepped between blocks, outside the
//! timing. Each scene is played several times: it does the same work each time, so a block's cost is the
//! least of its repeats. The raw p99.9 stands beside it.
#![allow(clippy::disallowed_macros, clippy::unwrap_used)]

use std::time::Instant;

use afterimage_engine::continuation::{
    ContinuationChange, Grains, InputWhilePlaying, Quantise, Source,
};
use afterimage_engine::{
    ControlChange, Engine, Event, HostConfig, LatencyMode, Processor, RenderMode, Service,
    TimedEvent,
};

const RATE_HZ: u32 = 48_000;
const SECONDS: usize = 6;
const REPEATS: usize = 5;

/// Nanoseconds of each block, and samples that were late.
fn run(plays: bool, block: usize) -> (Vec<u64>, u64) {
    let (service, mut worker) = Service::by_hand();
    let engine = Engine::new(&service);
    engine.set_continuer(Some(Box::new(Grains::new().unwrap())));
    let mut processor = Processor::new(&engine);
    processor.set_render(RenderMode::Live, false);
    let config = HostConfig {
        latency_mode: LatencyMode::Instant,
        ..HostConfig::new(RATE_HZ, block as u32)
    };
    processor.activate(config).unwrap();
    let mut events: Vec<_> = [
        ContinuationChange::Source(Source::Sound),
        ContinuationChange::FollowsHeard(true),
        ContinuationChange::Quantise(Quantise::Beat),
        ContinuationChange::InputWhilePlaying(InputWhilePlaying::Muted),
        ContinuationChange::Run(plays),
    ]
    .map(|change| TimedEvent::new(0, Event::Control(ControlChange::Continuation(change))))
    .into();
    let tone = |at: usize| 0.3 * (at as f32 * 0.05).sin() * ((at / 6_000 % 4) as f32 + 1.0) / 4.0;
    let (mut left, mut right) = (vec![0.0; block], vec![0.0; block]);
    let mut costs = Vec::new();
    for from in (0..SECONDS * RATE_HZ as usize).step_by(block) {
        let input: Vec<f32> = (from..from + block).map(tone).collect();
        let began = Instant::now();
        processor.process_heard(&[&input, &input], &mut left, &mut right, &events);
        costs.push(began.elapsed().as_nanos() as u64);
        events.clear();
        worker.run_until_idle();
    }
    (costs, engine.monitor().counts().late_samples)
}

/// The value below which `share` of the sorted values lie.
fn quantile(sorted: &[u64], share: f64) -> u64 {
    sorted[((sorted.len() - 1) as f64 * share).round() as usize]
}

fn main() {
    println!("share of the deadline: median, p99.9, raw p99.9 with all disturbance");
    for block in [32, 64, 256] {
        for (name, plays) in [("listens", false), ("plays on", true)] {
            let (mut least, mut late) = run(plays, block);
            let mut raw = least.clone();
            for _ in 1..REPEATS {
                let (costs, late_samples) = run(plays, block);
                for (least, cost) in least.iter_mut().zip(&costs) {
                    *least = (*least).min(*cost);
                }
                raw.extend(costs);
                late = late.max(late_samples);
            }
            least.sort_unstable();
            raw.sort_unstable();
            let deadline_ns = block as f64 * 1e9 / f64::from(RATE_HZ);
            let share = |ns: u64| 100.0 * ns as f64 / deadline_ns;
            println!(
                "{block:>3} samples, {name:<9} median {:>5.2} %  p99.9 {:>5.2} %  raw {:>6.2} %, {late} late",
                share(quantile(&least, 0.5)),
                share(quantile(&least, 0.999)),
                share(quantile(&raw, 0.999)),
            );
        }
    }
}
