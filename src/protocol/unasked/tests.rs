//! What a client that did not ask for usage gets is what the server would have sent it.

use bytes::Bytes;

use crate::protocol::unasked::EVENT_BYTES;
use crate::protocol::unasked::Unasked;

/// What a server sends, and what it would have sent.
const STREAMS: [(&str, &str); 6] = [
    (
        "data: {\"id\":\"1\",\"choices\":[{\"delta\":{\"content\":\"a\"}}],\"usage\":null}\n\n\
         data: {\"id\":\"1\",\"choices\":[],\"usage\":{\"prompt_tokens\":3,\"completion_tokens\":1}}\n\ndata: [DONE]\n\n",
        "data: {\"id\":\"1\",\"choices\":[{\"delta\":{\"content\":\"a\"}}]}\n\ndata: [DONE]\n\n",
    ),
    (
        "data:{\"usage\" : null , \"choices\":[{\"delta\":{}}]}\r\n\r\n: ping\r\n\r\n",
        "data:{ \"choices\":[{\"delta\":{}}]}\r\n\r\n: ping\r\n\r\n",
    ),
    // Some servers tell it together with choices.
    (
        "data: {\"choices\":[{\"finish_reason\":\"stop\"}],\"usage\":{\"prompt_tokens\":3}}\n\n",
        "data: {\"choices\":[{\"finish_reason\":\"stop\"}]}\n\n",
    ),
    // What a model says about "usage" is not the usage.
    (
        "data: {\"choices\":[{\"delta\":{\"content\":\"\\\"usage\\\":null\"}}]}\n\n",
        "data: {\"choices\":[{\"delta\":{\"content\":\"\\\"usage\\\":null\"}}]}\n\n",
    ),
    (
        "event: error\ndata: {\"error\":{\"usage\":null}}\n\n",
        "event: error\ndata: {\"error\":{\"usage\":null}}\n\n",
    ),
    ("data: {\"usage\":null\n\ndata: torn \"usage\"", "data: {\"usage\":null\n\ndata: torn \"usage\""),
];

fn in_pieces(stream: &[u8], at: &[usize]) -> String {
    let mut unasked = Unasked::default();
    let (mut out, mut from) = (Vec::new(), 0);
    for to in at.iter().copied().chain([stream.len()]) {
        out.extend_from_slice(&unasked.push(&Bytes::copy_from_slice(&stream[from..to])));
        from = to;
    }
    out.extend_from_slice(&unasked.finish());
    String::from_utf8(out).unwrap()
}

#[test]
fn the_usage_is_gone_and_every_other_byte_is_there_wherever_the_stream_is_split() {
    for (sent, expected) in STREAMS {
        for first in 0..=sent.len() {
            for second in [first, sent.len().min(first + 1), sent.len()] {
                assert_eq!(
                    in_pieces(sent.as_bytes(), &[first, second]),
                    expected,
                    "split at {first} and {second}"
                );
            }
        }
        let each: Vec<usize> = (1..sent.len()).collect();
        assert_eq!(in_pieces(sent.as_bytes(), &each), expected);
    }
}

#[test]
fn a_whole_event_passes_at_once() {
    let mut unasked = Unasked::default();
    let event = Bytes::from_static(b"data: {\"choices\":[]}\n\n");
    assert_eq!(unasked.push(&event), event);
    assert_eq!(unasked.push(&Bytes::from_static(b"data: ")), "");
    assert_eq!(unasked.push(&Bytes::from_static(b"1\n\ndata: 2")), "data: 1\n\n");
    assert_eq!(unasked.finish(), "data: 2");
}

#[test]
fn an_endless_event_is_not_gathered_and_what_follows_it_is_freed_again() {
    let mut unasked = Unasked::default();
    let mut out = Vec::new();
    let piece = Bytes::from(vec![b'a'; 64 * 1024]);
    let mut sent = 0;
    while sent < 3 * EVENT_BYTES {
        out.extend_from_slice(&unasked.push(&piece));
        sent += piece.len();
        assert!(unasked.begun.len() <= EVENT_BYTES + piece.len());
    }
    out.extend_from_slice(
        &unasked.push(&Bytes::from_static(b"\n\ndata: {\"choices\":[1],\"usage\":null}\n\n")),
    );
    assert_eq!(out.len(), sent + "\n\ndata: {\"choices\":[1]}\n\n".len());
    assert!(out.ends_with(b"a\n\ndata: {\"choices\":[1]}\n\n"));
}
