//! What one voice's frame costs, beside a plain inverse FFT of the same size in the same run.
//!
//! `cargo bench -p afterimage-spectral --bench inverse`; prints median, 99.9th percentile, the ratio
//! to the peer, the percentile's share of a hop at 48 kHz, what 16 voices take of a core, and of an
//! adversarial spectrum the ratio of its median to the note's. `-- quick` runs a tenth, `-- note` leaves
//! the adversarial spectra out.
#![allow(
    clippy::disallowed_macros,
    clippy::unwrap_used,
    reason = "a bench prints, and may stop"
)]

use afterimage_spectral::counter_rng::{Purpose, Stream};
use afterimage_spectral::phase::whole::DEFAULT_ITERATIONS;
use afterimage_spectral::{
    Iteration, PhaseMethod, Resampler, StftSpec, SynthesisFrame, VoiceInverse, WholeInverse,
};
use realfft::RealFftPlanner;
use std::hint::black_box;
use std::time::Instant;

const RATE_HZ: f64 = 48_000.0;
const FRAMES: usize = 64; // distinct frames, in turn
const PITCH_HZ: f32 = 110.0;

fn main() {
    let quick = std::env::args().any(|argument| argument == "quick");
    let notes_only = std::env::args().any(|argument| argument == "note");
    let runs = if quick { 2_000 } else { 20_000 };
    println!(
        "{:<44}{:>11}{:>11}{:>9}{:>12}{:>11}{:>9}",
        "one frame", "median us", "p99.9 us", "x ifft", "p99.9 / hop", "16 voices", "x note"
    );
    for (fft_size, hop) in [(1024, 128), (2048, 256)] {
        let spec = StftSpec::new(fft_size, hop).unwrap();
        let peer = plain_inverse(&spec, runs);
        let row = |name: &str, cost: Cost, note: Cost| {
            let name = format!("{name} {fft_size}/{hop}");
            report(&name, cost, peer.median, hop, note.median);
        };
        row("realfft inverse", peer, peer);
        let note = note_frames(&spec);
        let notes = METHODS.map(|(_, method)| voice(&spec, method, &note, 0.0, runs));
        for ((name, _), cost) in METHODS.iter().zip(notes) {
            row(&format!("{name}, note"), cost, cost);
        }
        let wide = voice(&spec, PhaseMethod::F0Lock, &note, 0.7, runs);
        row("f0-lock, note, wide", wide, notes[0]);
        let short = spec.with_synthesis_support(fft_size / 4).unwrap();
        let short = voice(&short, PhaseMethod::Rtpghi, &note, 0.0, runs);
        row("rtpghi0, note, support N/4", short, notes[1]);
        for (name, iteration) in [
            ("pghi-fgla", Iteration::FastGriffinLim),
            ("pghi-sgla", Iteration::Sequential),
        ] {
            let offline = whole_spectrogram(&spec, iteration, &note, runs / 400);
            row(&format!("{name}, note, a frame, worker"), offline, offline);
        }
        let adversaries = if notes_only {
            Vec::new()
        } else {
            adversaries(&spec)
        };
        for (name, frames) in adversaries {
            for ((method_name, method), note) in METHODS.iter().zip(notes) {
                let cost = voice(&spec, *method, &frames, 0.0, runs / 10);
                row(&format!("{method_name}, {name}"), cost, note);
            }
        }
    }
    resampler(runs);
}

const METHODS: [(&str, PhaseMethod); 4] = [
    ("f0-lock", PhaseMethod::F0Lock),
    ("rtpghi0", PhaseMethod::Rtpghi),
    ("rtpghi1", PhaseMethod::RtpghiLookahead),
    ("spsi", PhaseMethod::Spsi),
];

#[derive(Clone, Copy)]
struct Cost {
    median: f64,
    high: f64,
}

fn time(runs: usize, mut work: impl FnMut(usize)) -> Cost {
    (0..runs / 10).for_each(&mut work);
    let mut times: Vec<f64> = (0..runs)
        .map(|run| {
            let start = Instant::now();
            work(run);
            start.elapsed().as_secs_f64() * 1e6
        })
        .collect();
    times.sort_by(f64::total_cmp);
    Cost {
        median: times[runs / 2],
        high: times[runs * 999 / 1000],
    }
}

fn report(name: &str, cost: Cost, peer_us: f64, hop: usize, note_us: f64) {
    let hop_us = hop as f64 / RATE_HZ * 1e6;
    let share = cost.high / hop_us * 100.0;
    let voices = 16.0 * cost.median / hop_us * 100.0;
    let (ratio, against) = (cost.median / peer_us, cost.median / note_us);
    println!(
        "{name:<44}{:>11.2}{:>11.2}{ratio:>9.2}{share:>11.2}%{voices:>10.1}%{against:>9.2}",
        cost.median, cost.high
    );
}

