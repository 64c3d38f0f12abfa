//! Finds the runtimes: the bundled library by absolute path, or the embedded one.

use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use rten::ThreadPool;

use crate::backend::embedded::{self, Embedded};
use crate::backend::onnxruntime::{self, Loaded, OnnxRuntime, VERSION};
use crate::backend::{Backend, BackendKind};

/// File name of the bundled library: a name of our own, so that no other plugin's copy is taken.
#[cfg(target_os = "windows")]
pub const LIBRARY_NAME: &str = "afterimage_onnxruntime.dll";
/// File name of the bundled library: a name of our own, so that no other plugin's copy is taken.
#[cfg(target_os = "macos")]
pub const LIBRARY_NAME: &str = "libafterimage_onnxruntime.dylib";
/// File name of the bundled library: a name of our own, so that no other plugin's copy is taken.
#[cfg(not(any(target_os = "windows", target_os = "macos")))]
pub const LIBRARY_NAME: &str = "libafterimage_onnxruntime.so";

/// The runtimes of this process. Cheap to clone; clones share the library and the thread pool.
#[derive(Clone)]
pub struct Runtime {
    onnxruntime: Option<Loaded>,
    /// Made when the embedded runtime is first needed: an idle thread is one too many.
    pool: Arc<OnceLock<Arc<ThreadPool>>>,
    status: RuntimeStatus,
    kinds: &'static [BackendKind],
}

/// All runtimes, the preferred one first.
const KINDS: [BackendKind; 2] = [BackendKind::OnnxRuntime, BackendKind::Embedded];

/// Which runtime is used, and why, for the window.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RuntimeStatus {
    /// The runtime that packs are tried on first.
    pub kind: BackendKind,
    /// The library in use.
    pub library: Option<PathBuf>,
    /// One sentence for people.
    pub sentence: String,
}

impl Runtime {
    /// Looks for the bundled library in `resource_dirs`, in order; without it, the embedded runtime.
    ///
    /// Never fails: what went wrong is in [`Runtime::status`]. One library serves the whole process:
    /// the first good one stays. Not real-time safe; keeps the caller's denormal flags.
    pub fn discover(resource_dirs: &[PathBuf]) -> Self {
        let mut reasons = Vec::new();
        for dir in resource_dirs {
            let path = dir.join(LIBRARY_NAME);
            match onnxruntime::environment(&path) {
                Ok(loaded) => return Self::with_library(loaded),
                Err(reason) => reasons.push(format!("{} was refused: {reason}", path.display())),
            }
        }
        if reasons.is_empty() {
            reasons.push("no folder to look in was given".into());
        }
        Self::without_library(&reasons.join("; "))
    }

    /// Loads the library at one absolute path; without it, the embedded runtime.
    pub fn from_library(path: &Path) -> Self {
        match onnxruntime::environment(path) {
            Ok(loaded) => Self::with_library(loaded),
            Err(reason) => {
                Self::without_library(&format!("{} was refused: {reason}", path.display()))
            }
        }
    }

    /// Only the runtime that is linked into the plugin.
    pub fn embedded() -> Self {
        Self::without_library("it was not asked for")
    }

    fn with_library(loaded: Loaded) -> Self {
        let sentence = format!(
            "ONNX Runtime {VERSION} runs the models (from {}).",
            loaded.library.display()
        );
        let status = RuntimeStatus {
            kind: BackendKind::OnnxRuntime,
            library: Some(loaded.library.clone()),
            sentence,
        };
        Self {
            onnxruntime: Some(loaded),
            pool: Arc::default(),
            status,
            kinds: &KINDS,
        }
    }

    fn without_library(reason: &str) -> Self {
        let sentence = format!(
            "The embedded runtime runs the models, up to twice as slowly, because ONNX Runtime {VERSION} was not loaded: {reason}; install the bundle again to get it."
        );
        let status = RuntimeStatus {
            kind: BackendKind::Embedded,
            library: None,
            sentence,
        };
        Self {
            onnxruntime: None,
            pool: Arc::default(),
            status,
            kinds: &KINDS[1..],
        }
    }

    /// Which runtime is used, and why.
    pub fn status(&self) -> &RuntimeStatus {
        &self.status
    }

    /// The runtimes that can be used, the preferred one first.
    pub fn kinds(&self) -> &'static [BackendKind] {
        self.kinds
    }

    /// The same runtimes without all but one, so that nothing falls back; `None` where it is not there.
    pub fn only(&self, kind: BackendKind) -> Option<Self> {
        let kinds = match kind {
            BackendKind::OnnxRuntime => &KINDS[..1],
            BackendKind::Embedded => &KINDS[1..],
            BackendKind::Native => &KINDS[..0],
        };
        self.kinds.contains(&kind).then(|| Self {
            kinds,
            ..self.clone()
        })
    }

    /// Makes a graph ready on one runtime.
    pub(crate) fn open(
        &self,
        kind: BackendKind,
        graph: &[u8],
        outputs: &[&str],
    ) -> Result<Box<dyn Backend>, String> {
        match (kind, &self.onnxruntime) {
            (BackendKind::OnnxRuntime, Some(loaded)) => {
                Ok(Box::new(OnnxRuntime::open(loaded, graph, outputs)?))
            }
            (BackendKind::OnnxRuntime, None) => Err("it is not loaded".into()),
            (BackendKind::Native, _) => Err("it runs no graphs".into()),
            (BackendKind::Embedded, _) => {
                let pool = self.pool.get_or_init(embedded::pool);
                Ok(Box::new(Embedded::open(pool, graph, outputs)?))
            }
        }
    }
}
