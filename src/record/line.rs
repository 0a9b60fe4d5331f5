//! The lines of the log: one JSON object each, `schema` and `kind` first, `crc32` last.
//!
//! Six kinds: `design` is what an experiment is ([`DesignRecord`]), `pair` a request with every answer it got
//! ([`PairedRecord`]), `answered` what was known of it when its user got the last byte, where the record is strict, `outcome` what happened later ([`OutcomeRecord`]), `judgement` what a judge said ([`JudgementRecord`]), `gap` how much is missing ([`Gap`]). Fields that are not there were not known, or are
//! false. A later version may add fields; one that changes the meaning of a field counts [`SCHEMA`] up. Readers take
//! every earlier version, and refuse what they do not know.
//!
//! The checksum is the CRC-32 (ISO 3309) of the line's bytes before `,"crc32":`, in eight hexadecimal digits: a line
//! whose bytes the disk changed is told from a sound one, and any tool still reads JSON Lines. Whoever changes a line by
//! hand takes `crc32` out and sets `schema` to 2, the last version without.

#[cfg(test)]
mod tests;

use serde::Deserialize;
use serde::Serialize;

use crate::record::DesignRecord;
use crate::record::JudgementRecord;
use crate::record::OutcomeRecord;
use crate::record::PairedRecord;
use crate::record::json;
use crate::vocab::ExperimentName;
use crate::vocab::Timestamp;

/// The version of the schema that this build writes; it reads all from 1 on.
pub const SCHEMA: u32 = 3;

/// The first version whose lines carry a checksum.
const CHECKED_SINCE: u32 = 3;

/// The first version that marks requests of which redaction changed something.
const MARKED_SINCE: u32 = 3;

/// What stands between a line's fields and the digits of its checksum.
const CHECKSUM: &str = r#","crc32":""#;

/// How many digits a checksum has.
const DIGITS: usize = 8;

/// One line of the log.
#[derive(Debug, Clone)]
pub enum Line {
    /// What an experiment is.
    Design(Box<DesignRecord>),
    /// A request with its answers.
    Pair(Box<PairedRecord>),
    /// What was known of a request when its user got the end of the answer; its pair follows.
    Answered(Box<PairedRecord>),
    /// What happened later.
    Outcome(Box<OutcomeRecord>),
    /// What a judge said.
    Judgement(Box<JudgementRecord>),
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
    /// A [`PairedRecord`] in the making.
    Answered,
    /// An [`OutcomeRecord`].
    Outcome,
    /// A [`JudgementRecord`].
    Judgement,
    /// A [`Gap`].
    Gap,
}

/// Records that the log lacks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Gap {
    /// The experiment that they belong to.
    pub experiment: ExperimentName,
    /// What they were: `pair`, `outcome` or `judgement`.
    pub of: LineKind,
    /// How many; `None`: nobody knows, for the gateway was killed.
    pub lost: Option<u64>,
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
    /// The gateway was killed, or the machine was. What it had in hand is lost, and how much that was is not known.
    Crash,
}

/// Says why a text is no line of the log.
#[derive(Debug, thiserror::Error)]
pub enum LineError {
    /// It is no JSON, or lacks a field.
    #[error("not a record: {0}")]
    Json(#[from] serde_json::Error),
    /// Another version wrote it.
    #[error("schema {0} is not known, expected 1 to {SCHEMA}; read it with the version that wrote it")]
    Schema(u32),
    /// Its bytes are not those that were written.
    #[error("damaged: its bytes do not match its checksum `crc32`")]
    Damaged,
}

#[derive(Deserialize)]
struct Head {
    schema: u32,
    kind: LineKind,
}

impl Line {
    /// Reads a line, with or without its line feed.
    pub fn parse(text: &str) -> Result<Self, LineError> {
        let is_checked = is_sound(text)?;
        let Head { schema, kind } = match Head::written(text) {
            Some(head) => head,
            None => serde_json::from_str(text)?,
        };
        if !(1..=SCHEMA).contains(&schema) {
            return Err(LineError::Schema(schema));
        }
        if schema >= CHECKED_SINCE && !is_checked {
            return Err(LineError::Damaged);
        }
        Ok(match kind {
            LineKind::Design => Line::Design(serde_json::from_str(text)?),
            LineKind::Pair => {
                let mut pair: Box<PairedRecord> = serde_json::from_str(text)?;
                pair.request.unmarked = schema < MARKED_SINCE;
                Line::Pair(pair)
            }
            LineKind::Answered => Line::Answered(serde_json::from_str(text)?),
            LineKind::Outcome => Line::Outcome(serde_json::from_str(text)?),
            LineKind::Judgement => Line::Judgement(serde_json::from_str(text)?),
            LineKind::Gap => Line::Gap(serde_json::from_str(text)?),
        })
    }

    /// What it holds.
    pub fn kind(&self) -> LineKind {
        match self {
            Line::Design(_) => LineKind::Design,
            Line::Pair(_) => LineKind::Pair,
            Line::Answered(_) => LineKind::Answered,
            Line::Outcome(_) => LineKind::Outcome,
            Line::Judgement(_) => LineKind::Judgement,
            Line::Gap(_) => LineKind::Gap,
        }
    }

