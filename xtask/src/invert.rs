//! Frames to sound, by the plugin's own code: what a model maker's frames sound like.
//!
//! Needs the model code: see [`crate::with_models`].

use anyhow::Result;

use crate::arguments::Arguments;

/// `cargo xtask invert`.
#[cfg(not(any(feature = "models", test)))]
pub fn command(_: Arguments) -> Result<()> {
    crate::with_models::again("the inverse")
}

/// `cargo xtask invert`.
#[cfg(any(feature = "models", test))]
pub fn command(mut arguments: Arguments) -> Result<()> {
    use crate::frames::{Pitch, read_representation, required_path};
    use crate::npy::Array;
    use afterimage_spectral::representation::MAX_REFINE_STEPS;

    let magnitudes = required_path(
        &mut arguments,
        "--magnitudes",
        "which .npy file holds the frames",
    )?;
    let spec = required_path(
        &mut arguments,
        "--spec",
        "which representation: a JSON file",
    )?;
    let out = required_path(&mut arguments, "--out", "which WAV takes the sound")?;
    let method = arguments.parsed("--method")?;
    let refine_steps: Option<usize> = arguments.parsed("--refine")?;
    if let Some(steps) = refine_steps.filter(|steps| *steps > MAX_REFINE_STEPS) {
        anyhow::bail!("--refine is {steps}, expected 0 to {MAX_REFINE_STEPS}");
    }
    let pitch = Pitch::take(&mut arguments)?;
    arguments.finish()?;
    let representation = read_representation(&spec)?;
    let job = sound::Job {
        method,
        refine_steps,
        pitch,
    };
    let frames = Array::read(&magnitudes)?;
    let sounded = sound::invert(&representation, &frames, &job)?;
    if sounded.cleaned > 0 {
        println!(
            "    note: {} values were not finite, negative or absurd, and are silent",
            sounded.cleaned
        );
    }
    crate::sound_file::write_mono(&out, &sounded.sound, representation.sample_rate)?;
    let peak = sounded
        .sound
        .iter()
        .fold(0.0_f32, |peak, sample| peak.max(sample.abs()));
    let seconds = sounded.sound.len() as f64 / f64::from(representation.sample_rate);
    println!("    {seconds:.2} s, peak {peak:.3}");
    Ok(())
}

#[cfg(any(feature = "models", test))]
mod sound {
    use std::str::FromStr;

    use afterimage_neural::manifest::{Representation, RepresentationKind};
    use afterimage_spectral::phase::whole::{DEFAULT_ITERATIONS, Iteration, invert_whole};
    use afterimage_spectral::representation::Inverse;
    use afterimage_spectral::stft::istft;
    use afterimage_spectral::{PhaseMethod, StftSpec, SynthesisFrame, VoiceInverse};
    use anyhow::{Context, Result, ensure};

    use crate::frames::Pitch;
    use crate::npy::Array;

    const SEED: u64 = 7; // of the phases that nothing else decides
    const METHODS: &str = "spsi, rtpghi0, rtpghi1, pghi-sgla, pghi-fgla or f0-lock";

    /// How phases are found.
    #[derive(Clone, Copy, Debug, PartialEq)]
    pub(super) enum Method {
        Live(PhaseMethod),
        Whole(Iteration),
    }

    impl FromStr for Method {
        type Err = String;

        fn from_str(word: &str) -> Result<Self, String> {
            match word {
                "spsi" => Ok(Self::Live(PhaseMethod::Spsi)),
                "rtpghi0" => Ok(Self::Live(PhaseMethod::Rtpghi)),
                "rtpghi1" => Ok(Self::Live(PhaseMethod::RtpghiLookahead)),
                "f0-lock" => Ok(Self::Live(PhaseMethod::F0Lock)),
                "pghi-fgla" => Ok(Self::Whole(Iteration::FastGriffinLim)),
                "pghi-sgla" => Ok(Self::Whole(Iteration::Sequential)),
                _ => Err(format!("expected {METHODS}")),
            }
        }
    }

    /// What the command line asks for.
    #[derive(Clone, Debug, Default)]
    pub(super) struct Job {
        pub(super) method: Option<Method>,
        pub(super) refine_steps: Option<usize>,
        pub(super) pitch: Option<Pitch>,
    }

    /// What came out.
    pub(super) struct Sounded {
        pub(super) sound: Vec<f32>,
        pub(super) cleaned: u32,
    }

