//! What is known of a part of a log, as a file: many machines read their own parts, one makes the report of all.

use std::fs;
use std::io;
use std::path::Path;
use std::path::PathBuf;

use serde::Deserialize;
use serde::Serialize;
use serde_json::value::RawValue;

use crate::analysis::Analysis;
use crate::record::replace;
use crate::report::LineCounts;
use crate::report::collect::Partial;
use crate::report::slices::SlicerState;
use crate::report::worst::Worst;
use crate::vocab::ExperimentName;

/// Says why a part is of no use.
#[derive(Debug, thiserror::Error)]
pub enum StateError {
    /// Its file cannot be read or written.
    #[error("`{path}` cannot be read or written: {source}")]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// It is no such file, or of another version, or does not fit to the others.
    #[error("`{path}`: {problem}")]
    Unfit {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        problem: String,
    },
}

#[derive(Serialize, Deserialize)]
struct State {
    /// The version of the program; figures of another one may mean something else.
    version: String,
    sources: Vec<String>,
    lines: LineCounts,
    analysis: Box<RawValue>,
    slices: SlicerState,
    worst: Worst,
    others: Vec<ExperimentName>,
}

impl Partial<'_> {
    /// Writes what is known of the log so far.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn emit(self, path: &Path) -> Result<(), StateError> {
        let Self { sources, lines, analysis, slicer, worst, others, .. } = self;
        let analysis = String::from_utf8(analysis.to_json()).expect("JSON is UTF-8");
        let state = State {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            sources,
            lines,
            analysis: RawValue::from_string(analysis).expect("it was just written as JSON"),
            slices: slicer.state(),
            worst,
            others,
        };
        let text = serde_json::to_vec(&state).expect("names, numbers and texts are always JSON");
        replace(path, &text).map_err(|source| StateError::Io { path: path.to_owned(), source })
    }

    /// Takes in what [`emit`](Self::emit) wrote of another part. Counts add up exactly, sums to rounding.
    ///
    /// # Errors
    /// When it cannot be read, was written by another version, or is sliced by other fields.
    pub fn merge(&mut self, path: &Path) -> Result<(), StateError> {
        let text = fs::read(path).map_err(|source| StateError::Io { path: path.to_owned(), source })?;
        let unfit = |problem| StateError::Unfit { path: path.to_owned(), problem };
        let hint = "hint: `crossfade report DIR --emit-state FILE` writes such files";
        let state: State = serde_json::from_slice(&text)
            .map_err(|error| unfit(format!("no figures of a part of a log: {error}; {hint}")))?;
        let own = env!("CARGO_PKG_VERSION");
        if state.version != own {
            return Err(unfit(format!("written by version {}, expected {own}", state.version)));
        }
        let theirs = Analysis::from_json(state.analysis.get().as_bytes()).map_err(unfit)?;
        self.slicer.merge(state.slices).map_err(unfit)?;
        self.analysis.merge(&theirs);
        self.worst.merge(state.worst);
        self.lines.merge(state.lines);
        self.sources.extend(state.sources);
        let new = state.others.into_iter().filter(|name| !self.others.contains(name));
        let new: Vec<ExperimentName> = new.collect();
        self.others.extend(new);
        Ok(())
    }
}
