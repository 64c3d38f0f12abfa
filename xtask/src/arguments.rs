//! Flags of a command line: few enough to be read by hand, strict about what is left over.

use std::path::PathBuf;
use std::str::FromStr;

use anyhow::{Context, Result, bail};

/// What is left of the command line.
pub struct Arguments {
    left: Vec<String>,
}

impl Arguments {
    pub fn from_environment() -> Self {
        Self {
            left: std::env::args().skip(1).collect(),
        }
    }

    #[cfg(test)]
    pub fn of(words: &[&str]) -> Self {
        Self {
            left: words.iter().map(|word| (*word).to_owned()).collect(),
        }
    }

    /// Takes the first word: the command.
    pub fn command(&mut self) -> Option<String> {
        (!self.left.is_empty()).then(|| self.left.remove(0))
    }

    /// Takes a switch such as `--live`.
    pub fn switch(&mut self, name: &str) -> bool {
        let at = self.left.iter().position(|word| word == name);
        at.map(|at| self.left.remove(at)).is_some()
    }

    /// Takes a flag and its value, such as `--rate 48000` or `--rate=48000`.
    pub fn value(&mut self, name: &str) -> Result<Option<String>> {
        let joined = format!("{name}=");
        if let Some(at) = self.left.iter().position(|word| word.starts_with(&joined)) {
            return Ok(Some(self.left.remove(at)[joined.len()..].to_owned()));
        }
        let Some(at) = self.left.iter().position(|word| word == name) else {
            return Ok(None);
        };
        if at + 1 >= self.left.len() {
            bail!("{name} needs a value");
        }
        self.left.remove(at);
        Ok(Some(self.left.remove(at)))
    }

    /// Takes a flag whose value has a type.
    pub fn parsed<T: FromStr>(&mut self, name: &str) -> Result<Option<T>>
    where
        T::Err: std::fmt::Display,
    {
        let Some(text) = self.value(name)? else {
            return Ok(None);
        };
        match text.parse() {
            Ok(value) => Ok(Some(value)),
            Err(error) => bail!("{name}: '{text}' will not do: {error}"),
        }
    }

    /// Takes a flag whose value is a path, made absolute.
    pub fn path(&mut self, name: &str) -> Result<Option<PathBuf>> {
        self.value(name)?
            .map(|text| std::path::absolute(text).context("the working directory is gone"))
            .transpose()
    }

    /// Takes the next word that belongs to no flag.
    #[cfg(feature = "models")]
    pub fn positional(&mut self) -> Option<String> {
        let at = self.left.iter().position(|word| !word.starts_with("--"))?;
        Some(self.left.remove(at))
    }

    /// Ends the reading: anything left is an error.
    pub fn finish(self) -> Result<()> {
        if !self.left.is_empty() {
            bail!(
                "not understood: {}; `cargo xtask` lists the flags of each command",
                self.left.join(" ")
            );
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::Arguments;

    #[test]
    fn flags_are_taken_in_any_order_and_the_rest_is_refused() {
        let mut arguments = Arguments::of(&["render", "--live", "--rate=44100", "--out", "x.wav"]);
        assert_eq!(arguments.command().as_deref(), Some("render"));
        assert_eq!(arguments.parsed::<f64>("--rate").unwrap(), Some(44_100.0));
        assert_eq!(arguments.value("--out").unwrap().as_deref(), Some("x.wav"));
        assert!(arguments.switch("--live") && !arguments.switch("--live"));
        assert!(arguments.finish().is_ok());
        assert!(Arguments::of(&["--unknown"]).finish().is_err());
        assert!(Arguments::of(&["--rate"]).value("--rate").is_err());
    }
}
