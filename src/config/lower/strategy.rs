//! Lowers the strategies.

use std::num::NonZeroU64;
use std::time::Duration;

use crate::assign::Share;
use crate::config::diagnostic::Place;
use crate::config::diagnostic::Report;
use crate::config::field::At;
use crate::config::field::Field;
use crate::config::lower::arms::AbArms;
use crate::config::lower::arms::Sides;
use crate::config::lower::decision::Tested;
use crate::config::lower::exactly_one;
use crate::config::lower::metric::Metrics;
use crate::config::lower::model::Models;
use crate::config::lower::outcome::Outcomes;
use crate::config::scalar::OnVerdict;
use crate::config::scalar::Positive;
use crate::config::scalar::Scalar;
use crate::config::schema;
use crate::cost::Money;
use crate::policy::Decision;
use crate::policy::OutcomeKind;
use crate::protocol::Protocol;
use crate::strategy::Strategy;
use crate::strategy::ab;
use crate::strategy::canary;
use crate::strategy::interleave;
use crate::strategy::interleave::Method;
use crate::strategy::interleave::Mixing;
use crate::strategy::interleave::SharedPrefix;
use crate::strategy::interleave::Tau;
use crate::strategy::shadow;
use crate::strategy::shadow::Budget;
use crate::strategy::shadow::Daily;
use crate::strategy::shadow::Total;
use crate::vocab::ModelId;
use crate::vocab::StrategyKind;

const COPY_DEADLINE: Duration = Duration::from_secs(30);
const HELD_BACK: Share = Share::from_billionths(10_000_000).expect("1 % is no more than the whole");
const MIX_DEADLINE: Duration = Duration::from_secs(1);
const MIX_DEPTH: usize = 100;
const BUDGET_IN_FLIGHT: u32 = 256;
const BUDGET_BYTES: u64 = 64 * 1024 * 1024;

/// What a strategy is lowered with.
pub(super) struct Context<'a> {
    /// The experiment's place.
    pub(super) place: &'a Place,
    pub(super) sides: &'a Sides,
    /// Whether the policy names a unit.
    pub(super) has_unit: bool,
    pub(super) outcomes: &'a Outcomes,
    pub(super) metrics: &'a Metrics,
    pub(super) models: &'a Models,
    pub(super) report: &'a Report,
}

/// A strategy with all that stands under its key.
pub(super) struct Chosen {
    pub(super) strategy: Strategy,
    /// The experiment's arms, legacy first.
    pub(super) arms: Vec<ModelId>,
    pub(super) decision: Decision,
}

