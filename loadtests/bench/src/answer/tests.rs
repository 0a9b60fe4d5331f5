//! An answer is understood however its bytes are split.

use crate::answer::AnswerReader;
use crate::answer::Malformed;
use crate::answer::Whole;

/// Feeds an answer in pieces of every size and compares what was understood.
fn check(answer: &str, status: u16, close: bool, body: &str) {
    for size in 1..=answer.len() {
        let mut reader = AnswerReader::default();
        let (mut read, mut whole) = (Vec::new(), None);
        for piece in answer.as_bytes().chunks(size) {
            assert_eq!(whole, None, "whole before its end, in pieces of {size}: {answer:?}");
            whole = reader.feed(piece, |bytes| read.extend_from_slice(bytes)).expect(answer);
        }
        assert_eq!(whole, Some(Whole { status, close }), "in pieces of {size}: {answer:?}");
        assert_eq!(String::from_utf8_lossy(&read), body, "in pieces of {size}");
    }
}

#[test]
fn answers_are_whole_exactly_at_their_end() {
    check("HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello", 200, false, "hello");
    check("HTTP/1.1 503 Busy\r\nContent-Length: 0\r\nConnection: close\r\n\r\n", 503, true, "");
    check("HTTP/1.1 204 No Content\r\n\r\n", 204, false, "");
    check("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n", 200, false, "");
    let chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
    check(
        &format!("{chunked}3\r\nabc\r\n0A;x=1\r\n0123456789\r\n0\r\nt: 1\r\n\r\n"),
        200,
        false,
        "abc0123456789",
    );
}

#[test]
fn an_answer_without_a_length_ends_with_its_connection() {
    let mut reader = AnswerReader::default();
    assert_eq!(reader.feed(b"HTTP/1.1 200 OK\r\n\r\nbody", |_| ()), Ok(None));
    assert_eq!(reader.end(), Some(Whole { status: 200, close: false }));
    assert_eq!(AnswerReader::default().end(), None, "nothing came at all");
}

#[test]
fn what_is_no_single_answer_is_an_error() {
    let cases = [
        "HTP/1.1 200 OK\r\n\r\n",
        "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nabc",
        "HTTP/1.1 200 OK\r\ncontent-length: x\r\n\r\n",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\nHTTP",
    ];
    for case in cases {
        assert_eq!(AnswerReader::default().feed(case.as_bytes(), |_| ()), Err(Malformed), "{case:?}");
    }
}
