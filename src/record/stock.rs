//! What there is in a log: how much of each kind, since when, what is missing, what is damaged.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::record::Line;
use crate::record::LineKind;
use crate::record::ReadError;
use crate::record::Reader;
use crate::vocab::ExperimentName;
use crate::vocab::Timestamp;

/// How many problems are kept to be shown.
const SHOWN: usize = 20;

/// What there is in a log.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Stock {
    /// By experiment.
    pub experiments: BTreeMap<ExperimentName, Holding>,
    /// Lines that are whole and sound.
    pub lines: u64,
    /// Bytes of lines, unpacked.
    pub bytes: u64,
    /// Lines that cannot be read: damaged, or of a schema that is not known.
    pub damaged: u64,
    /// Last lines that somebody was writing, or was when he was killed. They are no damage.
    pub torn: u64,
    /// Files that cannot be read.
    pub unreadable_files: u64,
    /// The first problems, each with its place.
    pub problems: Vec<String>,
}

/// What there is of one experiment.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Holding {
    /// Requests with their answers.
    pub pairs: u64,
    /// What a strict record held of requests when their users had the answer, before their pairs.
    pub answered: u64,
    /// What happened later.
    pub outcomes: u64,
    /// What judges said.
    pub judgements: u64,
    /// Times that the experiment's design is told.
    pub designs: u64,
    /// Gap records.
    pub gaps: u64,
    /// How many records the gaps say are missing.
    pub lost: u64,
    /// Crashes, each of which lost nobody knows how many: two gap records each, of pairs and of outcomes.
    pub crashes: u64,
    /// Bytes of its lines, unpacked.
    pub bytes: u64,
    /// The time of the earliest line.
    pub first: Option<Timestamp>,
    /// The time of the latest.
    pub last: Option<Timestamp>,
}

impl Stock {
    /// Takes in the whole log; each sound line is shown to `each`, with its bytes.
    pub fn of(reader: &mut Reader, mut each: impl FnMut(&Line, &[u8])) -> Self {
        let mut stock = Self::default();
        while let Some(line) = reader.next() {
            match line {
                Ok(line) => {
                    stock.take(&line, reader.line_bytes().len() as u64);
                    each(&line, reader.line_bytes());
                }
                Err(why) => stock.refuse(&why),
            }
        }
        stock.bytes = reader.bytes_read();
        stock.torn = reader.torn();
        stock
    }

    /// Whether every byte is what was written.
    pub fn is_sound(&self) -> bool {
        self.damaged + self.unreadable_files == 0
    }

    fn take(&mut self, line: &Line, bytes: u64) {
        self.lines += 1;
        let held = self.experiments.entry(line.experiment().clone()).or_default();
        held.bytes += bytes;
        let time = line.time();
        held.first = Some(held.first.map_or(time, |first| first.min(time)));
        held.last = Some(held.last.map_or(time, |last| last.max(time)));
        match line {
            Line::Design(_) => held.designs += 1,
            Line::Pair(_) => held.pairs += 1,
            Line::Answered(_) => held.answered += 1,
            Line::Outcome(_) => held.outcomes += 1,
            Line::Judgement(_) => held.judgements += 1,
            Line::Gap(gap) => {
                held.gaps += 1;
                match gap.lost {
                    Some(lost) => held.lost = held.lost.saturating_add(lost),
                    None => held.crashes += u64::from(gap.of == LineKind::Pair),
                }
            }
        }
    }

    fn refuse(&mut self, why: &ReadError) {
        *match why {
            ReadError::Io { .. } => &mut self.unreadable_files,
            ReadError::Line { .. } => &mut self.damaged,
        } += 1;
        if self.problems.len() < SHOWN {
            self.problems.push(why.to_string());
        }
    }
}
