//! One instance's place with the worker: takes in what is heard, lets the continuer hear it, has pieces
//! made and sent. Worker thread only.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::hearing::Hearing;
use super::history::History;
use super::piece::{Need, Piece};
use super::{Chunk, SoundBegin, SoundCue, SoundWorkerEnds, sent_mark};
use crate::continuation::{Continuer, ContinuerSlot, ContinuerSpec, TakeShelf};
use crate::contract::DecodeError;
use crate::monitor::{Monitor, count};

/// Chunks that are taken in at a time.
const CHUNKS_A_STEP: usize = 256;
/// Hearing is due so much later than what sounds, in seconds: it delays the next piece only.
const HEARING_DUE_S: f64 = 0.1;

/// The place.
pub(crate) struct SoundLink {
    ends: SoundWorkerEnds,
    continuer: Arc<ContinuerSlot>,
    takes: Arc<TakeShelf>,
    monitor: Arc<Monitor>,
    listening: u32,
    history: Option<History>,
    hearing: Option<Hearing>,
    horizon: u64,
    /// The first is at work, the others wait for it: a continuer plays one at a time.
    pieces: VecDeque<Piece>,
}

impl SoundLink {
    /// Allocates.
    pub(crate) fn new(
        ends: SoundWorkerEnds,
        continuer: Arc<ContinuerSlot>,
        takes: Arc<TakeShelf>,
        monitor: Arc<Monitor>,
    ) -> Self {
        Self {
            ends,
            continuer,
            takes,
            monitor,
            listening: 0,
            history: None,
            hearing: None,
            horizon: 0,
            pieces: VecDeque::new(),
        }
    }

    /// Whether its instance is gone.
    pub(crate) fn is_abandoned(&self) -> bool {
        self.ends.cues.is_abandoned()
    }

    /// Takes in what came; whether anything did. Short.
    pub(crate) fn take_in(&mut self) -> bool {
        let mut came = self.take_cues();
        for _ in 0..CHUNKS_A_STEP {
            let Ok(chunk) = self.ends.chunks.pop() else {
                break;
            };
            // Whatever was wished for before this chunk was sent is here by now.
            self.take_cues();
            self.take_chunk(&chunk);
            came = true;
        }
        if came {
            self.seat();
            if let (Some(hearing), Some(history)) = (&mut self.hearing, &self.history) {
                hearing.resample(history);
                self.monitor.set_behind(hearing.behind_s());
            }
        }
        came
    }

    fn take_chunk(&mut self, chunk: &Chunk) {
        if chunk.listening != self.listening {
            return; // from before a reset
        }
        self.horizon = self.horizon.max(chunk.horizon);
        let goes_on = self.history.as_mut().map(|history| history.push(chunk));
        if goes_on == Some(false) {
            // A minute of nothing tells a continuer no more than a beginning, and would take it seconds to hear.
            self.seat_anew();
        }
    }

    fn take_cues(&mut self) -> bool {
        let mut came = false;
        while let Ok(cue) = self.ends.cues.pop() {
            came = true;
            match cue {
                SoundCue::Restart {
                    listening,
                    host_rate_hz,
                } => self.restart(listening, host_rate_hz),
                SoundCue::Begin(begin) => self.begin(begin),
                SoundCue::Passage {
                    piece,
                    until_host,
                    style,
                } => self.of(piece, |piece| piece.ask(until_host, style)),
                SoundCue::End {
                    piece,
                    at_host,
                    ending,
                } => self.of(piece, |piece| piece.end(at_host, ending)),
            }
        }
        came
    }

    fn of(&mut self, piece: u32, act: impl FnOnce(&mut Piece)) {
        if let Some(piece) = self.pieces.iter_mut().find(|own| own.number() == piece) {
            act(piece);
        }
    }

    fn restart(&mut self, listening: u32, host_rate_hz: u32) {
        self.finish_all();
        (self.listening, self.horizon) = (listening, 0);
        self.history = Some(History::new(host_rate_hz));
        self.seat_anew();
    }

    /// Hears with the continuer that sits there now.
    fn seat(&mut self) {
        let serial = self.continuer.lock().serial;
        if self.hearing.as_ref().is_none_or(|h| h.serial() != serial) {
            self.seat_anew();
        }
    }

