//! Feedback without a gateway: what each report comes to, here and on another replica.

use std::sync::Arc;

use crossfade::config::Config;
use crossfade::feedback::Feedback;
use crossfade::record::Line;
use crossfade::record::OutcomeValue;
use crossfade::record::Recorder;
use crossfade::record::Settings;
use crossfade::telemetry::Metrics;
use crossfade::vocab::ArmId;
use crossfade::vocab::RequestId;
use crossfade::vocab::Timestamp;
use serde_json::Value;
use serde_json::json;

use crate::ledger::Ledger;
use crate::ledger::NEW_YEAR;
use crate::ledger::configured;
use crate::ledger::shown;

const OLD: ArmId = ArmId::LEGACY;
const NEW: ArmId = ArmId(1);
const HOUR_MICROS: i64 = 3_600_000_000;

const POLICY: &str = r#"
feedback: {remember: 1000}
models: {old: {url: "http://127.0.0.1:1"}, new: {url: "http://127.0.0.1:2"}}
experiments:
  - name: e
    legacy: old
    candidate: new
    outcomes:
      click: {type: click, window: 1h}
      digit: {type: label, window: 1h}
      thumb: {type: binary, window: 1h}
      stars: {type: number, window: 1h}
      boxes: {type: json, window: 1h}
    strategy: {interleave: {items: "$.results[*]", id: $.doc, depth: 5, deadline: 1s, credit: click}}
"#;

fn ledger() -> Ledger {
    Ledger::start("", POLICY)
}

/// Serves a request that was shown `a` and `c` of legacy's and `b` of the candidate's.
fn serve_list(ledger: &Ledger) -> RequestId {
    let mut pair = ledger.pair();
    pair.shown = Some(shown(&[("a", OLD), ("b", NEW), ("c", OLD)]));
    ledger.serve(pair)
}

fn of(id: RequestId, outcome: &str, value: Value) -> Value {
    json!({"request_id": id.to_string(), "outcome": outcome, "value": value})
}

fn result(reply: (u16, Value)) -> (u16, String) {
    (reply.0, reply.1["result"].as_str().unwrap_or_default().to_owned())
}

/// Lists within lists.
fn nested(levels: usize) -> Value {
    (0..levels).fold(json!(1), |inner, _| json!([inner]))
}

#[tokio::test]
async fn a_value_is_taken_as_its_declared_type_or_refused_with_the_reason() {
    let ledger = ledger();
    let taken = [
        ("digit", json!("7"), OutcomeValue::Label("7".to_owned())),
        ("digit", json!(7), OutcomeValue::Label("7".to_owned())),
        ("thumb", json!(true), OutcomeValue::Binary(true)),
        ("thumb", json!("down"), OutcomeValue::Binary(false)),
        ("stars", json!(4.5), OutcomeValue::Number(4.5)),
        ("stars", json!(-3), OutcomeValue::Number(-3.0)),
        ("boxes", json!([{"box": [0, 1.5]}]), OutcomeValue::Json(json!([{"box": [0, 1.5]}]))),
        ("boxes", json!(null), OutcomeValue::Json(json!(null))),
        ("click", json!({"place": 1}), OutcomeValue::Click { item: None, place: Some(1) }),
        ("click", json!({"item": "b"}), OutcomeValue::Click { item: None, place: Some(1) }),
        ("click", json!("c"), OutcomeValue::Click { item: None, place: Some(2) }),
        ("click", json!({"item": "a", "place": 0}), OutcomeValue::Click { item: None, place: Some(0) }),
    ];
    let refused = [
        ("digit", json!(null)),
        ("digit", json!([7])),
        ("digit", json!("x".repeat(2000))),
        ("thumb", json!("sideways")),
        ("thumb", json!(1)),
        ("stars", json!("5")),
        ("stars", json!(null)),
        ("boxes", json!("x".repeat(16 * 1024))),
        ("boxes", nested(101)),
        ("click", json!(1)),
        ("click", json!({})),
        ("click", json!({"item": "a", "place": 1})),
        ("click", json!({"item": "z"})),
        ("click", json!({"place": 3})),
        ("click", json!({"place": -1})),
        ("click", json!({"item": "a", "position": 0})),
    ];
    for (outcome, value, _) in &taken {
        let id = serve_list(&ledger);
        let reply = ledger.report(&of(id, outcome, value.clone()));
        assert_eq!(result(reply), (200, "joined".to_owned()), "{outcome} {value}");
    }
    for (outcome, value) in refused {
        let reply = ledger.report(&of(serve_list(&ledger), outcome, value.clone()));
        assert!(reply.1["reason"].is_string(), "{reply:?}");
        assert_eq!(result(reply), (422, "rejected".to_owned()), "{outcome} {value}");
    }
    let lines = ledger.read().await;
    let values = lines.into_iter().filter_map(|line| match line {
        Line::Outcome(record) => Some(record.value),
        _ => None,
    });
    assert_eq!(values.collect::<Vec<_>>(), taken.map(|(_, _, value)| value));
}

