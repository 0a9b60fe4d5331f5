//! What answers of many servers used and cost, against sums worked out by hand in `tests/vectors/streams`.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use crossfade::cost::Money;
use crossfade::cost::Rate;
use crossfade::protocol::Asked;
use crossfade::protocol::Protocol;
use crossfade::protocol::Reply;
use crossfade::protocol::Usage;
use serde::Deserialize;
use serde_json::Value;

use crate::rig;
use crate::rig::Model;
use crate::rig::Rig;
use crate::rig::Seen;
use crate::rig::Step;
use crate::rig::request;
use crate::rig::until;

#[derive(Deserialize)]
struct Expected {
    prices: Prices,
    answers: Vec<Answer>,
}

#[derive(Deserialize)]
struct Prices {
    per_million_input_tokens: Money,
    per_million_cached_input_tokens: Money,
    per_million_cache_write_input_tokens: Money,
    per_million_output_tokens: Money,
    per_million_reasoning_tokens: Money,
}

/// One answer, and what is to be known of it.
#[derive(Deserialize)]
struct Answer {
    file: String,
    protocol: Protocol,
    content_type: String,
    cut: bool,
    path: String,
    request: Value,
    tokens: Option<Usage>,
    finish: Option<String>,
    text: Option<String>,
    cost: Money,
}

impl Prices {
    fn rate(&self) -> Rate {
        Rate {
            currency: "USD".to_owned(),
            per_request: Money::ZERO,
            per_second: Money::ZERO,
            per_million_input_tokens: self.per_million_input_tokens,
            per_million_cached_input_tokens: self.per_million_cached_input_tokens,
            per_million_cache_write_input_tokens: Some(self.per_million_cache_write_input_tokens),
            per_million_output_tokens: self.per_million_output_tokens,
            per_million_reasoning_tokens: Some(self.per_million_reasoning_tokens),
        }
    }

    /// The same, as a policy says it.
    fn yaml(&self) -> String {
        format!(
            "{{per_million_input_tokens: {}, per_million_cached_input_tokens: {}, per_million_cache_write_input_tokens: {}, \
             per_million_output_tokens: {}, per_million_reasoning_tokens: {}}}",
            self.per_million_input_tokens,
            self.per_million_cached_input_tokens,
            self.per_million_cache_write_input_tokens,
            self.per_million_output_tokens,
            self.per_million_reasoning_tokens
        )
    }
}

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/vectors/streams")
}

fn expected() -> Expected {
    serde_json::from_slice(&std::fs::read(folder().join("ledger.json")).unwrap()).unwrap()
}

impl Answer {
    fn body(&self) -> Vec<u8> {
        std::fs::read(folder().join(&self.file)).unwrap()
    }

    fn used(&self, body: &[u8], is_cut: bool) -> Option<Usage> {
        let reply = Reply::read(self.protocol, Some(&self.content_type), body);
        reply.used(|| Some(Asked::read(self.protocol, &self.request)), is_cut, (1, 1))
    }

    fn says(&self, body: &[u8]) -> Option<String> {
        let reply = Reply::read(self.protocol, Some(&self.content_type), body);
        reply.first().map(|choice| choice.text.clone())
    }
}

#[test]
fn every_answer_tells_the_tokens_and_costs_what_the_sums_by_hand_say() {
    let Expected { prices, answers } = expected();
    let files = std::fs::read_dir(folder()).unwrap().map(|entry| entry.unwrap().file_name());
    let others = ["ledger.json", "README.md"];
    let files = files.filter(|name| !others.iter().any(|other| name == other)).count();
    assert_eq!(files, answers.len(), "every file has its sum");
    let shown = std::fs::read_to_string(folder().join("README.md")).unwrap();
    for answer in &answers {
        let (file, body) = (&answer.file, answer.body());
        let used = answer.used(&body, answer.cut);
        assert_eq!(used, answer.tokens, "{file}");
        assert_eq!(prices.rate().price(used.as_ref(), Duration::from_secs(1)), answer.cost, "{file}");
        assert_eq!(answer.says(&body), answer.text, "{file}");
        let row = shown.lines().find(|line| line.starts_with(&format!("| `{file}`"))).unwrap();
        assert!(row.ends_with(&format!("| {} |", answer.cost)), "{row}");
    }
}

#[test]
fn a_stream_cut_at_any_byte_says_a_beginning_of_its_text_and_never_costs_more_than_it() {
    let Expected { prices, answers } = expected();
    for answer in answers.iter().filter(|answer| answer.content_type == "text/event-stream") {
        let (file, body) = (&answer.file, answer.body());
        let whole = answer.text.clone().unwrap();
        let mut before = 0;
        for end in 0..body.len() {
            let said = answer.says(&body[..end]).unwrap_or_default();
            assert!(whole.starts_with(&said) && said.len() >= before, "{file} to {end}: {said:?}");
            before = said.len();
            let Some(used) = answer.used(&body[..end], true) else { continue };
            assert!(
                used.output_tokens
                    <= answer.tokens.unwrap().output_tokens.max(whole.len().div_ceil(4) as u64)
            );
            assert!(
                used.reasoning_tokens <= used.output_tokens
                    && used.cache_write_input_tokens <= used.input_tokens
            );
            assert!(prices.rate().price(Some(&used), Duration::ZERO) > Money::ZERO, "{file} to {end}");
        }
    }
}

