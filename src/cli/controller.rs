//! `crossfade controller`: decides for a fleet of gateways, until SIGTERM or SIGINT.

use std::path::PathBuf;
use std::process::ExitCode;

use tokio::runtime::Builder;
use tokio::signal::unix::SignalKind;
use tokio::signal::unix::signal;

use crate::cli::serve;
use crate::config;
use crate::controller::Controller;

/// What `crossfade controller` takes.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The policy file, the same as the gateways'; its `fleet.controller` says what to do.
    #[arg(long, env = "CROSSFADE_CONFIG", value_name = "FILE")]
    config: PathBuf,
}

/// Runs the controller; the exit code is 0 after an orderly stop, 64 for a bad policy file, 1 when it cannot start.
pub(super) fn main(args: Args) -> ExitCode {
    serve(&args.config, run)
}

fn run(config: config::Config) -> Result<(), Box<dyn std::error::Error>> {
    let runtime = Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    runtime.block_on(async {
        // Before anybody can see that it runs: who stops it then stops it in order.
        let (mut terminate, mut interrupt) =
            (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
        let controller = Controller::start(config).await?;
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        controller.shut_down().await;
        Ok(())
    })
}
