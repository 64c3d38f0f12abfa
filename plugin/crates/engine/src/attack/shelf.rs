//! Attacks that are ready, and those that sound. Audio thread; real-time safe.

use afterimage_spectral::VoiceSnapshot;

use super::{Attack, AttackPlan, GENERATIONS, SetRequest, ShelfEnds};
use crate::contract::Conditions;
use crate::play::PlayKnobs;
use crate::request::SLOTS;
use crate::voice::moment::Moment;
use crate::voice::note::Note;

/// Sets that the timeline remembers: enough that the one valid at the request head is among them.
const SETS_KNOWN: usize = 4;

/// What a set is made of, but for its number and time.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Wish {
    conditions: Conditions,
    transpose: f32,
    play: PlayKnobs,
    seed: u64,
}

/// An attack on the shelf and how many notes sound it.
#[derive(Default)]
struct Kept {
    attack: Option<Box<Attack>>,
    users: u16,
}

/// The attacks of one key and layer.
type Place = [Kept; GENERATIONS];

/// Attacks that notes can sound at once: two a slot.
pub(super) const STILL_SOUNDING: usize = 2 * SLOTS;

/// Where an attack lies.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Spot {
    /// At its place, in one of the generations.
    Ready(usize, usize),
    /// Among those that gave their place up and are still heard.
    Sounding(usize),
}

/// Which attacks a note plays: mixed, the second by its share.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Pair {
    first: Spot,
    second: Spot,
    share: f32,
}

/// An attack that sounds.
struct Player {
    pair: Pair,
    note: Note,
    start_host: u64,
}

/// The Processor's half of the cache.
pub(crate) struct Shelf {
    pub(crate) plan: AttackPlan,
    ends: ShelfEnds,
    places: Box<[Place]>,
    /// Attacks that gave their place up to those of a newer set while notes sound them.
    sounding: Box<[Kept]>,
    players: [Option<Player>; SLOTS],
    epoch: u32,
    next_tick: u64,
    last_wish: Option<Wish>,
    sets_emitted: u32,
    /// Number and first sample of the newest sets.
    known: [Option<(u32, u64)>; SETS_KNOWN],
    /// The key that was played last.
    near_key: u8,
    /// What the newest note was made of that plays from memory alone, for the window.
    newest_conditions: Option<Conditions>,
}

/// What a note opens with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Opening {
    /// An attack is there: the voice enters after so many hops, with this frame.
    Cached { hops: u32, first_frame: u32 },
    /// All of it is there, so many hops: no voice enters, no frame is asked for.
    Whole { hops: u32 },
    /// There is none: the note begins late, with its frame 0.
    Cold,
}

/// Where a note's attack leaves its voice.
pub(crate) struct Stood<'a> {
    /// The inverse of the layer whose phases go on.
    pub(crate) near: &'a VoiceSnapshot,
    /// That of the other layer, and its share.
    pub(crate) other: Option<(&'a VoiceSnapshot, f32)>,
    /// What the attack's last frame shows.
    pub(crate) last: Moment,
}

impl Shelf {
    /// Allocates all places.
    pub(crate) fn new(plan: AttackPlan, ends: ShelfEnds) -> Self {
        Self {
            ends,
            places: (0..plan.places()).map(|_| Place::default()).collect(),
            sounding: (0..STILL_SOUNDING).map(|_| Kept::default()).collect(),
            players: [const { None }; SLOTS],
            epoch: 0,
            next_tick: 0,
            last_wish: None,
            sets_emitted: 0,
            known: [None; SETS_KNOWN],
            near_key: plan.likely_key,
            newest_conditions: None,
            plan,
        }
    }

