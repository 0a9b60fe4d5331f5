//! A disk that is full or slow costs records, which are counted, and no user anything.

use std::sync::Arc;
use std::sync::mpsc::sync_channel;

use serde_json::Value;

use crate::chaos::crowd::Crowd;
use crate::chaos::crowd::legacy;
use crate::rig::Model;
use crate::rig::Rig;
use crate::rig::until;

const CROWD: Crowd = Crowd { each: 40, body_bytes: 1_000 };

/// Shadows legacy by itself.
async fn rig(record: &str) -> (Model, Rig) {
    let old = legacy().await;
    let policy = format!(
        "models: {{old: {{url: \"{}\"}}}}\nexperiments:\n  - {{name: e, legacy: old, candidate: old, strategy: \
         {{shadow: {{}}}}}}\n",
        old.url()
    );
    let rig = Rig::start_with(&policy, "", record).await;
    (old, rig)
}

async fn count(rig: &Rig, name: &str) -> f64 {
    rig.metric(name, &["kind=\"pair\""]).await
}

async fn until_all_are_accounted_for(rig: &Rig, requests: usize) -> (f64, f64) {
    let (written, lost) = ("crossfade_records_written_total", "crossfade_records_lost_total");
    until("every record to be written or lost", async || {
        count(rig, written).await + count(rig, lost).await == requests as f64
    })
    .await;
    (count(rig, written).await, count(rig, lost).await)
}

fn pairs(records: &[Value]) -> usize {
    records.iter().filter(|record| record["kind"] == "pair").count()
}

/// Runs itself once more as a process that may write files of 100 KiB at most, which is as good as a full disk.
#[tokio::test]
async fn a_full_disk_costs_no_user_anything() {
    const INNER: &str = "CROSSFADE_TEST_IN_LIMITS";
    if std::env::var_os(INNER).is_some() {
        return fill_the_disk().await;
    }
    // Without the signal the write fails as on a full disk.
    let script =
        "trap '' XFSZ; ulimit -f 100; exec \"$0\" --exact chaos::disk::a_full_disk_costs_no_user_anything";
    let mut inner = std::process::Command::new("bash");
    let inner = inner.arg("-c").arg(script).arg(std::env::current_exe().unwrap()).env(INNER, "1");
    let inner = inner.output().unwrap();
    let said = String::from_utf8_lossy(&inner.stdout);
    assert!(inner.status.success() && said.contains("1 passed"), "{said}");
}

async fn fill_the_disk() {
    let (_old, rig) = rig("").await;
    let requests = CROWD.ask(&rig).await.requests;
    let (written, lost) = until_all_are_accounted_for(&rig, requests).await;
    assert!(written > 0.0 && lost > 0.0, "{written} written, {lost} lost");
    assert_eq!(rig.metric("crossfade_records_lost_total", &["reason=\"disk\""]).await, lost);
    assert_eq!(pairs(&rig.records().await) as f64, written);
}

/// The log's other readers run on the writer's thread: one that is held holds the writer as a slow disk does.
#[tokio::test]
async fn a_disk_that_takes_for_ever_costs_no_user_anything_and_logging_resumes() {
    let (_old, rig) = rig("queue: {records: 16},").await;
    let gateway = Arc::new(rig);
    let (holds, held) = sync_channel(0);
    let (release, released) = sync_channel::<()>(0);
    let holding = std::thread::spawn({
        let gateway = Arc::clone(&gateway);
        move || {
            let _analysis = gateway.gateway().analysis().lock().unwrap();
            holds.send(()).unwrap();
            released.recv().unwrap();
        }
    });
    held.recv().unwrap();
    let saw = CROWD.ask(&gateway).await;
    let lost = gateway.metric("crossfade_records_lost_total", &["reason=\"queue\""]).await;
    release.send(()).unwrap();
    holding.join().unwrap();
    let rig = Arc::into_inner(gateway).unwrap();
    let (written, all_lost) = until_all_are_accounted_for(&rig, saw.requests).await;
    assert!(written > 0.0 && all_lost >= lost, "{written} written, {lost} and then {all_lost} lost");
    let more = CROWD.ask(&rig).await.requests;
    let (written, _) = until_all_are_accounted_for(&rig, saw.requests + more).await;
    assert_eq!(pairs(&rig.records().await) as f64, written);
}
