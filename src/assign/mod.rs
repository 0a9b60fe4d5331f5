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

use crate::vocab::ArmId;

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

/// Finds the arm that owns a bucket, given every arm's exact weight, legacy first.
///
/// Candidates own the low end of the circle, one after the other in the order of the arms: each begins where the
/// sum of those before it ends. Legacy owns what is left, so its own weight is never read. One rule thus serves a
/// canary and an A/B test alike: a single candidate is in when the bucket is below its weight's threshold, and a
/// unit once in stays in as that weight grows.
pub fn split(bucket: Bucket, weights: &[Share]) -> ArmId {
    let mut end = Share::NONE;
    for (arm, weight) in (0..=u8::MAX).zip(weights).skip(1) {
        end = end.checked_add(*weight).unwrap_or(Share::ALL);
        if end.admits(bucket) {
            return ArmId(arm);
        }
    }
    ArmId::LEGACY
}

/// The independent salts of one experiment: one a purpose, so that no draw tells anything of another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Salts {
    /// Decides the arm.
    pub arm: String,
    /// Decides whether a request is enrolled at all (the share of traffic of an A/B test).
    pub traffic: String,
    /// Decides whether a request is copied.
    pub copy: String,
    /// Decides whether legacy is asked a second time.
    pub control: String,
    /// Decides whether the copies of a request are held back.
    pub held_back: String,
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
            held_back: salt("held_back"),
            draft: salt("draft"),
        }
    }
}
