//! The judge of the chat demo: it knows the glossary, finds out by a method of its own what the question is about, and
//! says which of two answers is nearer to that.
//!
//! Its search is stronger than either model's: words by their stems and rarity, as BM25 does, and besides them the runs
//! of three letters, by which it reads misspelt words too. It sees a question and two answers, never who gave them.

use std::collections::BTreeSet;
use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use serde_json::json;

use crate::demo::chat::fences;
use crate::demo::chat::glossary::Entry;
use crate::demo::chat::glossary::Glossary;
use crate::demo::chat::models::best;
use crate::demo::chat::words::stem;
use crate::demo::chat::words::words;

/// How much nearer an answer must be, of 1, to win.
const MARGIN: f64 = 0.1;
/// How much the length of an entry counts: 0 not at all, 1 as its features' number.
const DAMPING: f64 = 0.3;

/// A judge that has read the glossary.
#[derive(Debug)]
pub struct Judge {
    glossary: Arc<Glossary>,
    /// The entries that hold each feature.
    holders: HashMap<String, Vec<usize>>,
    /// How much each entry's score is divided by, for a long one shares much by chance.
    dampings: Vec<f64>,
}

/// Which answer is better.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Winner {
    /// The first.
    A,
    /// The second.
    B,
    /// Neither.
    Tie,
}

/// What the judge says, as JSON.
#[derive(Debug, Clone, PartialEq)]
pub struct Judged {
    /// Which answer is better.
    pub winner: Winner,
    /// Why.
    pub reason: String,
}

impl Judge {
    /// Reads the glossary.
    pub fn read(glossary: Arc<Glossary>) -> Self {
        let (mut holders, mut dampings) = (HashMap::<String, Vec<usize>>::new(), Vec::new());
        for (place, entry) in glossary.entries.iter().enumerate() {
            let features = features(&entry.sentence());
            dampings.push((features.len() as f64).powf(DAMPING));
            for feature in features {
                holders.entry(feature).or_default().push(place);
            }
        }
        Self { glossary, holders, dampings }
    }

    /// Judges the answers in a prompt.
    ///
    /// # Errors
    /// When question or answers are not in it, saying which.
    pub fn judge(&self, prompt: &str) -> Result<Judged, String> {
        let case = fences::read(prompt)?;
        let Some(right) = self.find(&asked(case.question)) else {
            return Ok(Judged { winner: Winner::Tie, reason: "I do not know what is asked.".to_owned() });
        };
        let truth = right.sentence();
        let (a, b) = (nearness(case.a, &truth), nearness(case.b, &truth));
        let winner = if (a - b).abs() < MARGIN {
            Winner::Tie
        } else if a > b {
            Winner::A
        } else {
            Winner::B
        };
        let reason =
            format!("The question is about `{}`; answer a is {a:.2} near to it, b {b:.2}.", right.term);
        Ok(Judged { winner, reason })
    }

    /// The entry that a question is about; `None` where nothing of it is known.
    pub fn find(&self, question: &str) -> Option<&Entry> {
        let all = self.dampings.len() as f64;
        let mut scores = vec![0.0; self.dampings.len()];
        for holders in features(question).iter().filter_map(|feature| self.holders.get(feature)) {
            let rarity = (1.0 + all / holders.len() as f64).ln();
            for place in holders {
                scores[*place] += rarity / self.dampings[*place];
            }
        }
        best(&scores).and_then(|place| self.glossary.entries.get(place))
    }
}

impl Winner {
    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Winner::A => "a",
            Winner::B => "b",
            Winner::Tie => "tie",
        }
    }
}

impl fmt::Display for Judged {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        json!({"winner": self.winner.as_str(), "reason": self.reason}).fmt(f)
    }
}

/// What users said of a conversation, of which each line begins with who says it; anything else is all the question.
fn asked(question: &str) -> String {
    let said: Vec<&str> = question.lines().filter_map(|line| line.strip_prefix("user: ")).collect();
    if said.is_empty() { question.to_owned() } else { said.join(" ") }
}

/// Stems, and the runs of three letters of each word with its ends marked.
fn features(text: &str) -> BTreeSet<String> {
    let mut features = BTreeSet::new();
    for word in words(text) {
        let marked: Vec<char> = format!("^{word}$").chars().collect();
        features.extend(marked.windows(3).map(|run| run.iter().collect::<String>()));
        features.insert(format!("={}", stem(&word)));
    }
    features
}

/// How much of two texts is the same, 0 to 1: the F1 of their words.
fn nearness(answer: &str, truth: &str) -> f64 {
    let mut left: HashMap<String, usize> = HashMap::new();
    let (answer, truth) = (words(answer), words(truth));
    let all = (answer.len() + truth.len()) as f64;
    for word in truth {
        *left.entry(word).or_default() += 1;
    }
    let mut shared = 0.0;
    for word in answer {
        if let Some(count) = left.get_mut(&word).filter(|count| **count > 0) {
            *count -= 1;
            shared += 1.0;
        }
    }
    if all > 0.0 { 2.0 * shared / all } else { 0.0 }
}
