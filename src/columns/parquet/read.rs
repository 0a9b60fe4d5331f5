//! Reads a Parquet file of rows back into lines.

use std::fs::File;
use std::path::Path;
use std::path::PathBuf;

use arrow_array::Array;
use arrow_array::RecordBatch;
use arrow_array::StringArray;
use arrow_array::cast::AsArray;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::ArrowReaderOptions;
use parquet::arrow::arrow_reader::ParquetRecordBatchReader;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::errors::ParquetError;

use crate::columns::parquet::FileError;

/// Rows that are read at once: lines may be long.
const BATCH_ROWS: usize = 128;

/// A line as the log had it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RawLine {
    /// What identifies it.
    pub id: String,
    /// Its bytes, with a line feed; to be read by [`crate::record::Line::parse`].
    pub bytes: Vec<u8>,
}

/// The lines of a file, in its order. After an error nothing more comes. Also reads what other programs made of files of
/// rows, as long as `id` and `line` are in it.
pub struct Reader {
    path: PathBuf,
    batches: ParquetRecordBatchReader,
    /// What is lent from.
    batch: Option<(StringArray, StringArray)>,
    /// The next row of it.
    at: usize,
}

impl Reader {
    /// Opens a file. Blocks, as all of this does.
    ///
    /// # Errors
    /// [`FileError`] when it cannot be read or is no file of rows.
    pub fn open(path: &Path) -> Result<Self, FileError> {
        let file = File::open(path).map_err(|source| FileError::Io { path: path.to_owned(), source })?;
        let batches = batches(file).map_err(|source| FileError::Parquet { path: path.to_owned(), source })?;
        let batches = batches.ok_or_else(|| FileError::Foreign { path: path.to_owned() })?;
        Ok(Self { path: path.to_owned(), batches, batch: None, at: 0 })
    }

    fn load(&mut self) -> Option<Result<(), FileError>> {
        let path = || self.path.clone();
        let batch = match self.batches.next()? {
            Ok(batch) => batch,
            Err(error) => return Some(Err(FileError::Parquet { path: path(), source: error.into() })),
        };
        let Some(texts) = texts(&batch) else { return Some(Err(FileError::Foreign { path: path() })) };
        (self.batch, self.at) = (Some(texts), 0);
        Some(Ok(()))
    }
}

impl Iterator for Reader {
    type Item = Result<RawLine, FileError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some((ids, lines)) = self.batch.as_ref().filter(|(ids, _)| self.at < ids.len()) {
                let bytes = [lines.value(self.at).as_bytes(), b"\n"].concat();
                let line = RawLine { id: ids.value(self.at).to_owned(), bytes };
                self.at += 1;
                return Some(Ok(line));
            }
            if let Err(error) = self.load()? {
                return Some(Err(error));
            }
        }
    }
}

/// Begins to read the two columns; `None`: they are not both there.
fn batches(file: File) -> Result<Option<ParquetRecordBatchReader>, ParquetError> {
    // Whoever wrote the file may have had other types in mind for texts; what they are in Parquet is the same.
    let options = ArrowReaderOptions::new().with_skip_arrow_metadata(true);
    let builder = ParquetRecordBatchReaderBuilder::try_new_with_options(file, options)?;
    let mask = ProjectionMask::columns(builder.parquet_schema(), ["id", "line"]);
    let reader = builder.with_projection(mask).with_batch_size(BATCH_ROWS).build()?;
    let schema = arrow_array::RecordBatchReader::schema(&reader);
    Ok((schema.fields().len() == 2).then_some(reader))
}

fn texts(batch: &RecordBatch) -> Option<(StringArray, StringArray)> {
    let text = |name| {
        let column = batch.column_by_name(name)?.as_string_opt::<i32>()?;
        (column.null_count() == 0).then(|| column.clone())
    };
    Some((text("id")?, text("line")?))
}
