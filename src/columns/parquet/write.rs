//! Writes a Parquet file.

use std::ffi::OsString;
use std::fs;
use std::fs::File;
use std::io;
use std::path::Path;
use std::path::PathBuf;

use parquet::arrow::ArrowWriter;
use parquet::basic::Compression;
use parquet::basic::ZstdLevel;
use parquet::errors::ParquetError;
use parquet::file::properties::EnabledStatistics;
use parquet::file::properties::WriterProperties;
use parquet::schema::types::ColumnPath;

use crate::columns::Row;
use crate::columns::id;
use crate::columns::parquet::FileError;
use crate::columns::parquet::arrays::Gathered;
use crate::columns::parquet::schema;
use crate::record;
use crate::record::ReadError;

/// Rows that are handed to the file at once: so many, or so many bytes of lines.
const BATCH_ROWS: usize = 1024;
const BATCH_BYTES: usize = 4 * 1024 * 1024;

/// A row group ends at so many rows, or so many bytes as they are encoded; all of one is in memory while it is written.
const GROUP_ROWS: usize = 128 * 1024;
const GROUP_BYTES: usize = 32 * 1024 * 1024;

/// How many values are encoded between two looks at the size of a page: lines are long.
const LOOK_EVERY: usize = 32;

/// A file being written. Unless it is finished, nothing of it stays.
pub struct Writer {
    /// Where it will be.
    path: PathBuf,
    /// Where it is until then.
    beside: PathBuf,
    gathered: Gathered,
    /// There until it is finished.
    file: Option<ArrowWriter<File>>,
}

/// What was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Written {
    /// How many lines.
    pub lines: u64,
    /// How many of the lines that were to be written could not be read, torn ones among them; they are not in the file.
    pub refused: u64,
    /// How large the file is.
    pub bytes: u64,
}

/// Writes all lines that a reader gives into a file. A line that cannot be read is counted and passed over. Blocks.
///
/// # Errors
/// [`FileError`] when a segment cannot be read or the file cannot be written; there is no file then.
pub fn write(lines: &mut record::Reader, path: &Path) -> Result<Written, FileError> {
    let mut writer = Writer::create(path)?;
    let mut refused = 0;
    while let Some(line) = lines.next() {
        match line {
            Ok(line) => {
                let bytes = lines.line_bytes();
                let behind = record::Reader::position(lines);
                let id = behind.map(|behind| id(&behind, bytes.len())).unwrap_or_default();
                writer.push(&Row::of(id, &line, bytes))?;
            }
            Err(ReadError::Line { .. }) => refused += 1,
            Err(error) => return Err(error.into()),
        }
    }
    let written = writer.finish()?;
    Ok(Written { refused: refused + lines.torn(), ..written })
}

impl Writer {
    /// Begins a file beside this path, making its directory if there is none. Blocks, as all of this does.
    ///
    /// # Errors
    /// [`FileError`] when it cannot be made.
    pub fn create(path: &Path) -> Result<Self, FileError> {
        let mut beside = OsString::from(path);
        beside.push(".tmp");
        let (path, beside) = (path.to_owned(), PathBuf::from(beside));
        let made = directory(&path).and_then(fs::create_dir_all).and_then(|()| File::create(&beside));
        let file = made.map_err(|source| FileError::Io { path: path.clone(), source })?;
        match ArrowWriter::try_new(file, schema(), Some(properties())) {
            Ok(file) => Ok(Self { path, beside, gathered: Gathered::new(), file: Some(file) }),
            Err(source) => Err(FileError::Parquet { path, source }),
        }
    }

    /// Adds a row.
    ///
    /// # Errors
    /// [`FileError`] when the disk does not take it; the file is lost then.
    pub fn push(&mut self, row: &Row<'_>) -> Result<(), FileError> {
        self.gathered.add(row);
        if self.gathered.rows >= BATCH_ROWS || self.gathered.bytes >= BATCH_BYTES {
            self.hand_over().map_err(|source| self.refused(source))?;
        }
        Ok(())
    }

    /// About how large the file would be if it was finished now, in bytes.
    pub fn bytes(&self) -> u64 {
        let file = self.file.as_ref().map_or(0, |file| file.bytes_written() + file.in_progress_size());
        (file + self.gathered.bytes) as u64
    }

    /// Ends the file, waits until the disk has it, and puts it into its place, over what was there.
    ///
    /// # Errors
    /// [`FileError`] when the disk does not take it; the file is lost then, and what was in its place stays.
    pub fn finish(mut self) -> Result<Written, FileError> {
        self.hand_over().map_err(|source| self.refused(source))?;
        let mut file = self.file.take().expect("only this takes it, and it takes the writer");
        let footer = file.finish().map_err(|source| self.refused(source))?;
        let placed = file.inner().sync_all().and_then(|()| file.inner().metadata()).and_then(|found| {
            fs::rename(&self.beside, &self.path)?;
            // The renaming itself is on the disk only when the directory is.
            File::open(directory(&self.path)?)?.sync_all()?;
            Ok(found.len())
        });
        match placed {
            Ok(bytes) => {
                let lines = u64::try_from(footer.file_metadata().num_rows()).unwrap_or(0);
                Ok(Written { lines, refused: 0, bytes })
            }
            Err(source) => {
                let _ = fs::remove_file(&self.beside);
                Err(FileError::Io { path: self.path.clone(), source })
            }
        }
    }

    fn hand_over(&mut self) -> Result<(), ParquetError> {
        let file = self.file.as_mut().expect("it is there until the writer is finished");
        if self.gathered.rows > 0 {
            file.write(&self.gathered.take()?)?;
            if file.in_progress_size() >= GROUP_BYTES {
                file.flush()?;
            }
        }
        Ok(())
    }

    fn refused(&self, source: ParquetError) -> FileError {
        let path = self.path.clone();
        match source {
            ParquetError::External(source) => FileError::Io { path, source: io::Error::other(source) },
            source => FileError::Parquet { path, source },
        }
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        if self.file.take().is_some() {
            // Nobody is left to be told; the next file of this name replaces it.
            let _ = fs::remove_file(&self.beside);
        }
    }
}

fn directory(path: &Path) -> io::Result<&Path> {
    match path.parent() {
        Some(dir) if dir.as_os_str().is_empty() => Ok(Path::new(".")),
        Some(dir) => Ok(dir),
        None => Err(io::ErrorKind::IsADirectory.into()),
    }
}

fn properties() -> WriterProperties {
    let mut properties = WriterProperties::builder()
        .set_created_by(concat!("crossfade ", env!("CARGO_PKG_VERSION")).to_owned())
        .set_compression(Compression::ZSTD(ZstdLevel::default()))
        .set_max_row_group_row_count(Some(GROUP_ROWS))
        .set_write_batch_size(LOOK_EVERY);
    // No two rows have the same, so that a dictionary would only be thrown away.
    for name in ["id", "line"] {
        properties = properties.set_column_dictionary_enabled(ColumnPath::from(name), false);
    }
    properties.set_column_statistics_enabled(ColumnPath::from("line"), EnabledStatistics::None).build()
}
