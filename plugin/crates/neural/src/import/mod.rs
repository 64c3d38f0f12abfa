//! A bare graph from sound to sound, such as RAVE's `export_onnx` writes, becomes a pack: what the file shows is
//! read, what it cannot show is tried or asked for, and a folder with a manifest is written.
//!
//! Tools only: reads whole files, runs the graph, writes.

mod graph;
mod measure;
mod write;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::error::PackError;
use crate::manifest::METADATA_KEY;
use crate::onnx::{GraphInfo, settle};
use crate::pack::{looks_like_onnx, name_of, read_file};
use crate::runtime::Runtime;

pub use graph::AudioGraph;

/// Calls longer than this are no live effect: 1.4 s at 48 kHz.
const MAX_BLOCK: usize = 1 << 16;
const RATES_HZ: std::ops::RangeInclusive<u32> = 8_000..=192_000;

/// What a person knows of a graph and its file does not say.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ImportFacts {
    /// Samples a second that the model was trained at.
    pub rate_hz: Option<u32>,
    /// Samples a call takes and gives: a whole number of what the model makes one latent of.
    pub block: Option<usize>,
    /// Samples by which the output lags the input.
    pub latency: Option<usize>,
    /// Name on the shelf; the file's where there is none.
    pub name: Option<String>,
    /// SPDX expression of the weights' licence.
    pub license: Option<String>,
}

/// An ONNX file without a manifest, from sound to sound.
#[derive(Clone, Debug)]
pub struct BareModel {
    name: String,
    bytes: Arc<[u8]>,
    info: GraphInfo,
    graph: AudioGraph,
    /// Draws that became means: normal ones, uniform ones.
    settled: [usize; 2],
}

impl BareModel {
    /// Reads the file and draws its means in the place of numbers of its own.
    ///
    /// # Errors
    /// One sentence where the file cannot be read, has a manifest, may not be run, or is not from sound to sound.
    pub fn open(path: &Path) -> Result<Self, PackError> {
        let name = name_of(path);
        let bytes = read_file(&name, path)?;
        looks_like_onnx(&name, &bytes)?;
        let info = GraphInfo::read(&bytes, &name, &name)?;
        if info.metadata_value(METADATA_KEY).is_some() {
            return Err(complain(
                &name,
                "a file without a manifest",
                "it has one",
                "open it as it is",
            ));
        }
        let damaged = |_| PackError::Malformed {
            pack: name.clone(),
            file: name.clone(),
            found: "it could not be read a second time".into(),
        };
        let settled = settle(&bytes).map_err(damaged)?;
        let info = GraphInfo::read(&settled.bytes, &name, &name)?;
        info.refuse_faults(&name, &name)?;
        let graph = AudioGraph::of(&info, &name)?;
        Ok(Self {
            name,
            bytes: settled.bytes.into(),
            info,
            graph,
            settled: [settled.normal, settled.uniform],
        })
    }

    /// What was recognised, what was tried, and what is still asked for, in plain text.
    pub fn describe(&self, runtime: &Runtime) -> String {
        let AudioGraph {
            input,
            output,
            channels,
            length,
        } = &self.graph;
        let mut text = format!(
            "\nSound to sound: '{input}' to '{output}', {channels} channel(s), {}\n",
            length.map_or("any length".into(), |length| format!(
                "{length} samples a call"
            ))
        );
        text.push_str(&self.draws());
        match self.whole_blocks(runtime) {
            Ok(blocks) if blocks.is_empty() => {
                text.push_str("  tried: no power of two up to 65536 comes back whole\n");
            }
            Ok(blocks) => {
                let list: Vec<String> = blocks.iter().map(usize::to_string).collect();
                let line = format!(
                    "  tried: these lengths come back whole: {}\n",
                    list.join(" ")
                );
                text.push_str(&line);
            }
            Err(error) => text.push_str(&format!("  {error}\n")),
        }
        let rate = self.rate_in_file();
        let said = rate.map_or("44100 or 48000 for most".into(), |rate| {
            format!("the file says {rate}")
        });
        text.push_str(&format!(
            "What the file cannot say, say with\n  --rate HZ       samples a second it was trained at ({said})\n\
             \x20 --block N       samples a call, 2048 and more for RAVE: longer hears more, and waits longer\n\
             \x20 --latency N     samples by which the output lags; measured where it is left out\n\
             \x20 --name WORDS --license SPDX\n  --out FOLDER    where the pack is to lie\n"
        ));
        text
    }

