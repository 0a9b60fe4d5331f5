//! What copies cost users: a random share of them is held back, and a histogram tells the two sides apart.

use crate::rig::Model;
use crate::rig::Reply;
use crate::rig::Rig;
use crate::rig::until;

const COUNT: &str = "crossfade_shadow_user_duration_seconds_count";

async fn rig(old: &Model, new: &Model, shadow: &str) -> Rig {
    let policy = format!(
        "models:\n  old: {{url: \"{}\"}}\n  new: {{url: \"{}\"}}\nexperiments:\n  - {{name: e, legacy: old, \
         candidate: new, strategy: {{shadow: {{{shadow}}}}}}}\n",
        old.url(),
        new.url()
    );
    Rig::start(&policy).await
}

#[tokio::test]
async fn copies_of_a_random_share_are_held_back_and_users_are_timed_on_both_sides() {
    let (old, new) = (Model::saying(Reply::text("a")).await, Model::saying(Reply::text("a")).await);
    let rig = rig(&old, &new, "held_back: 25%, control: 100%").await;
    let mut client = rig.client().await;
    for _ in 0..400 {
        assert_eq!(client.post("/", &[], "body").await.text(), "a");
    }
    until("the copies' end", async || rig.metric("crossfade_copies_in_flight", &[]).await == 0.0).await;
    let with = rig.metric(COUNT, &["copied=\"true\""]).await;
    let without = rig.metric(COUNT, &["copied=\"false\""]).await;
    assert_eq!(with + without, 400.0);
    // Binomial(400, 1/4) lies within 50 and 150 but for one in a million.
    assert!((50.0..=150.0).contains(&without), "{without} of 400");
    assert_eq!(rig.metric("crossfade_copies_sent_total", &["role=\"shadow\""]).await, with);
    assert_eq!(rig.metric("crossfade_copies_sent_total", &["role=\"control\""]).await, with);
    assert_eq!(rig.metric("crossfade_marked_requests_total", &["mark=\"held_back\""]).await, without);
    for record in rig.records().await {
        let legs = record["observations"].as_array().unwrap().len();
        let held_back = record.get("held_back").is_some();
        assert_eq!(legs, if held_back { 1 } else { 3 }, "{record}");
        assert_eq!((&record["enrolled"], record.get("dropped")), (&true.into(), None));
    }
}

#[tokio::test]
async fn only_users_whose_requests_were_to_be_copied_are_timed() {
    let model = Model::saying(Reply::text("a")).await;
    let rig = rig(&model, &model, "sample: 0%, held_back: 50%").await;
    let mut client = rig.client().await;
    for _ in 0..20 {
        client.post("/", &[], "body").await;
    }
    assert_eq!(rig.metric(COUNT, &[]).await, 0.0);
    assert!(rig.records().await.iter().all(|record| record.get("held_back").is_none()));
}
