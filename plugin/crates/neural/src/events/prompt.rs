//! What was heard, as the tokens that the net was trained on.

use afterimage_engine::continuation::{HeardNote, PieceStart};

use crate::manifest::{EventVocabulary, TokenClass, TokenKind};

/// Bars of a prompt: a phrase and its answer.
const PROMPT_BARS: i64 = 8;
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
    let first_bar = -phase - (PROMPT_BARS - 1) * bar - if phase == 0 { bar } else { 0 };
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
    tokens
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
