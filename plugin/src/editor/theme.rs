//! Tokens of the window's design: colours, type, measures. Window thread.

use std::sync::Arc;

use egui::{
    Align2, Color32, Context, CornerRadius, FontData, FontDefinitions, FontFamily, FontId, Painter,
    Pos2, Rect, Stroke, Theme, Visuals,
};

/// Behind everything.
pub(super) const GROUND: Color32 = Color32::from_rgb(0x12, 0x14, 0x17);
/// Behind a group of controls.
pub(super) const PANEL: Color32 = Color32::from_rgb(0x19, 0x1c, 0x20);
/// Separators, tracks of knobs, chosen chips.
pub(super) const LINE: Color32 = Color32::from_rgb(0x26, 0x2a, 0x30);
/// Text that is read first.
pub(super) const INK: Color32 = Color32::from_rgb(0xe6, 0xe3, 0xdc);
/// Text that is read second.
pub(super) const DIM: Color32 = Color32::from_rgb(0x8b, 0x90, 0x98);
/// Marks that carry no text: borders of chips, ticks.
pub(super) const FAINT: Color32 = Color32::from_rgb(0x56, 0x5c, 0x65);
/// "You": what the player does.
pub(super) const WARM: Color32 = Color32::from_rgb(0xe8, 0xa1, 0x5c);
/// "It": what the model does.
pub(super) const COOL: Color32 = Color32::from_rgb(0x6f, 0xb7, 0xc9);
/// The loudest colour of the spectrogram.
pub(super) const NEAR_WHITE: Color32 = Color32::from_rgb(0xf4, 0xf8, 0xf8);

/// Corner radius of panels, logical pixels.
pub(super) const RADIUS: u8 = 8;
/// Corner radius of controls, logical pixels.
pub(super) const CONTROL_RADIUS: u8 = 6;

/// The five sizes of type, logical pixels.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Size {
    /// Product name.
    Title = 18,
    /// Verbs and the sentence of an empty picture.
    Verb = 15,
    /// Names.
    Name = 13,
    /// Values and chips.
    Value = 12,
    /// Annotations.
    Note = 11,
}

/// Regular or medium weight of the one family.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Weight {
    /// Weight 400.
    Regular,
    /// Weight 500.
    Medium,
}

/// How a line of text looks.
#[derive(Clone, Copy, Debug)]
pub(super) struct TextLook {
    size: Size,
    weight: Weight,
    /// Colour of the glyphs.
    pub(super) colour: Color32,
}

impl TextLook {
    /// Regular weight.
    pub(super) const fn regular(size: Size, colour: Color32) -> Self {
        Self {
            size,
            weight: Weight::Regular,
            colour,
        }
    }

    /// Medium weight.
    pub(super) const fn medium(size: Size, colour: Color32) -> Self {
        Self {
            size,
            weight: Weight::Medium,
            colour,
        }
    }

    /// The font this look asks for.
    pub(super) fn font(self) -> FontId {
        let family = match self.weight {
            Weight::Regular => FontFamily::Proportional,
            Weight::Medium => FontFamily::Name(MEDIUM.into()),
        };
        FontId::new(f32::from(self.size as u8), family)
    }
}

const MEDIUM: &str = "medium";

/// Draws one line and returns where it lies.
pub(super) fn text(
    painter: &Painter,
    at: Pos2,
    align: Align2,
    words: &str,
    look: TextLook,
) -> Rect {
    painter.text(at, align, words, look.font(), look.colour)
}

/// Draws one line that ends in an ellipsis where `width` ends. True when it had to be cut.
pub(super) fn text_within(
    painter: &Painter,
    at: Pos2,
    align: Align2,
    words: &str,
    (look, width): (TextLook, f32),
) -> bool {
    let mut job = egui::text::LayoutJob::simple_singleline(words.into(), look.font(), look.colour);
    job.wrap = egui::text::TextWrapping::truncate_at_width(width);
    let galley = painter.layout_job(job);
    let cut = galley.elided;
    let rect = align.anchor_size(at, galley.size());
    painter.galley(rect.min, galley, look.colour);
    cut
}

/// Width of one line.
pub(super) fn text_width(painter: &Painter, words: &str, look: TextLook) -> f32 {
    painter
        .layout_no_wrap(words.into(), look.font(), look.colour)
        .size()
        .x
}

/// Fills a panel.
pub(super) fn panel(painter: &Painter, rect: Rect) {
    painter.rect_filled(rect, CornerRadius::same(RADIUS), PANEL);
}

