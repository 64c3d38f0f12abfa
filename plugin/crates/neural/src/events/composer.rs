//! From tokens to notes: the engine's [`Composer`] over an event model.

use afterimage_engine::continuation::{
    ComposedNote, Composer, HeardNote, PieceStart, Progress, Style, TICKS_PER_QUARTER,
};
use afterimage_engine::contract::DecodeError;
use afterimage_spectral::counter_rng::{Purpose, Stream};

use super::model::EventModel;
use super::prompt::{self, Reach};
use super::sampler::Sampler;
use crate::likeness::SuffixModel;
use crate::manifest::{EventVocabulary, TokenKind};
use crate::native::set_flush_denormals;

/// Tokens that must agree before the memory has a word: a whole note with its place and length.
const LEAST_ORDER: u16 = 4;
/// What the temperature gains for each time that a bar was the same as the one before, from the second on.
const LOOP_HEAT: f32 = 0.4;
/// Notes on one tick: more are a net that has lost its way.
const MAX_CHORD: usize = 12;
/// A piece lasts at least so many quarter notes before it may end.
const LEAST_QUARTERS: u32 = 16;
/// How hard notes are struck on a bar line, on a quarter note of it, and between: events carry no
/// velocity, and a tune without accents is hard to follow.
const BAR_VELOCITY: f32 = 0.86;
const BEAT_VELOCITY: f32 = 0.76;
const OFF_VELOCITY: f32 = 0.66;

/// Where the piece stands.
#[derive(Clone, Debug, Default)]
struct Place {
    /// Tokens still to be read in, newest last in time; empty while it composes.
    prompt: Vec<u32>,
    read: usize,
    /// The class of the newest token.
    class: usize,
    /// Present tick, in the vocabulary's ticks.
    tick: u32,
    bar_tick: u32,
    /// The tick at which the piece at hand began: it may begin again.
    began: u32,
    note: Option<u8>,
    chord: usize,
    drawn: u64,
    /// Tokens since the last bar line, and of the bar before.
    bar: Vec<u32>,
    bar_before: Vec<u32>,
    /// How often the last whole bar has come again without another between.
    repeats: u32,
}

impl Place {
    /// Notices whether the bar that ends here was the same as the one before.
    fn end_bar(&mut self) {
        self.bar_tick = self.tick;
        self.repeats = if self.bar == self.bar_before {
            self.repeats + 1
        } else {
            0
        };
        std::mem::swap(&mut self.bar, &mut self.bar_before);
        self.bar.clear();
    }

    /// Factor on the temperature that leads out of a loop: a bar may come twice, as in many tunes.
    fn heat(&self) -> f32 {
        1.0 + LOOP_HEAT * self.repeats.saturating_sub(1) as f32
    }
}

/// An event model at work, with a memory of what was heard beside it.
pub struct EventComposer {
    pack: String,
    /// None: the memory composes alone.
    model: Option<EventModel>,
    vocabulary: EventVocabulary,
    memory: SuffixModel,
    sampler: Sampler,
    place: Place,
    stream: Stream,
}

impl EventComposer {
    pub(crate) fn new(pack: &str, model: EventModel, vocabulary: EventVocabulary) -> Self {
        Self::of(pack, Some(model), vocabulary, LEAST_ORDER)
    }

    /// What composes without a net, from the memory alone: the baseline that a net has to beat. Where
    /// nothing like the present was heard, the shares of all that was heard decide.
    pub(crate) fn without_net(pack: &str, vocabulary: EventVocabulary) -> Self {
        Self::of(pack, None, vocabulary, 0)
    }

    fn of(
        pack: &str,
        model: Option<EventModel>,
        vocabulary: EventVocabulary,
        least_order: u16,
    ) -> Self {
        Self {
            pack: pack.to_owned(),
            model,
            memory: SuffixModel::new(vocabulary.size(), Reach::MEMORY.tokens, least_order),
            vocabulary,
            sampler: Sampler::default(),
            place: Place::default(),
            stream: Stream::new(0, Purpose::SAMPLING, 0, 0),
        }
    }

    /// One token: of the prompt if some is left, otherwise drawn.
    fn step(&mut self, style: &Style, notes: &mut Vec<ComposedNote>) -> Result<(), String> {
        if let Some(token) = self.place.prompt.get(self.place.read).copied() {
            self.place.read += 1;
            self.take(token, style)?;
            return Ok(());
        }
        let temperature = style.temperature * self.vocabulary.temperature * self.place.heat();
        let top_p = style.top_p * self.vocabulary.top_p;
        let uniform = self.stream.uniform_at(self.place.drawn);
        self.place.drawn += 1;
        let allowed = Allowed::at(&self.vocabulary, &self.place);
        let logits = match &self.model {
            None => self.memory.alone(),
            Some(model) if style.likeness > 0.0 => {
                self.memory
                    .mixed(model.logits(), temperature, style.likeness)
            }
            Some(model) => model.logits(),
        };
        let drawn = self.sampler.draw(
            logits,
            |token| allowed.allows(token),
            temperature,
            top_p,
            uniform,
        );
        let token = drawn.ok_or("its grammar leaves no token that may follow")?;
        self.act(token, notes);
        if self
            .vocabulary
            .class(TokenKind::End)
            .is_some_and(|end| end.holds(token))
        {
            return Ok(());
        }
        self.take(token, style)
    }

