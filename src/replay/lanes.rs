//! The policy of a replay: one experiment for each set, recorded experiment and target.
//!
//! Answers are compared and measured as the policy says for the experiment of that name, or else as its recorded design
//! says. What a replay cannot tell is left out of the decision: latencies, for the old ones were measured in production,
//! and the minimum time, for the set is what it is.

use std::collections::BTreeMap;
use std::collections::HashMap;
use std::path::Path;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use indexmap::IndexMap;
use sha2::Digest;
use sha2::Sha256;

use crate::assign::Salts;
use crate::assign::Share;
use crate::config;
use crate::config::Config;
use crate::dataset::Snapshot;
use crate::policy::Credentials;
use crate::policy::Decision;
use crate::policy::Experiment;
use crate::policy::Matcher;
use crate::policy::Model;
use crate::policy::OutcomeRule;
use crate::policy::Phase;
use crate::policy::Policy;
use crate::policy::Ramp;
use crate::policy::Schedule;
use crate::policy::Shares;
use crate::policy::Source;
use crate::policy::Spend;
use crate::policy::Stage;
use crate::policy::UnitSource;
use crate::policy::Watched;
use crate::protocol::Protocol;
use crate::record;
use crate::record::DesignRecord;
use crate::record::Line;
use crate::replay::ReplayError;
use crate::replay::Setup;
use crate::strategy::Strategy;
use crate::strategy::shadow;
use crate::upstream;
use crate::vocab::ExperimentName;
use crate::vocab::ModelId;
use crate::vocab::ModelName;
use crate::vocab::OutcomeName;

/// The longest name of an experiment.
const LONGEST: usize = 63;

/// A model that gets the requests.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// Its name.
    pub name: ModelName,
    /// Where it is; `None`: the policy says.
    pub url: Option<String>,
}

impl FromStr for Target {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (name, url) = match text.split_once('=') {
            Some((name, url)) => (name, Some(url.to_owned())),
            None => (text, None),
        };
        let name = ModelName::new(name).map_err(|error| error.to_string())?;
        Ok(Self { name, url })
    }
}

/// The lanes on which requests go to targets.
pub(super) struct Lanes {
    pub(super) policy: Arc<Policy>,
    /// How each model of the policy is reached; recorded ones are not.
    pub(super) upstreams: Vec<upstream::Settings>,
    pub(super) record: record::Settings,
    /// The targets, with where they are.
    pub(super) targets: Vec<(ModelId, String)>,
    /// The hash of the policy file.
    pub(super) file_hash: Option<String>,
    by_origin: HashMap<(usize, ExperimentName), Vec<Lane>>,
}

/// What becomes of the requests of one recorded experiment of one set on their way to one target.
#[derive(Debug, Clone)]
pub(super) struct Lane {
    /// The experiment's place in the replay's policy.
    pub(super) experiment: usize,
    /// The target's place in the list of targets.
    pub(super) target: usize,
    /// The outcomes that describe requests.
    pub(super) truths: Arc<[OutcomeName]>,
}

/// A recorded experiment of a set.
struct Origin {
    legacy: ModelName,
    unit_named: bool,
    design: Option<DesignRecord>,
}

/// How answers are compared and measured.
struct Measured<'p> {
    known: Option<&'p Experiment>,
    design: Option<&'p DesignRecord>,
}

impl Lanes {
    /// Builds the policy of a replay of these snapshots.
    pub(super) fn of(setup: &Setup, snapshots: &[Snapshot]) -> Result<Self, ReplayError> {
        let file = match &setup.policy {
            Some(path) => Some(config::load(path).map_err(ReplayError::Policy)?),
            None => None,
        };
        let (mut models, mut upstreams) = reached(setup, file.as_ref())?;
        let targets: Vec<(ModelId, String)> = upstreams
            .iter()
            .enumerate()
            .map(|(place, upstream)| (model_id(place), address(upstream)))
            .collect();
        let (mut experiments, mut by_origin) = (Vec::new(), HashMap::new());
        for (place, snapshot) in snapshots.iter().enumerate() {
            for (name, origin) in origins(snapshot)? {
                let legacy = model_id(models.len());
                models.push(recorded(&origin.legacy, file.as_ref())?);
                // Nobody calls it.
                upstreams.push(upstreams[0].clone());
                let known = file.as_ref().and_then(|file| file.policy.experiment(name.as_str()));
                let measured = Measured { known, design: origin.design.as_ref() };
                let mut lanes = Vec::new();
                for (target, (model, address)) in targets.iter().enumerate() {
                    let title = [&snapshot.manifest.set, name.as_str(), models[model.index()].name.as_str()];
                    let identity = format!("replay={};of={name};to={address}", snapshot.manifest.content);
                    let experiment =
                        measured.experiment(entitled(title)?, [legacy, *model], identity, origin.unit_named);
                    let truths = truths(&experiment).into();
                    lanes.push(Lane { experiment: experiments.len(), target, truths });
                    experiments.push(experiment);
                }
                by_origin.insert((place, name), lanes);
            }
        }
        let file_hash = file.as_ref().map(|file| file.policy.hash.clone());
        let hash = file_hash.clone().unwrap_or_else(|| "no-policy".to_owned());
        let record = file.map(|file| file.record).unwrap_or_default();
        let record = record::Settings { dir: setup.records.clone(), keep: record::Keep::default(), ..record };
        let policy = Arc::new(Policy { hash, models, experiments, default: None });
        Ok(Self { policy, upstreams, record, targets, file_hash, by_origin })
    }

