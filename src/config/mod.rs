//! The policy file: YAML in, domain types out, or every problem at once with its place.
//!
//! YAML types never leave this module. What it builds is whole and checked; nothing later asks whether a value
//! makes sense.

mod watch;

pub use watch::watch;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use crate::feedback;
use crate::policy::Policy;
use crate::record;
use crate::upstream;
use crate::vocab::Secret;

/// Everything a policy file says.
#[derive(Debug)]
pub struct Config {
    /// The file it came from.
    pub path: PathBuf,
    /// Where the gateway listens; read once, at start.
    pub listen: Listen,
    /// The record; read once, at start.
    pub record: record::Settings,
    /// Feedback; read once, at start.
    pub feedback: feedback::Settings,
    /// How each model is reached, in the order of the policy's models.
    pub upstreams: Vec<upstream::Settings>,
    /// Models and experiments.
    pub policy: Policy,
}

/// Where and how the gateway listens.
#[derive(Debug, Clone)]
pub struct Listen {
    /// The users' address: HTTP/1.1 and h2c.
    pub data: SocketAddr,
    /// The operators' address: metrics, probes, API, feedback.
    pub admin: SocketAddr,
    /// The bearer token of the admin address; needed unless that address is loopback.
    pub token: Option<Secret>,
    /// How long what is in flight may still take after SIGTERM.
    pub drain: Duration,
    /// Threads of the data plane; `None`: the CPU limit.
    pub workers: Option<usize>,
    /// Connections from users at one moment.
    pub max_connections: u32,
}
