//! The integration tests, in one binary: real sockets, real files, port 0.

#![allow(clippy::unwrap_used, reason = "clippy.toml frees test functions, but not what they call")]

mod against;
mod alike;
mod allocation;
mod analysis;
mod beside;
mod binary;
mod chaos;
mod comparing;
mod config;
mod damaged;
mod demo;
mod designs;
mod evidence;
mod export;
mod feedback;
mod fleet;
mod grpc;
mod leaving;
mod ledger;
mod life;
mod limits;
mod metrics;
mod mixing;
mod multiplexing;
mod passing;
mod readings;
mod readme;
mod record;
mod replay;
mod report;
mod rig;
mod rollout;
mod shadow;
mod simulate;
mod size;
mod stale;
mod strategies;
mod strict;
mod tidy;
mod tls;
mod uploads;
mod vectors;
mod whatif;
