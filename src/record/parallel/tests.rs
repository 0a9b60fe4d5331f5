use std::fs;

use crate::record::read;
use crate::record::read_in_parallel;

fn gap(lost: u64) -> String {
    format!(
        r#"{{"schema":2,"kind":"gap","experiment":"e","of":"pair","lost":{lost},"reason":"disk","since":"2026-01-01T00:00:00Z","until":"2026-01-01T00:00:01Z"}}"#
    ) + "\n"
}

#[test]
fn lines_and_problems_come_as_one_thread_would_find_them() {
    let dir = tempfile::tempdir().unwrap();
    for segment in 0..4_u64 {
        let name = format!("crossfade-20260101T00000{segment}-{:032}.jsonl", 0);
        let mut text: String = (0..8_000).map(|line| gap(segment * 10_000 + line)).collect();
        text.insert_str(gap(segment * 10_000).len(), "nonsense\n");
        text += if segment == 1 { "{\"schema\":2" } else { "{}\n" };
        fs::write(dir.path().join(name), text).unwrap();
    }
    fs::create_dir(dir.path().join(format!("crossfade-20260101T000005-{:032}.jsonl", 0))).unwrap();
    let mut alone = read(dir.path()).unwrap();
    let mut many = read_in_parallel(read(dir.path()).unwrap());
    assert_eq!(many.bytes_total(), alone.bytes_total());
    let mut count = 0;
    loop {
        let (one, other) = (alone.next(), many.next());
        assert_eq!(format!("{one:?}"), format!("{other:?}"));
        count += 1;
        if one.is_none() {
            break;
        }
    }
    assert_eq!((many.torn(), many.bytes_read()), (1, alone.bytes_read()));
    assert_eq!(count, 4 * 8_001 + 3 + 1 + 1, "lines, other problems, a directory in the way, the end");
}

#[test]
fn whoever_stops_reading_lets_the_threads_end() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("some.jsonl");
    fs::write(&path, (0..50_000).map(gap).collect::<String>()).unwrap();
    let mut many = read_in_parallel(read(&path).unwrap());
    assert!(many.next().unwrap().is_ok());
    let read = many.bytes_read();
    drop(many);
    assert!(read < fs::metadata(&path).unwrap().len(), "no more was read than is in flight");
}
