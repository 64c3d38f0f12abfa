//! Random events from fixed seeds: whatever comes, the sound depends on the events alone, stays
//! finite, and gives every frame back.
#![allow(clippy::unwrap_used)]

mod support;

use afterimage_engine::{ControlChange, Event, HostConfig, NoteMatch, RenderMode};
use afterimage_spectral::counter_rng::{Purpose, Stream};
use support::{Behaviour, MODEL_RATE_HZ, Rig, Working, control, instrument};

const SAMPLES: usize = 36_000;
/// Events lie before this sample; the rest is for tails.
const EVENTS_UNTIL: f32 = 24_000.0;

/// Numbers one after the other.
struct Dice {
    stream: Stream,
    thrown: u64,
}

impl Dice {
    fn new(seed: u64) -> Self {
        Self {
            stream: Stream::new(seed, Purpose(1_000), 0, 0),
            thrown: 0,
        }
    }

    fn unit(&mut self) -> f32 {
        self.thrown += 1;
        self.stream.uniform_at(self.thrown)
    }

    fn below(&mut self, limit: u32) -> u32 {
        (self.unit() * limit as f32) as u32
    }
}

fn random_event(dice: &mut Dice) -> Event {
    let key = 36 + dice.below(20) as u8;
    let channel = dice.below(2) as u8;
    let note_id = (dice.below(3) == 0).then(|| dice.below(6) as i32);
    let notes = NoteMatch {
        key: Some(key),
        channel: Some(channel),
        note_id,
    };
    let value = dice.unit() * 2.0 - 1.0;
    match dice.below(24) {
        0..=8 => Event::NoteOn {
            key,
            channel,
            note_id,
            velocity: dice.unit(),
        },
        9..=12 => Event::NoteOff(notes),
        13 => Event::Choke(NoteMatch {
            note_id: None,
            ..notes
        }),
        14 => Event::Sustain {
            channel,
            down: dice.below(2) == 0,
        },
        15 => Event::PitchBend {
            channel,
            bend: value,
        },
        16 => Event::Pressure {
            notes,
            pressure: dice.unit(),
        },
        17 => Event::ModWheel {
            position: dice.unit(),
        },
        18 => control(ControlChange::AttackMs(dice.unit() * 20.0)),
        19 => control(ControlChange::ReleaseMs(dice.unit() * 80.0)),
        20 => control(ControlChange::SustainLevel(dice.unit())),
        21 => control(ControlChange::Latent {
            axis: dice.below(16) as u8,
            value,
        }),
        22 => control(ControlChange::GainDb(value * 20.0)),
        _ if dice.below(20) == 0 => Event::AllNotesOff,
        _ => control(ControlChange::Width(1.0 + value)),
    }
}

/// Events that crowd: many on one sample, many within a fade.
fn random_events(seed: u64, count: u32) -> Vec<(u64, Event)> {
    let mut dice = Dice::new(seed);
    let mut at = 0.0;
    let mut events = Vec::new();
    for _ in 0..count {
        if dice.below(3) > 0 {
            at = (at + dice.unit() * 2.0 * EVENTS_UNTIL / count as f32).min(EVENTS_UNTIL);
        }
        events.push((at as u64, random_event(&mut dice)));
    }
    events
}

#[test]
fn random_events_sound_the_same_at_any_block_live_or_waited_for() {
    for seed in 0..6 {
        let (host_rate_hz, count) =
            [(48_000, 80), (44_100, 400), (96_000, 1_500)][seed as usize % 3];
        let events = random_events(seed, count);
        let host = HostConfig::new(host_rate_hz, 1_024);
        let mut rig = Rig::new(host);
        rig.processor.set_render(RenderMode::Wait, false);
        let reference = rig.render(&events, SAMPLES, || 1_024, Working::OnlyWhenWaitedFor);
        assert_eq!(
            reference.missing,
            0,
            "seed {seed}: {:?}",
            rig.engine.monitor().counts()
        );
        assert!(
            reference.peak() > 0.01 && reference.peak() < 1.0,
            "seed {seed}"
        );

        let mut dice = Dice::new(seed + 100);
        let mut rig = Rig::new(host);
        rig.processor.set_render(RenderMode::Wait, false);
        let waited = rig.render(
            &events,
            SAMPLES,
            || 1 + dice.below(700) as usize,
            Working::OnlyWhenWaitedFor,
        );
        waited.assert_same(&reference, &format!("seed {seed}, waited for"));

        let mut rig = Rig::new(host);
        let live = rig.render(
            &events,
            SAMPLES,
            || 1 + dice.below(1_024) as usize,
            Working::AfterEachBlock,
        );
        if live.missing == 0 {
            live.assert_same(&reference, &format!("seed {seed}, live"));
        } else {
            assert!(
                count > 1_000,
                "seed {seed}: only a flood may outrun the pool"
            );
        }
    }
}

#[test]
fn random_swaps_resets_stalls_and_blocks_lose_no_frame_and_stay_finite() {
    for seed in 0..4 {
        let mut dice = Dice::new(seed + 500);
        let mut rig = Rig::new(HostConfig::new(48_000, 256));
        let (mut left, mut right) = (vec![0.0; 2_000], vec![0.0; 2_000]);
        for _ in 0..400 {
            let length = dice.below(600) as usize;
            let events: Vec<_> = (0..dice.below(12))
                .map(|_| {
                    afterimage_engine::TimedEvent::new(dice.below(700), random_event(&mut dice))
                })
                .collect();
            rig.processor
                .process(&mut left[..length], &mut right[..length], &events);
            assert!(left.iter().chain(&right).all(|sample| sample.abs() < 0.967));
            match dice.below(40) {
                0 => rig.processor.reset(),
                1 => {
                    let rate_hz = [MODEL_RATE_HZ, 44_100, 32_000][dice.below(3) as usize];
                    rig.engine
                        .load(instrument(Behaviour::Partials, rate_hz))
                        .unwrap();
                }
                2..=15 => {}
                _ => rig.work(),
            }
        }
        rig.processor.reset();
        rig.position = 0;
        rig.play(&[], 96_000, 256);
        rig.work();
        assert_eq!(rig.worker.lock().links(), 1, "seed {seed}");
        let before = rig.worker.lock().pooled_frames();
        rig.play(
            &[
                (96_000, support::note_on(60, 1.0)),
                (97_000, support::note_off(60)),
            ],
            96_000,
            256,
        );
        rig.work();
        assert_eq!(rig.worker.lock().pooled_frames(), before, "seed {seed}");
    }
}
