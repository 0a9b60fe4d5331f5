//! How experiments go on by themselves, in the policy file: schedules, webhooks, fleets.

use std::net::SocketAddr;
use std::time::Duration;

use schemars::JsonSchema;
use serde::Deserialize;

use crate::config::field::Entries;
use crate::config::field::Field;
use crate::config::field::Many;
use crate::config::scalar::Positive;
use crate::config::scalar::Scalar;
use crate::config::scalar::TimeOfDay;
use crate::config::schema::SecretSource;
use crate::config::schema::Tls;
use crate::policy::Weekday;
use crate::upstream::Endpoint;
use crate::vocab::Timestamp;

/// When an experiment runs.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Schedule {
    /// Before this moment legacy alone answers. Absent: it begins at once.
    #[serde(default)]
    pub(crate) start: Field<Scalar<Timestamp>>,
    /// From this moment on legacy alone answers, unless the candidate was promoted. Absent: it goes on.
    #[serde(default)]
    pub(crate) stop: Field<Scalar<Timestamp>>,
    /// When no step of a canary begins. A roll back never waits.
    #[serde(default)]
    pub(crate) quiet: Field<Vec<Field<Quiet>>>,
}

/// A stretch of each day, or of some days, in UTC. From `from` up to `to`, which is the next day's where it is no later.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("minProperties" = 1))]
pub(crate) struct Quiet {
    /// The days on which it begins. Default: every day.
    #[serde(default)]
    pub(crate) days: Field<Vec<Field<Scalar<Weekday>>>>,
    /// The time at which it begins, as "22:00". Absent: the whole day.
    #[serde(default)]
    pub(crate) from: Field<Scalar<TimeOfDay>>,
    /// The time at which it ends.
    #[serde(default)]
    pub(crate) to: Field<Scalar<TimeOfDay>>,
}

/// Who is told of every change of an experiment, by POST.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Webhook {
    /// Where it is told.
    pub(crate) url: Field<Scalar<Endpoint>>,
    /// The key that signs what is told, at least 16 bytes. Absent: it is not signed.
    #[serde(default)]
    pub(crate) secret: Field<SecretSource>,
    /// How long one try may take. Default: 5s.
    #[serde(default)]
    pub(crate) timeout: Field<Scalar<Positive>>,
    /// How it is reached over TLS. Absent: the system's certificate authorities decide.
    #[serde(default)]
    pub(crate) tls: Field<Tls>,
}

/// Many gateways under one policy, for which one controller decides.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct FleetOfGateways {
    /// The file in which gateways find what the controller decided; its directory must exist.
    pub(crate) decisions: Field<Scalar<String>>,
    /// What `crossfade controller` does. Gateways leave it alone.
    #[serde(default)]
    pub(crate) controller: Field<Controller>,
}

/// What `crossfade controller` does.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Controller {
    /// Its address: metrics, probes, API, orders. Default: 127.0.0.1:9091.
    #[serde(default)]
    pub(crate) listen: Field<Scalar<SocketAddr>>,
    /// Where the gateways are: one way to find them, or a list of ways.
    pub(crate) replicas: Field<Many<Replicas>>,
    /// Where its decisions go. Absent: into the file `decisions`.
    #[serde(default)]
    pub(crate) publish: Field<Publish>,
    /// How often it looks. Default: 1s.
    #[serde(default)]
    pub(crate) every: Field<Scalar<Positive>>,
    /// A gateway that was not heard of for so long keeps everybody from being promoted. Default: 15s.
    #[serde(default)]
    pub(crate) patience: Field<Scalar<Duration>>,
    /// How gateways' admin addresses are reached, where they are https, and Prometheus.
    #[serde(default)]
    pub(crate) tls: Field<Tls>,
}

/// A way to find gateways' admin addresses. Exactly one key.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("minProperties" = 1, "maxProperties" = 1))]
pub(crate) struct Replicas {
    /// This one.
    #[serde(default)]
    pub(crate) url: Field<Scalar<Endpoint>>,
    /// Every address of this name and port, as of a headless service: `crossfade-gateways:9090`.
    #[serde(default)]
    pub(crate) dns: Field<Scalar<String>>,
    /// Every instance that this Prometheus scrapes.
    #[serde(default)]
    pub(crate) prometheus: Field<Prometheus>,
}

/// A Prometheus that knows the gateways.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Prometheus {
    /// Its URL.
    pub(crate) url: Field<Scalar<Endpoint>>,
    /// The query whose series' label `instance` are the admin addresses. Default: every instance that tells its version.
    #[serde(default)]
    pub(crate) query: Field<Scalar<String>>,
}

/// Where decisions go. Exactly one key.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("minProperties" = 1, "maxProperties" = 1))]
pub(crate) struct Publish {
    /// This ConfigMap, which must exist: `name`, or `namespace/name`. Its key is the name of the file `decisions`.
    #[serde(default)]
    pub(crate) config_map: Field<Scalar<String>>,
}

/// Webhooks by name.
pub(crate) type Webhooks = Field<Entries<Webhook>>;
