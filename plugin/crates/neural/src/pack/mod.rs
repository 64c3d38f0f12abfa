//! Opens a pack: a single `.onnx`, a folder, or a zipped folder, through one code path.
//!
//! Runs off the audio thread and needs no runtime: nothing is executed here.

mod archive;
mod folder;
mod foreign;
mod path;

use std::path::Path;
use std::sync::Arc;

use sha2::{Digest, Sha256};

use crate::error::PackError;
use crate::manifest::{METADATA_KEY, Manifest};
use crate::onnx::{GraphInfo, MAX_GRAPH_BYTES};
pub(crate) use folder::read_file;
pub(crate) use foreign::FOREIGN_ENDINGS;

/// Name of the manifest in a folder or archive.
pub(crate) const MANIFEST_FILE: &str = "manifest.json";
/// Largest file that is read at all.
pub(crate) const MAX_FILE_BYTES: u64 = MAX_GRAPH_BYTES as u64;
/// First bytes of a zip archive, and of an empty one.
const ZIP_STARTS: [&[u8]; 2] = [b"PK\x03\x04", b"PK\x05\x06"];

/// An opened pack: its manifest, and its graphs checked against it. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Pack {
    name: String,
    manifest: Arc<Manifest>,
    graphs: Arc<[PackGraph]>,
    hash: String,
    warnings: Vec<String>,
}

/// One graph of a pack.
#[derive(Clone, Debug)]
pub struct PackGraph {
    /// `encode`, `predict`, `prime`, `decode` or `transform`.
    pub name: &'static str,
    /// Path inside the pack.
    pub file: String,
    /// The ONNX file.
    pub bytes: Arc<[u8]>,
    /// Hexadecimal SHA-256 of `bytes`.
    pub sha256: String,
    /// What is in it.
    pub info: GraphInfo,
}

/// Where a folder or an archive keeps its files.
trait Files {
    /// The file at a checked path, or `None` where there is none.
    fn read(&mut self, path: &str) -> Result<Option<Vec<u8>>, PackError>;
}

impl Pack {
    /// Opens an `.onnx` file, a folder with `manifest.json` (or that file itself), or an archive.
    ///
    /// # Errors
    /// One sentence for whatever is wrong first; see [`PackError`].
    pub fn open(path: &Path) -> Result<Self, PackError> {
        let name = name_of(path);
        if path.file_name().is_some_and(|file| file == MANIFEST_FILE) {
            return Self::open(path.parent().unwrap_or(Path::new(".")));
        }
        if path.is_dir() {
            return Self::from_files(&name, &mut folder::Folder::open(&name, path)?);
        }
        foreign::refuse(path)?;
        Self::from_bytes(&name, folder::read_file(&name, path)?)
    }

    /// Opens a pack from memory: an ONNX file or an archive; `name` names it in complaints.
    ///
    /// # Errors
    /// One sentence for whatever is wrong first; see [`PackError`].
    pub fn from_bytes(name: &str, bytes: impl Into<Arc<[u8]>>) -> Result<Self, PackError> {
        let bytes: Arc<[u8]> = bytes.into();
        if ZIP_STARTS.iter().any(|start| bytes.starts_with(start)) {
            return Self::from_files(name, &mut archive::Archive::open(name, &bytes)?);
        }
        looks_like_onnx(name, &bytes)?;
        Self::from_onnx(name, bytes)
    }

    fn from_onnx(name: &str, bytes: Arc<[u8]>) -> Result<Self, PackError> {
        let info = GraphInfo::read(&bytes, name, name)?;
        let Some(json) = info.metadata_value(METADATA_KEY).map(str::to_owned) else {
            return Err(PackError::NoManifest {
                pack: name.to_owned(),
                found: key_list(&info),
            });
        };
        let manifest = Manifest::parse(json.as_bytes(), name)?;
        let specs: Vec<_> = manifest
            .graphs
            .iter()
            .map(|(graph, spec)| (graph, spec.file.clone()))
            .collect();
        let [(graph, file)] = specs.as_slice() else {
            return Err(PackError::Unsupported {
                pack: name.to_owned(),
                what: "the number of graphs of a single .onnx file".into(),
                expected: "1".into(),
                found: specs.len().to_string(),
                advice: "ship several graphs as a folder with manifest.json or as an .afterimage archive",
            });
        };
        // A file cannot hold its own hash: whatever `sha256` says in the manifest inside it is not checked.
        let sha256 = hexadecimal(&Sha256::digest(&bytes));
        let graphs = vec![PackGraph {
            name: graph,
            file: file.clone(),
            bytes,
            sha256,
            info,
        }];
        Self::assemble(name, json.as_bytes(), manifest, graphs, Vec::new())
    }

