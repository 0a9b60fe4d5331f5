//! What was read: how many lines of each kind, how much of it could not be read, and why.

use serde::Deserialize;
use serde::Serialize;

use crate::record::Line;
use crate::record::ReadError;

/// How many problems are told one by one.
const TOLD: usize = 5;

/// How many lines were read.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct LineCounts {
    /// Bytes of all files.
    pub bytes: u64,
    /// Pairs, those of other experiments than the wanted ones not counted.
    pub pairs: u64,
    /// Outcomes, likewise.
    pub outcomes: u64,
    /// What judges said, likewise.
    pub judgements: u64,
    /// Records that the log itself says it lacks, likewise.
    pub lost: u64,
    /// Lines that are no record.
    pub damaged: u64,
    /// Last lines of files that break off, as a killed gateway leaves them.
    pub torn: u64,
    /// Files that could not be read to their end.
    pub unreadable_files: u64,
    /// The first problems, each with its place.
    pub problems: Vec<String>,
}

impl LineCounts {
    /// Whether anything could not be read.
    pub fn is_incomplete(&self) -> bool {
        self.damaged + self.torn + self.unreadable_files > 0
    }

    /// Takes in what was read elsewhere.
    pub(super) fn merge(&mut self, other: Self) {
        let Self { bytes, pairs, outcomes, judgements, lost, damaged, torn, unreadable_files, problems } =
            other;
        self.bytes += bytes;
        self.pairs += pairs;
        self.outcomes += outcomes;
        self.judgements += judgements;
        self.lost = self.lost.saturating_add(lost);
        self.damaged += damaged;
        self.torn += torn;
        self.unreadable_files += unreadable_files;
        self.problems.extend(problems);
        self.problems.truncate(TOLD);
    }

    pub(super) fn count(&mut self, line: &Line) {
        match line {
            Line::Design(_) | Line::Answered(_) => {}
            Line::Pair(_) => self.pairs += 1,
            Line::Outcome(_) => self.outcomes += 1,
            Line::Judgement(_) => self.judgements += 1,
            Line::Gap(gap) => self.lost = self.lost.saturating_add(gap.lost.unwrap_or(0)),
        }
    }

    pub(super) fn refuse(&mut self, why: &ReadError) {
        *match why {
            ReadError::Io { .. } => &mut self.unreadable_files,
            ReadError::Line { .. } => &mut self.damaged,
        } += 1;
        if self.problems.len() < TOLD {
            self.problems.push(why.to_string());
        }
    }
}
