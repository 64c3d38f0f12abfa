//! A decoder without a net and a rig that steps the worker by hand: no thread, no sleep, no chance.
#![allow(dead_code, clippy::unwrap_used)]

pub mod notes;
pub mod sound;
pub mod transform;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use afterimage_engine::contract::{DecodeError, Decoder, Frame, FrameRequest};
use afterimage_engine::{
    Clock, ControlChange, DecoderHandle, DecoderKey, Engine, Event, HostConfig, Instrument,
    InstrumentSpec, Latency, NoteMatch, Processor, Pull, RenderMode, Service, TimedEvent, Worker,
};
use afterimage_spectral::{PhaseMethod, StftSpec};
use parking_lot::Mutex;

pub const MODEL_RATE_HZ: u32 = 48_000;
pub const FFT_SIZE: usize = 2048;
pub const HOP: usize = 256;

/// What a test decoder does with its rows.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Behaviour {
    /// Partials of the pitch; the first latent is brightness; fades within 300 ms of release.
    Partials,
    /// The same, decaying by 20 dB a second of the note's own time, about a formant that follows the
    /// pitch: the sixth partial at the mean of the first latent, an octave up for each unit.
    Decaying,
    /// Not a number, everywhere.
    NotANumber,
    /// Says that it failed.
    Fails,
    /// Panics.
    Panics,
}

/// A pure function of the request.
pub struct TestDecoder {
    pub behaviour: Behaviour,
    pub rate_hz: u32,
    pub max_rows: usize,
}

impl Decoder for TestDecoder {
    fn decode(
        &mut self,
        requests: &[FrameRequest],
        frames: &mut [Frame],
    ) -> Result<(), DecodeError> {
        assert!(requests.len() <= self.max_rows && requests.len() == frames.len());
        for (request, frame) in requests.iter().zip(frames) {
            frame.cleaned_values = 0;
            frame.silent = request.time_off_s > 0.3;
            frame.magnitudes.fill(0.0);
            match self.behaviour {
                _ if frame.silent => {}
                Behaviour::Partials => partials(request, self.rate_hz, &mut frame.magnitudes),
                Behaviour::Decaying => decaying(request, self.rate_hz, &mut frame.magnitudes),
                Behaviour::NotANumber => frame.magnitudes.fill(f32::NAN),
                Behaviour::Fails => {
                    return Err(DecodeError::Backend {
                        pack: "test".into(),
                        reason: "told to".into(),
                    });
                }
                Behaviour::Panics => panic!("told to"),
            }
        }
        Ok(())
    }

    fn max_rows(&self) -> usize {
        self.max_rows
    }
}

fn partials(request: &FrameRequest, rate_hz: u32, magnitudes: &mut [f32]) {
    let tilt = 1.5 - 0.4 * request.conditions.latent[0];
    let level = 0.06 * (0.2 + 0.8 * request.velocity) * (-request.time_off_s.max(0.0) * 20.0).exp();
    draw(request.pitch, rate_hz, magnitudes, |partial| {
        level * partial.powf(-tilt)
    });
}

fn decaying(request: &FrameRequest, rate_hz: u32, magnitudes: &mut [f32]) {
    let formant = 6.0 * request.conditions.latent[0].exp2();
    let level = 0.05 * 10.0_f32.powf(-request.time_on_s - request.time_off_s.max(0.0));
    draw(request.pitch, rate_hz, magnitudes, |partial| {
        level * (-2.0 * (partial / formant).log2().abs()).exp2()
    });
}

/// Twenty partials as a Hann window sees them, near enough.
fn draw(pitch: f32, rate_hz: u32, magnitudes: &mut [f32], level: impl Fn(f32) -> f32) {
    let f0 = 440.0 * 2.0_f32.powf((pitch - 69.0) / 12.0);
    let fft_size = 2 * (magnitudes.len() - 1);
    let bin_hz = rate_hz as f32 / fft_size as f32;
    for partial in 1..=20 {
        let centre = partial as f32 * f0 / bin_hz;
        let height = level(partial as f32) * fft_size as f32 / 4.0;
        let nearest = centre.round() as i64;
        for bin in nearest - 2..=nearest + 2 {
            if let Some(magnitude) = usize::try_from(bin)
                .ok()
                .and_then(|bin| magnitudes.get_mut(bin))
            {
                let distance = (bin as f32 - centre).abs();
                // The main lobe of a Hann window, near enough.
                let lobe = (std::f32::consts::PI * distance / 4.0)
                    .cos()
                    .max(0.0)
                    .powi(2);
                *magnitude += height * lobe;
            }
        }
    }
}

