//! Reports of outcomes: none is believed without our signature, and what is believed can be recorded.

use std::path::Path;
use std::sync::Arc;
use std::sync::LazyLock;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use crossfade::config;
use crossfade::feedback;
use crossfade::feedback::Exposure;
use crossfade::feedback::Feedback;
use crossfade::feedback::Reply;
use crossfade::policy::Policy;
use crossfade::policy::Unit;
use crossfade::record;
use crossfade::record::Entry;
use crossfade::record::Line;
use crossfade::record::Recorder;
use crossfade::strategy::Assignment;
use crossfade::telemetry::Metrics;
use crossfade::vocab::ArmId;
use crossfade::vocab::RequestId;
use crossfade::vocab::Secret;
use crossfade::vocab::Timestamp;
use hmac::Hmac;
use hmac::KeyInit;
use hmac::Mac;
use serde_json::Value;
use serde_json::json;
use sha2::Sha256;

use crate::first_line;
use crate::records::hold_line;

const KEY: &[u8] = b"the same on every replica";
/// 2026-01-01T00:00:00Z.
const NOW: Timestamp = Timestamp::from_micros(1_767_225_600_000_000);
const ID: &str = "0190163d-8694-739b-84d3-e6e9d7c9f1b2";
const OUTCOMES: [&str; 5] = ["click", "label", "thumb", "number", "undeclared"];

const POLICY: &str = r#"
models: {old: {url: "http://127.0.0.1:1"}, new: {url: "http://127.0.0.1:2"}}
experiments:
  - {name: listed, match: {path: /listed}, legacy: old, candidate: new, outcomes: {click: {type: click}},
     strategy: {interleave: {items: "$.items[*]", id: $.id, credit: click}}}
  - {name: plain, legacy: old, candidate: new, strategy: {shadow: {}}, outcomes: {click: {type: click},
     label: {type: label}, thumb: {type: binary}, number: {type: number}}}
"#;

static SHARED: LazyLock<(Arc<Policy>, Arc<Metrics>)> = LazyLock::new(|| {
    let config = config::parse(Path::new("policy.yaml"), POLICY).expect("this policy is good");
    (Arc::new(config.policy), Arc::new(Metrics::new()))
});

/// Checks one input in three roles: a report; the claims of a ticket that we signed, and on the next line a value; a
/// forgery.
pub fn check(input: &[u8]) {
    let (feedback, recorder) = fresh();
    hold_reply(&feedback.report(&SHARED.0, input, NOW));
    if let Ok(text) = std::str::from_utf8(input) {
        let (claims, value) = first_line(text);
        hold_signed(&feedback, &recorder, claims, serde_json::from_str(value).unwrap_or(json!(value)));
    }
    hold_forged(&feedback, input);
}

fn fresh() -> (Feedback, Recorder) {
    let recorder = Recorder::new(&record::Settings::default());
    let settings = feedback::Settings { ticket_key: Some(Secret::new(KEY)), ..feedback::Settings::default() };
    (Feedback::new(settings, recorder.clone(), Arc::clone(&SHARED.1)), recorder)
}

/// Whoever signed it, a ticket never brings the gateway down, nor a record into the log that cannot be read back.
fn hold_signed(feedback: &Feedback, recorder: &Recorder, claims: &str, value: Value) {
    let mac = Hmac::<Sha256>::new_from_slice(KEY).expect("a key may have any length").chain_update(claims);
    let signature = mac.finalize().into_bytes();
    let ticket = format!("{}.{}", URL_SAFE_NO_PAD.encode(claims), URL_SAFE_NO_PAD.encode(signature));
    for outcome in OUTCOMES {
        let report = json!({"ticket": ticket, "outcome": outcome, "value": value}).to_string();
        hold_reply(&feedback.report(&SHARED.0, report.as_bytes(), NOW));
        hold_reply(&feedback.report(&SHARED.0, report.as_bytes(), NOW));
    }
    for entry in recorder.take().entries {
        let Entry::Outcome(outcome) = entry else { panic!("nobody handed a pair on") };
        hold_line(&Line::Outcome(outcome));
    }
}

/// Writes the input over a part of a true ticket.
fn hold_forged(feedback: &Feedback, input: &[u8]) {
    let Some((at, forged)) = input.split_first() else { return };
    let ticket = true_ticket(feedback);
    let at = usize::from(*at) % ticket.len();
    let mut changed = ticket[..at].to_owned() + &String::from_utf8_lossy(forged);
    changed.push_str(ticket.get(changed.len()..).unwrap_or(""));
    let report = json!({"ticket": changed, "outcome": "label", "value": "a"}).to_string();
    let reply = feedback.report(&SHARED.0, report.as_bytes(), NOW);
    let status = if changed == ticket { 200 } else { 403 };
    assert_eq!(reply.status.as_u16(), status, "{changed}\n{}", reply.body);
}

fn true_ticket(feedback: &Feedback) -> String {
    let id: RequestId = ID.parse().expect("this id is good");
    let exposure = Exposure {
        attempt: 1,
        policy: Arc::clone(&SHARED.0),
        experiment: 1,
        stage: None,
        assignment: Assignment { arm: ArmId::LEGACY, propensity: 1.0, enrolled: true, forced: false },
        unit: Unit::Request,
        time: NOW,
        shown: None,
    };
    feedback.ticket(id, &exposure).expect("there is a key")
}

fn hold_reply(reply: &Reply) {
    let Reply { status, body } = reply;
    assert!([200, 400, 403, 404, 409, 413, 422, 503].contains(&status.as_u16()), "{status}: {body}");
    assert!(body["result"].is_string() || body["results"].is_array(), "{body}");
}
