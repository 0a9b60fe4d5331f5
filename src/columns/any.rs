//! Reads records in whatever form they are kept: segments packed or not, and files of rows.

use std::fs;
use std::io;
use std::path::Path;
use std::path::PathBuf;

use crate::record::ReadError;
use crate::record::Reader;
use crate::record::read_each;

/// Begins to read directories and single files: Parquet files first, also those in `date=…` below a directory, by name; then
/// segments, oldest first. Where a directory has segments, Parquet files beside them are the same records in another form
/// and are not read.
///
/// # Errors
/// [`ReadError::Io`] for the first that cannot be read.
pub fn read_any<P: AsRef<Path>>(paths: &[P]) -> Result<Reader, ReadError> {
    let (mut rows, mut others) = (Vec::new(), Vec::new());
    for path in paths {
        let path = path.as_ref();
        if is_rows(path) {
            rows.push(path.to_owned());
        } else {
            if path.is_dir() {
                below(path, &mut rows).map_err(|source| ReadError::Io { path: path.to_owned(), source })?;
            }
            others.push(path);
        }
    }
    rows.sort();
    rows.dedup();
    let mut reader = read_each(&others)?;
    for path in rows.into_iter().rev() {
        first(&mut reader, path)?;
    }
    Ok(reader)
}

/// Finds files of rows in a directory and its partitions.
fn below(dir: &Path, rows: &mut Vec<PathBuf>) -> io::Result<()> {
    let entries = fs::read_dir(dir)?.map(|entry| entry.map(|entry| entry.path()));
    let entries: Vec<PathBuf> = entries.collect::<Result<_, _>>()?;
    let is_lines = |path: &PathBuf| {
        let name = path.file_name().map(|name| name.to_string_lossy());
        name.is_some_and(|name| name.ends_with(".jsonl") || name.ends_with(".jsonl.zst"))
    };
    if entries.iter().any(is_lines) {
        return Ok(());
    }
    for path in entries {
        let is_partition = || {
            path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("date=")) && path.is_dir()
        };
        if is_rows(&path) {
            rows.push(path);
        } else if is_partition() {
            below(&path, rows)?;
        }
    }
    Ok(())
}

fn is_rows(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "parquet") && path.is_file()
}

#[cfg(feature = "parquet")]
fn first(reader: &mut Reader, path: PathBuf) -> Result<(), ReadError> {
    /// About what rows are packed to.
    const RATIO: u64 = 8;
    let bytes = fs::metadata(&path).map_or(0, |found| found.len().saturating_mul(RATIO));
    let file = path.clone();
    reader.first(path, bytes, move || match crate::columns::parquet::Reader::open(&file) {
        Ok(lines) => Ok(Box::new(Rows { lines, line: Vec::new(), at: 0 })),
        Err(error) => Err(io::Error::other(error)),
    });
    Ok(())
}

#[cfg(not(feature = "parquet"))]
fn first(_reader: &mut Reader, path: PathBuf) -> Result<(), ReadError> {
    let hint = "this build knows no Parquet; hint: build with `--features parquet`";
    Err(ReadError::Io { path, source: io::Error::new(io::ErrorKind::Unsupported, hint) })
}

/// The lines of a file of rows, as bytes.
#[cfg(feature = "parquet")]
struct Rows {
    lines: crate::columns::parquet::Reader,
    line: Vec<u8>,
    at: usize,
}

#[cfg(feature = "parquet")]
impl io::Read for Rows {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        while self.at == self.line.len() {
            match self.lines.next() {
                None => return Ok(0),
                Some(Err(error)) => return Err(io::Error::other(error)),
                Some(Ok(line)) => (self.line, self.at) = (line.bytes, 0),
            }
        }
        let count = into.len().min(self.line.len() - self.at);
        into[..count].copy_from_slice(&self.line[self.at..self.at + count]);
        self.at += count;
        Ok(count)
    }
}
