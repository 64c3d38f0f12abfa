//! A pack as a zipped folder (`.afterimage`): a strict reader of a plain zip archive.
//!
//! Everything is taken from the central directory and compared with the local headers, so that
//! both readings of an archive agree. Refused: names that leave the pack, links, repeated names,
//! overlapping entries, encryption, several disks, zip64, and sizes that only a bomb has.
//! Source: PKWARE APPNOTE.TXT 6.3.10, sections 4.3.7, 4.3.12 and 4.3.16.

use std::collections::HashMap;
use std::sync::Arc;

use super::{Files, MANIFEST_FILE, MAX_FILE_BYTES, path};
use crate::error::PackError;

/// Entries an archive may have: a pack has a manifest, three graphs, a card, a picture.
const MAX_ENTRIES: usize = 256;
/// Bytes of all entries together.
const MAX_TOTAL_BYTES: u64 = 1 << 30;
/// Deflate reaches 1032 at most on zeros; weights and JSON stay under 20.
const MAX_RATIO: u64 = 200;
/// Small entries may compress well without harm.
const RATIO_FREE_BYTES: u64 = 1 << 20;
const END_RECORD: usize = 22;
const CENTRAL_HEADER: usize = 46;
const LOCAL_HEADER: usize = 30;

/// An archive in memory, its directory checked as a whole.
pub(super) struct Archive {
    pack: String,
    bytes: Arc<[u8]>,
    entries: HashMap<String, Entry>,
    /// Folder that all files of the pack lie in, with its slash; empty where they lie at the top.
    prefix: String,
}

#[derive(Clone, Copy, Debug)]
struct Entry {
    method: u16,
    crc32: u32,
    compressed: usize,
    size: usize,
    /// Where the entry's data starts.
    data: usize,
}

impl Archive {
    pub(super) fn open(pack: &str, bytes: &Arc<[u8]>) -> Result<Self, PackError> {
        let mut archive = Self {
            pack: pack.to_owned(),
            bytes: bytes.clone(),
            entries: HashMap::new(),
            prefix: String::new(),
        };
        archive.read_directory()?;
        archive.prefix = archive.find_prefix();
        Ok(archive)
    }

    /// Zipping a folder rather than its content puts everything one level down.
    fn find_prefix(&self) -> String {
        let folder = |name: &String| name.strip_suffix(MANIFEST_FILE).map(str::to_owned);
        let mut folders = self.entries.keys().filter_map(folder);
        match (folders.next(), folders.next()) {
            (Some(prefix), None) if prefix.matches('/').count() == 1 && prefix.ends_with('/') => {
                prefix
            }
            _ => String::new(),
        }
    }

    fn refuse(
        &self,
        entry: &str,
        expected: impl Into<String>,
        found: impl Into<String>,
    ) -> PackError {
        let entry = entry.chars().take(80).collect();
        PackError::Archive {
            pack: self.pack.clone(),
            entry,
            expected: expected.into(),
            found: found.into(),
        }
    }

    fn read_directory(&mut self) -> Result<(), PackError> {
        let (mut at, count) = self.find_directory()?;
        let (mut total, mut spans) = (0_u64, Vec::new());
        for _ in 0..count {
            let header = self
                .slice(at, CENTRAL_HEADER)
                .filter(|h| h.starts_with(b"PK\x01\x02"));
            let header = header
                .ok_or_else(|| self.refuse("directory", "whole", "it is cut off or damaged"))?;
            let lengths =
                [u16_at(header, 28), u16_at(header, 30), u16_at(header, 32)].map(usize::from);
            let name = self
                .slice(at + CENTRAL_HEADER, lengths[0])
                .and_then(|name| std::str::from_utf8(name).ok());
            let name = name
                .ok_or_else(|| self.refuse("directory", "made of UTF-8 names", "one is not"))?
                .to_owned();
            at += CENTRAL_HEADER + lengths.iter().sum::<usize>();
            if let Some(folder) = name.strip_suffix('/') {
                path::check(&self.pack, folder)?;
                continue;
            }
            let entry = self.read_entry(header, &name)?;
            total += entry.size as u64;
            spans.push((entry.data, entry.data + entry.compressed));
            if self.entries.insert(name.clone(), entry).is_some() {
                return Err(self.refuse(&name, "there once", "it is there twice"));
            }
        }
        if total > MAX_TOTAL_BYTES {
            let (limit, found) = (
                format!("{} MB", MAX_TOTAL_BYTES >> 20),
                format!("{} MB", total >> 20),
            );
            return Err(self.too_large("the unpacked archive".into(), limit, found));
        }
        spans.sort_unstable();
        if spans.windows(2).any(|pair| pair[0].1 > pair[1].0) {
            return Err(self.refuse(
                "directory",
                "free of overlaps",
                "two entries share the same bytes",
            ));
        }
        Ok(())
    }

