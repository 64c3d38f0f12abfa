//! Continuation frame by frame: what is heard becomes frames, the net draws the next ones, phases are found.

use std::time::Instant;

use afterimage_engine::continuation::{Continuer, ContinuerSpec, SoundStart, Style};
use afterimage_engine::contract::DecodeError;
use afterimage_spectral::StftSpec;
use afterimage_spectral::counter_rng::{Purpose, Stream};
use afterimage_spectral::representation::{Forward, PartialSeries};
use afterimage_spectral::seam::{Heard, SeamInverse};

use super::frame_net::{Draw, FrameNet, Known};
use super::frame_plan::FramePlan;
use super::trial::{check_speed, hearing_speed, speed};
use super::{ContinuerReport, LoadedContinuer};
use crate::error::PackError;
use crate::magnitudes::Magnitudes;
use crate::native::set_flush_denormals;
use crate::pack::Pack;
use crate::runtime::Runtime;

/// Seconds of sound after which what a frame model remembers is whole: the length it was trained over.
const CONTEXT_S: f64 = 6.0;

/// Loads a frame model on the preferred runtime, or on the next that takes it.
///
/// # Errors
/// One sentence; see [`PackError`].
pub(super) fn load(pack: &Pack, runtime: &Runtime) -> Result<LoadedContinuer, PackError> {
    let plan = FramePlan::new(pack)?;
    let mut refusals = Vec::new();
    for kind in runtime.kinds() {
        let flags = set_flush_denormals();
        let start = Instant::now();
        let opened = FrameNet::open(pack, &plan, runtime, *kind);
        let load_ms = start.elapsed().as_secs_f64() * 1e3;
        let tried = opened.map(|net| try_out(pack, net));
        flags.restore();
        let (continuer, hearing_speed) = match tried {
            Ok(tried) => tried?,
            Err(reason) => {
                refusals.push(format!("{kind} said: {reason}"));
                continue;
            }
        };
        let reasons = refusals.join("; ");
        let sentence = || format!("'{}' runs on {kind}, because {reasons}.", pack.name());
        let report = ContinuerReport {
            backend: *kind,
            fallback: (!refusals.is_empty()).then(sentence),
            load_ms,
            speed: continuer.spec.speed,
            hearing_speed,
        };
        return Ok(LoadedContinuer {
            manifest: pack.shared_manifest(),
            continuer: Box::new(continuer),
            report,
        });
    }
    let names: Vec<_> = runtime.kinds().iter().map(|kind| kind.name()).collect();
    Err(PackError::Backend {
        pack: pack.name().to_owned(),
        file: plan.predict.file.clone(),
        expected: names.join(" or "),
        found: refusals.join("; "),
    })
}

/// The continuer, measured.
fn try_out(pack: &Pack, net: FrameNet) -> Result<(FrameContinuer, f32), PackError> {
    let mut continuer = FrameContinuer::new(pack, net)?;
    let failed = |error: DecodeError| PackError::Unsupported {
        pack: pack.name().to_owned(),
        what: "the trial run of 'graphs.predict'".into(),
        expected: "a continuation of finite numbers".into(),
        found: error.to_string(),
        advice: "check the graph with check-model and export it again",
    };
    let hearing = hearing_speed(&mut continuer).map_err(failed)?;
    continuer.spec.speed = speed(&mut continuer).map_err(failed)?;
    continuer.piece = None;
    check_speed(pack, continuer.spec.speed)?;
    Ok((continuer, hearing))
}

/// A frame model at work.
pub(super) struct FrameContinuer {
    spec: ContinuerSpec,
    net: FrameNet,
    sound: Heard,
    forward: Forward,
    known: Known,
    piece: Option<Piece>,
    inverse: SeamInverse,
    magnitudes: Magnitudes,
    bins: Vec<f32>,
}

/// The continuation under way.
struct Piece {
    known: Known,
    stream: Stream,
    drawn: u64,
    /// Samples that were made and not yet given.
    ready: Vec<f32>,
}

