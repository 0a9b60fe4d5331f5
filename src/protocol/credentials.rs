//! Which headers carry a user's credentials: they stay out of records, and away from models on other hosts.

use http::HeaderMap;
use http::HeaderName;

/// Headers that prove who a user is, in requests and answers.
const HEADERS: [&str; 10] = [
    "authorization",
    "proxy-authorization",
    "cookie",
    "set-cookie",
    "x-api-key",
    "api-key",
    "x-goog-api-key",
    "x-auth-token",
    "x-amz-security-token",
    "x-forwarded-access-token",
];

/// Says whether a header carries credentials.
pub fn is_credential(name: &HeaderName) -> bool {
    HEADERS.contains(&name.as_str())
}

/// Takes every header that carries credentials off.
pub fn strip_credentials(headers: &mut HeaderMap) {
    for name in HEADERS {
        headers.remove(name);
    }
}
