//! What `crossfade size` prints for people: one table, what was taken for granted, and one sentence of advice.

use std::fmt::Write;

use crate::analysis::grouped;
use crate::cli::prose::figures;
use crate::cli::prose::percent;
use crate::cli::prose::wrapped;
use crate::sizing::Expected;
use crate::sizing::Sizes;
use crate::sizing::StrategySize;
use crate::sizing::Taken;
use crate::vocab::StrategyKind;

pub(super) fn text(sizes: &Sizes) -> String {
    let Expected { base_rate, candidate_rate, alpha, power, .. } = sizes.expected;
    let mut text = format!(
        "Legacy {}, candidate {} ({} times); alpha {alpha}, power {}{}.\n\n",
        percent(base_rate),
        percent(candidate_rate),
        figures(sizes.relative_risk),
        percent(power),
        sizes
            .expected
            .per_second
            .map_or(String::new(), |rate| format!("; {} requests a second", figures(rate))),
    );
    let heads = ["one look", &format!("any time, {}", percent(power)), "any time, 50 %"];
    let timed = sizes.expected.per_second.is_some();
    let width = if timed { 26 } else { 16 };
    let head: String = heads.iter().map(|head| format!("{head:>width$}")).collect();
    let _ = writeln!(text, "{:<18}{head}{:>14}", "requests", "to users");
    for size in &sizes.strategies {
        let _ = writeln!(text, "{:<18}{}", name(sizes, size.strategy), cells(size, width));
    }
    text + "\n" + &footnotes(sizes) + "\n" + &recommendation(sizes)
}

fn cells(size: &StrategySize, width: usize) -> String {
    let Some(requests) = size.requests else {
        return format!("  {}", size.undefined.as_deref().unwrap_or_default());
    };
    let days = size.days.map(|days| [days.one_look, days.any_time, days.any_time_median]);
    let counts = [requests.one_look, requests.any_time, requests.any_time_median];
    let cell = |(place, count): (usize, u64)| {
        let time = days.map_or(String::new(), |days| format!("{:>11}", duration(days[place])));
        format!("{:>width$}", format!("{}{time}", grouped(count)))
    };
    let cells: String = counts.into_iter().enumerate().map(cell).collect();
    let exposed = size.exposed.map_or("mixed".to_owned(), grouped);
    format!("{cells}{exposed:>14}")
}

fn footnotes(sizes: &Sizes) -> String {
    let Taken { preference, decided, discordance, candidate_share } = sizes.taken;
    let mut notes = vec![
        "one look: two-sided, at a size fixed beforehand. any time: the verdict's own test, with the chance that it has \
         ended by then. to users: what the candidate answers until then."
            .to_owned(),
        format!(
            "shadow: {} of pairs differ, {} of these with it on the candidate's side (--discordance). interleaving: {} of \
             users decide, {} of them for the candidate (--decided, --preference); its rates are those of clicks.",
            percent(discordance),
            percent(candidate_share),
            percent(decided),
            percent(preference)
        ),
    ];
    if sizes.expected.requests_per_user > 1.0 {
        let counted = match sizes.design_effect {
            1.0 => "taken as independent of each other (--icc)".to_owned(),
            effect => format!("alike, which takes {} times as many", figures(effect)),
        };
        notes.push(format!("{} requests a user, {counted}.", figures(sizes.expected.requests_per_user)));
    }
    if sizes.expected.base_rate > 0.5 {
        let rest = percent(1.0 - sizes.expected.base_rate);
        notes.push(format!(
            "Verdicts count events, and the rarer ones tell more: count what does not happen, {rest}."
        ));
    }
    if sizes.expected.per_second.is_some() {
        notes.push("A promotion waits for `min_duration` (7 days by default) besides.".to_owned());
    }
    notes.iter().fold(String::new(), |text, note| text + &wrapped(note) + "\n")
}

/// One sentence: what to run.
pub(super) fn recommendation(sizes: &Sizes) -> String {
    let found = |strategy| sizes.of(strategy).filter(|size| size.requests.is_some());
    let takes = |size: &StrategySize| size.requests.map_or(u64::MAX, |requests| requests.any_time);
    let told = |size: &StrategySize| {
        let time = size.days.map_or(String::new(), |days| format!(" ({})", duration(days.any_time)));
        format!("{} requests{time}", grouped(takes(size)))
    };
    let Some(first) =
        sizes.strategies.iter().filter(|size| size.requests.is_some()).min_by_key(|size| takes(size))
    else {
        return wrapped("No strategy finds an effect as slight as this one; expect a larger one.");
    };
    let unseen = if first.strategy == StrategyKind::Shadow { ", and no user sees the candidate" } else { "" };
    let mut sentence = format!("Start with {}: {}{unseen}", article(sizes, first.strategy), told(first));
    if let Some((ab, canary)) = found(StrategyKind::Ab).zip(found(StrategyKind::Canary)) {
        let times = takes(canary) as f64 / takes(ab) as f64;
        let exposed = |size: &StrategySize| grouped(size.exposed.unwrap_or_default());
        let asked = if first.strategy == StrategyKind::Ab {
            ""
        } else {
            "where only what users do tells, an A/B test takes "
        };
        let ab_told =
            if first.strategy == StrategyKind::Ab { String::new() } else { format!("{}; ", told(ab)) };
        let _ = write!(
            sentence,
            "; {asked}{ab_told}a canary at {} takes {} times as many as an A/B test and lets the candidate answer {} \
             requests instead of {}",
            percent(sizes.expected.split),
            figures(times),
            exposed(canary),
            exposed(ab)
        );
    }
    wrapped(&(sentence + "."))
}

fn name(sizes: &Sizes, strategy: StrategyKind) -> String {
    match strategy {
        StrategyKind::Shadow => "shadow pairs".to_owned(),
        StrategyKind::Canary => format!("canary {}", percent(sizes.expected.split)),
        StrategyKind::Ab => "A/B 50 %".to_owned(),
        StrategyKind::Interleave => "interleaving".to_owned(),
    }
}

fn article(sizes: &Sizes, strategy: StrategyKind) -> String {
    match strategy {
        StrategyKind::Canary => format!("a canary at {}", percent(sizes.expected.split)),
        StrategyKind::Ab => "an A/B test".to_owned(),
        StrategyKind::Interleave => "interleaving, where answers are lists".to_owned(),
        StrategyKind::Shadow => name(sizes, strategy),
    }
}

/// A time in the unit that reads best.
fn duration(days: f64) -> String {
    let seconds = days * 86_400.0;
    match seconds {
        ..120.0 => format!("{} s", figures(seconds)),
        ..7_200.0 => format!("{} min", figures(seconds / 60.0)),
        ..172_800.0 => format!("{} h", figures(seconds / 3_600.0)),
        _ if days < 1_000.0 => format!("{} days", figures(days)),
        _ => format!("{} years", figures(days / 365.25)),
    }
}
