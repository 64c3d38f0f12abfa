//! Continuation on the command line of `render`: where it begins, how long, from what.

use afterimage_tests::host::{Event, ParameterTable, Session, Timeline};
use anyhow::{Context, Result, bail};

use crate::arguments::Arguments;

/// The plugin's own time between the wish and the earliest first note, at most: it waits at least for
/// the longest block.
pub const NOTES_LEAD_S: f64 = 0.2;
/// The same for sound, which is begun, and brought in line with the player, before it is heard.
pub const SOUND_LEAD_S: f64 = 0.25;
/// The wish for a bar line is made so long before the latest moment for it.
const BAR_WISH_S: f64 = 0.15;
/// Quarter notes of the host's bars.
const BAR_QUARTERS: f64 = 4.0;
/// Positions of `continue_start`.
const NOW: f64 = 0.0;
const BAR: f64 = 2.0;

/// When a piece begins.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Begins {
    /// At this second.
    Second(f64),
    /// On this bar line, counted from 1.
    Bar(u32),
}

/// How long it lasts.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Lasts {
    Bars(u32),
    Seconds(f64),
}

/// `--imagine`, `--continue-at 4s|bar:N`, `--length 4s|N`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PlayOn {
    from_nothing: bool,
    begins: Begins,
    lasts: Option<Lasts>,
}

/// What turns bars and seconds into samples.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Tempo {
    /// The host's rate.
    pub rate_hz: f64,
    /// Quarter notes a minute.
    pub bpm: f64,
    /// From the wish to the earliest start.
    pub lead_s: f64,
}

impl PlayOn {
    /// From an empty prompt at the first bar line, for so many seconds.
    pub fn imagined(seconds: f64) -> Self {
        Self {
            from_nothing: true,
            begins: Begins::Bar(1),
            lasts: Some(Lasts::Seconds(seconds)),
        }
    }

    /// From what was heard before the second `at_s`, for so many seconds.
    pub fn continued(at_s: f64, seconds: f64) -> Self {
        Self {
            from_nothing: false,
            begins: Begins::Second(at_s),
            lasts: Some(Lasts::Seconds(seconds)),
        }
    }

    /// What the command line asks for, if it asks for any of it.
    pub fn read(arguments: &mut Arguments) -> Result<Option<Self>> {
        let from_nothing = arguments.switch("--imagine");
        let at = arguments.value("--continue-at")?;
        let length = arguments.value("--length")?;
        if !from_nothing && at.is_none() {
            anyhow::ensure!(
                length.is_none(),
                "--length needs --imagine or --continue-at"
            );
            return Ok(None);
        }
        Ok(Some(Self {
            from_nothing,
            begins: at.as_deref().map_or(Ok(Begins::Bar(1)), begins)?,
            lasts: length.as_deref().map(lasts).transpose()?,
        }))
    }

    /// Sets the instance's continuation, and lays its start and end on the timeline.
    pub fn lay(&self, session: &mut Session, timeline: &mut Timeline, tempo: Tempo) -> Result<()> {
        let Tempo {
            rate_hz,
            bpm,
            lead_s,
        } = tempo;
        let start = match self.begins {
            Begins::Second(_) => NOW,
            Begins::Bar(_) => BAR,
        };
        set(session, "continue_from", f64::from(self.from_nothing))?;
        set(session, "continue_start", start)?;
        if let Some(Lasts::Bars(bars)) = self.lasts {
            set(session, "continue_bars", f64::from(bars))?;
        }
        let (wished_s, begins_s) = match self.begins {
            Begins::Second(second) => (second - lead_s, second),
            // A first bar line that cannot be reached any more is the next one.
            Begins::Bar(bar) => {
                let line_s = f64::from(bar.max(1) - 1) * BAR_QUARTERS * 60.0 / bpm;
                (line_s - lead_s - BAR_WISH_S, line_s)
            }
        };
        let run = session.parameters().find("continue_run")?.id;
        let mut at = |seconds: f64, value: f64| {
            let sample = (seconds.max(0.0) * rate_hz).round() as u64;
            timeline.push(sample, Event::Parameter { id: run, value });
        };
        at(wished_s, 1.0);
        if let Some(Lasts::Seconds(seconds)) = self.lasts {
            at(begins_s + seconds, 0.0);
        }
        Ok(())
    }
}

