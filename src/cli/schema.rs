//! `crossfade schema`: prints the JSON Schema of the policy file, for editors and checkers.

use std::process::ExitCode;

use crate::cli::print;
use crate::config;

/// The arguments of `crossfade schema`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {}

pub(super) fn main(Args {}: Args) -> ExitCode {
    print(&format!("{:#}", config::json_schema()))
}
