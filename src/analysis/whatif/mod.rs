//! What would other shares of traffic have come to? Estimates from the propensities on record, for A/B tests and canaries.
//!
//! Each request counts by how much likelier the policy asked for would have sent it to the arm that it went to. Where the
//! log holds nothing of the kind, the answer is a refusal with its reason. Requests of several stages are weighed each by
//! the propensities of its own draw. What is estimated are means over requests that take part in the comparison; nothing
//! here is a verdict.

mod estimate;
mod reward;

pub use estimate::Estimate;
pub use estimate::Estimates;
pub use reward::Reward;

use std::collections::HashMap;

use indexmap::IndexMap;
use serde::Serialize;
use xxhash_rust::xxh3::xxh3_64;

use crate::analysis::join::Case;
use crate::analysis::stratum::position;
use crate::assign::Share;
use crate::record::DesignRecord;
use crate::record::Line;
use crate::record::OutcomeRecord;
use crate::record::OutcomeValue;
use crate::record::PairedRecord;
use crate::vocab::ExperimentName;
use crate::vocab::ModelName;
use crate::vocab::OutcomeName;
use crate::vocab::RequestId;
use crate::vocab::StrategyKind;
use crate::vocab::Timestamp;

/// The logged decisions of every experiment with what each came to.
#[derive(Debug)]
pub struct WhatIf {
    reward: Reward,
    experiments: IndexMap<ExperimentName, Log>,
}

/// A policy to be asked about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// One arm answers everything.
    Arm(String),
    /// The only candidate answers this share, legacy the rest.
    Candidate(Share),
    /// Each of these arms answers its share, legacy the rest.
    Arms(Vec<(String, Share)>),
}

/// What is said of the experiments.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Answers {
    /// Those that know what is asked about.
    pub experiments: Vec<Answer>,
    /// Why nothing is said of the others.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub skipped: Vec<String>,
}

/// What is said of one experiment.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Answer {
    /// Its name.
    pub experiment: ExperimentName,
    /// Its strategy.
    pub strategy: StrategyKind,
    /// What is estimated: the mean of this.
    pub reward: String,
    /// Requests whose reward is known.
    pub requests: u64,
    /// Their users, or whatever units there are.
    pub units: u64,
    /// Requests that say nothing here.
    pub left_out: LeftOut,
    /// What was observed of each arm.
    pub arms: Vec<ObservedArm>,
    /// The mean as it was under the shares that were logged; `None`: nothing is known.
    pub logged: Option<Estimate>,
    /// What each policy would have come to.
    pub policies: Vec<PolicyAnswer>,
}

/// Requests that say nothing here.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct LeftOut {
    /// Not enrolled, forced, or sent before.
    pub not_counted: u64,
    /// Their reward is not known.
    pub unknown: u64,
    /// Drawn among other candidates, or under another salt or decision, which the evidence begins anew with.
    pub former_identity: u64,
    /// Lists were mixed, so no arm answered alone.
    pub mixed: u64,
    /// Their propensities make no sense.
    pub unusable: u64,
}

/// What was observed of one arm.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ObservedArm {
    /// Its name.
    pub arm: ModelName,
    /// Requests that it was drawn for.
    pub requests: u64,
    /// Those whose reward is known.
    pub known: u64,
    /// Their mean, as it is.
    pub mean: Option<f64>,
}

/// What one policy would have come to.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PolicyAnswer {
    /// Each arm's share, in the order of the arms.
    pub shares: IndexMap<ModelName, f64>,
    /// The estimates; `None`: refused.
    pub estimates: Option<Estimates>,
    /// Why they are refused, and what to do.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refused: Option<String>,
}

