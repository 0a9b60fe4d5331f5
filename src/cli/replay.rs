//! `crossfade replay`: sends the requests of snapshots to the next model, and says how it does.

use std::io;
use std::io::IsTerminal;
use std::path::PathBuf;
use std::process::ExitCode;
use std::str::FromStr;

use http::HeaderName;
use http::HeaderValue;
use serde_json::json;

use crate::analysis::grouped;
use crate::cli::BAD_POLICY;
use crate::cli::Format;
use crate::cli::print;
use crate::cli::prose::wrapped;
use crate::dataset::Set;
use crate::replay;
use crate::replay::Broken;
use crate::replay::Condition;
use crate::replay::Judgement;
use crate::replay::Notes;
use crate::replay::Pace;
use crate::replay::Progress;
use crate::replay::ReplayError;
use crate::replay::Run;
use crate::replay::Setup;
use crate::replay::Target;
use crate::replay::judge;
use crate::report;
use crate::report::Report;
use crate::report::Wanted;

/// The exit code when a threshold is broken.
const BROKEN: u8 = 2;

/// How many characters wide the bar is.
const BAR: u64 = 40;

/// The arguments of `crossfade replay`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Snapshots that `crossfade export` made.
    #[arg(required = true, value_name = "SNAPSHOT")]
    snapshots: Vec<PathBuf>,
    /// A model of the policy, or any other as `NAME=URL`; several times for several.
    #[arg(long = "to", required = true, value_name = "MODEL", value_parser = Target::from_str)]
    targets: Vec<Target>,
    /// The policy file that says how models are reached and how answers are compared and measured. Without it answers are
    /// compared whole, and measured as the recorded experiment was.
    #[arg(long, short, value_name = "FILE")]
    policy: Option<PathBuf>,
    /// When each request leaves: `original`, times as fast as in `2x`, or `max`. None waits for an answer.
    #[arg(long, value_name = "PACE", default_value = "original", value_parser = Pace::from_str)]
    pace: Pace,
    /// How many calls to one model may be under way; the model's `max_in_flight` holds too.
    #[arg(long, value_name = "N", default_value_t = 32, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    concurrency: u32,
    /// Only the first so many requests of each snapshot.
    #[arg(long, value_name = "N")]
    limit: Option<u64>,
    /// A header that every request gets, as in `authorization=env:API_KEY`, whose value is the variable's, or `NAME=VALUE`;
    /// it is never written.
    #[arg(long = "header", value_name = "NAME=VALUE")]
    headers: Vec<String>,
    /// Also sends requests recorded by a version that did not mark what redaction changed (schemas 1 and 2): says that
    /// no rule of `record.redact` was in force then.
    #[arg(long)]
    send_unmarked: bool,
    /// Where the new records go.
    #[arg(long, short, value_name = "DIR")]
    output: PathBuf,
    /// Goes on with the records that are there: what was answered is not sent again.
    #[arg(long)]
    resume: bool,
    /// Exits with 2 when this holds of any set and model, as in `error_rate > 1%`, `agreement < 95%`, `accuracy_drop > 0.5%`,
    /// `p99_latency > 2s`, `verdict == rollback`; `lower(..)` and `upper(..)` take the end of the 95 % interval. Several
    /// times for several.
    #[arg(long = "fail-if", value_name = "CONDITION")]
    conditions: Vec<String>,
    /// How the result is printed.
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

/// Replays; the exit code is 0 when nothing is broken, 2 when a threshold is, 1 when the replay could not be run or a
/// threshold cannot be told, 64 for a bad policy.
pub(super) fn main(args: Args) -> ExitCode {
    match run(args) {
        Ok(code) => code,
        Err(error) => match error.downcast_ref::<ReplayError>() {
            Some(ReplayError::Policy(problems)) => {
                eprintln!("{problems}");
                ExitCode::from(BAD_POLICY)
            }
            _ => {
                eprintln!("crossfade: {error}");
                ExitCode::FAILURE
            }
        },
    }
}

fn run(args: Args) -> Result<ExitCode, Box<dyn std::error::Error>> {
    let Args {
        snapshots,
        targets,
        policy,
        pace,
        concurrency,
        limit,
        headers,
        send_unmarked,
        output,
        resume,
        conditions,
        format,
    } = args;
    let conditions: Vec<Condition> = conditions.iter().map(|text| text.parse()).collect::<Result<_, _>>()?;
    let headers = headers.iter().map(|text| header(text)).collect::<Result<_, _>>()?;
    let setup = Setup {
        snapshots,
        targets,
        policy,
        pace,
        concurrency: concurrency as usize,
        limit,
        headers,
        send_unmarked,
        records: output,
        resume,
    };
    let mut bar = Bar { shown: None, is_terminal: io::stderr().is_terminal() };
    let notes = replay::run(&setup, &mut |progress| bar.show(progress));
    bar.clear();
    let notes = notes?;
    let run = notes.runs.last().ok_or("nothing was replayed")?;
    let report = report::collect(std::slice::from_ref(&setup.records), &Wanted::default(), &mut |_| {})
        .map_err(|error| [vec![format!("{}: {error}", counted(run))], never_sent(run)].concat().join("\n"))?;
    let judgements = judge(&conditions, report.experiments.iter().map(|experiment| &experiment.summary));
    let printed = print(&match format {
        Format::Text => text(&setup, &notes, run, &report, &judgements),
        Format::Json => format!("{:#}", json!({"replay": notes, "report": report, "conditions": judgements})),
    });
    Ok(match Broken::of(&judgements) {
        Broken::Yes => ExitCode::from(BROKEN),
        Broken::Untold => ExitCode::FAILURE,
        Broken::No if run.unsent > 0 => ExitCode::FAILURE,
        Broken::No => printed,
    })
}

