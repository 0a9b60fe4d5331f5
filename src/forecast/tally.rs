//! What recorded requests come to under a policy: an experiment's arms and copies at each step, and what models cost.

use std::collections::BTreeMap;
use std::collections::HashMap;
use std::collections::HashSet;
use std::time::Duration;

use indexmap::IndexMap;
use serde::Serialize;

use crate::cost::Money;
use crate::forecast::draws::Drawn;
use crate::forecast::draws::Place;
use crate::forecast::draws::Stand;
use crate::forecast::draws::Taker;
use crate::forecast::ramp;
use crate::forecast::ramp::Standing;
use crate::policy::Experiment;
use crate::policy::Policy;
use crate::record::ObservationRecord;
use crate::record::PairedRecord;
use crate::strategy::Strategy;
use crate::vocab::Fate;
use crate::vocab::Timestamp;

/// What an experiment of the policy makes of the recorded requests.
#[derive(Debug, Serialize)]
pub struct SimulatedExperiment {
    /// Its name.
    pub experiment: String,
    /// Requests that it takes.
    pub requests: u64,
    /// Users among them whose name is known, so that their model is too.
    pub known_users: u64,
    /// Users of whom the record holds a hash: they are drawn by it, which makes the shares right and no single user.
    pub hashed_users: u64,
    /// Requests without the unit that the policy names: legacy answers.
    pub without_unit: u64,
    /// What happened on record: calls that were sent, at the rates of then.
    pub recorded: Vec<ModelLoad>,
    /// What happens at each step of a canary's ramp; otherwise once.
    pub steps: Vec<SimulatedStep>,
    /// The copies in the busiest second, at the first step.
    pub burst: Option<Burst>,
}

/// What happens at one step.
#[derive(Debug, Serialize)]
pub struct SimulatedStep {
    /// The step; `null` where there is no ramp.
    pub ramp: Option<Standing>,
    /// What each model gets.
    pub models: Vec<ModelLoad>,
    /// Known users whom another model answers than the last time on record.
    pub users_moved: u64,
}

/// What a model gets of the recorded requests.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ModelLoad {
    /// The model.
    pub model: String,
    /// Requests that it answers, or is asked for a list that is mixed.
    pub answers: u64,
    /// Copies that it gets, before the budget drops any.
    pub copies: u64,
    /// What that costs at the mean of its recorded calls; `null`: unknown.
    pub cost: Option<CallCost>,
}

/// What a model's calls cost.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct CallCost {
    /// For all calls.
    pub amount: Money,
    /// ISO 4217 code.
    pub currency: String,
    /// How many recorded calls the mean is of.
    pub of_calls: u64,
    /// Calls among them that are charged by tokens and did not tell how many.
    pub tokens_unknown: u64,
}

/// The copies in the busiest second on record.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Burst {
    /// When.
    pub second: Timestamp,
    /// Copies begun in it.
    pub copies: u64,
    /// What the budget allows in a second; `null`: no bound.
    pub budget: Option<u32>,
    /// Copies beyond the budget, over all seconds.
    pub beyond: u64,
}

