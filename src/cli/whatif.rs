//! `crossfade whatif`: what other shares of traffic would have come to, estimated from the log.

use std::fmt::Write;
use std::path::PathBuf;
use std::process::ExitCode;
use std::str::FromStr;

use crate::analysis::grouped;
use crate::analysis::whatif::Answer;
use crate::analysis::whatif::Answers;
use crate::analysis::whatif::Estimate;
use crate::analysis::whatif::LeftOut;
use crate::analysis::whatif::PolicyAnswer;
use crate::analysis::whatif::Reward;
use crate::analysis::whatif::Target;
use crate::analysis::whatif::WhatIf;
use crate::assign::Share;
use crate::cli::BAD_ARGUMENTS;
use crate::cli::Format;
use crate::cli::print;
use crate::cli::prose::figures;
use crate::cli::prose::percent;
use crate::cli::prose::wrapped;
use crate::columns::read_any;
use crate::vocab::ModelName;
use crate::vocab::StrategyKind;

/// The arguments of `crossfade whatif`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Directories of records, or single files.
    #[arg(required = true, value_name = "DIR|FILE")]
    records: Vec<PathBuf>,
    /// What a request is worth: `error`, `latency_ms`, `cost`, `metric:NAME`, or an outcome's name (binary or number).
    #[arg(long, value_name = "REWARD")]
    reward: Reward,
    /// The candidate's share, legacy has the rest: `20%`, or of several candidates `a=20%,b=10%`. May be repeated.
    #[arg(long, value_name = "SHARE")]
    weight: Vec<Weights>,
    /// One arm answers everything. May be repeated. Without this and `--weight`: each arm in turn.
    #[arg(long, value_name = "NAME")]
    arm: Vec<String>,
    /// The experiment; default: each on record.
    #[arg(long, value_name = "NAME")]
    experiment: Option<String>,
    /// How the result is printed.
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

/// Shares of candidates.
#[derive(Debug, Clone)]
struct Weights(Target);

/// The exit code is 2 for arguments that the log does not know, 1 when it cannot be read.
pub(super) fn main(args: Args) -> ExitCode {
    let Args { records, reward, weight, arm, experiment, format } = args;
    let mut whatif = WhatIf::about(reward);
    let lines = match read_any(&records) {
        Ok(lines) => lines,
        Err(error) => return failed(&error, 1),
    };
    for line in lines {
        match line {
            Ok(line) => whatif.fold(&line),
            Err(error) => return failed(&error, 1),
        }
    }
    let weights = weight.into_iter().map(|Weights(target)| target);
    let targets: Vec<Target> = weights.chain(arm.into_iter().map(Target::Arm)).collect();
    match whatif.answers(experiment.as_deref(), &targets) {
        Ok(answers) => print(&shown(&answers, format)),
        Err(error) => failed(&error, BAD_ARGUMENTS),
    }
}

fn failed(error: &dyn std::error::Error, code: u8) -> ExitCode {
    eprintln!("crossfade: {error}");
    ExitCode::from(code)
}

fn shown(answers: &Answers, format: Format) -> String {
    match format {
        Format::Text => {
            let skipped = answers.skipped.iter().map(|why| format!("Left out: {why}."));
            answers.experiments.iter().map(text).chain(skipped).collect::<Vec<_>>().join("\n\n")
        }
        Format::Json => format!("{:#}", serde_json::json!(answers)),
    }
}

