use std::io::Cursor;
use std::io::Read;

use crate::record::cipher::HEAD;
use crate::record::cipher::LENGTH;
use crate::record::cipher::RecordKey;
use crate::record::cipher::Sealer;
use crate::record::cipher::Sniffed;
use crate::record::cipher::Unsealed;
use crate::record::cipher::sniff;

fn key(digit: char) -> RecordKey {
    RecordKey::parse(digit.to_string().repeat(64).as_bytes()).unwrap()
}

/// A file of chunks.
fn sealed(key: &RecordKey, chunks: &[&str]) -> Vec<u8> {
    let mut sealer = Sealer::new(key).unwrap();
    let mut file = sealer.head().to_vec();
    for chunk in chunks {
        file.extend(sealer.seal(chunk.as_bytes()).unwrap());
    }
    file
}

fn unsealed(file: &[u8]) -> std::io::Result<String> {
    let mut file = Cursor::new(file.to_vec());
    let Sniffed::Sealed(head) = sniff(&mut file)? else { panic!("it is encrypted") };
    let mut text = String::new();
    Unsealed::new(file, head)?.read_to_string(&mut text)?;
    Ok(text)
}

#[test]
fn what_was_encrypted_is_read_with_its_key_and_told_nothing_without() {
    let (known, unknown) = (key('a'), key('b'));
    known.remember();
    let file = sealed(&known, &["one\n", "", "two\nthree\n"]);
    assert_eq!(unsealed(&file).unwrap(), "one\ntwo\nthree\n");
    assert!(!file.windows(3).any(|three| three == b"one" || three == b"two"));
    let error = unsealed(&sealed(&unknown, &["one\n"])).unwrap_err().to_string();
    assert!(
        error
            .contains("a key that is not known; hint: name the file of its key in CROSSFADE_RECORD_KEY_FILE"),
        "{error}"
    );
    assert_ne!(file, sealed(&known, &["one\n", "", "two\nthree\n"]), "no two files are alike");
}

#[test]
fn a_damaged_chunk_costs_itself_and_a_cut_one_ends_the_file() {
    let key = key('c');
    key.remember();
    let file = sealed(&key, &["one\n", "two\n", "three\n"]);
    let chunk = |text: &str| LENGTH + text.len() + 16;
    let second = HEAD + chunk("one\n");
    for at in second + LENGTH..second + chunk("two\n") {
        let mut damaged = file.clone();
        damaged[at] ^= 1;
        assert_eq!(unsealed(&damaged).unwrap(), "one\n\nthree\n", "byte {at}");
    }
    for end in second..second + chunk("two\n") {
        assert_eq!(unsealed(&file[..end]).unwrap(), "one\n", "cut at {end}");
    }
    // Chunks that changed places are not where their numbers say.
    let third = second + chunk("two\n");
    let swapped = [&file[..second], &file[third..], &file[second..third]].concat();
    assert_eq!(unsealed(&swapped).unwrap(), "one\n\n\n");
}

#[test]
fn a_key_is_sixty_four_digits() {
    for wrong in ["", "0", &"0".repeat(63), &"g".repeat(64), &"é".repeat(32)] {
        assert!(
            RecordKey::parse(wrong.as_bytes()).unwrap_err().contains("hint: `openssl rand -hex 32`"),
            "{wrong}"
        );
    }
    assert_eq!(
        RecordKey::parse(format!(" {}\n", "0A".repeat(32)).as_bytes()),
        RecordKey::parse(&b"0a".repeat(32))
    );
    assert_eq!(format!("{:?}", key('d')), "RecordKey", "it is not told to logs");
}
