use std::fs;
use std::path::Path;
use std::path::PathBuf;

use crate::record::recover::enter;

fn segment(dir: &Path, number: u32, text: &str) -> PathBuf {
    let path = dir.join(format!("crossfade-20260101T000000-{number:032}.jsonl"));
    fs::write(&path, text).unwrap();
    path
}

const DESIGN: &str = r#"{"schema":2,"kind":"design","time":"2026-01-01T00:00:00Z","experiment":"chat","policy":"p","identity":"i","strategy":"shadow","arms":["old","new"],"unit_named":false,"decision":{"alpha":0.05,"guardrail_alpha":0.01,"min_seconds":0.0}}"#;

#[test]
fn whoever_left_in_peace_left_nothing_to_mend() {
    let dir = tempfile::tempdir().unwrap();
    let (presence, found) = enter(dir.path(), false).unwrap();
    assert!(found.crash.is_none() && found.unpacked.is_empty());
    presence.leave();
    let path = segment(dir.path(), 1, "one\nnot ours to cut");
    let (_, found) = enter(dir.path(), false).unwrap();
    assert_eq!((found.crash, found.torn, found.unpacked), (None, 0, vec![path]));
}

#[test]
fn after_a_crash_the_torn_line_is_cut_off_and_the_experiments_are_named() {
    let dir = tempfile::tempdir().unwrap();
    drop(enter(dir.path(), false).unwrap());
    let long = "x".repeat(200_000);
    let [first, second, third] = [
        segment(dir.path(), 1, &format!("one\n{long}")),
        segment(dir.path(), 2, "torn from the first byte"),
        segment(dir.path(), 3, &format!("{DESIGN}\n{{\"schema\":2")),
    ];
    let (_presence, found) = enter(dir.path(), false).unwrap();
    assert_eq!(fs::read_to_string(&first).unwrap(), "one\n");
    assert_eq!(fs::read_to_string(&second).unwrap(), "");
    assert_eq!(fs::read_to_string(&third).unwrap(), format!("{DESIGN}\n"));
    assert_eq!((found.torn, found.torn_bytes), (3, 200_000 + 24 + 11));
    let crash = found.crash.unwrap();
    let unpaired: Vec<_> = crash.unpaired.iter().map(|(name, lost)| (name.as_str(), *lost)).collect();
    assert_eq!(unpaired, [("chat", None)]);
    assert_eq!(found.unpacked, [first, second, third]);
}

#[test]
fn of_a_segment_that_is_there_packed_too_only_the_packed_one_stays() {
    let dir = tempfile::tempdir().unwrap();
    let path = segment(dir.path(), 1, "one\n");
    crate::record::packed::pack(&path, &|| false).unwrap();
    fs::write(&path, "one\n").unwrap();
    let (_, found) = enter(dir.path(), false).unwrap();
    assert!(found.unpacked.is_empty() && !path.exists());
}

#[test]
fn what_another_gateway_writes_is_not_touched() {
    let dir = tempfile::tempdir().unwrap();
    let (first, _) = enter(dir.path(), false).unwrap();
    let path = segment(dir.path(), 1, "half a li");
    let (second, found) = enter(dir.path(), false).unwrap();
    assert_eq!((found.crash, found.unpacked), (None, vec![]));
    assert_eq!(fs::read_to_string(&path).unwrap(), "half a li");
    second.leave();
    assert!(dir.path().join("crossfade.lock").exists(), "the first one's mark stays");
    first.leave();
    assert!(!dir.path().join("crossfade.lock").exists());
}
