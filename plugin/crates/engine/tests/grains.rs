//! The model-free continuer: what it gives is made of what it heard, in time and without seams.

use afterimage_engine::continuation::{Continuer, Grains, SoundStart, Style};

const RATE: usize = 44_100;

fn continued(
    heard: &[f32],
    cut: usize,
    start: &SoundStart,
    samples: usize,
    step: usize,
) -> Vec<f32> {
    let mut grains = Grains::new().expect("its sizes are constants");
    for part in heard.chunks(cut) {
        grains.hear(part).expect("it has no backend to fail");
    }
    grains.begin(start);
    let mut made = vec![0.0; samples];
    let mut at = 0;
    while at < samples {
        let end = (at + step).min(samples);
        at += grains
            .go_on(&Style::default(), &mut made[at..end])
            .expect("it has no backend to fail");
    }
    made
}

/// Decaying clicks of two colours, `beat` samples apart, over a quiet tone.
fn rhythm(beat: usize, samples: usize) -> Vec<f32> {
    let tau = std::f32::consts::TAU / RATE as f32;
    let value = |n: usize| {
        let (place, count) = (n % beat, n / beat);
        let hz = if count % 2 == 0 { 180.0 } else { 1900.0 };
        let decay = (-(place as f32) / 1500.0).exp();
        0.6 * decay * (tau * hz * place as f32).sin() + 0.02 * (tau * 330.0 * n as f32).sin()
    };
    (0..samples).map(value).collect()
}

fn tone(hz: f32, samples: usize) -> Vec<f32> {
    let step = std::f32::consts::TAU * hz / RATE as f32;
    (0..samples)
        .map(|n| 0.5 * (step * n as f32).sin())
        .collect()
}

fn level(samples: &[f32]) -> f32 {
    (samples.iter().map(|x| x * x).sum::<f32>() / samples.len() as f32).sqrt()
}

#[test]
fn neither_cuts_nor_steps_decide_the_sound() {
    let heard = rhythm(22_050, RATE * 70);
    let start = SoundStart::new(7);
    let whole = continued(&heard, heard.len(), &start, RATE * 5, RATE * 5);
    for (cut, step) in [(64, 333), (1000, 4096), (30_011, 32)] {
        let other = continued(&heard, cut, &start, RATE * 5, step);
        assert!(whole == other, "cut {cut}, step {step}");
    }
    let another = continued(&heard, heard.len(), &SoundStart::new(8), RATE * 5, RATE * 5);
    assert!(whole != another, "another seed is another walk");
}

#[test]
fn nothing_heard_is_silence() {
    let start = SoundStart::new(1);
    let silence = vec![0.0; RATE * 8];
    for heard in [&[][..], &rhythm(20_000, RATE / 2), &silence] {
        let made = continued(heard, 512, &start, RATE, 512);
        assert!(
            made.iter().all(|x| *x == 0.0),
            "{} samples heard",
            heard.len()
        );
    }
    let mut imagines = start;
    imagines.follows_heard = false;
    let made = continued(&rhythm(20_000, RATE * 8), 512, &imagines, RATE, 512);
    assert!(made.iter().all(|x| *x == 0.0));
}

#[test]
fn a_beat_goes_on_where_it_would_have() {
    for (beat, told) in [(20_000, true), (22_050, false), (30_000, false)] {
        let length = RATE * 16;
        let whole = rhythm(beat, length + RATE * 8);
        let mut start = SoundStart::new(3);
        if told {
            start.quarter_samples = beat as f32;
        }
        let made = continued(&whole[..length], 512, &start, RATE * 8, 512);
        let first = (length / beat + 1) * beat - length;
        for onset in (first..RATE * 7).step_by(beat) {
            let (before, after) = (&made[onset - 1000..onset - 300], &made[onset..onset + 900]);
            assert!(
                level(after) > 4.0 * level(before),
                "beat {beat}: no onset at {onset}: {} before, {} after",
                level(before),
                level(after)
            );
        }
    }
}

#[test]
fn a_tone_goes_on_without_seams() {
    let heard = tone(441.7, RATE * 6);
    let made = continued(&heard, 512, &SoundStart::new(5), RATE * 6, 512);
    let whole = [&heard[RATE * 5..], &made[..]].concat();
    for (place, part) in whole.chunks_exact(441).enumerate() {
        let off = 20.0 * (level(part) / 0.353_6).log10();
        assert!(
            off.abs() < 1.0,
            "{off:.2} dB off {place} hundredths from the last second on"
        );
    }
    let steepest = 0.5 * std::f32::consts::TAU * 441.7 / RATE as f32;
    for (place, pair) in whole.windows(2).enumerate() {
        let rise = (pair[1] - pair[0]).abs();
        assert!(rise < 1.6 * steepest, "a step of {rise} at {place}");
    }
}
