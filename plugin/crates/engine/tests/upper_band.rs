//! The upper band: what a continuer's rate cannot hold is read from what was heard.
#![allow(clippy::unwrap_used, reason = "a test may stop")]

mod support;

use afterimage_engine::RenderMode;
use afterimage_engine::continuation::{
    ContinuationChange, Continuer, ContinuerSpec, Quantise, SoundStart, Style,
};
use afterimage_engine::contract::DecodeError;
use afterimage_spectral::{LostBand, StftSpec, stft};
use support::sound::{
    BAR, BEAT, RATE_HZ, Repeats, change, continuer_spec, effect, hear, hear_in, run_at,
};
use support::{Sound, Working};

/// The rate of a continuer without a top.
const DULL_HZ: u32 = 16_000;
/// The rate of one that needs none: half of it lies above what is measured here.
const WHOLE_HZ: u32 = 44_100;
const SWITCH: u64 = 4 * BAR;

fn noise(at: u64) -> f32 {
    let mut state = at.wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ 0x1234_5678;
    state = (state ^ (state >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    state = (state ^ (state >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    (state >> 40) as f32 / 8_388_608.0 - 1.0
}

/// Part of a sound that a rate of 16 kHz cannot hold; `[samples]`, silent around it.
fn above(sound: &[f32]) -> Vec<f32> {
    let mut band = LostBand::new(RATE_HZ, DULL_HZ).unwrap();
    let (block, reach) = (band.block(), band.reach());
    let mut lost = vec![0.0; sound.len().next_multiple_of(block)];
    let mut padded = vec![0.0; reach];
    padded.extend_from_slice(sound);
    padded.resize(lost.len() + 2 * reach, 0.0);
    for (place, lost) in lost.chunks_exact_mut(block).enumerate() {
        band.extract(&padded[place * block..][..block + 2 * reach], lost);
    }
    lost.truncate(sound.len());
    lost
}

fn level_db(sound: &[f32]) -> f32 {
    let power = sound.iter().map(|value| value * value).sum::<f32>() / sound.len() as f32;
    10.0 * power.max(1e-14).log10()
}

/// A drum of low tones, so many seconds after it was struck: a kick, or a snare.
fn drum(is_snare: bool, since_s: f32) -> f32 {
    let wave = |hz: f32| (std::f32::consts::TAU * hz * since_s).sin();
    // Without corners: those would be heard above.
    let smooth = |share: f32| 0.5 - 0.5 * (std::f32::consts::PI * share.clamp(0.0, 1.0)).cos();
    let rises = smooth(since_s / 0.004) * smooth((0.5 - since_s) / 0.1);
    if is_snare {
        rises * 0.4 * (wave(410.0) + wave(1_730.0) + 0.7 * wave(4_970.0)) * (-since_s / 0.05).exp()
    } else {
        rises * 0.8 * wave(90.0) * (-since_s / 0.1).exp()
    }
}

/// Kick and snare in turns, and a hat above 12 kHz on each snare.
fn heard_drums(samples: u64) -> Vec<[f32; 2]> {
    let hiss: Vec<f32> = (0..samples).map(noise).collect();
    let mut hats = above(&above(&hiss));
    for _ in 0..4 {
        // The difference of neighbours, four times: 15 dB softer at 10 kHz than at 20.
        for at in (1..hats.len()).rev() {
            hats[at] = 0.5 * (hats[at] - hats[at - 1]);
        }
    }
    (0..samples)
        .map(|at| {
            let since_s = (at % BEAT) as f32 / RATE_HZ as f32;
            let is_snare = at / BEAT % 2 == 1;
            let hat = if is_snare {
                0.5 * hats[at as usize] * (-since_s / 0.03).exp()
            } else {
                0.0
            };
            [drum(is_snare, since_s) + hat; 2]
        })
        .collect()
}

/// Plays low drums in another order than was heard: two kicks, two snares.
struct Drums {
    spec: ContinuerSpec,
    heard: u64,
    next: u64,
}

fn is_snare_made(beat: u64) -> bool {
    beat % 4 >= 2
}

impl Drums {
    fn new(rate_hz: u32) -> Self {
        Self {
            spec: continuer_spec(rate_hz),
            heard: 0,
            next: 0,
        }
    }
}

impl Continuer for Drums {
    fn spec(&self) -> &ContinuerSpec {
        &self.spec
    }

    fn forget(&mut self) {
        self.heard = 0;
    }

    fn hear(&mut self, samples: &[f32]) -> Result<(), DecodeError> {
        self.heard += samples.len() as u64;
        Ok(())
    }

    fn begin(&mut self, _: &SoundStart) {
        self.next = self.heard;
    }

    fn go_on(&mut self, _: &Style, samples: &mut [f32]) -> Result<usize, DecodeError> {
        let beat = BEAT * u64::from(self.spec.sample_rate_hz) / u64::from(RATE_HZ);
        for sample in samples.iter_mut() {
            let since_s = (self.next % beat) as f32 / self.spec.sample_rate_hz as f32;
            *sample = drum(is_snare_made(self.next / beat), since_s);
            self.next += 1;
        }
        Ok(samples.len())
    }
}

fn continued_drums(rate_hz: u32) -> Sound {
    let mut rig = effect(RATE_HZ, 512, Box::new(Drums::new(rate_hz)));
    let events = run_at(SWITCH - BAR / 2, Quantise::Bar);
    let sound = hear_in(&mut rig, &heard_drums(SWITCH + 4 * BAR), &events, 512);
    assert_eq!(rig.engine.monitor().counts().late_samples, 0);
    sound
}

/// Levels of the top in the tenth of a second after each beat that was continued, and where it begins there.
fn tops(sound: &Sound) -> Vec<(u64, f32, Option<u64>)> {
    let top = above(&sound.left);
    let beats = SWITCH / BEAT..SWITCH / BEAT + 15;
    beats
        .map(|beat| {
            let near = &top[(beat * BEAT - 2_400) as usize..][..2_400 + 4_800];
            let loudest = near.iter().map(|value| value.abs()).fold(0.0, f32::max);
            let begins = near.iter().position(|value| value.abs() > 0.3 * loudest);
            (beat, level_db(&near[2_400..]), begins.map(|at| at as u64))
        })
        .collect()
}

#[test]
fn hats_come_back_where_the_sound_is_like_that_they_were_heard_with() {
    let heard: Vec<f32> = heard_drums(4 * BEAT).iter().map(|both| both[0]).collect();
    let hat_db = level_db(&above(&heard)[BEAT as usize..][..4_800]);
    assert!((-50.0..-20.0).contains(&hat_db), "{hat_db}");
    for (beat, top_db, begins) in tops(&continued_drums(DULL_HZ)) {
        if is_snare_made(beat) {
            assert!(
                (top_db - hat_db).abs() < 3.0,
                "beat {beat}: {top_db} for {hat_db} dB"
            );
            let late = begins.unwrap().abs_diff(2_400);
            assert!(late < 480, "beat {beat}: {late} samples off");
        } else {
            assert!(top_db < hat_db - 15.0, "beat {beat} has none: {top_db} dB");
        }
    }
}

#[test]
fn without_an_upper_band_there_are_no_hats() {
    for (beat, top_db, _) in tops(&continued_drums(WHOLE_HZ)) {
        assert!(top_db < -75.0, "beat {beat}: {top_db} dB");
    }
}

#[test]
fn noise_that_is_repeated_is_whole_across_the_edge_of_the_continuers_band() {
    for (rate_hz, tolerance_db) in [(DULL_HZ, 1.0), (22_050, 1.0)] {
        let input: Vec<_> = (0..3 * BAR).map(|at| [0.2 * noise(at); 2]).collect();
        let mut repeats = Repeats::new(rate_hz);
        repeats.spec.context_samples = 2 * rate_hz as usize;
        let mut rig = effect(RATE_HZ, 512, Box::new(repeats));
        let sound = hear_in(&mut rig, &input, &run_at(BAR, Quantise::Bar), 512);
        let spec = StftSpec::new(1_024, 256).unwrap();
        let spectrum = |sound: &[f32]| {
            let mut mean = vec![0.0; spec.bins()];
            for (place, value) in stft::magnitudes(&spec, sound).iter().enumerate() {
                mean[place % spec.bins()] += value * value;
            }
            mean
        };
        let from = 2 * BAR as usize + 2_400;
        let heard: Vec<f32> = input.iter().map(|both| both[0]).collect();
        let (made, heard) = (
            spectrum(&sound.left[from..][..60_000]),
            spectrum(&heard[from - 60_000..from]),
        );
        for hz in (2_000..20_000).step_by(400) {
            let bins = hz * 1_024 / RATE_HZ as usize..(hz + 400) * 1_024 / RATE_HZ as usize;
            let power = |spectrum: &[f32]| spectrum[bins.clone()].iter().sum::<f32>();
            let off_db = 10.0 * (power(&made) / power(&heard)).log10();
            assert!(
                off_db.abs() < tolerance_db,
                "{rate_hz}: {hz} Hz is off by {off_db} dB"
            );
        }
    }
}

#[test]
fn where_nothing_was_heard_above_nothing_is_added() {
    let low: Vec<_> = (0..3 * BAR)
        .map(|at| [drum(at / BEAT % 2 == 1, (at % BEAT) as f32 / RATE_HZ as f32); 2])
        .collect();
    let mut rig = effect(RATE_HZ, 512, Box::new(Drums::new(DULL_HZ)));
    let sound = hear_in(&mut rig, &low, &run_at(BAR, Quantise::Bar), 512);
    let top = above(&sound.left);
    assert!(level_db(&top[2 * BAR as usize..3 * BAR as usize - 2_400]) < -85.0);
    // Nor to what begins from nothing, whatever was heard before.
    let mut events = run_at(BAR, Quantise::Bar);
    events.push((BAR - 1, change(ContinuationChange::FollowsHeard(false))));
    events.sort_by_key(|(at, _)| *at);
    let mut rig = effect(RATE_HZ, 512, Box::new(Drums::new(DULL_HZ)));
    let sound = hear_in(&mut rig, &heard_drums(3 * BAR), &events, 512);
    let top = above(&sound.left);
    assert!(level_db(&top[BAR as usize..2 * BAR as usize - 4_800]) > -60.0);
    assert!(level_db(&top[2 * BAR as usize + 4_800..3 * BAR as usize - 2_400]) < -85.0);
}

#[test]
fn silence_that_is_made_stays_silent() {
    let mut rig = effect(RATE_HZ, 512, Box::new(Repeats::new(DULL_HZ)));
    // Noise, and silence for the last half of a second before the branch: that is repeated.
    let silent = 2 * BAR - BEAT - 12_000;
    let input: Vec<_> = (0..3 * BAR)
        .map(|at| [if at < silent { 0.2 * noise(at) } else { 0.0 }; 2])
        .collect();
    let sound = hear_in(&mut rig, &input, &run_at(BAR, Quantise::Bar), 512);
    assert!(level_db(&sound.left[2 * BAR as usize..]) < -90.0);
}

#[test]
fn the_upper_band_is_the_same_at_any_block_size_live_and_offline() {
    let input = heard_drums(SWITCH + BAR);
    let events = run_at(SWITCH - BAR / 2 + 77, Quantise::Beat);
    for rate_hz in [DULL_HZ, 22_050] {
        let rig = || effect(RATE_HZ, 1_024, Box::new(Drums::new(rate_hz)));
        let reference = hear_in(&mut rig(), &input, &events, 1_024);
        let top = above(&reference.left[SWITCH as usize..]);
        assert!(level_db(&top) > -60.0, "there is something to compare");
        for block in [32, 333] {
            let sound = hear_in(&mut rig(), &input, &events, block);
            sound.assert_same(&reference, &format!("blocks of {block}"));
        }
        let mut sizes = [1, 700, 64, 5].into_iter().cycle();
        let mixed = || sizes.next().unwrap();
        let sound = hear(&mut rig(), &input, &events, mixed, Working::EveryOtherBlock);
        sound.assert_same(&reference, "mixed blocks, a slow worker");
        let mut waiting = rig();
        waiting.processor.set_render(RenderMode::Wait, true);
        let sound = hear(
            &mut waiting,
            &input,
            &events,
            || 480,
            Working::OnlyWhenWaitedFor,
        );
        sound.assert_same(&reference, "offline");
    }
}
