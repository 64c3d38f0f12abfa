//! Renders through the bundled plugin, and tells how it went.

use std::path::{Path, PathBuf};

use afterimage_tests::bundle::{EFFECT_ID, INSTRUMENT_ID, folder};
use afterimage_tests::host::{
    Automation, BlockPlan, Pace, RenderSpec, Rendered, Session, TEMPO_BPM, Timeline,
};
use afterimage_tests::saved_state::{ModelChoice, SavedState};
use afterimage_tests::{midi_file, wav_file};
use anyhow::{Context, Result, ensure};

use crate::arguments::Arguments;
use crate::bundle::{self, Kind};
use crate::packs::{Named, named};
use crate::play_on::{self, NOTES_LEAD_S, PlayOn, SOUND_LEAD_S, Tempo};
use crate::process::say;
use crate::report::table;
use crate::transform::{Transform, envelope_lag};

/// Rate of a render that names none.
const DEFAULT_RATE_HZ: f64 = 48_000.0;

/// A render as asked for on the command line.
pub struct Job {
    /// A pack instead of the one the plugin opens on.
    pub pack: Option<Named>,
    /// Notes and controllers.
    pub midi: Option<PathBuf>,
    /// Drawn parameters and fractional notes.
    pub automation: Option<PathBuf>,
    /// Length of the WAV; without it, the notes and a tail.
    pub seconds: Option<f64>,
    /// The host's rate.
    pub rate_hz: f64,
    /// Quarter notes a minute of the host.
    pub tempo_bpm: f64,
    /// Block sizes.
    pub plan: BlockPlan,
    /// The clock.
    pub pace: Pace,
    /// The seed parameter, 0 to 1 of its range.
    pub seed: Option<f64>,
    /// Parameters by id, with their CLAP values.
    pub settings: Vec<(String, f64)>,
    /// A pack that continues notes instead of the embedded one.
    pub composer: Option<Named>,
    /// What comes in, through the audio effect.
    pub input: Option<Input>,
    /// What continues sound, through the audio effect.
    pub continuer: Option<Named>,
    /// What is to be continued.
    pub play_on: Option<PlayOn>,
    /// What the input is to be transformed by.
    pub transform: Option<Transform>,
}

/// A sound that comes in, one vector a channel, at the render's rate.
pub struct Input {
    channels: Vec<Vec<f32>>,
}

/// Seconds after the last event of a render that names no length.
const TAIL_S: f64 = 3.0;

/// `cargo xtask render`.
pub fn command(mut arguments: Arguments) -> Result<()> {
    let out = arguments
        .path("--out")?
        .context("--out WAV says where the sound goes")?;
    let midi_out = arguments.path("--midi-out")?;
    let placed = arguments.path("--latent-from")?;
    #[cfg(not(feature = "models"))]
    if placed.is_some() {
        return crate::with_models::again("the encoder");
    }
    let (input, rate_hz) = input(&mut arguments)?;
    #[cfg_attr(
        not(feature = "models"),
        expect(unused_mut, reason = "nothing is placed without")
    )]
    let mut job = Job {
        pack: pack_named(&mut arguments, "--pack")?,
        midi: arguments.path("--midi")?,
        automation: arguments.path("--automation")?,
        seconds: arguments.parsed("--seconds")?,
        rate_hz,
        tempo_bpm: arguments.parsed("--tempo")?.unwrap_or(TEMPO_BPM),
        plan: arguments
            .parsed("--block")?
            .unwrap_or(BlockPlan::Fixed(256)),
        pace: if arguments.switch("--live") {
            Pace::Live { speed: 1.0 }
        } else {
            Pace::Offline
        },
        seed: arguments.parsed("--seed")?,
        settings: settings(&mut arguments)?,
        composer: pack_named(&mut arguments, "--composer")?,
        continuer: pack_named(&mut arguments, "--continuer")?,
        input,
        play_on: PlayOn::read(&mut arguments)?,
        transform: Transform::read(&mut arguments)?,
    };
    ensure!(
        job.transform.is_none() || job.input.is_some(),
        "--transform needs --input: what is to be transformed"
    );
    arguments.finish()?;
    #[cfg(feature = "models")]
    if let Some(sound) = &placed {
        let settings = match (&job.transform, &job.pack) {
            (Some(transform), _) => crate::placed::settings(&transform.pack, sound, true)?,
            (None, Some(pack)) => crate::placed::settings(pack, sound, false)?,
            (None, None) => {
                anyhow::bail!("--latent-from needs --pack or --transform: whose knobs?")
            }
        };
        job.settings.splice(0..0, settings); // what --set says comes after
    }
    let clap = folder().join(format!("{}.clap", bundle::NAME));
    if !clap.exists() {
        bundle::build(Kind::Release)?;
    }
    let (rendered, notes) = job.run(&clap)?;
    wav_file::write(&out, &rendered.audio, rendered.rate_hz)?;
    if let Some(path) = midi_out {
        midi_file::write(&path, &rendered.midi_out, rendered.rate_hz)?;
    }
    print!("{}", table(&rendered, notes));
    if job.transform.is_some() {
        print!("{}", job.timing(&rendered));
    }
    let takes = rendered.status.iter().flat_map(|status| &status.takes);
    for take in takes {
        let kept = keep_take(take, &out)?;
        say(&format!("the take lies in {}", kept.display()));
    }
    say(&format!("wrote {}", out.display()));
    Ok(())
}

