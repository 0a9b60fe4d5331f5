use std::fs;
use std::fs::OpenOptions;
use std::io::Write;
use std::time::Duration;

use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use http::HeaderMap;
use http::HeaderValue;
use http::header::CONTENT_ENCODING;
use serde_json::Value;
use serde_json::json;
use tokio::time::Instant;

use crate::protocol::class_text;
use crate::record::Body;
use crate::record::Captured;
use crate::record::Keep;
use crate::record::Line;
use crate::record::LineError;
use crate::record::OutcomeValue;
use crate::record::Position;
use crate::record::Reading;
use crate::record::Rotation;
use crate::record::Settings;
use crate::record::Unread;
use crate::record::body::Content;
use crate::record::json;
use crate::record::read;
use crate::record::read_each;
use crate::record::read_from;
use crate::record::segment::Place;
use crate::record::segment::Segment;
use crate::record::segment::SegmentError;
use crate::record::segment::Segments;
use crate::record::segment::segments;

const MINUTE: Duration = Duration::from_secs(60);

fn captured(body: &[u8]) -> Captured {
    let mut captured = Captured::default();
    captured.push(&Bytes::copy_from_slice(body), usize::MAX);
    captured
}

fn gzip(body: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(body).unwrap();
    encoder.finish().unwrap()
}

fn encoded(encoding: &str) -> HeaderMap {
    HeaderMap::from_iter([(CONTENT_ENCODING, HeaderValue::from_str(encoding).unwrap())])
}

#[test]
fn a_body_is_written_as_json_where_it_is_whole_json_and_as_it_came_otherwise() {
    let deep = [b"[".repeat(120), b"]".repeat(120)].concat();
    let check = |body: &[u8], headers: HeaderMap, ended: bool, expected: Value| {
        let written = Content::open(&captured(body), &headers, ended).plain();
        let text = serde_json::to_string(&written).unwrap();
        assert_eq!(serde_json::from_str::<Value>(&text).unwrap(), expected, "{body:?}");
        let read: Option<Body> = serde_json::from_str(&text).unwrap();
        assert_eq!(serde_json::to_string(&read).unwrap(), text, "what is written can be read back");
    };
    let plain = HeaderMap::new;
    check(b"", plain(), true, Value::Null);
    check(b"{\"a\": 1.5}", plain(), true, json!({"a": 1.5}));
    check(b"{\r\n \"a\": \"x\\n\"\n}", plain(), true, json!({"a": "x\n"}));
    check(b"{\"a\": 1}", plain(), false, json!({"text": "{\"a\": 1}"}));
    check(b"{\"a\": ", plain(), true, json!({"text": "{\"a\": "}));
    check(b"{ \"text\": \"mine\"}", plain(), true, json!({"json": {"text": "mine"}}));
    check(b"{\"text\": \"mine\", \"n\": 1}", plain(), true, json!({"text": "mine", "n": 1}));
    check("grün".as_bytes(), plain(), true, json!({"text": "grün"}));
    check(&[0xff, 0x00], plain(), true, json!({"base64": "/wA="}));
    check(&deep, plain(), true, json!({"text": String::from_utf8(deep.clone()).unwrap()}));
    check(&gzip(b"{\"a\": 1}"), encoded("gzip"), true, json!({"a": 1}));
    check(b"not gzip", encoded("gzip"), true, json!({"text": "not gzip"}));
    check(b"brotli", encoded("br"), true, json!({"text": "brotli"}));
}

#[test]
fn only_what_is_text_is_searched_as_text() {
    let check = |body: &[u8], headers: HeaderMap, ended: bool, expected: Result<(&str, bool), Unread>| {
        let content = Content::open(&captured(body), &headers, ended);
        assert_eq!(content.text(), expected, "{body:?}");
    };
    let plain = HeaderMap::new;
    check(b"a\tb\r\n", plain(), true, Ok(("a\tb\r\n", false)));
    check("grün".as_bytes(), plain(), false, Ok(("grün", true)));
    check(&"grü".as_bytes()[..3], plain(), false, Ok(("gr", true)));
    check(&"grü".as_bytes()[..3], plain(), true, Err(Unread::NotText));
    check(b"\0\0\0\0\x05\x0a\x03abc", plain(), true, Err(Unread::NotText));
    check(&gzip(b"abc"), encoded("gzip"), true, Ok(("abc", false)));
    check(&gzip(b"abc"), encoded("gzip"), false, Err(Unread::Incomplete));
    check(b"abc", encoded("br"), true, Err(Unread::Encoding));
    check(b"abc", encoded("br"), false, Err(Unread::Incomplete));
    check(b"abc", encoded("identity"), false, Ok(("abc", true)));
}