fn text(setup: &Setup, notes: &Notes, run: &Run, report: &Report, judgements: &[Judgement]) -> String {
    let targets: Vec<&str> = notes.targets.keys().map(String::as_str).collect();
    let mut lines = Vec::new();
    for (source, dir) in notes.sources.iter().zip(&setup.snapshots) {
        lines.push(format!("{}: set `{}`, content {}", dir.display(), source.set, &source.content[..12]));
    }
    lines.push(wrapped(&format!("To {}, {}.", targets.join(", "), counted(run))));
    lines.extend(never_sent(run));
    for (name, count) in &run.headers_left_out {
        lines.push(wrapped(&format!(
            "Sent without `{name}`, which redaction made: {} requests.",
            grouped(*count)
        )));
    }
    if run.unsent > 0 {
        lines.push(wrapped(&format!(
            "No connection came about for {} calls, which are not on record; `--resume` sends them.",
            grouped(run.unsent)
        )));
    }
    if run.delayed > 0 {
        lines.push(wrapped(&format!(
            "{} calls left late, for {} were under way; at most by {:.0} ms.",
            grouped(run.delayed),
            run.concurrency,
            run.longest_delay_ms
        )));
    }
    if run.without_answer > 0 {
        lines.push(wrapped(&format!(
            "{} calls have no recorded answer beside theirs.",
            grouped(run.without_answer)
        )));
    }
    if run.answers_changed > 0 {
        lines.push(wrapped(&format!(
            "{} recorded answers were changed by redaction or cut: nothing is compared with them.",
            grouped(run.answers_changed)
        )));
    }
    if run.outcomes_left_out > 0 {
        lines.push(wrapped(&format!(
            "{} outcomes were left behind: they tell of the old answer, or no metric asks for them.",
            grouped(run.outcomes_left_out)
        )));
    }
    lines.push(wrapped(
        "Models called `.recorded` are the answers on record: their latencies and costs were measured in production, and \
         are not to be held against those of the replay.",
    ));
    let chosen = |set: &&str| {
        [Set::ThumbsDown, Set::Disagreements, Set::Errors].iter().any(|one| one.as_str() == *set)
    };
    let chosen: Vec<&str> = notes.sources.iter().map(|source| source.set.as_str()).filter(chosen).collect();
    if !chosen.is_empty() {
        lines.push(wrapped(&format!(
            "Chosen by what went wrong, so that any other model looks better on it: {}. Decide by `prod`.",
            chosen.join(", ")
        )));
    }
    lines.push(String::new());
    lines.push(report::as_text(report).trim_end().to_owned());
    if !judgements.is_empty() {
        lines.push(String::new());
        lines.extend(judgements.iter().map(ToString::to_string));
    }
    lines.join("\n")
}

fn counted(run: &Run) -> String {
    let again = match run.on_record {
        0 => String::new(),
        count => format!(", {} were on record already", grouped(count)),
    };
    format!(
        "pace {}: {} requests, {} calls answered or failed{again}",
        run.pace,
        grouped(run.requests),
        grouped(run.sent)
    )
}

/// What was left out, and why, a line each.
fn never_sent(run: &Run) -> Vec<String> {
    let left_out =
        |count: u64, why: &str| wrapped(&format!("Never sent: {} requests {why}.", grouped(count)));
    let unreadable = Some(run.unreadable).filter(|count| *count > 0);
    let hidden = run.hidden.iter().map(|(why, count)| left_out(*count, why.as_words()));
    hidden.chain(unreadable.map(|count| left_out(count, "that cannot be read as such"))).collect()
}

/// A header of all requests; `env:NAME` is the variable's value, so that no secret stands in a command.
fn header(text: &str) -> Result<(HeaderName, HeaderValue), String> {
    let (name, value) =
        text.split_once('=').ok_or("`--header`: expected `NAME=VALUE` or `NAME=env:VARIABLE`")?;
    let name: HeaderName = name.trim().parse().map_err(|_| format!("`{name}` is no name of a header"))?;
    let value = match value.strip_prefix("env:") {
        Some(variable) => std::env::var(variable)
            .map_err(|_| format!("`--header {name}`: the variable `{variable}` is not set"))?,
        None => value.to_owned(),
    };
    let mut value = HeaderValue::from_str(&value)
        .map_err(|_| format!("the value of `--header {name}` is none of a header"))?;
    value.set_sensitive(true);
    Ok((name, value))
}

/// How far the replay is, on a terminal's last line.
struct Bar {
    /// The last share shown, in thousandths.
    shown: Option<u64>,
    is_terminal: bool,
}

impl Bar {
    fn show(&mut self, Progress { done, total }: Progress) {
        let thousandths = 1000 * done / total.max(1);
        if !self.is_terminal || self.shown == Some(thousandths) {
            return;
        }
        let filled = (BAR * thousandths / 1000) as usize;
        let empty = BAR as usize - filled;
        eprint!("\r[{}{}] {}/{}", "#".repeat(filled), "-".repeat(empty), grouped(done), grouped(total));
        self.shown = Some(thousandths);
    }

    fn clear(&self) {
        if self.shown.is_some() {
            eprint!("\r{:100}\r", "");
        }
    }
}
