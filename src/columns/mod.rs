//! Records as rows of typed columns: what other systems read of the log, in Parquet files and in tables.
//!
//! One row a line. The columns are a promise, kept by a test: a later version may add some, before `line`, and changes
//! neither the name nor the meaning of one that is there. [`columns`] lists them with what each means; what is not known,
//! or is no matter of that kind of line, is null. The last, `line`, is the whole line as the log has it, so that nothing
//! is lost on the way and a file of rows can be read back into the log that it was made of.
//!
//! What only one call can say has three places: `legacy_…` and `candidate_…` are the own answers of legacy and of the
//! first candidate that gave one, for what is asked most; `calls` lists all calls, as any number of candidates needs it.
//! `id` names a line of a log, in any number of files and gateways: the segment that it was first written to, and its
//! place there. Whoever gets a line twice knows it by that.

mod cell;
mod found;
#[cfg(feature = "parquet")]
pub mod parquet;
mod row;
mod table;

#[cfg(test)]
mod tests;

pub use cell::Cell;
pub use row::Row;
pub use row::id;
pub use table::Column;
pub use table::Kind;
pub use table::Part;
pub use table::columns;
