//! Identities: of a request, of an arm within its experiment, of a model within its policy, of a moment.
//!
//! Indices stay valid only together with the policy they were made for; a request keeps both to its end.

use std::fmt;
use std::str::FromStr;
use std::time::SystemTime;

use serde::Deserialize;
use serde::Deserializer;
use serde::Serialize;
use serde::Serializer;
use uuid::Uuid;

use crate::vocab::spelled::spelled;

/// The id of one request in an experiment: a UUIDv7 that the gateway draws and sends as `crossfade-id`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RequestId(Uuid);

impl RequestId {
    /// Draws a new id from the clock and the thread's random generator.
    pub fn draw() -> Self {
        Self::drawn_at(SystemTime::now().into())
    }

    /// Draws a new id for a request of this moment, from the thread's random generator: the system's own costs a
    /// system call each.
    pub fn drawn_at(time: Timestamp) -> Self {
        let milliseconds = u64::try_from(time.as_micros() / 1000).unwrap_or(0);
        Self(uuid::Builder::from_unix_timestamp_millis(milliseconds, &rand::random()).into_uuid())
    }

    /// The sixteen bytes of the id, big-endian, which per-request draws hash.
    pub fn as_bytes(&self) -> &[u8; 16] {
        self.0.as_bytes()
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.as_hyphenated().fmt(f)
    }
}

impl FromStr for RequestId {
    type Err = uuid::Error;

    fn from_str(text: &str) -> Result<Self, uuid::Error> {
        Uuid::parse_str(text).map(Self)
    }
}

/// An arm of an experiment: 0 is legacy, the candidates follow in the order of the policy file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ArmId(pub u8);

impl ArmId {
    /// The control arm of every experiment.
    pub const LEGACY: ArmId = ArmId(0);

    /// The arm's place in the experiment's list of arms.
    pub fn index(self) -> usize {
        usize::from(self.0)
    }
}

/// A model's place in the policy's list of models.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ModelId(pub u16);

impl ModelId {
    /// The model's place in the policy's list of models.
    pub fn index(self) -> usize {
        usize::from(self.0)
    }
}

/// The first and the last moment that can be written: within the years -9999 and 9999.
const EARLIEST: i64 = -377_705_023_201_000_000;
const LATEST: i64 = 253_402_207_200_000_000;

/// A moment as microseconds since 1970-01-01T00:00:00Z; written as RFC 3339 in records and answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

impl Timestamp {
    /// Makes a moment from microseconds since the epoch, or the nearest one that can be written.
    pub const fn from_micros(micros: i64) -> Self {
        match micros {
            ..EARLIEST => Self(EARLIEST),
            LATEST.. => Self(LATEST),
            _ => Self(micros),
        }
    }

    /// Microseconds since the epoch.
    pub fn as_micros(self) -> i64 {
        self.0
    }

    /// The time from `earlier` to this moment, zero when `earlier` is later.
    pub fn since(self, earlier: Timestamp) -> std::time::Duration {
        std::time::Duration::from_micros(u64::try_from(self.0 - earlier.0).unwrap_or(0))
    }
}

impl From<SystemTime> for Timestamp {
    fn from(time: SystemTime) -> Self {
        let since_epoch = time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        Self::from_micros(i64::try_from(since_epoch.as_micros()).unwrap_or(i64::MAX))
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Ok(micros) = u64::try_from(self.0) {
            return f.write_str(std::str::from_utf8(&written(micros)).map_err(|_| fmt::Error)?);
        }
        let moment = jiff::Timestamp::from_microsecond(self.0).map_err(|_| fmt::Error)?;
        write!(f, "{moment:.6}")
    }
}

/// A moment since 1970 as jiff writes it, for a tenth of the instructions: every record has one.
fn written(micros: u64) -> [u8; 27] {
    const DAY_SECONDS: u64 = 86_400;
    let (second, micro) = (micros / 1_000_000, micros % 1_000_000);
    let (year, month, day) = civil(second / DAY_SECONDS);
    let second = second % DAY_SECONDS;
    let parts = [
        (0, 4, year),
        (5, 2, month),
        (8, 2, day),
        (11, 2, second / 3600),
        (14, 2, second / 60 % 60),
        (17, 2, second % 60),
        (20, 6, micro),
    ];
    let mut text = *b"0000-00-00T00:00:00.000000Z";
    for (at, digits, mut value) in parts {
        for digit in text[at..at + digits].iter_mut().rev() {
            *digit = b'0' + (value % 10) as u8;
            value /= 10;
        }
    }
    text
}

/// Year, month and day of a day since 1970 (Hinnant 2013, `civil_from_days`): counted from the 1st of March 0000, a
/// leap day is the last of its year.
fn civil(day: u64) -> (u64, u64, u64) {
    let day = day + 719_468;
    let (era, of_era) = (day / 146_097, day % 146_097);
    let year = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let month = (5 * of_year + 2) / 153;
    let of_month = of_year - (153 * month + 2) / 5 + 1;
    let (wraps, month) = if month < 10 { (0, month + 3) } else { (1, month - 9) };
    (400 * era + year + wraps, month, of_month)
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl FromStr for Timestamp {
    type Err = jiff::Error;

    fn from_str(text: &str) -> Result<Self, jiff::Error> {
        text.parse::<jiff::Timestamp>().map(|moment| Self::from_micros(moment.as_microsecond()))
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        spelled(deserializer, "a moment, as 2026-01-01T00:00:00Z", Self::from_str)
    }
}
