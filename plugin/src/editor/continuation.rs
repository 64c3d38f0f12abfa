//! Continuation: how it begins and how long it goes on, what it is like, and where it stands.
//! Window thread.

mod choices;

use afterimage_engine::MusicalTime;
use afterimage_engine::continuation::TempoFrom;
use egui::{Align2, Rect, Role, Sense, Shape, Stroke, Ui, WidgetInfo, pos2, vec2};
use nice_plug::prelude::{BoolParam, FloatParam, IntParam, Param, ParamSetter};

use super::chip;
use super::conditions::stepped;
use super::facts::Facts;
use super::gesture;
use super::grid::place;
use super::knob::{self, KnobLook};
use super::layout::{Measures, knob_height};
use super::theme::{self, COOL, DIM, FAINT, INK, LINE, Size, TextLook, WARM};
use crate::continuation_params::{ContinuationParams, SourceChoice, WhenChoice};
use crate::params::PackNames;

/// Two labels, four knobs, the seed, and whether it sounds or the gate.
const CELLS: usize = 8;
/// Width of the ring with a word beside it.
const LEAST_STATE: f32 = 150.0;
/// Points of a ring.
const RING_POINTS: usize = 64;

/// Parameters, and what moves them.
type Controls<'a, 'b> = (&'a ContinuationParams, &'a ParamSetter<'b>);

/// Draws both panels, one over the other.
pub(super) fn show(
    ui: &mut Ui,
    rect: Rect,
    measures: Measures,
    controls: Controls<'_, '_>,
    (facts, time): (&Facts, MusicalTime),
) {
    let knobs_height = knob_height(measures.knob) + 2.0 * measures.title_padding();
    let knobs = rect.with_min_y(rect.bottom() - knobs_height);
    let state = rect.with_max_y(knobs.top() - measures.gap * 0.5);
    theme::panel(ui.painter(), state);
    theme::panel(ui.painter(), knobs);
    let inner = state.shrink2(vec2(measures.padding, measures.title_padding()));
    // In a narrow window the rows of chips keep their width.
    let left_width = (inner.width() - choices::WIDTH).clamp(LEAST_STATE, inner.width() * 0.44);
    let (left, right) = inner.split_left_right_at_x(inner.left() + left_width);
    show_state(ui, left, controls, (facts, time));
    choices::show(ui, right, measures, controls);
    let names = match controls.0.source.unmodulated_plain_value() {
        SourceChoice::Notes => &facts.composer_names,
        SourceChoice::Sound => &facts.continuer_names,
    };
    show_knobs(ui, knobs, measures, controls, names);
}

/// The ring that starts and stops, and where the piece stands.
fn show_state(
    ui: &Ui,
    rect: Rect,
    (params, setter): Controls<'_, '_>,
    about: (&Facts, MusicalTime),
) {
    let (facts, time) = about;
    let runs = params.run.unmodulated_plain_value();
    let bars = params.bars.unmodulated_plain_value();
    let radius = (rect.height() * 0.5).min(38.0);
    let centre = pos2(rect.left() + radius, rect.center().y);
    let button = Rect::from_center_size(centre, vec2(2.0 * radius, 2.0 * radius));
    let response = ui.interact(button, ui.scope_id().with("run"), Sense::click());
    let says = if runs { "Stop" } else { "Continue" };
    response.widget_info(|| WidgetInfo::labeled(Role::Button, true, says));
    if response.clicked() {
        gesture::set_once(setter, &params.run, !runs);
    }
    let waits = params.when.unmodulated_plain_value() == WhenChoice::WhenStopped;
    let exchanges = waits || params.trade.unmodulated_plain_value() > 0;
    let words = words_of(runs, bars, exchanges, time);
    let painter = ui.painter();
    let ring = if response.hovered() { DIM } else { LINE };
    painter.circle_stroke(centre, radius - 2.0, Stroke::new(3.0, ring));
    if let Some(share) = words.share {
        let colour = if words.sounds { COOL } else { WARM };
        let points = (0..=RING_POINTS).map(|point| {
            let turn = share * point as f32 / RING_POINTS as f32 - 0.25;
            centre + (radius - 2.0) * egui::Vec2::angled(std::f32::consts::TAU * turn)
        });
        painter.add(Shape::line(points.collect(), Stroke::new(3.0, colour)));
    }
    let look = TextLook::medium(Size::Name, INK);
    theme::text(painter, centre, Align2::CENTER_CENTER, &words.ring, look);
    response.on_hover_text("Lets it play on, or takes over again");
    let x = button.right() + 16.0;
    let room = rect.right() - x - 8.0;
    let colour = if words.sounds { COOL } else { INK };
    let player = match params.source.unmodulated_plain_value() {
        SourceChoice::Notes => &facts.composer.pack_name,
        SourceChoice::Sound => &facts.continuer.pack_name,
    };
    let player = match player.as_str() {
        "" => "no player: choose one on the shelf",
        name => name,
    };
    let beat = match params.source.unmodulated_plain_value() {
        SourceChoice::Notes => words_of_tempo(&time),
        SourceChoice::Sound => {
            let heard = words_of_hearing(facts.input_db, facts.behind_s);
            format!("{} · {heard}", words_of_tempo(&time))
        }
    };
    for (line, (text, look)) in [
        (words.title.as_str(), TextLook::medium(Size::Name, colour)),
        (player, TextLook::regular(Size::Value, INK)),
        (beat.as_str(), TextLook::regular(Size::Note, DIM)),
    ]
    .into_iter()
    .enumerate()
    {
        let at = pos2(x, rect.center().y + 20.0 * (line as f32 - 1.0));
        theme::text_within(painter, at, Align2::LEFT_CENTER, text, (look, room));
    }
}

/// How fast it goes, who says so, and how sure what is played makes us of it.
fn words_of_tempo(time: &MusicalTime) -> String {
    let from = match time.tempo_from {
        TempoFrom::Host => "of the host".to_owned(),
        TempoFrom::Own => String::new(),
        TempoFrom::Taps => "tapped".to_owned(),
        TempoFrom::Clock => "MIDI clock".to_owned(),
        TempoFrom::Played => format!("yours, {:.0} % sure", 100.0 * time.confidence),
        TempoFrom::Held => "yours, held".to_owned(),
    };
    format!("{:.0} bpm {from}", time.tempo_bpm)
        .trim_end()
        .to_owned()
}

/// What is said of the input.
fn words_of_hearing(input_db: f32, behind_s: f32) -> String {
    const SILENT_DB: f32 = -90.0;
    const BEHIND_S: f32 = 1.0; // less is the ordinary wait for a horizon
    let heard = match input_db {
        db if db > SILENT_DB => format!("you at {db:.0} dB"),
        _ => "no input".to_owned(),
    };
    let behind = match behind_s {
        s if s > BEHIND_S => format!(" · {s:.0} s behind"),
        _ => String::new(),
    };
    format!("{heard}{behind}")
}

/// What ring and title say.
#[derive(Debug, PartialEq)]
struct Words {
    ring: String,
    title: String,
    /// Share of the ring that is drawn.
    share: Option<f32>,
    sounds: bool,
}

fn words_of(runs: bool, bars: i32, exchanges: bool, time: MusicalTime) -> Words {
    let bar_ticks = i64::from(time.bar_ticks.max(1));
    let words = |ring: &str, title: &str| Words {
        ring: ring.to_owned(),
        title: title.to_owned(),
        share: None,
        sounds: false,
    };
    match time.piece_tick {
        Some(tick) if tick < 0 => Words {
            share: Some(1.0 - (-tick as f32 / bar_ticks as f32).min(1.0)),
            ..words("soon", "It is about to play on")
        },
        Some(tick) => {
            let bar = tick / bar_ticks + 1;
            let within = (tick % bar_ticks) as f32 / bar_ticks as f32;
            let (ring, share) = if bars > 0 {
                let share = (bar - 1) as f32 + within;
                (format!("{bar} of {bars}"), share / bars as f32)
            } else {
                (format!("bar {bar}"), within)
            };
            Words {
                share: Some(share.min(1.0)),
                sounds: true,
                ..words(&ring, "Playing on")
            }
        }
        None if runs && exchanges => words("yours", "Your turn"),
        None if runs => words("done", "It has ended; click twice for another"),
        None => words("play on", "Listening"),
    }
}

fn show_knobs(
    ui: &mut Ui,
    rect: Rect,
    measures: Measures,
    (params, setter): Controls<'_, '_>,
    names: &PackNames,
) {
    let inner = rect.shrink2(vec2(8.0, measures.title_padding()));
    let cell = |index: usize| {
        place(
            inner,
            inner.top(),
            (index, CELLS),
            knob_height(measures.knob),
        )
    };
    for (index, param) in [&params.label_1, &params.label_2].into_iter().enumerate() {
        show_label(
            ui,
            cell(index),
            measures,
            (param, setter),
            names.classes.get(index),
        );
    }
    let knobs = [
        (
            &params.temperature,
            "Freedom",
            "0 takes the likeliest note each time",
        ),
        (
            &params.top_p,
            "Top-p",
            "How much of what is likely may come",
        ),
        (
            &params.likeness,
            "Likeness",
            "How much of what you played comes back",
        ),
        (
            &params.tempo.bpm,
            "Tempo",
            "Rules where neither the host nor you name a tempo",
        ),
    ];
    for (index, (param, name, hint)) in knobs.into_iter().enumerate() {
        let look = KnobLook {
            diameter: measures.knob,
            colour: COOL,
            name,
            value: Some(param.to_string()),
            hint,
            sounding: None,
        };
        knob::show(ui, cell(index + 2), param, setter, &look);
    }
    show_seed(ui, cell(6), measures, (&params.seed, setter));
    match params.source.unmodulated_plain_value() {
        SourceChoice::Notes => show_sounds(ui, cell(7), measures, (&params.sounds, setter)),
        SourceChoice::Sound => show_gate(ui, cell(7), measures, (&params.gate_db, setter)),
    }
}

/// A chip where knobs have their arc, the name where they have theirs.
fn chip_rect(ui: &Ui, cell: Rect, measures: Measures, name: &str) -> Rect {
    let at = pos2(cell.center().x, cell.top() + measures.knob + 10.0);
    let within = (TextLook::regular(Size::Value, INK), cell.width() - 2.0);
    theme::text_within(ui.painter(), at, Align2::CENTER_CENTER, name, within);
    let centre = pos2(cell.center().x, cell.top() + measures.knob * 0.5);
    Rect::from_center_size(centre, vec2(cell.width() - 8.0, measures.chip))
}

fn show_label(
    ui: &Ui,
    cell: Rect,
    measures: Measures,
    (param, setter): (&IntParam, &ParamSetter<'_>),
    class: Option<&(String, Vec<String>)>,
) {
    let Some((name, labels)) = class else {
        let chip = chip_rect(ui, cell, measures, "");
        let look = TextLook::regular(Size::Note, FAINT);
        theme::text(
            ui.painter(),
            chip.center(),
            Align2::CENTER_CENTER,
            "—",
            look,
        );
        return;
    };
    let now = param.unmodulated_plain_value();
    let word = labels.get(now as usize).map_or("—", String::as_str);
    let response = chip::show(ui, chip_rect(ui, cell, measures, name), word, true);
    let by = i32::from(response.clicked()) - i32::from(response.secondary_clicked());
    if by != 0 {
        gesture::set_once(setter, param, stepped(now, by, labels.len() as i32));
    }
    response.on_hover_text(format!(
        "{name}: {word}\nclick for the next, right click for the one before"
    ));
}

fn show_seed(
    ui: &Ui,
    cell: Rect,
    measures: Measures,
    (param, setter): (&IntParam, &ParamSetter<'_>),
) {
    let now = param.unmodulated_plain_value();
    let chip = chip_rect(ui, cell, measures, "Seed");
    let response = chip::show(ui, chip, &now.to_string(), false);
    let by = i32::from(response.clicked()) - i32::from(response.secondary_clicked());
    if by != 0 {
        gesture::set_once(setter, param, stepped(now, by, 10_000));
    }
    response.on_hover_text(
        "The same seed plays the same again\nclick for the next, right click for the one before",
    );
}

fn show_gate(
    ui: &mut Ui,
    cell: Rect,
    measures: Measures,
    (param, setter): (&FloatParam, &ParamSetter<'_>),
) {
    let look = KnobLook {
        diameter: measures.knob,
        colour: WARM,
        name: "Gate",
        value: Some(param.to_string()),
        hint: "What is softer counts as nothing played",
        sounding: None,
    };
    knob::show(ui, cell, param, setter, &look);
}

fn show_sounds(
    ui: &Ui,
    cell: Rect,
    measures: Measures,
    (param, setter): (&BoolParam, &ParamSetter<'_>),
) {
    let sounds = param.unmodulated_plain_value();
    let word = if sounds { "here" } else { "MIDI only" };
    let response = chip::show(ui, chip_rect(ui, cell, measures, "Sounds"), word, sounds);
    if response.clicked() {
        gesture::set_once(setter, param, !sounds);
    }
    response.on_hover_text(
        "Whether this instrument plays the notes; they always go to the MIDI output",
    );
}

#[cfg(test)]
mod tests {
    use super::{MusicalTime, TempoFrom, words_of, words_of_hearing, words_of_tempo};

    #[test]
    fn what_is_heard_is_said_in_words_and_so_is_falling_behind() {
        assert_eq!(words_of_hearing(-120.0, 0.2), "no input");
        assert_eq!(words_of_hearing(-12.2, 0.2), "you at -12 dB");
        assert!(words_of_hearing(-12.0, 3.2).ends_with("3 s behind"));
    }

    #[test]
    fn the_tempo_says_whose_it_is() {
        let words = |tempo_from, confidence| {
            words_of_tempo(&MusicalTime {
                tempo_from,
                confidence,
                ..at(None)
            })
        };
        assert_eq!(words(TempoFrom::Own, 0.4), "120 bpm");
        assert_eq!(words(TempoFrom::Played, 0.82), "120 bpm yours, 82 % sure");
        assert_eq!(words(TempoFrom::Held, 0.1), "120 bpm yours, held");
    }

    fn at(piece_tick: Option<i64>) -> MusicalTime {
        MusicalTime {
            piece_tick,
            bar_ticks: 96,
            tempo_bpm: 120.0,
            ..MusicalTime::default()
        }
    }

    #[test]
    fn the_ring_counts_bars_from_one() {
        assert_eq!(words_of(true, 4, false, at(Some(0))).ring, "1 of 4");
        assert_eq!(words_of(true, 4, false, at(Some(383))).ring, "4 of 4");
        assert_eq!(words_of(true, 0, false, at(Some(96))).ring, "bar 2");
        assert_eq!(words_of(true, 4, false, at(Some(192))).share, Some(0.5));
    }

    #[test]
    fn before_and_after_a_piece_it_says_so() {
        assert_eq!(words_of(true, 0, false, at(Some(-24))).share, Some(0.75));
        assert_eq!(words_of(false, 0, false, at(None)).title, "Listening");
        assert!(words_of(true, 2, false, at(None)).title.contains("ended"));
        assert_eq!(words_of(true, 2, true, at(None)).title, "Your turn");
    }
}
