//! Model files of other tools: what they are, and what to export instead. Only the two ends of a file are
//! read, since such files are large and none of them can be opened.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;

use super::name_of;
use crate::error::PackError;

/// Endings that a person may take for a pack, because other plugins load them.
pub(crate) const FOREIGN_ENDINGS: [&str; 2] = ["nm", "ts"];
/// The directory of a zip archive lies at its end: 100 bytes an entry, some thousand entries.
const TAIL_BYTES: u64 = 1 << 20;
const DIRECTORY_ENTRY: &[u8] = b"PK\x01\x02";
const DIRECTORY_HEADER: usize = 46;
const RUNS_ONNX: &str = "an .onnx graph: the plugin brings no PyTorch";
const IMPORT: &str = "then import it with `cargo xtask check-model FILE.onnx`";

/// What a file of another tool turned out to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Foreign {
    /// Neutone's wrapper, which is TorchScript with a description inside.
    Neutone,
    /// A compiled PyTorch program, as nn~ and the RAVE plugin load.
    TorchScript,
    /// Weights without a graph.
    Checkpoint,
}

/// Refuses a file of another tool by name; leaves all others, and what cannot be read, to whoever reads them whole.
pub(super) fn refuse(path: &Path) -> Result<(), PackError> {
    let Ok(Some((head, tail))) = ends(path) else {
        return Ok(());
    };
    let ending = path.extension().and_then(|ending| ending.to_str());
    let ending = ending.map(str::to_ascii_lowercase).unwrap_or_default();
    match recognise(&head, &tail, &ending) {
        Some(foreign) => Err(foreign.complain(&name_of(path))),
        None => Ok(()),
    }
}

impl Foreign {
    fn complain(self, pack: &str) -> PackError {
        let (what, advice) = match self {
            Self::Neutone => (
                "a Neutone model (TorchScript)",
                format!("export the PyTorch module that it wraps with torch.onnx.export, {IMPORT}"),
            ),
            Self::TorchScript => (
                "a TorchScript program, as nn~ and the RAVE plugin load it",
                format!(
                    "export the model that it was made from as .onnx (a RAVE run with RAVE's own export_onnx script, others with torch.onnx.export), {IMPORT}"
                ),
            ),
            Self::Checkpoint => (
                "a PyTorch checkpoint, weights without their graph",
                format!(
                    "load it into its model in Python and export that with torch.onnx.export, {IMPORT}"
                ),
            ),
        };
        PackError::Foreign {
            pack: pack.to_owned(),
            expected: RUNS_ONNX,
            found: what,
            advice: advice.into(),
        }
    }
}

/// The first bytes of a file and the last: as much as its kind takes to tell. `None` for what is no file.
fn ends(path: &Path) -> std::io::Result<Option<(Vec<u8>, Vec<u8>)>> {
    let mut file = File::open(path)?;
    let metadata = file.metadata()?;
    if !metadata.is_file() {
        return Ok(None);
    }
    let mut head = Vec::new();
    file.by_ref().take(4).read_to_end(&mut head)?;
    let from = metadata.len().saturating_sub(TAIL_BYTES);
    file.seek(SeekFrom::Start(from))?;
    let mut tail = Vec::new();
    file.take(TAIL_BYTES).read_to_end(&mut tail)?;
    Ok(Some((head, tail)))
}

/// By what is in the file; by its ending only where the content says nothing of its own.
fn recognise(head: &[u8], tail: &[u8], ending: &str) -> Option<Foreign> {
    let by_ending = match ending {
        "nm" => Some(Foreign::Neutone),
        "ts" => Some(Foreign::TorchScript),
        _ => None,
    };
    if !head.starts_with(b"PK") {
        // Protocol 2 of pickle, which torch.save wrote until 1.6.
        let is_pickle = head.starts_with(b"\x80\x02") && matches!(ending, "pt" | "pth" | "ckpt");
        return by_ending.or(is_pickle.then_some(Foreign::Checkpoint));
    }
    let names = entry_names(tail);
    let has = |part: &str| names.iter().any(|name| name.ends_with(part));
    let is_program = has("/constants.pkl") || names.iter().any(|name| name.contains("/code/"));
    match (is_program, has("/data.pkl")) {
        (true, _) if has("/extra/metadata.json") => Some(Foreign::Neutone),
        (true, _) => by_ending.or(Some(Foreign::TorchScript)),
        (false, true) => Some(Foreign::Checkpoint),
        (false, false) if has("manifest.json") => None,
        (false, false) => by_ending,
    }
}

/// Names in a zip archive's directory. Lenient where [`super::archive`] is strict: nothing is unpacked by them.
fn entry_names(tail: &[u8]) -> Vec<String> {
    let starts = tail
        .windows(DIRECTORY_ENTRY.len())
        .enumerate()
        .filter(|(_, window)| *window == DIRECTORY_ENTRY)
        .map(|(at, _)| at);
    let name = |at: usize| {
        let length = tail.get(at + 28..at + 30)?;
        let length = usize::from(u16::from_le_bytes([length[0], length[1]]));
        let name = tail.get(at + DIRECTORY_HEADER..at + DIRECTORY_HEADER + length)?;
        Some(String::from_utf8_lossy(name).into_owned())
    };
    starts.filter_map(name).collect()
}
