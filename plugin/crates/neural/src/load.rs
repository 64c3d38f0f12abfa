//! From an opened pack to a playable one: dry run, checks, warm-up, measurements.
//!
//! Loader thread only. A pack that fails leaves nothing behind: the old sound goes on.

use std::sync::Arc;
use std::time::{Duration, Instant};

use afterimage_engine::InstrumentSpec;
use afterimage_engine::contract::FrameRequest;

use crate::backend::{Backend, BackendKind, InputBuffer};
use crate::decoder::{Feed, NeuralDecoder, Parts};
use crate::error::PackError;
use crate::manifest::Manifest;
use crate::native::set_flush_denormals;
use crate::pack::{Pack, PackGraph};
use crate::plan::{DecodePlan, MAX_ROWS};
use crate::rows::RowSizes;
use crate::runtime::Runtime;
use crate::trial::{CallTime, collect, measure, probes, resident_bytes};

/// What a pack may cost while it is loaded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LoadLimits {
    /// Longest call of the dry run, of one row.
    pub call: Duration,
    /// Longest time for all trial runs together.
    pub trials: Duration,
    /// Memory that loading may add to the process, in bytes; read on Linux only.
    pub memory_bytes: u64,
}

impl Default for LoadLimits {
    fn default() -> Self {
        // A row that takes a second is a hundred times too slow to play, even on a busy machine.
        Self {
            call: Duration::from_secs(1),
            trials: Duration::from_secs(20),
            memory_bytes: 2 << 30,
        }
    }
}

/// A pack that can be played.
pub struct LoadedPack {
    /// Its manifest.
    pub manifest: Arc<Manifest>,
    /// What the engine must know about it.
    pub spec: InstrumentSpec,
    /// Its decode graph.
    pub decoder: NeuralDecoder,
    /// What loading found and measured.
    pub report: LoadReport,
}

/// What loading found and measured.
#[derive(Clone, Debug, PartialEq)]
pub struct LoadReport {
    /// The runtime that runs it.
    pub backend: BackendKind,
    /// Why the preferred runtime does not run it, if so: one sentence.
    pub fallback: Option<String>,
    /// Time to make the graph ready, in milliseconds.
    pub load_ms: f64,
    /// Batch sizes in use, and the median time of a call at each, in microseconds.
    pub call_us: Vec<(usize, f64)>,
    /// Time of one voice's frame as a share of the hop.
    pub real_time_factor_one_voice: f64,
    /// Time of sixteen voices' frames as a share of the hop.
    pub real_time_factor_sixteen_voices: f64,
    /// Memory that loading added, in bytes, where the system tells.
    pub memory_bytes: Option<u64>,
    /// What is not wrong but should be better.
    pub warnings: Vec<String>,
}

/// Loads a pack with the usual limits.
///
/// # Errors
/// One sentence; see [`PackError`].
pub fn load(pack: &Pack, runtime: &Runtime) -> Result<LoadedPack, PackError> {
    load_within(pack, runtime, &LoadLimits::default())
}

/// Loads a pack within `limits`: on the preferred runtime, or on the next that takes it.
///
/// # Errors
/// One sentence; see [`PackError`].
pub fn load_within(
    pack: &Pack,
    runtime: &Runtime,
    limits: &LoadLimits,
) -> Result<LoadedPack, PackError> {
    let plan = DecodePlan::new(pack)?;
    let graph = pack.graph("decode").ok_or_else(|| PackError::MissingFile {
        pack: pack.name().to_owned(),
        graph: "decode",
        file: "decode.onnx".into(),
    })?;
    let mut refusals = Vec::new();
    for kind in runtime.kinds() {
        let loading = Loading {
            pack,
            graph,
            plan: &plan,
            limits,
            kind: *kind,
        };
        match loading.run(runtime) {
            Ok(mut loaded) => {
                let reasons = refusals.join("; ");
                let sentence = || format!("'{}' runs on {kind}, because {reasons}.", pack.name());
                loaded.report.fallback = (!refusals.is_empty()).then(sentence);
                return Ok(loaded);
            }
            Err(Refusal::Runtime(reason)) => refusals.push(format!("{kind} said: {reason}")),
            Err(Refusal::Pack(error)) => return Err(error),
        }
    }
    let names: Vec<_> = runtime.kinds().iter().map(|kind| kind.name()).collect();
    Err(PackError::Backend {
        pack: pack.name().to_owned(),
        file: graph.file.clone(),
        expected: names.join(" or "),
        found: refusals.join("; "),
    })
}

