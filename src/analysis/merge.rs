//! Figures of several gateways as one: counts add up exactly, sums to rounding, sets of units by union.
//!
//! Only figures of one identity belong together. Where a test depends on the order of what it saw, each gateway's keeps
//! its own, and the bounds are those that all agree on. A request that one knows and an outcome that the other was told
//! of it meet.

use crate::analysis::Analysis;
use crate::analysis::breach;
use crate::analysis::breach::Breaches;
use crate::analysis::join::Case;
use crate::analysis::study::Study;
use crate::analysis::tally::ArmTally;
use crate::analysis::tally::CallTally;
use crate::record::OutcomeValue;
use crate::vocab::OutcomeName;

impl Analysis {
    /// The figures of a fleet as those of one gateway; `before` are the same at an earlier look, whose breaches stay.
    ///
    /// Of what each gateway found alone nothing counts: sums alone say what is sure, and each sum is looked at here.
    pub fn of_fleet<'a>(parts: impl IntoIterator<Item = &'a Analysis>, before: &Analysis) -> Self {
        let mut fleet = Self::new();
        parts.into_iter().for_each(|part| fleet.merge(part));
        for (experiment, study) in &mut fleet.studies {
            breach::of_merged(study, before.studies.get(experiment));
        }
        fleet
    }

    /// Takes in what another gateway knows. Figures of another identity are left out; those of the side that was served
    /// last stay.
    pub fn merge(&mut self, other: &Analysis) {
        for (experiment, theirs) in &other.studies {
            match self.studies.get_mut(experiment) {
                Some(own) => own.merge(theirs),
                None => {
                    self.studies.insert(experiment.clone(), theirs.clone());
                }
            }
        }
    }
}

impl Study {
    fn merge(&mut self, other: &Study) {
        if !self.identity_is(other) {
            let until = |study: &Study| study.subject.as_ref().map(|subject| subject.until);
            if until(other) > until(self) {
                *self = other.clone();
            }
            return;
        }
        // Only who has seen a request knows the arms; the other may have seen outcomes, or what is missing.
        if self.subject.is_none() && other.subject.is_some() {
            let own = std::mem::replace(self, other.clone());
            return self.add(&own);
        }
        self.add(other);
    }

    /// Takes in figures of the same identity, of arms that this side knows if anybody does.
    fn add(&mut self, other: &Study) {
        if let (Some(subject), Some(theirs)) = (&mut self.subject, &other.subject) {
            if theirs.until > subject.until {
                subject.policy.clone_from(&theirs.policy);
                self.design.clone_from(&other.design);
                self.watches.clone_from(&other.watches);
            }
            subject.since = subject.since.min(theirs.since);
            subject.until = subject.until.max(theirs.until);
        }
        self.requests += other.requests;
        self.left_out.not_enrolled += other.left_out.not_enrolled;
        self.left_out.forced += other.left_out.forced;
        self.left_out.retries += other.left_out.retries;
        self.arms.iter_mut().zip(&other.arms).for_each(|(own, theirs)| own.merge(theirs));
        for (field, theirs) in &other.agreement {
            let own = self.agreement.entry(field.clone()).or_default();
            own.agree += theirs.agree;
            own.differ += theirs.differ;
            own.missing += theirs.missing;
            own.scores.merge(&theirs.scores);
            own.log_ratios.merge(&theirs.log_ratios);
        }
        self.noise.merge(&other.noise);
        let before = self.strata.clone();
        self.strata.merge(&other.strata);
        self.join.move_to(&before.places_in(&self.strata));
        self.ledgers.iter_mut().zip(&other.ledgers).for_each(|(own, theirs)| own.merge(theirs));
        self.pairs.iter_mut().zip(&other.pairs).for_each(|(own, theirs)| own.merge(theirs));
        self.ballot.merge(&other.ballot);
        for (outcome, theirs) in &other.outcomes {
            let own = self.outcomes.entry(outcome.clone()).or_default();
            own.reports += theirs.reports;
            own.late += theirs.late;
            own.sum += theirs.sum;
        }
        for (loss, lost) in &other.lost {
            *self.lost.entry(*loss).or_default() += lost;
        }
        for (stage, theirs) in &other.frozen {
            let own = self.frozen.entry(*stage).or_default();
            if own.thresholds.is_none() {
                own.clone_from(theirs);
            }
        }
        for (metric, theirs) in &other.quality {
            if let Some(own) = self.quality.get_mut(metric) {
                own.merge(theirs);
            }
        }
        for (judge, theirs) in &other.judges {
            match self.judges.get_mut(judge) {
                Some(own) => own.merge(theirs),
                None => drop(self.judges.insert(judge.clone(), theirs.clone())),
            }
        }
        self.accord.merge(&other.accord);
        self.breaches.merge(&other.breaches);
        let mut waiting = other.join.clone();
        waiting.move_to(&other.strata.places_in(&self.strata));
        for (case, outcomes) in self.join.merge(waiting) {
            self.join_late(case, outcomes);
        }
    }

    /// Takes in outcomes of which one side knew the pair and the other the report.
    fn join_late(&mut self, mut case: Case, outcomes: Vec<(OutcomeName, OutcomeValue)>) {
        for (name, value) in outcomes {
            if case.outcome(&name).is_some() {
                continue;
            }
            case.outcomes.push((name.clone(), value.clone()));
            self.settle(&case, Some(&name));
            self.watch_outcome(&case, &name, &value);
        }
        if self.awaits(&case) {
            self.join.wait(case);
        }
    }
}

impl Breaches {
    fn merge(&mut self, other: &Breaches) {
        for (guardrail, theirs) in &other.peaks {
            let own = self.peaks.entry(guardrail.clone()).or_insert(*theirs);
            *own = own.max(*theirs);
        }
        for (candidate, theirs) in &other.rolled_back {
            let own = self.rolled_back.entry(*candidate).or_insert_with(|| theirs.clone());
            if theirs.time < own.time {
                own.clone_from(theirs);
            }
        }
    }
}

impl ArmTally {
    fn merge(&mut self, other: &ArmTally) {
        self.assigned += other.assigned;
        self.enrolled += other.enrolled;
        self.calls.iter_mut().zip(&other.calls).for_each(|(own, theirs)| own.merge(theirs));
    }
}

impl CallTally {
    fn merge(&mut self, other: &CallTally) {
        self.requests += other.requests;
        self.errors += other.errors;
        self.cancelled += other.cancelled;
        self.total.merge(&other.total);
        self.first_byte.merge(&other.first_byte);
        self.tokens.add(other.tokens);
        for (currency, amount) in &other.cost {
            let own = self.cost.entry(currency.clone()).or_default();
            *own = *own + *amount;
        }
    }
}
