//! Whether the input is played or rests, by its level. Real-time safe.

use crate::continuation::sound::Level;

/// A gate that is open closes so much below where it opens, in decibels.
const HYSTERESIS_DB: f32 = 6.0;

/// What a level changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Turn {
    /// Nothing.
    None,
    /// The input came in; where it was left before, if it ever was.
    CameIn { rested_since: Option<u64> },
    /// The input was left: it was last played at this sample, or a little later.
    Left { since: u64 },
}

/// The gate.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Gate {
    is_open: bool,
    /// Where the input was left, while it rests.
    left: Option<u64>,
    /// The newest level, and the samples it was measured over.
    newest: Option<(Level, u64)>,
}

impl Gate {
    /// Follows a level that was measured over `level_samples`.
    pub(super) fn follow(&mut self, level: Level, level_samples: u64, opens_db: f32) -> Turn {
        // It may have ended at once after the level before began: what follows it must not be silence.
        let since = self.may_rest_from().unwrap_or(level.at_host);
        self.newest = Some((level, level_samples));
        if !self.is_open && level.level_db > opens_db {
            self.is_open = true;
            return Turn::CameIn {
                rested_since: self.left.take(),
            };
        }
        if self.is_open && level.level_db <= opens_db - HYSTERESIS_DB {
            (self.is_open, self.left) = (false, Some(since));
            return Turn::Left { since };
        }
        Turn::None
    }

    /// Where the input was left, while it rests.
    pub(super) fn left(&self) -> Option<u64> {
        self.left
    }

    /// The earliest sample that a rest which is not noticed yet may have begun at.
    pub(super) fn may_rest_from(&self) -> Option<u64> {
        let (newest, samples) = self.newest.filter(|_| self.is_open)?;
        Some(newest.at_host.saturating_sub(samples))
    }

    /// The newest level, in decibels.
    pub(super) fn level_db(&self) -> Option<f32> {
        Some(self.newest?.0.level_db)
    }
}

#[cfg(test)]
mod tests {
    use super::{Gate, Turn};
    use crate::continuation::sound::Level;

    #[test]
    fn it_opens_above_its_level_and_closes_well_below() {
        let mut gate = Gate::default();
        let mut turns = Vec::new();
        for (window, level_db) in [-60.0, -50.0, -39.0, -44.0, -47.0, -41.0, -39.0]
            .iter()
            .enumerate()
        {
            let level = Level {
                at_host: (window as u64 + 1) * 480,
                level_db: *level_db,
            };
            turns.push(gate.follow(level, 480, -40.0));
        }
        let left = Turn::Left { since: 3 * 480 };
        let came = |rested_since| Turn::CameIn { rested_since };
        let expected = [
            Turn::None,
            Turn::None,
            came(None),
            Turn::None,
            left,
            Turn::None,
        ];
        assert_eq!(turns[..6], expected);
        assert_eq!(turns[6], came(Some(3 * 480)));
    }
}
