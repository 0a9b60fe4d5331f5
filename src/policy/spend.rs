//! What an experiment's copies have cost since midnight UTC, in money and tokens, against its budget.
//!
//! The answer path asks before it sends a copy, and what the copy cost is known when the writer has read its pair. Until
//! then a copy counts as the dearest that was settled today, so a budget is passed only by copies dearer than all before.
//! One whose pair never reaches the writer counts as that for good.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::AtomicI64;
use std::sync::atomic::AtomicU32;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;

use serde::Deserialize;
use serde::Serialize;

use crate::cost::Money;
use crate::strategy::shadow::Daily;
use crate::vocab::Timestamp;

const MICROS_A_DAY: i64 = 86_400_000_000;

/// A day's ledger. All numbers are read as bounds: relaxed throughout.
#[derive(Debug, Default)]
pub struct Spend {
    day: AtomicI64,
    picos: AtomicI64,
    tokens: AtomicU64,
    dearest_picos: AtomicI64,
    most_tokens: AtomicU64,
    unsettled: AtomicU32,
}

/// A copy that was sent and whose cost is not known yet.
#[derive(Debug)]
pub struct Due {
    spend: Arc<Spend>,
    settled: AtomicBool,
}

/// A day's ledger as it is kept over a restart.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Spent {
    /// The day, counted from 1970-01-01 UTC.
    pub day: i64,
    /// Money, in whole picos (1e-12).
    pub picos: i64,
    /// Tokens of every kind.
    pub tokens: u64,
    /// The dearest copy of the day.
    pub dearest_picos: i64,
    /// The tokens of the copy that took most.
    pub most_tokens: u64,
}

impl Spend {
    /// Lets one more copy be sent, if the day has room for it; `None`: it has not.
    pub fn take(self: &Arc<Self>, daily: &Daily, now: Timestamp) -> Option<Due> {
        self.turn_page(now);
        // Added first, so that two threads cannot both take the last place.
        let under_way = self.unsettled.fetch_add(1, Ordering::Relaxed) + 1;
        let due = Due { spend: Arc::clone(self), settled: AtomicBool::new(false) };
        let picos = self.dearest_picos.load(Ordering::Relaxed).saturating_mul(i64::from(under_way));
        let tokens = self.most_tokens.load(Ordering::Relaxed).saturating_mul(u64::from(under_way));
        let (spent, used) = (self.picos.load(Ordering::Relaxed), self.tokens.load(Ordering::Relaxed));
        let has_money = daily
            .money
            .is_none_or(|most| spent < most.picos() && spent.saturating_add(picos) <= most.picos());
        let has_tokens = daily.tokens.is_none_or(|most| used < most && used.saturating_add(tokens) <= most);
        if has_money && has_tokens {
            return Some(due);
        }
        due.settle(Money::ZERO, 0, now);
        None
    }

    /// What is to be kept over a restart.
    pub fn spent(&self) -> Spent {
        Spent {
            day: self.day.load(Ordering::Relaxed),
            picos: self.picos.load(Ordering::Relaxed),
            tokens: self.tokens.load(Ordering::Relaxed),
            dearest_picos: self.dearest_picos.load(Ordering::Relaxed),
            most_tokens: self.most_tokens.load(Ordering::Relaxed),
        }
    }

    /// Goes on with what was kept. To be called before anything is spent.
    pub fn restore(&self, spent: &Spent) {
        let Spent { day, picos, tokens, dearest_picos, most_tokens } = spent;
        self.day.store(*day, Ordering::Relaxed);
        self.picos.store(*picos, Ordering::Relaxed);
        self.tokens.store(*tokens, Ordering::Relaxed);
        self.dearest_picos.store(*dearest_picos, Ordering::Relaxed);
        self.most_tokens.store(*most_tokens, Ordering::Relaxed);
    }

    fn turn_page(&self, now: Timestamp) {
        let today = now.as_micros().div_euclid(MICROS_A_DAY);
        let known = self.day.load(Ordering::Relaxed);
        let first = known < today
            && self.day.compare_exchange(known, today, Ordering::Relaxed, Ordering::Relaxed).is_ok();
        if first {
            self.picos.store(0, Ordering::Relaxed);
            self.tokens.store(0, Ordering::Relaxed);
            self.dearest_picos.store(0, Ordering::Relaxed);
            self.most_tokens.store(0, Ordering::Relaxed);
        }
    }

    fn add(&self, picos: i64, tokens: u64) {
        self.picos.fetch_add(picos, Ordering::Relaxed);
        self.tokens.fetch_add(tokens, Ordering::Relaxed);
    }
}

impl Due {
    /// Tells what the copy cost; a second time changes nothing.
    pub fn settle(&self, amount: Money, tokens: u64, now: Timestamp) {
        if self.settled.swap(true, Ordering::Relaxed) {
            return;
        }
        let Self { spend, .. } = self;
        spend.turn_page(now);
        spend.dearest_picos.fetch_max(amount.picos(), Ordering::Relaxed);
        spend.most_tokens.fetch_max(tokens, Ordering::Relaxed);
        spend.add(amount.picos(), tokens);
        spend.unsettled.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Drop for Due {
    fn drop(&mut self) {
        if self.settled.swap(true, Ordering::Relaxed) {
            return;
        }
        let Self { spend, .. } = self;
        spend.add(spend.dearest_picos.load(Ordering::Relaxed), spend.most_tokens.load(Ordering::Relaxed));
        spend.unsettled.fetch_sub(1, Ordering::Relaxed);
    }
}
