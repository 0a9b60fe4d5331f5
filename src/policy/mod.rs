//! The compiled policy: models, experiments, and which requests belong to which.
//!
//! `config` builds it from YAML, whole and checked; a reload replaces it whole. A request takes one policy and
//! keeps it to its end, so indices into it (`ModelId`, `ArmId`, an experiment's place) stay valid. Nothing here
//! reads a file or touches a socket.

mod decision;
mod matcher;
mod ramp;
mod rewrite;
mod schedule;
mod shares;
mod spend;
mod unit;

#[cfg(test)]
pub(crate) mod tests;

pub use decision::Decision;
pub use decision::Guardrail;
pub use decision::JudgeDraw;
pub use decision::JudgeMode;
pub use decision::JudgedBy;
pub use decision::Metric;
pub use decision::OnBreach;
pub use decision::Primary;
pub use decision::Source;
pub use decision::Watched;
pub use matcher::BodyView;
pub use matcher::Matcher;
pub use matcher::PathPattern;
pub use matcher::decoded;
pub use matcher::query_values;
pub use ramp::Phase;
pub use ramp::Ramp;
pub use ramp::Stage;
pub use rewrite::Rewrite;
pub use schedule::Hours;
pub use schedule::Quiet;
pub use schedule::Schedule;
pub use schedule::Weekday;
pub use shares::Shares;
pub use shares::Split;
pub use spend::Due;
pub use spend::Spend;
pub use spend::Spent;
pub use unit::Unit;
pub use unit::UnitSource;

use std::sync::Arc;
use std::time::Duration;

use http::HeaderName;
use http::request::Parts;
use indexmap::IndexMap;
use serde::Deserialize;
use serde::Serialize;

use crate::assign::Salts;
use crate::assign::Share;
use crate::compare::Field;
use crate::cost::Rate;
use crate::protocol::Protocol;
use crate::strategy::Strategy;
use crate::strategy::ab::Thompson;
use crate::vocab::ArmId;
use crate::vocab::ExperimentName;
use crate::vocab::ModelId;
use crate::vocab::ModelName;
use crate::vocab::OutcomeName;

/// Everything that decides what happens to a request.
#[derive(Debug)]
pub struct Policy {
    /// The first 12 hexadecimal digits of the SHA-256 of the file it came from.
    pub hash: String,
    /// The models, in the order of the file; `ModelId` is a place in this list.
    pub models: Vec<Model>,
    /// The experiments, in the order of the file; the first that matches a request wins.
    pub experiments: Vec<Experiment>,
    /// The model for requests that no experiment matches; `None`: they are answered 404.
    pub default: Option<ModelId>,
}

/// What the policy knows of a model. How it is reached is `upstream`'s.
#[derive(Debug, Clone, PartialEq)]
pub struct Model {
    /// The name.
    pub name: ModelName,
    /// What its bodies mean.
    pub protocol: Protocol,
    /// What it charges; `None`: unknown, no cost is reported.
    pub rate: Option<Rate>,
    /// Whether it gets the users' credentials; `None`: that depends on whom it is held against.
    pub credentials: Option<Credentials>,
    /// What its requests are changed to; `None`: they pass as they come.
    pub rewrite: Option<Rewrite>,
}

/// What becomes of the users' credentials on the way to a model.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Credentials {
    /// They are passed on.
    Pass,
    /// They are taken off.
    Strip,
}

/// One test of one or more candidates against legacy.
#[derive(Debug)]
pub struct Experiment {
    /// The name.
    pub name: ExperimentName,
    /// The requests it takes.
    pub matcher: Matcher,
    /// The arms' models, legacy first; `ArmId` is a place in this list.
    pub arms: Vec<ModelId>,
    /// What each arm gets of the users' credentials, in the order of `arms`.
    pub credentials: Vec<Credentials>,
    /// Copies are sent so that the model uses no tools: nobody waits for what they would do.
    pub suppresses_tools: bool,
    /// Where the unit stands; the first present counts. Empty: each request is its own unit.
    pub unit: Vec<UnitSource>,
    /// Whether copies are drawn by the unit: of a conversation all turns or none.
    pub whole_units: bool,
    /// Whether records hold a hash of the unit (the default) or the unit itself.
    pub hash_unit: bool,
    /// The salts of its draws.
    pub salts: Salts,
    /// What is done with its requests.
    pub strategy: Strategy,
    /// What may be reported later of a request, by name.
    pub outcomes: IndexMap<OutcomeName, OutcomeRule>,
    /// The fields by which two answers are compared; empty: whole answers, as JSON where they are.
    pub compare: Vec<Field>,
    /// How answers are measured.
    pub metrics: Vec<Metric>,
    /// Which requests its judges are to judge.
    pub judges: Vec<JudgeDraw>,
    /// What it is decided by.
    pub decision: Decision,
    /// Whether answers tell their arm in `crossfade-arm`.
    pub expose_arm: bool,
    /// The request header that may force an arm, by its model's name; `None`: nobody may.
    pub force_header: Option<HeaderName>,
    /// What makes evidence comparable: candidates with their endpoints, salt, unit, and what it is decided by. A
    /// reload that changes it starts the ramp again.
    pub identity: String,
    /// When it runs.
    pub schedule: Schedule,
    /// Where it stands.
    pub ramp: Arc<Ramp>,
    /// The arms' present shares in an A/B test; elsewhere nobody reads them.
    pub shares: Arc<Shares>,
    /// What copies have cost today.
    pub spend: Arc<Spend>,
}

