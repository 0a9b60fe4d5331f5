//! Thresholds for continuous integration: what must not hold of a replay, and whether it does.
//!
//! A snapshot is the same every time, so a figure on it is compared as it is: `agreement < 95%` is broken when fewer
//! agree. What that says of other requests is a matter of its 95 % interval: `lower(agreement) < 95%` asks that even its
//! lower end reaches 95 %, `lower(error_rate) > 1%` is broken only when more than 1 % are beyond doubt. A figure that cannot
//! be told breaks nothing and passes nothing: it is an error.

use std::fmt;
use std::str::FromStr;

use serde::Serialize;

use crate::analysis::CallSummary;
use crate::analysis::ExperimentSummary;
use crate::analysis::MetricSummary;
use crate::analysis::PairedSummary;
use crate::evaluate::measure::Better;
use crate::stats::wilson;
use crate::vocab::ExperimentName;
use crate::vocab::Role;

/// How sure the ends of an interval are.
const CONFIDENCE: f64 = 0.95;

/// How many standard errors that is to either side.
const STANDARD_ERRORS: f64 = 1.959_963_984_540_054;

/// Something that must not hold.
#[derive(Debug, Clone, PartialEq)]
pub struct Condition {
    text: String,
    figure: String,
    end: End,
    operator: Operator,
    bound: Bound,
}

/// Which part of a figure is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    /// The figure itself.
    Value,
    /// The lower end of its interval.
    Lower,
    /// The upper.
    Upper,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Operator {
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    Equal,
    NotEqual,
}

#[derive(Debug, Clone, PartialEq)]
enum Bound {
    /// Shares as fractions, times in seconds.
    Number(f64),
    Word(String),
}

/// Says why a text is no condition.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{text}` is no condition: {why}; expected one like `error_rate > 1%`, `lower(agreement) < 95%`, `verdict == rollback`"
)]
pub struct ConditionError {
    text: String,
    why: &'static str,
}

/// What came of one condition for one experiment of a replay.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Judgement {
    /// The experiment.
    pub experiment: ExperimentName,
    /// The condition.
    pub condition: String,
    /// What was found: shares as fractions, times in seconds; missing where it is a word or cannot be told.
    pub value: Option<f64>,
    /// The same for people, or why it cannot be told.
    pub found: String,
    /// How many requests, answers or pairs it rests on.
    pub n: u64,
    /// Whether the condition holds, and so the threshold is broken; missing where it cannot be told.
    pub broken: Option<bool>,
}

/// Whether thresholds were broken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Broken {
    /// None was.
    No,
    /// One was, at least.
    Yes,
    /// One cannot be told, at least.
    Untold,
}

/// A figure with its interval.
struct Found {
    value: f64,
    interval: Option<(f64, f64)>,
    n: u64,
}

impl Broken {
    /// What judgements come to together.
    pub fn of(judgements: &[Judgement]) -> Self {
        if judgements.iter().any(|one| one.broken.is_none()) {
            return Broken::Untold;
        }
        if judgements.iter().any(|one| one.broken == Some(true)) { Broken::Yes } else { Broken::No }
    }
}

impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Display for Judgement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { experiment, condition, found, n, broken, .. } = self;
        let verdict = match broken {
            Some(true) => "BROKEN",
            Some(false) => "kept",
            None => "cannot be told",
        };
        write!(f, "{verdict}: {experiment}: {found} (n = {n}), must not be `{condition}`")
    }
}

impl FromStr for Condition {
    type Err = ConditionError;

