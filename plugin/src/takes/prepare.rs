//! Makes of a take what the audio thread plays. Keeper thread.

use afterimage_engine::continuation::TICKS_PER_QUARTER;
use afterimage_spectral::resampled;

use super::audition::Prepared;
use super::sound::Sound;
use super::store::WholeTake;

/// An audition is no louder than the plugin's own output may be: -0.3 dBFS.
const CEILING: f32 = 0.966;
/// Tempo of a take that knows none.
const DEFAULT_TEMPO_BPM: f64 = 120.0;

/// A take at the host's rate.
///
/// # Errors
/// A sentence when the host has not said its rate, or the take cannot be brought to it.
pub fn prepare(take: &WholeTake, host_rate_hz: u32) -> Result<Box<Prepared>, String> {
    if host_rate_hz == 0 {
        return Err("The host does not run: press play to hear a take.".to_owned());
    }
    let safe = take.sound.scaled((CEILING / take.sound.peak()).min(1.0));
    let sound = channels(&safe, host_rate_hz)?;
    let notes = notes(take, host_rate_hz);
    let last = notes.last().map_or(0, |(at, ..)| at + 1);
    let length = last.max(sound[0].len() as u64);
    Ok(Box::new(Prepared {
        sound,
        notes,
        length,
        fade: Prepared::fade_at(host_rate_hz),
    }))
}

fn channels(sound: &Sound, host_rate_hz: u32) -> Result<[Vec<f32>; 2], String> {
    if sound.samples.is_empty() {
        return Ok([Vec::new(), Vec::new()]);
    }
    let count = usize::from(sound.channels.max(1));
    let channel = |index: usize| -> Result<Vec<f32>, String> {
        let samples = sound.samples.iter().skip(index).step_by(count);
        let samples: Vec<f32> = samples.copied().collect();
        if sound.rate_hz == host_rate_hz {
            return Ok(samples);
        }
        resampled(&samples, sound.rate_hz, host_rate_hz).map_err(|error| error.to_string())
    };
    let left = channel(0)?;
    let right = if count > 1 { channel(1)? } else { left.clone() };
    Ok([left, right])
}

fn notes(take: &WholeTake, host_rate_hz: u32) -> Vec<(u64, u8, Option<f32>)> {
    let tempo_bpm = take.record.tempo_bpm.unwrap_or(DEFAULT_TEMPO_BPM);
    let tick_samples =
        60.0 / tempo_bpm.max(1.0) / f64::from(TICKS_PER_QUARTER) * f64::from(host_rate_hz);
    let at = |tick: u32| (f64::from(tick) * tick_samples).ceil() as u64;
    let mut notes = Vec::new();
    for note in &take.record.notes {
        let end = note.tick.saturating_add(note.duration_ticks.max(1));
        notes.push((at(note.tick), note.key, Some(note.velocity)));
        notes.push((at(end), note.key, None));
    }
    // A key that ends and begins on one sample ends first.
    notes.sort_by_key(|(at, _, velocity)| (*at, velocity.is_some()));
    notes
}

#[cfg(test)]
mod tests {
    use super::prepare;
    use crate::takes::record::TakeNote;
    use crate::takes::store::tests::take;

    #[test]
    fn a_take_is_brought_to_the_hosts_rate_on_both_sides() {
        let mut soft = take("0001");
        soft.sound = soft.sound.scaled(0.5);
        let same = prepare(&soft, 48_000).unwrap();
        assert_eq!(same.sound[0], soft.sound.samples);
        let other = prepare(&soft, 96_000).unwrap();
        assert_eq!((other.length, other.sound[0].len()), (2000, 2000));
        assert_eq!(other.sound[0], other.sound[1]);
    }

    #[test]
    fn a_take_over_full_scale_is_heard_below_it() {
        let mut loud = take("0001");
        loud.sound = loud.sound.scaled(3.0);
        let prepared = prepare(&loud, 48_000).unwrap();
        let peak = prepared.sound[0]
            .iter()
            .fold(0.0_f32, |p, s| p.max(s.abs()));
        assert!((0.9..=super::CEILING).contains(&peak), "{peak}");
    }

    #[test]
    fn ticks_become_samples_and_offs_come_before_ons() {
        let mut of_notes = take("0001");
        of_notes.sound = Default::default();
        let note = |tick| TakeNote {
            tick,
            duration_ticks: 24,
            key: 60,
            velocity: 1.0,
        };
        of_notes.record.notes = vec![note(0), note(24)];
        let prepared = prepare(&of_notes, 48_000).unwrap();
        let expected = [
            (0, 60, Some(1.0)),
            (24_000, 60, None),
            (24_000, 60, Some(1.0)),
            (48_000, 60, None),
        ];
        assert_eq!(prepared.notes, expected);
        assert_eq!(prepared.length, 48_001);
    }

    #[test]
    fn a_host_without_a_rate_is_answered_with_a_sentence() {
        assert!(prepare(&take("0001"), 0).unwrap_err().contains("host"));
    }
}
