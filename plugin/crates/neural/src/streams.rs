//! Decoders with hidden state: each note carries its own from frame to frame.
//!
//! Worker thread only. A frame is then a function of its own request and of those of its note before it, which come in
//! the order of their frames. What was skipped is caught up first (the frames of an attack that was made ahead, those of
//! a sound that a morph brings in), so that neither timing nor batches decide anything.

use std::collections::HashMap;

use afterimage_engine::contract::FrameRequest;

use crate::hits::{Holder, LEAST_NOTES, MAX_BYTES, holder};
use crate::steps::{Carried, Queue};

/// Frames that are caught up at most; what lies before them is taken for silence.
const MOST_CAUGHT_UP: u32 = 64;

struct Stream {
    note: u32,
    /// The frame that its state stands before.
    next: u32,
    states: Vec<Queue>,
    last_used: u64,
}

/// One frame of one note.
pub(crate) struct Step {
    pub(crate) request: FrameRequest,
    /// The request that this frame answers; `None` where it is only caught up.
    pub(crate) answers: Option<usize>,
}

/// The states of the notes that sound.
pub(crate) struct Streams {
    initial: Vec<Queue>,
    widths: Vec<usize>,
    frame_s: f32,
    most: usize,
    by_holder: HashMap<Holder, Stream>,
    turns: u64,
}

impl Streams {
    /// For a graph that carries `states`, at `frame_s` seconds a frame. Allocates.
    pub(crate) fn new(states: &[Carried], frame_s: f32) -> Self {
        let values: usize = states.iter().map(|state| state.width * state.delay).sum();
        let bytes = values * size_of::<f32>();
        Self {
            initial: states.iter().map(Carried::queue).collect(),
            widths: states.iter().map(|state| state.width).collect(),
            frame_s,
            most: (MAX_BYTES / bytes.max(1)).max(LEAST_NOTES),
            by_holder: HashMap::new(),
            turns: 0,
        }
    }

    /// The next step of each note among the requests at the places `waiting`. Allocates.
    pub(crate) fn turn(&mut self, requests: &[FrameRequest], waiting: &[usize]) -> Vec<Step> {
        self.turns += 1;
        let mut turn: Vec<Step> = Vec::new();
        for index in waiting {
            let request = &requests[*index];
            if !turn
                .iter()
                .any(|step| holder(&step.request) == holder(request))
            {
                turn.push(self.step(request, *index));
            }
        }
        turn
    }

    fn step(&mut self, request: &FrameRequest, index: usize) -> Step {
        let turns = self.turns;
        self.make_room(holder(request));
        let initial = &self.initial;
        let stream = self
            .by_holder
            .entry(holder(request))
            .or_insert_with(|| Stream {
                note: request.note,
                next: 0,
                states: initial.clone(),
                last_used: turns,
            });
        stream.last_used = turns;
        // Another note, or one that is asked for what it has left behind, begins anew.
        if stream.note != request.note || request.frame_index < stream.next {
            (stream.note, stream.next) = (request.note, 0);
            stream.states.clone_from(initial);
        }
        let wanted = request.frame_index;
        stream.next = stream.next.max(wanted.saturating_sub(MOST_CAUGHT_UP));
        let behind = wanted - stream.next;
        if behind == 0 {
            return Step {
                request: *request,
                answers: Some(index),
            };
        }
        let earlier_s = behind as f32 * self.frame_s;
        let mut request = *request;
        request.frame_index = stream.next;
        request.time_on_s = (request.time_on_s - earlier_s).max(0.0);
        // Before the note's end there was none.
        if request.time_off_s >= 0.0 {
            request.time_off_s -= earlier_s;
            if request.time_off_s < 0.0 {
                request.time_off_s = -1.0;
            }
        }
        Step {
            request,
            answers: None,
        }
    }

    /// What the note of a step begins its frame with, `[width]` of the state.
    pub(crate) fn state(&self, request: &FrameRequest, place: usize) -> &[f32] {
        let stream = self.by_holder.get(&holder(request));
        let states = stream.map_or(&self.initial, |stream| &stream.states);
        states[place].oldest()
    }

    /// Values of a state.
    pub(crate) fn width(&self, place: usize) -> usize {
        self.widths[place]
    }

    /// Keeps a state that a step gave. What is no number becomes 0: it would stay for the rest of the note.
    pub(crate) fn keep(&mut self, request: &FrameRequest, place: usize, values: &[f32]) {
        if let Some(stream) = self.by_holder.get_mut(&holder(request)) {
            stream.states[place].push(values);
            if values.iter().any(|value| !value.is_finite()) {
                stream.states[place].clean_newest();
            }
        }
    }

    /// The step was taken.
    pub(crate) fn moved_on(&mut self, request: &FrameRequest) {
        if let Some(stream) = self.by_holder.get_mut(&holder(request)) {
            stream.next = request.frame_index + 1;
        }
    }

    /// Forgets the note that was not asked for longest, if a new one finds no room.
    fn make_room(&mut self, coming: Holder) {
        if self.by_holder.len() < self.most || self.by_holder.contains_key(&coming) {
            return;
        }
        let oldest = self
            .by_holder
            .iter()
            .min_by_key(|(_, stream)| stream.last_used);
        if let Some(holder) = oldest.map(|(holder, _)| *holder) {
            self.by_holder.remove(&holder);
        }
    }
}
