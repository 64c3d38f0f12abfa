//! The engine's `Decoder` over a backend: requests in, clean magnitudes out. Worker thread only.

use std::sync::Arc;

use afterimage_engine::contract::{DecodeError, Decoder, Frame, FrameRequest, MAX_LATENT};
use afterimage_spectral::counter_rng::{Purpose, Stream};

use crate::backend::{Backend, BackendKind, InputBuffer, Values};
use crate::columns::{fill, fill_phases};
use crate::error::PackError;
use crate::hits::Hits;
use crate::magnitudes::Magnitudes;
use crate::manifest::{ConditionKind, LatentAxis, Manifest};
use crate::native::set_flush_denormals;
use crate::pack::Pack;
use crate::plan::{DecodePlan, Fill, MAX_ROWS};
use crate::rows::RowSizes;
use crate::steps::Carried;
use crate::streams::{Step, Streams};

/// Keeps a note's noise apart from the latent axes that the seed draws.
const NOISE_CHANNEL: u32 = 1;

/// Size of the states of trial runs.
const TRIAL_STATE: f32 = 0.1;

/// A loaded decode graph.
pub struct NeuralDecoder {
    backend: Box<dyn Backend>,
    buffers: Vec<InputBuffer>,
    rows: RowSizes,
    feed: Feed,
    magnitudes: Magnitudes,
    /// Its second output is the frame's phases.
    gives_phases: bool,
    /// For a graph that gives all frames of a note at once.
    hits: Option<Hits>,
    /// For a graph with hidden state.
    streams: Option<Streams>,
}

/// What is done with a row: the place of its output, the index of its request, the values.
type Each<'a> = dyn FnMut(&mut Magnitudes, usize, usize, &[f32]) + 'a;

/// What turns a request into input values.
pub(crate) struct Feed {
    pack: String,
    inputs: Vec<(Fill, f32)>,
    axes: Vec<LatentAxis>,
    /// Range of each continuous condition.
    ranges: Vec<[f32; 2]>,
    manifest: Arc<Manifest>,
}

impl Feed {
    pub(crate) fn new(pack: &Pack, plan: &DecodePlan) -> Self {
        let axes = pack
            .manifest()
            .latent
            .as_ref()
            .map_or_else(Vec::new, |latent| latent.axes.clone());
        let inputs = plan
            .inputs
            .iter()
            .map(|input| (input.fill, input.latest))
            .collect();
        let conditions = pack.manifest().conditions.iter();
        let ranges = conditions.filter_map(|condition| match condition.kind {
            ConditionKind::Continuous { range, .. } => Some(range),
            ConditionKind::Class { .. } => None,
        });
        Self {
            pack: pack.name().to_owned(),
            inputs,
            axes,
            ranges: ranges.collect(),
            manifest: pack.shared_manifest(),
        }
    }

    /// Writes one request into row `row` of every buffer. Allocates nothing.
    pub(crate) fn write(&self, request: &FrameRequest, row: usize, buffers: &mut [InputBuffer]) {
        for ((fill, latest), buffer) in self.inputs.iter().zip(buffers) {
            let span = row * buffer.width..(row + 1) * buffer.width;
            for (column, at) in span.enumerate() {
                let value = self.value(*fill, column, request);
                let value = if fill.is_time() {
                    value.min(*latest)
                } else {
                    value
                };
                match &mut buffer.values {
                    Values::F32(values) => values[at] = value,
                    Values::I64(values) => values[at] = value as i64,
                    Values::I32(values) => values[at] = value as i32,
                }
            }
        }
    }

