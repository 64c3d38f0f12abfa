//! What `analyse` and `invert` share: the representation's file and the pitch of each frame.

use std::path::{Path, PathBuf};

use afterimage_neural::manifest::{Representation, RepresentationKind};
use anyhow::{Context, Result, bail, ensure};

use crate::arguments::Arguments;
use crate::npy::Array;

/// Reads a manifest's `representation` object, alone or in its manifest.
///
/// # Errors
/// One sentence about the first field that will not do.
pub fn read_representation(path: &Path) -> Result<Representation> {
    let json = std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
    let name = path
        .file_name()
        .unwrap_or(path.as_os_str())
        .to_string_lossy();
    let representation = Representation::from_json(&json, &name)?;
    if representation.kind == RepresentationKind::Events {
        bail!("{name}: 'kind' is events, which are not sound: expected frames or a waveform");
    }
    Ok(representation)
}

/// Takes a flag that must be there.
pub fn required_path(arguments: &mut Arguments, flag: &str, what: &str) -> Result<PathBuf> {
    let path = arguments.path(flag)?;
    path.with_context(|| format!("{flag} says {what}"))
}

/// The pitch of each frame in Hz; 0 where there is none.
#[derive(Clone, Debug, PartialEq)]
pub enum Pitch {
    Constant(f32),
    PerFrame(Vec<f32>),
}

impl Pitch {
    /// Takes `--pitch HZ` or `--f0 F0.npy`, if one is there.
    ///
    /// # Errors
    /// When both are there, or either will not do.
    pub fn take(arguments: &mut Arguments) -> Result<Option<Self>> {
        let constant: Option<f32> = arguments.parsed("--pitch")?;
        let file = arguments.path("--f0")?;
        match (constant, file) {
            (Some(_), Some(_)) => bail!("--pitch and --f0 exclude each other: give one of them"),
            (None, None) => Ok(None),
            (Some(hz), None) => {
                ensure!(
                    hz.is_finite() && hz > 0.0,
                    "--pitch is {hz}, expected Hz above 0"
                );
                Ok(Some(Self::Constant(hz)))
            }
            (None, Some(path)) => Self::of_array(Array::read(&path)?)
                .with_context(|| format!("{} cannot be used", path.display()))
                .map(Some),
        }
    }

    fn of_array(array: Array) -> Result<Self> {
        let long = array.shape.iter().filter(|length| **length != 1).count();
        ensure!(
            long <= 1,
            "its shape is {:?}, expected one value a frame",
            array.shape
        );
        let bad = array
            .values
            .iter()
            .filter(|hz| !(hz.is_finite() && **hz >= 0.0))
            .count();
        ensure!(
            bad == 0,
            "{bad} of its values are no pitch, expected Hz, or 0 where there is none"
        );
        Ok(Self::PerFrame(array.values))
    }

    /// Refuses a file of another number of frames.
    ///
    /// # Errors
    /// With both numbers.
    pub fn check(&self, frames: usize) -> Result<()> {
        match self {
            Self::PerFrame(pitches) if pitches.len() != frames => {
                bail!(
                    "--f0 holds {} values, but there are {frames} frames",
                    pitches.len()
                )
            }
            _ => Ok(()),
        }
    }

