//! What a continuer makes of sounds: each heard and gone on from, as WAV and picture.

use std::path::{Path, PathBuf};

use afterimage_engine::continuation::{Continuer, DEFAULT_LIKENESS, SoundStart};
use afterimage_neural::manifest::{ConditionKind, Manifest};
use afterimage_neural::{LoadedContinuer, Pack, Runtime, load_continuer};
use anyhow::{Context, Result, ensure};

use crate::arguments::Arguments;
use crate::sound_file::{read_mono, write_mono};
use crate::spectrogram::draw_sound;

/// `--heard FILE|FOLDER --hear 6 --seconds 16 --seed 1 --label NAME --likeness 0.25 --imagine --out FOLDER`.
#[derive(Default)]
pub struct Wish {
    heard: Option<PathBuf>,
    hear_s: f64,
    seconds: f64,
    seed: u64,
    label: Option<String>,
    likeness: f32,
    /// Nothing of what is heard is followed; each sound has a seed of its own.
    imagine: bool,
    out: Option<PathBuf>,
}

impl Wish {
    /// What the command line asks for.
    pub fn read(arguments: &mut Arguments) -> Result<Self> {
        Ok(Self {
            heard: arguments.path("--heard")?,
            hear_s: arguments.parsed("--hear")?.unwrap_or(6.0),
            seconds: arguments.parsed("--seconds")?.unwrap_or(16.0),
            seed: arguments.parsed("--seed")?.unwrap_or(1),
            label: arguments.value("--label")?,
            imagine: arguments.switch("--imagine"),
            likeness: arguments.parsed("--likeness")?.unwrap_or(DEFAULT_LIKENESS),
            out: arguments.path("--out")?,
        })
    }

    /// Continues every sound that was named, or imagines one where none was; says where the files are.
    pub fn fulfil(&self, pack: &Pack, runtime: &Runtime) -> Result<()> {
        let mut loaded = load_continuer(pack, runtime)?;
        let mut start = self.start(&loaded.manifest)?;
        let out = self.out.clone().unwrap_or_else(|| {
            afterimage_tests::bundle::target_folder()
                .join("check-model")
                .join(&loaded.manifest.id)
        });
        std::fs::create_dir_all(&out).with_context(|| format!("cannot make {}", out.display()))?;
        for sound in self.sounds()? {
            let (name, heard) = match &sound {
                Some(path) => (stem(path), self.heard_of(path, &loaded)?),
                None => ("imagined".to_owned(), Vec::new()),
            };
            let rate_hz = loaded.continuer.spec().sample_rate_hz;
            let samples = (self.seconds * f64::from(rate_hz)) as usize;
            let whole = go_on(loaded.continuer.as_mut(), &start, &heard, samples)?;
            start.seed += u64::from(self.imagine);
            let seam_s = heard.len() as f64 / f64::from(rate_hz);
            write_mono(&out.join(format!("{name}.wav")), &whole, rate_hz)?;
            let title = format!("{}: {name}, seed {}", loaded.manifest.name, self.seed);
            let picture = out.join(format!("{name}.png"));
            draw_sound((&whole, f64::from(rate_hz)), seam_s, &title, &picture)?;
        }
        println!("Sounds and pictures are in {}", out.display());
        Ok(())
    }

    /// Files to hear; none stands for an empty prompt.
    fn sounds(&self) -> Result<Vec<Option<PathBuf>>> {
        let Some(heard) = &self.heard else {
            return Ok(vec![None]);
        };
        if heard.is_file() {
            return Ok(vec![Some(heard.clone())]);
        }
        let entries =
            std::fs::read_dir(heard).with_context(|| format!("cannot read {}", heard.display()))?;
        let mut files: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
        files.retain(|path| path.extension().is_some_and(|end| end == "wav"));
        files.sort();
        ensure!(!files.is_empty(), "{} holds no .wav", heard.display());
        Ok(files.into_iter().map(Some).collect())
    }

    fn heard_of(&self, path: &Path, loaded: &LoadedContinuer) -> Result<Vec<f32>> {
        let rate_hz = loaded.continuer.spec().sample_rate_hz;
        let mut sound = read_mono(path, rate_hz)?;
        sound.truncate((self.hear_s * f64::from(rate_hz)) as usize);
        Ok(sound)
    }

    fn start(&self, manifest: &Manifest) -> Result<SoundStart> {
        let mut start = SoundStart::new(self.seed);
        let conditions = manifest.conditions.iter();
        let classes = conditions.filter_map(|condition| match &condition.kind {
            ConditionKind::Class { labels, default } => Some((labels, *default)),
            ConditionKind::Continuous { .. } => None,
        });
        for (place, (labels, default)) in start.style.class.iter_mut().zip(classes) {
            let wanted = self.label.as_ref();
            let named = wanted.and_then(|label| labels.iter().position(|other| other == label));
            ensure!(
                wanted.is_none() || named.is_some(),
                "--label is none of {}",
                labels.join(", ")
            );
            *place = named.unwrap_or(default) as u16;
        }
        start.follows_heard = self.heard.is_some() && !self.imagine;
        start.style.likeness = self.likeness;
        Ok(start)
    }
}

/// What was heard, and then `samples` more.
fn go_on(
    continuer: &mut dyn Continuer,
    start: &SoundStart,
    heard: &[f32],
    samples: usize,
) -> Result<Vec<f32>> {
    continuer.forget();
    continuer.hear(heard)?;
    continuer.begin(start);
    let mut whole = heard.to_vec();
    whole.resize(heard.len() + samples, 0.0);
    let mut made = heard.len();
    while made < whole.len() {
        made += continuer.go_on(&start.style, &mut whole[made..])?;
    }
    Ok(whole)
}

fn stem(path: &Path) -> String {
    let stem = path.file_stem().unwrap_or(path.as_os_str());
    stem.to_string_lossy().into_owned()
}
