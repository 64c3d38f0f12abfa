//! A voice: a queue of notes on one slot, the frames that arrived for them, and their sound.
//!
//! Audio thread, playback head. Never blocks, allocates or logs. What a hop sounds like depends on
//! the frames that were there when it was due, and on nothing else: frames that come early are
//! pushed early only to spread the work.

mod frames;
mod mix;
pub(crate) mod moment;
pub(crate) mod note;
mod shape;

use std::collections::VecDeque;

use afterimage_spectral::{SynthesisFrame, VoiceInverse, VoiceTables};

use crate::attack::Shelf;
use crate::contract::Conditions;
use crate::link::{AudioLink, Delivery};
use crate::spec::InstrumentSpec;
use crate::touched;
use frames::{FrameQueue, FrameState};
use mix::HopPart;
pub(crate) use mix::pitch_hz;
use moment::Moment;
use note::Note;
pub(crate) use shape::VoiceShape;

/// What the playback head counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Faults {
    pub(crate) late_frames: u32,
    pub(crate) unheard_frames: u32,
    pub(crate) non_finite_samples: u32,
}

/// The note that the inverse is set to.
#[derive(Clone, Copy, Debug)]
struct Playing {
    ordinal: u32,
    frames_pushed: u32,
    hops_pulled: u32,
    /// Next sample of the hop; the hop's length when another is needed.
    hop_position: usize,
    /// Frames in a row that were missing.
    held_frames: u32,
    /// Frames in a row that were silent and asked for after release.
    silent_frames: u32,
    /// Released and faded: nothing is left to hear.
    quiet: bool,
    /// What the newest frame was asked for.
    newest: Option<Moment>,
}

/// Where a voice's frames go back to, and what is told about them.
pub(crate) struct Lane<'a> {
    pub(crate) link: &'a mut AudioLink,
    pub(crate) faults: &'a mut Faults,
    /// Conditions of the newest frame that was pushed.
    pub(crate) newest: &'a mut Option<Conditions>,
    /// Where cached attacks are gone on from.
    pub(crate) shelf: Option<&'a Shelf>,
}

/// Frames that a voice must push before its next hop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct EarlyWork {
    pub(crate) frames: u32,
    /// Model sample at which they must have been pushed.
    pub(crate) due: u64,
    /// The first of them is there.
    pub(crate) arrived: bool,
}

/// One slot.
pub(crate) struct Voice {
    shape: VoiceShape,
    inverse: VoiceInverse,
    /// In the order of the timeline; the front one sounds or will sound next.
    pub(crate) notes: VecDeque<Note>,
    /// In the order of the requests.
    frames: FrameQueue,
    playing: Option<Playing>,
    mid: Box<[f32]>,
    side: Box<[f32]>,
}

impl Voice {
    /// Allocates all that the voice will ever need.
    pub(crate) fn new(shape: &VoiceShape, spec: &InstrumentSpec, tables: &VoiceTables) -> Self {
        let hop = shape.hop;
        let mut voice = Self {
            inverse: VoiceInverse::sharing(tables, spec.sample_rate_hz as f32, spec.phase),
            notes: touched::queue(shape.notes, || Note::EMPTY),
            frames: FrameQueue::new(shape.frames),
            playing: None,
            mid: vec![0.0; hop].into_boxed_slice(),
            side: vec![0.0; hop].into_boxed_slice(),
            shape: shape.clone(),
        };
        voice.touch(spec.stft.bins());
        voice
    }

    /// Sounds a hop that nobody hears, so that all memory of the inverse is there.
    fn touch(&mut self, bins: usize) {
        let magnitudes = vec![1.0; bins];
        for _ in 0..=self.shape.frames_ahead {
            let (pitch_hz, spread) = (pitch_hz(60.0), self.shape.spread);
            self.inverse.push(SynthesisFrame {
                magnitudes: &magnitudes,
                pitch_hz,
                spread,
                gain: 1.0,
            });
        }
        self.inverse.pull_hop(&mut self.mid, &mut self.side);
        self.inverse.start(0);
    }

    /// Whether another note fits into the queue.
    pub(crate) fn takes_note(&self) -> bool {
        self.notes.len() < self.shape.notes
    }

    /// Whether another frame fits into the queue.
    pub(crate) fn takes_frame(&self) -> bool {
        self.frames.has_room()
    }

    /// Queues a frame that arrived. The caller asked [`takes_frame`](Self::takes_frame).
    pub(crate) fn accept(&mut self, delivery: Delivery) {
        self.frames.push(delivery);
    }

    /// Whether the voice sounds at the playback head.
    pub(crate) fn sounds(&self) -> bool {
        self.playing
            .is_some_and(|playing| !playing.quiet && playing.hops_pulled > 0)
    }

    /// The ordinal of a note of which nothing is left to hear, so that no more is asked for.
    pub(crate) fn quiet_note(&self) -> Option<u32> {
        self.playing
            .filter(|playing| playing.quiet)
            .map(|playing| playing.ordinal)
    }