    /// The same, as one that has heard nothing.
    fn seat_anew(&mut self) {
        let Some(history) = &self.history else {
            return;
        };
        let before = self.hearing.take();
        let mut seat = self.continuer.lock();
        let serial = seat.serial;
        let spec = match &mut seat.model {
            Some(continuer) => {
                forget(continuer.as_mut());
                continuer.spec().clone()
            }
            None => nobody(history.rate_hz()),
        };
        drop(seat);
        self.pieces.iter_mut().for_each(Piece::fail); // the new one knows nothing of them
        let hearing = Hearing::new(serial, &spec, history, before);
        self.hearing = hearing
            .or_else(|reason| {
                self.monitor
                    .set_last_error(Some(unfit(&spec.name, &reason.to_string())));
                Hearing::new(serial, &nobody(history.rate_hz()), history, None)
            })
            .ok();
    }

    fn begin(&mut self, begin: SoundBegin) {
        self.seat();
        let piece = self.hearing.as_ref().map(|h| Piece::new(begin, h));
        self.pieces.extend(piece.and_then(Result::ok));
    }

    /// Ends the first piece and puts its take on the shelf; whether there was one.
    fn finish(&mut self) -> bool {
        let Some(piece) = self.pieces.pop_front() else {
            return false;
        };
        drop(self.takes.put(piece.into_take()));
        true
    }

    fn finish_all(&mut self) {
        while self.finish() {}
    }

    /// Seconds until its next work is due; `None` without any.
    pub(crate) fn seconds_until_due(&self) -> Option<f64> {
        let hearing = self.hearing.as_ref()?;
        let hears = self.next_heard(hearing).is_some();
        let hearing_due = hears.then_some(HEARING_DUE_S);
        let Some(piece) = self.pieces.front() else {
            return hearing_due;
        };
        match piece.need(hearing) {
            Need::Room if self.ends.slabs.is_full() => hearing_due,
            Need::Samples | Need::Fit | Need::Room | Need::Over => {
                let position = self.ends.shared.position.load(Ordering::Acquire);
                let rate = f64::from(hearing.map().host_rate_hz);
                Some((piece.next_host() as f64 - position as f64) / rate)
            }
            Need::Branch | Need::Played => hears.then_some(0.0),
            Need::Nothing => hearing_due,
        }
    }

    /// Where the continuer may hear to now.
    fn next_heard(&self, hearing: &Hearing) -> Option<u64> {
        let limit = hearing.map().to_model(self.horizon);
        let branch = self.pieces.iter().find_map(Piece::branch);
        hearing.next_stop(limit, branch)
    }

    /// Does a bounded piece of work.
    pub(crate) fn step(&mut self) {
        let (Some(hearing), Some(history)) = (&self.hearing, &self.history) else {
            return;
        };
        let Some(piece) = self.pieces.front_mut() else {
            return self.hear();
        };
        match piece.need(hearing) {
            Need::Samples => {
                let mut seat = self.continuer.lock();
                let serial = seat.serial;
                let model = seat.model.as_deref_mut();
                let outcome =
                    piece.generate(model.map(|model| (model as _, serial)), hearing, history);
                drop(seat);
                self.report(outcome);
            }
            Need::Fit => piece.place(hearing, history),
            Need::Room if !self.ends.slabs.is_full() => self.send(),
            Need::Over => {
                self.finish();
            }
            _ => self.hear(),
        }
    }

    fn send(&mut self) {
        let Some(piece) = self.pieces.front_mut() else {
            return;
        };
        if piece.send(&mut self.ends.slabs) {
            let mark = sent_mark(piece.number(), piece.next_host());
            self.ends.shared.sent.store(mark, Ordering::Release);
        }
        if let Some(take) = piece.cut_take() {
            drop(self.takes.put(take));
        }
    }

    fn hear(&mut self) {
        let Some(until) = self.hearing.as_ref().and_then(|h| self.next_heard(h)) else {
            return;
        };
        let Some(hearing) = &mut self.hearing else {
            return;
        };
        let mut seat = self.continuer.lock();
        let is_another = seat.serial != hearing.serial();
        let skips = hearing.take_skips();
        let outcome = match seat.model.as_mut().filter(|_| !is_another) {
            Some(continuer) => {
                if skips > 0 {
                    forget(continuer.as_mut());
                }
                hearing.hear(continuer.as_mut(), until)
            }
            None => {
                hearing.skip(until);
                Ok(())
            }
        };
        drop(seat);
        count(&self.monitor.counters.hearing_skips, skips);
        self.report(outcome);
    }

