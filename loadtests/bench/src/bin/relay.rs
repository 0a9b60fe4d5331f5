//! `relay`: carries bytes from one address to another, the least that a proxy can do.

use std::net::SocketAddr;
use std::process::ExitCode;

use clap::Parser;

/// Carries bytes both ways and understands none of them.
#[derive(Parser)]
struct Arguments {
    /// Where clients come.
    #[arg(long)]
    listen: SocketAddr,
    /// Where their bytes go.
    #[arg(long)]
    target: SocketAddr,
}

fn main() -> ExitCode {
    let Arguments { listen, target } = Arguments::parse();
    match bench::relay::run(listen, target) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("relay: {error}");
            ExitCode::FAILURE
        }
    }
}