impl Input {
    /// One vector a channel, at the render's rate.
    pub fn of(channels: Vec<Vec<f32>>) -> Self {
        Self { channels }
    }
}

impl Job {
    /// The opening pack for so many seconds, offline, with nothing to play.
    pub fn new(rate_hz: f64, seconds: f64) -> Self {
        Self {
            pack: None,
            midi: None,
            automation: None,
            seconds: Some(seconds),
            rate_hz,
            tempo_bpm: TEMPO_BPM,
            plan: BlockPlan::Fixed(256),
            pace: Pace::Offline,
            seed: None,
            settings: Vec::new(),
            composer: None,
            input: None,
            continuer: None,
            play_on: None,
            transform: None,
        }
    }

    /// Renders; returns the sound and the number of notes played.
    pub fn run(&self, clap: &Path) -> Result<(Rendered, usize)> {
        let is_effect = self.input.is_some() || self.continuer.is_some();
        let id = if is_effect { EFFECT_ID } else { INSTRUMENT_ID };
        let mut session = Session::load(clap, id)?;
        if let Some(pack) = &self.pack {
            open_pack(&mut session, SavedState::set_model, pack)?;
            // As in the window: a chosen pack opens where its maker put it.
            if let Named::Shipped(pack) = pack {
                for (id, normalised) in pack.opening() {
                    session.set(&id, normalised)?;
                }
            }
        }
        if let Some(composer) = &self.composer {
            open_pack(&mut session, SavedState::set_composer, composer)?;
        }
        if let Some(continuer) = &self.continuer {
            open_pack(&mut session, SavedState::set_continuer, continuer)?;
        }
        if let Some(transform) = &self.transform {
            open_pack(&mut session, SavedState::set_transformer, &transform.pack)?;
            transform.lay(&mut session)?;
        }
        for (id, value) in &self.settings {
            play_on::set(&mut session, id, *value)?;
        }
        if let Some(seed) = self.seed {
            let parameter = session.parameters().find("seed")?.clone();
            session.set("seed", parameter.normalised(seed))?;
        }
        let mut timeline = match &self.midi {
            Some(path) => midi_file::read(path, self.rate_hz)?,
            None => Timeline::new(),
        };
        let drawn = self
            .automation
            .as_deref()
            .map(Automation::read)
            .transpose()?
            .unwrap_or_default();
        let natural_s = timeline.end() as f64 / self.rate_hz;
        let input = self.input.iter().flat_map(|input| &input.channels);
        let input: Vec<Vec<f32>> = input.cloned().collect();
        let input_s = input.first().map_or(0, Vec::len) as f64 / self.rate_hz;
        let last_note_s = drawn
            .notes
            .iter()
            .map(|note| note.1)
            .fold(natural_s.max(input_s), f64::max);
        let seconds = self.seconds.unwrap_or(last_note_s + TAIL_S);
        timeline.automate(&drawn, session.parameters(), self.rate_hz, seconds)?;
        let notes = timeline.note_count();
        if let Some(play_on) = &self.play_on {
            let lead_s = if is_effect {
                SOUND_LEAD_S
            } else {
                NOTES_LEAD_S
            };
            let tempo = Tempo {
                rate_hz: self.rate_hz,
                bpm: self.tempo_bpm,
                lead_s,
            };
            play_on.lay(&mut session, &mut timeline, tempo)?;
        }
        let spec = RenderSpec {
            plan: self.plan,
            pace: self.pace,
            // Hosts give it to their audio threads; without it the worker keeps the callback waiting.
            real_time: matches!(self.pace, Pace::Live { .. }),
            tempo_bpm: self.tempo_bpm,
            ..RenderSpec::offline(self.rate_hz, seconds, timeline)
        };
        let rendered = session.render(&spec.with_input(input))?;
        if self.pack.is_some() {
            ensure_played(&mut session, &rendered)?;
        }
        ensure!(
            self.transform.is_none() || rendered.latency_samples > 0,
            "what transforms was not there when the render began: {}; close other programs and render again",
            rendered
                .status
                .as_ref()
                .map_or("it took too long to load", |status| status
                    .transformer_sentence
                    .as_str())
        );
        Ok((rendered, notes))
    }
}