    fn value(&self, fill: Fill, column: usize, request: &FrameRequest) -> f32 {
        let conditions = &request.conditions;
        match fill {
            Fill::Latent => self.latent(column, request),
            Fill::Noise => {
                let stream = Stream::new(
                    request.seed,
                    Purpose::LATENT,
                    u64::from(request.draw),
                    NOISE_CHANNEL,
                );
                conditions.temperature * stream.gaussian_at(column as u64)
            }
            Fill::Pitch => request.pitch,
            Fill::Velocity => request.velocity.clamp(0.0, 1.0),
            Fill::TimeOn => request.time_on_s,
            Fill::TimeOff => request.time_off_s,
            Fill::Class(first) => {
                f32::from(conditions.class.get(first + column).copied().unwrap_or(0))
            }
            Fill::Descriptor(first) => self.descriptor(first + column, &conditions.descriptor),
            // Trial runs leave it so: some state that is no note's first, another for each probe.
            Fill::State(place) => {
                let stream = Stream::new(1, Purpose::NOISE, u64::from(request.note), place as u32);
                TRIAL_STATE * stream.bipolar_at(column as u64)
            }
        }
    }

    /// A note longer than any the graph was trained on stays where that ended: there its phases stand still.
    fn forget_phases_past_the_end(&self, frames: &mut [Frame]) {
        let of_time = |(fill, latest): &&(Fill, f32)| *fill == Fill::TimeOn && latest.is_finite();
        if let Some((_, latest)) = self.inputs.iter().find(of_time) {
            for frame in frames {
                frame.phases_known &= frame.request.time_on_s <= *latest;
            }
        }
    }

    /// The tensor's value of one continuous condition, from its place in the range.
    fn descriptor(&self, index: usize, places: &[f32]) -> f32 {
        let Some([low, high]) = self.ranges.get(index) else {
            return 0.0;
        };
        let place = places.get(index).copied().unwrap_or(0.0);
        low + (high - low) * place.clamp(0.0, 1.0)
    }

    /// The tensor's value of one latent axis: from its knob, or drawn by the seed where it has none.
    fn latent(&self, axis: usize, request: &FrameRequest) -> f32 {
        let Some(LatentAxis {
            mean,
            std,
            min,
            max,
            ..
        }) = self.axes.get(axis)
        else {
            return 0.0;
        };
        let knob = match request.conditions.latent.get(axis) {
            Some(knob) if axis < MAX_LATENT => *knob,
            _ => Stream::new(request.seed, Purpose::LATENT, 0, 0).gaussian_at(axis as u64),
        };
        mean + std * knob.clamp(*min, *max)
    }
}

/// What a decoder is put together from.
pub(crate) struct Parts<'a> {
    pub(crate) backend: Box<dyn Backend>,
    pub(crate) buffers: Vec<InputBuffer>,
    pub(crate) rows: RowSizes,
    pub(crate) feed: Feed,
    /// Frames that a call gives for a row.
    pub(crate) frames: usize,
    /// The graph's second output is phases.
    pub(crate) gives_phases: bool,
    /// What a frame leaves to the note's next one.
    pub(crate) states: &'a [Carried],
}

impl NeuralDecoder {
    pub(crate) fn new(parts: Parts<'_>) -> Result<Self, PackError> {
        let Parts {
            backend,
            buffers,
            rows,
            feed,
            frames,
            gives_phases,
            states,
        } = parts;
        let representation = &feed.manifest.representation;
        let frame_s = 1.0 / representation.frame_rate_hz() as f32;
        let magnitudes = Magnitudes::new(&feed.pack, representation)?;
        Ok(Self {
            backend,
            buffers,
            rows,
            feed,
            hits: (frames > 1).then(|| Hits::new(frames, magnitudes.values(), gives_phases)),
            streams: (!states.is_empty()).then(|| Streams::new(states, frame_s)),
            magnitudes,
            gives_phases,
        })
    }

    /// Which runtime runs it.
    pub fn backend(&self) -> BackendKind {
        self.backend.kind()
    }

    /// The batch sizes it is run at.
    pub fn row_sizes(&self) -> &RowSizes {
        &self.rows
    }

    /// Magnitudes of a frame: the bins of the transform, whatever the graph's own values are.
    pub fn bins(&self) -> usize {
        self.magnitudes.bins()
    }

