//! A latent between input and output: frames of the input are encoded, the latent is moved, its frames sound.
//! Worker thread only.
//!
//! What is decoded takes the loudness of the input's own frame: decoders are made at one loudness. A decoder that
//! wants a pitch gets the input's, and the time since its last onset.

use afterimage_engine::PlayStyle;
use afterimage_engine::contract::{
    Conditions, DecodeError, Decoder, Frame, FrameRequest, MAX_LATENT,
};
use afterimage_engine::transform::{Tick, TransformControls, Transformer, TransformerSpec};
use afterimage_spectral::{PhaseMethod, SynthesisFrame, VoiceInverse};

use super::encode_plan::EncodePlan;
use super::input_encoder::{FIRST_PITCH, InputEncoder};
use super::onset_fit::OnsetFit;
use super::pitch::LOWEST_HZ;
use super::{Refusal, VELOCITY};
use crate::backend::BackendKind;
use crate::decoder::NeuralDecoder;
use crate::load::load;
use crate::native::set_flush_denormals;
use crate::pack::Pack;
use crate::runtime::Runtime;

/// Where frames follow each other, the latent goes from one to the next in about this time, in seconds.
const GLIDE_S: f32 = 0.04;
/// Frames softer than this are silent, in decibels of mean square.
const SILENT_SQUARE: f64 = 1e-10;
/// Loudest gain on a decoded frame, as an amplitude: 60 dB.
const MOST_GAIN: f64 = 1_000.0;
/// Each axis' slow movement begins so much of a turn after the one before: the golden ratio, so that none meet.
const TURNS_BETWEEN_AXES: f64 = 0.618_034;
const SEED: u64 = 1;

/// A pack at work.
pub(super) struct FrameTransformer {
    spec: TransformerSpec,
    hop: usize,
    /// Hops that the output lags by beside the analysis.
    frames_ahead: u64,
    shifts_pitch: bool,
    input: InputEncoder,
    /// In knob units: how far the glide to the encoder's knobs has come.
    knobs: [f32; MAX_LATENT],
    decoder: NeuralDecoder,
    decoded: Vec<Frame>,
    inverse: VoiceInverse,
    side: Vec<f32>,
    onset_fit: OnsetFit,
    frames: u64,
}

impl FrameTransformer {
    /// Allocates; loads the decoder, and tries it out.
    pub(super) fn open(
        pack: &Pack,
        plan: &EncodePlan,
        runtime: &Runtime,
        kind: BackendKind,
    ) -> Result<Self, Refusal> {
        let only = runtime
            .only(kind)
            .ok_or_else(|| "it is not there".to_owned())?;
        let loaded = load(pack, &only)?;
        let stft = loaded.spec.stft;
        // A frame of look-ahead is worth its hop where gradients alone find phases.
        let method = match loaded.spec.phase {
            PhaseMethod::Rtpghi => PhaseMethod::RtpghiLookahead,
            method => method,
        };
        let rate_hz = pack.manifest().representation.sample_rate;
        let inverse = VoiceInverse::new(&stft, rate_hz as f32, method);
        let frames_ahead = inverse.frames_ahead();
        let half = stft.analysis_half_hops();
        let pitched = matches!(loaded.spec.play, PlayStyle::Pitched);
        let delay_samples = (half + frames_ahead - 1) * stft.hop();
        Ok(Self {
            spec: TransformerSpec {
                name: pack.manifest().name.clone(),
                sample_rate_hz: rate_hz,
                channels: 1,
                tick_samples: stft.hop(),
                delay_samples,
            },
            hop: stft.hop(),
            frames_ahead: frames_ahead as u64,
            shifts_pitch: pitched,
            input: InputEncoder::open(pack, plan, (runtime, kind), (&stft, pitched))?,
            knobs: [0.0; MAX_LATENT],
            decoder: loaded.decoder,
            // In time with an input no frame's phases follow from the one before's: they are integrated.
            decoded: vec![Frame::silent(stft.bins(), false)],
            inverse,
            side: vec![0.0; stft.hop()],
            onset_fit: OnsetFit::new(rate_hz, stft.hop(), delay_samples, 1.0 / LOWEST_HZ),
            frames: 0,
        })
    }

