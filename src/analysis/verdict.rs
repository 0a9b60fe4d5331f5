//! The verdict on a candidate: promote, hold, roll back, or not enough evidence, with its reason and its numbers.
//!
//! `invalid` when users did not reach the arms as drawn; then `rollback`, which stays, once a guardrail tipped; then
//! `hold` while a guardrail that may only hold is breached; `promote` when every condition is met at once (an
//! intersection-union test, so none needs a smaller alpha for the others); `inconclusive` when time is up; else
//! `waiting`. Promotion is never concluded from the lack of evidence for a roll back.
//!
//! A judge that agrees with people little better than by chance, or with itself in fewer than 70 % of pairs once their
//! order is turned, makes what rests on its word `invalid`; a guardrail of it can still roll back, and never be passed.
//!
//! Outcomes that come in unevenly void what rests on them, but not a roll back over failures or slowness, which need no
//! outcome: a candidate that fails gets no labels for those requests.

use serde::Serialize;

use crate::analysis::breach::guardrail_level;
use crate::analysis::effect::Effect;
use crate::analysis::effect::Figure;
use crate::analysis::effect::effect;
use crate::analysis::effect::opposite;
use crate::analysis::effect::within;
use crate::analysis::evidence::Evidence;
use crate::analysis::evidence::Limit;
use crate::analysis::figures::EffectSummary;
use crate::analysis::figures::GuardrailSummary;
use crate::analysis::health::Health;
use crate::analysis::sentence;
use crate::analysis::study::Study;
use crate::analysis::study::Subject;
use crate::analysis::watch::Nature;
use crate::analysis::watch::Watch;
use crate::policy::Decision;
use crate::policy::Guardrail;
use crate::policy::OnBreach;
use crate::policy::Watched;
use crate::vocab::ModelName;
use crate::vocab::StrategyKind;
use crate::vocab::Timestamp;

/// Why shares that follow what is learnt end in no verdict.
pub(super) const ADAPTIVE: &str = "the shares follow what is learnt, and what is gathered so is no evidence; `crossfade whatif` estimates each model's rate";

/// What to do about a candidate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// The traffic is not what was drawn: nothing can be said.
    Invalid,
    /// A guardrail tipped: take the candidate out.
    Rollback,
    /// A guardrail that may only hold is breached: do not go on.
    Hold,
    /// Every condition is met: the candidate may take over.
    Promote,
    /// Time is up and nothing was decided.
    Inconclusive,
    /// There is not enough evidence yet.
    Waiting,
}

impl State {
    /// Every state, in the order of their precedence.
    pub const ALL: [State; 6] =
        [State::Invalid, State::Rollback, State::Hold, State::Promote, State::Inconclusive, State::Waiting];

    /// The word that metrics, answers and reports use.
    pub fn as_str(self) -> &'static str {
        match self {
            State::Invalid => "invalid",
            State::Rollback => "rollback",
            State::Hold => "hold",
            State::Promote => "promote",
            State::Inconclusive => "inconclusive",
            State::Waiting => "waiting",
        }
    }
}

/// The verdict on one candidate. It may be read at any time, as often as one likes.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Verdict {
    /// The candidate.
    pub candidate: ModelName,
    /// What to do.
    pub state: State,
    /// The same in one sentence with its figures.
    pub sentence: String,
    /// What the state rests on, or what is missing, one clause each.
    pub reasons: Vec<String>,
    /// All requests of the experiment.
    pub requests: u64,
    /// The first of them.
    pub since: Timestamp,
    /// The last.
    pub until: Timestamp,
    /// What promotion asks for above all; `None`: the policy names no metric for it.
    pub primary: Option<EffectSummary>,
    /// The log e-value that the primary metric clears its margin.
    pub log_e_primary: Option<f64>,
    /// What that must reach.
    pub log_e_needed: f64,
    /// What must not get worse.
    pub guardrails: Vec<GuardrailSummary>,
    /// Whether traffic is sound.
    pub health: Health,
    /// How much more it would take; `None`: nothing more, or more than can be told.
    pub remaining: Option<Remaining>,
}

