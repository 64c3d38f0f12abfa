//! Sounds of one channel: WAV files of any usual form in, 32-bit float out.

use std::path::Path;

use afterimage_spectral::resampled;
use afterimage_tests::wav_file;
use anyhow::{Context, Result};
use hound::{SampleFormat, WavSpec, WavWriter};

/// Reads a WAV file as one channel at `rate_hz`, and says what that took.
///
/// # Errors
/// When the file cannot be read, is empty, or its rate cannot be converted.
pub fn read_mono(path: &Path, rate_hz: u32) -> Result<Vec<f32>> {
    let (channels, found_hz) = wav_file::read_channels(path)?;
    let mut mono = mix(&channels);
    if channels.len() > 1 {
        println!("    note: {} channels were mixed to one", channels.len());
    }
    let bad = mono
        .iter_mut()
        .filter(|sample| !sample.is_finite())
        .map(|sample| *sample = 0.0)
        .count();
    if bad > 0 {
        println!("    note: {bad} samples were not finite and are silent");
    }
    if found_hz == rate_hz {
        return Ok(mono);
    }
    println!("    note: {found_hz} Hz were resampled to {rate_hz} Hz");
    resampled(&mono, found_hz, rate_hz)
        .with_context(|| format!("{} cannot be brought to {rate_hz} Hz", path.display()))
}

fn mix(channels: &[Vec<f32>]) -> Vec<f32> {
    let frames = channels.first().map_or(0, Vec::len);
    let sum = |at: usize| channels.iter().map(|channel| channel[at]).sum::<f32>();
    (0..frames)
        .map(|at| sum(at) / channels.len() as f32)
        .collect()
}

/// Writes one channel of floats.
///
/// # Errors
/// When the file cannot be written.
pub fn write_mono(path: &Path, sound: &[f32], rate_hz: u32) -> Result<()> {
    let spec = WavSpec {
        channels: 1,
        sample_rate: rate_hz,
        bits_per_sample: 32,
        sample_format: SampleFormat::Float,
    };
    let context = || format!("cannot write {}", path.display());
    let mut writer = WavWriter::create(path, spec).with_context(context)?;
    for sample in sound {
        writer.write_sample(*sample).with_context(context)?;
    }
    writer.finalize().with_context(context)
}

#[cfg(test)]
mod tests {
    use super::mix;

    #[test]
    fn channels_are_averaged() {
        assert_eq!(mix(&[vec![1.0, 0.5], vec![0.0, 0.5]]), [0.5, 0.5]);
    }
}
