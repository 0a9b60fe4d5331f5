//! What takes too long to be computed live: intervals of metrics that exist only of many answers together, and curves of
//! calibration.
//!
//! A paired Poisson bootstrap with the request as its unit (STATS D8): in each replicate a request counts for every model
//! as often, so that what makes requests differ falls out of the models' difference. It holds for the moment at which it
//! is read, not at any time: reports show it, and no verdict rests on it.

#[cfg(test)]
mod tests;

use indexmap::IndexMap;
use serde::Serialize;

use crate::analysis::measured::CallQuality;
use crate::analysis::measured::MetricSummary;
use crate::analysis::quality::Measured;
use crate::analysis::quality::Quality;
use crate::analysis::study::Study;
use crate::analysis::summary::ExperimentSummary;
use crate::evaluate::measure::Example;
use crate::evaluate::measure::Kind;
use crate::evaluate::measure::Measure;
use crate::evaluate::probabilistic::ReliabilityBin;
use crate::stats::Interval;
use crate::stats::REPLICATES;
use crate::stats::percentile_interval;
use crate::stats::poisson_weight;
use crate::vocab::ExperimentName;
use crate::vocab::ModelName;
use crate::vocab::Role;

/// How much of what may be the intervals cover.
const CONFIDENCE: f64 = 0.95;

/// Of fewer requests no resample says much.
const FEWEST: usize = 20;

/// The share of the replicates, in percent, that may be without a value, as when a resample holds one class alone.
const WITHOUT_VALUE_PERCENT: usize = 5;

/// How far a model's metric is from legacy's.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct MetricDifference {
    /// The model.
    pub arm: ModelName,
    /// What its calls were for.
    pub role: Role,
    /// Its value less that of the answers that legacy gave to users; missing where either is.
    pub value: Option<f64>,
    /// The 95 % interval of that; missing where it is undefined.
    pub interval: Option<Interval>,
    /// Why it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub undefined: Option<&'static str>,
    /// How many requests of both models together the interval rests on.
    pub requests: u64,
}

/// A metric's value in each replicate; `None`: it has none there.
struct Replicates {
    values: Vec<Option<f64>>,
    /// The hashes of the requests that were drawn from.
    requests: Vec<u64>,
}

impl Study {
    /// The figures with what takes longer; `None` before the first pair.
    pub(super) fn detailed_summary(&self, experiment: &ExperimentName) -> Option<ExperimentSummary> {
        let mut summary = self.summary(experiment)?;
        let arms = &self.subject.as_ref()?.arms;
        for (metric, quality) in summary.metrics.iter_mut().zip(self.quality.values()) {
            detail(metric, quality, arms);
        }
        Some(summary)
    }
}

fn detail(metric: &mut MetricSummary, quality: &Quality, arms: &[ModelName]) {
    let Quality { measure, calls } = quality;
    let mut replicates = IndexMap::new();
    for ((arm, role), measured) in calls {
        let Some(name) = arms.get(*arm) else { continue };
        let Some(call) = metric.calls.iter_mut().find(|call| call.arm == *name && call.role == *role) else {
            continue;
        };
        call.calibration = calibration(measure, measured);
        if !measure.kind.is_mean() {
            let own = Replicates::of(measure, measured);
            call.interval = interval(&own.values, own.requests.len()).ok();
            replicates.insert((name.clone(), *role), own);
        }
    }
    let Some(legacy) = arms.first() else { return };
    let is_legacys =
        |call: &&CallQuality| call.arm == *legacy && matches!(call.role, Role::Answer | Role::Interleaved);
    let Some(reference) = metric.calls.iter().find(is_legacys) else { return };
    let Some(theirs) = replicates.get(&(legacy.clone(), reference.role)) else { return };
    let others = metric.calls.iter().filter(|call| call.arm != *legacy);
    let difference = |call: &CallQuality| {
        let own = replicates.get(&(call.arm.clone(), call.role))?;
        Some(MetricDifference::of(call, own, reference, theirs))
    };
    metric.differences = others.filter_map(difference).collect();
}

fn calibration(measure: &Measure, measured: &Measured) -> Vec<ReliabilityBin> {
    if !measure.kind.is_of_probabilities() {
        return Vec::new();
    }
    let examples: Vec<&Example> = measured.sample.iter().map(|(_, example)| example).collect();
    measure.calibration(&examples).map_or_else(|_| Vec::new(), |calibration| calibration.bins)
}

impl MetricDifference {
    fn of(call: &CallQuality, own: &Replicates, reference: &CallQuality, theirs: &Replicates) -> Self {
        let differences: Vec<Option<f64>> =
            own.values.iter().zip(&theirs.values).map(|(own, theirs)| Some((*own)? - (*theirs)?)).collect();
        let fewest = own.requests.len().min(theirs.requests.len());
        let interval = interval(&differences, fewest);
        let mut requests: Vec<u64> = own.requests.iter().chain(&theirs.requests).copied().collect();
        requests.sort_unstable();
        requests.dedup();
        Self {
            arm: call.arm.clone(),
            role: call.role,
            value: call.value.zip(reference.value).map(|(own, theirs)| own - theirs),
            undefined: interval.err(),
            interval: interval.ok(),
            requests: requests.len() as u64,
        }
    }
}

impl Replicates {
    fn of(measure: &Measure, measured: &Measured) -> Self {
        let units: Vec<(u64, &Example)> = measured.sample.iter().take(most_units(measure.kind)).collect();
        let requests: Vec<u64> = units.iter().map(|(request, _)| *request).collect();
        let value = |replicate| {
            let drawn = units.iter().map(|(request, example)| {
                let weight = poisson_weight(*request, replicate);
                (*example, f64::from(weight))
            });
            let drawn: Vec<(&Example, f64)> = drawn.filter(|(_, weight)| *weight > 0.0).collect();
            measure.over(&drawn).ok()
        };
        let enough = requests.len() >= FEWEST;
        Self {
            values: (0..).take(REPLICATES).map(|at| enough.then(|| value(at)).flatten()).collect(),
            requests,
        }
    }
}

fn interval(values: &[Option<f64>], requests: usize) -> Result<Interval, &'static str> {
    if requests < FEWEST {
        return Err("there are fewer than 20 requests");
    }
    let defined: Vec<f64> = values.iter().flatten().copied().collect();
    if (values.len() - defined.len()) * 100 > values.len() * WITHOUT_VALUE_PERCENT {
        return Err("the metric is undefined in too many resamples");
    }
    percentile_interval(&defined, CONFIDENCE).map_err(|_| "the metric is undefined in the resamples")
}

/// Of how many requests at most resamples are drawn, so that no metric takes more than some seconds: distances are taken
/// between all points, and objects are matched anew each time.
fn most_units(kind: Kind) -> usize {
    match kind {
        Kind::Silhouette => 150,
        Kind::DetectionMap | Kind::Froc => 400,
        _ => 2_000,
    }
}
