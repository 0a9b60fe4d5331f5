//! Metric handles, resolved once a policy snapshot, so that a request looks no label up.
//!
//! A series begins to exist when it is first counted: arms that never answer, or codes that never occur, cost
//! nothing.

use std::sync::Arc;
use std::sync::OnceLock;

use http::Method;
use prometheus::Histogram;
use prometheus::IntCounter;
use prometheus::local::LocalHistogram;

use crate::policy::Experiment;
use crate::policy::Model;
use crate::policy::Policy;
use crate::record::Observation;
use crate::strategy::Plan;
use crate::strategy::Strategy;
use crate::telemetry::Metrics;
use crate::telemetry::metrics::DEFAULT_ROUTE;
use crate::telemetry::traces;
use crate::vocab::ArmId;
use crate::vocab::ExperimentName;
use crate::vocab::Fate;
use crate::vocab::ModelName;
use crate::vocab::RequestId;
use crate::vocab::Role;

/// What a leg's answer is counted under: its status class, or the way it failed.
const CODES: [&str; 12] = [
    "1xx",
    "2xx",
    "3xx",
    "4xx",
    "5xx",
    "connect_error",
    "timeout",
    "reset",
    "truncated",
    "overloaded",
    "breaker_open",
    "cancelled",
];

/// The meters of one experiment.
#[derive(Debug)]
pub(super) struct ExperimentMeters {
    /// Under shadow: how long users waited whose requests were copied, and whose copies were held back.
    users: Option<[Histogram; 2]>,
    legs: Vec<[Arc<LegMeters>; Role::ALL.len()]>,
    /// Requests that were assigned to each arm, without and with a part in the comparison.
    assigned: Vec<[OnceLock<IntCounter>; 2]>,
}

/// The meters of one arm in one role.
#[derive(Debug)]
pub(super) struct LegMeters {
    experiment: Option<ExperimentName>,
    arm: ModelName,
    role: Role,
    /// Who is known for the language that the model speaks, if that is one of language models.
    provider: Option<&'static str>,
    requests: [OnceLock<IntCounter>; CODES.len()],
    duration: OnceLock<Histogram>,
    first_byte: OnceLock<Histogram>,
    inter_chunk: OnceLock<Histogram>,
    /// Copies that were sent.
    sent: OnceLock<IntCounter>,
}

impl ExperimentMeters {
    pub(super) fn new(policy: &Policy, experiment: &Experiment, metrics: &Metrics) -> Self {
        let user = |copied| metrics.user_duration.with_label_values(&[experiment.name.as_str(), copied]);
        let is_shadow = matches!(experiment.strategy, Strategy::Shadow(_));
        let legs = |arm| {
            let name = experiment.arm_name(policy, arm);
            let provider = policy.model(experiment.model(arm)).protocol.provider();
            Role::ALL.map(|role| Arc::new(LegMeters::new(Some(&experiment.name), name, role, provider)))
        };
        let users = is_shadow.then(|| [user("true"), user("false")]);
        let assigned = experiment.arm_ids().map(|_| <[OnceLock<IntCounter>; 2]>::default()).collect();
        Self { users, legs: experiment.arm_ids().map(legs).collect(), assigned }
    }

    /// Counts a request that was assigned to an arm.
    pub(super) fn count_assigned(&self, metrics: &Metrics, arm: ArmId, enrolled: bool) {
        let LegMeters { experiment, arm: name, .. } = &**self.leg(arm, Role::Answer);
        let counter = self.assigned[arm.index()][usize::from(enrolled)].get_or_init(|| {
            let experiment = experiment.as_ref().map_or(DEFAULT_ROUTE, ExperimentName::as_str);
            let enrolled = if enrolled { "true" } else { "false" };
            metrics.assigned.with_label_values(&[experiment, name.as_str(), enrolled])
        });
        counter.inc();
    }

