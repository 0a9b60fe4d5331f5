use proptest::prelude::any;
use proptest::prop_assert_eq;
use proptest::proptest;
use proptest::sample::Index;

use crate::protocol::http1::AnswerHead;
use crate::protocol::http1::Bounds;
use crate::protocol::http1::Head;
use crate::protocol::http1::MAX_INTERIM;
use crate::protocol::http1::Malformed;
use crate::protocol::http1::Messages;
use crate::protocol::http1::RequestHead;
use crate::protocol::http1::asks_for_tunnel;

/// How far a stream of messages passes when it arrives in these pieces, and what is wrong from there on.
fn pass<'a, H: Head>(
    messages: &mut Messages<H>,
    pieces: impl IntoIterator<Item = &'a [u8]>,
) -> (usize, Result<(), Malformed>) {
    let (mut begun, mut total) = (Vec::new(), 0);
    for piece in pieces {
        begun.extend_from_slice(piece);
        let (passed, looked) = messages.pass(&begun);
        begun.drain(..passed);
        total += passed;
        if looked.is_err() {
            return (total, looked);
        }
    }
    (total, Ok(()))
}

fn requests(text: &str) -> (usize, Result<(), Malformed>) {
    pass(&mut Messages::<RequestHead>::default(), [text.as_bytes()])
}

fn check_request(text: &str, expected: Result<(), Malformed>) {
    let passed = if expected.is_ok() { text.len() } else { 0 };
    assert_eq!(requests(text), (passed, expected), "{text:?}");
}

fn answers(request: &str, text: &str) -> (usize, Result<(), Malformed>) {
    let mut messages = Messages::<AnswerHead>::default();
    messages.ask(request.as_bytes());
    pass(&mut messages, [text.as_bytes()])
}

#[test]
fn a_head_that_can_be_read_in_one_way_passes() {
    for text in [
        "GET / HTTP/1.1\r\nhost: a\r\n\r\n",
        "GET / HTTP/1.0\r\n\r\n",
        "\r\n\r\nGET / HTTP/1.1\r\nhost: a\r\n\r\n",
        "OPTIONS * HTTP/1.1\r\nHost:a\r\nx:\r\ny: \t two words \t\r\nz: \u{e9}\r\n\r\n",
        "POST / HTTP/1.1\r\nhost: a\r\nContent-Length: 0005 \r\n\r\nhello",
        "POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 5\r\n\r\nhelloGET / HTTP/1.1\r\nhost: a\r\n\r\n",
        "POST / HTTP/1.1\r\nhost: a\r\nTransfer-Encoding: Chunked\r\n\r\n0\r\n\r\nGET / HTTP/1.1\r\nhost: a\r\n\r\n",
    ] {
        check_request(text, Ok(()));
    }
}

