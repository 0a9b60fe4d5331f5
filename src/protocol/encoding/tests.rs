use std::io::Write;

use bytes::Bytes;
use flate2::Compression;
use flate2::write::DeflateEncoder;
use flate2::write::GzEncoder;
use flate2::write::ZlibEncoder;
use http::HeaderMap;
use http::HeaderValue;
use http::header::CONTENT_ENCODING;

use crate::protocol::encoding::Decoded;
use crate::protocol::encoding::SMALL;
use crate::protocol::encoding::decoded;

const TEXT: &str = r#"{"answer": "The capital of France is Paris. The capital of France is Paris."}"#;
/// The text as another program packs it.
const BROTLI: [u8; 42] = [
    27, 76, 0, 232, 141, 211, 21, 247, 35, 12, 202, 177, 20, 217, 235, 43, 16, 29, 112, 200, 129, 195, 15,
    212, 66, 141, 164, 126, 249, 121, 26, 211, 232, 142, 52, 204, 111, 120, 54, 135, 23, 196,
];

fn undo(names: &[&str], body: &[u8]) -> Option<Decoded> {
    let mut headers = HeaderMap::new();
    for name in names {
        headers.append(CONTENT_ENCODING, HeaderValue::from_str(name).unwrap());
    }
    decoded(&Bytes::copy_from_slice(body), &headers)
}

fn gzip(body: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(body).unwrap();
    encoder.finish().unwrap()
}

fn zlib(body: &[u8]) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(body).unwrap();
    encoder.finish().unwrap()
}

fn deflate(body: &[u8]) -> Vec<u8> {
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(body).unwrap();
    encoder.finish().unwrap()
}

fn zstd(body: &[u8]) -> Vec<u8> {
    zstd::encode_all(body, 0).unwrap()
}

fn whole(text: &[u8]) -> Option<Decoded> {
    Some(Decoded { bytes: Bytes::copy_from_slice(text), whole: true })
}

#[test]
fn every_encoding_is_undone_one_upon_the_other_too() {
    let text = TEXT.as_bytes();
    let cases: [(&[&str], Vec<u8>); 11] = [
        (&[], text.to_vec()),
        (&["identity"], text.to_vec()),
        (&["gzip"], gzip(text)),
        (&["X-GZip"], gzip(text)),
        (&["gzip"], [gzip(&text[..9]), gzip(&text[9..])].concat()),
        (&["deflate"], zlib(text)),
        (&["deflate"], deflate(text)),
        (&["br"], BROTLI.to_vec()),
        (&["zstd"], zstd(text)),
        (&["gzip, zstd"], zstd(&gzip(text))),
        (&["gzip", "identity, zstd", "deflate"], zlib(&zstd(&gzip(text)))),
    ];
    for (names, body) in cases {
        assert_eq!(undo(names, &body), whole(text), "{names:?}");
    }
}

#[test]
fn another_encoding_and_too_many_of_them_are_not_undone() {
    assert_eq!(undo(&["compress"], b"abc"), None);
    assert_eq!(undo(&["gzip, compress"], b"abc"), None);
    assert_eq!(undo(&["gzip, gzip, gzip, gzip"], &gzip(b"abc")), None);
    assert_eq!(undo(&["gzip"], b""), whole(b""));
}

#[test]
fn a_body_made_to_burst_its_reader_is_given_up_and_a_small_one_may_grow() {
    let bomb = vec![b' '; 8 * 1024 * 1024];
    assert_eq!(undo(&["gzip"], &gzip(&bomb)), None);
    assert_eq!(undo(&["deflate"], &zlib(&bomb)), None);
    assert_eq!(undo(&["deflate"], &deflate(&bomb)), None);
    assert_eq!(undo(&["zstd"], &zstd(&bomb)), None);
    assert_eq!(undo(&["gzip, gzip"], &gzip(&gzip(&bomb))), None);
    let small = vec![b' '; SMALL];
    assert_eq!(undo(&["zstd"], &zstd(&small)), whole(&small));
}

#[test]
fn of_a_stream_that_was_cut_a_beginning_is_told_and_that_it_is_not_whole() {
    let text = TEXT.as_bytes();
    let cases: [(&[&str], Vec<u8>); 5] = [
        (&["gzip"], gzip(text)),
        (&["deflate"], zlib(text)),
        (&["br"], BROTLI.to_vec()),
        (&["zstd"], zstd(text)),
        (&["gzip, zstd"], zstd(&gzip(text))),
    ];
    for (names, body) in cases {
        for end in 1..body.len() {
            let told = undo(names, &body[..end]).unwrap();
            assert!(text.starts_with(&told.bytes), "{names:?} to {end}: {told:?}");
            assert!(!told.whole, "{names:?} to {end} of {}", body.len());
        }
    }
}
