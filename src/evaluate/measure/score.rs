//! The score of one example, where a measure is a mean of such.

use crate::evaluate::NoValue;
use crate::evaluate::generation;
use crate::evaluate::measure::Example;
use crate::evaluate::measure::Kind;
use crate::evaluate::measure::Measure;
use crate::evaluate::measure::Scale;
use crate::evaluate::probabilistic;
use crate::evaluate::probabilistic::ClassProbabilities;
use crate::evaluate::ranking;
use crate::evaluate::ranking::Gain;
use crate::evaluate::ranking::Judged;
use crate::evaluate::regression::Residuals;
use crate::evaluate::regression::ZeroTarget;
use crate::evaluate::sound;
use crate::evaluate::text;
use crate::evaluate::text::BleuOrders;
use crate::evaluate::text::BleuReading;
use crate::evaluate::text::BleuSmoothing;
use crate::evaluate::text::BleuSums;
use crate::evaluate::text::Chrf;
use crate::evaluate::text::Normalization;
use crate::evaluate::text::Rouge;
use crate::evaluate::text::RougeWords;
use crate::evaluate::vision;
use crate::evaluate::vision::BothEmpty;

/// What an example of another kind of measure gets.
pub(super) const OTHER_SHAPE: NoValue =
    NoValue::Invalid("the example is of another shape than the measure's");

/// How likely a reader of a ranked list goes on to the next item (Webber, Moffat and Zobel 2010).
const PERSISTENCE: f64 = 0.9;

/// By how much rounding may carry a score beyond its scale, relative to the scale.
const ROUNDING: f64 = 1e-9;

impl Measure {
    /// One example's own score, where the measure is a mean of such scores; within [`Measure::scale`].
    ///
    /// # Errors
    /// Where the example has none, or the measure is defined over many examples only.
    pub fn score(&self, example: &Example) -> Result<f64, NoValue> {
        if self.scale() == Scale::Whole {
            return Err(NoValue::Undefined("this measure has no score for one example"));
        }
        let score = match example {
            Example::Classes { predicted, truth } => self.of_classes(predicted, truth),
            Example::Scored { score, positive } => self.of_probability(*score, *positive),
            Example::Distribution { probabilities, truth } => self.of_distribution(probabilities, *truth),
            Example::Tokens { tokens, log_probability } => self.of_tokens(*tokens, *log_probability),
            Example::Numbers { predicted, truth } => self.of_numbers(*predicted, *truth),
            Example::Judged { ranking, gains } => self.of_judged(&Judged::new(ranking, gains)?),
            Example::Rankings { ranking, reference } => self.of_rankings(ranking, reference),
            Example::Texts { hypothesis, references } => self.of_texts(hypothesis, references),
            Example::Masks { predicted, truth } => self.of_masks(predicted, truth),
            Example::Flags(flags) => self.of_flags(flags),
            Example::Calls { made, expected, right } => self.of_calls(*made, *expected, *right),
            Example::Similarities { similarities, noncommittal } => {
                generation::relevance_of_similarities(similarities, noncommittal)
            }
            Example::Confidence { .. } | Example::Point { .. } | Example::Bleu(_) => Err(OTHER_SHAPE),
            Example::Survival { .. } | Example::Boxes { .. } | Example::Marks { .. } => Err(OTHER_SHAPE),
        };
        self.within_scale(score?)
    }

    fn within_scale(&self, score: f64) -> Result<f64, NoValue> {
        let (lower, upper) = match self.scale() {
            Scale::Binary => (0.0, 1.0),
            Scale::Bounded { lower, upper } => (lower, upper),
            Scale::Unbounded | Scale::Whole => return sound::in_range(score),
        };
        let slack = ROUNDING * (upper - lower);
        if score >= lower - slack && score <= upper + slack {
            Ok(score.clamp(lower, upper))
        } else {
            Err(NoValue::Invalid("the score lies outside the measure's scale"))
        }
    }

    fn of_classes(&self, predicted: &str, truth: &str) -> Result<f64, NoValue> {
        match self.kind {
            Kind::Accuracy => Ok(f64::from(predicted == truth)),
            _ => Err(OTHER_SHAPE),
        }
    }

    fn of_probability(&self, probability: f64, positive: bool) -> Result<f64, NoValue> {
        match self.kind {
            Kind::LogLoss => probabilistic::log_loss(&[positive], &[probability], None),
            Kind::Brier => probabilistic::brier(&[positive], &[probability], None),
            _ => Err(OTHER_SHAPE),
        }
    }

    fn of_distribution(&self, probabilities: &[f64], truth: usize) -> Result<f64, NoValue> {
        let (truth, rows) = ([truth], [probabilities.to_vec()]);
        let one = ClassProbabilities::new(probabilities.len(), &truth, &rows)?;
        match self.kind {
            Kind::LogLoss => one.log_loss(None),
            Kind::Brier => one.brier(None),
            _ => Err(OTHER_SHAPE),
        }
    }

    fn of_tokens(&self, tokens: u64, log_probability: f64) -> Result<f64, NoValue> {
        match self.kind {
            Kind::Perplexity => perplexity(tokens as f64, log_probability),
            _ => Err(OTHER_SHAPE),
        }
    }

    fn of_numbers(&self, predicted: f64, truth: f64) -> Result<f64, NoValue> {
        let mut residuals = Residuals::default();
        residuals.add(truth, predicted)?;
        match self.kind {
            Kind::Mae => residuals.mae(),
            Kind::Mse => residuals.mse(),
            Kind::Mape => residuals.mape(ZeroTarget::Undefined),
            Kind::Smape => residuals.smape(),
            _ => Err(OTHER_SHAPE),
        }
    }

