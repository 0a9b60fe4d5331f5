//! What units and successes cost, from records to whoever asks.

#[cfg(test)]
mod tests;

use serde::Serialize;

use crate::analysis::breach::is_split;
use crate::analysis::buckets::Mean;
use crate::analysis::effect::FEWEST_NON_ZERO;
use crate::analysis::effect::FEWEST_UNITS;
use crate::analysis::effect::PLANNED_UNITS;
use crate::analysis::join::Case;
use crate::analysis::ledger::Ledger;
use crate::analysis::observe::at;
use crate::analysis::observe::bill;
use crate::analysis::study::Study;
use crate::analysis::study::Subject;
use crate::analysis::watch::Watch;
use crate::cost::Money;
use crate::policy::Watched;
use crate::record::OutcomeValue;
use crate::record::PairedRecord;
use crate::stats::StageDifference;
use crate::stats::StagedDifference;
use crate::stats::Undefined;
use crate::stats::share_cs;
use crate::vocab::ModelName;
use crate::vocab::OutcomeName;
use crate::vocab::StrategyKind;

/// What one arm's requests took: of its own users where they are divided among the arms, under a shadow of the requests
/// that all arms answered.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SpendingSummary {
    /// The arm.
    pub arm: ModelName,
    /// Units (users, conversations) with at least one request; without a unit in the policy, requests.
    pub units: u64,
    /// Their requests.
    pub requests: u64,
    /// Those of them whose cost is not known.
    pub unpriced: u64,
    /// What the others cost, exactly; missing where no cost is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cost: Option<Money>,
    /// Its currency.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub currency: Option<String>,
    /// How long all answers to a unit take together, in seconds.
    pub seconds_per_unit: Estimate,
    /// What they cost together.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cost_per_unit: Option<Estimate>,
    /// By outcome of type binary or click, how often it was good and what that cost.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub successes: Vec<SuccessSummary>,
}

/// How often an outcome was good.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SuccessSummary {
    /// The outcome.
    pub outcome: OutcomeName,
    /// Requests of which it was reported as true, or as a click.
    pub reports: u64,
    /// The share of units with at least one of them: of conversations, how many reached their end.
    pub completed: Estimate,
    /// What all requests cost, for each report.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cost: Option<Estimate>,
}

/// A value with a confidence sequence at the experiment's `alpha`, which holds at every look.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Estimate {
    /// The value; missing of nothing.
    pub value: Option<f64>,
    /// The lower end.
    pub lower: Option<f64>,
    /// The upper end.
    pub upper: Option<f64>,
    /// Why there are no ends.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub undefined: Option<String>,
}

impl Study {
    /// Takes in what a request took on each arm that it is compared by.
    pub(super) fn spend(&mut self, record: &PairedRecord, case: &Case) {
        let unit = case.unit.as_deref();
        for arm in self.spenders(case) {
            let bill = bill(record, arm);
            if let Some(ledger) = self.ledgers.get_mut(arm) {
                ledger.spend(unit, case.request, &bill);
            }
            if let Some(ledger) = self.stratum_ledger(case) {
                ledger.spend(unit, case.request, &bill);
            }
        }
    }

    /// Takes in that a request was a success.
    pub(super) fn earn(&mut self, case: &Case, name: &OutcomeName, value: &OutcomeValue) {
        let is_success = matches!(value, OutcomeValue::Binary(true) | OutcomeValue::Click { .. });
        if !is_success || !self.spenders(case).contains(&case.assigned) {
            return;
        }
        let unit = case.unit.as_deref();
        if let Some(ledger) = self.ledgers.get_mut(case.assigned) {
            ledger.succeed(name, unit, case.request);
        }
        if let Some(ledger) = self.stratum_ledger(case) {
            ledger.succeed(name, unit, case.request);
        }
    }

