//! The columns: the name of each, what is in it, what it means.

use std::borrow::Cow;
use std::sync::LazyLock;

use crate::columns::cell::Cell;
use crate::columns::found;
use crate::columns::row::Row;
use crate::record::ObservationRecord;

/// What a column holds.
#[derive(Debug, Clone, Copy)]
pub enum Kind {
    /// Yes or no.
    Bool,
    /// A whole number of 32 bits.
    Int32,
    /// A whole number of 64 bits.
    Int64,
    /// A number.
    Float,
    /// A text in UTF-8.
    Text,
    /// A moment in UTC, to the microsecond.
    Moment,
    /// An amount of money: a decimal of 19 digits, 12 of them behind the point.
    Money,
    /// A list of structures of these parts, none of them a list.
    List(&'static [Part]),
}

/// One part of the structures in a list.
#[derive(Debug)]
pub struct Part {
    /// Its name.
    pub name: &'static str,
    /// What it holds.
    pub kind: Kind,
    /// What it means.
    pub about: &'static str,
}

/// One column.
#[derive(Debug)]
pub struct Column {
    /// Its name.
    pub name: Cow<'static, str>,
    /// What it holds.
    pub kind: Kind,
    /// Whether every line has it, so that it is never null.
    pub always: bool,
    /// What it means.
    pub about: Cow<'static, str>,
    of: Of,
}

/// Where a column's value is found.
#[derive(Debug, Clone, Copy)]
enum Of {
    Row(FoundInRow),
    Legacy(FoundInCall),
    Candidate(FoundInCall),
}

/// Finds a value in a row.
pub(super) type FoundInRow = for<'r> fn(&'r Row<'_>) -> Cell<'r>;

/// Finds a value in a call.
pub(super) type FoundInCall = for<'r> fn(&'r ObservationRecord) -> Cell<'r>;

impl Column {
    /// What it holds for a row.
    pub(super) fn cell<'r>(&self, row: &'r Row<'_>) -> Cell<'r> {
        match self.of {
            Of::Row(found) => found(row),
            Of::Legacy(found) => row.legacy.map_or(Cell::Null, found),
            Of::Candidate(found) => row.candidate.map_or(Cell::Null, found),
        }
    }
}

/// The columns, in their order.
pub fn columns() -> &'static [Column] {
    static COLUMNS: LazyLock<Vec<Column>> = LazyLock::new(|| {
        let of_row = |&(name, kind, about, found): &(&'static str, Kind, &'static str, FoundInRow)| Column {
            name: name.into(),
            kind,
            always: ["schema", "kind", "id", "time", "experiment", "line"].contains(&name),
            about: about.into(),
            of: Of::Row(found),
        };
        let mut columns: Vec<Column> = found::HEAD.iter().chain(found::PAIR).map(of_row).collect();
        for (side, of) in [("legacy", Of::Legacy as fn(FoundInCall) -> Of), ("candidate", Of::Candidate)] {
            columns.extend(found::call().map(|(part, found)| Column {
                name: format!("{side}_{}", part.name).into(),
                kind: part.kind,
                always: false,
                about: format!("the same of the {side}'s own answer: {}", part.about).into(),
                of: of(found),
            }));
        }
        columns.extend(found::LATER.iter().map(of_row));
        columns
    });
    &COLUMNS
}
