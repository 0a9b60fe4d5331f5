//! A request ends where its framing says.

use crate::model::inbox::NoRequest;
use crate::model::inbox::request_size;

fn check(request: &str) {
    for size in 0..request.len() {
        assert_eq!(request_size(&request.as_bytes()[..size]), Ok(None), "{size} bytes of {request:?}");
    }
    let and_more = format!("{request}POST");
    assert_eq!(request_size(and_more.as_bytes()), Ok(Some(request.len())), "{request:?}");
}

#[test]
fn a_request_ends_where_its_framing_says() {
    check("GET / HTTP/1.1\r\nhost: a\r\n\r\n");
    check("POST / HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc");
    check("POST / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n0A;x\r\n0123456789\r\n0\r\n\r\n");
}

#[test]
fn what_is_no_request_is_refused() {
    let cases = [
        "\0\0 /\r\n\r\n",
        "POST / HTTP/1.1\r\ncontent-length: many\r\n\r\n",
        "POST / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\nxyz\r\n",
    ];
    for case in cases {
        assert_eq!(request_size(case.as_bytes()), Err(NoRequest), "{case:?}");
    }
}