    /// Begins a timeline: nothing sounds, and attacks of older epochs are not played any more.
    pub(crate) fn begin(&mut self, epoch: u32) {
        self.players.iter_mut().for_each(|player| *player = None);
        let kept = self.places.iter_mut().flatten();
        for kept in kept.chain(self.sounding.iter_mut()) {
            kept.users = 0;
            if let Some(attack) = kept.attack.take() {
                give_back(&mut self.ends, attack);
            }
        }
        self.epoch = epoch;
        self.next_tick = 0;
        self.last_wish = None;
        self.sets_emitted = 0;
        self.known = [None; SETS_KNOWN];
    }

    /// The tick that lies before a model sample and was not passed yet.
    pub(crate) fn due_tick(&self, until: u64) -> Option<u64> {
        (self.next_tick < until).then_some(self.next_tick)
    }

    /// Passes the tick; asks for a set if what it is made of has changed.
    pub(crate) fn pass_tick(
        &mut self,
        conditions: Conditions,
        transpose: f32,
        play: PlayKnobs,
        seed: u64,
    ) {
        let tick = self.next_tick;
        self.next_tick += self.plan.tick;
        let wish = Wish {
            conditions,
            transpose,
            play,
            seed,
        };
        if self.last_wish == Some(wish) {
            return;
        }
        let first = self.sets_emitted == 0;
        let request = SetRequest {
            epoch: self.epoch,
            set: self.sets_emitted,
            valid_from: if first { tick } else { tick + self.plan.tick },
            conditions,
            transpose,
            play,
            seed,
            near_key: self.near_key,
        };
        // A full ring: the set before goes on being played, and the next tick asks again.
        if self.ends.sets.push(request).is_ok() {
            self.last_wish = Some(wish);
            self.sets_emitted += 1;
            self.known.rotate_right(1);
            self.known[0] = Some((request.set, request.valid_from));
        }
    }

    /// Whether requests lie in the ring that the worker did not take.
    pub(crate) fn has_unanswered_requests(&self) -> bool {
        self.ends.sets.slots() < self.ends.sets.buffer().capacity()
    }

    /// Puts arrived attacks in their places.
    pub(crate) fn take_arrivals(&mut self) {
        while let Ok(attack) = self.ends.attacks.pop() {
            let place = self.plan.place(attack.key, usize::from(attack.layer));
            let old = match place.filter(|_| attack.epoch == self.epoch) {
                Some(place) => {
                    let spot = self.free_spot(place);
                    self.places[place][spot].attack.replace(attack)
                }
                None => Some(attack),
            };
            if let Some(old) = old {
                give_back(&mut self.ends, old);
            }
        }
    }

    /// A spot of a place that no note sounds: that of the oldest set. What still sounded there sounds on.
    fn free_spot(&mut self, place: usize) -> usize {
        let spots = self.places[place].iter().enumerate();
        let oldest = spots.min_by_key(|(_, kept)| kept.attack.as_ref().map(|attack| attack.set));
        let spot = oldest.map_or(0, |(spot, _)| spot);
        let free = self.sounding.iter().position(|kept| kept.attack.is_none());
        if self.places[place][spot].users > 0
            && let Some(free) = free
        {
            std::mem::swap(&mut self.sounding[free], &mut self.places[place][spot]);
            for player in self.players.iter_mut().flatten() {
                for spot_of in [&mut player.pair.first, &mut player.pair.second] {
                    if *spot_of == Spot::Ready(place, spot) {
                        *spot_of = Spot::Sounding(free);
                    }
                }
            }
        }
        spot
    }

    /// Whether a note on this key at a model sample can open, or never will with an attack. Tells the worker
    /// if it must wait.
    pub(crate) fn is_ready(&self, key: u8, at: u64) -> bool {
        let ready = (0..self.plan.layers.len()).all(|layer| match self.plan.place(key, layer) {
            Some(place) => self.valid_spot(place, at).is_some(),
            None => true,
        });
        if !ready {
            self.tell_wanted(key, at);
        }
        ready
    }

