//! From a decoder's values to raw STFT magnitudes, and what is not a number. Worker thread only.

use afterimage_spectral::representation::Inverse;

use crate::error::PackError;
use crate::manifest::Representation;

/// The conversion of one pack. Preallocated.
#[derive(Clone, Debug)]
pub(crate) struct Magnitudes {
    inverse: Inverse,
}

/// What the conversion of one frame found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Converted {
    /// Values that were not finite, negative or absurd, and are now zero.
    pub(crate) cleaned: u32,
    /// True when every bin is zero.
    pub(crate) silent: bool,
}

impl Magnitudes {
    /// Allocates; solves for the matrix of bands.
    ///
    /// # Errors
    /// When the representation's stages cannot be made.
    pub(crate) fn new(pack: &str, representation: &Representation) -> Result<Self, PackError> {
        let inverse = representation
            .stages()
            .and_then(|spec| Inverse::new(&spec))
            .map_err(|error| PackError::Unsupported {
                pack: pack.to_owned(),
                what: "'representation'".into(),
                expected: "one whose bands and scale can be inverted".into(),
                found: format!("one where {error}"),
                advice: "correct it and export the pack again",
            })?;
        Ok(Self { inverse })
    }

    /// Values of a decoder's frame.
    pub(crate) fn values(&self) -> usize {
        self.inverse.values()
    }

    /// Magnitudes of an engine's frame.
    pub(crate) fn bins(&self) -> usize {
        self.inverse.bins()
    }

    /// Converts one frame, `[values]` to `[bins]`. Allocates nothing.
    pub(crate) fn convert(&mut self, values: &[f32], magnitudes: &mut [f32]) -> Converted {
        let cleaned = self.inverse.apply(values, magnitudes);
        // No magnitude is negative, so silence is all bits clear: integers vectorise, a search for the peak does not.
        let bits = magnitudes
            .iter()
            .fold(0, |bits, magnitude| bits | magnitude.to_bits());
        Converted {
            cleaned,
            silent: bits == 0,
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may stop")]
mod tests {
    use super::{Converted, Magnitudes};
    use crate::manifest::Representation;
    use serde_json::{Value, json};

    /// A transform of 64 samples with some fields laid over.
    fn magnitudes(fields: Value) -> Magnitudes {
        let mut object = json!({
            "kind": "log-amplitude", "sample_rate": 48_000, "n_fft": 64, "hop": 8, "bins": 33,
            "unit": "db", "reference": 512.0, "floor": -100.0, "gate": -90.0,
        });
        for (key, value) in fields.as_object().unwrap() {
            object[key] = value.clone();
        }
        let json = object.to_string();
        let representation = Representation::from_json(json.as_bytes(), "test").unwrap();
        Magnitudes::new("test", &representation).unwrap()
    }

    /// `values` and then silence.
    fn convert(magnitudes: &mut Magnitudes, values: &[f32], silence: f32) -> (Vec<f32>, Converted) {
        let mut frame = vec![silence; magnitudes.values()];
        frame[..values.len()].copy_from_slice(values);
        let mut out = vec![7.0; magnitudes.bins()];
        let converted = magnitudes.convert(&frame, &mut out);
        (out, converted)
    }

    #[test]
    fn decibels_are_exact_to_a_ten_thousandth() {
        let values: Vec<f32> = (-899..240).map(|tenths| tenths as f32 / 10.0).collect();
        let mut decibels = magnitudes(json!({}));
        for values in values.chunks(33) {
            let (magnitudes, converted) = convert(&mut decibels, values, -100.0);
            for (value, magnitude) in values.iter().zip(&magnitudes) {
                let expected = 512.0 * 10_f64.powf(f64::from(*value) / 20.0);
                assert!(
                    (f64::from(*magnitude) / expected - 1.0).abs() < 1e-4,
                    "{value}"
                );
            }
            assert_eq!((converted.cleaned, converted.silent), (0, false));
        }
    }

    #[test]
    fn values_under_the_gate_are_silence() {
        let (out, converted) = convert(&mut magnitudes(json!({})), &[-90.1, -5000.0], -100.0);
        assert_eq!(out, [0.0; 33]);
        assert_eq!((converted.cleaned, converted.silent), (0, true));
        assert!(
            !convert(&mut magnitudes(json!({})), &[-89.9], -100.0)
                .1
                .silent
        );
    }

    #[test]
    fn what_is_not_a_number_is_zero_and_counted_once() {
        let bad = [f32::NAN, f32::INFINITY, f32::NEG_INFINITY, -20.0];
        let (out, converted) = convert(&mut magnitudes(json!({})), &bad, -100.0);
        assert_eq!(out[..3], [0.0; 3]);
        assert_eq!((converted.cleaned, converted.silent), (3, false));
        for power in [1, 2] {
            let fields = json!({"kind": "linear", "unit": "linear", "power": power, "reference": 2.0, "floor": 0.0, "gate": 0.5});
            let values = [f32::NAN, f32::INFINITY, f32::NEG_INFINITY, -3.0, 0.1, 4.0];
            let (out, converted) = convert(&mut magnitudes(fields), &values, 0.0);
            assert_eq!(out[..5], [0.0; 5], "power {power}");
            assert_eq!(out[5], if power == 2 { 4.0 } else { 8.0 });
            assert_eq!(converted.cleaned, 4, "power {power}");
        }
    }

    #[test]
    fn every_kind_of_frame_gives_bins() {
        for (fields, silence) in [
            (json!({"kind": "mel", "bins": 8}), -100.0),
            (
                json!({"kind": "mel", "bins": 8, "unit": "ln", "power": 2, "floor": -20, "gate": -19, "mel_scale": "htk"}),
                -20.0,
            ),
            (
                json!({"kind": "log-frequency", "bins": 20, "f_min": 750, "f_max": 20_000}),
                -100.0,
            ),
            (
                json!({"kind": "log-amplitude", "unit": "ln", "log1p": true, "floor": 0, "gate": 0}),
                0.0,
            ),
            (
                json!({"kind": "linear", "unit": "linear", "power": 2, "floor": 0, "gate": 0}),
                0.0,
            ),
            (
                json!({"kind": "harmonic-noise", "bins": 12, "partials": 6}),
                -100.0,
            ),
        ] {
            let mut stage = magnitudes(fields.clone());
            let head: &[f32] = if fields["kind"] == "harmonic-noise" {
                &[3000.0, 0.0]
            } else {
                &[]
            };
            let (out, converted) = convert(&mut stage, head, silence);
            assert_eq!(
                (out.len(), converted.cleaned, converted.silent),
                (33, 0, true),
                "{fields}"
            );
            let loud = [head, &[silence, silence, 2.0]].concat();
            assert!(!convert(&mut stage, &loud, silence).1.silent, "{fields}");
        }
    }
}
