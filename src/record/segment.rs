//! Segments: the files of the log, when they end, and which are kept.
//!
//! A segment is a file `crossfade-<UTC time>-<id>.jsonl` that only grows, and is packed when it has ended. Every byte given
//! to it goes to the operating system in the same call, so that killing the gateway loses nothing it has written. When a
//! write fails half way the file is cut back to its last whole line, and if even that fails the file is left and another
//! begun, so that a torn line can only be the last of its file. A directory belongs to one gateway.

use std::fs;
use std::fs::File;
use std::fs::OpenOptions;
use std::io;
use std::io::Write;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::path::PathBuf;
use std::time::SystemTime;

use serde::Deserialize;
use serde::Serialize;
use tokio::time::Instant;
use uuid::Uuid;

use crate::record::Keep;
use crate::record::RecordKey;
use crate::record::Rotation;
use crate::record::Settings;
use crate::record::cipher::Sealer;
use crate::record::packed;
use crate::record::packed::PACKED;
use crate::record::packed::packed_name;

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
    keep: Keep,
    encrypt: Option<RecordKey>,
    pub(super) open: Option<Segment>,
    /// Behind the last line that was written.
    end: Option<Position>,
    /// Those that ended and are not packed yet.
    ended: Vec<PathBuf>,
    /// How often a segment could not be seen onto the disk.
    pub(super) unsynced: u64,
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
    /// Bytes of lines.
    pub(super) bytes: u64,
    /// Bytes of the file, which are more where it is encrypted.
    pub(super) size: u64,
    pub(super) sealer: Option<Sealer>,
    pub(super) begun: Instant,
    /// Whether something was written since the disk was last asked to have it.
    pub(super) dirty: bool,
}

impl Segments {
    pub(super) fn new(settings: &Settings) -> Self {
        let Settings { dir, rotate, keep, encrypt, .. } = settings;
        let (dir, rotate, keep, encrypt) = (dir.clone(), *rotate, *keep, encrypt.clone());
        Self { dir, rotate, keep, encrypt, open: None, end: None, ended: Vec::new(), unsynced: 0 }
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
        before.extend_from_slice(lines);
        let written = segment.write(&before);
        let whole = match written {
            Ok(()) => {
                segment.bytes += before.len() as u64;
                segment.dirty = true;
                self.end = Some(Position::within(&segment.path, segment.bytes));
                true
            }
            Err(_) => segment.cut_back(),
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
            self.not_synced(&path, &error);
        }
        self.ended.push(path);
    }

    /// What the disk has not been asked to have yet, and which segment that is; from now on it counts as asked for.
    pub(super) fn take_unsynced(&mut self) -> Option<(PathBuf, File)> {
        let open = self.open.as_mut().filter(|open| open.dirty)?;
        let file = open.file.try_clone().ok()?;
        open.dirty = false;
        Some((open.path.clone(), file))
    }

    /// Leaves a segment that could not be seen onto the disk: what the system does with its bytes from here on is not
    /// known, and asking again may well be answered with a yes that is none.
    pub(super) fn not_synced(&mut self, path: &Path, error: &io::Error) {
        self.unsynced += 1;
        let shown = path.display();
        tracing::error!(path = %shown, %error, "a segment of records may not have reached the disk");
        if self.open.as_ref().is_some_and(|open| open.path == path) {
            self.open = None;
        }
    }

    /// A segment that has ended and is to be packed.
    pub(super) fn next_ended(&mut self) -> Option<PathBuf> {
        self.ended.pop()
    }

    /// Lets segments that an earlier run left be packed, too.
    pub(super) fn left_behind(&mut self, paths: Vec<PathBuf>) {
        self.ended.extend(paths);
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
        self.sweep()();
        let path = dir.join(segment_name_now());
        let opened = OpenOptions::new().append(true).create_new(true).open(&path).and_then(|mut file| {
            let sealer = self.encrypt.as_ref().map(Sealer::new).transpose()?;
            let head = sealer.as_ref().map_or(&[][..], |sealer| sealer.head());
            if let Err(error) = file.write_all(head) {
                let _ = fs::remove_file(&path);
                return Err(error);
            }
            let size = head.len() as u64;
            Ok(Segment {
                path: path.clone(),
                file,
                bytes: 0,
                size,
                sealer,
                begun: Instant::now(),
                dirty: false,
            })
        });
        opened.map_err(|source| SegmentError::Begin { path, source })
    }

