//! The rows of chips: what is continued, where it begins, how long it goes on. Window thread.

use egui::{Align2, Rect, Ui, pos2, vec2};
use nice_plug::prelude::{EnumParam, Param, ParamSetter};

use super::Controls;
use crate::continuation_params::{FromChoice, InputChoice, SourceChoice, StartChoice, WhenChoice};
use crate::editor::layout::Measures;
use crate::editor::theme::{self, DIM, Size, TextLook};
use crate::editor::{chip, gesture};
use crate::tempo_params::{TempoChoice, TempoParams};

/// Width that the longest row wants.
pub(super) const WIDTH: f32 = 342.0;
/// Lengths that chips name, in bars; 0 goes on.
const LENGTHS: [(i32, &str); 5] = [(0, "on"), (2, "2 bars"), (4, "4"), (8, "8"), (16, "16")];
/// Bars that are the player's between pieces; 0 is no exchange.
const TRADES: [(i32, &str); 4] = [(0, "off"), (1, "1 bar"), (2, "2"), (4, "4")];
const STARTS: [(StartChoice, &str); 3] = [
    (StartChoice::Now, "now"),
    (StartChoice::Beat, "beat"),
    (StartChoice::Bar, "bar"),
];
const SOURCES: [(SourceChoice, &str); 2] = [
    (SourceChoice::Notes, "notes"),
    (SourceChoice::Sound, "sound"),
];
const TEMPI: [(TempoChoice, &str); 3] = [
    (TempoChoice::Host, "host"),
    (TempoChoice::Own, "own"),
    (TempoChoice::Follow, "follow me"),
];
/// Lengths that one chip steps through, in seconds; 0 leaves it to the bars.
const SECONDS: [f32; 5] = [0.0, 4.0, 8.0, 16.0, 30.0];
/// Fades that one chip steps through, in seconds.
const FADES: [f32; 5] = [0.0, 1.0, 2.0, 4.0, 8.0];
const PROMPTS: [(FromChoice, &str); 2] =
    [(FromChoice::Heard, "you"), (FromChoice::Nothing, "nothing")];
/// Width of the words before chips.
const CAPTION: f32 = 52.0;
/// Rows of chips.
const ROWS: f32 = 6.0;
/// Least space between rows of chips.
const LEAST_ROW_GAP: f32 = 3.0;
/// Most space between rows of chips.
const MOST_ROW_GAP: f32 = 10.0;
/// Draws the rows.
pub(super) fn show(ui: &Ui, rect: Rect, measures: Measures, (params, setter): Controls<'_, '_>) {
    let room = (rect.height() - (ROWS - 1.0) * LEAST_ROW_GAP) / ROWS;
    let height = measures.chip.min(room);
    let step = ((rect.height() - height) / (ROWS - 1.0)).min(height + MOST_ROW_GAP);
    let row = |index: usize| {
        let from_middle = step * (index as f32 - 0.5 * (ROWS - 1.0));
        let top = rect.center().y + from_middle - 0.5 * height;
        Rect::from_min_size(pos2(rect.left(), top), vec2(rect.width(), height))
    };
    show_source(ui, row(0), (params, setter));
    let end = show_enum(ui, row(1), "Start", (&params.start, setter), &STARTS);
    let waits = params.when.unmodulated_plain_value() == WhenChoice::WhenStopped;
    if show_more(ui, row(1), end, "when I stop", waits) {
        let when = match waits {
            true => WhenChoice::AtOnce,
            false => WhenChoice::WhenStopped,
        };
        gesture::set_once(setter, &params.when, when);
    }
    show_length(ui, row(2), (params, setter));
    let trade = params.trade.unmodulated_plain_value();
    let words = TRADES.map(|(_, word)| word);
    let (picked, end) = show_row(ui, row(3), "Trade", &words, |index| {
        TRADES[index].0 == trade
    });
    if let Some(index) = picked {
        gesture::set_once(setter, &params.trade, TRADES[index].0);
    }
    let until = params.until_played.unmodulated_plain_value();
    if show_more(ui, row(3), end, "until I play", until) {
        gesture::set_once(setter, &params.until_played, !until);
    }
    let end = show_enum(ui, row(4), "From", (&params.from, setter), &PROMPTS);
    show_end(ui, row(4), end, (params, setter));
    show_tempo(ui, row(5), (&params.tempo, setter));
}

/// Whether it fades, and whether it looks for a cadence.
fn show_end(ui: &Ui, row: Rect, end: f32, (params, setter): Controls<'_, '_>) {
    let fade = params.fade.unmodulated_plain_value();
    let word = match fade {
        0.0 => "fade".to_owned(),
        seconds => format!("fade {seconds:.0} s"),
    };
    if show_more(ui, row, end, &word, fade > 0.0) {
        let next = FADES.iter().find(|length| **length > fade);
        gesture::set_once(setter, &params.fade, next.copied().unwrap_or(0.0));
    }
    let cadence = params.cadence.unmodulated_plain_value();
    let end = end + 10.0 + chip::width(ui, &word);
    if show_more(ui, row, end, "cadence", cadence) {
        gesture::set_once(setter, &params.cadence, !cadence);
    }
}

