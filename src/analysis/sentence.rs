//! Verdicts in words: one sentence that whoever decides about the product can act on, with the figures behind it.

use crate::analysis::effect::Effect;
use crate::analysis::effect::EffectScale;
use crate::analysis::effect::Figure;
use crate::analysis::effect::effect;
use crate::analysis::study::Study;
use crate::analysis::study::Subject;
use crate::analysis::verdict::Remaining;
use crate::analysis::verdict::State;
use crate::analysis::watch::Nature;
use crate::analysis::watch::Watch;
use crate::evaluate::measure::Better;
use crate::policy::Watched;
use crate::stats::Interval;

/// What a sentence is made from.
pub(super) struct Told<'t> {
    pub(super) study: &'t Study,
    pub(super) subject: &'t Subject,
    pub(super) candidate: usize,
    pub(super) state: State,
    pub(super) reasons: &'t [String],
    pub(super) primary: Option<(&'t Figure<'t>, &'t Effect)>,
    pub(super) remaining: Option<Remaining>,
}

/// A verdict's sentence.
pub(super) fn of_verdict(told: &Told<'_>) -> String {
    let Told { study, subject, candidate, state, reasons, primary, remaining } = told;
    let name = &subject.arms[*candidate];
    let claim = primary.map(|(figure, effect)| claim(study, subject, *candidate, figure, effect));
    let because = |reasons: &[String]| reasons.join(", and ");
    match state {
        State::Rollback => {
            let breach = study.breaches.of(*candidate);
            let tipped = breach.and_then(|breach| Some((study.watch_of(&breach.watched)?, breach)));
            let Some((watch, breach)) = tipped else { return format!("{name} was rolled back.") };
            let figure = Figure::Watched(watch);
            let found = effect(study, *candidate, &figure, study.decision().alpha);
            let harm = self::claim(study, subject, *candidate, &figure, &found);
            format!("{harm}; rolled back after {} requests.", grouped(breach.requests))
        }
        State::Promote => match claim {
            Some(claim) => format!("{name} may be promoted: {claim}."),
            None => format!("{name} may be promoted: {}.", because(reasons)),
        },
        State::Hold => format!("Hold {name}: {}.", because(reasons)),
        State::Invalid => format!("No verdict on {name}: {}.", because(reasons)),
        State::Inconclusive => format!("Time is up without a decision on {name}: {}.", because(reasons)),
        State::Waiting => {
            let so_far = claim.map(|claim| format!(" So far {claim}.")).unwrap_or_default();
            let more = match remaining {
                // The reasons say how much time is left.
                Some(Remaining { requests: 0, .. }) => String::new(),
                Some(Remaining { requests, seconds }) => format!(
                    " At the present rate it takes about {} more requests, {}.",
                    grouped(*requests),
                    span(*seconds)
                ),
                None => String::new(),
            };
            format!("Not enough evidence yet on {name}: {}.{so_far}{more}", because(reasons))
        }
    }
}

/// What an effect says, as a clause that begins with the candidate's name or with what was counted.
pub(super) fn claim(
    study: &Study,
    subject: &Subject,
    candidate: usize,
    figure: &Figure<'_>,
    effect: &Effect,
) -> String {
    let (name, legacy) = (&subject.arms[candidate], &subject.arms[0]);
    let Some((estimate, bounds)) = effect.estimate.zip(effect.bounds) else {
        let why = effect.undefined.as_deref().unwrap_or("nothing was observed yet");
        return format!("nothing can be said of `{}`: {why}", figure_name(figure));
    };
    match (effect.scale, figure) {
        (EffectScale::RelativeRisk, Figure::Watched(watch)) => {
            format!("{name} {} {} as {legacy}", verb(watch), times(bounds, &many(watch, legacy.as_str())))
        }
        (EffectScale::Preference, Figure::Votes) => {
            let Interval { lower, upper } = bounds;
            let won = (estimate * effect.events as f64).round() as u64;
            format!(
                "of {} users with a preference, {} preferred {name} ({})",
                grouped(effect.events),
                grouped(won),
                percents(lower, upper)
            )
        }
        (EffectScale::Preference, Figure::Watched(watch)) => {
            let unit_named = study.design.as_ref().is_some_and(|design| design.unit_named);
            pairs_claim(watch, name.as_str(), effect.events, (estimate, bounds), unit_named)
        }
        (EffectScale::Difference, _) => {
            format!("the mean `{}` of {name} is {} than that of {legacy}", figure_name(figure), apart(bounds))
        }
        (EffectScale::RelativeRisk, Figure::Votes) => figure_name(figure),
    }
}

