//! One policy held against another, over synthetic users: what changes when it takes the other's place.

use serde::Serialize;

use crate::forecast::differences;
use crate::forecast::differences::ModelChange;
use crate::forecast::draws::Taker;
use crate::forecast::examples::Example;
use crate::forecast::examples::examples;
use crate::forecast::examples::told;
use crate::forecast::flow::Between;
use crate::forecast::flow::Flow;
use crate::forecast::flow::flow;
use crate::forecast::flow::handler;
use crate::policy::Experiment;
use crate::policy::Matcher;
use crate::policy::Model;
use crate::policy::Policy;
use crate::upstream;
use crate::vocab::ExperimentName;
use crate::vocab::StrategyKind;

/// A policy, with how its models are reached, in their order.
#[derive(Debug, Clone, Copy)]
pub struct Side<'p> {
    /// The policy.
    pub policy: &'p Policy,
    /// How each model is reached.
    pub upstreams: &'p [upstream::Settings],
}

/// What changes when one policy takes another's place.
#[derive(Debug, Serialize)]
pub struct Against {
    /// The hash of the policy in force.
    pub before: String,
    /// The hash of the policy that takes its place.
    pub after: String,
    /// How many synthetic users were drawn: `user-0` and so on.
    pub users: u32,
    /// The most of them that change model anywhere.
    pub moved: u32,
    /// What is read at start only and differs: these keys need a restart.
    pub needs_restart: Vec<&'static str>,
    /// The models that are not as they were.
    pub models: Vec<ModelChange>,
    /// Every experiment of either policy.
    pub experiments: Vec<ExperimentChange>,
    /// Who answers which requests, as far as examples tell.
    pub flows: Vec<Flow>,
    /// Experiments whose `match` has a JSON path for which no example can be made: which requests they take or lose
    /// is not told.
    pub untold: Vec<ExperimentName>,
}

/// What becomes of an experiment.
#[derive(Debug, Serialize)]
pub struct ExperimentChange {
    /// Its name.
    pub experiment: ExperimentName,
    /// Whether it is new, gone, or goes on.
    pub fate: Fate,
    /// What it was called; `null`: the same, or it was not there.
    pub formerly: Option<ExperimentName>,
    /// Its strategy under the old policy.
    pub strategy_before: Option<StrategyKind>,
    /// Its strategy under the new one.
    pub strategy_after: Option<StrategyKind>,
    /// The keys that differ.
    pub changed: Vec<&'static str>,
    /// What the new `match` takes of the old one's requests: `same`, `wider`, `narrower`, `other`.
    pub match_is: Option<&'static str>,
    /// Why its evidence begins again, empty; empty where it goes on, and where there was none.
    pub begins_again: Vec<&'static str>,
    /// Whether another salt draws every user anew.
    pub reshuffled: bool,
}

/// Whether an experiment is new, gone, or goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Fate {
    /// Nothing of it changed.
    Same,
    /// It goes on with other settings.
    Changed,
    /// It has another name.
    Renamed,
    /// The old policy has none like it.
    New,
    /// The new policy has none like it.
    Gone,
}

impl<'p> Side<'p> {
    pub(super) fn models(self) -> impl Iterator<Item = (&'p Model, &'p upstream::Settings)> {
        self.policy.models.iter().zip(self.upstreams)
    }
}

/// Tells what changes for this many synthetic users when `new` takes the place of `old`.
pub fn against(old: &Side<'_>, new: &Side<'_>, needs_restart: Vec<&'static str>, users: u32) -> Against {
    let units: Vec<String> = (0..users).map(|number| format!("user-{number}")).collect();
    let flows = flows(old.policy, new.policy, &units);
    Against {
        before: old.policy.hash.clone(),
        after: new.policy.hash.clone(),
        users,
        moved: flows.iter().map(Flow::moved).max().unwrap_or(0),
        needs_restart,
        models: differences::of_models(old, new),
        experiments: experiments(old, new),
        flows,
        untold: untold(old.policy, new.policy),
    }
}

