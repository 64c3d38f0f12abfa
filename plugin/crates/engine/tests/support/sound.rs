//! Continuers without a net, and the effect that they play in.

use std::f64::consts::TAU;

use afterimage_engine::continuation::{
    ContinuationChange, Continuer, ContinuerSpec, Quantise, SoundStart, Source, Style,
};
use afterimage_engine::contract::DecodeError;
use afterimage_engine::{ControlChange, Event, HostConfig, LatencyMode, TimedEvent};

use super::{Rig, Sound, Working, control};

pub const RATE_HZ: u32 = 48_000;
pub const BEAT: u64 = 24_000;
pub const BAR: u64 = 4 * BEAT;

pub fn continuer_spec(sample_rate_hz: u32) -> ContinuerSpec {
    ContinuerSpec {
        name: "fake".into(),
        sample_rate_hz,
        context_samples: sample_rate_hz as usize / 4,
        speed: 100.0,
    }
}

/// Goes on with a sine whose frequency it knows: the next sample follows from the last two.
pub struct SineOn {
    pub spec: ContinuerSpec,
    pub frequency_hz: f64,
    pub heard: [f64; 2],
    pub playing: [f64; 2],
}

impl SineOn {
    pub fn new(sample_rate_hz: u32, frequency_hz: f64) -> Self {
        Self {
            spec: continuer_spec(sample_rate_hz),
            frequency_hz,
            heard: [0.0; 2],
            playing: [0.0; 2],
        }
    }
}

impl Continuer for SineOn {
    fn spec(&self) -> &ContinuerSpec {
        &self.spec
    }

    fn forget(&mut self) {
        self.heard = [0.0; 2];
    }

    fn hear(&mut self, samples: &[f32]) -> Result<(), DecodeError> {
        for sample in samples {
            self.heard = [self.heard[1], f64::from(*sample)];
        }
        Ok(())
    }

    fn begin(&mut self, _: &SoundStart) {
        self.playing = self.heard;
    }

    fn go_on(&mut self, _: &Style, samples: &mut [f32]) -> Result<usize, DecodeError> {
        let step = 2.0 * (TAU * self.frequency_hz / f64::from(self.spec.sample_rate_hz)).cos();
        // Not all at once: the caller asks again.
        let count = samples.len().min(100);
        for sample in &mut samples[..count] {
            let next = step * self.playing[1] - self.playing[0];
            self.playing = [self.playing[1], next];
            *sample = next as f32;
        }
        Ok(count)
    }
}

/// Repeats the last quarter of a second that it heard, a little of it changed by seed and style: what
/// it plays depends on every sample before the branch, and on all that is asked.
pub struct Repeats {
    pub spec: ContinuerSpec,
    pub heard: Vec<f32>,
    pub playing: Vec<f32>,
    pub next: usize,
    pub colour: f32,
    pub fails_after: Option<usize>,
}

impl Repeats {
    pub fn new(sample_rate_hz: u32) -> Self {
        Self {
            spec: continuer_spec(sample_rate_hz),
            heard: Vec::new(),
            playing: Vec::new(),
            next: 0,
            colour: 0.0,
            fails_after: None,
        }
    }
}

impl Continuer for Repeats {
    fn spec(&self) -> &ContinuerSpec {
        &self.spec
    }

    fn forget(&mut self) {
        self.heard.clear();
    }

    fn hear(&mut self, samples: &[f32]) -> Result<(), DecodeError> {
        assert!(samples.iter().all(|sample| sample.is_finite()));
        self.heard.extend_from_slice(samples);
        let kept = self.spec.context_samples;
        if self.heard.len() > 2 * kept {
            self.heard.drain(..self.heard.len() - kept);
        }
        Ok(())
    }

    fn begin(&mut self, start: &SoundStart) {
        let kept = self.heard.len().min(self.spec.context_samples);
        self.playing = if start.follows_heard {
            self.heard[self.heard.len() - kept..].to_vec()
        } else {
            (0..1000).map(|at| (at as f32 * 0.1).sin() * 0.3).collect()
        };
        (self.next, self.colour) = (0, start.seed as f32 * 1e-3);
    }

