//! Whatever a segment holds, each of its lines is a record, torn or an error; a record survives being written again,
//! and the fold takes it.

use std::fs;
use std::path::PathBuf;
use std::sync::LazyLock;

use crossfade::analysis::Analysis;
use crossfade::record;
use crossfade::record::Line;

/// A directory with one segment, which is written anew for each input.
static SEGMENT: LazyLock<PathBuf> = LazyLock::new(|| {
    let dir = std::env::temp_dir().join(format!("crossfade-fuzz-{}", std::process::id()));
    fs::create_dir_all(&dir).expect("the directory for temporary files can be written");
    dir.join("crossfade-20260101T000000-0190163d8694739b84d3e6e9d7c9f1b2.jsonl")
});

/// Checks one segment.
pub fn check(input: &[u8]) {
    fs::write(&*SEGMENT, input).expect("the segment can be written");
    let dir = SEGMENT.parent().expect("it is in a directory");
    let mut reader = record::read(dir).expect("the directory can be read");
    let mut analysis = Analysis::new();
    let mut seen = 0;
    for line in reader.by_ref() {
        seen += 1;
        match line {
            Ok(line) => {
                analysis.fold(&line);
                hold_line(&line);
            }
            Err(error) => assert!(!error.to_string().is_empty()),
        }
    }
    // What begins as an encrypted file does is one, of a key that nobody has.
    if !input.starts_with(b"CFENC1\0\0") {
        assert_eq!(seen + reader.torn(), input.split_inclusive(|byte| *byte == b'\n').count() as u64);
    }
    for summary in analysis.summaries() {
        assert!(!summary.sentence.is_empty());
        serde_json::to_string(&summary).expect("a summary can be shown");
    }
}

/// Holds that a record that was written reads back as itself.
pub fn hold_line(line: &Line) {
    let text = written(line);
    match Line::parse(&text) {
        Ok(again) => assert_eq!(written(&again), text),
        Err(error) => panic!("{error}: {text}"),
    }
}

/// A line as the writer has it.
fn written(line: &Line) -> String {
    let (kind, members) = match line {
        Line::Design(record) => ("design", serde_json::to_string(record)),
        Line::Pair(record) => ("pair", serde_json::to_string(record)),
        Line::Outcome(record) => ("outcome", serde_json::to_string(record)),
        Line::Judgement(record) => ("judgement", serde_json::to_string(record)),
        Line::Answered(record) => ("answered", serde_json::to_string(record)),
        Line::Gap(gap) => ("gap", serde_json::to_string(gap)),
    };
    let members = members.expect("records are maps with text keys");
    format!(r#"{{"schema":2,"kind":"{kind}",{}"#, &members[1..])
}
