//! A sound's frames in a representation, by the plugin's own code: what a model is trained on or judged by.
//!
//! Needs the model code: see [`crate::with_models`].

use anyhow::Result;

use crate::arguments::Arguments;

/// `cargo xtask analyse`.
#[cfg(not(any(feature = "models", test)))]
pub fn command(_: Arguments) -> Result<()> {
    crate::with_models::again("the analysis")
}

/// `cargo xtask analyse`.
#[cfg(any(feature = "models", test))]
pub fn command(mut arguments: Arguments) -> Result<()> {
    use crate::frames::{Pitch, read_representation, required_path};

    let input = required_path(&mut arguments, "--input", "which WAV is analysed")?;
    let spec = required_path(
        &mut arguments,
        "--spec",
        "which representation: a JSON file",
    )?;
    let out = required_path(&mut arguments, "--out", "which .npy file takes the frames")?;
    let pitch = Pitch::take(&mut arguments)?;
    arguments.finish()?;
    let representation = read_representation(&spec)?;
    let sound = crate::sound_file::read_mono(&input, representation.sample_rate)?;
    let array = frames::analyse(&representation, &sound, pitch.as_ref())?;
    array.write(&out)?;
    println!("    {} frames of {} values", array.shape[0], array.shape[1]);
    Ok(())
}

#[cfg(any(feature = "models", test))]
mod frames {
    use afterimage_neural::manifest::{Representation, RepresentationKind};
    use afterimage_spectral::representation::{Forward, PartialSeries};
    use afterimage_spectral::stft::Analysis;
    use anyhow::{Context, Result, ensure};

    use crate::frames::Pitch;
    use crate::npy::Array;

    /// Frames `[frames, values]`, frame `n` centred on sample `n * hop`; a waveform is its own samples,
    /// `[samples, 1]`.
    pub(super) fn analyse(
        representation: &Representation,
        sound: &[f32],
        pitch: Option<&Pitch>,
    ) -> Result<Array> {
        if !representation.has_columns() {
            return Ok(Array {
                shape: vec![sound.len(), 1],
                values: sound.to_vec(),
            });
        }
        let stft = representation.stft("the representation")?;
        let mut forward = Forward::new(&representation.stages()?)?;
        let frames = sound.len() / stft.hop() + 1;
        ensure!(
            pitch.is_some() || representation.kind != RepresentationKind::HarmonicNoise,
            "harmonic-noise frames need --pitch HZ or --f0 F0.npy: the partials are measured where it says"
        );
        pitch.map_or(Ok(()), |pitch| pitch.check(frames))?;
        let width = forward.values();
        let mut values = vec![0.0; frames * width];
        let mut rows = values.chunks_exact_mut(width).enumerate();
        let mut magnitudes = vec![0.0; stft.bins()];
        let mut analysis = Analysis::new(&stft);
        let mut measure = |spectrum: &[_]| {
            let Some((frame, row)) = rows.next() else {
                return;
            };
            norms(spectrum, &mut magnitudes);
            let series = PartialSeries {
                f0_hz: pitch.map_or(0.0, |pitch| pitch.at(frame)),
                inharmonicity: 0.0,
            };
            // Both lengths are the stage's own, so it takes them.
            forward.apply(&magnitudes, series, row);
        };
        analysis.push(sound, |_, spectrum| measure(spectrum));
        analysis.push(&vec![0.0; stft.fft_size()], |_, spectrum| measure(spectrum));
        let unsound = values.iter().position(|value| !value.is_finite());
        unsound
            .map_or(Some(()), |_| None)
            .context("the sound is too loud to be measured")?;
        Ok(Array {
            shape: vec![frames, width],
            values,
        })
    }

    fn norms(spectrum: &[realfft::num_complex::Complex32], magnitudes: &mut [f32]) {
        for (magnitude, value) in magnitudes.iter_mut().zip(spectrum) {
            *magnitude = value.norm();
        }
    }

    #[cfg(test)]
    mod tests {
        use super::analyse;
        use crate::frames::Pitch;
        use afterimage_neural::manifest::Representation;

        fn representation(json: &str) -> Representation {
            Representation::from_json(json.as_bytes(), "test").unwrap()
        }

        fn sine() -> Vec<f32> {
            (0..8000).map(|n| (n as f32 * 0.3).sin()).collect()
        }

        #[test]
        fn frames_are_centred_on_their_hops_and_as_many_as_begin_in_the_sound() {
            let linear = representation(
                r#"{"kind": "linear", "sample_rate": 16000, "n_fft": 512, "hop": 64, "bins": 257}"#,
            );
            for length in [1, 63, 64, 8000] {
                let array = analyse(&linear, &sine()[..length], None).unwrap();
                assert_eq!(array.shape, [length / 64 + 1, 257]);
            }
            let mut click = vec![0.0; 4000];
            click[640] = 1.0;
            let array = analyse(&linear, &click, None).unwrap();
            // A click at the centre of frame 10 has the window's peak there.
            assert!((array.values[10 * 257 + 40] - 1.0).abs() < 1e-5);
            assert!(array.values[9 * 257 + 40] < 1.0 && array.values[11 * 257 + 40] < 1.0);
        }

        #[test]
        fn every_kind_has_its_own_width() {
            let pitch = Pitch::Constant(440.0);
            for (json, width) in [
                (r#"{"preset": "librosa-melspectrogram"}"#, 128),
                (
                    r#"{"kind": "log-frequency", "sample_rate": 16000, "n_fft": 512, "hop": 64, "bins": 97, "f_min": 60, "f_max": 7000, "unit": "db"}"#,
                    97,
                ),
                (
                    r#"{"kind": "harmonic-noise", "sample_rate": 16000, "n_fft": 512, "hop": 64, "bins": 40, "partials": 20, "unit": "db"}"#,
                    40,
                ),
                (r#"{"kind": "waveform", "sample_rate": 16000}"#, 1),
            ] {
                let array = analyse(&representation(json), &sine(), Some(&pitch)).unwrap();
                assert_eq!(array.shape[1], width, "{json}");
            }
        }

        #[test]
        fn what_does_not_fit_is_refused_with_both_sides() {
            let harmonic = r#"{"kind": "harmonic-noise", "sample_rate": 16000, "n_fft": 512, "hop": 64, "bins": 40, "partials": 20}"#;
            let pitch = Pitch::PerFrame(vec![440.0; 3]);
            for (json, pitch, says) in [
                (harmonic, None, "need --pitch"),
                (harmonic, Some(&pitch), "3 values, but there are 126 frames"),
                (
                    r#"{"preset": "torchaudio-melspectrogram"}"#,
                    None,
                    "200 with an n_fft of 400",
                ),
                (
                    r#"{"preset": "librosa-stft", "center": false}"#,
                    None,
                    "'representation.center' must be true",
                ),
            ] {
                let error = analyse(&representation(json), &sine(), pitch).unwrap_err();
                assert!(
                    format!("{error:#}").contains(says),
                    "{error:#} does not say {says}"
                );
            }
        }
    }
}
