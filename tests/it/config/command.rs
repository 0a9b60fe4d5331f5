//! `crossfade check` and `crossfade schema` as a shell sees them.

use std::fs;
use std::process::Command;
use std::process::Output;

fn crossfade(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_crossfade")).args(arguments).output().unwrap()
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

#[test]
fn a_good_file_is_summed_up_in_one_line() {
    let output = crossfade(&["check", "config/shadow.yaml"]);
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(text(&output.stdout), "config/shadow.yaml: 2 models, 1 experiment: digits (shadow)\n");
    assert_eq!(text(&output.stderr), "");
}

#[test]
fn hashes_without_a_key_are_advised_against() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("policy.yaml");
    let check = |keys: &str| {
        let rules = "redact: [{pattern: email, action: hash}]";
        let text =
            format!("models: {{a: {{url: 'http://127.0.0.1'}}}}\ndefault: a\nrecord: {{{keys} {rules}}}\n");
        fs::write(&path, text).unwrap();
        let output = crossfade(&["check", path.to_str().unwrap()]);
        assert_eq!(output.status.code(), Some(0));
        text_of(&output.stderr)
    };
    assert!(check("").contains("can guess hashed values"));
    fs::write(dir.path().join("key"), "0123456789abcdef").unwrap();
    assert_eq!(check(&format!("hash_key: {{from_file: '{}'}},", dir.path().join("key").display())), "");
}

fn text_of(bytes: &[u8]) -> String {
    text(bytes).to_owned()
}

#[test]
fn a_bad_file_ends_in_64_with_one_line_a_problem() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("policy.yaml");
    fs::write(&path, "models: {a: {url: 'http://127.0.0.1'}}\ndefault: b\nlisten: {drain: x, workers: 0}\n")
        .unwrap();
    let output = crossfade(&["check", path.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(64));
    assert_eq!(text(&output.stdout), "");
    let lines: Vec<&str> = text(&output.stderr).lines().collect();
    let places = [":2:10: default: ", ":3:17: listen.drain: ", ":3:29: listen.workers: "];
    assert_eq!(lines.len(), places.len(), "{lines:#?}");
    for (line, place) in lines.iter().zip(places) {
        assert!(line.starts_with(&format!("{}{place}", path.display())), "{line}");
    }
}

#[test]
fn the_printed_schema_is_the_kept_one_byte_for_byte() {
    let output = crossfade(&["schema"]);
    assert_eq!(output.status.code(), Some(0));
    let kept = fs::read_to_string("config/policy.schema.json").unwrap();
    assert!(text(&output.stdout) == kept, "renew it by: cargo run -- schema > config/policy.schema.json");
}
