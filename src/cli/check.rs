//! `crossfade check`: says whether a policy file is good, and what is wrong with it.

use std::path::PathBuf;
use std::process::ExitCode;

use crate::cli::BAD_POLICY;
use crate::cli::print;
use crate::config;
use crate::config::Config;

/// The arguments of `crossfade check`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The policy file.
    file: PathBuf,
}

pub(super) fn main(args: Args) -> ExitCode {
    match config::load(&args.file) {
        Ok(config) => print(&summary(&config)),
        Err(problems) => {
            eprintln!("{problems}");
            ExitCode::from(BAD_POLICY)
        }
    }
}

/// One line: what the file holds.
fn summary(config: &Config) -> String {
    let Config { path, policy, .. } = config;
    let models = counted(policy.models.len(), "model");
    let experiments = counted(policy.experiments.len(), "experiment");
    let named: Vec<String> = policy
        .experiments
        .iter()
        .map(|experiment| format!("{} ({})", experiment.name, experiment.strategy.kind().as_str()))
        .collect();
    let list = if named.is_empty() { String::new() } else { format!(": {}", named.join(", ")) };
    format!("{}: {models}, {experiments}{list}", path.display())
}

fn counted(count: usize, noun: &str) -> String {
    format!("{count} {noun}{}", if count == 1 { "" } else { "s" })
}
