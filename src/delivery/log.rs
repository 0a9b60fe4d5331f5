//! The log as a delivery sees it: how much of it waits, since when, and what was deleted before it was carried.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::path::PathBuf;

use crate::delivery::failure::Failure;
use crate::delivery::segments::segments;
use crate::delivery::stretch::Stretch;
use crate::delivery::target::Carried;
use crate::record::Extent;
use crate::record::Position;
use crate::record::ReadError;
use crate::record::Reader;
use crate::vocab::Timestamp;

/// The log behind a place.
#[derive(Debug)]
pub(super) struct Log {
    dir: PathBuf,
    /// Behind the last line that was carried.
    reached: Position,
    /// The segments by name, and how much each holds; of those before the place nobody asks.
    extents: BTreeMap<String, Extent>,
    /// The reader that stands there, if there is one.
    rest: Option<Box<Reader>>,
    /// When the first line that waits was made, once that was looked up; where more waits than could be carried at once,
    /// when the last one before it was.
    oldest: Option<Timestamp>,
}

/// What waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Waiting {
    /// How many bytes of lines.
    pub(super) bytes: u64,
    /// When the first line of it was made.
    pub(super) since: Option<Timestamp>,
    /// How many bytes were deleted before they were carried, since the last look.
    pub(super) lost_bytes: u64,
}

impl Log {
    pub(super) fn behind(reached: Position, dir: &Path) -> Self {
        Self { dir: dir.to_owned(), reached, extents: BTreeMap::new(), rest: None, oldest: None }
    }

    /// Looks what waits. Blocks.
    pub(super) fn look(&mut self) -> Result<Waiting, Failure> {
        let there = segments(&self.dir).map_err(|source| ReadError::Io { path: self.dir.clone(), source })?;
        let Self { reached, extents, .. } = self;
        let mut lost_bytes = 0;
        extents.retain(|name, extent| {
            let is_there = there.contains_key(name);
            if !is_there {
                lost_bytes += waiting_of(reached, name, extent.bytes());
            }
            is_there
        });
        for (name, path) in there.into_iter().filter(|(name, _)| *name >= reached.segment) {
            match extents.entry(name).or_default().look(&path) {
                // Deleted or packed since it was listed: the next look finds out.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(source) => return Err(ReadError::Io { path, source }.into()),
                Ok(_) => {}
            }
        }
        if lost_bytes > 0 {
            (self.oldest, self.rest) = (None, None);
        }
        let extents = self.extents.iter();
        let bytes = extents.map(|(name, extent)| waiting_of(&self.reached, name, extent.bytes())).sum();
        if bytes == 0 {
            // An open file would keep its disk space though it was deleted.
            (self.oldest, self.rest) = (None, None);
        }
        if bytes > 0 && self.oldest.is_none() {
            self.oldest = self.first_time()?;
        }
        Ok(Waiting { bytes, since: self.oldest.filter(|_| bytes > 0), lost_bytes })
    }

    /// The lines that wait, of so many bytes or a little more. Blocks.
    pub(super) fn stretch(&mut self, most_bytes: u64) -> Result<Stretch, ReadError> {
        let rest = self.rest.take().map(|rest| *rest);
        Stretch::behind(&self.reached, rest, &self.dir, most_bytes)
    }

    /// This was carried. Says whether it was anything.
    pub(super) fn reach(&mut self, carried: Carried) -> bool {
        let Carried { until, last, rest, .. } = carried;
        let moved = until != self.reached;
        (self.reached, self.rest) = (until, rest);
        self.oldest = last.filter(|_| self.rest.is_some());
        moved
    }

    fn first_time(&self) -> Result<Option<Timestamp>, Failure> {
        let mut time = None;
        Stretch::behind(&self.reached, None, &self.dir, 1)?.each(|row| {
            time.get_or_insert(row.time());
            Ok(())
        })?;
        Ok(time)
    }
}

/// How many bytes of a segment lie behind a place.
fn waiting_of(reached: &Position, name: &str, size: u64) -> u64 {
    match name.cmp(reached.segment.as_str()) {
        std::cmp::Ordering::Less => 0,
        std::cmp::Ordering::Equal => size.saturating_sub(reached.bytes),
        std::cmp::Ordering::Greater => size,
    }
}
