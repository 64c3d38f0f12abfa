//! `bench --continuations`: many seeded continuations of notes through the engine, counted and judged.
//!
//! The engine's own conductor and worker run by hand, as fast as they can, with no sound: what is looked
//! at is which notes come, when, and whether each of them ends.

#[cfg(feature = "models")]
pub use counted::command;

/// `cargo xtask bench --continuations [--count N] [--prompts DIR]`.
#[cfg(not(feature = "models"))]
pub fn command(_: crate::arguments::Arguments) -> anyhow::Result<()> {
    crate::with_models::again("the composer")
}

/// Musical keys from notes. Built for its tests also where the command is not.
#[cfg(any(feature = "models", test))]
mod key {
    /// Major and minor profiles: Krumhansl 1990, "Cognitive foundations of musical pitch", table 2.1.
    const MAJOR: [f64; 12] = [
        6.35, 2.23, 3.48, 2.33, 4.38, 4.09, 2.52, 5.19, 2.39, 3.66, 2.29, 2.88,
    ];
    const MINOR: [f64; 12] = [
        6.33, 2.68, 3.52, 5.38, 2.60, 3.53, 2.54, 4.75, 3.98, 2.69, 3.34, 3.17,
    ];
    /// Degrees of the scales; the minor one with both sixths and sevenths.
    const MAJOR_SCALE: u16 = 0b1010_1011_0101;
    const MINOR_SCALE: u16 = 0b1111_1010_1101;

    /// Pitch classes of the key that fits notes best, a bit each.
    pub fn scale_of(keys: &[u8]) -> u16 {
        let mut counts = [0.0; 12];
        keys.iter()
            .for_each(|key| counts[usize::from(key % 12)] += 1.0);
        let mut best = (f64::MIN, 0);
        for (profile, scale) in [(MAJOR, MAJOR_SCALE), (MINOR, MINOR_SCALE)] {
            for tonic in 0..12 {
                let turned: [f64; 12] =
                    std::array::from_fn(|class| profile[(class + 12 - tonic) % 12]);
                let fits = correlation(&counts, &turned);
                if fits > best.0 {
                    best = (fits, (scale << tonic | scale >> (12 - tonic)) & 0xfff);
                }
            }
        }
        best.1
    }

    /// Share of notes within a scale.
    pub fn share(keys: &[u8], scale: u16) -> f64 {
        let within = keys.iter().filter(|key| scale >> (*key % 12) & 1 == 1);
        within.count() as f64 / keys.len().max(1) as f64
    }

    fn correlation(one: &[f64; 12], other: &[f64; 12]) -> f64 {
        let mean = |values: &[f64; 12]| values.iter().sum::<f64>() / 12.0;
        let (a, b) = (mean(one), mean(other));
        let (mut product, mut squares) = (0.0, (0.0, 0.0));
        for (x, y) in one.iter().zip(other) {
            product += (x - a) * (y - b);
            squares = (squares.0 + (x - a).powi(2), squares.1 + (y - b).powi(2));
        }
        product / (squares.0 * squares.1).sqrt().max(f64::MIN_POSITIVE)
    }

    #[cfg(test)]
    mod tests {
        use super::{scale_of, share};

        #[test]
        fn a_scale_is_found_in_every_key_and_its_notes_lie_within_it() {
            for tonic in 0..12_u8 {
                let major = [0, 2, 4, 5, 7, 9, 11, 12, 7, 4, 0].map(|degree| 60 + tonic + degree);
                let scale = scale_of(&major);
                assert_eq!(share(&major, scale), 1.0, "tonic {tonic}");
                let other = major.map(|key| key + 1);
                assert!(share(&other, scale) < 0.6, "a semitone off is out of key");
            }
        }
    }
}

#[cfg(feature = "models")]
mod counted {
    use std::path::{Path, PathBuf};

    use afterimage_engine::continuation::{ContinuationChange, Quantise};
    use afterimage_engine::{
        ControlChange, Engine, Event, HostConfig, NoteMatch, Processor, RenderMode, Service,
        TimedEvent, Worker,
    };
    use afterimage_neural::{Pack, Runtime, load_composer};
    use afterimage_tests::bundle::workspace_root;
    use afterimage_tests::{host, midi_file};
    use anyhow::{Context, Result, ensure};

    use super::key;
    use crate::arguments::Arguments;

    const RATE_HZ: u32 = 48_000;
    const BLOCK: usize = 512;
    /// At 120 quarter notes a minute, four to the bar.
    const BAR: u64 = 96_000;
    const PROMPT_BARS: u64 = 4;
    const BARS: u64 = 8;
    const DEFAULT_COUNT: u64 = 1_000;
    const PACK: &str = "models/tune-lstm/tune-lstm.onnx";
    /// What the continuations' in-key share may differ by from their prompts'.
    const KEY_TOLERANCE: f64 = 0.05;

