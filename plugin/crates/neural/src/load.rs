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
use crate::trial::{collect, measure, probes, resident_bytes};

/// What a pack may cost while it is loaded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LoadLimits {
    /// Longest call of the dry run.
    pub call: Duration,
    /// Memory that loading may add to the process, in bytes; read on Linux only.
    pub memory_bytes: u64,
}

impl Default for LoadLimits {
    fn default() -> Self {
        // A call of 16 rows that takes two seconds is a hundred times too slow to play.
        Self {
            call: Duration::from_secs(2),
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
        match loading.run(runtime)? {
            Ok((decoder, mut report)) => {
                report.fallback = (!refusals.is_empty()).then(|| {
                    format!(
                        "'{}' runs on {kind}, because {}.",
                        pack.name(),
                        refusals.join("; ")
                    )
                });
                return Ok(LoadedPack {
                    manifest: pack.shared_manifest(),
                    spec: pack.instrument_spec()?,
                    decoder,
                    report,
                });
            }
            Err(reason) => refusals.push(format!("{kind} said: {reason}")),
        }
    }
    Err(PackError::Backend {
        pack: pack.name().to_owned(),
        file: graph.file.clone(),
        expected: runtime
            .kinds()
            .iter()
            .map(|kind| kind.name())
            .collect::<Vec<_>>()
            .join(" or "),
        found: refusals.join("; "),
    })
}

struct Loading<'a> {
    pack: &'a Pack,
    graph: &'a PackGraph,
    plan: &'a DecodePlan,
    limits: &'a LoadLimits,
    kind: BackendKind,
}

impl Loading<'_> {
    /// The outer error refuses the pack, the inner one only this runtime.
    fn run(
        &self,
        runtime: &Runtime,
    ) -> Result<Result<(NeuralDecoder, LoadReport), String>, PackError> {
        let flags = set_flush_denormals();
        let outcome = self.run_flushed(runtime);
        flags.restore();
        outcome
    }

    fn run_flushed(
        &self,
        runtime: &Runtime,
    ) -> Result<Result<(NeuralDecoder, LoadReport), String>, PackError> {
        let memory_before = resident_bytes();
        let start = Instant::now();
        let mut backend = match runtime.open(self.kind, &self.graph.bytes, &self.plan.output) {
            Ok(backend) => backend,
            Err(reason) => return Ok(Err(reason)),
        };
        let load_ms = start.elapsed().as_secs_f64() * 1e3;
        let mut buffers = self.plan.buffers();
        let feed = Feed::new(self.pack, self.plan);
        let probes = probes(self.pack.manifest());
        if let Err(reason) = self.dry_run(backend.as_mut(), &feed, &probes, &mut buffers)? {
            return Ok(Err(reason));
        }
        let mut run = |indices: &[usize]| {
            for (row, index) in indices.iter().enumerate() {
                feed.write(&probes[*index], row, &mut buffers);
            }
            collect(backend.as_mut(), indices.len(), &buffers)
        };
        let mut rows = match RowSizes::probe(self.plan.fixed_rows, &mut run) {
            Ok(rows) => rows,
            Err(reason) => return Ok(Err(reason)),
        };
        let call_us = measure(backend.as_mut(), rows.sizes(), &buffers);
        let cost = |size: usize| {
            call_us
                .iter()
                .find(|(s, _)| *s == size)
                .map_or(f64::MAX, |(_, us)| *us)
        };
        rows.choose_fastest(cost);
        let memory_bytes =
            memory_before.and_then(|before| Some(resident_bytes()?.saturating_sub(before)));
        self.check_memory(memory_bytes)?;
        let hop_us = 1e6 / self.pack.manifest().representation.frame_rate_hz();
        let report = LoadReport {
            backend: self.kind,
            fallback: None,
            load_ms,
            real_time_factor_one_voice: time_of(&rows, 1, &cost) / hop_us,
            real_time_factor_sixteen_voices: time_of(&rows, MAX_ROWS, &cost) / hop_us,
            call_us,
            memory_bytes,
            warnings: self.warnings(&rows),
        };
        Ok(NeuralDecoder::new(Parts {
            backend,
            buffers,
            rows,
            feed,
        })
        .map(|decoder| (decoder, report))
        .map(Ok)?)
    }

    /// Decodes every probe once, within the time budget, and looks for values that are not numbers.
    fn dry_run(
        &self,
        backend: &mut dyn Backend,
        feed: &Feed,
        probes: &[FrameRequest],
        buffers: &mut [InputBuffer],
    ) -> Result<Result<(), String>, PackError> {
        let rows = self.plan.fixed_rows.unwrap_or(1);
        for probe in probes {
            (0..rows).for_each(|row| feed.write(probe, row, buffers));
            let start = Instant::now();
            let output = match collect(backend, rows, buffers) {
                Ok(output) => output,
                Err(reason) => return Ok(Err(reason)),
            };
            self.check_time(start.elapsed())?;
            self.check_output(&output, rows, probe)?;
        }
        Ok(Ok(()))
    }

    fn check_time(&self, took: Duration) -> Result<(), PackError> {
        if took <= self.limits.call {
            return Ok(());
        }
        Err(PackError::OverBudget {
            pack: self.pack.name().to_owned(),
            what: "one call of the decoder",
            limit: format!("{} ms", self.limits.call.as_millis()),
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
        if output.len() != rows * self.plan.bins {
            return Err(PackError::Tensor {
                pack: self.pack.name().to_owned(),
                graph: "decode",
                tensor: self.plan.output.clone(),
                expected: format!(
                    "have {} values a row, as 'representation.bins' says",
                    self.plan.bins
                ),
                found: format!("the graph gave {} values for {rows} rows", output.len()),
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

/// Time of `voices` frames with the chosen calls, in microseconds.
fn time_of(rows: &RowSizes, voices: usize, cost: &impl Fn(usize) -> f64) -> f64 {
    let (mut left, mut time) = (voices, 0.0);
    while left > 0 {
        let (size, answered) = rows.next_call(left);
        time += cost(size);
        left -= answered;
    }
    time
}
