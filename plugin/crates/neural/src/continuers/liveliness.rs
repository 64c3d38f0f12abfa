//! Whether what is made still lives: how much it moves, and how loud it is. Worker thread.
//!
//! A net that feeds on its own frames may come to say one frame for ever, or fade away, or grow; its likelihood does
//! not mind. So it is watched from outside, beside what was heard: a piece that is lost begins again from there. It is a
//! pure function of the frames heard and made, so that a piece says the same wherever and whenever it is made.

use std::collections::VecDeque;

use afterimage_spectral::StftSpec;

/// Range under the loudest bin in which movement counts, in dB: below it, it is noise that moves.
const RANGE_DB: f32 = 60.0;
/// How fast the loudest bin is forgotten, in dB a second.
const FORGETS_DB: f32 = 1.0;
/// Seconds heard that say what is usual.
const HEARD_SECONDS: usize = 8;
/// Share of the usual movement under which what is made stands still.
const STILL: f32 = 0.2;
/// What is over the loudest second heard by so much has blown up, and under the softest by so much died away, in dB.
const LOUDER_DB: f32 = 9.0;
const SOFTER_DB: f32 = 20.0;
/// Seconds over which movement and power are averaged, and for which they must be amiss.
const MEMORY_S: f32 = 0.5;
const PATIENCE_S: f32 = 0.75;

/// What a frame says beside the one before it.
#[derive(Clone, Copy, Debug, Default)]
struct Moment {
    /// Mean rise of a bin, in dB.
    movement: f32,
    /// Sum of squares.
    power: f32,
}

impl Moment {
    /// A share of the way to another.
    fn towards(&mut self, other: Self, share: f32) {
        self.movement += (other.movement - self.movement) * share;
        self.power += (other.power - self.power) * share;
    }
}

/// Reads frames that come one after another.
#[derive(Clone, Debug)]
struct Reader {
    /// `[bins]` of the frame before, dB; empty before the first.
    level_db: Vec<f32>,
    loudest_db: f32,
    frame_s: f32,
}

impl Reader {
    /// Reads a frame, `[bins]` of amplitudes.
    fn read(&mut self, magnitudes: &[f32]) -> Moment {
        let first = self.level_db.is_empty();
        self.level_db.resize(magnitudes.len(), f32::NEG_INFINITY);
        let loudest = magnitudes.iter().fold(0.0, |most: f32, m| most.max(*m));
        let forgotten = self.loudest_db - FORGETS_DB * self.frame_s;
        self.loudest_db = forgotten.max(decibels(loudest));
        let floor = self.loudest_db - RANGE_DB;
        let (mut rise, mut power) = (0.0, 0.0);
        for (before, magnitude) in self.level_db.iter_mut().zip(magnitudes) {
            let now = decibels(*magnitude).max(floor);
            rise += (now - before.max(floor)).max(0.0);
            power += magnitude * magnitude;
            *before = now;
        }
        let movement = match first {
            true => 0.0,
            false => rise / magnitudes.len().max(1) as f32,
        };
        Moment { movement, power }
    }
}

fn decibels(amplitude: f32) -> f32 {
    20.0 * amplitude.max(1e-12).log10()
}

/// 10 to the power of so many decibels' tenth.
fn ratio(db: f32) -> f32 {
    10.0_f32.powf(db / 10.0)
}

/// Watches what is heard and then, in a copy, what is made after it.
#[derive(Clone, Debug)]
pub(super) struct Liveliness {
    reader: Reader,
    /// Means of whole seconds, the oldest first.
    heard: VecDeque<Moment>,
    /// The second under way: its mean so far, and its frames.
    second: (Moment, usize),
    usual: Usual,
    made: Moment,
    amiss_s: f32,
}

/// What was heard, as far as it binds what is made.
#[derive(Clone, Copy, Debug, Default)]
struct Usual {
    moment: Moment,
    softest: f32,
    loudest: f32,
}

impl Liveliness {
    pub(super) fn new(spec: &StftSpec, sample_rate_hz: u32) -> Self {
        Self::with_frames_of(spec.hop() as f32 / sample_rate_hz as f32)
    }

    /// One that has heard nothing.
    pub(super) fn forgotten(&self) -> Self {
        Self::with_frames_of(self.reader.frame_s)
    }

    fn with_frames_of(frame_s: f32) -> Self {
        Self {
            reader: Reader {
                level_db: Vec::new(),
                loudest_db: f32::NEG_INFINITY,
                frame_s,
            },
            heard: VecDeque::new(),
            second: (Moment::default(), 0),
            usual: Usual::default(),
            made: Moment::default(),
            amiss_s: 0.0,
        }
    }

    /// Takes a frame that was heard, `[bins]` of amplitudes.
    pub(super) fn hear(&mut self, magnitudes: &[f32]) {
        let moment = self.reader.read(magnitudes);
        let (mut mean, count) = (self.second.0, self.second.1 + 1);
        mean.towards(moment, 1.0 / count as f32);
        self.second = (mean, count);
        if count as f32 * self.reader.frame_s >= 1.0 {
            if self.heard.len() == HEARD_SECONDS {
                self.heard.pop_front();
            }
            self.heard.push_back(mean);
            self.second = (Moment::default(), 0);
        }
    }

