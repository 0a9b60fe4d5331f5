//! How far a candidate is from legacy on one figure, with bounds and evidence that hold however often one looks.
//!
//! Where the arms have users of their own: events by their share (event-share e-process, stage by stage), numbers by
//! their means (asymptotic confidence sequence, after a warm-up). Where both answered the same requests: events by the
//! pairs in which the sides differ (sequential McNemar), numbers by their differences (empirical Bernstein where they
//! are bounded, else the asymptotic sequence). Mixed lists: by users' votes.

use serde::Serialize;

use crate::analysis::breach::FEWEST_EVENTS;
use crate::analysis::breach::is_split;
use crate::analysis::evidence::Evidence;
use crate::analysis::evidence::Limit;
use crate::analysis::pairs::PairNumbers;
use crate::analysis::study::Study;
use crate::analysis::watch::Nature;
use crate::analysis::watch::Watch;
use crate::evaluate::measure::Better;
use crate::policy::Watched;
use crate::stats::Alternative;
use crate::stats::BetaBinomial;
use crate::stats::Interval;
use crate::stats::StageDifference;
use crate::stats::StagedDifference;
use crate::stats::StagedRisk;
use crate::stats::Undefined;
use crate::stats::Votes;
use crate::stats::share_cs;

/// The warm-up without which the asymptotic sequence raises false alarms in up to 72 of 100 tests (STATS 2.10).
pub(super) const FEWEST_UNITS: u64 = 100;
pub(super) const FEWEST_NON_ZERO: u64 = 20;

/// How many units a test of means is planned for.
pub(super) const PLANNED_UNITS: f64 = 5_000.0;

/// What an effect is measured in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum EffectScale {
    /// The candidate's rate of an event over legacy's: 1 is no difference.
    RelativeRisk,
    /// The candidate's mean less legacy's: 0 is no difference.
    Difference,
    /// The candidate's share of what was decided between the two: one half is no difference.
    Preference,
}

impl EffectScale {
    /// The word that metrics and reports use.
    pub fn as_str(self) -> &'static str {
        match self {
            EffectScale::RelativeRisk => "relative_risk",
            EffectScale::Difference => "difference",
            EffectScale::Preference => "preference",
        }
    }
}

/// What an effect rests on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Basis {
    /// Users of one arm against users of the other.
    Split,
    /// Requests that both answered.
    Pairs,
    /// Votes of users on mixed lists.
    Votes,
}

/// A figure that a candidate is compared with legacy by.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Figure<'s> {
    /// A watched one.
    Watched(&'s Watch),
    /// Votes on mixed lists.
    Votes,
}

/// How far a candidate is from legacy on one figure.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Effect {
    pub(super) basis: Basis,
    pub(super) scale: EffectScale,
    pub(super) estimate: Option<f64>,
    /// A confidence sequence at the level of promotion; `None`: undefined.
    pub(super) bounds: Option<Interval>,
    /// That the candidate is better, and that it is worse.
    pub(super) better: Option<Evidence>,
    pub(super) worse: Option<Evidence>,
    /// Events, pairs or votes that speak for a side; of numbers, units.
    pub(super) events: u64,
    /// Why there is no estimate or no bounds.
    pub(super) undefined: Option<String>,
}

/// Compares a candidate with legacy on a figure; `alpha` is the level of the bounds.
pub(super) fn effect(study: &Study, candidate: usize, figure: &Figure<'_>, alpha: f64) -> Effect {
    match figure {
        Figure::Votes => preference(Basis::Votes, study.votes(candidate), 100.0, alpha),
        Figure::Watched(watch) => match (is_split(study), watch.nature) {
            (_, Nature::Preferred) => of_pairs(study, candidate, watch, alpha),
            (true, Nature::Harm | Nature::Gain) => of_risk(study, candidate, watch, alpha),
            (true, Nature::Number(_)) => of_means(study, candidate, watch, alpha),
            (false, Nature::Harm | Nature::Gain) => of_pairs(study, candidate, watch, alpha),
            (false, Nature::Number(_)) => of_differences(study, candidate, watch, alpha),
        },
    }
}

