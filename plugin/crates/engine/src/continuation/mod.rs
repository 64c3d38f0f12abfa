//! Continuation of notes: a composer writes passages ahead, the conductor plays each note on its sample.
//!
//! The [`Conductor`](conductor::Conductor) lives on the audio thread. It keeps musical time, tells the
//! worker what it hears, asks for each quarter note's passage a fixed time ahead, and turns the answers
//! into note events. The [`Composer`] lives on the worker. What it writes is a pure function of the
//! piece's start, of the passages asked for before, and of the seed: arrival time decides nothing. A note
//! that comes after its sample is counted and left out.

mod composing;
mod conductor;
mod continuer;
mod grains;
mod metronome;
mod sound;
mod take;
mod tempo;

pub(crate) use composing::{ComposerSlot, ComposingLink, Seat};
pub(crate) use conductor::{COMPOSED_CHANNEL, Conductor, Next};
pub use continuer::{Continuer, ContinuerSpec, SoundStart};
pub use grains::Grains;
pub(crate) use sound::{Ear, Player, SoundEnds, SoundLink, make_ends as make_sound_ends};
pub(crate) use take::TakeShelf;
pub use take::{Ending, Take, TakePlace};
pub use tempo::{ClockMessage, TempoFrom, TempoSource};

use parking_lot::Mutex;
use rtrb::{Consumer, Producer};

use crate::contract::{DecodeError, MAX_CLASSES};
use crate::touched;

/// Where a loader puts a continuer, and where the worker finds it.
pub(crate) type ContinuerSlot = Mutex<Seat<dyn Continuer>>;

/// Ticks of a quarter note: halves, thirds and eighths of it are whole.
pub const TICKS_PER_QUARTER: u32 = 24;
/// Likeness that a session begins with: by the table of `bench --continuations`, what is played on then takes
/// as much from the prompt as the true next bars of held-out pieces do.
pub const DEFAULT_LIKENESS: f32 = 0.25;
/// Ticks of one passage, the unit that is asked for.
pub(crate) const PASSAGE_TICKS: u32 = TICKS_PER_QUARTER;
/// Most notes that one passage brings; a composer's further ones are left out.
pub const MAX_PASSAGE_NOTES: usize = 64;
/// Cues that can be on their way: a second of the densest playing.
const CUES: usize = 4096;
/// Notes that can be on their way.
const REPLIES: usize = 1024;

/// A note that a composer wrote.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ComposedNote {
    /// Where it begins, in ticks from the piece's start.
    pub tick: u32,
    /// How long it is held, at least 1.
    pub duration_ticks: u32,
    /// MIDI key, 0 to 127.
    pub key: u8,
    /// 0 to 1.
    pub velocity: f32,
}

/// A note that was played before the piece began.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct HeardNote {
    /// Where it began, in ticks from the piece's start: negative.
    pub tick: i64,
    /// How long it was held; to the piece's start if it still is.
    pub duration_ticks: u32,
    /// MIDI key, 0 to 127.
    pub key: u8,
    /// 0 to 1.
    pub velocity: f32,
}

/// What the player asks of a passage, latched when it is asked for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Style {
    /// Index into each class condition's labels.
    pub class: [u16; MAX_CLASSES],
    /// Factor on the pack's own temperature; 0 takes the likeliest.
    pub temperature: f32,
    /// Factor on the pack's own top-p.
    pub top_p: f32,
    /// Share that a memory of what was heard has in what comes next, 0 to 1; 0 is the net alone.
    pub likeness: f32,
}

impl Default for Style {
    fn default() -> Self {
        Self {
            class: [0; MAX_CLASSES],
            temperature: 1.0,
            top_p: 1.0,
            likeness: 0.0,
        }
    }
}

/// How a piece begins.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PieceStart {
    /// Keys everything that is drawn.
    pub seed: u64,
    /// Ticks of a bar.
    pub bar_ticks: u32,
    /// Ticks since the last bar line, at the piece's start.
    pub bar_phase_ticks: u32,
    /// Labels and freedom.
    pub style: Style,
}

/// Whether a passage is complete.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// Call again.
    Working,
    /// Every note before the tick asked for was given.
    Done,
}

/// Writes a piece, passage after passage. Lives on the worker; not real-time safe.
pub trait Composer: Send {
    /// Name of the pack, for the takes.
    fn name(&self) -> &str {
        ""
    }

    /// Forgets the piece before and begins one that follows `heard` (oldest first; may be empty).
    fn begin(&mut self, start: &PieceStart, heard: &[HeardNote]);

    /// Goes on until every note that begins before `until_tick` was given, in their order; a bounded
    /// step at a time, so that sounding voices never wait long.
    ///
    /// # Errors
    /// When the backend fails; the piece then stays silent until another begins.
    fn compose(
        &mut self,
        style: &Style,
        until_tick: u32,
        notes: &mut Vec<ComposedNote>,
    ) -> Result<Progress, DecodeError>;
}

/// On which grid line a piece begins.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Quantise {
    /// As soon as its first passage can be there.
    Now,
    /// On the next quarter note after that.
    Beat,
    /// On the next bar line after that.
    #[default]
    Bar,
}

/// What is continued.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Source {
    /// The notes that are played, by the composer.
    #[default]
    Notes,
    /// The sound that is heard, by the continuer.
    Sound,
}