#[test]
fn embedded_json_keeps_every_digit_and_fits_on_one_line() {
    let body = b"{\n  \"big\": 123456789012345678901234567890,\n  \"small\": 1.10\n}";
    let written = Content::open(&captured(body), &HeaderMap::new(), true).plain();
    let text = serde_json::to_string(&written).unwrap();
    assert!(!text.contains('\n'), "{text}");
    assert!(text.contains("123456789012345678901234567890") && text.contains("1.10"), "{text}");
}

#[test]
fn a_compressed_body_that_grows_too_much_stays_as_it_came() {
    let bomb = gzip(&vec![b' '; 10 * 1024 * 1024]);
    let content = Content::open(&captured(&bomb), &encoded("gzip"), true);
    assert!(content.whole().is_none());
    assert!(content.json().is_none());
}

#[test]
fn a_class_reads_the_same_however_it_is_written() {
    let cases = [
        (json!("7"), Some("7")),
        (json!(7), Some("7")),
        (json!(7.0), Some("7")),
        (serde_json::from_str("7e0").unwrap(), Some("7")),
        (json!(-3), Some("-3")),
        (json!(7.5), Some("7.5")),
        (json!(true), Some("true")),
        (json!(null), None),
        (json!([7]), None),
        (json!({}), None),
    ];
    for (value, expected) in cases {
        assert_eq!(class_text(&value).as_deref(), expected, "{value}");
    }
}

#[test]
fn a_line_of_an_unknown_schema_is_refused() {
    let newer = r#"{"schema":4,"kind":"gap"}"#;
    assert!(matches!(Line::parse(newer), Err(LineError::Schema(4))));
    assert!(matches!(Line::parse("{"), Err(LineError::Json(_))));
}

