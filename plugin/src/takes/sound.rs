//! A take's sound as files have it: float WAV on disk, 24-bit WAV to give away, FLAC in a session.
//! Keeper thread; allocates.

use std::io::Cursor;

use flac_codec::decode::{FlacSampleReader, Metadata};
use flac_codec::encode::{FlacSampleWriter, Options};
use hound::{SampleFormat, WavReader, WavSpec, WavWriter};

/// Full scale of 24 bits.
const FULL_SCALE: f32 = 8_388_608.0;
/// Most channels that a take has.
const MOST_CHANNELS: u16 = 2;

/// Samples with their rate.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Sound {
    /// In hertz.
    pub rate_hz: u32,
    /// 1 or 2.
    pub channels: u16,
    /// Interleaved; 1.0 is full scale.
    pub samples: Vec<f32>,
}

/// How the samples of an exported file are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WavForm {
    /// 32-bit floats: the very samples.
    Float32,
    /// 24-bit integers; louder than full scale is clipped.
    Integer24,
}

impl Sound {
    /// Samples of one channel.
    pub fn frames(&self) -> usize {
        self.samples.len() / usize::from(self.channels.max(1))
    }

    /// In seconds.
    pub fn seconds(&self) -> f64 {
        self.frames() as f64 / f64::from(self.rate_hz.max(1))
    }

    /// Largest magnitude of its samples.
    pub fn peak(&self) -> f32 {
        let magnitudes = self.samples.iter();
        magnitudes.fold(0.0, |peak, sample| peak.max(sample.abs()))
    }

    /// The same at another level.
    pub fn scaled(&self, factor: f32) -> Self {
        let samples = self.samples.iter();
        Self {
            samples: samples.map(|sample| sample * factor).collect(),
            ..*self
        }
    }

    /// A WAV file; one whose tempo is known says it in an `acid` chunk, which samplers and DAWs read.
    ///
    /// # Errors
    /// When the format does not hold such a sound: no channel, or too long.
    pub fn to_wav(&self, form: WavForm, tempo_bpm: Option<f64>) -> Result<Vec<u8>, String> {
        let (bits_per_sample, sample_format) = match form {
            WavForm::Float32 => (32, SampleFormat::Float),
            WavForm::Integer24 => (24, SampleFormat::Int),
        };
        let spec = WavSpec {
            channels: self.channels,
            sample_rate: self.rate_hz,
            bits_per_sample,
            sample_format,
        };
        let mut bytes = Vec::new();
        let mut writer = WavWriter::new(Cursor::new(&mut bytes), spec).map_err(said)?;
        for sample in &self.samples {
            match form {
                WavForm::Float32 => writer.write_sample(*sample),
                WavForm::Integer24 => writer.write_sample(quantised(*sample)),
            }
            .map_err(said)?;
        }
        writer.finalize().map_err(said)?;
        if let Some(tempo_bpm) = tempo_bpm {
            append_tempo(&mut bytes, tempo_bpm, self.seconds());
        }
        Ok(bytes)
    }

    /// Reads a float WAV file of at most two channels.
    ///
    /// # Errors
    /// When the bytes are none.
    pub fn of_wav(bytes: &[u8]) -> Result<Self, String> {
        let reader = WavReader::new(Cursor::new(bytes)).map_err(said)?;
        let spec = reader.spec();
        if spec.sample_format != SampleFormat::Float || spec.channels > MOST_CHANNELS {
            return Err(format!(
                "expected floats in at most {MOST_CHANNELS} channels, found {spec:?}"
            ));
        }
        let samples = reader.into_samples::<f32>();
        Ok(Self {
            rate_hz: spec.sample_rate,
            channels: spec.channels,
            samples: samples.collect::<Result<_, _>>().map_err(said)?,
        })
    }

    /// A FLAC file of 24 bits: half the bytes of the WAV, and within 2^-24 of its samples.
    ///
    /// # Errors
    /// When the format does not hold such a sound.
    pub fn to_flac(&self) -> Result<Vec<u8>, String> {
        let mut file = Cursor::new(Vec::new());
        let integers: Vec<i32> = self
            .samples
            .iter()
            .map(|sample| quantised(*sample))
            .collect();
        let channels = u8::try_from(self.channels).map_err(said)?;
        let options = Options::fast().no_padding().no_seektable();
        let length = Some(integers.len() as u64);
        let mut writer =
            FlacSampleWriter::new(&mut file, options, self.rate_hz, 24, channels, length)
                .map_err(said)?;
        writer.write(&integers).map_err(said)?;
        writer.finalize().map_err(said)?;
        Ok(file.into_inner())
    }

