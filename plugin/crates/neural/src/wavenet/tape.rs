//! What linear prediction was like while a sound was heard, and how a continuation goes along it.
//!
//! A net that was taught on real pasts takes scale and spectrum from its own last samples when it plays: every error in
//! them is the next sample's measure, and within a second both have walked away. So while it plays, taps and levels are
//! those of what was heard: from the place most like the present, over and over. The net still makes every sample.
//! What it makes is then brought to the level that was heard there: the fixed taps take the lows away, so what they leave
//! says little of how loud held notes are, and these were 2 to 5 dB softer right after the switch.

use super::follower::BLOCK;

/// Fewest and most blocks that come again and again: 0.24 s and 3.6 s at 16 kHz.
const SHORTEST: usize = 60;
const LONGEST: usize = 900;
/// Most blocks that are compared with those a period before.
const COMPARED: usize = 400;
/// Blocks that are remembered: 5.2 s at 16 kHz.
pub(super) const BLOCKS: usize = LONGEST + COMPARED;
/// Variance of a log level below which likeness says nothing: a steady tone is like itself everywhere.
const STEADY: f64 = 0.05;
/// What the longest period is better by, in correlation: what comes again less often is heard less as a loop.
const BONUS: f64 = 0.1;
/// Blocks that taps are taken ahead of levels: when they were fitted, the sound they fit was half a memory old.
const AHEAD: usize = 12;
/// Of the newest block in the level of what the fixed taps left.
const NEWEST: f32 = 0.3;
/// Nepers that the local level may be off the one that was heard.
const FREEDOM: f32 = 0.7;
/// Share of the difference in loudness that is made up for, and nepers at most.
const STEERING: f32 = 0.5;
const FURTHEST: f32 = 1.0;
/// Nepers by which it may be louder before the resonances are damped, and nepers of damping that count at most.
const TOLERANCE: f32 = 0.3;
const LOUDEST: f32 = 4.0;
/// Nepers of damping of a tap by the next, for a neper too much.
const DAMPING: f32 = 0.006;
/// Of the newest block in the level of the sound: 40 ms at 16 kHz.
const NEWEST_OF_SOUND: f32 = 0.1;
/// Share of the difference between sounds that the output makes up for, and nepers of it: from 6 dB softer to 3 dB louder.
/// Louder by 6, struck sounds began 2 to 3 dB above what had been heard.
const LEVELLING: f32 = 0.8;
const LEVELLED: [f32; 2] = [-0.69, 0.35];
/// The power of half a step of 16-bit sound.
const FLOOR: f32 = 1.0 / (1 << 30) as f32;

/// A ring of blocks: taps and levels.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Tape {
    /// `[BLOCKS][followed]`: the taps that were in force.
    taps: Vec<f32>,
    /// `[BLOCKS]`: natural logarithms of the levels of what those missed, of what the fixed taps left, and of the sound.
    levels: Vec<[f32; 3]>,
    /// Blocks heard since it forgot.
    heard: usize,
    /// Sums of squares of the block that is being filled, and its samples.
    power: [f32; 3],
    filled: usize,
    /// Natural logarithms of the level that the fixed taps left of late, and of the sound's.
    loudness: f32,
    sound: f32,
    play: Option<Play>,
}

/// Where a continuation is.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Play {
    period: usize,
    /// Blocks since it began.
    at: usize,
    /// Natural logarithm of the level of what the taps shall miss.
    goal: f32,
    /// Natural logarithms of the output's gain where this block begins and ends.
    gain: [f32; 2],
}

impl Tape {
    /// An empty one for `followed` taps. Allocates.
    pub(super) fn new(followed: usize) -> Self {
        Self {
            taps: vec![0.0; BLOCKS * followed],
            levels: vec![[0.0; 3]; BLOCKS],
            heard: 0,
            power: [0.0; 3],
            filled: 0,
            loudness: 0.5 * FLOOR.ln(),
            sound: 0.5 * FLOOR.ln(),
            play: None,
        }
    }

    /// Back to nothing heard.
    pub(super) fn forget(&mut self) {
        (self.heard, self.power, self.filled) = (0, [0.0; 3], 0);
        (self.loudness, self.sound) = (0.5 * FLOOR.ln(), 0.5 * FLOOR.ln());
        self.play = None;
    }

    /// Becomes equal to another for as many taps, without allocating.
    pub(super) fn take_after(&mut self, other: &Self) {
        self.taps.copy_from_slice(&other.taps);
        self.levels.copy_from_slice(&other.levels);
        (self.heard, self.power, self.filled) = (other.heard, other.power, other.filled);
        (self.loudness, self.sound) = (other.loudness, other.sound);
        self.play = other.play;
    }

