//! The two models of the chat demo, which answer questions out of the glossary: each takes the entry that it thinks
//! the question is about, and says it.
//!
//! They differ in how they search, as an old and a new one do, and in nothing else. Neither knows which of the two it
//! plays in an experiment, nor what users ask.

mod bm25;
mod overlap;

use std::fmt;
use std::sync::Arc;

use crate::demo::chat::glossary::Entry;
use crate::demo::chat::glossary::Glossary;
use crate::demo::chat::models::bm25::Bm25;
use crate::demo::chat::models::overlap::Overlap;

/// The kinds of model.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// The entry that shares most words with the question; `used` counts as much as `daemon`.
    Overlap,
    /// The entry of the highest BM25 score: rare words count more, and words by their stems.
    Bm25,
}

/// A model that has read the glossary.
#[derive(Debug)]
pub struct Retriever {
    kind: Kind,
    glossary: Arc<Glossary>,
    index: Index,
}

#[derive(Debug)]
enum Index {
    Overlap(Overlap),
    Bm25(Bm25),
}

impl Kind {
    /// Reads the glossary.
    pub fn read(self, glossary: Arc<Glossary>) -> Retriever {
        let index = match self {
            Kind::Overlap => Index::Overlap(Overlap::read(&glossary.entries)),
            Kind::Bm25 => Index::Bm25(Bm25::read(&glossary.entries)),
        };
        Retriever { kind: self, glossary, index }
    }

    /// The name under which it is served.
    pub fn name(self) -> &'static str {
        match self {
            Kind::Overlap => "retriever-overlap",
            Kind::Bm25 => "retriever-bm25",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl Retriever {
    /// The model's kind.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// The entry that fits what was asked best; `None` where no word of it is known.
    pub fn find(&self, asked: &str) -> Option<&Entry> {
        let scores = match &self.index {
            Index::Overlap(index) => index.scores(asked),
            Index::Bm25(index) => index.scores(asked),
        };
        best(&scores).and_then(|place| self.glossary.entries.get(place))
    }

    /// Answers what was asked.
    pub fn answer(&self, asked: &str) -> String {
        self.find(asked).map_or_else(|| "I do not know.".to_owned(), Entry::sentence)
    }
}

/// The place of the highest score above 0; the first of equal ones.
pub(super) fn best(scores: &[f64]) -> Option<usize> {
    let mut best = None;
    for (place, score) in scores.iter().enumerate() {
        if *score > best.map_or(0.0, |best: usize| scores[best]) {
            best = Some(place);
        }
    }
    best
}