impl Job {
    /// When what was transformed sounds, beside its input.
    fn timing(&self, rendered: &Rendered) -> String {
        let input = self.input.iter().flat_map(|input| input.channels.clone());
        let input: Vec<Vec<f32>> = input.collect();
        match envelope_lag(rendered, &input) {
            Some((lag, alike)) => format!(
                "    {:<28} {} samples (envelopes are {alike:.2} alike then)\n",
                "latency measured",
                i64::from(rendered.latency_samples) + lag
            ),
            None => "    latency measured             not: one of both is silent\n".to_owned(),
        }
    }
}

/// The sound of `--input`, and the rate of the render: that of the sound, or of `--rate`.
fn input(arguments: &mut Arguments) -> Result<(Option<Input>, f64)> {
    let given: Option<f64> = arguments.parsed("--rate")?;
    let Some(path) = arguments.path("--input")? else {
        return Ok((None, given.unwrap_or(DEFAULT_RATE_HZ)));
    };
    let (channels, rate_hz) = wav_file::read_channels(&path)?;
    let rate_hz = f64::from(rate_hz);
    ensure!(
        given.is_none_or(|given| given == rate_hz),
        "{} has {rate_hz} Hz, and the host gives it as it is: leave --rate out",
        path.display()
    );
    Ok((Some(Input { channels }), rate_hz))
}

/// Moves a take beside the WAV of the render.
fn keep_take(take: &Path, out: &Path) -> Result<PathBuf> {
    let name = take.file_name().context("a take has a folder")?;
    let kept = out.with_extension("takes").join(name);
    bundle::copy_tree(take, &kept)?;
    std::fs::remove_dir_all(take)
        .with_context(|| format!("cannot clear {} away", take.display()))?;
    Ok(kept)
}

/// The pack that a word of the command line names.
fn pack_named(arguments: &mut Arguments, word: &str) -> Result<Option<Named>> {
    let pack = arguments.value(word)?;
    pack.map(|pack| named(&pack)).transpose()
}

/// Every `--set ID=VALUE`.
fn settings(arguments: &mut Arguments) -> Result<Vec<(String, f64)>> {
    let mut settings = Vec::new();
    while let Some(word) = arguments.value("--set")? {
        settings.push(play_on::setting(&word)?);
    }
    Ok(settings)
}

/// Names a pack in a saved state.
type SetPack = fn(&mut SavedState, &ModelChoice) -> Result<()>;

/// Points the instance at a pack through its state, as a session would: by its id where it may lie on
/// the plugin's own shelf.
fn open_pack(session: &mut Session, set: SetPack, pack: &Named) -> Result<()> {
    let mut choice = ModelChoice::default();
    match pack {
        Named::Shipped(pack) => choice.id = pack.id().to_owned(),
        Named::Other(id) => choice.id.clone_from(id),
        Named::At(path) => choice.path = Some(path.clone()),
    }
    let mut state = SavedState::parse(&session.save()?)?;
    set(&mut state, &choice)?;
    session.restore(&state.bytes()?)
}

/// Refuses the sound of another pack. A session that has loaded its pack saves its hash.
fn ensure_played(session: &mut Session, rendered: &Rendered) -> Result<()> {
    let model = SavedState::parse(&session.save()?)?.model()?;
    let status = rendered.status.as_ref();
    ensure!(
        !model.hash.is_empty(),
        "the pack did not play: {} (A bundle older than the pack does not hold it: `cargo xtask bundle` builds it again.)",
        status.map_or("", |status| status.sentence.as_str())
    );
    Ok(())
}
