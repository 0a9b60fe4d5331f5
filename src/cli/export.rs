//! `crossfade export`: freezes records, or rows made elsewhere, into a snapshot that never changes.

use std::path::PathBuf;
use std::process::ExitCode;
use std::str::FromStr;

use serde_json::Value;

use crate::analysis::grouped;
use crate::cli::BAD_ARGUMENTS;
use crate::cli::print;
use crate::cli::prose::wrapped;
use crate::dataset;
use crate::dataset::Columns;
use crate::dataset::Format;
use crate::dataset::Imported;
use crate::dataset::Manifest;
use crate::dataset::OutcomeTest;
use crate::dataset::Sent;
use crate::dataset::Set;
use crate::dataset::Snapshot;
use crate::dataset::Test;
use crate::dataset::Wanted;
use crate::report::SliceField;
use crate::vocab::ExperimentName;
use crate::vocab::NameError;
use crate::vocab::OutcomeName;
use crate::vocab::Timestamp;

/// The arguments of `crossfade export`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Directories of records, and single files; with `--import`, files of rows and directories of them.
    #[arg(required_unless_present = "verify", value_name = "DIR|FILE")]
    paths: Vec<PathBuf>,
    /// Which requests: `prod` (real queries, cleaned, each once), `thumbs-down` (rated badly), `disagreements`, `errors`,
    /// `all`; with `--import`, the name of the set.
    #[arg(long, required_unless_present = "verify", value_name = "SET")]
    set: Option<String>,
    /// The snapshot's directory, which must not be there yet.
    #[arg(long, short, required_unless_present = "verify", value_name = "SNAPSHOT")]
    output: Option<PathBuf>,
    /// What is written beside the record lines: `jsonl` (nothing), `parquet`, `openai-evals` or `huggingface`.
    #[arg(long, value_name = "FORMAT", default_value = "jsonl", value_parser = Format::from_str)]
    format: Format,
    /// Says what of a snapshot is no longer as it was made; the exit code is 1 when anything is not.
    #[arg(long, value_name = "SNAPSHOT", exclusive = true)]
    verify: Option<PathBuf>,
    /// Only requests of this experiment, several times of these; with `--import`, whose comparison and metrics replays use.
    #[arg(long = "experiment", short, value_name = "NAME", value_parser = named)]
    experiments: Vec<ExperimentName>,
    #[command(flatten)]
    chosen: Choosing,
    #[command(flatten)]
    rows: Rows,
}

/// How requests are chosen.
#[derive(Debug, clap::Args)]
struct Choosing {
    /// At most so many; with `--stratify`, of each value.
    #[arg(long, value_name = "N")]
    sample: Option<usize>,
    /// Samples each value of this field by itself: `method`, `path`, `query:NAME`, `header:NAME`, `json:$.path`, `stage`,
    /// `hour`.
    #[arg(long, value_name = "FIELD", requires = "sample")]
    stratify: Option<SliceField>,
    /// Another number draws another sample.
    #[arg(long, value_name = "N", default_value_t = 0)]
    seed: u64,
    /// Only requests of this moment or later, as in `2026-01-31T00:00:00Z`.
    #[arg(long, value_name = "TIME", value_parser = moment)]
    since: Option<Timestamp>,
    /// Only requests before this moment.
    #[arg(long, value_name = "TIME", value_parser = moment)]
    until: Option<Timestamp>,
    /// Only requests of which this outcome was reported with such a value; with `--import`, the outcome that holds what is
    /// right [default: expected].
    #[arg(long, value_name = "NAME", value_parser = reported)]
    outcome: Option<OutcomeName>,
    /// Values below this number; `true` is 1.
    #[arg(long, value_name = "X", requires = "outcome", allow_negative_numbers = true)]
    below: Option<f64>,
    /// Values above this number.
    #[arg(
        long,
        value_name = "X",
        requires = "outcome",
        conflicts_with = "below",
        allow_negative_numbers = true
    )]
    above: Option<f64>,
    /// This value.
    #[arg(long, value_name = "VALUE", requires = "outcome", conflicts_with_all = ["below", "above"])]
    is: Option<String>,
}

