//! From records to what is watched: every figure that a request, an answer or an outcome says something of is told.
//!
//! Intention to treat: a failure counts against the arm that was drawn, also where legacy stepped in; what the client
//! cut short says nothing; a cost is that of the whole request, with the call that stepped in.

use std::borrow::Cow;
use std::collections::BTreeSet;

use serde_json::Value;

use crate::analysis::breach;
use crate::analysis::join::Case;
use crate::analysis::join::is_own;
use crate::analysis::latency::Frozen;
use crate::analysis::ledger::Bill;
use crate::analysis::quality::Finding;
use crate::analysis::stratum::At;
use crate::analysis::stratum::position;
use crate::analysis::study::Judged;
use crate::analysis::study::Study;
use crate::analysis::watch::Nature;
use crate::analysis::watch::Signal;
use crate::analysis::watch::Watch;
use crate::evaluate::measure::Inputs;
use crate::evaluate::measure::Scale;
use crate::policy::Absent;
use crate::policy::Decision;
use crate::policy::Metric;
use crate::policy::Source;
use crate::policy::Watched;
use crate::record::ANSWER_TEXT;
use crate::record::ANSWER_TOOL_CALLS;
use crate::record::ObservationRecord;
use crate::record::OutcomeValue;
use crate::record::PairedRecord;
use crate::record::Reading;
use crate::record::Readings;
use crate::vocab::Fate;
use crate::vocab::OutcomeName;
use crate::vocab::Role;

/// A value as it was found, before a metric looks at it.
enum Found<'v> {
    Value(Cow<'v, Value>),
    /// The answer did not give it.
    Missing,
    /// The gateway cannot tell.
    Unreadable,
    /// It was not reported yet.
    Awaited,
}

impl Study {
    /// Tells everything that the calls themselves say: failures, slowness, cost.
    pub(super) fn watch_calls(&mut self, record: &PairedRecord, case: &Case) {
        let mut frozen = self.frozen.swap_remove(&record.stage).unwrap_or_default();
        // The answers that set the threshold are not held against it, nor are those beside them.
        let known = frozen.thresholds.is_some();
        if let (false, Some(legacy)) =
            (known, record.observations.iter().find(|seen| is_legacy(record, seen)))
        {
            frozen.calibrate(legacy);
        }
        let watches = std::mem::take(&mut self.watches);
        for watch in &watches {
            let said = |arm: usize| call_signal(watch, Some(&frozen).filter(|_| known), record, arm);
            let signals: Vec<Option<Signal>> = (0..record.arms.len()).map(said).collect();
            self.tell(watch, case, &signals, record.degraded.is_none());
            self.expect(watch, case);
        }
        self.watches = watches;
        self.frozen.insert(record.stage, frozen);
    }

    /// Counts a request whose outcome is 0 until it is reported otherwise.
    fn expect(&mut self, watch: &Watch, case: &Case) {
        let (Watched::Outcome(name), Nature::Number(_)) = (&watch.of, watch.nature) else { return };
        if let Some(at) = at(case).filter(|_| self.absence(name) == Some(Absent::None)) {
            self.strata.expect_number(at, &watch.of);
        }
    }

    /// Tells what an outcome itself says of the arm that was drawn.
    pub(super) fn watch_outcome(&mut self, case: &Case, name: &OutcomeName, value: &OutcomeValue) {
        self.earn(case, name, value);
        let Some(at) = at(case) else { return };
        let absence = self.absence(name);
        if absence == Some(Absent::Missing) {
            self.strata.join(at, name);
        }
        let watched = Watched::Outcome(name.clone());
        let Some(watch) = self.watch_of(&watched).cloned() else { return };
        match (value, absence) {
            (OutcomeValue::Binary(truth), _) => self.tell_drawn(&watch, at, watch.of_truth(*truth), case),
            (OutcomeValue::Number(number), Some(Absent::None)) => {
                self.strata.fulfil_number(at, &watched, *number);
            }
            (OutcomeValue::Number(number), _) => {
                self.strata.signal(at, &watched, Signal::Number(*number));
            }
            _ => {}
        }
    }

