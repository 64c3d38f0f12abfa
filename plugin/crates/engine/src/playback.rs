//! The playback head: voices and the frames that arrive for them, one latency behind the host.
//!
//! Audio thread. Spreads the phase work of frames that came early, so that a chord whose frames are
//! all due on one sample fits into a short block; this never changes the sound.

use std::sync::atomic::Ordering;

use crate::attack::Shelf;
use crate::contract::Conditions;
use crate::link::AudioLink;
use crate::voice::{Faults, Lane, Voice, VoiceShape};

/// Up to so many frames a slice, work begins gently: after silence everything it touches is out of
/// the caches, and a frame costs three times what the next ones do (benches/process.rs).
const GENTLE_FRAMES: u32 = 8;

/// Voices, rings and the position of the output on the model's timeline.
pub(crate) struct Playback {
    link: AudioLink,
    voices: Box<[Voice]>,
    pub(crate) shape: VoiceShape,
    gain: f32,
    pub(crate) epoch: u32,
    /// Next model sample to be rendered.
    pub(crate) position: u64,
    /// Conditions of the newest frame that was pushed, for the window.
    pub(crate) newest_conditions: Option<Conditions>,
    pushed_last_slice: u32,
    /// Attacks that are ready, in Instant mode.
    pub(crate) shelf: Option<Shelf>,
    /// Frames that ever arrived.
    pub(crate) frames_taken: u64,
}

impl Playback {
    pub(crate) fn new(
        link: AudioLink,
        voices: Box<[Voice]>,
        shape: VoiceShape,
        gain: f32,
        shelf: Option<Shelf>,
    ) -> Self {
        Self {
            link,
            voices,
            shape,
            gain,
            epoch: 0,
            position: 0,
            newest_conditions: None,
            frames_taken: 0,
            pushed_last_slice: 0,
            shelf,
        }
    }

    /// Silences everything and begins a timeline: frames of older epochs will be recycled unheard.
    pub(crate) fn begin(&mut self, epoch: u32) {
        self.epoch = epoch;
        self.position = 0;
        self.link.shared.epoch.store(epoch, Ordering::Release);
        self.link.shared.position_model.store(0, Ordering::Release);
        for voice in &mut self.voices {
            voice.clear(&mut self.link);
        }
        if let Some(shelf) = &mut self.shelf {
            shelf.begin(epoch);
        }
    }

    /// What the request head works with.
    pub(crate) fn desk_parts(&mut self) -> (&mut [Voice], &mut AudioLink, Option<&mut Shelf>) {
        (&mut self.voices, &mut self.link, self.shelf.as_mut())
    }

    /// Adds the cached attacks that sound to `left` and `right`, host rate. Real-time safe.
    pub(crate) fn mix_attacks(&mut self, position_host: u64, left: &mut [f32], right: &mut [f32]) {
        if let Some(shelf) = &mut self.shelf {
            shelf.mix(position_host, self.gain, left, right);
        }
    }

    pub(crate) fn link(&self) -> &AudioLink {
        &self.link
    }

    pub(crate) fn sounding(&self) -> u32 {
        let from_memory = self.shelf.as_ref().map_or(0, Shelf::sounding);
        (self.voices.iter().filter(|voice| voice.sounds()).count() + from_memory) as u32
    }

    /// Hands frames that arrived to their voices; those of an older epoch go back unheard.
    pub(crate) fn take_deliveries(&mut self, faults: &mut Faults) {
        if let Some(shelf) = &mut self.shelf {
            shelf.take_arrivals();
        }
        while let Ok(front) = self.link.deliveries.peek() {
            let request = &front.frame.request;
            let current = request.epoch == self.epoch;
            let voice = self
                .voices
                .get_mut(usize::from(request.voice))
                .filter(|_| current);
            if voice.as_ref().is_some_and(|voice| !voice.takes_frame()) {
                return; // it makes room as it plays
            }
            let Ok(delivery) = self.link.deliveries.pop() else {
                return;
            };
            self.frames_taken += 1;
            match voice {
                Some(voice) => voice.accept(delivery),
                None => {
                    faults.unheard_frames += 1;
                    self.link.recycle(delivery);
                }
            }
        }
    }

    /// Pushes a share of the frames that came early: as many as, slice by slice, make every voice
    /// ready one slice before its hop. Frames that have not come yet count: they will need their
    /// time too.
    pub(crate) fn work_ahead(&mut self, slice_model: u64, faults: &mut Faults) {
        let mut share = 0.0_f32;
        for work in self
            .voices
            .iter()
            .filter_map(|voice| voice.early_work(self.position))
        {
            let left = (work.due - self.position)
                .saturating_sub(slice_model)
                .max(slice_model);
            share += work.frames as f32 * slice_model as f32 / left as f32;
        }
        let wanted = share.ceil() as u32;
        let gentle = if wanted > GENTLE_FRAMES {
            wanted
        } else {
            wanted.div_ceil(2)
        };
        let limit = wanted.min(gentle.max(self.pushed_last_slice + 2));
        self.pushed_last_slice = 0;
        while self.pushed_last_slice < limit {
            let first = self.voices.iter().enumerate().filter_map(|(index, voice)| {
                let work = voice.early_work(self.position)?;
                work.arrived.then_some((work.due, index))
            });
            let Some((_, index)) = first.min() else {
                return;
            };
            let mut lane = Lane {
                link: &mut self.link,
                faults,
                newest: &mut self.newest_conditions,
                shelf: self.shelf.as_ref(),
            };
            self.voices[index].push_early(&mut lane);
            self.pushed_last_slice += 1;
        }
    }

    /// Whether a frame that the next `samples` need may still come.
    pub(crate) fn awaits_frames(&self, samples: u64) -> bool {
        self.voices
            .iter()
            .any(|voice| voice.awaits_frame(self.position, self.position + samples))
    }

    /// Overwrites `left` and `right`, model rate, with the next samples of all voices.
    pub(crate) fn render(
        &mut self,
        left: &mut [f32],
        right: &mut [f32],
        faults: &mut Faults,
        before_render: &mut impl FnMut(&mut Self, u64),
    ) {
        // Within a hop a voice needs at most one more hop: what it waits for can be told beforehand.
        let hop = self.shape.hop;
        for (left, right) in left.chunks_mut(hop).zip(right.chunks_mut(hop)) {
            before_render(self, left.len() as u64);
            left.fill(0.0);
            right.fill(0.0);
            for voice in &mut self.voices {
                let mut lane = Lane {
                    link: &mut self.link,
                    faults,
                    newest: &mut self.newest_conditions,
                    shelf: self.shelf.as_ref(),
                };
                voice.render(self.position, left, right, &mut lane);
            }
            for sample in left.iter_mut().chain(right.iter_mut()) {
                *sample *= self.gain;
            }
            self.position += left.len() as u64;
        }
    }
}
