//! Model rate to host rate, as a pull stream. Audio thread; preallocated.
//!
//! The filter runs on its own grid of [`CHUNK_HOST_FRAMES`] host frames, so that what comes out does
//! not depend on how many frames are pulled at a time. Leaves the model's samples to a closure.

mod whole;

pub use whole::resampled;

use crate::error::ResampleError;
use rubato::audioadapter_buffers::direct::SequentialSliceOfVecs;
use rubato::{
    Adjustable, Async, FixedAsync, Resampler as Filter, SincInterpolationParameters,
    WindowFunction, calculate_cutoff,
};

/// Host frames made at a time; the filter asks for the model samples of one chunk at once.
pub const CHUNK_HOST_FRAMES: usize = 32; // a block of 32 costs one chunk, and the delay grows by no more
/// Lowest rate taken on either side.
pub const MIN_RATE_HZ: f64 = 8_000.0;
/// Highest rate taken on either side.
pub const MAX_RATE_HZ: f64 = 192_000.0;
/// Most channels taken: mid and side, or left and right.
pub const MAX_CHANNELS: usize = 2;

// Taps at the lower of the two rates: 0.1 dB to 0.45 of it, images 90 dB down (tests/resample.rs).
const TAPS: f64 = 192.0;
const STEPS: usize = 128; // sub-positions of the filter; cubic between them, error below -130 dB
// Room for the one chunk whose ratio is bent to bring the delay to a whole number: 1 + 1 / (32 * 8 / 192).
const RATIO_ROOM: f64 = 2.0;

/// Streams one or two channels from the model's rate to the host's.
pub struct Resampler {
    path: Path,
    channels: usize,
}

enum Path {
    Same,
    Filter(Box<FilterPath>),
}

struct FilterPath {
    filter: Async<f32>,
    model_rate_hz: f64,
    host_rate_hz: f64,
    taps: usize,
    input: Vec<Vec<f32>>,
    chunk: Vec<Vec<f32>>,
    // Frames of the chunk already given out.
    read: usize,
    // Silent model samples still to come before the model's first.
    lead_in: usize,
    delay_host_frames: usize,
}

impl Resampler {
    /// A stream from `model_rate_hz` to `host_rate_hz`, of 1 or 2 channels. Allocates.
    ///
    /// # Errors
    /// When a rate lies outside 8 to 192 kHz or is not finite, or the channels are not 1 or 2.
    pub fn new(
        model_rate_hz: f64,
        host_rate_hz: f64,
        channels: usize,
    ) -> Result<Self, ResampleError> {
        for (side, given) in [("model", model_rate_hz), ("host", host_rate_hz)] {
            if !(MIN_RATE_HZ..=MAX_RATE_HZ).contains(&given) {
                return Err(ResampleError::Rate {
                    side,
                    given,
                    min: MIN_RATE_HZ,
                    max: MAX_RATE_HZ,
                });
            }
        }
        if !(1..=MAX_CHANNELS).contains(&channels) {
            return Err(ResampleError::Channels {
                given: channels,
                max: MAX_CHANNELS,
            });
        }
        let path = if model_rate_hz == host_rate_hz {
            Path::Same
        } else {
            Path::Filter(Box::new(FilterPath::new(
                model_rate_hz,
                host_rate_hz,
                channels,
            )?))
        };
        Ok(Self { path, channels })
    }

    /// Exact and constant: model sample `m` sounds at host frame `m * host / model + delay`.
    /// 0 when the rates are equal. Real-time safe.
    pub fn delay_host_frames(&self) -> usize {
        match &self.path {
            Path::Same => 0,
            Path::Filter(path) => path.delay_host_frames,
        }
    }

    /// The most model samples that `fill` is asked for at once for a block of `block` host frames.
    /// Real-time safe.
    pub fn max_fill(&self, block: usize) -> usize {
        match &self.path {
            Path::Same => block,
            Path::Filter(path) => path.input[0].len(),
        }
    }

    /// Forgets the past; the next frame pulled is frame 0. Real-time safe.
    pub fn reset(&mut self) {
        if let Path::Filter(path) = &mut self.path {
            path.reset();
        }
    }

    /// Fills `out`, one slice a channel, of equal lengths (the shortest rules). Real-time safe if
    /// `fill` is.
    ///
    /// `fill` gets one slice a channel and must write the next model samples into all of them. It is
    /// called with the same sequence of lengths whatever the blocks are, except at equal rates, where
    /// it fills `out` itself. It is never asked for a model sample later than the host frame that is
    /// being pulled: `m * host / model <= frame`.
    pub fn pull(&mut self, out: &mut [&mut [f32]], mut fill: impl FnMut(&mut [&mut [f32]])) {
        let channels = self.channels.min(out.len());
        match &mut self.path {
            Path::Same => fill(&mut out[..channels]),
            Path::Filter(path) => path.pull(&mut out[..channels], &mut fill),
        }
    }
}