/// Whole-spectrogram inversion with 16 iterations, per frame.
fn whole_spectrogram(
    spec: &StftSpec,
    iteration: Iteration,
    note: &[Vec<f32>],
    runs: usize,
) -> Cost {
    let magnitudes = note.concat();
    let mut workspace = WholeInverse::new(spec, note.len(), iteration);
    let all = time(runs, |run| {
        let spectra = workspace.invert(&magnitudes, DEFAULT_ITERATIONS, run as u64);
        black_box(spectra.unwrap());
    });
    Cost {
        median: all.median / note.len() as f64,
        high: all.high / note.len() as f64,
    }
}

fn plain_inverse(spec: &StftSpec, runs: usize) -> Cost {
    let plan = RealFftPlanner::<f32>::new().plan_fft_inverse(spec.fft_size());
    let (mut input, mut output) = (plan.make_input_vec(), plan.make_output_vec());
    let mut scratch = plan.make_scratch_vec();
    time(runs, |run| {
        input[run % spec.bins()].re = 1.0;
        input[0].im = 0.0;
        input[spec.bins() - 1].im = 0.0;
        plan.process_with_scratch(&mut input, &mut output, &mut scratch)
            .unwrap();
        black_box(&output);
    })
}

fn voice(
    spec: &StftSpec,
    method: PhaseMethod,
    frames: &[Vec<f32>],
    spread: f32,
    runs: usize,
) -> Cost {
    let mut voice = VoiceInverse::new(spec, RATE_HZ as f32, method);
    let (mut mid, mut side) = (vec![0.0; spec.hop()], vec![0.0; spec.hop()]);
    voice.start(1);
    time(runs, |run| {
        let magnitudes = &frames[run % frames.len()];
        voice.push(SynthesisFrame {
            magnitudes,
            pitch_hz: PITCH_HZ,
            spread,
            gain: 1.0,
        });
        voice.pull_hop(&mut mid, &mut side);
        black_box((&mid, &side));
    })
}

/// Partials of a low note over a noise floor, as a decoder makes them.
fn note_frames(spec: &StftSpec) -> Vec<Vec<f32>> {
    let noise = Stream::new(3, Purpose::SAMPLING, 0, 0);
    let spacing = f64::from(PITCH_HZ) / RATE_HZ * spec.fft_size() as f64;
    let value = |frame: usize, bin: usize| {
        let partial = (bin as f64 / spacing).round().max(1.0);
        let distance = bin as f64 - partial * spacing;
        let lobe = afterimage_spectral::window::hann_transform(distance).abs() / partial;
        let floor = 1e-4 * f64::from(noise.gaussian_at((frame * spec.bins() + bin) as u64)).abs();
        (200.0 * (lobe + floor)) as f32
    };
    (0..FRAMES)
        .map(|frame| (0..spec.bins()).map(|bin| value(frame, bin)).collect())
        .collect()
}

fn adversaries(spec: &StftSpec) -> Vec<(&'static str, Vec<Vec<f32>>)> {
    let random = Stream::new(9, Purpose::SAMPLING, 0, 0);
    let bins = spec.bins();
    let every = |value: &dyn Fn(usize) -> f32| (0..bins).map(value).collect::<Vec<f32>>();
    vec![
        ("flat", vec![every(&|_| 1.0)]),
        ("zero", vec![every(&|_| 0.0)]),
        ("denormal", vec![every(&|_| 1e-41)]),
        (
            "one bin",
            vec![every(&|bin| f32::from(u8::from(bin == 40)))],
        ),
        ("comb", vec![every(&|bin| (bin % 2) as f32)]),
        ("saw", vec![every(&|bin| (bin % 7) as f32 * 1e-3 + 1e-9)]),
        (
            "random",
            (0..FRAMES)
                .map(|f| every(&|bin| random.uniform_at((f * bins + bin) as u64)))
                .collect(),
        ),
    ]
}

fn resampler(runs: usize) {
    for (model, host) in [
        (48_000.0, 44_100.0),
        (44_100.0, 48_000.0),
        (22_050.0, 96_000.0),
    ] {
        let mut resampler = Resampler::new(model, host, 2).unwrap();
        let (mut left, mut right) = ([0.0; 64], [0.0; 64]);
        let cost = time(runs, |_| {
            resampler.pull(&mut [&mut left, &mut right], |model| {
                model.iter_mut().for_each(|c| c.fill(0.1))
            });
            black_box((&left, &right));
        });
        let share = cost.high / (64.0 / host * 1e6) * 100.0;
        println!(
            "resample {model} -> {host}, 64 frames, stereo: median {:.2} us, p99.9 {:.2} us, {share:.2}% of the block",
            cost.median, cost.high
        );
    }
}