    /// Where the central directory starts, and its number of entries.
    fn find_directory(&self) -> Result<(usize, usize), PackError> {
        let whole = || {
            self.refuse(
                "directory",
                "whole",
                "its end was not found, the file is cut off",
            )
        };
        let last = self.bytes.len().checked_sub(END_RECORD).ok_or_else(whole)?;
        let first = last.saturating_sub(usize::from(u16::MAX));
        let start = (first..=last)
            .rev()
            .find(|at| self.bytes[*at..].starts_with(b"PK\x05\x06"));
        let record = start
            .and_then(|at| self.slice(at, END_RECORD))
            .ok_or_else(whole)?;
        let (disk, here, count) = (u16_at(record, 4), u16_at(record, 8), u16_at(record, 10));
        if disk != 0 || here != count || count == u16::MAX || u32_at(record, 16) == u32::MAX {
            return Err(self.refuse(
                "directory",
                "a plain zip of one disk",
                "it is split or zip64",
            ));
        }
        let count = usize::from(count);
        if count > MAX_ENTRIES {
            return Err(self.too_large(
                "the archive".into(),
                format!("{MAX_ENTRIES} entries"),
                format!("{count} entries"),
            ));
        }
        Ok((u32_at(record, 16) as usize, count))
    }

    fn read_entry(&self, header: &[u8], name: &str) -> Result<Entry, PackError> {
        path::check(&self.pack, name)?;
        let (flags, method) = (u16_at(header, 8), u16_at(header, 10));
        if flags & 0x2041 != 0 {
            return Err(self.refuse(name, "readable", "it is encrypted"));
        }
        if method != 0 && method != 8 {
            return Err(self.refuse(
                name,
                "stored or deflated",
                format!("its method is {method}"),
            ));
        }
        // The upper half of the external attributes is the Unix mode where the maker (byte 5) is Unix.
        let mode = u32_at(header, 38) >> 16;
        if header[5] == 3 && mode & 0o170_000 != 0 && mode & 0o170_000 != 0o100_000 {
            return Err(self.refuse(name, "a plain file", "it is a link or a device"));
        }
        let (compressed, size) = (u32_at(header, 20), u32_at(header, 24));
        self.check_sizes(name, u64::from(compressed), u64::from(size), method)?;
        let data = self.find_data(name, u32_at(header, 42) as usize)?;
        let entry = Entry {
            method,
            crc32: u32_at(header, 16),
            compressed: compressed as usize,
            size: size as usize,
            data,
        };
        match self.slice(data, entry.compressed) {
            Some(_) => Ok(entry),
            None => Err(self.refuse(
                name,
                "inside the file",
                "its data runs past the end, the file is cut off",
            )),
        }
    }

    fn check_sizes(
        &self,
        name: &str,
        compressed: u64,
        size: u64,
        method: u16,
    ) -> Result<(), PackError> {
        if size > MAX_FILE_BYTES {
            let (limit, found) = (
                format!("{} MB", MAX_FILE_BYTES >> 20),
                format!("{} MB", size >> 20),
            );
            return Err(self.too_large(format!("archive entry '{name}'"), limit, found));
        }
        if method == 0 && compressed != size {
            return Err(self.refuse(name, "of one size when stored", "it declares two"));
        }
        if size > RATIO_FREE_BYTES && size / compressed.max(1) > MAX_RATIO {
            let found = format!("it declares {size} bytes out of {compressed}");
            return Err(self.refuse(
                name,
                format!("compressed by less than {MAX_RATIO} to 1"),
                found,
            ));
        }
        Ok(())
    }

