//! A person's own sound files: WAV and FLAC of any usual form, as one channel. Loader thread; touches files.

use std::fs;
use std::io::Cursor;
use std::path::Path;

use flac_codec::decode::{FlacSampleReader, Metadata};
use hound::{SampleFormat, WavReader};

/// Larger files are no single sound.
const MOST_BYTES: u64 = 256 << 20;

/// Reads a WAV or FLAC file: the mean of its channels, and its rate in hertz.
///
/// # Errors
/// One sentence that names the file.
pub fn read_sound(path: &Path) -> Result<(Vec<f32>, u32), String> {
    let name = path.file_name().unwrap_or(path.as_os_str());
    let name = name.to_string_lossy().into_owned();
    let length = fs::metadata(path).map(|about| about.len());
    let length = length.map_err(|reason| format!("'{name}' cannot be read: {reason}."))?;
    if length > MOST_BYTES {
        return Err(format!(
            "'{name}' has {} MB, and {} are read at most; cut the sound out of it.",
            length >> 20,
            MOST_BYTES >> 20
        ));
    }
    let bytes = fs::read(path).map_err(|reason| format!("'{name}' cannot be read: {reason}."))?;
    let read = match bytes.get(..4) {
        Some(b"RIFF" | b"RF64") => wav(&bytes),
        Some(b"fLaC") => flac(&bytes),
        _ => {
            return Err(format!(
                "'{name}' is no sound that can be read; choose a WAV or FLAC file."
            ));
        }
    };
    let (interleaved, channels, rate_hz) =
        read.map_err(|reason| format!("'{name}' is damaged or of an unknown form: {reason}."))?;
    if channels == 0 || rate_hz == 0 {
        return Err(format!(
            "'{name}' names no channels or no rate; export it again."
        ));
    }
    let mix = |frame: &[f32]| frame.iter().sum::<f32>() / channels as f32;
    Ok((
        interleaved.chunks_exact(channels).map(mix).collect(),
        rate_hz,
    ))
}

/// Interleaved samples, channels, rate.
type Read = Result<(Vec<f32>, usize, u32), String>;

fn wav(bytes: &[u8]) -> Read {
    let mut reader = WavReader::new(Cursor::new(bytes)).map_err(|error| error.to_string())?;
    let spec = reader.spec();
    let samples: Result<Vec<f32>, _> = match spec.sample_format {
        SampleFormat::Float => reader.samples::<f32>().collect(),
        SampleFormat::Int => {
            let scale = 0.5_f64.powi(i32::from(spec.bits_per_sample) - 1);
            let scaled = |sample: i32| (f64::from(sample) * scale) as f32;
            let samples = reader.samples::<i32>();
            samples.map(|sample| sample.map(scaled)).collect()
        }
    };
    let samples = samples.map_err(|error| error.to_string())?;
    Ok((samples, usize::from(spec.channels), spec.sample_rate))
}

fn flac(bytes: &[u8]) -> Read {
    let mut reader =
        FlacSampleReader::new(Cursor::new(bytes)).map_err(|error| error.to_string())?;
    let (rate_hz, channels) = (reader.sample_rate(), usize::from(reader.channel_count()));
    let scale = 0.5_f64.powi(reader.bits_per_sample() as i32 - 1);
    let mut integers = Vec::new();
    reader
        .read_to_end(&mut integers)
        .map_err(|error| error.to_string())?;
    let samples = integers
        .iter()
        .map(|sample| (f64::from(*sample) * scale) as f32);
    Ok((samples.collect(), channels, rate_hz))
}

#[cfg(test)]
mod tests {
    use super::read_sound;
    use crate::takes::sound::{Sound, WavForm};
    use std::path::PathBuf;

    fn stereo() -> Sound {
        let samples = (0..2_000).map(|n| if n % 2 == 0 { 0.5 } else { -0.25 });
        Sound {
            rate_hz: 44_100,
            channels: 2,
            samples: samples.collect(),
        }
    }

    fn written(name: &str, bytes: &[u8]) -> PathBuf {
        let folder = std::env::temp_dir().join(format!("afterimage-heard-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let path = folder.join(name);
        std::fs::write(&path, bytes).unwrap();
        path
    }

    #[test]
    fn every_form_reads_as_the_mean_of_its_channels() {
        let files = [
            ("float.wav", stereo().to_wav(WavForm::Float32, None)),
            ("tempo.wav", stereo().to_wav(WavForm::Float32, Some(90.0))),
            ("integer.wav", stereo().to_wav(WavForm::Integer24, None)),
            ("packed.flac", stereo().to_flac()),
        ];
        for (name, bytes) in files {
            let path = written(name, &bytes.unwrap());
            assert_eq!(
                read_sound(&path),
                Ok((vec![0.125; 1_000], 44_100)),
                "{name}"
            );
        }
    }

    #[test]
    fn what_is_no_sound_is_named_in_one_sentence() {
        let whole = stereo().to_wav(WavForm::Float32, None).unwrap();
        for (name, bytes, says) in [
            ("words.txt", &b"not a sound"[..], "WAV or FLAC"),
            ("empty.wav", b"", "WAV or FLAC"),
            ("head.wav", &whole[..20], "damaged"),
            ("head.flac", b"fLaC\x80", "damaged"),
        ] {
            let said = read_sound(&written(name, bytes)).unwrap_err();
            assert!(said.contains(name) && said.contains(says), "{said}");
            assert!(said.ends_with('.') && !said.contains('\n'), "{said}");
        }
        let said = read_sound(&written("gone.wav", b"").with_file_name("nowhere.wav"));
        assert!(said.unwrap_err().contains("nowhere.wav"));
    }
}
