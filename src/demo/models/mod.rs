//! The two models of the demo, each a classifier and a ranker, trained at start on the labelled images.
//!
//! They differ as an old and a new model do: the old one sees the rows' and columns' darkness and draws straight
//! lines between the digits, the new one compares with every image it knows, which costs it more time. Neither knows which of
//! the two it plays in an experiment.

mod neighbours;
mod softmax;

use std::fmt;

use crate::demo::digits::CLASSES;
use crate::demo::digits::Digit;
use crate::demo::digits::PIXELS;
use crate::demo::models::neighbours::Neighbours;
use crate::demo::models::softmax::Softmax;

/// The kinds of model.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Softmax regression on the darkness of rows and columns: small, fast, right for about five images of six.
    Softmax,
    /// The three nearest images out of all known: slower, right for about 49 images of 50.
    Neighbours,
}

/// A trained model.
#[derive(Debug)]
pub struct Model {
    kind: Kind,
    trained: Trained,
}

#[derive(Debug)]
enum Trained {
    Softmax(Box<Softmax>),
    Neighbours(Neighbours),
}

/// One document of a ranked list.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Ranked {
    /// Its place in the catalogue.
    pub document: usize,
    /// The model's estimate of how well it fits the query; higher is better.
    pub score: f32,
}

impl Kind {
    /// Trains a model of this kind; the images become the catalogue that it ranks.
    pub fn train(self, images: &[Digit]) -> Model {
        let trained = match self {
            Kind::Softmax => Trained::Softmax(Box::new(Softmax::train(images))),
            Kind::Neighbours => Trained::Neighbours(Neighbours::train(images)),
        };
        Model { kind: self, trained }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Kind::Softmax => "softmax regression",
            Kind::Neighbours => "nearest neighbours",
        })
    }
}

impl Model {
    /// The model's kind.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// Estimates the probability of each digit.
    pub fn probabilities(&self, image: &[f32; PIXELS]) -> [f32; CLASSES] {
        match &self.trained {
            Trained::Softmax(model) => model.probabilities(image),
            Trained::Neighbours(model) => model.probabilities(image),
        }
    }

    /// Orders the catalogue by how likely a document shows the query's digit, best first, and keeps the top.
    pub fn rank(&self, query: &[f32; PIXELS], depth: usize) -> Vec<Ranked> {
        let scores = match &self.trained {
            Trained::Softmax(model) => model.scores(query),
            Trained::Neighbours(model) => model.scores(query),
        };
        let rank = |(document, score)| Ranked { document, score };
        let mut ranked: Vec<Ranked> = scores.into_iter().enumerate().map(rank).collect();
        let best_first =
            |a: &Ranked, b: &Ranked| b.score.total_cmp(&a.score).then(a.document.cmp(&b.document));
        if depth < ranked.len() {
            ranked.select_nth_unstable_by(depth, best_first);
            ranked.truncate(depth);
        }
        ranked.sort_unstable_by(best_first);
        ranked
    }
}

/// The digit of the highest probability; the lower digit of equal ones.
pub fn most_likely(probabilities: &[f32; CLASSES]) -> u8 {
    let mut best = 0;
    for (digit, probability) in probabilities.iter().enumerate() {
        if *probability > probabilities[best] {
            best = digit;
        }
    }
    best as u8
}

/// The id of the document at a place of the catalogue.
pub fn document_id(place: usize) -> String {
    format!("image-{place:04}")
}

/// The place in the catalogue of the document with an id.
pub fn document_place(id: &str) -> Option<usize> {
    id.strip_prefix("image-")?.parse().ok()
}
