//! A picture of a render: log-frequency spectrogram on one dB scale, the drawn knobs under it.

use std::path::Path;

use afterimage_tests::host::{Automation, Rendered};
use anyhow::Result;
use realfft::RealFftPlanner;

use crate::picture::{Anchor, Canvas, Colour};

const WIDTH: usize = 1600;
const HEIGHT: usize = 900;
const F_MIN_HZ: f64 = 50.0;
const F_MAX_HZ: f64 = 16_000.0;
/// The scale's bottom, under the loudest partial.
const FLOOR_DB: f64 = -90.0;
/// Long windows tell low partials apart, short ones keep onsets sharp: they are mixed between these.
const LONG_WINDOW: usize = 8192;
const SHORT_WINDOW: usize = 2048;
const LONG_UNTIL_HZ: f64 = 250.0;
const SHORT_FROM_HZ: f64 = 1000.0;

const BACKGROUND: Colour = [16, 17, 24];
const INK: Colour = [214, 218, 230];
const FAINT: Colour = [120, 126, 146];
const RULE: Colour = [62, 66, 84];
const CURVES: [Colour; 6] = [
    [255, 176, 92],
    [112, 200, 255],
    [176, 232, 140],
    [240, 140, 200],
    [190, 170, 255],
    [240, 230, 130],
];
/// Dark to bright, evenly lighter.
const SCALE: [Colour; 8] = [
    [6, 5, 14],
    [35, 17, 74],
    [84, 22, 112],
    [137, 34, 106],
    [187, 55, 84],
    [227, 89, 51],
    [249, 149, 32],
    [252, 244, 164],
];

/// Height of the mark above the plot.
const MARK_ROWS: i64 = 14;

/// A rectangle of the canvas.
#[derive(Clone, Copy)]
struct Area {
    left: f32,
    top: f32,
    width: f32,
    height: f32,
}

const PLOT: Area = Area {
    left: 96.0,
    top: 74.0,
    width: 1364.0,
    height: 610.0,
};
const KNOBS: Area = Area {
    left: 96.0,
    top: 728.0,
    width: 1364.0,
    height: 104.0,
};

/// Draws the render and writes a PNG.
pub fn draw(rendered: &Rendered, drawn: &Automation, title: &str, path: &Path) -> Result<()> {
    let mut canvas = Canvas::new(WIDTH, HEIGHT, BACKGROUND)?;
    let mono = rendered.mono();
    let seconds = mono.len() as f64 / rendered.rate_hz;
    paint(&mut canvas, &mono, rendered.rate_hz);
    canvas.text(title, PLOT.left, 44.0, 30.0, Anchor::Left, INK);
    frequency_axis(&mut canvas);
    time_axis(&mut canvas, seconds);
    colour_bar(&mut canvas);
    knobs(&mut canvas, drawn, seconds);
    canvas.save(path)
}

/// Draws a sound of one channel, `(samples, rate)`, with a mark where it was gone on from, and writes a PNG.
pub fn draw_sound(sound: (&[f32], f64), seam_s: f64, title: &str, path: &Path) -> Result<()> {
    let (mono, rate_hz) = sound;
    let seconds = mono.len() as f64 / rate_hz;
    let mut canvas = Canvas::new(WIDTH, HEIGHT, BACKGROUND)?;
    paint(&mut canvas, mono, rate_hz);
    canvas.text(title, PLOT.left, 44.0, 30.0, Anchor::Left, INK);
    frequency_axis(&mut canvas);
    time_axis(&mut canvas, seconds);
    colour_bar(&mut canvas);
    let seam = PLOT.left + PLOT.width * (seam_s / seconds) as f32;
    for row in 0..MARK_ROWS {
        canvas.set(seam as i64, PLOT.top as i64 - 1 - row, INK);
    }
    canvas.save(path)
}

/// Amplitude spectra in columns: a sinusoid of amplitude 1 reads 1 whatever the window.
struct Columns {
    bins: usize,
    bin_hz: f64,
    values: Vec<f32>,
}