impl FilterPath {
    fn new(model_rate_hz: f64, host_rate_hz: f64, channels: usize) -> Result<Self, ResampleError> {
        let ratio = host_rate_hz / model_rate_hz;
        // The library rounds up to a multiple of 8; the delay below needs the number it uses.
        let taps = ((TAPS * (1.0 / ratio).max(1.0)) as usize).next_multiple_of(8);
        // Left to itself the library would place the cutoff for a filter of `taps` at the host's rate.
        let mut parameters = SincInterpolationParameters::new(taps, WindowFunction::BlackmanHarris)
            .oversampling_factor(STEPS);
        parameters.f_cutoff = Some(calculate_cutoff(
            TAPS as usize,
            WindowFunction::BlackmanHarris,
        ));
        let filter = Async::new_sinc(
            ratio,
            RATIO_ROOM,
            &parameters,
            CHUNK_HOST_FRAMES,
            channels,
            FixedAsync::Output,
        )
        .map_err(|error| ResampleError::Filter {
            model_rate_hz,
            host_rate_hz,
            reason: error.to_string(),
        })?;
        let input = vec![vec![0.0; filter.input_frames_max()]; channels];
        let chunk = vec![vec![0.0; CHUNK_HOST_FRAMES]; channels];
        let read = CHUNK_HOST_FRAMES;
        let mut path = Self {
            filter,
            model_rate_hz,
            host_rate_hz,
            taps,
            input,
            chunk,
            read,
            lead_in: 0,
            delay_host_frames: 0,
        };
        path.reset();
        Ok(path)
    }

    // Output frame j of the bare filter stands for input position (j + 1) * step - centre. One chunk
    // of silence at a slightly bent ratio moves the fraction, whole silent samples move the rest.
    fn reset(&mut self) {
        let chunk = CHUNK_HOST_FRAMES as f64;
        let step = self.model_rate_hz / self.host_rate_hz;
        let centre = self.taps as f64 / 2.0 - 1.0 / STEPS as f64;
        // No later model sample than the host frame being pulled: a chunk's worth of delay more.
        let delay = (chunk + (centre + 1.0) / step - 1.0).ceil();
        let shift = (delay + 1.0) * step - centre - 1.0;
        let fraction = shift - shift.floor();
        let bent_step = ((chunk * step + fraction).ceil() - fraction) / chunk;
        self.filter.reset();
        // Both ratios lie within RATIO_ROOM, so neither call can fail.
        let _ = self.filter.set_resample_ratio(1.0 / bent_step, false);
        self.input.iter_mut().for_each(|channel| channel.fill(0.0));
        let consumed = self.run_filter() as f64;
        let _ = self.filter.set_resample_ratio(1.0 / step, false);
        let lead_in = (delay + 1.0) * step - centre - consumed + chunk * bent_step;
        self.lead_in = lead_in.round().max(0.0) as usize;
        self.delay_host_frames = delay as usize;
        self.read = CHUNK_HOST_FRAMES;
    }

    fn pull(&mut self, out: &mut [&mut [f32]], fill: &mut impl FnMut(&mut [&mut [f32]])) {
        let wanted = out.iter().map(|channel| channel.len()).min().unwrap_or(0);
        let mut done = 0;
        while done < wanted {
            if self.read == CHUNK_HOST_FRAMES {
                self.make_chunk(fill);
            }
            let count = (wanted - done).min(CHUNK_HOST_FRAMES - self.read);
            for (out, chunk) in out.iter_mut().zip(&self.chunk) {
                out[done..done + count].copy_from_slice(&chunk[self.read..self.read + count]);
            }
            self.read += count;
            done += count;
        }
    }

    fn make_chunk(&mut self, fill: &mut impl FnMut(&mut [&mut [f32]])) {
        let needed = self.filter.input_frames_next().min(self.input[0].len());
        let silent = self.lead_in.min(needed);
        self.lead_in -= silent;
        for channel in &mut self.input {
            channel[..silent].fill(0.0);
        }
        if let [first, rest @ ..] = self.input.as_mut_slice() {
            let first = &mut first[silent..needed];
            match rest.first_mut() {
                _ if first.is_empty() => {}
                Some(second) => fill(&mut [first, &mut second[silent..needed]]),
                None => fill(&mut [first]),
            }
        }
        self.run_filter();
        self.read = 0;
    }

    // Model samples consumed. The buffers were sized by the filter itself, so nothing here can fail;
    // if it did, the chunk would fall silent.
    fn run_filter(&mut self) -> usize {
        let channels = self.input.len();
        let (available, room) = (self.input[0].len(), CHUNK_HOST_FRAMES);
        let input = SequentialSliceOfVecs::new(self.input.as_slice(), channels, available);
        let output = SequentialSliceOfVecs::new_mut(self.chunk.as_mut_slice(), channels, room);
        if let (Ok(input), Ok(mut output)) = (input, output)
            && let Ok((consumed, _)) = self.filter.process_into_buffer(&input, &mut output, None)
        {
            return consumed;
        }
        self.chunk.iter_mut().for_each(|channel| channel.fill(0.0));
        0
    }
}
