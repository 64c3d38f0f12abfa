//! One voice from magnitudes to samples: phase, inverse FFT, overlap-add. Audio thread.
//!
//! Preallocated; never blocks, allocates, logs or panics. Leaves envelopes, lateness and resampling
//! to the engine.

use crate::approx::cos_sin_turns;
use crate::overlap_add::{OverlapAdd, WindowSums};
use crate::phase::PhaseMethod;
use crate::phase::f0_lock::{F0Lock, LockFrame};
use crate::phase::lookahead::RtpghiLookahead;
use crate::phase::pan::PanField;
use crate::phase::rtpghi::Rtpghi;
use crate::phase::spsi::Spsi;
use crate::spec::StftSpec;
use crate::tables::VoiceTables;
use realfft::ComplexToReal;
use realfft::num_complex::Complex32;
use std::sync::Arc;

const BAND_BINS: usize = 16; // width of a pan band where no partials are known

/// One column of a spectrum to be sounded.
#[derive(Clone, Copy, Debug)]
pub struct SynthesisFrame<'a> {
    /// `[bins]` raw STFT magnitudes, finite, not negative. A shorter slice reads as silence above.
    pub magnitudes: &'a [f32],
    /// Pitch at the frame's centre; 0 = unknown.
    pub pitch_hz: f32,
    /// Stereo width, 0 to 1: how far partials wander from the middle.
    pub spread: f32,
    /// Linear gain.
    pub gain: f32,
}

/// One voice's phase method, inverse FFT and overlap-add.
///
/// A note goes: push frames `0 ..= pre_centre_frames` (and [`PhaseMethod::lookahead_frames`] more),
/// pull hop 0, push one, pull hop 1, and so on. Frame `n` is centred on sample `n * hop` of the note.
pub struct VoiceInverse {
    spec: StftSpec,
    method: PhaseMethod,
    pub(crate) phases: Phases,
    pan: PanField,
    pub(crate) sums: Arc<WindowSums>,
    inverse: Arc<dyn ComplexToReal<f32>>,
    scratch: Vec<Complex32>,
    mid_spectrum: Vec<Complex32>,
    side_spectrum: Vec<Complex32>,
    samples: Vec<f32>,
    pub(crate) mid: OverlapAdd,
    pub(crate) side: OverlapAdd,
    // The frame pushed last, and for look-ahead the one before it.
    pub(crate) latest: Column,
    waiting: Column,
    pub(crate) pushed_gain: f32,
    pub(crate) frames_pushed: u32,
    pub(crate) frames_sounded: u64,
    pub(crate) seed: u64,
}

#[derive(Clone, Debug)]
pub(crate) struct Column {
    pub(crate) magnitudes: Vec<f32>,
    pitch_hz: f32,
    spread: f32,
    gain: f32,
}

pub(crate) enum Phases {
    F0Lock(Box<F0Lock>, Box<Spsi>),
    Rtpghi(Box<Rtpghi>),
    Lookahead(Box<RtpghiLookahead>),
    Spsi(Box<Spsi>),
}

impl VoiceInverse {
    /// A voice for frames of `spec` at `sample_rate_hz`. Allocates; nothing afterwards does.
    pub fn new(spec: &StftSpec, sample_rate_hz: f32, method: PhaseMethod) -> Self {
        Self::sharing(&VoiceTables::new(spec), sample_rate_hz, method)
    }

    /// A voice that reads the tables it is given: for voices that sound together. Allocates; nothing
    /// afterwards does.
    pub fn sharing(tables: &VoiceTables, sample_rate_hz: f32, method: PhaseMethod) -> Self {
        let (spec, inverse) = (&tables.spec, Arc::clone(&tables.inverse));
        let spsi = || Box::new(Spsi::new(spec.bins(), spec.fft_size(), spec.hop()));
        let phases = match method {
            PhaseMethod::F0Lock => {
                Phases::F0Lock(Box::new(F0Lock::new(tables, sample_rate_hz)), spsi())
            }
            PhaseMethod::Rtpghi => Phases::Rtpghi(Box::new(Rtpghi::new(spec))),
            PhaseMethod::RtpghiLookahead => {
                Phases::Lookahead(Box::new(RtpghiLookahead::new(tables)))
            }
            PhaseMethod::Spsi => Phases::Spsi(spsi()),
        };
        let column = Column {
            magnitudes: vec![0.0; spec.bins()],
            pitch_hz: 0.0,
            spread: 0.0,
            gain: 0.0,
        };
        let mut voice = Self {
            spec: *spec,
            method,
            phases,
            pan: PanField::new(spec.bins(), spec.hop(), sample_rate_hz),
            sums: Arc::clone(&tables.sums),
            scratch: inverse.make_scratch_vec(),
            mid_spectrum: inverse.make_input_vec(),
            side_spectrum: inverse.make_input_vec(),
            samples: inverse.make_output_vec(),
            inverse,
            mid: OverlapAdd::new(spec),
            side: OverlapAdd::new(spec),
            latest: column.clone(),
            waiting: column,
            pushed_gain: 0.0,
            frames_pushed: 0,
            frames_sounded: 0,
            seed: 0,
        };
        voice.start(0);
        voice
    }