/// How rows become requests.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Sets made elsewhere")]
struct Rows {
    /// Reads rows of JSON instead of records: `{"input"|"messages"|"request": .., "expected"|"ideal"|"reference": .., "id":
    /// ..}`.
    #[arg(long)]
    import: bool,
    /// Which columns are meant, as in `input=question,expected=answer,id=key`.
    #[arg(long, value_name = "NAME=COLUMN,..", requires = "import", value_parser = columns)]
    map: Option<Columns>,
    /// The path that the requests are sent to.
    #[arg(long, value_name = "PATH", requires = "import", default_value = "/v1/chat/completions")]
    path: String,
    /// Their method.
    #[arg(long, value_name = "METHOD", requires = "import", default_value = "POST")]
    method: String,
    /// A header of theirs, as in `x-tier: gold`; several times for several. Credentials belong to `replay`.
    #[arg(long = "header", value_name = "NAME: VALUE", requires = "import", value_parser = header)]
    headers: Vec<(String, String)>,
    /// Their body as JSON, in which `{{COLUMN}}` stands for a column of the row and `{{input}}` for what is asked.
    #[arg(long, value_name = "JSON", requires = "import", value_parser = json)]
    body: Option<Value>,
}

/// The exit code is 1 when there is no snapshot, 2 when arguments make no sense together.
pub(super) fn main(args: Args) -> ExitCode {
    if let Some(place) = &args.verify {
        return verified(place);
    }
    match run(args) {
        Ok(told) => print(&told),
        Err(Refused::Arguments(why)) => {
            eprintln!("crossfade: {why}");
            ExitCode::from(BAD_ARGUMENTS)
        }
        Err(Refused::Export(error)) => {
            eprintln!("crossfade: {error}");
            ExitCode::FAILURE
        }
    }
}

enum Refused {
    Arguments(String),
    Export(Box<dyn std::error::Error>),
}

fn run(args: Args) -> Result<String, Refused> {
    let Args { paths, set, output, format, verify: _, experiments, chosen, rows } = args;
    let (set, output) = (set.unwrap_or_default(), output.unwrap_or_default());
    let snapshot = if rows.import {
        let imported = imported(paths, &set, experiments, chosen, rows).map_err(Refused::Arguments)?;
        dataset::import(&imported, format, &output).map_err(|error| Refused::Export(error.into()))?
    } else {
        let wanted = wanted(&set, experiments, chosen).map_err(Refused::Arguments)?;
        dataset::export(&paths, &wanted, format, &output).map_err(|error| Refused::Export(error.into()))?
    };
    Ok(told(&snapshot))
}

fn wanted(set: &str, experiments: Vec<ExperimentName>, chosen: Choosing) -> Result<Wanted, String> {
    let Choosing { sample, stratify, seed, since, until, outcome, below, above, is } = chosen;
    let test = below.map(Test::Below).or(above.map(Test::Above)).or(is.map(Test::Is));
    let outcome = match (outcome, test) {
        (Some(name), Some(test)) => Some(OutcomeTest { name, test }),
        (Some(name), None) => {
            return Err(format!("`--outcome {name}` needs one of `--below`, `--above` and `--is`"));
        }
        (None, _) => None,
    };
    Ok(Wanted { set: set.parse()?, experiments, since, until, outcome, sample, stratify, seed })
}

fn imported(
    paths: Vec<PathBuf>,
    set: &str,
    experiments: Vec<ExperimentName>,
    chosen: Choosing,
    rows: Rows,
) -> Result<Imported, String> {
    let Rows { import: _, map, path, method, headers, body } = rows;
    let set = ExperimentName::new(set).map_err(|error| format!("`--set`: {error}"))?;
    if Set::ALL.iter().any(|known| known.as_str() == set.as_str()) {
        return Err(format!(
            "`--set {set}` is a set of records; hint: give what you import a name of its own"
        ));
    }
    let [experiment] = experiments.try_into().map_err(|_| {
        "`--import` needs one `--experiment`: the one of the policy whose comparison and metrics replays use".to_owned()
    })?;
    let usual = || OutcomeName::new("expected").map_err(|error| error.to_string());
    let outcome = chosen.outcome.map_or_else(usual, Ok)?;
    if path.parse::<http::uri::PathAndQuery>().is_err() || !path.starts_with('/') {
        return Err(format!("`--path {path}` is no path: expected one that begins with `/`"));
    }
    Ok(Imported {
        paths,
        set,
        experiment,
        outcome,
        columns: map.unwrap_or_default(),
        sent: Sent { method, path, headers, body },
    })
}

