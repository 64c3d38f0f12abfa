//! A take is heard again: the keeper prepares it at the host's rate, the callback mixes it in.
//!
//! The audio half never allocates, frees, locks or waits: what was played goes back to be freed. What
//! is auditioned follows the window, not the timeline, so it is no part of what the plugin renders.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use afterimage_engine::{Event, NoteMatch, TimedEvent};
use crossbeam::atomic::AtomicCell;
use crossbeam::queue::ArrayQueue;

/// Prepared sounds that can wait to be freed; the player takes no new one while all are there.
const WAITING_TRASH: usize = 8;
/// Length of the fade where one is cut off.
const FADE_S: f32 = 0.005;
/// The channel on which a take's notes are played, so that no player's note is ended by them.
const AUDITION_CHANNEL: u8 = 14;

/// What is heard, at the host's rate.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Prepared {
    /// Left and right, of one length; empty for a piece of notes.
    pub sound: [Vec<f32>; 2],
    /// Ons and offs in their order: sample, key, and the velocity of an on.
    pub notes: Vec<(u64, u8, Option<f32>)>,
    /// Samples of one channel until it ends.
    pub length: u64,
    /// Samples over which it fades when it is cut off.
    pub fade: u32,
}

impl Prepared {
    /// Nothing, whose turn ends what sounds.
    pub fn silence() -> Box<Self> {
        Box::default()
    }

    /// A fade that fits the host's rate.
    pub fn fade_at(rate_hz: u32) -> u32 {
        (FADE_S * rate_hz as f32).ceil() as u32
    }
}

/// Between keeper and callback.
pub struct AuditionLink {
    posted: AtomicCell<Option<Box<Prepared>>>,
    trash: ArrayQueue<Box<Prepared>>,
    is_heard: AtomicBool,
}

impl Default for AuditionLink {
    fn default() -> Self {
        Self {
            posted: AtomicCell::new(None),
            trash: ArrayQueue::new(WAITING_TRASH),
            is_heard: AtomicBool::new(false),
        }
    }
}

impl AuditionLink {
    /// Lets the callback play `prepared` next. Keeper thread.
    pub fn post(&self, prepared: Box<Prepared>) {
        drop(self.posted.swap(Some(prepared))); // one that nobody took is freed here
        self.is_heard.store(true, Ordering::Release);
    }

    /// Whether one sounds or waits.
    pub fn is_heard(&self) -> bool {
        self.is_heard.load(Ordering::Acquire)
    }

    /// Frees what was played. Keeper thread.
    pub fn empty_trash(&self) {
        while let Some(prepared) = self.trash.pop() {
            drop(prepared);
        }
    }
}

/// The audio half.
pub struct AuditionPlayer {
    link: Arc<AuditionLink>,
    playing: Option<Box<Prepared>>,
    /// The one that follows while the other fades.
    next: Option<Box<Prepared>>,
    position: u64,
    note: usize,
    /// Samples of the fade that are left.
    fading: Option<u32>,
}

impl AuditionPlayer {
    /// A player that waits. Allocates nothing later.
    pub fn new(link: Arc<AuditionLink>) -> Self {
        Self {
            link,
            playing: None,
            next: None,
            position: 0,
            note: 0,
            fading: None,
        }
    }

    /// Takes what was posted, and says the note events of a block of `samples`. Call once a block,
    /// before [`mix`](Self::mix). Real-time safe.
    pub fn begin_block(&mut self, samples: usize, mut say: impl FnMut(TimedEvent)) {
        if self.next.is_none() && !self.link.trash.is_full() {
            self.next = self.link.posted.take();
        }
        if self.next.is_some() {
            match &self.playing {
                Some(playing) => {
                    let fade = playing.fade;
                    self.fading.get_or_insert(fade);
                    say(TimedEvent::new(0, let_go_all()));
                    self.note = usize::MAX;
                }
                None => self.turn(),
            }
        }
        let Some(playing) = &self.playing else {
            return;
        };
        let end = self.position + samples as u64;
        while let Some((at, key, velocity)) = playing.notes.get(self.note).copied()
            && at < end
        {
            let offset = at.saturating_sub(self.position) as u32;
            say(TimedEvent::new(offset, note(key, velocity)));
            self.note += 1;
        }
    }