/// `ID=VALUE`, the value as CLAP has it: 0 to 1 for knobs, the number of the step for the others.
pub fn setting(word: &str) -> Result<(String, f64)> {
    let (id, value) = word
        .split_once('=')
        .with_context(|| format!("--set {word} must read ID=VALUE"))?;
    let value = value
        .parse()
        .with_context(|| format!("--set {id} needs a number, found '{value}'"))?;
    Ok((id.to_owned(), value))
}

/// Sets a parameter to a CLAP value.
pub fn set(session: &mut Session, id: &str, value: f64) -> Result<()> {
    let normalised = normalised(session.parameters(), id, value)?;
    session.set(id, normalised)
}

fn normalised(parameters: &ParameterTable, id: &str, value: f64) -> Result<f64> {
    Ok(parameters.find(id)?.normalised(value))
}

fn begins(word: &str) -> Result<Begins> {
    if let Some(bar) = word.strip_prefix("bar:") {
        let bar = bar.parse().ok().filter(|bar| *bar > 0);
        return bar
            .map(Begins::Bar)
            .with_context(|| format!("--continue-at {word}: bars count from 1, as in bar:3"));
    }
    seconds(word)
        .map(Begins::Second)
        .with_context(|| format!("--continue-at {word} must read 4s or bar:3"))
}

fn lasts(word: &str) -> Result<Lasts> {
    if let Ok(bars) = word.parse() {
        return Ok(Lasts::Bars(bars));
    }
    seconds(word)
        .map(Lasts::Seconds)
        .with_context(|| format!("--length {word} must read 8 (bars) or 4s"))
}

fn seconds(word: &str) -> Result<f64> {
    match word.strip_suffix('s').and_then(|word| word.parse().ok()) {
        Some(seconds) if f64::is_finite(seconds) && seconds >= 0.0 => Ok(seconds),
        _ => bail!("'{word}' is no time in seconds"),
    }
}

#[cfg(test)]
mod tests {
    use super::{Begins, Lasts, PlayOn, setting};
    use crate::arguments::Arguments;

    fn read(words: &[&str]) -> anyhow::Result<Option<PlayOn>> {
        PlayOn::read(&mut Arguments::of(words))
    }

    #[test]
    fn places_and_lengths_are_read_in_bars_and_seconds() {
        let play_on = read(&["--continue-at", "4.5s", "--length", "8"]);
        let expected = PlayOn {
            from_nothing: false,
            begins: Begins::Second(4.5),
            lasts: Some(Lasts::Bars(8)),
        };
        assert_eq!(play_on.ok().flatten(), Some(expected));
        let imagined = read(&["--imagine", "--continue-at", "bar:3", "--length", "2s"]);
        let expected = PlayOn {
            from_nothing: true,
            begins: Begins::Bar(3),
            lasts: Some(Lasts::Seconds(2.0)),
        };
        assert_eq!(imagined.ok().flatten(), Some(expected));
        assert_eq!(read(&[]).ok(), Some(None));
    }

    #[test]
    fn what_cannot_be_read_is_said_in_a_sentence() {
        for (words, said) in [
            (vec!["--continue-at", "soon"], "4s or bar:3"),
            (vec!["--continue-at", "bar:0"], "count from 1"),
            (vec!["--imagine", "--length", "x"], "8 (bars) or 4s"),
            (vec!["--length", "4"], "needs --imagine"),
        ] {
            let error = read(&words).err().map(|error| error.to_string());
            assert!(error.is_some_and(|error| error.contains(said)), "{words:?}");
        }
        assert!(setting("gain").is_err() && setting("gain=x").is_err());
        assert_eq!(setting("gain=0.5").ok(), Some(("gain".to_owned(), 0.5)));
    }
}
