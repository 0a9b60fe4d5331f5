//! The demo's policy file: a text like any user's, with this run's addresses filled in.

use std::net::SocketAddr;
use std::path::Path;

use crate::vocab::StrategyKind;

const TEMPLATE: &str = include_str!("policy.yaml");

/// What differs between two runs' policies.
#[derive(Debug, Clone, Copy)]
pub struct Places<'a> {
    /// Where the gateway serves users; port 0: any free one.
    pub data: SocketAddr,
    /// Where the gateway serves operators; port 0: any free one.
    pub admin: SocketAddr,
    /// Where legacy listens.
    pub legacy: SocketAddr,
    /// Where the candidate listens.
    pub candidate: SocketAddr,
    /// Where the judge listens, if there is one.
    pub judge: Option<SocketAddr>,
    /// Where records go.
    pub records: &'a Path,
}

/// Writes the policy of a run.
pub fn text(places: &Places<'_>) -> String {
    filled(TEMPLATE, places)
}

/// A policy with the places of a run in it.
pub(super) fn filled(template: &str, places: &Places<'_>) -> String {
    let Places { data, admin, legacy, candidate, judge, records } = places;
    // As a JSON string, which YAML reads as it stands, whatever characters the path has.
    let records = serde_json::Value::from(records.display().to_string()).to_string();
    template
        .replace("DATA_ADDRESS", &data.to_string())
        .replace("ADMIN_ADDRESS", &admin.to_string())
        .replace("LEGACY_URL", &format!("http://{legacy}"))
        .replace("CANDIDATE_URL", &format!("http://{candidate}"))
        .replace("JUDGE_URL", &judge.map_or_else(String::new, |judge| format!("http://{judge}/v1")))
        .replace("RECORD_DIR", &records)
}

/// The name of the experiment that runs a strategy.
pub fn experiment(strategy: StrategyKind) -> &'static str {
    match strategy {
        StrategyKind::Shadow => "digits-shadow",
        StrategyKind::Canary => "digits-canary",
        StrategyKind::Ab => "digits-ab",
        StrategyKind::Interleave => "ranking-interleave",
    }
}