    /// In Hz.
    pub fn at(&self, frame: usize) -> f32 {
        match self {
            Self::Constant(hz) => *hz,
            Self::PerFrame(pitches) => pitches.get(frame).copied().unwrap_or(0.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Pitch;
    use crate::arguments::Arguments;
    use crate::npy::Array;

    /// A file of this test's own.
    fn file(name: &str, bytes: &[u8]) -> String {
        let name = format!("afterimage-{}-{name}", std::process::id());
        let path = std::env::temp_dir().join(name);
        std::fs::write(&path, bytes).unwrap();
        path.to_string_lossy().into_owned()
    }

    #[test]
    fn both_commands_say_which_flag_or_file_will_not_do() {
        let json = |kind: &str| {
            file(
                kind,
                format!(r#"{{"kind": "{kind}", "sample_rate": 16000}}"#).as_bytes(),
            )
        };
        let (broken, events, mfcc) = (file("broken", b"{\"kind\":"), json("events"), json("mfcc"));
        let waveform = json("waveform");
        let no_wav = file("no.wav", b"RIFF");
        let analysed = |spec: &str, more: &[&str]| {
            let words = [
                &["--input", no_wav.as_str(), "--spec", spec, "--out", "o.npy"][..],
                more,
            ]
            .concat();
            crate::analyse::command(Arguments::of(&words))
        };
        let inverted = |spec: &str, more: &[&str]| {
            let words = [
                &[
                    "--magnitudes",
                    no_wav.as_str(),
                    "--spec",
                    spec,
                    "--out",
                    "o.wav",
                ][..],
                more,
            ]
            .concat();
            crate::invert::command(Arguments::of(&words))
        };
        for (outcome, says) in [
            (
                crate::analyse::command(Arguments::of(&[])),
                "--input says which WAV",
            ),
            (
                crate::analyse::command(Arguments::of(&["--input", "a"])),
                "--spec says which",
            ),
            (
                crate::invert::command(Arguments::of(&[])),
                "--magnitudes says which .npy",
            ),
            (
                analysed("/nowhere/spec.json", &[]),
                "cannot read /nowhere/spec.json",
            ),
            (analysed(&broken, &[]), "must be JSON, but"),
            (analysed(&events, &[]), "events, which are not sound"),
            (inverted(&mfcc, &[]), "MFCCs have no usable inverse"),
            (analysed(&waveform, &[]), "no.wav"),
            (inverted(&waveform, &[]), "it is no .npy file"),
            (
                inverted(&waveform, &["--method", "guess"]),
                "expected spsi, rtpghi0, rtpghi1",
            ),
            (
                inverted(&waveform, &["--refine", "1000"]),
                "expected 0 to 100",
            ),
            (
                inverted(&waveform, &["--refine", "-1"]),
                "--refine: '-1' will not do",
            ),
            (
                analysed(&waveform, &["--inharmonicity", "2"]),
                "expected 0 to 0.1",
            ),
            (analysed(&waveform, &["--fast"]), "not understood: --fast"),
        ] {
            let error = format!("{:#}", outcome.unwrap_err());
            assert!(error.contains(says), "{error} does not say {says}");
            assert!(!error.contains('\n'), "more than one line: {error}");
        }
        for path in [broken, events, mfcc, waveform, no_wav] {
            std::fs::remove_file(path).unwrap();
        }
    }

    #[test]
    fn a_pitch_is_one_number_or_one_a_frame() {
        let take = |words: &[&str]| Pitch::take(&mut Arguments::of(words));
        assert_eq!(take(&[]).unwrap(), None);
        assert_eq!(
            take(&["--pitch", "220"]).unwrap(),
            Some(Pitch::Constant(220.0))
        );
        for (words, says) in [
            (&["--pitch", "-1"][..], "expected Hz above 0"),
            (&["--pitch", "NaN"], "expected Hz above 0"),
            (&["--pitch", "a"], "will not do"),
            (&["--pitch", "1", "--f0", "x.npy"], "exclude each other"),
            (&["--f0", "/nowhere/x.npy"], "cannot read"),
        ] {
            let error = format!("{:#}", take(words).unwrap_err());
            assert!(error.contains(says), "{error} does not say {says}");
        }
    }

    #[test]
    fn a_file_of_pitches_has_a_value_for_each_frame() {
        let array = |shape: &[usize], values: &[f32]| Array {
            shape: shape.to_vec(),
            values: values.to_vec(),
        };
        let pitch = Pitch::of_array(array(&[2, 1], &[110.0, 0.0])).unwrap();
        assert_eq!((pitch.at(0), pitch.at(1), pitch.at(2)), (110.0, 0.0, 0.0));
        assert!(pitch.check(2).is_ok());
        let error = pitch.check(3).unwrap_err().to_string();
        assert!(
            error.contains("2 values") && error.contains("3 frames"),
            "{error}"
        );
        assert!(Pitch::of_array(array(&[2, 2], &[1.0; 4])).is_err());
        assert!(Pitch::of_array(array(&[2], &[1.0, f32::NAN])).is_err());
        assert!(Pitch::of_array(array(&[1], &[-1.0])).is_err());
    }
}
