//! The figures of one slice.

use hdrhistogram::Histogram;
use serde::Serialize;

use crate::clock::NS_PER_SECOND;

/// The longest time that is told apart.
const LONGEST_NS: u64 = 600 * NS_PER_SECOND;

/// What happened in a slice.
#[derive(Debug)]
pub(super) struct Tally {
    pub(super) begun_ns: u64,
    pub(super) ended_ns: u64,
    pub(super) requests: u64,
    pub(super) connects: u64,
    pub(super) events: u64,
    pub(super) errors: Errors,
    latency: Histogram<u64>,
    first_byte: Histogram<u64>,
    event_delay: Histogram<u64>,
    event_gap: Histogram<u64>,
}

/// Requests that failed, by what went wrong.
#[derive(Debug, Default, Clone, Copy, Serialize)]
pub(super) struct Errors {
    /// No connection could be made.
    pub(super) connect: u64,
    /// The connection ended before the answer did.
    pub(super) reset: u64,
    /// No whole answer in time.
    pub(super) timeout: u64,
    /// Due in an open loop, and not even begun in time.
    pub(super) unsent: u64,
    /// An answer other than 2xx.
    pub(super) status: u64,
    /// No HTTP.
    pub(super) malformed: u64,
}

/// A slice's figures as they are printed.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    seconds: f64,
    requests: u64,
    rps: f64,
    connects: u64,
    errors: Errors,
    latency_us: Quantiles,
    #[serde(skip_serializing_if = "Option::is_none")]
    events: Option<EventReport>,
}

#[derive(Debug, Serialize)]
struct EventReport {
    count: u64,
    first_byte_us: Quantiles,
    /// From an event's sending to its arrival.
    delay_us: Quantiles,
    /// Between two arrivals of one stream.
    gap_us: Quantiles,
}

#[derive(Debug, Serialize)]
struct Quantiles {
    p50: f64,
    p99: f64,
    #[serde(rename = "p99.9")]
    p99_9: f64,
    max: f64,
    mean: f64,
}

impl Tally {
    pub(super) fn new(now_ns: u64) -> Self {
        Self {
            begun_ns: now_ns,
            ended_ns: now_ns,
            requests: 0,
            connects: 0,
            events: 0,
            errors: Errors::default(),
            latency: histogram(),
            first_byte: histogram(),
            event_delay: histogram(),
            event_gap: histogram(),
        }
    }

    /// Counts an answer by its status and its time.
    pub(super) fn answered(&mut self, status: u16, latency_ns: u64, now_ns: u64) {
        self.requests += 1;
        self.ended_ns = now_ns;
        self.latency.saturating_record(latency_ns);
        if !(200..300).contains(&status) {
            self.errors.status += 1;
        }
    }

    pub(super) fn first_byte(&mut self, ns: u64) {
        self.first_byte.saturating_record(ns);
    }

    /// Counts an event of a stream; the first has no gap before it.
    pub(super) fn event(&mut self, delay_ns: u64, gap_ns: Option<u64>) {
        self.events += 1;
        self.event_delay.saturating_record(delay_ns);
        if let Some(gap) = gap_ns {
            self.event_gap.saturating_record(gap);
        }
    }

    pub(super) fn report(&self) -> Report {
        let seconds = (self.ended_ns - self.begun_ns) as f64 / NS_PER_SECOND as f64;
        let events = (self.events > 0).then(|| EventReport {
            count: self.events,
            first_byte_us: Quantiles::of(&self.first_byte),
            delay_us: Quantiles::of(&self.event_delay),
            gap_us: Quantiles::of(&self.event_gap),
        });
        Report {
            seconds,
            requests: self.requests,
            rps: if seconds > 0.0 { self.requests as f64 / seconds } else { 0.0 },
            connects: self.connects,
            errors: self.errors,
            latency_us: Quantiles::of(&self.latency),
            events,
        }
    }
}

impl Quantiles {
    fn of(times: &Histogram<u64>) -> Self {
        let us = |ns: u64| ns as f64 / 1_000.0;
        Self {
            p50: us(times.value_at_quantile(0.5)),
            p99: us(times.value_at_quantile(0.99)),
            p99_9: us(times.value_at_quantile(0.999)),
            max: us(times.max()),
            mean: times.mean() / 1_000.0,
        }
    }
}

fn histogram() -> Histogram<u64> {
    Histogram::new_with_bounds(1_000, LONGEST_NS, 3).expect("the bounds are constants that hold")
}
