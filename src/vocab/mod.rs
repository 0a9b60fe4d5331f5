//! The words of Crossfade as types: names, ids, roles, fates.
//!
//! Every other module speaks in these. Each type is built once, from checked input, and cannot be wrong
//! afterwards. Nothing here does anything: no I/O, no clock, no decision.
//!
//! The words: a **model** is a named upstream; an **experiment** tests candidates against a **legacy** model on
//! the requests it matches; an **arm** is a model's part in an experiment; a **unit** is what is randomised; a
//! **leg** is one call to one arm for one request, and its **role** says what the call is for; an
//! **observation** is a leg as seen; an **outcome** is what happened later.

mod ids;
mod names;
mod secret;
mod spelled;
mod steering;

#[cfg(test)]
mod tests;

pub use ids::ArmId;
pub use ids::ModelId;
pub use ids::RequestId;
pub use ids::Timestamp;
pub use names::DeliveryName;
pub use names::ExperimentName;
pub use names::JudgeName;
pub use names::MetricName;
pub use names::ModelName;
pub use names::NameError;
pub use names::OutcomeName;
pub use names::WebhookName;
pub use secret::Secret;
pub use steering::steers;

use std::fmt;

use serde::Deserialize;
use serde::Serialize;

/// The way an experiment treats its requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StrategyKind {
    /// Legacy answers; candidates get copies that no user sees.
    Shadow,
    /// A share of units, growing step by step, is answered by the candidate.
    Canary,
    /// A fixed random split of a share of the traffic.
    Ab,
    /// Both models' ranked lists are mixed into one answer.
    Interleave,
}

/// What one call to a model is for. A metric label, so the set is closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// The call whose answer the user gets.
    Answer,
    /// A copy to a candidate in a shadow experiment.
    Shadow,
    /// The same request again to legacy, to measure how much legacy differs from itself (A/A').
    Control,
    /// A copy to the arm that did not answer, so that canary and A/B log pairs too.
    Pair,
    /// The one call to legacy after the assigned arm failed before its first byte.
    Fallback,
    /// A call whose list is mixed with others into the answer.
    Interleaved,
}

impl Role {
    /// Every role, in the order of declaration.
    pub const ALL: [Role; 6] =
        [Role::Answer, Role::Shadow, Role::Control, Role::Pair, Role::Fallback, Role::Interleaved];

    /// The label that metrics and records use.
    pub fn as_str(self) -> &'static str {
        match self {
            Role::Answer => "answer",
            Role::Shadow => "shadow",
            Role::Control => "control",
            Role::Pair => "pair",
            Role::Fallback => "fallback",
            Role::Interleaved => "interleaved",
        }
    }

    /// Says whether this leg is a copy: its answer reaches no user.
    pub fn is_copy(self) -> bool {
        matches!(self, Role::Shadow | Role::Control | Role::Pair)
    }
}

impl StrategyKind {
    /// The word that policy, metrics and records use.
    pub fn as_str(self) -> &'static str {
        match self {
            StrategyKind::Shadow => "shadow",
            StrategyKind::Canary => "canary",
            StrategyKind::Ab => "ab",
            StrategyKind::Interleave => "interleave",
        }
    }
}

/// How a leg ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fate {
    /// The whole answer was read, whatever its status.
    Complete,
    /// No connection could be made, in time or at all.
    ConnectError,
    /// A deadline passed: first byte, idle or total.
    Timeout,
    /// The model closed or reset the connection before its answer's head was complete, or sent no valid HTTP.
    Reset,
    /// The answer broke off in the middle of its body.
    Truncated,
    /// The gateway refused the call: the model's `max_in_flight` was reached.
    Overloaded,
    /// The gateway left the model alone, whose calls failed of late: its breaker is open.
    BreakerOpen,
    /// The client left, or the gateway was shut down; nobody's fault.
    Cancelled,
}

impl Fate {
    /// Says whether this end alone makes the leg an error; 5xx and 429 do too, by status.
    pub fn is_error(self) -> bool {
        !matches!(self, Fate::Complete | Fate::Cancelled)
    }

    /// Says whether the call never came to the model, so that it cost nothing and tells nothing of its speed.
    pub fn is_unsent(self) -> bool {
        matches!(self, Fate::ConnectError | Fate::Overloaded | Fate::BreakerOpen)
    }

    /// The word that metrics, logs and records use.
    pub fn as_str(self) -> &'static str {
        match self {
            Fate::Complete => "complete",
            Fate::ConnectError => "connect_error",
            Fate::Timeout => "timeout",
            Fate::Reset => "reset",
            Fate::Truncated => "truncated",
            Fate::Overloaded => "overloaded",
            Fate::BreakerOpen => "breaker_open",
            Fate::Cancelled => "cancelled",
        }
    }
}

impl fmt::Display for Fate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A body that breaks off gives its fate as its error.
impl std::error::Error for Fate {}

/// Says whether a leg counts as an error: its end does, or its status is 5xx or 429.
pub fn is_error(status: Option<u16>, fate: Fate) -> bool {
    fate.is_error() || status.is_some_and(|code| code >= 500 || code == 429)
}

/// Why a copy that the plan asked for was not sent. A metric label, so the set is closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DropReason {
    /// The experiment's bound on copies in flight was reached.
    InFlight,
    /// The experiment's bound on bytes held for copies was reached.
    Bytes,
    /// The experiment's bound on copies a second was reached.
    Rate,
    /// The candidate model's own `max_in_flight` was reached.
    ModelBusy,
    /// The request's body is above the cap.
    BodyTooLarge,
    /// The request's body never arrived whole.
    BodyIncomplete,
    /// The gateway is draining.
    Draining,
    /// The day's budget of money is spent.
    Budget,
    /// The model is left alone because calls to it failed of late.
    BreakerOpen,
    /// The request asks for another protocol: what follows it cannot be copied.
    Upgrade,
    /// The process holds nearly as much memory as it may.
    Memory,
}

impl DropReason {
    /// Every reason, in the order of declaration.
    pub const ALL: [DropReason; 11] = [
        DropReason::InFlight,
        DropReason::Bytes,
        DropReason::Rate,
        DropReason::ModelBusy,
        DropReason::BodyTooLarge,
        DropReason::BodyIncomplete,
        DropReason::Draining,
        DropReason::Budget,
        DropReason::BreakerOpen,
        DropReason::Upgrade,
        DropReason::Memory,
    ];

    /// The label that metrics and records use.
    pub fn as_str(self) -> &'static str {
        match self {
            DropReason::InFlight => "in_flight",
            DropReason::Bytes => "bytes",
            DropReason::Rate => "rate",
            DropReason::ModelBusy => "model_busy",
            DropReason::BodyTooLarge => "body_too_large",
            DropReason::BodyIncomplete => "body_incomplete",
            DropReason::Draining => "draining",
            DropReason::Budget => "budget",
            DropReason::BreakerOpen => "breaker_open",
            DropReason::Upgrade => "upgrade",
            DropReason::Memory => "memory",
        }
    }
}
