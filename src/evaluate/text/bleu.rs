//! BLEU (Papineni, Roukos, Ward and Zhu 2002) as sacreBLEU 2 computes it (Post 2018), of orders 1 to 4.
//!
//! The score of a corpus is not the mean over its sentences: counts are added up first. So the sums are a type of
//! their own, which a stream feeds and which merge in any order.

use std::collections::HashMap;

use serde::Deserialize;
use serde::Serialize;

use crate::evaluate::NoValue;
use crate::evaluate::sound;
use crate::evaluate::text::bleu_tokens::BleuReading;
use crate::evaluate::text::ngrams;
use crate::evaluate::text::words::words;

const ORDERS: usize = 4;

/// What BLEU knows of a corpus: counts of n-grams and tokens, which add up. All of one [`BleuReading`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct BleuSums {
    /// Hypotheses that were read.
    pub segments: u64,
    /// Tokens of the hypotheses.
    pub hypothesis_tokens: u64,
    /// Tokens of the references, of several the one nearest in length, of two as near the shorter.
    pub reference_tokens: u64,
    /// By order, the n-grams of hypotheses that are also in a reference, none counted more often than one reference
    /// holds it.
    pub matched: [u64; ORDERS],
    /// By order, the n-grams of hypotheses.
    pub total: [u64; ORDERS],
}

/// What to take for the precision of an order without a match (Chen and Cherry 2014).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
pub enum BleuSmoothing {
    /// As if a half matched, at the next such order a quarter, and so on: their method 3.
    #[default]
    #[serde(rename = "exp")]
    Exponential,
    /// As if a tenth matched: their method 1.
    #[serde(rename = "floor")]
    Floor,
    /// One match and one n-gram more at each order above the first: their method 2.
    #[serde(rename = "add-k")]
    AddOne,
    /// 0, which makes the score 0.
    #[serde(rename = "none")]
    None,
}

/// Which orders enter the score.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BleuOrders {
    /// All four, for a corpus: one whose texts are all shorter than four tokens scores 0.
    All,
    /// Those that the hypotheses are long enough for, for single sentences.
    Effective,
}

/// A BLEU score and what it is made of.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Bleu {
    /// From 0 to 100, where rounding may exceed 100 by a few units in the last place.
    pub score: f64,
    /// What the hypotheses' shortness costs: a factor of at most 1.
    pub brevity_penalty: f64,
    /// By order, in percent, after smoothing.
    pub precisions: [f64; ORDERS],
    /// [`BleuSums::matched`] after smoothing.
    pub matched: [u64; ORDERS],
    /// [`BleuSums::total`] after smoothing.
    pub total: [u64; ORDERS],
}

impl BleuSums {
    /// Reads one hypothesis and its references. Takes time and memory in proportion to the texts.
    ///
    /// # Errors
    /// [`NoValue::Undefined`] without a reference.
    pub fn of(hypothesis: &str, references: &[&str], reading: BleuReading) -> Result<Self, NoValue> {
        if references.is_empty() {
            return Err(NoValue::Undefined("there is no reference"));
        }
        let hypothesis = reading.spaced(hypothesis);
        let hypothesis: Vec<&str> = words(&hypothesis).collect();
        let references: Vec<String> = references.iter().map(|text| reading.spaced(text)).collect();
        let references: Vec<Vec<&str>> = references.iter().map(|text| words(text).collect()).collect();
        let lengths = references.iter().map(Vec::len);
        let nearest = lengths.min_by_key(|length| (length.abs_diff(hypothesis.len()), *length));
        let mut sums = Self {
            segments: 1,
            hypothesis_tokens: hypothesis.len() as u64,
            reference_tokens: nearest.unwrap_or_default() as u64,
            ..Self::default()
        };
        for order in 1..=ORDERS {
            let found = ngrams::counted(&hypothesis, order);
            sums.matched[order - 1] = ngrams::shared(&found, &most_in_one(&references, order));
            sums.total[order - 1] = found.values().sum();
        }
        Ok(sums)
    }

