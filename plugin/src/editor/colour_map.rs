//! Decibels to colours: ground over a tint to near white, even to the eye. Pure.
//!
//! Lightness rises in a straight line over the whole scale, so that equal steps in decibels look
//! like equal steps of light. Source: Ottosson 2020, "A perceptual color space for image
//! processing" (OKLab).

use egui::Color32;

use super::theme::{GROUND, NEAR_WHITE};

const STEPS: usize = 256;

/// Colours of a range of decibels.
pub(super) struct ColourMap {
    floor_db: f32,
    steps_per_db: f32,
    colours: [Color32; STEPS],
}

impl ColourMap {
    /// Ground at `floor_db` and below, near white at `top_db` and above.
    pub(super) fn new(tint: Color32, floor_db: f32, top_db: f32) -> Self {
        let (low, middle, high) = (to_oklab(GROUND), to_oklab(tint), to_oklab(NEAR_WHITE));
        // Where the tint lies on a straight line of lightness.
        let knee = (middle[0] - low[0]) / (high[0] - low[0]);
        let colours = std::array::from_fn(|step| {
            let level = step as f32 / (STEPS - 1) as f32;
            if level < knee {
                from_oklab(mix(low, middle, level / knee))
            } else {
                from_oklab(mix(middle, high, (level - knee) / (1.0 - knee)))
            }
        });
        Self {
            floor_db,
            steps_per_db: (STEPS - 1) as f32 / (top_db - floor_db),
            colours,
        }
    }

    /// Colour of a level. NaN is the floor.
    pub(super) fn colour(&self, level_db: f32) -> Color32 {
        // The cast saturates, and takes NaN to zero.
        let step = ((level_db - self.floor_db) * self.steps_per_db) as usize;
        self.colours[step.min(STEPS - 1)]
    }
}

type Oklab = [f32; 3];

fn mix(from: Oklab, to: Oklab, part: f32) -> Oklab {
    std::array::from_fn(|i| from[i] + (to[i] - from[i]) * part)
}

fn to_oklab(colour: Color32) -> Oklab {
    let [r, g, b] = [colour.r(), colour.g(), colour.b()].map(srgb_to_linear);
    let l = (0.412_221_47 * r + 0.536_332_54 * g + 0.051_445_99 * b).cbrt();
    let m = (0.211_903_5 * r + 0.680_699_5 * g + 0.107_396_96 * b).cbrt();
    let s = (0.088_302_46 * r + 0.281_718_84 * g + 0.629_978_7 * b).cbrt();
    [
        0.210_454_26 * l + 0.793_617_8 * m - 0.004_072_047 * s,
        1.977_998_5 * l - 2.428_592_2 * m + 0.450_593_7 * s,
        0.025_904_037 * l + 0.782_771_77 * m - 0.808_675_77 * s,
    ]
}

fn from_oklab([lightness, a, b]: Oklab) -> Color32 {
    let l = (lightness + 0.396_337_78 * a + 0.215_803_76 * b).powi(3);
    let m = (lightness - 0.105_561_346 * a - 0.063_854_17 * b).powi(3);
    let s = (lightness - 0.089_484_18 * a - 1.291_485_5 * b).powi(3);
    Color32::from_rgb(
        linear_to_srgb(4.076_741_7 * l - 3.307_711_6 * m + 0.230_969_94 * s),
        linear_to_srgb(-1.268_438 * l + 2.609_757_4 * m - 0.341_319_4 * s),
        linear_to_srgb(-0.004_196_086_3 * l - 0.703_418_6 * m + 1.707_614_7 * s),
    )
}

fn srgb_to_linear(value: u8) -> f32 {
    let value = f32::from(value) / 255.0;
    if value <= 0.040_45 {
        value / 12.92
    } else {
        ((value + 0.055) / 1.055).powf(2.4)
    }
}

fn linear_to_srgb(value: f32) -> u8 {
    let value = if value <= 0.003_130_8 {
        value * 12.92
    } else {
        1.055 * value.powf(1.0 / 2.4) - 0.055
    };
    (value * 255.0).round() as u8
}

#[cfg(test)]
mod tests {
    use super::{ColourMap, GROUND, NEAR_WHITE, to_oklab};
    use crate::editor::theme::COOL;

    const FLOOR_DB: f32 = -90.0;
    const TOP_DB: f32 = -10.0;

    fn map() -> ColourMap {
        ColourMap::new(COOL, FLOOR_DB, TOP_DB)
    }

    #[test]
    fn louder_is_never_darker() {
        let map = map();
        let lightness = |db: f32| to_oklab(map.colour(db))[0];
        let mut last = lightness(-120.0);
        for tenth in -1200..=0 {
            let now = lightness(tenth as f32 / 10.0);
            // One step of eight-bit rounding.
            assert!(now >= last - 0.004, "darker at {} dB", tenth as f32 / 10.0);
            last = now;
        }
    }

    #[test]
    fn equal_decibels_are_equal_steps_of_lightness() {
        let map = map();
        let lightness = |db: f32| to_oklab(map.colour(db))[0];
        let whole = lightness(TOP_DB) - lightness(FLOOR_DB);
        for tenth in 0..10 {
            let db = FLOOR_DB + 8.0 * tenth as f32;
            let step = lightness(db + 8.0) - lightness(db);
            assert!((step - whole / 10.0).abs() < 0.01, "at {db} dB: {step}");
        }
    }

    #[test]
    fn the_ends_are_the_tokens_and_cool_lies_between() {
        let map = map();
        assert_eq!(map.colour(-200.0), GROUND);
        assert_eq!(map.colour(f32::NAN), GROUND);
        assert_eq!(map.colour(6.0), NEAR_WHITE);
        let near_cool = |db: f32| {
            let colour = map.colour(db);
            let off = |a: u8, b: u8| a.abs_diff(b);
            off(colour.r(), COOL.r()) < 4 && off(colour.g(), COOL.g()) < 4
        };
        assert!((-90..-10).any(|db| near_cool(db as f32)));
    }

    #[test]
    fn a_colour_survives_the_way_through_oklab() {
        for colour in [GROUND, COOL, NEAR_WHITE] {
            assert_eq!(super::from_oklab(to_oklab(colour)), colour);
        }
    }
}
