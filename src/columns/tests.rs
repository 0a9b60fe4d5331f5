use std::fs;
use std::path::Path;

use serde_json::Value;
use serde_json::json;

use crate::columns::Kind;
use crate::columns::Row;
use crate::columns::columns;
use crate::columns::id;
use crate::record::Line;
use crate::record::Position;

/// One line of each kind, as a gateway writes them.
const LINES: &str = include_str!("../../tests/vectors/records/log.jsonl");

fn rows() -> Vec<Value> {
    let row = |(number, text): (usize, &str)| {
        let line = Line::parse(text).unwrap();
        serde_json::to_value(Row::of(format!("segment:{number}"), &line, text.as_bytes())).unwrap()
    };
    LINES.lines().enumerate().map(row).collect()
}

#[test]
fn a_row_has_what_its_line_says_and_the_line_itself() {
    let expected: Vec<Value> =
        serde_json::from_str(include_str!("../../tests/vectors/records/rows.json")).unwrap();
    let mut rows = rows();
    for (row, text) in rows.iter_mut().zip(LINES.lines()) {
        assert_eq!(row.as_object_mut().unwrap().remove("line"), Some(json!(text)));
    }
    assert_eq!(rows, expected, "{}", serde_json::to_string_pretty(&rows).unwrap());
}

#[test]
fn a_line_is_named_by_the_segment_and_the_place_where_it_begins() {
    let behind = Position { segment: "crossfade-20260101T000000-00ff.jsonl".to_owned(), bytes: 150 };
    assert_eq!(id(&behind, 50), "crossfade-20260101T000000-00ff:100");
}

#[test]
fn the_columns_stay_what_they_were() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors/records/columns.txt");
    let mut listed = String::new();
    for column in columns() {
        let null = if column.always { "not null" } else { "null" };
        listed += &format!("{} {} {null}\n", column.name, typed(column.kind));
    }
    let expected = fs::read_to_string(file).unwrap();
    assert_eq!(listed, expected, "new columns go before `line`; others never change");
}

#[test]
fn every_column_is_in_the_table_that_users_read() {
    let readme = include_str!("../../deploy/analytics/README.md");
    let documented = documented();
    for row in documented.lines() {
        assert!(readme.contains(row), "deploy/analytics/README.md lacks `{row}` of:\n{documented}");
    }
}

/// The tables of columns in `deploy/analytics/README.md`.
fn documented() -> String {
    let is_side = |name: &str| name.starts_with("legacy_") || name.starts_with("candidate_");
    let row = |name: &str, kind: Kind, about: &str| {
        let kind = if let Kind::List(_) = kind { "list".to_owned() } else { typed(kind) };
        format!("| `{name}` | {kind} | {about} |\n")
    };
    let own = columns().iter().filter(|column| !is_side(&column.name));
    let own = own.map(|column| row(&column.name, column.kind, &column.about));
    let parts = columns().iter().filter_map(|column| match column.kind {
        Kind::List(parts) => Some((&column.name, parts)),
        _ => None,
    });
    let parts = parts.flat_map(|(list, parts)| {
        parts.iter().map(move |part| row(&format!("{list}.{}", part.name), part.kind, part.about))
    });
    own.chain(parts).collect()
}

fn typed(kind: Kind) -> String {
    match kind {
        Kind::List(parts) => {
            let parts = parts.iter().map(|part| format!("{} {}", part.name, typed(part.kind)));
            format!("list({})", parts.collect::<Vec<_>>().join(", "))
        }
        kind => format!("{kind:?}").to_lowercase(),
    }
}

#[cfg(feature = "parquet")]
mod in_parquet {
    use std::fs;
    use std::io::Write;

    use parquet::basic::Repetition;
    use parquet::file::reader::FileReader;
    use parquet::file::serialized_reader::SerializedFileReader;

    use crate::columns::Row;
    use crate::columns::parquet::FileError;
    use crate::columns::parquet::Reader;
    use crate::columns::parquet::Writer;
    use crate::columns::parquet::write;
    use crate::record;
    use crate::record::Line;

    use super::LINES;

    const SEGMENT: &str = "crossfade-20260101T000000-0123456789abcdef0123456789abcdef.jsonl";