/// Evidence that a candidate keeps within a limit; `None`: nothing can be said.
pub(super) fn within(study: &Study, candidate: usize, figure: &Figure<'_>, limit: Limit) -> Option<Evidence> {
    match figure {
        Figure::Votes => votes_within(study.votes(candidate), 100.0, limit),
        Figure::Watched(watch) => match (is_split(study), watch.nature) {
            (true, Nature::Harm) => Some(Evidence::Risk {
                risk: risk(study, candidate, watch),
                alternative: Alternative::Less,
                ratio: limit.ratio(),
            }),
            (true, Nature::Gain) => Some(Evidence::Risk {
                risk: risk(study, candidate, watch),
                alternative: Alternative::Greater,
                ratio: (2.0 - limit.ratio()).max(f64::MIN_POSITIVE),
            }),
            (true, Nature::Number(_)) => {
                let (relative, absolute) = limit.of_number(watch.better);
                let (difference, _) = means(study, candidate, watch, relative).ok()?;
                Some(Evidence::Difference { difference, at: absolute, better: watch.better })
            }
            (false, Nature::Harm | Nature::Gain) | (_, Nature::Preferred) => {
                let votes = study.pairs.get(candidate - 1)?.events(&watch.of)?.votes;
                votes_within(favourable(watch, votes), 10.0, limit)
            }
            (false, Nature::Number(_)) => {
                let numbers = study.pairs.get(candidate - 1)?.numbers(&watch.of)?;
                let (_, absolute) = limit.of_number(watch.better);
                match bounds_of_pairs(numbers, study.decision().alpha).ok()? {
                    PairBounds::Exact(bounds) => {
                        Some(Evidence::Bounds { bounds, at: absolute, better: watch.better })
                    }
                    PairBounds::Asymptotic(difference) => {
                        Some(Evidence::Difference { difference, at: absolute, better: watch.better })
                    }
                }
            }
        },
    }
}

fn risk(study: &Study, candidate: usize, watch: &Watch) -> StagedRisk {
    StagedRisk::of(study.strata.iter().filter_map(|stratum| stratum.stage_events(&watch.of, candidate)))
}

fn of_risk(study: &Study, candidate: usize, watch: &Watch, alpha: f64) -> Effect {
    let risk = risk(study, candidate, watch);
    let (own, legacy) = risk.events();
    let (better, worse) = match watch.nature {
        Nature::Gain => (Alternative::Greater, Alternative::Less),
        _ => (Alternative::Less, Alternative::Greater),
    };
    let evidence = |alternative| {
        (!risk.is_empty()).then(|| Evidence::Risk { risk: risk.clone(), alternative, ratio: 1.0 })
    };
    let bounds = risk.interval(alpha);
    Effect {
        basis: Basis::Split,
        scale: EffectScale::RelativeRisk,
        estimate: risk.estimate().ok(),
        better: evidence(better),
        worse: evidence(worse),
        events: own + legacy,
        undefined: bounds.as_ref().err().map(ToString::to_string),
        bounds: bounds.ok(),
    }
}

/// Differences of means by stage, the candidate's less `ratio` times legacy's, and how many units they rest on.
fn means(
    study: &Study,
    candidate: usize,
    watch: &Watch,
    ratio: f64,
) -> Result<(StagedDifference, u64), String> {
    let mut stages = Vec::new();
    let mut least: Option<(u64, u64)> = None;
    for stratum in study.strata.iter() {
        let means = stratum.mean(watch, candidate).zip(stratum.mean(watch, 0));
        let Some((own, legacy)) = means else { continue };
        let (units, non_zero) = (own.units.min(legacy.units), own.non_zero.min(legacy.non_zero));
        if units < FEWEST_UNITS || non_zero < FEWEST_NON_ZERO {
            least = least.max(Some((units, non_zero)));
            continue;
        }
        let Some((own_variance, legacy_variance)) = own.variance.zip(legacy.variance) else { continue };
        stages.push(StageDifference {
            units: own.units + legacy.units,
            difference: own.mean - ratio * legacy.mean,
            variance: own_variance + ratio * ratio * legacy_variance,
        });
    }
    if stages.is_empty() {
        return Err(match least {
            Some((units, non_zero)) => {
                let what = match watch.of {
                    Watched::CostPerSuccess(_) => "successes",
                    _ => "values other than 0",
                };
                format!(
                    "a comparison of means needs {FEWEST_UNITS} users and {FEWEST_NON_ZERO} {what} of each model, and \
                     has {units} and {non_zero} of one"
                )
            }
            None => Undefined::NoObservations.to_string(),
        });
    }
    let units = stages.iter().map(|stage| stage.units).sum();
    let staged = StagedDifference::of(stages, study.decision().alpha, PLANNED_UNITS);
    staged.map(|staged| (staged, units)).map_err(|why| why.to_string())
}

