//! Recorded requests put to another policy: which experiment takes them, who answers, what is copied, what it costs.

use std::collections::BTreeMap;
use std::collections::HashMap;

use serde::Serialize;

use crate::forecast::draws::MIXED;
use crate::forecast::draws::Taker;
use crate::forecast::flow::Handler;
use crate::forecast::flow::handler;
use crate::forecast::rebuilt::Rebuilt;
use crate::forecast::rebuilt::Told;
use crate::forecast::rebuilt::may_be_hidden;
use crate::forecast::tally::Asked;
use crate::forecast::tally::Prices;
use crate::forecast::tally::Sender;
use crate::forecast::tally::SimulatedExperiment;
use crate::forecast::tally::Tally;
use crate::policy::Experiment;
use crate::policy::Policy;
use crate::policy::Unit;
use crate::policy::UnitSource;
use crate::record;
use crate::record::Line;
use crate::record::PairedRecord;
use crate::record::hashed_unit;
use crate::record::looks_hashed;
use crate::vocab::ExperimentName;
use crate::vocab::StrategyKind;
use crate::vocab::Timestamp;

/// A policy with the recorded requests that it was given so far.
#[derive(Debug)]
pub struct Simulation<'p> {
    policy: &'p Policy,
    settings: &'p record::Settings,
    /// How much is read of a body; `None`: no experiment looks into it.
    body_cap_bytes: Option<usize>,
    /// Names of users that may be on record by their hash, and the names by hash for each experiment on record.
    names: Vec<String>,
    by_hash: HashMap<ExperimentName, HashMap<String, usize>>,
    pairs: u64,
    period: Option<(Timestamp, Timestamp)>,
    flows: Vec<SimulatedFlow>,
    untold: BTreeMap<Untold, u64>,
    lines_passed_over: u64,
    tallies: Vec<Tally<'p>>,
    prices: Prices,
}

/// What recorded requests come to under a policy.
#[derive(Debug, Serialize)]
pub struct Simulated {
    /// The policy's hash.
    pub policy: String,
    /// Recorded requests.
    pub requests: u64,
    /// When the first of them came.
    pub since: Option<Timestamp>,
    /// When the last of them came.
    pub until: Option<Timestamp>,
    /// Which experiment takes the requests of which.
    pub flows: Vec<SimulatedFlow>,
    /// Requests that are left out, by reason.
    pub untold: BTreeMap<Untold, u64>,
    /// Lines of the log that could not be read.
    pub lines_passed_over: u64,
    /// What each experiment makes of its requests.
    pub experiments: Vec<SimulatedExperiment>,
}

/// Requests that one experiment took and that one part of the policy takes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SimulatedFlow {
    /// The experiment on record.
    pub from: ExperimentName,
    /// What takes them now.
    pub to: Handler,
    /// How many.
    pub requests: u64,
}

/// Why it is not told what a policy makes of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Untold {
    /// A client's retry: the first try stands for it.
    Retry,
    /// A header forces the arm.
    Forced,
    /// `match` asks for a header or a parameter that is not recorded, was redacted, or is the hashed unit.
    HiddenHeader,
    /// `match` asks for a part of the body that was redacted, is the hashed unit, or was above the cap.
    HiddenBody,
    /// The record holds no request that can be read.
    Unreadable,
}

impl<'p> Simulation<'p> {
    /// A policy that was given nothing yet. By its own `settings` of the record it is judged what records lack; `names`
    /// are users' names, to know them by the hashes on record.
    pub fn of(policy: &'p Policy, settings: &'p record::Settings, names: Vec<String>) -> Self {
        Self {
            policy,
            settings,
            body_cap_bytes: policy.experiments.iter().any(reads_body).then_some(settings.body_cap_bytes),
            names,
            by_hash: HashMap::new(),
            pairs: 0,
            period: None,
            flows: Vec::new(),
            untold: BTreeMap::new(),
            lines_passed_over: 0,
            tallies: policy.experiments.iter().map(|experiment| Tally::new(policy, experiment)).collect(),
            prices: Prices::default(),
        }
    }

