//! Who is better, as far as the evidence goes: a finding, its numbers, and one sentence that a person can act on.

use serde::Serialize;

use crate::analysis::evidence;
use crate::analysis::evidence::Finding;
use crate::analysis::evidence::Weighed;
use crate::analysis::evidence::WrongUnits;
use crate::analysis::health;
use crate::analysis::stratum::StratumArm;
use crate::analysis::study::Study;
use crate::analysis::study::Subject;
use crate::vocab::ModelName;
use crate::vocab::StrategyKind;

/// Which model is better. It may be read at any time, as often as one likes.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// This candidate is better than legacy.
    Candidate(ModelName),
    /// Legacy is better than every candidate.
    Legacy,
    /// Nothing can be said yet, or at all.
    Undecided {
        /// Why, in one clause.
        reason: String,
    },
}

/// What is known of one candidate against legacy.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Evidence {
    /// The candidate.
    pub candidate: ModelName,
    /// The natural logarithm of the e-value that it is better than legacy.
    pub log_e_better: f64,
    /// The natural logarithm of the e-value that it is worse.
    pub log_e_worse: f64,
    /// What either must reach.
    pub log_e_needed: f64,
    /// How many pairs, votes or wrong answers speak for a side.
    pub events: u64,
    /// What was found, in one sentence.
    pub sentence: String,
}

/// The finding on an experiment with its evidence and one sentence.
pub(super) fn standing(study: &Study, subject: &Subject) -> (Standing, Vec<Evidence>, String) {
    let candidates = subject.arms.len().saturating_sub(1);
    if let Some(reason) = silence(study, subject) {
        let sentence = sentence_of(&reason);
        return (Standing::Undecided { reason }, Vec::new(), sentence);
    }
    let weighed = (1..=candidates).filter_map(|candidate| {
        let weighed = match subject.strategy {
            StrategyKind::Shadow => Some(evidence::of_pairs(study.paired.get(candidate - 1)?, candidates)),
            StrategyKind::Canary | StrategyKind::Ab => {
                evidence::of_answers(&study.strata, candidate, candidates)
            }
            StrategyKind::Interleave => Some(evidence::of_votes(&study.votes(candidate), candidates)),
        }?;
        Some((candidate, weighed))
    });
    let weighed: Vec<(usize, Weighed)> = weighed.collect();
    if weighed.is_empty() {
        let reason = "in no stage did both models answer users, so there is nothing to compare".to_owned();
        let sentence = sentence_of(&reason);
        return (Standing::Undecided { reason }, Vec::new(), sentence);
    }
    let (standing, telling) = decide(&weighed, subject);
    let told: Vec<Evidence> =
        weighed.iter().map(|(candidate, weighed)| told(study, subject, *candidate, weighed)).collect();
    let sentence = told[telling].sentence.clone();
    (standing, told, sentence)
}

/// The finding over all candidates, and whose evidence tells it best.
fn decide(weighed: &[(usize, Weighed)], subject: &Subject) -> (Standing, usize) {
    let best = |finding: Finding, of: fn(&Weighed) -> f64| {
        let found = weighed.iter().enumerate().filter(|(_, (_, weighed))| weighed.finding() == finding);
        found.max_by(|(_, (_, one)), (_, (_, other))| of(one).total_cmp(&of(other))).map(|(place, _)| place)
    };
    if let Some(place) = best(Finding::Better, |weighed| weighed.better) {
        return (Standing::Candidate(subject.arms[weighed[place].0].clone()), place);
    }
    let candidates = subject.arms.len().saturating_sub(1);
    match best(Finding::Open, Weighed::strongest) {
        None if weighed.len() < candidates => {
            (Standing::Undecided { reason: "not every candidate answered users yet".to_owned() }, 0)
        }
        Some(place) => (Standing::Undecided { reason: "not enough evidence yet".to_owned() }, place),
        None => (Standing::Legacy, best(Finding::Worse, |weighed| weighed.worse).unwrap_or(0)),
    }
}

