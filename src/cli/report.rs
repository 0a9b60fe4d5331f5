//! `crossfade report`: tells everything that the analysis knows from the log alone.

use std::collections::BTreeSet;
use std::io;
use std::io::IsTerminal;
use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use crate::cli::harmless;
use crate::cli::sources::Sources;
use crate::dataset;
use crate::report;
use crate::report::Part;
use crate::report::Partial;
use crate::report::Progress;
use crate::report::Report;
use crate::report::ReportError;
use crate::report::SliceField;
use crate::report::Wanted;
use crate::vocab::ExperimentName;
use crate::vocab::NameError;

/// From this size on it is shown how far the reading is.
const LONG_BYTES: u64 = 50_000_000;

/// How many characters wide the bar is.
const BAR: usize = 40;

/// The arguments of `crossfade report`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Directories of records, and single files: JSON Lines, packed or not, and Parquet; and in builds that know object
    /// stores `s3://bucket/prefix`, `gs://...`, `az://...`.
    #[arg(required_unless_present = "merge", value_name = "DIR|FILE")]
    paths: Vec<PathBuf>,
    /// Writes what is known of these records to a file instead of a report: each of many machines reads a part of the log.
    #[arg(long, value_name = "FILE", conflicts_with = "output")]
    emit_state: Option<PathBuf>,
    /// Takes in what `--emit-state` wrote of another part of the log; may be given several times.
    #[arg(long, value_name = "FILE")]
    merge: Vec<PathBuf>,
    /// How the report is laid out.
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
    /// Writes the report to a file instead of standard output.
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Only this experiment; may be given several times.
    #[arg(long = "experiment", short, value_name = "NAME", value_parser = named)]
    experiments: Vec<ExperimentName>,
    /// Also tells the figures by parts of the traffic: `method`, `path`, `query:NAME`, `header:NAME`, `json:$.path` of the
    /// request's body, `stage`, `hour`; may be given several times.
    #[arg(long = "slice", short, value_name = "FIELD")]
    slices: Vec<SliceField>,
}

/// How a report is laid out.
#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum Format {
    /// Tables for a terminal.
    Table,
    /// One JSON object with every figure.
    Json,
    /// One page that needs no network.
    Html,
}

/// Reports; the exit code is 1 when there is nothing to report, or it could not be written.
pub(super) fn main(args: Args) -> ExitCode {
    match run(args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("crossfade: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(args: Args) -> Result<(), Box<dyn std::error::Error>> {
    let Args { paths, emit_state, merge, format, output, experiments, slices } = args;
    let wanted = Wanted { experiments, slices };
    let mut bar = Bar { shown: false, is_terminal: io::stderr().is_terminal() };
    let mut partial = Partial::of(&wanted);
    let sources = Sources::of(&paths)?;
    let read = read(&mut partial, &paths, &sources.paths, &mut bar);
    bar.clear();
    read?;
    merge.iter().try_for_each(|part| partial.merge(part))?;
    if let Some(path) = emit_state {
        return Ok(partial.emit(&path)?);
    }
    let text = laid_out(&partial.report()?, format)?;
    match output {
        Some(path) => std::fs::write(&path, text)
            .map_err(|source| format!("`{}` cannot be written: {source}", path.display()))?,
        None => written(&text)?,
    }
    Ok(())
}

/// Snapshots of several sets are told apart, each by its set's name; all else is one log.
fn read(
    partial: &mut Partial<'_>,
    named: &[PathBuf],
    paths: &[PathBuf],
    bar: &mut Bar,
) -> Result<(), ReportError> {
    let sets: Vec<Option<String>> = paths.iter().map(|path| dataset::set_of(path)).collect();
    let are_several = sets.iter().flatten().collect::<BTreeSet<_>>().len() > 1;
    if !are_several {
        return partial.read(&Part { paths, named, set: None }, &mut |progress| bar.show(progress));
    }
    for (path, set) in paths.iter().zip(&sets) {
        let path = std::slice::from_ref(path);
        let part = Part { paths: path, named: path, set: set.as_deref() };
        partial.read(&part, &mut |progress| bar.show(progress))?;
    }
    Ok(())
}

fn laid_out(report: &Report, format: Format) -> Result<String, serde_json::Error> {
    Ok(match format {
        Format::Table => report::as_text(report),
        Format::Json => serde_json::to_string_pretty(report)? + "\n",
        Format::Html => report::as_html(report),
    })
}

/// A reader that went away, as `head` does, is no failure of ours to report.
fn written(text: &str) -> io::Result<()> {
    match io::stdout().write_all(harmless(text).as_bytes()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        result => result,
    }
}

fn named(text: &str) -> Result<ExperimentName, NameError> {
    ExperimentName::new(text)
}

/// How far the reading is, on a terminal's last line.
struct Bar {
    shown: bool,
    is_terminal: bool,
}

impl Bar {
    fn show(&mut self, Progress { read, total }: Progress) {
        if !self.is_terminal || total < LONG_BYTES {
            return;
        }
        let share = (read as f64 / total as f64).min(1.0);
        let done = (share * BAR as f64) as usize;
        eprint!("\r[{}{}] {:>3.0} %", "#".repeat(done), "-".repeat(BAR - done), 100.0 * share);
        self.shown = true;
    }

    fn clear(&self) {
        if self.shown {
            eprint!("\r{:width$}\r", "", width = BAR + 8);
        }
    }
}