#[test]
fn a_head_that_can_be_read_in_two_ways_is_refused() {
    for (malformed, fields) in [
        (Malformed::LineEnd, "a: b\n"),
        (Malformed::LineEnd, "\n"),
        (Malformed::Field, " folded\r\n"),
        (Malformed::Field, "\tfolded: x\r\n"),
        (Malformed::Field, "content-length : 5\r\n"),
        (Malformed::Field, "Transfer-Encoding\t: chunked\r\n"),
        (Malformed::Field, "upgrade\r\n"),
        (Malformed::Field, "a: b\rc\r\n"),
        (Malformed::Field, "a: b\0\r\n"),
        (Malformed::Field, "a: b\u{7f}\r\n"),
        (Malformed::Field, "a\u{b}: b\r\n"),
        (Malformed::ContentLength, "content-length: 5\r\nContent-Length: 5\r\n"),
        (Malformed::ContentLength, "content-length: 5\r\ncontent-length: 6\r\n"),
        (Malformed::ContentLength, "content-length: 5, 5\r\n"),
        (Malformed::ContentLength, "content-length: +5\r\n"),
        (Malformed::ContentLength, "content-length: -5\r\n"),
        (Malformed::ContentLength, "content-length: 0x5\r\n"),
        (Malformed::ContentLength, "content-length:\r\n"),
        (Malformed::ContentLength, "content-length: 99999999999999999999\r\n"),
        (Malformed::ContentLength, "content-length: 9223372036854775808\r\n"),
        (Malformed::TransferEncoding, "content-length: 5\r\ntransfer-encoding: chunked\r\n"),
        (Malformed::TransferEncoding, "transfer-encoding: chunked\r\ncontent-length: 5\r\n"),
        (Malformed::TransferEncoding, "transfer-encoding: chunked\r\ntransfer-encoding: chunked\r\n"),
        (Malformed::TransferCoding, "transfer-encoding: gzip, chunked\r\n"),
        (Malformed::TransferCoding, "transfer-encoding: chunked, gzip\r\n"),
        (Malformed::TransferCoding, "transfer-encoding: gzip\r\n"),
        (Malformed::TransferCoding, "transfer-encoding: identity\r\n"),
        (Malformed::TransferCoding, "transfer-encoding:\r\n"),
        (Malformed::TransferCoding, "transfer-encoding: \"chunked\"\r\n"),
    ] {
        check_request(&format!("POST / HTTP/1.1\r\nhost: a\r\n{fields}\r\n"), Err(malformed));
    }
    for (malformed, head) in [
        (Malformed::TransferEncoding, "POST / HTTP/1.0\r\ntransfer-encoding: chunked\r\n\r\n"),
        (Malformed::LineEnd, "GET / HTTP/1.1\nhost: a\r\n\r\n"),
        (Malformed::FirstLine, "GET /\r\n\r\n"),
        (Malformed::FirstLine, "GET / http/1.1\r\n\r\n"),
        (Malformed::FirstLine, "GET / HTTP/1.1 \r\n\r\n"),
        (Malformed::FirstLine, "GET / HTTP/11\r\n\r\n"),
        (Malformed::Field, "GET /\0 HTTP/1.1\r\n\r\n"),
        (Malformed::FirstLine, "x\r\n\r\n"),
        (Malformed::FirstLine, "MALFORMED /line_end HTTP/1.1\r\n\r\n"),
        (Malformed::FirstLine, "GET a HTTP/1.1\r\n\r\n"),
        (Malformed::FirstLine, "GET a:80 HTTP/1.1\r\n\r\n"),
        (Malformed::FirstLine, "GET * HTTP/1.1\r\n\r\n"),
        (Malformed::FirstLine, "OPTIONS *x HTTP/1.1\r\n\r\n"),
        (Malformed::FirstLine, "GET /a#b HTTP/1.1\r\n\r\n"),
        (Malformed::FirstLine, "GET http://a/#b HTTP/1.1\r\n\r\n"),
        (Malformed::Version, "GET / HTTP/1.2\r\n\r\n"),
        (Malformed::Version, "GET / HTTP/2.0\r\n\r\n"),
        (Malformed::Version, "GET / HTTP/0.9\r\n\r\n"),
        (Malformed::Connect, "CONNECT a:443 HTTP/1.1\r\nhost: a\r\n\r\n"),
    ] {
        check_request(head, Err(malformed));
    }
}

#[test]
fn a_target_has_one_of_four_forms() {
    for first in
        ["GET /", "GET /a?b=/c:d://e", "GET http://a", "GET HTTPS://a/b?c", "OPTIONS *", "OPTIONS /*"]
    {
        check_request(&format!("{first} HTTP/1.1\r\nhost: a\r\n\r\n"), Ok(()));
    }
}

#[test]
fn a_head_is_bounded_also_while_it_is_not_whole() {
    let most = Bounds::default();
    let target = format!("GET /{} HTTP/1.1\r\nhost: a\r\n\r\n", "a".repeat(most.target));
    check_request(&target, Err(Malformed::TargetTooLong));
    check_request(&target[..most.target + 2], Err(Malformed::TargetTooLong));
    let value = format!("GET / HTTP/1.1\r\na: {}\r\n\r\n", "a".repeat(most.head));
    check_request(&value, Err(Malformed::HeadTooLarge));
    check_request(&value[..most.head + 1], Err(Malformed::HeadTooLarge));
    let fields = |count| format!("GET / HTTP/1.1\r\n{}\r\n", "a: b\r\n".repeat(count));
    check_request(&fields(most.fields), Ok(()));
    check_request(&fields(most.fields + 1), Err(Malformed::TooManyFields));
}