#[tokio::test]
async fn a_report_that_is_none_is_refused_with_its_own_status() {
    let ledger = ledger();
    let id = serve_list(&ledger);
    let cases = [
        (of(id, "invented", json!(1)), (422, "rejected")),
        (of(RequestId::draw(), "digit", json!(1)), (404, "unknown")),
        (json!({"request_id": "x", "outcome": "digit", "value": 1}), (422, "rejected")),
        (json!({"outcome": "digit", "value": 1}), (422, "rejected")),
        (json!({"request_id": id.to_string(), "outcome": "digit"}), (422, "rejected")),
        (
            json!({"request_id": id.to_string(), "outcome": "digit", "value": 1, "extra": 1}),
            (422, "rejected"),
        ),
        (json!({"ticket": "a.b", "outcome": "digit", "value": 1}), (403, "forbidden")),
        (json!("text"), (422, "rejected")),
        (json!({"reports": 1}), (422, "rejected")),
    ];
    for (report, (status, verdict)) in cases {
        assert_eq!(result(ledger.report(&report)), (status, verdict.to_owned()), "{report}");
    }
    let status = |body: &[u8]| ledger.feedback.report(&ledger.policy, body, NEW_YEAR).status.as_u16();
    assert_eq!(status(b"{"), 400);
    assert_eq!(status(&vec![b' '; 2 * 1024 * 1024]), 413);
    assert_eq!(
        ledger.metric("crossfade_feedback_total", &["outcome=\"_undeclared\"", "experiment=\"e\""]),
        1.0
    );
    assert_eq!(ledger.metric("crossfade_feedback_total", &["outcome=\"invented\""]), 0.0);
}

#[tokio::test]
async fn a_report_counts_once_and_the_first_value_stays() {
    let ledger = ledger();
    let id = serve_list(&ledger);
    let steps = [
        ("digit", json!(7), "joined"),
        ("digit", json!("7"), "duplicate"),
        ("digit", json!(8), "conflict"),
        ("digit", json!(7), "duplicate"),
        ("thumb", json!("up"), "joined"),
        ("click", json!("a"), "joined"),
        ("click", json!({"place": 0}), "duplicate"),
        ("click", json!("b"), "joined"),
    ];
    for (outcome, value, expected) in steps {
        assert_eq!(result(ledger.report(&of(id, outcome, value.clone()))).1, expected, "{outcome} {value}");
    }
    let outcomes = ledger.lines().await.into_iter().filter(|line| line["kind"] == "outcome").count();
    assert_eq!(outcomes, 4);
}