    /// Deletes ended segments, oldest first, until the others fit and none is too old; to be run where it may block.
    pub(super) fn sweep(&self) -> impl FnOnce() + Send + 'static {
        let (dir, keep) = (self.dir.clone(), self.keep);
        let open = self.open.as_ref().map(|open| open.path.clone());
        move || delete_old(&dir, keep, open.as_deref())
    }
}

fn delete_old(dir: &Path, keep: Keep, open: Option<&Path>) {
    let Ok(mut found) = segments(dir) else { return };
    found.retain(|path| Some(path.as_path()) != open);
    let Keep { bytes, age } = keep;
    let mut kept = 0u64;
    for path in found.iter().rev() {
        let Ok(about) = fs::metadata(path) else { continue };
        kept = kept.saturating_add(about.len());
        let past = || about.modified().ok().and_then(|end| SystemTime::now().duration_since(end).ok());
        let is_old = age.is_some_and(|age| past().is_some_and(|past| past > age));
        if !is_old && bytes.is_none_or(|bytes| kept <= bytes) {
            continue;
        }
        if let Err(error) = fs::remove_file(path) {
            tracing::warn!(path = %path.display(), %error, "an old segment of records could not be deleted");
        }
    }
}

impl Segment {
    fn write(&mut self, lines: &[u8]) -> io::Result<()> {
        let sealed = self.sealer.as_mut().map(|sealer| sealer.seal(lines)).transpose()?;
        let bytes = sealed.as_deref().unwrap_or(lines);
        self.file.write_all(bytes)?;
        self.size += bytes.len() as u64;
        Ok(())
    }

    /// Cuts back to the last whole line; `false`: the file must be left. One that is encrypted always is, for the number
    /// of a chunk is never used twice.
    fn cut_back(&mut self) -> bool {
        let is_cut = self.file.set_len(self.size).is_ok();
        if self.bytes == 0 {
            // Where the disk is full there would be a file for each try.
            let _ = fs::remove_file(&self.path);
            return false;
        }
        is_cut && self.sealer.is_none()
    }
}

impl Position {
    pub(super) fn within(path: &Path, bytes: u64) -> Self {
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let segment = name.strip_suffix(PACKED).map(str::to_owned).unwrap_or(name);
        Self { segment, bytes }
    }
}

/// The segments in a directory, oldest first, packed or not. Other files are not looked at.
pub(super) fn segments(dir: &Path) -> io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir)? {
        let path = entry?.path();
        if segment_name(&path).is_some() {
            found.push(path);
        }
    }
    // A gateway that was killed between packing a segment and deleting it left both.
    found.sort_by(|one, other| {
        (segment_name(one), packed::is_packed(one)).cmp(&(segment_name(other), packed::is_packed(other)))
    });
    found.dedup_by(|packed, plain| packed_name(plain) == *packed);
    Ok(found)
}

/// The name of a segment that begins now.
pub(super) fn segment_name_now() -> String {
    let now = jiff::Timestamp::now().strftime("%Y%m%dT%H%M%S");
    format!("{PREFIX}{now}-{}{SUFFIX}", Uuid::now_v7().simple())
}

/// The name of a segment before it is packed, which begins with the time at which the segment did; `None`: the file is
/// none.
pub(super) fn segment_name(path: &Path) -> Option<&str> {
    let name = path.file_name()?.to_str()?;
    let name = name.strip_suffix(PACKED).unwrap_or(name);
    is_segment(name).then_some(name)
}

fn is_segment(name: &str) -> bool {
    let Some(middle) = name.strip_prefix(PREFIX).and_then(|name| name.strip_suffix(SUFFIX)) else {
        return false;
    };
    let Some((time, id)) = middle.split_once('-') else { return false };
    let timed = time.len() == 15 && time.bytes().all(|byte| byte.is_ascii_digit() || byte == b'T');
    timed && id.len() == 32 && id.bytes().all(|byte| byte.is_ascii_hexdigit())
}