    /// Reads a corpus: hypotheses, and one or more streams of references, each with one for each hypothesis.
    ///
    /// # Errors
    /// [`NoValue::Invalid`] when a stream's length differs; [`NoValue::Undefined`] without hypotheses or streams.
    pub fn of_corpus(
        hypotheses: &[&str],
        streams: &[Vec<&str>],
        reading: BleuReading,
    ) -> Result<Self, NoValue> {
        streams.iter().try_for_each(|stream| sound::same_length(stream.len(), hypotheses.len()))?;
        let mut sums = Self::default();
        for (index, hypothesis) in hypotheses.iter().enumerate() {
            let references: Vec<&str> = streams.iter().map(|stream| stream[index]).collect();
            sums.merge(&Self::of(hypothesis, &references, reading)?);
        }
        sums.known()
    }

    /// Adds what another part of the corpus came to.
    pub fn merge(&mut self, other: &Self) {
        let Self { segments, hypothesis_tokens, reference_tokens, matched, total } = other;
        self.segments += segments;
        self.hypothesis_tokens += hypothesis_tokens;
        self.reference_tokens += reference_tokens;
        for order in 0..ORDERS {
            self.matched[order] += matched[order];
            self.total[order] += total[order];
        }
    }

    /// The score.
    ///
    /// # Errors
    /// [`NoValue::Undefined`] when nothing was read.
    pub fn score(&self, smoothing: BleuSmoothing, orders: BleuOrders) -> Result<Bleu, NoValue> {
        let Self { matched, total, .. } = self.known()?;
        let brevity_penalty = self.brevity_penalty();
        let mut bleu = Bleu { score: 0.0, brevity_penalty, precisions: [0.0; ORDERS], matched, total };
        if matched == [0; ORDERS] {
            return Ok(bleu);
        }
        let mut halved = 1.0;
        let mut effective = 0;
        for order in 0..ORDERS {
            if smoothing == BleuSmoothing::AddOne && order > 0 {
                bleu.matched[order] += 1;
                bleu.total[order] += 1;
            }
            let (matched, total) = (bleu.matched[order] as f64, bleu.total[order] as f64);
            if total == 0.0 {
                break;
            }
            effective = order + 1;
            let counted = match smoothing {
                _ if matched > 0.0 => matched,
                BleuSmoothing::Exponential => {
                    halved /= 2.0;
                    halved
                }
                BleuSmoothing::Floor => 0.1,
                BleuSmoothing::AddOne | BleuSmoothing::None => 0.0,
            };
            bleu.precisions[order] = 100.0 * counted / total;
        }
        let used = match orders {
            BleuOrders::All => ORDERS,
            BleuOrders::Effective => effective,
        };
        let logs: f64 = bleu.precisions[..used].iter().map(|precision| precision.ln()).sum();
        bleu.score = brevity_penalty * (logs / used as f64).exp();
        Ok(bleu)
    }

    fn brevity_penalty(&self) -> f64 {
        let (hypothesis, reference) = (self.hypothesis_tokens as f64, self.reference_tokens as f64);
        if hypothesis >= reference { 1.0 } else { (1.0 - reference / hypothesis).exp() }
    }

    fn known(self) -> Result<Self, NoValue> {
        if self.segments == 0 { Err(NoValue::Undefined("there is no text")) } else { Ok(self) }
    }
}

/// How often each n-gram occurs in the reference that holds it most often.
fn most_in_one<'t>(references: &'t [Vec<&str>], order: usize) -> HashMap<&'t [&'t str], u64> {
    let mut most: HashMap<&[&str], u64> = HashMap::new();
    for reference in references {
        for (run, count) in ngrams::counted(reference, order) {
            let known = most.entry(run).or_default();
            *known = count.max(*known);
        }
    }
    most
}