#[tokio::test]
async fn a_late_report_is_on_record_with_a_mark_and_credits_nobody() {
    let ledger = ledger();
    let id = serve_list(&ledger);
    let after = |micros: i64| Timestamp::from_micros(NEW_YEAR.as_micros() + micros);
    let send = |outcome: &str, value: Value, now: Timestamp| {
        let body = of(id, outcome, value).to_string();
        ledger.feedback.report(&ledger.policy, body.as_bytes(), now).body["result"].clone()
    };
    assert_eq!(send("stars", json!(1), after(HOUR_MICROS)), "joined");
    assert_eq!(send("click", json!("a"), after(HOUR_MICROS + 1)), "late");
    assert_eq!(send("click", json!("a"), after(HOUR_MICROS + 2)), "duplicate");
    assert_eq!(ledger.metric("crossfade_interleaving_wins", &[]), 0.0);
    let (live, offline) = ledger.summaries().await;
    let late: Vec<_> = live.outcomes.iter().map(|it| (it.outcome.as_str(), it.reports, it.late)).collect();
    assert_eq!(late, [("stars", 1, 0), ("click", 0, 1)]);
    assert_eq!(live, offline);
}

#[tokio::test]
async fn a_batch_says_of_each_report_what_became_of_it() {
    let ledger = ledger();
    let id = serve_list(&ledger);
    let reports = [of(id, "digit", json!(1)), of(id, "digit", json!(1)), json!(0), of(id, "nope", json!(1))];
    let expected = ["joined", "duplicate", "rejected", "rejected"];
    for (body, expected) in [(json!(reports), expected), (json!({"reports": reports}), ["duplicate"; 4])] {
        let (status, reply) = ledger.report(&body);
        let results = reply["results"].as_array().unwrap();
        assert_eq!((status, results.len()), (200, 4));
        for (result, expected) in results.iter().zip(expected).take(2) {
            assert_eq!(result["result"], expected);
        }
        assert!(results[2..].iter().all(|result| result["reason"].is_string()));
    }
}

#[tokio::test]
async fn the_list_goes_to_the_arm_with_more_clicks_and_moves_when_another_leads() {
    let ledger = ledger();
    let id = serve_list(&ledger);
    let wins = |arm: &str| ledger.metric("crossfade_interleaving_wins", &[&format!("arm=\"{arm}\"")]);
    for (item, old, new) in [("b", 0.0, 1.0), ("b", 0.0, 1.0), ("a", 0.0, 0.0), ("c", 1.0, 0.0)] {
        ledger.report(&of(id, "click", json!(item)));
        assert_eq!((wins("old"), wins("new")), (old, new), "after a click on {item}");
    }
    let credits: Vec<Value> =
        ledger.lines().await.into_iter().filter(|line| line["kind"] == "outcome").collect();
    assert_eq!(credits[0]["credit"], json!({"shares": [0.0, 1.0]}));
    assert_eq!(
        (&credits[0]["type"], &credits[0]["value"]),
        (&json!("click"), &json!({"click": {"place": 1}}))
    );
}

#[tokio::test]
async fn a_list_without_contrast_or_another_outcome_credits_nobody() {
    let ledger = ledger();
    let mut pair = ledger.pair();
    let mut alike = (*shown(&[("a", OLD)])).clone();
    alike.no_contrast = true;
    pair.shown = Some(Arc::new(alike));
    let id = ledger.serve(pair);
    assert_eq!(result(ledger.report(&of(id, "click", json!("a")))).1, "joined");
    assert_eq!(result(ledger.report(&of(id, "thumb", json!(true)))).1, "joined");
    assert_eq!(ledger.metric("crossfade_interleaving_wins", &[]), 0.0);
    let lines = ledger.lines().await;
    assert!(lines.iter().all(|line| line["credit"] == Value::Null));
}

