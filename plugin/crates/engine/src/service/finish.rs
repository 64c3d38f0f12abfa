//! What the worker does to decoded rows before it sends them: morph, shift, formant, blur, tilt.
//!
//! A frame that needs another sound or another pitch beside its own has them decoded as further
//! rows. All of it follows from the frame's own request, so that batches cannot be heard.

use afterimage_spectral::clean::clean_magnitudes;
use afterimage_spectral::play::{EnvelopeSource, Shaper};

use crate::contract::{DecodeError, Frame, FrameRequest};
use crate::play::SpectralPlay;
use crate::spec::InstrumentSpec;
use crate::voice::pitch_hz;

/// Decodes requests into as many frames.
pub(crate) type Decode<'a> =
    dyn FnMut(&[FrameRequest], &mut [Frame]) -> Result<(), DecodeError> + 'a;

/// The worker's tools for one program.
pub(crate) struct Finisher {
    shaper: Shaper,
    bins: usize,
    /// Requests of the further rows, in the order of the rows that want them.
    requests: Vec<FrameRequest>,
    /// Their frames, as many as were ever needed at once.
    frames: Vec<Frame>,
}

impl SpectralPlay {
    /// Whether frames are sent as they are decoded. Real-time safe.
    pub fn is_neutral(&self) -> bool {
        self.shaping.is_neutral() && !self.morphs() && !self.shifts()
    }

    fn morphs(&self) -> bool {
        self.morph > 0.0
    }

    fn shifts(&self) -> bool {
        self.shift_semitones != 0.0
    }
}

/// The rows that a request needs beside its own: the morph's far end; then the unshifted note, for
/// its envelope, and that of the far end.
fn further(request: &FrameRequest) -> impl Iterator<Item = FrameRequest> {
    let play = &request.conditions.spectral;
    // Decoders of whole hits keep one a voice: each further row is a voice of its own.
    let beside = |kind: u16, request: FrameRequest| FrameRequest {
        voice: request.voice ^ (kind << 8),
        ..request
    };
    let mut far = *request;
    far.conditions.latent = play.morph_latent;
    let unshifted = |request: FrameRequest| FrameRequest {
        pitch: request.pitch - play.shift_semitones,
        ..request
    };
    let (morphs, shifts) = (play.morphs(), play.shifts());
    [
        morphs.then(|| beside(1, far)),
        shifts.then(|| beside(2, unshifted(*request))),
        (morphs && shifts).then(|| beside(3, unshifted(far))),
    ]
    .into_iter()
    .flatten()
}

impl Finisher {
    /// Allocates.
    pub(crate) fn new(spec: &InstrumentSpec) -> Self {
        Self {
            shaper: Shaper::new(&spec.stft, spec.sample_rate_hz as f32),
            bins: spec.stft.bins(),
            requests: Vec::new(),
            frames: Vec::new(),
        }
    }

    /// Finishes the rows that `decode` made of `requests`; it takes up to `max_rows`. Allocates when more rows are needed than
    /// ever before.
    ///
    /// # Errors
    /// When a further row could not be decoded.
    pub(crate) fn finish(
        &mut self,
        decode: &mut Decode<'_>,
        max_rows: usize,
        requests: &[FrameRequest],
        rows: &mut [Frame],
    ) -> Result<(), DecodeError> {
        self.decode_further(decode, max_rows, requests)?;
        let mut further = self.frames.iter_mut();
        for (request, row) in requests.iter().zip(rows) {
            if !request.conditions.spectral.is_neutral() {
                play(&mut self.shaper, request, row, &mut further);
            }
        }
        Ok(())
    }

    fn decode_further(
        &mut self,
        decode: &mut Decode<'_>,
        max_rows: usize,
        requests: &[FrameRequest],
    ) -> Result<(), DecodeError> {
        self.requests.clear();
        self.requests.extend(requests.iter().flat_map(further));
        let (count, limit) = (self.requests.len(), max_rows.max(1));
        while self.frames.len() < count {
            self.frames.push(Frame::silent(self.bins, false));
        }
        let frames = self.frames[..count].chunks_mut(limit);
        for (requests, frames) in self.requests.chunks(limit).zip(frames) {
            for (frame, request) in frames.iter_mut().zip(requests) {
                frame.readdress(request);
            }
            decode(requests, frames)?;
            for frame in frames {
                frame.cleaned_values += clean_magnitudes(&mut frame.magnitudes);
            }
        }
        Ok(())
    }
}

/// Finishes one row; takes as many of the `further` frames as [`further`] asked for.
fn play<'a>(
    shaper: &mut Shaper,
    request: &FrameRequest,
    row: &mut Frame,
    mut further: impl Iterator<Item = &'a mut Frame>,
) {
    let play = &request.conditions.spectral;
    row.cleaned_values += clean_magnitudes(&mut row.magnitudes);
    // A gain for each bin leaves its phase alone; energy that comes to a bin from elsewhere has another.
    row.phases_known &= !(play.morphs() || play.shifts() || play.shaping.blur > 0.0);
    if play.morphs()
        && let Some(far) = further.next()
    {
        shaper.morph(&mut row.magnitudes, &far.magnitudes, play.morph);
        row.cleaned_values += far.cleaned_values;
        row.silent &= far.silent;
    }
    let mut unshifted = play.shifts().then(|| further.next()).flatten();
    if play.morphs()
        && let Some(near) = &mut unshifted
        && let Some(far) = further.next()
    {
        shaper.morph(&mut near.magnitudes, &far.magnitudes, play.morph);
    }
    let source = unshifted.map(|frame| EnvelopeSource {
        magnitudes: &frame.magnitudes,
        pitch_hz: pitch_hz(request.pitch - play.shift_semitones),
    });
    let pitch_hz = pitch_hz(request.pitch);
    shaper.shape(&mut row.magnitudes, pitch_hz, &play.shaping, source);
}