impl Columns {
    fn of(samples: &[f32], rate_hz: f64, window: usize, columns: usize) -> Self {
        let fft = RealFftPlanner::<f32>::new().plan_fft_forward(window);
        let shape: Vec<f32> = (0..window)
            .map(|n| 0.5 - 0.5 * (std::f32::consts::TAU * n as f32 / window as f32).cos())
            .collect();
        let scale = 2.0 / shape.iter().sum::<f32>();
        let (mut input, mut output) = (fft.make_input_vec(), fft.make_output_vec());
        let mut values = Vec::with_capacity(columns * output.len());
        for column in 0..columns {
            let centre = (column as f64 + 0.5) / columns as f64 * samples.len() as f64;
            let start = centre as i64 - window as i64 / 2;
            for (n, value) in input.iter_mut().enumerate() {
                let at = start + n as i64;
                let sample = usize::try_from(at)
                    .ok()
                    .and_then(|at| samples.get(at))
                    .copied()
                    .unwrap_or(0.0);
                *value = sample * shape[n];
            }
            // The lengths come from the plan itself.
            if fft.process(&mut input, &mut output).is_ok() {
                values.extend(output.iter().map(|bin| bin.norm() * scale));
            }
        }
        Self {
            bins: output.len(),
            bin_hz: rate_hz / window as f64,
            values,
        }
    }

    /// The largest value between two frequencies, or the interpolated one when they share a bin; 0 above half the rate.
    fn between(&self, column: usize, low_hz: f64, high_hz: f64) -> f64 {
        let spectrum = &self.values[column * self.bins..(column + 1) * self.bins];
        let (low, high) = (low_hz / self.bin_hz, high_hz / self.bin_hz);
        let at = |position: f64| {
            // Above half the rate there is nothing: a line through the last two bins would invent it.
            if position > (self.bins - 1) as f64 {
                return 0.0;
            }
            let bin = (position as usize).min(self.bins - 2);
            let share = position - bin as f64;
            f64::from(spectrum[bin]) * (1.0 - share) + f64::from(spectrum[bin + 1]) * share
        };
        let inner = (low.ceil() as usize..=(high.floor() as usize).min(self.bins - 1))
            .map(|bin| f64::from(spectrum[bin]));
        inner.fold(at(0.5 * (low + high)), f64::max)
    }
}

fn row_hz(row: f64) -> f64 {
    F_MAX_HZ * (F_MIN_HZ / F_MAX_HZ).powf(row / f64::from(PLOT.height))
}

fn paint(canvas: &mut Canvas, mono: &[f32], rate_hz: f64) {
    let (columns, rows) = (PLOT.width as usize, PLOT.height as usize);
    let long = Columns::of(mono, rate_hz, LONG_WINDOW, columns);
    let short = Columns::of(mono, rate_hz, SHORT_WINDOW, columns);
    let mut picture = vec![0.0_f64; columns * rows];
    for row in 0..rows {
        let (high_hz, low_hz) = (row_hz(row as f64), row_hz(row as f64 + 1.0));
        let share =
            ((low_hz / LONG_UNTIL_HZ).ln() / (SHORT_FROM_HZ / LONG_UNTIL_HZ).ln()).clamp(0.0, 1.0);
        for column in 0..columns {
            let (slow, fast) = (
                long.between(column, low_hz, high_hz),
                short.between(column, low_hz, high_hz),
            );
            picture[row * columns + column] = slow * (1.0 - share) + fast * share;
        }
    }
    let loudest = picture.iter().copied().fold(1e-9, f64::max);
    for row in 0..rows {
        for column in 0..columns {
            let db = 20.0
                * (picture[row * columns + column] / loudest)
                    .max(1e-9)
                    .log10();
            let colour = shade(1.0 - db / FLOOR_DB);
            canvas.set(
                PLOT.left as i64 + column as i64,
                PLOT.top as i64 + row as i64,
                colour,
            );
        }
    }
}

fn shade(share: f64) -> Colour {
    let position = share.clamp(0.0, 1.0) * (SCALE.len() - 1) as f64;
    let at = (position as usize).min(SCALE.len() - 2);
    let mix = position - at as f64;
    std::array::from_fn(|part| {
        let (from, to) = (f64::from(SCALE[at][part]), f64::from(SCALE[at + 1][part]));
        (from + mix * (to - from)).round() as u8
    })
}

fn frequency_axis(canvas: &mut Canvas) {
    for hz in [50.0, 100.0, 200.0, 500.0, 1e3, 2e3, 5e3, 10e3] {
        let y = PLOT.top + PLOT.height * ((F_MAX_HZ / hz).ln() / (F_MAX_HZ / F_MIN_HZ).ln()) as f32;
        canvas.line((PLOT.left - 7.0, y), (PLOT.left - 1.0, y), 1.0, FAINT);
        for column in 0..PLOT.width as i64 {
            canvas.blend(PLOT.left as i64 + column, y as i64, INK, 0.06);
        }
        let label = if hz < 1000.0 {
            format!("{hz:.0} Hz")
        } else {
            format!("{:.0} kHz", hz / 1000.0)
        };
        canvas.text(
            &label,
            PLOT.left - 12.0,
            y + 6.0,
            18.0,
            Anchor::Right,
            FAINT,
        );
    }
}