/// Why nothing can be said at all.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WhatIfError {
    /// There is no such experiment.
    #[error("no record of experiment `{name}`; there are: {known}")]
    Experiment {
        /// What was asked for.
        name: String,
        /// What there is.
        known: String,
    },
    /// No record at all.
    #[error("the log holds no request of an experiment")]
    Empty,
    /// The policy that is asked about names no arm of the experiment.
    #[error("experiment `{experiment}` has no arm `{arm}`; its arms are {known}")]
    Arm {
        /// The experiment.
        experiment: String,
        /// What was asked for.
        arm: String,
        /// What there is.
        known: String,
    },
    /// One share for several candidates.
    #[error("experiment `{experiment}` has several candidates; say whose share it is, as in `{arm}={share}`")]
    Whose {
        /// The experiment.
        experiment: String,
        /// One of its candidates.
        arm: String,
        /// What was asked for.
        share: Share,
    },
    /// Shares that are more than everything.
    #[error("the shares add up to more than 100 %; what they leave of it is legacy's")]
    Shares,
    /// The reward is none of the experiment's.
    #[error("experiment `{experiment}`: {problem}")]
    Reward {
        /// The experiment.
        experiment: String,
        /// What is wrong, and what to do.
        problem: String,
    },
}

#[derive(Debug, Default)]
struct Log {
    designs: HashMap<String, DesignRecord>,
    eras: IndexMap<String, Era>,
    /// Outcomes whose pair is not on record yet.
    early: HashMap<RequestId, Vec<(OutcomeName, OutcomeValue)>>,
}

/// Requests with one identity, which alone are counted together.
#[derive(Debug)]
struct Era {
    strategy: StrategyKind,
    policy: String,
    arms: Vec<ModelName>,
    until: Timestamp,
    decisions: Vec<Logged>,
    places: HashMap<RequestId, usize>,
    /// Each different draw once: the probabilities of all arms.
    draws: Vec<Vec<f64>>,
    /// Requests that an outcome is awaited of.
    pending: HashMap<RequestId, Case>,
    left_out: LeftOut,
}

/// One request.
#[derive(Debug, Clone, Copy)]
struct Logged {
    arm: usize,
    draw: usize,
    unit: u64,
    reward: Option<f64>,
}

impl WhatIf {
    /// Knows nothing yet, and will look for this reward.
    pub fn about(reward: Reward) -> Self {
        Self { reward, experiments: IndexMap::new() }
    }

    /// Takes in one line of the log.
    pub fn fold(&mut self, line: &Line) {
        let Self { reward, experiments } = self;
        match line {
            Line::Design(design) => {
                let log = experiments.entry(design.experiment.clone()).or_default();
                log.designs.insert(design.policy.clone(), DesignRecord::clone(design));
            }
            Line::Pair(record) => {
                experiments.entry(record.experiment.clone()).or_default().pair(record, reward);
            }
            Line::Outcome(record) => {
                experiments.entry(record.experiment.clone()).or_default().outcome(record, reward);
            }
            // No judge is a reward: it judges a sample.
            Line::Answered(_) | Line::Judgement(_) | Line::Gap(_) => {}
        }
    }

    /// What the log says of these policies, for one experiment or for all of them; without a policy, of each arm alone.
    ///
    /// # Errors
    /// When there is no such experiment, or none with such arms and such a reward, and for shares that cannot be. What the
    /// log says nothing of is no error: the policy's answer is then refused.
    pub fn answers(&self, experiment: Option<&str>, targets: &[Target]) -> Result<Answers, WhatIfError> {
        let known: Vec<_> = self.experiments.iter().filter(|(_, log)| !log.eras.is_empty()).collect();
        if known.is_empty() {
            return Err(WhatIfError::Empty);
        }
        let (mut experiments, mut skipped) = (Vec::new(), Vec::new());
        for (name, log) in
            known.iter().filter(|(name, _)| experiment.is_none_or(|asked| asked == name.as_str()))
        {
            match log.answer(name, &self.reward, targets) {
                Ok(answer) => experiments.push(answer),
                Err(why) => skipped.push(why),
            }
        }
        match (experiments.is_empty(), skipped.first(), experiment) {
            (true, Some(why), _) => Err(why.clone()),
            (true, None, Some(name)) => {
                let known: Vec<&str> = known.iter().map(|(name, _)| name.as_str()).collect();
                Err(WhatIfError::Experiment { name: name.to_owned(), known: known.join(", ") })
            }
            _ => Ok(Answers { experiments, skipped: skipped.iter().map(ToString::to_string).collect() }),
        }
    }
}

