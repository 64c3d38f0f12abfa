//! The kept takes as they travel inside a session. Main thread saves and loads, the keeper packs.
//!
//! FLAC of 24 bits in the state's text. What does not fit under the cap stays in the user's folder
//! alone. What was heard before a take does not travel.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use nice_plug::params::persist::PersistentField;
use serde::{Deserialize, Serialize};

use super::desk::{TakeWish, TakesDesk};
use super::record::TakeRecord;
use super::sound::Sound;
use super::store::WholeTake;

/// What all takes in a session may take: a minute and a half of one channel at 48 kHz.
pub const CAP_BYTES: usize = 12 << 20;

/// A take as a session holds it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct PackedTake {
    /// What is known of it.
    pub record: TakeRecord,
    /// FLAC in base64; empty for a piece of notes.
    pub sound: String,
    /// What its samples were divided by, to stay within full scale: a power of two.
    pub scale: f32,
}

impl PackedTake {
    /// Packs a take.
    ///
    /// # Errors
    /// When its sound does not fit the format.
    pub fn of(take: &WholeTake) -> Result<Self, String> {
        // A model may have been louder than full scale; the limiter behind it is no part of a take.
        let scale = take.sound.peak().max(1.0).log2().ceil().exp2();
        let sound = if take.sound.samples.is_empty() {
            String::new()
        } else {
            STANDARD.encode(take.sound.scaled(1.0 / scale).to_flac()?)
        };
        Ok(Self {
            record: take.record.clone(),
            sound,
            scale,
        })
    }

    /// The take that was packed.
    ///
    /// # Errors
    /// When its text holds no sound.
    pub fn unpack(&self) -> Result<WholeTake, String> {
        let sound = if self.sound.is_empty() {
            Sound::default()
        } else {
            let bytes = STANDARD
                .decode(&self.sound)
                .map_err(|error| error.to_string())?;
            Sound::of_flac(&bytes)?.scaled(self.scale.max(1.0))
        };
        Ok(WholeTake {
            record: self.record.clone(),
            sound,
            heard: Sound::default(),
        })
    }

    /// Bytes that it adds to a session, nearly.
    pub fn size_bytes(&self) -> usize {
        const NOTE_BYTES: usize = 64; // as JSON has it
        self.sound.len() + NOTE_BYTES * self.record.notes.len()
    }
}

impl PersistentField<'_, Vec<PackedTake>> for TakesDesk {
    fn set(&self, new_value: Vec<PackedTake>) {
        // Kept even when one cannot be unpacked: saving again must not lose what the session held.
        self.set_packed(new_value);
        self.wish(TakeWish::Unpack);
    }

    fn map<F, R>(&self, f: F) -> R
    where
        F: Fn(&Vec<PackedTake>) -> R,
    {
        f(&self.packed())
    }
}

#[cfg(test)]
mod tests {
    use super::PackedTake;
    use crate::takes::store::tests::take;

    #[test]
    fn a_packed_take_comes_back_within_a_24_bit_step() {
        let whole = take("0001");
        let packed = PackedTake::of(&whole).unwrap();
        let text = serde_json::to_string(&packed).unwrap();
        assert!(packed.size_bytes() < text.len());
        let read: PackedTake = serde_json::from_str(&text).unwrap();
        let back = read.unpack().unwrap();
        assert_eq!(back.record, whole.record);
        let mut pairs = back.sound.samples.iter().zip(&whole.sound.samples);
        assert!(pairs.all(|(a, b)| (a - b).abs() <= 0.5_f32.powi(24)));
    }

    #[test]
    fn a_take_over_full_scale_is_not_clipped() {
        let mut loud = take("0001");
        loud.sound = loud.sound.scaled(2.5);
        let packed = PackedTake::of(&loud).unwrap();
        let back = packed.unpack().unwrap();
        assert!((back.sound.peak() - loud.sound.peak()).abs() < 1e-6);
        assert!(loud.sound.peak() > 2.0);
    }

    #[test]
    fn damaged_text_is_refused() {
        let mut packed = PackedTake::of(&take("0001")).unwrap();
        packed.sound.replace_range(..8, "????????");
        assert!(packed.unpack().is_err());
    }
}
