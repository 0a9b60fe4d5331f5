//! Why a portion was not carried. It is tried again, whatever the reason.

use std::io;
use std::path::PathBuf;

#[cfg(feature = "parquet")]
use crate::columns::parquet::FileError;
use crate::outbound::CallError;
use crate::record::ReadError;

/// Says why a portion was not carried.
#[derive(Debug, thiserror::Error)]
pub(super) enum Failure {
    #[error(transparent)]
    Log(#[from] ReadError),
    #[cfg(feature = "parquet")]
    #[error(transparent)]
    Parquet(#[from] FileError),
    #[error("`{path}` cannot be written: {source}; check its directory, its permissions and the disk")]
    File { path: PathBuf, source: io::Error },
    #[error(transparent)]
    Call(#[from] CallError),
    #[error("{authority} refused records: {answer}; hint: {hint}")]
    Refused { authority: String, answer: String, hint: &'static str },
    #[cfg(feature = "object-store")]
    #[error(
        "the object store refused records: {source}; hint: check that the bucket is there and may be written"
    )]
    Store { source: object_store::Error },
    #[error("a fault of the gateway's")]
    Fault,
}