    fn from_str(text: &str) -> Result<Self, ConditionError> {
        let wrong = |why| ConditionError { text: text.to_owned(), why };
        const OPERATORS: [(&str, Operator); 6] = [
            ("<=", Operator::LessOrEqual),
            (">=", Operator::GreaterOrEqual),
            ("==", Operator::Equal),
            ("!=", Operator::NotEqual),
            ("<", Operator::Less),
            (">", Operator::Greater),
        ];
        let split = OPERATORS.iter().find_map(|(sign, operator)| Some((text.split_once(sign)?, *operator)));
        let ((left, right), operator) = split.ok_or_else(|| wrong("it has no `<`, `>`, `==` or `!=`"))?;
        let (left, right) = (left.trim(), right.trim());
        let inside = |name: &str| left.strip_prefix(name)?.strip_prefix('(')?.strip_suffix(')');
        let (figure, end) = match (inside("lower"), inside("upper")) {
            (Some(figure), _) => (figure, End::Lower),
            (_, Some(figure)) => (figure, End::Upper),
            (None, None) => (left, End::Value),
        };
        let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
        if figure.is_empty() || !figure.chars().all(allowed) {
            return Err(wrong("there is no name of a figure before the sign"));
        }
        let is_equality = matches!(operator, Operator::Equal | Operator::NotEqual);
        let bound = match number(right) {
            Some(number) => Bound::Number(number),
            None if figure == "verdict" && is_equality => Bound::Word(right.to_owned()),
            None => return Err(wrong("there is no number after the sign, as `0.5`, `1%`, `200ms` or `2s`")),
        };
        if figure == "verdict" && (end != End::Value || !matches!(bound, Bound::Word(_))) {
            return Err(wrong("a verdict is a word"));
        }
        Ok(Self { text: text.to_owned(), figure: figure.to_owned(), end, operator, bound })
    }
}

fn number(text: &str) -> Option<f64> {
    let units = [("%", 0.01), ("ms", 0.001), ("s", 1.0), ("", 1.0)];
    let parsed = units.iter().find_map(|(unit, factor)| {
        let number: f64 = text.strip_suffix(unit)?.trim().parse().ok()?;
        Some(number * factor)
    });
    parsed.filter(|number| number.is_finite())
}

/// Judges every condition for every experiment of a replay.
pub fn judge<'s>(
    conditions: &[Condition],
    summaries: impl Iterator<Item = &'s ExperimentSummary>,
) -> Vec<Judgement> {
    summaries.flat_map(|summary| conditions.iter().map(move |condition| condition.judged(summary))).collect()
}

impl Condition {
    fn judged(&self, summary: &ExperimentSummary) -> Judgement {
        let judgement = |value, found: String, n, broken| Judgement {
            experiment: summary.experiment.clone(),
            condition: self.text.clone(),
            value,
            found,
            n,
            broken,
        };
        if let Bound::Word(word) = &self.bound {
            let state = summary.verdicts.first().map(|verdict| verdict.state.as_str());
            let broken = state.map(|state| (state == word) == (self.operator == Operator::Equal));
            let found = format!("verdict {}", state.unwrap_or("unknown"));
            return judgement(None, found, summary.requests, broken);
        }
        let name = match self.end {
            End::Value => self.figure.clone(),
            End::Lower => format!("lower end of {}", self.figure),
            End::Upper => format!("upper end of {}", self.figure),
        };
        let Some(found) = found(&self.figure, summary) else {
            return judgement(None, format!("{name} is not told by this replay"), 0, None);
        };
        let value = match self.end {
            End::Value => Some(found.value),
            End::Lower => found.interval.map(|(lower, _)| lower),
            End::Upper => found.interval.map(|(_, upper)| upper),
        };
        match value {
            Some(value) => {
                let told = format!("{name} is {}", self.spelled(value));
                judgement(Some(value), told, found.n, Some(self.holds(value)))
            }
            None => judgement(None, format!("{name} has no interval"), found.n, None),
        }
    }

    fn holds(&self, value: f64) -> bool {
        let Bound::Number(bound) = self.bound else { return false };
        match self.operator {
            Operator::Less => value < bound,
            Operator::LessOrEqual => value <= bound,
            Operator::Greater => value > bound,
            Operator::GreaterOrEqual => value >= bound,
            Operator::Equal => value == bound,
            Operator::NotEqual => value != bound,
        }
    }

    /// A value as the condition spells its bound.
    fn spelled(&self, value: f64) -> String {
        if self.text.ends_with('%') {
            format!("{:.2}%", 100.0 * value)
        } else if self.text.ends_with("ms") {
            format!("{:.1}ms", 1000.0 * value)
        } else if self.text.ends_with('s') {
            format!("{value:.3}s")
        } else {
            format!("{value:.4}")
        }
    }
}

