//! Which options each measure knows, so that one that would change nothing is not taken for one that does.

#[cfg(test)]
mod tests;

use crate::evaluate::measure::Kind;

/// An option of a measure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Choice {
    /// The classes.
    Labels,
    /// The class that counts as positive.
    Positive,
    /// How classes are averaged.
    Average,
    /// How many items from the top count.
    K,
    /// F-beta's weight of recall.
    Beta,
    /// How many features a regression has.
    Features,
}

impl Choice {
    /// Every option.
    pub const ALL: [Choice; 6] =
        [Choice::Labels, Choice::Positive, Choice::Average, Choice::K, Choice::Beta, Choice::Features];

    /// The key that the policy uses.
    pub fn key(self) -> &'static str {
        match self {
            Choice::Labels => "labels",
            Choice::Positive => "positive",
            Choice::Average => "average",
            Choice::K => "k",
            Choice::Beta => "beta",
            Choice::Features => "features",
        }
    }
}

impl Kind {
    /// The options that it knows.
    pub fn choices(self) -> &'static [Choice] {
        use Choice as C;
        use Kind as K;
        match self {
            K::Precision | K::Recall | K::F1 | K::Specificity => &[C::Labels, C::Positive, C::Average],
            K::Fbeta => &[C::Labels, C::Positive, C::Average, C::Beta],
            K::RocAuc | K::AveragePrecision => &[C::Labels, C::Positive, C::Average],
            K::LogLoss | K::Brier | K::Ece | K::Dice | K::Iou => &[C::Labels, C::Positive],
            K::DetectionMap => &[C::Labels],
            K::Ndcg | K::Mrr | K::Map | K::PrecisionAtK | K::RecallAtK | K::HitAtK => &[C::K],
            K::Rbo | K::Overlap | K::ContextPrecision => &[C::K],
            K::AdjustedR2 => &[C::Features],
            K::Accuracy
            | K::BalancedAccuracy
            | K::Mcc
            | K::Perplexity
            | K::Mae
            | K::Mse
            | K::Rmse
            | K::R2
            | K::Mape
            | K::Smape => &[],
            K::ExplainedVariance | K::MedianAe | K::MaxError => &[],
            K::Silhouette | K::DaviesBouldin | K::CalinskiHarabasz | K::KendallTau => &[],
            K::Bleu | K::SentenceBleu | K::Rouge1 | K::Rouge2 | K::RougeL | K::RougeLsum | K::Chrf => &[],
            K::ExactMatch | K::TokenF1 | K::EditSimilarity | K::Wer | K::Cer | K::CIndex | K::TdAuc => &[],
            K::Froc | K::ContextRecall | K::Faithfulness | K::AnswerRelevance => &[],
            K::ToolCallAccuracy | K::ToolCallF1 => &[],
            K::JudgePass | K::JudgeScore | K::JudgePreference => &[],
        }
    }

    /// The option without which it is not defined.
    pub fn required_choice(self) -> Option<Choice> {
        match self {
            Kind::Fbeta => Some(Choice::Beta),
            Kind::AdjustedR2 => Some(Choice::Features),
            _ => None,
        }
    }

    /// Says whether it may be of each class by itself, averaged over the classes.
    pub fn is_averaged(self) -> bool {
        matches!(self, Kind::Precision | Kind::Recall | Kind::F1 | Kind::Fbeta | Kind::Specificity)
    }

    /// Says whether it holds a ranked list against what a user chose of it.
    pub fn judges_rankings(self) -> bool {
        use Kind as K;
        matches!(self, K::Ndcg | K::Mrr | K::Map | K::PrecisionAtK | K::RecallAtK | K::HitAtK)
    }

    /// Says whether what it takes for the truth is a verdict on the very answer, which the answer may hold itself.
    pub fn is_verdict_on_answer(self) -> bool {
        matches!(self, Kind::Faithfulness | Kind::AnswerRelevance)
    }
}