fn of_means(study: &Study, candidate: usize, watch: &Watch, alpha: f64) -> Effect {
    of_difference(Basis::Split, watch, means(study, candidate, watch, 1.0), alpha)
}

fn of_difference(
    basis: Basis,
    watch: &Watch,
    found: Result<(StagedDifference, u64), String>,
    alpha: f64,
) -> Effect {
    let scale = EffectScale::Difference;
    let (difference, events) = match found {
        Ok(found) => found,
        Err(why) => return Effect::undefined(basis, scale, why),
    };
    let evidence = |better| Some(Evidence::Difference { difference: difference.clone(), at: 0.0, better });
    let bounds = difference.interval(alpha);
    Effect {
        basis,
        scale,
        estimate: Some(difference.estimate()),
        better: evidence(watch.better),
        worse: evidence(opposite(watch.better)),
        events,
        undefined: bounds.as_ref().err().map(ToString::to_string),
        bounds: bounds.ok(),
    }
}

/// Why an outcome tells nothing where users never get a candidate's own answer.
fn not_of_candidates(watch: &Watch) -> Option<String> {
    matches!(watch.of, Watched::Outcome(_)).then(|| {
        "an outcome tells of what the user got, which here is no candidate's answer alone".to_owned()
    })
}

fn of_pairs(study: &Study, candidate: usize, watch: &Watch, alpha: f64) -> Effect {
    if let Some(why) = not_of_candidates(watch) {
        return Effect::undefined(Basis::Pairs, EffectScale::Preference, why);
    }
    let votes =
        study.pairs.get(candidate - 1).and_then(|pairs| pairs.events(&watch.of)).map(|pairs| pairs.votes);
    preference(Basis::Pairs, favourable(watch, votes.unwrap_or_default()), 10.0, alpha)
}

/// Votes for the candidate: units to whom the harm came from legacy alone, or the gain from the candidate alone.
fn favourable(watch: &Watch, votes: Votes) -> Votes {
    match watch.nature {
        Nature::Gain | Nature::Preferred => votes,
        _ => Votes { wins: votes.losses, losses: votes.wins, ties: votes.ties },
    }
}

/// Beta(strength, strength) sits where nobody is preferred.
fn preference(basis: Basis, votes: Votes, strength: f64, alpha: f64) -> Effect {
    let Votes { wins, losses, .. } = votes;
    let evidence = |alternative| {
        let process = BetaBinomial::new(strength, strength, 0.5, alternative).ok()?;
        Some(Evidence::Share { process, wins, losses })
    };
    // Where one side wins almost always, a prior at one half would make the bounds needlessly wide.
    let prior = if basis == Basis::Votes { strength } else { 0.5 };
    let bounds = share_cs(prior, prior, wins, losses, alpha);
    Effect {
        basis,
        scale: EffectScale::Preference,
        estimate: (wins + losses > 0).then(|| wins as f64 / (wins + losses) as f64),
        better: evidence(Alternative::Greater),
        worse: evidence(Alternative::Less),
        events: wins + losses,
        undefined: bounds.is_err().then(|| Undefined::NothingDecided.to_string()),
        bounds: bounds.ok(),
    }
}

