//! What a gateway finds in the directory of its records when it begins: perhaps the traces of one that was killed.
//!
//! A file `crossfade.lock` is there, and locked, while a gateway writes; whoever ends in peace removes it. Found and not
//! locked, it tells of a crash: a torn last line is cut off, segments that were about to be packed will be, and the log
//! is told that records are missing: nobody knows how many, but where the record was strict, for there whoever was
//! answered is in the log, with a pair or without. Found locked, another gateway writes to the same directory: nothing of
//! that one's is touched. Whatever fails here costs tidiness, and never keeps a gateway from serving.

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::collections::HashMap;
use std::fs;
use std::fs::File;
use std::fs::TryLockError;
use std::io;
use std::io::BufRead;
use std::io::BufReader;
use std::io::Read;
use std::io::Seek;
use std::io::SeekFrom;
use std::io::Write;
use std::path::Path;
use std::path::PathBuf;

use memchr::memrchr;
use serde::Deserialize;
use serde::Serialize;

use crate::record::Line;
use crate::record::cipher::HEAD;
use crate::record::cipher::LENGTH;
use crate::record::cipher::Sniffed;
use crate::record::cipher::sniff;
use crate::record::packed::is_packed;
use crate::record::packed::packed_name;
use crate::record::read_each;
use crate::record::segment::segment_name;
use crate::record::segment::segment_name_now;
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
    run: Run,
    /// Whether the mark says so.
    is_said: bool,
}

/// What the mark says of the run that left it.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Run {
    /// The names of its segments come after this.
    since: String,
    /// Whether whoever was answered is in the log.
    strict: bool,
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
    /// How many requests of each experiment were answered and have no pair; `None`: nobody knows.
    pub(super) unpaired: BTreeMap<ExperimentName, Option<u64>>,
    /// When it last wrote.
    pub(super) last_heard: Timestamp,
}

/// Marks the directory, which is there already, as written to, and puts in order what an earlier run left.
///
/// # Errors
/// What the system says when the mark cannot be set or the directory not be read.
pub(super) fn enter(dir: &Path, strict: bool) -> io::Result<(Presence, Found)> {
    let path = dir.join(LOCK);
    let run = Run { since: segment_name_now(), strict };
    let was_there = path.exists();
    let mut lock = File::options().read(true).write(true).create(true).truncate(false).open(&path)?;
    match lock.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            tracing::error!(dir = %dir.display(), "another gateway writes to the same directory of records; give each its own");
            return Ok((Presence { path, lock: None, run, is_said: true }, Found::default()));
        }
        // A file system without locks still has the mark.
        Err(TryLockError::Error(error)) => {
            tracing::debug!(%error, "the directory of records cannot be locked")
        }
    }
    let mut left = String::new();
    lock.read_to_string(&mut left)?;
    // An earlier version's mark is empty.
    let before: Option<Run> = serde_json::from_str(&left).ok();
    let mut presence = Presence { path, lock: Some(lock), run, is_said: false };
    // What an earlier run's mark says is needed until the log tells of its crash.
    if !was_there {
        presence.say()?;
    }
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
        let its = |path: &&PathBuf| before.as_ref().is_some_and(|run| segment_name(path) > Some(&run.since));
        let its: Vec<&PathBuf> = all.iter().filter(its).collect();
        let unpaired = match before.as_ref() {
            Some(run) if run.strict => unpaired(&its[its.len().saturating_sub(2)..])?,
            _ => experiments(last)?.into_iter().map(|name| (name, None)).collect(),
        };
        found.crash = Some(Crash { unpaired, last_heard });
    }
    Ok((presence, found))
}

impl Presence {
    /// Takes back that whoever was answered is in the log.
    pub(super) fn no_longer_strict(&mut self) {
        if std::mem::replace(&mut self.run.strict, false) {
            self.is_said = false;
        }
    }

    /// Lets the mark speak of this run: nothing more is to be told of the one before it.
    pub(super) fn speak(&mut self) {
        if !self.is_said
            && let Err(error) = self.say()
        {
            tracing::debug!(%error, "the mark on the directory of records cannot be changed");
        }
    }

    fn say(&mut self) -> io::Result<()> {
        self.is_said = true;
        let Some(mut lock) = self.lock.as_ref() else { return Ok(()) };
        let text = serde_json::to_vec(&self.run)?;
        lock.seek(SeekFrom::Start(0))?;
        lock.write_all(&text)?;
        lock.set_len(text.len() as u64)
    }

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
    if let Sniffed::Sealed(_) = sniff(&mut file)? {
        return cut_torn_chunk(&mut file, size);
    }
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

/// The same of an encrypted file, whose last chunk may be torn.
fn cut_torn_chunk(file: &mut File, size: u64) -> io::Result<u64> {
    let mut end = HEAD as u64;
    let mut length = [0; LENGTH];
    loop {
        file.seek(SeekFrom::Start(end))?;
        if end + LENGTH as u64 > size {
            break;
        }
        file.read_exact(&mut length)?;
        let next = end + LENGTH as u64 + u64::from(u32::from_le_bytes(length));
        if next > size {
            break;
        }
        end = next;
    }
    if end < size {
        file.set_len(end)?;
        file.sync_all()?;
    }
    Ok(size.saturating_sub(end))
}

/// How many requests were answered in a run's last segments and have no pair there.
fn unpaired(segments: &[&PathBuf]) -> io::Result<BTreeMap<ExperimentName, Option<u64>>> {
    let mut answered = HashMap::new();
    let mut found = BTreeMap::new();
    let reader = read_each(segments).map_err(io::Error::other)?;
    for line in reader.filter_map(Result::ok) {
        found.entry(line.experiment().clone()).or_insert(Some(0));
        match line {
            Line::Answered(record) => {
                answered.insert(record.request_id, record.experiment.clone());
            }
            Line::Pair(record) => {
                answered.remove(&record.request_id);
            }
            _ => {}
        }
    }
    for experiment in answered.into_values() {
        let count = found.entry(experiment).or_insert(Some(0));
        *count = count.map(|count| count + 1);
    }
    Ok(found)
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
