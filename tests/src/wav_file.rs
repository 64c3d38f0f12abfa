//! WAV files of renders: stereo, 32-bit float.

use std::path::Path;

use anyhow::{Context, Result};
use hound::{SampleFormat, WavReader, WavSpec, WavWriter};

/// Writes two channels.
///
/// # Errors
/// When the file cannot be written.
pub fn write(path: &Path, audio: &[Vec<f32>; 2], rate_hz: f64) -> Result<()> {
    let spec = WavSpec {
        channels: 2,
        sample_rate: rate_hz.round() as u32,
        bits_per_sample: 32,
        sample_format: SampleFormat::Float,
    };
    let mut writer = WavWriter::create(path, spec)
        .with_context(|| format!("cannot write {}", path.display()))?;
    for (left, right) in audio[0].iter().zip(&audio[1]) {
        writer.write_sample(*left)?;
        writer.write_sample(*right)?;
    }
    writer
        .finalize()
        .with_context(|| format!("cannot finish {}", path.display()))
}

/// Reads a float file with two channels, and its rate.
///
/// # Errors
/// When the file cannot be read or has another form.
pub fn read(path: &Path) -> Result<([Vec<f32>; 2], f64)> {
    let mut reader =
        WavReader::open(path).with_context(|| format!("cannot read {}", path.display()))?;
    let spec = reader.spec();
    anyhow::ensure!(
        spec.channels == 2 && spec.sample_format == SampleFormat::Float,
        "{} must be stereo float, found {} channels of {:?}",
        path.display(),
        spec.channels,
        spec.sample_format
    );
    let mut audio = [Vec::new(), Vec::new()];
    for (index, sample) in reader.samples::<f32>().enumerate() {
        audio[index % 2].push(sample?);
    }
    Ok((audio, f64::from(spec.sample_rate)))
}

#[cfg(test)]
mod tests {
    use super::{read, write};

    #[test]
    fn what_is_written_is_read_back_bit_for_bit() {
        let path = std::env::temp_dir().join(format!("afterimage-wav-{}.wav", std::process::id()));
        let audio = [vec![0.0, 0.5, -1.25], vec![1e-9, -0.5, 1.0]];
        write(&path, &audio, 48_000.0).unwrap();
        assert_eq!(read(&path).unwrap(), (audio, 48_000.0));
        std::fs::remove_file(path).unwrap();
    }
}