/// What becomes of the input while a continuation of sound plays.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum InputWhilePlaying {
    /// It goes on beside it.
    Heard,
    /// The continuation takes its place.
    #[default]
    Muted,
}

/// A control of continuation and its new value.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum ContinuationChange {
    /// Up begins a piece, down ends it.
    Run(bool),
    /// Whether it follows what was heard, or begins from nothing.
    FollowsHeard(bool),
    /// Where it begins.
    Quantise(Quantise),
    /// Bars until it ends by itself; 0 is never.
    Bars(u16),
    /// Seconds until it ends by itself; 0 is never. The earlier of bars and seconds rules.
    Seconds(f32),
    /// Seconds over which a piece fades before its end, or after the wish to end it; 0 is none. The player
    /// who comes in again cuts it in any case.
    FadeS(f32),
    /// Whether a piece that ends by its length goes on to a cadence: of notes, to a bar line before which
    /// the last note is of the tonic chord, four bars more at most; of sound, to a bar line, fading over a
    /// beat.
    Cadence(bool),
    /// What the next piece continues.
    Source(Source),
    /// What becomes of the input while sound is continued.
    InputWhilePlaying(InputWhilePlaying),
    /// The level above which the input counts as played, in decibels below full scale.
    GateDb(f32),
    /// Whether it waits until the player has stopped: for a quarter note no key held, or no input above
    /// the gate.
    WhenStopped(bool),
    /// Whether it ends as soon as the player plays again.
    UntilPlayed(bool),
    /// Bars that are the player's after those of a piece that ended by its length; then another
    /// begins, with the next seed. 0 is none.
    TradeBars(u16),
    /// A class condition of the composer's pack. Indices past [`MAX_CLASSES`] are ignored.
    Label {
        /// Which condition, from 0.
        index: u8,
        /// Which of its labels.
        label: u16,
    },
    /// Factor on the pack's temperature.
    Temperature(f32),
    /// Factor on the pack's top-p.
    TopP(f32),
    /// Share of a memory of what was heard in what comes next, 0 to 1.
    Likeness(f32),
    /// Seed of the next piece.
    Seed(u64),
    /// Quarter notes a minute where the host names no tempo.
    TempoBpm(f32),
    /// Who is asked for the tempo while the host's transport stands.
    TempoSource(TempoSource),
    /// A beat is tapped; the first of a series is on the bar.
    Tap,
    /// A MIDI clock is heard.
    Clock(ClockMessage),
    /// Whether the plugin's own voices play the notes; they are given out in any case.
    Sounds(bool),
}

/// What the host says of musical time at the start of a block.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Transport {
    /// Whether it runs.
    pub playing: bool,
    /// Quarter notes a minute.
    pub tempo_bpm: Option<f64>,
    /// Position in quarter notes.
    pub position_quarters: Option<f64>,
    /// Position of the last bar line in quarter notes.
    pub bar_start_quarters: Option<f64>,
    /// Quarter notes of a bar.
    pub bar_quarters: Option<f64>,
}

impl Transport {
    /// The same without numbers that are none. Real-time safe.
    pub(crate) fn finite(&self) -> Self {
        let finite = |value: Option<f64>| value.filter(|value| value.is_finite());
        Self {
            playing: self.playing,
            tempo_bpm: finite(self.tempo_bpm),
            position_quarters: finite(self.position_quarters),
            bar_start_quarters: finite(self.bar_start_quarters),
            bar_quarters: finite(self.bar_quarters),
        }
    }
}

/// From the conductor to the worker, in order.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Cue {
    /// A key went down, at a tick of the beat.
    Heard { tick: i64, key: u8, velocity: f32 },
    /// A key came up.
    Released { tick: i64, key: u8 },
    /// A piece begins; `heard_origin` is its start on the scale of `Heard`.
    Begin {
        piece: u32,
        heard_origin: i64,
        follows_heard: bool,
        start: PieceStart,
        place: TakePlace,
    },
    /// The next passage is wanted.
    Passage {
        piece: u32,
        until_tick: u32,
        style: Style,
    },
    /// A piece is over: its take ends at a tick.
    End {
        piece: u32,
        tick: u32,
        ending: Ending,
    },
    /// What was heard is forgotten.
    Forget,
}

/// From the worker to the conductor, in order.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Reply {
    /// A note.
    Note { piece: u32, note: ComposedNote },
    /// Every note before this tick was sent.
    Through { piece: u32, tick: u32 },
}

/// The audio thread's ends.
pub(crate) struct ConductorEnds {
    pub(crate) cues: Producer<Cue>,
    pub(crate) replies: Consumer<Reply>,
}

/// The worker's ends.
pub(crate) struct ComposingEnds {
    pub(crate) cues: Consumer<Cue>,
    pub(crate) replies: Producer<Reply>,
}

/// Makes both ends. Allocates.
pub(crate) fn make_ends() -> (ConductorEnds, ComposingEnds) {
    let (cue_in, cue_out) = touched::ring(CUES, || Cue::Forget);
    let (reply_in, reply_out) = touched::ring(REPLIES, || Reply::Through { piece: 0, tick: 0 });
    let conductor = ConductorEnds {
        cues: cue_in,
        replies: reply_out,
    };
    let composing = ComposingEnds {
        cues: cue_out,
        replies: reply_in,
    };
    (conductor, composing)
}
