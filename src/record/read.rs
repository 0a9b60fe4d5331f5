//! Reads the log back: every line of every segment of a directory, oldest first, or of single files.
//!
//! A gateway that was killed may have left the last line of a segment torn; such a line is counted and passed over.

use std::cell::OnceCell;
use std::cmp::Ordering;
use std::collections::HashSet;
use std::collections::VecDeque;
use std::fmt;
use std::io;
use std::io::BufRead;
use std::io::BufReader;
use std::io::Read;
use std::path::Path;
use std::path::PathBuf;

use crate::record::Line;
use crate::record::LineError;
use crate::record::Position;
use crate::record::lines::Lines;
use crate::record::packed;
use crate::record::segment::segment_name;
use crate::record::segment::segments;

/// Says why records cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The directory or a file of it cannot be read.
    #[error("`{path}` cannot be read: {source}; check that it holds records and may be read")]
    Io {
        /// The directory or file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A whole line is no record.
    #[error("{path}:{line}: {source}")]
    Line {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: u64,
        /// What is wrong with it.
        source: LineError,
    },
}

/// The lines of segments, in order. After an error the iteration goes on with the next line.
#[derive(Debug)]
pub struct Reader {
    waiting: VecDeque<Waiting>,
    open: Option<Open>,
    torn: u64,
    bytes_read: u64,
    bytes_total: u64,
    /// Where the last file was left that is not open any more.
    left: Option<Position>,
}

/// A file to be read, from this byte on.
#[derive(Debug)]
struct Waiting {
    path: PathBuf,
    from: u64,
    /// How its lines are had; `None`: it is a segment, or a file like one.
    other: Option<Opens>,
}

/// Opens what holds lines in a form of its own.
struct Opens(Box<dyn FnOnce() -> io::Result<Box<dyn Read + Send>> + Send>);

impl fmt::Debug for Opens {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Opens")
    }
}

#[derive(Debug)]
struct Open {
    path: PathBuf,
    lines: Lines,
    /// Where reading began.
    from: u64,
    /// How many lines stand before that, once somebody asked.
    before: OnceCell<u64>,
    /// How many bytes of the file lie before the next line.
    at: u64,
    /// How many lines were read.
    line: u64,
}

/// Begins to read a directory of segments, or one file. Segments that begin later are not seen.
///
/// # Errors
/// [`ReadError::Io`] when it cannot be read.
pub fn read(path: &Path) -> Result<Reader, ReadError> {
    read_each(&[path])
}

/// Begins to read directories of segments and single files: segments oldest first, whichever directory they are of, other
/// files before them in this order; a file that is named twice is read once.
///
/// # Errors
/// [`ReadError::Io`] for the first that cannot be read.
pub fn read_each<P: AsRef<Path>>(paths: &[P]) -> Result<Reader, ReadError> {
    let mut files = Vec::new();
    for path in paths {
        let path = path.as_ref();
        if path.is_file() {
            files.push(path.to_owned());
        } else {
            files.extend(listed(path)?);
        }
    }
    let mut known = HashSet::new();
    files.retain(|path| known.insert(path.canonicalize().unwrap_or_else(|_| path.clone())));
    files.sort_by(|one, other| segment_name(one).cmp(&segment_name(other)));
    Ok(Reader::of(files.into_iter().map(|path| Waiting { path, from: 0, other: None })))
}

/// Begins to read a directory behind a position of its log. Of a segment that was deleted since, reading begins with the
/// one after it.
///
/// # Errors
/// [`ReadError::Io`] when the directory cannot be read.
pub fn read_from(dir: &Path, position: &Position) -> Result<Reader, ReadError> {
    let waiting = listed(dir)?.into_iter().filter_map(|path| {
        let name = segment_name(&path)?;
        let from = match name.cmp(position.segment.as_str()) {
            Ordering::Less => return None,
            Ordering::Equal => position.bytes,
            Ordering::Greater => 0,
        };
        Some(Waiting { path, from, other: None })
    });
    Ok(Reader { left: Some(position.clone()), ..Reader::of(waiting) })
}

fn listed(dir: &Path) -> Result<Vec<PathBuf>, ReadError> {
    segments(dir).map_err(|source| ReadError::Io { path: dir.to_owned(), source })
}

impl Reader {
    fn of(waiting: impl Iterator<Item = Waiting>) -> Self {
        let waiting: VecDeque<Waiting> = waiting.collect();
        let size = |file: &Waiting| packed::size(&file.path).unwrap_or(0);
        let bytes_total = waiting.iter().map(|file| size(file).saturating_sub(file.from)).sum();
        Self { waiting, open: None, torn: 0, bytes_read: 0, bytes_total, left: None }
    }