    fn tell_wanted(&self, key: u8, at: u64) {
        if let Some(set) = self.valid_set(at) {
            self.ends.wanted.write(self.epoch, set, key);
        }
    }

    /// The set of notes at a model sample.
    fn valid_set(&self, at: u64) -> Option<u32> {
        let valid = self.known.iter().flatten().find(|(_, from)| *from <= at);
        valid.map(|(set, _)| *set)
    }

    fn valid_spot(&self, place: usize, at: u64) -> Option<usize> {
        let set = self.valid_set(at)?;
        self.places[place]
            .iter()
            .position(|kept| kept.attack.as_ref().is_some_and(|attack| attack.set == set))
    }

    /// The attack of an older set, if the valid one is missing.
    fn older_spot(&self, place: usize) -> Option<usize> {
        let spots = self.places[place].iter().enumerate();
        let aged = spots.filter_map(|(spot, kept)| Some((kept.attack.as_ref()?.set, spot)));
        aged.max().map(|(_, spot)| spot)
    }

    /// Starts a note in a slot; returns how it opens, and whether the attack was not the right one.
    pub(crate) fn open(
        &mut self,
        slot: usize,
        note: &Note,
        key: u8,
        velocity: f32,
        start_host: u64,
    ) -> (Opening, bool) {
        self.near_key = key;
        self.tell_wanted(key, note.on);
        self.stop(slot);
        let mut stale = false;
        let mut spot_of = |layer: usize| {
            let place = self.plan.place(key, layer)?;
            let valid = self.valid_spot(place, note.on);
            stale |= valid.is_none();
            Some(Spot::Ready(
                place,
                valid.or_else(|| self.older_spot(place))?,
            ))
        };
        let softest = self.plan.layers[0];
        let loudest = self.plan.layers[self.plan.layers.len() - 1];
        let (Some(soft), Some(loud)) = (spot_of(0), spot_of(self.plan.layers.len() - 1)) else {
            return (Opening::Cold, true);
        };
        let span = (loudest - softest).max(f32::EPSILON);
        let along = ((velocity - softest) / span).clamp(0.0, 1.0);
        // Both have the same phases, but for what a voice measures in its magnitudes: the nearer's.
        let (first, second, share) = if along < 0.5 {
            (soft, loud, along)
        } else {
            (loud, soft, 1.0 - along)
        };
        for spot in [first, second] {
            self.kept_mut(spot).users += 1;
        }
        self.players[slot] = Some(Player {
            pair: Pair {
                first,
                second,
                share: if first == second { 0.0 } else { share },
            },
            note: *note,
            start_host,
        });
        let (hops, first_frame) = (self.plan.hops, self.plan.frames);
        let opening = if self.plan.whole {
            self.newest_conditions = self.last_wish.map(|wish| wish.conditions);
            Opening::Whole { hops }
        } else {
            Opening::Cached { hops, first_frame }
        };
        (opening, stale)
    }

