//! Why a portion was not carried. It is tried again, whatever the reason.

use std::io;
use std::path::PathBuf;

#[cfg(feature = "parquet")]
use crate::columns::parquet::FileError;
use crate::outbound::CallError;
use crate::record::ReadError;

/// Says why a portion was not carried.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// The log cannot be read.
    #[error(transparent)]
    Log(#[from] ReadError),
    /// A Parquet file cannot be written.
    #[cfg(feature = "parquet")]
    #[error(transparent)]
    Parquet(#[from] FileError),
    /// A file cannot be written or read.
    #[error("`{path}` cannot be written: {source}; check its directory, its permissions and the disk")]
    File {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The target was not reached.
    #[error(transparent)]
    Call(#[from] CallError),
    /// The target refused.
    #[error("{authority} refused records: {answer}; hint: {hint}")]
    Refused {
        /// Whom it is of.
        authority: String,
        /// What it answered.
        answer: String,
        /// What to look at.
        hint: &'static str,
    },
    /// The object store refused.
    #[cfg(feature = "object-store")]
    #[error(
        "the object store refused records: {source}; hint: check that the bucket is there and may be used"
    )]
    Store {
        /// What it said.
        source: object_store::Error,
    },
    /// A fault of the gateway's.
    #[error("a fault of the gateway's")]
    Fault,
}
