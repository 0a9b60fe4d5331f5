//! `crossfade records`: looks after a log: is it sound, what is in it, what do its lines say.

use std::io;
use std::io::BufWriter;
use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Subcommand;

use crate::analysis::grouped;
use crate::cli::Format;
use crate::cli::print;
use crate::cli::prose::columns;
use crate::columns::read_any;
use crate::record::LineKind;
use crate::record::ReadError;
use crate::record::Stock;
use crate::vocab::ExperimentName;
use crate::vocab::NameError;
use crate::vocab::Timestamp;

/// The arguments of `crossfade records`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Reads every line and says whether all of them are what was written; exit code 1 when one is not.
    Verify(Of),
    /// Prints lines as they were written, whether their files are packed or not.
    Cat(Cat),
    /// Tells what there is by experiment: pairs, outcomes, judgements, gaps, times, bytes.
    Stats(Of),
}

/// Which records, and how the result is printed.
#[derive(Debug, clap::Args)]
struct Of {
    /// Directories of records, and single files, packed or not.
    #[arg(required = true, value_name = "DIR|FILE")]
    paths: Vec<PathBuf>,
    /// How the result is printed.
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

#[derive(Debug, clap::Args)]
struct Cat {
    /// Directories of records, and single files, packed or not.
    #[arg(required = true, value_name = "DIR|FILE")]
    paths: Vec<PathBuf>,
    /// Only this experiment; may be given several times.
    #[arg(long = "experiment", short, value_name = "NAME", value_parser = named)]
    experiments: Vec<ExperimentName>,
    /// Only lines of this kind; may be given several times.
    #[arg(long = "kind", short, value_enum)]
    kinds: Vec<Kind>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Kind {
    Design,
    Pair,
    Answered,
    Outcome,
    Judgement,
    Gap,
}

/// The exit code is 1 when something is damaged or cannot be read; what is sound is printed all the same.
pub(super) fn main(args: Args) -> ExitCode {
    let done = match args.action {
        Action::Verify(Of { paths, format }) => verify(&paths, format),
        Action::Cat(what) => cat(&what),
        Action::Stats(Of { paths, format }) => stats(&paths, format),
    };
    done.unwrap_or_else(|error| {
        eprintln!("crossfade: {error}");
        ExitCode::FAILURE
    })
}

fn verify(paths: &[PathBuf], format: Format) -> Result<ExitCode, ReadError> {
    let stock = Stock::of(&mut read_any(paths)?, |_, _| {});
    let text = match format {
        Format::Json => format!("{:#}", serde_json::json!(stock)),
        Format::Text => verdict(&stock),
    };
    let printed = print(&text);
    Ok(if stock.is_sound() { printed } else { ExitCode::FAILURE })
}

fn verdict(stock: &Stock) -> String {
    let Stock { lines, bytes, damaged, torn, unreadable_files, problems, experiments } = stock;
    let mut text = if stock.is_sound() { "sound" } else { "damaged" }.to_owned();
    text += &format!(": {} lines, {} bytes", grouped(*lines), grouped(*bytes));
    let counts = [
        (*damaged, "damaged lines"),
        (*unreadable_files, "files that cannot be read"),
        (*torn, "torn last lines"),
        (
            experiments.values().fold(0, |sum, held| held.lost.saturating_add(sum)),
            "records that gaps say are missing",
        ),
        (
            experiments.values().map(|held| held.crashes).max().unwrap_or(0),
            "crashes that lost an unknown number",
        ),
    ];
    for (count, what) in counts.into_iter().filter(|(count, _)| *count > 0) {
        text += &format!("\n  {} {what}", grouped(count));
    }
    for problem in problems {
        text += &format!("\n  {problem}");
    }
    text
}

fn cat(what: &Cat) -> Result<ExitCode, ReadError> {
    let Cat { paths, experiments, kinds } = what;
    let mut out = BufWriter::new(io::stdout().lock());
    let mut is_open = true;
    let mut reader = read_any(paths)?;
    let stock = Stock::of(&mut reader, |line, bytes| {
        let wanted = (experiments.is_empty() || experiments.contains(line.experiment()))
            && (kinds.is_empty() || kinds.iter().any(|kind| LineKind::from(*kind) == line.kind()));
        if wanted && is_open {
            is_open = out.write_all(bytes).is_ok();
        }
    });
    // A reader that went away, as `head` does, is no failure of ours to report.
    let _ = out.flush();
    stock.problems.iter().for_each(|problem| eprintln!("crossfade: {problem}"));
    Ok(if stock.is_sound() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn stats(paths: &[PathBuf], format: Format) -> Result<ExitCode, ReadError> {
    let stock = Stock::of(&mut read_any(paths)?, |_, _| {});
    let text = match format {
        Format::Json => format!("{:#}", serde_json::json!(stock)),
        Format::Text => table(&stock),
    };
    Ok(print(&text))
}

fn table(stock: &Stock) -> String {
    let titles =
        ["experiment", "pairs", "outcomes", "judgements", "lost", "crashes", "bytes", "first", "last"];
    let mut rows = vec![titles.map(str::to_owned).to_vec()];
    for (name, held) in &stock.experiments {
        let counts =
            [held.pairs, held.outcomes, held.judgements, held.lost, held.crashes, held.bytes].map(grouped);
        let times = [held.first, held.last].map(|time| time.map_or_else(String::new, second));
        rows.push([name.to_string()].into_iter().chain(counts).chain(times).collect());
    }
    columns(&rows)
}

/// A time to the second.
fn second(time: Timestamp) -> String {
    let text = time.to_string();
    text.split('.').next().unwrap_or(&text).trim_end_matches('Z').to_owned() + "Z"
}

fn named(text: &str) -> Result<ExperimentName, NameError> {
    ExperimentName::new(text)
}

impl From<Kind> for LineKind {
    fn from(kind: Kind) -> Self {
        match kind {
            Kind::Design => LineKind::Design,
            Kind::Pair => LineKind::Pair,
            Kind::Answered => LineKind::Answered,
            Kind::Outcome => LineKind::Outcome,
            Kind::Judgement => LineKind::Judgement,
            Kind::Gap => LineKind::Gap,
        }
    }
}
