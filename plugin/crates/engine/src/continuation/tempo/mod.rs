//! Who says how fast it goes while the host's transport stands: taps, a MIDI clock, or what is played.
//! Audio thread; real-time safe after construction.

mod follower;
mod onsets;
mod pulses;

pub(crate) use onsets::Onset;
pub(super) use onsets::{Onsets, frame_samples};
pub use pulses::ClockMessage;
pub(super) use pulses::Pulse;

use follower::Follower;
use onsets::ONSET_DELAY_FRAMES;
use pulses::{Clock, Taps};

/// Confidence from which the grid follows what is played, and below which it holds what it has.
const LOCKS: f32 = 0.25;
const HOLDS: f32 = 0.15;
/// A note's onset is spread over so many frames to both sides: nobody plays on the very frame.
const NOTE_SPREAD_FRAMES: usize = 4;
/// It is heard so many frames later.
const NOTE_DELAY_FRAMES: usize = NOTE_SPREAD_FRAMES + 1;
const NOTE_RING: usize = 16;
/// Keys below this are bass: they mark the bar.
const BASS_BELOW: u8 = 48;
/// Another beat has to be stronger by this much, and for so many estimates, before it is the first.
const DOWNBEAT_MARGIN: f32 = 1.2;
const DOWNBEAT_PATIENCE: u32 = 20;

/// Who is asked for the tempo. The host's transport, while it runs, rules in any case, and a MIDI clock
/// after it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TempoSource {
    /// The host also while its transport stands; the plugin's own where it names none.
    #[default]
    Host,
    /// The plugin's own tempo.
    Own,
    /// What is played, once it is sure enough; before, as `Host`.
    Follow,
}

/// Who says how fast it goes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TempoFrom {
    /// The host.
    #[default]
    Host,
    /// The plugin's own control.
    Own,
    /// Taps.
    Taps,
    /// A MIDI clock.
    Clock,
    /// What is played.
    Played,
    /// What was played before: now it is not sure enough.
    Held,
}

impl TempoFrom {
    /// Every one, by its number.
    pub(crate) const ALL: [Self; 6] = [
        Self::Host,
        Self::Own,
        Self::Taps,
        Self::Clock,
        Self::Played,
        Self::Held,
    ];
}

/// What guides musical time.
pub(super) struct Guide {
    source: TempoSource,
    rate_hz: u32,
    frame: u64,
    /// Host sample at which the next frame is complete.
    next_frame: u64,
    follower: Follower,
    /// Onsets of notes that are still to be heard, by frame: of all, and of the bass.
    notes: [[f32; 2]; NOTE_RING],
    /// What is played was sure enough.
    locked: Option<Pulse>,
    sure: bool,
    taps: Taps,
    clock: Clock,
    /// The beat of the bar that is stronger than the first, and for how many estimates it was.
    stronger: (u32, u32),
}

impl Guide {
    /// Allocates.
    pub(super) fn new(rate_hz: u32) -> Self {
        let frame = frame_samples(rate_hz);
        Self {
            source: TempoSource::default(),
            rate_hz,
            frame,
            next_frame: frame,
            follower: Follower::new(f64::from(rate_hz) / frame as f64),
            notes: [[0.0; 2]; NOTE_RING],
            locked: None,
            sure: false,
            taps: Taps::new(),
            clock: Clock::new(),
            stronger: (0, 0),
        }
    }

    /// Takes the host's rate. Allocates.
    pub(super) fn set_rate(&mut self, rate_hz: u32) {
        let source = self.source;
        *self = Self::new(rate_hz);
        self.source = source;
    }

    /// The timeline begins at 0; what was played and tapped is forgotten.
    pub(super) fn restart(&mut self) {
        self.follower.restart();
        self.next_frame = self.frame;
        self.notes = [[0.0; 2]; NOTE_RING];
        (self.locked, self.sure) = (None, false);
        (self.taps, self.clock) = (Taps::new(), Clock::new());
        self.stronger = (0, 0);
    }

    /// Whom to ask.
    pub(super) fn set_source(&mut self, source: TempoSource) {
        if source != self.source {
            self.source = source;
            self.taps = Taps::new();
        }
    }

    pub(super) fn source(&self) -> TempoSource {
        self.source
    }

    pub(super) fn tap(&mut self, at_host: u64) {
        self.taps.tap(at_host, self.rate_hz);
    }

    /// Forgets what was tapped: another tempo was named.
    pub(super) fn forget_taps(&mut self) {
        self.taps = Taps::new();
    }

    pub(super) fn clock(&mut self, at_host: u64, message: ClockMessage) {
        self.clock.take(at_host, message, self.rate_hz);
    }