    /// Frames `[frames, values]` to `frames * hop` samples; a waveform's samples as they are.
    pub(super) fn invert(
        representation: &Representation,
        frames: &Array,
        job: &Job,
    ) -> Result<Sounded> {
        if !representation.has_columns() {
            ensure!(
                job.method.is_none(),
                "a waveform has its phases: leave --method out"
            );
            return Ok(cleaned(frames.values.clone()));
        }
        let missing = || format!("--method says how phases are found: {METHODS}");
        let method = job.method.with_context(missing)?;
        let stft = representation.stft("the representation")?;
        let mut inverse = Inverse::new(&representation.stages()?)?;
        if let Some(steps) = job.refine_steps {
            inverse = inverse.with_refine_steps(steps);
        }
        let width = inverse.values();
        ensure!(
            frames.shape.len() == 2 && frames.shape[1] == width && frames.shape[0] > 0,
            "the frames have the shape {:?}, expected [frames, {width}] as the representation says",
            frames.shape
        );
        let pitch = pitch_of(representation, frames, job.pitch.clone());
        pitch
            .as_ref()
            .map_or(Ok(()), |pitch| pitch.check(frames.shape[0]))?;
        let mut magnitudes = vec![0.0; frames.shape[0] * stft.bins()];
        let rows = frames
            .values
            .chunks_exact(width)
            .zip(magnitudes.chunks_exact_mut(stft.bins()));
        let cleaned = rows
            .map(|(values, magnitudes)| inverse.apply(values, magnitudes))
            .sum();
        let sound = match method {
            Method::Whole(iteration) => {
                let spectra =
                    invert_whole(&magnitudes, &stft, iteration, DEFAULT_ITERATIONS, SEED)?;
                istft(&stft, &spectra, frames.shape[0] * stft.hop())?
            }
            Method::Live(live) => {
                ensure!(
                    live != PhaseMethod::F0Lock || pitch.is_some(),
                    "f0-lock needs --pitch HZ or --f0 F0.npy, with Hz for each frame"
                );
                let rate_hz = representation.sample_rate as f32;
                let voice = VoiceInverse::new(&stft, rate_hz, live);
                play(voice, &stft, &magnitudes, |frame| {
                    pitch.as_ref().map_or(0.0, |pitch| pitch.at(frame))
                })
            }
        };
        Ok(Sounded { sound, cleaned })
    }

    /// Harmonic-noise frames carry their pitch; one on the command line is preferred.
    fn pitch_of(
        representation: &Representation,
        frames: &Array,
        given: Option<Pitch>,
    ) -> Option<Pitch> {
        let carried = representation.kind == RepresentationKind::HarmonicNoise;
        given.or_else(|| {
            let rows = || frames.values.chunks_exact(frames.shape[1]);
            let sound = |hz: f32| if hz.is_finite() { hz.max(0.0) } else { 0.0 };
            carried.then(|| Pitch::PerFrame(rows().map(|row| sound(row[0])).collect()))
        })
    }

    fn cleaned(mut sound: Vec<f32>) -> Sounded {
        let mut cleaned = 0;
        for sample in sound.iter_mut().filter(|sample| !sample.is_finite()) {
            *sample = 0.0;
            cleaned += 1;
        }
        Sounded { sound, cleaned }
    }

    /// One voice from its first frame to its last; what would come after is silent.
    fn play(
        mut voice: VoiceInverse,
        stft: &StftSpec,
        magnitudes: &[f32],
        pitch_hz: impl Fn(usize) -> f32,
    ) -> Vec<f32> {
        voice.start(SEED);
        let frames = magnitudes.len() / stft.bins();
        let mut sound = vec![0.0; frames * stft.hop()];
        let mut side = vec![0.0; stft.hop()];
        let mut hops = sound.chunks_exact_mut(stft.hop());
        let ahead = voice.frames_ahead();
        let rows = magnitudes
            .chunks_exact(stft.bins())
            .chain(std::iter::repeat_n(&[][..], ahead));
        for (frame, magnitudes) in rows.enumerate() {
            voice.push(SynthesisFrame {
                magnitudes,
                pitch_hz: pitch_hz(frame),
                spread: 0.0,
                gain: 1.0,
            });
            if frame >= ahead
                && let Some(hop) = hops.next()
            {
                voice.pull_hop(hop, &mut side);
            }
        }
        sound
    }

    #[cfg(test)]
    mod tests {
        use super::{Job, Method, invert};
        use crate::frames::Pitch;
        use crate::npy::Array;
        use afterimage_neural::manifest::Representation;
        use afterimage_spectral::StftSpec;
        use afterimage_spectral::stft::magnitudes;

