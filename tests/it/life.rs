//! A gateway's life: reloads, overload, feedback on both ports, two replicas, the drain.

use serde_json::Value;
use serde_json::json;

use crate::rig::Gate;
use crate::rig::Model;
use crate::rig::Reply;
use crate::rig::Rig;
use crate::rig::Step;
use crate::rig::request;
use crate::rig::until;

fn shadow(old: &str, new: &str) -> String {
    format!(
        "models: {{old: {{url: \"{old}\"}}, new: {{url: \"{new}\"}}}}\nexperiments:\n  - {{name: e, legacy: old, candidate: new, \
         strategy: {{shadow: {{}}}}}}\n"
    )
}

fn default_only(url: &str) -> String {
    format!("models: {{m: {{url: \"{url}\"}}}}\ndefault: m\n")
}

#[tokio::test]
async fn a_changed_file_takes_the_place_of_the_policy_and_a_bad_one_does_not() {
    let one = Model::saying(Reply::text("one")).await;
    let two = Model::saying(Reply::text("two")).await;
    let rig = Rig::start(&default_only(&one.url())).await;
    let mut client = rig.client().await;
    assert_eq!(client.get("/").await.text(), "one");

    rig.write_policy("models: {m: {url: nonsense}}\n");
    until("the refusal", async || rig.metric("crossfade_policy_last_reload_successful", &[]).await == 0.0)
        .await;
    assert_eq!(client.get("/").await.text(), "one");
    let refused = rig.admin().await.post("/-/reload", &[], "").await;
    assert_eq!(refused.status, 422, "{}", refused.text());
    assert!(refused.text().contains("models.m.url"), "{}", refused.text());

    rig.write_policy(&default_only(&two.url()));
    until("the reload", async || rig.metric("crossfade_policy_last_reload_successful", &[]).await == 1.0)
        .await;
    until("the new policy", async || rig.client().await.get("/").await.text() == "two").await;
    assert_eq!(client.get("/").await.text(), "two", "an open connection gets it too");
}

#[tokio::test]
async fn reloads_under_load_cost_no_request() {
    let model = Model::saying(Reply::text("ok")).await;
    let rig = Rig::start(&default_only(&model.url())).await;
    let stop = Gate::new();
    let mut load = tokio::task::JoinSet::new();
    for _ in 0..4 {
        let (mut client, stop) = (rig.client().await, stop.clone());
        load.spawn(async move {
            let mut served = 0_u32;
            while !stop.is_open() {
                assert_eq!(client.get("/").await.text(), "ok");
                served += 1;
            }
            served
        });
    }
    let mut admin = rig.admin().await;
    for round in 0..50 {
        let valid = round % 5 != 0;
        let comment = format!("# {round}\n{}", default_only(&model.url()));
        rig.write_policy(if valid { &comment } else { "default: nobody\n" });
        let reloaded = admin.post("/-/reload", &[], "").await;
        assert_eq!(reloaded.status.is_success(), valid, "{}", reloaded.text());
    }
    stop.open();
    let served: u32 = load.join_all().await.into_iter().sum();
    assert!(served > 0);
    assert_eq!(rig.metric("crossfade_gateway_answers_total", &[]).await, 0.0);
}

#[tokio::test]
async fn calls_in_flight_count_against_a_models_limit_though_a_reload_changes_the_model() {
    let gate = Gate::new();
    let model = Model::saying(Reply::text("ok").after(&gate)).await;
    let policy = |more: &str| {
        format!("models: {{m: {{url: \"{}\", max_in_flight: 1{more}}}}}\ndefault: m\n", model.url())
    };
    let rig = Rig::start(&policy("")).await;
    let mut first = rig.client().await;
    let mut held = tokio::task::JoinSet::from_iter([async move { first.get("/").await }]);
    until("the first request to arrive", async || model.seen().len() == 1).await;
    rig.write_policy(&policy(", timeout: {total: 20s}"));
    let reloaded = rig.admin().await.post("/-/reload", &[], "").await;
    assert_eq!(reloaded.status, 200, "{}", reloaded.text());
    assert_eq!(rig.client().await.get("/").await.status, 503, "the first is still in flight");
    gate.open();
    assert_eq!(held.join_next().await.unwrap().unwrap().text(), "ok");
    assert_eq!(rig.client().await.get("/").await.status, 200);
}

