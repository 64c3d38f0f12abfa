//! `bench --continuations`: held-out excerpts, continued through the engine many times, counted and judged.
//!
//! The engine's own conductor and worker run by hand, as fast as they can, with no sound: what is looked
//! at is which notes come, when, and whether each of them ends. How they compare with the piece's true
//! next bars is judged by `models/afterimage_models/tune_lstm/continuation_table.py`.

#[cfg(feature = "models")]
mod excerpts;
#[cfg(feature = "models")]
mod rig;

#[cfg(feature = "models")]
pub use counted::command;

/// `cargo xtask bench --continuations [--count N] [--prompts FILE] [--likeness X]`.
#[cfg(not(feature = "models"))]
pub fn command(_: crate::arguments::Arguments) -> anyhow::Result<()> {
    crate::with_models::again("the composer")
}

#[cfg(feature = "models")]
mod counted {
    use std::path::{Path, PathBuf};

    use afterimage_engine::continuation::{Composer, DEFAULT_LIKENESS};
    use afterimage_neural::{Pack, Runtime, load_composer, memory_composer};
    use afterimage_tests::bundle::{target_folder, workspace_root};
    use anyhow::{Context, Result};
    use serde_json::{Value, json};

    use super::excerpts::{Excerpt, read};
    use super::rig::{Composed, Rig};
    use crate::arguments::Arguments;
    use crate::process::{run, say};
    use crate::python;

    const DEFAULT_COUNT: usize = 1_000;
    const PACK: &str = "models/tune-lstm/tune-lstm.onnx";
    const PROMPTS: &str = "models/tune-lstm/prompts.json";
    const MODULE: &str = "afterimage_models.tune_lstm.continuation_table";

    /// What continues, and how much of it is memory.
    struct Variant {
        name: &'static str,
        composer: Box<dyn Composer>,
        likeness: f32,
    }

    /// `cargo xtask bench --continuations [--count N] [--prompts FILE] [--likeness X]`.
    pub fn command(mut arguments: Arguments) -> Result<()> {
        let count = arguments.parsed("--count")?.unwrap_or(DEFAULT_COUNT);
        let likeness = arguments.parsed("--likeness")?.unwrap_or(DEFAULT_LIKENESS);
        let prompts = arguments.path("--prompts")?;
        let prompts = prompts.unwrap_or_else(|| workspace_root().join(PROMPTS));
        arguments.finish()?;
        let excerpts = read(&prompts)?;
        let mut found = Vec::new();
        for variant in variants(likeness)? {
            say(&format!("{} continuations by {}", count, variant.name));
            let all = continued(variant.composer, variant.likeness, &excerpts, count)?;
            print_counts(&all);
            found.push(json!({"name": variant.name, "continuations": rows(&all)}));
        }
        let file = target_folder().join("continuations.json");
        std::fs::write(&file, Value::from(found).to_string())
            .with_context(|| format!("cannot write {}", file.display()))?;
        judge(&prompts, &file)
    }

    fn variants(likeness: f32) -> Result<Vec<Variant>> {
        let runtime = match crate::runtime_library::provide()? {
            Some(library) => Runtime::from_library(&library),
            None => Runtime::embedded(),
        };
        let pack = Pack::open(&workspace_root().join(PACK))?;
        let net = || Ok::<_, anyhow::Error>(Box::new(load_composer(&pack, &runtime)?.composer));
        Ok(vec![
            Variant {
                name: "model",
                composer: net()?,
                likeness: 0.0,
            },
            Variant {
                name: "model + memory",
                composer: net()?,
                likeness,
            },
            Variant {
                name: "memory alone",
                composer: Box::new(memory_composer(&pack)?),
                likeness: 1.0,
            },
        ])
    }

    /// A continuation of an excerpt, moved by so many semitones.
    struct Continuation {
        excerpt: usize,
        shift: i32,
        composed: Composed,
    }

    fn continued(
        composer: Box<dyn Composer>,
        likeness: f32,
        excerpts: &[Excerpt],
        count: usize,
    ) -> Result<Vec<Continuation>> {
        let mut rig = Rig::new(composer)?;
        let mut all = Vec::with_capacity(count);
        for number in 0..count {
            let (excerpt, turn) = (number % excerpts.len(), number / excerpts.len());
            // In its own key first, then in the eleven others about it.
            let shift = (turn as i32 + 5) % 12 - 5;
            let composed = rig.continued(&excerpts[excerpt], shift, number as u64, likeness);
            all.push(Continuation {
                excerpt,
                shift,
                composed,
            });
        }
        Ok(all)
    }

    fn rows(all: &[Continuation]) -> Vec<Value> {
        let row = |c: &Continuation| json!({"excerpt": c.excerpt, "shift": c.shift, "notes": c.composed.notes});
        all.iter().map(row).collect()
    }

    fn print_counts(all: &[Continuation]) {
        let sum =
            |value: fn(&Composed) -> usize| all.iter().map(|c| value(&c.composed)).sum::<usize>();
        for (what, number) in [
            ("without a note", sum(|c| usize::from(c.notes.is_empty()))),
            ("notes that hang", sum(|c| c.hanging)),
            ("events outside the bars", sum(|c| c.outside)),
            ("late notes", sum(|c| c.late)),
        ] {
            println!("  {what:<28}{number:8}");
        }
    }

    fn judge(prompts: &Path, composed: &Path) -> Result<()> {
        let corpus: PathBuf = workspace_root().join("models/data/tunes");
        let mut table = python::command_of(&python::provide()?);
        table
            .env("PYTHONPATH", workspace_root().join("models"))
            .args(["-m", MODULE, "--prompts"])
            .arg(prompts)
            .arg("--composed")
            .arg(composed)
            .arg("--corpus")
            .arg(corpus);
        run(&mut table, "judge the continuations")
    }
}
