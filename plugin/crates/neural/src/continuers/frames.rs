//! Continuation frame by frame: what is heard becomes frames, the net draws the next ones, phases are found.

use std::time::Instant;

use afterimage_engine::continuation::{Continuer, ContinuerSpec, SoundStart, Style};
use afterimage_engine::contract::DecodeError;
use afterimage_spectral::StftSpec;
use afterimage_spectral::counter_rng::{Purpose, Stream};
use afterimage_spectral::representation::{Forward, PartialSeries};
use afterimage_spectral::seam::{Heard, SeamInverse};

use super::liveliness::Liveliness;
use super::trial::{check_speed, hearing_speed, speed};
use super::{ContinuerReport, LoadedContinuer};
use crate::backend::BackendKind;
use crate::error::PackError;
use crate::magnitudes::Magnitudes;
use crate::native::set_flush_denormals;
use crate::pack::Pack;
use crate::runtime::Runtime;

/// Seconds of sound after which what a net remembers is whole: longer than the crops that nets learn from.
const CONTEXT_S: f64 = 6.0;

/// A net that hears frames and says which ones follow.
pub(super) trait FrameSource: Send {
    /// What it knows after some frames; a clone goes on by itself.
    type Known: Clone + Send;

    /// What is known before anything was heard.
    fn nothing(&self) -> Self::Known;

    /// Hears a frame, `[values]` in the pack's unit: with the pack's own labels, for who plays says none.
    ///
    /// # Errors
    /// The runtime's own words.
    fn hear(&mut self, frame: &[f32], known: &mut Self::Known) -> Result<(), String>;

    /// Goes on from what is known; what was heard so far stays in mind.
    fn begin(&self, start: &SoundStart, known: &mut Self::Known);

    /// Draws what follows and hands it on frame by frame, `[values]` each; perhaps none at a call.
    ///
    /// # Errors
    /// The runtime's own words, or that it drew what is no number.
    fn go_on(
        &mut self,
        draw: &Draw,
        known: &mut Self::Known,
        give: &mut dyn FnMut(&[f32]),
    ) -> Result<(), String>;

    /// What was known at the start of a piece, for random numbers that were not drawn yet: where a piece that is lost
    /// begins again. None where that leads nowhere.
    fn again(&self, started: &Self::Known, now: &Self::Known) -> Option<Self::Known>;

    /// Appends what it says now, rows of values that two runtimes must agree on.
    ///
    /// # Errors
    /// The runtime's own words.
    fn says(&mut self, known: &Self::Known, said: &mut Vec<Vec<f32>>) -> Result<(), String>;
}

/// How what follows is drawn.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Draw<'a> {
    pub(crate) style: Style,
    /// Random numbers; what is known says which of them come next.
    pub(crate) stream: &'a Stream,
}

/// Loads a pack on the preferred runtime, or on the next that takes it. `file`: the predictor's, for complaints.
///
/// # Errors
/// One sentence; see [`PackError`].
pub(super) fn load<N: FrameSource + 'static>(
    pack: &Pack,
    runtime: &Runtime,
    file: &str,
    open: impl Fn(BackendKind) -> Result<N, String>,
) -> Result<LoadedContinuer, PackError> {
    let mut refusals = Vec::new();
    for kind in runtime.kinds() {
        let flags = set_flush_denormals();
        let start = Instant::now();
        let opened = open(*kind);
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
        file: file.to_owned(),
        expected: names.join(" or "),
        found: refusals.join("; "),
    })
}

/// The continuer, measured.
fn try_out<N: FrameSource>(pack: &Pack, net: N) -> Result<(FrameContinuer<N>, f32), PackError> {
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

/// A pack at work that says sound frame by frame.
pub(super) struct FrameContinuer<N: FrameSource> {
    spec: ContinuerSpec,
    net: N,
    sound: Heard,
    liveliness: Liveliness,
    forward: Forward,
    known: N::Known,
    piece: Option<Piece<N::Known>>,
    inverse: SeamInverse,
    magnitudes: Magnitudes,
    bins: Vec<f32>,
}

/// The continuation under way.
struct Piece<K> {
    known: K,
    /// What was known at its start; it goes on from there when it is lost.
    started: K,
    liveliness: Liveliness,
    stream: Stream,
    /// Samples that were made and not yet given.
    ready: Vec<f32>,
}

impl<N: FrameSource> FrameContinuer<N> {
    fn new(pack: &Pack, net: N) -> Result<Self, PackError> {
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
            liveliness: Liveliness::new(&stft, representation.sample_rate),
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
            liveliness,
            forward,
            known,
            ..
        } = self;
        let mut frame = vec![0.0; forward.values()];
        let mut outcome = Ok(());
        sound.push(samples, |magnitudes| {
            if outcome.is_ok() {
                liveliness.hear(magnitudes);
                forward.apply(magnitudes, PartialSeries::default(), &mut frame);
                outcome = net.hear(&frame, known);
            }
        });
        outcome
    }

    /// Makes frames until some samples are ready.
    fn make(&mut self, piece: &mut Piece<N::Known>, style: &Style) -> Result<(), String> {
        let Self {
            net,
            magnitudes,
            inverse,
            bins,
            ..
        } = self;
        let Piece {
            known,
            started,
            liveliness,
            stream,
            ready,
        } = piece;
        while ready.is_empty() {
            if liveliness.is_lost()
                && let Some(again) = net.again(started, known)
            {
                *known = again;
                liveliness.begin_again();
            }
            let draw = Draw {
                style: *style,
                stream,
            };
            net.go_on(&draw, known, &mut |frame| {
                magnitudes.convert(frame, bins);
                liveliness.make(bins);
                inverse.push(bins, ready);
            })?;
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

impl<N: FrameSource> Continuer for FrameContinuer<N> {
    fn spec(&self) -> &ContinuerSpec {
        &self.spec
    }

    fn forget(&mut self) {
        self.sound.forget();
        self.liveliness = self.liveliness.forgotten();
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
        let mut known = if follows {
            self.known.clone()
        } else {
            self.net.nothing()
        };
        self.net.begin(start, &mut known);
        self.piece = Some(Piece {
            started: known.clone(),
            known,
            liveliness: if follows {
                self.liveliness.of_piece()
            } else {
                self.liveliness.forgotten()
            },
            stream: Stream::new(start.seed, Purpose::SAMPLING, 0, 0),
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
