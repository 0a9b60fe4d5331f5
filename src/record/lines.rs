//! The lines of a file, lent out one after another from one buffer: a log is read at the speed of its readers.

use std::fmt;
use std::io;
use std::io::Read;

use memchr::memchr;

/// How much is read at once; the buffer grows with lines that are longer.
const BLOCK: usize = 256 * 1024;

/// A file being read line by line.
pub(super) struct Lines {
    file: Box<dyn Read + Send>,
    buffer: Vec<u8>,
    /// What was read and not lent out yet.
    from: usize,
    to: usize,
    /// Where the line begins that was lent out last; it ends where the rest does.
    lent: usize,
}

impl Lines {
    /// Reads from where the file stands.
    pub(super) fn of(file: Box<dyn Read + Send>) -> Self {
        Self { file, buffer: vec![0; BLOCK], from: 0, to: 0, lent: 0 }
    }

    /// The next line with its line feed, which only the last may lack; `None` at the end.
    pub(super) fn next(&mut self) -> io::Result<Option<&[u8]>> {
        let mut searched = self.from;
        let end = loop {
            if let Some(at) = memchr(b'\n', &self.buffer[searched..self.to]) {
                break searched + at + 1;
            }
            let rest = self.to - self.from;
            if self.fill()? == 0 {
                break self.to;
            }
            searched = self.from + rest;
        };
        (self.lent, self.from) = (self.from, end);
        let line = self.last();
        Ok((!line.is_empty()).then_some(line))
    }

    /// The line that was lent out last.
    pub(super) fn last(&self) -> &[u8] {
        &self.buffer[self.lent..self.from]
    }

    /// Reads more behind what there is; 0 at the end of the file.
    fn fill(&mut self) -> io::Result<usize> {
        self.buffer.copy_within(self.from..self.to, 0);
        (self.lent, self.from, self.to) = (0, 0, self.to - self.from);
        if self.to == self.buffer.len() {
            self.buffer.resize(2 * self.to, 0);
        }
        loop {
            match self.file.read(&mut self.buffer[self.to..]) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
                Ok(count) => {
                    self.to += count;
                    return Ok(count);
                }
            }
        }
    }
}

impl fmt::Debug for Lines {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Lines")
            .field("from", &self.from)
            .field("to", &self.to)
            .finish_non_exhaustive()
    }
}