    /// Whether a continuation goes along it.
    pub(super) fn plays(&self) -> bool {
        self.play.is_some()
    }

    /// What the taps missed of a sample, what the fixed taps left of it, and the sample. While it plays, `taps` become
    /// those of the next block where one ends; while it hears, they are remembered.
    pub(super) fn take(&mut self, [missed, left, sample]: [f32; 3], taps: &mut [f32]) {
        for (power, value) in self.power.iter_mut().zip([missed, left, sample]) {
            *power += value * value;
        }
        self.filled += 1;
        if self.filled < BLOCK {
            return;
        }
        let [missed, left, sound] = self
            .power
            .map(|power| 0.5 * (power / BLOCK as f32 + FLOOR).ln());
        (self.power, self.filled) = ([0.0; 3], 0);
        self.loudness += NEWEST * (left - self.loudness);
        self.sound += NEWEST_OF_SOUND * (sound - self.sound);
        if self.play.is_some() {
            self.go_on(taps);
        } else {
            let place = self.heard % BLOCKS;
            self.taps[place * taps.len()..][..taps.len()].copy_from_slice(taps);
            self.levels[place] = [missed, self.loudness, self.sound];
            self.heard += 1;
        }
    }

    /// From here on what is taken in was made. Where nothing was heard, `taps` go on following it.
    pub(super) fn play(&mut self, taps: &mut [f32]) {
        if self.heard > 0 {
            self.play = Some(Play {
                period: self.period(),
                at: 0,
                goal: 0.0,
                gain: [0.0; 2],
            });
            self.go_on(taps);
        }
    }

    /// The level that scales follow, from the local one: all logarithms.
    pub(super) fn steered(&self, log_level: f32) -> f32 {
        self.play.map_or(log_level, |play| {
            log_level.clamp(play.goal - FREEDOM, play.goal + FREEDOM)
        })
    }

    /// What the newest sample that was made is to be multiplied by, to be as loud as what was heard: from 1 on, in lines
    /// from block to block.
    pub(super) fn gain(&self) -> f32 {
        self.play.map_or(1.0, |play| {
            let share = self.filled as f32 / BLOCK as f32;
            (play.gain[0] + share * (play.gain[1] - play.gain[0])).exp()
        })
    }

    /// The next block's taps, goal and gain.
    fn go_on(&mut self, taps: &mut [f32]) {
        let Some(play) = self.play else {
            return;
        };
        let first = self.heard - play.period;
        let of = |at: usize| (first + at % play.period) % BLOCKS;
        let [missed, loudness, sound] = self.levels[of(play.at)];
        let place = of(play.at + AHEAD);
        taps.copy_from_slice(&self.taps[place * taps.len()..][..taps.len()]);
        let quieter = loudness - self.loudness;
        let louder = (-quieter - TOLERANCE).clamp(0.0, LOUDEST);
        if louder > 0.0 {
            let factor = (-DAMPING * louder).exp();
            let mut damping = 1.0;
            for tap in taps {
                damping *= factor;
                *tap *= damping;
            }
        }
        self.play = Some(Play {
            at: play.at + 1,
            goal: missed + (STEERING * quieter).clamp(-FURTHEST, FURTHEST),
            gain: [
                play.gain[1],
                (LEVELLING * (sound - self.sound)).clamp(LEVELLED[0], LEVELLED[1]),
            ],
            ..play
        });
    }

    /// Blocks after which the levels of what was heard come again; all of it where there is too little to tell.
    fn period(&self) -> usize {
        let have = self.heard.min(BLOCKS);
        let compared = (have / 2).min(COMPARED);
        let level = |back: usize| f64::from(self.levels[(self.heard - 1 - back) % BLOCKS][0]);
        let (mut best, mut most) = (have.min(LONGEST), f64::MIN);
        for period in SHORTEST..=LONGEST.min(have.saturating_sub(compared)) {
            let pairs = (0..compared).map(|n| (level(n), level(n + period)));
            let likeness = likeness(pairs, compared) + BONUS * period as f64 / LONGEST as f64;
            if likeness > most {
                (best, most) = (period, likeness);
            }
        }
        best
    }
}

/// Correlation of `count` pairs, near zero where they hardly move.
fn likeness(pairs: impl Iterator<Item = (f64, f64)>, count: usize) -> f64 {
    let (mut x, mut y, mut xx, mut yy, mut xy) = (0.0, 0.0, 0.0, 0.0, 0.0);
    for (a, b) in pairs {
        x += a;
        y += b;
        xx += a * a;
        yy += b * b;
        xy += a * b;
    }
    let count = count as f64;
    let variance = |sum: f64, squares: f64| (squares - sum * sum / count) / count + STEADY;
    (xy - x * y / count) / count / (variance(x, xx) * variance(y, yy)).sqrt()
}

