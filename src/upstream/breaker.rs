//! When an endpoint that fails is left alone, and when it is tried again.
//!
//! A state machine without a clock or a timer: time is an argument, threads share it through atomics, nobody waits
//! on it. Closed, it lets every call pass. Open, it lets one call pass as a probe now and then, at growing intervals,
//! and the first call that goes well closes it. A probe need not end before the next: one that hangs holds nothing
//! up. All orderings are relaxed: each atomic is a fact of its own, and a call more or less around a change is
//! harmless.
//!
//! What goes well is an answer, whatever its status: a model that says 500 can be reached, and what it says is
//! evidence.

mod silence;

#[cfg(test)]
mod tests;

use std::sync::atomic::AtomicU32;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use tokio::time::Instant;

use crate::upstream::breaker::silence::STALL;
use crate::upstream::breaker::silence::Silence;
pub(super) use crate::upstream::breaker::silence::Sits;

/// The pause before the first probe; it doubles from probe to probe.
const FIRST_PAUSE: Duration = Duration::from_millis(250);

const CLOSED: u64 = 0;

/// When a breaker opens and how patiently it probes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BreakerSettings {
    /// Calls that must fail in a row.
    pub failures: u32,
    /// The longest pause between two probes.
    pub pause: Duration,
}

/// What is known of one endpoint's calls.
#[derive(Debug)]
pub(super) struct Breaker {
    settings: BreakerSettings,
    begun: Instant,
    /// Failures in a row.
    failures: AtomicU32,
    /// Calls that went well, wrapping: only that the count moves tells something.
    successes: AtomicU32,
    /// [`CLOSED`], or the moment of the next probe in milliseconds since `begun`.
    next_probe: AtomicU64,
    /// The pause after the next probe, in milliseconds.
    pause: AtomicU64,
    /// Since when, in milliseconds, calls fill their bound, in the low half; `successes` at that moment in the high
    /// half. Zero: they did not.
    full: AtomicU64,
    silence: Silence,
}

/// How a call passes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Pass {
    /// As any other.
    Freely,
    /// To learn whether the endpoint is well again.
    AsProbe,
}

impl Default for BreakerSettings {
    /// Ten in a row: a model that fails half its calls is seen failing, not left alone.
    fn default() -> Self {
        Self { failures: 10, pause: Duration::from_secs(4) }
    }
}

impl Breaker {
    pub(super) fn new(settings: BreakerSettings, now: Instant) -> Self {
        Self {
            settings,
            begun: now,
            failures: AtomicU32::new(0),
            successes: AtomicU32::new(0),
            next_probe: AtomicU64::new(CLOSED),
            pause: AtomicU64::new(0),
            full: AtomicU64::new(0),
            silence: Silence::default(),
        }
    }

    pub(super) fn is_open(&self) -> bool {
        self.next_probe.load(Relaxed) != CLOSED
    }

    /// Says whether no call may pass now. The clock is read only when the breaker is open.
    pub(super) fn refuses(&self, now: impl FnOnce() -> Instant) -> bool {
        let due = self.next_probe.load(Relaxed);
        due != CLOSED && self.millis(now()) < due
    }

    /// Lets a call pass, or not; of several that come when a probe is due one passes.
    pub(super) fn admit(&self, now: impl FnOnce() -> Instant) -> Option<Pass> {
        let due = self.next_probe.load(Relaxed);
        if due == CLOSED {
            return Some(Pass::Freely);
        }
        let now = self.millis(now());
        let pause = self.pause.load(Relaxed);
        if now < due || self.next_probe.compare_exchange(due, now + pause, Relaxed, Relaxed).is_err() {
            return None;
        }
        self.pause.store((2 * pause).min(self.longest_pause()), Relaxed);
        Some(Pass::AsProbe)
    }

    /// Notes a call that went well; says whether that closed the breaker.
    pub(super) fn succeeded(&self) -> bool {
        self.successes.fetch_add(1, Relaxed);
        if self.failures.load(Relaxed) != 0 {
            self.failures.store(0, Relaxed);
        }
        self.is_open() && self.next_probe.swap(CLOSED, Relaxed) != CLOSED
    }

    /// Notes a call that failed; says whether that opened the breaker. While it is open, failures tell nothing new.
    /// One is enough that ends a silence which means something: its call sat to its deadline, and no other went well.
    pub(super) fn failed(&self, now: Instant) -> bool {
        let now = self.millis(now);
        !self.is_open()
            && (self.failures.fetch_add(1, Relaxed) + 1 >= self.settings.failures
                || self.silence.is_telling(now))
            && self.open(now)
    }

    /// Notes that a call begins, which sits until [`Breaker::ends`] or [`Breaker::hears`] is told; says whether that
    /// opened the breaker.
    ///
    /// It does when a silence lasts that means something. The call itself still passes: an endpoint that answers it
    /// before the next one comes loses nothing.
    pub(super) fn begins(&self, now: Instant) -> (Sits, bool) {
        let now = self.millis(now);
        let (sits, is_telling) = self.silence.begins(now);
        (sits, is_telling && !self.is_open() && self.open(now))
    }

    /// Notes that a call sits no longer that did not go well.
    pub(super) fn ends(&self, sits: Sits) {
        self.silence.ends(sits);
    }

    /// Notes how long a call took that went well.
    pub(super) fn hears(&self, took: Duration) {
        self.silence.breaks(took);
    }

    /// Notes that calls fill their bound, so that one more found no place; says whether that opened the breaker.
    ///
    /// It does when no call went well since they began to, a second ago: then all of them sit without an answer.
    /// A model that is only slow loses nothing by it, for its bound is full, and its next answer closes the breaker.
    pub(super) fn crowded(&self, now: Instant) -> bool {
        if self.is_open() {
            return false;
        }
        let (now, successes) = (self.millis(now), self.successes.load(Relaxed));
        let full = self.full.load(Relaxed);
        let (then, since) = ((full >> 32) as u32, full as u32);
        // Wrapping after 49 days is right: only the difference counts.
        let lasting = u64::from((now as u32).wrapping_sub(since));
        // What was noted long ago tells of another crowd.
        if full == 0 || then != successes || lasting > 2 * millis(STALL) {
            self.full.store(u64::from(successes) << 32 | u64::from(now as u32), Relaxed);
            return false;
        }
        lasting >= millis(STALL) && self.open(now)
    }

    fn open(&self, now: u64) -> bool {
        let first = millis(FIRST_PAUSE).min(self.longest_pause());
        if self.next_probe.compare_exchange(CLOSED, now + first, Relaxed, Relaxed).is_err() {
            return false;
        }
        self.failures.store(0, Relaxed);
        self.pause.store((2 * first).min(self.longest_pause()), Relaxed);
        true
    }

    fn longest_pause(&self) -> u64 {
        millis(self.settings.pause).max(1)
    }

    /// Milliseconds since this breaker was made, from 1, so that no moment looks like [`CLOSED`].
    fn millis(&self, now: Instant) -> u64 {
        1 + millis(now.saturating_duration_since(self.begun))
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