#[test]
fn bytes_of_a_body_are_never_a_head() {
    let smuggled = "GET /smuggled HTTP/1.1\nhost: a\n\n";
    let length = format!("POST / HTTP/1.1\r\ncontent-length: {}\r\n\r\n{smuggled}", smuggled.len());
    check_request(&length, Ok(()));
    let chunk = format!("{:x};name=value\r\n{smuggled}\r\n", smuggled.len());
    let chunked =
        format!("POST / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n{chunk}{chunk}0\r\na: b\r\n\r\n");
    check_request(&chunked, Ok(()));
    // One byte past the body is a head again.
    for text in [length, chunked] {
        assert_eq!(requests(&format!("{text}{smuggled}")), (text.len(), Err(Malformed::LineEnd)), "{text:?}");
    }
}

#[test]
fn a_chunk_that_cannot_be_read_ends_the_connection() {
    let head = "POST / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n";
    for body in [
        "\r\n",
        "x\r\n",
        ";a\r\n",
        "5\nhello\r\n",
        "5\r\nhelloX\r\n",
        "5\r\nhello\n",
        "5;a\n",
        "-5\r\n",
        "10000000000000000\r\n",
        "0\r\na: b\n\r\n",
        "0\r\n\n",
        "0\r\n\rX",
        "5\rX",
    ] {
        assert_eq!(requests(&format!("{head}{body}")), (head.len(), Err(Malformed::Chunk)), "{body:?}");
    }
}

#[test]
fn what_follows_a_request_for_a_tunnel_is_not_looked_at() {
    let tunnel = "GET / HTTP/1.1\r\nupgrade: websocket\r\n\r\n\n\n\0";
    check_request(tunnel, Ok(()));
    let overlooked = tunnel.replace("websocket", "H2C");
    assert_eq!(requests(&overlooked).1, Err(Malformed::LineEnd));
    let older = tunnel.replace("HTTP/1.1", "HTTP/1.0");
    assert_eq!(requests(&older).1, Err(Malformed::LineEnd));
    assert!(asks_for_tunnel(b"h2c, websocket") && !asks_for_tunnel(b" h2C\t"));
}

#[test]
fn an_answer_is_as_long_as_its_request_and_its_fields_say() {
    let ok = "HTTP/1.1 200 OK\r\n";
    for (request, answer, surplus) in [
        ("GET ", format!("{ok}content-length: 5\r\n\r\nhello"), Err(Malformed::Surplus)),
        ("GET ", format!("{ok}transfer-encoding: chunked\r\n\r\n0\r\n\r\n"), Err(Malformed::Surplus)),
        ("HEAD ", format!("{ok}content-length: 5\r\n\r\n"), Err(Malformed::Surplus)),
        ("HEAD ", format!("{ok}transfer-encoding: chunked\r\n\r\n"), Err(Malformed::Surplus)),
        ("GET ", "HTTP/1.1 204 No Content\r\n\r\n".to_owned(), Err(Malformed::Surplus)),
        ("GET ", "HTTP/1.0 304\r\ncontent-length: 5\r\n\r\n".to_owned(), Err(Malformed::Surplus)),
        ("GET ", format!("HTTP/1.1 100 \r\n\r\n{ok}content-length: 0\r\n\r\n"), Err(Malformed::Surplus)),
        ("GET ", format!("{ok}\r\nuntil the end"), Ok(())),
        ("GET ", "HTTP/1.1 101 Switching\r\nupgrade: x\r\n\r\n\0".to_owned(), Ok(())),
    ] {
        assert_eq!(answers(request, &answer), (answer.len(), Ok(())), "{answer:?}");
        assert_eq!(answers(request, &format!("{answer}x")).1, surplus, "{answer:?}");
    }
}

