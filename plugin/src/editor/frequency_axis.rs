//! Frequencies to rows of the picture, logarithmically, and spectrum bins to levels. Pure.

/// Lowest frequency of the picture, in hertz.
pub(super) const LOWEST_HZ: f32 = 40.0;
/// Highest frequency of the picture, in hertz.
pub(super) const HIGHEST_HZ: f32 = 16_000.0;
/// Level of bins that hold nothing, in decibels.
pub(super) const SILENT_DB: f32 = -160.0;

/// Frequencies that carry a label, with its words.
pub(super) const LABELS: [(f32, &str); 4] = [
    (100.0, "100 Hz"),
    (500.0, "500"),
    (2_000.0, "2k"),
    (8_000.0, "8k"),
];

/// Height of a frequency: 0 at the bottom of the picture, 1 at the top.
pub(super) fn height(frequency_hz: f32) -> f32 {
    (frequency_hz / LOWEST_HZ).ln() / (HIGHEST_HZ / LOWEST_HZ).ln()
}

/// Frequency at a height, in hertz: the inverse of [`height`].
pub(super) fn frequency_hz(height: f32) -> f32 {
    LOWEST_HZ * (HIGHEST_HZ / LOWEST_HZ).powf(height)
}

/// Where one row of the picture takes its level from.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Source {
    /// Between two bins, by the fraction: the rows are narrower than the bins here.
    Between { bin: usize, fraction: f32 },
    /// The loudest of `first ..= last`: the bins are narrower than the rows here.
    Loudest { first: usize, last: usize },
    /// Above half of the sample rate.
    Nothing,
}

/// Takes the levels of `rows` rows out of spectra of one size and rate.
pub(super) struct RowReader {
    sources: Vec<Source>,
}

impl RowReader {
    /// Row 0 is the highest frequency.
    pub(super) fn new(rows: usize, bins: usize, bin_width_hz: f32) -> Self {
        let row_height = 1.0 / rows as f32;
        let source = |row: usize| {
            let centre = 1.0 - (row as f32 + 0.5) * row_height;
            let from = frequency_hz(centre - 0.5 * row_height) / bin_width_hz;
            let to = frequency_hz(centre + 0.5 * row_height) / bin_width_hz;
            let (first, last) = (from.ceil() as usize, to.floor() as usize);
            if to >= (bins - 1) as f32 {
                Source::Nothing
            } else if last > first {
                Source::Loudest { first, last }
            } else {
                let position = frequency_hz(centre) / bin_width_hz;
                let bin = position as usize;
                Source::Between {
                    bin,
                    fraction: position - bin as f32,
                }
            }
        };
        Self {
            sources: (0..rows).map(source).collect(),
        }
    }

    /// Levels of the rows from the top, in the unit of `levels_db`.
    ///
    /// `levels_db`: `[bins]`.
    pub(super) fn read<'a>(&'a self, levels_db: &'a [f32]) -> impl Iterator<Item = f32> + 'a {
        self.sources.iter().map(|source| match *source {
            Source::Between { bin, fraction } => {
                levels_db[bin] + (levels_db[bin + 1] - levels_db[bin]) * fraction
            }
            Source::Loudest { first, last } => levels_db[first..=last]
                .iter()
                .fold(SILENT_DB, |loudest, level| loudest.max(*level)),
            Source::Nothing => SILENT_DB,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::{HIGHEST_HZ, LABELS, LOWEST_HZ, RowReader, SILENT_DB, frequency_hz, height};

    #[test]
    fn the_picture_spans_its_range_and_octaves_are_equal() {
        assert!(height(LOWEST_HZ).abs() < 1e-6);
        assert!((height(HIGHEST_HZ) - 1.0).abs() < 1e-6);
        let octave = height(80.0) - height(40.0);
        for low in [55.0, 440.0, 7_000.0] {
            assert!((height(2.0 * low) - height(low) - octave).abs() < 1e-5);
        }
        for (label_hz, _) in LABELS {
            assert!((frequency_hz(height(label_hz)) / label_hz - 1.0).abs() < 1e-4);
        }
    }

    #[test]
    fn a_peak_shows_at_the_row_of_its_frequency() {
        const ROWS: usize = 320;
        const BINS: usize = 2_049;
        for rate_hz in [22_050.0_f32, 44_100.0, 48_000.0, 192_000.0] {
            let bin_width_hz = rate_hz / 4_096.0;
            let reader = RowReader::new(ROWS, BINS, bin_width_hz);
            for bin in [20, 60, 200, 700] {
                let peak_hz = bin as f32 * bin_width_hz;
                let mut levels = vec![SILENT_DB; BINS];
                levels[bin] = -20.0;
                let rows: Vec<f32> = reader.read(&levels).collect();
                let loudest = (0..ROWS)
                    .max_by(|a, b| rows[*a].total_cmp(&rows[*b]))
                    .expect("rows");
                if peak_hz < HIGHEST_HZ {
                    let expected = (1.0 - height(peak_hz)) * ROWS as f32;
                    let off = (loudest as f32 + 0.5 - expected).abs();
                    assert!(off <= 1.0, "{peak_hz} Hz at {rate_hz}: {off} rows off");
                }
            }
        }
    }

    #[test]
    fn rows_above_half_of_the_rate_are_silent() {
        let reader = RowReader::new(320, 1_025, 16_000.0 / 2_048.0);
        let levels = vec![0.0; 1_025];
        assert_eq!(reader.read(&levels).next(), Some(SILENT_DB));
        assert_eq!(reader.read(&levels).last(), Some(0.0));
    }
}