    /// Starts a note: forgets the one before. `seed` keys start phases, noise and width. Real-time safe.
    pub fn start(&mut self, seed: u64) {
        match &mut self.phases {
            Phases::F0Lock(lock, spsi) => {
                lock.start(seed);
                spsi.start(seed);
            }
            Phases::Rtpghi(rtpghi) => rtpghi.start(seed),
            Phases::Lookahead(lookahead) => lookahead.start(seed),
            Phases::Spsi(spsi) => spsi.start(seed),
        }
        self.seed = seed;
        self.pan.start(seed);
        self.mid.clear();
        self.side.clear();
        self.latest.magnitudes.fill(0.0);
        self.latest.gain = 0.0;
        self.pushed_gain = 0.0;
        self.frames_pushed = 0;
        self.frames_sounded = 0;
    }

    /// Adds the next frame; the index counts up from 0. Real-time safe.
    pub fn push(&mut self, frame: SynthesisFrame<'_>) {
        self.take(frame);
        self.sound(None);
    }

    fn take(&mut self, frame: SynthesisFrame<'_>) {
        std::mem::swap(&mut self.latest, &mut self.waiting);
        self.latest.set(frame);
        self.pushed_gain = self.latest.gain;
    }

    /// Adds the next frame where phases are known: from a model that gives them, or from a method
    /// that had more time. What comes after goes on from them. Real-time safe.
    ///
    /// `phases`: `[bins]` in turns / 2^32 about the centre of the frame that this call sounds: the
    /// given one, or with look-ahead the one before. A voice that locks to a pitch finds its own.
    pub fn push_known(&mut self, frame: SynthesisFrame<'_>, phases: &[u32]) {
        self.take(frame);
        self.sound(Some(phases));
    }

    /// Conceals a frame that did not come: the frame pushed last again, its phases advancing, its
    /// own gain times `gain` (so a fade over several calls counts down from 1). Real-time safe.
    pub fn hold(&mut self, gain: f32) {
        std::mem::swap(&mut self.latest, &mut self.waiting);
        self.latest.copy_from(&self.waiting);
        self.latest.gain = self.pushed_gain * finite_or_zero(gain);
        self.sound(None);
    }

    /// Gives the next hop: `mid` and `side`, `[hop]` samples each at the model rate; left is
    /// `mid + side`, right `mid - side`. Real-time safe.
    ///
    /// Hop `n` is complete once frames `0 ..= n + pre_centre_frames + lookahead_frames` were pushed;
    /// pulled earlier it holds what is there, faded by the missing windows.
    pub fn pull_hop(&mut self, mid: &mut [f32], side: &mut [f32]) {
        self.mid.take_hop(&self.sums, mid);
        self.side.take_hop(&self.sums, side);
    }

    /// Frames pushed or held since the note started. Real-time safe.
    pub fn frames_pushed(&self) -> u32 {
        self.frames_pushed
    }

    /// Frames needed beyond frame `n` before hop `n` may be pulled. Real-time safe.
    pub fn frames_ahead(&self) -> usize {
        self.spec.pre_centre_frames() + self.method.lookahead_frames()
    }

    fn sound(&mut self, known: Option<&[u32]>) {
        self.frames_pushed = self.frames_pushed.saturating_add(1);
        if self.method.lookahead_frames() == 0 {
            self.sound_column(false, known);
        } else if self.frames_pushed > 1 {
            self.sound_column(true, known);
        }
    }