#[cfg(test)]
mod tests {
    use super::{BLOCK, BLOCKS, FREEDOM, FURTHEST, SHORTEST, Tape};

    /// One that heard `blocks` of a beat of `beat` blocks; the first tap counts blocks within the beat.
    fn taught(blocks: usize, beat: usize) -> Tape {
        let mut tape = Tape::new(2);
        for block in 0..blocks {
            let level = if block % beat < 8 { 0.1 } else { 0.001 };
            let mut taps = [(block % beat) as f32 / beat as f32, 0.5];
            (0..BLOCK).for_each(|_| tape.take([level; 3], &mut taps));
        }
        tape
    }

    /// The first tap of each of so many blocks of a continuation whose levels are those of the goal.
    fn played(tape: &mut Tape, blocks: usize) -> Vec<f32> {
        let mut taps = [0.0; 2];
        tape.play(&mut taps);
        let mut found = Vec::new();
        for _ in 0..blocks {
            found.push(taps[0]);
            let level = tape.steered(0.0).exp();
            (0..BLOCK).for_each(|_| tape.take([level; 3], &mut taps));
        }
        found
    }

    #[test]
    fn a_beat_goes_on_where_it_was() {
        // Longer than the ring as well.
        for blocks in [1000, BLOCKS + 777] {
            let beat = 125;
            let mut tape = taught(blocks, beat);
            let found = played(&mut tape, 3 * beat);
            let (first, again) = (&found[..beat], &found[beat..2 * beat]);
            let steps = |taps: &[f32]| taps.iter().filter(|tap| **tap < 0.004).count();
            assert_eq!((steps(first), steps(again)), (1, 1), "{blocks} blocks");
            assert!(tape.play.is_some_and(|play| play.period % beat == 0));
        }
    }

    #[test]
    fn the_level_is_held_near_the_one_that_was_heard() {
        let mut tape = taught(500, 100);
        tape.play(&mut [0.0; 2]);
        for _ in 0..200 {
            let heard = tape.play.map_or(0.0, |play| play.goal);
            assert!(heard <= 0.1_f32.ln() + FURTHEST + 1e-3);
            assert!(tape.steered(5.0) <= heard + FREEDOM);
            assert!(tape.steered(-30.0) >= heard - FREEDOM);
            (0..BLOCK).for_each(|_| tape.take([1.0; 3], &mut [0.0; 2]));
        }
    }

    #[test]
    fn what_is_made_too_soft_or_too_loud_comes_out_as_loud_as_what_was_heard() {
        for (off, least, most) in [
            (0.8, 1.1, 1.3),
            (1.6, 0.6, 0.75),
            (1.0, 0.99, 1.01),
            (1e-6, 1.40, 1.45),
        ] {
            let mut tape = Tape::new(2);
            (0..500 * BLOCK).for_each(|_| tape.take([0.01, 0.01, 0.1], &mut [0.0; 2]));
            assert_eq!(tape.gain(), 1.0);
            tape.play(&mut [0.0; 2]);
            let mut before = tape.gain();
            for _ in 0..100 * BLOCK {
                tape.take([0.01, 0.01, 0.1 * off], &mut [0.0; 2]);
                assert!((tape.gain() / before - 1.0).abs() < 0.012, "a step, {off}");
                before = tape.gain();
            }
            assert!((least..most).contains(&before), "{off}: {before}");
        }
    }

    #[test]
    fn what_has_grown_too_loud_is_damped() {
        let mut tape = taught(500, 100);
        let mut taps = [0.0; 2];
        tape.play(&mut taps);
        (0..20 * BLOCK).for_each(|_| tape.take([1.0; 3], &mut taps));
        assert!(taps[1] < 0.5 * 0.99);
    }

    #[test]
    fn while_it_hears_it_changes_nothing() {
        let mut taps = [0.25, 0.5];
        let mut tape = taught(100, 50);
        (0..200).for_each(|_| tape.take([1.0; 3], &mut taps));
        assert_eq!((taps, tape.steered(5.0)), ([0.25, 0.5], 5.0));
        let mut deaf = Tape::new(2);
        deaf.play(&mut taps);
        assert!(!deaf.plays());
    }

    #[test]
    fn little_is_enough_to_go_on_from() {
        for blocks in [1, 3, SHORTEST, 2 * SHORTEST + 1] {
            let found = played(&mut taught(blocks, 10), 300);
            assert!(found.iter().all(|tap| tap.is_finite()), "{blocks} blocks");
        }
    }

    #[test]
    fn after_forgetting_it_is_as_new() {
        let mut tape = taught(300, 20);
        tape.forget();
        assert_eq!(tape.heard, 0);
        tape.play(&mut [0.0; 2]);
        assert!(!tape.plays());
    }
}
