//! The measures by name: which values each needs, on what scale it lies, and which way is better.

use serde::Deserialize;
use serde::Serialize;

use crate::evaluate::measure::Input;

/// Declares the measures with the words of the policy, once for the type, the list and the words.
macro_rules! kinds {
    ($($kind:ident = $word:literal,)*) => {
        /// Every measure that a policy may name.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[expect(missing_docs, reason = "each is the metric of its name, defined in the module of its family")]
        pub enum Kind {
            $(#[serde(rename = $word)] $kind,)*
        }

        impl Kind {
            /// Every measure, by family.
            pub const ALL: [Kind; [$($word),*].len()] = [$(Kind::$kind),*];

            /// The word that the policy uses.
            pub fn word(self) -> &'static str {
                match self {
                    $(Kind::$kind => $word,)*
                }
            }
        }
    };
}

kinds! {
    Accuracy = "accuracy",
    Precision = "precision",
    Recall = "recall",
    F1 = "f1",
    Fbeta = "fbeta",
    Specificity = "specificity",
    BalancedAccuracy = "balanced_accuracy",
    Mcc = "mcc",
    RocAuc = "roc_auc",
    AveragePrecision = "average_precision",
    LogLoss = "log_loss",
    Brier = "brier",
    Ece = "ece",
    Perplexity = "perplexity",
    Mae = "mae",
    Mse = "mse",
    Rmse = "rmse",
    R2 = "r2",
    AdjustedR2 = "adjusted_r2",
    Mape = "mape",
    Smape = "smape",
    ExplainedVariance = "explained_variance",
    MedianAe = "median_ae",
    MaxError = "max_error",
    Silhouette = "silhouette",
    DaviesBouldin = "davies_bouldin",
    CalinskiHarabasz = "calinski_harabasz",
    Ndcg = "ndcg",
    Mrr = "mrr",
    Map = "map",
    PrecisionAtK = "precision_at_k",
    RecallAtK = "recall_at_k",
    HitAtK = "hit_at_k",
    Rbo = "rbo",
    KendallTau = "kendall_tau",
    Overlap = "overlap",
    Bleu = "bleu",
    SentenceBleu = "sentence_bleu",
    Rouge1 = "rouge1",
    Rouge2 = "rouge2",
    RougeL = "rouge_l",
    RougeLsum = "rouge_lsum",
    Chrf = "chrf",
    ExactMatch = "exact_match",
    TokenF1 = "token_f1",
    EditSimilarity = "edit_similarity",
    Wer = "wer",
    Cer = "cer",
    CIndex = "c_index",
    TdAuc = "td_auc",
    Dice = "dice",
    Iou = "iou",
    DetectionMap = "detection_map",
    Froc = "froc",
    ContextPrecision = "context_precision",
    ContextRecall = "context_recall",
    Faithfulness = "faithfulness",
    AnswerRelevance = "answer_relevance",
    ToolCallAccuracy = "tool_call_accuracy",
    ToolCallF1 = "tool_call_f1",
    JudgePass = "judge_pass",
    JudgeScore = "judge_score",
    JudgePreference = "judge_preference",
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
            K::Accuracy | K::ExactMatch | K::HitAtK | K::JudgePass | K::JudgePreference => Scale::Binary,
            K::ToolCallAccuracy => Scale::Binary,
            // Clipped at a probability of 2^-52.
            K::LogLoss => Scale::Bounded { lower: 0.0, upper: 52.0 * std::f64::consts::LN_2 },
            // Several classes: the sum over them of squared differences.
            K::Brier | K::Smape => Scale::Bounded { lower: 0.0, upper: 2.0 },
            K::SentenceBleu | K::Chrf => Scale::Bounded { lower: 0.0, upper: 100.0 },
            K::KendallTau | K::AnswerRelevance => Scale::Bounded { lower: -1.0, upper: 1.0 },
            K::Ndcg | K::Mrr | K::Map | K::PrecisionAtK | K::RecallAtK | K::Rbo | K::Overlap => UNIT,
            K::Rouge1 | K::Rouge2 | K::RougeL | K::RougeLsum | K::TokenF1 | K::EditSimilarity => UNIT,
            K::Dice | K::Iou | K::ContextPrecision | K::ContextRecall | K::Faithfulness => UNIT,
            K::JudgeScore | K::ToolCallF1 => UNIT,
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

    /// Whether the value over many examples is the mean of their scores.
    pub fn is_mean(self) -> bool {
        // Of texts' perplexities a long one counts for more.
        self.scale() != Scale::Whole && self != Kind::Perplexity
    }

    /// Whether it is a judge's word, which no policy measures by itself.
    pub fn is_judged(self) -> bool {
        matches!(self, Kind::JudgePass | Kind::JudgeScore | Kind::JudgePreference)
    }

    /// Whether it looks at probabilities, so that their calibration can be shown.
    pub fn is_of_probabilities(self) -> bool {
        matches!(self, Kind::RocAuc | Kind::AveragePrecision | Kind::LogLoss | Kind::Brier | Kind::Ece)
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
            K::JudgePass | K::JudgeScore | K::JudgePreference => &[],
            _ => &[Input::Prediction, Input::Truth],
        }
    }
}
