//! What is trusted of an HTTP/1 connection does not depend on how its bytes are cut, and HTTP's own reader sees the
//! same messages in it, or none.

use crossfade::protocol::http1::AnswerHead;
use crossfade::protocol::http1::Bounds;
use crossfade::protocol::http1::Framing;
use crossfade::protocol::http1::Head;
use crossfade::protocol::http1::Malformed;
use crossfade::protocol::http1::Messages;
use crossfade::protocol::http1::RequestHead;
use httparse::Header;
use httparse::Status;

/// As many fields as the default bounds take.
const FIELDS: usize = 100;

/// Checks the bytes of one connection, in both directions. The first byte says how long the pieces are that it comes in.
pub fn check(input: &[u8]) {
    let Some((first, bytes)) = input.split_first() else { return };
    let length = usize::from(*first) + 1;
    hold_alike(bytes, length, Messages::<RequestHead>::default);
    for method in [b"GET ".as_slice(), b"HEAD "] {
        hold_alike(bytes, length, || asked(method));
    }
    hold_request(bytes);
    hold_answer(bytes);
}

/// A connection on which a request of this method was sent.
fn asked(method: &[u8]) -> Messages<AnswerHead> {
    let mut messages = Messages::default();
    messages.ask(method);
    messages
}

/// In pieces or whole, as much is trusted and the same is wrong. Only of a body that goes wrong more may have passed.
fn hold_alike<H: Head>(bytes: &[u8], length: usize, fresh: impl Fn() -> Messages<H>) {
    let whole = passed(fresh(), [bytes]);
    assert!(whole.0 <= bytes.len());
    let cut = passed(fresh(), bytes.chunks(length));
    assert_eq!(cut.1, whole.1);
    assert!(cut.0 == whole.0 || whole.1 == Err(Malformed::Chunk), "{} and {} bytes", cut.0, whole.0);
}

fn passed<'a, H: Head>(
    mut messages: Messages<H>,
    pieces: impl IntoIterator<Item = &'a [u8]>,
) -> (usize, Result<(), Malformed>) {
    let (mut trusted, mut begun) = (0, Vec::new());
    for piece in pieces {
        begun.extend_from_slice(piece);
        let (length, result) = messages.pass(&begun);
        trusted += length;
        begun.drain(..length);
        if result.is_err() {
            return (trusted, result);
        }
    }
    (trusted, Ok(()))
}

fn hold_request(bytes: &[u8]) {
    let Ok(Some((length, Some(framing)))) = RequestHead::default().read(bytes, &Bounds::default()) else {
        return;
    };
    let mut fields = [httparse::EMPTY_HEADER; FIELDS];
    let mut request = httparse::Request::new(&mut fields);
    match request.parse(bytes) {
        Ok(Status::Complete(ends)) => assert_eq!(ends, length, "two heads"),
        Ok(Status::Partial) => panic!("a head that HTTP waits for the rest of"),
        Err(_) => return,
    }
    if framing != Framing::Rest {
        assert_eq!(Some(framing), said(request.headers).or(Some(Framing::Length(0))), "two bodies");
    }
}

/// One answer to one request; what follows it is nobody's.
fn hold_answer(bytes: &[u8]) {
    let (trusted, result) = passed(asked(b"GET "), [bytes]);
    let mut fields = [httparse::EMPTY_HEADER; FIELDS];
    let mut answer = httparse::Response::new(&mut fields);
    let head = match answer.parse(bytes) {
        Ok(Status::Complete(ends)) => ends,
        Ok(Status::Partial) => return assert_eq!(trusted, 0, "a head that HTTP waits for the rest of"),
        Err(_) => return,
    };
    if trusted == 0 {
        assert!(result.is_err(), "a whole head waits");
        return;
    }
    assert!(trusted >= head, "two heads");
    let status = answer.code.unwrap_or_default();
    if status < 200 && status != 101 {
        // An interim answer has no body, whatever its fields say of one, and what follows it is another head.
        return;
    }
    let (ends, may_go_on) = match said(answer.headers) {
        _ if status == 101 => (bytes.len(), true),
        _ if [204, 304].contains(&status) => (head, false),
        Some(Framing::Length(length)) => {
            (head.saturating_add(usize::try_from(length).unwrap_or(usize::MAX)), false)
        }
        Some(_) => return,
        None => (bytes.len(), true),
    };
    assert_eq!(trusted, ends.min(bytes.len()), "two bodies");
    let surplus = ends < bytes.len() && !may_go_on;
    assert_eq!(result, if surplus { Err(Malformed::Surplus) } else { Ok(()) });
}

/// What the fields say of the body; `None`: nothing.
fn said(fields: &[Header<'_>]) -> Option<Framing> {
    let values = |name: &str| -> Vec<&[u8]> {
        let named = fields.iter().filter(|field| field.name.eq_ignore_ascii_case(name));
        named.map(|field| field.value.trim_ascii()).collect()
    };
    match (values("transfer-encoding").as_slice(), values("content-length").as_slice()) {
        ([], []) => None,
        ([coding], []) if coding.eq_ignore_ascii_case(b"chunked") => Some(Framing::Chunked),
        ([], [length]) => {
            let length = std::str::from_utf8(length).ok().and_then(|length| length.parse().ok());
            Some(Framing::Length(length.expect("a length that was trusted is a number")))
        }
        other => panic!("a doubt about the body was trusted: {other:?}"),
    }
}
