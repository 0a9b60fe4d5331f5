//! A service of the user's that judges: it may be an agent, may run code, may take its time.
//!
//! It is sent `{"judge", "experiment", "request_id", "request", "answers": {"a", "b"}}`, legacy's answer under one letter
//! and the candidate's under the other, by lot; no model is named. It replies `{"winner": "a" | "b" | "tie"}` or `{"scores":
//! {"a", "b"}}` from 0 to 1; of one answer, which is `a`, `{"score"}`. `label` and `explanation` may be there.

use serde_json::Value;
use serde_json::json;

use crate::judge::Case;
use crate::judge::Said;
use crate::judge::Service;
use crate::judge::Settings;
use crate::judge::call::Line;
use crate::judge::call::Tries;
use crate::judge::spend::Ledger;
use crate::judge::template::Verdict;
use crate::judge::template::score;
use crate::judge::template::text;
use crate::judge::template::winner;
use crate::judge::work::Took;
use crate::judge::work::unasked;
use crate::record::JudgedAnswer;
use crate::record::Missing;
use crate::record::Preference;

/// Asks about one answer, or about legacy's and a candidate's.
pub(super) async fn ask(
    service: &Service,
    settings: &Settings,
    ledger: &Ledger,
    case: &Case,
    said: &[&Said],
    took: &mut Took,
) -> Result<JudgedAnswer, Missing> {
    // The place of the candidate's answer.
    let candidate = usize::from(rand::random::<bool>());
    let answers = match said {
        &[legacy, own] if candidate == 0 => json!({"a": own.to_json(), "b": legacy.to_json()}),
        &[legacy, own] => json!({"a": legacy.to_json(), "b": own.to_json()}),
        one => json!({"a": one.first().map(|said| said.to_json())}),
    };
    let question = json!({
        "judge": settings.name,
        "experiment": settings.experiment,
        "request_id": case.record.request_id,
        "request": case.request_json(),
        "answers": answers,
    });
    let Service { target, key, timeout, .. } = service;
    let line = Line { target, path: "/", key: key.as_ref(), timeout: *timeout };
    let mut tries = Tries::default();
    let reply = line.ask(&question, ledger, &mut tries).await;
    took.calls += tries.calls;
    let raw = String::from_utf8_lossy(&reply?).into_owned();
    let reply: Value = serde_json::from_str(&raw).map_err(|_| Missing::Unparsable)?;
    let (explanation, label) = (text(&reply, "explanation"), text(&reply, "label"));
    let mut answer = JudgedAnswer { explanation, label, raw: vec![raw], ..unasked(case) };
    if said.len() == 2 {
        answer.against_legacy = Some(preferred(&reply, candidate).ok_or(Missing::Unparsable)?);
    } else {
        let said = reply.get("score").or_else(|| reply.pointer("/scores/a"));
        answer.score = Some(said.and_then(score).ok_or(Missing::Unparsable)?);
    }
    Ok(answer)
}

/// How the candidate's answer does, which stood at this place.
fn preferred(reply: &Value, candidate: usize) -> Option<Preference> {
    let winner = match reply.get("scores") {
        None => winner(reply)?,
        Some(scores) => {
            let [a, b] = ["a", "b"].map(|letter| scores.get(letter).and_then(score));
            match a?.total_cmp(&b?) {
                std::cmp::Ordering::Greater => Verdict::Better(0),
                std::cmp::Ordering::Less => Verdict::Better(1),
                std::cmp::Ordering::Equal => Verdict::Tie,
            }
        }
    };
    Some(match winner {
        Verdict::Better(place) if place == candidate => Preference::Win,
        Verdict::Better(_) => Preference::Loss,
        _ => Preference::Tie,
    })
}
