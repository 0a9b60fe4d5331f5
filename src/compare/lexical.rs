//! How alike two texts are by their letters and words, on one scale for all measures.

use std::borrow::Cow;

use crate::compare::Normalize;
use crate::compare::rule::Finding;
use crate::compare::text::similarity;
use crate::evaluate::measure::Example;
use crate::evaluate::measure::Kind;
use crate::evaluate::measure::Measure;
use crate::evaluate::measure::Scale;

/// Up to how many characters of a text are looked at by measures of n-grams and words: a bound on time.
const LONGEST: usize = 20_000;

/// A measure of how alike two texts are, from 0 to 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Lexical {
    /// 1 minus the edits that make one the other, as a share of the longer one's characters.
    #[default]
    EditSimilarity,
    /// chrF: what they share of runs of one to six characters.
    Chrf,
    /// BLEU of the one against legacy's, of orders that both are long enough for.
    SentenceBleu,
    /// ROUGE-L: the longest common subsequence of words.
    RougeL,
    /// What they share of words, in any order.
    TokenF1,
}

/// When texts are alike.
#[derive(Debug, Clone, PartialEq)]
pub struct Alike {
    /// How alike they are.
    pub measure: Lexical,
    /// From which value on they agree, 0 to 1.
    pub least: f64,
    /// What is no difference.
    pub normalize: Vec<Normalize>,
}

impl Lexical {
    /// All of them.
    pub const ALL: [Lexical; 5] =
        [Lexical::EditSimilarity, Lexical::Chrf, Lexical::SentenceBleu, Lexical::RougeL, Lexical::TokenF1];

    /// The word that policies use, which is the metric's.
    pub fn word(self) -> &'static str {
        self.kind().word()
    }

    /// How alike a text is to legacy's: 1 for equal ones. Of texts that are too long to be looked at in whole the rest
    /// counts as different throughout, so that they are never said to be nearer than they are.
    pub fn of(self, legacy: &str, other: &str) -> f64 {
        if legacy == other {
            return 1.0;
        }
        if self == Lexical::EditSimilarity {
            return similarity(legacy, other);
        }
        let (own, seen_of_own) = beginning(legacy);
        let (theirs, seen_of_theirs) = beginning(other);
        let measure = Measure::of(self.kind());
        let Scale::Bounded { upper, .. } = measure.scale() else { return 0.0 };
        let texts = Example::Texts { hypothesis: theirs.to_owned(), references: vec![own.to_owned()] };
        measure.score(&texts).map_or(0.0, |score| score / upper) * seen_of_own.min(seen_of_theirs)
    }

    fn kind(self) -> Kind {
        match self {
            Lexical::EditSimilarity => Kind::EditSimilarity,
            Lexical::Chrf => Kind::Chrf,
            Lexical::SentenceBleu => Kind::SentenceBleu,
            Lexical::RougeL => Kind::RougeL,
            Lexical::TokenF1 => Kind::TokenF1,
        }
    }
}

impl Alike {
    /// Holds texts against legacy's, one by one. The score is the least value.
    pub(super) fn compare(&self, legacy: &[&str], other: &[&str]) -> Finding {
        if legacy.len() != other.len() {
            return Finding::plain(false);
        }
        let values = legacy.iter().zip(other).map(|(legacy, other)| self.value(legacy, other));
        let least = values.fold(1.0, f64::min);
        Finding::scored(least >= self.least, Some(least))
    }

    fn value(&self, legacy: &str, other: &str) -> f64 {
        self.measure.of(&self.normal(legacy), &self.normal(other))
    }

    /// A text without what is no difference.
    fn normal<'t>(&self, text: &'t str) -> Cow<'t, str> {
        self.normalize.iter().fold(Cow::Borrowed(text), |text, normalize| match normalize {
            Normalize::Case => Cow::Owned(text.to_lowercase()),
            Normalize::Whitespace => Cow::Owned(text.split_whitespace().collect::<Vec<_>>().join(" ")),
        })
    }
}

/// As much of a text as is looked at, and which share of it that is.
fn beginning(text: &str) -> (&str, f64) {
    match text.char_indices().nth(LONGEST) {
        None => (text, 1.0),
        Some((end, _)) => (&text[..end], LONGEST as f64 / text.chars().count() as f64),
    }
}
