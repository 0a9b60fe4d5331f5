//! `crossfade demo`: runs the demo, shows how far it is on standard error and what it found on standard output.

use std::io;
use std::io::IsTerminal;
use std::path::PathBuf;
use std::process::ExitCode;

use crate::analysis::grouped;
use crate::cli::print;
use crate::cli::run::Signals;
use crate::demo::Demo;
use crate::demo::Progress;
use crate::demo::STRATEGIES;
use crate::demo::Setup;
use crate::demo::chat;
use crate::demo::chat::ChatDemo;
use crate::demo::chat::users::TURNS;
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
    /// How many requests are sent for each strategy. [default: 2000, with --llm 1350]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    requests: Option<u32>,
    /// How many requests are sent in a second; 0: as many as get answered. [default: 250, with --llm 150]
    #[arg(long, value_name = "N")]
    rate: Option<u32>,
    /// Lets the better model play legacy, to see every winner swap.
    #[arg(long)]
    swap: bool,
    /// Tests two small text models over a glossary, which stream by OpenAI's protocol, in place of the classifiers.
    #[arg(long)]
    llm: bool,
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
    let screen = Screen { is_terminal: io::stderr().is_terminal() };
    if args.llm {
        let setup = args.chat_setup();
        screen.announce(chat::STRATEGIES.len(), setup.conversations * TURNS, setup.per_second);
        let demo = ChatDemo::start(setup)?;
        let code = show_chat(&demo, &screen, serve);
        demo.stop();
        return code;
    }
    let setup = args.setup();
    screen.announce(STRATEGIES.len(), setup.requests, setup.per_second);
    let demo = Demo::start(setup)?;
    let code = show(&demo, &screen, serve);
    demo.stop();
    code
}

fn show(demo: &Demo, screen: &Screen, serve: bool) -> Result<ExitCode, Box<dyn std::error::Error>> {
    let reports = |strategy| if strategy == StrategyKind::Interleave { "clicks" } else { "labels" };
    let summary = demo.play(&mut |progress| screen.show(progress, reports(progress.strategy)))?;
    let code = print(&format!("\n{summary}"));
    if serve {
        print(&demo.invitation()?);
        Signals::taken()?.until_told_to_stop(demo.gateway());
    }
    Ok(code)
}

fn show_chat(demo: &ChatDemo, screen: &Screen, serve: bool) -> Result<ExitCode, Box<dyn std::error::Error>> {
    let reports = |strategy| if strategy == StrategyKind::Shadow { "right answers" } else { "thumbs" };
    let summary = demo.play(&mut |progress| screen.show(progress, reports(progress.strategy)))?;
    let code = print(&format!("\n{summary}"));
    if serve {
        print(&demo.invitation()?);
        Signals::taken()?.until_told_to_stop(demo.gateway());
    }
    Ok(code)
}

impl Args {
    fn setup(self) -> Setup {
        let Self { serve: _, records, requests, rate, swap, llm: _ } = self;
        let usual = Setup::default();
        let (legacy, candidate) =
            if swap { (usual.candidate, usual.legacy) } else { (usual.legacy, usual.candidate) };
        let requests = requests.map_or(usual.requests, |requests| requests as usize);
        let per_second = pace(rate, usual.per_second);
        Setup { legacy, candidate, requests, per_second, records, ..usual }
    }

    /// The same for the text models; their users ask in turns of three, so requests are rounded up.
    fn chat_setup(self) -> chat::Setup {
        let Self { serve: _, records, requests, rate, swap, llm: _ } = self;
        let usual = chat::Setup::default();
        let (legacy, candidate) =
            if swap { (usual.candidate, usual.legacy) } else { (usual.legacy, usual.candidate) };
        let conversations =
            requests.map_or(usual.conversations, |requests| (requests as usize).div_ceil(TURNS));
        let per_second = pace(rate, usual.per_second);
        chat::Setup { legacy, candidate, conversations, per_second, records, ..usual }
    }
}

fn pace(rate: Option<u32>, usual: Option<u32>) -> Option<u32> {
    match rate {
        None => usual,
        Some(0) => None,
        rate => rate,
    }
}

impl Screen {
    fn announce(&self, ways: usize, requests: usize, per_second: Option<u32>) {
        let seconds = per_second.map(|rate| ways * requests / rate as usize);
        let time = seconds.map_or(String::new(), |seconds| format!("; this takes about {} s", seconds + 1));
        eprintln!("Testing two models in {ways} ways, {} requests each{time}.", grouped(requests as u64));
    }

    /// One line a strategy: kept up to date on a terminal, written once elsewhere.
    fn show(&self, progress: Progress<'_>, reports: &str) {
        let Progress { strategy, requests, counts, done } = progress;
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
