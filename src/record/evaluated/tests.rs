use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::Mutex;
use std::time::Duration;

use http::HeaderMap;
use http::Method;
use http::Request;
use http::StatusCode;
use opentelemetry::Context;
use opentelemetry::InstrumentationScope;
use opentelemetry::logs::AnyValue;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::logs::LogProcessor;
use opentelemetry_sdk::logs::SdkLogRecord;
use opentelemetry_sdk::trace::Span;
use opentelemetry_sdk::trace::SpanData;
use opentelemetry_sdk::trace::SpanProcessor;
use serde_json::json;

use crate::record::JudgedAnswer;
use crate::record::JudgementRecord;
use crate::record::Missing;
use crate::record::OutcomeRecord;
use crate::record::OutcomeValue;
use crate::record::Preference;
use crate::record::evaluated::Evaluated;
use crate::record::evaluated::MOST;
use crate::record::traced::TracedCall;
use crate::telemetry::Evaluations;
use crate::telemetry::Traces;
use crate::telemetry::traces::Leg;
use crate::telemetry::traces::SpanLink;
use crate::vocab::ExperimentName;
use crate::vocab::Fate;
use crate::vocab::ModelName;
use crate::vocab::RequestId;
use crate::vocab::Role;

/// Keeps every event; spans it lets go.
#[derive(Debug, Clone, Default)]
struct Kept(Arc<Mutex<Vec<SdkLogRecord>>>);

impl LogProcessor for Kept {
    fn emit(&self, record: &mut SdkLogRecord, _: &InstrumentationScope) {
        self.0.lock().unwrap().push(record.clone());
    }

    fn force_flush(&self) -> OTelSdkResult {
        Ok(())
    }
}

impl SpanProcessor for Kept {
    fn on_start(&self, _: &mut Span, _: &Context) {}

    fn on_end(&self, _: SpanData) {}

    fn force_flush(&self) -> OTelSdkResult {
        Ok(())
    }

    fn shutdown_with_timeout(&self, _: Duration) -> OTelSdkResult {
        Ok(())
    }
}

impl Kept {
    /// The last event's attributes as text, and whether it belongs to a trace.
    fn last(&self) -> (BTreeMap<String, String>, bool) {
        let events = self.0.lock().unwrap();
        let event = events.last().unwrap();
        assert_eq!(event.event_name(), Some("gen_ai.evaluation.result"));
        let text = |value: &AnyValue| match value {
            AnyValue::Double(number) => number.to_string(),
            AnyValue::String(text) => text.to_string(),
            other => panic!("{other:?}"),
        };
        let attributes = event.attributes_iter().map(|(key, value)| (key.to_string(), text(value)));
        (attributes.collect(), event.trace_context().is_some())
    }
}

fn arm() -> ModelName {
    ModelName::new("small").unwrap()
}

fn experiment() -> ExperimentName {
    ExperimentName::new("e").unwrap()
}

fn link() -> SpanLink {
    let head = Request::post("/v1/chat/completions").body(()).unwrap().into_parts().0;
    let server = Traces::through(Kept::default()).server_span(&head, "http", str::to_owned);
    let leg = Leg {
        experiment: None,
        arm: &arm(),
        role: Role::Answer,
        request_id: None,
        method: &Method::POST,
        path: "/v1/chat/completions",
        provider: Some("openai"),
    };
    let span = server.parent().client_span(leg, &mut HeaderMap::new());
    span.finish(Some(StatusCode::OK), Fate::Complete).unwrap().link()
}

fn judgement(request_id: RequestId, answer: JudgedAnswer) -> JudgementRecord {
    let mut record: JudgementRecord = serde_json::from_value(json!({
        "request_id": request_id, "time": "2026-01-01T00:00:00Z", "request_time": "2026-01-01T00:00:00Z",
        "experiment": "e", "identity": "", "judge": "tidy", "version": "", "mode": "rules", "propensity": 1.0,
        "answers": [],
    }))
    .unwrap();
    record.answers.push(answer);
    record
}

