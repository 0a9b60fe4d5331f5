//! Figures in words, the same in a terminal and on a page. What is not known is a dash, never a zero.

use crate::analysis::EffectScale;
use crate::analysis::EffectSummary;
use crate::analysis::ExperimentSummary;
use crate::analysis::Standing;
use crate::analysis::grouped;
use crate::analysis::significant;
use crate::vocab::Timestamp;

/// What is not known.
pub(super) const UNKNOWN: &str = "-";

/// The greatest e-value that is told digit by digit.
const GREAT: f64 = 1e6;

/// A value or a dash.
pub(super) fn known(text: Option<String>) -> String {
    text.unwrap_or_else(|| UNKNOWN.to_owned())
}

/// A share of a whole; nothing of nothing.
pub(super) fn share(part: u64, whole: u64) -> Option<String> {
    (whole > 0).then(|| percent(part as f64 / whole as f64))
}

/// A share in percent: a hundredth of a percent matters of rare events and of nothing else.
pub(super) fn percent(share: f64) -> String {
    let percents = 100.0 * share;
    if percents != 0.0 && percents.abs() < 1.0 {
        format!("{percents:.2} %")
    } else {
        format!("{percents:.1} %")
    }
}

/// Milliseconds, or seconds where they are many.
pub(super) fn duration(milliseconds: f64) -> String {
    match milliseconds {
        10_000.0.. => format!("{:.1} s", milliseconds / 1_000.0),
        1_000.0.. => format!("{:.2} s", milliseconds / 1_000.0),
        100.0.. => format!("{milliseconds:.0} ms"),
        10.0.. => format!("{milliseconds:.1} ms"),
        _ => format!("{milliseconds:.2} ms"),
    }
}

/// A day and a minute of it, UTC.
pub(super) fn minute(time: Timestamp) -> String {
    let text = time.to_string();
    match text.split_once('T') {
        Some((day, clock)) => format!("{day} {}", clock.get(..5).unwrap_or(clock)),
        None => text,
    }
}

/// Bytes in the unit that fits.
pub(super) fn size(bytes: u64) -> String {
    let amount = bytes as f64;
    match amount {
        1e9.. => format!("{:.1} GB", amount / 1e9),
        1e6.. => format!("{:.1} MB", amount / 1e6),
        1e3.. => format!("{:.1} kB", amount / 1e3),
        _ => format!("{bytes} B"),
    }
}

/// So many of a thing, in the plural where there is not just one.
pub(super) fn counted(count: u64, noun: &str) -> String {
    format!("{} {noun}{}", grouped(count), if count == 1 { "" } else { "s" })
}

/// A number with its sign.
pub(super) fn signed(value: f64) -> String {
    let sign = if value < 0.0 { "-" } else { "+" };
    format!("{sign}{}", significant(value.abs()))
}

/// An effect's estimate in its scale.
pub(super) fn estimate(effect: &EffectSummary) -> Option<String> {
    effect.estimate.map(|estimate| in_scale(estimate, effect.scale))
}

/// An effect's confidence sequence.
pub(super) fn bounds(effect: &EffectSummary) -> Option<String> {
    let end = |value: f64| in_scale(value, effect.scale);
    match (effect.lower, effect.upper) {
        (Some(lower), Some(upper)) => Some(format!("{} to {}", end(lower), end(upper))),
        (Some(lower), None) => Some(format!("{} or more", end(lower))),
        (None, Some(upper)) => Some(format!("{} or less", end(upper))),
        (None, None) => None,
    }
}

/// A value on an effect's scale.
pub(super) fn in_scale(value: f64, scale: EffectScale) -> String {
    match scale {
        EffectScale::RelativeRisk => format!("{} x", significant(value)),
        EffectScale::Difference => signed(value),
        EffectScale::Preference => percent(value),
    }
}

/// What a scale means, for the head of a column.
pub(super) fn scale(scale: EffectScale) -> &'static str {
    match scale {
        EffectScale::RelativeRisk => "rate over legacy's",
        EffectScale::Difference => "less legacy's mean",
        EffectScale::Preference => "won of what was decided",
    }
}

/// The value of an effect at which the candidate is like legacy.
pub(super) fn no_difference(scale: EffectScale) -> f64 {
    match scale {
        EffectScale::RelativeRisk => 1.0,
        EffectScale::Difference => 0.0,
        EffectScale::Preference => 0.5,
    }
}

/// An e-value from its logarithm.
pub(super) fn e_value(log_e: f64) -> String {
    let value = log_e.exp();
    if value > GREAT {
        format!("over {}", grouped(GREAT as u64))
    } else if value >= 100.0 {
        grouped(value.round() as u64)
    } else {
        significant(value)
    }
}

/// An effect's evidence that the candidate is better or worse, whichever is stronger.
pub(super) fn evidence(effect: &EffectSummary) -> Option<String> {
    let better = effect.log_e_better.map(|log_e| (log_e, "better"));
    let worse = effect.log_e_worse.map(|log_e| (log_e, "worse"));
    let strongest = better.into_iter().chain(worse).max_by(|one, other| one.0.total_cmp(&other.0));
    strongest.map(|(log_e, which)| format!("{which}: {}", e_value(log_e)))
}

/// Which model is better, as far as is known.
pub(super) fn better(found: &ExperimentSummary) -> String {
    match &found.standing {
        Standing::Candidate(name) => format!("Better: {name}"),
        Standing::Legacy => {
            format!("Better: {}", found.arms.first().map_or("legacy", |arm| arm.arm.as_str()))
        }
        Standing::Undecided { .. } => "Better: not known yet".to_owned(),
    }
}
