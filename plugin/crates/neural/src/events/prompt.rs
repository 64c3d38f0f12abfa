//! What was heard, as the tokens that the net was trained on.

use afterimage_engine::continuation::{HeardNote, PieceStart};

use crate::manifest::{EventVocabulary, TokenClass, TokenKind};

/// How much of what was heard is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Reach {
    pub(super) bars: i64,
    pub(super) tokens: usize,
}

impl Reach {
    /// A phrase and its answer; the net must have read them before the first note is due.
    pub(super) const PROMPT: Self = Self {
        bars: 8,
        tokens: 256,
    };
    /// All that the engine remembers, for the memory that reads a token in microseconds.
    pub(super) const MEMORY: Self = Self {
        bars: 4096,
        tokens: 8192,
    };
}

/// Grids that onsets fall on, in parts of a quarter note: sixteenths and eighth triplets.
const GRIDS: [i64; 2] = [4, 3];

/// The tokens of what was heard before the piece's start, from `start` to its first tick.
///
/// Without anything heard it is the start token alone. Onsets are drawn to the nearest sixteenth or
/// triplet; a note that fills most of the time to the next onset is taken to fill all of it, because
/// players let go early and scores do not.
pub(super) fn tokens(
    vocabulary: &EventVocabulary,
    heard: &[HeardNote],
    start: &PieceStart,
    engine_ticks_per_quarter: u32,
    reach: Reach,
) -> Vec<u32> {
    let class = |kind| vocabulary.class(kind);
    let mut tokens: Vec<u32> = class(TokenKind::Start)
        .map(|c| c.first)
        .into_iter()
        .collect();
    let (Some(note), Some(duration), Some(shift)) = (
        class(TokenKind::Note),
        class(TokenKind::Duration),
        class(TokenKind::Shift),
    ) else {
        return tokens;
    };
    let quarter = i64::from(vocabulary.ticks_per_quarter);
    let scale = |ticks: i64| ticks * quarter / i64::from(engine_ticks_per_quarter);
    let bar = scale(i64::from(start.bar_ticks)).max(1);
    let phase = scale(i64::from(start.bar_phase_ticks));
    let first_bar = -phase - (reach.bars - 1) * bar - if phase == 0 { bar } else { 0 };
    let mut notes: Vec<(i64, i32, i64)> = heard
        .iter()
        .map(|heard| {
            let tick = on_grid(scale(heard.tick), quarter).min(-1);
            let length = scale(i64::from(heard.duration_ticks)).max(1);
            (tick, folded(note, i32::from(heard.key)), length)
        })
        .filter(|(tick, ..)| *tick >= first_bar)
        .collect();
    let Some(earliest) = notes.iter().map(|(tick, ..)| *tick).min() else {
        return tokens;
    };
    notes.sort_unstable();
    notes.dedup_by_key(|(tick, key, _)| (*tick, *key));
    let mut now = earliest;
    let mut next_bar = first_bar + (earliest - first_bar).div_euclid(bar) * bar;
    if next_bar < earliest {
        next_bar += bar;
    }
    for (index, (tick, key, length)) in notes.iter().enumerate() {
        advance(
            &mut tokens,
            vocabulary,
            shift,
            (&mut now, &mut next_bar, bar),
            *tick,
        );
        let later = notes[index + 1..].iter().find(|(t, ..)| t > tick);
        let gap = later.map_or(-tick, |(t, ..)| t - tick);
        let held = if *length * 2 >= gap && *length * 2 <= gap * 3 {
            gap
        } else {
            on_grid(*length, quarter).max(1)
        };
        tokens.push(note.nearest(*key));
        tokens.push(duration.nearest(held as i32));
    }
    advance(
        &mut tokens,
        vocabulary,
        shift,
        (&mut now, &mut next_bar, bar),
        0,
    );
    shorten(&mut tokens, vocabulary, reach.tokens);
    tokens
}

/// Leaves out the first bars of a prompt that is too long, but the start token.
fn shorten(tokens: &mut Vec<u32>, vocabulary: &EventVocabulary, most: usize) {
    let over = tokens.len().saturating_sub(most);
    let (1.., Some(bar)) = (over, vocabulary.class(TokenKind::Bar)) else {
        return;
    };
    let mut places = over.max(1)..tokens.len();
    if let Some(cut) = places.find(|place| bar.holds(tokens[*place])) {
        tokens.drain(1..cut);
    }
}

/// Shifts to a tick, with the bar lines on the way and on it.
fn advance(
    tokens: &mut Vec<u32>,
    vocabulary: &EventVocabulary,
    shift: &TokenClass,
    (now, next_bar, bar): (&mut i64, &mut i64, i64),
    until: i64,
) {
    loop {
        let to = until.min(*next_bar);
        while *now < to {
            let rest = (to - *now) as i32;
            let fits = shift.values.iter().filter(|value| **value <= rest).max();
            let Some(step) = fits else {
                *now = to; // finer than the net's own steps
                break;
            };
            tokens.push(shift.nearest(*step));
            *now += i64::from(*step);
        }
        if *now < *next_bar {
            return;
        }
        if let Some(line) = vocabulary.class(TokenKind::Bar) {
            tokens.push(line.first);
        }
        *next_bar += bar;
    }
}

