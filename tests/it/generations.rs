//! What operators see of language-model traffic: how fast streams come, which tools are called, and what spans and events
//! say, as a collector gets them.

use std::collections::BTreeMap;
use std::fs;

use http_body_util::BodyExt;
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::AnyValue;
use opentelemetry_proto::tonic::common::v1::KeyValue;
use opentelemetry_proto::tonic::common::v1::any_value;
use opentelemetry_proto::tonic::logs::v1::LogRecord;
use opentelemetry_proto::tonic::trace::v1::Span;
use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use prost::Message;
use serde_json::Value;
use serde_json::json;
use tempfile::TempDir;
use tokio::time::Instant;

use crate::rig::Client;
use crate::rig::Gate;
use crate::rig::Model;
use crate::rig::Process;
use crate::rig::Reply;
use crate::rig::Rig;
use crate::rig::Seen;
use crate::rig::Step;
use crate::rig::request;
use crate::rig::until;

const CHAT: &str = "/v1/chat/completions";
const JSON: [(&str, &str); 1] = [("content-type", "application/json")];
const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";

fn event(message: &Value) -> String {
    format!("data: {message}\n\n")
}

fn said(text: &str) -> String {
    event(&json!({"id": "c-1", "model": "gpt-x-0613", "choices": [{"index": 0, "delta": {"content": text}}]}))
}

/// The end of a stream, with what it used where that is asked for.
fn ends(usage: Option<Value>) -> String {
    let last = json!({"id": "c-1", "choices": [{"index": 0, "delta": {}, "finish_reason": "length"}]});
    let used = usage.map(|usage| event(&json!({"id": "c-1", "choices": [], "usage": usage})));
    format!("{}{}data: [DONE]\n\n", event(&last), used.unwrap_or_default())
}

fn stream(steps: Vec<Step>) -> Reply {
    Reply::steps(steps).header("content-type", "text/event-stream")
}

