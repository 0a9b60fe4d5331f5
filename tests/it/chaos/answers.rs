//! Canary and A/B with a candidate that goes wrong before its first byte: with `fallback` every user has an answer.

use crate::chaos::crowd::Crowd;
use crate::chaos::crowd::legacy;
use crate::chaos::wicked::Way;
use crate::chaos::wicked::Wicked;
use crate::rig::Rig;

const EVERYONE: &str = "canary: {steps: [{weight: 100%}], fallback: legacy}";
const HALF: &str = "ab: {arms: {old: 50%, new: 50%}, fallback: legacy}";

/// Sends a crowd through both strategies; each user who was assigned the candidate is saved by legacy, on record.
/// `ends` is how the candidate's calls end: a fate and, where an answer came, its status.
async fn check(way: Way, crowd: Crowd, end: (&str, Option<u16>)) {
    for strategy in [EVERYONE, HALF] {
        let (old, new) = (legacy().await, Wicked::start(way).await);
        let candidate = if strategy == HALF { "" } else { "candidate: new, " };
        let policy = format!(
            "models:\n  old: {{url: \"{}\"}}\n  new: {{url: \"{}\", timeout: {{connect: 200ms, first_byte: \
             300ms}}}}\nexperiments:\n  - {{name: e, legacy: old, {candidate}unit: [{{header: x-user-id}}], \
             strategy: {{{strategy}}}}}\n",
            old.url(),
            new.url
        );
        let rig = Rig::start_with(&policy, "", "body_cap: 2MiB").await;
        let saw = crowd.ask(&rig).await;
        let records = rig.records().await;
        assert_eq!(records.len(), saw.requests, "{way:?}");
        let assigned: Vec<_> = records.iter().filter(|record| record["assigned"] == "new").collect();
        assert!(!assigned.is_empty() && (strategy == HALF || assigned.len() == saw.requests), "{way:?}");
        for record in assigned {
            assert_eq!((&record["fallback"], &record["served"]), (&true.into(), &"old".into()), "{way:?}");
            let (first, second) = (&record["observations"][0], &record["observations"][1]);
            let (fate, status) = end;
            assert_eq!((&first["arm"], &first["fate"]), (&"new".into(), &fate.into()), "{way:?}");
            assert_eq!(first["status"].as_u64(), status.map(u64::from), "{way:?}");
            assert_eq!(
                (&second["role"], &second["fate"]),
                (&"fallback".into(), &"complete".into()),
                "{way:?}"
            );
        }
    }
}

const SMALL: Crowd = Crowd { each: 5, body_bytes: 100 };

#[tokio::test]
async fn users_of_a_candidate_that_cannot_be_reached_are_answered_by_legacy() {
    for way in [Way::Gone, Way::Nameless, Way::BlackHole] {
        check(way, SMALL, ("connect_error", None)).await;
    }
}

#[tokio::test]
async fn users_of_a_candidate_that_breaks_off_before_its_answer_are_answered_by_legacy() {
    for way in [Way::Resets, Way::Garbage] {
        check(way, SMALL, ("reset", None)).await;
    }
}

#[tokio::test]
async fn users_of_a_candidate_that_never_answers_are_answered_by_legacy() {
    check(Way::Mute, SMALL, ("timeout", None)).await;
    check(Way::Deaf, Crowd { each: 2, body_bytes: 1 << 20 }, ("timeout", None)).await;
}

#[tokio::test]
async fn users_of_a_candidate_that_says_500_are_answered_by_legacy() {
    check(Way::Fails, SMALL, ("complete", Some(500))).await;
}