    fn report(&self, outcome: Result<(), DecodeError>) {
        if let Err(error) = outcome {
            count(&self.monitor.counters.failed_decodes, 1);
            self.monitor.set_last_error(Some(error));
        }
    }
}

impl Drop for SoundLink {
    /// What was made when the instance was removed is not lost.
    fn drop(&mut self) {
        self.finish_all();
    }
}

/// What hears where nobody sits: time passes for it, and what it makes is silence.
fn nobody(rate_hz: u32) -> ContinuerSpec {
    ContinuerSpec {
        name: String::new(),
        sample_rate_hz: rate_hz,
        context_samples: 0,
        speed: 1.0,
    }
}

fn forget(continuer: &mut dyn Continuer) {
    // One that cannot even forget has nothing to lose.
    let _ = catch_unwind(AssertUnwindSafe(|| continuer.forget()));
}

fn unfit(pack: &str, reason: &str) -> DecodeError {
    DecodeError::Composer {
        pack: pack.to_owned(),
        reason: reason.to_owned(),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may stop")]
mod tests {
    use std::sync::Arc;

    use parking_lot::Mutex;

    use super::SoundLink;
    use crate::continuation::sound::{CHUNK_SAMPLES, Chunk, SoundCue, make_ends};
    use crate::continuation::{
        Continuer, ContinuerSlot, ContinuerSpec, SoundStart, Style, TakeShelf,
    };
    use crate::contract::DecodeError;
    use crate::monitor::Monitor;

    const RATE_HZ: u32 = 48_000;

    /// How often it was told to forget, and what it heard since.
    #[derive(Default)]
    struct Told {
        forgets: usize,
        heard: Vec<f32>,
    }

    struct Listens(ContinuerSpec, Arc<Mutex<Told>>);

    impl Continuer for Listens {
        fn spec(&self) -> &ContinuerSpec {
            &self.0
        }

        fn forget(&mut self) {
            let mut told = self.1.lock();
            told.forgets += 1;
            told.heard.clear();
        }

        fn hear(&mut self, samples: &[f32]) -> Result<(), DecodeError> {
            self.1.lock().heard.extend_from_slice(samples);
            Ok(())
        }

        fn begin(&mut self, _: &SoundStart) {}

        fn go_on(&mut self, _: &Style, samples: &mut [f32]) -> Result<usize, DecodeError> {
            Ok(samples.len())
        }
    }

    #[test]
    fn after_a_pause_of_more_than_a_minute_a_continuer_begins_anew() {
        let told = Arc::new(Mutex::new(Told::default()));
        let spec = ContinuerSpec {
            name: "listens".into(),
            sample_rate_hz: 16_000,
            context_samples: 4_000,
            speed: 1.0,
        };
        let slot = Arc::new(ContinuerSlot::default());
        slot.lock().model = Some(Box::new(Listens(spec, Arc::clone(&told))));
        let monitor = Arc::new(Monitor::default());
        let (mut ends, worker) = make_ends();
        let takes = Arc::new(TakeShelf::default());
        let mut link = SoundLink::new(worker, slot, takes, Arc::clone(&monitor));
        let restart = SoundCue::Restart {
            listening: 1,
            host_rate_hz: RATE_HZ,
        };
        ends.cues.push(restart).unwrap();
        // A second of a level, from a host sample on.
        let mut hears = |from_host: u64, level: f32| {
            for chunk in 0..u64::from(RATE_HZ) / CHUNK_SAMPLES as u64 {
                let from_host = from_host + chunk * CHUNK_SAMPLES as u64;
                let chunk = Chunk {
                    listening: 1,
                    from_host,
                    horizon: from_host,
                    samples: [[level; 2]; CHUNK_SAMPLES],
                };
                ends.chunks.push(chunk).unwrap();
            }
            while link.take_in() {}
            while link.seconds_until_due().is_some() {
                link.step();
            }
        };
        hears(0, 0.25);
        let before = told.lock().forgets;
        assert!(told.lock().heard.len() > 15_000);
        hears(90 * u64::from(RATE_HZ), 0.5);
        let told = told.lock();
        assert_eq!(told.forgets, before + 1);
        // Its context, from a whole second on, and the second that was played: not the minute, and nothing of before.
        assert!(
            (15_000..2 * 16_000).contains(&told.heard.len()),
            "{}",
            told.heard.len()
        );
        assert!((told.heard.last().unwrap() - 0.5).abs() < 0.01);
        // It was not behind: nothing was passed over to catch up.
        assert_eq!(monitor.counts().hearing_skips, 0);
    }
}
