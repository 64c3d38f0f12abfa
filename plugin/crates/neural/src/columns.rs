//! What a graph's rows become: magnitudes and phases of a frame, as the spectral inverse takes them. Worker thread only.

use std::f64::consts::TAU;

use afterimage_engine::contract::{Frame, FrameRequest};

use crate::magnitudes::Magnitudes;

/// Turns of the inverse: 2^32 are one.
const TURN: f64 = 4_294_967_296.0;

/// Converts a graph's values into a frame; without values it is silent.
pub(crate) fn fill(
    magnitudes: &mut Magnitudes,
    request: &FrameRequest,
    values: Option<&[f32]>,
    frame: &mut Frame,
) {
    frame.request = *request;
    // Silence has whatever phases: 0, so that nothing of an earlier frame is left.
    frame.phases_known = values.is_none() && !frame.phases.is_empty();
    if frame.phases_known {
        frame.phases.fill(0);
    }
    (frame.silent, frame.cleaned_values) = match values {
        Some(values) => {
            let converted = magnitudes.convert(values, &mut frame.magnitudes);
            (converted.silent, converted.cleaned)
        }
        None => {
            frame.magnitudes.fill(0.0);
            (true, 0)
        }
    };
}

/// Takes a graph's phases into a frame that has room for them.
pub(crate) fn fill_phases(radians: &[f32], frame: &mut Frame) {
    if frame.phases.len() == radians.len() {
        frame.phases_known = about_centre(radians, &mut frame.phases);
    }
}

/// From radians as `torch.stft` and `librosa.stft` give them, told from a frame's left edge, to turns / 2^32
/// about its centre: half a turn more a bin. `[bins]` each; any number of turns will do. False, and nothing of
/// use, where a value is no number. Allocates nothing.
fn about_centre(radians: &[f32], turns: &mut [u32]) -> bool {
    let mut are_numbers = true;
    for (bin, (turns, radians)) in turns.iter_mut().zip(radians).enumerate() {
        are_numbers &= radians.is_finite();
        let half_turns = 0.5 * (bin % 2) as f64;
        let place = (f64::from(*radians) / TAU + half_turns).rem_euclid(1.0);
        *turns = (place * TURN) as u64 as u32;
    }
    are_numbers
}

#[cfg(test)]
mod tests {
    use super::about_centre;
    use std::f32::consts::PI;

    #[test]
    fn a_click_in_the_middle_has_the_phase_zero_everywhere() {
        // A click at sample n_fft / 2 of a frame: bin k of the transform is exp(-i pi k).
        let radians: Vec<f32> = (0..9).map(|bin| -PI * bin as f32).collect();
        let mut turns = [7; 9];
        assert!(about_centre(&radians, &mut turns));
        let off = turns.map(|turns| (turns as i32).unsigned_abs());
        assert!(off.iter().all(|off| *off < 1 << 10), "{turns:?}");
    }

    #[test]
    fn whole_turns_do_not_count_and_what_is_no_number_is_said() {
        let mut turns = [[0; 2]; 2];
        assert!(about_centre(&[0.25 * PI, 1.0], &mut turns[0]));
        assert!(about_centre(&[8.25 * PI, 1.0 - 2.0 * PI], &mut turns[1]));
        for (one, more) in turns[0].iter().zip(&turns[1]) {
            assert!(one.wrapping_sub(*more).wrapping_add(1 << 10) < 1 << 11);
        }
        assert_eq!(turns[0][0] >> 24, 32);
        for bad in [f32::NAN, f32::INFINITY] {
            assert!(!about_centre(&[0.0, bad], &mut turns[0]));
        }
    }
}
