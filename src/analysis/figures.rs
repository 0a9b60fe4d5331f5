//! Effects and guardrails as whoever asks is shown them.

use serde::Serialize;

use crate::analysis::effect::Basis;
use crate::analysis::effect::Effect;
use crate::analysis::effect::EffectScale;
use crate::analysis::effect::Figure;
use crate::analysis::evidence::Evidence;
use crate::analysis::sentence::figure_name;
use crate::analysis::study::Subject;
use crate::policy::OnBreach;
use crate::vocab::ModelName;

/// How far a candidate is from legacy on one figure.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct EffectSummary {
    /// The candidate.
    pub candidate: ModelName,
    /// The figure: `error_rate`, `latency_p95`, `latency_p99`, `cost`, `votes`, or the name of a metric or outcome.
    pub figure: String,
    /// What it rests on.
    pub basis: Basis,
    /// What the effect is measured in.
    pub scale: EffectScale,
    /// The best estimate.
    pub estimate: Option<f64>,
    /// The lower end of a confidence sequence at the level of promotion.
    pub lower: Option<f64>,
    /// The upper end; missing where it is infinite.
    pub upper: Option<f64>,
    /// The natural logarithm of the e-value that the candidate is better; missing where bounds alone tell.
    pub log_e_better: Option<f64>,
    /// That it is worse.
    pub log_e_worse: Option<f64>,
    /// Events, pairs or votes that speak for a side; of numbers, units.
    pub events: u64,
    /// Why there is nothing to tell.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub undefined: Option<String>,
}

/// A guardrail as it stands.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct GuardrailSummary {
    /// What it watches.
    #[serde(flatten)]
    pub effect: EffectSummary,
    /// The relative risk that promotion must stay below.
    pub max_ratio: Option<f64>,
    /// What a breach does.
    pub on_breach: OnBreach,
    /// The strongest evidence of harm so far, which counts for ever.
    pub log_e_peak: Option<f64>,
    /// What that must reach.
    pub log_e_breach: f64,
    /// Whether it is breached.
    pub breached: bool,
    /// Whether the candidate is proven inside the limit; missing without one.
    pub within: Option<bool>,
}

impl EffectSummary {
    pub(super) fn of(figure: &Figure<'_>, effect: &Effect, subject: &Subject, candidate: usize) -> Self {
        let finite = |value: f64| value.is_finite().then_some(value);
        let log_e = |evidence: &Option<Evidence>| evidence.as_ref().and_then(Evidence::log_e);
        Self {
            candidate: subject.arms[candidate].clone(),
            figure: figure_name(figure),
            basis: effect.basis,
            scale: effect.scale,
            estimate: effect.estimate.and_then(finite),
            lower: effect.bounds.and_then(|bounds| finite(bounds.lower)),
            upper: effect.bounds.and_then(|bounds| finite(bounds.upper)),
            log_e_better: log_e(&effect.better),
            log_e_worse: log_e(&effect.worse),
            events: effect.events,
            undefined: effect.undefined.clone(),
        }
    }
}
