//! `crossfade demo`: runs the demo, shows how far it is on standard error and what it found on standard output.

use std::io;
use std::io::IsTerminal;
use std::path::PathBuf;
use std::process::ExitCode;

use crate::analysis::grouped;
use crate::cli::print;
use crate::cli::run::until_told_to_stop;
use crate::demo::Demo;
use crate::demo::Progress;
use crate::demo::STRATEGIES;
use crate::demo::Setup;
use crate::telemetry::logs;
use crate::vocab::StrategyKind;

/// The arguments of `crossfade demo`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Keeps models and gateway up afterwards, until Ctrl-C or SIGTERM, and prints requests to try.
    #[arg(long)]
    serve: bool,
    /// Where the run's folder is made.
    #[arg(long, value_name = "DIR", default_value_os_t = Setup::default().records)]
    records: PathBuf,
    /// How many requests are sent for each strategy.
    #[arg(long, value_name = "N", default_value_t = Setup::default().requests as u32,
        value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    requests: u32,
    /// How many requests are sent in a second; 0: as many as get answered.
    #[arg(long, value_name = "N", default_value_t = Setup::default().per_second.unwrap_or(0))]
    rate: u32,
    /// Lets the better model play legacy, to see every winner swap.
    #[arg(long)]
    swap: bool,
}

/// Where progress is shown.
struct Screen {
    is_terminal: bool,
}

/// Runs the demo; the exit code is 1 when it could not be run to its end.
pub(super) fn main(args: Args) -> ExitCode {
    logs::init_beside_report();
    match run(args) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("crossfade: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(args: Args) -> Result<ExitCode, Box<dyn std::error::Error>> {
    let serve = args.serve;
    let setup = args.setup();
    let screen = Screen { is_terminal: io::stderr().is_terminal() };
    screen.announce(&setup);
    let demo = Demo::start(setup)?;
    let code = show(&demo, &screen, serve);
    demo.stop();
    code
}

fn show(demo: &Demo, screen: &Screen, serve: bool) -> Result<ExitCode, Box<dyn std::error::Error>> {
    let summary = demo.play(&mut |progress| screen.show(progress))?;
    let code = print(&format!("\n{summary}"));
    if serve {
        print(&demo.invitation()?);
        until_told_to_stop(demo.gateway())?;
    }
    Ok(code)
}

impl Args {
    fn setup(self) -> Setup {
        let Self { serve: _, records, requests, rate, swap } = self;
        let usual = Setup::default();
        let (legacy, candidate) =
            if swap { (usual.candidate, usual.legacy) } else { (usual.legacy, usual.candidate) };
        let per_second = (rate > 0).then_some(rate);
        Setup { legacy, candidate, requests: requests as usize, per_second, records, ..usual }
    }
}

impl Screen {
    fn announce(&self, setup: &Setup) {
        let Setup { requests, per_second, .. } = setup;
        let seconds = per_second.map(|rate| STRATEGIES.len() * requests / rate as usize);
        let time = seconds.map_or(String::new(), |seconds| format!("; this takes about {} s", seconds + 1));
        eprintln!(
            "Testing two models in {} ways, {} requests each{time}.",
            STRATEGIES.len(),
            grouped(*requests as u64)
        );
    }

    /// One line a strategy: kept up to date on a terminal, written once elsewhere.
    fn show(&self, progress: Progress<'_>) {
        let Progress { strategy, requests, counts, done } = progress;
        let reports = if strategy == StrategyKind::Interleave { "clicks" } else { "labels" };
        let line = format!(
            "  {:<10} {:>6} of {} requests answered, {:>6} {reports} reported",
            strategy.as_str(),
            grouped(counts.answered()),
            grouped(requests as u64),
            grouped(counts.reported()),
        );
        match (self.is_terminal, done) {
            (true, false) => eprint!("\r{line}"),
            (true, true) => eprintln!("\r{line}"),
            (false, true) => eprintln!("{line}"),
            (false, false) => {}
        }
    }
}