fn script(answers: &[Answer]) -> impl Fn(&Seen) -> rig::Reply + Send + Sync + 'static {
    let one = |answer: &Answer| {
        let mut steps = vec![Step::Data(answer.body().into())];
        steps.extend(answer.cut.then_some(Step::Break));
        let reply = rig::Reply::steps(steps).header("content-type", answer.content_type.clone());
        (format!("answer={}", answer.file), reply)
    };
    let replies: BTreeMap<String, rig::Reply> = answers.iter().map(one).collect();
    move |seen| replies[seen.uri.query().unwrap()].clone()
}

/// Sends every request of a protocol through a gateway whose legacy and candidate both give the answers.
async fn serve(protocol: &str, prices: &Prices, answers: Vec<Answer>) {
    let (old, new) = (Model::start(script(&answers)).await, Model::start(script(&answers)).await);
    let model = |url: String| format!("{{url: \"{url}\", protocol: {protocol}, cost: {}}}", prices.yaml());
    let rig = Rig::start(&format!(
        "models:\n  old: {}\n  new: {}\nexperiments:\n  - {{name: e, legacy: old, candidate: new, strategy: {{shadow: {{}}}}}}\n",
        model(old.url()),
        model(new.url())
    ))
    .await;
    for (sent, answer) in answers.iter().enumerate() {
        let path = format!("{}?answer={}", answer.path, answer.file);
        let headers = [("content-type", "application/json")];
        let asking = request("POST", &path, &headers, &answer.request.to_string());
        let got = rig.client().await.try_send(asking).await;
        assert_eq!(got.is_err(), answer.cut, "{}", answer.file);
        let written = async || rig.metric("crossfade_records_written_total", &["kind=\"pair\""]).await;
        until(&answer.file, async || written().await == (sent + 1) as f64).await;
    }
    for role in ["role=\"answer\"", "role=\"shadow\""] {
        hold_metrics(&rig, role, &answers).await;
    }
    let records = rig.records().await;
    let mut pairs = records.iter().filter(|line| line["kind"] == "pair");
    for answer in &answers {
        let pair = pairs.next().unwrap();
        assert_eq!(pair["request"]["query"], format!("answer={}", answer.file));
        let seen = pair["observations"].as_array().unwrap();
        assert_eq!(seen.len(), 2);
        seen.iter().for_each(|seen| hold(answer, seen));
    }
}

fn hold(answer: &Answer, seen: &Value) {
    let (file, expected) = (&answer.file, answer.tokens);
    let tokens = seen.get("tokens").map(|tokens| serde_json::from_value::<Usage>(tokens.clone()).unwrap());
    assert_eq!(tokens, expected, "{file}: {seen}");
    assert_eq!(seen["cost"]["amount"], answer.cost.to_string(), "{file}");
    let is_estimated = expected.is_some_and(|usage| usage.estimated);
    assert_eq!(seen["cost"].get("estimated").is_some(), is_estimated, "{file}");
    assert_eq!(seen["fate"] == "complete", !answer.cut, "{file}");
    assert_eq!(seen["said"].get("finish").and_then(Value::as_str), answer.finish.as_deref(), "{file}");
    let is_stream = answer.content_type == "text/event-stream";
    if is_stream {
        let text = seen["said"]["text"].as_str();
        assert_eq!(text, answer.text.as_deref(), "{file}");
    }
}

async fn hold_metrics(rig: &Rig, role: &str, answers: &[Answer]) {
    let cost: Money = answers.iter().map(|answer| answer.cost).sum();
    let counted = rig.metric("crossfade_cost_total", &[role, "currency=\"USD\""]).await;
    assert_eq!(format!("{counted:.12}"), format!("{:.12}", cost.as_f64()), "{role}");
    for (source, estimated) in [("estimated", true), ("reported", false)] {
        let mut sum = Usage::default();
        let used = answers.iter().filter_map(|answer| answer.tokens);
        used.filter(|usage| usage.estimated == estimated).for_each(|usage| sum.add(usage));
        let kinds = [
            ("input", sum.input_tokens),
            ("cached_input", sum.cached_input_tokens),
            ("cache_write_input", sum.cache_write_input_tokens),
            ("output", sum.output_tokens),
            ("reasoning", sum.reasoning_tokens),
        ];
        for (kind, expected) in kinds {
            let labels = [role, &format!("kind=\"{kind}\""), &format!("source=\"{source}\"")];
            let counted = rig.metric("crossfade_tokens_total", &labels).await;
            assert_eq!(counted, expected as f64, "{labels:?}");
        }
    }
    for finish in ["stop", "length", "other"] {
        let expected = answers.iter().filter(|answer| answer.finish.as_deref() == Some(finish)).count();
        let counted = rig.metric("crossfade_finishes_total", &[role, &format!("finish=\"{finish}\"")]).await;
        assert_eq!(counted, expected as f64, "{role} {finish}");
    }
}

#[tokio::test]
async fn records_and_metrics_hold_what_calls_used_and_cost_to_the_last_digit_cut_or_whole() {
    let Expected { prices, answers } = expected();
    let mut by_protocol: BTreeMap<String, Vec<Answer>> = BTreeMap::new();
    for answer in answers {
        let protocol = serde_json::to_value(answer.protocol).unwrap();
        by_protocol.entry(protocol.as_str().unwrap().to_owned()).or_default().push(answer);
    }
    assert_eq!(by_protocol.len(), 3);
    for (protocol, answers) in by_protocol {
        serve(&protocol, &prices, answers).await;
    }
}