    /// Forgets everything; frames go back to the pool.
    pub(crate) fn clear(&mut self, link: &mut AudioLink) {
        self.notes.clear();
        self.playing = None;
        while let Some(delivery) = self.frames.pop() {
            link.recycle(delivery);
        }
    }

    /// The note that the inverse is set to, if it is this one.
    fn playing(&self, note: &Note) -> Option<Playing> {
        self.playing
            .filter(|playing| playing.ordinal == note.ordinal)
    }

    /// Sends back frames that no note can use any more, and counts those that came late.
    fn recycle_stale(&mut self, lane: &mut Lane<'_>) {
        let (floor, quiet) = match self.notes.front() {
            None => ((u32::MAX, u32::MAX), true),
            Some(note) => match self.playing(note) {
                Some(playing) if playing.quiet => ((note.ordinal, u32::MAX), true),
                Some(playing) => ((note.ordinal, playing.frames_pushed), false),
                None => ((note.ordinal, note.first_frame), true),
            },
        };
        while let Some(delivery) = self.frames.pop_before(floor) {
            // Frames of a note that ended were asked for before that was known: no fault.
            lane.faults.unheard_frames += u32::from(!quiet);
            lane.link.recycle(delivery);
        }
    }

    /// Whether the samples from `from` to before `to`, at most a hop of them, need a frame that may
    /// still come. Asked by an offline render before it renders.
    pub(crate) fn awaits_frame(&self, from: u64, to: u64) -> bool {
        self.notes
            .iter()
            .take_while(|note| note.on < to)
            .any(|note| {
                let (pushed, hops, position) = match self.playing(note) {
                    Some(playing) if playing.quiet => return false,
                    Some(playing) => (
                        playing.frames_pushed,
                        playing.hops_pulled,
                        playing.hop_position,
                    ),
                    None => (note.first_frame, self.opening_hops(note), self.shape.hop),
                };
                let next_hop = from.max(note.live_from) + (self.shape.hop - position) as u64;
                let wanted = hops + self.shape.frames_ahead + 1;
                next_hop < to.min(note.end())
                    && self.takes_frames(note, next_hop)
                    && (pushed..wanted).any(|index| {
                        self.frames.state((note.ordinal, index)) == FrameState::Awaited
                    })
            })
    }

    /// What the next hop still needs, seen from a sample before it.
    pub(crate) fn early_work(&self, position: u64) -> Option<EarlyWork> {
        let note = self.notes.front()?;
        let (pushed, wanted, due) = match self.playing(note) {
            Some(playing) if playing.quiet => return None,
            Some(playing) => {
                let due =
                    position.max(note.live_from) + (self.shape.hop - playing.hop_position) as u64;
                (
                    playing.frames_pushed,
                    playing.hops_pulled + self.shape.frames_ahead + 1,
                    due,
                )
            }
            None => (
                note.first_frame,
                self.opening_hops(note) + self.shape.frames_ahead + 1,
                note.live_from.max(position),
            ),
        };
        let frames = wanted.saturating_sub(pushed);
        let arrived = self.frames.is_next((note.ordinal, pushed));
        let wanted = frames > 0 && due < note.end() && self.takes_frames(note, due);
        wanted.then_some(EarlyWork {
            frames,
            due,
            arrived,
        })
    }

    /// Pushes one frame ahead of its time, if it is there.
    pub(crate) fn push_early(&mut self, lane: &mut Lane<'_>) {
        let Some(note) = self.notes.front().copied() else {
            return;
        };
        let mut playing = self.begin(&note, lane.shelf);
        self.push_arrived(&mut playing, lane);
        self.playing = Some(playing);
    }

    /// Adds the samples from `from` on of this voice to `left` and `right`, model rate, equal lengths
    /// of at most a hop.
    pub(crate) fn render(
        &mut self,
        from: u64,
        left: &mut [f32],
        right: &mut [f32],
        lane: &mut Lane<'_>,
    ) {
        let to = from + left.len() as u64;
        while let Some(note) = self.notes.front().copied() {
            if note.on >= to {
                break;
            }
            let (start, stop) = (from.max(note.live_from), to.min(note.end()));
            if start < stop {
                let range = (start - from) as usize..(stop - from) as usize;
                self.render_note(
                    &note,
                    start,
                    (&mut left[range.clone()], &mut right[range]),
                    lane,
                );
            }
            if note.end() > to {
                break;
            }
            self.notes.pop_front();
            self.playing = self
                .playing
                .filter(|playing| playing.ordinal != note.ordinal);
        }
        self.recycle_stale(lane);
    }

    /// Whether a hop that begins at a sample still takes new frames.
    fn takes_frames(&self, note: &Note, begins: u64) -> bool {
        !self.shape.drops_cut_frames || begins < note.cut
    }

    /// Hops of a note that its cached attack plays.
    fn opening_hops(&self, note: &Note) -> u32 {
        ((note.live_from - note.on) / self.shape.hop as u64) as u32
    }

