//! Reads the files that a policy consists of, and no further than they may reach.
//!
//! A path may lead to a device, or to a file that somebody fills by mistake; the gateway reads it at every change.

use std::fs::File;
use std::io;
use std::io::Read;
use std::path::Path;

/// Reads a file whole; of one that is longer than `most_bytes`, one byte more than that.
pub(super) fn read(path: &Path, most_bytes: usize) -> io::Result<Vec<u8>> {
    let mut content = Vec::new();
    File::open(path)?.take(most_bytes as u64 + 1).read_to_end(&mut content)?;
    Ok(content)
}