    /// Where the inverse stood that made a note's attack, and after which moment: to go on from.
    pub(crate) fn stood(&self, ordinal: u32) -> Option<Stood<'_>> {
        let mut players = self.players.iter().flatten();
        let pair = players.find(|player| player.note.ordinal == ordinal)?.pair;
        let stood = |spot: Spot| self.attack(spot)?.stood.as_ref();
        let second = stood(pair.second).filter(|_| pair.share > 0.0);
        Some(Stood {
            near: stood(pair.first)?,
            other: second.map(|second| (second, pair.share)),
            last: self.attack(pair.first)?.last,
        })
    }

    /// Notes that play from memory alone and sound now.
    pub(crate) fn sounding(&self) -> usize {
        let whole = self.players.iter().flatten().filter(|_| self.plan.whole);
        whole.count()
    }

    /// What the newest note was made of that plays from memory alone, once.
    pub(crate) fn take_newest_conditions(&mut self) -> Option<Conditions> {
        self.newest_conditions.take()
    }

    fn kept(&self, spot: Spot) -> &Kept {
        match spot {
            Spot::Ready(place, spot) => &self.places[place][spot],
            Spot::Sounding(index) => &self.sounding[index],
        }
    }

    fn kept_mut(&mut self, spot: Spot) -> &mut Kept {
        match spot {
            Spot::Ready(place, spot) => &mut self.places[place][spot],
            Spot::Sounding(index) => &mut self.sounding[index],
        }
    }

    fn attack(&self, spot: Spot) -> Option<&Attack> {
        self.kept(spot).attack.as_deref()
    }

    /// Tells a sounding attack what became of its note.
    pub(crate) fn follow(&mut self, slot: usize, note: &Note) {
        if let Some(player) = &mut self.players[slot]
            && player.note.ordinal == note.ordinal
        {
            player.note = *note;
        }
    }

    /// Ends the attack of a slot at once.
    pub(crate) fn stop(&mut self, slot: usize) {
        let Some(player) = self.players[slot].take() else {
            return;
        };
        for spot in [player.pair.first, player.pair.second] {
            let kept = self.kept_mut(spot);
            kept.users = kept.users.saturating_sub(1);
            let silent = matches!(spot, Spot::Sounding(_)) && kept.users == 0;
            if let Some(attack) = kept.attack.take_if(|_| silent) {
                give_back(&mut self.ends, attack);
            }
        }
    }

    /// Adds the attacks that sound from `position_host` on to `left` and `right`, host rate.
    pub(crate) fn mix(
        &mut self,
        position_host: u64,
        gain: f32,
        left: &mut [f32],
        right: &mut [f32],
    ) {
        for slot in 0..SLOTS {
            let Some(player) = &self.players[slot] else {
                continue;
            };
            let ended = self.mix_player(player, position_host, gain, left, right);
            if ended {
                self.stop(slot);
            }
        }
    }

    /// Whether nothing is left of it.
    fn mix_player(
        &self,
        player: &Player,
        position_host: u64,
        gain: f32,
        left: &mut [f32],
        right: &mut [f32],
    ) -> bool {
        let (Some(first), Some(second)) = (
            self.attack(player.pair.first),
            self.attack(player.pair.second),
        ) else {
            return true;
        };
        let silent = player.start_host.saturating_sub(position_host) as usize;
        let from = position_host.saturating_sub(player.start_host) as usize;
        let share = player.pair.share;
        let length = first.left.len().max(second.left.len());
        let count = (left.len().saturating_sub(silent)).min(length.saturating_sub(from));
        let (model, host) = (
            u64::from(self.plan.model_rate_hz),
            u64::from(self.plan.host_rate_hz),
        );
        let note_at = |index: usize| player.note.on + index as u64 * model / host;
        let (begins, ends) = (note_at(from), note_at(from + count));
        let steady = player.note.held_level(begins, ends);
        let level = |index: usize| steady.unwrap_or_else(|| player.note.level(note_at(index)));
        for (out, near, other) in [
            (left, &first.left, &second.left),
            (right, &first.right, &second.right),
        ] {
            let out = out.iter_mut().skip(silent);
            for (out, index) in out.zip(from..from + count) {
                // What was silent to its end is left out of one layer sooner than of the other.
                let near = near.get(index).copied().unwrap_or(0.0);
                let mixed = if share > 0.0 {
                    near + share * (other.get(index).copied().unwrap_or(0.0) - near)
                } else {
                    near
                };
                *out += gain * level(index) * mixed;
            }
        }
        from + count >= length || begins >= player.note.end()
    }
}

/// The lane holds all attacks there are.
fn give_back(ends: &mut ShelfEnds, attack: Box<Attack>) {
    if let Err(rtrb::PushError::Full(attack)) = ends.returned.push(attack) {
        debug_assert!(false, "the lane holds every attack");
        std::mem::forget(attack); // never freed here
    }
}