    /// Reads bytes as it would a file of them.
    #[cfg(test)]
    pub(super) fn over(text: Vec<u8>) -> Self {
        let lines = Lines::of(Box::new(io::Cursor::new(text)));
        let path = PathBuf::from("in memory");
        let open = Open { path, lines, from: 0, before: OnceCell::new(), at: 0, line: 0 };
        Self { open: Some(open), ..Self::of(std::iter::empty()) }
    }

    /// Reads a file first whose lines are in a form of their own: of about so many bytes, had by opening it.
    pub fn first(
        &mut self,
        path: PathBuf,
        bytes: u64,
        open: impl FnOnce() -> io::Result<Box<dyn Read + Send>> + Send + 'static,
    ) {
        self.bytes_total += bytes;
        self.waiting.push_front(Waiting { path, from: 0, other: Some(Opens(Box::new(open))) });
    }

    /// How many torn lines were passed over so far.
    pub fn torn(&self) -> u64 {
        self.torn
    }

    /// How many bytes of lines were read so far.
    pub fn bytes_read(&self) -> u64 {
        self.bytes_read
    }

    /// How many bytes of lines there were to read when reading began; files that grow have more, and what others packed
    /// may not tell.
    pub fn bytes_total(&self) -> u64 {
        self.bytes_total
    }

    /// The bytes of the line that was read last, with its line feed; empty before the first.
    pub fn line_bytes(&self) -> &[u8] {
        self.open.as_ref().map_or(&[], |open| open.lines.last())
    }

    /// The place behind the last whole line; `None` before the first file.
    pub fn position(&self) -> Option<Position> {
        self.open.as_ref().map(Open::position).or_else(|| self.left.clone())
    }

    fn open_next(&mut self) -> Option<Result<(), ReadError>> {
        let Waiting { path, from, other } = self.waiting.pop_front()?;
        let opened = match other {
            Some(Opens(open)) => open(),
            None => packed::open(&path, from),
        };
        Some(match opened {
            Ok(file) => {
                let lines = Lines::of(file);
                self.open = Some(Open { path, lines, from, before: OnceCell::new(), at: from, line: 0 });
                Ok(())
            }
            Err(source) => Err(ReadError::Io { path, source }),
        })
    }

    fn close(&mut self) {
        if let Some(open) = self.open.take() {
            self.left = Some(open.position());
        }
    }
}

impl Reader {
    /// Goes to the next line, whose bytes are [`line_bytes`](Self::line_bytes) then, and does not look at what it says
    /// unless somebody may be writing it. An error is of the file, and the next one follows.
    pub(super) fn advance(&mut self) -> Option<Result<(), ReadError>> {
        loop {
            let Some(open) = &mut self.open else {
                match self.open_next()? {
                    Ok(()) => continue,
                    Err(error) => return Some(Err(error)),
                }
            };
            match open.lines.next() {
                Ok(None) => self.close(),
                Ok(Some(bytes)) => {
                    let count = bytes.len() as u64;
                    let is_torn = !bytes.ends_with(b"\n") && parse(bytes).is_err();
                    self.bytes_read += count;
                    open.line += 1;
                    if is_torn {
                        self.torn += 1;
                        self.close();
                        continue;
                    }
                    open.at += count;
                    return Some(Ok(()));
                }
                Err(source) => {
                    let path = open.path.clone();
                    self.close();
                    return Some(Err(ReadError::Io { path, source }));
                }
            }
        }
    }

    /// The file of the line that was read last, and that line's number in it; `None` before the first.
    pub(super) fn place(&self) -> Option<(&Path, u64)> {
        self.open.as_ref().map(|open| (open.path.as_path(), open.line + open.lines_before()))
    }
}

impl Iterator for Reader {
    type Item = Result<Line, ReadError>;

    fn next(&mut self) -> Option<Self::Item> {
        if let Err(error) = self.advance()? {
            return Some(Err(error));
        }
        Some(parse(self.line_bytes()).map_err(|source| {
            let (path, line) =
                self.place().map_or((PathBuf::new(), 0), |(path, line)| (path.to_owned(), line));
            ReadError::Line { path, line, source }
        }))
    }
}

pub(super) fn parse(bytes: &[u8]) -> Result<Line, LineError> {
    // Nearly every line is sound, and checking one is much quicker than mending it.
    match std::str::from_utf8(bytes) {
        Ok(text) => Line::parse(text),
        Err(_) => Line::parse(&String::from_utf8_lossy(bytes)),
    }
}

impl Open {
    /// How many lines stand before the place where reading began.
    fn lines_before(&self) -> u64 {
        *self.before.get_or_init(|| match packed::open(&self.path, 0) {
            Ok(file) => BufReader::new(file.take(self.from)).split(b'\n').count() as u64,
            Err(_) => 0,
        })
    }

    fn position(&self) -> Position {
        Position::within(&self.path, self.at)
    }
}