#[tokio::test]
async fn a_ticket_is_credited_on_a_replica_that_never_saw_the_request() {
    let (here, elsewhere) = (ledger(), ledger());
    let mut pair = here.pair();
    pair.stage = Some(3);
    pair.unit = crossfade::policy::Unit::Named("u1".to_owned());
    pair.shown = Some(shown(&[("a", OLD), ("b", NEW)]));
    let ticket = here.feedback.ticket(pair.id, &here.exposure(&pair)).unwrap();
    let report = |ticket: &str, outcome: &str, value: Value| {
        result(elsewhere.report(&json!({"ticket": ticket, "outcome": outcome, "value": value})))
    };
    assert_eq!(report(&ticket, "click", json!("b")), (200, "joined".to_owned()));
    assert_eq!(report(&ticket, "click", json!("b")), (200, "duplicate".to_owned()));
    assert_eq!(report(&ticket, "click", json!("z")), (422, "rejected".to_owned()));
    assert_eq!(elsewhere.metric("crossfade_interleaving_wins", &["arm=\"new\""]), 1.0);
    let other = json!({"ticket": ticket, "request_id": RequestId::draw().to_string(), "outcome": "digit", "value": 1});
    assert_eq!(result(elsewhere.report(&other)).0, 403);
    let (id, unit) = (pair.id, "c6b9917fbe83029b4f63830ebd851053");
    here.serve(pair);
    here.report(&of(id, "click", json!("b")));
    let of_kind = |lines: Vec<Value>| lines.into_iter().find(|line| line["kind"] == "outcome").unwrap();
    let (own, credited) = (of_kind(here.lines().await), of_kind(elsewhere.lines().await));
    assert_eq!(own, credited, "both replicas write the same record");
    assert_eq!((&credited["stage"], &credited["unit"]), (&json!(3), &json!(unit)));
}

#[tokio::test]
async fn a_ticket_that_was_touched_is_refused() {
    let ledger = ledger();
    let pair = ledger.pair();
    let ticket = ledger.feedback.ticket(pair.id, &ledger.exposure(&pair)).unwrap();
    let (payload, signature) = ticket.split_once('.').unwrap();
    let touched = |text: &str, place: usize| {
        let other = if &text[place..=place] == "A" { "B" } else { "A" };
        format!("{}{other}{}", &text[..place], &text[place + 1..])
    };
    let forged = [
        format!("{}.{signature}", touched(payload, 10)),
        format!("{payload}.{}", touched(signature, 10)),
        format!("{payload}."),
        payload.to_owned(),
        format!("{payload}.{signature}.{signature}"),
        String::new(),
    ];
    for ticket in forged {
        let report = json!({"ticket": ticket, "outcome": "digit", "value": 1});
        assert_eq!(result(ledger.report(&report)), (403, "forbidden".to_owned()), "{ticket}");
    }
}

#[tokio::test]
async fn a_ticket_carries_as_much_of_a_long_list_as_fits_a_header() {
    let (here, elsewhere) = (ledger(), ledger());
    let ids: Vec<String> = (0..500).map(|place| format!("document-{place}")).collect();
    let items: Vec<(&str, ArmId)> = ids.iter().map(|id| (id.as_str(), OLD)).collect();
    let mut pair = here.pair();
    pair.shown = Some(shown(&items));
    let ticket = here.feedback.ticket(pair.id, &here.exposure(&pair)).unwrap();
    assert!(ticket.len() < 4096, "{}", ticket.len());
    let click = |place: usize| {
        result(elsewhere.report(&json!({"ticket": ticket, "outcome": "click", "value": {"place": place}}))).1
    };
    assert_eq!((click(9).as_str(), click(499).as_str()), ("joined", "rejected"));
}

#[tokio::test]
async fn a_batch_of_too_many_reports_is_refused_whole() {
    let ledger = ledger();
    let batch = |count: usize| json!(vec![of(serve_list(&ledger), "digit", json!(1)); count]);
    let (status, reply) = ledger.report(&batch(1_001));
    assert_eq!((status, &reply["result"]), (413, &json!("rejected")));
    let (status, reply) = ledger.report(&batch(1_000));
    assert_eq!((status, &reply["results"][0]["result"]), (200, &json!("joined")));
    assert_eq!(ledger.read().await.iter().filter(|line| matches!(line, Line::Outcome(_))).count(), 1);
}