/// A clock that tests turn by hand; resting steps the worker.
pub struct HandClock {
    pub now_ns: Arc<AtomicU64>,
    pub worker: Option<Arc<Mutex<Worker>>>,
}

impl Clock for HandClock {
    fn now_ns(&self) -> u64 {
        self.now_ns.load(Ordering::Relaxed)
    }

    fn rest(&mut self) {
        self.now_ns.fetch_add(1_000_000, Ordering::Relaxed);
        if let Some(worker) = &self.worker {
            worker.lock().step();
        }
    }
}

pub fn spec(rate_hz: u32) -> InstrumentSpec {
    let stft = StftSpec::new(FFT_SIZE, HOP).unwrap();
    let mut spec = InstrumentSpec::new("test", rate_hz, stft, PhaseMethod::F0Lock);
    spec.release_s = 0.1;
    spec.presets = vec![[0.0; 16], [1.0; 16]];
    spec.mod_wheel_path = vec![[0.0; 16], [1.0; 16], [-1.0; 16]];
    spec
}

pub fn instrument(behaviour: Behaviour, rate_hz: u32) -> Instrument {
    let key = DecoderKey {
        pack_hash: format!("{behaviour:?}{rate_hz}"),
        backend: "test".into(),
    };
    let decoder = TestDecoder {
        behaviour,
        rate_hz,
        max_rows: 16,
    };
    Instrument {
        spec: spec(rate_hz),
        decoder: DecoderHandle::unshared(key, Box::new(decoder)),
    }
}

pub struct Rig {
    pub engine: Arc<Engine>,
    pub service: Arc<Service>,
    pub worker: Arc<Mutex<Worker>>,
    pub processor: Processor,
    pub now_ns: Arc<AtomicU64>,
    pub latency: Latency,
    pub position: u64,
}

/// When the worker works.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Working {
    /// All of it after each block: as early as can be.
    AfterEachBlock,
    /// Only when the processor waits, offline.
    OnlyWhenWaitedFor,
    /// Not in these blocks, counted from 0.
    NotIn(u64, u64),
    /// Not for frames whose index is odd: steps are withheld in every other block.
    EveryOtherBlock,
}

impl Rig {
    pub fn new(host: HostConfig) -> Self {
        Self::with(host, Some(instrument(Behaviour::Partials, MODEL_RATE_HZ)))
    }

    pub fn with(host: HostConfig, instrument: Option<Instrument>) -> Self {
        let (service, worker) = Service::by_hand();
        Self::on(service, Arc::new(Mutex::new(worker)), host, instrument)
    }

    /// Another instance on the same worker.
    pub fn beside(&self, host: HostConfig) -> Self {
        let (service, worker) = (Arc::clone(&self.service), Arc::clone(&self.worker));
        Self::on(service, worker, host, None)
    }

    fn on(
        service: Arc<Service>,
        worker: Arc<Mutex<Worker>>,
        host: HostConfig,
        instrument: Option<Instrument>,
    ) -> Self {
        let engine = Engine::new(&service);
        if let Some(instrument) = instrument {
            engine.load(instrument).unwrap();
        }
        let now_ns = Arc::new(AtomicU64::new(0));
        let clock = HandClock {
            now_ns: Arc::clone(&now_ns),
            worker: Some(Arc::clone(&worker)),
        };
        let mut processor = Processor::with_clock(&engine, Box::new(clock));
        processor.set_render(RenderMode::Live, false);
        let latency = processor.activate(host).unwrap();
        Self {
            engine,
            service,
            worker,
            processor,
            now_ns,
            latency,
            position: 0,
        }
    }

    pub fn work(&self) {
        self.worker.lock().run_until_idle();
    }

    /// Renders `events` (absolute samples, in order) in blocks of the sizes that `blocks` gives.
    pub fn render(
        &mut self,
        events: &[(u64, Event)],
        samples: usize,
        mut blocks: impl FnMut() -> usize,
        working: Working,
    ) -> Sound {
        let mut sound = Sound {
            left: vec![0.0; samples],
            right: vec![0.0; samples],
            missing: 0,
        };
        let (mut done, mut next, mut block_index) = (0, 0, 0);
        while done < samples {
            let length = blocks().min(samples - done);
            let begins = self.position;
            let first = next;
            while next < events.len() && events[next].0 < begins + length as u64 {
                next += 1;
            }
            let timed: Vec<_> = events[first..next]
                .iter()
                .map(|(at, event)| TimedEvent::new((at - begins) as u32, *event))
                .collect();
            let range = done..done + length;
            let pull = self.processor.process(
                &mut sound.left[range.clone()],
                &mut sound.right[range],
                &timed,
            );
            if let Pull::Late { missing_frames } = pull {
                sound.missing += missing_frames;
            }
            match working {
                Working::AfterEachBlock => self.work(),
                Working::NotIn(from, to) if (from..to).contains(&block_index) => {}
                Working::NotIn(..) => self.work(),
                Working::EveryOtherBlock if block_index % 2 == 1 => {}
                Working::EveryOtherBlock => self.work(),
                Working::OnlyWhenWaitedFor => {}
            }
            done += length;
            block_index += 1;
            self.position += length as u64;
        }
        sound
    }