    #[test]
    fn lines_come_back_byte_for_byte_with_their_names() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join(SEGMENT), LINES).unwrap();
        let file = dir.path().join("deep/er/records.parquet");
        let written = write(&mut record::read(dir.path()).unwrap(), &file).unwrap();
        assert_eq!((written.lines, written.refused), (LINES.lines().count() as u64, 0));
        assert_eq!(written.bytes, fs::metadata(&file).unwrap().len());

        let read: Vec<_> = Reader::open(&file).unwrap().map(Result::unwrap).collect();
        assert_eq!(read.iter().flat_map(|line| line.bytes.clone()).collect::<Vec<_>>(), LINES.as_bytes());
        let mut place = 0;
        for line in read {
            assert_eq!(line.id, format!("{}:{place}", SEGMENT.trim_end_matches(".jsonl")));
            place += line.bytes.len();
        }
        assert_eq!(fs::read_dir(file.parent().unwrap()).unwrap().count(), 1, "nothing else stays");
    }

    #[test]
    fn many_rows_come_back_whatever_their_groups_and_pages() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("many.parquet");
        let texts: Vec<&str> = LINES.lines().collect();
        let lines: Vec<Line> = texts.iter().map(|text| Line::parse(text).unwrap()).collect();
        let mut writer = Writer::create(&file).unwrap();
        for number in 0..5_000 {
            let at = number % lines.len();
            writer.push(&Row::of(number.to_string(), &lines[at], texts[at].as_bytes())).unwrap();
        }
        assert!(writer.bytes() > 0);
        assert_eq!(writer.finish().unwrap().lines, 5_000);
        for (number, line) in Reader::open(&file).unwrap().enumerate() {
            let line = line.unwrap();
            assert_eq!(line.id, number.to_string());
            assert_eq!(line.bytes, [texts[number % lines.len()].as_bytes(), b"\n"].concat());
        }
    }

    #[test]
    fn a_file_that_was_not_finished_leaves_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let line = Line::parse(LINES.lines().next().unwrap()).unwrap();
        let mut writer = Writer::create(&dir.path().join("half.parquet")).unwrap();
        writer.push(&Row::of("0", &line, b"")).unwrap();
        drop(writer);
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
    }

    #[test]
    fn a_torn_line_is_counted_and_passed_over() {
        let dir = tempfile::tempdir().unwrap();
        let mut log = fs::File::create(dir.path().join(SEGMENT)).unwrap();
        log.write_all(LINES.as_bytes()).unwrap();
        log.write_all(b"not a record\n{\"schema\":2,\"ki").unwrap();
        let file = dir.path().join("records.parquet");
        let written = write(&mut record::read(dir.path()).unwrap(), &file).unwrap();
        assert_eq!((written.lines, written.refused), (LINES.lines().count() as u64, 2));
    }

    #[test]
    fn what_is_no_file_of_records_is_refused_by_name() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("other.parquet");
        fs::write(&file, "PAR1 or not").unwrap();
        assert!(matches!(Reader::open(&file), Err(FileError::Parquet { .. })));
        assert!(matches!(Reader::open(&dir.path().join("none")), Err(FileError::Io { .. })));
    }

    #[test]
    fn the_schema_of_the_files_stays_what_it_was() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("empty.parquet");
        assert_eq!(Writer::create(&path).unwrap().finish().unwrap().lines, 0);
        let file = SerializedFileReader::new(fs::File::open(&path).unwrap()).unwrap();
        let schema = file.metadata().file_metadata().schema_descr();
        let mut listed = String::new();
        for column in schema.columns() {
            let optional = column.self_type().get_basic_info().repetition() == Repetition::OPTIONAL;
            let null = if optional { "optional" } else { "required" };
            let logical = column.logical_type_ref().map_or(String::new(), |logical| format!(" {logical:?}"));
            listed += &format!("{} {null} {}{logical}\n", column.path().string(), column.physical_type());
        }
        let expected = include_str!("../../tests/vectors/records/parquet-schema.txt");
        assert_eq!(listed, expected, "new columns go before `line`; others never change");
    }
}