/// How much more traffic a decision would take if all goes on as so far.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Remaining {
    /// Requests; 0 where time alone is missing.
    pub requests: u64,
    /// Seconds at the present rate.
    pub seconds: f64,
}

/// One condition of promotion.
struct Condition {
    met: bool,
    /// How many times the present traffic would meet it; `None`: cannot be told.
    times: Option<f64>,
    clause: String,
    /// Whether it asks for time and not for evidence.
    of_time: bool,
}

/// The figure that tells which model is better: the policy's primary metric, else votes, else the first metric.
pub(super) fn leading(study: &Study) -> Option<Figure<'_>> {
    let strategy = study.subject.as_ref()?.strategy;
    if let Some(primary) = study.design.as_ref().and_then(|design| design.decision.primary.as_ref()) {
        return study.watch_of(&primary.of).map(Figure::Watched);
    }
    if strategy == StrategyKind::Interleave {
        return Some(Figure::Votes);
    }
    let of_answers = |watch: &&Watch| matches!(watch.of, Watched::Metric(_));
    let is_event = |watch: &&Watch| matches!(watch.nature, Nature::Harm | Nature::Gain | Nature::Preferred);
    let of_outcomes = |watch: &&Watch| {
        matches!(watch.of, Watched::Outcome(_)) && matches!(strategy, StrategyKind::Canary | StrategyKind::Ab)
    };
    let watches = || study.watches.iter();
    let found = watches().filter(of_answers).find(is_event).or_else(|| watches().find(of_answers));
    found.or_else(|| watches().filter(of_outcomes).find(is_event)).map(Figure::Watched)
}

/// The verdict on a candidate, by its place among the arms.
pub(super) fn verdict(study: &Study, subject: &Subject, candidate: usize) -> Verdict {
    let decision = study.decision();
    let candidates = subject.arms.len().saturating_sub(1).max(1);
    let alpha = decision.alpha / candidates as f64;
    let health = Health::of(&study.strata);
    let figure = leading(study);
    let primary = figure.as_ref().map(|figure| effect(study, candidate, figure, alpha));
    let guardrails = guardrails(study, candidate, &decision, alpha);
    let judged = Judgement { study, subject, candidate, decision: &decision, alpha };
    let conditions = judged.conditions(figure.as_ref(), primary.as_ref(), &guardrails);
    let (state, reasons) = match study.is_adaptive() {
        true => (State::Inconclusive, vec![ADAPTIVE.to_owned()]),
        false => judged.state(&health, figure.as_ref(), &guardrails, &conditions),
    };
    let cleared = figure
        .as_ref()
        .and_then(|figure| within(study, candidate, figure, Limit::Margin(judged.margin()))?.log_e());
    let remaining = (state == State::Waiting).then(|| judged.remaining(&conditions)).flatten();
    let shown = primary.as_ref().zip(figure.as_ref());
    let sentence = sentence::of_verdict(&sentence::Told {
        study,
        subject,
        candidate,
        state,
        reasons: &reasons,
        primary: shown.map(|(effect, figure)| (figure, effect)),
        remaining,
    });
    Verdict {
        candidate: subject.arms[candidate].clone(),
        state,
        sentence,
        reasons,
        requests: study.requests,
        since: subject.since,
        until: subject.until,
        primary: shown.map(|(effect, figure)| EffectSummary::of(figure, effect, subject, candidate)),
        log_e_primary: cleared,
        log_e_needed: -alpha.ln(),
        guardrails: guardrails.into_iter().map(|watched| watched.summary).collect(),
        health,
        remaining,
    }
}

/// A guardrail as it stands.
struct Guarded {
    summary: GuardrailSummary,
    /// How far promotion is from what the guardrail asks; `None`: it asks nothing.
    within: Option<Option<Evidence>>,
}