    /// Where it is noted how long this request's user waited: only of those that copies were drawn for, so that
    /// chance alone tells the two sides apart.
    pub(super) fn user_duration(&self, plan: &Plan) -> Option<Histogram> {
        let [copied, held_back] = self.users.as_ref()?;
        match plan {
            Plan { held_back: true, .. } => Some(held_back.clone()),
            Plan { copies, .. } => (!copies.is_empty()).then(|| copied.clone()),
        }
    }

    pub(super) fn leg(&self, arm: ArmId, role: Role) -> &Arc<LegMeters> {
        &self.legs[arm.index()][role as usize]
    }
}

impl LegMeters {
    /// The meters of the default model, which belongs to no experiment.
    pub(super) fn of_default(model: &Model) -> Self {
        Self::new(None, &model.name, Role::Answer, model.protocol.provider())
    }

    fn new(
        experiment: Option<&ExperimentName>,
        arm: &ModelName,
        role: Role,
        provider: Option<&'static str>,
    ) -> Self {
        Self {
            experiment: experiment.cloned(),
            arm: arm.clone(),
            role,
            provider,
            requests: [const { OnceLock::new() }; CODES.len()],
            duration: OnceLock::new(),
            first_byte: OnceLock::new(),
            inter_chunk: OnceLock::new(),
            sent: OnceLock::new(),
        }
    }

    /// What a leg's span says of it.
    pub(super) fn traced<'a>(
        &'a self,
        request_id: Option<RequestId>,
        method: &'a Method,
        path: &'a str,
    ) -> traces::Leg<'a> {
        traces::Leg {
            experiment: self.experiment.as_ref(),
            arm: &self.arm,
            role: self.role,
            request_id,
            method,
            path,
            provider: self.provider,
        }
    }

    fn labels(&self) -> [&str; 3] {
        let experiment = self.experiment.as_ref().map_or(DEFAULT_ROUTE, ExperimentName::as_str);
        [experiment, self.arm.as_str(), self.role.as_str()]
    }

    /// Counts a copy that is sent.
    pub(super) fn count_sent(&self, metrics: &Metrics) {
        self.sent.get_or_init(|| metrics.copies_sent.with_label_values(&self.labels())).inc();
    }

    /// Where one stream notes the time between its chunks: it shares nothing until it is dropped, so that a chunk costs no
    /// atomic.
    pub(super) fn inter_chunk(&self, metrics: &Metrics) -> LocalHistogram {
        self.inter_chunk.get_or_init(|| metrics.inter_chunk.with_label_values(&self.labels())).local()
    }

    /// Counts a leg that ended. The client's leaving, or a call that never came to the model, says nothing of the
    /// model's speed and enters no histogram.
    pub(super) fn observe(&self, metrics: &Metrics, observation: &Observation) {
        let code = code(observation.judged_status(), observation.fate);
        let labels = self.labels();
        let requests = self.requests[code].get_or_init(|| {
            let [experiment, arm, role] = labels;
            metrics.requests.with_label_values(&[experiment, arm, role, CODES[code]])
        });
        requests.inc();
        if observation.fate == Fate::Cancelled || observation.fate.is_unsent() {
            return;
        }
        let duration = self.duration.get_or_init(|| metrics.request_duration.with_label_values(&labels));
        duration.observe(observation.total.as_secs_f64());
        if let Some(first_byte) = observation.first_byte {
            let histogram = self.first_byte.get_or_init(|| metrics.first_byte.with_label_values(&labels));
            histogram.observe(first_byte.as_secs_f64());
        }
    }
}

fn code(status: Option<u16>, fate: Fate) -> usize {
    let name = match (fate, status) {
        (Fate::Complete, Some(status)) => return usize::from(status / 100).clamp(1, 5) - 1,
        (Fate::Complete, None) => Fate::Reset.as_str(),
        (fate, _) => fate.as_str(),
    };
    CODES.iter().position(|code| *code == name).unwrap_or(CODES.len() - 1)
}
