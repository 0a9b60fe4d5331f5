//! Parquet files of rows: written whole or not at all, and read back into the lines that they were made of.
//!
//! An open Parquet file cannot be read until its footer is there, so a file is written beside its place and renamed once
//! the disk has it. Row groups are bounded, so that neither writing nor reading takes memory by the length of a log.

mod arrays;
mod read;
mod write;

pub use arrays::schema;
pub use read::RawLine;
pub use read::Reader;
pub use write::Writer;
pub use write::Written;
pub use write::write;

use std::io;
use std::path::PathBuf;

use parquet::errors::ParquetError;

use crate::record::ReadError;

/// Says why a file cannot be written or read.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// What is to be written cannot be read.
    #[error(transparent)]
    Lines(#[from] ReadError),
    /// The system refused.
    #[error(
        "`{path}` cannot be written or read: {source}; check its directory, its permissions and the disk"
    )]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// It is no Parquet, or damaged.
    #[error("`{path}` is not a whole Parquet file: {source}")]
    Parquet {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        source: ParquetError,
    },
    /// It is Parquet, but of something else.
    #[error(
        "`{path}` holds no records: expected text columns `id` and `line`, as the files have that crossfade writes"
    )]
    Foreign {
        /// The file.
        path: PathBuf,
    },
}
