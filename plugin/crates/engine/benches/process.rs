//! Cost of one block on the audio thread, as a share of the time that the block lasts.
//!
//! `cargo bench -p afterimage-engine --bench process [-- quick]`. The worker is stepped between
//! blocks, outside the timing, at the pace of a decoder that needs 1.3 ms for 16 rows. Each scene is
//! played several times: it does the same work each time, so a block's cost is the least of its
//! repeats, and what other programs took from it does not count. The raw p99.9 stands beside it.
#![allow(clippy::disallowed_macros, clippy::unwrap_used)]

use std::time::Instant;

use afterimage_engine::contract::{DecodeError, Decoder, Frame, FrameRequest};
use afterimage_engine::{
    DecoderHandle, DecoderKey, Engine, Event, HostConfig, Instrument, InstrumentSpec, LatencyMode,
    NoteMatch, Processor, RenderMode, Service, Step, TimedEvent,
};
use afterimage_spectral::{PhaseMethod, StftSpec};

const RATE_HZ: u32 = 48_000;
const FFT_SIZE: usize = 2048; // as the shipped pack
const HOP: usize = 256;
/// Samples that the worker needs for one call of 16 rows.
const SAMPLES_A_STEP: usize = 64;

/// The same dense harmonic column for every request: its cost is not what is measured.
struct FixedDecoder {
    column: Vec<f32>,
}

impl Decoder for FixedDecoder {
    fn decode(
        &mut self,
        requests: &[FrameRequest],
        frames: &mut [Frame],
    ) -> Result<(), DecodeError> {
        for frame in frames.iter_mut().take(requests.len()) {
            frame.magnitudes.copy_from_slice(&self.column);
            frame.silent = false;
            frame.cleaned_values = 0;
        }
        Ok(())
    }

    fn max_rows(&self) -> usize {
        16
    }
}

/// How phases are found, at which host rate, and what the host is told.
type Path = (PhaseMethod, u32, LatencyMode);

#[derive(Clone, Copy)]
enum Scene {
    /// Voices held all the time, begun 37 samples after each other.
    Held(u8),
    /// Sixteen notes on one sample, released and struck anew four times a second.
    AlignedChord,
}

impl Scene {
    fn name(self) -> String {
        match self {
            Self::Held(0) => "silence".into(),
            Self::Held(1) => "1 voice".into(),
            Self::Held(voices) => format!("{voices} voices"),
            Self::AlignedChord => "aligned 16-note chord".into(),
        }
    }

    fn events(self, begins: usize, block: usize) -> Vec<TimedEvent> {
        let mut events = Vec::new();
        let mut add = |at: usize, event| {
            if (begins..begins + block).contains(&at) {
                events.push(TimedEvent::new((at - begins) as u32, event));
            }
        };
        let on = |key| Event::NoteOn {
            key,
            channel: 0,
            note_id: None,
            velocity: 0.8,
        };
        match self {
            Self::Held(voices) => {
                (0..voices).for_each(|voice| add(usize::from(voice) * 37, on(40 + 3 * voice)))
            }
            Self::AlignedChord => {
                let period = RATE_HZ as usize / 4;
                let strike = begins.div_ceil(period) * period;
                (0..16).for_each(|note| add(strike, on(40 + 3 * note)));
                let release = strike.saturating_sub(period / 2);
                add(release, Event::NoteOff(NoteMatch::default()));
                add(release + period, Event::NoteOff(NoteMatch::default()));
            }
        }
        events.sort_by_key(|event| event.offset_samples);
        events
    }
}

fn instrument(phase: PhaseMethod) -> Instrument {
    let stft = StftSpec::new(FFT_SIZE, HOP)
        .and_then(|stft| stft.with_synthesis_support(FFT_SIZE / 4))
        .unwrap();
    let mut spec = InstrumentSpec::new("bench", RATE_HZ, stft, phase);
    spec.release_s = 0.02;
    spec.pitch_range = (40.0, 90.0);
    let column = (0..stft.bins())
        .map(|bin| 8.0 / (1.0 + bin as f32 * 0.1))
        .collect();
    let key = DecoderKey {
        pack_hash: "bench".into(),
        backend: "bench".into(),
    };
    Instrument {
        spec,
        decoder: DecoderHandle::unshared(key, Box::new(FixedDecoder { column })),
    }
}