    /// The start of an entry's data, after a local header that agrees with the directory.
    fn find_data(&self, name: &str, at: usize) -> Result<usize, PackError> {
        let local = self
            .slice(at, LOCAL_HEADER)
            .filter(|h| h.starts_with(b"PK\x03\x04"));
        let local = local.ok_or_else(|| self.refuse(name, "whole", "its header is missing"))?;
        let (name_length, extra) = (
            usize::from(u16_at(local, 26)),
            usize::from(u16_at(local, 28)),
        );
        if self.slice(at + LOCAL_HEADER, name_length) != Some(name.as_bytes()) {
            return Err(self.refuse(name, "of one name", "its header gives another"));
        }
        Ok(at + LOCAL_HEADER + name_length + extra)
    }

    fn too_large(&self, what: String, limit: String, found: String) -> PackError {
        let advice = "a pack holds a manifest, graphs and a card: leave the rest out";
        PackError::TooLarge {
            pack: self.pack.clone(),
            what,
            limit,
            found,
            advice,
        }
    }

    fn slice(&self, at: usize, length: usize) -> Option<&[u8]> {
        self.bytes.get(at..at.checked_add(length)?)
    }

    fn unpack(&self, name: &str, entry: Entry) -> Result<Vec<u8>, PackError> {
        let packed = self.slice(entry.data, entry.compressed).unwrap_or_default();
        let bytes = match entry.method {
            0 => packed.to_vec(),
            // The limit is the declared size: an entry that holds more is refused before it is unpacked.
            _ => miniz_oxide::inflate::decompress_to_vec_with_limit(packed, entry.size).map_err(
                |_| {
                    self.refuse(
                        name,
                        format!("{} bytes when unpacked", entry.size),
                        "it holds more, or is damaged",
                    )
                },
            )?,
        };
        if bytes.len() != entry.size {
            let found = format!("it holds {}", bytes.len());
            return Err(self.refuse(name, format!("{} bytes when unpacked", entry.size), found));
        }
        if crc32(&bytes) != entry.crc32 {
            return Err(self.refuse(name, "intact", "its checksum differs"));
        }
        Ok(bytes)
    }
}

impl Files for Archive {
    fn read(&mut self, path: &str) -> Result<Option<Vec<u8>>, PackError> {
        let name = format!("{}{path}", self.prefix);
        let entry = self.entries.get(&name);
        entry.map(|entry| self.unpack(&name, *entry)).transpose()
    }
}

fn u16_at(bytes: &[u8], at: usize) -> u16 {
    u16::from_le_bytes([bytes[at], bytes[at + 1]])
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from(u16_at(bytes, at)) | u32::from(u16_at(bytes, at + 2)) << 16
}

/// CRC-32 of IEEE 802.3, reflected.
fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(u32::MAX, |crc, byte| {
        CRC_TABLE[usize::from(crc as u8 ^ byte)] ^ (crc >> 8)
    })
}

const CRC_TABLE: [u32; 256] = {
    let mut table = [0; 256];
    let mut index = 0;
    while index < 256 {
        let mut value = index as u32;
        let mut bit = 0;
        while bit < 8 {
            value = if value & 1 == 1 {
                0xEDB8_8320 ^ (value >> 1)
            } else {
                value >> 1
            };
            bit += 1;
        }
        table[index] = value;
        index += 1;
    }
    table
};

#[cfg(test)]
mod tests {
    use super::crc32;

    #[test]
    fn crc32_of_the_standard_check_text_is_the_standard_value() {
        assert_eq!(crc32(b"123456789"), 0xCBF4_3926);
    }
}