/// Reads a stream of three chunks, of which the model sends the next when the one before has come.
async fn read_three(rig: &Rig, path: &str, gates: [Gate; 2]) {
    let mut client = rig.client().await;
    let head = client.head(request("POST", path, &JSON, r#"{"stream": true}"#)).await.unwrap();
    let mut body = head.into_body();
    for gate in gates {
        assert!(body.frame().await.unwrap().unwrap().into_data().unwrap().starts_with(b"data: "));
        gate.open();
    }
    assert!(body.collect().await.unwrap().to_bytes().ends_with(b"data: [DONE]\n\n"));
}

#[tokio::test]
async fn the_time_between_chunks_and_the_tokens_a_second_of_streams_are_measured() {
    let gates: Vec<[Gate; 2]> = (0..3).map(|_| [Gate::new(), Gate::new()]).collect();
    let steps = |gates: &[Gate; 2], usage: Option<Value>| {
        let [first, second] = gates.clone();
        let chunks = [said("One").into(), said(" two").into(), ends(usage).into()];
        let [one, two, three] = chunks.map(Step::Data);
        stream(vec![one, Step::Wait(first), two, Step::Wait(second), three])
    };
    let usage = json!({"prompt_tokens": 5, "completion_tokens": 31});
    let replies = BTreeMap::from([
        ("/v1/chat/completions?told".to_owned(), steps(&gates[0], Some(usage.clone()))),
        ("/v1/chat/completions?untold".to_owned(), steps(&gates[1], None)),
        ("/elsewhere".to_owned(), steps(&gates[2], Some(usage))),
    ]);
    let script = move |seen: &Seen| {
        let plain = Reply::json(&json!({"choices": [{"message": {"content": "whole"}}]}));
        replies.get(seen.uri.path_and_query().unwrap().as_str()).cloned().unwrap_or(plain)
    };
    let (old, new) = (Model::start(script).await, Model::saying(Reply::text("")).await);
    let rig = Rig::start(&format!(
        "models:\n  old: {{url: \"{}\", protocol: openai}}\n  new: {{url: \"{}\"}}\ndefault: old\nexperiments:\n  \
         - {{name: e, match: {{path: {CHAT}}}, legacy: old, candidate: new, strategy: {{shadow: {{}}}}}}\n",
        old.url(),
        new.url()
    ))
    .await;
    let [told, untold, elsewhere]: [[Gate; 2]; 3] = gates.try_into().unwrap();
    read_three(&rig, "/v1/chat/completions?told", told).await;
    let labels = ["experiment=\"e\"", "arm=\"old\"", "role=\"answer\""];
    let sum = async |name: &str| rig.metric(&format!("{name}_sum"), &labels).await;
    let count = async |name: &str| rig.metric(&format!("{name}_count"), &labels).await;
    let written = async || rig.metric("crossfade_records_written_total", &["kind=\"pair\""]).await;
    until("the pair to be written", async || written().await == 1.0).await;
    let (gaps, rate) =
        (sum("crossfade_inter_chunk_seconds").await, sum("crossfade_output_tokens_per_second").await);
    assert_eq!(count("crossfade_inter_chunk_seconds").await, 2.0);
    assert_eq!(count("crossfade_output_tokens_per_second").await, 1.0);
    // 31 tokens, of which the first opened the stream: 30 in the time of both gaps.
    assert!((rate * gaps - 30.0).abs() < 1e-6, "{rate} a second in {gaps} s");
    assert!(gaps <= rig.metric("crossfade_request_duration_seconds_sum", &labels).await);

    read_three(&rig, "/v1/chat/completions?untold", untold).await;
    rig.client().await.post(CHAT, &JSON, "{}").await;
    until("the pairs to be written", async || written().await == 3.0).await;
    assert_eq!(
        count("crossfade_inter_chunk_seconds").await,
        4.0,
        "an answer that is no stream has no chunks"
    );
    assert_eq!(count("crossfade_output_tokens_per_second").await, 1.0, "an estimate is no measurement");

    read_three(&rig, "/elsewhere", elsewhere).await;
    let defaults = ["experiment=\"_default\"", "arm=\"old\""];
    until("the default route's stream to be measured", async || {
        rig.metric("crossfade_inter_chunk_seconds_count", &defaults).await == 2.0
    })
    .await;
}

fn calls(calls: &[(&str, &str)]) -> Value {
    let call = |(name, arguments): &(&str, &str)| json!({"type": "function", "function": {"name": name, "arguments": arguments}});
    json!({"choices": [{"message": {"tool_calls": calls.iter().map(call).collect::<Vec<_>>()}, "finish_reason": "tool_calls"}]})
}

/// The same as a stream whose arguments come in two pieces.
fn streamed_calls(calls: &[(&str, &str)]) -> Reply {
    let delta = |call: Value| event(&json!({"choices": [{"index": 0, "delta": {"tool_calls": [call]}}]}));
    let one = |(index, (name, arguments)): (usize, &(&str, &str))| {
        let (first, rest) = arguments.split_at(arguments.len() / 2);
        let begun = delta(json!({"index": index, "function": {"name": name, "arguments": first}}));
        begun + &delta(json!({"index": index, "function": {"arguments": rest}}))
    };
    let text: String = calls.iter().enumerate().map(one).collect();
    stream(vec![Step::Data((text + &ends(None)).into())])
}

#[tokio::test]
async fn tools_that_two_answers_call_are_compared_by_name_and_arguments() {
    const PARIS: (&str, &str) = ("weather", r#"{"city": "Paris", "days": 2}"#);
    const PARIS_TOO: (&str, &str) = ("weather", r#"{"days":2.0,"city":"Paris"}"#);
    const ROME: (&str, &str) = ("weather", r#"{"city": "Rome", "days": 2}"#);
    const TIME: (&str, &str) = ("time", "");
    type Calls = &'static [(&'static str, &'static str)];
    let rows: [(Calls, Calls, Option<&str>); 8] = [
        (&[PARIS], &[PARIS_TOO], Some("agree")),
        (&[PARIS, TIME], &[TIME, PARIS_TOO], Some("agree")),
        (&[PARIS], &[ROME], Some("arguments_differ")),
        (&[PARIS, ROME], &[ROME, ROME], Some("arguments_differ")),
        (&[PARIS], &[TIME], Some("tools_differ")),
        (&[PARIS], &[PARIS, PARIS], Some("tools_differ")),
        (&[PARIS], &[], Some("tools_differ")),
        (&[], &[], None),
    ];
    let row = |seen: &Seen| seen.uri.query().unwrap().parse::<usize>().unwrap();
    let old = Model::start(move |seen| streamed_calls(rows[row(seen)].0)).await;
    let new = Model::start(move |seen| Reply::json(&calls(rows[row(seen)].1))).await;
    let rig = Rig::start(&format!(
        "models:\n  old: {{url: \"{}\", protocol: openai}}\n  new: {{url: \"{}\", protocol: openai}}\nexperiments:\n  \
         - {{name: e, legacy: old, candidate: new, strategy: {{shadow: {{}}}}}}\n",
        old.url(),
        new.url()
    ))
    .await;
    let mut client = rig.client().await;
    for (sent, (.., result)) in rows.iter().enumerate() {
        let path = format!("{CHAT}?{sent}");
        client.post(&path, &JSON, "{}").await;
        let written = async || rig.metric("crossfade_records_written_total", &["kind=\"pair\""]).await;
        until("the pair to be written", async || written().await == (sent + 1) as f64).await;
        let same = rows[..=sent].iter().filter(|(.., other)| other == result && other.is_some()).count();
        let label = format!("result=\"{}\"", result.unwrap_or("agree"));
        let labels = ["experiment=\"e\"", "arm=\"new\"", "role=\"shadow\"", label.as_str()];
        let counted = rig.metric("crossfade_tool_call_comparisons_total", &labels).await;
        let expected = if result.is_some() { same } else { 2 };
        assert_eq!(counted, expected as f64, "{sent}: {result:?}");
    }
    assert_eq!(rig.metric("crossfade_tool_call_comparisons_total", &[]).await, 7.0);
    let records = rig.records().await;
    for (record, (.., result)) in records.iter().zip(rows) {
        let found = record["comparison"][0].get("tool_calls").and_then(Value::as_str);
        assert_eq!(found, result, "{record}");
    }
}

/// What a collector was sent.
struct Collected {
    spans: Vec<Span>,
    events: Vec<LogRecord>,
    bytes: Vec<u8>,
}

impl Collected {
    fn of(exports: &[Seen]) -> Self {
        let mut collected = Self { spans: Vec::new(), events: Vec::new(), bytes: Vec::new() };
        for export in exports {
            // A byte that says whether it is compressed and four of its length stand before a message.
            let message = export.body.slice(5..);
            collected.bytes.extend_from_slice(&message);
            if export.uri.path().ends_with("TraceService/Export") {
                let told = ExportTraceServiceRequest::decode(message).unwrap();
                let scopes = told.resource_spans.into_iter().flat_map(|resource| resource.scope_spans);
                collected.spans.extend(scopes.flat_map(|scope| scope.spans));
            } else {
                let told = ExportLogsServiceRequest::decode(message).unwrap();
                let scopes = told.resource_logs.into_iter().flat_map(|resource| resource.scope_logs);
                collected.events.extend(scopes.flat_map(|scope| scope.log_records));
            }
        }
        collected
    }

    /// The client span of an arm.
    fn client(&self, arm: &str) -> &Span {
        let is = |span: &&Span| {
            span.kind == SpanKind::Client as i32 && told(&span.attributes)["crossfade.arm"] == arm
        };
        self.spans.iter().find(is).unwrap()
    }
}

fn plain(value: &AnyValue) -> Value {
    match value.value.as_ref().unwrap() {
        any_value::Value::StringValue(text) => json!(text),
        any_value::Value::IntValue(number) => json!(number),
        any_value::Value::DoubleValue(number) => json!(number),
        any_value::Value::BoolValue(truth) => json!(truth),
        any_value::Value::ArrayValue(array) => array.values.iter().map(plain).collect(),
        other => panic!("{other:?}"),
    }
}

fn told(attributes: &[KeyValue]) -> BTreeMap<String, Value> {
    attributes.iter().map(|pair| (pair.key.clone(), plain(pair.value.as_ref().unwrap()))).collect()
}

/// A gateway that sends spans and events to a collector.
struct Observed {
    collector: Model,
    process: Process,
    dir: TempDir,
}

impl Observed {
    async fn start(record: &str, policy: &str) -> Self {
        let done = vec![Step::Data(vec![0; 5].into()), Step::Trailers(vec![("grpc-status", "0")])];
        let collector = Model::saying(Reply::steps(done).header("content-type", "application/grpc")).await;
        let dir = TempDir::new().unwrap();
        let (path, records) = (dir.path().join("policy.yaml"), dir.path().join("records"));
        let records = serde_json::to_string(&records).unwrap();
        let listen = "listen: {data: \"127.0.0.1:0\", admin: \"127.0.0.1:0\", workers: 1}";
        fs::write(&path, format!("{listen}\nrecord: {{dir: {records}{record}}}\n{policy}")).unwrap();
        let process = Process::within(&path, &[("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url().as_str())]);
        Self { collector, process, dir }
    }

    /// Waits until a counter has come to a value.
    async fn counted(&self, series: &str, value: f64) {
        let mut admin = self.process.admin().await;
        until(series, async || {
            let text = admin.get("/metrics").await.text().to_owned();
            let found = text.lines().filter(|line| line.starts_with(series));
            found.filter_map(|line| line.rsplit_once(' ')?.1.parse::<f64>().ok()).sum::<f64>() == value
        })
        .await;
    }

    /// Ends the gateway and gives what it had told.
    async fn told(self) -> Collected {
        let Self { collector, mut process, dir } = self;
        process.signal("TERM");
        tokio::task::spawn_blocking(move || process.child.wait().unwrap()).await.unwrap();
        drop(dir);
        Collected::of(&collector.seen())
    }
}

fn experiment(old: &Model, new: &Model) -> String {
    format!(
        "models:\n  old: {{url: \"{}\", protocol: openai}}\n  new: {{url: \"{}\", protocol: anthropic}}\ndefault: new\n\
         experiments:\n  - name: e\n    match: {{path: {CHAT}}}\n    legacy: old\n    candidate: new\n    \
         strategy: {{shadow: {{held_back: 0%}}}}\n    outcomes: {{liked: {{type: binary}}}}\n    \
         judges: {{capital: {{rules: [{{contains: Paris}}]}}}}\n",
        old.url(),
        new.url()
    )
}

/// Legacy streams what is no answer, the candidate gives one and says so in its own way.
async fn models() -> [Model; 2] {
    let usage = json!({"prompt_tokens": 12, "completion_tokens": 7,
                       "prompt_tokens_details": {"cached_tokens": 4},
                       "completion_tokens_details": {"reasoning_tokens": 3}});
    let old = stream(vec![Step::Data((said("I hesitate") + &ends(Some(usage))).into())]);
    let new = json!({"type": "message", "id": "msg-2", "model": "claude-y", "stop_reason": "end_turn",
                     "content": [{"type": "text", "text": "Paris, of course"}],
                     "usage": {"input_tokens": 9, "output_tokens": 5}});
    [Model::saying(old).await, Model::saying(Reply::json(&new)).await]
}

fn question() -> String {
    json!({"model": "gpt-x", "stream": true, "temperature": 0.25, "top_p": 0.5, "max_tokens": 64,
           "messages": [{"role": "user", "content": "What is the capital of France?"}]})
    .to_string()
}

async fn ask(observed: &Observed, path: &str) -> crate::rig::Got {
    let traceparent = format!("00-{TRACE}-00f067aa0ba902b7-01");
    let headers = [("content-type", "application/json"), ("traceparent", traceparent.as_str())];
    Client::http1(observed.process.data).await.post(path, &headers, &question()).await
}

#[tokio::test]
async fn spans_and_events_say_in_the_words_of_opentelemetry_what_language_models_did() {
    let [old, new] = models().await;
    let observed = Observed::start("", &experiment(&old, &new)).await;
    let asked = Instant::now();
    let got = ask(&observed, CHAT).await;
    let took = asked.elapsed().as_secs_f64();
    // Both answers are judged once their pair is on record, and so what is reported next finds its request.
    observed.counted("crossfade_judgements_total{", 2.0).await;
    let report =
        json!({"request_id": got.header("crossfade-id").unwrap(), "outcome": "liked", "value": false});
    let mut admin = observed.process.admin().await;
    assert_eq!(admin.post("/feedback", &[], &report.to_string()).await.status, 200);
    ask(&observed, "/v1/embeddings").await;
    let collected = observed.told().await;

    let (answer, copy) = (collected.client("old"), collected.client("new"));
    assert_eq!((answer.name.as_str(), copy.name.as_str()), ("chat gpt-x", "chat gpt-x"));
    for span in [answer, copy] {
        assert_eq!(span.trace_id.iter().map(|byte| format!("{byte:02x}")).collect::<String>(), TRACE);
        assert!(span.end_time_unix_nano > span.start_time_unix_nano);
    }
    let expected = [
        ("gen_ai.operation.name", json!("chat")),
        ("gen_ai.provider.name", json!("openai")),
        ("gen_ai.request.model", json!("gpt-x")),
        ("gen_ai.request.temperature", json!(0.25)),
        ("gen_ai.request.top_p", json!(0.5)),
        ("gen_ai.request.max_tokens", json!(64)),
        ("gen_ai.request.stream", json!(true)),
        ("gen_ai.response.model", json!("gpt-x-0613")),
        ("gen_ai.response.id", json!("c-1")),
        ("gen_ai.response.finish_reasons", json!(["length"])),
        ("gen_ai.usage.input_tokens", json!(12)),
        ("gen_ai.usage.cache_read.input_tokens", json!(4)),
        ("gen_ai.usage.output_tokens", json!(7)),
        ("gen_ai.usage.reasoning.output_tokens", json!(3)),
        ("http.response.status_code", json!(200)),
    ];
    let attributes = told(&answer.attributes);
    for (key, value) in expected {
        assert_eq!(attributes.get(key), Some(&value), "{key}");
    }
    let first = attributes["gen_ai.response.time_to_first_chunk"].as_f64().unwrap();
    assert!(first > 0.0 && first <= took, "{first} of {took}");
    let attributes = told(&copy.attributes);
    let expected = [
        ("gen_ai.provider.name", Some(json!("anthropic"))),
        ("gen_ai.response.model", Some(json!("claude-y"))),
        ("gen_ai.response.finish_reasons", Some(json!(["stop"]))),
        ("gen_ai.usage.input_tokens", Some(json!(9))),
        ("gen_ai.response.time_to_first_chunk", None),
    ];
    for (key, value) in expected {
        assert_eq!(attributes.get(key), value.as_ref(), "{key}");
    }
    let passed = collected.spans.iter().find(|span| span.name == "embeddings").unwrap();
    assert_eq!(told(&passed.attributes)["gen_ai.operation.name"], "embeddings");

    let said: Vec<_> = collected.events.iter().map(|event| (event, told(&event.attributes))).collect();
    assert_eq!(said.len(), 3);
    let expected = [
        (json!("capital"), answer, json!("c-1"), json!(0.0), None),
        (json!("capital"), copy, json!("msg-2"), json!(1.0), None),
        (json!("liked"), answer, json!("c-1"), json!(0.0), Some(json!("false"))),
    ];
    for ((event, said), (name, span, response, score, label)) in said.iter().zip(expected) {
        assert_eq!(event.event_name, "gen_ai.evaluation.result");
        assert_eq!((&event.trace_id, &event.span_id), (&span.trace_id, &span.span_id), "{name}");
        assert_eq!(said["gen_ai.evaluation.name"], name);
        assert_eq!(said["gen_ai.evaluation.score.value"], score, "{said:?}");
        assert_eq!(said.get("gen_ai.evaluation.score.label"), label.as_ref());
        assert_eq!(said["gen_ai.response.id"], response);
        assert_eq!(said["crossfade.request_id"], got.header("crossfade-id").unwrap());
    }
    let text = String::from_utf8_lossy(&collected.bytes);
    for content in ["France", "hesitate", "of course"] {
        assert!(!text.contains(content), "no prompt and no answer is in a trace: {content}");
    }
}

#[tokio::test]
async fn names_that_rules_hide_stay_out_of_spans() {
    let [old, new] = models().await;
    let redact = ", redact: [{json: $.model, action: mask}, {json: $.max_tokens, action: drop}]";
    let observed = Observed::start(redact, &experiment(&old, &new)).await;
    ask(&observed, CHAT).await;
    observed.counted("crossfade_judgements_total{", 2.0).await;
    let collected = observed.told().await;
    let copy = told(&collected.client("new").attributes);
    assert_eq!((&copy["gen_ai.response.id"], &copy["gen_ai.request.top_p"]), (&json!("msg-2"), &json!(0.5)));
    for arm in ["old", "new"] {
        let span = collected.client(arm);
        let attributes = told(&span.attributes);
        assert_eq!(span.name, "chat");
        assert!(!attributes.contains_key("gen_ai.request.model"), "{attributes:?}");
        assert!(!attributes.contains_key("gen_ai.response.model"), "{attributes:?}");
        assert!(!attributes.contains_key("gen_ai.request.max_tokens"), "{attributes:?}");
        assert!(attributes.contains_key("gen_ai.usage.output_tokens"), "{attributes:?}");
    }
    assert!(!String::from_utf8_lossy(&collected.bytes).contains("gpt-x"));
}
