//! A language model that judges: two answers in both orders, or one by itself.
//!
//! No model's name is shown. Where the two orders lead to different winners nobody won: a judge that likes what comes
//! first has no say in which model is better. Whatever is no verdict is missing, and never a loss.

use std::time::Duration;

use serde_json::Value;
use serde_json::json;

use crate::cost::Money;
use crate::cost::Rate;
use crate::judge::Case;
use crate::judge::Llm;
use crate::judge::Said;
use crate::judge::Template;
use crate::judge::call::Line;
use crate::judge::call::Tries;
use crate::judge::spend::Ledger;
use crate::judge::template::Texts;
use crate::judge::template::Verdict;
use crate::judge::template::Word;
use crate::judge::work::Took;
use crate::judge::work::unasked;
use crate::protocol::Protocol;
use crate::protocol::Usage;
use crate::protocol::usage;
use crate::record::JudgedAnswer;
use crate::record::Missing;
use crate::record::Preference;

const CHAT: &str = "/chat/completions";

/// Asks about one answer, or about legacy's and a candidate's.
pub(super) async fn ask(
    llm: &Llm,
    ledger: &Ledger,
    case: &Case,
    request: &str,
    said: &[&Said],
    took: &mut Took,
) -> Result<JudgedAnswer, Missing> {
    let (reference, context) = (case.at(llm.reference.as_ref()), case.at(llm.context.as_ref()));
    let template = llm.template;
    if template.needs_context() && context.is_none() || template.needs_reference() && reference.is_none() {
        return Err(Missing::NoContext);
    }
    let texts = |answers| Texts {
        rubric: &llm.rubric,
        request,
        answers,
        reference: reference.as_deref(),
        context: context.as_deref(),
    };
    let mut answer = unasked(case);
    let &[legacy, candidate] = said else {
        let (word, raw) = put(llm, ledger, texts(said), took).await?;
        let Verdict::Score(score) = word.verdict else { return Err(Missing::Unparsable) };
        let Word { explanation, label, .. } = word;
        return Ok(JudgedAnswer { score: Some(score), explanation, label, raw: vec![raw], ..answer });
    };
    let orders = [[legacy, candidate], [candidate, legacy]];
    let (first, first_raw) = put(llm, ledger, texts(&orders[0]), took).await?;
    let (second, second_raw) = put(llm, ledger, texts(&orders[1]), took).await?;
    let (one, other) = (preferred(&first, 1)?, preferred(&second, 0)?);
    answer.consistent = Some(one == other);
    answer.against_legacy = Some(if one == other { one } else { Preference::Tie });
    answer.explanation = first.explanation;
    answer.label = first.label;
    answer.raw = vec![first_raw, second_raw];
    Ok(answer)
}

/// What a word says of the candidate's answer, which stood at this place.
pub(super) fn preferred(word: &Word, candidate: usize) -> Result<Preference, Missing> {
    match word.verdict {
        Verdict::Better(place) if place == candidate => Ok(Preference::Win),
        Verdict::Better(_) => Ok(Preference::Loss),
        Verdict::Tie => Ok(Preference::Tie),
        Verdict::Score(_) => Err(Missing::Unparsable),
    }
}

/// Puts one question, and counts what it took whatever comes of it.
async fn put(
    llm: &Llm,
    ledger: &Ledger,
    texts: Texts<'_>,
    took: &mut Took,
) -> Result<(Word, String), Missing> {
    let Llm { target, key, model, template, timeout, .. } = llm;
    let fence = format!("{:016x}", rand::random::<u64>());
    let question = json!({
        "model": model,
        "temperature": 0,
        "response_format": {"type": "json_object"},
        "messages": template.messages(texts, &fence),
    });
    // The whole URL may be given too.
    let path = if target.url.base_path.ends_with(CHAT) { "/" } else { CHAT };
    let line = Line { target, path, key: key.as_ref(), timeout: *timeout };
    let (begun, mut tries) = (tokio::time::Instant::now(), Tries::default());
    let reply = line.ask(&question, ledger, &mut tries).await;
    took.calls += tries.calls;
    let reply = reply?;
    let tokens = usage(Protocol::OpenAi, Some("application/json"), &reply);
    spent(llm.rate.as_ref(), ledger, tokens, begun.elapsed(), took);
    let reply: Value = serde_json::from_slice(&reply).map_err(|_| Missing::Unparsable)?;
    if let Some(model) = reply.get("model").and_then(Value::as_str) {
        took.model = Some(model.chars().take(200).collect());
    }
    let content = reply.pointer("/choices/0/message/content").and_then(Value::as_str);
    let content = content.ok_or(Missing::Unparsable)?;
    let word = read(*template, content)?;
    Ok((word, content.to_owned()))
}

fn read(template: Template, content: &str) -> Result<Word, Missing> {
    template.read(content).ok_or(Missing::Unparsable)
}

/// Counts what a call used and cost, for the day's budget and for the record.
pub(super) fn spent(
    rate: Option<&Rate>,
    ledger: &Ledger,
    tokens: Option<Usage>,
    duration: Duration,
    took: &mut Took,
) {
    let cost: Option<(Money, &str)> =
        rate.map(|rate| (rate.price(tokens.as_ref(), duration), rate.currency.as_str()));
    let all = tokens.map_or(0, |usage| usage.input_tokens + usage.cached_input_tokens + usage.output_tokens);
    ledger.count(all, cost.map(|(amount, _)| amount));
    took.add(tokens, cost);
}
