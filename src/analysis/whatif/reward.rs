//! What a request came to, as a number: an outcome, an answer's score, a failure, a time, a cost.
//!
//! Intention to treat: where legacy stepped in, the failure, the time and the cost are still the drawn arm's.

use std::fmt;
use std::str::FromStr;

use crate::analysis::join::Case;
use crate::analysis::join::is_own;
use crate::analysis::observe::cost;
use crate::analysis::observe::finding;
use crate::analysis::observe::outcomes_of;
use crate::analysis::quality::Finding;
use crate::analysis::stratum::position;
use crate::evaluate::measure::Scale;
use crate::policy::Absent;
use crate::policy::Metric;
use crate::policy::OutcomeKind;
use crate::record::DesignRecord;
use crate::record::OutcomeValue;
use crate::record::PairedRecord;
use crate::vocab::Fate;
use crate::vocab::MetricName;
use crate::vocab::OutcomeName;
use crate::vocab::Role;

/// What a request is worth.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reward {
    /// An outcome of type binary (1 for yes) or number.
    Outcome(OutcomeName),
    /// The score of the drawn arm's answer on a metric.
    Metric(MetricName),
    /// 1 when the drawn arm failed.
    Error,
    /// How long the drawn arm took, with what stepped in for it, in milliseconds.
    LatencyMs,
    /// What the request cost.
    Cost,
}

impl Reward {
    /// What the request alone says; `None`: nothing yet.
    pub(super) fn of_pair(&self, record: &PairedRecord, design: Option<&DesignRecord>) -> Option<f64> {
        let arm = position(&record.arms, &record.assigned)?;
        let own = record.observations.iter().find(|seen| seen.arm == record.assigned && is_own(seen.role));
        let own = own.filter(|seen| seen.fate != Fate::Cancelled);
        match self {
            Reward::Error => own.map(|seen| f64::from(u8::from(seen.is_error()))),
            Reward::LatencyMs => own.map(|seen| {
                let stepped_in = record.observations.iter().filter(|seen| seen.role == Role::Fallback);
                seen.total_ms + stepped_in.map(|seen| seen.total_ms).sum::<f64>()
            }),
            Reward::Cost => cost(record, arm),
            Reward::Outcome(name) => {
                let rule = design?.outcomes.get(name)?;
                (rule.absent == Absent::None).then_some(0.0)
            }
            Reward::Metric(_) => None,
        }
    }

    /// Says whether outcomes may tell more.
    pub(super) fn awaits(&self, design: Option<&DesignRecord>) -> bool {
        match self {
            Reward::Outcome(_) => true,
            Reward::Metric(name) => metric(name, design).is_some(),
            Reward::Error | Reward::LatencyMs | Reward::Cost => false,
        }
    }

    /// What the request and its outcomes say; `None`: nothing yet.
    pub(super) fn of_case(&self, case: &Case, design: Option<&DesignRecord>) -> Option<f64> {
        match self {
            Reward::Outcome(name) => match case.outcome(name)? {
                OutcomeValue::Binary(truth) => Some(f64::from(u8::from(*truth))),
                OutcomeValue::Number(number) => Some(*number).filter(|number| number.is_finite()),
                OutcomeValue::Click { .. } | OutcomeValue::Label(_) | OutcomeValue::Json(_) => None,
            },
            Reward::Metric(name) => score(metric(name, design)?, case),
            Reward::Error | Reward::LatencyMs | Reward::Cost => None,
        }
    }

    /// Whether an experiment knows such a reward.
    ///
    /// # Errors
    /// What is wrong, and what to do.
    pub(super) fn check(&self, design: Option<&DesignRecord>) -> Result<(), String> {
        let listed = |names: Vec<&str>| match names.as_slice() {
            [] => "there are none".to_owned(),
            names => format!("there are: {}", names.join(", ")),
        };
        let undesigned = || "the log holds no `design` line of its policy; read the whole file".to_owned();
        match self {
            Reward::Outcome(name) => {
                let outcomes = &design.ok_or_else(undesigned)?.outcomes;
                let known = || listed(outcomes.keys().map(OutcomeName::as_str).collect());
                let rule = outcomes.get(name).ok_or_else(|| format!("no outcome `{name}`; {}", known()))?;
                match rule.kind {
                    OutcomeKind::Binary | OutcomeKind::Number => Ok(()),
                    OutcomeKind::Click | OutcomeKind::Label | OutcomeKind::Json => Err(format!(
                        "outcome `{name}` is neither binary nor a number; give a metric that uses it, as `metric:NAME`"
                    )),
                }
            }
            Reward::Metric(name) => {
                let metrics = &design.ok_or_else(undesigned)?.metrics;
                let known = || listed(metrics.iter().map(|metric| metric.name.as_str()).collect());
                let metric =
                    metric(name, design).ok_or_else(|| format!("no metric `{name}`; {}", known()))?;
                if metric.measure.kind.scale() == Scale::Whole {
                    return Err(format!(
                        "metric `{name}` has a value of many answers together and none of one; give a metric that \
                         scores each answer, such as accuracy"
                    ));
                }
                Ok(())
            }
            Reward::Error | Reward::LatencyMs | Reward::Cost => Ok(()),
        }
    }
}

fn metric<'d>(name: &MetricName, design: Option<&'d DesignRecord>) -> Option<&'d Metric> {
    design?.metrics.iter().find(|metric| metric.name == *name)
}

/// The score of the drawn arm's answer, once all outcomes that it needs are known.
fn score(metric: &Metric, case: &Case) -> Option<f64> {
    if outcomes_of(metric).iter().any(|name| case.outcome(name).is_none()) {
        return None;
    }
    let answer = &case.answers[case.own(case.assigned)?];
    let score = match finding(metric, case, &answer.readings)? {
        Finding::Example(example) => metric.measure.score(&example).ok(),
        Finding::Score(score) => Some(score),
        Finding::Failed => metric.measure.worst(),
        Finding::Unfit(_) => None,
    };
    score.filter(|score| score.is_finite())
}

impl fmt::Display for Reward {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Reward::Outcome(name) => write!(f, "outcome:{name}"),
            Reward::Metric(name) => write!(f, "metric:{name}"),
            Reward::Error => f.write_str("error"),
            Reward::LatencyMs => f.write_str("latency_ms"),
            Reward::Cost => f.write_str("cost"),
        }
    }
}

impl FromStr for Reward {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let outcome =
            |name: &str| OutcomeName::new(name).map(Reward::Outcome).map_err(|error| error.to_string());
        match text.split_once(':') {
            Some(("metric", name)) => {
                MetricName::new(name).map(Reward::Metric).map_err(|error| error.to_string())
            }
            Some(("outcome", name)) => outcome(name),
            Some(_) => {
                Err("expected `error`, `latency_ms`, `cost`, `outcome:NAME` or `metric:NAME`".to_owned())
            }
            None => match text {
                "error" => Ok(Reward::Error),
                "latency_ms" => Ok(Reward::LatencyMs),
                "cost" => Ok(Reward::Cost),
                name => outcome(name),
            },
        }
    }
}
