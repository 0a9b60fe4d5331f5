//! A line of the log as a row.

use std::borrow::Cow;

use serde::Serialize;
use serde::Serializer;
use serde::ser::SerializeMap;

use crate::columns::cell::AsJson;
use crate::columns::cell::Cell;
use crate::columns::table::Column;
use crate::columns::table::columns;
use crate::record::ComparisonRecord;
use crate::record::DesignRecord;
use crate::record::Gap;
use crate::record::JudgementRecord;
use crate::record::Line;
use crate::record::ObservationRecord;
use crate::record::OutcomeRecord;
use crate::record::PairedRecord;
use crate::record::Position;
use crate::vocab::ModelName;
use crate::vocab::Role;
use crate::vocab::Timestamp;

/// A line with what its columns are read from.
#[derive(Debug, Clone)]
pub struct Row<'r> {
    /// What identifies the line: see [`id`].
    pub id: Cow<'r, str>,
    /// The line.
    pub line: &'r Line,
    /// The line as the log has it, without its line feed.
    pub text: Cow<'r, str>,
    pub(super) legacy: Option<&'r ObservationRecord>,
    pub(super) candidate: Option<&'r ObservationRecord>,
    pub(super) comparison: Option<&'r ComparisonRecord>,
}

/// What identifies a line of `length` bytes, its line feed among them, behind which a reader stands at `behind`: the name
/// of its segment without the ending, a colon, and how many bytes lie before it there. Segments have names of their own
/// the world over, so this is unique for ever.
pub fn id(behind: &Position, length: usize) -> String {
    let segment = behind.segment.strip_suffix(".jsonl").unwrap_or(&behind.segment);
    format!("{segment}:{}", behind.bytes.saturating_sub(length as u64))
}

impl<'r> Row<'r> {
    /// The row of a line; `bytes` are the line as the log has it, with or without its line feed. Bytes that are no text
    /// are replaced as the log's reader replaces them.
    pub fn of(id: impl Into<Cow<'r, str>>, line: &'r Line, bytes: &'r [u8]) -> Self {
        let bytes = bytes.strip_suffix(b"\n").unwrap_or(bytes);
        let text = String::from_utf8_lossy(bytes);
        let mut row = Self { id: id.into(), line, text, legacy: None, candidate: None, comparison: None };
        if let Line::Pair(pair) = line {
            row.legacy = own(pair, |arm| pair.arms.first() == Some(arm));
            row.candidate = own(pair, |arm| pair.arms.first() != Some(arm));
            row.comparison = row.candidate.and_then(|seen| {
                pair.comparison.iter().find(|found| found.arm == seen.arm && found.role == seen.role)
            });
        }
        row
    }

    /// When what the line tells began: the request arrived, the outcome was reported, the gap was noticed.
    pub fn time(&self) -> Timestamp {
        self.line.time()
    }

    /// The cells, one for each of [`columns`].
    pub fn cells(&self) -> Vec<Cell<'_>> {
        columns().iter().map(|column| column.cell(self)).collect()
    }

    pub(super) fn pair(&self) -> Option<&PairedRecord> {
        if let Line::Pair(pair) = self.line { Some(pair) } else { None }
    }

    pub(super) fn outcome(&self) -> Option<&OutcomeRecord> {
        if let Line::Outcome(outcome) = self.line { Some(outcome) } else { None }
    }

    pub(super) fn judgement(&self) -> Option<&JudgementRecord> {
        if let Line::Judgement(judgement) = self.line { Some(judgement) } else { None }
    }

    pub(super) fn design(&self) -> Option<&DesignRecord> {
        if let Line::Design(design) = self.line { Some(design) } else { None }
    }

    pub(super) fn gap(&self) -> Option<&Gap> {
        if let Line::Gap(gap) = self.line { Some(gap) } else { None }
    }
}

/// The first call of an arm that this holds for whose answer is the arm's own: no second call to measure noise, and none
/// that stepped in for another.
fn own(pair: &PairedRecord, is_side: impl Fn(&ModelName) -> bool) -> Option<&ObservationRecord> {
    let own = |seen: &&ObservationRecord| !matches!(seen.role, Role::Control | Role::Fallback);
    pair.observations.iter().filter(own).find(|seen| is_side(&seen.arm))
}

/// As a JSON object of the columns that are not null.
impl Serialize for Row<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        for column in columns() {
            let Column { name, kind, .. } = column;
            let cell = column.cell(self);
            if !cell.is_null() {
                map.serialize_entry(&**name, &AsJson(&cell, *kind))?;
            }
        }
        map.end()
    }
}
