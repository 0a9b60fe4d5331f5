//! What an experiment is decided by, in the policy file: keys that stand under each of the four strategies alike.

use std::time::Duration;

use schemars::JsonSchema;
use serde::Deserialize;

use crate::config::field::Field;
use crate::config::scalar::Chance;
use crate::config::scalar::Positive;
use crate::config::scalar::Ratio;
use crate::config::scalar::Scalar;
use crate::config::scalar::Tolerance;
use crate::evaluate::measure::Better;
use crate::policy::OnBreach;
use crate::vocab::MetricName;
use crate::vocab::OutcomeName;

/// The keys of one strategy.
#[derive(Debug, Default)]
pub(crate) struct Decision {
    pub(crate) guardrails: Field<Vec<Field<Guardrail>>>,
    pub(crate) primary_metric: Field<Primary>,
    pub(crate) alpha: Field<Scalar<Chance>>,
    pub(crate) guardrail_alpha: Field<Scalar<Chance>>,
    pub(crate) min_duration: Field<Scalar<Duration>>,
    pub(crate) stop_after: Field<Scalar<Positive>>,
}

/// Adds the keys to a strategy's own: serde could flatten them in, but then knows no unknown keys and no places.
macro_rules! decided {
    (
        $(#[$meta:meta])*
        pub(crate) struct $strategy:ident {
            $($(#[$of_field:meta])* pub(crate) $field:ident: $type:ty,)*
        }
    ) => {
        $(#[$meta])*
        #[derive(Debug, Deserialize, JsonSchema)]
        #[serde(deny_unknown_fields)]
        pub(crate) struct $strategy {
            $($(#[$of_field])* pub(crate) $field: $type,)*
            /// What must not get worse. Default: the error rate, which rolls back.
            #[serde(default)]
            pub(crate) guardrails: Field<Vec<Field<crate::config::schema::Guardrail>>>,
            /// What promotion asks for besides. Absent: nothing.
            #[serde(default)]
            pub(crate) primary_metric: Field<crate::config::schema::Primary>,
            /// The chance of promoting a model that does not clear its margin. Default: 0.05.
            #[serde(default)]
            pub(crate) alpha: Field<Scalar<crate::config::scalar::Chance>>,
            /// The chance that the guardrails together stop a harmless candidate. Default: 0.01.
            #[serde(default)]
            pub(crate) guardrail_alpha: Field<Scalar<crate::config::scalar::Chance>>,
            /// The least time before a promotion: most traffic repeats itself by the week. Default: 7d.
            #[serde(default)]
            pub(crate) min_duration: Field<Scalar<std::time::Duration>>,
            /// After so long what is not decided is inconclusive. Absent: never.
            #[serde(default)]
            pub(crate) stop_after: Field<Scalar<Positive>>,
        }

        impl $strategy {
            /// Takes out what the experiment is decided by.
            pub(crate) fn take_decision(&mut self) -> crate::config::schema::Decision {
                crate::config::schema::Decision {
                    guardrails: std::mem::take(&mut self.guardrails),
                    primary_metric: std::mem::take(&mut self.primary_metric),
                    alpha: std::mem::take(&mut self.alpha),
                    guardrail_alpha: std::mem::take(&mut self.guardrail_alpha),
                    min_duration: std::mem::take(&mut self.min_duration),
                    stop_after: std::mem::take(&mut self.stop_after),
                }
            }
        }
    };
}

pub(super) use decided;

/// A figure that must not get worse: `metric` or `outcome`, or of `cost_per_success` both.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("oneOf" = [
    { "required": ["metric"], "not": { "required": ["outcome"] } },
    { "required": ["outcome"], "not": { "required": ["metric"] } },
    { "required": ["metric", "outcome"], "properties": { "metric": { "const": "cost_per_success" } } },
]))]
pub(crate) struct Guardrail {
    /// error_rate; latency_p95 or latency_p99: requests slower than legacy's quantile; time; cost; of canaries and A/B tests
    /// time_per_unit, cost_per_unit, cost_per_success; or one of `metrics`.
    #[serde(default)]
    pub(crate) metric: Field<Scalar<MetricName>>,
    /// An outcome of type binary or number; of `cost_per_success` of type binary or click.
    #[serde(default)]
    pub(crate) outcome: Field<Scalar<OutcomeName>>,
    /// What promotion asks for: the candidate's ratio to legacy is surely below this, at least 1. Absent: nothing.
    #[serde(default)]
    pub(crate) max_ratio: Field<Scalar<Ratio>>,
    /// What happens when it surely got worse: the candidate is taken out (rollback), or gets no more (hold). Default:
    /// rollback; hold for cost and whatever else is no yes or no, for which rollback is not possible.
    #[serde(default)]
    pub(crate) on_breach: Field<Scalar<OnBreach>>,
}

/// What promotion asks for: `metric` or `outcome`, or of `cost_per_success` both.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("oneOf" = [
    { "required": ["metric"], "not": { "required": ["outcome"] } },
    { "required": ["outcome"], "not": { "required": ["metric"] } },
    { "required": ["metric", "outcome"], "properties": { "metric": { "const": "cost_per_success" } } },
]))]
pub(crate) struct Primary {
    /// error_rate, latency_p95, latency_p99, time, cost, of canaries and A/B tests time_per_unit, cost_per_unit,
    /// cost_per_success, or one of `metrics`.
    #[serde(default)]
    pub(crate) metric: Field<Scalar<MetricName>>,
    /// An outcome of type binary or number; of `cost_per_success` of type binary or click.
    #[serde(default)]
    pub(crate) outcome: Field<Scalar<OutcomeName>>,
    /// How much worse the candidate may be; 0: it must be better. Default: 0.
    #[serde(default)]
    pub(crate) margin: Field<Scalar<Tolerance>>,
    /// Which way is better. Default: what the metric says; for an outcome higher.
    #[serde(default)]
    pub(crate) better: Field<Scalar<Better>>,
    /// The least effect worth finding, for planning only: it decides nothing.
    #[serde(default)]
    pub(crate) min_effect: Field<Scalar<Tolerance>>,
}