    /// Runs the graph on what the buffers hold, without conversion: what benches compare with.
    ///
    /// # Errors
    /// When the backend fails.
    pub fn run_bare(&mut self, rows: usize) -> Result<(), DecodeError> {
        let flags = set_flush_denormals();
        let outcome = self.backend.run(rows, &self.buffers, &mut |_, output| {
            std::hint::black_box(output);
        });
        flags.restore();
        outcome.map_err(|reason| DecodeError::Backend {
            pack: self.feed.pack.clone(),
            reason,
        })
    }

    /// One call of `size` rows that answers all of `requests`, the last of them repeated as padding.
    /// `each` gets the place of an output, the index of a request, and its row there, `[width]`.
    fn call(
        &mut self,
        size: usize,
        requests: &[FrameRequest],
        width: usize,
        each: &mut Each<'_>,
    ) -> Result<(), String> {
        for row in 0..size {
            self.feed.write(
                &requests[row.min(requests.len() - 1)],
                row,
                &mut self.buffers,
            );
        }
        let magnitudes = &mut self.magnitudes;
        let mut outcome = Ok(());
        self.backend
            .run(size, &self.buffers, &mut |place, output| {
                if output.len() != size * width {
                    outcome = Err(format!(
                        "{} values came out of {size} rows of {width} values",
                        output.len()
                    ));
                    return;
                }
                let rows = output.chunks_exact(width).take(requests.len());
                rows.enumerate()
                    .for_each(|(index, row)| each(magnitudes, place, index, row));
            })?;
        outcome
    }

    /// Calls until all requests have their row.
    fn call_all(
        &mut self,
        requests: &[FrameRequest],
        width: usize,
        each: &mut Each<'_>,
    ) -> Result<(), String> {
        let mut done = 0;
        while done < requests.len() {
            let (size, answered) = self.rows.next_call(requests.len() - done);
            let span = &requests[done..done + answered];
            self.call(size, span, width, &mut |magnitudes, place, index, row| {
                each(magnitudes, place, done + index, row);
            })?;
            done += answered;
        }
        Ok(())
    }

    fn decode_frames(
        &mut self,
        requests: &[FrameRequest],
        frames: &mut [Frame],
    ) -> Result<(), String> {
        let width = self.magnitudes.values();
        self.call_all(requests, width, &mut |magnitudes, place, index, row| {
            if place == 0 {
                fill(magnitudes, &requests[index], Some(row), &mut frames[index]);
            } else {
                fill_phases(row, &mut frames[index]);
            }
        })?;
        self.feed.forget_phases_past_the_end(frames);
        Ok(())
    }

    fn decode_hits(
        &mut self,
        hits: &mut Hits,
        requests: &[FrameRequest],
        frames: &mut [Frame],
    ) -> Result<(), String> {
        let mut done = 0;
        while done < requests.len() {
            let count = Hits::together(&requests[done..]);
            let (now, rows) = (
                &requests[done..done + count],
                &mut frames[done..done + count],
            );
            let missing: Vec<_> = hits.missing(now).iter().map(|index| now[*index]).collect();
            self.call_all(&missing, hits.row(), &mut |_, place, index, row| {
                if place == 0 {
                    hits.keep(&missing[index], row);
                } else {
                    hits.keep_phases(&missing[index], row);
                }
            })?;
            for (request, frame) in now.iter().zip(rows) {
                let found = hits.frame(request);
                let values = found.map(|(values, _)| values);
                fill(&mut self.magnitudes, request, values, frame);
                if let Some((_, Some(phases))) = found {
                    fill_phases(phases, frame);
                }
            }
            done += count;
        }
        Ok(())
    }

    /// Turn by turn: one frame of each note a turn, since a note's next frame needs the state of the last.
    fn decode_streams(
        &mut self,
        streams: &mut Streams,
        requests: &[FrameRequest],
        frames: &mut [Frame],
    ) -> Result<(), String> {
        let mut waiting: Vec<usize> = (0..requests.len()).collect();
        while !waiting.is_empty() {
            let turn = streams.turn(requests, &waiting);
            let mut done = 0;
            while done < turn.len() {
                let (size, answered) = self.rows.next_call(turn.len() - done);
                self.step(streams, size, &turn[done..done + answered], frames)?;
                done += answered;
            }
            waiting.retain(|index| !turn.iter().any(|step| step.answers == Some(*index)));
        }
        Ok(())
    }

