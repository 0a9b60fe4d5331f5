//! Shadow with a candidate that goes wrong: every user has legacy's answer, and every copy is accounted for.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::chaos::crowd::Crowd;
use crate::chaos::crowd::legacy;
use crate::chaos::wicked::Way;
use crate::chaos::wicked::Wicked;
use crate::rig::Rig;
use crate::rig::until;

/// Copies in flight that the policy allows, and probes beyond them.
const IN_FLIGHT: usize = 8;
const PROBES: usize = 16;

/// What a test allows the process to grow by: legacy keeps what it saw, users hold their bodies, and copies a few
/// bodies more.
const MEMORY: u64 = 192 << 20;

/// Sends a crowd through a shadow experiment and checks what users got, what was held and what was counted.
/// `fates` is how copies may end, `reasons` why they may be dropped.
async fn check(way: Way, crowd: Crowd, fates: &[&str], reasons: &[&str]) {
    let (old, new) = (legacy().await, Wicked::start(way).await);
    let policy = format!(
        "models:\n  old: {{url: \"{}\"}}\n  new: {{url: \"{}\", timeout: {{connect: 200ms}}}}\nexperiments:\n  \
         - {{name: e, legacy: old, candidate: new, strategy: {{shadow: {{deadline: 400ms, budget: {{in_flight: \
         {IN_FLIGHT}}}}}}}}}\n",
        old.url(),
        new.url
    );
    let rig = Rig::start_with(&policy, "", "body_cap: 2MiB").await;
    let saw = crowd.ask(&rig).await;
    let most = (IN_FLIGHT + PROBES) as f64;
    assert!(saw.copies <= most && saw.bytes <= most * crowd.body_bytes as f64, "{way:?}: {saw:?}");
    assert!(saw.grown < MEMORY, "{way:?}: {saw:?}");
    for gauge in ["crossfade_copies_in_flight", "crossfade_copies_in_flight_bytes"] {
        until(gauge, async || rig.metric(gauge, &[]).await == 0.0).await;
    }
    assert_eq!(rig.metric("crossfade_model_in_flight_requests", &["model=\"new\""]).await, 0.0, "{way:?}");
    let sent = rig.metric("crossfade_copies_sent_total", &[]).await;
    let mut counted = BTreeMap::new();
    for reason in reasons {
        let label = format!("reason=\"{reason}\"");
        counted.insert(*reason, rig.metric("crossfade_copies_dropped_total", &[&label]).await);
    }
    assert!(sent > 0.0, "{way:?}");
    assert_eq!(sent + counted.values().sum::<f64>(), saw.requests as f64, "{way:?}: {counted:?}");
    check_records(way, &rig.records().await, crowd.requests(), fates, &counted);
}

/// The records tell the same as the counters did.
fn check_records(
    way: Way,
    records: &[Value],
    requests: usize,
    fates: &[&str],
    counted: &BTreeMap<&str, f64>,
) {
    assert_eq!(records.len(), requests, "{way:?}");
    let mut dropped: BTreeMap<&str, f64> = counted.keys().map(|reason| (*reason, 0.0)).collect();
    for record in records {
        let of = |arm: &str| record["observations"].as_array().unwrap().iter().find(|leg| leg["arm"] == arm);
        assert_eq!((&of("old").unwrap()["fate"], &record["served"]), (&"complete".into(), &"old".into()));
        match of("new") {
            Some(leg) => assert!(fates.contains(&leg["fate"].as_str().unwrap()), "{way:?}: {leg}"),
            None => {
                let reason = record["dropped"][0]["reason"].as_str().unwrap();
                *dropped.entry(reason).or_default() += 1.0;
            }
        }
    }
    assert_eq!(dropped, *counted, "{way:?}");
}

const SMALL: Crowd = Crowd { each: 40, body_bytes: 100 };

/// Why copies to a model that fails are dropped, and those to a model that is full.
const FAILING: [&str; 2] = ["in_flight", "breaker_open"];

#[tokio::test]
async fn a_candidate_that_is_gone_hurts_nobody() {
    check(Way::Gone, SMALL, &["connect_error"], &FAILING).await;
}

#[tokio::test]
async fn a_candidate_without_an_address_hurts_nobody() {
    check(Way::Nameless, SMALL, &["connect_error"], &FAILING).await;
}

#[tokio::test]
async fn a_candidate_that_never_accepts_hurts_nobody() {
    check(Way::BlackHole, SMALL, &["connect_error"], &FAILING).await;
}

#[tokio::test]
async fn a_candidate_that_never_answers_hurts_nobody() {
    check(Way::Mute, SMALL, &["timeout"], &FAILING).await;
}

#[tokio::test]
async fn a_candidate_that_stalls_in_its_body_hurts_nobody() {
    check(Way::Stalls, SMALL, &["timeout"], &FAILING).await;
}

#[tokio::test]
async fn a_candidate_that_drips_hurts_nobody() {
    check(Way::Drips, SMALL, &["timeout"], &FAILING).await;
}

#[tokio::test]
async fn a_candidate_that_resets_hurts_nobody() {
    check(Way::Resets, SMALL, &["reset"], &FAILING).await;
}

#[tokio::test]
async fn a_candidate_that_speaks_no_http_hurts_nobody() {
    check(Way::Garbage, SMALL, &["reset"], &FAILING).await;
}

#[tokio::test]
async fn a_candidate_that_breaks_off_hurts_nobody() {
    check(Way::Tears, SMALL, &["truncated"], &FAILING).await;
}

#[tokio::test]
async fn a_candidate_that_says_500_hurts_nobody_and_each_answer_is_on_record() {
    check(Way::Fails, SMALL, &["complete"], &["in_flight"]).await;
}

#[tokio::test]
async fn an_answer_of_a_gigabyte_is_not_read() {
    check(Way::Huge, SMALL, &["cancelled"], &FAILING).await;
}

#[tokio::test]
async fn an_answer_without_end_is_cut_off() {
    check(Way::Endless, Crowd { each: 10, body_bytes: 100 }, &["cancelled", "timeout"], &FAILING).await;
}

#[tokio::test]
async fn a_candidate_that_never_reads_large_bodies_hurts_nobody() {
    check(Way::Deaf, Crowd { each: 3, body_bytes: 1 << 20 }, &["timeout"], &FAILING).await;
}

#[tokio::test]
async fn a_candidate_that_speaks_no_tls_hurts_nobody() {
    check(Way::NoTls, SMALL, &["connect_error"], &FAILING).await;
}

#[tokio::test]
async fn a_candidate_that_never_shakes_hands_hurts_nobody() {
    check(Way::MuteTls, SMALL, &["connect_error"], &FAILING).await;
}

#[tokio::test]
async fn a_candidate_that_breaks_off_in_its_handshake_hurts_nobody() {
    check(Way::TornTls, SMALL, &["connect_error"], &FAILING).await;
}

#[tokio::test]
async fn a_candidate_whose_certificate_does_not_hold_hurts_nobody() {
    check(Way::Stranger, SMALL, &["connect_error"], &FAILING).await;
}