    /// Gives the policy one line of a log; only pairs are requests.
    pub fn fold(&mut self, line: &Line) {
        let Line::Pair(record) = line else { return };
        self.pairs += 1;
        let (since, until) = self.period.unwrap_or((record.time, record.time));
        self.period = Some((since.min(record.time), until.max(record.time)));
        record.observations.iter().for_each(|call| self.prices.add(self.policy, call));
        if record.retry {
            return self.not_told(Untold::Retry);
        }
        let Some(request) = Rebuilt::of(record, self.body_cap_bytes) else {
            return self.not_told(Untold::Unreadable);
        };
        let selection = match request.select(self.policy, self.settings) {
            Told::Selected(selection) => selection,
            Told::HiddenHeader => return self.not_told(Untold::HiddenHeader),
            Told::HiddenBody => return self.not_told(Untold::HiddenBody),
        };
        let taker = Taker::of(self.policy, selection);
        self.flows_to(record, handler((self.policy, taker)));
        match taker {
            Taker::Experiment(experiment) if experiment.forced_arm(self.policy, &request.head).is_some() => {
                self.not_told(Untold::Forced);
            }
            Taker::Experiment(experiment) => self.draw(experiment, record, &request),
            Taker::Default(_) | Taker::Nobody => {}
        }
    }

    /// Counts a line that cannot be read.
    pub fn pass_over(&mut self) {
        self.lines_passed_over += 1;
    }

    /// What it came to.
    pub fn told(self) -> Simulated {
        let Self { policy, pairs, period, flows, untold, lines_passed_over, tallies, prices, .. } = self;
        let experiments = policy.experiments.iter().zip(tallies);
        let experiments = experiments.map(|(experiment, tally)| {
            let per_second = experiment.strategy.budget().and_then(|budget| budget.per_second);
            tally.told(experiment, &prices, per_second)
        });
        Simulated {
            policy: policy.hash.clone(),
            requests: pairs,
            since: period.map(|(since, _)| since),
            until: period.map(|(_, until)| until),
            flows,
            untold,
            lines_passed_over,
            experiments: experiments.collect(),
        }
    }

    fn not_told(&mut self, reason: Untold) {
        *self.untold.entry(reason).or_default() += 1;
    }

    fn flows_to(&mut self, record: &PairedRecord, to: Handler) {
        let known = self.flows.iter_mut().find(|flow| flow.from == record.experiment && flow.to == to);
        match known {
            Some(flow) => flow.requests += 1,
            None => self.flows.push(SimulatedFlow { from: record.experiment.clone(), to, requests: 1 }),
        }
    }

    fn draw(&mut self, experiment: &'p Experiment, record: &PairedRecord, request: &Rebuilt) {
        let place = self.policy.experiments.iter().position(|known| known.name == experiment.name);
        let Some(place) = place else { return };
        let unit = match experiment.unit_of(&request.head, request.view()) {
            Some(Unit::Request) => None,
            Some(Unit::Named(name)) => Some(Some(name)),
            Some(Unit::Missing) | None => Some(hidden_unit(experiment, record, request, self.settings)),
        };
        let answered_by = match record.strategy {
            StrategyKind::Interleave => MIXED,
            StrategyKind::Shadow | StrategyKind::Canary | StrategyKind::Ab => record.assigned.as_str(),
        };
        let mut asked = Asked { record, sender: Sender::Request, answered_by };
        let Some(unit) = unit else { return self.tallies[place].add(asked) };
        let Some(unit) = unit else {
            asked.sender = Sender::Missing;
            return self.tallies[place].add(asked);
        };
        let name = self.named(experiment, record, &unit);
        asked.sender = match &name {
            Some(name) => Sender::Named(name),
            None => Sender::Hashed(&unit),
        };
        self.tallies[place].add(asked);
    }

    /// The user's name, where the record shows it, or its hash is that of a name which is known; `None`: it is hashed.
    fn named(&mut self, experiment: &Experiment, record: &PairedRecord, unit: &str) -> Option<String> {
        let is_recorded = record.unit.as_deref() == Some(unit);
        let is_shown = experiment.name == record.experiment && !experiment.hash_unit;
        if !is_recorded || is_shown || !looks_hashed(unit) {
            return Some(unit.to_owned());
        }
        let names = &self.names;
        let by_hash = self.by_hash.entry(record.experiment.clone()).or_insert_with(|| {
            let hashed =
                names.iter().enumerate().map(|(at, name)| (hashed_unit(&record.experiment, name), at));
            hashed.collect()
        });
        by_hash.get(unit).map(|at| names[*at].clone())
    }
}

fn reads_body(experiment: &Experiment) -> bool {
    let in_body = |source: &UnitSource| matches!(source, UnitSource::Json(_));
    !experiment.matcher.json.is_empty() || experiment.unit.iter().any(in_body)
}

/// The unit by which the request was drawn on record, where the policy's may stand in what records never show.
fn hidden_unit(
    experiment: &Experiment,
    record: &PairedRecord,
    request: &Rebuilt,
    settings: &record::Settings,
) -> Option<String> {
    let hidden = experiment.unit.iter().any(|source| may_be_hidden(source, settings, request));
    record.unit.clone().filter(|_| hidden)
}