fn time_axis(canvas: &mut Canvas, seconds: f64) {
    let step = [0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 60.0]
        .into_iter()
        .find(|step| seconds / step <= 14.0)
        .unwrap_or(120.0);
    let mut time_s = 0.0;
    while time_s <= seconds {
        let x = PLOT.left + PLOT.width * (time_s / seconds) as f32;
        for area in [PLOT, KNOBS] {
            let bottom = area.top + area.height;
            canvas.line((x, bottom + 1.0), (x, bottom + 7.0), 1.0, FAINT);
        }
        let label = if step < 1.0 {
            format!("{time_s:.1} s")
        } else {
            format!("{time_s:.0} s")
        };
        canvas.text(
            &label,
            x,
            KNOBS.top + KNOBS.height + 28.0,
            18.0,
            Anchor::Middle,
            FAINT,
        );
        time_s += step;
    }
}

fn colour_bar(canvas: &mut Canvas) {
    let left = PLOT.left + PLOT.width + 24.0;
    for row in 0..PLOT.height as i64 {
        let colour = shade(1.0 - row as f64 / f64::from(PLOT.height));
        canvas.fill(left as i64, PLOT.top as i64 + row, 18, 1, colour);
    }
    for db in (0..=9).map(|step| -10.0 * f64::from(step)) {
        let y = PLOT.top + PLOT.height * (db / FLOOR_DB) as f32;
        canvas.line((left + 19.0, y), (left + 25.0, y), 1.0, FAINT);
        canvas.text(
            &format!("{:.0}", db + 0.0),
            left + 30.0,
            y + 6.0,
            18.0,
            Anchor::Left,
            FAINT,
        );
    }
    canvas.text(
        "dB",
        left + 9.0,
        PLOT.top - 12.0,
        18.0,
        Anchor::Middle,
        FAINT,
    );
}

fn knobs(canvas: &mut Canvas, drawn: &Automation, seconds: f64) {
    canvas.fill(
        KNOBS.left as i64,
        KNOBS.top as i64,
        KNOBS.width as i64,
        KNOBS.height as i64,
        [24, 25, 35],
    );
    let middle = KNOBS.top + KNOBS.height / 2.0;
    canvas.line(
        (KNOBS.left, middle),
        (KNOBS.left + KNOBS.width, middle),
        1.0,
        RULE,
    );
    for (label, y) in [
        ("100 %", KNOBS.top + 12.0),
        ("0 %", KNOBS.top + KNOBS.height),
    ] {
        canvas.text(label, KNOBS.left - 12.0, y, 18.0, Anchor::Right, FAINT);
    }
    let mut legend_x = KNOBS.left + KNOBS.width;
    for ((name, points), colour) in drawn.parameters.iter().zip(CURVES) {
        let place = |(time_s, value): (f64, f64)| {
            let x = KNOBS.left + KNOBS.width * (time_s / seconds).min(1.0) as f32;
            (x, KNOBS.top + KNOBS.height * (1.0 - value as f32))
        };
        let last = points.last().map(|(_, value)| (seconds, *value));
        let path: Vec<(f64, f64)> = points.iter().copied().chain(last).collect();
        for pair in path.windows(2) {
            canvas.line(place(pair[0]), place(pair[1]), 2.4, colour);
        }
        let width = canvas.text(
            &name.replace('_', " "),
            legend_x,
            PLOT.top + PLOT.height + 34.0,
            18.0,
            Anchor::Right,
            colour,
        );
        legend_x -= width + 26.0;
    }
}

#[cfg(test)]
mod tests {
    use super::Columns;

    #[test]
    fn a_tone_stands_at_its_frequency_and_nothing_above_half_the_rate() {
        let rate_hz = 16_000.0;
        for tone_hz in [1_000.0, 7_950.0] {
            let step = std::f64::consts::TAU * tone_hz / rate_hz;
            let samples: Vec<f32> = (0..8_000)
                .map(|n| (f64::from(n) * step).sin() as f32)
                .collect();
            let columns = Columns::of(&samples, rate_hz, 1_024, 4);
            for column in 0..4 {
                assert!(columns.between(column, tone_hz - 10.0, tone_hz + 10.0) > 0.4);
                for low_hz in [8_010.0, 9_000.0, 12_000.0] {
                    assert_eq!(columns.between(column, low_hz, low_hz * 1.05), 0.0);
                }
            }
        }
    }
}