#[test]
fn what_was_said_of_an_answer_is_a_score_a_label_or_why_there_is_none() {
    let kept = Kept::default();
    let evaluated = Evaluated::through(Evaluations::through(kept.clone()));
    let of = || JudgedAnswer::of(arm(), Role::Answer);
    let preferred = |preference| JudgedAnswer { against_legacy: Some(preference), ..of() };
    let judged = [
        (JudgedAnswer { score: Some(0.25), ..of() }, Some("0.25"), None, None),
        (
            JudgedAnswer { score: Some(1.0), label: Some("good".to_owned()), ..of() },
            Some("1"),
            Some("good"),
            None,
        ),
        (preferred(Preference::Win), Some("1"), Some("win"), None),
        (preferred(Preference::Tie), Some("0.5"), Some("tie"), None),
        (preferred(Preference::Loss), Some("0"), Some("loss"), None),
        (JudgedAnswer { missing: Some(Missing::Timeout), ..of() }, None, None, Some("timeout")),
    ];
    let check = |what: &str, name: &str, [score, label, error]: [Option<&str>; 3]| {
        let (said, is_traced) = kept.last();
        assert!(!is_traced, "{what}: nobody knows the request");
        let is =
            |key: &str, value: Option<&str>| assert_eq!(said.get(key).map(String::as_str), value, "{what}");
        is("gen_ai.evaluation.name", Some(name));
        is("gen_ai.evaluation.score.value", score);
        is("gen_ai.evaluation.score.label", label);
        is("error.type", error);
    };
    for (answer, score, label, error) in judged {
        let what = format!("{answer:?}");
        evaluated.judgement(&judgement(RequestId::draw(), answer));
        check(&what, "tidy", [score, label, error]);
    }
    let long = "x".repeat(300);
    let reported = [
        (OutcomeValue::Click { item: Some("a secret".to_owned()), place: None }, Some("1"), Some("click")),
        (OutcomeValue::Binary(true), Some("1"), Some("true")),
        (OutcomeValue::Binary(false), Some("0"), Some("false")),
        (OutcomeValue::Number(3.5), Some("3.5"), None),
        (OutcomeValue::Label(long.clone()), None, Some(&long[..256])),
        (OutcomeValue::Json(json!({"note": "a secret"})), None, None),
    ];
    for (value, score, label) in reported {
        let what = format!("{value:?}");
        let mut record: OutcomeRecord = serde_json::from_value(json!({
            "request_id": RequestId::draw(), "time": "2026-01-01T00:00:00Z", "request_time": "2026-01-01T00:00:00Z",
            "experiment": "e", "identity": "", "arm": "small", "enrolled": true, "outcome": "liked",
            "type": "binary", "value": {"binary": true},
        }))
        .unwrap();
        record.value = value;
        evaluated.outcome(&record);
        check(&what, "liked", [score, label, None]);
        assert!(kept.last().0.values().all(|text| !text.contains("secret")), "{what}");
    }
    assert_eq!(kept.last().0["crossfade.experiment"], experiment().as_str());
}

#[test]
fn the_latest_requests_are_remembered_and_no_more() {
    let kept = Kept::default();
    let mut evaluated = Evaluated::through(Evaluations::through(kept.clone()));
    let span = link();
    let ids: Vec<RequestId> = (0..=MOST).map(|_| RequestId::draw()).collect();
    for id in &ids {
        let response_id = Some("c-1".to_owned());
        evaluated.remember(
            *id,
            vec![TracedCall { arm: arm(), role: Role::Answer, span: span.clone(), response_id }],
        );
    }
    for (id, is_known) in [(ids[0], false), (ids[1], true), (ids[MOST], true)] {
        evaluated.judgement(&judgement(id, JudgedAnswer::of(arm(), Role::Answer)));
        let (said, is_traced) = kept.last();
        assert_eq!((is_traced, said.contains_key("gen_ai.response.id")), (is_known, is_known));
        evaluated.judgement(&judgement(id, JudgedAnswer::of(arm(), Role::Control)));
        assert!(!kept.last().1, "another call of the request was not traced");
    }
}