    /// The same in equal blocks, with the worker in time.
    pub fn play(&mut self, events: &[(u64, Event)], samples: usize, block: usize) -> Sound {
        self.render(events, samples, || block, Working::AfterEachBlock)
    }
}

#[derive(Clone, Debug, PartialEq)]
pub struct Sound {
    pub left: Vec<f32>,
    pub right: Vec<f32>,
    pub missing: u32,
}

impl Sound {
    pub fn peak(&self) -> f32 {
        peak(&self.left).max(peak(&self.right))
    }

    /// The first sample at which a bit differs from `other` moved by `shift`, if there is one.
    pub fn first_difference(&self, other: &Self, shift: (usize, usize)) -> Option<usize> {
        let (mine, theirs) = shift;
        let length = (self.left.len() - mine).min(other.left.len() - theirs);
        (0..length).find(|&at| {
            self.left[mine + at].to_bits() != other.left[theirs + at].to_bits()
                || self.right[mine + at].to_bits() != other.right[theirs + at].to_bits()
        })
    }

    pub fn assert_same(&self, other: &Self, what: &str) {
        assert_eq!(
            self.first_difference(other, (0, 0)),
            None,
            "{what}: first difference"
        );
    }

    /// Largest step between two samples that follow each other.
    pub fn largest_step(&self) -> f32 {
        largest_step(&self.left).max(largest_step(&self.right))
    }
}

pub fn peak(samples: &[f32]) -> f32 {
    samples
        .iter()
        .fold(0.0, |peak, sample| peak.max(sample.abs()))
}

pub fn largest_step(samples: &[f32]) -> f32 {
    samples
        .windows(2)
        .fold(0.0, |step, pair| step.max((pair[1] - pair[0]).abs()))
}

pub fn note_on(key: u8, velocity: f32) -> Event {
    Event::NoteOn {
        key,
        channel: 0,
        note_id: None,
        velocity,
    }
}

pub fn note_off(key: u8) -> Event {
    Event::NoteOff(NoteMatch::key(key, 0))
}

pub fn control(change: ControlChange) -> Event {
    Event::Control(change)
}

/// A few seconds of music with everything moving: notes, pedal, bend, wheel, knobs, chokes.
pub fn music(seconds: f32, rate_hz: u32) -> Vec<(u64, Event)> {
    let at = |seconds: f32| (seconds * rate_hz as f32) as u64;
    let mut events = vec![
        (0, control(ControlChange::Drift(0.3))),
        (0, control(ControlChange::AttackMs(4.0))),
        (
            0,
            control(ControlChange::Latent {
                axis: 0,
                value: 0.0,
            }),
        ),
        (0, control(ControlChange::GainDb(-6.0))),
        (0, control(ControlChange::Width(1.0))),
        (0, Event::ModWheel { position: 0.0 }),
        (
            0,
            Event::PitchBend {
                channel: 0,
                bend: 0.0,
            },
        ),
    ];
    let mut time = 0.013;
    let mut step = 0_u32;
    while time < seconds {
        let key = 48 + (step * 7 % 36) as u8;
        events.push((at(time), note_on(key, 0.4 + 0.1 * (step % 6) as f32)));
        events.push((at(time + 0.21), note_off(key)));
        if step.is_multiple_of(5) {
            events.push((
                at(time + 0.05),
                Event::Sustain {
                    channel: 0,
                    down: step.is_multiple_of(10),
                },
            ));
            events.push((
                at(time + 0.03),
                Event::PitchBend {
                    channel: 0,
                    bend: (step % 3) as f32 - 1.0,
                },
            ));
        }
        let value = (step as f32 * 0.7).sin();
        events.push((
            at(time + 0.011),
            control(ControlChange::Latent { axis: 0, value }),
        ));
        events.push((
            at(time + 0.017),
            Event::ModWheel {
                position: value.abs(),
            },
        ));
        events.push((
            at(time + 0.023),
            control(ControlChange::GainDb(-6.0 + 3.0 * value)),
        ));
        events.push((at(time + 0.029), control(ControlChange::Width(1.0 + value))));
        time += 0.057;
        step += 1;
    }
    events.sort_by_key(|(at, _)| *at);
    events
}
