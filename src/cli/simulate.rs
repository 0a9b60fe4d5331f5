//! `crossfade simulate`: what a policy would have made of recorded requests.

use std::path::PathBuf;
use std::process::ExitCode;

use crate::analysis::grouped;
use crate::cli::BAD_POLICY;
use crate::cli::Format;
use crate::cli::print;
use crate::cli::prose::columns;
use crate::cli::prose::indented;
use crate::cli::prose::percent;
use crate::cli::prose::wrapped;
use crate::columns::read_any;
use crate::config;
use crate::config::Config;
use crate::forecast::Burst;
use crate::forecast::Handler;
use crate::forecast::ModelLoad;
use crate::forecast::Simulated;
use crate::forecast::SimulatedExperiment;
use crate::forecast::SimulatedStep;
use crate::forecast::Simulation;
use crate::forecast::Untold;
use crate::record::ReadError;

/// The arguments of `crossfade simulate`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The policy file to try.
    policy: PathBuf,
    /// Directories of records, or single files.
    #[arg(required = true, value_name = "DIR|FILE")]
    records: Vec<PathBuf>,
    /// A file of users' names, one a line: records hold a hash of each, by which they are known again.
    #[arg(long, value_name = "FILE")]
    units: Option<PathBuf>,
    /// How the result is printed.
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

/// The exit code is 64 when the policy has problems, 1 when records or names cannot be read.
pub(super) fn main(args: Args) -> ExitCode {
    let Args { policy, records, units, format } = args;
    let config = match config::load(&policy) {
        Ok(config) => config,
        Err(problems) => {
            eprintln!("{problems}");
            return ExitCode::from(BAD_POLICY);
        }
    };
    match simulated(&config, &records, units) {
        Ok(simulated) => print(&match format {
            Format::Text => text(&simulated),
            Format::Json => format!("{:#}", serde_json::json!(simulated)),
        }),
        Err(error) => {
            eprintln!("crossfade: {error}");
            ExitCode::FAILURE
        }
    }
}

fn simulated(
    config: &Config,
    records: &[PathBuf],
    units: Option<PathBuf>,
) -> Result<Simulated, Box<dyn std::error::Error>> {
    let names = match units {
        Some(path) => std::fs::read_to_string(&path)
            .map_err(|source| format!("`{}` cannot be read: {source}", path.display()))?,
        None => String::new(),
    };
    let names = names.lines().map(str::trim).filter(|name| !name.is_empty()).map(str::to_owned).collect();
    let mut simulation = Simulation::of(&config.policy, &config.record, names);
    for line in read_any(records)? {
        match line {
            Ok(line) => simulation.fold(&line),
            Err(ReadError::Line { .. }) => simulation.pass_over(),
            Err(error) => return Err(error.into()),
        }
    }
    Ok(simulation.told())
}

fn text(simulated: &Simulated) -> String {
    let Simulated { requests, flows, untold, lines_passed_over, experiments, .. } = simulated;
    let mut paragraphs = vec![headline(simulated)];
    let head = ["recorded under", "taken now by", "requests"].map(str::to_owned).to_vec();
    let rows = flows.iter().map(|flow| vec![flow.from.to_string(), taker(&flow.to), grouped(flow.requests)]);
    if !flows.is_empty() {
        paragraphs.push(columns(&[head].into_iter().chain(rows).collect::<Vec<_>>()));
    }
    for (untold, count) in untold {
        let share = percent(*count as f64 / (*requests).max(1) as f64);
        let text = format!("Left out: {} requests ({share}), {}.", grouped(*count), reason(*untold));
        paragraphs.push(wrapped(&text));
    }
    if *lines_passed_over > 0 {
        paragraphs.push(format!("Passed over: {} lines that cannot be read.", grouped(*lines_passed_over)));
    }
    paragraphs.extend(experiments.iter().filter(|one| one.requests > 0).map(experiment));
    let idle: Vec<&str> =
        experiments.iter().filter(|one| one.requests == 0).map(|one| one.experiment.as_str()).collect();
    if !idle.is_empty() {
        paragraphs.push(wrapped(&format!("No recorded request belongs to: {}.", idle.join(", "))));
    }
    paragraphs.push(wrapped(
        "Requests that no experiment took are not on record: which of those the policy would take is not told.",
    ));
    paragraphs.join("\n\n")
}

fn headline(simulated: &Simulated) -> String {
    let Simulated { requests, since, until, .. } = simulated;
    match since.zip(*until) {
        Some((since, until)) => wrapped(&format!(
            "{} recorded requests from {since} to {until}, as the policy would treat them.",
            grouped(*requests)
        )),
        None => "The records hold no request.".to_owned(),
    }
}