    fn go_on(&mut self, style: &Style, samples: &mut [f32]) -> Result<usize, DecodeError> {
        if self.fails_after.is_some_and(|after| self.next > after) {
            return Err(DecodeError::Composer {
                pack: "fake".into(),
                reason: "told to".into(),
            });
        }
        let colour = 1.0 + self.colour + 0.1 * f32::from(style.class[0]);
        for sample in samples.iter_mut() {
            let place = self.next % self.playing.len().max(1);
            *sample = self.playing.get(place).copied().unwrap_or(0.0) * colour;
            self.next += 1;
        }
        Ok(samples.len())
    }
}

pub fn change(change: ContinuationChange) -> Event {
    control(ControlChange::Continuation(change))
}

/// The effect: no instrument, no latency.
pub fn effect(rate_hz: u32, longest_block: usize, continuer: Box<dyn Continuer>) -> Rig {
    let config = HostConfig {
        latency_mode: LatencyMode::Instant,
        ..HostConfig::new(rate_hz, longest_block as u32)
    };
    let rig = Rig::with(config, None);
    rig.engine.set_continuer(Some(continuer));
    rig
}

/// Runs at a sample, sound, following what was heard.
pub fn run_at(sample: u64, quantise: Quantise) -> Vec<(u64, Event)> {
    vec![
        (0, change(ContinuationChange::Source(Source::Sound))),
        (0, change(ContinuationChange::FollowsHeard(true))),
        (0, change(ContinuationChange::Quantise(quantise))),
        (sample, change(ContinuationChange::Run(true))),
    ]
}

/// Lets the effect hear `input` (both channels) in blocks; `events` at absolute samples.
pub fn hear(
    rig: &mut Rig,
    input: &[[f32; 2]],
    events: &[(u64, Event)],
    mut blocks: impl FnMut() -> usize,
    working: Working,
) -> Sound {
    let samples = input.len();
    let [left, right] = [0, 1].map(|side| input.iter().map(|s| s[side]).collect::<Vec<_>>());
    let mut sound = Sound {
        left: vec![9.0; samples],
        right: vec![9.0; samples],
        missing: 0,
    };
    let (mut done, mut block) = (0, 0);
    while done < samples {
        let ends = (done + blocks()).min(samples);
        let timed: Vec<_> = events
            .iter()
            .filter(|(at, _)| (done as u64..ends as u64).contains(at))
            .map(|(at, event)| TimedEvent::new((*at - done as u64) as u32, *event))
            .collect();
        rig.processor.process_heard(
            &[&left[done..ends], &right[done..ends]],
            &mut sound.left[done..ends],
            &mut sound.right[done..ends],
            &timed,
        );
        match working {
            Working::OnlyWhenWaitedFor => {}
            Working::NotIn(from, to) if (from..to).contains(&block) => {}
            Working::EveryOtherBlock if block % 2 == 1 => {}
            _ => rig.work(),
        }
        (done, block) = (ends, block + 1);
    }
    sound
}

/// The same in equal blocks, with the worker in time.
pub fn hear_in(rig: &mut Rig, input: &[[f32; 2]], events: &[(u64, Event)], block: usize) -> Sound {
    hear(rig, input, events, || block, Working::AfterEachBlock)
}

pub fn sine(samples: usize, frequency_hz: f64, rate_hz: u32, level: f32) -> Vec<[f32; 2]> {
    let at = |sample: usize| (TAU * frequency_hz * sample as f64 / f64::from(rate_hz)).sin();
    (0..samples)
        .map(|sample| [at(sample) as f32 * level; 2])
        .collect()
}

/// Something lively on two channels: plucked tones on no grid, with some noise.
pub fn lively(samples: usize) -> Vec<[f32; 2]> {
    let mut noise = 1_u32;
    (0..samples)
        .map(|at| {
            noise = noise.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let since = (at % 7_001) as f32;
            let pitch = 0.02 + 0.01 * ((at / 7_001 * 5) % 7) as f32;
            let tone = (since * pitch).sin() * (-since / 4_000.0).exp();
            let hiss = (noise >> 8) as f32 / 8_388_608.0 - 1.0;
            [0.4 * tone + 0.01 * hiss, 0.25 * tone - 0.01 * hiss]
        })
        .collect()
}