fn text(answer: &Answer) -> String {
    let Answer { experiment, strategy, reward, requests, units, .. } = answer;
    let mut text = format!(
        "{experiment} ({}): mean {reward}, of {} requests by {} users{}.\n\n",
        strategy.as_str(),
        grouped(*requests),
        grouped(*units),
        left_out(&answer.left_out)
    );
    for arm in &answer.arms {
        let mean = arm.mean.map_or("unknown".to_owned(), figures);
        let _ = writeln!(
            text,
            "  observed of {}: {mean}, known of {} of {} requests",
            arm.arm,
            grouped(arm.known),
            grouped(arm.requests)
        );
    }
    let names: Vec<String> = answer.policies.iter().map(name).collect();
    let width = names.iter().map(String::len).max().unwrap_or_default().max("as logged".len()) + 1;
    let _ = writeln!(
        text,
        "\n{:<width$}{:>10}  {:<21}{:>10}{:>10}{:>13}{:>12}",
        "policy", "SNIPS", "95 % interval", "IPS", "DR", "worth users", "max weight"
    );
    if let Some(logged) = &answer.logged {
        let _ = writeln!(text, "{:<width$}{:>10}  {}", "as logged", figures(logged.value), interval(logged));
    }
    for (policy, name) in answer.policies.iter().zip(&names) {
        let _ = writeln!(text, "{name:<width$}{}", cells(policy));
    }
    text + "\n" + &wrapped(explained(*strategy))
}

/// The candidates' shares; legacy has the rest.
fn name(policy: &PolicyAnswer) -> String {
    let told = |(arm, share): (&ModelName, &f64)| format!("{arm} {}", percent(*share));
    let candidates = policy.shares.iter().skip(1).filter(|(_, share)| **share > 0.0);
    let names: Vec<String> = candidates.map(told).collect();
    match policy.shares.first() {
        Some(legacy) if names.is_empty() => told(legacy),
        _ => names.join(", "),
    }
}

fn cells(policy: &PolicyAnswer) -> String {
    let Some(found) = &policy.estimates else {
        return format!(" refused: {}", policy.refused.as_deref().unwrap_or_default());
    };
    format!(
        "{:>10}  {:<21}{:>10}{:>10}{:>13}{:>12}",
        figures(found.snips.value),
        interval(&found.snips),
        figures(found.ips.value),
        found.doubly_robust.map_or("-".to_owned(), |estimate| figures(estimate.value)),
        grouped(found.effective_units.round() as u64),
        figures(found.overlap.max_weight)
    )
}

fn interval(estimate: &Estimate) -> String {
    match estimate.lower.zip(estimate.upper) {
        Some((lower, upper)) => format!("{} to {}", figures(lower), figures(upper)),
        None => "unknown".to_owned(),
    }
}

fn left_out(left_out: &LeftOut) -> String {
    let LeftOut { not_counted, unknown, former_identity, mixed, unusable } = *left_out;
    let kinds = [
        (not_counted, "not part of the comparison"),
        (unknown, "of unknown reward"),
        (former_identity, "from before the experiment was changed"),
        (mixed, "with mixed lists"),
        (unusable, "with propensities that make no sense"),
    ];
    let told = kinds.into_iter().filter(|(count, _)| *count > 0);
    let told: Vec<String> = told.map(|(count, what)| format!("{} {what}", grouped(count))).collect();
    if told.is_empty() { String::new() } else { format!("; left out: {}", told.join(", ")) }
}

fn explained(strategy: StrategyKind) -> &'static str {
    match strategy {
        StrategyKind::Shadow => {
            "Under shadow legacy answers everybody, so the log says nothing of what users would have done with another \
             model's answers."
        }
        StrategyKind::Interleave => "Under interleaving every user sees items of all models.",
        StrategyKind::Canary | StrategyKind::Ab => {
            "Each request is weighed by the policy's probability of its arm over the one on record. Estimates, not a \
             verdict: they hold for users like these."
        }
    }
}

impl FromStr for Weights {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let share = |text: &str| text.parse::<Share>().map_err(|error| error.to_string());
        if !text.contains('=') {
            return share(text).map(|share| Self(Target::Candidate(share)));
        }
        let one = |part: &str| match part.split_once('=') {
            Some((arm, told)) => Ok((arm.trim().to_owned(), share(told.trim())?)),
            None => Err(format!("`{part}` names no arm: expected `NAME=20%`")),
        };
        text.split(',').map(one).collect::<Result<_, _>>().map(|arms| Self(Target::Arms(arms)))
    }
}
