//! Sounds of one channel: WAV files of any usual form in, 32-bit float out.

use std::path::Path;

use afterimage_spectral::Resampler;
use anyhow::{Context, Result, ensure};
use hound::{SampleFormat, WavReader, WavSpec, WavWriter};

/// Reads a WAV file as one channel at `rate_hz`, and says what that took.
///
/// # Errors
/// When the file cannot be read, is empty, or its rate cannot be converted.
pub fn read_mono(path: &Path, rate_hz: u32) -> Result<Vec<f32>> {
    let reader =
        WavReader::open(path).with_context(|| format!("cannot read {}", path.display()))?;
    let spec = reader.spec();
    let interleaved = samples(reader).with_context(|| format!("{} is damaged", path.display()))?;
    ensure!(
        !interleaved.is_empty(),
        "{} holds no samples",
        path.display()
    );
    let mut mono = mix(&interleaved, usize::from(spec.channels));
    if spec.channels > 1 {
        println!("    note: {} channels were mixed to one", spec.channels);
    }
    let bad = mono
        .iter_mut()
        .filter(|sample| !sample.is_finite())
        .map(|sample| *sample = 0.0)
        .count();
    if bad > 0 {
        println!("    note: {bad} samples were not finite and are silent");
    }
    if spec.sample_rate == rate_hz {
        return Ok(mono);
    }
    println!(
        "    note: {} Hz were resampled to {rate_hz} Hz",
        spec.sample_rate
    );
    resample(&mono, spec.sample_rate, rate_hz)
        .with_context(|| format!("{} cannot be brought to {rate_hz} Hz", path.display()))
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

fn mix(interleaved: &[f32], channels: usize) -> Vec<f32> {
    let mean = |frame: &[f32]| frame.iter().sum::<f32>() / channels as f32;
    interleaved.chunks_exact(channels).map(mean).collect()
}

/// The whole sound at another rate, aligned with what it was.
fn resample(sound: &[f32], from_hz: u32, to_hz: u32) -> Result<Vec<f32>> {
    let mut resampler = Resampler::new(f64::from(from_hz), f64::from(to_hz), 1)?;
    let length = (sound.len() as u64 * u64::from(to_hz)).div_ceil(u64::from(from_hz)) as usize;
    let delay = resampler.delay_host_frames();
    let mut out = vec![0.0; length + delay];
    let mut left = sound;
    resampler.pull(&mut [&mut out], |channels| {
        for channel in channels.iter_mut() {
            let (now, later) = left.split_at(channel.len().min(left.len()));
            channel[..now.len()].copy_from_slice(now);
            channel[now.len()..].fill(0.0);
            left = later;
        }
    });
    out.drain(..delay);
    Ok(out)
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
    use super::{mix, resample, samples};
    use hound::{SampleFormat, WavReader, WavSpec, WavWriter};
    use std::io::Cursor;

    #[test]
    fn channels_are_averaged_and_whole_frames_only() {
        assert_eq!(mix(&[1.0, 0.0, 0.5, 0.5, 9.0], 2), [0.5, 0.5]);
    }

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
    fn a_resampled_sine_lies_on_the_same_sine() {
        for (from, to) in [(48_000, 22_050), (22_050, 44_100), (16_000, 48_000)] {
            let sine = |n: usize, rate: u32| {
                (std::f64::consts::TAU * 440.0 * n as f64 / f64::from(rate)).sin() as f32
            };
            let sound: Vec<f32> = (0..from as usize / 2).map(|n| sine(n, from)).collect();
            let out = resample(&sound, from, to).unwrap();
            assert_eq!(out.len(), to as usize / 2, "{from} {to}");
            for (n, value) in out.iter().enumerate().skip(2000).take(out.len() - 4000) {
                assert!((value - sine(n, to)).abs() < 2e-3, "{from} {to} {n}");
            }
        }
    }
}