    /// Lets net and memory read a token.
    fn take(&mut self, token: u32, style: &Style) -> Result<(), String> {
        let classes = &self.vocabulary.classes;
        self.place.class = classes
            .iter()
            .position(|class| class.holds(token))
            .unwrap_or(0);
        self.memory.follow(token);
        self.model
            .as_mut()
            .map_or(Ok(()), |model| model.step(token, &style.class))
    }

    /// Does what a drawn token says.
    fn act(&mut self, token: u32, notes: &mut Vec<ComposedNote>) {
        let Some((class, value)) = self.vocabulary.meaning(token) else {
            return;
        };
        let place = &mut self.place;
        place.bar.push(token);
        match class.kind {
            TokenKind::Start => {}
            TokenKind::Bar => place.end_bar(),
            TokenKind::Note => {
                place.note = Some(value as u8);
                place.chord += 1;
            }
            TokenKind::Duration => {
                if let Some(key) = place.note.take() {
                    let tick = self.to_engine(self.place.tick);
                    notes.push(ComposedNote {
                        tick,
                        duration_ticks: self.to_engine(value as u32).max(1),
                        key,
                        velocity: self.accent(),
                    });
                }
            }
            TokenKind::Shift => {
                place.tick += value as u32;
                place.chord = 0;
            }
            TokenKind::End => self.begin_again(),
        }
    }

    /// A piece that has ended is followed by another, from nothing.
    fn begin_again(&mut self) {
        self.rest();
        let start = self.vocabulary.class(TokenKind::Start);
        let place = &mut self.place;
        place.prompt = start.map(|class| class.first).into_iter().collect();
        (place.read, place.chord, place.note) = (0, 0, None);
        (place.began, place.bar_tick) = (place.tick, place.tick);
    }

    /// Puts the net back to where a piece begins.
    fn rest(&mut self) {
        if let Some(model) = &mut self.model {
            model.forget();
        }
    }

    fn accent(&self) -> f32 {
        match self.place.tick - self.place.bar_tick {
            0 => BAR_VELOCITY,
            since if since.is_multiple_of(self.vocabulary.ticks_per_quarter) => BEAT_VELOCITY,
            _ => OFF_VELOCITY,
        }
    }

    fn to_engine(&self, ticks: u32) -> u32 {
        let scaled = u64::from(ticks) * u64::from(TICKS_PER_QUARTER);
        (scaled / u64::from(self.vocabulary.ticks_per_quarter)) as u32
    }

    /// Whether every note before a tick was given: the present is at or past it.
    fn is_past(&self, until_tick: u32) -> bool {
        self.place.read >= self.place.prompt.len()
            && self.place.note.is_none()
            && self.to_engine(self.place.tick) >= until_tick
    }
}

/// Which tokens may come now: the grammar, and what keeps time moving.
struct Allowed<'a> {
    vocabulary: &'a EventVocabulary,
    place: &'a Place,
}

impl<'a> Allowed<'a> {
    fn at(vocabulary: &'a EventVocabulary, place: &'a Place) -> Self {
        Self { vocabulary, place }
    }

    fn allows(&self, token: u32) -> bool {
        let followers = &self.vocabulary.classes[self.place.class].followers;
        let class = followers
            .iter()
            .map(|follower| &self.vocabulary.classes[*follower])
            .find(|class| class.holds(token));
        class.is_some_and(|class| match class.kind {
            TokenKind::End => {
                self.place.tick - self.place.began
                    >= LEAST_QUARTERS * self.vocabulary.ticks_per_quarter
            }
            TokenKind::Note => self.place.chord < MAX_CHORD,
            _ => true,
        })
    }
}

impl Composer for EventComposer {
    fn name(&self) -> &str {
        &self.pack
    }

    fn begin(&mut self, start: &PieceStart, heard: &[HeardNote]) {
        self.stream = Stream::new(start.seed, Purpose::SAMPLING, 0, 0);
        self.rest();
        let tokens =
            |reach| prompt::tokens(&self.vocabulary, heard, start, TICKS_PER_QUARTER, reach);
        self.memory.forget();
        for token in tokens(Reach::MEMORY) {
            self.memory.hear(token);
        }
        self.place = Place {
            prompt: tokens(Reach::PROMPT),
            ..Place::default()
        };
    }

    fn compose(
        &mut self,
        style: &Style,
        until_tick: u32,
        notes: &mut Vec<ComposedNote>,
    ) -> Result<Progress, DecodeError> {
        if self.is_past(until_tick) {
            return Ok(Progress::Done);
        }
        // One token a call: a frame that is asked for meanwhile waits no longer than it must.
        let flags = set_flush_denormals();
        let outcome = self.step(style, notes);
        flags.restore();
        outcome
            .map(|()| Progress::Working)
            .map_err(|reason| DecodeError::Composer {
                pack: self.pack.clone(),
                reason,
            })
    }
}

#[cfg(test)]
mod tests {
    use super::Place;

    #[test]
    fn a_bar_may_come_twice_and_heats_up_from_the_third_time_on() {
        let mut place = Place::default();
        let mut heats = Vec::new();
        for token in [7, 7, 7, 7, 8, 8] {
            place.bar.push(token);
            place.end_bar();
            heats.push(place.heat());
        }
        assert_eq!(heats, [1.0, 1.0, 1.4, 1.8, 1.0, 1.0]);
    }
}