        const LINEAR: &str =
            r#"{"kind": "linear", "sample_rate": 16000, "n_fft": 512, "hop": 64, "bins": 257}"#;

        fn representation(json: &str) -> Representation {
            Representation::from_json(json.as_bytes(), "test").unwrap()
        }

        /// Frames of a 440 Hz sine of amplitude 0.5.
        fn frames() -> Array {
            let sound: Vec<f32> = (0..8000)
                .map(|n| 0.5 * (n as f32 * 440.0 / 16_000.0 * std::f32::consts::TAU).sin())
                .collect();
            let values = magnitudes(&StftSpec::new(512, 64).unwrap(), &sound);
            Array {
                shape: vec![126, 257],
                values,
            }
        }

        fn job(method: &str, pitch: Option<Pitch>) -> Job {
            Job {
                method: Some(method.parse().unwrap()),
                refine_steps: None,
                pitch,
            }
        }

        #[test]
        fn every_method_returns_a_sine_at_its_level() {
            for method in [
                "spsi",
                "rtpghi0",
                "rtpghi1",
                "pghi-fgla",
                "pghi-sgla",
                "f0-lock",
            ] {
                let pitch = (method == "f0-lock").then_some(Pitch::Constant(440.0));
                let sounded =
                    invert(&representation(LINEAR), &frames(), &job(method, pitch)).unwrap();
                assert_eq!(
                    (sounded.sound.len(), sounded.cleaned),
                    (126 * 64, 0),
                    "{method}"
                );
                let middle = &sounded.sound[2000..6000];
                let rms = (middle.iter().map(|x| x * x).sum::<f32>() / 4000.0).sqrt();
                assert!(
                    (rms / (0.5 / 2.0_f32.sqrt()) - 1.0).abs() < 0.05,
                    "{method}: {rms}"
                );
            }
        }

        #[test]
        fn bad_values_are_silent_and_counted() {
            let mut bad = frames();
            (bad.values[300], bad.values[5000], bad.values[9000]) = (f32::NAN, f32::INFINITY, -1.0);
            for method in ["spsi", "rtpghi0", "rtpghi1", "pghi-fgla", "pghi-sgla"] {
                let sounded = invert(&representation(LINEAR), &bad, &job(method, None)).unwrap();
                assert_eq!(sounded.cleaned, 3, "{method}");
                assert!(
                    sounded.sound.iter().all(|sample| sample.is_finite()),
                    "{method}"
                );
            }
        }

        #[test]
        fn what_does_not_fit_is_refused_with_both_sides() {
            let pitch = Pitch::PerFrame(vec![440.0; 9]);
            let mel = r#"{"preset": "librosa-melspectrogram"}"#;
            let half = r#"{"preset": "torchaudio-melspectrogram"}"#;
            for (json, job, says) in [
                (LINEAR, Job::default(), "--method says"),
                (LINEAR, job("f0-lock", None), "needs --pitch"),
                (
                    LINEAR,
                    job("f0-lock", Some(pitch)),
                    "9 values, but there are 126 frames",
                ),
                (mel, job("spsi", None), "[126, 257], expected [frames, 128]"),
                (half, job("spsi", None), "200 with an n_fft of 400"),
                (
                    r#"{"kind": "waveform", "sample_rate": 16000}"#,
                    job("spsi", None),
                    "leave --method out",
                ),
            ] {
                let error = invert(&representation(json), &frames(), &job)
                    .err()
                    .unwrap();
                assert!(
                    format!("{error:#}").contains(says),
                    "{error:#} does not say {says}"
                );
            }
            assert!(
                "griffin-lim"
                    .parse::<Method>()
                    .unwrap_err()
                    .contains("rtpghi1")
            );
            let none = Array {
                shape: vec![0, 257],
                values: Vec::new(),
            };
            assert!(invert(&representation(LINEAR), &none, &job("spsi", None)).is_err());
        }

        #[test]
        fn a_waveform_passes_through() {
            let samples = Array {
                shape: vec![3, 1],
                values: vec![0.5, f32::NAN, -0.25],
            };
            let waveform = representation(r#"{"kind": "waveform", "sample_rate": 16000}"#);
            let sounded = invert(&waveform, &samples, &Job::default()).unwrap();
            assert_eq!((sounded.sound, sounded.cleaned), (vec![0.5, 0.0, -0.25], 1));
        }
    }
}
