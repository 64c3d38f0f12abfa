//! Sounds a file of magnitudes with one method, to look at and to listen to.
//!
//! `invert FRAMES OUT FFT_SIZE HOP RATE METHOD PITCH_HZ SPREAD SUPPORT` (`SUPPORT`: how far the synthesis
//! window reaches from a frame's centre, in samples; `FRAMES`, `OUT`: raw little-endian
//! f32; `FRAMES` is `[frames * bins]` magnitudes, `OUT` interleaved mid and side).
#![allow(
    clippy::disallowed_macros,
    clippy::unwrap_used,
    reason = "a tool for the command line"
)]

use afterimage_spectral::phase::whole::{DEFAULT_ITERATIONS, Iteration, invert_whole};
use afterimage_spectral::stft::istft;
use afterimage_spectral::{PhaseMethod, StftSpec, SynthesisFrame, VoiceInverse};

const SEED: u64 = 7;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [
        frames,
        out,
        fft_size,
        hop,
        rate,
        method,
        pitch,
        spread,
        support,
    ] = arguments.as_slice()
    else {
        eprintln!("usage: invert FRAMES OUT FFT_SIZE HOP RATE METHOD PITCH_HZ SPREAD SUPPORT");
        std::process::exit(2);
    };
    let spec = StftSpec::new(fft_size.parse().unwrap(), hop.parse().unwrap())
        .unwrap()
        .with_synthesis_support(support.parse().unwrap())
        .unwrap();
    let bytes = std::fs::read(frames).unwrap();
    let values: Vec<f32> = bytes
        .as_chunks::<4>()
        .0
        .iter()
        .map(|b| f32::from_le_bytes(*b))
        .collect();
    let live = match method.as_str() {
        "f0-lock" => PhaseMethod::F0Lock,
        "rtpghi0" => PhaseMethod::Rtpghi,
        "rtpghi1" => PhaseMethod::RtpghiLookahead,
        "spsi" => PhaseMethod::Spsi,
        "pghi-fgla" | "pghi-sgla" => {
            let iteration = match method.as_str() {
                "pghi-fgla" => Iteration::FastGriffinLim,
                _ => Iteration::Sequential,
            };
            let spectra =
                invert_whole(&values, &spec, iteration, DEFAULT_ITERATIONS, SEED).unwrap();
            let samples = values.len() / spec.bins() * spec.hop();
            let sound = istft(&spec, &spectra, samples).unwrap();
            return write(out, &sound, &vec![0.0; sound.len()]);
        }
        unknown => panic!("no method {unknown}"),
    };
    let mut voice = VoiceInverse::new(&spec, rate.parse().unwrap(), live);
    voice.start(SEED);
    let (mut mid, mut side) = (Vec::new(), Vec::new());
    for (index, magnitudes) in values.chunks_exact(spec.bins()).enumerate() {
        voice.push(SynthesisFrame {
            magnitudes,
            pitch_hz: pitch.parse().unwrap(),
            spread: spread.parse().unwrap(),
            gain: 1.0,
        });
        if index >= voice.frames_ahead() {
            let from = mid.len();
            mid.resize(from + spec.hop(), 0.0);
            side.resize(from + spec.hop(), 0.0);
            voice.pull_hop(&mut mid[from..], &mut side[from..]);
        }
    }
    write(out, &mid, &side);
}

fn write(path: &str, mid: &[f32], side: &[f32]) {
    let pairs = mid.iter().zip(side);
    let bytes: Vec<u8> = pairs
        .flat_map(|(mid, side)| [mid.to_le_bytes(), side.to_le_bytes()].concat())
        .collect();
    std::fs::write(path, bytes).unwrap();
}
