//! One key's frames made sound, in shares that leave the worker free for what is due. Worker.
//!
//! Whole hits take some tens of milliseconds a key, and a frame that is asked for meanwhile is due within ten.
//! How the work was shared out changes no bit.

use afterimage_spectral::phase::whole::DEFAULT_ITERATIONS;
use afterimage_spectral::{
    Iteration, PhaseMethod, Resampler, SynthesisFrame, VoiceInverse, VoiceSnapshot, VoiceTables,
    WholeInverse,
};

use super::AttackPlan;
use crate::error::EngineError;
use crate::spec::InstrumentSpec;

/// Visits to frames of a share: some 8 us each (`benches/inverse.rs`), so half a millisecond.
const VISITS_A_SHARE: usize = 64;
/// Hops of a share: up to 60 us each.
const HOPS_A_SHARE: usize = 12;
/// Host samples of a share: some 0.3 us each.
const SAMPLES_A_SHARE: usize = 2048;

/// A key to be inverted.
#[derive(Clone, Copy, Debug)]
pub(super) struct KeySound {
    /// Hertz; 0 where keys are no pitches.
    pub(super) pitch_hz: f32,
    /// Keys phases, noise and width; all layers have the same.
    pub(super) seed: u64,
}

/// One layer of a key as it will be played.
pub(super) struct LayerSound {
    pub(super) layer: usize,
    /// Host rate, equal lengths.
    pub(super) left: Vec<f32>,
    pub(super) right: Vec<f32>,
    pub(super) stood: Option<VoiceSnapshot>,
}

/// What is done next to the key at hand.
enum Stage {
    /// Phases for all layers from the loudest.
    Phases,
    /// Frames and hops of a layer.
    Sound {
        layer: usize,
        frame: usize,
        hop: usize,
    },
    /// A layer brought to the host's rate.
    Resample(Box<Resampling>),
    /// Nothing is at hand.
    Done,
}

struct Resampling {
    out: Box<LayerSound>,
    /// Host samples made, with the ringing before the first.
    made: usize,
    /// Model samples taken.
    taken: usize,
}

/// Inverts the frames of a key, layer by layer.
pub(super) struct Inverting {
    plan: AttackPlan,
    voice: VoiceInverse,
    /// Frames that the voice needs beyond a hop.
    frames_ahead: usize,
    lookahead: usize,
    resampler: Resampler,
    /// For voices that do not lock to a pitch: better phases than they find frame by frame.
    whole: Option<WholeInverse>,
    /// Those phases, `[frame][bin]` in turns / 2^32; empty where there are none.
    phases: Vec<u32>,
    bins: usize,
    key: KeySound,
    stage: Stage,
    mid: Vec<f32>,
    side: Vec<f32>,
}

impl Inverting {
    /// Allocates.
    ///
    /// # Errors
    /// When the pack's rate cannot be brought to the host's.
    pub(super) fn new(
        plan: &AttackPlan,
        spec: &InstrumentSpec,
        tables: &VoiceTables,
    ) -> Result<Self, EngineError> {
        let rates = (f64::from(plan.model_rate_hz), f64::from(plan.host_rate_hz));
        let resampler =
            Resampler::new(rates.0, rates.1, 2).map_err(|reason| EngineError::Resample {
                pack: spec.name.clone(),
                reason,
            })?;
        let rate_hz = spec.sample_rate_hz as f32;
        // No voice goes on from a whole hit: it has all of the window, and a method that only sounds.
        let widest = spec.stft.with_synthesis_support(spec.stft.fft_size() / 2);
        let (voice, phase, support) = match widest {
            Ok(widest) if plan.whole => {
                let voice = VoiceInverse::new(&widest, rate_hz, PhaseMethod::Spsi);
                (voice, PhaseMethod::Spsi, widest)
            }
            _ => (
                VoiceInverse::sharing(tables, rate_hz, spec.phase),
                spec.phase,
                spec.stft,
            ),
        };
        let integrates = plan.whole
            || matches!(
                spec.phase,
                PhaseMethod::Rtpghi | PhaseMethod::RtpghiLookahead
            );
        let frames = plan.frames as usize;
        Ok(Self {
            frames_ahead: support.pre_centre_frames() + phase.lookahead_frames(),
            lookahead: phase.lookahead_frames(),
            voice,
            resampler,
            whole: integrates.then(|| WholeInverse::new(&spec.stft, frames, Iteration::Sequential)),
            phases: Vec::new(),
            bins: spec.stft.bins(),
            key: KeySound {
                pitch_hz: 0.0,
                seed: 0,
            },
            stage: Stage::Done,
            mid: Vec::new(),
            side: Vec::new(),
            plan: plan.clone(),
        })
    }

