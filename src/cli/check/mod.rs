//! `crossfade check`: says whether a policy file is good, what is wrong with it, and what it changes for users.

mod text;

use std::path::Path;
use std::path::PathBuf;
use std::process::ExitCode;

use crate::assign::Share;
use crate::cli::BAD_POLICY;
use crate::cli::Format;
use crate::cli::print;
use crate::config;
use crate::config::Config;
use crate::forecast;
use crate::forecast::Against;
use crate::forecast::Side;
use crate::record::RedactAction;
use crate::record::Settings;

/// How many synthetic users each kind of requests gets: a share of 1 % is found to a thirtieth of it.
const USERS: u32 = 100_000;

/// The exit code for a file that is good and moves more users than `--max-moved` allows.
const TOO_MANY_MOVED: u8 = 3;

/// The arguments of `crossfade check`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The policy file.
    file: PathBuf,
    /// The policy file in force: tells what changes for users and models when the other takes its place.
    #[arg(long, value_name = "OLD")]
    against: Option<PathBuf>,
    /// Exits with 3 when more than this share of the users of any kind of requests changes model, as in `1%`.
    #[arg(long, value_name = "SHARE", requires = "against")]
    max_moved: Option<Share>,
    /// How the changes are printed.
    #[arg(long, value_enum, default_value_t, requires = "against")]
    format: Format,
}

/// The exit code is 64 when a file has problems, 3 when more users change model than are allowed to.
pub(super) fn main(args: Args) -> ExitCode {
    let Args { file, against, max_moved, format } = args;
    let Some(config) = loaded(&file) else { return ExitCode::from(BAD_POLICY) };
    advice(&config).iter().for_each(|advice| eprintln!("crossfade: {advice}"));
    let Some(former) = against else { return print(&summary(&config)) };
    let Some(former) = loaded(&former) else { return ExitCode::from(BAD_POLICY) };
    let changes = changes(&former, &config);
    let printed = print(&match format {
        Format::Text => format!("{}\n{}", summary(&config), text::told(&former.path, &changes)),
        Format::Json => format!("{:#}", serde_json::json!(changes)),
    });
    match max_moved.filter(|share| is_beyond(changes.moved, *share)) {
        Some(share) => {
            let moved = text::of_users(changes.moved, USERS);
            eprintln!("crossfade: {moved} change model, more than `--max-moved {share}` allows");
            ExitCode::from(TOO_MANY_MOVED)
        }
        None => printed,
    }
}

/// What is good, and could be better.
fn advice(config: &Config) -> Vec<String> {
    let Settings { redact, hash_key, .. } = &config.record;
    let hashes = redact.iter().any(|rule| rule.action == RedactAction::Hash);
    let mut advice = Vec::new();
    if hashes && hash_key.is_none() {
        let hint = "give them a key by `record.hash_key`, made with `openssl rand -hex 32`";
        let text = "who has the records can guess hashed values, such as addresses of mail, one by one";
        advice.push(format!("{}: {text}; hint: {hint}", config.path.display()));
    }
    advice
}

fn loaded(path: &Path) -> Option<Config> {
    config::load(path).map_err(|problems| eprintln!("{problems}")).ok()
}

fn changes(former: &Config, config: &Config) -> Against {
    let needs_restart = former.fixed().changed(&config.fixed());
    forecast::against(&side(former), &side(config), needs_restart, USERS)
}

fn side(config: &Config) -> Side<'_> {
    Side { policy: &config.policy, upstreams: &config.upstreams }
}

fn is_beyond(moved: u32, share: Share) -> bool {
    f64::from(moved) > share.probability() * f64::from(USERS)
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
