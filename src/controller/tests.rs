use std::time::Duration;

use tempfile::TempDir;

use crate::analysis::Analysis;
use crate::controller::evidence::Gathered;
use crate::controller::file::File;
use crate::controller::store::PutError;
use crate::controller::store::Version;
use crate::rollout::Rollout;
use crate::rollout::State;
use crate::telemetry::Metrics;
use crate::upstream::Endpoint;

fn state() -> State {
    let dir = TempDir::new().unwrap();
    Rollout::open(dir.path(), Default::default()).state()
}

fn at(authority: &str) -> Endpoint {
    Endpoint {
        scheme: http::uri::Scheme::HTTP,
        authority: authority.parse().unwrap(),
        base_path: String::new(),
    }
}

/// What a gateway that has seen nothing tells of itself.
fn known() -> Analysis {
    let dir = TempDir::new().unwrap();
    Analysis::restored(dir.path(), Default::default())
}

#[tokio::test]
async fn whoever_writes_to_the_file_after_somebody_else_did_is_refused() {
    let dir = TempDir::new().unwrap();
    let file = File::at(&dir.path().join("decisions.json"));
    let (nothing, unread) = file.load().await.unwrap();
    assert_eq!((nothing, &unread), (None, &Version(String::new())));
    let first = state().next();
    let written = file.put(&first, &unread).await.unwrap();
    assert_eq!(file.put(&first.clone().next(), &unread).await, Err(PutError::Conflict));
    let (found, version) = file.load().await.unwrap();
    assert_eq!((found, &version), (Some(first.clone()), &written));
    file.put(&first.next(), &version).await.unwrap();
    assert_eq!(file.load().await.unwrap().0.unwrap().revision, 2);
}

#[tokio::test]
async fn a_file_that_makes_no_sense_is_named() {
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("decisions.json");
    std::fs::write(&path, "{}").unwrap();
    let problem = File::at(&path).load().await.unwrap_err();
    assert!(problem.starts_with(&format!("{}: missing field", path.display())), "{problem}");
}

#[tokio::test(start_paused = true)]
async fn silence_is_doubted_after_a_while_and_whoever_is_gone_is_not_missed() {
    let metrics = Metrics::new();
    let mut gathered = Gathered::new(Duration::from_secs(15));
    let both = || Ok(vec![at("10.0.0.1:9090"), at("10.0.0.2:9090")]);
    let one = |authority: &str, analysis: &Analysis| {
        let copy = Analysis::from_json(&analysis.to_json()).unwrap();
        vec![(authority.to_owned(), copy)]
    };
    let first = known();
    let doubt = gathered.take(both(), Vec::new(), &metrics);
    assert_eq!(doubt.as_deref(), Some("no gateway was heard of yet"));
    assert_eq!(gathered.take(both(), one("10.0.0.1:9090", &first), &metrics), None, "there is patience");
    tokio::time::advance(Duration::from_secs(16)).await;
    let doubt = gathered.take(both(), one("10.0.0.1:9090", &first), &metrics);
    assert_eq!(doubt.as_deref(), Some("10.0.0.2:9090 is not heard of"));
    let alone = Ok(vec![at("10.0.0.1:9090")]);
    assert_eq!(gathered.take(alone, one("10.0.0.1:9090", &first), &metrics), None, "it was scaled away");
    assert_eq!(gathered.take(Err("no answer".to_owned()), Vec::new(), &metrics), None);
    tokio::time::advance(Duration::from_secs(16)).await;
    let doubt = gathered.take(Err("no answer".to_owned()), Vec::new(), &metrics);
    assert_eq!(doubt.as_deref(), Some("where the gateways are is not known: no answer"));
    let doubt = gathered.take(Ok(Vec::new()), Vec::new(), &metrics);
    assert_eq!(doubt.as_deref(), Some("no gateway is known"));
}