fn reason(untold: Untold) -> &'static str {
    match untold {
        Untold::Retry => "clients' retries, for which the first try stands",
        Untold::Forced => "whose arm a header forces",
        Untold::HiddenHeader => {
            "for `match` asks for a header or parameter that is not recorded, redacted or the hashed unit"
        }
        Untold::HiddenBody => {
            "for `match` asks for a part of the body that is redacted, the hashed unit or was above the cap"
        }
        Untold::Unreadable => "whose record holds no request that can be read",
    }
}

fn taker(handler: &Handler) -> String {
    match handler {
        Handler::Experiment(name) => name.clone(),
        Handler::Default(model) => format!("no experiment: {model}"),
        Handler::NotFound => "no experiment: 404".to_owned(),
    }
}

fn experiment(told: &SimulatedExperiment) -> String {
    let SimulatedExperiment {
        experiment,
        requests,
        known_users,
        hashed_users,
        without_unit,
        recorded,
        steps,
        burst,
    } = told;
    let mut opening = format!("{}: {} requests", experiment.to_uppercase(), grouped(*requests));
    if *known_users > 0 {
        opening.push_str(&format!(", {} users known by name", grouped(*known_users)));
    }
    if *without_unit > 0 {
        opening.push_str(&format!(
            ", {} requests without the unit, which legacy answers",
            grouped(*without_unit)
        ));
    }
    let mut parts = vec![wrapped(&format!("{opening}."))];
    if *hashed_users > 0 {
        parts.push(indented(&wrapped(&format!(
            "{} users are on record by a hash: their shares are right, who of them changes model is not told; `--units` \
             with their names tells.",
            grouped(*hashed_users)
        ))));
    }
    let head =
        ["", "model", "answers", "copies", "cost", "users that change model"].map(str::to_owned).to_vec();
    let recorded = rows("on record", recorded, "");
    let rows = steps.iter().flat_map(|step| now(step, *known_users));
    let rows: Vec<Vec<String>> = [head].into_iter().chain(recorded).chain(rows).collect();
    parts.push(indented(&columns(&without_empty(rows))));
    parts.extend(
        steps.iter().flat_map(|step| &step.models).find_map(unpriced).map(|text| indented(&wrapped(&text))),
    );
    parts.extend(burst.as_ref().map(|burst| indented(&wrapped(&bursting(burst)))));
    parts.join("\n")
}

fn now(step: &SimulatedStep, known_users: u64) -> Vec<Vec<String>> {
    let SimulatedStep { ramp, models, users_moved } = step;
    let at = match ramp.as_ref().and_then(|at| at.step.zip(at.weight.as_ref())) {
        Some((step, weight)) => format!("at step {step}, {weight}"),
        None => "now".to_owned(),
    };
    let moved = if known_users > 0 { grouped(*users_moved) } else { String::new() };
    rows(&at, models, &moved)
}

/// One row a model; what holds for all of them stands in the first.
fn rows(at: &str, models: &[ModelLoad], moved: &str) -> Vec<Vec<String>> {
    let row = |(place, load): (usize, &ModelLoad)| {
        let ModelLoad { model, answers, copies, cost } = load;
        let cost = cost.as_ref().map(|cost| format!("{:.6} {}", cost.amount.as_f64(), cost.currency));
        let cost = cost.unwrap_or_else(|| "unknown".to_owned());
        let first = |text: &str| if place == 0 { text.to_owned() } else { String::new() };
        vec![first(at), model.clone(), grouped(*answers), grouped(*copies), cost, first(moved)]
    };
    models.iter().enumerate().map(row).collect()
}

/// Leaves out the columns that hold nothing but their title.
fn without_empty(rows: Vec<Vec<String>>) -> Vec<Vec<String>> {
    let count = rows.first().map_or(0, Vec::len);
    let holds = |column: &usize| rows.iter().skip(1).any(|row| !row[*column].is_empty());
    let kept: Vec<usize> = (0..count).filter(holds).collect();
    rows.iter().map(|row| kept.iter().map(|column| row[*column].clone()).collect()).collect()
}

/// What the costs leave out.
fn unpriced(load: &ModelLoad) -> Option<String> {
    let cost = load.cost.as_ref()?;
    (cost.tokens_unknown > 0).then(|| {
        let (unknown, calls) = (grouped(cost.tokens_unknown), grouped(cost.of_calls));
        format!("{unknown} of {calls} recorded calls of {} told no tokens: its cost lacks them.", load.model)
    })
}

fn bursting(burst: &Burst) -> String {
    let Burst { second, copies, budget, beyond } = burst;
    let copies = grouped(*copies);
    match budget {
        Some(budget) => format!(
            "Copies in the busiest second: {copies} ({second}), where the budget allows {budget}; beyond it over all \
             seconds: {}.",
            grouped(*beyond)
        ),
        None => format!("Copies in the busiest second: {copies} ({second}); no budget bounds them."),
    }
}