    fn sound_column(&mut self, delayed: bool, known: Option<&[u32]>) {
        let (column, following) = if delayed {
            (&self.waiting, Some(self.latest.magnitudes.as_slice()))
        } else {
            (&self.latest, None)
        };
        let wide = column.spread > 0.0;
        let known_pitch = column.pitch_hz > 0.0;
        match &mut self.phases {
            Phases::F0Lock(lock, _) if known_pitch => lock.render(LockFrame {
                magnitudes: &column.magnitudes,
                pitch_hz: column.pitch_hz,
                spread: column.spread,
                mid: &mut self.mid_spectrum,
                side: &mut self.side_spectrum,
            }),
            Phases::F0Lock(_, spsi) | Phases::Spsi(spsi) => {
                let found = spsi.advance(&column.magnitudes);
                let phases = known.unwrap_or(found);
                polar(&column.magnitudes, phases, &mut self.mid_spectrum);
                known.into_iter().for_each(|phases| spsi.set_phases(phases));
            }
            Phases::Rtpghi(rtpghi) => {
                let found = rtpghi.advance(&column.magnitudes, None);
                let phases = known.unwrap_or(found);
                polar(&column.magnitudes, phases, &mut self.mid_spectrum);
                known
                    .into_iter()
                    .for_each(|phases| rtpghi.set_phases(phases));
            }
            Phases::Lookahead(lookahead) => {
                let found = lookahead.advance(&column.magnitudes, following);
                let phases = known.unwrap_or(found);
                polar(&column.magnitudes, phases, &mut self.mid_spectrum);
                known
                    .into_iter()
                    .for_each(|phases| lookahead.set_phases(phases));
            }
        }
        if wide && !(known_pitch && self.method == PhaseMethod::F0Lock) {
            self.widen_bands(self.frames_sounded);
        }
        let gain = if delayed {
            self.waiting.gain
        } else {
            self.latest.gain
        };
        self.transform(Channel::Mid, gain);
        if wide {
            self.transform(Channel::Side, gain);
        } else {
            self.side.add_silence(&self.sums);
        }
        self.frames_sounded += 1;
    }

    fn widen_bands(&mut self, frame: u64) {
        let spread = if self.method.lookahead_frames() == 0 {
            self.latest.spread
        } else {
            self.waiting.spread
        };
        let sides = self.side_spectrum.chunks_mut(BAND_BINS);
        for (band, (side, mid)) in sides.zip(self.mid_spectrum.chunks(BAND_BINS)).enumerate() {
            let pan = spread * self.pan.noise_band(band, frame);
            side.iter_mut()
                .zip(mid)
                .for_each(|(side, mid)| *side = mid * pan);
        }
    }

    fn transform(&mut self, channel: Channel, gain: f32) {
        let (spectrum, sum) = match channel {
            Channel::Mid => (&mut self.mid_spectrum, &mut self.mid),
            Channel::Side => (&mut self.side_spectrum, &mut self.side),
        };
        for value in spectrum.iter_mut() {
            *value *= gain;
        }
        // The spectrum of a real signal: no imaginary part at 0 and at half the rate.
        if let Some(first) = spectrum.first_mut() {
            first.im = 0.0;
        }
        if let Some(last) = spectrum.last_mut() {
            last.im = 0.0;
        }
        // Lengths come from the plan itself, so this cannot fail; a failure would repeat old samples.
        let _ = self
            .inverse
            .process_with_scratch(spectrum, &mut self.samples, &mut self.scratch);
        sum.add(&self.sums, &self.samples);
    }
}

#[derive(Clone, Copy)]
enum Channel {
    Mid,
    Side,
}

impl Column {
    fn set(&mut self, frame: SynthesisFrame<'_>) {
        let given = frame.magnitudes.len().min(self.magnitudes.len());
        self.magnitudes[..given].copy_from_slice(&frame.magnitudes[..given]);
        self.magnitudes[given..].fill(0.0);
        // The contract says finite; a voice must not poison the mix if it is broken.
        crate::clean::clean_magnitudes(&mut self.magnitudes);
        self.pitch_hz = finite_or_zero(frame.pitch_hz).max(0.0);
        self.spread = finite_or_zero(frame.spread).clamp(0.0, 1.0);
        self.gain = finite_or_zero(frame.gain);
    }

    pub(crate) fn copy_from(&mut self, other: &Self) {
        self.magnitudes.copy_from_slice(&other.magnitudes);
        (self.pitch_hz, self.spread, self.gain) = (other.pitch_hz, other.spread, other.gain);
    }
}

fn finite_or_zero(value: f32) -> f32 {
    if value.is_finite() { value } else { 0.0 }
}

fn polar(magnitudes: &[f32], phases: &[u32], spectrum: &mut [Complex32]) {
    for ((value, magnitude), phase) in spectrum.iter_mut().zip(magnitudes).zip(phases) {
        let (cos, sin) = cos_sin_turns(*phase);
        *value = Complex32::new(magnitude * cos, magnitude * sin);
    }
}
