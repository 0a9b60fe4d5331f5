//! Amounts of money as whole picos (1e-12) of a currency unit.
//!
//! A decimal text becomes an amount without passing through floating point, and an amount prints as the decimal
//! it is. The range is about 9.2 million units a value, which one call never reaches; sums are kept by counters.

use std::fmt;
use std::iter::Sum;
use std::ops::Add;
use std::str::FromStr;

use serde::Deserialize;
use serde::Serialize;

const PICOS: i64 = 1_000_000_000_000;

/// An amount of money in picos of its currency's unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Money(i64);

/// Says why a text is no amount.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not an amount: expected 0 to 9000000 with at most 12 digits after the point")]
pub struct MoneyError(String);

impl Money {
    /// Nothing.
    pub const ZERO: Money = Money(0);

    /// An amount of whole picos.
    pub fn from_picos(picos: i64) -> Self {
        Self(picos)
    }

    /// The amount in picos.
    pub fn picos(self) -> i64 {
        self.0
    }

    /// The amount times `count / per`, rounded half up to a pico, saturating.
    pub fn scaled(self, count: u64, per: u64) -> Money {
        let product = i128::from(self.0) * i128::from(count) + i128::from(per) / 2;
        Money(i64::try_from(product / i128::from(per)).unwrap_or(i64::MAX))
    }

    /// The amount as a floating-point number, for metrics.
    pub fn as_f64(self) -> f64 {
        self.0 as f64 / PICOS as f64
    }
}

impl Add for Money {
    type Output = Money;

    fn add(self, other: Money) -> Money {
        Money(self.0.saturating_add(other.0))
    }
}

impl Sum for Money {
    fn sum<I: Iterator<Item = Money>>(amounts: I) -> Money {
        amounts.fold(Money::ZERO, Add::add)
    }
}

impl FromStr for Money {
    type Err = MoneyError;

    fn from_str(text: &str) -> Result<Self, MoneyError> {
        let wrong = || MoneyError(text.to_owned());
        let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
        let digits = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
        if !digits(whole) || !digits(fraction) || fraction.len() > 12 {
            return Err(wrong());
        }
        let whole: i64 = whole.parse().map_err(|_| wrong())?;
        let missing = 12 - fraction.len() as u32;
        let fraction: i64 = fraction.parse().map_err(|_| wrong())?;
        if whole >= 9_000_000 {
            return Err(wrong());
        }
        Ok(Money(whole * PICOS + fraction * 10i64.pow(missing)))
    }
}

impl fmt::Display for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (whole, fraction) = (self.0 / PICOS, self.0 % PICOS);
        if fraction == 0 {
            return write!(f, "{whole}");
        }
        write!(f, "{whole}.{}", format!("{fraction:012}").trim_end_matches('0'))
    }
}

impl Serialize for Money {
    /// Writes the amount as a decimal text, which no reader rounds.
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Money {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}
