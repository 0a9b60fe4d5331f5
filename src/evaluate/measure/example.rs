//! Examples: one request as a measure sees it, in as few bytes as its metric needs, since samples of them are kept.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde::Serialize;

use crate::evaluate::text::BleuSums;

/// One request as a measure sees it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Example {
    /// A class and the true one.
    Classes {
        /// What the model said.
        predicted: String,
        /// What was true.
        truth: String,
    },
    /// How strongly the model held that the class is the positive one.
    Scored {
        /// A probability; where only the order counts, any number.
        score: f64,
        /// Whether it was.
        positive: bool,
    },
    /// Probabilities of all classes.
    Distribution {
        /// In the order of the measure's labels; they add up to 1.
        probabilities: Vec<f64>,
        /// The place of the true class among the labels.
        truth: usize,
    },
    /// How sure the model was of its answer.
    Confidence {
        /// From 0 to 1.
        confidence: f64,
        /// Whether the answer was right.
        correct: bool,
    },
    /// A text by its tokens.
    Tokens {
        /// How many, at least 1.
        tokens: u64,
        /// The sum of their natural log-probabilities.
        log_probability: f64,
    },
    /// A number and the true one.
    Numbers {
        /// What the model said.
        predicted: f64,
        /// What was true.
        truth: f64,
    },
    /// A point and the cluster that it was put into.
    Point {
        /// Its coordinates.
        features: Vec<f64>,
        /// The cluster.
        cluster: String,
    },
    /// A ranked list of items and what each is worth.
    Judged {
        /// The items, best first, each once.
        ranking: Vec<String>,
        /// What judged items are worth; others are worth 0.
        gains: BTreeMap<String, f64>,
    },
    /// Two ranked lists.
    Rankings {
        /// The model's, best first, each item once.
        ranking: Vec<String>,
        /// The one that it is held against, likewise.
        reference: Vec<String>,
    },
    /// A text and those that it should have been.
    Texts {
        /// What the model wrote.
        hypothesis: String,
        /// What it should have written, any of them.
        references: Vec<String>,
    },
    /// What BLEU needs of a text, without the text.
    Bleu(BleuSums),
    /// A subject that was followed until an event or until it left.
    Survival {
        /// How early the model foretold the event; higher is earlier.
        risk: f64,
        /// How long the subject was followed.
        time: f64,
        /// Whether that ended with the event.
        event: bool,
    },
    /// Two masks of one picture, pixel by pixel.
    Masks {
        /// By pixel the place of the class among the measure's labels; of one class against the rest 1 or 0.
        predicted: Vec<u32>,
        /// The same of what was true.
        truth: Vec<u32>,
    },
    /// Objects in a picture.
    Boxes {
        /// Those that the model found.
        found: Vec<FoundBox>,
        /// Those that are there.
        truth: Vec<TrueBox>,
    },
    /// Lesions in a picture.
    Marks {
        /// How many are there.
        lesions: usize,
        /// What the model marked.
        marks: Vec<Mark>,
    },
    /// What was found of each source or claim, in their order.
    Flags(Vec<bool>),
    /// Calls of tools in one answer, held against those that it should have made.
    Calls {
        /// How many it made.
        made: usize,
        /// How many it should have made.
        expected: usize,
        /// How many of them are the same: the same tool with the same arguments.
        right: usize,
    },
    /// How near the question is to questions that were made up from the answer.
    Similarities {
        /// Cosines, from -1 to 1.
        similarities: Vec<f64>,
        /// By question whether it was found noncommittal.
        noncommittal: Vec<bool>,
    },
}

/// An object that a model found.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FoundBox {
    /// What it is.
    pub class: String,
    /// Left, top, right, bottom.
    pub corners: [f64; 4],
    /// How sure the model is.
    pub score: f64,
}

/// An object that is there.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TrueBox {
    /// What it is.
    pub class: String,
    /// Left, top, right, bottom.
    pub corners: [f64; 4],
}

/// A mark that a model set.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Mark {
    /// How sure the model is.
    pub score: f64,
    /// The lesion that it hits, by its number from 0; `None`: a false mark.
    pub lesion: Option<usize>,
}

impl Example {
    /// What it holds in memory, in bytes, roughly.
    pub fn held_bytes(&self) -> usize {
        const ENTRY: usize = 32;
        let texts = |texts: &[String]| texts.iter().map(|text| ENTRY + text.len()).sum::<usize>();
        96 + match self {
            Example::Classes { predicted, truth } => predicted.len() + truth.len(),
            Example::Scored { .. } | Example::Confidence { .. } | Example::Tokens { .. } => 0,
            Example::Numbers { .. } | Example::Bleu(_) | Example::Survival { .. } => 0,
            Example::Calls { .. } => 0,
            Example::Distribution { probabilities, .. } => 8 * probabilities.len(),
            Example::Point { features, cluster } => 8 * features.len() + cluster.len(),
            Example::Judged { ranking, gains } => {
                texts(ranking) + gains.keys().map(|item| 2 * ENTRY + item.len()).sum::<usize>()
            }
            Example::Rankings { ranking, reference } => texts(ranking) + texts(reference),
            Example::Texts { hypothesis, references } => hypothesis.len() + texts(references),
            Example::Masks { predicted, truth } => 4 * (predicted.len() + truth.len()),
            Example::Boxes { found, truth } => {
                let classes = found.iter().map(|one| &one.class).chain(truth.iter().map(|one| &one.class));
                classes.map(|class| 2 * ENTRY + class.len()).sum()
            }
            Example::Marks { marks, .. } => ENTRY * marks.len(),
            Example::Flags(flags) => flags.len(),
            Example::Similarities { similarities, .. } => 9 * similarities.len(),
        }
    }
}
