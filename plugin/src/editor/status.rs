//! The truth about the engine in words: calm when all is well, warm when not. Window thread.

use std::time::Instant;

use afterimage_engine::Monitor;
use egui::{Align2, Rect, Sense, Shape, Stroke, Ui, pos2, vec2};
use nice_plug::prelude::Param;

use super::facts::Facts;
use super::theme::{self, DIM, INK, Size, TextLook, WARM};
use crate::params::{InstrumentParams, LatencyChoice};

/// Share of real time beyond which the worker will soon be late.
const HIGH_LOAD: f32 = 0.8;

/// Draws two lines: how it goes now, and how it is set.
pub(super) fn show(
    ui: &Ui,
    rect: Rect,
    (facts, monitor): (&Facts, &Monitor),
    params: &InstrumentParams,
    now: Instant,
) {
    theme::panel(ui.painter(), rect);
    let inner = rect.shrink2(vec2(16.0, 0.0));
    let first = pos2(inner.left(), rect.center().y - 10.0);
    let second = pos2(inner.left(), rect.center().y + 10.0);
    let load = monitor.worker_load();
    let x = show_late(ui, first, facts, now);
    let load_colour = if load > HIGH_LOAD { WARM } else { DIM };
    let look = TextLook::regular(Size::Value, load_colour);
    let at = pos2(x + 16.0, first.y);
    theme::text(
        ui.painter(),
        at,
        Align2::LEFT_CENTER,
        &load_words(load),
        look,
    );
    let voices = voices_words(monitor.voices());
    let dim = TextLook::regular(Size::Value, DIM);
    let right = pos2(inner.right(), first.y);
    theme::text(ui.painter(), right, Align2::RIGHT_CENTER, &voices, dim);
    let latency = latency_words(
        params.latency_mode.unmodulated_plain_value(),
        monitor.latency_samples(),
    );
    let note = TextLook::regular(Size::Note, DIM);
    let latency_rect = theme::text(ui.painter(), second, Align2::LEFT_CENTER, &latency, note);
    let backend_width = inner.right() - latency_rect.right() - 12.0;
    let backend_at = pos2(inner.right(), second.y);
    let backend = &facts.status.backend;
    theme::text_within(
        ui.painter(),
        backend_at,
        Align2::RIGHT_CENTER,
        backend,
        (note, backend_width),
    );
    ui.interact(rect, ui.scope_id().with("status"), Sense::hover())
        .on_hover_text(details(monitor, backend));
}

/// Draws the late-frame counter; returns where it ends.
fn show_late(ui: &Ui, at: egui::Pos2, facts: &Facts, now: Instant) -> f32 {
    let warm = facts.is_late(now);
    let mut at = at;
    if warm {
        // A sign beside the colour.
        let points = vec![
            at + vec2(0.0, 4.5),
            at + vec2(5.0, -4.5),
            at + vec2(10.0, 4.5),
        ];
        ui.painter()
            .add(Shape::convex_polygon(points, WARM, Stroke::NONE));
        at.x += 15.0;
    }
    let look = TextLook::medium(Size::Name, if warm { WARM } else { INK });
    let words = format!("{} late", facts.late_frames);
    theme::text(ui.painter(), at, Align2::LEFT_CENTER, &words, look).right()
}

fn load_words(load: f32) -> String {
    let share = format!("worker {:.0} %", load.clamp(0.0, 9.99) * 100.0);
    if load > HIGH_LOAD {
        share + ", near its limit"
    } else {
        share
    }
}

fn voices_words(voices: u32) -> String {
    match voices {
        0 => "silent".into(),
        1 => "1 voice".into(),
        more => format!("{more} voices"),
    }
}

fn latency_words(mode: LatencyChoice, samples: u32) -> String {
    match mode {
        LatencyChoice::Exact => format!("Exact · latency {samples} samples"),
        // The host is told zero, and notes begin on their sample.
        LatencyChoice::Instant => format!("Instant · knobs follow after {samples} samples"),
    }
}

/// What else was counted, for the pointer that rests here.
fn details(monitor: &Monitor, backend: &str) -> String {
    let counts = monitor.counts();
    let mut lines = vec![format!(
        "{} frames decoded, {} late",
        counts.decoded_frames, counts.late_frames
    )];
    for (count, words) in [
        (counts.stolen_voices, "voices stolen"),
        (counts.cold_attacks, "notes had no attack ready"),
        (counts.dropped_notes, "notes found no voice"),
        (counts.limited_samples, "samples limited"),
        (counts.non_finite_samples, "samples silenced"),
        (counts.failed_decodes, "decoder calls failed"),
    ] {
        if count > 0 {
            lines.push(format!("{count} {words}"));
        }
    }
    if !backend.is_empty() {
        lines.push(backend.into());
    }
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::{latency_words, load_words, voices_words};
    use crate::params::LatencyChoice;

    #[test]
    fn the_line_tells_the_truth_in_words() {
        assert_eq!(load_words(0.214), "worker 21 %");
        assert_eq!(load_words(0.93), "worker 93 %, near its limit");
        assert_eq!(voices_words(1), "1 voice");
        assert_eq!(
            latency_words(LatencyChoice::Exact, 480),
            "Exact · latency 480 samples"
        );
        assert_eq!(
            latency_words(LatencyChoice::Instant, 480),
            "Instant · knobs follow after 480 samples"
        );
    }
}
