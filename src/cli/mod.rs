//! The command line: one file a subcommand, each with a `main` that takes its arguments and gives the exit code.

mod check;
mod controller;
mod demo;
mod export;
mod prose;
mod records;
mod replay;
mod report;
mod run;
mod schema;
mod simulate;
mod size;
mod sources;
mod whatif;

use std::borrow::Cow;
use std::error::Error;
use std::io;
use std::io::Write;
use std::path::Path;
use std::process::ExitCode;

use clap::Parser;
use clap::Subcommand;

use crate::config;
use crate::config::Config;
use crate::telemetry::log_panics;
use crate::telemetry::logs;
use crate::vocab::steers;

/// The exit code for a policy file with problems: `EX_USAGE` of BSD's sysexits.
const BAD_POLICY: u8 = 64;

/// The exit code for arguments that make no sense together: the one that clap has for a single one.
const BAD_ARGUMENTS: u8 = 2;

/// How a result is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
enum Format {
    /// For people.
    #[default]
    Text,
    /// For programs.
    Json,
}

/// Tests a candidate model against the legacy one on live traffic.
#[derive(Debug, Parser)]
#[command(name = "crossfade", version)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Runs the gateway under a policy file until SIGTERM; SIGHUP reloads the file.
    Run(run::Args),
    /// Decides for a fleet of gateways under one policy until SIGTERM.
    Controller(controller::Args),
    /// Checks a policy file and prints every problem with its place.
    Check(check::Args),
    /// Prints the JSON Schema of the policy file.
    Schema(schema::Args),
    /// Tests two real models against each other in all four ways, in less than a minute and without a network.
    Demo(demo::Args),
    /// Tells what a policy would have made of recorded requests, before it is applied.
    Simulate(simulate::Args),
    /// Tells how many requests, and how long, each strategy takes to find an effect.
    Size(size::Args),
    /// Estimates from the log what other shares of traffic would have come to.
    Whatif(whatif::Args),
    /// Tells from the log alone what an experiment found: figures, differences, verdicts.
    Report(report::Args),
    /// Looks after the log: is it sound, what is in it, what do its lines say.
    Records(records::Args),
    /// Freezes records, or rows made elsewhere, into a snapshot that never changes.
    Export(Box<export::Args>),
    /// Sends the requests of snapshots to the next model, and says how it does.
    Replay(replay::Args),
}

/// Runs the subcommand that the process's arguments ask for.
pub fn main() -> ExitCode {
    match Arguments::parse().command {
        Command::Run(args) => run::main(args),
        Command::Controller(args) => controller::main(args),
        Command::Check(args) => check::main(args),
        Command::Schema(args) => schema::main(args),
        Command::Demo(args) => demo::main(args),
        Command::Simulate(args) => simulate::main(args),
        Command::Size(args) => size::main(args),
        Command::Whatif(args) => whatif::main(args),
        Command::Report(args) => report::main(args),
        Command::Records(args) => records::main(args),
        Command::Export(args) => export::main(*args),
        Command::Replay(args) => replay::main(args),
    }
}

/// Runs what serves until it is told to stop; the exit code is 0 after an orderly stop, 64 for a bad policy file, 1 when it
/// cannot start.
fn serve(policy: &Path, run: impl FnOnce(Config) -> Result<(), Box<dyn Error>>) -> ExitCode {
    logs::init();
    log_panics();
    let config = match config::load(policy) {
        Ok(config) => config,
        Err(problems) => {
            eprintln!("{problems}");
            return ExitCode::from(BAD_POLICY);
        }
    };
    match run(config) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("crossfade: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Prints a result, with an escape for whatever in it would steer a terminal. A reader that went away, as `head` does,
/// is no failure of ours to report.
fn print(text: &str) -> ExitCode {
    match writeln!(io::stdout(), "{}", harmless(text)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}

/// A text of lines that steers no terminal. The escapes are those of JSON, for it may be JSON.
fn harmless(text: &str) -> Cow<'_, str> {
    let escapes = |c: char| steers(c) && !matches!(c, '\n' | '\t');
    if !text.contains(escapes) {
        return Cow::Borrowed(text);
    }
    let shown = |c: char| if escapes(c) { format!("\\u{:04x}", u32::from(c)) } else { c.to_string() };
    Cow::Owned(text.chars().map(shown).collect())
}
