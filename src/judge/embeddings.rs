//! A model of embeddings that says how near two texts are in meaning: the cosine of their vectors.
//!
//! Not only candidates are held against legacy, legacy's second answer is too, where there is one: how far a model is from
//! itself tells how much the distance of another means. All texts of a request go in one call. What is below 0, which is
//! as far as anything can be, counts as 0.

use serde_json::Value;
use serde_json::json;

use crate::evaluate::agreement::cosine_similarity;
use crate::judge::Case;
use crate::judge::Embeddings;
use crate::judge::Said;
use crate::judge::Settings;
use crate::judge::call::Line;
use crate::judge::call::Tries;
use crate::judge::case::Came;
use crate::judge::llm::spent;
use crate::judge::work::Entry;
use crate::judge::work::Means;
use crate::judge::work::Took;
use crate::judge::work::question;
use crate::judge::work::unasked;
use crate::protocol::Protocol;
use crate::protocol::usage;
use crate::record::JudgedAnswer;
use crate::record::Missing;

const EMBEDDINGS: &str = "/embeddings";

/// Scores every answer but legacy's by how near it is to legacy's.
pub(super) async fn score(
    embeddings: &Embeddings,
    settings: &Settings,
    means: &Means,
    case: &Case,
    took: &mut Took,
) -> Vec<JudgedAnswer> {
    let entries: Vec<Entry<'_>> = case.answers().map(|seen| Entry::of(settings, seen)).collect();
    let is_legacy = |entry: &&Entry<'_>| case.record.arms.first() == Some(&entry.seen.arm);
    let Some(legacy) = entries.iter().find(is_legacy) else { return Vec::new() };
    let again = case.control().map(|seen| Entry::of(settings, seen));
    let others: Vec<&Entry<'_>> =
        again.iter().chain(entries.iter().filter(|entry| !is_legacy(entry))).collect();
    let mut answers: Vec<JudgedAnswer> = others.iter().map(|entry| known(legacy, entry)).collect();
    let Ok(own) = &legacy.said else { return answers };
    let request = case.request();
    // What is not known yet, with what it says.
    let mut asked: Vec<(usize, &Said, [u8; 32])> = Vec::new();
    for (place, entry) in others.iter().enumerate() {
        let Ok(said) = &entry.said else { continue };
        if answers[place].score.is_some() || answers[place].missing.is_some() {
            continue;
        }
        let question = question(settings, case, &request, &[own, said]);
        match means.cache.find(&question) {
            Some(found) => answers[place] = found.of_entry(entry),
            None => asked.push((place, said, question)),
        }
    }
    if asked.is_empty() {
        return answers;
    }
    let texts = std::iter::once(own).chain(asked.iter().map(|(_, said, _)| *said));
    let texts: Vec<&str> = texts.map(|said| said.text.as_str()).collect();
    let found = vectors(embeddings, means, &texts, took).await;
    for (at, (place, _, question)) in asked.into_iter().enumerate() {
        let near =
            found.as_ref().map_err(|why| *why).and_then(|vectors| cosine(&vectors[0], &vectors[at + 1]));
        let answer = match near {
            // What the service said is too long to be kept, and of no use to readers.
            Ok(score) => JudgedAnswer { score: Some(score), raw: vec![score.to_string()], ..unasked(case) },
            Err(why) => JudgedAnswer { missing: Some(why), ..unasked(case) },
        };
        means.cache.remember(question, &answer);
        answers[place] = answer.of_entry(others[place]);
    }
    answers
}

/// What can be said without asking; an answer with neither a score nor a reason why it has none is to be asked about.
fn known(legacy: &Entry<'_>, own: &Entry<'_>) -> JudgedAnswer {
    let mut answer = own.blank();
    match (&legacy.said, &own.said) {
        _ if legacy.came != Came::Answer || own.came != Came::Answer => {
            answer.missing = Some(Missing::NoAnswer)
        }
        (Err(why), _) | (_, Err(why)) => answer.missing = Some(*why),
        (Ok(legacy), Ok(own)) if legacy.text == own.text => answer.score = Some(1.0),
        // No text has no meaning, and services refuse it.
        (Ok(legacy), Ok(own)) if legacy.text.trim().is_empty() || own.text.trim().is_empty() => {
            answer.missing = Some(Missing::NoText);
        }
        (Ok(_), Ok(_)) => {}
    }
    answer
}

/// The vectors of texts, in their order.
async fn vectors(
    embeddings: &Embeddings,
    means: &Means,
    texts: &[&str],
    took: &mut Took,
) -> Result<Vec<Vec<f64>>, Missing> {
    let Embeddings { target, key, model, timeout, rate } = embeddings;
    let question = json!({"model": model, "input": texts, "encoding_format": "float"});
    // The whole URL may be given too.
    let path = if target.url.base_path.ends_with(EMBEDDINGS) { "/" } else { EMBEDDINGS };
    let line = Line { target, path, key: key.as_ref(), timeout: *timeout };
    let (begun, mut tries) = (tokio::time::Instant::now(), Tries::default());
    let reply = line.ask(&question, &means.ledger, &mut tries).await;
    took.calls += tries.calls;
    let reply = reply?;
    let tokens = usage(Protocol::OpenAi, Some("application/json"), &reply);
    spent(rate.as_ref(), &means.ledger, tokens, begun.elapsed(), took);
    let reply: Value = serde_json::from_slice(&reply).map_err(|_| Missing::Unparsable)?;
    if let Some(model) = reply.get("model").and_then(Value::as_str) {
        took.model = Some(model.chars().take(200).collect());
    }
    read(&reply, texts.len()).ok_or(Missing::Unparsable)
}

/// The vectors of a reply, each at the place that its index says; `None`: they are not just those.
pub(super) fn read(reply: &Value, texts: usize) -> Option<Vec<Vec<f64>>> {
    let data = reply.get("data")?.as_array()?;
    let mut vectors = vec![None; texts];
    for (place, item) in data.iter().enumerate() {
        let index = item.get("index").and_then(Value::as_u64).unwrap_or(place as u64);
        let numbers = item.get("embedding")?.as_array()?.iter();
        let vector = numbers.map(|number| number.as_f64().filter(|number| number.is_finite()));
        *vectors.get_mut(usize::try_from(index).ok()?)? = Some(vector.collect::<Option<Vec<f64>>>()?);
    }
    vectors.into_iter().collect()
}

fn cosine(one: &[f64], other: &[f64]) -> Result<f64, Missing> {
    let cosine = cosine_similarity(one, other).map_err(|_| Missing::Unparsable)?;
    Ok(cosine.clamp(0.0, 1.0))
}