/// Who sent a request.
#[derive(Debug, Clone, Copy)]
pub(super) enum Sender<'a> {
    /// A user by name.
    Named(&'a str),
    /// A user of whom the hash is known.
    Hashed(&'a str),
    /// The request is its own unit.
    Request,
    /// Nobody, though the policy names a unit.
    Missing,
}

/// What is counted of one experiment.
#[derive(Debug)]
pub(super) struct Tally<'p> {
    stands: Vec<(Option<Standing>, Stand<'p>)>,
    requests: u64,
    without_unit: u64,
    hashed: HashSet<String>,
    /// By name: the model that answered last, and whom each step gives.
    users: HashMap<String, (String, Vec<&'p str>)>,
    recorded: Recorded,
    loads: Vec<BTreeMap<&'p str, (u64, u64)>>,
    seconds: BTreeMap<i64, u64>,
}

/// One recorded request, for a tally.
#[derive(Debug, Clone, Copy)]
pub(super) struct Asked<'a> {
    pub(super) record: &'a PairedRecord,
    pub(super) sender: Sender<'a>,
    /// The model that was to answer on record.
    pub(super) answered_by: &'a str,
}

impl<'p> Tally<'p> {
    pub(super) fn new(policy: &'p Policy, experiment: &'p Experiment) -> Self {
        let taker = Taker::Experiment(experiment);
        let stand = |at| Stand { policy, taker, at };
        let stands: Vec<(Option<Standing>, Stand<'p>)> = match &experiment.strategy {
            Strategy::Canary(settings) => {
                let places = settings.steps.iter().enumerate().map(|(at, step)| Place::step(at, step.weight));
                places.map(|place| (Some(ramp::standing(taker, place)), stand(place))).collect()
            }
            Strategy::Shadow(_) | Strategy::Ab(_) | Strategy::Interleave(_) => {
                vec![(None, stand(Place::running()))]
            }
        };
        let loads = vec![BTreeMap::new(); stands.len()];
        Self {
            stands,
            requests: 0,
            without_unit: 0,
            hashed: HashSet::new(),
            users: HashMap::new(),
            recorded: Recorded::default(),
            loads,
            seconds: BTreeMap::new(),
        }
    }

    pub(super) fn add(&mut self, asked: Asked<'_>) {
        let Asked { record, sender, answered_by } = asked;
        let (id, time) = (&record.request_id, record.time);
        let unit = match sender {
            Sender::Named(name) | Sender::Hashed(name) => Some(name.as_bytes()),
            Sender::Request => Some(&id.as_bytes()[..]),
            Sender::Missing => None,
        };
        self.requests += 1;
        record.observations.iter().for_each(|call| self.recorded.add(call));
        let drawn: Vec<Drawn<'p>> =
            self.stands.iter().map(|(_, stand)| stand.draw(unit, id.as_bytes())).collect();
        for (drawn, loads) in drawn.iter().zip(&mut self.loads) {
            drawn.asked.iter().for_each(|model| loads.entry(model).or_default().0 += 1);
            drawn.copied.iter().for_each(|model| loads.entry(model).or_default().1 += 1);
        }
        let copies = drawn.first().map_or(0, |drawn| drawn.copied.len() as u64);
        if copies > 0 {
            *self.seconds.entry(time.as_micros().div_euclid(1_000_000)).or_default() += copies;
        }
        match sender {
            Sender::Named(name) => {
                let answerers = drawn.iter().map(|drawn| drawn.answerer).collect();
                self.users.insert(name.to_owned(), (answered_by.to_owned(), answerers));
            }
            Sender::Hashed(hash) => _ = self.hashed.insert(hash.to_owned()),
            Sender::Missing => self.without_unit += 1,
            Sender::Request => {}
        }
    }

    /// What the calls come to; `prices` tells what a number of a model's calls costs.
    pub(super) fn told(
        self,
        experiment: &Experiment,
        prices: &Prices,
        per_second: Option<u32>,
    ) -> SimulatedExperiment {
        let Self { stands, requests, without_unit, hashed, users, recorded, loads, seconds } = self;
        let moved = |at: usize| {
            users.values().filter(|(before, steps)| steps.get(at).is_some_and(|step| step != before)).count()
                as u64
        };
        let steps =
            stands.into_iter().zip(&loads).enumerate().map(|(at, ((ramp, _), loads))| SimulatedStep {
                ramp,
                models: loads.iter().map(|(model, calls)| prices.load(model, *calls)).collect(),
                users_moved: moved(at),
            });
        let busiest = seconds.iter().rev().max_by_key(|(_, copies)| **copies);
        let beyond =
            |budget: u32| seconds.values().map(|copies| copies.saturating_sub(u64::from(budget))).sum();
        SimulatedExperiment {
            experiment: experiment.name.to_string(),
            requests,
            known_users: users.len() as u64,
            hashed_users: hashed.len() as u64,
            without_unit,
            recorded: recorded.told(),
            steps: steps.collect(),
            burst: busiest.map(|(second, copies)| Burst {
                second: Timestamp::from_micros(second * 1_000_000),
                copies: *copies,
                budget: per_second,
                beyond: per_second.map_or(0, beyond),
            }),
        }
    }
}

/// The calls on record, by model.
#[derive(Debug, Default)]
struct Recorded(BTreeMap<String, (u64, u64, Option<CallCost>)>);

impl Recorded {
    fn add(&mut self, call: &ObservationRecord) {
        let (answers, copies, cost) = self.0.entry(call.arm.to_string()).or_default();
        *(if call.role.is_copy() { copies } else { answers }) += 1;
        if let Some(told) = &call.cost {
            let known = cost.get_or_insert_with(|| CallCost {
                amount: Money::ZERO,
                currency: told.currency.clone(),
                of_calls: 0,
                tokens_unknown: 0,
            });
            known.amount = known.amount + told.amount;
            known.of_calls += 1;
            known.tokens_unknown += u64::from(told.tokens_unknown);
        }
    }

    fn told(self) -> Vec<ModelLoad> {
        let load = |(model, (answers, copies, cost))| ModelLoad { model, answers, copies, cost };
        self.0.into_iter().map(load).collect()
    }
}

/// What the recorded calls of each model of the policy cost at the policy's rates.
#[derive(Debug, Default)]
pub(super) struct Prices {
    models: IndexMap<String, Priced>,
}

#[derive(Debug)]
struct Priced {
    total: Money,
    currency: String,
    calls: u64,
    tokens_unknown: u64,
}

impl Prices {
    /// Adds a recorded call, at the rate that the policy has for its model.
    pub(super) fn add(&mut self, policy: &Policy, call: &ObservationRecord) {
        let model = policy.models.iter().find(|model| model.name == call.arm);
        let Some(rate) = model.and_then(|model| model.rate.as_ref()) else { return };
        if call.fate != Fate::Complete {
            return;
        }
        let took = Duration::from_secs_f64(call.total_ms.max(0.0) / 1000.0);
        let price = rate.price(call.tokens.as_ref(), took);
        let unknown = call.tokens.is_none() && rate.charges_tokens();
        let priced = self.models.entry(call.arm.to_string()).or_insert_with(|| Priced {
            total: Money::ZERO,
            currency: rate.currency.clone(),
            calls: 0,
            tokens_unknown: 0,
        });
        priced.total = priced.total + price;
        priced.calls += 1;
        priced.tokens_unknown += u64::from(unknown);
    }

    fn load(&self, model: &str, (answers, copies): (u64, u64)) -> ModelLoad {
        let cost = self.models.get(model).map(|priced| CallCost {
            amount: priced.total.scaled(answers + copies, priced.calls),
            currency: priced.currency.clone(),
            of_calls: priced.calls,
            tokens_unknown: priced.tokens_unknown,
        });
        ModelLoad { model: model.to_owned(), answers, copies, cost }
    }
}
