//! How amounts are written: counts, durations, sizes, shares, money, tolerances.

use std::num::NonZeroU32;
use std::num::NonZeroU64;
use std::num::NonZeroUsize;
use std::time::Duration;

use schemars::Schema;
use schemars::json_schema;

use crate::assign::Share;
use crate::config::scalar::Written;
use crate::config::scalar::said;
use crate::cost::Money;
use crate::strategy::interleave::Tau;

/// A hundred years: what is added to a moment must not leave the range of moments.
const LONGEST: Duration = Duration::from_secs(36_525 * 24 * 60 * 60);

/// A duration longer than nothing.
#[derive(Debug)]
pub(crate) struct Positive(pub(in crate::config) Duration);

/// A number of bytes, at least one.
#[derive(Debug)]
pub(crate) struct Bytes(pub(in crate::config) u64);

/// A finite number, not negative.
#[derive(Debug)]
pub(crate) struct Tolerance(pub(in crate::config) f64);

/// A finite number above 0.
#[derive(Debug)]
pub(crate) struct AboveZero(pub(in crate::config) f64);

/// A finite number, at least 1.
#[derive(Debug)]
pub(crate) struct Ratio(pub(in crate::config) f64);

/// A probability above 0 and below 1.
#[derive(Debug)]
pub(crate) struct Chance(pub(in crate::config) f64);

/// How alike two things are, 0 to 1.
#[derive(Debug)]
pub(crate) struct Similarity(pub(in crate::config) f64);

/// A currency's ISO 4217 code.
#[derive(Debug)]
pub(crate) struct Currency(pub(in crate::config) String);

impl Written for bool {
    fn read(text: &str) -> Result<Self, String> {
        text.parse().map_err(|_| format!("`{text}` is neither `true` nor `false`"))
    }

    fn schema() -> Schema {
        json_schema!({ "type": "boolean" })
    }
}

impl Written for u64 {
    fn read(text: &str) -> Result<Self, String> {
        text.parse().map_err(|_| format!("`{text}` is not a whole number from 0"))
    }

    fn schema() -> Schema {
        json_schema!({ "type": "integer", "minimum": 0 })
    }
}

impl Written for NonZeroU64 {
    fn read(text: &str) -> Result<Self, String> {
        text.parse().map_err(|_| format!("`{text}` is not a whole number from 1"))
    }

    fn schema() -> Schema {
        json_schema!({ "type": "integer", "minimum": 1 })
    }
}

impl Written for NonZeroU32 {
    fn read(text: &str) -> Result<Self, String> {
        text.parse().map_err(|_| format!("`{text}` is not a whole number from 1 to {}", u32::MAX))
    }

    fn schema() -> Schema {
        json_schema!({ "type": "integer", "minimum": 1, "maximum": u32::MAX })
    }
}

impl Written for NonZeroUsize {
    fn read(text: &str) -> Result<Self, String> {
        NonZeroU32::read(text)?.try_into().map_err(|_| format!("`{text}` is too large for this machine"))
    }

    fn schema() -> Schema {
        NonZeroU32::schema()
    }
}

impl Written for Duration {
    fn read(text: &str) -> Result<Self, String> {
        let Some(duration) = duration(text) else {
            let hint = match text.parse::<u64>() {
                Ok(_) => format!("; hint: did you mean `{text}s`?"),
                Err(_) => "; hint: as in `300ms` or `1h30m`".to_owned(),
            };
            return Err(format!(
                "`{text}` is not a duration: expected whole numbers with `ms`, `s`, `m`, `h` or `d`{hint}"
            ));
        };
        if duration > LONGEST {
            return Err(format!("`{text}` is longer than a hundred years"));
        }
        Ok(duration)
    }

    fn schema() -> Schema {
        json_schema!({ "type": "string", "pattern": "^([0-9]+(ms|s|m|h|d))+$" })
    }
}

/// Adds up parts like `1h` and `30m`.
fn duration(text: &str) -> Option<Duration> {
    let mut total = Duration::ZERO;
    let mut rest = text;
    while !rest.is_empty() || text.is_empty() {
        let (number, tail) = rest.split_at(rest.find(|c: char| !c.is_ascii_digit())?);
        let (unit, tail) = tail.split_at(tail.find(|c: char| c.is_ascii_digit()).unwrap_or(tail.len()));
        let number: u64 = number.parse().ok()?;
        let millis = match unit {
            "ms" => 1,
            "s" => 1_000,
            "m" => 60_000,
            "h" => 3_600_000,
            "d" => 86_400_000,
            _ => return None,
        };
        total = total.checked_add(Duration::from_millis(number.checked_mul(millis)?))?;
        rest = tail;
    }
    Some(total)
}

impl Written for Positive {
    fn read(text: &str) -> Result<Self, String> {
        match Duration::read(text)? {
            Duration::ZERO => Err(format!("`{text}` leaves no time: expected more than 0")),
            longer => Ok(Self(longer)),
        }
    }

