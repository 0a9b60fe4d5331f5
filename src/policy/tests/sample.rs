//! A policy with one experiment of each strategy, for unit tests that need one whole.

use std::sync::Arc;
use std::time::Duration;

use http::HeaderName;
use indexmap::IndexMap;

use crate::assign::Salts;
use crate::assign::Share;
use crate::policy::Absent;
use crate::policy::Credentials;
use crate::policy::Decision;
use crate::policy::Experiment;
use crate::policy::Matcher;
use crate::policy::Model;
use crate::policy::OutcomeKind;
use crate::policy::OutcomeRule;
use crate::policy::Phase;
use crate::policy::Policy;
use crate::policy::Ramp;
use crate::policy::Schedule;
use crate::policy::Shares;
use crate::policy::Stage;
use crate::policy::UnitSource;
use crate::protocol::Protocol;
use crate::strategy::Strategy;
use crate::strategy::ab;
use crate::strategy::canary;
use crate::strategy::canary::Step;
use crate::strategy::interleave;
use crate::strategy::shadow;
use crate::strategy::shadow::Budget;
use crate::strategy::shadow::Total;
use crate::vocab::ExperimentName;
use crate::vocab::ModelId;
use crate::vocab::ModelName;
use crate::vocab::OutcomeName;

const SECOND: Duration = Duration::from_secs(1);

/// Models `large` (legacy everywhere) and `small`; experiments `chat` (a canary with these steps), `split` (A/B,
/// 30 to 70 over half of the traffic), `copies` (shadow) and `lists` (interleaving, by request).
pub(crate) fn policy(identity: &str, steps: &[Step]) -> Policy {
    let model = |name: &str| Model {
        name: ModelName::new(name).unwrap(),
        protocol: Protocol::Http,
        rate: None,
        credentials: None,
        rewrite: None,
    };
    let by_request = Experiment { unit: Vec::new(), ..experiment("lists", identity, interleaving()) };
    let experiments = vec![
        experiment("chat", identity, ramp(steps)),
        experiment("split", identity, split()),
        experiment("copies", identity, copies()),
        by_request,
    ];
    let models = vec![model("large"), model("small")];
    Policy { hash: "0123456789ab".to_owned(), models, experiments, default: Some(ModelId(0)) }
}

pub(crate) fn share(text: &str) -> Share {
    text.parse().unwrap()
}

fn experiment(name: &str, identity: &str, strategy: Strategy) -> Experiment {
    let weight = match &strategy {
        Strategy::Canary(settings) => settings.steps[0].weight,
        _ => Share::NONE,
    };
    let shares = match &strategy {
        Strategy::Ab(settings) => settings.weights.clone(),
        _ => Vec::new(),
    };
    let click = OutcomeRule { kind: OutcomeKind::Click, window: 3600 * SECOND, absent: Absent::None };
    Experiment {
        name: ExperimentName::new(name).unwrap(),
        matcher: Matcher::default(),
        arms: vec![ModelId(0), ModelId(1)],
        credentials: vec![Credentials::Pass; 2],
        suppresses_tools: false,
        unit: vec![
            UnitSource::Header(HeaderName::from_static("x-user-id")),
            UnitSource::Json("$.user".parse().unwrap()),
        ],
        judges: Vec::new(),
        hash_unit: true,
        salts: Salts::of(name),
        strategy,
        outcomes: IndexMap::from([(OutcomeName::new("click").unwrap(), click)]),
        compare: Vec::new(),
        metrics: Vec::new(),
        decision: Decision::default(),
        expose_arm: false,
        force_header: None,
        identity: identity.to_owned(),
        ramp: Arc::new(Ramp::new(Stage::first(Phase::Running, weight))),
        schedule: Schedule::default(),
        shares: Arc::new(Shares::new(shares)),
        spend: Arc::default(),
    }
}

fn budget() -> Budget {
    Budget {
        in_flight: 8,
        in_flight_bytes: 1 << 20,
        per_second: None,
        daily: Default::default(),
        in_all: Total::default(),
    }
}

fn ramp(steps: &[Step]) -> Strategy {
    Strategy::Canary(canary::Settings {
        steps: steps.to_vec(),
        pair: Share::NONE,
        deadline: SECOND,
        budget: budget(),
        fallback: true,
    })
}

fn split() -> Strategy {
    Strategy::Ab(ab::Settings {
        traffic: share("50%"),
        weights: vec![share("30%"), share("70%")],
        pair: Share::NONE,
        deadline: SECOND,
        budget: budget(),
        fallback: false,
        ends_on_verdict: true,
        allocation: None,
    })
}

fn copies() -> Strategy {
    let (sample, control) = (share("25%"), share("1%"));
    Strategy::Shadow(shadow::Settings {
        sample,
        control,
        held_back: Share::NONE,
        deadline: SECOND,
        budget: budget(),
    })
}

fn interleaving() -> Strategy {
    Strategy::Interleave(interleave::Settings {
        mixing: interleave::Mixing::of(interleave::Method::TeamDraft),
        items: "$.results[*]".parse().unwrap(),
        id: "$.id".parse().unwrap(),
        depth: 10,
        deadline: SECOND,
        credit: OutcomeName::new("click").unwrap(),
    })
}