fn guardrails(study: &Study, candidate: usize, decision: &Decision, alpha: f64) -> Vec<Guarded> {
    let level = guardrail_level(study);
    let one = |guardrail: &Guardrail| {
        let watch = study.watch_of(&guardrail.watch)?;
        let figure = Figure::Watched(watch);
        let found = effect(study, candidate, &figure, alpha);
        let limit = guardrail.max_ratio.map(Limit::Ratio);
        let inside = limit.map(|limit| within(study, candidate, &figure, limit));
        let breached = match guardrail.on_breach {
            OnBreach::Rollback => {
                study.breaches.of(candidate).is_some_and(|breach| breach.watched == guardrail.watch)
            }
            OnBreach::Hold => holds(study, candidate, watch, &found, limit, level),
        };
        let subject = study.subject.as_ref()?;
        let summary = GuardrailSummary {
            effect: EffectSummary::of(&figure, &found, subject, candidate),
            max_ratio: guardrail.max_ratio,
            on_breach: guardrail.on_breach,
            log_e_peak: study.breaches.peak(candidate, &guardrail.watch),
            log_e_breach: -level.ln(),
            breached,
            within: inside
                .as_ref()
                .map(|inside| inside.as_ref().is_some_and(|evidence| evidence.suffices(alpha))),
        };
        Some(Guarded { summary, within: inside })
    };
    decision.guardrails.iter().filter_map(one).collect()
}

/// Whether a guardrail that may only hold does: of a number, when it is beyond its limit.
fn holds(
    study: &Study,
    candidate: usize,
    watch: &Watch,
    found: &Effect,
    limit: Option<Limit>,
    level: f64,
) -> bool {
    let (Nature::Number(_), Some(limit)) = (watch.nature, limit) else { return found.is_worse(level) };
    let beyond = within(study, candidate, &Figure::Watched(watch), limit).map(|evidence| match evidence {
        Evidence::Difference { difference, at, better } => {
            Evidence::Difference { difference, at, better: opposite(better) }
        }
        Evidence::Bounds { bounds, at, better } => Evidence::Bounds { bounds, at, better: opposite(better) },
        other => other,
    });
    beyond.is_some_and(|evidence| evidence.suffices(level))
}

struct Judgement<'s> {
    study: &'s Study,
    subject: &'s Subject,
    candidate: usize,
    decision: &'s Decision,
    alpha: f64,
}

