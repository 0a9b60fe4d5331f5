//! When a guardrail tips: its evidence is looked at with each event, so that it is seen at once and, since the records
//! come in one order, at the same one live and from the log. A breach stays: roll back is absorbing.

use indexmap::IndexMap;
use serde::Deserialize;
use serde::Serialize;

use crate::analysis::join::Case;
use crate::analysis::study::Study;
use crate::analysis::watch::Nature;
use crate::analysis::watch::Watch;
use crate::policy::OnBreach;
use crate::policy::Watched;
use crate::stats::Alternative;
use crate::stats::BetaBinomial;
use crate::stats::StagedRisk;
use crate::stats::suffices;
use crate::vocab::RequestId;
use crate::vocab::StrategyKind;
use crate::vocab::Timestamp;

/// Fewer events than this decide nothing, whatever their distribution: they may be one burst.
pub(super) const FEWEST_EVENTS: u64 = 5;

/// The breaches of every candidate's guardrails, and the strongest evidence so far.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub(super) struct Breaches {
    #[serde(with = "indexmap::map::serde_seq")]
    pub(super) peaks: IndexMap<(usize, Watched), f64>,
    /// By candidate, the first guardrail that rolls back.
    #[serde(with = "indexmap::map::serde_seq")]
    pub(super) rolled_back: IndexMap<usize, Breach>,
}

/// A guardrail that tipped.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Breach {
    /// What got worse.
    pub watched: Watched,
    /// The request with which it was sure; `None`: that was seen in the sums of several gateways.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request: Option<RequestId>,
    /// When that request was served, or the last of those sums.
    pub time: Timestamp,
    /// How many requests the experiment had seen by then.
    pub requests: u64,
    /// The natural logarithm of the e-value then.
    pub log_e: f64,
}

impl Breaches {
    /// The strongest evidence so far that a candidate is worse; it counts for ever (Ville 1939).
    pub(super) fn peak(&self, candidate: usize, watched: &Watched) -> Option<f64> {
        self.peaks.get(&(candidate, watched.clone())).copied()
    }

    /// What rolled a candidate back; `None`: nothing did.
    pub(super) fn of(&self, candidate: usize) -> Option<&Breach> {
        self.rolled_back.get(&candidate)
    }
}

/// When and with which request something was looked at.
#[derive(Debug, Clone, Copy)]
struct Seen {
    request: Option<RequestId>,
    time: Timestamp,
}

/// Looks at a guardrail over the users of both arms after an event of one arm's.
pub(super) fn of_strata(study: &mut Study, arm: usize, watch: &Watch, case: &Case) {
    if !rolls_back(study, watch) || !is_split(study) {
        return;
    }
    let seen = Seen { request: Some(case.request), time: case.time };
    let all = 1..study.arms.len();
    for candidate in if arm == 0 { all } else { arm..arm + 1 } {
        look_at_strata(study, candidate, watch, seen);
    }
}

/// Looks at a guardrail over pairs after a unit's vote.
pub(super) fn of_pairs(
    study: &mut Study,
    candidate: usize,
    watch: &Watch,
    request: RequestId,
    time: Timestamp,
) {
    if rolls_back(study, watch) && (!is_split(study) || watch.nature == Nature::Preferred) {
        look_at_pairs(study, candidate, watch, Seen { request: Some(request), time });
    }
}

/// Looks at every guardrail of figures that several gateways counted. What each of them found alone does not count: each
/// had the whole chance of error to itself. What was found of the same figures at earlier looks stays.
pub(super) fn of_merged(study: &mut Study, before: Option<&Study>) {
    study.breaches = before
        .filter(|before| before.identity_is(study))
        .map(|before| before.breaches.clone())
        .unwrap_or_default();
    let Some(time) = study.subject.as_ref().map(|subject| subject.until) else { return };
    let (seen, split) = (Seen { request: None, time }, is_split(study));
    for watch in study.watches.clone() {
        if !rolls_back(study, &watch) {
            continue;
        }
        for candidate in 1..study.arms.len() {
            match split && watch.nature != Nature::Preferred {
                true => look_at_strata(study, candidate, &watch, seen),
                false => look_at_pairs(study, candidate, &watch, seen),
            }
        }
    }
}

fn look_at_strata(study: &mut Study, candidate: usize, watch: &Watch, seen: Seen) {
    let stages = study.strata.iter().filter_map(|stratum| stratum.stage_events(&watch.of, candidate));
    let risk = StagedRisk::of(stages);
    let (own, legacy) = risk.events();
    if let Ok(log_e) = risk.log_e(harmful(watch), 1.0) {
        note(study, candidate, watch, seen, log_e, own + legacy);
    }
}

fn look_at_pairs(study: &mut Study, candidate: usize, watch: &Watch, seen: Seen) {
    let pairs = study.pairs.get(candidate - 1);
    let Some(votes) = pairs.and_then(|pairs| pairs.events(&watch.of)).map(|it| it.votes) else { return };
    let log_e = BetaBinomial::paired(harmful(watch)).log_e(votes.wins, votes.losses);
    note(study, candidate, watch, seen, log_e, votes.wins + votes.losses);
}

/// Which way is worse.
fn harmful(watch: &Watch) -> Alternative {
    match watch.nature {
        Nature::Gain | Nature::Preferred => Alternative::Less,
        Nature::Harm | Nature::Number(_) => Alternative::Greater,
    }
}

fn note(study: &mut Study, candidate: usize, watch: &Watch, seen: Seen, log_e: f64, events: u64) {
    let level = guardrail_level(study);
    let requests = study.requests;
    let Breaches { peaks, rolled_back } = &mut study.breaches;
    if events < FEWEST_EVENTS {
        return;
    }
    let peak = peaks.entry((candidate, watch.of.clone())).or_insert(log_e);
    *peak = peak.max(log_e);
    if suffices(log_e, level) && !rolled_back.contains_key(&candidate) {
        let Seen { request, time } = seen;
        rolled_back.insert(candidate, Breach { watched: watch.of.clone(), request, time, requests, log_e });
    }
}

/// Each guardrail of each candidate has its part of the chance of error.
pub(super) fn guardrail_level(study: &Study) -> f64 {
    let decision = study.decision();
    let tests = decision.guardrails.len().max(1) * study.arms.len().saturating_sub(1).max(1);
    decision.guardrail_alpha / tests as f64
}

fn rolls_back(study: &Study, watch: &Watch) -> bool {
    let guardrails = study.design.iter().flat_map(|design| &design.decision.guardrails);
    guardrails.into_iter().any(|guard| guard.watch == watch.of && guard.on_breach == OnBreach::Rollback)
}

/// Whether the arms have users of their own.
pub(super) fn is_split(study: &Study) -> bool {
    let strategy = study.subject.as_ref().map(|subject| subject.strategy);
    matches!(strategy, Some(StrategyKind::Canary | StrategyKind::Ab))
}
