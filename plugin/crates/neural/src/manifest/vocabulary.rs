//! Tokens of an event model: what each means, and which may follow which.

use super::field::Field;
use super::parse::each;
use crate::error::PackError;

/// Largest vocabulary.
const MAX_TOKENS: u64 = 1 << 16;
/// Longest duration or shift in ticks: 64 bars.
const MAX_TICKS: i32 = 64 * 96;

/// What a token does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TokenKind {
    /// Comes before everything.
    Start,
    /// Ends the piece.
    End,
    /// Marks a bar line at the present tick.
    Bar,
    /// A MIDI note at the present tick; its duration follows.
    Note,
    /// How long the note before is held, in ticks.
    Duration,
    /// Moves the present tick, in ticks.
    Shift,
}

const KIND_WORDS: [&str; 6] = ["start", "end", "bar", "note", "duration", "shift"];
const KINDS: [TokenKind; 6] = [
    TokenKind::Start,
    TokenKind::End,
    TokenKind::Bar,
    TokenKind::Note,
    TokenKind::Duration,
    TokenKind::Shift,
];

/// Tokens of one kind: `first` stands for the first value, and so on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenClass {
    /// Its name in the grammar.
    pub name: String,
    /// What its tokens do.
    pub kind: TokenKind,
    /// The first token.
    pub first: u32,
    /// MIDI notes or ticks, one a token; not read for the other kinds.
    pub values: Vec<i32>,
    /// Classes that may follow.
    pub followers: Vec<usize>,
}

/// The tokens of an event model.
#[derive(Clone, Debug, PartialEq)]
pub struct EventVocabulary {
    /// Ticks of a quarter note.
    pub ticks_per_quarter: u32,
    /// All classes; together they hold every token once.
    pub classes: Vec<TokenClass>,
    /// Temperature that the maker found good.
    pub temperature: f32,
    /// Top-p that the maker found good.
    pub top_p: f32,
}

impl EventVocabulary {
    /// Reads the manifest's `vocabulary`.
    pub(super) fn parse(field: &Field<'_>) -> Result<Self, PackError> {
        field.object()?;
        let grammar = field.at("grammar");
        let mut classes = each(&field.at("classes"), parse_class)?;
        let names: Vec<String> = classes.iter().map(|class| class.name.clone()).collect();
        let words: Vec<&str> = names.iter().map(String::as_str).collect();
        for class in &mut classes {
            let followers = grammar.at(&class.name);
            let follower = |item: &Field<'_>| item.one_of(&words);
            class.followers = each(&followers, follower)?;
            if class.followers.is_empty() && class.kind != TokenKind::End {
                return Err(
                    followers.must_be("a list of one or more names of 'vocabulary.classes'")
                );
            }
        }
        let vocabulary = Self {
            ticks_per_quarter: field.at("ticks_per_quarter").count(1, 960)? as u32,
            classes,
            temperature: field.at("temperature").number_or(1.0)?.clamp(0.0, 10.0) as f32,
            top_p: field.at("top_p").number_or(1.0)?.clamp(0.01, 1.0) as f32,
        };
        vocabulary.check(field)?;
        Ok(vocabulary)
    }

    fn check(&self, field: &Field<'_>) -> Result<(), PackError> {
        let classes = field.at("classes");
        for (kind, word) in KINDS.iter().zip(KIND_WORDS) {
            let count = self.classes.iter().filter(|c| c.kind == *kind).count();
            let wanted = !matches!(kind, TokenKind::End | TokenKind::Bar);
            if count > 1 || (wanted && count == 0) {
                return Err(classes.must_be(format!(
                    "a list with one class of each kind ('{word}' is there {count} times)"
                )));
            }
        }
        let mut next = 0;
        let mut in_order: Vec<&TokenClass> = self.classes.iter().collect();
        in_order.sort_by_key(|class| class.first);
        for class in in_order {
            if class.first != next {
                return Err(classes.must_be(format!(
                    "classes that hold every token once: '{}' starts at {}, the one before ends at {next}",
                    class.name, class.first
                )));
            }
            next += class.values.len() as u32;
        }
        Ok(())
    }

    /// Tokens in all.
    pub fn size(&self) -> usize {
        self.classes.iter().map(|class| class.values.len()).sum()
    }

    /// The class of a kind.
    pub fn class(&self, kind: TokenKind) -> Option<&TokenClass> {
        self.classes.iter().find(|class| class.kind == kind)
    }

    /// The class of a token, and the token's value.
    pub fn meaning(&self, token: u32) -> Option<(&TokenClass, i32)> {
        self.classes.iter().find_map(|class| {
            let place = token.checked_sub(class.first)? as usize;
            class.values.get(place).map(|value| (class, *value))
        })
    }
}

impl TokenClass {
    /// The token whose value is nearest; the lower of two that are as near.
    pub fn nearest(&self, value: i32) -> u32 {
        let places = self.values.iter().enumerate();
        let nearest = places.min_by_key(|(_, known)| ((**known - value).abs(), **known));
        self.first + nearest.map_or(0, |(place, _)| place) as u32
    }

    /// Whether a token belongs to it.
    pub fn holds(&self, token: u32) -> bool {
        (self.first..self.first + self.values.len() as u32).contains(&token)
    }
}

fn parse_class(field: &Field<'_>) -> Result<TokenClass, PackError> {
    let kind = KINDS[field.at("kind").one_of(&KIND_WORDS)?];
    let range = match kind {
        TokenKind::Note => (0, 127),
        TokenKind::Duration | TokenKind::Shift => (1, MAX_TICKS),
        _ => (i32::MIN, i32::MAX),
    };
    let value = |item: &Field<'_>| {
        item.number_in(f64::from(range.0), f64::from(range.1))
            .map(|value| value as i32)
    };
    let values = each(&field.at("values"), value)?;
    if values.is_empty() {
        return Err(field.at("values").must_be("a list of one value a token"));
    }
    Ok(TokenClass {
        name: field.at("name").text()?,
        kind,
        first: field.at("first").count(0, MAX_TOKENS)? as u32,
        values,
        followers: Vec::new(),
    })
}