    /// Holds answers against every metric of which all values are known by now; `by` is the outcome that came.
    pub(super) fn settle(&mut self, case: &Case, by: Option<&OutcomeName>) -> Vec<Judged> {
        // Only the metrics: what the experiment is decided by is looked at while they are told.
        let Some(design) = &mut self.design else { return Vec::new() };
        let metrics = std::mem::take(&mut design.metrics);
        let mut judged = Vec::new();
        // What judges say comes from them.
        for metric in metrics.iter().filter(|metric| metric.judge.is_none()) {
            let needs = outcomes_of(metric);
            let ready = needs.iter().all(|name| case.outcome(name).is_some());
            if ready && by.is_none_or(|by| needs.contains(by)) {
                judged.extend(self.measure(case, metric));
            }
        }
        if let Some(design) = &mut self.design {
            design.metrics = metrics;
        }
        judged
    }

    fn measure(&mut self, case: &Case, metric: &Metric) -> Vec<Judged> {
        let Some(quality) = self.quality.get_mut(&metric.name) else { return Vec::new() };
        let mut scores = vec![None; case.answers.len()];
        for (answer, score) in case.answers.iter().zip(&mut scores) {
            if let Some(finding) = finding(metric, case, &answer.readings) {
                *score = quality.add(answer.arm, answer.role, case.request, finding);
            }
        }
        let watched = Watched::Metric(metric.name.clone());
        if let Some(watch) = self.watch_of(&watched).cloned() {
            let own =
                |arm: usize| case.own(arm).and_then(|place| scores[place]).map(|score| watch.of_score(score));
            let signals: Vec<Option<Signal>> = (0..self.arms.len()).map(own).collect();
            self.tell(&watch, case, &signals, true);
        }
        let names = self.subject.as_ref().map_or(&[][..], |subject| &subject.arms);
        let is_binary = metric.measure.kind.scale() == Scale::Binary;
        let judged = case.answers.iter().zip(scores).filter_map(|(answer, score)| {
            let (arm, score) = (names.get(answer.arm)?.clone(), score.filter(|_| is_binary)?);
            Some(Judged { metric: metric.name.clone(), arm, role: answer.role, right: score >= 0.5 })
        });
        judged.collect()
    }

    /// Tells what each arm said: the drawn arm's answer to its stratum, and both sides of every pair.
    pub(super) fn tell(&mut self, watch: &Watch, case: &Case, signals: &[Option<Signal>], paired: bool) {
        let drawn =
            case.answers.iter().any(|answer| answer.arm == case.assigned && answer.role == Role::Answer);
        if let (Some(at), Some(Some(signal)), true) = (at(case), signals.get(case.assigned), drawn) {
            self.tell_drawn(watch, at, *signal, case);
        }
        let Some((Some(legacy), candidates)) = signals.split_first() else { return };
        let alpha = self.design.as_ref().map_or(Decision::ALPHA, |design| design.decision.alpha);
        for (place, own) in candidates.iter().enumerate() {
            let (Some(own), true) = (own, paired || watch.of == Watched::ErrorRate) else { continue };
            let Some(pairs) = self.pairs.get_mut(place) else { continue };
            if pairs.signal(watch, case.unit.as_deref(), (*own, *legacy), alpha) {
                breach::of_pairs(self, place + 1, watch, case.request, case.time);
            }
        }
    }

    fn tell_drawn(&mut self, watch: &Watch, at: At<'_>, signal: Signal, case: &Case) {
        if self.strata.signal(at, &watch.of, signal) {
            breach::of_strata(self, at.arm, watch, case);
        }
    }

    fn absence(&self, name: &OutcomeName) -> Option<Absent> {
        self.design.as_ref()?.outcomes.get(name).map(|rule| rule.absent)
    }
}

pub(super) fn at(case: &Case) -> Option<At<'_>> {
    let Case { stratum, assigned, unit, request, .. } = case;
    Some(At { stratum: (*stratum)?, arm: *assigned, unit: unit.as_deref(), request: *request })
}

fn is_legacy(record: &PairedRecord, seen: &ObservationRecord) -> bool {
    record.arms.first() == Some(&seen.arm) && is_own(seen.role)
}

/// What an arm's own call says of a figure; `None`: nothing.
fn call_signal(watch: &Watch, frozen: Option<&Frozen>, record: &PairedRecord, arm: usize) -> Option<Signal> {
    let own = record
        .observations
        .iter()
        .find(|seen| position(&record.arms, &seen.arm) == Some(arm) && is_own(seen.role))?;
    if own.fate == Fate::Cancelled {
        return None;
    }
    match &watch.of {
        Watched::ErrorRate => Some(Signal::Event(own.is_error())),
        Watched::LatencyP95 | Watched::LatencyP99 => frozen?.is_slow(&watch.of, own).map(Signal::Event),
        Watched::Time => Some(Signal::Number(time(record, arm))),
        Watched::Cost => cost(record, arm).map(Signal::Number),
        Watched::Metric(_) | Watched::Outcome(_) => None,
        // These are not of one request.
        Watched::TimePerUnit | Watched::CostPerUnit | Watched::CostPerSuccess(_) => None,
    }
}