    fn schema() -> Schema {
        Duration::schema()
    }
}

impl Written for Bytes {
    fn read(text: &str) -> Result<Self, String> {
        let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
        let (number, unit) = text.split_at(end);
        let scale: u64 = match unit {
            "" | "B" => 1,
            "KiB" => 1 << 10,
            "MiB" => 1 << 20,
            "GiB" => 1 << 30,
            "TiB" => 1 << 40,
            _ => 0,
        };
        let bytes = number.parse::<u64>().ok().and_then(|number| number.checked_mul(scale));
        bytes.filter(|bytes| *bytes > 0).map(Self).ok_or_else(|| {
            let hint = match unit.to_ascii_uppercase().as_str() {
                "K" | "KB" | "M" | "MB" | "G" | "GB" | "T" | "TB" => {
                    format!("; hint: did you mean `{number}{}iB`?", unit[..1].to_ascii_uppercase())
                }
                _ => "; hint: as in `256KiB`".to_owned(),
            };
            format!(
                "`{text}` is not a size: expected a whole number from 1 with `B`, `KiB`, `MiB`, `GiB` or `TiB`{hint}"
            )
        })
    }

    fn schema() -> Schema {
        json_schema!({ "type": ["string", "integer"], "minimum": 1, "pattern": "^[0-9]+(B|KiB|MiB|GiB|TiB)?$" })
    }
}

impl Written for Tolerance {
    fn read(text: &str) -> Result<Self, String> {
        number(text, |number| number >= 0.0)
            .map(Self)
            .ok_or_else(|| format!("`{text}` is not a tolerance: expected a number from 0"))
    }

    fn schema() -> Schema {
        json_schema!({ "type": "number", "minimum": 0 })
    }
}

impl Written for Tau {
    fn read(text: &str) -> Result<Self, String> {
        said(text.parse()).map_err(|expected| format!("`{text}` is not an exponent: {expected}"))
    }

    fn schema() -> Schema {
        json_schema!({ "type": "number", "minimum": 0, "maximum": Tau::MOST })
    }
}

impl Written for AboveZero {
    fn read(text: &str) -> Result<Self, String> {
        number(text, |number| number > 0.0)
            .map(Self)
            .ok_or_else(|| format!("`{text}` is out of range: expected a number above 0"))
    }

    fn schema() -> Schema {
        json_schema!({ "type": "number", "exclusiveMinimum": 0 })
    }
}

impl Written for Ratio {
    fn read(text: &str) -> Result<Self, String> {
        number(text, |number| number >= 1.0)
            .map(Self)
            .ok_or_else(|| format!("`{text}` is out of range: expected a number from 1, as in `1.5`"))
    }

    fn schema() -> Schema {
        json_schema!({ "type": "number", "minimum": 1 })
    }
}

impl Written for Chance {
    fn read(text: &str) -> Result<Self, String> {
        number(text, |number| number > 0.0 && number < 1.0).map(Self).ok_or_else(|| {
            format!("`{text}` is out of range: expected a number between 0 and 1, as in `0.05`")
        })
    }

    fn schema() -> Schema {
        json_schema!({ "type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 1 })
    }
}

/// A finite number that is within a range.
fn number(text: &str, is_within: impl Fn(f64) -> bool) -> Option<f64> {
    text.parse().ok().filter(|number: &f64| number.is_finite() && is_within(*number))
}

impl Written for Similarity {
    fn read(text: &str) -> Result<Self, String> {
        let number = text.parse::<f64>().ok().filter(|number| (0.0..=1.0).contains(number));
        number.map(Self).ok_or_else(|| format!("`{text}` is not a similarity: expected a number from 0 to 1"))
    }

    fn schema() -> Schema {
        json_schema!({ "type": "number", "minimum": 0, "maximum": 1 })
    }
}

impl Written for Share {
    fn read(text: &str) -> Result<Self, String> {
        said(text.parse())
    }

    fn schema() -> Schema {
        json_schema!({ "type": "string", "pattern": "^[0-9]+(\\.[0-9]{1,7})? *%$" })
    }
}

impl Written for Money {
    fn read(text: &str) -> Result<Self, String> {
        said(text.parse())
    }

    fn schema() -> Schema {
        json_schema!({ "type": ["number", "string"], "minimum": 0, "pattern": "^[0-9]+(\\.[0-9]{1,12})?$" })
    }
}

impl Written for Currency {
    fn read(text: &str) -> Result<Self, String> {
        if text.len() == 3 && text.bytes().all(|b| b.is_ascii_uppercase()) {
            Ok(Self(text.to_owned()))
        } else {
            Err(format!("`{text}` is not a currency: expected three capital letters, as in `USD`"))
        }
    }

    fn schema() -> Schema {
        json_schema!({ "type": "string", "pattern": "^[A-Z]{3}$" })
    }
}