/// Who is asked for the tempo, and the chip that is tapped.
fn show_tempo(ui: &Ui, row: Rect, (params, setter): (&TempoParams, &ParamSetter<'_>)) {
    let end = show_enum(ui, row, "Tempo", (&params.source, setter), &TEMPI);
    let down = params.tap.unmodulated_plain_value();
    let size = vec2(chip::width(ui, "tap"), row.height());
    let rect = Rect::from_min_size(pos2(end + 10.0, row.top()), size);
    let response = chip::show(ui, rect, "tap", down);
    // A tap counts when the button goes down; it comes up with the button, so that the next is another.
    // Only what the pointer changes is set: automation may hold it.
    let is_down = response.is_pointer_button_down_on();
    let was_down = ui
        .data(|data| data.get_temp::<bool>(response.id))
        .unwrap_or_default();
    if is_down != was_down {
        gesture::set_once(setter, &params.tap, is_down);
        ui.data_mut(|data| data.insert_temp(response.id, is_down));
    }
    response
        .on_hover_text("Tap the beat, the first tap on the bar; a host that plays rules over it");
}

/// Notes or sound; for sound, whether the player is heard beside the piece.
fn show_source(ui: &Ui, row: Rect, (params, setter): Controls<'_, '_>) {
    let end = show_enum(ui, row, "Hear", (&params.source, setter), &SOURCES);
    if params.source.unmodulated_plain_value() == SourceChoice::Notes {
        return;
    }
    let heard = params.input.unmodulated_plain_value() == InputChoice::Heard;
    if show_more(ui, row, end, "you beside it", heard) {
        let input = match heard {
            true => InputChoice::Muted,
            false => InputChoice::Heard,
        };
        gesture::set_once(setter, &params.input, input);
    }
}

/// Bars, or seconds behind them.
fn show_length(ui: &Ui, row: Rect, (params, setter): Controls<'_, '_>) {
    let bars = params.bars.unmodulated_plain_value();
    let seconds = params.seconds.unmodulated_plain_value();
    let words = LENGTHS.map(|(_, word)| word);
    let (picked, end) = show_row(ui, row, "Length", &words, |index| {
        LENGTHS[index].0 == bars && (bars > 0 || seconds == 0.0)
    });
    if let Some(index) = picked {
        gesture::set_once(setter, &params.bars, LENGTHS[index].0);
        gesture::set_once(setter, &params.seconds, 0.0);
    }
    let word = match seconds {
        0.0 => "seconds".to_owned(),
        seconds => format!("{seconds:.0} s"),
    };
    if show_more(ui, row, end, &word, seconds > 0.0) {
        let next = SECONDS.iter().find(|length| **length > seconds);
        gesture::set_once(setter, &params.seconds, next.copied().unwrap_or(0.0));
    }
}

fn show_enum<T: nice_plug::prelude::Enum + PartialEq + Copy + 'static>(
    ui: &Ui,
    rect: Rect,
    caption: &str,
    (param, setter): (&EnumParam<T>, &ParamSetter<'_>),
    choices: &[(T, &str)],
) -> f32 {
    let now = param.unmodulated_plain_value();
    let words: Vec<&str> = choices.iter().map(|(_, word)| *word).collect();
    let (picked, end) = show_row(ui, rect, caption, &words, |index| choices[index].0 == now);
    if let Some(index) = picked {
        gesture::set_once(setter, param, choices[index].0);
    }
    end
}

/// A chip of its own behind a row; whether it was clicked.
fn show_more(ui: &Ui, row: Rect, end: f32, word: &str, chosen: bool) -> bool {
    let size = vec2(chip::width(ui, word), row.height());
    let rect = Rect::from_min_size(pos2(end + 10.0, row.top()), size);
    chip::show(ui, rect, word, chosen).clicked()
}

/// A caption and chips; the chip that was clicked, and where the row ends.
fn show_row(
    ui: &Ui,
    rect: Rect,
    caption: &str,
    words: &[&str],
    chosen: impl Fn(usize) -> bool,
) -> (Option<usize>, f32) {
    let look = TextLook::regular(Size::Note, DIM);
    theme::text(
        ui.painter(),
        rect.left_center(),
        Align2::LEFT_CENTER,
        caption,
        look,
    );
    let mut x = rect.left() + CAPTION;
    let mut clicked = None;
    for (index, word) in words.iter().enumerate() {
        let size = vec2(chip::width(ui, word), rect.height());
        let chip = Rect::from_min_size(pos2(x, rect.top()), size);
        if chip::show(ui, chip, word, chosen(index)).clicked() {
            clicked = Some(index);
        }
        x += size.x + 6.0;
    }
    (clicked, x)
}
