//! The measures by name: which values each needs, on what scale it lies, and which way is better.

use serde::Deserialize;
use serde::Serialize;

use crate::evaluate::measure::Input;

/// Every measure that a policy may name; the word is the variant in snake case.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "each is the metric of its name, defined in the module of its family")]
pub enum Kind {
    Accuracy,
    Precision,
    Recall,
    F1,
    Fbeta,
    Specificity,
    BalancedAccuracy,
    Mcc,
    RocAuc,
    AveragePrecision,
    LogLoss,
    Brier,
    Ece,
    Perplexity,
    Mae,
    Mse,
    Rmse,
    R2,
    AdjustedR2,
    Mape,
    Smape,
    ExplainedVariance,
    MedianAe,
    MaxError,
    Silhouette,
    DaviesBouldin,
    CalinskiHarabasz,
    Ndcg,
    Mrr,
    Map,
    PrecisionAtK,
    RecallAtK,
    HitAtK,
    Rbo,
    KendallTau,
    Overlap,
    Bleu,
    SentenceBleu,
    Rouge1,
    Rouge2,
    RougeL,
    RougeLsum,
    Chrf,
    ExactMatch,
    TokenF1,
    EditSimilarity,
    Wer,
    Cer,
    CIndex,
    TdAuc,
    Dice,
    Iou,
    DetectionMap,
    Froc,
    ContextPrecision,
    ContextRecall,
    Faithfulness,
    AnswerRelevance,
}

/// On what scale a measure's value for one example lies.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Scale {
    /// 0 or 1, 1 being good: right or wrong.
    Binary,
    /// Within these bounds.
    Bounded {
        /// The least.
        lower: f64,
        /// The most.
        upper: f64,
    },
    /// Any finite number.
    Unbounded,
    /// One example has none: the measure is of many examples together.
    Whole,
}

/// Which way is better.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Better {
    /// More is better.
    Higher,
    /// Less is better.
    Lower,
}

/// How figures of single classes become one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Average {
    /// That of the positive class alone.
    Binary,
    /// The plain mean over the classes.
    Macro,
    /// From the counts of all classes together.
    Micro,
    /// The mean weighted by how often each class is true.
    Weighted,
}

impl Kind {
    /// On what scale one example's score lies.
    pub fn scale(self) -> Scale {
        use Kind as K;
        const UNIT: Scale = Scale::Bounded { lower: 0.0, upper: 1.0 };
        match self {
            K::Accuracy | K::ExactMatch | K::HitAtK => Scale::Binary,
            // Clipped at a probability of 2^-52.
            K::LogLoss => Scale::Bounded { lower: 0.0, upper: 52.0 * std::f64::consts::LN_2 },
            // Several classes: the sum over them of squared differences.
            K::Brier | K::Smape => Scale::Bounded { lower: 0.0, upper: 2.0 },
            K::SentenceBleu | K::Chrf => Scale::Bounded { lower: 0.0, upper: 100.0 },
            K::KendallTau | K::AnswerRelevance => Scale::Bounded { lower: -1.0, upper: 1.0 },
            K::Ndcg | K::Mrr | K::Map | K::PrecisionAtK | K::RecallAtK | K::Rbo | K::Overlap => UNIT,
            K::Rouge1 | K::Rouge2 | K::RougeL | K::RougeLsum | K::TokenF1 | K::EditSimilarity => UNIT,
            K::Dice | K::Iou | K::ContextPrecision | K::ContextRecall | K::Faithfulness => UNIT,
            K::Mae | K::Mse | K::Mape | K::Wer | K::Cer | K::Perplexity => Scale::Unbounded,
            K::Precision | K::Recall | K::F1 | K::Fbeta | K::Specificity | K::BalancedAccuracy | K::Mcc => {
                Scale::Whole
            }
            K::RocAuc | K::AveragePrecision | K::Ece => Scale::Whole,
            K::Rmse | K::R2 | K::AdjustedR2 | K::ExplainedVariance | K::MedianAe | K::MaxError => {
                Scale::Whole
            }
            K::Silhouette | K::DaviesBouldin | K::CalinskiHarabasz => Scale::Whole,
            K::Bleu | K::CIndex | K::TdAuc | K::DetectionMap | K::Froc => Scale::Whole,
        }
    }

    /// Which way is better.
    pub fn better(self) -> Better {
        use Kind as K;
        match self {
            K::LogLoss | K::Brier | K::Ece | K::Perplexity | K::DaviesBouldin | K::Wer | K::Cer => {
                Better::Lower
            }
            K::Mae | K::Mse | K::Rmse | K::Mape | K::Smape | K::MedianAe | K::MaxError => Better::Lower,
            _ => Better::Higher,
        }
    }

    /// The values without which it says nothing.
    pub fn inputs(self) -> &'static [Input] {
        use Kind as K;
        match self {
            K::RocAuc | K::AveragePrecision | K::LogLoss | K::Brier => &[Input::Score, Input::Truth],
            K::Ece => &[Input::Prediction, Input::Score, Input::Truth],
            K::Perplexity => &[Input::Score],
            K::Silhouette | K::DaviesBouldin | K::CalinskiHarabasz => &[Input::Prediction, Input::Context],
            K::ContextPrecision | K::ContextRecall => &[Input::Context, Input::Truth],
            K::Faithfulness | K::AnswerRelevance => &[Input::Truth],
            _ => &[Input::Prediction, Input::Truth],
        }
    }

    /// The word that the policy uses.
    pub fn word(self) -> String {
        match serde_json::to_value(self) {
            Ok(serde_json::Value::String(word)) => word,
            _ => String::new(),
        }
    }
}