/// Why one attempt failed.
enum Refusal {
    /// The pack is bad: no other runtime is tried.
    Pack(PackError),
    /// This runtime does not take it.
    Runtime(String),
}

impl From<PackError> for Refusal {
    fn from(error: PackError) -> Self {
        Self::Pack(error)
    }
}

impl From<String> for Refusal {
    fn from(reason: String) -> Self {
        Self::Runtime(reason)
    }
}

/// One attempt: a pack on a runtime.
struct Loading<'a> {
    pack: &'a Pack,
    graph: &'a PackGraph,
    plan: &'a DecodePlan,
    limits: &'a LoadLimits,
    kind: BackendKind,
}

impl Loading<'_> {
    fn run(&self, runtime: &Runtime) -> Result<LoadedPack, Refusal> {
        let flags = set_flush_denormals();
        let outcome = self.run_flushed(runtime);
        flags.restore();
        outcome
    }

    fn run_flushed(&self, runtime: &Runtime) -> Result<LoadedPack, Refusal> {
        let memory_before = resident_bytes();
        let start = Instant::now();
        let mut backend = runtime.open(self.kind, &self.graph.bytes, &self.plan.outputs())?;
        let load_ms = start.elapsed().as_secs_f64() * 1e3;
        let mut buffers = self.plan.buffers();
        let feed = Feed::new(self.pack, self.plan);
        let probes = probes(self.pack.manifest());
        self.dry_run(backend.as_mut(), &feed, &probes, &mut buffers)?;
        let mut rows = if self.plan.frames > 1 && self.plan.fixed_rows.is_none() {
            RowSizes::one_by_one()
        } else {
            RowSizes::probe(self.plan.fixed_rows, &mut |indices| {
                if start.elapsed() > self.limits.trials {
                    return Err("the trial runs took too long".into());
                }
                for (row, index) in indices.iter().enumerate() {
                    feed.write(&probes[*index], row, &mut buffers);
                }
                collect(backend.as_mut(), indices.len(), &buffers)
            })?
        };
        self.check_time("trying the decoder", start.elapsed(), self.limits.trials)?;
        let times = measure(backend.as_mut(), rows.sizes(), &buffers);
        rows.choose_fastest(|size| find(&times, size).map_or(f64::MAX, |time| time.least_us));
        let memory =
            memory_before.and_then(|before| Some(resident_bytes()?.saturating_sub(before)));
        self.check_memory(memory)?;
        let report = LoadReport {
            load_ms,
            memory_bytes: memory,
            ..self.report(&rows, &times)
        };
        Ok(LoadedPack {
            manifest: self.pack.shared_manifest(),
            spec: self.pack.instrument_spec()?,
            decoder: NeuralDecoder::new(Parts {
                backend,
                buffers,
                rows,
                feed,
                frames: self.plan.frames,
                gives_phases: self.plan.phase.is_some(),
                states: &self.plan.states,
            })?,
            report,
        })
    }

    fn report(&self, rows: &RowSizes, times: &[CallTime]) -> LoadReport {
        let hop_us = 1e6 / self.pack.manifest().representation.frame_rate_hz();
        LoadReport {
            backend: self.kind,
            fallback: None,
            load_ms: 0.0,
            call_us: times
                .iter()
                .map(|time| (time.rows, time.median_us))
                .collect(),
            real_time_factor_one_voice: time_of(rows, 1, times) / hop_us,
            real_time_factor_sixteen_voices: time_of(rows, MAX_ROWS, times) / hop_us,
            memory_bytes: None,
            warnings: self.warnings(rows),
        }
    }

    /// Decodes every probe once, within the time budget, and looks for values that are not numbers.
    fn dry_run(
        &self,
        backend: &mut dyn Backend,
        feed: &Feed,
        probes: &[FrameRequest],
        buffers: &mut [InputBuffer],
    ) -> Result<(), Refusal> {
        let rows = self.plan.fixed_rows.unwrap_or(1);
        for probe in probes {
            (0..rows).for_each(|row| feed.write(probe, row, buffers));
            let start = Instant::now();
            let output = collect(backend, rows, buffers)?;
            self.check_time("one call of the decoder", start.elapsed(), self.limits.call)?;
            self.check_output(&output, rows, probe)?;
        }
        Ok(())
    }

    fn check_time(
        &self,
        what: &'static str,
        took: Duration,
        limit: Duration,
    ) -> Result<(), PackError> {
        if took <= limit {
            return Ok(());
        }
        Err(PackError::OverBudget {
            pack: self.pack.name().to_owned(),
            what,
            limit: format!("{} ms", limit.as_millis()),
            found: format!("{} ms", took.as_millis()),
        })
    }

    fn check_memory(&self, added: Option<u64>) -> Result<(), PackError> {
        match added {
            Some(added) if added > self.limits.memory_bytes => Err(PackError::OverBudget {
                pack: self.pack.name().to_owned(),
                what: "the memory of the decoder",
                limit: format!("{} MB", self.limits.memory_bytes >> 20),
                found: format!("{} MB", added >> 20),
            }),
            _ => Ok(()),
        }
    }

    fn check_output(
        &self,
        output: &[f32],
        rows: usize,
        probe: &FrameRequest,
    ) -> Result<(), PackError> {
        let carried: usize = self.plan.states.iter().map(|state| state.width).sum();
        let columns = 1 + usize::from(self.plan.phase.is_some());
        let expected = columns * self.plan.bins * self.plan.frames + carried;
        if output.len() != rows * expected {
            return Err(PackError::Tensor {
                pack: self.pack.name().to_owned(),
                graph: "decode",
                tensor: self.plan.output.as_str().into(),
                expected: format!(
                    "have {expected} values a row, as 'representation.bins', 'frames_per_call', the phases and the states say"
                ),
                found: format!("the graph gave {} values for {rows} rows", output.len()).into(),
                advice: "correct 'representation.bins' or export the graph with that many",
            });
        }
        let bad = output.iter().filter(|value| !value.is_finite()).count();
        if bad == 0 {
            return Ok(());
        }
        let latent: Vec<String> = probe
            .conditions
            .latent
            .iter()
            .take(4)
            .map(|knob| format!("{knob:.1}"))
            .collect();
        Err(PackError::NotFinite {
            pack: self.pack.name().to_owned(),
            tensor: self.plan.output.clone(),
            found: format!(
                "{bad} of {} values were not, at pitch {:.0} and the latent knobs {} …",
                output.len(),
                probe.pitch,
                latent.join(", ")
            ),
        })
    }

    fn warnings(&self, rows: &RowSizes) -> Vec<String> {
        let mut warnings = self.pack.warnings().to_vec();
        if rows.is_alone() {
            warnings.push(format!(
                "rows of one call influence each other, so '{}' decodes one voice at a time and is slower with many notes",
                self.pack.name()
            ));
        }
        warnings
    }
}

/// Median time of `voices` frames with the chosen calls, in microseconds.
fn time_of(rows: &RowSizes, voices: usize, times: &[CallTime]) -> f64 {
    let time = |size| find(times, size).map_or(f64::MAX, |time| time.median_us);
    rows.calls(voices).into_iter().map(time).sum()
}

fn find(times: &[CallTime], rows: usize) -> Option<&CallTime> {
    times.iter().find(|time| time.rows == rows)
}