fn verified(place: &std::path::Path) -> ExitCode {
    let changes = Snapshot::open(place).and_then(|snapshot| Ok((snapshot.changes()?, snapshot)));
    match changes {
        Ok((changes, snapshot)) if changes.is_empty() => {
            let Manifest { set, content, counts, .. } = &snapshot.manifest;
            print(&format!("{set}: unchanged, {} requests, content {content}", grouped(counts.kept)))
        }
        Ok((changes, _)) => {
            changes.iter().for_each(|change| eprintln!("crossfade: {}/{change}", place.display()));
            ExitCode::FAILURE
        }
        Err(error) => {
            eprintln!("crossfade: {error}");
            ExitCode::FAILURE
        }
    }
}

fn told(snapshot: &Snapshot) -> String {
    let Manifest { set, content, counts, redaction, .. } = &snapshot.manifest;
    let kept = format!(
        "{}: {} requests of {} and {} outcomes, set `{set}`.",
        snapshot.dir.display(),
        grouped(counts.kept),
        grouped(counts.read),
        grouped(counts.outcomes)
    );
    let left_out = counts.left_out.iter().map(|(why, count)| {
        let why = serde_json::to_value(why).ok().and_then(|why| why.as_str().map(str::to_owned));
        (why.unwrap_or_default(), *count)
    });
    let gone = [
        ("on record twice", counts.repeated),
        ("of another experiment or time", counts.filtered),
        ("not of the set", counts.unmatched),
        ("the same query as an earlier one", counts.duplicates),
        ("not drawn", counts.not_drawn),
    ];
    let gone = gone.into_iter().map(|(why, count)| (why.to_owned(), count)).chain(left_out);
    let gone: Vec<String> = gone
        .filter(|(_, count)| *count > 0)
        .map(|(why, count)| format!("{} {why}", grouped(count)))
        .collect();
    let mut lines = vec![wrapped(&kept)];
    if !gone.is_empty() {
        lines.push(wrapped(&format!("Left out: {}.", gone.join(", "))));
    }
    for (why, count) in &redaction.requests {
        lines.push(wrapped(&format!("Not to be sent again: {} {}.", grouped(*count), why.as_words())));
    }
    lines.push(format!("Content: {content}"));
    lines.join("\n")
}

fn named(text: &str) -> Result<ExperimentName, NameError> {
    ExperimentName::new(text)
}

fn reported(text: &str) -> Result<OutcomeName, NameError> {
    OutcomeName::new(text)
}

fn moment(text: &str) -> Result<Timestamp, String> {
    text.parse().map_err(|_| format!("`{text}` is no moment: expected one as `2026-01-31T00:00:00Z`"))
}

fn json(text: &str) -> Result<Value, String> {
    serde_json::from_str(text).map_err(|error| format!("expected JSON: {error}"))
}

fn header(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once(':').ok_or("expected `NAME: VALUE`")?;
    let (name, value) = (name.trim(), value.trim());
    let name: http::HeaderName = name.parse().map_err(|_| format!("`{name}` is no name of a header"))?;
    http::HeaderValue::from_str(value).map_err(|_| format!("`{value}` is no value of a header"))?;
    if crate::protocol::is_credential(&name) {
        return Err(format!(
            "`{name}` is a credential, and a snapshot holds none; hint: `replay --header` sends it"
        ));
    }
    Ok((name.to_string(), value.to_owned()))
}

fn columns(text: &str) -> Result<Columns, String> {
    let mut columns = Columns::default();
    for part in text.split(',') {
        let (name, column) = part.split_once('=').ok_or_else(|| format!("`{part}`: expected NAME=COLUMN"))?;
        let place = match name.trim() {
            "input" => &mut columns.input,
            "expected" => &mut columns.expected,
            "id" => &mut columns.id,
            other => return Err(format!("`{other}`: expected `input`, `expected` or `id`")),
        };
        *place = Some(column.trim().to_owned());
    }
    Ok(columns)
}
