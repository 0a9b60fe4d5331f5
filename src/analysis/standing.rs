//! Who is better, as far as the evidence goes: a finding over all candidates, and one sentence.
//!
//! It answers another question than a verdict: which model is better by the leading figure, and not what to do. Each
//! direction has half of the chance of error, shared among the candidates.

use serde::Serialize;

use crate::analysis::effect::Effect;
use crate::analysis::effect::Figure;
use crate::analysis::effect::effect;
use crate::analysis::evidence::Evidence;
use crate::analysis::health::Health;
use crate::analysis::observe::outcomes_of;
use crate::analysis::sentence::claim;
use crate::analysis::study::Study;
use crate::analysis::study::Subject;
use crate::analysis::verdict::ADAPTIVE;
use crate::analysis::verdict::leading;
use crate::analysis::watch::Watch;
use crate::policy::Watched;
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

/// What evidence says of one candidate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Finding {
    Better,
    Worse,
    Open,
}

struct Weighed {
    candidate: usize,
    finding: Finding,
    effect: Effect,
}

/// The finding on an experiment with one sentence.
pub(super) fn standing(study: &Study, subject: &Subject) -> (Standing, String) {
    let undecided = |reason: String| (Standing::Undecided { reason: reason.clone() }, sentence_of(&reason));
    if let Some(reason) = silence(study, subject) {
        return undecided(reason);
    }
    let Some(figure) = leading(study) else {
        return undecided("nothing tells which answer is right: the policy has no `metrics`".to_owned());
    };
    if let Some(reason) = study.unmeasured(&figure) {
        return undecided(reason);
    }
    let candidates = subject.arms.len().saturating_sub(1);
    let level = study.decision().alpha / (2 * candidates.max(1)) as f64;
    let weighed: Vec<Weighed> = (1..=candidates)
        .map(|candidate| {
            let effect = effect(study, candidate, &figure, 2.0 * level);
            let finding = match (effect.is_better(level), effect.is_worse(level)) {
                (true, false) => Finding::Better,
                (false, true) => Finding::Worse,
                // Better in one stage and worse in another is neither.
                (true, true) | (false, false) => Finding::Open,
            };
            Weighed { candidate, finding, effect }
        })
        .collect();
    let (standing, telling) = decide(&weighed, subject);
    let sentence = telling.map(|telling| told(study, subject, &figure, telling, level));
    match (&standing, sentence) {
        (_, Some(sentence)) => (standing, sentence),
        (Standing::Undecided { reason }, None) => undecided(reason.clone()),
        (_, None) => (standing, String::new()),
    }
}

/// The finding over all candidates, and whose evidence tells it best.
fn decide<'w>(weighed: &'w [Weighed], subject: &Subject) -> (Standing, Option<&'w Weighed>) {
    let best = |finding: Finding| {
        let found = weighed.iter().filter(|weighed| weighed.finding == finding);
        found.max_by(|one, other| one.strongest().total_cmp(&other.strongest()))
    };
    if let Some(better) = best(Finding::Better) {
        return (Standing::Candidate(subject.arms[better.candidate].clone()), Some(better));
    }
    match best(Finding::Open) {
        Some(open) => {
            let reason = match &open.effect.undefined {
                Some(why) if open.effect.estimate.is_none() => why.clone(),
                _ => "not enough evidence yet".to_owned(),
            };
            (Standing::Undecided { reason }, Some(open).filter(|open| open.effect.estimate.is_some()))
        }
        None => (Standing::Legacy, best(Finding::Worse)),
    }
}

impl Study {
    /// Why a metric has nothing to say yet; `None`: it has.
    fn unmeasured(&self, figure: &Figure<'_>) -> Option<String> {
        let Figure::Watched(Watch { of: Watched::Metric(name), .. }) = figure else { return None };
        let measured = self
            .quality
            .get(name)
            .is_some_and(|quality| quality.calls.values().any(|call| call.examples + call.failed > 0));
        let metric = self.design.as_ref()?.metrics.iter().find(|metric| metric.name == *name)?;
        let outcome = outcomes_of(metric).into_iter().next()?;
        (!measured).then(|| format!("no answer was held against a reported `{outcome}` yet"))
    }
}

impl Weighed {
    /// The stronger of the two log e-values.
    fn strongest(&self) -> f64 {
        let log_e = |evidence: &Option<Evidence>| evidence.as_ref().and_then(Evidence::log_e);
        let strongest = log_e(&self.effect.better).into_iter().chain(log_e(&self.effect.worse));
        strongest.fold(f64::NEG_INFINITY, f64::max)
    }
}

/// Why nothing can be weighed at all; `None`: something can.
fn silence(study: &Study, subject: &Subject) -> Option<String> {
    let Subject { strategy, arms, .. } = subject;
    if study.is_adaptive() {
        return Some(ADAPTIVE.to_owned());
    }
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
    Health::of(&study.strata).trouble().map(str::to_owned)
}

fn told(study: &Study, subject: &Subject, figure: &Figure<'_>, weighed: &Weighed, level: f64) -> String {
    let (name, legacy) = (&subject.arms[weighed.candidate], &subject.arms[0]);
    let found = match weighed.finding {
        Finding::Better => format!("{name} is better than {legacy}"),
        Finding::Worse => format!("{legacy} is better than {name}"),
        Finding::Open => format!("not enough evidence yet between {name} and {legacy}"),
    };
    let basis = claim(study, subject, weighed.candidate, figure, &weighed.effect);
    let evidence = match weighed.strongest() {
        strongest if strongest.is_finite() => {
            format!(" (e-value {}, {} needed)", shown_e(strongest), shown_e(-level.ln()))
        }
        _ => String::new(),
    };
    format!("{found}: {basis}{evidence}.")
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
