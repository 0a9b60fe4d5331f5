//! A stretch of the log: the lines behind a place, up to a size.

use std::io;
use std::path::Path;

use crate::columns::Row;
use crate::columns::id;
use crate::delivery::failure::Failure;
use crate::delivery::segments::segments;
use crate::delivery::target::Carried;
use crate::record::Position;
use crate::record::ReadError;
use crate::record::Reader;
use crate::record::read_from;
use crate::vocab::Timestamp;

/// Lines to be carried.
#[derive(Debug)]
pub(super) struct Stretch {
    reader: Reader,
    /// Whether the reader can go on where this ends.
    is_cut: bool,
    until: Position,
    /// When the last line was made.
    last: Option<Timestamp>,
    /// The last segment, which is still being written; `None`: there was none.
    growing: Option<String>,
    most_bytes: u64,
    lines: u64,
    unreadable: u64,
}

impl Stretch {
    /// The lines behind a place, of so many bytes or a little more. `rest` is the reader that stands there, if there is
    /// one: another would have to find the place, for which a compressed segment is read from its beginning.
    pub(super) fn behind(
        from: &Position,
        rest: Option<Reader>,
        dir: &Path,
        most_bytes: u64,
    ) -> Result<Self, ReadError> {
        // Before the reader lists them, so that what it sees of the others is all there will be.
        let found = segments(dir).map_err(|source| ReadError::Io { path: dir.to_owned(), source })?;
        let growing = found.into_keys().next_back();
        let reader = match rest {
            Some(reader) => reader,
            None => read_from(dir, from)?,
        };
        Ok(Self {
            reader,
            is_cut: false,
            until: from.clone(),
            last: None,
            growing,
            most_bytes,
            lines: 0,
            unreadable: 0,
        })
    }

    /// Lends every line out as a row, and ends at the first failure. Blocks.
    pub(super) fn each(
        &mut self,
        mut take: impl FnMut(&Row<'_>) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        let mut taken = 0;
        while !self.is_cut {
            let Some(line) = self.reader.next() else {
                // So that an ended segment is not opened again to find that nothing is left of it.
                self.reach(self.place());
                break;
            };
            let bytes = self.reader.line_bytes();
            let behind = self.place();
            match line {
                // The writer is in the middle of this line; in a segment before, it was killed there.
                Ok(_)
                    if !bytes.ends_with(b"\n")
                        && behind.as_ref().map(|at| &at.segment) >= self.growing.as_ref() =>
                {
                    break;
                }
                Ok(line) => {
                    taken += bytes.len() as u64;
                    let id = behind.as_ref().map(|behind| id(behind, bytes.len())).unwrap_or_default();
                    let row = Row::of(id, &line, bytes);
                    take(&row)?;
                    self.last = Some(row.time());
                    self.lines += 1;
                    self.is_cut = taken >= self.most_bytes;
                    self.reach(behind);
                }
                Err(ReadError::Line { .. }) => {
                    self.unreadable += 1;
                    self.reach(behind);
                }
                // Deleted since the directory was listed; whoever looks at the log counts that.
                Err(ReadError::Io { source, .. }) if source.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    /// What it was.
    pub(super) fn carried(self) -> Carried {
        let Self { reader, is_cut, until, last, lines, unreadable, .. } = self;
        Carried { until, last, rest: is_cut.then(|| Box::new(reader)), lines, unreadable, too_large: 0 }
    }

    fn place(&self) -> Option<Position> {
        Reader::position(&self.reader)
    }

    fn reach(&mut self, place: Option<Position>) {
        if let Some(place) = place {
            self.until = place;
        }
    }
}
