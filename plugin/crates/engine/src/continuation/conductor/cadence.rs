//! How a piece ends well: at a cadence, or fading. Real-time safe.

use super::{Conductor, Next, Piece};
use crate::continuation::{ComposedNote, Source};

/// Bars that a piece goes on beyond its length, at most, to find a cadence.
const BARS_TO_CADENCE: u32 = 4;

/// How well each degree fits a key. Source: Krumhansl 1990, "Cognitive foundations of musical pitch", table 2.1.
const MAJOR: [f32; 12] = [
    6.35, 2.23, 3.48, 2.33, 4.38, 4.09, 2.52, 5.19, 2.39, 3.66, 2.29, 2.88,
];
const MINOR: [f32; 12] = [
    6.33, 2.68, 3.52, 5.38, 2.60, 3.53, 2.54, 4.75, 3.98, 2.69, 3.34, 3.17,
];

/// What a piece has played of each pitch class, and what it played last.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Harmony {
    /// Ticks of each pitch class.
    held: [f32; 12],
    /// Where the newest note begins, and the lowest key that begins there.
    newest: Option<(u32, u8)>,
}

impl Harmony {
    /// Takes the next note of the piece.
    pub(super) fn hear(&mut self, note: &ComposedNote) {
        self.held[usize::from(note.key % 12)] += note.duration_ticks as f32;
        self.newest = Some(match self.newest {
            Some((tick, key)) if tick == note.tick => (tick, key.min(note.key)),
            _ => (note.tick, note.key),
        });
    }

    /// The pitch class that is most likely the tonic.
    fn tonic(&self) -> usize {
        let fit = |profile: &[f32; 12], tonic: usize| {
            let mean = profile.iter().sum::<f32>() / 12.0;
            let degrees = (0..12).map(|degree| self.held[(tonic + degree) % 12]);
            let dot: f32 = degrees.zip(profile).map(|(h, p)| h * (p - mean)).sum();
            let power: f32 = profile.iter().map(|p| (p - mean) * (p - mean)).sum();
            dot / power.sqrt()
        };
        let best = |tonic: &usize| fit(&MAJOR, *tonic).max(fit(&MINOR, *tonic));
        (0..12)
            .max_by(|a, b| best(a).total_cmp(&best(b)))
            .unwrap_or_default()
    }

    /// Whether what was played last is the tonic, or stands on it.
    fn rests(&self) -> bool {
        let newest = self.newest.map(|(_, key)| usize::from(key % 12));
        newest == Some(self.tonic())
    }
}

impl Conductor {
    /// How a piece that begins will end: samples that it fades over, and bars to find a cadence in.
    pub(super) fn ends_well(&self, source: Source) -> (u64, u32) {
        let fade = self.fade_samples();
        match (self.knobs.cadence, source) {
            (false, _) => (fade, 0),
            (true, Source::Notes) => (fade, BARS_TO_CADENCE),
            (true, Source::Sound) => {
                let beat = 60.0 * f64::from(self.rate_hz) / self.tempo(self.passed).1;
                (fade.max(beat as u64), 0)
            }
        }
    }

    fn fade_samples(&self) -> u64 {
        (f64::from(self.knobs.fade_s) * f64::from(self.rate_hz)) as u64
    }

    /// Bars after which a piece ends by its seconds, where it ends on a bar line.
    pub(super) fn bars_of_seconds(&self) -> Option<u32> {
        let ticks = f64::from(self.knobs.seconds) * f64::from(self.rate_hz) * self.rate();
        let bars = (ticks / self.beat.bar_ticks).ceil();
        (self.knobs.cadence && bars > 0.0).then_some(bars as u32)
    }

    /// At a bar line where a piece may end: it does if it rests there, or has looked for long enough.
    pub(super) fn find_cadence(&mut self) {
        let rests = self.harmony.rests();
        let bar_ticks = self.beat.bar_ticks.round() as u32;
        let Some(piece) = &mut self.piece else {
            return;
        };
        if rests {
            piece.bars_to_cadence = 0;
            return;
        }
        piece.bars_to_cadence -= 1;
        piece.end_tick = piece.end_tick.map(|end| end + bar_ticks);
    }

    /// Ends the piece on the player's wish: it fades if it should.
    pub(super) fn stop_at(&mut self, at_host: u64) {
        let fade = self.fade_samples();
        if fade == 0 || !self.piece_sounds(at_host) {
            return self.end_at(at_host);
        }
        if let Some(piece) = &mut self.piece {
            let end = at_host.saturating_add(fade);
            // One that already fades goes on doing so.
            if !piece.fades && piece.end().is_none_or(|known| end < known) {
                piece.end_sample = Some(end);
                piece.fade = fade;
            }
            (piece.stopped, piece.bars_to_cadence) = (true, 0);
        }
    }

    /// Lets a piece of sound give way.
    pub(super) fn fade(&mut self, at_host: u64) -> Option<Next> {
        let piece = self.piece.as_mut()?;
        piece.fades = true;
        let samples = piece.end()?.saturating_sub(at_host).max(1);
        Some(Next::Fades {
            piece: piece.number,
            from: at_host,
            samples,
        })
    }
}

impl Piece {
    /// What is left of the level at a sample, 0 to 1.
    pub(super) fn faded_at(&self, sample: u64) -> f32 {
        match self.end() {
            Some(end) if self.fade > 0 => {
                (end.saturating_sub(sample) as f32 / self.fade as f32).min(1.0)
            }
            _ => 1.0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Harmony;
    use crate::continuation::ComposedNote;

    fn heard(keys: &[u8]) -> Harmony {
        let mut harmony = Harmony::default();
        for (place, key) in keys.iter().enumerate() {
            harmony.hear(&ComposedNote {
                tick: 12 * place as u32,
                duration_ticks: 12,
                key: *key,
                velocity: 0.7,
            });
        }
        harmony
    }

    #[test]
    fn the_tonic_is_found_in_every_key() {
        let (major, minor) = (
            [0, 2, 4, 5, 7, 9, 11, 12, 7, 4, 0],
            [0, 2, 3, 5, 7, 8, 11, 12, 7, 3, 0],
        );
        for shift in 0..12 {
            for scale in [major, minor] {
                let harmony = heard(&scale.map(|key| key + 60 + shift));
                assert_eq!(harmony.tonic(), usize::from(shift), "{scale:?} on {shift}");
                assert!(harmony.rests());
            }
        }
        assert!(!heard(&[60, 62, 64, 65, 67, 69, 71, 72, 67, 64, 60, 62]).rests());
        assert!(!Harmony::default().rests());
    }
}