/// A figure of the target; `None`: there is none of that name, or it rests on nothing.
fn found(figure: &str, summary: &ExperimentSummary) -> Option<Found> {
    let calls = target_calls(summary);
    let quantile = |seconds: fn(&CallSummary) -> Option<f64>| {
        let calls = calls?;
        Some(Found { value: seconds(calls)? / 1000.0, interval: None, n: calls.requests })
    };
    match figure {
        "error_rate" => calls.and_then(|calls| share(calls.errors, calls.requests)),
        "p50_latency" => quantile(|calls| calls.total_ms.p50),
        "p95_latency" => quantile(|calls| calls.total_ms.p95),
        "p99_latency" => quantile(|calls| calls.total_ms.p99),
        "agreement" => agreements(summary, None),
        _ => match figure.strip_prefix("agreement.") {
            Some(field) => agreements(summary, Some(field)),
            None => metric(figure, summary),
        },
    }
}

fn target_calls(summary: &ExperimentSummary) -> Option<&CallSummary> {
    summary.arms.get(1)?.calls.iter().find(|calls| calls.role == Role::Shadow)
}

fn share(count: u64, of: u64) -> Option<Found> {
    let interval = wilson(count, of.checked_sub(count)?, CONFIDENCE).ok()?;
    Some(Found { value: count as f64 / of as f64, interval: Some((interval.lower, interval.upper)), n: of })
}

/// The share of answers that agree in a field; of all fields the one that agrees least.
fn agreements(summary: &ExperimentSummary, field: Option<&str>) -> Option<Found> {
    let target = &summary.arms.get(1)?.arm;
    let own = summary.agreement.iter().filter(|one| one.arm == *target && one.role == Role::Shadow);
    let shares = own
        .filter(|one| field.is_none_or(|field| one.field == field))
        .filter_map(|one| share(one.agree, one.agree + one.differ));
    shares.min_by(|one, other| one.value.total_cmp(&other.value))
}

/// A metric of the target, or by how much it is worse than the recorded answers'.
fn metric(figure: &str, summary: &ExperimentSummary) -> Option<Found> {
    let named = |name: &str| summary.metrics.iter().find(|metric| metric.metric.as_str() == name);
    match named(figure) {
        Some(metric) => of_arm(metric, summary, 1),
        None => dropped(named(figure.strip_suffix("_drop")?)?, summary),
    }
}

fn of_arm(metric: &MetricSummary, summary: &ExperimentSummary, arm: usize) -> Option<Found> {
    let arm = &summary.arms.get(arm)?.arm;
    let quality = metric.calls.iter().find(|calls| calls.arm == *arm && calls.role != Role::Control)?;
    let (value, n) = (quality.value?, quality.examples);
    let spread = quality.deviation.map(|deviation| STANDARD_ERRORS * deviation / (n.max(1) as f64).sqrt());
    let interval = quality.interval.map(|interval| (interval.lower, interval.upper));
    Some(Found { value, interval: interval.or(spread.map(|spread| (value - spread, value + spread))), n })
}

fn dropped(metric: &MetricSummary, summary: &ExperimentSummary) -> Option<Found> {
    let paired = summary.paired.iter().find(|paired| paired.figure == metric.metric.as_str());
    if let Some(found) = paired.and_then(of_pairs) {
        return Some(found);
    }
    let (old, new) = (of_arm(metric, summary, 0)?, of_arm(metric, summary, 1)?);
    let value = match metric.better {
        Better::Higher => old.value - new.value,
        Better::Lower => new.value - old.value,
    };
    Some(Found { value, interval: None, n: new.n.min(old.n) })
}

/// How many more of the same requests the target answered wrong, as a share; its interval with half an event added to each
/// of the four kinds (Agresti and Min 2005). `None`: there are no such requests.
fn of_pairs(paired: &PairedSummary) -> Option<Found> {
    let PairedSummary { both, neither, only_candidate, only_legacy, .. } = paired;
    let count = both + neither + only_candidate + only_legacy;
    if count == 0 {
        return None;
    }
    let n = count as f64;
    let value = (*only_candidate as f64 - *only_legacy as f64) / n;
    let (worse, better, n) = (*only_candidate as f64 + 0.5, *only_legacy as f64 + 0.5, n + 2.0);
    let difference = (worse - better) / n;
    let spread =
        STANDARD_ERRORS * ((worse + better) / n - difference * difference).max(0.0).sqrt() / n.sqrt();
    Some(Found { value, interval: Some((difference - spread, difference + spread)), n: count })
}