    fn from_files(name: &str, files: &mut dyn Files) -> Result<Self, PackError> {
        let Some(json) = files.read(MANIFEST_FILE)? else {
            return Err(PackError::NotAPack {
                pack: name.to_owned(),
                found: "a folder without manifest.json".into(),
            });
        };
        let manifest = Manifest::parse(&json, name)?;
        let mut graphs = Vec::new();
        let mut warnings = Vec::new();
        for (graph, spec) in manifest.graphs.iter() {
            path::check(name, &spec.file)?;
            let missing = || PackError::MissingFile {
                pack: name.to_owned(),
                graph,
                file: spec.file.clone(),
            };
            let bytes: Arc<[u8]> = files.read(&spec.file)?.ok_or_else(missing)?.into();
            let sha256 = hexadecimal(&Sha256::digest(&bytes));
            if spec.sha256.is_empty() {
                warnings.push(format!(
                    "'graphs.{graph}.sha256' is empty, so damage to '{}' would go unnoticed",
                    spec.file
                ));
            } else if spec.sha256 != sha256 {
                let (pack, file, expected) =
                    (name.to_owned(), spec.file.clone(), spec.sha256.clone());
                return Err(PackError::Hash {
                    pack,
                    file,
                    expected,
                    found: sha256,
                });
            }
            let info = GraphInfo::read(&bytes, name, &spec.file)?;
            graphs.push(PackGraph {
                name: graph,
                file: spec.file.clone(),
                bytes,
                sha256,
                info,
            });
        }
        Self::assemble(name, &json, manifest, graphs, warnings)
    }

    fn assemble(
        name: &str,
        json: &[u8],
        manifest: Manifest,
        graphs: Vec<PackGraph>,
        warnings: Vec<String>,
    ) -> Result<Self, PackError> {
        let hash = pack_hash(json, &graphs);
        let pack = Self {
            name: name.to_owned(),
            manifest: Arc::new(manifest),
            graphs: graphs.into(),
            hash,
            warnings,
        };
        for graph in pack.graphs.iter() {
            graph.info.refuse_faults(name, &graph.file)?;
        }
        crate::validate::check(&pack)?;
        Ok(pack)
    }

    /// Name in complaints: the file's own.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What the pack says about itself.
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    pub(crate) fn shared_manifest(&self) -> Arc<Manifest> {
        self.manifest.clone()
    }

    /// The graph called `encode`, `predict`, `prime`, `decode` or `transform`, if the pack has it.
    pub fn graph(&self, name: &str) -> Option<&PackGraph> {
        self.graphs.iter().find(|graph| graph.name == name)
    }

    /// All graphs.
    pub fn graphs(&self) -> &[PackGraph] {
        &self.graphs
    }

    /// Hexadecimal SHA-256 over manifest and graphs: what a session saves beside the id.
    pub fn hash(&self) -> &str {
        &self.hash
    }

    /// What is not wrong but should be better.
    pub fn warnings(&self) -> &[String] {
        &self.warnings
    }
}

/// File or folder name of `path`, for complaints.
pub(crate) fn name_of(path: &Path) -> String {
    path.file_name().map_or_else(
        || path.display().to_string(),
        |name| name.to_string_lossy().into_owned(),
    )
}

/// Refuses what does not begin as an ONNX file does.
pub(crate) fn looks_like_onnx(name: &str, bytes: &[u8]) -> Result<(), PackError> {
    // An ONNX file starts with field 1, the IR version: a byte 8 and a small number.
    if bytes.len() >= 2 && bytes[0] == 0x08 && bytes[1] < 0x40 {
        return Ok(());
    }
    let found = match bytes {
        [] => "an empty file".to_owned(),
        [b'{' | b'[', ..] => "a JSON text; open its folder instead".to_owned(),
        bytes => format!(
            "a file that starts with the bytes {:02x?}",
            &bytes[..bytes.len().min(4)]
        ),
    };
    Err(PackError::NotAPack {
        pack: name.to_owned(),
        found,
    })
}

fn key_list(info: &GraphInfo) -> String {
    let keys: Vec<String> = info
        .metadata
        .iter()
        .take(8)
        .map(|(key, _)| format!("'{}'", key.escape_debug()))
        .collect();
    if keys.is_empty() {
        "no metadata".to_owned()
    } else {
        format!("only {}", keys.join(", "))
    }
}

/// The same for a folder and for its archive, whatever the order and packing of the files.
fn pack_hash(json: &[u8], graphs: &[PackGraph]) -> String {
    let mut hash = Sha256::new();
    hash.update(b"afterimage pack 1\n");
    hash.update(Sha256::digest(json));
    for graph in graphs {
        hash.update(format!("\n{} {}", graph.name, graph.sha256));
    }
    hexadecimal(&hash.finalize())
}

pub(crate) fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
