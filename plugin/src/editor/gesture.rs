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

/// Sets from typed words. False when they do not read as a value.
pub(super) fn set_from_words<P: Param>(setter: &ParamSetter<'_>, param: &P, words: &str) -> bool {
    // A true minus reads well and does not parse.
    let words = words.trim().replace('−', "-");
    let Some(normalized) = param.string_to_normalized_value(&words) else {
        return false;
    };
    set_once(
        setter,
        param,
        param.preview_plain(normalized.clamp(0.0, 1.0)),
    );
    true
}
