//! The glossary of the chat demo: terms of the Jargon File with what they mean.
//!
//! The text comes with the binary; `JARGON.md` tells from where, and that it is in the public domain.

use std::io::Read;

use flate2::read::GzDecoder;

const FILE: &[u8] = include_bytes!("jargon.tsv.gz");

/// A term with what it means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The term, as in `snail-mail`.
    pub term: String,
    /// One to a few sentences.
    pub meaning: String,
}

/// All entries, ordered by term.
#[derive(Debug, Clone)]
pub struct Glossary {
    /// The entries.
    pub entries: Vec<Entry>,
}

/// Says why the glossary cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum GlossaryError {
    /// The file does not unpack.
    #[error("the glossary in the binary does not unpack; it is damaged, build or download it again")]
    Unpack(#[source] std::io::Error),
    /// A line is no entry.
    #[error("line {line} of the glossary in the binary is not a term, a tab and a meaning")]
    Line {
        /// The line, from 1.
        line: usize,
    },
}

impl Entry {
    /// What a model that means this entry says, and what a user holds answers against.
    pub fn sentence(&self) -> String {
        format!("{}: {}", self.term, self.meaning)
    }
}

impl Glossary {
    /// Reads the glossary that comes with the binary.
    pub fn load() -> Result<Self, GlossaryError> {
        let mut text = String::new();
        GzDecoder::new(FILE).read_to_string(&mut text).map_err(GlossaryError::Unpack)?;
        let entry = |(index, line): (usize, &str)| {
            let (term, meaning) = line.split_once('\t').ok_or(GlossaryError::Line { line: index + 1 })?;
            Ok(Entry { term: term.to_owned(), meaning: meaning.to_owned() })
        };
        let entries = text.lines().enumerate().map(entry).collect::<Result<_, _>>()?;
        Ok(Self { entries })
    }
}
