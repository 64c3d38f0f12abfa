//! Whole hits: a decoder that gives all frames of a note in one call is called once a note.
//!
//! Worker thread only. A hit is kept for the voice that plays it, until another note takes the voice.

use std::collections::HashMap;

use afterimage_engine::contract::{ATTACK_VOICE, FrameRequest};

/// Memory that what the notes of one decoder keep may take.
pub(crate) const MAX_BYTES: usize = 48 << 20;
/// Notes that one instance can hold at once: voices, fading voices, two attacks being made.
pub(crate) const LEAST_NOTES: usize = 36;

/// Whose it is: the instance's epoch, and the voice within it.
pub(crate) type Holder = (u32, u32);

struct Hit {
    note: u32,
    /// `[frames][values]`, as the graph gave them.
    values: Vec<f32>,
    /// `[frames][values]` in radians; empty where the graph gives no phases.
    phases: Vec<f32>,
    last_used: u64,
}

/// The hits that voices play now.
pub(crate) struct Hits {
    frames: usize,
    width: usize,
    most: usize,
    by_holder: HashMap<Holder, Hit>,
    calls: u64,
}

/// Attacks that are made ahead have two notes in one batch, of one key and two velocities.
pub(crate) fn holder(request: &FrameRequest) -> Holder {
    let voice = u32::from(request.voice);
    let place = if request.voice == ATTACK_VOICE {
        voice + request.note % 2
    } else {
        voice
    };
    (request.epoch, place)
}

impl Hits {
    /// For calls that give `frames` frames of `width` values a row, and as many phases if it gives them.
    pub(crate) fn new(frames: usize, width: usize, gives_phases: bool) -> Self {
        let bytes = frames * width * size_of::<f32>() * (1 + usize::from(gives_phases));
        Self {
            frames,
            width,
            most: (MAX_BYTES / bytes.max(1)).max(LEAST_NOTES),
            by_holder: HashMap::new(),
            calls: 0,
        }
    }

    /// Values of a row.
    pub(crate) fn row(&self) -> usize {
        self.frames * self.width
    }

    /// How many of the first requests can be answered together: no voice plays two notes in them.
    pub(crate) fn together(requests: &[FrameRequest]) -> usize {
        let clash = |index: usize| {
            let request = &requests[index];
            requests[..index]
                .iter()
                .any(|other| holder(other) == holder(request) && other.note != request.note)
        };
        (1..requests.len())
            .find(|index| clash(*index))
            .unwrap_or(requests.len())
    }

    /// How many of the first requests need no more hits than one call gives: `a_call` says how many it
    /// gives where so many are missing.
    pub(crate) fn at_once(
        &self,
        requests: &[FrameRequest],
        a_call: impl Fn(usize) -> usize,
    ) -> usize {
        let requests = &requests[..Self::together(requests)];
        let is_new = |index: usize| {
            let wanted = holder(&requests[index]);
            let is_kept = |hit: &Hit| hit.note == requests[index].note;
            let asked_before = requests[..index]
                .iter()
                .any(|other| holder(other) == wanted);
            !asked_before && !self.by_holder.get(&wanted).is_some_and(is_kept)
        };
        let missing = || (0..requests.len()).filter(|index| is_new(*index));
        let given = a_call(missing().count());
        missing().nth(given).unwrap_or(requests.len())
    }

    /// Indices of the requests whose hit must be decoded, one for each hit.
    pub(crate) fn missing(&mut self, requests: &[FrameRequest]) -> Vec<usize> {
        self.calls += 1;
        let mut missing: Vec<usize> = Vec::new();
        for (index, request) in requests.iter().enumerate() {
            if let Some(hit) = self.by_holder.get_mut(&holder(request))
                && hit.note == request.note
            {
                hit.last_used = self.calls;
            } else if !missing
                .iter()
                .any(|other| holder(&requests[*other]) == holder(request))
            {
                missing.push(index);
            }
        }
        missing
    }

    /// Keeps the hit that was decoded for a request.
    pub(crate) fn keep(&mut self, request: &FrameRequest, values: &[f32]) {
        let kept = self.by_holder.remove(&holder(request));
        let mut hit = kept.unwrap_or_else(|| self.make_room());
        (hit.note, hit.last_used) = (request.note, self.calls);
        hit.values.clear();
        hit.values.extend_from_slice(values);
        hit.phases.clear();
        self.by_holder.insert(holder(request), hit);
    }

    /// Keeps the phases of the hit that [`Self::keep`] kept.
    pub(crate) fn keep_phases(&mut self, request: &FrameRequest, phases: &[f32]) {
        if let Some(hit) = self.by_holder.get_mut(&holder(request)) {
            hit.phases.extend_from_slice(phases);
        }
    }

    /// The buffers of the hit that was not asked for longest, if there are too many.
    fn make_room(&mut self) -> Hit {
        let oldest = self.by_holder.iter().min_by_key(|(_, hit)| hit.last_used);
        let oldest = oldest.map(|(holder, _)| *holder);
        let oldest = oldest.filter(|_| self.by_holder.len() >= self.most);
        let hit = oldest.and_then(|holder| self.by_holder.remove(&holder));
        hit.unwrap_or(Hit {
            note: 0,
            values: Vec::new(),
            phases: Vec::new(),
            last_used: 0,
        })
    }

    /// The values of a frame, and its phases where they were kept; `None` after the hit's end.
    pub(crate) fn frame(&self, request: &FrameRequest) -> Option<(&[f32], Option<&[f32]>)> {
        let index = request.frame_index as usize;
        let hit = self.by_holder.get(&holder(request))?;
        let from = index.checked_mul(self.width)?;
        let span = from..from + self.width;
        Some((hit.values.get(span.clone())?, hit.phases.get(span)))
    }
}

#[cfg(test)]
mod tests {
    use afterimage_engine::contract::FrameRequest;

    use super::Hits;

    fn request(voice: u16, note: u32, frame_index: u32) -> FrameRequest {
        FrameRequest {
            epoch: 1,
            voice,
            note,
            frame_index,
            ..FrameRequest::NONE
        }
    }

    #[test]
    fn a_chord_is_answered_call_by_call_and_what_is_kept_goes_along() {
        let mut hits = Hits::new(2, 1, false);
        hits.keep(&request(9, 4, 0), &[0.0; 2]);
        // A frame of a hit that rings, and three new hits of two frames each.
        let mut chord = vec![request(9, 4, 1)];
        chord.extend((0..6).map(|n| request(n / 2, 10 + u32::from(n / 2), u32::from(n % 2))));
        let at_once = |hits: &Hits, of: &[FrameRequest], a_call| hits.at_once(of, |_| a_call);
        for (a_call, expected) in [(1, 3), (2, 5), (3, 7), (16, 7)] {
            assert_eq!(at_once(&hits, &chord, a_call), expected, "{a_call} a call");
        }
        hits.keep(&chord[1], &[0.0; 2]);
        assert_eq!(at_once(&hits, &chord, 1), 5);
        // The same voice with another note is another hit, after the one before.
        let again = [request(0, 10, 0), request(0, 11, 0), request(0, 11, 1)];
        assert_eq!(at_once(&hits, &again, 1), 1);
        assert_eq!(at_once(&hits, &again[1..], 1), 2);
    }
}