    /// The first bars of a piece: samples, keys, velocities; off is velocity 0.
    struct Prompt(Vec<(u64, u8, f32)>);

    /// What one continuation came to.
    #[derive(Default)]
    struct Outcome {
        notes: usize,
        hanging: usize,
        outside: usize,
        late: u64,
        prompt_share: f64,
        share: f64,
    }

    /// `cargo xtask bench --continuations [--count N] [--prompts DIR]`.
    pub fn command(mut arguments: Arguments) -> Result<()> {
        let count = arguments.parsed("--count")?.unwrap_or(DEFAULT_COUNT);
        let folders = match arguments.path("--prompts")? {
            Some(folder) => vec![folder],
            None => ["models/pieces", "models/tune-lstm/samples"]
                .map(|folder| workspace_root().join(folder))
                .to_vec(),
        };
        arguments.finish()?;
        let prompts = prompts(&folders)?;
        let mut rig = Rig::new()?;
        let mut all = Vec::new();
        for seed in 0..count {
            let prompt = &prompts[seed as usize % prompts.len()];
            all.push(rig.continued(prompt, seed)?);
        }
        print(&all, prompts.len());
        Ok(())
    }

    /// Every MIDI file's first bars, in the twelve keys about its own.
    fn prompts(folders: &[PathBuf]) -> Result<Vec<Prompt>> {
        let mut files: Vec<PathBuf> = folders
            .iter()
            .filter_map(|folder| std::fs::read_dir(folder).ok())
            .flat_map(|entries| entries.flatten().map(|entry| entry.path()))
            .filter(|path| path.extension().is_some_and(|ending| ending == "mid"))
            .collect();
        files.sort();
        let mut prompts = Vec::new();
        for file in &files {
            for shift in -5..=6 {
                prompts.push(prompt(file, shift)?);
            }
        }
        prompts.retain(|prompt| !prompt.0.is_empty());
        ensure!(!prompts.is_empty(), "there is no .mid file in {folders:?}");
        Ok(prompts)
    }

    fn prompt(file: &Path, shift: i16) -> Result<Prompt> {
        let timeline = midi_file::read(file, f64::from(RATE_HZ))?;
        let events = timeline.in_order();
        let first = events.iter().map(|(at, _)| *at).min().unwrap_or(0);
        let moved = |key: u8| (i16::from(key) + shift).clamp(0, 127) as u8;
        let notes = events.iter().filter_map(|(at, event)| {
            let at = at - first;
            match event {
                host::Event::NoteOn { key, velocity, .. } => {
                    Some((at, moved(*key), *velocity as f32))
                }
                host::Event::NoteOff { key, .. } => Some((at, moved(*key), 0.0)),
                _ => None,
            }
        });
        let within = |(at, ..): &(u64, u8, f32)| *at < PROMPT_BARS * BAR - BAR / 8;
        Ok(Prompt(notes.filter(within).collect()))
    }

    /// Conductor, worker and composer without a sound.
    struct Rig {
        processor: Processor,
        worker: Worker,
        engine: std::sync::Arc<Engine>,
    }

    impl Rig {
        fn new() -> Result<Self> {
            let runtime = match crate::runtime_library::provide()? {
                Some(library) => Runtime::from_library(&library),
                None => Runtime::embedded(),
            };
            let pack = Pack::open(&workspace_root().join(PACK))?;
            let loaded = load_composer(&pack, &runtime)?;
            let (service, worker) = Service::by_hand();
            let engine = Engine::new(&service);
            engine.set_composer(Some(Box::new(loaded.composer)));
            let mut processor = Processor::new(&engine);
            processor.set_render(RenderMode::Live, false);
            processor
                .activate(HostConfig::new(RATE_HZ, BLOCK as u32))
                .context("the engine refused its own settings")?;
            Ok(Self {
                processor,
                worker,
                engine,
            })
        }

        /// Plays a prompt, has it continued for some bars, and looks at what comes.
        fn continued(&mut self, prompt: &Prompt, seed: u64) -> Result<Outcome> {
            self.processor.reset();
            let late_before = self.engine.monitor().counts().late_notes;
            let latency = u64::from(self.processor.latency().reported_samples);
            let begins = PROMPT_BARS * BAR;
            let ends = begins + BARS * BAR;
            let script = script(prompt, seed);
            let (mut composed, mut next) = (Vec::new(), 0);
            let (mut left, mut right) = ([0.0; BLOCK], [0.0; BLOCK]);
            for from in (0..ends + BAR).step_by(BLOCK) {
                let first = next;
                while next < script.len() && script[next].0 < from + BLOCK as u64 {
                    next += 1;
                }
                let events: Vec<TimedEvent> = script[first..next]
                    .iter()
                    .map(|(at, event)| TimedEvent::new((at - from) as u32, *event))
                    .collect();
                self.processor.process(&mut left, &mut right, &events);
                let out = self.processor.composed().iter();
                composed
                    .extend(out.map(|e| (from + u64::from(e.offset_samples) - latency, e.event)));
                self.worker.run_until_idle();
            }
            let late = self.engine.monitor().counts().late_notes - late_before;
            Ok(Outcome {
                late,
                ..judged(prompt, &composed, begins..ends)
            })
        }
    }

