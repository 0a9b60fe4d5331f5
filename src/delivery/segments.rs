//! The segments of the log by the names that places have, packed or not.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::Path;
use std::path::PathBuf;

/// The segments of a directory and where each lies; of one that is there packed too, where it lies as it was written.
pub(super) fn segments(dir: &Path) -> io::Result<BTreeMap<String, PathBuf>> {
    let mut segments = BTreeMap::new();
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        let Ok(name) = entry.file_name().into_string() else { continue };
        let plain = name.strip_suffix(".zst");
        let name = plain.unwrap_or(&name);
        if !name.starts_with("crossfade-") || !name.ends_with(".jsonl") {
            continue;
        }
        if plain.is_none() || !segments.contains_key(name) {
            segments.insert(name.to_owned(), entry.path());
        }
    }
    Ok(segments)
}