/// One flow for each two parts of the policies that an example goes to.
fn flows(old: &Policy, new: &Policy, units: &[String]) -> Vec<Flow> {
    let mut flows: Vec<Flow> = Vec::new();
    for example in examples(&matchers(old, new)) {
        let taker = |policy| (policy, taker(policy, &example));
        let between = Between { old: taker(old), new: taker(new) };
        let ends = (handler(between.old), handler(between.new));
        if flows.iter().all(|known| (&known.before, &known.after) != (&ends.0, &ends.1)) {
            flows.push(flow(between, told(&example), units));
        }
    }
    flows
}

fn taker<'p>(policy: &'p Policy, example: &Example) -> Taker<'p> {
    Taker::of(policy, policy.select(&example.head, example.body()))
}

/// The conditions of all experiments, the new policy's first, none twice.
fn matchers<'p>(old: &'p Policy, new: &'p Policy) -> Vec<&'p Matcher> {
    let mut matchers: Vec<&Matcher> = Vec::new();
    for experiment in new.experiments.iter().chain(&old.experiments) {
        if !matchers.contains(&&experiment.matcher) {
            matchers.push(&experiment.matcher);
        }
    }
    matchers
}

fn untold(old: &Policy, new: &Policy) -> Vec<ExperimentName> {
    let mut names: Vec<ExperimentName> = Vec::new();
    for experiment in new.experiments.iter().chain(&old.experiments) {
        let several = experiment.matcher.json.iter().any(|(path, _)| path.place().is_none());
        if several && !names.contains(&experiment.name) {
            names.push(experiment.name.clone());
        }
    }
    names
}

fn experiments(old: &Side<'_>, new: &Side<'_>) -> Vec<ExperimentChange> {
    let mut gone: Vec<&Experiment> = old
        .policy
        .experiments
        .iter()
        .filter(|one| new.policy.experiment(one.name.as_str()).is_none())
        .collect();
    let mut changes = Vec::new();
    for experiment in &new.policy.experiments {
        let same = old.policy.experiment(experiment.name.as_str());
        let renamed = gone.iter().position(|former| is_renamed((old, former), (new, experiment)));
        changes.push(match (same, renamed) {
            (Some(former), _) => going_on((old, former), (new, experiment)),
            (None, Some(place)) => going_on((old, gone.remove(place)), (new, experiment)),
            (None, None) => single(experiment, Fate::New),
        });
    }
    changes.extend(gone.into_iter().map(|experiment| single(experiment, Fate::Gone)));
    changes
}

/// An experiment on the same models and requests under another name is the same one renamed.
fn is_renamed(old: (&Side<'_>, &Experiment), new: (&Side<'_>, &Experiment)) -> bool {
    old.1.matcher == new.1.matcher && differences::arms(old.0, old.1) == differences::arms(new.0, new.1)
}

fn going_on(old: (&Side<'_>, &Experiment), new: (&Side<'_>, &Experiment)) -> ExperimentChange {
    let (former, present) = (old.1, new.1);
    let renamed = former.name != present.name;
    let changed = differences::of_experiments(old, new);
    let mut begins_again = differences::of_identities(old, new);
    if renamed {
        begins_again.insert(0, "the name");
    }
    ExperimentChange {
        experiment: present.name.clone(),
        fate: match (renamed, changed.is_empty() && begins_again.is_empty()) {
            (true, _) => Fate::Renamed,
            (false, true) => Fate::Same,
            (false, false) => Fate::Changed,
        },
        formerly: renamed.then(|| former.name.clone()),
        strategy_before: Some(former.strategy.kind()),
        strategy_after: Some(present.strategy.kind()),
        changed,
        match_is: Some(compared(&former.matcher, &present.matcher)),
        begins_again,
        reshuffled: former.salts != present.salts,
    }
}

fn compared(old: &Matcher, new: &Matcher) -> &'static str {
    match (new.covers(old), old.covers(new)) {
        (true, true) => "same",
        (true, false) => "wider",
        (false, true) => "narrower",
        (false, false) => "other",
    }
}

fn single(experiment: &Experiment, fate: Fate) -> ExperimentChange {
    let (is_new, kind) = (fate == Fate::New, experiment.strategy.kind());
    ExperimentChange {
        experiment: experiment.name.clone(),
        fate,
        formerly: None,
        strategy_before: (!is_new).then_some(kind),
        strategy_after: is_new.then_some(kind),
        changed: Vec::new(),
        match_is: None,
        begins_again: Vec::new(),
        reshuffled: false,
    }
}