    /// Hears a note that begins.
    pub(super) fn note(&mut self, at_host: u64, key: u8, velocity: f32) {
        let spread = NOTE_SPREAD_FRAMES as f64;
        let centre = at_host as f64 / self.frame as f64 + NOTE_DELAY_FRAMES as f64;
        let first = (centre - spread).ceil() as u64;
        for frame in first..first + 2 * NOTE_SPREAD_FRAMES as u64 {
            let near = (1.0 - (frame as f64 - centre).abs() / spread).max(0.0);
            let strength = velocity * near as f32;
            let slot = &mut self.notes[frame as usize % NOTE_RING];
            slot[0] += strength;
            slot[1] += if key < BASS_BELOW { strength } else { 0.0 };
        }
    }

    /// Host sample at which the next frame is complete.
    pub(super) fn next_frame(&self) -> u64 {
        self.next_frame
    }

    /// Takes the next frame: the input's onset where sound is followed, else the notes'. `expected`: a
    /// beat of the grid. Whether there is a new estimate.
    pub(super) fn take_frame(
        &mut self,
        sound: Option<(f32, f32)>,
        of_sound: bool,
        expected: Option<f64>,
    ) -> bool {
        let slot = self.follower.frames() as usize % NOTE_RING;
        let [strength, low] = std::mem::take(&mut self.notes[slot]);
        let (strength, low) = match of_sound {
            true => sound.unwrap_or_default(),
            false => (strength, low),
        };
        self.next_frame += self.frame;
        let expected = expected.map(|at| self.frame_of(at, of_sound));
        let due = self.follower.take(strength, low, expected);
        if due {
            self.settle(of_sound);
        }
        due
    }

    fn settle(&mut self, of_sound: bool) {
        let least = if self.sure { HOLDS } else { LOCKS };
        let found = self.follower.found();
        let found = found.filter(|found| found.confidence >= least);
        self.sure = found.is_some();
        if let Some(found) = found {
            self.locked = Some(Pulse {
                beat: self.sample_of(found.beat, of_sound),
                period: found.period * self.frame as f64,
                bar: None,
            });
        }
    }

    fn delay(of_sound: bool) -> f64 {
        match of_sound {
            // A frame is known at its end.
            true => ONSET_DELAY_FRAMES - 1.0,
            false => NOTE_DELAY_FRAMES as f64,
        }
    }

    fn sample_of(&self, frame: f64, of_sound: bool) -> f64 {
        (frame - Self::delay(of_sound)) * self.frame as f64
    }

    fn frame_of(&self, sample: f64, of_sound: bool) -> f64 {
        sample / self.frame as f64 + Self::delay(of_sound)
    }

    /// Who rules at a host sample while the host's transport stands, and its beats.
    pub(super) fn rules(&self, at_host: u64) -> Option<(TempoFrom, Pulse)> {
        let clock = self.clock.pulse(at_host, self.rate_hz);
        let followed = self
            .locked
            .filter(|_| self.source == TempoSource::Follow)
            .map(|pulse| match self.sure {
                true => (TempoFrom::Played, pulse),
                false => (TempoFrom::Held, pulse),
            });
        let tapped = || self.taps.pulse().map(|pulse| (TempoFrom::Taps, pulse));
        clock
            .map(|pulse| (TempoFrom::Clock, pulse))
            .or(followed)
            .or_else(tapped)
    }

    /// How sure the newest estimate of what is played is, 0 to 1.
    pub(super) fn confidence(&self) -> f32 {
        self.follower.found().map_or(0.0, |found| found.confidence)
    }

    /// By how many beats the bar should begin later, once another beat than its first has long been the
    /// strongest. `line`: the sample of a bar line; asked once an estimate.
    pub(super) fn later_downbeat(
        &mut self,
        line: f64,
        bar_beats: u32,
        of_sound: bool,
    ) -> Option<u32> {
        let found = self.follower.found().filter(|_| self.sure)?;
        let line = self.frame_of(line, of_sound);
        let accent = |beats| self.follower.accent(line, found.period, (beats, bar_beats));
        let best = (1..bar_beats)
            .map(|beats| (beats, accent(beats)))
            .max_by(|a, b| a.1.total_cmp(&b.1));
        let stronger = best.filter(|best| best.1 > DOWNBEAT_MARGIN * accent(0));
        self.stronger = match stronger {
            Some((beats, _)) if beats == self.stronger.0 => (beats, self.stronger.1 + 1),
            Some((beats, _)) => (beats, 1),
            None => (0, 0),
        };
        if self.stronger.1 < DOWNBEAT_PATIENCE {
            return None;
        }
        Some(std::mem::take(&mut self.stronger).0)
    }
}
