//! The same requests in the layouts that other tools read, beside the record lines.

mod conversation;
mod hugging_face;
mod openai_evals;

use std::fmt;
use std::str::FromStr;

#[cfg(feature = "parquet")]
use crate::columns::parquet;
use crate::dataset::FolderError;
use crate::dataset::Manifest;
use crate::dataset::folder::Folder;
use crate::record::Line;
use crate::record::OutcomeRecord;
use crate::record::PairedRecord;
use crate::record::ReadError;
use crate::record::read;

/// The file that holds the lines as rows.
#[cfg(feature = "parquet")]
const PARQUET: &str = "records.parquet";

/// A layout.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// The record lines alone.
    Jsonl,
    /// A Parquet file of the same lines, a row each.
    #[cfg(feature = "parquet")]
    Parquet,
    /// OpenAI evals: one row a request with `input` and `ideal`.
    OpenaiEvals,
    /// Hugging Face `datasets`: a card and one row a request.
    HuggingFace,
}

/// Says why a layout cannot be written.
#[derive(Debug, thiserror::Error)]
pub enum FormatError {
    /// The snapshot's directory.
    #[error(transparent)]
    Folder(#[from] FolderError),
    /// The record lines cannot be read back.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The Parquet file cannot be written.
    #[cfg(feature = "parquet")]
    #[error(transparent)]
    Parquet(#[from] parquet::FileError),
}

/// A request with what was reported of it.
pub(super) struct Told {
    pub(super) pair: Box<PairedRecord>,
    pub(super) outcomes: Vec<OutcomeRecord>,
}

impl Format {
    const ALL: &[Format] = &[
        Format::Jsonl,
        #[cfg(feature = "parquet")]
        Format::Parquet,
        Format::OpenaiEvals,
        Format::HuggingFace,
    ];

    /// The word that arguments use.
    pub fn as_str(self) -> &'static str {
        match self {
            Format::Jsonl => "jsonl",
            #[cfg(feature = "parquet")]
            Format::Parquet => "parquet",
            Format::OpenaiEvals => "openai-evals",
            Format::HuggingFace => "huggingface",
        }
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Format {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Format::ALL.iter().copied().find(|format| format.as_str() == text).ok_or_else(|| {
            let known: Vec<String> = Format::ALL.iter().map(|format| format!("`{format}`")).collect();
            format!("`{text}` is no format of this build: expected one of {}", known.join(", "))
        })
    }
}

/// Writes what a layout has beside the record lines, which are there already.
pub(super) fn write(format: Format, folder: &mut Folder, manifest: &Manifest) -> Result<(), FormatError> {
    match format {
        Format::Jsonl => Ok(()),
        #[cfg(feature = "parquet")]
        Format::Parquet => {
            parquet::write(&mut read(&folder.aside(&manifest.records))?, &folder.aside(PARQUET))?;
            Ok(folder.adopt(PARQUET)?)
        }
        Format::OpenaiEvals => openai_evals::write(folder, manifest),
        Format::HuggingFace => hugging_face::write(folder, manifest),
    }
}

/// Tells every request of a snapshot that is being made, with its outcomes.
fn each(
    folder: &Folder,
    manifest: &Manifest,
    mut tell: impl FnMut(&Told) -> Result<(), FormatError>,
) -> Result<(), FormatError> {
    let mut told: Option<Told> = None;
    for line in read(&folder.aside(&manifest.records))? {
        match line? {
            Line::Pair(pair) => {
                if let Some(told) = told.replace(Told { pair, outcomes: Vec::new() }) {
                    tell(&told)?;
                }
            }
            Line::Outcome(outcome) => {
                if let Some(told) = &mut told {
                    told.outcomes.push(*outcome);
                }
            }
            Line::Design(_) | Line::Answered(_) | Line::Judgement(_) | Line::Gap(_) => {}
        }
    }
    told.map_or(Ok(()), |told| tell(&told))
}
