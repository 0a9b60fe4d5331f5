//! What the analysis knows, kept over restarts: `analysis.json` in the record's directory.
//!
//! It is saved every half minute together with the place in the log up to which everything was folded, and at the end.
//! Whoever starts reads it and folds what the log holds behind that place: after a kill the figures are just those of
//! the records. A file that makes no sense is kept aside and the figures begin anew.

use std::fs;
use std::io;
use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::Mutex;
use std::time::Duration;

use indexmap::IndexMap;
use serde::Deserialize;
use serde::Serialize;
use tokio::time::Instant;
use uuid::Uuid;

use crate::analysis::Analysis;
use crate::analysis::lock;
use crate::analysis::study::Study;
use crate::record::DesignRecord;
use crate::record::Gap;
use crate::record::JudgementRecord;
use crate::record::OutcomeRecord;
use crate::record::Pair;
use crate::record::PairedRecord;
use crate::record::Position;
use crate::record::Sink;
use crate::record::read_from;
use crate::record::replace;
use crate::telemetry::Metrics;
use crate::vocab::ExperimentName;

/// The format of the file; another one is not read.
const VERSION: u32 = 1;

/// How often it is saved at most.
const EVERY: Duration = Duration::from_secs(30);

/// The figures of every experiment, and up to where in the log they reach.
#[derive(Serialize, Deserialize)]
struct Snapshot {
    version: u32,
    #[serde(default)]
    origin: String,
    /// `None`: they are of no log of this machine's.
    position: Option<Position>,
    studies: IndexMap<ExperimentName, Study>,
}

/// The analysis as a sink of the writer, which saves what it knows.
#[derive(Debug)]
pub struct Kept {
    analysis: Arc<Mutex<Analysis>>,
    path: PathBuf,
    saved: Instant,
    unsaved: Option<Position>,
}

impl Analysis {
    /// What was known when the gateway that wrote this directory ended, however it did.
    pub fn restored(dir: &Path, metrics: Arc<Metrics>) -> Self {
        let mut analysis = Self::load(dir);
        analysis.metrics = Some(metrics);
        if analysis.origin.is_empty() {
            analysis.origin = Uuid::now_v7().to_string();
        }
        analysis
    }

    fn load(dir: &Path) -> Self {
        let path = file(dir);
        let found = match fs::read(&path) {
            Ok(found) => found,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Self::new(),
            Err(error) => {
                tracing::error!(%error, path = %path.display(), "figures cannot be read; they begin anew");
                return Self::new();
            }
        };
        let (mut analysis, position) = match parse(&found) {
            Ok(parsed) => parsed,
            Err(problem) => {
                let aside = path.with_extension("json.corrupt");
                let kept = fs::rename(&path, &aside).is_ok().then(|| aside.display().to_string());
                tracing::error!(problem, kept_as = kept, "figures make no sense; they begin anew");
                return Self::new();
            }
        };
        let Some(position) = position else { return analysis };
        match read_from(dir, &position) {
            // A line that is damaged has been damaged on the disk: the report tells of it.
            Ok(lines) => lines.filter_map(Result::ok).for_each(|line| analysis.fold(&line)),
            Err(error) => tracing::error!(%error, "figures lack what was recorded last"),
        }
        analysis
    }

    /// Everything that is known.
    pub fn to_json(&self) -> Vec<u8> {
        self.written(None)
    }

    /// What is known, for another gateway's to be merged with: all but the requests that still wait for an outcome, which
    /// are many and no business of anybody else's.
    pub fn evidence(&mut self) -> Vec<u8> {
        let waiting: Vec<_> =
            self.studies.values_mut().map(|study| std::mem::take(&mut study.join)).collect();
        let evidence = self.written(None);
        self.studies.values_mut().zip(waiting).for_each(|(study, join)| study.join = join);
        evidence
    }

    /// Where these figures come from: the same over restarts that keep them, and another one for every other gateway.
    /// Empty for figures that were folded from a log.
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// Whether there are figures of an identity.
    pub fn knows(&self, experiment: &str, identity: &str) -> bool {
        self.studies.iter().any(|(name, study)| name.as_str() == experiment && study.is_of(identity))
    }

    /// What another gateway knows.
    ///
    /// # Errors
    /// When the text is not what [`Analysis::to_json`] writes.
    pub fn from_json(text: &[u8]) -> Result<Self, String> {
        parse(text).map(|(analysis, _)| analysis)
    }

    fn written(&self, position: Option<Position>) -> Vec<u8> {
        let (origin, studies) = (self.origin.clone(), self.studies.clone());
        let snapshot = Snapshot { version: VERSION, origin, position, studies };
        serde_json::to_vec(&snapshot).expect("names, numbers and texts are always JSON")
    }
}

fn file(dir: &Path) -> PathBuf {
    dir.join("analysis.json")
}

fn parse(text: &[u8]) -> Result<(Analysis, Option<Position>), String> {
    let Snapshot { version, origin, position, studies } =
        serde_json::from_slice(text).map_err(|error| error.to_string())?;
    if version != VERSION {
        return Err(format!("version {version}, expected {VERSION}"));
    }
    Ok((Analysis { origin, studies, metrics: None }, position))
}

impl Kept {
    /// Saves in this directory what this analysis knows.
    pub fn of(analysis: Arc<Mutex<Analysis>>, dir: &Path) -> Self {
        Self { analysis, path: file(dir), saved: Instant::now(), unsaved: None }
    }

    fn save(&mut self) {
        let Some(position) = self.unsaved.take() else { return };
        let content = lock(&self.analysis).written(Some(position));
        self.saved = Instant::now();
        if let Err(error) = replace(&self.path, &content) {
            tracing::warn!(%error, path = %self.path.display(), "figures could not be saved");
        }
    }
}

impl Sink for Kept {
    fn design(&mut self, record: &DesignRecord) {
        self.analysis.design(record);
    }

    fn pair(&mut self, raw: &Pair, record: &PairedRecord) {
        self.analysis.pair(raw, record);
    }

    fn outcome(&mut self, record: &OutcomeRecord) {
        self.analysis.outcome(record);
    }

    fn judgement(&mut self, record: &JudgementRecord) {
        self.analysis.judgement(record);
    }

    fn gap(&mut self, gap: &Gap) {
        self.analysis.gap(gap);
    }

    fn checkpoint(&mut self, position: &Position) {
        self.unsaved = Some(position.clone());
        if self.saved.elapsed() >= EVERY {
            self.save();
        }
    }

    fn end(&mut self) {
        self.save();
    }
}
