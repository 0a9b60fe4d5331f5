use std::fs;
use std::io::Read;
use std::path::Path;
use std::path::PathBuf;
use std::time::Duration;
use std::time::SystemTime;

use crate::record::packed::open;
use crate::record::packed::pack;
use crate::record::packed::pack_by;
use crate::record::packed::packed_name;

/// Lines that pack badly, so that frames are long enough to be damaged in many ways.
fn lines(count: u64) -> String {
    let line = |number: u64| {
        format!("{{\"n\":{number},\"x\":\"{:016x}\"}}\n", number.wrapping_mul(0x9e37_79b9_7f4a_7c15))
    };
    (0..count).map(line).collect()
}

fn written(dir: &Path, text: &str) -> PathBuf {
    let path = dir.join("crossfade-20260101T000000-00000000000000000000000000000000.jsonl");
    fs::write(&path, text).unwrap();
    path
}

fn all(path: &Path, from: u64) -> Vec<u8> {
    let mut text = Vec::new();
    open(path, from).unwrap().read_to_end(&mut text).unwrap();
    text
}

#[test]
fn what_was_packed_is_read_from_anywhere_and_as_old_as_it_was() {
    let dir = tempfile::tempdir().unwrap();
    for text in [String::new(), "no line feed".to_owned(), lines(3), lines(50_000)] {
        let path = written(dir.path(), &text);
        let long_ago = SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000);
        fs::File::options().write(true).open(&path).unwrap().set_modified(long_ago).unwrap();
        assert!(pack(&path, &|| false).unwrap());
        assert!(!path.exists());
        let packed = packed_name(&path);
        assert_eq!(fs::metadata(&packed).unwrap().modified().unwrap(), long_ago);
        for from in [0, 1, text.len() / 2, text.len(), text.len() + 9] {
            let expected = text.as_bytes().get(from..).unwrap_or_default();
            assert_eq!(all(&packed, from as u64), expected);
            assert_eq!(all(&path, from as u64), expected, "by its name before it was packed");
        }
        assert_eq!(zstd::decode_all(fs::File::open(&packed).unwrap()).unwrap(), text.as_bytes());
    }
}

#[test]
fn packing_that_is_stopped_leaves_the_segment_alone() {
    let dir = tempfile::tempdir().unwrap();
    let path = written(dir.path(), &lines(10));
    assert!(!pack(&path, &|| true).unwrap());
    let left: Vec<PathBuf> = fs::read_dir(dir.path()).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert_eq!(left, [path]);
}

#[test]
fn any_damaged_byte_and_any_cut_costs_only_lines_near_it() {
    const FRAME: usize = 500;
    let dir = tempfile::tempdir().unwrap();
    let text = lines(200);
    let path = written(dir.path(), &text);
    pack_by(FRAME, &path, &|| false).unwrap();
    let path = packed_name(&path);
    let whole = fs::read(&path).unwrap();
    let known: Vec<&str> = text.lines().collect();
    // Two frames where a frame's beginning is hit, and one that seems to begin within another.
    let near = 3 * FRAME / known[0].len();
    let sound = |read: &[u8]| {
        let read = String::from_utf8_lossy(read).into_owned();
        known.iter().filter(|line| read.lines().any(|found| found == **line)).count()
    };
    for at in 0..whole.len() {
        let mut damaged = whole.clone();
        damaged[at] ^= 1 << (at % 8);
        fs::write(&path, &damaged).unwrap();
        let found = sound(&all(&path, 0));
        assert!(
            found + near >= known.len(),
            "byte {at} of {}: {found} lines of {}",
            whole.len(),
            known.len()
        );
    }
    for end in 0..whole.len() {
        fs::write(&path, &whole[..end]).unwrap();
        let read = all(&path, 0);
        assert!(text.as_bytes().starts_with(&read), "cut at {end}");
        let share = read.len() as f64 / text.len() as f64;
        assert!(
            share + 2.0 * FRAME as f64 / text.len() as f64 > end as f64 / whole.len() as f64,
            "cut at {end}"
        );
    }
}
