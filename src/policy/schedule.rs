//! When an experiment may run, and when it must not take a step. All times are UTC.

use serde::Deserialize;
use serde::Serialize;

use crate::vocab::Timestamp;

const DAY_SECONDS: i64 = 86_400;
const MICROS: i64 = 1_000_000;

/// When an experiment begins, ends, and takes no step.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Schedule {
    /// Before this moment legacy alone answers; `None`: it begins at once.
    pub start: Option<Timestamp>,
    /// From this moment on legacy alone answers, unless the candidate was promoted; `None`: it goes on.
    pub stop: Option<Timestamp>,
    /// When no step begins. A roll back never waits.
    pub quiet: Vec<Quiet>,
}

/// A stretch of each week.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Quiet {
    /// The days on which it begins; empty: every day.
    pub days: Vec<Weekday>,
    /// Its hours; `None`: the whole day.
    pub hours: Option<Hours>,
}

/// From a time of day up to another, which is the next day's where it is no later.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hours {
    /// The first minute, counted from midnight.
    pub from: u16,
    /// The minute after the last, counted from midnight.
    pub to: u16,
}

/// A day of the week.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Weekday {
    /// Monday.
    Mon,
    /// Tuesday.
    Tue,
    /// Wednesday.
    Wed,
    /// Thursday.
    Thu,
    /// Friday.
    Fri,
    /// Saturday.
    Sat,
    /// Sunday.
    Sun,
}

impl Schedule {
    /// Whether the experiment's time has come.
    pub fn has_begun(&self, now: Timestamp) -> bool {
        self.start.is_none_or(|start| now >= start)
    }

    /// Whether the experiment's time is over.
    pub fn is_over(&self, now: Timestamp) -> bool {
        self.stop.is_some_and(|stop| now >= stop)
    }

    /// Whether no step may begin now.
    pub fn is_quiet(&self, now: Timestamp) -> bool {
        self.quiet.iter().any(|quiet| quiet.holds(now))
    }
}

impl Quiet {
    fn holds(&self, now: Timestamp) -> bool {
        let second = now.as_micros().div_euclid(MICROS);
        let (day, minute) = (second.div_euclid(DAY_SECONDS), second.rem_euclid(DAY_SECONDS) / 60);
        let begins = |day: i64| self.days.is_empty() || self.days.contains(&Weekday::of(day));
        let Some(Hours { from, to }) = self.hours else { return begins(day) };
        let (from, to) = (i64::from(from), i64::from(to));
        match from < to {
            true => begins(day) && (from..to).contains(&minute),
            false => begins(day) && minute >= from || begins(day - 1) && minute < to,
        }
    }
}

impl Weekday {
    /// Every day, in the order of the week.
    pub const ALL: [Weekday; 7] =
        [Weekday::Mon, Weekday::Tue, Weekday::Wed, Weekday::Thu, Weekday::Fri, Weekday::Sat, Weekday::Sun];

    /// The day of the week of a day since 1970, which began on a Thursday.
    fn of(day: i64) -> Self {
        Self::ALL[(day + 3).rem_euclid(7) as usize]
    }
}