#[test]
fn an_answer_that_can_be_read_in_two_ways_is_refused() {
    let interim = "HTTP/1.1 103 Early Hints\r\nlink: a\r\n\r\n";
    for (malformed, answer) in [
        (Malformed::LineEnd, "HTTP/1.1 200 OK\ncontent-length: 5\n\n".to_owned()),
        (Malformed::FirstLine, "HTTP/1.1 20 OK\r\n\r\n".to_owned()),
        (Malformed::FirstLine, "HTTP/1.1 2000 OK\r\n\r\n".to_owned()),
        (Malformed::FirstLine, "HTTP/1.1  200 OK\r\n\r\n".to_owned()),
        (Malformed::FirstLine, "\r\nHTTP/1.1 200 OK\r\n\r\n".to_owned()),
        (Malformed::FirstLine, "200 OK\r\n\r\n".to_owned()),
        (Malformed::Version, "HTTP/2.0 200 OK\r\n\r\n".to_owned()),
        (
            Malformed::ContentLength,
            "HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\n".to_owned(),
        ),
        (
            Malformed::TransferEncoding,
            "HTTP/1.1 200 OK\r\ncontent-length: 1\r\ntransfer-encoding: chunked\r\n\r\n".to_owned(),
        ),
        (Malformed::TransferCoding, "HTTP/1.1 200 OK\r\ntransfer-encoding: gzip, chunked\r\n\r\n".to_owned()),
        (Malformed::TransferEncoding, "HTTP/1.0 200 OK\r\ntransfer-encoding: chunked\r\n\r\n".to_owned()),
        (Malformed::Interim, interim.repeat(MAX_INTERIM + 1)),
    ] {
        let (_, looked) = answers("GET ", &answer);
        assert_eq!(looked, Err(malformed), "{answer:?}");
    }
    assert_eq!(answers("GET ", &interim.repeat(MAX_INTERIM)).1, Ok(()));
}

#[test]
fn bytes_that_no_request_asked_for_are_nobodys_answer() {
    let mut messages = Messages::<AnswerHead>::default();
    let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n".as_slice();
    assert_eq!(pass(&mut messages, [answer]), (0, Err(Malformed::Surplus)));
    for _ in 0..2 {
        messages.ask(b"GET / HTTP/1.1\r\n\r\n");
        assert_eq!(pass(&mut messages, [answer]), (answer.len(), Ok(())));
    }
    assert_eq!(pass(&mut messages, [answer]), (0, Err(Malformed::Surplus)));
}

/// Messages of every kind, good and bad.
const STREAM: &str = "GET / HTTP/1.1\r\nhost: a\r\n\r\nPOST / HTTP/1.1\r\nhost: a\r\ncontent-length: 5\r\n\r\nhello\
    \r\nPOST / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n5;x\r\nhello\r\na\r\n0123456789\r\n0\r\nt: u\r\n\r\n\
    GET / HTTP/1.1\r\ncontent-length: 5\r\ntransfer-encoding: chunked\r\n\r\n";

proptest! {
    #[test]
    fn how_the_bytes_are_cut_changes_nothing(cuts in proptest::collection::vec(any::<Index>(), 0..20)) {
        let stream = STREAM.as_bytes();
        let mut places: Vec<usize> = cuts.iter().map(|cut| cut.index(stream.len())).collect();
        places.extend([0, stream.len()]);
        places.sort_unstable();
        let pieces = places.windows(2).map(|ends| &stream[ends[0]..ends[1]]);
        let whole = requests(STREAM);
        prop_assert_eq!(whole.1, Err(Malformed::TransferEncoding));
        prop_assert_eq!(pass(&mut Messages::<RequestHead>::default(), pieces), whole);
    }

    #[test]
    fn no_bytes_make_it_panic_or_pass_more_than_there_are(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let head = b"POST / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n".as_slice();
        for start in [&[], head] {
            let stream = [start, &bytes].concat();
            let (passed, _) = pass(&mut Messages::<RequestHead>::default(), [stream.as_slice()]);
            assert!(passed <= stream.len());
        }
    }
}
