//! A small canvas: colours, lines, text. Writes PNG.

use std::fs::File;
use std::io::BufWriter;
use std::path::Path;

use ab_glyph::{Font, FontRef, Glyph, PxScale, ScaleFont, point};
use anyhow::{Context, Result};

/// Red, green, blue.
pub type Colour = [u8; 3];

/// Where a text's anchor lies on it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Anchor {
    /// The text begins there.
    Left,
    /// The text is centred there.
    Middle,
    /// The text ends there.
    Right,
}

/// An image being drawn, row by row from the top left.
pub struct Canvas {
    /// Pixels across.
    pub width: usize,
    /// Pixels down.
    pub height: usize,
    pixels: Vec<Colour>,
    font: FontRef<'static>,
}

impl Canvas {
    pub fn new(width: usize, height: usize, background: Colour) -> Result<Self> {
        let font = FontRef::try_from_slice(epaint_default_fonts::UBUNTU_LIGHT)
            .context("the font cannot be read")?;
        Ok(Self {
            width,
            height,
            pixels: vec![background; width * height],
            font,
        })
    }

    pub fn set(&mut self, x: i64, y: i64, colour: Colour) {
        self.blend(x, y, colour, 1.0);
    }

    /// Mixes `colour` into a pixel by `share`, 0 to 1; pixels outside are left alone.
    pub fn blend(&mut self, x: i64, y: i64, colour: Colour, share: f32) {
        let inside = (0..self.width as i64).contains(&x) && (0..self.height as i64).contains(&y);
        if !inside {
            return;
        }
        let pixel = &mut self.pixels[y as usize * self.width + x as usize];
        for (old, new) in pixel.iter_mut().zip(colour) {
            *old = (f32::from(*old) + share * (f32::from(new) - f32::from(*old))).round() as u8;
        }
    }

    pub fn fill(&mut self, x: i64, y: i64, width: i64, height: i64, colour: Colour) {
        for row in y..y + height {
            for column in x..x + width {
                self.set(column, row, colour);
            }
        }
    }

    /// A line with soft edges, `thickness` pixels wide.
    pub fn line(&mut self, from: (f32, f32), to: (f32, f32), thickness: f32, colour: Colour) {
        let (dx, dy) = (to.0 - from.0, to.1 - from.1);
        let length = dx.hypot(dy).max(1e-6);
        let reach = thickness / 2.0 + 1.0;
        let (left, right) = (from.0.min(to.0) - reach, from.0.max(to.0) + reach);
        let (top, bottom) = (from.1.min(to.1) - reach, from.1.max(to.1) + reach);
        for y in top.floor() as i64..=bottom.ceil() as i64 {
            for x in left.floor() as i64..=right.ceil() as i64 {
                let (px, py) = (x as f32 - from.0, y as f32 - from.1);
                let along = ((px * dx + py * dy) / length).clamp(0.0, length);
                let distance = (px - along * dx / length).hypot(py - along * dy / length);
                let cover = (thickness / 2.0 + 0.5 - distance).clamp(0.0, 1.0);
                self.blend(x, y, colour, cover);
            }
        }
    }

    /// Writes `text` on the baseline `y`; returns its width.
    pub fn text(
        &mut self,
        text: &str,
        x: f32,
        y: f32,
        size: f32,
        anchor: Anchor,
        colour: Colour,
    ) -> f32 {
        let (glyphs, width) = self.place(text, size);
        let start = match anchor {
            Anchor::Left => x,
            Anchor::Middle => x - width / 2.0,
            Anchor::Right => x - width,
        };
        for mut glyph in glyphs {
            glyph.position = point(glyph.position.x + start, y);
            let Some(outline) = self.font.outline_glyph(glyph) else {
                continue;
            };
            let bounds = outline.px_bounds();
            outline.draw(|column, row, cover| {
                let (px, py) = (
                    bounds.min.x as i64 + i64::from(column),
                    bounds.min.y as i64 + i64::from(row),
                );
                self.blend(px, py, colour, cover);
            });
        }
        width
    }

    fn place(&self, text: &str, size: f32) -> (Vec<Glyph>, f32) {
        let font = self.font.as_scaled(PxScale::from(size));
        let mut glyphs = Vec::new();
        let mut x = 0.0;
        let mut last = None;
        for character in text.chars() {
            let mut glyph = font.scaled_glyph(character);
            if let Some(last) = last {
                x += font.kern(last, glyph.id);
            }
            last = Some(glyph.id);
            glyph.position = point(x, 0.0);
            x += font.h_advance(glyph.id);
            glyphs.push(glyph);
        }
        (glyphs, x)
    }

    pub fn save(&self, path: &Path) -> Result<()> {
        let file =
            File::create(path).with_context(|| format!("cannot write {}", path.display()))?;
        let mut encoder =
            png::Encoder::new(BufWriter::new(file), self.width as u32, self.height as u32);
        encoder.set_color(png::ColorType::Rgb);
        encoder.set_depth(png::BitDepth::Eight);
        let mut writer = encoder.write_header()?;
        writer.write_image_data(self.pixels.as_flattened())?;
        writer
            .finish()
            .with_context(|| format!("cannot finish {}", path.display()))
    }
}
