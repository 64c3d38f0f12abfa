//! Latency, counted in one pure function. Table-tested against what is measured.

/// Lead that a session starts with, in milliseconds. Saved with the session, never tuned by machine.
pub const DEFAULT_LEAD_MS: f32 = 10.0;

/// Longest lead, in milliseconds.
pub(crate) const MAX_LEAD_MS: f32 = 1000.0;
/// Below this a sample could be rendered before its events are read: two host samples can share a
/// model sample, and the later of them may lie in the next block.
pub(crate) const MINIMUM_LEAD_SAMPLES: u32 = 1;

/// What the host is told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum LatencyMode {
    /// Lead and resampler delay are reported: after the host's compensation everything lands on
    /// its sample.
    #[default]
    Exact,
    /// Zero is reported, for playing live. A note begins on its sample with an attack made ahead;
    /// what changes while it sounds follows late by what `Exact` would report.
    Instant,
}

/// Everything that latency depends on. The machine's speed is not among it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LatencyInputs {
    /// Host rate in hertz.
    pub host_rate_hz: u32,
    /// The longer of the leads that the session saves and that the pack asks for, in milliseconds.
    pub lead_ms: f32,
    /// The longest block that the host announced, in host samples.
    pub max_block_samples: u32,
    /// Delay of the resampler from model to host rate, in host samples. Zero at equal rates.
    pub resampler_delay_samples: u32,
    /// What the host is told.
    pub mode: LatencyMode,
}

/// Latency in host samples.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Latency {
    /// What the host is told.
    pub reported_samples: u32,
    /// From an event's sample to the sample where it sounds; in Instant mode, but for note starts.
    pub total_samples: u32,
    /// The part of it that is lead: time for the decoder.
    pub lead_samples: u32,
}

/// Counts the latency. Pure; real-time safe.
///
/// The lead is rounded up to whole longest blocks, one at least: a host in real time comes only once
/// a block, so that of a lead of one and a half blocks the decoder would be sure of one. A longer
/// lead shifts the sound and changes none of it.
pub fn latency(inputs: &LatencyInputs) -> Latency {
    let wanted =
        f64::from(inputs.lead_ms.clamp(0.0, MAX_LEAD_MS)) * f64::from(inputs.host_rate_hz) / 1000.0;
    let lead_samples = (wanted.round() as u32)
        .max(MINIMUM_LEAD_SAMPLES)
        .next_multiple_of(inputs.max_block_samples.max(1));
    let total_samples = lead_samples + inputs.resampler_delay_samples;
    Latency {
        reported_samples: match inputs.mode {
            LatencyMode::Exact => total_samples,
            LatencyMode::Instant => 0,
        },
        total_samples,
        lead_samples,
    }
}