    /// Adds a block to `left` and `right`. Real-time safe.
    pub fn mix(&mut self, left: &mut [f32], right: &mut [f32]) {
        let Some(playing) = &self.playing else {
            return;
        };
        let [from_left, from_right] = &playing.sound;
        let samples = left.len().min(right.len());
        for at in 0..samples {
            let level = match &mut self.fading {
                None => 1.0,
                Some(0) => break,
                Some(rest) => {
                    *rest -= 1;
                    *rest as f32 / playing.fade.max(1) as f32
                }
            };
            let place = self.position as usize + at;
            let (Some(l), Some(r)) = (from_left.get(place), from_right.get(place)) else {
                break;
            };
            left[at] += level * l;
            right[at] += level * r;
        }
        self.position += samples as u64;
        let faded = self.fading == Some(0)
            || (self.fading.is_some() && self.position >= from_left.len() as u64);
        if faded || self.position >= playing.length {
            self.turn();
        }
    }

    /// Sends what was played to be freed and begins the next.
    fn turn(&mut self) {
        if let Some(played) = self.playing.take()
            && let Err(played) = self.link.trash.push(played)
        {
            self.playing = Some(played); // silent by now, and tried again with the next block
            return;
        }
        self.playing = self.next.take();
        (self.position, self.note, self.fading) = (0, 0, None);
        self.link
            .is_heard
            .store(self.playing.is_some(), Ordering::Release);
    }
}

fn note(key: u8, velocity: Option<f32>) -> Event {
    match velocity {
        Some(velocity) => Event::NoteOn {
            key,
            channel: AUDITION_CHANNEL,
            note_id: None,
            velocity,
        },
        None => Event::NoteOff(NoteMatch::key(key, AUDITION_CHANNEL)),
    }
}

fn let_go_all() -> Event {
    Event::NoteOff(NoteMatch {
        key: None,
        channel: Some(AUDITION_CHANNEL),
        note_id: None,
    })
}

#[cfg(test)]
mod tests {
    use super::{Arc, AuditionLink, AuditionPlayer, Event, Prepared, TimedEvent};

    fn prepared(length: usize) -> Box<Prepared> {
        let ramp: Vec<f32> = (0..length).map(|n| 1.0 + n as f32).collect();
        Box::new(Prepared {
            sound: [ramp.clone(), ramp],
            length: length as u64,
            fade: 4,
            ..Prepared::default()
        })
    }

    fn blocks(player: &mut AuditionPlayer, sizes: &[usize]) -> (Vec<f32>, Vec<TimedEvent>) {
        let (mut heard, mut events) = (Vec::new(), Vec::new());
        for size in sizes {
            let (mut left, mut right) = (vec![0.0; *size], vec![0.0; *size]);
            player.begin_block(*size, |event| events.push(event));
            player.mix(&mut left, &mut right);
            assert_eq!(left, right);
            heard.extend(left);
        }
        (heard, events)
    }

    #[test]
    fn it_sounds_whole_at_any_block_size_and_is_freed_elsewhere() {
        for sizes in [[3, 3, 3, 3], [1, 7, 2, 2], [12, 1, 1, 1]] {
            let link = Arc::new(AuditionLink::default());
            let mut player = AuditionPlayer::new(Arc::clone(&link));
            link.post(prepared(10));
            assert!(link.is_heard());
            let (heard, _) = blocks(&mut player, &sizes);
            let expected: Vec<f32> = (1..=10).map(|n| n as f32).collect();
            assert_eq!(heard[..10], expected);
            assert!(heard[10..].iter().all(|sample| *sample == 0.0));
            assert!(!link.is_heard());
            assert_eq!(link.trash.len(), 1);
        }
    }

    #[test]
    fn what_is_cut_off_fades_before_the_next_begins() {
        let link = Arc::new(AuditionLink::default());
        let mut player = AuditionPlayer::new(Arc::clone(&link));
        link.post(prepared(100));
        blocks(&mut player, &[2]);
        link.post(Prepared::silence());
        let (heard, _) = blocks(&mut player, &[8, 8]);
        assert_eq!(heard[..4], [0.75 * 3.0, 0.5 * 4.0, 0.25 * 5.0, 0.0]);
        assert!(heard[4..].iter().all(|sample| *sample == 0.0));
    }

    #[test]
    fn notes_come_on_their_samples_and_none_hangs_when_it_is_cut_off() {
        let link = Arc::new(AuditionLink::default());
        let mut player = AuditionPlayer::new(Arc::clone(&link));
        link.post(Box::new(Prepared {
            notes: vec![(0, 60, Some(0.5)), (5, 60, None), (5, 62, Some(0.5))],
            length: 100,
            fade: 4,
            ..Prepared::default()
        }));
        let (_, events) = blocks(&mut player, &[4, 4]);
        let offsets: Vec<u32> = events.iter().map(|event| event.offset_samples).collect();
        assert_eq!(offsets, [0, 1, 1]);
        link.post(Prepared::silence());
        let (_, events) = blocks(&mut player, &[4, 4]);
        assert!(matches!(events[0].event, Event::NoteOff(all) if all.key.is_none()));
        assert!(!link.is_heard());
    }
}
