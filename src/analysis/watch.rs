//! What is watched of an experiment: the figures of its guardrails, its primary metric, its metrics and outcomes, and how
//! each is counted.
//!
//! An **event** happens or not: evidence on it is exact at any time. A **number** has a mean, which is compared by
//! asymptotic or, where it is bounded and paired, by exact confidence sequences. Figures that exist only of many
//! requests together (an AUC) are measured and not watched: no test of them may be read at any time.

use serde::Deserialize;
use serde::Serialize;

use crate::evaluate::measure::Better;
use crate::evaluate::measure::Kind;
use crate::evaluate::measure::Scale;
use crate::policy::Absent;
use crate::policy::OutcomeKind;
use crate::policy::Watched;
use crate::record::DesignRecord;

/// One watched figure.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Watch {
    pub(super) of: Watched,
    pub(super) nature: Nature,
    pub(super) better: Better,
}

/// How a figure is counted.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Nature {
    /// It happens or not, and more of it is worse.
    Harm,
    /// It happens or not, and more of it is better.
    Gain,
    /// One of two answers was preferred: only pairs tell.
    Preferred,
    /// A number, within bounds if it has any.
    Number(Option<(f64, f64)>),
}

/// What one request said of a watched figure.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Signal {
    /// Whether the event happened.
    Event(bool),
    /// The number.
    Number(f64),
}

/// Everything that is watched under a design.
pub(super) fn watches(design: &DesignRecord) -> Vec<Watch> {
    let named = design.decision.guardrails.iter().map(|guardrail| &guardrail.watch);
    let primary = design.decision.primary.iter().map(|primary| &primary.of);
    let metrics = design.metrics.iter().map(|metric| Watched::Metric(metric.name.clone()));
    let outcomes = design.outcomes.keys().map(|name| Watched::Outcome(name.clone()));
    let mut of = vec![Watched::ErrorRate];
    for watched in named.chain(primary).cloned().chain(metrics).chain(outcomes) {
        if !of.contains(&watched) {
            of.push(watched);
        }
    }
    of.into_iter().filter_map(|of| watch(of, design)).collect()
}

/// How a figure is watched; `None`: it is not, see the module.
fn watch(of: Watched, design: &DesignRecord) -> Option<Watch> {
    let told =
        design.decision.primary.as_ref().filter(|primary| primary.of == of).map(|primary| primary.better);
    let (nature, usual) = match &of {
        Watched::ErrorRate | Watched::LatencyP95 | Watched::LatencyP99 => (Nature::Harm, Better::Lower),
        Watched::Time | Watched::Cost => (Nature::Number(None), Better::Lower),
        Watched::TimePerUnit | Watched::CostPerUnit | Watched::CostPerSuccess(_) => {
            (Nature::Number(None), Better::Lower)
        }
        Watched::Metric(name) => {
            let measure = &design.metrics.iter().find(|metric| metric.name == *name)?.measure;
            let nature = match measure.scale() {
                _ if measure.kind == Kind::JudgePreference => Nature::Preferred,
                // The event is the answer that was wrong.
                Scale::Binary => Nature::Harm,
                Scale::Bounded { lower, upper } => Nature::Number(Some((lower, upper))),
                Scale::Unbounded => Nature::Number(None),
                Scale::Whole => return None,
            };
            (nature, measure.kind.better())
        }
        Watched::Outcome(name) => {
            let rule = design.outcomes.get(name)?;
            let better = told.unwrap_or(Better::Higher);
            let nature = match rule.kind {
                OutcomeKind::Binary => outcome_nature(rule.absent, better),
                OutcomeKind::Number => Nature::Number(None),
                OutcomeKind::Click | OutcomeKind::Label | OutcomeKind::Json => return None,
            };
            (nature, better)
        }
    };
    Some(Watch { of, nature, better: told.unwrap_or(usual) })
}

/// Where no report means no, only yes is ever reported, so yes is the event. Else the event is the unwelcome value,
/// mostly the rarer one, on which the evidence is sharper.
fn outcome_nature(absent: Absent, better: Better) -> Nature {
    match (absent, better) {
        (Absent::None, Better::Higher) => Nature::Gain,
        (Absent::None | Absent::Missing, Better::Lower) | (Absent::Missing, Better::Higher) => Nature::Harm,
    }
}

impl Watch {
    /// Whether it is counted by unit or by success, in a ledger.
    pub(super) fn is_of_ledger(&self) -> bool {
        matches!(self.of, Watched::TimePerUnit | Watched::CostPerUnit | Watched::CostPerSuccess(_))
    }

    /// What a binary outcome's value says.
    pub(super) fn of_truth(&self, truth: bool) -> Signal {
        Signal::Event(match (self.nature, self.better) {
            // Thumbs down is the harm where thumbs up is what one wants.
            (Nature::Harm, Better::Higher) => !truth,
            _ => truth,
        })
    }

    /// What one answer's score on a metric says.
    pub(super) fn of_score(&self, score: f64) -> Signal {
        match self.nature {
            Nature::Harm => Signal::Event(score < 0.5),
            Nature::Gain | Nature::Preferred => Signal::Event(score >= 0.5),
            Nature::Number(_) => Signal::Number(score),
        }
    }
}