    /// Begins a key; what was at hand is dropped. `columns`: magnitudes `[layer][frame][bin]`, here and in
    /// every [`Self::share`] of it; `known`: phases `[frame][bin]` that came with the loudest.
    pub(super) fn begin(&mut self, columns: &[f32], known: &[u32], key: KeySound) {
        (self.key, self.stage) = (key, Stage::Phases);
        self.phases.clear();
        if known.len() == self.plan.frames as usize * self.bins {
            self.phases.extend_from_slice(known);
            return self.sound_layer(0);
        }
        let loudest = columns.len() - self.plan.frames as usize * self.bins;
        let begun = self
            .whole
            .as_mut()
            .map(|whole| whole.begin(&columns[loudest..], DEFAULT_ITERATIONS, key.seed));
        // The sizes are the plan's own; were they not, the voice would find its own phases.
        if !matches!(begun, Some(Ok(()))) {
            self.sound_layer(0);
        }
    }

    /// Whether a key is at hand.
    pub(super) fn is_busy(&self) -> bool {
        !matches!(self.stage, Stage::Done)
    }

    /// Drops what is at hand.
    pub(super) fn stop(&mut self) {
        self.stage = Stage::Done;
    }

    /// Does a share of the work; gives a layer when it is complete.
    pub(super) fn share(&mut self, columns: &[f32]) -> Option<Box<LayerSound>> {
        match std::mem::replace(&mut self.stage, Stage::Done) {
            Stage::Phases => self.find_phases(),
            Stage::Sound { layer, frame, hop } => self.sound(columns, layer, frame, hop),
            Stage::Resample(resampling) => return self.resample(resampling),
            Stage::Done => {}
        }
        None
    }

    fn find_phases(&mut self) {
        let Some(whole) = &mut self.whole else {
            return self.sound_layer(0);
        };
        if whole.step(VISITS_A_SHARE) {
            let spectra = whole.spectra().iter();
            self.phases.extend(spectra.map(|value| turns(value.arg())));
            self.sound_layer(0);
        } else {
            self.stage = Stage::Phases;
        }
    }

    fn sound_layer(&mut self, layer: usize) {
        self.voice.start(self.key.seed);
        self.mid.clear();
        self.side.clear();
        self.stage = Stage::Sound {
            layer,
            frame: 0,
            hop: 0,
        };
    }

    fn sound(&mut self, columns: &[f32], layer: usize, mut frame: usize, mut hop: usize) {
        let (frames, hops) = (self.plan.frames as usize, self.plan.hops as usize);
        let until = (hop + HOPS_A_SHARE).min(hops);
        while hop < until {
            while frame < frames.min(hop + self.frames_ahead + 1) {
                let row = layer * frames + frame;
                self.push(&columns[row * self.bins..][..self.bins], frame);
                frame += 1;
            }
            self.pull();
            hop += 1;
        }
        self.stage = if hop < hops {
            Stage::Sound { layer, frame, hop }
        } else {
            self.end_layer(layer)
        };
    }