#[tokio::test]
async fn requests_are_records_written_plus_records_lost_under_overload() {
    let old = Model::saying(Reply::text("x".repeat(10_000))).await;
    let rig = Rig::start_with(
        &shadow(&old.url(), &old.url()),
        "",
        "body_cap: 16KiB, queue: {records: 2, bytes: 64KiB}",
    )
    .await;
    let mut load = tokio::task::JoinSet::new();
    for _ in 0..8 {
        let mut client = rig.client().await;
        load.spawn(async move {
            for _ in 0..100 {
                assert_eq!(client.post("/", &[], "body").await.status, 200);
            }
        });
    }
    load.join_all().await;
    until("the copies' end", async || rig.metric("crossfade_copies_in_flight", &[]).await == 0.0).await;
    let counted = async || {
        let written = rig.metric("crossfade_records_written_total", &["kind=\"pair\""]).await;
        (written, rig.metric("crossfade_records_lost_total", &[]).await)
    };
    until("every request to be accounted for", async || {
        let (written, lost) = counted().await;
        written + lost == 800.0
    })
    .await;
    let (written, lost) = counted().await;
    assert!(lost > 0.0, "a queue of two records must overflow");
    let records = rig.records().await;
    let of_kind = |kind: &str| records.iter().filter(|record| record["kind"] == kind).collect::<Vec<_>>();
    assert_eq!(of_kind("pair").len() as f64, written);
    let missing: f64 = of_kind("gap").iter().map(|gap| gap["lost"].as_f64().unwrap()).sum();
    assert_eq!(missing, lost, "the log itself says how much it lacks");
}

#[tokio::test]
async fn sigterm_finishes_what_is_in_flight_and_loses_no_record() {
    let gate = Gate::new();
    let old = Model::saying(Reply::steps(vec![
        Step::Data("begun, ".into()),
        Step::Wait(gate.clone()),
        Step::Data("ended".into()),
    ]))
    .await;
    let new = Model::saying(Reply::text("copy").after(&gate)).await;
    let mut rig = Rig::start(&shadow(&old.url(), &new.url())).await;
    let records = rig.records_dir();
    let mut client = rig.client().await;
    let mut admin = rig.admin().await;
    let answer = client.head(request("POST", "/", &[], "body")).await.unwrap();
    until("the copy to be under way", async || new.seen().len() == 1).await;
    assert_eq!(admin.get("/readyz").await.status, 200);
    let stopping = rig.shut_down();
    until("readiness to fail", async || admin.get("/readyz").await.status == 503).await;
    assert!(!stopping.is_finished(), "an answer is still on its way");
    gate.open();
    let body = http_body_util::BodyExt::collect(answer.into_body()).await.unwrap().to_bytes();
    assert_eq!(body, "begun, ended");
    stopping.await.unwrap();
    let records = crate::rig::read_records(&records);
    assert_eq!(records.len(), 1);
    let fates: Vec<&Value> =
        records[0]["observations"].as_array().unwrap().iter().map(|leg| &leg["fate"]).collect();
    assert_eq!(fates, ["complete", "complete"]);
}

#[tokio::test]
async fn past_the_drain_time_what_is_left_is_cut_off_and_recorded_as_cancelled() {
    let never = Gate::new();
    let old = Model::saying(Reply::text("ok")).await;
    let new = Model::saying(Reply::text("never").after(&never)).await;
    let mut rig = Rig::start_with(&shadow(&old.url(), &new.url()), "drain: 50ms,", "").await;
    let records = rig.records_dir();
    assert_eq!(rig.client().await.post("/", &[], "body").await.text(), "ok");
    until("the copy to be under way", async || new.seen().len() == 1).await;
    rig.shut_down().await.unwrap();
    let records = crate::rig::read_records(&records);
    let legs = records[0]["observations"].as_array().unwrap();
    let copy = legs.iter().find(|leg| leg["arm"] == "new").unwrap();
    assert_eq!(copy["fate"], "cancelled");
}