    /// One call of `size` rows: a step of each of so many notes, the last of them repeated as padding.
    fn step(
        &mut self,
        streams: &mut Streams,
        size: usize,
        steps: &[Step],
        frames: &mut [Frame],
    ) -> Result<(), String> {
        for row in 0..size {
            let step = &steps[row.min(steps.len() - 1)];
            self.feed.write(&step.request, row, &mut self.buffers);
            for ((fill, _), buffer) in self.feed.inputs.iter().zip(&mut self.buffers) {
                if let (Fill::State(place), Values::F32(values)) = (fill, &mut buffer.values) {
                    let into = &mut values[row * buffer.width..(row + 1) * buffer.width];
                    into.copy_from_slice(streams.state(&step.request, *place));
                }
            }
        }
        let width = self.magnitudes.values();
        let columns = 1 + usize::from(self.gives_phases);
        let magnitudes = &mut self.magnitudes;
        let mut outcome = Ok(());
        self.backend
            .run(size, &self.buffers, &mut |place, output| {
                let state = place.checked_sub(columns);
                let width = state.map_or(width, |state| streams.width(state));
                if output.len() != size * width {
                    outcome = Err(format!(
                        "{} values came out of {size} rows of {width} values",
                        output.len()
                    ));
                    return;
                }
                for (step, row) in steps.iter().zip(output.chunks_exact(width)) {
                    match (state, step.answers) {
                        (Some(state), _) => streams.keep(&step.request, state, row),
                        (None, Some(index)) if place == 0 => {
                            fill(magnitudes, &step.request, Some(row), &mut frames[index]);
                        }
                        (None, Some(index)) => fill_phases(row, &mut frames[index]),
                        (None, None) => {}
                    }
                }
            })?;
        outcome?;
        steps
            .iter()
            .for_each(|step| streams.moved_on(&step.request));
        Ok(())
    }

    fn decode_all(
        &mut self,
        requests: &[FrameRequest],
        frames: &mut [Frame],
    ) -> Result<(), String> {
        if let Some(mut streams) = self.streams.take() {
            let outcome = self.decode_streams(&mut streams, requests, frames);
            self.streams = Some(streams);
            return outcome;
        }
        let Some(mut hits) = self.hits.take() else {
            return self.decode_frames(requests, frames);
        };
        let outcome = self.decode_hits(&mut hits, requests, frames);
        self.hits = Some(hits);
        outcome
    }
}

impl Decoder for NeuralDecoder {
    fn decode(
        &mut self,
        requests: &[FrameRequest],
        frames: &mut [Frame],
    ) -> Result<(), DecodeError> {
        let fits = frames.len() == requests.len() && (1..=MAX_ROWS).contains(&requests.len());
        if !fits {
            return Err(DecodeError::Rows {
                pack: self.feed.pack.clone(),
                given: requests.len(),
                limit: MAX_ROWS,
            });
        }
        let failed = |reason| DecodeError::Backend {
            pack: self.feed.pack.clone(),
            reason,
        };
        let bins = self.bins();
        if let Some(frame) = frames.iter().find(|frame| frame.magnitudes.len() != bins) {
            return Err(failed(format!(
                "a frame has room for {} of {} bins",
                frame.magnitudes.len(),
                bins
            )));
        }
        // Whoever calls: the sound must not depend on the thread's flags.
        let flags = set_flush_denormals();
        let outcome = self.decode_all(requests, frames);
        flags.restore();
        outcome.map_err(|reason| DecodeError::Backend {
            pack: self.feed.pack.clone(),
            reason,
        })
    }

    fn max_rows(&self) -> usize {
        MAX_ROWS
    }

    fn at_once(&self, requests: &[FrameRequest]) -> usize {
        if self.streams.is_some() {
            return requests.len(); // a note's frames are steps of one chain
        }
        match &self.hits {
            Some(hits) => hits.at_once(requests, |missing| self.rows.next_call(missing).1),
            None => self.rows.next_call(requests.len()).1,
        }
    }
}
