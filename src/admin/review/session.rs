//! The cookie of a reviewer who logged in: until when it holds, and a proof that the token was brought.

use std::time::Duration;
use std::time::SystemTime;

use hmac::Hmac;
use hmac::KeyInit;
use hmac::Mac;
use http::HeaderMap;
use http::header;
use http::request::Parts;
use sha2::Sha256;

use crate::vocab::Secret;

const NAME: &str = "review-session";
const HOLDS: Duration = Duration::from_secs(12 * 60 * 60);
/// What the key signs here and nowhere else.
const PURPOSE: &[u8] = b"crossfade review session ";

/// The cookie for who brought the token.
pub(super) fn begun(token: &Secret, head: &Parts) -> String {
    let until = now() + HOLDS.as_secs();
    let proof: String =
        mac(token, until).finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
    // Whoever ends TLS in front of this address says so.
    let is_tls = head.headers.get("x-forwarded-proto").is_some_and(|scheme| scheme == "https");
    let secure = if is_tls { "; Secure" } else { "" };
    let seconds = HOLDS.as_secs();
    format!("{NAME}={until}.{proof}; Path=/review; Max-Age={seconds}; HttpOnly; SameSite=Strict{secure}")
}

/// The cookie that takes the other away.
pub(super) fn none() -> String {
    format!("{NAME}=; Path=/review; Max-Age=0; HttpOnly; SameSite=Strict")
}

/// Whether a request brings a cookie that holds.
pub(in crate::admin) fn admits(headers: &HeaderMap, token: &Secret) -> bool {
    let lines = headers.get_all(header::COOKIE).into_iter().filter_map(|line| line.to_str().ok());
    let mut cookies = lines.flat_map(|line| line.split(';')).filter_map(|pair| pair.trim().split_once('='));
    cookies.any(|(name, value)| name == NAME && holds(value, token))
}

fn holds(value: &str, token: &Secret) -> bool {
    let Some((until, proof)) = value.split_once('.') else { return false };
    let (Ok(until), Some(proof)) = (until.parse::<u64>(), bytes(proof)) else { return false };
    until > now() && mac(token, until).verify_slice(&proof).is_ok()
}

fn mac(token: &Secret, until: u64) -> Hmac<Sha256> {
    let mut mac = Hmac::<Sha256>::new_from_slice(token.expose()).expect("HMAC takes a key of any length");
    mac.update(PURPOSE);
    mac.update(until.to_string().as_bytes());
    mac
}

fn bytes(hex: &str) -> Option<Vec<u8>> {
    let is_hex = hex.len() == 64 && hex.bytes().all(|digit| digit.is_ascii_hexdigit());
    let byte = |at: usize| u8::from_str_radix(hex.get(at..at + 2)?, 16).ok();
    if is_hex { (0..64).step_by(2).map(byte).collect() } else { None }
}

fn now() -> u64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs()
}