#[tokio::test]
async fn an_outcome_is_taken_on_the_data_port_and_by_ticket_on_another_replica() {
    let old = Model::saying(Reply::text("ok")).await;
    let key = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(key.path(), "a key of enough bytes for a test").unwrap();
    let policy = format!(
        "feedback: {{path: /feedback, tickets: {{key: {{from_file: {}}}}}}}\nmodels: {{old: {{url: \"{}\"}}}}\nexperiments:\n  - name: e\n    legacy: old\n    candidate: old\n    \
         outcomes: {{stars: {{type: number}}, liked: {{type: binary}}}}\n    strategy: {{shadow: {{sample: 0%}}}}\n",
        key.path().display(),
        old.url()
    );
    let here = Rig::start(&policy).await;
    let there = Rig::start(&policy).await;
    let answer = here.client().await.post("/infer", &[], "body").await;
    let (id, ticket) = (answer.header("crossfade-id").unwrap(), answer.header("crossfade-ticket").unwrap());

    let stars = json!({"request_id": id, "outcome": "stars", "value": 4.5}).to_string();
    let mut client = here.client().await;
    let joined = client.post("/feedback", &[], &stars).await;
    assert_eq!((joined.status.as_u16(), &joined.json()["result"]), (200, &json!("joined")));
    assert_eq!(client.post("/feedback", &[], &stars).await.json()["result"], "duplicate");
    let undeclared = json!({"request_id": id, "outcome": "clicks", "value": 1}).to_string();
    assert_eq!(client.post("/feedback", &[], &undeclared).await.status, 422);
    assert_eq!(client.get("/feedback").await.status, 405);

    let liked = json!({"request_id": id, "outcome": "liked", "value": true}).to_string();
    let mut elsewhere = there.admin().await;
    assert_eq!(elsewhere.post("/feedback", &[], &liked).await.status, 404, "not its request");
    let by_ticket = json!({"ticket": ticket, "outcome": "liked", "value": true}).to_string();
    let credited = elsewhere.post("/feedback", &[], &by_ticket).await;
    assert_eq!(
        (credited.status.as_u16(), &credited.json()["result"]),
        (200, &json!("joined")),
        "{}",
        credited.text()
    );
    let forged = json!({"ticket": format!("{ticket}x"), "outcome": "liked", "value": true}).to_string();
    assert_eq!(elsewhere.post("/feedback", &[], &forged).await.status, 403);

    assert_eq!(old.seen().len(), 1, "feedback goes to no model");
    let outcomes = there.records().await;
    assert_eq!(outcomes.len(), 1);
    assert_eq!((&outcomes[0]["kind"], &outcomes[0]["request_id"]), (&json!("outcome"), &json!(id)));
}

#[tokio::test]
async fn metric_series_are_bounded_whatever_clients_send() {
    let model =
        Model::start(|seen| Reply::status(if seen.uri.path().len() % 2 == 0 { 200 } else { 404 })).await;
    let rig = Rig::start(&shadow(&model.url(), &model.url())).await;
    let mut client = rig.client().await;
    let series = async || rig.admin().await.get("/metrics").await.text().lines().count();
    let mut before = 0;
    // From 100 users on means have bounds, which are series too.
    for round in 0..3 {
        for number in 0..120 {
            let path = format!("/{round}/{}", "x".repeat(number));
            let header = format!("value-{round}-{number}");
            client
                .post(
                    &path,
                    &[("x-user-id", &header), ("crossfade-id", &header), ("x-model", &header)],
                    &header,
                )
                .await;
        }
        until("the copies' end", async || rig.metric("crossfade_copies_in_flight", &[]).await == 0.0).await;
        let pairs = f64::from(120 * (round + 1));
        until("the records", async || rig.metric("crossfade_pairs_total", &[]).await == pairs).await;
        let now = series().await;
        assert!(round == 0 || now == before, "{before} series became {now}");
        before = now;
    }
}
