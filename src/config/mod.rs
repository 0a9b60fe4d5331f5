//! The policy file: YAML in, domain types out, or every problem at once with its place.
//!
//! YAML types never leave this module. What it builds is whole and checked; nothing later asks whether a value
//! makes sense.
//!
//! Text becomes a tree (`yaml`), the tree becomes the types of the file (`reader`, `schema`, `field`, `scalar`), and
//! those become the domain's (`lower`). Each step reports into one list (`diagnostic`) and goes on.

mod diagnostic;
mod field;
mod file;
mod fixed;
mod lower;
mod reader;
mod scalar;
mod schema;
mod watch;
mod yaml;

pub use diagnostic::Diagnostic;
pub use diagnostic::Problems;
pub use fixed::Fixed;
pub use watch::watch;

use std::net::SocketAddr;
use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use sha2::Digest;
use sha2::Sha256;

use crate::config::diagnostic::Place;
use crate::config::diagnostic::Report;
use crate::delivery;
use crate::feedback;
use crate::judge;
use crate::policy::Policy;
use crate::proxy::Limits;
use crate::record;
use crate::rollout;
use crate::tls::Live;
use crate::tls::ServerFiles;
use crate::upstream;
use crate::vocab::Secret;

/// Everything a policy file says.
#[derive(Debug)]
pub struct Config {
    /// The file it came from.
    pub path: PathBuf,
    /// Where the gateway listens; read once, at start.
    pub listen: Listen,
    /// What clients may take; read once, at start.
    pub limits: Limits,
    /// The record; read once, at start.
    pub record: record::Settings,
    /// Where records are carried; read once, at start.
    pub deliveries: Vec<delivery::Settings>,
    /// Feedback; read once, at start.
    pub feedback: feedback::Settings,
    /// Who is told of changes, and the fleet; read once, at start.
    pub rollout: rollout::Settings,
    /// How each model is reached, in the order of the policy's models.
    pub upstreams: Vec<upstream::Settings>,
    /// Who judges answers.
    pub judges: Vec<judge::Settings>,
    /// Models and experiments.
    pub policy: Policy,
}

/// Where and how the gateway listens.
#[derive(Debug, Clone)]
pub struct Listen {
    /// The users' address: HTTP/1.1 and HTTP/2.
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
    /// The certificate of the users' address; `None`: it is plain HTTP.
    pub tls: Option<Arc<Live<ServerFiles>>>,
}

/// Reads and checks a policy file.
///
/// # Errors
/// Every problem that was found; one of them, at the first line, when the file cannot be read.
pub fn load(path: &Path) -> Result<Config, Problems> {
    let content = file::read(path, yaml::MAX_BYTES).map_err(|error| unreadable(path, &error))?;
    let text = String::from_utf8(content).map_err(|error| unreadable(path, &error.utf8_error()))?;
    parse(path, &text)
}

/// Checks a policy; `name` is what problems call the file. Secrets are read from where it says they are.
///
/// # Errors
/// Every problem that was found, in the order of the file.
pub fn parse(name: &Path, text: &str) -> Result<Config, Problems> {
    let report = Report::new(name);
    let root = yaml::parse(text, &report);
    let file = root.and_then(|root| reader::read(text, &root, &report));
    let config = file.and_then(|file| lower::lower(file, name, hash(text), &report));
    report.conclude(config)
}

/// The JSON Schema of the policy file.
pub fn json_schema() -> serde_json::Value {
    schema::json_schema()
}

/// The first 12 hexadecimal digits of the SHA-256 of a text.
fn hash(text: &str) -> String {
    Sha256::digest(text).iter().take(6).map(|byte| format!("{byte:02x}")).collect()
}

fn unreadable(path: &Path, error: &dyn std::error::Error) -> Problems {
    let report = Report::new(path);
    report.add(&Place::start(), format!("the file cannot be read: {error}"));
    report.into_problems()
}