impl Context<'_> {
    /// The strategy that the policy chooses.
    pub(super) fn strategy(&self, raw: Field<schema::Strategy>) -> Option<Chosen> {
        let At { place, value } = raw.required("strategy", self.place, self.report)?;
        let schema::Strategy { shadow, canary, ab, interleave } = value;
        let keys = [
            ("shadow", shadow.is_there()),
            ("canary", canary.is_there()),
            ("ab", ab.is_there()),
            ("interleave", interleave.is_there()),
        ];
        exactly_one(&keys, &place, self.report);
        let shadow = shadow.given().map(|raw| self.shadow(raw));
        let canary = canary.given().map(|raw| self.canary(raw));
        let ab = ab.given().map(|raw| self.ab(raw));
        let interleave = interleave.given().map(|raw| self.interleave(raw));
        shadow.or(canary).or(ab).or(interleave)?
    }

    fn shadow(&self, mut raw: At<schema::Shadow>) -> Option<Chosen> {
        let decision = raw.value.take_decision();
        let schema::Shadow { sample, control, held_back, deadline, budget, .. } = raw.value;
        let arms = self.sides.arms(self.place, self.report);
        let decision = self.decision(decision, Tested { by: StrategyKind::Shadow, arms: arms.as_deref() });
        let settings = shadow::Settings {
            sample: sample.or(Share::ALL),
            control: control.or(Share::NONE),
            held_back: self.held_back(held_back),
            deadline: longer_than_nothing(deadline, COPY_DEADLINE),
            budget: self.budget(budget, arms.as_deref(), true),
        };
        Some(Chosen { strategy: Strategy::Shadow(settings), arms: arms?, decision })
    }

    fn held_back(&self, raw: Field<Scalar<Share>>) -> Share {
        if let Field::Given(At { place, value: Scalar(Share::ALL) }) = &raw {
            self.report.add(place, "this holds every copy back: expected less than 100%");
        }
        raw.or(HELD_BACK)
    }

    fn canary(&self, raw: At<schema::Canary>) -> Option<Chosen> {
        let At { place, mut value } = raw;
        let decision = value.take_decision();
        let schema::Canary { steps, pair, deadline, budget, fallback, .. } = value;
        if !self.has_unit {
            let hint = "name the user, as in `unit: [{header: x-user-id}]`";
            self.report.add(
                self.place,
                format!("a canary needs `unit`, or a user's model would change from request to request; hint: {hint}"),
            );
        }
        let arms = self.sides.arms(self.place, self.report);
        self.exactly_two("a canary", arms.as_deref());
        let decision = self.decision(decision, Tested { by: StrategyKind::Canary, arms: arms.as_deref() });
        let settings = canary::Settings {
            steps: self.steps(steps.required("steps", &place, self.report), &decision),
            pair: pair.or(Share::NONE),
            deadline: longer_than_nothing(deadline, COPY_DEADLINE),
            budget: self.budget(budget, arms.as_deref(), false),
            fallback: fallback.is_there(),
        };
        Some(Chosen { strategy: Strategy::Canary(settings), arms: arms?, decision })
    }

    fn steps(&self, raw: Option<At<Vec<Field<schema::Step>>>>, decision: &Decision) -> Vec<canary::Step> {
        let Some(At { place, value: list }) = raw else { return Vec::new() };
        if list.is_empty() {
            self.report.add(&place, "expected at least one step");
        }
        let count = list.len();
        let mut steps: Vec<canary::Step> = Vec::new();
        for At { place, value } in list.into_iter().filter_map(Field::given) {
            let schema::Step { weight, hold, min_requests, approve, until, timeout } = value;
            let Some(weight) = weight.required("weight", &place, self.report) else { continue };
            self.check_weight(&weight, steps.last());
            if let Field::Given(At { place, .. }) = &until {
                self.check_provable(place, steps.len() + 1 == count, decision);
            }
            let hold = hold.or(Duration::ZERO);
            if let Field::Given(At { place, value: Scalar(timeout) }) = &timeout
                && timeout.0 <= hold
            {
                self.report.add(place, "the step is given up before its `hold` is over");
            }
            steps.push(canary::Step {
                weight: weight.value.0,
                hold,
                min_requests: min_requests.or(0),
                until_verdict: until.is_there(),
                approve: approve.is_there(),
                timeout: timeout.scalar().map(|span| span.0),
            });
        }
        steps
    }

    /// A step that waits for what can never be proven would wait for ever.
    fn check_provable(&self, place: &Place, is_last: bool, decision: &Decision) {
        let limited = decision.guardrails.iter().any(|guardrail| guardrail.max_ratio.is_some());
        let provable = limited || is_last && decision.primary.is_some();
        if !provable {
            let hint =
                "give a guardrail a `max_ratio`, as in `guardrails: [{metric: error_rate, max_ratio: 1.5}]`";
            self.report
                .add(place, format!("no guardrail has a limit that a verdict could prove; hint: {hint}"));
        }
    }

    fn check_weight(&self, weight: &At<Scalar<Share>>, before: Option<&canary::Step>) {
        let At { place, value: Scalar(weight) } = weight;
        if *weight == Share::NONE {
            self.report.add(place, "a step of 0% tests nothing: expected more than 0%");
        } else if let Some(before) = before.filter(|before| before.weight > *weight) {
            self.report.add(
                place,
                format!(
                    "the weight shrinks from {} to {weight}; hint: users who are in must stay in",
                    before.weight
                ),
            );
        }
    }

    fn ab(&self, raw: At<schema::Ab>) -> Option<Chosen> {
        let At { place, mut value } = raw;
        if value.allocation.is_there() {
            value.refuse_decision(self.report);
        }
        let decision = value.take_decision();
        let schema::Ab { traffic, arms, pair, deadline, budget, fallback, on_verdict, allocation, .. } =
            value;
        let arms = arms
            .required("arms", &place, self.report)
            .and_then(|arms| self.sides.ab_arms(arms, self.models, self.report));
        let models = arms.as_ref().map(|arms| &arms.arms[..]);
        let budget = self.budget(budget, models, false);
        let decision = self.decision(decision, Tested { by: StrategyKind::Ab, arms: models });
        let weights = arms.as_ref().map_or(&[][..], |arms| &arms.weights);
        let allocation = allocation.given().map(|raw| self.allocation(raw, weights));
        let AbArms { arms, weights } = arms?;
        let settings = ab::Settings {
            traffic: traffic.or(Share::ALL),
            weights,
            pair: pair.or(Share::NONE),
            deadline: longer_than_nothing(deadline, COPY_DEADLINE),
            budget,
            fallback: fallback.is_there(),
            ends_on_verdict: on_verdict.or(OnVerdict::End) == OnVerdict::End,
            allocation: match allocation {
                Some(allocation) => Some(allocation?),
                None => None,
            },
        };
        Some(Chosen { strategy: Strategy::Ab(settings), arms, decision })
    }

    fn interleave(&self, raw: At<schema::Interleave>) -> Option<Chosen> {
        let At { place, mut value } = raw;
        let decision = value.take_decision();
        let schema::Interleave { method, shared_prefix, tau, items, id, depth, deadline, credit, .. } = value;
        let arms = self.sides.arms(self.place, self.report);
        let decision =
            self.decision(decision, Tested { by: StrategyKind::Interleave, arms: arms.as_deref() });
        let method = method.or(Method::TeamDraft);
        match method {
            Method::Balanced => self.exactly_two("the method `balanced`", arms.as_deref()),
            Method::Probabilistic => self.exactly_two("the method `probabilistic`", arms.as_deref()),
            Method::TeamDraft => {}
        }
        let mixing = self.mixing(method, shared_prefix, tau);
        let items = items.required("items", &place, self.report);
        let id = id.required("id", &place, self.report);
        let credit = credit.required("credit", &place, self.report);
        let credit = credit.and_then(|name| self.outcomes.refer(name, &[OutcomeKind::Click], self.report));
        let settings = interleave::Settings {
            mixing,
            items: items?.value.0,
            id: id?.value.0,
            depth: depth.scalar().map_or(MIX_DEPTH, usize::from),
            deadline: longer_than_nothing(deadline, MIX_DEADLINE),
            credit: credit?,
        };
        Some(Chosen { strategy: Strategy::Interleave(settings), arms: arms?, decision })
    }

    /// What can be set of another method would promise what it cannot keep.
    fn mixing(
        &self,
        method: Method,
        shared_prefix: Field<Scalar<SharedPrefix>>,
        tau: Field<Scalar<Tau>>,
    ) -> Mixing {
        if let (Field::Given(At { place, .. }), true) = (&shared_prefix, method != Method::TeamDraft) {
            self.report.add(place, "this goes with `method: team_draft` only; remove it");
        }
        if let (Field::Given(At { place, .. }), true) = (&tau, method != Method::Probabilistic) {
            self.report.add(place, "this goes with `method: probabilistic` only; remove it");
        }
        let plain = Mixing::of(method);
        Mixing { method, shared_prefix: shared_prefix.or(plain.shared_prefix), tau: tau.or(plain.tau) }
    }

    fn exactly_two(&self, who: &str, arms: Option<&[ModelId]>) {
        if let (Some(place), Some(arms)) = (&self.sides.named, arms)
            && arms.len() > 2
        {
            let found = arms.len() - 1;
            self.report.add(place, format!("{who} takes one candidate, found {found}"));
        }
    }

    /// The bounds on copies; `ends` says whether the experiment is over once they have come to so much in all.
    fn budget(&self, raw: Field<schema::Budget>, arms: Option<&[ModelId]>, ends: bool) -> Budget {
        let raw = raw.value().unwrap_or_default();
        let schema::Budget { in_flight, in_flight_bytes, per_second, usd_per_day, .. } = raw;
        let schema::Budget { tokens_per_day, total_copies, total_usd, .. } = raw;
        if let (Field::Given(At { place, .. }), Some(arms)) = (&tokens_per_day, arms) {
            self.check_tells_tokens(place, arms);
        }
        let (usd_per_day, total_usd) = (usd_per_day.given(), total_usd.given());
        for At { place, .. } in [&usd_per_day, &total_usd].into_iter().flatten() {
            if let Some(arms) = arms {
                self.check_priced_in_usd(place, arms);
            }
        }
        let total_copies = total_copies.given();
        let places = [total_copies.as_ref().map(|at| &at.place), total_usd.as_ref().map(|at| &at.place)];
        for place in places.into_iter().flatten().filter(|_| !ends) {
            self.report.add(place, "only a shadow experiment ends with its budget; hint: use `usd_per_day`");
        }
        Budget {
            in_flight: in_flight.scalar().map_or(BUDGET_IN_FLIGHT, u32::from),
            in_flight_bytes: in_flight_bytes.scalar().map_or(BUDGET_BYTES, |bytes| bytes.0),
            per_second: per_second.scalar().map(u32::from),
            daily: Daily {
                money: usd_per_day.map(|amount: At<Scalar<Money>>| amount.value.0),
                tokens: tokens_per_day.scalar().map(NonZeroU64::get),
            },
            in_all: Total {
                copies: total_copies.map(|copies| copies.value.0.get()),
                money: total_usd.map(|amount| amount.value.0),
            },
        }
    }

    /// A budget of tokens that nobody tells would promise what it cannot keep.
    fn check_tells_tokens(&self, place: &Place, arms: &[ModelId]) {
        let tells =
            |arm: &ModelId| !matches!(self.models.protocol(*arm), Some(Protocol::Http | Protocol::KserveV2));
        if !arms.iter().any(tells) {
            let hint = "give the candidate `protocol: openai` or `anthropic`";
            self.report.add(place, format!("no model of this experiment tells its tokens; hint: {hint}"));
        }
    }

    /// A budget of money that no price ever counts against would promise what it cannot keep.
    fn check_priced_in_usd(&self, place: &Place, arms: &[ModelId]) {
        let priced = || arms.iter().filter_map(|arm| Some((*arm, self.models.rate(*arm)?)));
        if let Some((arm, rate)) = priced().find(|(_, rate)| rate.currency != "USD") {
            let name = self.models.name(arm);
            self.report.add(place, format!("the model `{name}` is priced in {}, not in USD", rate.currency));
        } else if priced().next().is_none() && !self.report.touches("models") {
            self.report.add(place, "no model of this experiment has a `cost`; hint: add it to the candidate");
        }
    }
}

fn longer_than_nothing(field: Field<Scalar<Positive>>, default: Duration) -> Duration {
    field.scalar().map_or(default, |span| span.0)
}