    fn script(prompt: &Prompt, seed: u64) -> Vec<(u64, Event)> {
        let change = |change| Event::Control(ControlChange::Continuation(change));
        let mut script: Vec<(u64, Event)> = [
            ContinuationChange::FollowsHeard(true),
            ContinuationChange::Quantise(Quantise::Bar),
            ContinuationChange::Bars(BARS as u16),
            ContinuationChange::Seed(seed),
        ]
        .map(|each| (0, change(each)))
        .to_vec();
        script.extend(prompt.0.iter().map(|(at, key, velocity)| {
            let (channel, note_id) = (0, None);
            let event = if *velocity > 0.0 {
                Event::NoteOn {
                    key: *key,
                    channel,
                    note_id,
                    velocity: *velocity,
                }
            } else {
                Event::NoteOff(NoteMatch::key(*key, channel))
            };
            (*at, event)
        }));
        // An eighth of a bar before the line: the prompt's last note has begun.
        let wish = PROMPT_BARS * BAR - BAR / 8;
        script.push((wish, Event::AllNotesOff));
        script.push((wish, change(ContinuationChange::Run(true))));
        let ends = (PROMPT_BARS + BARS) * BAR + BAR / 2;
        script.push((ends, change(ContinuationChange::Run(false))));
        script
    }

    fn judged(prompt: &Prompt, composed: &[(u64, Event)], bars: std::ops::Range<u64>) -> Outcome {
        let mut outcome = Outcome::default();
        let (mut held, mut keys) = ([0_i32; 128], Vec::new());
        for (at, event) in composed {
            match event {
                Event::NoteOn { key, .. } => {
                    held[usize::from(*key)] += 1;
                    keys.push(*key);
                    outcome.outside += usize::from(!bars.contains(at));
                }
                Event::NoteOff(NoteMatch { key: Some(key), .. }) => {
                    held[usize::from(*key)] -= 1;
                    outcome.outside += usize::from(*at < bars.start || *at > bars.end);
                }
                _ => {}
            }
        }
        let played: Vec<u8> = prompt
            .0
            .iter()
            .filter(|(.., velocity)| *velocity > 0.0)
            .map(|(_, key, _)| *key)
            .collect();
        let scale = key::scale_of(&played);
        outcome.notes = keys.len();
        outcome.hanging = held.iter().filter(|count| **count != 0).count();
        outcome.prompt_share = key::share(&played, scale);
        outcome.share = key::share(&keys, scale);
        outcome
    }

    fn print(all: &[Outcome], prompts: usize) {
        let sum = |value: fn(&Outcome) -> f64| all.iter().map(value).sum::<f64>();
        let mean = |value: fn(&Outcome) -> f64| sum(value) / all.len().max(1) as f64;
        let silent = all.iter().filter(|outcome| outcome.notes == 0).count();
        let (before, after) = (mean(|o| o.prompt_share), mean(|o| o.share));
        let mut shares: Vec<f64> = all.iter().map(|outcome| outcome.share).collect();
        shares.sort_by(f64::total_cmp);
        let worst = shares.get(shares.len() / 10).copied().unwrap_or(0.0);
        println!(
            "{} continuations of {BARS} bars, of {prompts} prompts of {PROMPT_BARS} bars",
            all.len()
        );
        println!(
            "  notes each, mean              {:8.1}",
            mean(|o| o.notes as f64)
        );
        println!("  without a note                {silent:8}");
        println!(
            "  notes that hang               {:8}",
            sum(|o| o.hanging as f64)
        );
        println!(
            "  events outside the bars       {:8}",
            sum(|o| o.outside as f64)
        );
        println!(
            "  late notes                    {:8}",
            sum(|o| o.late as f64)
        );
        println!("  in the prompt's key, prompts  {before:8.3}");
        println!("  in it, continuations          {after:8.3} (worst tenth below {worst:.3})");
        let verdict = if (before - after).abs() <= KEY_TOLERANCE {
            "within"
        } else {
            "NOT within"
        };
        println!(
            "  difference                    {:8.3}, {verdict} {KEY_TOLERANCE}",
            before - after
        );
    }
}
