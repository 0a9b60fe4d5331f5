//! The lines of the log: one JSON object each, `schema` and `kind` first.
//!
//! Four kinds: `design` is what an experiment is ([`DesignRecord`]), `pair` a request with every answer it got
//! ([`PairedRecord`]), `outcome` what happened later ([`OutcomeRecord`]), `gap` how much is missing ([`Gap`]). Fields that are not there were not known, or are
//! false. A later version may add fields; one that changes the meaning of a field counts [`SCHEMA`] up, and readers
//! refuse what they do not know.

use serde::Deserialize;
use serde::Serialize;

use crate::record::DesignRecord;
use crate::record::OutcomeRecord;
use crate::record::PairedRecord;
use crate::record::json;
use crate::vocab::ExperimentName;
use crate::vocab::Timestamp;

/// The version of the schema that this build writes and reads.
pub const SCHEMA: u32 = 2;

/// One line of the log.
#[derive(Debug, Clone)]
pub enum Line {
    /// What an experiment is.
    Design(Box<DesignRecord>),
    /// A request with its answers.
    Pair(Box<PairedRecord>),
    /// What happened later.
    Outcome(Box<OutcomeRecord>),
    /// What is missing.
    Gap(Gap),
}

/// What a line holds. A metric label, so the set is closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LineKind {
    /// A [`DesignRecord`].
    Design,
    /// A [`PairedRecord`].
    Pair,
    /// An [`OutcomeRecord`].
    Outcome,
    /// A [`Gap`].
    Gap,
}

/// Records that the log lacks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Gap {
    /// The experiment that they belong to.
    pub experiment: ExperimentName,
    /// What they were: `pair` or `outcome`.
    pub of: LineKind,
    /// How many.
    pub lost: u64,
    /// Why.
    pub reason: LossReason,
    /// When the writer first noticed.
    pub since: Timestamp,
    /// When the writer last noticed.
    pub until: Timestamp,
}

/// Why records were lost. A metric label, so the set is closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LossReason {
    /// The writer's queue was full.
    Queue,
    /// The disk was full, gone or not writable.
    Disk,
    /// Making the record failed, by a fault of the gateway's.
    Fault,
}

/// Says why a text is no line of the log.
#[derive(Debug, thiserror::Error)]
pub enum LineError {
    /// It is no JSON, or lacks a field.
    #[error("not a record: {0}")]
    Json(#[from] serde_json::Error),
    /// Another version wrote it.
    #[error("schema {0} is not known, expected {SCHEMA}; read it with the version that wrote it")]
    Schema(u32),
}

#[derive(Deserialize)]
struct Head {
    schema: u32,
    kind: LineKind,
}

impl Line {
    /// Reads a line, with or without its line feed.
    pub fn parse(text: &str) -> Result<Self, LineError> {
        let Head { schema, kind } = match Head::written(text) {
            Some(head) => head,
            None => serde_json::from_str(text)?,
        };
        if schema != SCHEMA {
            return Err(LineError::Schema(schema));
        }
        Ok(match kind {
            LineKind::Design => Line::Design(serde_json::from_str(text)?),
            LineKind::Pair => Line::Pair(serde_json::from_str(text)?),
            LineKind::Outcome => Line::Outcome(serde_json::from_str(text)?),
            LineKind::Gap => Line::Gap(serde_json::from_str(text)?),
        })
    }

    /// The experiment that it belongs to.
    pub fn experiment(&self) -> &ExperimentName {
        match self {
            Line::Design(record) => &record.experiment,
            Line::Pair(record) => &record.experiment,
            Line::Outcome(record) => &record.experiment,
            Line::Gap(gap) => &gap.experiment,
        }
    }
}

impl Head {
    /// The head of a line as this build writes it, without a look at the rest, which would take as long as reading it;
    /// `None`: somebody else wrote it, perhaps with its fields in another order.
    fn written(text: &str) -> Option<Self> {
        let rest = text.strip_prefix(r#"{"schema":"#)?;
        let (schema, rest) = rest.split_once(r#","kind":""#)?;
        let (kind, _) = rest.split_once(r#"","#)?;
        let kind = LineKind::ALL.into_iter().find(|known| known.as_str() == kind)?;
        Some(Self { schema: schema.parse().ok()?, kind })
    }
}

impl LineKind {
    /// Every kind.
    const ALL: [LineKind; 4] = [LineKind::Pair, LineKind::Outcome, LineKind::Design, LineKind::Gap];

    /// The word that metrics and the log use.
    pub fn as_str(self) -> &'static str {
        match self {
            LineKind::Design => "design",
            LineKind::Pair => "pair",
            LineKind::Outcome => "outcome",
            LineKind::Gap => "gap",
        }
    }
}

impl LossReason {
    /// The word that metrics and the log use.
    pub fn as_str(self) -> &'static str {
        match self {
            LossReason::Queue => "queue",
            LossReason::Disk => "disk",
            LossReason::Fault => "fault",
        }
    }
}

/// A record that can be a line.
pub(super) trait Recorded: Serialize {
    const KIND: LineKind;
}

impl Recorded for DesignRecord {
    const KIND: LineKind = LineKind::Design;
}

impl Recorded for PairedRecord {
    const KIND: LineKind = LineKind::Pair;
}

impl Recorded for OutcomeRecord {
    const KIND: LineKind = LineKind::Outcome;
}

impl Recorded for Gap {
    const KIND: LineKind = LineKind::Gap;
}

/// Appends a record and its line feed.
pub(super) fn append<R: Recorded>(text: &mut Vec<u8>, record: &R) {
    text.extend_from_slice(format!(r#"{{"schema":{SCHEMA},"kind":"{}""#, R::KIND.as_str()).as_bytes());
    let begin = text.len();
    json::append(text, record).expect("records are structs, whose parts can all be written");
    // Its brace: the fields of the record follow those of the line.
    text[begin] = b',';
    text.push(b'\n');
}
