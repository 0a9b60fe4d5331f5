//! Datasets: snapshots of records that never change, so that two runs on one are like with like.
//!
//! A snapshot is a directory: record lines in one order, whatever the order of the files they came from, a manifest that
//! says how they were chosen, and a hash of the lines that does not depend on when it was made. `report` and `replay` read
//! it like any log. What is chosen is chosen by hashes, never by place, so that the same records and the same wishes
//! give the same snapshot.

mod export;
mod folder;
mod formats;
mod import;
mod key;
mod manifest;
mod redaction;
mod select;
mod wanted;

#[cfg(test)]
mod tests;

pub use export::ExportError;
pub use export::export;
pub use folder::Change;
pub use folder::FolderError;
pub use folder::Snapshot;
pub use folder::set_of;
pub use formats::Format;
pub use import::Columns;
pub use import::ImportError;
pub use import::Imported;
pub use import::Sent;
pub use import::import;
pub use manifest::Counts;
pub use manifest::FileDigest;
pub use manifest::LeftOut;
pub use manifest::Manifest;
pub use manifest::Redaction;
pub use redaction::Hidden;
pub use redaction::hidden;
pub use redaction::is_made;
pub use wanted::OutcomeTest;
pub use wanted::Set;
pub use wanted::Test;
pub use wanted::Wanted;
