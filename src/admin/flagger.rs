//! Gates for Flagger's webhooks: whether a rollout goes on, is promoted or is rolled back, by an experiment's verdict.
//!
//! Flagger posts `{name, namespace, phase, metadata}` and takes 2xx for yes and anything else for no. Which experiment is
//! asked stands in the webhook's own `metadata`.

use http::StatusCode;
use serde::Deserialize;
use serde_json::Value;
use serde_json::json;

/// What a webhook decides.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Gate {
    /// Whether the canary may begin, go on, or get more traffic: nothing speaks against it.
    GoOn,
    /// Whether it takes the primary's place.
    Promote,
    /// Whether it is taken out.
    Rollback,
}

/// A webhook's call, as far as it is asked about here. Flagger sends more.
#[derive(Debug, Deserialize)]
pub(super) struct Call {
    #[serde(default)]
    metadata: Metadata,
}

#[derive(Debug, Default, Deserialize)]
struct Metadata {
    experiment: Option<String>,
    candidate: Option<String>,
}

impl Call {
    /// Reads a call; the error says what is missing.
    pub(super) fn read(body: &[u8]) -> Result<Self, String> {
        serde_json::from_slice(body).map_err(|error| format!("the body is no webhook of Flagger's: {error}"))
    }

    /// The experiment that is asked about.
    pub(super) fn experiment(&self) -> Result<&str, String> {
        let hint = "name it in the webhook: `metadata: {experiment: NAME}`";
        self.metadata.experiment.as_deref().ok_or_else(|| format!("no experiment is named; hint: {hint}"))
    }

    /// The candidate that is asked about; `None`: the first.
    pub(super) fn candidate(&self) -> Option<&str> {
        self.metadata.candidate.as_deref()
    }
}

impl Gate {
    /// Says yes or no to a verdict.
    pub(super) fn answer(self, verdict: &Value) -> (StatusCode, Value) {
        let state = verdict["state"].as_str().unwrap_or_default();
        let open = match self {
            Gate::GoOn => !matches!(state, "rollback" | "hold" | "invalid"),
            Gate::Promote => state == "promote",
            Gate::Rollback => state == "rollback",
        };
        let status = if open { StatusCode::OK } else { StatusCode::CONFLICT };
        let said = json!({
            "open": open,
            "experiment": verdict["experiment"],
            "candidate": verdict["candidate"],
            "state": state,
            "sentence": verdict["sentence"],
        });
        (status, said)
    }
}
