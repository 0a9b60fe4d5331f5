//! Lowers what an experiment is decided by: guardrails, the primary metric, error rates and times.

use serde_json::Value;
use serde_json::json;

use crate::config::diagnostic::Place;
use crate::config::diagnostic::did_you_mean;
use crate::config::field::At;
use crate::config::field::Field;
use crate::config::lower::exactly_one;
use crate::config::lower::metric::COST_PER_SUCCESS;
use crate::config::lower::metric::Metrics;
use crate::config::lower::metric::OWN;
use crate::config::lower::strategy::Context;
use crate::config::scalar::Scalar;
use crate::config::schema;
use crate::evaluate::measure::Better;
use crate::evaluate::measure::Scale;
use crate::policy::Decision;
use crate::policy::Guardrail;
use crate::policy::JudgeMode;
use crate::policy::Metric;
use crate::policy::OnBreach;
use crate::policy::OutcomeKind;
use crate::policy::Primary;
use crate::policy::Watched;
use crate::vocab::MetricName;
use crate::vocab::ModelId;
use crate::vocab::OutcomeName;
use crate::vocab::StrategyKind;

/// What an outcome may be of which a figure is taken.
const FIGURES: [OutcomeKind; 2] = [OutcomeKind::Binary, OutcomeKind::Number];

/// What can be a success.
const SUCCESSES: [OutcomeKind; 2] = [OutcomeKind::Binary, OutcomeKind::Click];

/// What an experiment compares, and how.
#[derive(Clone, Copy)]
pub(super) struct Tested<'t> {
    pub(super) by: StrategyKind,
    /// `None`: they are wrong.
    pub(super) arms: Option<&'t [ModelId]>,
}

/// Where the policy names no guardrails.
const USUAL: Guardrail =
    Guardrail { watch: Watched::ErrorRate, max_ratio: None, on_breach: OnBreach::Rollback };