/// Fills a panel, with its title left and a note right if `height` leaves them a line; returns
/// what is under them.
pub(super) fn titled_panel(
    painter: &Painter,
    rect: Rect,
    (padding, height): (f32, f32),
    (title, note): (&str, &str),
) -> Rect {
    panel(painter, rect);
    let inner = rect.shrink2(egui::vec2(16.0, padding));
    if height <= 0.0 {
        return inner;
    }
    let y = inner.top() + 8.0;
    let title_look = TextLook::medium(Size::Name, INK);
    let title_at = egui::pos2(inner.left(), y);
    text(painter, title_at, Align2::LEFT_CENTER, title, title_look);
    let note_look = TextLook::regular(Size::Note, DIM);
    let note_at = egui::pos2(inner.right(), y);
    text(painter, note_at, Align2::RIGHT_CENTER, note, note_look);
    Rect::from_min_max(egui::pos2(inner.left(), inner.top() + height), inner.max)
}

/// Installs font and colours. Call once a window.
pub(super) fn install(context: &Context) {
    context.set_fonts(fonts());
    context.set_theme(Theme::Dark);
    context.set_visuals(visuals());
    context.all_styles_mut(|style| {
        style.animation_time = 0.0;
        style.interaction.tooltip_delay = 0.6;
        for font in style.text_styles.values_mut() {
            *font = FontId::proportional(f32::from(Size::Value as u8));
        }
    });
}

fn fonts() -> FontDefinitions {
    let regular: &[u8] = include_bytes!("../../assets/inter/Inter-Regular.otf");
    let medium: &[u8] = include_bytes!("../../assets/inter/Inter-Medium.otf");
    let mut fonts = FontDefinitions::empty();
    let data = &mut fonts.font_data;
    data.insert("inter".into(), Arc::new(FontData::from_static(regular)));
    data.insert(MEDIUM.into(), Arc::new(FontData::from_static(medium)));
    for family in [FontFamily::Proportional, FontFamily::Monospace] {
        fonts.families.insert(family, vec!["inter".into()]);
    }
    let medium_first = vec![MEDIUM.into(), "inter".into()];
    fonts
        .families
        .insert(FontFamily::Name(MEDIUM.into()), medium_first);
    fonts
}

fn visuals() -> Visuals {
    let mut visuals = Visuals::dark();
    visuals.override_text_color = Some(INK);
    visuals.panel_fill = GROUND;
    visuals.window_fill = PANEL;
    visuals.window_stroke = Stroke::new(1.0, LINE);
    visuals.extreme_bg_color = GROUND;
    visuals.selection.bg_fill = COOL.gamma_multiply(0.4);
    visuals.selection.stroke = Stroke::new(1.0, INK);
    visuals.text_cursor.stroke = Stroke::new(1.5, INK);
    for widget in [
        &mut visuals.widgets.noninteractive,
        &mut visuals.widgets.inactive,
        &mut visuals.widgets.hovered,
        &mut visuals.widgets.active,
        &mut visuals.widgets.open,
    ] {
        widget.corner_radius = CornerRadius::same(CONTROL_RADIUS);
        widget.bg_fill = LINE;
        widget.weak_bg_fill = LINE;
        widget.bg_stroke = Stroke::new(1.0, LINE);
        widget.fg_stroke = Stroke::new(1.0, INK);
    }
    visuals
}

#[cfg(test)]
mod tests {
    use super::{COOL, DIM, GROUND, INK, LINE, NEAR_WHITE, PANEL, WARM};
    use egui::Color32;

    /// Source: WCAG 2.2, "relative luminance".
    fn luminance(colour: Color32) -> f64 {
        let linear = |value: u8| {
            let value = f64::from(value) / 255.0;
            if value <= 0.04045 {
                value / 12.92
            } else {
                ((value + 0.055) / 1.055).powf(2.4)
            }
        };
        0.2126 * linear(colour.r()) + 0.7152 * linear(colour.g()) + 0.0722 * linear(colour.b())
    }

    fn contrast(text: Color32, behind: Color32) -> f64 {
        let (a, b) = (luminance(text), luminance(behind));
        (a.max(b) + 0.05) / (a.min(b) + 0.05)
    }

    #[test]
    fn every_text_colour_reads_on_every_ground_it_is_put_on() {
        for text in [INK, DIM, WARM, COOL, NEAR_WHITE] {
            for behind in [GROUND, PANEL] {
                let ratio = contrast(text, behind);
                assert!(
                    ratio >= 4.5,
                    "{text:?} on {behind:?} has only {ratio:.2} : 1"
                );
            }
        }
        // Chosen chips and lit rows carry ink only.
        assert!(contrast(INK, LINE) >= 4.5);
    }

    #[test]
    fn the_measure_finds_colours_that_do_not_read() {
        assert!(contrast(super::FAINT, GROUND) < 4.5);
    }

    #[test]
    fn fonts_parse_and_hold_the_signs_the_window_uses() {
        let mut fonts =
            egui::epaint::text::Fonts::new(egui::epaint::TextOptions::default(), super::fonts());
        for look in [
            super::TextLook::regular(super::Size::Value, INK),
            super::TextLook::medium(super::Size::Name, INK),
        ] {
            assert!(fonts.has_glyphs(&look.font(), "Äé×·−+…%# 0123456789 Brightness"));
        }
    }
}
