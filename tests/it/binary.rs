//! The binary itself: its exit codes, its signals, its log.

use std::process::Command;

use tempfile::TempDir;

use crate::rig::Client;
use crate::rig::Model;
use crate::rig::Process;
use crate::rig::Reply;
use crate::rig::read_records;
use crate::rig::until;

fn policy(dir: &TempDir, url: &str) -> String {
    format!(
        "listen: {{data: \"127.0.0.1:0\", admin: \"127.0.0.1:0\"}}\nrecord: {{dir: {}}}\nmodels: {{m: {{url: \"{url}\"}}}}\n\
         experiments:\n  - {{name: e, legacy: m, candidate: m, strategy: {{shadow: {{}}}}}}\n",
        dir.path().join("records").display()
    )
}

#[tokio::test]
async fn sighup_reloads_and_sigterm_ends_with_zero_and_every_record_on_disk() {
    let (one, two) = (Model::saying(Reply::text("one")).await, Model::saying(Reply::text("two")).await);
    let dir = TempDir::new().unwrap();
    let mut process = Process::start(&dir, &policy(&dir, &one.url()));
    let mut client = Client::http1(process.data).await;
    assert_eq!(client.post("/", &[], "body").await.text(), "one");

    std::fs::write(dir.path().join("policy.yaml"), policy(&dir, &two.url())).unwrap();
    process.signal("HUP");
    let reloads = async || {
        let mut admin = Client::http1(process.admin).await.naming("localhost");
        admin.get("/metrics").await.text().contains("crossfade_policy_reloads_total{result=\"changed\"} 1")
    };
    until("the reload", reloads).await;
    for _ in 0..20 {
        assert_eq!(client.post("/", &[], "body").await.text(), "two");
    }
    process.signal("TERM");
    let code = tokio::task::spawn_blocking(move || process.child.wait().unwrap().code()).await.unwrap();
    assert_eq!(code, Some(0));
    assert_eq!(read_records(&dir.path().join("records")).len(), 21);
}

#[test]
fn a_bad_policy_file_ends_with_64_and_says_why() {
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("policy.yaml");
    std::fs::write(&path, "models: {m: {url: nonsense}}\ndefault: m\n").unwrap();
    for arguments in [vec!["check"], vec!["run", "--config"]] {
        let output =
            Command::new(env!("CARGO_BIN_EXE_crossfade")).args(&arguments).arg(&path).output().unwrap();
        assert_eq!(output.status.code(), Some(64), "{arguments:?}");
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(said.contains("policy.yaml:1:19: models.m.url"), "{arguments:?}: {said}");
    }
}

#[tokio::test]
async fn an_address_that_is_taken_is_named_with_its_key() {
    let taken = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = taken.local_addr().unwrap();
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("policy.yaml");
    let text = policy(&dir, "http://127.0.0.1:1").replacen("127.0.0.1:0", &address.to_string(), 1);
    std::fs::write(&path, text).unwrap();
    let run =
        Command::new(env!("CARGO_BIN_EXE_crossfade")).args(["run", "--config"]).arg(&path).output().unwrap();
    assert_eq!(run.status.code(), Some(1));
    let said = String::from_utf8(run.stderr).unwrap();
    assert!(said.contains(&format!("cannot listen on {address} (`listen.data`)")), "{said}");
}