/// What a declared outcome is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OutcomeRule {
    /// The type of its value.
    pub kind: OutcomeKind,
    /// How long after the request it still counts.
    pub window: Duration,
    /// What it means when none arrives.
    pub absent: Absent,
}

/// The type of an outcome's value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OutcomeKind {
    /// An item of the answer was chosen: its id or its place.
    Click,
    /// The true class: a string, or a whole number.
    Label,
    /// Yes or no: thumbs, a conversion.
    Binary,
    /// A finite number: a rating, revenue.
    Number,
    /// Any JSON: a list, boxes, a reference text.
    Json,
}

/// What it means when no outcome arrives within the window.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Absent {
    /// Nothing is known.
    Missing,
    /// It did not happen: no click, zero, false.
    None,
}

/// Which part of the policy a request belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Selection {
    /// The experiment at this place of the list.
    Experiment(usize),
    /// No experiment: the default model, if there is one.
    Default,
    /// The request's body must be read before it can be said.
    NeedsBody,
}

impl Policy {
    /// Finds the first experiment that takes a request.
    pub fn select(&self, head: &Parts, body: BodyView<'_>) -> Selection {
        for (place, experiment) in self.experiments.iter().enumerate() {
            match experiment.matcher.matches(head, body) {
                Some(true) => return Selection::Experiment(place),
                Some(false) => continue,
                None => return Selection::NeedsBody,
            }
        }
        Selection::Default
    }

    /// Lets experiments that go on under another policy keep what their copies have cost today.
    pub fn keep_spend(&mut self, before: &Policy) {
        for experiment in &mut self.experiments {
            if let Some(known) = before.experiment(experiment.name.as_str()) {
                experiment.spend = Arc::clone(&known.spend);
            }
        }
    }

    /// Lets experiments that go on under another policy keep the shares that they have learnt; what a roll back took out
    /// of an A/B test is `rollout`'s to remember.
    pub fn keep_shares(&mut self, before: &Policy) {
        for experiment in &mut self.experiments {
            let known = before.experiment(experiment.name.as_str());
            let known =
                known.filter(|known| known.identity == experiment.identity && known.allocation().is_some());
            if let (Some(known), Some(_)) = (known, experiment.allocation()) {
                experiment.shares = Arc::clone(&known.shares);
            }
        }
    }

    /// The experiment of a name.
    pub fn experiment(&self, name: &str) -> Option<&Experiment> {
        self.experiments.iter().find(|experiment| experiment.name.as_str() == name)
    }

    /// The model at a place of the list.
    pub fn model(&self, id: ModelId) -> &Model {
        &self.models[id.index()]
    }
}

impl Experiment {
    /// The model that plays an arm.
    pub fn model(&self, arm: ArmId) -> ModelId {
        self.arms[arm.index()]
    }

    /// The arm played by the model of a name.
    pub fn arm_named(&self, policy: &Policy, name: &str) -> Option<ArmId> {
        let place = self.arms.iter().position(|model| policy.model(*model).name.as_str() == name)?;
        u8::try_from(place).ok().map(ArmId)
    }

    /// The arm that a header asks for, where the policy lets it. A name that is no arm's asks for nothing.
    pub fn forced_arm(&self, policy: &Policy, head: &Parts) -> Option<ArmId> {
        let wanted = head.headers.get(self.force_header.as_ref()?)?.to_str().ok()?;
        self.arm_named(policy, wanted)
    }

    /// An arm's name: its model's.
    pub fn arm_name<'p>(&self, policy: &'p Policy, arm: ArmId) -> &'p ModelName {
        &policy.model(self.model(arm)).name
    }

    /// How its shares follow what is learnt; `None`: they do not.
    pub fn allocation(&self) -> Option<&Thompson> {
        match &self.strategy {
            Strategy::Ab(settings) => settings.allocation.as_ref(),
            Strategy::Shadow(_) | Strategy::Canary(_) | Strategy::Interleave(_) => None,
        }
    }

    /// The present split of an A/B test.
    pub fn split(&self) -> Option<Arc<Split>> {
        matches!(self.strategy, Strategy::Ab(_)).then(|| self.shares.load())
    }

    /// All arms, legacy first.
    pub fn arm_ids(&self) -> impl Iterator<Item = ArmId> + use<> {
        (0..self.arms.len() as u8).map(ArmId)
    }

    /// The share of units or requests that each arm answers at present, in the order of the arms.
    pub fn weights(&self) -> Vec<Share> {
        let stage = self.ramp.load();
        match &self.strategy {
            Strategy::Canary(_) => vec![stage.weight.complement(), stage.weight],
            Strategy::Ab(settings) if stage.phase.is_open() => {
                self.split().map_or_else(|| settings.weights.clone(), |split| split.weights.clone())
            }
            Strategy::Ab(_) | Strategy::Shadow(_) | Strategy::Interleave(_) => self
                .arm_ids()
                .map(|arm| if arm == ArmId::LEGACY { Share::ALL } else { Share::NONE })
                .collect(),
        }
    }
}
