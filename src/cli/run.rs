//! `crossfade run`: the gateway under one policy file, until SIGTERM or SIGINT.

use std::io;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use tokio::runtime::Builder;
use tokio::signal::unix::SignalKind;
use tokio::signal::unix::signal;

use crate::app::Gateway;
use crate::app::Reload;
use crate::cli::serve;
use crate::config;

/// What `crossfade run` takes.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The policy file.
    #[arg(long, env = "CROSSFADE_CONFIG", value_name = "FILE")]
    config: PathBuf,
}

/// Runs the gateway; the exit code is 0 after an orderly stop, 64 for a bad policy file, 1 when it cannot start.
pub(super) fn main(args: Args) -> ExitCode {
    serve(&args.config, run)
}

fn run(config: config::Config) -> Result<(), Box<dyn std::error::Error>> {
    let gateway = Gateway::start(config)?;
    until_told_to_stop(&gateway)?;
    gateway.shut_down();
    Ok(())
}

/// Blocks until SIGTERM or SIGINT; reloads at every SIGHUP.
pub(super) fn until_told_to_stop(gateway: &Gateway) -> io::Result<()> {
    // A runtime of its own, for signals alone: the gateway's runtimes are its own business.
    let waiting = Builder::new_current_thread().enable_all().build()?;
    waiting.block_on(told_to_stop(gateway.reload()))
}

async fn told_to_stop(reload: &Arc<Reload>) -> io::Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut hang_up = signal(SignalKind::hangup())?;
    loop {
        tokio::select! {
            _ = terminate.recv() => return Ok(()),
            _ = interrupt.recv() => return Ok(()),
            _ = hang_up.recv() => {
                let reload = Arc::clone(reload);
                // Its result is logged and counted there.
                let _ = tokio::task::spawn_blocking(move || reload.now().is_ok()).await;
            }
        }
    }
}
