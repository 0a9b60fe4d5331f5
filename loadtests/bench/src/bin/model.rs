//! `model`: plays a model, prints its address, and ends with its standard input.

use std::process::ExitCode;

use bench::model;
use clap::Parser;

/// Plays a model on a free port of loopback, whose address it prints.
#[derive(Parser)]
#[command(args_override_self = true)]
struct Arguments {
    #[command(flatten)]
    settings: model::Settings,
}

fn main() -> ExitCode {
    match model::run(&Arguments::parse().settings) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("model: {error}");
            ExitCode::FAILURE
        }
    }
}
