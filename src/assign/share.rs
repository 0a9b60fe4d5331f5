//! Exact shares of the whole: weights, samples, fractions of traffic.
//!
//! A share is held as billionths, so that `33.3333333%` is exactly what the operator wrote, sums are exact, and
//! the threshold on the circle of 2^64 is the same on every machine. No floating point decides an arm.

use std::fmt;
use std::str::FromStr;

use crate::assign::Bucket;

const WHOLE: u32 = 1_000_000_000;

/// A share of the whole, from 0 % to 100 %, exact to a billionth.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Share(u32);

/// Says why a text is no share.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ShareError {
    /// The text does not end in `%`, or holds no number.
    #[error("`{0}` is not a percentage: expected a number and `%`, as in `25%` or `0.5%`")]
    Syntax(String),
    /// The number is above 100 or below 0.
    #[error("`{0}` is out of range: expected 0% to 100%")]
    Range(String),
    /// More digits than a billionth of the whole.
    #[error("`{0}` is too fine: at most 7 digits may follow the point")]
    Precision(String),
}

impl Share {
    /// Nothing.
    pub const NONE: Share = Share(0);
    /// Everything.
    pub const ALL: Share = Share(WHOLE);

    /// Makes a share from billionths of the whole; `None` above the whole.
    pub const fn from_billionths(billionths: u32) -> Option<Self> {
        if billionths <= WHOLE { Some(Self(billionths)) } else { None }
    }

    /// Billionths of the whole.
    pub fn billionths(self) -> u32 {
        self.0
    }

    /// The share as a probability in 0..=1.
    pub fn probability(self) -> f64 {
        f64::from(self.0) / f64::from(WHOLE)
    }

    /// What is left of the whole.
    pub fn complement(self) -> Share {
        Share(WHOLE - self.0)
    }

    /// Adds two shares; `None` above the whole.
    pub fn checked_add(self, other: Share) -> Option<Share> {
        Self::from_billionths(self.0 + other.0)
    }

    /// The exact threshold `floor(share * 2^64)`; 2^64 itself for the whole, hence 128 bits.
    pub fn threshold(self) -> u128 {
        (u128::from(self.0) << 64) / u128::from(WHOLE)
    }

    /// Says whether a bucket falls into the first part of the circle, of this size: below the threshold.
    pub fn admits(self, bucket: Bucket) -> bool {
        // For a whole number, b < floor(x) just when b + 1 <= x: no division of 128 bits for each draw.
        (u128::from(bucket.0) + 1) * u128::from(WHOLE) <= u128::from(self.0) << 64
    }
}

impl FromStr for Share {
    type Err = ShareError;

    fn from_str(text: &str) -> Result<Self, ShareError> {
        let syntax = || ShareError::Syntax(text.to_owned());
        let number = text.strip_suffix('%').ok_or_else(syntax)?.trim_end();
        let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
        let digits = |part: &str| part.bytes().all(|b| b.is_ascii_digit());
        if whole.is_empty() || !digits(whole) || !digits(fraction) || number.ends_with('.') {
            if number.starts_with('-') && number[1..].parse::<f64>().is_ok() {
                return Err(ShareError::Range(text.to_owned()));
            }
            return Err(syntax());
        }
        if fraction.len() > 7 {
            return Err(ShareError::Precision(text.to_owned()));
        }
        let range = || ShareError::Range(text.to_owned());
        let whole: u32 = whole.parse().map_err(|_| range())?;
        let fraction: u32 = format!("{fraction:0<7}").parse().map_err(|_| syntax())?;
        let billionths = u64::from(whole) * 10_000_000 + u64::from(fraction);
        u32::try_from(billionths).ok().and_then(Self::from_billionths).ok_or_else(range)
    }
}

impl fmt::Display for Share {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (whole, fraction) = (self.0 / 10_000_000, self.0 % 10_000_000);
        if fraction == 0 {
            return write!(f, "{whole}%");
        }
        write!(f, "{whole}.{}%", format!("{fraction:07}").trim_end_matches('0'))
    }
}