impl Context<'_> {
    /// What the experiment is decided by.
    pub(super) fn decision(&self, raw: schema::Decision, tested: Tested<'_>) -> Decision {
        let schema::Decision { guardrails, primary_metric, alpha, guardrail_alpha, min_duration, stop_after } =
            raw;
        let min_seconds = min_duration.scalar().map_or(Decision::MIN_SECONDS, |span| span.as_secs_f64());
        if let Field::Given(At { place, value: Scalar(span) }) = &stop_after
            && span.0.as_secs_f64() < min_seconds
        {
            let hint = "set `min_duration`, which is 7d by default";
            self.report.add(place, format!("this is before anything may be promoted; hint: {hint}"));
        }
        let usual = !guardrails.is_there();
        let guardrails = self.guardrails(guardrails, tested);
        Decision {
            guardrails: if usual { vec![USUAL] } else { guardrails },
            primary: primary_metric.given().and_then(|raw| self.primary(raw, tested)),
            alpha: alpha.scalar().map_or(Decision::ALPHA, |chance| chance.0),
            guardrail_alpha: guardrail_alpha.scalar().map_or(Decision::GUARDRAIL_ALPHA, |chance| chance.0),
            min_seconds,
            stop_after_seconds: stop_after.scalar().map(|span| span.0.as_secs_f64()),
        }
    }

    fn guardrails(&self, raw: Field<Vec<Field<schema::Guardrail>>>, tested: Tested<'_>) -> Vec<Guardrail> {
        let mut guardrails: Vec<Guardrail> = Vec::new();
        for At { place, value } in raw.items() {
            let schema::Guardrail { metric, outcome, max_ratio, on_breach } = value;
            let Some(watch) = self.watched(metric, outcome, &place, tested) else { continue };
            if guardrails.iter().any(|known| known.watch == watch) {
                self.report.add(&place, "another guardrail watches the same");
            }
            let on_breach = self.on_breach(&watch, on_breach);
            guardrails.push(Guardrail {
                watch,
                max_ratio: max_ratio.scalar().map(|ratio| ratio.0),
                on_breach,
            });
        }
        guardrails
    }

    fn on_breach(&self, watch: &Watched, raw: Field<Scalar<OnBreach>>) -> OnBreach {
        if self.is_of_events(watch) {
            return raw.or(OnBreach::Rollback);
        }
        if let Field::Given(At { place, value: Scalar(OnBreach::Rollback) }) = &raw {
            let hint = "write `on_breach: hold`, or watch what is yes or no for each request";
            self.report
                .add(place, format!("a figure that is a number may hold, not roll back; hint: {hint}"));
        }
        OnBreach::Hold
    }

    /// Says whether each request either counts against it or does not.
    fn is_of_events(&self, watch: &Watched) -> bool {
        match watch {
            Watched::ErrorRate | Watched::LatencyP95 | Watched::LatencyP99 => true,
            Watched::Time
            | Watched::Cost
            | Watched::TimePerUnit
            | Watched::CostPerUnit
            | Watched::CostPerSuccess(_) => false,
            Watched::Metric(name) => {
                self.metrics.find(name).is_some_and(|metric| metric.measure.kind.scale() == Scale::Binary)
            }
            Watched::Outcome(name) => {
                self.outcomes.rules.get(name).is_some_and(|rule| rule.kind == OutcomeKind::Binary)
            }
        }
    }

    fn primary(&self, raw: At<schema::Primary>, tested: Tested<'_>) -> Option<Primary> {
        // What is worth finding is for whoever plans the test: nothing is decided by it.
        let At {
            place,
            value: schema::Primary { metric, outcome, margin, better, min_effect: _for_planning },
        } = raw;
        let of = self.watched(metric, outcome, &place, tested)?;
        let usual = match &of {
            Watched::ErrorRate
            | Watched::LatencyP95
            | Watched::LatencyP99
            | Watched::Time
            | Watched::Cost
            | Watched::TimePerUnit
            | Watched::CostPerUnit
            | Watched::CostPerSuccess(_) => Better::Lower,
            Watched::Metric(name) => self.metrics.find(name)?.measure.kind.better(),
            Watched::Outcome(_) => Better::Higher,
        };
        Some(Primary { of, better: better.or(usual), margin: margin.scalar().map_or(0.0, |margin| margin.0) })
    }

    /// The figure that `metric` or `outcome` names, or both.
    fn watched(
        &self,
        metric: Field<Scalar<MetricName>>,
        outcome: Field<Scalar<OutcomeName>>,
        place: &Place,
        tested: Tested<'_>,
    ) -> Option<Watched> {
        if let Field::Given(At { place, value: Scalar(name) }) = &metric
            && name.as_str() == COST_PER_SUCCESS
        {
            self.check_priced(place, tested.arms.unwrap_or_default());
            self.check_split(place, name, tested.by);
            if !outcome.is_there() {
                let hint = "name the outcome that is a success, as in `outcome: solved`";
                self.report.add(place, format!("`{name}` needs `outcome`; hint: {hint}"));
            }
            let outcome = outcome.given()?;
            return self.outcomes.refer(outcome, &SUCCESSES, self.report).map(Watched::CostPerSuccess);
        }
        exactly_one(&[("metric", metric.is_there()), ("outcome", outcome.is_there())], place, self.report);
        if let Some(name) = metric.given() {
            return self.metric(name, tested);
        }
        self.outcomes.refer(outcome.given()?, &FIGURES, self.report).map(Watched::Outcome)
    }

    fn metric(&self, name: At<Scalar<MetricName>>, tested: Tested<'_>) -> Option<Watched> {
        let At { place, value: Scalar(name) } = name;
        match name.as_str() {
            "error_rate" => return Some(Watched::ErrorRate),
            "latency_p95" => return Some(Watched::LatencyP95),
            "latency_p99" => return Some(Watched::LatencyP99),
            "time" => return Some(Watched::Time),
            "cost" => {
                self.check_priced(&place, tested.arms.unwrap_or_default());
                return Some(Watched::Cost);
            }
            "time_per_unit" => {
                self.check_split(&place, &name, tested.by);
                self.check_unit(&place, &name, "time");
                return Some(Watched::TimePerUnit);
            }
            "cost_per_unit" => {
                self.check_split(&place, &name, tested.by);
                self.check_unit(&place, &name, "cost");
                self.check_priced(&place, tested.arms.unwrap_or_default());
                return Some(Watched::CostPerUnit);
            }
            _ => {}
        }
        let declared = &self.metrics.declared;
        if !declared.iter().any(|known| known == name.as_str()) {
            let known = OWN.into_iter().chain(declared.iter().map(String::as_str));
            let hint = did_you_mean(name.as_str(), known);
            self.report.add(&place, format!("unknown metric `{name}`{hint}"));
        }
        if self.metrics.find(&name)?.measure.kind.scale() == Scale::Whole {
            let hint = "use one that each answer has a score on, as `accuracy`; `crossfade report` compares the others";
            self.report.add(
                &place,
                format!(
                    "`{name}` is of many answers together, so no test of it may be read at any time; hint: {hint}"
                ),
            );
            return None;
        }
        let judge = self.metrics.find(&name)?.judge.as_ref();
        if let Some(judge) = judge.filter(|judge| judge.mode == JudgeMode::Similarity) {
            let hint = "use the word of a judge that prefers an answer or scores all of them, such as `llm`";
            self.report.add(
                &place,
                format!(
                    "`{name}` is how near `{}` finds candidates' answers to legacy's, so legacy has no value that they \
                     could be held against; hint: {hint}",
                    judge.name
                ),
            );
            return None;
        }
        Some(Watched::Metric(name))
    }

    /// What is counted by unit compares one arm's units with another's; where models answer the same requests no unit is
    /// an arm's own.
    fn check_split(&self, place: &Place, name: &MetricName, by: StrategyKind) {
        if matches!(by, StrategyKind::Shadow | StrategyKind::Interleave) {
            let hint = "watch `cost` or `time`, which compare the same requests";
            let problem =
                format!("`{name}` needs users of each model, as of a canary or an A/B test; hint: {hint}");
            self.report.add(place, problem);
        }
    }

    fn check_unit(&self, place: &Place, name: &MetricName, of_requests: &str) {
        if !self.has_unit {
            let hint = format!("name the user or the conversation under `unit`, or watch `{of_requests}`");
            self.report.add(place, format!("`{name}` needs `unit`; hint: {hint}"));
        }
    }

    /// What has no price, or one in another currency, cannot be compared by it.
    fn check_priced(&self, place: &Place, arms: &[ModelId]) {
        if self.report.touches("models") {
            return;
        }
        let unpriced = arms.iter().find(|arm| self.models.rate(**arm).is_none());
        let mut currencies = arms.iter().filter_map(|arm| Some(&self.models.rate(*arm)?.currency));
        if let Some(arm) = unpriced {
            let name = self.models.name(*arm);
            self.report.add(place, format!("the model `{name}` has no `cost`; hint: say what it charges"));
        } else if let Some(first) = currencies.next()
            && let Some(other) = currencies.find(|other| *other != first)
        {
            self.report.add(place, format!("the models are priced in {first} and in {other}"));
        }
    }
}

/// The part of an experiment's identity that evidence owes to what it is weighed for; nothing where the policy leaves that
/// to the defaults. When a promotion may come changes no evidence.
pub(super) fn identity(decision: &Decision, metrics: &Metrics) -> String {
    let Decision { guardrails, primary, alpha, guardrail_alpha, .. } = decision;
    let usual =
        primary.is_none() && *alpha == Decision::ALPHA && *guardrail_alpha == Decision::GUARDRAIL_ALPHA;
    if usual && guardrails.as_slice() == [USUAL] {
        return String::new();
    }
    let figures = guardrails.iter().map(|guardrail| &guardrail.watch);
    let figures = figures.chain(primary.iter().map(|primary| &primary.of));
    let watched: Vec<&Metric> = figures
        .filter_map(|figure| match figure {
            Watched::Metric(name) => metrics.find(name),
            _ => None,
        })
        .collect();
    let decision: Value = json!({
        "guardrails": guardrails,
        "primary": primary,
        "alpha": alpha,
        "guardrail_alpha": guardrail_alpha,
        "metrics": watched,
    });
    format!(";decision={decision}")
}
