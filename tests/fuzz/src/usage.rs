//! What an answer says, and says it used, does not depend on how it was cut into frames, on how its lines end, or on comments.

use bytes::Bytes;
use crossfade::protocol::Protocol;
use crossfade::protocol::Reply;
use crossfade::protocol::Usage;
use crossfade::protocol::usage;
use crossfade::record::Captured;

const PROTOCOLS: [Protocol; 4] = [Protocol::Http, Protocol::KserveV2, Protocol::OpenAi, Protocol::Anthropic];
const EVENTS: &str = "text/event-stream; charset=utf-8";
const TYPES: [Option<&str>; 4] = [None, Some("application/json"), Some(EVENTS), Some("text/plain")];

/// Checks one answer. Its first byte also says how long the frames are that it comes in.
pub fn check(input: &[u8]) {
    let whole = joined(input);
    assert_eq!(whole, input);
    for protocol in PROTOCOLS {
        for kind in TYPES {
            hold_bounds(usage(protocol, kind, &whole));
            hold_reply(&Reply::read(protocol, kind, &whole), whole.len());
        }
        if let Ok(text) = std::str::from_utf8(input) {
            hold_rewritten(protocol, text);
        }
    }
}

/// The input as the tee keeps it, frame by frame.
fn joined(input: &[u8]) -> Bytes {
    let length = input.first().map_or(1, |byte| usize::from(*byte) + 1);
    let mut captured = Captured::default();
    for frame in input.chunks(length) {
        captured.push(&Bytes::copy_from_slice(frame), input.len());
    }
    assert!(!captured.truncated);
    captured.joined()
}

/// Sums over a day of such answers must not run over.
fn hold_bounds(usage: Option<Usage>) {
    let Some(usage) = usage else { return };
    let Usage { input_tokens, cached_input_tokens, cache_write_input_tokens, .. } = usage;
    let Usage { output_tokens, reasoning_tokens, estimated, .. } = usage;
    assert!(!estimated && reasoning_tokens <= output_tokens && cache_write_input_tokens <= input_tokens);
    for tokens in [input_tokens, cached_input_tokens, cache_write_input_tokens, output_tokens] {
        assert!(tokens <= 2 * u64::from(u32::MAX), "{tokens}");
    }
}

fn hold_rewritten(protocol: Protocol, text: &str) {
    let told = usage(protocol, Some(EVENTS), text.as_bytes());
    let lines = text.replace("\r\n", "\n").replace('\r', "\n");
    for end in ["\n", "\r\n", "\r", "\n: a comment\n", "\nid: 7\r\n:\n"] {
        let rewritten = lines.replace('\n', end);
        assert_eq!(usage(protocol, Some(EVENTS), rewritten.as_bytes()), told, "{rewritten:?}");
    }
}

/// What is kept of an answer is not larger than it, but for what a lossy reading puts in the place of a byte.
fn hold_reply(reply: &Reply, bytes: usize) {
    let texts = reply.choices.iter().flat_map(|choice| choice.texts()).map(str::len).sum::<usize>();
    assert!(texts <= 3 * bytes, "{texts} of {bytes}");
    for call in reply.choices.iter().flat_map(|choice| &choice.tool_calls) {
        call.arguments();
    }
}