/// Nanoseconds of each block of one run, and frames that were late.
fn run(
    scene: Scene,
    (phase, host_rate_hz, latency_mode): Path,
    block: usize,
    blocks: usize,
) -> (Vec<u64>, u64) {
    let (service, mut worker) = Service::by_hand();
    let engine = Engine::new(&service);
    engine.load(instrument(phase)).unwrap();
    let mut processor = Processor::new(&engine);
    processor.set_render(RenderMode::Live, false);
    processor
        .activate(HostConfig {
            latency_mode,
            ..HostConfig::new(host_rate_hz, block as u32)
        })
        .unwrap();
    // Attacks are made before anybody plays.
    processor.process(&mut [0.0; 1], &mut [0.0; 1], &[]);
    worker.run_until_idle();
    processor.reset();
    processor.process(&mut [0.0; 1], &mut [0.0; 1], &[]);
    worker.run_until_idle();
    let (mut left, mut right) = (vec![0.0; block], vec![0.0; block]);
    let (mut costs, mut credit) = (Vec::with_capacity(blocks), 0);
    for index in 0..blocks {
        let events = scene.events(index * block, block);
        let began = Instant::now();
        processor.process(&mut left, &mut right, &events);
        costs.push(began.elapsed().as_nanos() as u64);
        credit += block;
        while credit >= SAMPLES_A_STEP && worker.step() == Step::Worked {
            credit -= SAMPLES_A_STEP;
        }
        credit = credit.min(SAMPLES_A_STEP); // an idle worker saves no time up
    }
    (costs, engine.monitor().counts().late_frames)
}

/// The value below which `share` of the sorted values lie.
fn quantile(sorted: &[u64], share: f64) -> u64 {
    sorted[((sorted.len() - 1) as f64 * share).round() as usize]
}

struct Row {
    median: u64,
    p999: u64,
    raw_p999: u64,
    late: u64,
}

fn measure(scene: Scene, path: Path, block: usize, quick: bool) -> Row {
    let host_rate_hz = path.1;
    let (blocks, repeats) = (
        (host_rate_hz as usize * if quick { 1 } else { 4 }) / block,
        if quick { 3 } else { 7 },
    );
    let mut least = vec![u64::MAX; blocks];
    let (mut raw, mut late) = (Vec::new(), 0);
    for _ in 0..repeats {
        let (costs, late_frames) = run(scene, path, block, blocks);
        for (least, cost) in least.iter_mut().zip(&costs) {
            *least = (*least).min(*cost);
        }
        raw.extend(costs);
        late = late.max(late_frames);
    }
    least.sort_unstable();
    raw.sort_unstable();
    Row {
        median: quantile(&least, 0.5),
        p999: quantile(&least, 0.999),
        raw_p999: quantile(&raw, 0.999),
        late,
    }
}

fn main() {
    let quick = std::env::args().any(|argument| argument == "quick");
    let scenes = [
        Scene::Held(0),
        Scene::Held(1),
        Scene::Held(8),
        Scene::Held(16),
        Scene::AlignedChord,
    ];
    let paths = [
        ("f0-lock", (PhaseMethod::F0Lock, 48_000, LatencyMode::Exact)),
        ("f0-lock", (PhaseMethod::F0Lock, 44_100, LatencyMode::Exact)),
        (
            "f0-lock instant",
            (PhaseMethod::F0Lock, 48_000, LatencyMode::Instant),
        ),
        ("rtpghi", (PhaseMethod::Rtpghi, 48_000, LatencyMode::Exact)),
    ];
    println!(
        "share of the deadline: median, p99.9, raw p99.9 with all disturbance; ratio of medians to silence"
    );
    for (method, path) in paths {
        let host_rate_hz = path.1;
        for block in [32, 64, 256] {
            let deadline_ns = block as f64 * 1e9 / f64::from(host_rate_hz);
            let share = |ns: u64| 100.0 * ns as f64 / deadline_ns;
            let mut silence = 1.0;
            for scene in scenes {
                let row = measure(scene, path, block, quick);
                if matches!(scene, Scene::Held(0)) {
                    silence = row.median.max(1) as f64;
                }
                println!(
                    "{method} 48000 -> {host_rate_hz} Hz, {block:>3} samples, {:<22} median {:>5.1} %  p99.9 {:>5.1} %  \
                     raw {:>6.1} %  x{:.1} silence, {} late",
                    scene.name(),
                    share(row.median),
                    share(row.p999),
                    share(row.raw_p999),
                    row.median as f64 / silence,
                    row.late,
                );
            }
        }
    }
}
