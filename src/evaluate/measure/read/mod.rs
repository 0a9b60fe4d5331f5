//! From the JSON values of one request to an example, by what the measure is of.

mod calls;
mod pictures;
mod probabilities;
mod rankings;
mod sources;

use serde_json::Value;

use crate::evaluate::NoValue;
use crate::evaluate::measure::Example;
use crate::evaluate::measure::Inputs;
use crate::evaluate::measure::Kind;
use crate::evaluate::measure::Measure;
use crate::evaluate::measure::json;
use crate::evaluate::text::BleuReading;
use crate::evaluate::text::BleuSums;
use crate::protocol::class_text;

impl Measure {
    /// Reads one request's values.
    ///
    /// # Errors
    /// [`NoValue::Invalid`] when a value is missing or of the wrong shape, with what was expected.
    pub fn example(&self, inputs: Inputs<'_>) -> Result<Example, NoValue> {
        use Kind as K;
        match self.kind {
            K::Accuracy | K::Precision | K::Recall | K::F1 | K::Fbeta | K::Specificity => classes(inputs),
            K::BalancedAccuracy | K::Mcc => classes(inputs),
            K::RocAuc | K::AveragePrecision | K::LogLoss | K::Brier => probabilities::scored(self, inputs),
            K::Ece => probabilities::confidence(self, inputs),
            K::Perplexity => probabilities::tokens(inputs),
            K::Mae | K::Mse | K::Rmse | K::R2 | K::AdjustedR2 | K::Mape | K::Smape => numbers(inputs),
            K::ExplainedVariance | K::MedianAe | K::MaxError => numbers(inputs),
            K::Silhouette | K::DaviesBouldin | K::CalinskiHarabasz => point(inputs),
            K::Ndcg | K::Mrr | K::Map | K::PrecisionAtK | K::RecallAtK | K::HitAtK => {
                rankings::judged(inputs)
            }
            K::Rbo | K::KendallTau | K::Overlap => rankings::both(inputs),
            K::Bleu => bleu(inputs),
            K::SentenceBleu | K::Rouge1 | K::Rouge2 | K::RougeL | K::RougeLsum | K::Chrf => texts(inputs),
            K::ExactMatch | K::TokenF1 | K::EditSimilarity | K::Wer | K::Cer => texts(inputs),
            K::CIndex | K::TdAuc => survival(inputs),
            K::Dice | K::Iou => pictures::masks(self, inputs),
            K::DetectionMap => pictures::boxes(self, inputs),
            K::Froc => pictures::marks(inputs),
            K::ContextPrecision => sources::ranked(self, inputs),
            K::ContextRecall => sources::wanted(inputs),
            K::Faithfulness => sources::claims(inputs),
            K::AnswerRelevance => sources::similarities(inputs),
            K::ToolCallAccuracy | K::ToolCallF1 => calls::calls(inputs),
            K::JudgePass | K::JudgeScore | K::JudgePreference => {
                Err(NoValue::Undefined("a judge says it, no value of the request"))
            }
        }
    }
}

fn prediction<'v>(inputs: Inputs<'v>) -> Result<&'v Value, NoValue> {
    json::given(inputs.prediction, "the prediction is missing")
}

fn score<'v>(inputs: Inputs<'v>) -> Result<&'v Value, NoValue> {
    json::given(inputs.score, "the score is missing")
}

fn truth<'v>(inputs: Inputs<'v>) -> Result<&'v Value, NoValue> {
    json::given(inputs.truth, "the truth is missing")
}

fn context<'v>(inputs: Inputs<'v>) -> Result<&'v Value, NoValue> {
    json::given(inputs.context, "the context is missing")
}

fn predicted_class(inputs: Inputs<'_>) -> Result<String, NoValue> {
    const EXPECTED: &str = "the prediction must be a class: a text, a number, true or false";
    class_text(json::single(prediction(inputs)?)).ok_or(NoValue::Invalid(EXPECTED))
}

fn true_class(inputs: Inputs<'_>) -> Result<String, NoValue> {
    const EXPECTED: &str = "the truth must be a class: a text, a number, true or false";
    class_text(json::single(truth(inputs)?)).ok_or(NoValue::Invalid(EXPECTED))
}

fn predicted_number(inputs: Inputs<'_>) -> Result<f64, NoValue> {
    const EXPECTED: &str = "the prediction must be a finite number";
    json::number(json::single(prediction(inputs)?)).ok_or(NoValue::Invalid(EXPECTED))
}

fn classes(inputs: Inputs<'_>) -> Result<Example, NoValue> {
    Ok(Example::Classes { predicted: predicted_class(inputs)?, truth: true_class(inputs)? })
}

fn numbers(inputs: Inputs<'_>) -> Result<Example, NoValue> {
    const EXPECTED: &str = "the truth must be a finite number";
    let predicted = predicted_number(inputs)?;
    let truth = json::number(json::single(truth(inputs)?)).ok_or(NoValue::Invalid(EXPECTED))?;
    Ok(Example::Numbers { predicted, truth })
}

fn point(inputs: Inputs<'_>) -> Result<Example, NoValue> {
    const EXPECTED: &str = "the context must be the point's features, a list of finite numbers";
    let cluster = predicted_class(inputs)?;
    let features = json::numbers(context(inputs)?, EXPECTED)?;
    if features.is_empty() {
        Err(NoValue::Invalid(EXPECTED))
    } else {
        Ok(Example::Point { features, cluster })
    }
}

fn hypothesis(inputs: Inputs<'_>) -> Result<String, NoValue> {
    class_text(json::single(prediction(inputs)?)).ok_or(NoValue::Invalid("the prediction must be a text"))
}

fn references(inputs: Inputs<'_>) -> Result<Vec<String>, NoValue> {
    const EXPECTED: &str = "the truth must be a text or a list of texts";
    let read = |item: &Value| class_text(item).ok_or(NoValue::Invalid(EXPECTED));
    let references = json::items(truth(inputs)?).iter().map(read).collect::<Result<Vec<_>, _>>()?;
    if references.is_empty() { Err(NoValue::Invalid(EXPECTED)) } else { Ok(references) }
}

fn texts(inputs: Inputs<'_>) -> Result<Example, NoValue> {
    Ok(Example::Texts { hypothesis: hypothesis(inputs)?, references: references(inputs)? })
}

fn bleu(inputs: Inputs<'_>) -> Result<Example, NoValue> {
    let (hypothesis, references) = (hypothesis(inputs)?, references(inputs)?);
    let references: Vec<&str> = references.iter().map(String::as_str).collect();
    BleuSums::of(&hypothesis, &references, BleuReading::default()).map(Example::Bleu)
}

fn survival(inputs: Inputs<'_>) -> Result<Example, NoValue> {
    const EXPECTED: &str =
        "the truth must be an object such as {\"time\": 12.5, \"event\": true}, with a time of at least 0";
    let (risk, truth) = (predicted_number(inputs)?, json::single(truth(inputs)?));
    let time = truth.get("time").and_then(json::number).filter(|time| *time >= 0.0);
    let event = truth.get("event").and_then(json::flag);
    let (Some(time), Some(event)) = (time, event) else { return Err(NoValue::Invalid(EXPECTED)) };
    Ok(Example::Survival { risk, time, event })
}
