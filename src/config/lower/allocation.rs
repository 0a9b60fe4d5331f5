//! Lowers how the shares of an A/B test follow what is learnt.

use std::time::Duration;

use crate::assign::Share;
use crate::config::diagnostic::Report;
use crate::config::diagnostic::did_you_mean;
use crate::config::field::At;
use crate::config::field::Field;
use crate::config::lower::exactly_one;
use crate::config::lower::strategy::Context;
use crate::config::scalar::Scalar;
use crate::config::schema;
use crate::evaluate::measure::Scale;
use crate::policy::OutcomeKind;
use crate::strategy::ab::Reward;
use crate::strategy::ab::Thompson;
use crate::vocab::MetricName;

const FLOOR: Share = Share::from_billionths(50_000_000).expect("5 % is no more than the whole");
const EVERY: Duration = Duration::from_secs(60);

impl Context<'_> {
    /// How the shares follow, from these on.
    pub(super) fn allocation(&self, raw: At<schema::Allocation>, weights: &[Share]) -> Option<Thompson> {
        let At { place, value } = raw;
        let At { place, value } = value.thompson.required("thompson", &place, self.report)?;
        let schema::Thompson { outcome, metric, floor, every } = value;
        exactly_one(&[("metric", metric.is_there()), ("outcome", outcome.is_there())], &place, self.report);
        let outcome =
            outcome.given().map(|name| self.outcomes.refer(name, &[OutcomeKind::Binary], self.report));
        let metric = metric.given().map(|name| self.binary_metric(name));
        let at = floor.place().unwrap_or(&place).clone();
        let floor = floor.or(FLOOR);
        let arms = weights.len() as u64;
        if floor == Share::NONE {
            self.report.add(&at, "at 0% an arm may never be tried again: expected more than 0%");
        } else if u64::from(floor.billionths()) * arms > u64::from(Share::ALL.billionths()) {
            self.report
                .add(&at, format!("{arms} arms cannot have {floor} each: expected {} at most", equal(arms)));
        } else if let Some(less) = weights.iter().find(|weight| **weight < floor) {
            let hint = "raise that share, or lower `floor`";
            self.report
                .add(&at, format!("an arm begins with {less}, below the floor of {floor}; hint: {hint}"));
        }
        let reward = match (outcome, metric) {
            (Some(name), _) => Reward::Outcome(name?),
            (None, metric) => Reward::Metric(metric??),
        };
        Some(Thompson { reward, floor, every: every.scalar().map_or(EVERY, |span| span.0) })
    }

    fn binary_metric(&self, name: At<Scalar<MetricName>>) -> Option<MetricName> {
        let At { place, value: Scalar(name) } = name;
        let declared = &self.metrics.declared;
        if !declared.iter().any(|known| known == name.as_str()) {
            let hint = did_you_mean(name.as_str(), declared.iter().map(String::as_str));
            self.report.add(&place, format!("unknown metric `{name}`{hint}"));
        }
        if self.metrics.find(&name)?.measure.kind.scale() != Scale::Binary {
            let hint = "use one that each answer meets or not, as `accuracy`";
            self.report.add(&place, format!("`{name}` is not yes or no for each answer; hint: {hint}"));
            return None;
        }
        Some(name)
    }
}

impl schema::Ab {
    /// What promotes or stops a candidate would be void.
    pub(super) fn refuse_decision(&self, report: &Report) {
        let refuse = |place| {
            report.add(
                place,
                "shares that follow what is learnt give no verdict; remove this, or `allocation`",
            );
        };
        if let Field::Given(At { place, .. }) = &self.guardrails {
            refuse(place);
        }
        if let Field::Given(At { place, .. }) = &self.primary_metric {
            refuse(place);
        }
    }
}

/// As much for each of so many arms.
fn equal(arms: u64) -> Share {
    let each = u64::from(Share::ALL.billionths()) / arms.max(1);
    u32::try_from(each).ok().and_then(Share::from_billionths).unwrap_or(Share::ALL)
}
