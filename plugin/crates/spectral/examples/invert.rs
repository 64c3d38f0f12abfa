//! Sounds a file of magnitudes with one method, to look at and to listen to.
//!
//! `invert FRAMES OUT FFT_SIZE HOP RATE METHOD PITCH_HZ SPREAD` (`FRAMES`, `OUT`: raw little-endian
//! f32; `FRAMES` is `[frames * bins]` magnitudes, `OUT` interleaved mid and side).
#![allow(
    clippy::disallowed_macros,
    clippy::unwrap_used,
    reason = "a tool for the command line"
)]

use afterimage_spectral::{PhaseMethod, StftSpec, SynthesisFrame, VoiceInverse};

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [frames, out, fft_size, hop, rate, method, pitch, spread] = arguments.as_slice() else {
        eprintln!("usage: invert FRAMES OUT FFT_SIZE HOP RATE METHOD PITCH_HZ SPREAD");
        std::process::exit(2);
    };
    let spec = StftSpec::new(fft_size.parse().unwrap(), hop.parse().unwrap()).unwrap();
    let method = match method.as_str() {
        "f0-lock" => PhaseMethod::F0Lock,
        "rtpghi0" => PhaseMethod::Rtpghi,
        "rtpghi1" => PhaseMethod::RtpghiLookahead,
        _ => PhaseMethod::Spsi,
    };
    let bytes = std::fs::read(frames).unwrap();
    let values: Vec<f32> = bytes
        .as_chunks::<4>()
        .0
        .iter()
        .map(|b| f32::from_le_bytes(*b))
        .collect();
    let mut voice = VoiceInverse::new(&spec, rate.parse().unwrap(), method);
    voice.start(7);
    let (mut mid, mut side) = (vec![0.0; spec.hop()], vec![0.0; spec.hop()]);
    let mut bytes = Vec::new();
    for (index, magnitudes) in values.chunks_exact(spec.bins()).enumerate() {
        let pitch_hz = pitch.parse().unwrap();
        voice.push(SynthesisFrame {
            magnitudes,
            pitch_hz,
            spread: spread.parse().unwrap(),
            gain: 1.0,
        });
        if index >= voice.frames_ahead() {
            voice.pull_hop(&mut mid, &mut side);
            let pairs = mid.iter().zip(&side);
            pairs.for_each(|(m, s)| bytes.extend([m.to_le_bytes(), s.to_le_bytes()].concat()));
        }
    }
    std::fs::write(out, bytes).unwrap();
}