#[tokio::test]
async fn every_reply_is_as_the_api_describes_it() {
    let openapi: Value = serde_json::from_str(include_str!("../../src/admin/openapi.json")).unwrap();
    let described = |status: u16, reply: &Value| {
        let response = &openapi["paths"]["/feedback"]["post"]["responses"][status.to_string()];
        let mut schema = response["content"]["application/json"]["schema"].clone();
        assert!(schema.is_object(), "{status} is not described: {reply}");
        schema["components"] = openapi["components"].clone();
        assert!(jsonschema::is_valid(&schema, reply), "{status} is described otherwise: {reply}");
    };
    let ledger = ledger();
    let id = serve_list(&ledger);
    let seen = [
        of(id, "digit", json!(1)),
        of(id, "digit", json!(1)),
        of(id, "digit", json!(2)),
        of(id, "nope", json!(2)),
        of(RequestId::draw(), "digit", json!(1)),
        json!({"ticket": "forged.forged", "outcome": "digit", "value": 1}),
        json!([of(id, "digit", json!(1)), 0]),
        json!(vec![0; 1_001]),
        json!(0),
    ]
    .map(|report| ledger.report(&report));
    assert_eq!(seen.each_ref().map(|(status, _)| *status), [200, 200, 409, 422, 404, 403, 200, 413, 422]);
    seen.iter().for_each(|(status, reply)| described(*status, reply));
    let broken = ledger.feedback.report(&ledger.policy, b"{", NEW_YEAR);
    described(broken.status.as_u16(), &broken.body);
    ledger.close().await;
    let (status, reply) = ledger.report(&of(id, "stars", json!(1)));
    assert_eq!(status, 503);
    described(status, &reply);
}

#[tokio::test]
async fn memory_is_bounded_and_forgets_the_oldest_first() {
    let ledger = ledger();
    let ids: Vec<RequestId> = (0..3_000).map(|_| serve_list(&ledger)).collect();
    let known = |id: &RequestId| result(ledger.report(&of(*id, "digit", json!(1)))).1 == "joined";
    let remembered: Vec<bool> = ids.iter().map(known).collect();
    let count = remembered.iter().filter(|known| **known).count();
    assert!(count <= 1_000 && count > 900, "{count} of a memory for 1,000");
    assert!(!remembered[0] && remembered[2_999]);
}

#[tokio::test]
async fn memory_is_bounded_in_bytes_too_whatever_clients_and_models_send() {
    let ledger = ledger();
    let list = shown(&[(&"x".repeat(1024 * 1024), OLD)]);
    let serve = |_| {
        let mut pair = ledger.pair();
        pair.shown = Some(Arc::clone(&list));
        ledger.feedback.remember(pair.id, ledger.exposure(&pair));
        pair.id
    };
    let ids: Vec<RequestId> = (0..400).map(serve).collect();
    let known = |id: &&RequestId| ledger.report(&of(**id, "digit", json!(1))).0 == 200;
    let count = ids.iter().filter(known).count();
    assert!((100..=256).contains(&count), "{count} requests of 1 MiB in 256 MiB");
}

#[tokio::test]
async fn when_the_queue_is_full_the_reporter_tries_again_and_nothing_counts_twice() {
    let dir = tempfile::TempDir::new().unwrap();
    let Config { feedback, policy, .. } = configured(dir.path(), "", POLICY);
    let recorder = Recorder::new(&Settings { queue_records: 1, ..Settings::default() });
    let feedback = Feedback::new(feedback, recorder.clone(), Arc::new(Metrics::new()));
    let ledger = ledger();
    let pair = ledger.pair();
    feedback.remember(pair.id, ledger.exposure(&pair));
    let send = |outcome: &str| {
        let reply = feedback.report(&policy, of(pair.id, outcome, json!(1)).to_string().as_bytes(), NEW_YEAR);
        (reply.status.as_u16(), reply.body["result"].clone())
    };
    assert_eq!(send("stars"), (200, json!("joined")));
    assert_eq!(send("digit"), (503, json!("busy")));
    let batch = json!([of(pair.id, "digit", json!(1))]).to_string();
    assert_eq!(feedback.report(&policy, batch.as_bytes(), NEW_YEAR).status.as_u16(), 503);
    assert_eq!(recorder.take().entries.len(), 1);
    assert_eq!(send("digit"), (200, json!("joined")));
}