    fn push(&mut self, magnitudes: &[f32], index: usize) {
        let frame = SynthesisFrame {
            magnitudes,
            pitch_hz: self.key.pitch_hz,
            spread: self.plan.spread,
            gain: 1.0,
        };
        let sounded = index.saturating_sub(self.lookahead) * self.bins;
        match self.phases.get(sounded..sounded + self.bins) {
            Some(phases) => self.voice.push_known(frame, phases),
            None => self.voice.push(frame),
        }
    }

    fn pull(&mut self) {
        let (from, hop) = (self.mid.len(), self.plan.hop);
        self.mid.resize(from + hop, 0.0);
        self.side.resize(from + hop, 0.0);
        self.voice
            .pull_hop(&mut self.mid[from..], &mut self.side[from..]);
    }

    fn end_layer(&mut self, layer: usize) -> Stage {
        let blend = self.plan.blend() as usize;
        let stood = (!self.plan.whole).then(|| self.voice.snapshot());
        let tail = self.mid.len();
        if blend > 0 {
            // One more hop, to fade out in: its newest frame has hardly begun there.
            self.pull();
        }
        for samples in [&mut self.mid, &mut self.side] {
            samples.truncate(tail + blend);
            for (index, sample) in samples[tail..].iter_mut().enumerate() {
                *sample *= (1.0 - (index as f32 + 0.5) / blend as f32).max(0.0);
            }
        }
        self.resampler.reset();
        let rate = f64::from(self.plan.host_rate_hz) / f64::from(self.plan.model_rate_hz);
        let delay = self.resampler.delay_host_frames();
        let length = (self.mid.len() as f64 * rate).ceil() as usize + 2 * delay;
        Stage::Resample(Box::new(Resampling {
            out: Box::new(LayerSound {
                layer,
                left: vec![0.0; length],
                right: vec![0.0; length],
                stood,
            }),
            made: 0,
            taken: 0,
        }))
    }

    /// Left and right of the model samples, with the ringing after them.
    fn resample(&mut self, mut at: Box<Resampling>) -> Option<Box<LayerSound>> {
        let (mid, side) = (&self.mid, &self.side);
        let out = &mut at.out;
        let until = (at.made + SAMPLES_A_SHARE).min(out.left.len());
        let (left, right) = (
            &mut out.left[at.made..until],
            &mut out.right[at.made..until],
        );
        let taken = &mut at.taken;
        self.resampler.pull(&mut [left, right], |out| {
            let count = out.first().map_or(0, |channel| channel.len());
            for offset in 0..count {
                let of = |samples: &[f32]| samples.get(*taken + offset).copied().unwrap_or(0.0);
                let (mid, side) = (of(mid), of(side));
                for (channel, sample) in out.iter_mut().zip([mid + side, mid - side]) {
                    channel[offset] = sample;
                }
            }
            *taken += count;
        });
        at.made = until;
        if at.made < at.out.left.len() {
            self.stage = Stage::Resample(at);
            return None;
        }
        let mut out = at.out;
        let delay = self.resampler.delay_host_frames();
        for channel in [&mut out.left, &mut out.right] {
            channel.drain(..delay);
        }
        if self.plan.whole {
            drop_silent_end(&mut out.left, &mut out.right);
        }
        if out.layer + 1 < self.plan.layers.len() {
            self.sound_layer(out.layer + 1);
        }
        Some(out)
    }
}

/// What is silent to the end need not be kept.
fn drop_silent_end(left: &mut Vec<f32>, right: &mut Vec<f32>) {
    let sounds = |samples: &[f32]| samples.iter().rposition(|sample| *sample != 0.0);
    let length = sounds(left).max(sounds(right)).map_or(0, |last| last + 1);
    for channel in [left, right] {
        channel.truncate(length);
        channel.shrink_to_fit();
    }
}

/// Radians to turns / 2^32.
fn turns(radians: f32) -> u32 {
    (f64::from(radians) / std::f64::consts::TAU * 4_294_967_296.0) as i64 as u32
}
