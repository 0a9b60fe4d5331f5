//! How well each arm's answers did on a metric, as whoever asks is shown it.

use serde::Serialize;

use crate::analysis::bootstrap::MetricDifference;
use crate::analysis::quality::Measured;
use crate::analysis::quality::Quality;
use crate::analysis::study::Study;
use crate::analysis::study::Subject;
use crate::evaluate::measure::Better;
use crate::evaluate::measure::Kind;
use crate::evaluate::measure::Measure;
use crate::evaluate::measure::Scale;
use crate::evaluate::probabilistic::ReliabilityBin;
use crate::stats::Interval;
use crate::vocab::MetricName;
use crate::vocab::ModelName;
use crate::vocab::Role;

/// One metric.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct MetricSummary {
    /// Its name.
    pub metric: MetricName,
    /// What it is.
    pub kind: Kind,
    /// Which way is better.
    pub better: Better,
    /// By arm and by what its calls were for.
    pub calls: Vec<CallQuality>,
    /// How far models are from legacy, where the metric is of many answers together; only in detailed summaries.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub differences: Vec<MetricDifference>,
}

/// How well one arm's answers in one role did.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct CallQuality {
    /// The arm.
    pub arm: ModelName,
    /// What its calls were for.
    pub role: Role,
    /// The metric's value; missing where it is undefined.
    pub value: Option<f64>,
    /// Why it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub undefined: Option<String>,
    /// The 95 % interval of the value, where the metric is of many answers together; only in detailed summaries.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub interval: Option<Interval>,
    /// How many answers were held against the truth; those that failed are among them where the metric has a worst score.
    pub examples: u64,
    /// The standard deviation of single answers' scores, where there are such.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deviation: Option<f64>,
    /// Answers that gave no prediction.
    pub failed: u64,
    /// Answers whose values the metric cannot use.
    pub unfit: u64,
    /// Why the first of them could not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unfit_because: Option<String>,
    /// The value is of a uniform sample and not of all.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub sampled: bool,
    /// Counts by true and predicted class, where the metric is of classes.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub classes: Vec<ClassCount>,
    /// How sure answers were against how often they were right, of those that are kept; only in detailed summaries.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub calibration: Vec<ReliabilityBin>,
}

/// How often a class was taken for another.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ClassCount {
    /// What was true.
    pub truth: String,
    /// What the model said.
    pub predicted: String,
    /// How often.
    pub count: u64,
}

impl Study {
    pub(super) fn metric_summaries(&self, subject: &Subject) -> Vec<MetricSummary> {
        let metrics = self.quality.iter();
        metrics.map(|(name, quality)| MetricSummary::of(name, quality, &subject.arms)).collect()
    }
}

impl MetricSummary {
    pub(super) fn of(metric: &MetricName, quality: &Quality, arms: &[ModelName]) -> Self {
        let Quality { measure, calls } = quality;
        let call = |(&(arm, role), measured): (&(usize, Role), &Measured)| {
            Some(CallQuality::of(arms.get(arm)?, role, measured, measure))
        };
        Self {
            metric: metric.clone(),
            kind: measure.kind,
            better: measure.kind.better(),
            calls: calls.iter().filter_map(call).collect(),
            differences: Vec::new(),
        }
    }
}

impl CallQuality {
    fn of(arm: &ModelName, role: Role, measured: &Measured, measure: &Measure) -> Self {
        let (whole, is_mean) = (measure.kind.scale() == Scale::Whole, measure.kind.is_mean());
        let value = measured.value(measure);
        let mut classes: Vec<ClassCount> = measured
            .classes
            .iter()
            .map(|((truth, predicted), count)| ClassCount {
                truth: truth.clone(),
                predicted: predicted.clone(),
                count: *count,
            })
            .collect();
        classes.sort_by(|one, other| (&one.truth, &one.predicted).cmp(&(&other.truth, &other.predicted)));
        Self {
            arm: arm.clone(),
            role,
            undefined: value.as_ref().err().map(ToString::to_string),
            value: value.ok(),
            interval: None,
            examples: if whole { measured.examples } else { measured.scores.n() },
            deviation: measured.scores.variance().ok().filter(|_| !whole).map(f64::sqrt),
            failed: measured.failed,
            unfit: measured.unfit,
            unfit_because: measured.unfit_because.clone(),
            sampled: !is_mean && measured.is_partial(),
            classes,
            calibration: Vec::new(),
        }
    }
}
