//! What a policy does with one unit's request, as names that two policies have in common.

use crate::assign::Share;
use crate::policy::Experiment;
use crate::policy::Policy;
use crate::policy::Selection;
use crate::strategy::Answer;
use crate::strategy::Draw;
use crate::strategy::Plan;
use crate::vocab::ModelId;

/// What a user gets where a list is mixed of all arms' lists. In brackets, as no name of a model is.
pub(super) const MIXED: &str = "(mixed list)";
/// What a user gets where no experiment matches and there is no default model.
pub(super) const NOBODY: &str = "(404)";

/// The part of a policy that takes a request.
#[derive(Debug, Clone, Copy)]
pub(super) enum Taker<'p> {
    Experiment(&'p Experiment),
    Default(ModelId),
    Nobody,
}

/// A part of a policy, where its experiment stands so.
#[derive(Debug, Clone, Copy)]
pub(super) struct Stand<'p> {
    pub(super) policy: &'p Policy,
    pub(super) taker: Taker<'p>,
    pub(super) at: Place,
}

/// Where an experiment stands.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place {
    /// Whether candidates take part.
    pub(super) open: bool,
    /// A canary's step, from 0.
    pub(super) step: usize,
    /// A canary's weight.
    pub(super) weight: Share,
}

/// What one request comes to.
#[derive(Debug)]
pub(super) struct Drawn<'p> {
    /// The model that answers, [`MIXED`] or [`NOBODY`].
    pub(super) answerer: &'p str,
    /// Whether it takes part in an experiment's comparison.
    pub(super) enrolled: bool,
    /// The models that are asked for the answer: several where their lists are mixed.
    pub(super) asked: Vec<&'p str>,
    /// The models that get a copy.
    pub(super) copied: Vec<&'p str>,
}

impl<'p> Taker<'p> {
    /// What a selection stands for.
    pub(super) fn of(policy: &'p Policy, selection: Selection) -> Self {
        match (selection, policy.default) {
            (Selection::Experiment(place), _) => Taker::Experiment(&policy.experiments[place]),
            (Selection::Default | Selection::NeedsBody, Some(model)) => Taker::Default(model),
            (Selection::Default | Selection::NeedsBody, None) => Taker::Nobody,
        }
    }

    pub(super) fn experiment(self) -> Option<&'p Experiment> {
        match self {
            Taker::Experiment(experiment) => Some(experiment),
            Taker::Default(_) | Taker::Nobody => None,
        }
    }
}

impl<'p> Stand<'p> {
    /// Draws for a request of a unit; `None`: the policy names a unit and the request lacks it.
    pub(super) fn draw(&self, unit: Option<&[u8]>, request: &[u8]) -> Drawn<'p> {
        let experiment = match self.taker {
            Taker::Experiment(experiment) => experiment,
            Taker::Default(model) => return Drawn::fixed(self.policy.model(model).name.as_str()),
            Taker::Nobody => return Drawn { asked: Vec::new(), ..Drawn::fixed(NOBODY) },
        };
        let Plan { answer, copies, assignment, .. } = plan(experiment, self.at, unit, request);
        let name = |arm| experiment.arm_name(self.policy, arm).as_str();
        let (answerer, asked) = match answer {
            Answer::Arm(arm) => (name(arm), vec![name(arm)]),
            Answer::Mixed => (MIXED, experiment.arm_ids().map(name).collect()),
        };
        let copied = copies.iter().map(|copy| name(copy.arm)).collect();
        Drawn { answerer, enrolled: assignment.enrolled, asked, copied }
    }
}

impl<'p> Drawn<'p> {
    fn fixed(answerer: &'p str) -> Self {
        Self { answerer, enrolled: false, asked: vec![answerer], copied: Vec::new() }
    }
}

impl Place {
    /// A canary's step.
    pub(super) fn step(step: usize, weight: Share) -> Self {
        Self { open: true, step, weight }
    }

    /// The candidates take part as the strategy says.
    pub(super) fn running() -> Self {
        Self::step(0, Share::NONE)
    }
}

/// The plan of the experiment's own strategy, by the shares of the file.
fn plan(experiment: &Experiment, at: Place, unit: Option<&[u8]>, request: &[u8]) -> Plan {
    let Place { open, weight, .. } = at;
    let whole_units = experiment.whole_units;
    let draw = Draw {
        salts: &experiment.salts,
        unit,
        request,
        whole_units,
        open,
        weight,
        shares: None,
        forced: None,
    };
    experiment.strategy.plan(&draw, experiment.arms.len())
}