    fn of_judged(&self, judged: &Judged) -> Result<f64, NoValue> {
        match self.kind {
            Kind::Ndcg => judged.ndcg(self.k, Gain::Linear),
            Kind::Mrr => judged.reciprocal_rank(self.k),
            Kind::Map => judged.average_precision(self.k),
            Kind::PrecisionAtK => judged.precision_at(self.k),
            Kind::RecallAtK => judged.recall_at(self.k),
            Kind::HitAtK => judged.hit_at(self.k),
            _ => Err(OTHER_SHAPE),
        }
    }

    fn of_rankings(&self, ranking: &[String], reference: &[String]) -> Result<f64, NoValue> {
        let cut = |list: &'_ [String]| list.len().min(self.k.unwrap_or(usize::MAX));
        match self.kind {
            Kind::Rbo => {
                ranking::rbo_ext(&ranking[..cut(ranking)], &reference[..cut(reference)], PERSISTENCE)
            }
            Kind::KendallTau => ranking::kendall_tau_ranked(ranking, reference),
            Kind::Overlap => {
                let all = ranking.len().max(reference.len()).max(1);
                ranking::overlap_at(ranking, reference, self.k.unwrap_or(all))
            }
            _ => Err(OTHER_SHAPE),
        }
    }

    /// Of several references the nearest counts.
    fn of_texts(&self, hypothesis: &str, references: &[String]) -> Result<f64, NoValue> {
        let all: Vec<&str> = references.iter().map(String::as_str).collect();
        let most = |score: &dyn Fn(&str) -> f64| {
            let scores = all.iter().map(|reference| score(reference));
            scores.reduce(f64::max).ok_or(NoValue::Undefined("there is no reference"))
        };
        let least = |score: fn(&str, &str) -> Result<f64, NoValue>| {
            let mut scores = all.iter().map(|reference| score(reference, hypothesis));
            let first = scores.next().unwrap_or(Err(NoValue::Undefined("there is no reference")));
            scores.fold(first, |best, next| match (best, next) {
                (Ok(best), Ok(next)) => Ok(best.min(next)),
                (best, next) => best.or(next),
            })
        };
        let rouge =
            |rouge: Rouge| most(&|reference| rouge.score(RougeWords::Unicode, reference, hypothesis).f1);
        match self.kind {
            Kind::SentenceBleu => BleuSums::of(hypothesis, &all, BleuReading::default())?
                .score(BleuSmoothing::Exponential, BleuOrders::Effective)
                .map(|bleu| bleu.score),
            Kind::Chrf => Chrf::CHRF.score(hypothesis, &all),
            Kind::Rouge1 => rouge(Rouge::One),
            Kind::Rouge2 => rouge(Rouge::Two),
            Kind::RougeL => rouge(Rouge::Longest),
            Kind::RougeLsum => rouge(Rouge::LongestByLine),
            Kind::ExactMatch => {
                most(&|reference| f64::from(text::exact_match(reference, hypothesis, Normalization::Squad)))
            }
            Kind::TokenF1 => most(&|reference| text::token_f1(reference, hypothesis, Normalization::Squad)),
            Kind::EditSimilarity => most(&|reference| text::edit_similarity(reference, hypothesis)),
            Kind::Wer => least(text::word_error_rate),
            Kind::Cer => least(text::character_error_rate),
            _ => Err(OTHER_SHAPE),
        }
    }

    /// Of several labels the mean over those that either mask shows: most pictures lack most classes.
    fn of_masks(&self, predicted: &[u32], truth: &[u32]) -> Result<f64, NoValue> {
        const UNDEFINED: BothEmpty = BothEmpty::Undefined;
        let labels = self.labels.len() as u32;
        let shown: Vec<u32> = match self.positive {
            None if labels > 0 => {
                (0..labels).filter(|label| predicted.contains(label) || truth.contains(label)).collect()
            }
            // A mask of one class against the rest holds 1 and 0.
            _ => vec![1],
        };
        if shown.is_empty() {
            return Err(NoValue::Undefined("both masks are empty"));
        }
        match self.kind {
            Kind::Dice => vision::macro_dice(truth, predicted, &shown, UNDEFINED),
            Kind::Iou => vision::macro_iou(truth, predicted, &shown, UNDEFINED),
            _ => Err(OTHER_SHAPE),
        }
    }

    fn of_calls(&self, made: usize, expected: usize, right: usize) -> Result<f64, NoValue> {
        match self.kind {
            Kind::ToolCallAccuracy => Ok(f64::from(u8::from(made == right && expected == right))),
            // Rightly none.
            Kind::ToolCallF1 if made + expected == 0 => Ok(1.0),
            Kind::ToolCallF1 => Ok(2.0 * right as f64 / (made + expected) as f64),
            _ => Err(OTHER_SHAPE),
        }
    }

    fn of_flags(&self, flags: &[bool]) -> Result<f64, NoValue> {
        match self.kind {
            Kind::ContextPrecision => generation::context_precision(flags),
            Kind::ContextRecall => generation::context_recall(flags),
            Kind::Faithfulness => generation::faithfulness(flags),
            _ => Err(OTHER_SHAPE),
        }
    }
}

/// From the sum of the tokens' natural log-probabilities.
pub(super) fn perplexity(tokens: f64, log_probability: f64) -> Result<f64, NoValue> {
    sound::in_range(sound::ratio(-log_probability, tokens, "there are no tokens")?.exp())
}
