//! The integration tests, in one binary: real sockets, real files, port 0.

#![allow(clippy::unwrap_used, reason = "clippy.toml frees test functions, but not what they call")]

mod analysis;
mod binary;
mod chaos;
mod config;
mod demo;
mod feedback;
mod ledger;
mod leaving;
mod life;
mod limits;
mod mixing;
mod passing;
mod readme;
mod record;
mod rig;
mod shadow;
mod strategies;
mod strict;
mod tidy;
mod uploads;
mod vectors;
