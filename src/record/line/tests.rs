use crate::record::Gap;
use crate::record::Line;
use crate::record::LineKind;
use crate::record::LossReason;
use crate::record::ReadError;
use crate::record::Reader;
use crate::record::line::append;
use crate::vocab::ExperimentName;
use crate::vocab::Timestamp;

/// Lines of different lengths, as they are written.
fn lines(bytes: usize) -> Vec<Vec<u8>> {
    let mut lines = Vec::new();
    let mut total = 0;
    for lost in 0.. {
        let gap = Gap {
            experiment: ExperimentName::new(&"chat".repeat(1 + lost as usize % 7)).unwrap(),
            of: LineKind::Pair,
            lost: Some(lost),
            reason: LossReason::Queue,
            since: Timestamp::from_micros(1_700_000_000_000_000 + lost as i64),
            until: Timestamp::from_micros(1_800_000_000_000_000 + lost as i64),
        };
        let mut line = Vec::new();
        append(&mut line, &gap);
        total += line.len();
        lines.push(line);
        if total >= bytes {
            break;
        }
    }
    lines
}

/// What is read of a segment: the lines that are found whole, how many are damaged, how many torn.
fn found(text: Vec<u8>) -> (Vec<Vec<u8>>, usize, u64) {
    let mut reader = Reader::over(text);
    let (mut whole, mut damaged) = (Vec::new(), 0);
    while let Some(line) = reader.next() {
        match line {
            Ok(_) => whole.push(reader.line_bytes().to_vec()),
            Err(ReadError::Line { .. }) => damaged += 1,
            Err(error) => panic!("{error}"),
        }
    }
    (whole, damaged, reader.torn())
}

/// Reading looks at a line and at nothing but it, so that each line is damaged between its neighbours.
#[test]
fn every_byte_of_a_segment_may_be_damaged_and_only_its_line_is_lost() {
    let lines = lines(64 * 1024);
    let mut bytes = 0;
    for three in lines.windows(3) {
        let [before, line, after] = three else { unreachable!() };
        for at in 0..line.len() {
            bytes += 1;
            for becomes in [line[at] ^ (1 << (bytes % 8)), b'\n'] {
                let mut damaged = line.clone();
                damaged[at] = becomes;
                if damaged == *line {
                    continue;
                }
                let (whole, lost, torn) = found([before, damaged.as_slice(), after].concat());
                let at_end = at + 1 == line.len();
                let left: &[&Vec<u8>] = if at_end { &[before] } else { &[before, after] };
                assert_eq!(whole.iter().collect::<Vec<_>>(), left, "byte {at} became {becomes}");
                assert!(lost > 0 && torn == 0, "byte {at} became {becomes}");
            }
        }
    }
    assert!(bytes > 63 * 1024);
}

#[test]
fn a_segment_may_be_cut_anywhere_and_only_its_last_line_is_lost() {
    for two in lines(64 * 1024).chunks(2) {
        let [before, line] = two else { continue };
        for end in 0..line.len() {
            let (whole, lost, torn) = found([before, &line[..end]].concat());
            // Without its line feed it is whole nevertheless.
            let is_whole = end + 1 == line.len();
            assert_eq!(whole.len(), 1 + usize::from(is_whole), "cut at {end}");
            assert_eq!((lost, torn), (0, u64::from(end > 0 && !is_whole)), "cut at {end}");
        }
    }
}

#[test]
fn the_checksum_is_that_of_the_bytes_before_it() {
    let line = String::from_utf8(lines(1).remove(0)).unwrap();
    let (fields, checksum) = line.trim_end().rsplit_once(r#","crc32":""#).unwrap();
    assert_eq!(checksum, format!("{:08x}\"}}", crc32fast::hash(fields.as_bytes())));
    assert!(Line::parse(&line).is_ok());
    let without = format!("{fields}}}");
    assert!(Line::parse(&without).is_err(), "whoever takes it out damages the line");
    assert!(Line::parse(&without.replace("\"schema\":3", "\"schema\":2")).is_ok(), "unless by the book");
    let value: serde_json::Value = serde_json::from_str(&line).unwrap();
    assert!(Line::parse(&value.to_string()).is_ok(), "any tool may copy the line");
}