    /// Tries the graph, and writes a pack folder at `out`, whole or not at all.
    ///
    /// # Errors
    /// One sentence where a fact is missing or wrong, the graph does not give back what it takes, or the folder
    /// cannot be written.
    pub fn write(
        &self,
        facts: &ImportFacts,
        out: &Path,
        runtime: &Runtime,
    ) -> Result<Imported, PackError> {
        let rate_hz = self.rate(facts)?;
        let block = self.block(facts, runtime)?;
        let tried = measure::try_block(self, block, runtime)?;
        if tried.samples != block {
            return Err(self.complain(
                format!("{block} samples back for {block}"),
                format!("it gives {}", tried.samples),
                "choose --block as a whole number of the model's ratio, as check-model lists them",
            ));
        }
        let latency = facts.latency.or(tried.lag).unwrap_or(0);
        if latency >= MAX_BLOCK {
            return Err(self.complain(
                format!("--latency under {MAX_BLOCK}"),
                latency.to_string(),
                "give it in samples of the model's rate",
            ));
        }
        let part = write::Part {
            facts,
            rate_hz,
            block,
            latency,
        };
        write::folder(self, &part, out)?;
        Ok(Imported {
            folder: out.to_owned(),
            rate_hz,
            block,
            latency,
            measured_latency: tried.lag,
            remark: self.draws(),
        })
    }

    fn rate(&self, facts: &ImportFacts) -> Result<u32, PackError> {
        let Some(rate_hz) = facts.rate_hz.or(self.rate_in_file()) else {
            return Err(self.complain(
                "--rate, the samples a second that it was trained at".into(),
                "neither the command nor the file says it".into(),
                "look into the training's configuration",
            ));
        };
        if RATES_HZ.contains(&rate_hz) {
            return Ok(rate_hz);
        }
        let (low, high) = (RATES_HZ.start(), RATES_HZ.end());
        Err(self.complain(
            format!("a --rate from {low} to {high}"),
            format!("{rate_hz} was given"),
            "give it in samples a second",
        ))
    }

    fn block(&self, facts: &ImportFacts, runtime: &Runtime) -> Result<usize, PackError> {
        match (facts.block, self.graph.length) {
            (Some(block), Some(fixed)) if block != fixed => Err(self.complain(
                format!("--block {fixed}, the length that the graph is fixed to"),
                format!("{block} was given"),
                "leave --block out, or export the graph with a dynamic length",
            )),
            (_, Some(fixed)) => Ok(fixed),
            (Some(block), None) if (2..=MAX_BLOCK).contains(&block) && block % 2 == 0 => Ok(block),
            (Some(block), None) => Err(self.complain(
                format!("an even --block from 2 to {MAX_BLOCK}"),
                format!("{block} was given"),
                "most models want a power of two",
            )),
            (None, None) => {
                let blocks = self.whole_blocks(runtime)?;
                let list: Vec<String> = blocks.iter().map(usize::to_string).collect();
                Err(self.complain(
                    "--block, the samples a call".into(),
                    format!("any of {} would do", list.join(", ")),
                    "a longer one hears more at a time, and waits longer",
                ))
            }
        }
    }

    /// Powers of two of which the graph gives back as many samples as it takes.
    fn whole_blocks(&self, runtime: &Runtime) -> Result<Vec<usize>, PackError> {
        match self.graph.length {
            Some(length) => Ok(vec![length]),
            None => measure::whole_blocks(self, runtime),
        }
    }

    fn rate_in_file(&self) -> Option<u32> {
        self.info.metadata_value("sample_rate")?.trim().parse().ok()
    }

    /// What became of numbers that the graph drew itself; empty where it draws none.
    fn draws(&self) -> String {
        let [normal, uniform] = self.settled;
        let mut text = String::new();
        if normal > 0 {
            text.push_str(&format!(
                "  {normal} normal draw(s) inside the graph stand at their mean: a bounce must repeat what was heard\n"
            ));
        }
        if uniform > 0 {
            text.push_str(&format!(
                "  {uniform} uniform draw(s) inside the graph stand at one half: a noise made of them stays silent\n"
            ));
        }
        text
    }

    fn complain(&self, expected: String, found: String, advice: &'static str) -> PackError {
        complain(&self.name, expected, found, advice)
    }
}

/// What an import wrote.
#[derive(Clone, Debug, PartialEq)]
pub struct Imported {
    /// The pack.
    pub folder: PathBuf,
    /// Samples a second.
    pub rate_hz: u32,
    /// Samples a call.
    pub block: usize,
    /// Samples by which the output is said to lag.
    pub latency: usize,
    /// The lag that a noise showed, where it showed any.
    pub measured_latency: Option<usize>,
    /// What became of the graph's own random draws.
    pub remark: String,
}

fn complain(
    pack: &str,
    expected: impl Into<String>,
    found: impl Into<String>,
    advice: &'static str,
) -> PackError {
    PackError::Import {
        pack: pack.to_owned(),
        expected: expected.into(),
        found: found.into(),
        advice,
    }
}