    /// Reads a FLAC file that [`to_flac`](Self::to_flac) wrote.
    ///
    /// # Errors
    /// When the bytes are none.
    pub fn of_flac(bytes: &[u8]) -> Result<Self, String> {
        let mut reader = FlacSampleReader::new(Cursor::new(bytes)).map_err(said)?;
        let (rate_hz, channels) = (reader.sample_rate(), u16::from(reader.channel_count()));
        if channels > MOST_CHANNELS || reader.bits_per_sample() != 24 {
            return Err(format!(
                "expected 24 bits in at most {MOST_CHANNELS} channels, found {} in {channels}",
                reader.bits_per_sample()
            ));
        }
        let mut integers = Vec::new();
        reader.read_to_end(&mut integers).map_err(said)?;
        let samples = integers.iter().map(|sample| *sample as f32 / FULL_SCALE);
        Ok(Self {
            rate_hz,
            channels,
            samples: samples.collect(),
        })
    }
}

fn said(error: impl std::fmt::Display) -> String {
    error.to_string()
}

fn quantised(sample: f32) -> i32 {
    (sample * FULL_SCALE)
        .round()
        .clamp(-FULL_SCALE, FULL_SCALE - 1.0) as i32
}

/// Adds the chunk in which loop libraries say how many beats a file has and how fast they are.
fn append_tempo(wav: &mut Vec<u8>, tempo_bpm: f64, seconds: f64) {
    const SIZE: u32 = 24;
    const ROOT_NOTE: u16 = 60; // not set: the flag for it stays down
    let beats = (seconds * tempo_bpm / 60.0).round().max(1.0) as u32;
    wav.extend(b"acid");
    wav.extend(SIZE.to_le_bytes());
    wav.extend(0_u32.to_le_bytes()); // flags: a loop, not a one-shot; stretched by its beats
    wav.extend(ROOT_NOTE.to_le_bytes());
    wav.extend(0x8000_u16.to_le_bytes()); // always this value in files that DAWs write
    wav.extend(0.0_f32.to_le_bytes());
    wav.extend(beats.to_le_bytes());
    wav.extend(4_u16.to_le_bytes()); // beats are quarter notes
    wav.extend(4_u16.to_le_bytes());
    wav.extend((tempo_bpm as f32).to_le_bytes());
    let riff_size = (wav.len() - 8) as u32;
    wav[4..8].copy_from_slice(&riff_size.to_le_bytes());
}

#[cfg(test)]
mod tests {
    use super::{Sound, WavForm};

    fn sound(channels: u16) -> Sound {
        let samples = (0..4800).map(|n| (n as f32 * 0.05).sin() * 0.7);
        Sound {
            rate_hz: 48_000,
            channels,
            samples: samples.collect(),
        }
    }

    #[test]
    fn a_float_file_gives_every_bit_back_with_and_without_a_tempo() {
        for channels in [1, 2] {
            for tempo in [None, Some(97.5)] {
                let wav = sound(channels).to_wav(WavForm::Float32, tempo);
                let back = wav.and_then(|bytes| Sound::of_wav(&bytes));
                assert_eq!(back, Ok(sound(channels)), "{channels} {tempo:?}");
            }
        }
    }

    #[test]
    fn the_tempo_stands_in_a_chunk_that_the_sizes_count() {
        let wav = sound(1).to_wav(WavForm::Integer24, Some(97.5)).unwrap();
        let at = wav.windows(4).position(|word| word == b"acid").unwrap();
        let number = |from: usize| u32::from_le_bytes(wav[from..from + 4].try_into().unwrap());
        assert_eq!(f32::from_bits(number(at + 28)), 97.5);
        assert_eq!(at + 8 + number(at + 4) as usize, wav.len());
        assert_eq!(number(4) as usize, wav.len() - 8);
    }

    #[test]
    fn a_session_keeps_samples_within_a_24_bit_step() {
        let flac = sound(2).to_flac().unwrap();
        assert!(
            flac.len() < 4800 * 3,
            "{} bytes are not fewer than 24 bits a sample",
            flac.len()
        );
        let back = Sound::of_flac(&flac).unwrap();
        assert_eq!(back.samples.len(), 4800);
        let step = 0.5_f32.powi(24);
        let near = |(a, b): (&f32, &f32)| (a - b).abs() <= step;
        assert!(back.samples.iter().zip(&sound(2).samples).all(near));
    }

    #[test]
    fn what_is_no_sound_is_refused() {
        assert!(Sound::of_flac(b"no flac").is_err());
        assert!(Sound::of_wav(b"no wav").is_err());
        let integers = sound(1).to_wav(WavForm::Integer24, None).unwrap();
        assert!(Sound::of_wav(&integers).is_err());
    }
}