    /// The lanes of a recorded experiment of a snapshot.
    pub(super) fn of_record(&self, snapshot: usize, experiment: &ExperimentName) -> &[Lane] {
        self.by_origin.get(&(snapshot, experiment.clone())).map_or(&[], Vec::as_slice)
    }

    /// A target's name.
    pub(super) fn target(&self, place: usize) -> &ModelName {
        &self.policy.model(self.targets[place].0).name
    }

    /// Where each target is, by name.
    pub(super) fn addresses(&self) -> BTreeMap<String, String> {
        let name = |id: ModelId| self.policy.model(id).name.to_string();
        self.targets.iter().map(|(id, address)| (name(*id), address.clone())).collect()
    }
}

fn model_id(place: usize) -> ModelId {
    // A policy of more models cannot be written.
    ModelId(u16::try_from(place).unwrap_or(u16::MAX))
}

fn address(upstream: &upstream::Settings) -> String {
    let urls = upstream.endpoints.iter();
    urls.map(|url| format!("{}://{}{}", url.scheme, url.authority, url.base_path))
        .collect::<Vec<_>>()
        .join(",")
}

/// The targets and how they are reached.
fn reached(
    setup: &Setup,
    file: Option<&Config>,
) -> Result<(Vec<Model>, Vec<upstream::Settings>), ReplayError> {
    let (mut models, mut upstreams) = (Vec::new(), Vec::new());
    for Target { name, url } in &setup.targets {
        let known = file.and_then(|file| {
            let place = file.policy.models.iter().position(|model| model.name == *name)?;
            Some((file.policy.models[place].clone(), file.upstreams[place].clone()))
        });
        let (model, mut upstream) = match (url, known) {
            (Some(url), _) => elsewhere(name, url)?,
            (None, Some(known)) => known,
            (None, None) => return Err(unknown(name, file)),
        };
        // What a breaker would keep back is what a replay is to find.
        upstream.breaker = None;
        models.push(model);
        upstreams.push(upstream);
    }
    Ok((models, upstreams))
}

fn unknown(name: &ModelName, file: Option<&Config>) -> ReplayError {
    let known = file.map(|file| file.policy.models.iter().map(|model| model.name.to_string()));
    let known = known.map(|names| names.collect::<Vec<_>>().join(", "));
    ReplayError::UnknownTarget {
        name: name.to_string(),
        policy: file
            .map_or_else(|| "a policy, for there is none".to_owned(), |file| file.path.display().to_string()),
        known: known.unwrap_or_else(|| "none".to_owned()),
    }
}

/// A model that no policy speaks of, with the usual deadlines.
fn elsewhere(name: &ModelName, url: &str) -> Result<(Model, upstream::Settings), ReplayError> {
    let url = serde_json::Value::from(url);
    let text = format!("models:\n  {name}:\n    url: {url}\ndefault: {name}\n");
    let Config { policy, upstreams, .. } =
        config::parse(Path::new("--to"), &text).map_err(ReplayError::Policy)?;
    let both = policy.models.into_iter().zip(upstreams).next();
    both.ok_or_else(|| unknown(name, None))
}

/// A model as it once answered, by a name that says so wherever its figures are shown.
fn recorded(legacy: &ModelName, file: Option<&Config>) -> Result<Model, ReplayError> {
    const SUFFIX: &str = ".recorded";
    let known = file.and_then(|file| file.policy.models.iter().find(|model| model.name == *legacy));
    let short: String = legacy.as_str().chars().take(LONGEST - SUFFIX.len()).collect();
    let name = ModelName::new(&format!("{short}{SUFFIX}"))?;
    Ok(match known {
        Some(known) => Model { name, ..known.clone() },
        None => Model { name, protocol: Protocol::default(), rate: None, credentials: None, rewrite: None },
    })
}

/// The name of a lane: its set, recorded experiment and target, told by a digest where they are too long together.
fn entitled(parts: [&str; 3]) -> Result<ExperimentName, ReplayError> {
    let whole = parts.join(".");
    if whole.len() <= LONGEST {
        return Ok(ExperimentName::new(&whole)?);
    }
    let digest: String = Sha256::digest(&whole).iter().take(4).map(|byte| format!("{byte:02x}")).collect();
    Ok(ExperimentName::new(&format!("{}-{digest}", &whole[..LONGEST - 9]))?)
}

