//! What a gateway finds in the directory of its records when it begins: perhaps the traces of one that was killed.
//!
//! A file `crossfade.lock` is there, and locked, while a gateway writes; whoever ends in peace removes it. Found and not
//! locked, it tells of a crash: a torn last line is cut off, segments that were about to be packed will be, and the log
//! is told that an unknown number of records is missing. Found locked, another gateway writes to the same directory:
//! nothing of that one's is touched. Whatever fails here costs tidiness, and never keeps a gateway from serving.

#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::fs;
use std::fs::File;
use std::fs::TryLockError;
use std::io;
use std::io::BufRead;
use std::io::BufReader;
use std::io::Read;
use std::io::Seek;
use std::io::SeekFrom;
use std::path::Path;
use std::path::PathBuf;

use memchr::memrchr;

use crate::record::Line;
use crate::record::packed::is_packed;
use crate::record::packed::packed_name;
use crate::record::segment::segments;
use crate::vocab::ExperimentName;
use crate::vocab::Timestamp;

const LOCK: &str = "crossfade.lock";

/// The mark that a gateway writes to a directory. Dropped, it is left there: only [`leave`](Presence::leave) says that
/// everything was written.
#[derive(Debug)]
pub(super) struct Presence {
    path: PathBuf,
    /// `None`: another gateway holds it.
    lock: Option<File>,
}

/// What was found.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// Segments that ended and are not packed.
    pub(super) unpacked: Vec<PathBuf>,
    /// How many bytes of torn lines were cut off.
    pub(super) torn_bytes: u64,
    /// How many lines that was.
    pub(super) torn: u64,
    /// What is known of the crash, if there was one.
    pub(super) crash: Option<Crash>,
}

/// What is known of a gateway that was killed.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Crash {
    /// The experiments in the last segment.
    pub(super) experiments: BTreeSet<ExperimentName>,
    /// When it last wrote.
    pub(super) last_heard: Timestamp,
}

/// Marks the directory, which is there already, as written to, and puts in order what an earlier run left.
///
/// # Errors
/// What the system says when the mark cannot be set or the directory not be read.
pub(super) fn enter(dir: &Path) -> io::Result<(Presence, Found)> {
    let path = dir.join(LOCK);
    let was_there = path.exists();
    let lock = File::create(&path)?;
    match lock.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            tracing::error!(dir = %dir.display(), "another gateway writes to the same directory of records; give each its own");
            return Ok((Presence { path, lock: None }, Found::default()));
        }
        // A file system without locks still has the mark.
        Err(TryLockError::Error(error)) => {
            tracing::debug!(%error, "the directory of records cannot be locked")
        }
    }
    let presence = Presence { path, lock: Some(lock) };
    let all = segments(dir)?;
    let mut found = Found::default();
    for path in &all {
        if is_packed(path) {
            continue;
        }
        // Both are there when the gateway was killed just before it deleted the one.
        if packed_name(path).exists() {
            fs::remove_file(path)?;
            continue;
        }
        if was_there {
            let torn = cut_torn(path)?;
            found.torn_bytes += torn;
            found.torn += u64::from(torn > 0);
        }
        found.unpacked.push(path.clone());
    }
    if was_there && let Some(last) = all.last() {
        let last_heard = Timestamp::from(fs::metadata(last)?.modified()?);
        found.crash = Some(Crash { experiments: experiments(last)?, last_heard });
    }
    Ok((presence, found))
}

impl Presence {
    /// Takes the mark away: everything was written.
    pub(super) fn leave(self) {
        if self.lock.is_some()
            && let Err(error) = fs::remove_file(&self.path)
        {
            tracing::debug!(%error, "the mark on the directory of records stays");
        }
    }
}

/// Cuts off what stands behind the last line feed, and tells how many bytes that was.
fn cut_torn(path: &Path) -> io::Result<u64> {
    const BLOCK: u64 = 64 * 1024;
    let mut file = File::options().read(true).write(true).open(path)?;
    let size = file.metadata()?.len();
    let mut end = size;
    while end > 0 {
        let begin = end.saturating_sub(BLOCK);
        let mut block = vec![0; (end - begin) as usize];
        file.seek(SeekFrom::Start(begin))?;
        file.read_exact(&mut block)?;
        if let Some(last) = memrchr(b'\n', &block) {
            end = begin + last as u64 + 1;
            break;
        }
        end = begin;
    }
    if end < size {
        file.set_len(end)?;
        file.sync_all()?;
    }
    Ok(size - end)
}

/// The experiments whose designs are in a segment; each is there before its first pair.
fn experiments(path: &Path) -> io::Result<BTreeSet<ExperimentName>> {
    let lines = BufReader::new(crate::record::packed::open(path, 0)?).split(b'\n');
    let mut found = BTreeSet::new();
    for line in lines {
        let line = line?;
        let text = std::str::from_utf8(&line).ok().filter(|text| text.contains(r#""kind":"design""#));
        if let Some(Ok(Line::Design(design))) = text.map(Line::parse) {
            found.insert(design.experiment.clone());
        }
    }
    Ok(found)
}