    /// When it happened; of a gap, when it was first noticed.
    pub fn time(&self) -> Timestamp {
        match self {
            Line::Design(record) => record.time,
            Line::Pair(record) | Line::Answered(record) => record.time,
            Line::Outcome(record) => record.time,
            Line::Judgement(record) => record.time,
            Line::Gap(gap) => gap.since,
        }
    }

    /// The same, for whoever gives it another name.
    pub fn experiment_mut(&mut self) -> &mut ExperimentName {
        match self {
            Line::Design(record) => &mut record.experiment,
            Line::Pair(record) | Line::Answered(record) => &mut record.experiment,
            Line::Outcome(record) => &mut record.experiment,
            Line::Judgement(record) => &mut record.experiment,
            Line::Gap(gap) => &mut gap.experiment,
        }
    }

    /// The experiment that it belongs to.
    pub fn experiment(&self) -> &ExperimentName {
        match self {
            Line::Design(record) => &record.experiment,
            Line::Pair(record) | Line::Answered(record) => &record.experiment,
            Line::Outcome(record) => &record.experiment,
            Line::Judgement(record) => &record.experiment,
            Line::Gap(gap) => &gap.experiment,
        }
    }
}

/// Says whether a line carries a checksum, which must be that of its bytes then.
fn is_sound(line: &str) -> Result<bool, LineError> {
    let line = line.trim_ascii_end().as_bytes();
    let Some(fields) = line.len().checked_sub(CHECKSUM.len() + DIGITS + 2) else { return Ok(false) };
    let (fields, tail) = line.split_at(fields);
    let written = tail.strip_prefix(CHECKSUM.as_bytes()).and_then(|tail| tail.strip_suffix(b"\"}"));
    match written {
        None => Ok(false),
        Some(digits) if digits == checksum(fields).as_bytes() => Ok(true),
        Some(_) => Err(LineError::Damaged),
    }
}

fn checksum(fields: &[u8]) -> String {
    format!("{:08x}", crc32fast::hash(fields))
}

impl Head {
    /// The head of a line as this build writes it, without a look at the rest, which would take as long as reading it;
    /// `None`: somebody else wrote it, perhaps with its fields in another order.
    fn written(text: &str) -> Option<Self> {
        let rest = text.strip_prefix(r#"{"schema":"#)?;
        let (schema, rest) = rest.split_once(',')?;
        let (kind, _) = rest.strip_prefix(r#""kind":""#)?.split_once('"')?;
        let kind = LineKind::ALL.into_iter().find(|known| known.as_str() == kind)?;
        Some(Self { schema: schema.parse().ok()?, kind })
    }
}

impl LineKind {
    /// Every kind.
    const ALL: [LineKind; 6] = [
        LineKind::Pair,
        LineKind::Outcome,
        LineKind::Judgement,
        LineKind::Design,
        LineKind::Gap,
        LineKind::Answered,
    ];

    /// The word that metrics and the log use.
    pub fn as_str(self) -> &'static str {
        match self {
            LineKind::Design => "design",
            LineKind::Pair => "pair",
            LineKind::Answered => "answered",
            LineKind::Outcome => "outcome",
            LineKind::Judgement => "judgement",
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
            LossReason::Crash => "crash",
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

/// What is known of a request whose user is about to have the answer.
#[derive(Serialize)]
pub(super) struct Answered<'a>(pub(super) &'a PairedRecord);

impl Recorded for Answered<'_> {
    const KIND: LineKind = LineKind::Answered;
}

impl Recorded for OutcomeRecord {
    const KIND: LineKind = LineKind::Outcome;
}

impl Recorded for JudgementRecord {
    const KIND: LineKind = LineKind::Judgement;
}

impl Recorded for Gap {
    const KIND: LineKind = LineKind::Gap;
}

/// Appends a record and its line feed.
pub(super) fn append<R: Recorded>(text: &mut Vec<u8>, record: &R) {
    let line = text.len();
    text.extend_from_slice(format!(r#"{{"schema":{SCHEMA},"kind":"{}""#, R::KIND.as_str()).as_bytes());
    let begin = text.len();
    json::append(text, record).expect("records are structs, whose parts can all be written");
    // Its brace: the fields of the record follow those of the line.
    text[begin] = b',';
    close(text, line);
}

/// A line of the log as it is written: the JSON object with its checksum, and a line feed.
pub fn checked(object: &str) -> String {
    let mut text = object.trim_ascii_end().as_bytes().to_vec();
    close(&mut text, 0);
    String::from_utf8(text).expect("text with digits behind it is text")
}

/// Puts the checksum of the object that begins at a place into the place of its closing brace, and a line feed.
fn close(text: &mut Vec<u8>, begins: usize) {
    text.pop();
    let checksum = checksum(&text[begins..]);
    text.extend_from_slice(CHECKSUM.as_bytes());
    text.extend_from_slice(checksum.as_bytes());
    text.extend_from_slice(b"\"}\n");
}