/// What pairs say: how many of those in which the sides differ went for or against the candidate.
fn pairs_claim(
    watch: &Watch,
    name: &str,
    decided: u64,
    (won, bounds): (f64, Interval),
    unit_named: bool,
) -> String {
    let who = if unit_named { "users" } else { "requests" };
    if watch.nature == Nature::Preferred {
        let (count, decided) = (grouped((won * decided as f64).round() as u64), grouped(decided));
        let within = percents(bounds.lower, bounds.upper);
        return format!(
            "of {decided} {who} for which the judge preferred one of them, {name} won {count} ({within})"
        );
    }
    let (of_two, of_one, rest, favourable) = match (&watch.of, unit_named) {
        (Watched::ErrorRate, _) => ("failed", "failed", "", false),
        (Watched::LatencyP95 | Watched::LatencyP99, _) => ("kept waiting", "kept", " waiting", false),
        (_, true) => ("served right", "served", " right", true),
        (_, false) => ("got right", "got", " right", true),
    };
    let (share, Interval { lower, upper }) = match favourable {
        true => (won, bounds),
        false => (1.0 - won, Interval { lower: 1.0 - bounds.upper, upper: 1.0 - bounds.lower }),
    };
    let count = grouped((share * decided as f64).round() as u64);
    format!(
        "of {} {who} that only one of them {of_two}, {name} {of_one} {count}{rest} ({})",
        grouped(decided),
        percents(lower, upper)
    )
}

fn verb(watch: &Watch) -> &'static str {
    match (&watch.of, watch.nature) {
        (Watched::Outcome(_), _) => "gets",
        (_, Nature::Gain) => "brings",
        (Watched::LatencyP95 | Watched::LatencyP99, _) => "keeps waiting",
        _ => "makes",
    }
}

/// What is counted, in the plural.
fn many(watch: &Watch, legacy: &str) -> String {
    match (&watch.of, watch.nature) {
        (Watched::ErrorRate, _) => "errors".to_owned(),
        (Watched::LatencyP95, _) => format!("users longer than {legacy}'s 95 % quantile"),
        (Watched::LatencyP99, _) => format!("users longer than {legacy}'s 99 % quantile"),
        (Watched::Metric(_), _) => "wrong answers".to_owned(),
        (Watched::Outcome(name), Nature::Harm) if watch.better == Better::Higher => {
            format!("users without `{name}`")
        }
        (Watched::Outcome(name), _) => format!("users with `{name}`"),
        (Watched::Time | Watched::TimePerUnit, _) => "seconds".to_owned(),
        (Watched::Cost | Watched::CostPerUnit | Watched::CostPerSuccess(_), _) => "costs".to_owned(),
    }
}

/// How many times as many.
fn times(Interval { lower, upper }: Interval, what: &str) -> String {
    match (lower <= 0.0, upper.is_finite()) {
        (_, false) => format!("at least {} times as many {what}", ratio(lower)),
        (true, true) => format!("at most {} times as many {what}", ratio(upper)),
        (false, true) => format!("{} to {} times as many {what}", ratio(lower), ratio(upper)),
    }
}

fn ratio(value: f64) -> String {
    match value {
        ..0.995 => format!("{value:.2}"),
        ..100.0 => format!("{value:.1}"),
        _ => format!("{value:.0}"),
    }
}

fn percents(lower: f64, upper: f64) -> String {
    format!("{:.0} to {:.0} %", 100.0 * lower, 100.0 * upper)
}

/// How far and which way.
fn apart(Interval { lower, upper }: Interval) -> String {
    let number = |value: f64| significant(value.abs());
    if lower > 0.0 {
        format!("{} to {} higher", number(lower), number(upper))
    } else if upper < 0.0 {
        format!("{} to {} lower", number(upper), number(lower))
    } else {
        format!("between {} lower and {} higher", number(lower), number(upper))
    }
}

/// A number with three significant digits, not in exponents for what people meet.
pub fn significant(value: f64) -> String {
    if value == 0.0 {
        return "0".to_owned();
    }
    let digits = 2 - value.abs().log10().floor() as i32;
    match digits {
        ..=0 => format!("{value:.0}"),
        1..=9 => format!("{value:.*}", digits as usize),
        _ => format!("{value:.2e}"),
    }
}

/// What a figure is called.
pub(super) fn figure_name(figure: &Figure<'_>) -> String {
    match figure {
        Figure::Votes => "votes".to_owned(),
        Figure::Watched(watch) => watched_name(&watch.of),
    }
}

/// What a watched figure is called.
pub(super) fn watched_name(watched: &Watched) -> String {
    match watched {
        Watched::ErrorRate => "error_rate".to_owned(),
        Watched::LatencyP95 => "latency_p95".to_owned(),
        Watched::LatencyP99 => "latency_p99".to_owned(),
        Watched::Time => "time".to_owned(),
        Watched::Cost => "cost".to_owned(),
        Watched::TimePerUnit => "time_per_unit".to_owned(),
        Watched::CostPerUnit => "cost_per_unit".to_owned(),
        // No metric can be called so.
        Watched::CostPerSuccess(outcome) => format!("cost_per_success:{outcome}"),
        Watched::Metric(name) => name.to_string(),
        Watched::Outcome(name) => name.to_string(),
    }
}

/// A span of time in its two largest units.
pub fn span(seconds: f64) -> String {
    let seconds = seconds.max(0.0);
    let (days, hours, minutes) = (seconds / 86_400.0, seconds / 3_600.0, seconds / 60.0);
    if days >= 2.0 {
        format!("{days:.1} days")
    } else if hours >= 2.0 {
        format!("{hours:.1} hours")
    } else if minutes >= 2.0 {
        format!("{minutes:.0} minutes")
    } else {
        format!("{seconds:.0} second{}", if seconds.round() == 1.0 { "" } else { "s" })
    }
}

/// A number with commas between groups of three digits.
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}
