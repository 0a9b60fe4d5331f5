//! Verdicts: each state is reached when it should be, and kept over restarts, merged, and told in words.

mod fold;
pub(crate) mod long_run;
mod states;
pub(crate) mod world;
