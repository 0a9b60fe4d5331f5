//! What a judge has taken since midnight UTC, against its budget; remembered across restarts in a small file.

use std::collections::BTreeMap;
use std::path::Path;
use std::path::PathBuf;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;
use std::time::SystemTime;

use serde::Deserialize;
use serde::Serialize;

use crate::cost::Money;
use crate::judge::Budget;
use crate::judge::Settings;
use crate::record::replace;
use crate::vocab::Timestamp;

/// The file in the directory of records.
const FILE: &str = "judges.json";

const MICROS_A_DAY: i64 = 86_400_000_000;

/// One judge's day.
#[derive(Debug, Default)]
pub(super) struct Ledger(Mutex<Day>, AtomicBool);

/// What was taken on one day.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Day {
    /// Days since 1970.
    day: i64,
    calls: u64,
    tokens: u64,
    picos: i64,
}

/// The days of all judges, by experiment and name.
#[derive(Debug)]
pub(super) struct Books {
    path: PathBuf,
    kept: Mutex<BTreeMap<String, Day>>,
}

impl Ledger {
    /// Says whether anything is left of a budget.
    pub(super) fn allows(&self, budget: &Budget) -> bool {
        let day = self.today();
        let below = |taken: u64, most: Option<u64>| most.is_none_or(|most| taken < most);
        below(day.calls, budget.calls_per_day)
            && below(day.tokens, budget.tokens_per_day)
            && budget.money_per_day.is_none_or(|most| day.picos < most.picos())
    }

    pub(super) fn count_call(&self) {
        self.today().calls += 1;
        self.touch();
    }

    pub(super) fn count(&self, tokens: u64, cost: Option<Money>) {
        let mut day = self.today();
        day.tokens = day.tokens.saturating_add(tokens);
        day.picos = day.picos.saturating_add(cost.map_or(0, Money::picos));
        drop(day);
        self.touch();
    }

    /// Relaxed: a hint that the file lacks something; the numbers are behind their lock.
    fn touch(&self) {
        self.1.store(true, Ordering::Relaxed);
    }

    fn today(&self) -> MutexGuard<'_, Day> {
        let now = Timestamp::from(SystemTime::now()).as_micros().div_euclid(MICROS_A_DAY);
        // Numbers alone: whoever panicked has left them sound.
        let mut day = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if day.day != now {
            *day = Day { day: now, ..Day::default() };
        }
        day
    }
}

impl Books {
    /// Reads what an earlier run left; what cannot be read counts for nothing.
    pub(super) fn open(dir: &Path) -> Self {
        let path = dir.join(FILE);
        let kept = match std::fs::read(&path) {
            Ok(text) => serde_json::from_slice(&text).unwrap_or_else(|error| {
                tracing::warn!(path = %path.display(), %error, "what judges have taken today is not known");
                BTreeMap::new()
            }),
            Err(_) => BTreeMap::new(),
        };
        Self { path, kept: Mutex::new(kept) }
    }

    /// The ledger of a judge.
    pub(super) fn of(&self, settings: &Settings) -> Ledger {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let day = kept.get(&key(settings)).copied().unwrap_or_default();
        Ledger(Mutex::new(day), AtomicBool::new(false))
    }

    /// Writes down what judges have taken, if anything is new. Blocks.
    pub(super) fn keep<'j>(&self, judges: impl Iterator<Item = (&'j Settings, &'j Ledger)>) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let mut is_new = false;
        for (settings, ledger) in judges {
            // Relaxed: see `touch`.
            if ledger.1.swap(false, Ordering::Relaxed) {
                kept.insert(key(settings), *ledger.today());
                is_new = true;
            }
        }
        if !is_new {
            return;
        }
        let text = serde_json::to_vec(&*kept).expect("numbers and names can be written");
        if let Err(error) = replace(&self.path, &text) {
            tracing::warn!(path = %self.path.display(), %error, "what judges have taken today could not be written");
        }
    }
}

fn key(settings: &Settings) -> String {
    format!("{}/{}", settings.experiment, settings.name)
}