impl Log {
    fn pair(&mut self, record: &PairedRecord, reward: &Reward) {
        let design = self.designs.get(&record.policy);
        let era = self.eras.entry(record.identity.clone()).or_insert_with(|| Era::begun_by(record));
        if era.until <= record.time {
            era.until = record.time;
            era.policy.clone_from(&record.policy);
        }
        let Some(mut logged) = era.take(record) else { return };
        if era.places.contains_key(&record.request_id) {
            return;
        }
        logged.reward = reward.of_pair(record, design);
        if let (Some(mut case), true) = (Case::of(record, None), reward.awaits(design)) {
            case.outcomes = self.early.remove(&record.request_id).unwrap_or_default();
            logged.reward = reward.of_case(&case, design).or(logged.reward);
            era.pending.insert(record.request_id, case);
        }
        era.places.insert(record.request_id, era.decisions.len());
        era.decisions.push(logged);
    }

    fn outcome(&mut self, record: &OutcomeRecord, reward: &Reward) {
        if record.late || !record.enrolled {
            return;
        }
        let told = (record.outcome.clone(), record.value.clone());
        let era = self.eras.get_mut(&record.identity);
        let place = era.as_ref().and_then(|era| era.places.get(&record.request_id).copied());
        let (Some(era), Some(place)) = (era, place) else {
            self.early.entry(record.request_id).or_default().push(told);
            return;
        };
        let Some(case) = era.pending.get_mut(&record.request_id) else { return };
        if case.outcome(&record.outcome).is_some() {
            return;
        }
        case.outcomes.push(told);
        // The policy may have changed since; what makes evidence comparable has not.
        if let Some(value) = reward.of_case(case, self.designs.get(&era.policy)) {
            era.decisions[place].reward = Some(value);
        }
    }

    fn answer(
        &self,
        name: &ExperimentName,
        reward: &Reward,
        targets: &[Target],
    ) -> Result<Answer, WhatIfError> {
        let newest = self.eras.values().max_by_key(|era| era.until);
        let era = newest.expect("only experiments with requests are asked");
        let experiment = name.to_string();
        let problem = |problem| WhatIfError::Reward { experiment: experiment.clone(), problem };
        reward.check(self.designs.get(&era.policy)).map_err(problem)?;
        let each_arm: Vec<Target> = era.arms.iter().map(|arm| Target::Arm(arm.to_string())).collect();
        let targets = if targets.is_empty() { &each_arm } else { targets };
        let shares = targets.iter().map(|target| target.shares(&experiment, &era.arms));
        let shares = shares.collect::<Result<Vec<_>, _>>()?;
        let former = self.eras.values().map(|era| era.decisions.len() as u64).sum::<u64>();
        let mut answer = era.answer(name.clone(), reward, &shares);
        answer.left_out.former_identity = former - era.decisions.len() as u64;
        Ok(answer)
    }
}

impl Era {
    fn begun_by(record: &PairedRecord) -> Self {
        Self {
            strategy: record.strategy,
            policy: record.policy.clone(),
            arms: record.arms.clone(),
            until: record.time,
            decisions: Vec::new(),
            places: HashMap::new(),
            draws: Vec::new(),
            pending: HashMap::new(),
            left_out: LeftOut::default(),
        }
    }

    /// The draw of a request, if it says something.
    fn take(&mut self, record: &PairedRecord) -> Option<Logged> {
        if !record.counts() {
            self.left_out.not_counted += 1;
            return None;
        }
        if record.strategy == StrategyKind::Interleave {
            self.left_out.mixed += 1;
            return None;
        }
        let arm = position(&record.arms, &record.assigned);
        let Some((arm, draw)) = arm.and_then(|arm| Some((arm, probabilities(record, arm)?))) else {
            self.left_out.unusable += 1;
            return None;
        };
        let draw = self.draws.iter().rposition(|known| *known == draw).unwrap_or_else(|| {
            self.draws.push(draw);
            self.draws.len() - 1
        });
        let unit = record
            .unit
            .as_ref()
            .map_or_else(|| xxh3_64(record.request_id.as_bytes()), |unit| xxh3_64(unit.as_bytes()));
        Some(Logged { arm, draw, unit, reward: None })
    }