/// How long an arm's answer took, with what stepped in for it, in seconds.
fn time(record: &PairedRecord, arm: usize) -> f64 {
    calls_of(record, arm).map(|seen| seen.total_ms / 1000.0).sum()
}

/// An arm's own calls, and what stepped in for them.
fn calls_of(record: &PairedRecord, arm: usize) -> impl Iterator<Item = &ObservationRecord> {
    record.observations.iter().filter(move |seen| {
        let own = position(&record.arms, &seen.arm) == Some(arm) && is_own(seen.role);
        own || seen.role == Role::Fallback && position(&record.arms, &record.assigned) == Some(arm)
    })
}

/// What an arm's answer cost, with what stepped in for it; `None`: unknown, or in several currencies.
pub(super) fn cost(record: &PairedRecord, arm: usize) -> Option<f64> {
    bill(record, arm).cost.map(|(_, amount)| amount.as_f64())
}

/// What an arm's answer took, with what stepped in for it.
pub(super) fn bill(record: &PairedRecord, arm: usize) -> Bill {
    let costs: Vec<_> = calls_of(record, arm).filter_map(|seen| seen.cost.as_ref()).collect();
    let cost = costs.first().and_then(|first| {
        let one_currency = costs.iter().all(|cost| cost.currency == first.currency && !cost.tokens_unknown);
        one_currency.then(|| (first.currency.clone(), costs.iter().map(|cost| cost.amount).sum()))
    });
    Bill { seconds: time(record, arm), cost }
}

/// The outcomes without which a metric says nothing.
pub(super) fn outcomes_of(metric: &Metric) -> BTreeSet<&OutcomeName> {
    let sources = [&metric.prediction, &metric.score, &metric.truth, &metric.context];
    let outcome = |source| match source {
        &&Some(Source::Outcome(ref name)) => Some(name),
        _ => None,
    };
    sources.iter().filter_map(outcome).collect()
}

/// What one answer comes to on a metric; `None`: nothing can be said.
pub(super) fn finding(metric: &Metric, case: &Case, answer: &Readings) -> Option<Finding> {
    if metric.judge.is_some() {
        return None;
    }
    let sources = [&metric.prediction, &metric.score, &metric.truth, &metric.context];
    let found = sources.map(|source| source.as_ref().map(|source| found(source, case, answer)));
    if found.iter().flatten().any(|found| matches!(found, Found::Unreadable | Found::Awaited)) {
        return None;
    }
    if found.iter().flatten().any(|found| matches!(found, Found::Missing)) {
        return Some(Finding::Failed);
    }
    let [prediction, score, truth, context] = found.each_ref().map(|found| match found {
        Some(Found::Value(value)) => Some(value.as_ref()),
        _ => None,
    });
    Some(match metric.measure.example(Inputs { prediction, score, truth, context }) {
        Ok(example) => Finding::Example(example),
        Err(why) => Finding::Unfit(why),
    })
}

fn found<'v>(source: &Source, case: &'v Case, answer: &'v Readings) -> Found<'v> {
    let (readings, path, of_answer) = match source {
        Source::Answer(path) => (answer, path.as_str(), true),
        Source::AnswerText => (answer, ANSWER_TEXT, true),
        Source::AnswerToolCalls => (answer, ANSWER_TOOL_CALLS, true),
        Source::Request(path) => (&case.readings, path.as_str(), false),
        Source::Outcome(name) => {
            return case
                .outcome(name)
                .map_or(Found::Awaited, |value| Found::Value(Cow::Owned(value.to_json())));
        }
    };
    match readings.get(path) {
        // A model that says null gives no answer.
        Some(Reading::Value(Value::Null)) if of_answer => Found::Missing,
        Some(Reading::Value(value)) => Found::Value(Cow::Borrowed(value)),
        Some(Reading::Missing) if of_answer => Found::Missing,
        // What the request does not hold is no answer's failure.
        Some(Reading::Missing | Reading::Unreadable) | None => Found::Unreadable,
    }
}
