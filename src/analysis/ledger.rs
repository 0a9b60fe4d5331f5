//! What each arm spent and what came of it, by unit: so that it can be told what a user or a conversation takes, and what
//! a success costs.
//!
//! Everything that was spent on the requests counts, also on those that failed or that the client cut short; copies, which
//! nobody asked for, and judges do not. A unit counts with what is known of it so far: a conversation that goes on takes
//! more later, on every arm alike. Means are ratios of sums over buckets of units (see [`crate::analysis::buckets`]), and
//! sums add up across gateways; a unit that several of them served is one.

use indexmap::IndexMap;
use serde::Deserialize;
use serde::Serialize;

use crate::analysis::buckets::BUCKETS;
use crate::analysis::buckets::Mean;
use crate::analysis::buckets::bucket_of;
use crate::analysis::buckets::ratio;
use crate::analysis::units::Units;
use crate::cost::Money;
use crate::policy::Watched;
use crate::vocab::OutcomeName;
use crate::vocab::RequestId;

/// What one arm spent.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub(super) struct Ledger {
    pub(super) requests: u64,
    /// Those of them whose cost is not known, or is in another currency than the first.
    pub(super) unpriced: u64,
    /// All costs, exactly, with their currency; `None` before the first.
    pub(super) cost: Option<(String, Money)>,
    pub(super) units: Units,
    /// By bucket; empty before the first request.
    spent: Vec<Spent>,
    #[serde(with = "indexmap::map::serde_seq")]
    outcomes: IndexMap<OutcomeName, Success>,
}

/// What the units of one bucket took.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
struct Spent {
    units: f64,
    seconds: f64,
    cost: f64,
}

/// How often an outcome was good.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Success {
    /// Requests of which it was reported so.
    pub(super) reports: u64,
    /// Units with at least one such report.
    pub(super) units: Units,
    /// The reports by bucket.
    buckets: Vec<f64>,
}

/// What one request took.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Bill {
    /// Of all calls that its answer took, one after the other.
    pub(super) seconds: f64,
    /// `None`: not known.
    pub(super) cost: Option<(String, Money)>,
}

impl Ledger {
    /// Takes in a request.
    pub(super) fn spend(&mut self, unit: Option<&str>, request: RequestId, bill: &Bill) {
        if self.spent.is_empty() {
            self.spent = vec![Spent::default(); BUCKETS];
        }
        let is_new = self.units.count(unit);
        // There is no room for this unit: neither it nor what it takes counts.
        if !is_new && !self.units.holds(unit) {
            return;
        }
        self.requests += 1;
        let spent = &mut self.spent[bucket_of(unit, request)];
        spent.units += f64::from(u8::from(is_new));
        spent.seconds += bill.seconds;
        match (&bill.cost, &mut self.cost) {
            (Some((currency, amount)), None) => self.cost = Some((currency.clone(), *amount)),
            (Some((currency, amount)), Some((known, sum))) if currency == known => *sum = *sum + *amount,
            _ => {
                self.unpriced += 1;
                return;
            }
        }
        spent.cost += bill.cost.as_ref().map_or(0.0, |(_, amount)| amount.as_f64());
    }

    /// Takes in that a request was a success. One whose unit found no room does not count.
    pub(super) fn succeed(&mut self, outcome: &OutcomeName, unit: Option<&str>, request: RequestId) {
        if !self.units.holds(unit) {
            return;
        }
        let success = self.outcomes.entry(outcome.clone()).or_insert_with(|| Success {
            reports: 0,
            units: Units::default(),
            buckets: vec![0.0; BUCKETS],
        });
        success.reports += 1;
        success.units.count(unit);
        success.buckets[bucket_of(unit, request)] += 1.0;
    }

    /// The mean of a figure over units or successes; `None`: this ledger does not have it, or there is nothing.
    pub(super) fn mean(&self, figure: &Watched) -> Option<Mean> {
        let units = self.units.len();
        let of_units = |amount: fn(&Spent) -> f64| {
            let (mean, variance) = ratio(self.spent.iter().map(|spent| (amount(spent), spent.units)))?;
            Some(Mean { mean, variance, units, non_zero: units })
        };
        match figure {
            Watched::TimePerUnit => of_units(|spent| spent.seconds),
            Watched::CostPerUnit => self.cost.as_ref().and_then(|_| of_units(|spent| spent.cost)),
            Watched::CostPerSuccess(outcome) => {
                self.cost.as_ref()?;
                let success = self.outcomes.get(outcome)?;
                let costs = self.spent.iter().map(|spent| spent.cost);
                let (mean, variance) = ratio(costs.zip(success.buckets.iter().copied()))?;
                Some(Mean { mean, variance, units, non_zero: success.reports })
            }
            _ => None,
        }
    }

    /// How often outcomes were good.
    pub(super) fn successes(&self) -> impl Iterator<Item = (&OutcomeName, &Success)> {
        self.outcomes.iter()
    }

    /// Takes in what another gateway knows of the same arm.
    pub(super) fn merge(&mut self, other: &Ledger) {
        self.requests += other.requests;
        self.unpriced += other.unpriced;
        let same_currency = match (&mut self.cost, &other.cost) {
            (Some((currency, sum)), Some((theirs, more))) if currency == theirs => {
                *sum = *sum + *more;
                true
            }
            (Some(_), Some(_)) => {
                self.unpriced += other.requests - other.unpriced;
                false
            }
            (own, theirs) => {
                *own = own.take().or_else(|| theirs.clone());
                true
            }
        };
        if self.spent.is_empty() {
            self.spent = vec![Spent::default(); other.spent.len()];
        }
        self.units.merge(&other.units);
        for (own, theirs) in self.spent.iter_mut().zip(&other.spent) {
            own.units += theirs.units;
            own.seconds += theirs.seconds;
            own.cost += if same_currency { theirs.cost } else { 0.0 };
        }
        // Some may be units of both.
        if let Some(units) = self.units.by_bucket(BUCKETS) {
            self.spent.iter_mut().zip(units).for_each(|(spent, units)| spent.units = units as f64);
        }
        for (outcome, theirs) in &other.outcomes {
            match self.outcomes.get_mut(outcome) {
                Some(own) => own.merge(theirs),
                None => drop(self.outcomes.insert(outcome.clone(), theirs.clone())),
            }
        }
    }
}

impl Success {
    fn merge(&mut self, other: &Success) {
        self.reports += other.reports;
        self.units.merge(&other.units);
        self.buckets.iter_mut().zip(&other.buckets).for_each(|(own, more)| *own += more);
    }
}
