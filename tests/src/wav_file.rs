//! WAV files: renders out, stereo in 32-bit floats; any usual form in.

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

/// Reads a WAV file of any usual form, one vector a channel, and its rate in hertz. Full scale of
/// integers is 1.
///
/// # Errors
/// When the file cannot be read or holds no samples.
pub fn read_channels(path: &Path) -> Result<(Vec<Vec<f32>>, u32)> {
    let reader =
        WavReader::open(path).with_context(|| format!("cannot read {}", path.display()))?;
    let spec = reader.spec();
    let interleaved = samples(reader).with_context(|| format!("{} is damaged", path.display()))?;
    anyhow::ensure!(
        !interleaved.is_empty(),
        "{} holds no samples",
        path.display()
    );
    let count = usize::from(spec.channels);
    let channel = |index: usize| interleaved.iter().skip(index).step_by(count);
    let channels = (0..count).map(|index| channel(index).copied().collect());
    Ok((channels.collect(), spec.sample_rate))
}

fn samples(mut reader: WavReader<impl std::io::Read>) -> Result<Vec<f32>> {
    let spec = reader.spec();
    if spec.sample_format == SampleFormat::Float {
        return Ok(reader.samples::<f32>().collect::<Result<_, _>>()?);
    }
    let scale = 0.5_f64.powi(i32::from(spec.bits_per_sample) - 1);
    let scaled = |sample: hound::Result<i32>| Ok((f64::from(sample?) * scale) as f32);
    reader.samples::<i32>().map(scaled).collect()
}

#[cfg(test)]
mod tests {
    use super::{SampleFormat, WavReader, WavSpec, WavWriter, read, samples, write};
    use std::io::Cursor;

    #[test]
    fn integer_samples_of_every_width_have_full_scale_1() {
        for bits in [8, 16, 24, 32] {
            let spec = WavSpec {
                channels: 1,
                sample_rate: 8000,
                bits_per_sample: bits,
                sample_format: SampleFormat::Int,
            };
            let mut file = Cursor::new(Vec::new());
            let mut writer = WavWriter::new(&mut file, spec).unwrap();
            for sample in [-(1_i64 << (bits - 1)), 1_i64 << (bits - 2)] {
                writer.write_sample(sample as i32).unwrap();
            }
            writer.finalize().unwrap();
            file.set_position(0);
            assert_eq!(
                samples(WavReader::new(file).unwrap()).unwrap(),
                [-1.0, 0.5],
                "{bits}"
            );
        }
    }

    #[test]
    fn what_is_written_is_read_back_bit_for_bit() {
        let path = std::env::temp_dir().join(format!("afterimage-wav-{}.wav", std::process::id()));
        let audio = [vec![0.0, 0.5, -1.25], vec![1e-9, -0.5, 1.0]];
        write(&path, &audio, 48_000.0).unwrap();
        assert_eq!(read(&path).unwrap(), (audio, 48_000.0));
        std::fs::remove_file(path).unwrap();
    }
}