    /// Lets the latent glide, and says where it stands by the controls.
    fn conditions(&mut self, tick: Tick<'_>) -> Conditions {
        let own_s = if self.input.follows { GLIDE_S } else { 0.0 };
        let glide_s = tick.controls.smoothing_s.max(own_s);
        let hop_s = self.hop as f32 / self.spec.sample_rate_hz as f32;
        let share = if glide_s > 0.0 {
            1.0 - (-hop_s / glide_s).exp()
        } else {
            1.0
        };
        let begins = !self.input.follows && self.input.heard.frames_on() == 0;
        let fresh = begins && tick.controls.smoothing_s == 0.0;
        for (knob, target) in self.knobs.iter_mut().zip(self.input.knobs) {
            *knob += (target - *knob) * if fresh { 1.0 } else { share };
        }
        Conditions {
            latent: std::array::from_fn(|axis| moved(self.knobs[axis], axis, tick)),
            ..Conditions::default()
        }
    }

    fn decode(&mut self, conditions: Conditions) -> Result<(), DecodeError> {
        let frame_s = self.hop as f32 / self.spec.sample_rate_hz as f32;
        // A drone has one beginning; what is struck begins where the input does.
        let frames_on = match self.shifts_pitch {
            true => self.input.heard.frames_on(),
            false => self.frames,
        };
        let request = FrameRequest {
            frame_index: frames_on as u32,
            pitch: self.input.pitch(),
            time_on_s: frames_on as f32 * frame_s,
            conditions,
            ..request()
        };
        self.decoded[0].request = request;
        self.decoder.decode(&[request], &mut self.decoded)
    }

    fn sound(&mut self) {
        let made = &self.decoded[0].magnitudes;
        let (wanted, given) = (
            self.input.loudness.power(&self.input.magnitudes),
            self.input.loudness.power(made),
        );
        let silent = wanted * self.input.square < SILENT_SQUARE || given <= 0.0;
        let gain = if silent {
            0.0
        } else {
            (wanted / given).sqrt().min(MOST_GAIN)
        };
        self.inverse.push(SynthesisFrame {
            magnitudes: made,
            pitch_hz: self
                .input
                .pitch_hz
                .filter(|_| self.shifts_pitch)
                .unwrap_or(0.0),
            spread: 0.0,
            gain: gain as f32,
        });
    }

    fn transform_flushed(
        &mut self,
        tick: Tick<'_>,
        input: &[f32],
        output: &mut [f32],
    ) -> Result<(), DecodeError> {
        output.fill(0.0);
        self.onset_fit.hear(input);
        if !self.input.analyse(input) {
            return Ok(());
        }
        self.input
            .follow()
            .map_err(|reason| DecodeError::Transformer {
                pack: self.spec.name.clone(),
                reason,
            })?;
        let conditions = self.conditions(tick);
        self.decode(conditions)?;
        self.sound();
        self.frames += 1;
        if self.frames > self.frames_ahead {
            self.inverse.pull_hop(output, &mut self.side);
            let period_s = self.input.pitch_hz.map(|hz| 1.0 / hz);
            self.onset_fit.fit(output, period_s);
        }
        Ok(())
    }
}

/// An axis where the input put it, as the controls move it.
fn moved(knob: f32, axis: usize, tick: Tick<'_>) -> f32 {
    let TransformControls {
        bias,
        scale,
        lfo_hz,
        lfo_depth,
        ..
    } = tick.controls;
    let turns = f64::from(*lfo_hz) * tick.at_s + TURNS_BETWEEN_AXES * axis as f64;
    let wave = (std::f64::consts::TAU * turns.fract()).sin() as f32;
    knob * scale + bias[axis] + lfo_depth * wave
}

fn request() -> FrameRequest {
    FrameRequest {
        pitch: FIRST_PITCH,
        velocity: VELOCITY,
        seed: SEED,
        ..FrameRequest::NONE
    }
}

impl Transformer for FrameTransformer {
    fn spec(&self) -> &TransformerSpec {
        &self.spec
    }

    fn reset(&mut self) {
        self.input.reset();
        self.knobs = [0.0; MAX_LATENT];
        self.inverse.start(SEED);
        self.onset_fit.reset();
        self.frames = 0;
    }

    fn transform(
        &mut self,
        tick: Tick<'_>,
        input: &[&[f32]],
        output: &mut [&mut [f32]],
    ) -> Result<(), DecodeError> {
        let ([input], [output]) = (input, output) else {
            return Ok(());
        };
        let flags = set_flush_denormals();
        let outcome = self.transform_flushed(tick, input, output);
        flags.restore();
        outcome
    }
}
