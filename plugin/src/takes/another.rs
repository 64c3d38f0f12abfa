//! Another take from the same prompt, with the next seed: made a step at a time by a continuer of its
//! own, while the one that listens goes on listening. Keeper thread.

use afterimage_engine::continuation::{Continuer, SoundStart, Style};
use afterimage_engine::contract::MAX_CLASSES;
use afterimage_spectral::resampled;

use super::fetched::fresh_id;
use super::record::{TakeRecord, outline};
use super::sound::Sound;
use super::store::WholeTake;

/// Samples that one step makes.
const STEP_SAMPLES: usize = 8_192;

/// A take that is being made.
pub struct Another {
    continuer: Box<dyn Continuer>,
    style: Style,
    record: TakeRecord,
    heard: Sound,
    /// At the continuer's rate, as long as it will be.
    samples: Vec<f32>,
    made: usize,
}

impl Another {
    /// Lets `continuer` hear what was heard before `take`, and begins.
    ///
    /// # Errors
    /// A sentence when the take has no prompt, or is none of this continuer's.
    pub fn begin(take: &WholeTake, mut continuer: Box<dyn Continuer>) -> Result<Self, String> {
        let spec = continuer.spec();
        let rate_hz = spec.sample_rate_hz;
        if take.record.pack != spec.name {
            return Err(format!(
                "'{}' made this take, and '{}' plays now; choose it on the shelf to hear another.",
                take.record.pack, spec.name
            ));
        }
        if take.record.follows_heard && take.heard.samples.is_empty() {
            return Err("What was heard before this take did not travel with it.".to_owned());
        }
        let heard = brought_to(&take.heard, rate_hz)?;
        continuer.hear(&heard).map_err(|error| error.to_string())?;
        let mut record = TakeRecord {
            id: fresh_id(),
            kept: false,
            ended: "length".to_owned(),
            seed: take.record.seed.wrapping_add(1),
            ..take.record.clone()
        };
        record.name = format!("{} {}", record.pack, record.seed);
        let style = style_of(&record);
        let quarter_s = record.tempo_bpm.map_or(0.0, |tempo| 60.0 / tempo);
        continuer.begin(&SoundStart {
            seed: record.seed,
            follows_heard: record.follows_heard,
            quarter_samples: (quarter_s * f64::from(rate_hz)) as f32,
            style,
        });
        let length = record.seconds() * f64::from(rate_hz);
        Ok(Self {
            continuer,
            style,
            record,
            heard: take.heard.clone(),
            samples: vec![0.0; length.ceil() as usize],
            made: 0,
        })
    }

    /// Makes a little more; the take once it is whole.
    ///
    /// # Errors
    /// The backend's words.
    pub fn go_on(&mut self) -> Result<Option<WholeTake>, String> {
        let end = (self.made + STEP_SAMPLES).min(self.samples.len());
        while self.made < end {
            let rest = &mut self.samples[self.made..end];
            let made = self.continuer.go_on(&self.style, rest);
            self.made += made.map_err(|error| error.to_string())?.max(1);
        }
        if self.made < self.samples.len() {
            return Ok(None);
        }
        self.finish().map(Some)
    }

    fn finish(&mut self) -> Result<WholeTake, String> {
        let made = Sound {
            rate_hz: self.continuer.spec().sample_rate_hz,
            channels: 1,
            samples: std::mem::take(&mut self.samples),
        };
        let mut samples = brought_to(&made, self.record.rate_hz)?;
        samples.resize(self.record.length_samples as usize, 0.0);
        Ok(WholeTake {
            record: TakeRecord {
                outline: outline(&samples),
                ..self.record.clone()
            },
            sound: Sound {
                rate_hz: self.record.rate_hz,
                channels: 1,
                samples,
            },
            heard: self.heard.clone(),
        })
    }
}

/// Samples of one channel at another rate.
fn brought_to(sound: &Sound, rate_hz: u32) -> Result<Vec<f32>, String> {
    if sound.rate_hz == rate_hz || sound.samples.is_empty() {
        return Ok(sound.samples.clone());
    }
    resampled(&sound.samples, sound.rate_hz, rate_hz).map_err(|error| error.to_string())
}

fn style_of(record: &TakeRecord) -> Style {
    let mut class = [0; MAX_CLASSES];
    for (class, label) in class.iter_mut().zip(&record.labels) {
        *class = *label;
    }
    Style {
        class,
        temperature: record.temperature,
        top_p: record.top_p,
        likeness: record.likeness,
    }
}

#[cfg(test)]
mod tests {
    use super::{Another, WholeTake};
    use crate::takes::store::tests::take;
    use afterimage_engine::continuation::{Continuer, Grains};

    fn memory() -> Box<dyn Continuer> {
        Box::new(Grains::new().unwrap())
    }

    /// Three seconds after four seconds of a broken chord.
    fn played() -> WholeTake {
        let mut played = take("0001");
        let note = |n: usize| 220.0 * [1.0, 1.25, 1.5, 2.0][(n / 12_000) % 4];
        let sample = |n: usize| {
            let within = (n % 12_000) as f32 / 48_000.0;
            0.4 * (std::f32::consts::TAU * note(n) * within).sin() * (-3.0 * within).exp()
        };
        played.record.pack = memory().spec().name.clone();
        played.record.follows_heard = true;
        played.record.length_samples = 144_000;
        played.heard.samples = (0..192_000).map(sample).collect();
        played
    }

    fn another(from: &WholeTake) -> WholeTake {
        let mut another = Another::begin(from, memory()).unwrap();
        loop {
            if let Some(whole) = another.go_on().unwrap() {
                return whole;
            }
        }
    }

    #[test]
    fn it_is_as_long_sounds_and_comes_back_with_its_seed() {
        let from = played();
        let whole = another(&from);
        assert_eq!(whole.record.seed, from.record.seed + 1);
        assert_eq!(whole.sound.samples.len(), 144_000);
        assert_eq!(whole.heard, from.heard);
        let peak = whole
            .sound
            .samples
            .iter()
            .fold(0.0_f32, |p, s| p.max(s.abs()));
        assert!(peak > 0.05, "{peak}");
        assert_eq!(another(&from).sound, whole.sound);
    }

    #[test]
    fn a_take_of_another_pack_or_without_its_prompt_is_answered_in_a_sentence() {
        let mut foreign = played();
        foreign.record.pack = "Elsewhere".to_owned();
        let said = Another::begin(&foreign, memory()).err().unwrap();
        assert!(said.contains("Elsewhere"), "{said}");
        let mut bare = played();
        bare.heard.samples.clear();
        assert!(Another::begin(&bare, memory()).err().is_some());
    }
}
