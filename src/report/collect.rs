//! The one pass over the log that makes a report.

use std::path::PathBuf;

use crate::analysis::Analysis;
use crate::columns::read_any;
use crate::record::Line;
use crate::record::ReadError;
use crate::record::read_in_parallel;
use crate::report::ExperimentReport;
use crate::report::LineCounts;
use crate::report::Report;
use crate::report::Wanted;
use crate::report::slices::Slicer;
use crate::report::worst::Worst;
use crate::vocab::ExperimentName;

/// After how many lines it is told how far the reading is.
const LINES_A_TELL: u64 = 10_000;

/// Says why there is no report.
#[derive(Debug, thiserror::Error)]
pub enum ReportError {
    /// A directory or file that was named cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// There is no pair in any of the files.
    #[error(
        "{0} holds no pair; name a directory that a gateway writes to (`record.dir`) or one of its `.jsonl` files"
    )]
    Empty(String),
    /// Nothing of what there is could be read.
    #[error("{paths} holds no line that can be read, the first problem: {first}")]
    Unreadable {
        /// What was read.
        paths: String,
        /// The first problem.
        first: String,
    },
    /// There are pairs, but none of the wanted experiments.
    #[error("no pair of experiment {wanted}; the log has {found}")]
    NoSuchExperiment {
        /// What was asked for.
        wanted: String,
        /// What there is.
        found: String,
    },
}

/// How far the reading is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// Bytes read.
    pub read: u64,
    /// Bytes there are.
    pub total: u64,
}

/// Reads directories and files, oldest first, and tells everything that is wanted of them; `progress` is told now and
/// then how far it is.
///
/// # Errors
/// When something that was named cannot be read, or nothing of what is wanted is there.
pub fn collect(
    paths: &[PathBuf],
    wanted: &Wanted,
    progress: &mut dyn FnMut(Progress),
) -> Result<Report, ReportError> {
    let mut partial = Partial::of(wanted);
    partial.read(&Part { paths, named: paths, set: None }, progress)?;
    partial.report()
}

/// What is read together.
#[derive(Debug, Clone, Copy)]
pub struct Part<'p> {
    /// Directories and files.
    pub paths: &'p [PathBuf],
    /// What the report says was read.
    pub named: &'p [PathBuf],
    /// The set that its records are of, which goes before the names of their experiments, so that several sets stand side
    /// by side.
    pub set: Option<&'p str>,
}

/// Names a line's experiment after its set, unless that is too long for a name.
fn set_apart(line: &mut Line, set: &str) {
    let experiment = line.experiment_mut();
    if let Ok(apart) = ExperimentName::new(&format!("{set}.{experiment}")) {
        *experiment = apart;
    }
}

/// What is known of a log, or of a part of it.
pub struct Partial<'w> {
    wanted: &'w Wanted,
    pub(super) sources: Vec<String>,
    pub(super) lines: LineCounts,
    pub(super) analysis: Analysis,
    pub(super) slicer: Slicer,
    pub(super) worst: Worst,
    /// Experiments that nobody asked for.
    pub(super) others: Vec<ExperimentName>,
}

impl<'w> Partial<'w> {
    /// Knows nothing yet.
    pub fn of(wanted: &'w Wanted) -> Self {
        Self {
            wanted,
            sources: Vec::new(),
            lines: LineCounts::default(),
            analysis: Analysis::new(),
            slicer: Slicer::by(&wanted.slices),
            worst: Worst::default(),
            others: Vec::new(),
        }
    }

    /// Takes in directories and files, oldest first.
    ///
    /// # Errors
    /// When something that was named cannot be read.
    pub fn read(&mut self, part: &Part<'_>, progress: &mut dyn FnMut(Progress)) -> Result<(), ReportError> {
        let Part { paths, named, set } = *part;
        let mut reader = read_in_parallel(read_any(paths)?);
        let mut count = 0u64;
        while let Some(line) = reader.next() {
            match line {
                Ok(mut line) => {
                    if let Some(set) = set {
                        set_apart(&mut line, set);
                    }
                    self.fold(&line);
                }
                Err(why) => self.lines.refuse(&why),
            }
            count += 1;
            if count.is_multiple_of(LINES_A_TELL) {
                progress(Progress { read: reader.bytes_read(), total: reader.bytes_total() });
            }
        }
        self.lines.torn += reader.torn();
        self.lines.bytes += reader.bytes_read();
        self.sources.extend(named.iter().map(|path| path.display().to_string()));
        Ok(())
    }

    pub(super) fn fold(&mut self, line: &Line) {
        let experiment = line.experiment();
        if !self.wanted.holds(experiment) {
            if !self.others.contains(experiment) {
                self.others.push(experiment.clone());
            }
            return;
        }
        self.lines.count(line);
        self.analysis.fold(line);
        self.slicer.fold(line);
        self.worst.fold(line);
    }

    /// Everything that is wanted of it.
    ///
    /// # Errors
    /// When nothing of what is wanted is there.
    pub fn report(self) -> Result<Report, ReportError> {
        let Self { wanted, sources, lines, analysis, slicer, mut worst, others } = self;
        let experiments = analysis.detailed_summaries().map(|summary| ExperimentReport {
            slices: slicer.of_experiment(&summary),
            worst: worst.of_experiment(&summary),
            summary,
        });
        let experiments: Vec<ExperimentReport> = experiments.collect();
        if !experiments.is_empty() {
            return Ok(Report { version: env!("CARGO_PKG_VERSION"), sources, lines, experiments });
        }
        let paths = sources.join(", ");
        if !others.is_empty() {
            return Err(ReportError::NoSuchExperiment {
                wanted: listed(&wanted.experiments),
                found: listed(&others),
            });
        }
        match lines.problems.into_iter().next() {
            Some(first) => Err(ReportError::Unreadable { paths, first }),
            None => Err(ReportError::Empty(paths)),
        }
    }
}

fn listed(names: &[ExperimentName]) -> String {
    names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}
