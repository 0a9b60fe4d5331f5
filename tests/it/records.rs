//! `crossfade records`: is a log sound, what is in it, what do its lines say, whatever its files are.

use std::fs;
use std::path::Path;
use std::path::PathBuf;
use std::process::Command;
use std::process::Output;

use serde_json::Value;
use serde_json::json;
use tempfile::TempDir;

use crate::rig::Model;
use crate::rig::Reply;
use crate::rig::Rig;
use crate::rig::until;

const SECRET: &str = "a question that nobody else should read";

fn records(arguments: &[&str], key: Option<&Path>) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_crossfade"));
    command.arg("records").args(arguments);
    if let Some(key) = key {
        command.env("CROSSFADE_RECORD_KEY_FILE", key);
    }
    command.output().unwrap()
}

fn said(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

/// A log of ten shadowed requests, and a directory for what else a test needs.
async fn log(record: &str) -> (Rig, TempDir) {
    let model = Model::saying(Reply::json(&json!({"label": 7}))).await;
    let policy = format!(
        "models: {{m: {{url: \"{}\"}}}}\nexperiments:\n  - {{name: e, legacy: m, candidate: m, strategy: {{shadow: {{}}}}}}\n",
        model.url()
    );
    let mut rig = Rig::start_with(&policy, "", record).await;
    for _ in 0..10 {
        rig.client().await.post("/", &[], SECRET).await;
    }
    let done = async || rig.metric("crossfade_records_written_total", &["kind=\"pair\""]).await == 10.0;
    until("all to be written", done).await;
    rig.shut_down().await.unwrap();
    (rig, TempDir::new().unwrap())
}

fn files(dir: &Path) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.file_name().unwrap().to_str().unwrap().starts_with("crossfade-"));
    files.sort();
    files
}

#[tokio::test]
async fn a_log_is_verified_counted_and_printed_and_a_damaged_byte_is_found() {
    let (rig, _) = log("").await;
    let dir = rig.records_dir();
    let path = dir.to_str().unwrap();
    let verified = records(&["verify", path], None);
    assert_eq!(verified.status.code(), Some(0));
    assert!(said(&verified).starts_with("sound: 11 lines, "), "{}", said(&verified));

    let stats: Value =
        serde_json::from_str(&said(&records(&["stats", path, "--format", "json"], None))).unwrap();
    let held = &stats["experiments"]["e"];
    assert_eq!((&held["pairs"], &held["designs"], &held["lost"]), (&json!(10), &json!(1), &json!(0)));
    let table = said(&records(&["stats", path], None));
    let row: Vec<&str> = table.lines().nth(1).unwrap().split_whitespace().collect();
    assert_eq!(row[..5], ["e", "10", "0", "0", "0"], "{table}");

    let cat = said(&records(&["cat", path, "--kind", "pair", "--experiment", "e"], None));
    assert_eq!(cat.lines().count(), 10);
    assert!(cat.lines().all(|line| serde_json::from_str::<Value>(line).unwrap()["kind"] == "pair"));
    assert_eq!(said(&records(&["cat", path, "--experiment", "other"], None)), "");

    let file = &files(&dir)[0];
    let mut bytes = fs::read(file).unwrap();
    let at = bytes.len() / 2;
    bytes[at] ^= 1;
    fs::write(file, bytes).unwrap();
    let damaged = records(&["verify", path], None);
    assert_eq!(damaged.status.code(), Some(1));
    let told = said(&damaged);
    assert!(told.starts_with("damaged: 10 lines, ") && told.contains("\n  1 damaged lines"), "{told}");
    assert!(told.contains(".jsonl:") && told.contains("do not match its checksum"), "{told}");
    let cat = records(&["cat", path], None);
    assert_eq!((cat.status.code(), said(&cat).lines().count()), (Some(1), 10), "what is sound is printed");
}

#[tokio::test]
async fn an_encrypted_log_is_read_with_its_key_alone_also_when_it_was_packed() {
    let keys = TempDir::new().unwrap();
    let [own, other] = ["7e", "7f"].map(|digits| {
        let path = keys.path().join(digits);
        fs::write(&path, digits.repeat(32)).unwrap();
        path
    });
    let encrypt = format!("encrypt: {{from_file: '{}'}}, rotate: {{bytes: 1KiB}},", own.display());
    let (mut rig, _) = log(&encrypt).await;
    let dir = rig.records_dir();
    let path = dir.to_str().unwrap().to_owned();
    let all = said(&records(&["cat", &path, "--kind", "pair"], Some(&own)));
    assert_eq!(all.lines().filter(|line| line.contains(SECRET)).count(), 10);
    assert!(!files(&dir).is_empty());

    // What it left unpacked the next one packs.
    rig.restart_stopped().await;
    let packed = async || files(&dir).iter().all(|path| path.extension().is_some_and(|it| it == "zst"));
    until("all files are packed", packed).await;
    assert_eq!(said(&records(&["cat", &path, "--kind", "pair"], Some(&own))), all);
    for file in files(&dir) {
        let bytes = fs::read(&file).unwrap();
        let shows = |text: &str| bytes.windows(text.len()).any(|window| window == text.as_bytes());
        assert!(!shows("question") && !shows("\"kind\""), "{} shows what it holds", file.display());
        assert!(zstd::decode_all(&bytes[..]).is_err(), "packed before it is encrypted");
    }
    for key in [None, Some(other.as_path())] {
        let refused = records(&["verify", &path], key);
        assert_eq!(refused.status.code(), Some(1));
        let told = said(&refused);
        assert!(told.contains("encrypted with a key that is not known; hint: name the file"), "{told}");
    }
}
