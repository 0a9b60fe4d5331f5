//! An experiment's figures as tables, the same in a terminal and on a page.
//!
//! Cells are texts; what is not known is a dash. Columns in which nothing stands are left out.

mod calls;
mod effects;
mod people;
mod quality;
mod slices;
mod spending;
mod splits;

use crate::report::ExperimentReport;
use crate::report::words::UNKNOWN;

/// A table under its title.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Section {
    pub(super) title: String,
    /// What one must know to read it.
    pub(super) note: String,
    pub(super) table: Table,
}

/// Rows under a head.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Table {
    pub(super) head: Vec<Column>,
    pub(super) rows: Vec<Vec<String>>,
}

/// What stands in a column, with its title.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Column {
    /// Words, which begin at the left.
    Words(&'static str),
    /// Figures, which end at the right.
    Figures(&'static str),
}

impl Column {
    /// What stands above it.
    pub(super) fn title(self) -> &'static str {
        match self {
            Column::Words(title) | Column::Figures(title) => title,
        }
    }
}

impl Section {
    fn of(title: &str, note: &str, table: Table) -> Self {
        Self { title: title.to_owned(), note: note.to_owned(), table: table.used() }
    }
}

impl Table {
    /// A table whose first columns hold words and the others figures.
    pub(super) fn new(words: &[&'static str], figures: &[&'static str]) -> Self {
        let words = words.iter().map(|title| Column::Words(title));
        let head = words.chain(figures.iter().map(|title| Column::Figures(title)));
        Self { head: head.collect(), rows: Vec::new() }
    }

    /// The same with a last column of words.
    pub(super) fn and(mut self, words: &'static str) -> Self {
        self.head.push(Column::Words(words));
        self
    }

    /// Adds a row.
    pub(super) fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        self.rows.push(cells.into_iter().collect());
    }

    /// Whether there are no rows.
    pub(super) fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Without columns in which nothing stands.
    pub(super) fn used(self) -> Self {
        let Self { head, rows } = self;
        let stands = |row: &Vec<String>, column: usize| {
            row.get(column).is_some_and(|cell| !cell.is_empty() && cell != UNKNOWN)
        };
        let used = |column: &usize| rows.iter().any(|row| stands(row, *column));
        let columns: Vec<usize> = (0..head.len()).filter(used).collect();
        let cells = |row: &Vec<String>| -> Vec<String> {
            columns.iter().map(|column| row.get(*column).cloned().unwrap_or_default()).collect()
        };
        Self {
            head: columns.iter().map(|column| head[*column]).collect(),
            rows: rows.iter().map(cells).collect(),
        }
    }
}

/// Every table of an experiment that has rows, the most telling first.
pub(super) fn sections(experiment: &ExperimentReport) -> Vec<Section> {
    let found = &experiment.summary;
    let sections = [
        effects::guardrails(found),
        effects::effects(found),
        quality::metrics(found),
        quality::judges(found),
        quality::accords(found),
        people::people(found),
        spending::spending(found),
        calls::calls(found),
        quality::agreement(found),
        quality::fields(found),
        quality::paths(found),
        effects::pairs(found),
        splits::stages(found),
        splits::votes(found),
        splits::outcomes(found),
        calls::left_out(found),
    ];
    let slices = experiment.slices.iter().map(slices::slices);
    sections.into_iter().chain(slices).filter(|section| !section.table.is_empty()).collect()
}
