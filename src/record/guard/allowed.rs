//! Which headers' values are written unless the policy says more: those that say how a message is to be read, how it
//! was tried and how it was limited, and name nobody.

use http::HeaderName;

use crate::record::HeaderChoice;

/// In alphabetical order.
const LISTED: [&str; 61] = [
    "accept",
    "accept-encoding",
    "accept-language",
    "anthropic-beta",
    "anthropic-ratelimit-input-tokens-limit",
    "anthropic-ratelimit-input-tokens-remaining",
    "anthropic-ratelimit-input-tokens-reset",
    "anthropic-ratelimit-output-tokens-limit",
    "anthropic-ratelimit-output-tokens-remaining",
    "anthropic-ratelimit-output-tokens-reset",
    "anthropic-ratelimit-requests-limit",
    "anthropic-ratelimit-requests-remaining",
    "anthropic-ratelimit-requests-reset",
    "anthropic-ratelimit-tokens-limit",
    "anthropic-ratelimit-tokens-remaining",
    "anthropic-ratelimit-tokens-reset",
    "anthropic-version",
    "cache-control",
    "content-encoding",
    "content-language",
    "content-length",
    "content-type",
    "crossfade-arm",
    "crossfade-id",
    "crossfade-shadow",
    "date",
    "expect",
    "grpc-accept-encoding",
    "grpc-encoding",
    "grpc-status",
    "grpc-timeout",
    "host",
    "idempotency-key",
    "inference-header-content-length",
    "openai-processing-ms",
    "openai-version",
    "ratelimit",
    "ratelimit-limit",
    "ratelimit-policy",
    "ratelimit-remaining",
    "ratelimit-reset",
    "request-id",
    "retry-after",
    "server",
    "server-timing",
    "te",
    "traceparent",
    "transfer-encoding",
    "user-agent",
    "vary",
    "x-envoy-attempt-count",
    "x-envoy-upstream-service-time",
    "x-ratelimit-limit",
    "x-ratelimit-limit-requests",
    "x-ratelimit-limit-tokens",
    "x-ratelimit-remaining",
    "x-ratelimit-remaining-requests",
    "x-ratelimit-remaining-tokens",
    "x-request-id",
    "x-retry-count",
    "x-stainless-retry-count",
];

/// Says whether a header is written unless the policy says otherwise.
pub(in crate::record) fn is_listed(name: &HeaderName) -> bool {
    LISTED.binary_search(&name.as_str()).is_ok()
}

impl HeaderChoice {
    /// Says whether the values of a header are written.
    pub fn lists(&self, name: &HeaderName) -> bool {
        match self {
            HeaderChoice::All => true,
            HeaderChoice::Listed(more) => is_listed(name) || more.contains(name),
        }
    }

    /// The headers that are written whatever the policy says, in alphabetical order.
    pub fn always() -> &'static [&'static str] {
        &LISTED
    }
}
