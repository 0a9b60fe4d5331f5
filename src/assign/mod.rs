//! Assignment: which arm a unit belongs to, and with what probability.
//!
//! A draw is a hash, so every replica and every restart decides alike without shared state. The scheme is
//! frozen: `bucket = xxh3_64(salt || 0x00 || unit)`, and a bucket falls below a share when
//! `bucket < floor(share * 2^64)`, computed in 128 bits. Any language can reproduce it;
//! `tests/vectors/assignment.json` publishes cases. Pure: no clock, no global randomness.

mod share;

#[cfg(test)]
mod tests;

pub use share::Share;
pub use share::ShareError;

use xxhash_rust::xxh3::Xxh3;

/// A unit's place on the circle of 2^64, for one salt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Bucket(pub u64);

/// Hashes a unit under a salt.
///
/// The zero byte keeps `("ab", "c")` and `("a", "bc")` apart; salts therefore hold none.
pub fn bucket(salt: &str, unit: &[u8]) -> Bucket {
    let mut hash = Xxh3::new();
    hash.update(salt.as_bytes());
    hash.update(&[0]);
    hash.update(unit);
    Bucket(hash.digest())
}

/// The independent salts of one experiment: one a purpose, so that no draw tells anything of another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Salts {
    /// Decides the arm.
    pub arm: String,
    /// Decides whether a request is enrolled at all (the share of traffic of an A/B test).
    pub traffic: String,
    /// Decides whether a candidate gets a copy.
    pub copy: String,
    /// Decides whether legacy is asked a second time.
    pub control: String,
    /// Seeds the draft of an interleaved list.
    pub draft: String,
}

impl Salts {
    /// Derives the salts of an experiment: its name, or the salt that the policy sets, and the purpose.
    pub fn of(base: &str) -> Self {
        let salt = |purpose: &str| format!("{base}/{purpose}");
        Self {
            arm: salt("arm"),
            traffic: salt("traffic"),
            copy: salt("copy"),
            control: salt("control"),
            draft: salt("draft"),
        }
    }
}
