//! The shape of the policy file: serde types, one a mapping, whose comments become the JSON Schema.
//!
//! Nothing here decides anything: a value that has the right shape is lowered, and judged, elsewhere. A union is
//! a mapping with one key out of several, because an error in it then has a place of its own. Keys that only a
//! later version knows are named here, so that they are rejected as such, and are left out of the JSON Schema.

mod compare;
mod decision;
mod deliver;
mod experiment;
mod judge;
mod limits;
mod metric;
mod model;
mod rollout;
mod service;
mod strategy;

pub(super) use compare::Comparison;
pub(super) use decision::Decision;
pub(super) use decision::Guardrail;
pub(super) use decision::Primary;
pub(super) use deliver::ClickHouse;
pub(super) use deliver::Deliver;
pub(super) use deliver::Deliveries;
pub(super) use deliver::Kafka;
pub(super) use deliver::Nats;
pub(super) use deliver::Objects;
pub(super) use deliver::ParquetFiles;
pub(super) use experiment::Experiment;
pub(super) use experiment::Match;
pub(super) use experiment::Outcome;
pub(super) use experiment::UnitSource;
pub(super) use judge::Embeddings;
pub(super) use judge::HttpJudge;
pub(super) use judge::Human;
pub(super) use judge::Judge;
pub(super) use judge::JudgeBudget;
pub(super) use judge::Length;
pub(super) use judge::Llm;
pub(super) use judge::Rule;
pub(super) use limits::Limits;
pub(super) use metric::Metric;
pub(super) use metric::Source;
pub(super) use model::Breaker;
pub(super) use model::Cost;
pub(super) use model::Model;
pub(super) use model::Rewrite;
pub(super) use model::Timeouts;
pub(super) use model::Tls;
pub(super) use rollout::Controller;
pub(super) use rollout::FleetOfGateways;
pub(super) use rollout::Prometheus;
pub(super) use rollout::Publish;
pub(super) use rollout::Quiet;
pub(super) use rollout::Replicas;
pub(super) use rollout::Schedule;
pub(super) use rollout::Webhook;
pub(super) use rollout::Webhooks;
pub(super) use service::Feedback;
pub(super) use service::Listen;
pub(super) use service::ListenTls;
pub(super) use service::Record;
pub(super) use service::Redact;
pub(super) use service::SecretSource;
pub(super) use service::Strict;
pub(super) use service::Tickets;
pub(super) use strategy::Ab;
pub(super) use strategy::Allocation;
pub(super) use strategy::Budget;
pub(super) use strategy::Canary;
pub(super) use strategy::Interleave;
pub(super) use strategy::Shadow;
pub(super) use strategy::Step;
pub(super) use strategy::Strategy;
pub(super) use strategy::Thompson;

use schemars::JsonSchema;
use schemars::SchemaGenerator;
use serde::Deserialize;

use crate::config::field::Entries;
use crate::config::field::Field;
use crate::config::scalar::Scalar;
use crate::vocab::ModelName;

/// A Crossfade policy: where the gateway listens, which models it knows, and how they are tested.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "Crossfade policy")]
pub(super) struct File {
    /// Where the gateway listens. Read once, at start.
    #[serde(default)]
    pub(super) listen: Field<Listen>,
    /// What clients may take before they are cut off, and what the gateway may hold. Read once, at start.
    #[serde(default)]
    pub(super) limits: Field<Limits>,
    /// What is recorded, where, and what never is. Read once, at start.
    #[serde(default)]
    pub(super) record: Field<Record>,
    /// How outcomes are taken in. Read once, at start.
    #[serde(default)]
    pub(super) feedback: Field<Feedback>,
    /// Who is told of every change of an experiment, by name. Read once, at start.
    #[serde(default)]
    pub(super) webhooks: Webhooks,
    /// Makes this gateway one of many for which `crossfade controller` decides. Read once, at start. Absent: each
    /// gateway decides for itself.
    #[serde(default)]
    pub(super) fleet: Field<FleetOfGateways>,
    /// The models by name.
    pub(super) models: Field<Entries<Model>>,
    /// The experiments; the first that matches a request takes it.
    #[serde(default)]
    pub(super) experiments: Field<Vec<Field<Experiment>>>,
    /// The model for requests that no experiment matches. Absent: they are answered 404.
    #[serde(default)]
    pub(super) default: Field<Scalar<ModelName>>,
}

/// The JSON Schema of the policy file.
pub(super) fn json_schema() -> serde_json::Value {
    SchemaGenerator::default().into_root_schema_for::<File>().to_value()
}