    /// The same, to watch a piece that follows what was heard.
    pub(super) fn of_piece(&self) -> Self {
        let mut piece = self.clone();
        // A lower median: rests do not make stillness usual, and neither does one wild second make it rare.
        let sorted = |value: fn(&Moment) -> f32| {
            let mut values: Vec<_> = self.heard.iter().map(value).collect();
            values.sort_by(f32::total_cmp);
            values
        };
        let (movements, powers) = (sorted(|m| m.movement), sorted(|m| m.power));
        let median = |values: &[f32]| values.get(values.len().saturating_sub(1) / 2).copied();
        if let (Some(movement), Some(power)) = (median(&movements), median(&powers)) {
            piece.usual = Usual {
                moment: Moment { movement, power },
                softest: powers[0],
                loudest: powers[powers.len() - 1],
            };
        }
        piece.begin_again();
        piece
    }

    /// What is made is as usual, until it says otherwise.
    pub(super) fn begin_again(&mut self) {
        (self.made, self.amiss_s) = (self.usual.moment, 0.0);
    }

    /// Takes a frame that was made, `[bins]` of amplitudes.
    pub(super) fn make(&mut self, magnitudes: &[f32]) {
        let moment = self.reader.read(magnitudes);
        let frame_s = self.reader.frame_s;
        self.made.towards(moment, (frame_s / MEMORY_S).min(1.0));
        let Usual {
            moment,
            softest,
            loudest,
        } = self.usual;
        let amiss = self.made.movement < STILL * moment.movement
            || self.made.power < softest * ratio(-SOFTER_DB)
            || self.made.power > loudest * ratio(LOUDER_DB) && loudest > 0.0;
        self.amiss_s = if amiss { self.amiss_s + frame_s } else { 0.0 };
    }

    /// Whether the piece has stood still, died away or blown up, beside what was heard. Never where nothing was.
    pub(super) fn is_lost(&self) -> bool {
        self.amiss_s >= PATIENCE_S
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may stop")]
mod tests {
    use super::Liveliness;
    use afterimage_spectral::StftSpec;

    const RATE_HZ: u32 = 22_050;
    const BINS: usize = 513;
    const SECOND: usize = 86;

    fn watch() -> Liveliness {
        Liveliness::new(&StftSpec::new(1024, 256).unwrap(), RATE_HZ)
    }

    /// A hit of a level every `every` frames that dies away in between; held for ever where `every` is 0.
    fn hits(every: usize, level: f32, frames: usize) -> impl Iterator<Item = Vec<f32>> {
        (0..frames).map(move |frame| {
            let age = frame.checked_rem(every).unwrap_or(0);
            vec![level * 0.8_f32.powi(age as i32); BINS]
        })
    }

    /// Whether a piece is lost after ten seconds of what is made, having heard six of hits.
    fn is_lost_after(rest: usize, made: impl Iterator<Item = Vec<f32>>) -> bool {
        let mut heard = watch();
        hits(20, 1.0, 6 * SECOND + 6).for_each(|frame| heard.hear(&frame));
        (0..rest).for_each(|_| heard.hear(&[0.0; BINS]));
        let mut piece = heard.of_piece();
        made.for_each(|frame| piece.make(&frame));
        piece.is_lost()
    }

    #[test]
    fn what_lives_as_before_is_not_lost_and_may_be_slower_softer_and_louder() {
        for (every, level) in [(20, 1.0), (40, 1.0), (10, 1.0), (20, 0.2), (20, 2.0)] {
            let mut heard = watch();
            hits(20, 1.0, 600).for_each(|frame| heard.hear(&frame));
            let mut piece = heard.of_piece();
            for frame in hits(every, level, 10 * SECOND) {
                piece.make(&frame);
                assert!(!piece.is_lost(), "every {every}, level {level}");
            }
        }
    }

    #[test]
    fn what_stands_still_dies_away_or_blows_up_is_lost() {
        assert!(is_lost_after(0, hits(0, 0.5, 10 * SECOND)));
        assert!(is_lost_after(0, hits(20, 0.03, 10 * SECOND)));
        assert!(is_lost_after(0, hits(20, 10.0, 10 * SECOND)));
        assert!(is_lost_after(0, hits(0, 0.0, 10 * SECOND)));
        assert!(!is_lost_after(0, hits(20, 1.0, 10 * SECOND)));
    }

    #[test]
    fn a_rest_at_the_end_of_what_was_heard_makes_stillness_no_habit() {
        assert!(is_lost_after(2 * SECOND, hits(0, 0.5, 10 * SECOND)));
    }

    #[test]
    fn a_drone_may_go_on_as_a_drone_and_nothing_asks_for_nothing() {
        let mut heard = watch();
        hits(0, 1.0, 600).for_each(|frame| heard.hear(&frame));
        for mut piece in [heard.of_piece(), watch().of_piece()] {
            hits(0, 1.0, 600).for_each(|frame| piece.make(&frame));
            assert!(!piece.is_lost());
        }
    }

    #[test]
    fn a_piece_that_began_again_has_its_time() {
        let mut heard = watch();
        hits(20, 1.0, 600).for_each(|frame| heard.hear(&frame));
        let mut piece = heard.of_piece();
        hits(0, 0.5, 10 * SECOND).for_each(|frame| piece.make(&frame));
        piece.begin_again();
        hits(0, 0.5, SECOND / 2).for_each(|frame| piece.make(&frame));
        assert!(!piece.is_lost());
    }
}
