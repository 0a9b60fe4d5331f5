//! Replaces a small file as a whole, so that whoever reads it sees the old content or the new and never half of one:
//! written beside, flushed to the disk, renamed over.

use std::fs;
use std::fs::File;
use std::io;
use std::io::Write;
use std::path::Path;

/// Replaces a file, making its directory if there is none. Blocks until the disk has it.
///
/// # Errors
/// What the system says; the old content stays then.
pub fn replace(path: &Path, content: &[u8]) -> io::Result<()> {
    let dir = path.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(dir)?;
    let beside = path.with_extension("json.tmp");
    let mut file = File::create(&beside)?;
    file.write_all(content)?;
    file.sync_all()?;
    fs::rename(&beside, path)?;
    sync_directory(path)
}

/// Sees a renaming onto the disk: it is there only when the directory is.
pub(super) fn sync_directory(of: &Path) -> io::Result<()> {
    File::open(of.parent().unwrap_or(Path::new(".")))?.sync_all()
}
