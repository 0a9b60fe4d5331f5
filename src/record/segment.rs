//! Segments: the files of the log, when they end, and which are kept.
//!
//! A segment is a file `crossfade-<UTC time>-<id>.jsonl` that only grows. Every byte given to it goes to the
//! operating system in the same call, so that killing the gateway loses nothing it has written. When a write fails
//! half way the file is cut back to its last whole line, and if even that fails the file is left and another begun,
//! so that a torn line can only be the last of its file. A directory belongs to one gateway.

use std::fs;
use std::fs::File;
use std::fs::OpenOptions;
use std::io;
use std::io::Write;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::path::PathBuf;

use serde::Deserialize;
use serde::Serialize;
use tokio::time::Instant;
use uuid::Uuid;

use crate::record::Rotation;
use crate::record::Settings;

const PREFIX: &str = "crossfade-";
const SUFFIX: &str = ".jsonl";

/// Says why lines could not be written.
#[derive(Debug, thiserror::Error)]
pub(super) enum SegmentError {
    #[error("directory `{dir}` cannot be made: {source}; check `record.dir` and its permissions")]
    Directory { dir: PathBuf, source: io::Error },
    #[error("segment `{path}` cannot be begun: {source}; check the permissions of `record.dir`")]
    Begin { path: PathBuf, source: io::Error },
    #[error("segment `{path}` cannot be written: {source}; check the disk that holds `record.dir`")]
    Write { path: PathBuf, source: io::Error },
}

/// A place in the log, behind a whole line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Position {
    /// The file's name, without its directory.
    pub segment: String,
    /// How many bytes of it lie before the place.
    pub bytes: u64,
}

/// The segment being written and those before it.
#[derive(Debug)]
pub(super) struct Segments {
    dir: PathBuf,
    rotate: Rotation,
    keep_bytes: Option<u64>,
    pub(super) open: Option<Segment>,
    /// Behind the last line that was written.
    end: Option<Position>,
}

/// Where lines went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// To the segment of those before them.
    Further,
    /// To a segment that they begin.
    Begun,
}

#[derive(Debug)]
pub(super) struct Segment {
    pub(super) path: PathBuf,
    pub(super) file: File,
    pub(super) bytes: u64,
    pub(super) begun: Instant,
}

impl Segments {
    pub(super) fn new(settings: &Settings) -> Self {
        let Settings { dir, rotate, keep_bytes, .. } = settings;
        Self { dir: dir.clone(), rotate: *rotate, keep_bytes: *keep_bytes, open: None, end: None }
    }

    /// Writes whole lines, all or none, and says where. `preface` gives the lines that must stand before them there.
    pub(super) fn append(
        &mut self,
        lines: &[u8],
        preface: impl Fn(Place) -> Vec<u8>,
    ) -> Result<Place, SegmentError> {
        let mut before = preface(Place::Further);
        if self.must_end((before.len() + lines.len()) as u64) {
            self.end();
        }
        let (mut segment, place) = match self.open.take() {
            Some(segment) => (segment, Place::Further),
            None => {
                before = preface(Place::Begun);
                (self.begin()?, Place::Begun)
            }
        };
        let written = segment.file.write_all(&before).and_then(|()| segment.file.write_all(lines));
        let whole = match written {
            Ok(()) => {
                segment.bytes += (before.len() + lines.len()) as u64;
                self.end = Some(Position::within(&segment.path, segment.bytes));
                true
            }
            Err(_) => segment.file.set_len(segment.bytes).is_ok(),
        };
        let path = segment.path.clone();
        self.open = whole.then_some(segment);
        written.map(|()| place).map_err(|source| SegmentError::Write { path, source })
    }

    /// The place behind the last line that was written; `None`: none was yet.
    pub(super) fn position(&self) -> Option<&Position> {
        self.end.as_ref()
    }

    /// Says whether the open segment is as old as a segment gets.
    pub(super) fn is_aged(&self) -> bool {
        self.open.as_ref().is_some_and(|open| open.begun.elapsed() >= self.rotate.every)
    }

    /// Ends the open segment when its age says so, though nothing is written.
    pub(super) fn end_aged(&mut self) {
        if self.is_aged() {
            self.end();
        }
    }

    /// Ends the open segment and waits until the disk has it.
    pub(super) fn end(&mut self) {
        let Some(Segment { path, file, .. }) = self.open.take() else { return };
        if let Err(error) = file.sync_all() {
            tracing::error!(path = %path.display(), %error, "a segment of records may not have reached the disk");
        }
    }

    /// Says whether the next lines belong into another segment: this one is full, too old, or was deleted.
    fn must_end(&self, more_bytes: u64) -> bool {
        let Some(Segment { file, bytes, .. }) = &self.open else { return false };
        let full = *bytes > 0 && bytes + more_bytes > self.rotate.bytes;
        let deleted = file.metadata().is_ok_and(|found| found.nlink() == 0);
        full || deleted || self.is_aged()
    }

    fn begin(&self) -> Result<Segment, SegmentError> {
        let dir = &self.dir;
        fs::create_dir_all(dir).map_err(|source| SegmentError::Directory { dir: dir.clone(), source })?;
        self.delete_oldest();
        let now = jiff::Timestamp::now().strftime("%Y%m%dT%H%M%S");
        let path = dir.join(format!("{PREFIX}{now}-{}{SUFFIX}", Uuid::now_v7().simple()));
        match OpenOptions::new().append(true).create_new(true).open(&path) {
            Ok(file) => Ok(Segment { path, file, bytes: 0, begun: Instant::now() }),
            Err(source) => Err(SegmentError::Begin { path, source }),
        }
    }

    /// Deletes ended segments, oldest first, until the others fit. Nothing is open when a segment begins.
    fn delete_oldest(&self) {
        let Some(keep_bytes) = self.keep_bytes else { return };
        let Ok(ended) = segments(&self.dir) else { return };
        let mut kept = 0u64;
        for path in ended.iter().rev() {
            kept = kept.saturating_add(fs::metadata(path).map_or(0, |found| found.len()));
            if kept <= keep_bytes {
                continue;
            }
            if let Err(error) = fs::remove_file(path) {
                tracing::warn!(path = %path.display(), %error, "an old segment of records could not be deleted");
            }
        }
    }
}

impl Position {
    pub(super) fn within(path: &Path, bytes: u64) -> Self {
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned());
        Self { segment: name.unwrap_or_default(), bytes }
    }
}

/// The segments in a directory, oldest first. Other files are not looked at.
pub(super) fn segments(dir: &Path) -> io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        if entry.file_name().to_str().is_some_and(is_segment) {
            found.push(entry.path());
        }
    }
    found.sort();
    Ok(found)
}

/// The name of a segment, which begins with the time at which the segment did; `None`: the file is none.
pub(super) fn segment_name(path: &Path) -> Option<&str> {
    path.file_name()?.to_str().filter(|name| is_segment(name))
}

fn is_segment(name: &str) -> bool {
    let Some(middle) = name.strip_prefix(PREFIX).and_then(|name| name.strip_suffix(SUFFIX)) else {
        return false;
    };
    let Some((time, id)) = middle.split_once('-') else { return false };
    let timed = time.len() == 15 && time.bytes().all(|byte| byte.is_ascii_digit() || byte == b'T');
    timed && id.len() == 32 && id.bytes().all(|byte| byte.is_ascii_hexdigit())
}