/// The nearest line of the nearest grid.
fn on_grid(tick: i64, quarter: i64) -> i64 {
    let nearest = |parts: &i64| {
        let step = (quarter / parts).max(1);
        (tick + step / 2).div_euclid(step) * step
    };
    let lines = GRIDS.iter().map(nearest);
    lines.min_by_key(|line| (line - tick).abs()).unwrap_or(tick)
}

/// A key moved by octaves into what the net knows.
fn folded(note: &TokenClass, key: i32) -> i32 {
    let low = note.values.iter().copied().min().unwrap_or(0);
    let high = note.values.iter().copied().max().unwrap_or(127);
    let mut key = key;
    while key < low {
        key += 12;
    }
    while key > high && key - 12 >= low {
        key -= 12;
    }
    key
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests may unwrap")]
mod tests {
    use super::{EventVocabulary, HeardNote, PieceStart, Reach, TokenKind};
    use crate::pack::Pack;
    use afterimage_engine::continuation::Style;

    fn vocabulary() -> EventVocabulary {
        let fixtures = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures");
        let pack = Pack::open(&fixtures.join("events.onnx")).unwrap();
        pack.manifest().events.clone().unwrap()
    }

    fn tokens(vocabulary: &EventVocabulary, heard: &[HeardNote]) -> Vec<u32> {
        super::tokens(vocabulary, heard, &start(), 24, Reach::PROMPT)
    }

    fn start() -> PieceStart {
        PieceStart {
            seed: 0,
            bar_ticks: 96,
            bar_phase_ticks: 0,
            style: Style::default(),
        }
    }

    fn note(tick: i64, key: u8, duration_ticks: u32) -> HeardNote {
        HeardNote {
            tick,
            duration_ticks,
            key,
            velocity: 0.5,
        }
    }

    /// What tokens say: note and duration, shift, or the name of the class.
    fn words(tokens: &[u32], vocabulary: &EventVocabulary) -> Vec<String> {
        let word = |token: &u32| {
            let (class, value) = vocabulary.meaning(*token).unwrap();
            match class.kind {
                TokenKind::Note | TokenKind::Duration | TokenKind::Shift => {
                    format!("{} {value}", class.name)
                }
                _ => class.name.clone(),
            }
        };
        tokens.iter().map(word).collect()
    }

    #[test]
    fn a_bar_of_quarters_reads_as_a_score_has_it() {
        let vocabulary = vocabulary();
        // Let go early and a little off the beat, as players do.
        let heard = [
            note(-96, 60, 20),
            note(-71, 64, 19),
            note(-49, 67, 22),
            note(-24, 84, 23),
        ];
        let words = words(&tokens(&vocabulary, &heard), &vocabulary);
        let quarter = |key: u8| {
            [
                format!("note {key}"),
                "duration 24".into(),
                "shift 24".into(),
            ]
        };
        let mut expected = vec!["start".to_owned(), "bar".to_owned()];
        // The last key is an octave above what the net knows.
        expected.extend([60, 64, 67, 72].into_iter().flat_map(quarter));
        expected.push("bar".to_owned());
        assert_eq!(words, expected);
    }

    #[test]
    fn a_chord_is_one_tick_from_low_to_high() {
        let vocabulary = vocabulary();
        let heard = [note(-24, 67, 24), note(-24, 60, 24), note(-24, 64, 24)];
        let words = words(&tokens(&vocabulary, &heard), &vocabulary);
        let notes: Vec<_> = words
            .iter()
            .filter(|word| word.starts_with("note"))
            .collect();
        assert_eq!(notes, ["note 60", "note 64", "note 67"]);
        assert_eq!(words[words.len() - 2..], ["shift 24", "bar"]);
    }

    #[test]
    fn a_long_prompt_loses_its_first_bars() {
        let vocabulary = vocabulary();
        let heard: Vec<_> = (-128..0)
            .flat_map(|sixteenth| [60, 64].map(|key| note(6 * sixteenth, key, 6)))
            .collect();
        let tokens = tokens(&vocabulary, &heard);
        assert!((Reach::PROMPT.tokens / 2..=Reach::PROMPT.tokens).contains(&tokens.len()));
        let words = words(&tokens, &vocabulary);
        assert_eq!(words[..2], ["start", "bar"]);
    }

    #[test]
    fn the_memory_reaches_further_back_and_ends_as_the_prompt_does() {
        let vocabulary = vocabulary();
        let heard: Vec<_> = (-512..0)
            .map(|eighth| note(12 * eighth, 60 + (eighth % 7).unsigned_abs() as u8, 12))
            .collect();
        let prompt = tokens(&vocabulary, &heard);
        let all = super::tokens(&vocabulary, &heard, &start(), 24, Reach::MEMORY);
        assert!(all.len() > 5 * prompt.len() && all.len() <= Reach::MEMORY.tokens);
        assert!(all.ends_with(&prompt[1..]));
    }
}
