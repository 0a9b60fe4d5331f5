//! When requests of a slice are due.
//!
//! In an open loop the moments are fixed beforehand, whatever the server does: a request that had to wait for a free
//! connection is still timed from its own moment, so a stall is charged to every request that it held up.

use crate::clock::NS_PER_SECOND;
use crate::load::Length;

/// The requests of one slice.
#[derive(Debug)]
pub(super) struct Arrivals {
    begun_ns: u64,
    end_ns: u64,
    limit: u64,
    started: u64,
    /// Between two requests of an open loop.
    every_ns: Option<f64>,
}

impl Arrivals {
    pub(super) fn new(length: Length, rate: Option<f64>, now_ns: u64) -> Self {
        let (end_ns, limit) = match length {
            Length::Time(time) => (now_ns + time.as_nanos() as u64, u64::MAX),
            Length::Requests(count) => (u64::MAX, count),
        };
        let every_ns = rate.map(|rate| NS_PER_SECOND as f64 / rate);
        Self { begun_ns: now_ns, end_ns, limit, started: 0, every_ns }
    }

    /// Takes the next request that is due, and gives the moment it is timed from.
    pub(super) fn take(&mut self, now_ns: u64) -> Option<u64> {
        let at = self.next_ns(now_ns)?;
        (at <= now_ns).then(|| {
            self.started += 1;
            at
        })
    }

    /// When the next request is due; `None`: no more will come.
    pub(super) fn next_ns(&self, now_ns: u64) -> Option<u64> {
        let at = match self.every_ns {
            Some(every) => self.begun_ns + (self.started as f64 * every) as u64,
            None => now_ns,
        };
        (at < self.end_ns && self.started < self.limit).then_some(at)
    }

    /// Gives up the requests that are due and were not begun; says how many.
    pub(super) fn abandon(&mut self, now_ns: u64) -> u64 {
        let mut count = 0;
        while self.every_ns.is_some() && self.take(now_ns).is_some() {
            count += 1;
        }
        self.limit = 0;
        count
    }

    /// When the last request of the slice is due, if that is known beforehand.
    pub(super) fn end_ns(&self) -> u64 {
        match self.every_ns {
            Some(every) if self.limit < u64::MAX => self.begun_ns + (self.limit as f64 * every) as u64,
            _ => self.end_ns,
        }
    }
}

#[cfg(test)]
mod tests;