    fn begin(&mut self, note: &Note, shelf: Option<&Shelf>) -> Playing {
        match self.playing {
            Some(playing) if playing.ordinal == note.ordinal => playing,
            _ => {
                let newest = match shelf.and_then(|shelf| shelf.stood(note.ordinal)) {
                    Some(stood) if note.first_frame > 0 => {
                        self.inverse.restore(stood.near, stood.other);
                        Some(stood.last)
                    }
                    _ => {
                        self.inverse.start(note.seed);
                        None
                    }
                };
                Playing {
                    ordinal: note.ordinal,
                    frames_pushed: note.first_frame,
                    hops_pulled: self.opening_hops(note),
                    hop_position: self.shape.hop,
                    held_frames: 0,
                    silent_frames: 0,
                    quiet: false,
                    newest,
                }
            }
        }
    }

    fn render_note(
        &mut self,
        note: &Note,
        start: u64,
        out: (&mut [f32], &mut [f32]),
        lane: &mut Lane<'_>,
    ) {
        let (left, right) = out;
        let mut playing = self.begin(note, lane.shelf);
        let mut done = 0;
        while done < left.len() && !playing.quiet {
            if playing.hop_position == self.shape.hop {
                self.load_hop(note, &mut playing, lane);
                continue;
            }
            let count = (left.len() - done).min(self.shape.hop - playing.hop_position);
            let hop = playing.hop_position..playing.hop_position + count;
            let part = HopPart {
                mid: &self.mid[hop.clone()],
                side: &self.side[hop],
            };
            part.mix(
                note,
                start + done as u64,
                &mut left[done..done + count],
                &mut right[done..done + count],
            );
            playing.hop_position += count;
            done += count;
        }
        self.playing = Some(playing);
    }

    /// Pushes what the next hop needs, conceals what is not there, and pulls the hop.
    fn load_hop(&mut self, note: &Note, playing: &mut Playing, lane: &mut Lane<'_>) {
        let begins = note.on + u64::from(playing.hops_pulled) * self.shape.hop as u64;
        let wanted = if self.takes_frames(note, begins) {
            playing.hops_pulled + self.shape.frames_ahead + 1
        } else {
            playing.frames_pushed
        };
        while playing.frames_pushed < wanted {
            while let Some(late) = self
                .frames
                .pop_before((playing.ordinal, playing.frames_pushed))
            {
                lane.faults.unheard_frames += 1;
                lane.link.recycle(late);
            }
            if !self.push_arrived(playing, lane) {
                self.conceal(playing);
                lane.faults.late_frames += 1;
            }
        }
        if playing.silent_frames >= self.shape.silent_frames_to_end {
            playing.quiet = true;
            return;
        }
        self.inverse.pull_hop(&mut self.mid, &mut self.side);
        lane.faults.non_finite_samples += self.silence_broken_hop(playing.ordinal);
        playing.hops_pulled += 1;
        playing.hop_position = 0;
    }

    /// Pushes the next frame if it is there.
    fn push_arrived(&mut self, playing: &mut Playing, lane: &mut Lane<'_>) -> bool {
        let Some(delivery) = self.frames.take((playing.ordinal, playing.frames_pushed)) else {
            return false;
        };
        let frame = &delivery.frame;
        let released = frame.request.time_off_s >= 0.0;
        playing.silent_frames = if frame.silent && released {
            playing.silent_frames + 1
        } else {
            0
        };
        let moment = Moment::of(&frame.request);
        let goes_on = playing
            .newest
            .is_none_or(|newest| moment.goes_on_from(&newest, self.shape.hop_s));
        let phases = frame
            .known_phases()
            .filter(|_| goes_on || self.shape.phases_carried);
        let column = SynthesisFrame {
            magnitudes: &frame.magnitudes,
            pitch_hz: self.shape.pitch_hz(frame.request.pitch),
            spread: self.shape.spread,
            gain: 1.0,
        };
        match phases {
            Some(phases) => self.inverse.push_known(column, phases),
            None => self.inverse.push(column),
        }
        playing.newest = Some(moment);
        *lane.newest = Some(frame.request.conditions);
        playing.frames_pushed += 1;
        playing.held_frames = 0;
        lane.link.recycle(delivery);
        true
    }

    /// Holds the last frame, further faded with each that is missing. What comes next enters under
    /// its own window, which is the fade-in.
    fn conceal(&mut self, playing: &mut Playing) {
        playing.held_frames += 1;
        let held = u64::from(playing.held_frames) * self.shape.hop as u64;
        self.inverse
            .hold(crate::envelope::fade(held, self.shape.conceal_fade));
        playing.frames_pushed += 1;
        playing.silent_frames = 0;
    }

    /// A hop that is not finite is silenced, and the inverse begins anew: its state may be broken.
    fn silence_broken_hop(&mut self, ordinal: u32) -> u32 {
        let broken = self
            .mid
            .iter()
            .chain(self.side.iter())
            .filter(|sample| !sample.is_finite())
            .count();
        if broken > 0 {
            self.mid.fill(0.0);
            self.side.fill(0.0);
            self.inverse.start(u64::from(ordinal));
        }
        broken as u32
    }
}
