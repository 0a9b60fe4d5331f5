//! `crossfade run`: the gateway under one policy file, until SIGTERM or SIGINT.

use std::io;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use tokio::runtime::Builder;
use tokio::runtime::Runtime;
use tokio::signal::unix::Signal;
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
    // Before anybody can see that it runs: who stops it then stops it in order.
    let signals = Signals::taken()?;
    let gateway = Gateway::start(config)?;
    signals.until_told_to_stop(&gateway);
    gateway.shut_down();
    Ok(())
}

/// What the process is told by signals.
pub(super) struct Signals {
    // A runtime of its own, for signals alone: the gateway's runtimes are its own business.
    waiting: Runtime,
    terminate: Signal,
    interrupt: Signal,
    hang_up: Signal,
}

impl Signals {
    /// Takes the signals from here on, instead of ending by them.
    pub(super) fn taken() -> io::Result<Self> {
        let waiting = Builder::new_current_thread().enable_all().build()?;
        let entered = waiting.enter();
        let (terminate, interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
        let hang_up = signal(SignalKind::hangup())?;
        drop(entered);
        Ok(Self { waiting, terminate, interrupt, hang_up })
    }

    /// Blocks until SIGTERM or SIGINT; reloads at every SIGHUP.
    pub(super) fn until_told_to_stop(self, gateway: &Gateway) {
        let Self { waiting, terminate, interrupt, hang_up } = self;
        waiting.block_on(told_to_stop(gateway.reload(), terminate, interrupt, hang_up));
    }
}

async fn told_to_stop(
    reload: &Arc<Reload>,
    mut terminate: Signal,
    mut interrupt: Signal,
    mut hang_up: Signal,
) {
    loop {
        tokio::select! {
            _ = terminate.recv() => return,
            _ = interrupt.recv() => return,
            _ = hang_up.recv() => {
                let reload = Arc::clone(reload);
                // Its result is logged and counted there.
                let _ = tokio::task::spawn_blocking(move || reload.now().is_ok()).await;
            }
        }
    }
}
