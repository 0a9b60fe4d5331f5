//! `load`: sends requests to a proxy, a slice for each order on standard input.

use std::process::ExitCode;

use bench::load;
use clap::Parser;

/// Sends requests; reads `seconds NUMBER` or `requests NUMBER` from standard input, prints a line of JSON for each.
#[derive(Parser)]
#[command(args_override_self = true)]
struct Arguments {
    #[command(flatten)]
    settings: load::Settings,
}

fn main() -> ExitCode {
    match load::run(Arguments::parse().settings) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("load: {error}");
            ExitCode::FAILURE
        }
    }
}