#[test]
fn a_line_is_what_serde_json_would_write() {
    #[derive(serde::Serialize)]
    #[serde(rename_all = "snake_case")]
    enum Any {
        Unit,
        New(Option<f64>),
        Tuple(u8, i64),
        Struct { text: &'static str, more: Box<Any> },
    }
    #[derive(serde::Serialize)]
    struct New(Vec<Any>);
    #[derive(serde::Serialize)]
    struct All {
        any: New,
        map: indexmap::IndexMap<String, (bool, char, ())>,
        body: Vec<Body>,
        readings: Vec<Reading>,
        outcome: OutcomeValue,
        time: crate::vocab::Timestamp,
    }
    let raw = |text: &str| Body::Json(serde_json::value::RawValue::from_string(text.to_owned()).unwrap());
    let more =
        Box::new(Any::Struct { text: "a long text without anything to escape", more: Box::new(Any::Unit) });
    let any = vec![
        Any::Unit,
        Any::New(Some(0.1)),
        Any::New(Some(f64::NAN)),
        Any::New(None),
        Any::Tuple(1, -2),
        Any::Struct { text: "a long text with a \u{1f} late in it", more },
    ];
    let texts = ["", "grün", "\"", "\\", "sixteen bytes, \n!", "\u{7f}", "\u{0}"];
    let map = texts.iter().map(|text| ((*text).to_owned(), (true, '"', ()))).collect();
    let bodies = [
        raw(r#"{"a": 1.50}"#),
        raw(r#"{"text": "mine"}"#),
        Body::Text("a\"b".to_owned()),
        Body::Base64("/wA=".to_owned()),
        Body::Withheld(Unread::NotJson),
    ];
    let time = crate::vocab::Timestamp::from_micros(1);
    let number = serde_json::from_str(r#"{"a": [1.50, 1e400, 123456789012345678901234567890]}"#).unwrap();
    let readings = vec![Reading::Value(number), Reading::Missing, Reading::Unreadable];
    let outcome = OutcomeValue::Json(serde_json::from_str("[-0.0, {}]").unwrap());
    let all = All { any: New(any), map, body: bodies.into(), readings, outcome, time };
    let mut written = Vec::new();
    json::append(&mut written, &all).unwrap();
    assert_eq!(String::from_utf8(written).unwrap(), serde_json::to_string(&all).unwrap());
}

fn settings(dir: &std::path::Path, bytes: u64, keep_bytes: Option<u64>) -> Settings {
    let rotate = Rotation { bytes, every: MINUTE, pack: true };
    let keep = Keep { bytes: keep_bytes, age: None };
    Settings { dir: dir.to_owned(), rotate, keep, ..Settings::default() }
}

fn append(log: &mut Segments, lines: &[u8]) -> Result<Place, SegmentError> {
    log.append(lines, |_| Vec::new())
}

#[test]
fn a_segment_ends_at_its_size_and_the_oldest_ended_ones_are_deleted() {
    let dir = tempfile::tempdir().unwrap();
    let foreign = dir.path().join("crossfade-notes.jsonl");
    fs::write(&foreign, "not ours").unwrap();
    let mut log = Segments::new(&settings(dir.path(), 100, Some(200)));
    for number in 0..50 {
        append(&mut log, format!("{number:049}\n").as_bytes()).unwrap();
    }
    let found = segments(dir.path()).unwrap();
    let sizes: Vec<u64> = found.iter().map(|path| fs::metadata(path).unwrap().len()).collect();
    assert_eq!(sizes, [100, 100, 100], "two ended segments of 100 bytes and the open one");
    assert!(fs::read_to_string(found.last().unwrap()).unwrap().ends_with("49\n"));
    assert!(foreign.exists(), "a file of another name is left alone");
}

#[test]
fn ended_segments_that_are_too_old_are_deleted_whatever_their_size() {
    let dir = tempfile::tempdir().unwrap();
    let keep = Keep { bytes: None, age: Some(MINUTE) };
    let mut log = Segments::new(&Settings { keep, ..settings(dir.path(), 4, None) });
    for number in 0..3 {
        append(&mut log, format!("{number}..\n").as_bytes()).unwrap();
    }
    let found = segments(dir.path()).unwrap();
    let long_ago = std::time::SystemTime::now() - 2 * MINUTE;
    for path in [&found[0], &found[2]] {
        OpenOptions::new().write(true).open(path).unwrap().set_modified(long_ago).unwrap();
    }
    log.sweep()();
    assert_eq!(segments(dir.path()).unwrap(), found[1..], "not the open one, old as it may be");
}

#[test]
fn a_segment_ends_at_its_age() {
    let dir = tempfile::tempdir().unwrap();
    let mut log = Segments::new(&settings(dir.path(), 1_000_000, None));
    append(&mut log, b"1\n").unwrap();
    append(&mut log, b"2\n").unwrap();
    assert!(!log.is_aged());
    log.open.as_mut().unwrap().begun -= MINUTE;
    assert!(log.is_aged());
    append(&mut log, b"3\n").unwrap();
    let found = segments(dir.path()).unwrap();
    assert_eq!(fs::read_to_string(&found[0]).unwrap(), "1\n2\n");
    assert_eq!(fs::read_to_string(&found[1]).unwrap(), "3\n");
}

#[test]
fn a_deleted_segment_is_noticed_and_another_begun() {
    let dir = tempfile::tempdir().unwrap();
    let records = dir.path().join("records");
    let mut log = Segments::new(&settings(&records, 1_000_000, None));
    append(&mut log, b"1\n").unwrap();
    fs::remove_dir_all(&records).unwrap();
    append(&mut log, b"2\n").unwrap();
    let found = segments(&records).unwrap();
    assert_eq!(fs::read_to_string(&found[0]).unwrap(), "2\n");
}

#[test]
fn after_a_full_disk_another_segment_is_begun_where_the_file_cannot_be_cut_back() {
    let dir = tempfile::tempdir().unwrap();
    let mut log = Segments::new(&settings(dir.path(), 1_000_000, None));
    let file = OpenOptions::new().write(true).open("/dev/full").unwrap();
    // What is written to is full; what stands under its name is a file with nothing in it.
    let path = dir.path().join("full");
    fs::write(&path, "").unwrap();
    log.open = Some(Segment {
        path: path.clone(),
        file,
        bytes: 0,
        size: 0,
        sealer: None,
        begun: Instant::now(),
        dirty: false,
    });
    let error = append(&mut log, b"lost\n").unwrap_err().to_string();
    assert!(error.contains("full` cannot be written: No space left"), "{error}");
    assert!(!path.exists(), "no empty file is left for each try");
    append(&mut log, b"kept\n").unwrap();
    let found = segments(dir.path()).unwrap();
    assert_eq!(fs::read_to_string(&found[0]).unwrap(), "kept\n");
}

#[test]
fn a_torn_last_line_is_passed_over_and_counted_and_a_wrong_line_is_reported_with_its_place() {
    let dir = tempfile::tempdir().unwrap();
    let gap = r#"{"schema":2,"kind":"gap","experiment":"e","of":"pair","lost":3,"reason":"queue","since":"2026-01-01T00:00:00Z","until":"2026-01-01T00:00:01Z"}"#;
    let name = |second: u32| format!("crossfade-20260101T00000{second}-{:032}.jsonl", 0);
    fs::write(dir.path().join(name(0)), format!("{gap}\n{}", &gap[..40])).unwrap();
    fs::write(dir.path().join(name(1)), format!("{gap}\nnonsense\n{gap}")).unwrap();
    let mut reader = read(dir.path()).unwrap();
    let lines: Vec<_> = reader.by_ref().collect();
    assert_eq!(
        lines.iter().filter(|line| matches!(line, Ok(Line::Gap(gap)) if gap.lost == Some(3))).count(),
        3
    );
    let errors: Vec<_> = lines.iter().filter_map(|line| line.as_ref().err()).collect();
    assert_eq!(errors.len(), 1);
    assert!(errors[0].to_string().contains("000000.jsonl:2: not a record"), "{}", errors[0]);
    assert_eq!(reader.torn(), 1);
}

#[test]
fn what_must_stand_before_lines_counts_and_goes_where_they_go() {
    let dir = tempfile::tempdir().unwrap();
    let mut log = Segments::new(&settings(dir.path(), 12, None));
    let preface = |place| if place == Place::Begun { b"head\n".to_vec() } else { Vec::new() };
    let places: Vec<Place> = (0..4).map(|_| log.append(b"two\n", preface).unwrap()).collect();
    assert_eq!(places, [Place::Begun, Place::Begun, Place::Begun, Place::Begun], "9 and 4 are more than 12");
    let further = |place| if place == Place::Further { b"more\n".to_vec() } else { b"h\n".to_vec() };
    assert_eq!(log.append(b"\n", further).unwrap(), Place::Begun, "9 and 6 are");
    assert_eq!(log.append(b"two\n", |_| b"head\n".to_vec()).unwrap(), Place::Further, "3 and 9 are not");
    let found = segments(dir.path()).unwrap();
    let texts: Vec<String> = found.iter().map(|path| fs::read_to_string(path).unwrap()).collect();
    assert_eq!(texts, ["head\ntwo\n", "head\ntwo\n", "head\ntwo\n", "head\ntwo\n", "h\n\nhead\ntwo\n"]);
    let position = log.position().unwrap();
    assert_eq!((found[4].ends_with(&position.segment), position.bytes), (true, 12));
}

#[test]
fn reading_begins_behind_a_position_and_takes_files_as_well_as_directories() {
    let gap = |lost: u64| {
        format!(
            r#"{{"schema":2,"kind":"gap","experiment":"e","of":"pair","lost":{lost},"reason":"disk","since":"2026-01-01T00:00:00Z","until":"2026-01-01T00:00:01Z"}}"#
        ) + "\n"
    };
    let dir = tempfile::tempdir().unwrap();
    let name = |second: u32| format!("crossfade-20260101T00000{second}-{:032}.jsonl", 0);
    let texts = [gap(1) + &gap(2) + &gap(3), gap(4) + "nonsense\n" + &gap(5) + "{\"schema\":2", gap(6)];
    for (second, text) in (0..).zip(&texts) {
        fs::write(dir.path().join(name(second)), text).unwrap();
    }
    let lost = |reader: &mut crate::record::Reader| -> Vec<u64> {
        let lost = |line| if let Ok(Line::Gap(gap)) = line { gap.lost.unwrap() } else { 0 };
        reader.map(lost).collect()
    };
    let mut all = read(dir.path()).unwrap();
    assert_eq!((all.bytes_read(), all.position()), (0, None));
    assert_eq!(lost(&mut all), [1, 2, 3, 4, 0, 5, 6]);
    let total: usize = texts.iter().map(String::len).sum();
    assert_eq!((all.bytes_read(), all.bytes_total(), all.torn()), (total as u64, total as u64, 1));
    assert_eq!(all.position(), Some(Position { segment: name(2), bytes: texts[2].len() as u64 }));

    let line = gap(1).len() as u64;
    let behind = |second: u32, bytes: u64| Position { segment: name(second), bytes };
    let cases = [
        (behind(0, 0), vec![1, 2, 3, 4, 0, 5, 6]),
        (behind(0, 2 * line), vec![3, 4, 0, 5, 6]),
        (behind(0, 3 * line), vec![4, 0, 5, 6]),
        (behind(1, line), vec![0, 5, 6]),
        (behind(2, line), vec![]),
        (Position { segment: "crossfade-2026".to_owned(), bytes: 9 }, vec![1, 2, 3, 4, 0, 5, 6]),
        (Position { segment: "crossfade-2027".to_owned(), bytes: 9 }, vec![]),
    ];
    for (position, expected) in cases {
        let mut reader = read_from(dir.path(), &position).unwrap();
        assert_eq!(reader.position().as_ref(), Some(&position));
        assert_eq!(lost(&mut reader), expected, "{position:?}");
        assert_eq!(reader.bytes_read(), reader.bytes_total(), "{position:?}");
    }
    let error = read_from(dir.path(), &behind(1, line)).unwrap().next().unwrap().unwrap_err();
    assert!(error.to_string().contains("000000.jsonl:2: not a record"), "{error}");
    let mut torn = read_from(dir.path(), &behind(1, 0)).unwrap();
    assert_eq!(torn.by_ref().take(3).count(), 3);
    assert_eq!(torn.position(), Some(behind(1, 2 * line + 9)), "a torn line may yet become whole");

    let elsewhere = tempfile::tempdir().unwrap();
    let file = elsewhere.path().join("kept.jsonl");
    fs::write(&file, gap(7)).unwrap();
    assert_eq!(lost(&mut read(&file).unwrap()), [7]);
    let mut each =
        read_each(&[file.as_path(), dir.path(), elsewhere.path(), &dir.path().join(name(2))]).unwrap();
    assert_eq!(lost(&mut each), [7, 1, 2, 3, 4, 0, 5, 6], "a file that is named twice is read once");
    fs::rename(dir.path().join(name(1)), elsewhere.path().join(name(1))).unwrap();
    let mut each = read_each(&[elsewhere.path(), dir.path(), &file]).unwrap();
    assert_eq!(lost(&mut each), [7, 1, 2, 3, 4, 0, 5, 6], "the oldest first, of both directories");
    let error = read(&elsewhere.path().join("gone.jsonl")).unwrap_err().to_string();
    assert!(error.contains("gone.jsonl` cannot be read: No such file"), "{error}");
}

#[test]
fn a_small_frame_does_not_hold_on_to_the_buffer_it_came_in() {
    for (size, holds) in [(1, false), (100, false), (4_096, false), (6_000, true)] {
        let buffer = Bytes::from(vec![b'x'; 8_192]);
        let held = Captured::held(&buffer.slice(..size));
        assert_eq!((held.len(), buffer.is_unique()), (size, !holds), "{size}");
    }
}
