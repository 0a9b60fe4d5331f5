//! chrF and chrF++ (Popovic 2015, 2017) of one text, as sacreBLEU 2 computes them: an F-score over n-grams of
//! characters, and for chrF++ of words too. Works in any script without a tokenizer.

use std::hash::Hash;

use crate::evaluate::NoValue;
use crate::evaluate::sound;
use crate::evaluate::text::ngrams;
use crate::evaluate::text::words::is_space;
use crate::evaluate::text::words::words;

/// Which n-grams are counted, and how much recall weighs.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Chrf {
    /// N-grams of 1 to this many characters, white space left out.
    pub character_orders: usize,
    /// N-grams of 1 to this many words; 0: none.
    pub word_orders: usize,
    /// How many times as much as precision recall weighs; above 0.
    pub beta: f64,
}

/// The sums over the orders that both texts are long enough for.
#[derive(Default)]
struct Sums {
    precision: f64,
    recall: f64,
    orders: f64,
}

impl Chrf {
    /// chrF: six orders of characters, recall twice as important.
    pub const CHRF: Self = Self { character_orders: 6, word_orders: 0, beta: 2.0 };

    /// chrF++: chrF with two orders of words.
    pub const PLUS_PLUS: Self = Self { word_orders: 2, ..Self::CHRF };

    /// The score from 0 to 100; of several references that of the one it is highest for. An order that either text
    /// is too short for is skipped; without any that is left the score is 0, as for an empty text.
    ///
    /// Takes time in proportion to the texts and the number of orders, and memory in proportion to the texts.
    ///
    /// # Errors
    /// [`NoValue::Undefined`] without a reference; [`NoValue::Invalid`] when no order is asked for, or beta is not a
    /// finite number above 0.
    pub fn score(self, hypothesis: &str, references: &[&str]) -> Result<f64, NoValue> {
        let Self { character_orders, word_orders, beta } = self;
        if character_orders + word_orders == 0 {
            return Err(NoValue::Invalid("no order of n-grams is asked for"));
        }
        if !(beta > 0.0 && beta.is_finite()) {
            return Err(NoValue::Invalid("beta is not a finite number above 0"));
        }
        let scores = references.iter().map(|reference| self.against(hypothesis, reference));
        let best = scores.reduce(f64::max).ok_or(NoValue::Undefined("there is no reference"))?;
        sound::in_range(best)
    }

    fn against(self, hypothesis: &str, reference: &str) -> f64 {
        let mut sums = Sums::default();
        sums.add(&characters(hypothesis), &characters(reference), self.character_orders);
        if self.word_orders > 0 {
            sums.add(&split_words(hypothesis), &split_words(reference), self.word_orders);
        }
        sums.f_score(self.beta)
    }
}

impl Sums {
    fn add<T: Eq + Hash>(&mut self, hypothesis: &[T], reference: &[T], orders: usize) {
        let present = orders.min(hypothesis.len()).min(reference.len());
        for order in 1..=present {
            let found = ngrams::counted(hypothesis, order);
            let matched = ngrams::shared(&found, &ngrams::counted(reference, order)) as f64;
            self.precision += matched / (hypothesis.len() + 1 - order) as f64;
            self.recall += matched / (reference.len() + 1 - order) as f64;
            self.orders += 1.0;
        }
    }

    fn f_score(self, beta: f64) -> f64 {
        if self.precision + self.recall == 0.0 {
            return 0.0;
        }
        let (precision, recall) = (self.precision / self.orders, self.recall / self.orders);
        let factor = beta * beta;
        100.0 * ((1.0 + factor) * precision * recall) / (factor * precision + recall)
    }
}

fn characters(text: &str) -> Vec<char> {
    text.chars().filter(|c| !is_space(*c)).collect()
}

/// Words, with one mark of ASCII punctuation at the end, or else at the beginning, as a word of its own.
fn split_words(text: &str) -> Vec<&str> {
    let mark = |c: char| c.is_ascii_punctuation();
    let split = |word: &'_ str| match word.len() {
        length if length > 1 && word.ends_with(mark) => length - 1,
        length if length > 1 && word.starts_with(mark) => 1,
        length => length,
    };
    let parts = words(text).flat_map(|word| <[&str; 2]>::from(word.split_at(split(word))));
    parts.filter(|part| !part.is_empty()).collect()
}
