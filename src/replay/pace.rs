//! When each request leaves: as it once came, faster or slower, or as fast as may be.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use crate::vocab::Timestamp;

/// When each request leaves.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Pace {
    /// So many times as fast as the requests once came; 1 is as they came.
    Times(f64),
    /// One after another, as fast as places become free.
    Max,
}

impl Pace {
    /// How long after the first request one leaves that came at `time`; `None`: at once.
    pub fn due(self, first: Timestamp, time: Timestamp) -> Option<Duration> {
        match self {
            Pace::Times(times) => Some(time.since(first).div_f64(times)),
            Pace::Max => None,
        }
    }
}

impl fmt::Display for Pace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Pace::Times(1.0) => f.write_str("original"),
            Pace::Times(times) => write!(f, "{times}x"),
            Pace::Max => f.write_str("max"),
        }
    }
}

impl FromStr for Pace {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || {
            format!("`{text}` is no pace: expected `original`, `max`, or times as fast as in `2x` or `0.5x`")
        };
        match text {
            "original" => Ok(Pace::Times(1.0)),
            "max" => Ok(Pace::Max),
            _ => {
                let times: f64 =
                    text.strip_suffix('x').and_then(|times| times.parse().ok()).ok_or_else(wrong)?;
                if (0.001..=1_000_000.0).contains(&times) { Ok(Pace::Times(times)) } else { Err(wrong()) }
            }
        }
    }
}
