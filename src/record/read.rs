//! Reads the log back: every line of every segment of a directory, oldest first.
//!
//! A gateway that was killed may have left the last line of a segment torn; such a line is counted and passed over.

use std::collections::VecDeque;
use std::fs::File;
use std::io;
use std::io::BufRead;
use std::io::BufReader;
use std::path::Path;
use std::path::PathBuf;

use crate::record::Line;
use crate::record::LineError;
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

/// The lines of a directory of segments, in order. After an error the iteration goes on with the next line.
#[derive(Debug)]
pub struct Reader {
    waiting: VecDeque<PathBuf>,
    open: Option<Open>,
    torn: u64,
}

#[derive(Debug)]
struct Open {
    path: PathBuf,
    lines: BufReader<File>,
    line: u64,
}

/// Begins to read a directory. Segments that begin later are not seen.
pub fn read(dir: &Path) -> Result<Reader, ReadError> {
    match segments(dir) {
        Ok(found) => Ok(Reader { waiting: found.into(), open: None, torn: 0 }),
        Err(source) => Err(ReadError::Io { path: dir.to_owned(), source }),
    }
}

impl Reader {
    /// How many torn lines were passed over so far.
    pub fn torn(&self) -> u64 {
        self.torn
    }

    fn open_next(&mut self) -> Option<Result<(), ReadError>> {
        let path = self.waiting.pop_front()?;
        Some(match File::open(&path) {
            Ok(file) => {
                self.open = Some(Open { path, lines: BufReader::with_capacity(256 * 1024, file), line: 0 });
                Ok(())
            }
            Err(source) => Err(ReadError::Io { path, source }),
        })
    }
}

impl Iterator for Reader {
    type Item = Result<Line, ReadError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let Some(open) = &mut self.open else {
                match self.open_next()? {
                    Ok(()) => continue,
                    Err(error) => return Some(Err(error)),
                }
            };
            let mut bytes = Vec::new();
            match open.lines.read_until(b'\n', &mut bytes) {
                Ok(0) => self.open = None,
                Ok(_) => match open.parse(&bytes) {
                    Ok(line) => return Some(Ok(line)),
                    Err(_) if bytes.last() != Some(&b'\n') => self.torn += 1,
                    Err(error) => return Some(Err(error)),
                },
                Err(source) => {
                    let path = open.path.clone();
                    self.open = None;
                    return Some(Err(ReadError::Io { path, source }));
                }
            }
        }
    }
}

impl Open {
    fn parse(&mut self, bytes: &[u8]) -> Result<Line, ReadError> {
        self.line += 1;
        let text = String::from_utf8_lossy(bytes);
        Line::parse(&text).map_err(|source| ReadError::Line {
            path: self.path.clone(),
            line: self.line,
            source,
        })
    }
}