impl FrameContinuer {
    fn new(pack: &Pack, net: FrameNet) -> Result<Self, PackError> {
        let representation = &pack.manifest().representation;
        let unsupported = |error: afterimage_spectral::SpecError| PackError::Unsupported {
            pack: pack.name().to_owned(),
            what: "'representation'".into(),
            expected: "one that sound can be analysed by".into(),
            found: format!("one where {error}"),
            advice: "correct it and export the pack again",
        };
        let stft = StftSpec::new(representation.n_fft, representation.hop).map_err(unsupported)?;
        let stages = representation.stages().map_err(unsupported)?;
        let magnitudes = Magnitudes::new(pack.name(), representation)?;
        Ok(Self {
            spec: ContinuerSpec {
                name: pack.name().to_owned(),
                sample_rate_hz: representation.sample_rate,
                context_samples: (CONTEXT_S * f64::from(representation.sample_rate)) as usize,
                speed: 0.0,
            },
            known: net.nothing(),
            net,
            sound: Heard::new(&stft),
            forward: Forward::new(&stages).map_err(unsupported)?,
            piece: None,
            inverse: SeamInverse::new(&stft),
            bins: vec![0.0; magnitudes.bins()],
            magnitudes,
        })
    }

    fn hear_flushed(&mut self, samples: &[f32]) -> Result<(), String> {
        let Self {
            net,
            sound,
            forward,
            known,
            ..
        } = self;
        let mut frame = vec![0.0; forward.values()];
        let mut outcome = Ok(());
        sound.push(samples, |magnitudes| {
            if outcome.is_ok() {
                forward.apply(magnitudes, PartialSeries::default(), &mut frame);
                outcome = net.hear(&frame, known);
            }
        });
        outcome
    }

    /// Makes frames until some samples are ready.
    fn make(&mut self, piece: &mut Piece, style: &Style) -> Result<(), String> {
        while self.net.catch_up(&mut piece.known)? {}
        while piece.ready.is_empty() {
            let draw = Draw {
                class: style.class,
                temperature: style.temperature,
                stream: &piece.stream,
                index: piece.drawn,
            };
            self.net.draw(&draw, &mut piece.known)?;
            piece.drawn += 1;
            self.magnitudes
                .convert(piece.known.newest(), &mut self.bins);
            self.inverse.push(&self.bins, &mut piece.ready);
        }
        Ok(())
    }

    fn failed(&self, reason: String) -> DecodeError {
        DecodeError::Continuer {
            pack: self.spec.name.clone(),
            reason,
        }
    }
}

impl Continuer for FrameContinuer {
    fn spec(&self) -> &ContinuerSpec {
        &self.spec
    }

    fn forget(&mut self) {
        self.sound.forget();
        self.known = self.net.nothing();
    }

    fn hear(&mut self, samples: &[f32]) -> Result<(), DecodeError> {
        let flags = set_flush_denormals();
        let outcome = self.hear_flushed(samples);
        flags.restore();
        outcome.map_err(|reason| self.failed(reason))
    }

    fn begin(&mut self, start: &SoundStart) {
        let follows = start.follows_heard;
        self.inverse
            .begin(follows.then_some(&self.sound), start.seed);
        self.piece = Some(Piece {
            known: if follows {
                self.known.clone()
            } else {
                self.net.nothing()
            },
            stream: Stream::new(start.seed, Purpose::SAMPLING, 0, 0),
            drawn: 0,
            ready: Vec::new(),
        });
    }

    fn go_on(&mut self, style: &Style, samples: &mut [f32]) -> Result<usize, DecodeError> {
        let Some(mut piece) = self.piece.take() else {
            samples.fill(0.0);
            return Ok(samples.len());
        };
        if samples.is_empty() {
            self.piece = Some(piece);
            return Ok(0);
        }
        let flags = set_flush_denormals();
        let outcome = self.make(&mut piece, style);
        flags.restore();
        // A piece that failed is dropped: from here on it is silent.
        outcome.map_err(|reason| self.failed(reason))?;
        let count = samples.len().min(piece.ready.len());
        samples[..count].copy_from_slice(&piece.ready[..count]);
        piece.ready.drain(..count);
        self.piece = Some(piece);
        Ok(count)
    }
}
