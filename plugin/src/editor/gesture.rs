//! Changes of parameters as hosts record them: begin, set, end. Window thread.

use nice_plug::prelude::{Param, ParamSetter};

/// Sets a parameter in a gesture of its own, if that changes it.
pub(super) fn set_once<P: Param>(setter: &ParamSetter<'_>, param: &P, value: P::Plain) {
    if value != param.unmodulated_plain_value() {
        setter.begin_set_parameter(param);
        setter.set_parameter(param, value);
        setter.end_set_parameter(param);
    }
}

/// Sets within a gesture that is open, if that changes the value.
///
/// `normalized` is snapped to the parameter's steps, so that host and window agree.
pub(super) fn set_within<P: Param>(setter: &ParamSetter<'_>, param: &P, normalized: f32) {
    let value = param.preview_plain(normalized.clamp(0.0, 1.0));
    if value != param.unmodulated_plain_value() {
        setter.set_parameter(param, value);
    }
}

/// The words that typing begins with: those that are shown, if they read as a value.
pub(super) fn words_to_type<P: Param>(param: &P, shown: &str) -> String {
    let words = plain_minus(shown);
    match param.string_to_normalized_value(&words) {
        Some(_) => words,
        None => param.to_string(),
    }
}

/// Sets from typed words. False when they do not read as a value.
pub(super) fn set_from_words<P: Param>(setter: &ParamSetter<'_>, param: &P, words: &str) -> bool {
    let normalized = param.string_to_normalized_value(&plain_minus(words));
    // "nan" reads as a number.
    let Some(normalized) = normalized.filter(|value| !value.is_nan()) else {
        return false;
    };
    set_once(
        setter,
        param,
        param.preview_plain(normalized.clamp(0.0, 1.0)),
    );
    true
}

/// A true minus reads well and does not parse.
fn plain_minus(words: &str) -> String {
    words.trim().replace('−', "-")
}

#[cfg(test)]
mod tests {
    use super::words_to_type;
    use nice_plug::prelude::{FloatParam, FloatRange};

    #[test]
    fn typing_begins_with_words_that_read_as_a_value() {
        let range = FloatRange::Linear {
            min: -3_000.0,
            max: 3_000.0,
        };
        let param = FloatParam::new("Attack", 1_400.0, range).with_unit(" ms");
        assert_eq!(words_to_type(&param, "−250 ms"), "-250 ms");
        // Shown shorter than it parses.
        assert_eq!(words_to_type(&param, "1.40 s"), "1400 ms");
    }
}