    /// The ledger by which arms are compared in what is watched; `None`: nothing of it is.
    fn stratum_ledger(&mut self, case: &Case) -> Option<&mut Ledger> {
        let is_watched = self.watches.iter().any(Watch::is_of_ledger);
        self.strata.ledger(at(case).filter(|_| is_watched)?)
    }

    /// The arms in whose ledger a request belongs.
    fn spenders(&self, case: &Case) -> Vec<usize> {
        let arms = 0..self.arms.len();
        match self.subject.as_ref().map(|subject| subject.strategy) {
            _ if is_split(self) => vec![case.assigned],
            Some(StrategyKind::Shadow) if arms.clone().all(|arm| case.own(arm).is_some()) => arms.collect(),
            // A mixed list is every arm's and costs what all of them do.
            _ => Vec::new(),
        }
    }

    pub(super) fn spending(&self, subject: &Subject) -> Vec<SpendingSummary> {
        let alpha = self.decision().alpha;
        let arms = subject.arms.iter().zip(&self.ledgers).filter(|(_, ledger)| ledger.requests > 0);
        arms.map(|(arm, ledger)| SpendingSummary::of(arm, ledger, alpha)).collect()
    }
}

impl SpendingSummary {
    fn of(arm: &ModelName, ledger: &Ledger, alpha: f64) -> Self {
        let units = ledger.units.len();
        let of = |figure: &Watched| Estimate::of_mean(ledger.mean(figure), alpha);
        let is_priced = ledger.cost.is_some();
        let successes = ledger.successes().map(|(outcome, success)| SuccessSummary {
            outcome: outcome.clone(),
            reports: success.reports,
            completed: Estimate::of_share(success.units.len(), units, alpha),
            cost: is_priced.then(|| of(&Watched::CostPerSuccess(outcome.clone()))),
        });
        Self {
            arm: arm.clone(),
            units,
            requests: ledger.requests,
            unpriced: ledger.unpriced,
            cost: ledger.cost.as_ref().map(|(_, amount)| *amount),
            currency: ledger.cost.as_ref().map(|(currency, _)| currency.clone()),
            seconds_per_unit: of(&Watched::TimePerUnit),
            cost_per_unit: is_priced.then(|| of(&Watched::CostPerUnit)),
            successes: successes.collect(),
        }
    }
}

impl Estimate {
    fn of_mean(mean: Option<Mean>, alpha: f64) -> Self {
        let Some(Mean { mean, variance, units, non_zero }) = mean else {
            return Self::undefined(None, Undefined::NoObservations.to_string());
        };
        if units < FEWEST_UNITS || non_zero < FEWEST_NON_ZERO {
            let why = format!("bounds need {FEWEST_UNITS} units and {FEWEST_NON_ZERO} of what is counted");
            return Self::undefined(Some(mean), why);
        }
        let stage = StageDifference { units, difference: mean, variance: variance.unwrap_or_default() };
        let bounds =
            StagedDifference::of(vec![stage], alpha, PLANNED_UNITS).and_then(|staged| staged.interval(alpha));
        match bounds {
            // What is summed up is never negative.
            Ok(bounds) => Self {
                value: Some(mean),
                lower: Some(bounds.lower.max(0.0)),
                upper: Some(bounds.upper),
                undefined: None,
            },
            Err(why) => Self::undefined(Some(mean), why.to_string()),
        }
    }

    fn of_share(some: u64, all: u64, alpha: f64) -> Self {
        let share = (all > 0).then(|| some as f64 / all as f64);
        match share_cs(0.5, 0.5, some, all.saturating_sub(some), alpha) {
            Ok(bounds) => {
                Self { value: share, lower: Some(bounds.lower), upper: Some(bounds.upper), undefined: None }
            }
            Err(why) => Self::undefined(share, why.to_string()),
        }
    }

    fn undefined(value: Option<f64>, why: String) -> Self {
        Self { value, lower: None, upper: None, undefined: Some(why) }
    }
}
