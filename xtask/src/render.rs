//! Renders through the bundled plugin, and tells how it went.

use std::path::{Path, PathBuf};

use afterimage_tests::bundle::{INSTRUMENT_ID, folder};
use afterimage_tests::host::{
    Automation, BlockPlan, Pace, RenderSpec, Rendered, Session, Timeline,
};
use afterimage_tests::saved_state::{ModelChoice, SavedState};
use afterimage_tests::{midi_file, wav_file};
use anyhow::{Context, Result};

use crate::arguments::Arguments;
use crate::bundle::{self, Kind};
use crate::process::say;
use crate::report::table;

/// Rate of a render that names none.
const DEFAULT_RATE_HZ: f64 = 48_000.0;

/// A render as asked for on the command line.
pub struct Job {
    /// A pack instead of the one the plugin opens on.
    pub pack: Option<PathBuf>,
    /// Notes and controllers.
    pub midi: Option<PathBuf>,
    /// Drawn parameters and fractional notes.
    pub automation: Option<PathBuf>,
    /// Length of the WAV; without it, the notes and a tail.
    pub seconds: Option<f64>,
    /// The host's rate.
    pub rate_hz: f64,
    /// Block sizes.
    pub plan: BlockPlan,
    /// The clock.
    pub pace: Pace,
    /// The seed parameter, 0 to 1 of its range.
    pub seed: Option<f64>,
}

/// Seconds after the last event of a render that names no length.
const TAIL_S: f64 = 3.0;

/// `cargo xtask render`.
pub fn command(mut arguments: Arguments) -> Result<()> {
    let out = arguments
        .path("--out")?
        .context("--out WAV says where the sound goes")?;
    let midi_out = arguments.path("--midi-out")?;
    let job = Job {
        pack: arguments.path("--pack")?,
        midi: arguments.path("--midi")?,
        automation: arguments.path("--automation")?,
        seconds: arguments.parsed("--seconds")?,
        rate_hz: arguments.parsed("--rate")?.unwrap_or(DEFAULT_RATE_HZ),
        plan: arguments
            .parsed("--block")?
            .unwrap_or(BlockPlan::Fixed(256)),
        pace: if arguments.switch("--live") {
            Pace::Live { speed: 1.0 }
        } else {
            Pace::Offline
        },
        seed: arguments.parsed("--seed")?,
    };
    arguments.finish()?;
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
    say(&format!("wrote {}", out.display()));
    Ok(())
}

impl Job {
    /// Renders; returns the sound and the number of notes played.
    pub fn run(&self, clap: &Path) -> Result<(Rendered, usize)> {
        let mut session = Session::load(clap, INSTRUMENT_ID)?;
        if let Some(pack) = &self.pack {
            open_pack(&mut session, pack)?;
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
        let last_note_s = drawn
            .notes
            .iter()
            .map(|note| note.1)
            .fold(natural_s, f64::max);
        let seconds = self.seconds.unwrap_or(last_note_s + TAIL_S);
        timeline.automate(&drawn, session.parameters(), self.rate_hz, seconds)?;
        let notes = timeline.note_count();
        let spec = RenderSpec {
            plan: self.plan,
            pace: self.pace,
            ..RenderSpec::offline(self.rate_hz, seconds, timeline)
        };
        Ok((session.render(&spec)?, notes))
    }
}

/// Points the instance at a pack through its state, as a session would.
fn open_pack(session: &mut Session, pack: &Path) -> Result<()> {
    let mut state = SavedState::parse(&session.save()?)?;
    state.set_model(&ModelChoice {
        path: Some(pack.to_owned()),
        ..ModelChoice::default()
    })?;
    session.restore(&state.bytes()?)
}