/// A relative risk of at most the limit, where a decided pair is lost with odds of at most the limit: what both sides
/// have in common brings the risks only nearer to each other.
fn votes_within(votes: Votes, strength: f64, limit: Limit) -> Option<Evidence> {
    let least = 1.0 / (1.0 + limit.ratio());
    let (a, b) = (2.0 * strength * least, 2.0 * strength * (1.0 - least));
    let process = BetaBinomial::new(a, b, least, Alternative::Greater).ok()?;
    Some(Evidence::Share { process, wins: votes.wins, losses: votes.losses })
}

enum PairBounds {
    Exact(Interval),
    Asymptotic(StagedDifference),
}

/// Bounds on the mean difference of each unit's first pair.
fn bounds_of_pairs(numbers: &PairNumbers, alpha: f64) -> Result<PairBounds, String> {
    let units = numbers.first.n();
    if numbers.reach.is_some() {
        // Of several gateways each has its part of the chance of error.
        let ends = numbers.bounded.iter().filter_map(|part| part.running().ok());
        let both = ends.reduce(|one, other| Interval {
            lower: one.lower.max(other.lower),
            upper: one.upper.min(other.upper),
        });
        let both = both.filter(|both| both.lower <= both.upper);
        return both.map(PairBounds::Exact).ok_or_else(|| Undefined::NoObservations.to_string());
    }
    if units < FEWEST_UNITS {
        return Err(format!("a comparison of means needs {FEWEST_UNITS} users with a pair, and has {units}"));
    }
    let variance = numbers.first.variance().map_err(|why| why.to_string())?;
    let difference = numbers.first.mean().map_err(|why| why.to_string())?;
    let stage = StageDifference { units, difference, variance: variance / units as f64 };
    let staged = StagedDifference::of(vec![stage], alpha, PLANNED_UNITS);
    staged.map(PairBounds::Asymptotic).map_err(|why| why.to_string())
}

fn of_differences(study: &Study, candidate: usize, watch: &Watch, alpha: f64) -> Effect {
    let scale = EffectScale::Difference;
    if let Some(why) = not_of_candidates(watch) {
        return Effect::undefined(Basis::Pairs, scale, why);
    }
    let Some(numbers) = study.pairs.get(candidate - 1).and_then(|pairs| pairs.numbers(&watch.of)) else {
        return Effect::undefined(Basis::Pairs, scale, Undefined::NoObservations.to_string());
    };
    let units = numbers.first.n();
    match bounds_of_pairs(numbers, study.decision().alpha) {
        Ok(PairBounds::Asymptotic(difference)) => {
            of_difference(Basis::Pairs, watch, Ok((difference, units)), alpha)
        }
        Ok(PairBounds::Exact(bounds)) => {
            let evidence = |better| Some(Evidence::Bounds { bounds, at: 0.0, better });
            Effect {
                basis: Basis::Pairs,
                scale,
                estimate: numbers.first.mean().ok(),
                bounds: Some(bounds),
                better: evidence(watch.better),
                worse: evidence(opposite(watch.better)),
                events: units,
                undefined: None,
            }
        }
        Err(why) => Effect { events: units, ..Effect::undefined(Basis::Pairs, scale, why) },
    }
}

/// The other way.
pub(super) fn opposite(better: Better) -> Better {
    match better {
        Better::Higher => Better::Lower,
        Better::Lower => Better::Higher,
    }
}

impl Effect {
    /// Whether the candidate is better at a level.
    pub(super) fn is_better(&self, alpha: f64) -> bool {
        self.suffices(self.better.as_ref(), alpha)
    }

    /// Whether the candidate is worse at a level.
    pub(super) fn is_worse(&self, alpha: f64) -> bool {
        self.suffices(self.worse.as_ref(), alpha)
    }

    fn suffices(&self, evidence: Option<&Evidence>, alpha: f64) -> bool {
        self.events >= FEWEST_EVENTS && evidence.is_some_and(|evidence| evidence.suffices(alpha))
    }

    fn undefined(basis: Basis, scale: EffectScale, why: String) -> Self {
        let (estimate, bounds, better, worse) = (None, None, None, None);
        Self { basis, scale, estimate, bounds, better, worse, events: 0, undefined: Some(why) }
    }
}
