//! The main backend: ONNX Runtime 1.28.0 through `ort`, loaded from the bundle by absolute path.
//!
//! One environment a process, kept for good; one thread a session, no spinning; telemetry off.
//! No logger of ours: two plugins sharing one library and unloading would call into freed code.

use std::borrow::Cow;
use std::path::{Path, PathBuf};

use ort::environment::Environment;
use ort::session::builder::{AutoDevicePolicy, GraphOptimizationLevel, SessionBuilder};
use ort::session::{Session, SessionInputValue};
use ort::value::TensorRef;
use parking_lot::Mutex;

use super::{Backend, BackendKind, InputBuffer, Values, without_panic, words};
use crate::native::{DenormalFlags, onnxruntime_version};

/// The only version taken: 1.29 to 1.32 contain a telemetry client that ignores its own switch.
pub(crate) const VERSION: &str = "1.28.0";

/// The process's environment and the library it came from. Never dropped: sessions refer to it.
static ENVIRONMENT: Mutex<Option<Loaded>> = Mutex::new(None);

/// The library in use.
#[derive(Clone)]
pub(crate) struct Loaded {
    pub(crate) library: PathBuf,
    environment: Environment,
}

/// Loads the library at `path`, or gives the one this process already uses.
///
/// A missing or wrong library leaves nothing behind: a later call with a good one works.
///
/// # Errors
/// A part of a sentence.
pub(crate) fn environment(path: &Path) -> Result<Loaded, String> {
    let mut slot = ENVIRONMENT.lock();
    if let Some(loaded) = slot.as_ref() {
        return Ok(loaded.clone());
    }
    if !path.is_absolute() {
        return Err("its path is relative, and would be looked up from the host's folder".into());
    }
    if !path.is_file() {
        return Err("it is not there".into());
    }
    let version = onnxruntime_version(path)?;
    if version != VERSION {
        return Err(format!("it is version {version}, but {VERSION} is needed"));
    }
    let flags = DenormalFlags::current();
    let environment = without_panic(|| {
        let builder = ort::init_from(path).map_err(words)?;
        builder
            .with_name("afterimage")
            .with_telemetry(false)
            .build()
            .map_err(words)
    });
    flags.restore();
    let loaded = Loaded {
        library: path.to_owned(),
        environment: environment?,
    };
    *slot = Some(loaded.clone());
    Ok(loaded)
}

/// A session over one graph.
pub(crate) struct OnnxRuntime {
    session: Session,
    outputs: Vec<String>,
}

impl OnnxRuntime {
    /// Makes a session; the calling thread's denormal flags are kept.
    pub(crate) fn open(loaded: &Loaded, graph: &[u8], outputs: &[&str]) -> Result<Self, String> {
        let flags = DenormalFlags::current();
        let session = without_panic(|| {
            options(&loaded.environment)?
                .commit_from_memory(graph)
                .map_err(words)
        });
        flags.restore();
        Ok(Self {
            session: session?,
            outputs: outputs.iter().map(|name| (*name).to_owned()).collect(),
        })
    }
}

fn options(environment: &Environment) -> Result<SessionBuilder, String> {
    let builder = Session::builder(environment).map_err(words)?;
    let builder = builder
        .with_auto_device(AutoDevicePolicy::PreferCPU)
        .map_err(words)?;
    let builder = builder.with_intra_threads(1).map_err(words)?;
    let builder = builder.with_inter_threads(1).map_err(words)?;
    let builder = builder.with_intra_op_spinning(false).map_err(words)?;
    let builder = builder.with_inter_op_spinning(false).map_err(words)?;
    let builder = builder.with_deterministic_compute(true).map_err(words)?;
    let builder = builder
        .with_log_level(ort::logging::LogLevel::Fatal)
        .map_err(words)?;
    builder
        .with_optimization_level(GraphOptimizationLevel::All)
        .map_err(words)
}

impl Backend for OnnxRuntime {
    fn kind(&self) -> BackendKind {
        BackendKind::OnnxRuntime
    }

    fn run(
        &mut self,
        rows: usize,
        inputs: &[InputBuffer],
        consume: &mut dyn FnMut(usize, &[f32]),
    ) -> Result<(), String> {
        let mut values: Vec<(Cow<'_, str>, SessionInputValue<'_>)> =
            Vec::with_capacity(inputs.len());
        for input in inputs {
            values.push((Cow::Borrowed(&input.name), view(input, rows)?));
        }
        let outputs = self.session.run(values).map_err(words)?;
        for (place, name) in self.outputs.iter().enumerate() {
            let output = outputs
                .get(name)
                .ok_or_else(|| format!("it gave no '{name}'"))?;
            let (_, data) = output.try_extract_tensor::<f32>().map_err(words)?;
            consume(place, data);
        }
        Ok(())
    }
}

fn view(input: &InputBuffer, rows: usize) -> Result<SessionInputValue<'_>, String> {
    let (shape, length) = (input.shape(rows), rows * input.width);
    Ok(match &input.values {
        Values::F32(values) => TensorRef::from_array_view((shape, &values[..length]))
            .map_err(words)?
            .into(),
        Values::I64(values) => TensorRef::from_array_view((shape, &values[..length]))
            .map_err(words)?
            .into(),
        Values::I32(values) => TensorRef::from_array_view((shape, &values[..length]))
            .map_err(words)?
            .into(),
    })
}
