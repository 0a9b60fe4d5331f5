//! The segments of the log by size, compressed or not.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::Path;

/// How large a segment is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Size {
    pub(super) bytes: u64,
    /// That is of the compressed file.
    pub(super) packed: bool,
}

/// The segments of a directory, by the names that places have.
pub(super) fn sizes(dir: &Path) -> io::Result<BTreeMap<String, Size>> {
    let mut sizes = BTreeMap::new();
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        let Ok(name) = entry.file_name().into_string() else { continue };
        let plain = name.strip_suffix(".zst");
        let packed = plain.is_some();
        let name = plain.unwrap_or(&name);
        if !name.starts_with("crossfade-") || !name.ends_with(".jsonl") {
            continue;
        }
        // Deleted since it was listed: as if it had not been there.
        let Ok(found) = entry.metadata() else { continue };
        let size = Size { bytes: found.len(), packed };
        if !packed || !sizes.contains_key(name) {
            sizes.insert(name.to_owned(), size);
        }
    }
    Ok(sizes)
}
