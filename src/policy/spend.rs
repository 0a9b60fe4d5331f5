//! What an experiment's copies have cost since midnight UTC, against its budget.
//!
//! The writer adds what a copy cost when its pair is done, the answer path asks before it plans another; a budget
//! can therefore be passed by what is in flight at that moment, which the other bounds limit.

use std::sync::atomic::AtomicI64;
use std::sync::atomic::Ordering;

use crate::cost::Money;
use crate::vocab::Timestamp;

const MICROS_A_DAY: i64 = 86_400_000_000;

/// A day's ledger of money.
#[derive(Debug, Default)]
pub struct Spend {
    day: AtomicI64,
    picos: AtomicI64,
}

impl Spend {
    /// Adds what a copy cost.
    pub fn add(&self, amount: Money, now: Timestamp) {
        self.turn_page(now);
        // Relaxed: one number, read as a bound; a reader one addition late is within what is in flight anyway.
        self.picos.fetch_add(amount.picos(), Ordering::Relaxed);
    }

    /// What was spent today.
    pub fn today(&self, now: Timestamp) -> Money {
        self.turn_page(now);
        Money::from_picos(self.picos.load(Ordering::Relaxed))
    }

    fn turn_page(&self, now: Timestamp) {
        let today = now.as_micros().div_euclid(MICROS_A_DAY);
        let known = self.day.load(Ordering::Relaxed);
        let first = known < today
            && self.day.compare_exchange(known, today, Ordering::Relaxed, Ordering::Relaxed).is_ok();
        if first {
            self.picos.store(0, Ordering::Relaxed);
        }
    }
}