impl Judgement<'_> {
    fn margin(&self) -> f64 {
        self.decision.primary.as_ref().map_or(0.0, |primary| primary.margin)
    }

    fn elapsed(&self) -> f64 {
        self.subject.until.since(self.subject.since).as_secs_f64()
    }

    /// What promotion asks for.
    fn conditions(
        &self,
        figure: Option<&Figure<'_>>,
        primary: Option<&Effect>,
        guardrails: &[Guarded],
    ) -> Vec<Condition> {
        let Self { study, candidate, decision, alpha, .. } = *self;
        let mut conditions = Vec::new();
        if let (Some(figure), Some(primary)) = (figure, primary) {
            let evidence = within(study, candidate, figure, Limit::Margin(self.margin()));
            let name = sentence::figure_name(figure);
            conditions.push(condition(evidence.as_ref(), alpha, primary.undefined.as_deref(), |met| match (
                met,
                self.margin() == 0.0,
            ) {
                (true, true) => format!("`{name}` is better"),
                (true, false) => format!("`{name}` is within its margin"),
                (false, true) => format!("`{name}` is not proven better yet"),
                (false, false) => format!("`{name}` is not proven within its margin yet"),
            }));
        }
        for Guarded { summary, within } in guardrails {
            let Some(evidence) = within else { continue };
            let name = &summary.effect.figure;
            let undefined = summary.effect.undefined.as_deref();
            conditions.push(condition(evidence.as_ref(), alpha, undefined, |met| match met {
                true => format!("guardrail `{name}` is inside its limit"),
                false => format!("guardrail `{name}` is not proven inside its limit yet"),
            }));
        }
        let of_guardrails = decision.guardrails.iter().map(|guardrail| &guardrail.watch);
        for clause in of_guardrails.filter_map(|watched| study.distrust_behind(watched)) {
            conditions.push(Condition { met: false, times: None, clause, of_time: false });
        }
        if conditions.is_empty() {
            let clause = "the policy names no metric that could show the candidate to be better (`primary_metric`), and \
                          no guardrail with a limit (`max_ratio`)";
            conditions.push(Condition { met: false, times: None, clause: clause.to_owned(), of_time: false });
        }
        let (elapsed, least) = (self.elapsed(), decision.min_seconds);
        let met = elapsed >= least;
        let times = (elapsed > 0.0).then(|| (least / elapsed).max(1.0));
        let clause = match met {
            true => format!("the minimum time of {} is over", sentence::span(least)),
            false => format!("{} of the minimum time are left", sentence::span(least - elapsed)),
        };
        conditions.push(Condition { met, times, clause, of_time: true });
        conditions
    }

    fn state(
        &self,
        health: &Health,
        figure: Option<&Figure<'_>>,
        guardrails: &[Guarded],
        conditions: &[Condition],
    ) -> (State, Vec<String>) {
        let breach = self.study.breaches.of(self.candidate);
        if health.assigned_off && breach.is_none() {
            return (State::Invalid, vec![health.trouble().unwrap_or_default().to_owned()]);
        }
        if let Some(breach) = breach {
            let name = sentence::watched_name(&breach.watched);
            return (
                State::Rollback,
                vec![format!("guardrail `{name}` tipped after {} requests", breach.requests)],
            );
        }
        let rests_on_outcomes = figure.is_some_and(
            |figure| matches!(figure, Figure::Watched(watch) if self.study.needs_outcome(&watch.of)),
        );
        if health.joined_off && rests_on_outcomes {
            return (State::Invalid, vec![health.trouble().unwrap_or_default().to_owned()]);
        }
        if let Some(distrust) = self.distrust(figure) {
            return (State::Invalid, vec![distrust]);
        }
        let held: Vec<String> = guardrails
            .iter()
            .filter(|guarded| guarded.summary.breached)
            .map(|guarded| format!("guardrail `{}` is beyond its limit", guarded.summary.effect.figure))
            .collect();
        if !held.is_empty() {
            return (State::Hold, held);
        }
        let clauses = |met: bool| {
            let matching = conditions.iter().filter(|condition| condition.met == met);
            matching.map(|condition| condition.clause.clone()).collect()
        };
        if conditions.iter().all(|condition| condition.met) {
            return (State::Promote, clauses(true));
        }
        let over = self.decision.stop_after_seconds.is_some_and(|most| self.elapsed() >= most);
        (if over { State::Inconclusive } else { State::Waiting }, clauses(false))
    }

    /// Why the judge whose word the verdict would rest on cannot be trusted.
    fn distrust(&self, figure: Option<&Figure<'_>>) -> Option<String> {
        let of = |figure: &Figure<'_>| match figure {
            Figure::Watched(watch) => self.study.distrust_behind(&watch.of),
            Figure::Votes => None,
        };
        figure.and_then(of)
    }

    fn remaining(&self, conditions: &[Condition]) -> Option<Remaining> {
        let open = || conditions.iter().filter(|condition| !condition.met);
        let times = open()
            .map(|condition| condition.times)
            .try_fold(1.0, |most: f64, times| Some(most.max(times?)))?;
        // Where time alone is missing, traffic is not.
        let requests = match open().all(|condition| condition.of_time) {
            true => 0,
            false => ((times - 1.0) * self.study.requests as f64).ceil() as u64,
        };
        Some(Remaining { requests, seconds: (times - 1.0) * self.elapsed() })
    }
}

fn condition(
    evidence: Option<&Evidence>,
    alpha: f64,
    undefined: Option<&str>,
    clause: impl Fn(bool) -> String,
) -> Condition {
    let met = evidence.is_some_and(|evidence| evidence.suffices(alpha));
    let times = evidence.and_then(|evidence| evidence.times_needed(alpha));
    let why = undefined.filter(|_| !met).map(|why| format!(": {why}")).unwrap_or_default();
    Condition { met, times, clause: clause(met) + &why, of_time: false }
}