/// Why nothing can be weighed at all; `None`: something can.
fn silence(study: &Study, subject: &Subject) -> Option<String> {
    let Subject { strategy, arms, truth, .. } = subject;
    let repeated = arms.iter().skip(1).find(|arm| arms[0] == **arm);
    if let Some(arm) = repeated {
        return Some(format!("`{arm}` is held against itself"));
    }
    if *strategy == StrategyKind::Interleave {
        let ballot = &study.ballot;
        return match (ballot.clicks, ballot.without_unit) {
            (0, _) => Some("no click on a mixed list was reported yet".to_owned()),
            (clicks, nameless) if clicks == nameless => {
                Some("clicks cannot be counted as votes, for requests name no user (`unit`)".to_owned())
            }
            _ if ballot.by_other_methods > 0 => Some(
                "readers who click at random prefer a side unless lists are mixed by `team_draft`, so votes decide \
                 nothing"
                    .to_owned(),
            ),
            _ => None,
        };
    }
    let Some(truth) = truth else {
        return Some("nothing tells which answer is right: the policy has no `metrics.accuracy`".to_owned());
    };
    let judged = study.arms.iter().flat_map(|arm| &arm.calls).any(|call| call.right + call.wrong > 0);
    if !judged {
        return Some(format!("no answer was held against a reported `{truth}` yet"));
    }
    health::trouble(&study.strata).map(str::to_owned)
}

fn told(study: &Study, subject: &Subject, candidate: usize, weighed: &Weighed) -> Evidence {
    let Weighed { better, worse, needed, events } = *weighed;
    let name = &subject.arms[candidate];
    let found = match weighed.finding() {
        Finding::Better => format!("{name} is better than {}", subject.arms[0]),
        Finding::Worse => format!("{} is better than {name}", subject.arms[0]),
        Finding::Open => format!("not enough evidence yet between {name} and {}", subject.arms[0]),
    };
    let basis = match subject.strategy {
        StrategyKind::Shadow => pairs_sentence(study, candidate),
        StrategyKind::Canary | StrategyKind::Ab => answers_sentence(study, subject, candidate),
        StrategyKind::Interleave => votes_sentence(study, candidate),
    };
    let (e, enough) = (shown_e(weighed.strongest()), shown_e(needed));
    Evidence {
        candidate: name.clone(),
        log_e_better: better,
        log_e_worse: worse,
        log_e_needed: needed,
        events,
        sentence: format!("{found}: {basis} (e-value {e}, {enough} needed)."),
    }
}

fn pairs_sentence(study: &Study, candidate: usize) -> String {
    let paired = study.paired[candidate - 1];
    let (won, lost) = (paired.only_candidate_right, paired.only_legacy_right);
    format!("of {} requests that only one of them got right, the candidate got {won} right", won + lost)
}

/// The figures of one stage as they are; of several only what can be added up, for rates may drift from stage to stage.
fn answers_sentence(study: &Study, subject: &Subject, candidate: usize) -> String {
    let stages: Vec<WrongUnits> = evidence::wrong_units(&study.strata, candidate).collect();
    if stages.len() > 1 {
        let own: u64 = stages.iter().map(|stage| stage.own).sum();
        let legacy: u64 = stages.iter().map(|stage| stage.legacy).sum();
        let expected: f64 = stages.iter().map(WrongUnits::expected).sum();
        return format!(
            "over {} stages {own} of {} users with a wrong answer had it from {}, whose share of the traffic makes \
             {expected:.1}",
            stages.len(),
            own + legacy,
            subject.arms[candidate]
        );
    }
    let rate = |arm: usize| {
        let of = |count: fn(&StratumArm) -> u64| -> u64 {
            study.strata.iter().filter_map(|stratum| stratum.arms.get(arm)).map(count).sum()
        };
        format!("{} of {} answers of {}", of(|arm| arm.wrong), of(|arm| arm.judged), subject.arms[arm])
    };
    format!("{} and {} were wrong", rate(candidate), rate(0))
}

fn votes_sentence(study: &Study, candidate: usize) -> String {
    let votes = study.votes(candidate);
    format!(
        "of {} users with a preference, {} preferred the candidate",
        votes.wins + votes.losses,
        votes.wins
    )
}

fn sentence_of(reason: &str) -> String {
    let mut characters = reason.chars();
    let first = characters.next().into_iter().flat_map(char::to_uppercase);
    first.chain(characters).chain(['.']).collect()
}

/// An e-value for people: what exceeds a million is that.
fn shown_e(log_e: f64) -> String {
    match log_e.exp() {
        e if e >= 1e6 => "over 1,000,000".to_owned(),
        e if e >= 100.0 => format!("{e:.0}"),
        e => format!("{e:.1}"),
    }
}