    fn answer(&self, experiment: ExperimentName, reward: &Reward, shares: &[Vec<f64>]) -> Answer {
        let known = estimate::Decisions::of(self.decisions.iter().filter_map(|logged| {
            let Logged { arm, draw, unit, reward } = *logged;
            Some(estimate::Decision { arm, draw: &self.draws[draw], unit, reward: reward? })
        }));
        let observed = self.arms.iter().enumerate().map(|(place, arm)| {
            let of_arm = || self.decisions.iter().filter(move |logged| logged.arm == place);
            ObservedArm {
                arm: arm.clone(),
                requests: of_arm().count() as u64,
                known: of_arm().filter(|logged| logged.reward.is_some()).count() as u64,
                mean: known.mean_of(place),
            }
        });
        let policy = |shares: &Vec<f64>| {
            let estimates = known.under(shares, &self.arms, self.strategy);
            PolicyAnswer {
                shares: self.arms.iter().cloned().zip(shares.iter().copied()).collect(),
                refused: estimates.as_ref().err().cloned(),
                estimates: estimates.ok(),
            }
        };
        let unknown = self.decisions.len() as u64 - known.len();
        Answer {
            experiment,
            strategy: self.strategy,
            reward: reward.to_string(),
            requests: known.len(),
            units: known.units(),
            left_out: LeftOut { unknown, ..self.left_out },
            arms: observed.collect(),
            logged: known.logged(),
            policies: shares.iter().map(policy).collect(),
        }
    }
}

/// The probability of each arm among the requests that take part; `None`: they make no sense.
///
/// On record are those of being drawn for the arm and of taking part at all together. Without a draw all went to one arm.
fn probabilities(record: &PairedRecord, arm: usize) -> Option<Vec<f64>> {
    if record.propensities.is_empty() {
        return Some((0..record.arms.len()).map(|place| if place == arm { 1.0 } else { 0.0 }).collect());
    }
    let sound = |share: &f64| (0.0..=1.0).contains(share);
    let whole: f64 = record.propensities.iter().sum();
    let fits = record.propensities.len() == record.arms.len() && record.propensities.iter().all(sound);
    let own = *record.propensities.get(arm)?;
    (fits && own > 0.0).then(|| record.propensities.iter().map(|share| (share / whole).min(1.0)).collect())
}

impl Target {
    /// Each arm's share.
    fn shares(&self, experiment: &str, arms: &[ModelName]) -> Result<Vec<f64>, WhatIfError> {
        let place = |name: &str| {
            arms.iter().position(|arm| arm.as_str() == name).ok_or_else(|| WhatIfError::Arm {
                experiment: experiment.to_owned(),
                arm: name.to_owned(),
                known: arms.iter().map(ModelName::as_str).collect::<Vec<_>>().join(", "),
            })
        };
        let mut shares = vec![Share::NONE; arms.len()];
        match self {
            Target::Arm(name) => shares[place(name)?] = Share::ALL,
            Target::Candidate(share) => match arms {
                [_, _] => shares[1] = *share,
                _ => {
                    let arm = arms.last().map_or_else(String::new, ToString::to_string);
                    return Err(WhatIfError::Whose { experiment: experiment.to_owned(), arm, share: *share });
                }
            },
            Target::Arms(told) => {
                for (name, share) in told {
                    shares[place(name)?] = *share;
                }
            }
        }
        let told = shares.iter().try_fold(Share::NONE, |sum, share| sum.checked_add(*share));
        let told = told.ok_or(WhatIfError::Shares)?;
        shares[0] = shares[0].checked_add(told.complement()).ok_or(WhatIfError::Shares)?;
        Ok(shares.into_iter().map(Share::probability).collect())
    }
}
