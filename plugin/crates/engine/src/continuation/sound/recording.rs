//! The take of a piece of sound while it is made. Worker thread only.

use super::{Slab, SoundBegin};
use crate::continuation::{Ending, SoundStart, Source, Take};

/// A take is cut here, so that its memory is bounded, and goes on in another: 5 minutes.
const TAKE_S: usize = 300;

/// A take at work.
pub(super) struct Recording {
    take: Take,
    /// Mono, from the take's start on.
    audio: Vec<f32>,
}

impl Recording {
    /// Nothing yet.
    pub(super) fn new(begin: &SoundBegin, pack: String, start: SoundStart) -> Self {
        Self {
            take: Take::begin(Source::Sound, pack, start, begin.place),
            audio: Vec::new(),
        }
    }

    pub(super) fn pack(&self) -> &str {
        &self.take.pack
    }

    pub(super) fn start(&self) -> SoundStart {
        self.take.start
    }

    /// Keeps what was heard before the branch.
    pub(super) fn prime(&mut self, heard: impl Iterator<Item = f32>) {
        self.take.priming = heard.collect();
    }

    /// Keeps what lies after the start.
    pub(super) fn keep(&mut self, slab: &Slab) {
        let start = self.take.place.start_sample;
        let before = start.saturating_sub(slab.from_host) as usize;
        self.audio
            .extend_from_slice(slab.samples.get(before..).unwrap_or_default());
    }

    /// Whether the take is so long that it has to be cut.
    pub(super) fn is_full(&self) -> bool {
        self.audio.len() >= TAKE_S * self.take.place.host_rate_hz as usize
    }

    /// The take so far; another goes on where it ends.
    pub(super) fn cut(&mut self, gains: [f32; 2]) -> Take {
        let mut place = self.take.place;
        place.start_sample += self.audio.len() as u64;
        let next = Take::begin(
            Source::Sound,
            self.take.pack.clone(),
            self.take.start,
            place,
        );
        let take = std::mem::replace(&mut self.take, next);
        let audio = std::mem::take(&mut self.audio);
        finished(take, &audio, gains, Ending::GoesOn)
    }

    /// The take up to a host sample.
    pub(super) fn finish(self, until_host: u64, gains: [f32; 2], ended: Ending) -> Take {
        let length = until_host.saturating_sub(self.take.place.start_sample);
        let length = usize::try_from(length).unwrap_or(usize::MAX);
        let audio = &self.audio[..length.min(self.audio.len())];
        finished(self.take, audio, gains, ended)
    }
}

fn finished(take: Take, audio: &[f32], [left, right]: [f32; 2], ended: Ending) -> Take {
    let at_level = |gain: f32| audio.iter().map(|value| gain * value).collect();
    let audio = if left == right {
        vec![at_level(left)]
    } else {
        vec![at_level(left), at_level(right)]
    };
    Take {
        audio,
        ended,
        ..take
    }
}

#[cfg(test)]
mod tests {
    use super::{Recording, TAKE_S};
    use crate::continuation::sound::{CHUNK_SAMPLES, Slab, SoundBegin};
    use crate::continuation::{Ending, SoundStart, TakePlace};

    #[test]
    fn a_long_piece_becomes_takes_that_follow_each_other_without_a_gap() {
        let begin = SoundBegin {
            piece: 1,
            place: TakePlace {
                host_rate_hz: 100,
                start_sample: 1_010,
                ..TakePlace::default()
            },
            compare_until: None,
            stream_from: 1_000,
            start: SoundStart::new(3),
        };
        let mut recording = Recording::new(&begin, "pack".into(), begin.start);
        let mut takes = Vec::new();
        for slab in 0..700 {
            let from_host = 1_000 + slab * CHUNK_SAMPLES as u64;
            recording.keep(&Slab {
                piece: 1,
                from_host,
                gains: [1.0; 2],
                correlation: 0.0,
                samples: std::array::from_fn(|place| (from_host + place as u64) as f32),
            });
            if recording.is_full() {
                takes.push(recording.cut([1.0; 2]));
            }
        }
        takes.push(recording.finish(40_000, [1.0, 2.0], Ending::Length));
        assert_eq!(takes.len(), 2);
        assert!(takes[0].audio[0].len() >= TAKE_S * 100);
        assert_eq!(takes[0].ended, Ending::GoesOn);
        let audio: Vec<f32> = takes
            .iter()
            .flat_map(|take| take.audio[0].clone())
            .collect();
        let expected: Vec<f32> = (1_010..40_000).map(|at| at as f32).collect();
        assert_eq!(audio, expected);
        let second = takes[1].place.start_sample;
        assert_eq!(second, 1_010 + takes[0].audio[0].len() as u64);
        assert_eq!(takes[1].audio[1][0], 2.0 * second as f32);
    }
}
