//! Generated answers and their sources, and what a call costs: the last goes the way of a real answer, from what an
//! OpenAI answer says it used to money.

use std::time::Duration;

use crossfade::cost::Money;
use crossfade::cost::Rate;
use crossfade::evaluate::NoValue;
use crossfade::evaluate::generation::answer_relevance;
use crossfade::evaluate::generation::context_precision;
use crossfade::evaluate::generation::context_precision_ids;
use crossfade::evaluate::generation::context_recall;
use crossfade::evaluate::generation::context_recall_ids;
use crossfade::evaluate::generation::faithfulness;
use crossfade::evaluate::generation::pass_at_k;
use crossfade::protocol::Protocol;
use crossfade::protocol::usage;
use serde_json::Value;
use serde_json::json;

use crate::vectors::Case;
use crate::vectors::Computed;
use crate::vectors::number;

pub(super) fn compute(case: &Case) -> Option<Computed> {
    Some(match case.metric.as_str() {
        "context_precision" => flags(case, "relevant", context_precision),
        "context_recall" => flags(case, "attributed", context_recall),
        "faithfulness" => flags(case, "supported", faithfulness),
        "context_precision_ids" => {
            Computed::metric(context_precision_ids(&ids(case, "retrieved"), &ids(case, "reference")))
        }
        "context_recall_ids" => {
            Computed::metric(context_recall_ids(&ids(case, "retrieved"), &ids(case, "reference")))
        }
        "answer_relevance" => {
            let made_up: Vec<Vec<f64>> =
                case.input("generated_question_embeddings").as_array()?.iter().map(numbers).collect();
            flags(case, "noncommittal", |flags| {
                answer_relevance(&case.given_numbers("question_embedding").unwrap(), &made_up, flags)
            })
        }
        "pass_at_k" => {
            let counts = [case.input("n"), case.input("correct"), &case.params["k"]].map(Value::as_u64);
            let [Some(answers), Some(correct), Some(k)] = counts else { return Some(Computed::Refused) };
            Computed::metric(pass_at_k(answers, correct, k))
        }
        "llm_cost" => cost(case).map_or(Computed::Refused, |cost| Computed::Value(json!(cost.as_f64()))),
        _ => return None,
    })
}

fn flags(case: &Case, key: &str, measure: impl Fn(&[bool]) -> Result<f64, NoValue>) -> Computed {
    let flag = |flag: f64| match flag {
        0.0 => Ok(false),
        1.0 => Ok(true),
        _ => Err(NoValue::Invalid("a flag is neither 0 nor 1")),
    };
    let flags = case.given_numbers(key).unwrap().into_iter().map(flag).collect::<Result<Vec<_>, _>>();
    Computed::metric(flags.and_then(|flags| measure(&flags)))
}

fn ids(case: &Case, key: &str) -> Vec<String> {
    case.input(key).as_array().unwrap().iter().map(Value::to_string).collect()
}

fn numbers(list: &Value) -> Vec<f64> {
    list.as_array().unwrap().iter().map(|value| number(value).unwrap()).collect()
}

/// What a call costs; `None` when an amount is none or more tokens are said to be cached than there were.
fn cost(case: &Case) -> Option<Money> {
    let price = |key: &str| number(case.input(key))?.to_string().parse::<Money>().ok();
    let count = |key: &str| case.input(key).as_u64();
    let (prompt, cached) = (count("prompt_tokens")?, count("cached_prompt_tokens")?);
    if cached > prompt {
        return None;
    }
    let rate = Rate {
        currency: "USD".to_owned(),
        per_request: Money::ZERO,
        per_second: Money::ZERO,
        per_million_input_tokens: price("price_prompt_per_mtok")?,
        per_million_cached_input_tokens: price("price_cached_per_mtok")?,
        per_million_cache_write_input_tokens: None,
        per_million_output_tokens: price("price_completion_per_mtok")?,
        per_million_reasoning_tokens: None,
    };
    let answer = json!({ "usage": {
        "prompt_tokens": prompt,
        "completion_tokens": count("completion_tokens")?,
        "prompt_tokens_details": { "cached_tokens": cached },
    }});
    let used = usage(Protocol::OpenAi, Some("application/json"), answer.to_string().as_bytes())?;
    Some(rate.price(Some(&used), Duration::ZERO))
}