/// The recorded experiments of a snapshot.
fn origins(snapshot: &Snapshot) -> Result<IndexMap<ExperimentName, Origin>, ReplayError> {
    let (mut origins, mut designs) = (IndexMap::new(), HashMap::new());
    for line in snapshot.lines()? {
        match line? {
            Line::Design(design) => drop(designs.insert(design.experiment.clone(), *design)),
            Line::Pair(pair) => {
                let Some(legacy) = pair.arms.first() else { continue };
                let unit_named = pair.unit.is_some();
                let origin = origins.entry(pair.experiment.clone());
                let origin =
                    origin.or_insert_with(|| Origin { legacy: legacy.clone(), unit_named, design: None });
                origin.unit_named |= unit_named;
            }
            Line::Answered(_) | Line::Outcome(_) | Line::Judgement(_) | Line::Gap(_) => {}
        }
    }
    for (name, origin) in &mut origins {
        origin.design = designs.remove(name);
    }
    Ok(origins)
}

/// The outcomes that metrics hold answers against: they describe the request, not the answer that was given.
fn truths(experiment: &Experiment) -> Vec<OutcomeName> {
    let sources = experiment.metrics.iter().flat_map(|metric| [&metric.truth, &metric.context]);
    let mut names: Vec<OutcomeName> = sources
        .filter_map(|source| match source {
            Some(Source::Outcome(name)) => Some(name.clone()),
            Some(_) | None => None,
        })
        .collect();
    names.sort();
    names.dedup();
    names
}

impl Measured<'_> {
    fn experiment(
        &self,
        name: ExperimentName,
        arms: [ModelId; 2],
        replayed: String,
        unit_named: bool,
    ) -> Experiment {
        let Self { known, design } = self;
        let identity = known.map_or_else(String::new, |known| known.identity.clone());
        // Records hold the hash of a unit already, and what they hold is passed on as it is.
        let unit = if unit_named {
            vec![UnitSource::Header(http::HeaderName::from_static("unit"))]
        } else {
            Vec::new()
        };
        Experiment {
            matcher: Matcher::default(),
            arms: arms.to_vec(),
            credentials: vec![Credentials::Strip; arms.len()],
            suppresses_tools: known.is_some_and(|known| known.suppresses_tools),
            unit,
            whole_units: false,
            judges: Vec::new(),
            hash_unit: false,
            salts: Salts::of(name.as_str()),
            strategy: Strategy::Shadow(everything()),
            outcomes: self.outcomes(),
            compare: known.map_or_else(Vec::new, |known| known.compare.clone()),
            metrics: match (known, design) {
                (Some(known), _) => known.metrics.clone(),
                (None, Some(design)) => design.metrics.clone(),
                (None, None) => Vec::new(),
            },
            decision: self.decision(),
            expose_arm: false,
            force_header: None,
            identity: format!("{replayed};{identity}"),
            schedule: Schedule::default(),
            ramp: Arc::new(Ramp::new(Stage::first(Phase::Running, Share::NONE))),
            shares: Arc::new(Shares::new(Vec::new())),
            spend: Arc::new(Spend::default()),
            name,
        }
    }

    fn outcomes(&self) -> IndexMap<OutcomeName, OutcomeRule> {
        match (self.known, self.design) {
            (Some(known), _) => known.outcomes.clone(),
            (None, Some(design)) => {
                let rules = design.outcomes.iter().map(|(name, outcome)| {
                    let window = Duration::try_from_secs_f64(outcome.window_seconds).unwrap_or_default();
                    (name.clone(), OutcomeRule { kind: outcome.kind, window, absent: outcome.absent })
                });
                rules.collect()
            }
            (None, None) => IndexMap::new(),
        }
    }

    fn decision(&self) -> Decision {
        let decision = self.known.map(|known| &known.decision).or(self.design.map(|design| &design.decision));
        let Decision { guardrails, primary, alpha, guardrail_alpha, .. } =
            decision.cloned().unwrap_or_default();
        let is_told = |of: &Watched| match of {
            Watched::LatencyP95 | Watched::LatencyP99 | Watched::Outcome(_) => false,
            Watched::TimePerUnit | Watched::CostPerUnit | Watched::CostPerSuccess(_) => false,
            Watched::ErrorRate | Watched::Time | Watched::Cost | Watched::Metric(_) => true,
        };
        Decision {
            guardrails: guardrails.into_iter().filter(|guardrail| is_told(&guardrail.watch)).collect(),
            primary: primary.filter(|primary| is_told(&primary.of)),
            alpha,
            guardrail_alpha,
            min_seconds: 0.0,
            stop_after_seconds: None,
        }
    }
}

/// Every request goes to the target, and no bound of live traffic holds.
fn everything() -> shadow::Settings {
    shadow::Settings {
        sample: Share::ALL,
        control: Share::NONE,
        held_back: Share::NONE,
        deadline: Duration::MAX,
        budget: shadow::Budget {
            in_flight: u32::MAX,
            in_flight_bytes: u64::MAX,
            per_second: None,
            daily: Default::default(),
            in_all: shadow::Total::default(),
        },
    }
}
