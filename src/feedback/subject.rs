//! What is known of the request that a report speaks of: by this gateway's memory, or by a ticket.

use std::sync::Arc;

use crate::feedback::ticket::Claims;
use crate::feedback::value::Reported;
use crate::policy::Experiment;
use crate::policy::OutcomeRule;
use crate::policy::Policy;
use crate::policy::Unit;
use crate::record::OutcomeRecord;
use crate::record::Shown;
use crate::record::recorded_identity;
use crate::record::recorded_unit;
use crate::strategy::Assignment;
use crate::strategy::Strategy;
use crate::vocab::ModelName;
use crate::vocab::OutcomeName;
use crate::vocab::RequestId;
use crate::vocab::Timestamp;

/// What one request was shown, as the answer path knows it.
#[derive(Debug, Clone)]
pub struct Exposure {
    /// The policy that the request was served under.
    pub policy: Arc<Policy>,
    /// The experiment's place in that policy.
    pub experiment: usize,
    /// Which attempt of the experiment it belongs to, from 1.
    pub attempt: u32,
    /// The number of the canary's stage.
    pub stage: Option<u32>,
    /// The draw.
    pub assignment: Assignment,
    /// What was randomised.
    pub unit: Unit,
    /// When the request's head arrived.
    pub time: Timestamp,
    /// The list that the user got, where lists were mixed.
    pub shown: Option<Arc<Shown>>,
}

/// Where the knowledge comes from.
#[derive(Debug)]
pub(super) enum Source {
    /// This gateway served the request.
    Here(Exposure),
    /// Some replica did, and signed what it knew.
    Ticket(Box<Claims>, Option<Shown>),
}

/// What a report is judged by.
#[derive(Debug)]
pub(super) struct Subject<'a> {
    /// The experiment under the present policy, or, where that has it no more, under the one that served.
    pub(super) experiment: &'a Experiment,
    pub(super) identity: String,
    pub(super) arms: Vec<ModelName>,
    pub(super) arm: ModelName,
    pub(super) stage: Option<u32>,
    pub(super) enrolled: bool,
    pub(super) unit: Option<String>,
    pub(super) time: Timestamp,
    pub(super) shown: Option<&'a Shown>,
}

impl Exposure {
    /// The experiment that served the request.
    pub(super) fn experiment(&self) -> &Experiment {
        &self.policy.experiments[self.experiment]
    }

    /// The assigned arm's name.
    pub(super) fn arm(&self) -> &ModelName {
        self.experiment().arm_name(&self.policy, self.assignment.arm)
    }

    /// What makes evidence comparable, as records show it.
    pub(super) fn identity(&self) -> String {
        recorded_identity(&self.experiment().identity, self.attempt)
    }

    /// The unit as records show it.
    pub(super) fn unit(&self) -> Option<String> {
        recorded_unit(self.experiment(), &self.unit)
    }
}

impl Source {
    /// What the knowledge holds in memory beside what all requests take, roughly.
    pub(super) fn held_bytes(&self) -> usize {
        match self {
            Source::Here(Exposure { unit, shown, .. }) => {
                unit.held_bytes() + shown.as_ref().map_or(0, |shown| shown.held_bytes())
            }
            // The claims hold the list once more.
            Source::Ticket(claims, shown) => {
                let name = claims.unit.as_ref().map_or(0, String::len);
                name + shown.as_ref().map_or(0, |shown| 2 * shown.held_bytes())
            }
        }
    }

    /// What a ticket tells.
    pub(super) fn told(claims: Claims) -> Self {
        let shown = claims.shown();
        Self::Ticket(Box::new(claims), shown)
    }

    /// Looks the request's experiment up; `None`: a ticket names one that the policy does not have.
    pub(super) fn subject<'a>(&'a self, policy: &'a Policy) -> Option<Subject<'a>> {
        Some(match self {
            Source::Here(exposure) => {
                let served = exposure.experiment();
                Subject {
                    experiment: policy.experiment(served.name.as_str()).unwrap_or(served),
                    identity: exposure.identity(),
                    arms: arms(served, &exposure.policy),
                    arm: exposure.arm().clone(),
                    stage: exposure.stage,
                    enrolled: exposure.assignment.enrolled,
                    unit: exposure.unit(),
                    time: exposure.time,
                    shown: exposure.shown.as_deref(),
                }
            }
            Source::Ticket(claims, shown) => {
                let experiment = policy.experiment(claims.experiment.as_str())?;
                Subject {
                    experiment,
                    identity: claims.identity.clone(),
                    arms: arms(experiment, policy),
                    arm: claims.arm.clone(),
                    stage: claims.stage,
                    enrolled: claims.enrolled,
                    unit: claims.unit.clone(),
                    time: claims.time(),
                    shown: shown.as_ref(),
                }
            }
        })
    }
}

impl<'a> Subject<'a> {
    /// The declaration of an outcome.
    pub(super) fn outcome(&self, name: &str) -> Option<(&'a OutcomeName, &'a OutcomeRule)> {
        self.experiment.outcomes.iter().find(|(declared, _)| declared.as_str() == name)
    }

    /// The list whose arms a click under this outcome credits; `None`: no list was mixed, all arms offered the
    /// same, or another outcome credits them.
    pub(super) fn credited_list(&self, name: &OutcomeName) -> Option<&'a Shown> {
        let Strategy::Interleave(settings) = &self.experiment.strategy else { return None };
        self.shown.filter(|shown| settings.credit == *name && !shown.no_contrast)
    }

    /// The record of a report.
    pub(super) fn record(
        &self,
        id: RequestId,
        name: &OutcomeName,
        reported: &Reported,
        late: bool,
        now: Timestamp,
    ) -> OutcomeRecord {
        let clicked = self.credited_list(name).zip(reported.place);
        let item = clicked.and_then(|(shown, place)| shown.items.get(place));
        OutcomeRecord {
            request_id: id,
            time: now,
            request_time: self.time,
            experiment: self.experiment.name.clone(),
            identity: self.identity.clone(),
            stage: self.stage,
            arm: self.arm.clone(),
            unit: self.unit.clone(),
            enrolled: self.enrolled,
            outcome: name.clone(),
            kind: reported.kind,
            value: reported.value.clone(),
            late,
            credit: item.map(|item| item.credit.clone()),
        }
    }
}

fn arms(experiment: &Experiment, policy: &Policy) -> Vec<ModelName> {
    experiment.arm_ids().map(|arm| experiment.arm_name(policy, arm).clone()).collect()
}
