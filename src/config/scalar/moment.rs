//! How moments and times of day are written. All are UTC, so that every replica means the same.

use schemars::Schema;
use schemars::json_schema;

use crate::config::scalar::Written;
use crate::vocab::Timestamp;

/// Minutes since midnight.
#[derive(Debug, Clone, Copy)]
pub(crate) struct TimeOfDay(pub(in crate::config) u16);

impl Written for Timestamp {
    fn read(text: &str) -> Result<Self, String> {
        text.parse().map_err(|_| {
            format!("`{text}` is not a moment; hint: write it with its zone, as in `2026-12-01T08:00:00Z`")
        })
    }

    fn schema() -> Schema {
        json_schema!({ "type": "string", "format": "date-time" })
    }
}

impl Written for TimeOfDay {
    fn read(text: &str) -> Result<Self, String> {
        let minutes = || {
            let (hour, minute) = text.split_once(':')?;
            let two = |digits: &str, below: u16| {
                let number = digits.parse::<u16>().ok().filter(|_| digits.len() == 2);
                number.filter(|number| *number < below)
            };
            Some(60 * two(hour, 24)? + two(minute, 60)?)
        };
        minutes().map(Self).ok_or_else(|| {
            format!("`{text}` is not a time of day; hint: quote it, from \"00:00\" to \"23:59\", in UTC")
        })
    }

    fn schema() -> Schema {
        json_schema!({ "type": "string", "pattern": "^([01][0-9]|2[0-3]):[0-5][0-9]$" })
    }
}
