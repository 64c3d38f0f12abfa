//! What is asked of a render, and what comes out of it.

use super::{BlockPlan, CallbackTimes, Pace, Status, Timeline};

/// Quarter notes a minute of a host that was told no other tempo.
pub const TEMPO_BPM: f64 = 120.0;

/// What a render is made of.
#[derive(Clone, Debug)]
pub struct RenderSpec {
    /// The host's rate.
    pub rate_hz: f64,
    /// Samples wanted after the latency has been taken off.
    pub samples: u64,
    /// Block sizes.
    pub plan: BlockPlan,
    /// Block sizes one by one instead of the plan's; 0 and more than announced are allowed.
    pub blocks: Option<Vec<u32>>,
    /// The clock.
    pub pace: Pace,
    /// Ask the system for real-time priority for the audio thread, which hosts have.
    pub real_time: bool,
    /// What happens.
    pub timeline: Timeline,
    /// What comes in, one vector a channel, silence after its end; without channels silence alone. One
    /// channel goes to every channel of the port.
    pub input: Vec<Vec<f32>>,
    /// Quarter notes a minute of the host's transport.
    pub tempo_bpm: f64,
    /// Places of a sample where the host's transport jumps to a second.
    pub jumps: Vec<(u64, f64)>,
    /// Samples before which the host resets the plugin, on the audio thread.
    pub resets: Vec<u64>,
    /// A state that the session loads while it plays, once it has passed this sample.
    pub restore_at: Option<(u64, Vec<u8>)>,
    /// Take off the reported latency, as delay compensation does.
    pub compensate: bool,
}

impl RenderSpec {
    /// An offline render of `seconds` in blocks of 256, compensated.
    pub fn offline(rate_hz: f64, seconds: f64, timeline: Timeline) -> Self {
        Self {
            rate_hz,
            samples: (seconds * rate_hz).round() as u64,
            plan: BlockPlan::Fixed(256),
            blocks: None,
            pace: Pace::Offline,
            real_time: false,
            timeline,
            input: Vec::new(),
            tempo_bpm: TEMPO_BPM,
            jumps: Vec::new(),
            resets: Vec::new(),
            restore_at: None,
            compensate: true,
        }
    }

    /// The same with something that comes in.
    pub fn with_input(self, input: Vec<Vec<f32>>) -> Self {
        Self { input, ..self }
    }

    pub(super) fn activation(&self) -> Activation {
        Activation {
            rate_hz: self.rate_hz,
            max_block: self.plan.max_block(),
            offline: self.pace == Pace::Offline,
        }
    }

    /// The longest block that will be sent, announced or not.
    pub(super) fn longest_block(&self) -> u32 {
        let longest = self.blocks.iter().flatten().copied().max();
        longest.unwrap_or(0).max(self.plan.max_block())
    }

    pub(super) fn block_sizes(&self, total: u64) -> Box<dyn Iterator<Item = u32> + Send> {
        match &self.blocks {
            Some(blocks) => Box::new(blocks.clone().into_iter()),
            None => Box::new(self.plan.blocks(total)),
        }
    }
}

/// What came out.
#[derive(Clone, Debug, Default)]
pub struct Rendered {
    /// Left and right; one channel out is both.
    pub audio: [Vec<f32>; 2],
    /// The host's rate.
    pub rate_hz: f64,
    /// Latency that the plugin reported.
    pub latency_samples: u32,
    /// Short MIDI messages the plugin sent, with their samples.
    pub midi_out: Vec<(u64, [u8; 3])>,
    /// Time in the callback, a value a block.
    pub times: CallbackTimes,
    /// The audio thread asked for real-time priority and has got it.
    pub real_time: bool,
    /// Clock time from the first block to the last.
    pub wall_s: f64,
    /// The plugin's own counters, when it writes them.
    pub status: Option<Status>,
}

impl Rendered {
    /// Largest absolute sample; NaN when any sample is.
    pub fn peak(&self) -> f32 {
        self.audio.iter().flatten().fold(0.0, |peak, sample| {
            if sample.is_nan() {
                f32::NAN
            } else {
                sample.abs().max(peak)
            }
        })
    }

    /// Seconds of work a second of sound: below 1 is faster than real time.
    pub fn real_time_factor(&self) -> f64 {
        self.wall_s * self.rate_hz / self.audio[0].len().max(1) as f64
    }

    /// Mean of both channels.
    pub fn mono(&self) -> Vec<f32> {
        self.audio[0]
            .iter()
            .zip(&self.audio[1])
            .map(|(left, right)| 0.5 * (left + right))
            .collect()
    }
}

/// Rate and announced block size of an activation.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Activation {
    /// The host's rate.
    pub rate_hz: f64,
    /// Largest block the host announces.
    pub max_block: u32,
    /// True when announced as an offline render.
    pub offline: bool,
}
