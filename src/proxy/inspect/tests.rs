use std::sync::Arc;

use http::Request;
use http::Version;
use tokio::io::AsyncReadExt;
use tokio::io::AsyncWriteExt;
use tokio::io::duplex;

use crate::protocol::http1::Malformed;
use crate::protocol::http2::PREFACE;
use crate::proxy::inspect::Inspected;
use crate::proxy::inspect::fault;
use crate::proxy::limits::Limits;
use crate::proxy::watch::Doing;
use crate::proxy::watch::Watchlist;
use crate::telemetry::Metrics;

const GOOD: &str = "GET / HTTP/1.1\r\nhost: a\r\n\r\n";

/// What HTTP reads of these pieces, each of which arrives by itself, and the version that was found.
async fn read(pieces: &[&[u8]]) -> (Version, String) {
    let (mut client, server) = duplex(64 * 1024);
    let limits = Limits::default();
    let watch = Watchlist::new(&limits, &Arc::new(Metrics::new())).watch(Doing::Resting);
    let mut inspected = Inspected::new(server, &limits);
    let sending = async {
        for piece in pieces {
            client.write_all(piece).await.unwrap();
            tokio::task::yield_now().await;
        }
        client.shutdown().await.unwrap();
    };
    let reading = async {
        let version = inspected.version(&watch).await.unwrap();
        let mut text = Vec::new();
        while !text.ends_with(b"connection: close\r\n\r\n")
            && inspected.read_buf(&mut text).await.unwrap() > 0
        {}
        (version, String::from_utf8(text).unwrap())
    };
    tokio::join!(sending, reading).1
}

#[tokio::test]
async fn http2_is_known_by_its_preface_however_it_is_cut_and_passes_unseen() {
    let frames = b"\0\0\0\n\n\0".as_slice();
    let whole = [PREFACE, frames].concat();
    for cut in 1..whole.len() {
        let (version, text) = read(&[&whole[..cut], &whole[cut..]]).await;
        assert_eq!((version, text.as_bytes()), (Version::HTTP_2, whole.as_slice()), "cut at {cut}");
    }
}

#[tokio::test]
async fn what_only_begins_like_http2_is_http1() {
    for (text, expected) in [
        ("PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n", "MALFORMED /version HTTP/1.1\r\nconnection: close\r\n\r\n"),
        ("PRI / HTTP/1.1\r\nhost: a\r\n\r\n", "PRI / HTTP/1.1\r\nhost: a\r\n\r\n"),
    ] {
        for cut in 1..text.len() {
            let (first, second) = text.as_bytes().split_at(cut);
            let (version, text) = read(&[first, second]).await;
            assert_eq!((version, text.as_str()), (Version::HTTP_11, expected), "cut at {cut}");
        }
    }
}

#[tokio::test]
async fn another_head_takes_a_malformed_ones_place_after_all_before_it() {
    let stream = format!("{GOOD}{GOOD}GET / HTTP/1.1\nhost: a\r\n\r\n{GOOD}");
    let expected = format!("{GOOD}{GOOD}MALFORMED /line_end HTTP/1.1\r\nconnection: close\r\n\r\n");
    for cut in 1..stream.len() {
        let (first, second) = stream.as_bytes().split_at(cut);
        let (_, text) = read(&[first, second]).await;
        assert_eq!(text, expected, "cut at {cut}");
    }
}

#[tokio::test]
async fn a_head_larger_than_any_buffer_passes_whole() {
    let stream = format!("GET / HTTP/1.1\r\nhost: a\r\nx: {}\r\n\r\n{GOOD}", "y".repeat(60_000));
    let pieces: Vec<&[u8]> = stream.as_bytes().chunks(1_000).collect();
    assert_eq!(read(&pieces).await.1, stream);
}

#[test]
fn only_a_stand_in_names_a_fault_and_only_in_http1() {
    let check = |method: &str, target: &str, version, expected| {
        let request = Request::builder().method(method).uri(target).version(version).body(()).unwrap();
        assert_eq!(fault(&Limits::default(), &request.into_parts().0), expected, "{method} {target}");
    };
    for malformed in Malformed::OF_REQUESTS {
        check("MALFORMED", &format!("/{}", malformed.as_str()), Version::HTTP_11, Some(malformed));
    }
    check("MALFORMED", "http://a/field", Version::HTTP_2, None);
    check("CONNECT", "a:443", Version::HTTP_2, Some(Malformed::Connect));
    check("GET", "/field", Version::HTTP_11, None);
}
